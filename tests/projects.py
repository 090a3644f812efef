"""What tests of whole projects share: running one, copying one, and comparing what lies in them."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import av

from lib_vidpaint import cli, session
from lib_vidpaint.model import Box
from lib_vidpaint.planes import Planes

ROOT = Path(__file__).parents[1]
FEW = {"inpaint.batch_count": 1, "inpaint.batch_size": 2, "keyframes.how": "seed", "keyframes.longest": 10}
# These say when or where something happened, so that they differ from run to run.
TIMED = {"made.jsonl", "run.log", ".lock"} | {
    f"package/{name}" for name in ("run.log", "hashes.txt", "path.txt", "report.json", "report.html")
}
HOLE = Box(30, 20, 24, 20)


def edit(folder: Path, footage: Mapping[str, Path], values: Mapping[str, Any] | None = None, **options: Any) -> None:
    """Run the project in `folder` on the footage, few candidates, as a removal."""
    given = {"source.path": str(footage["source"]), "mask.path": str(footage["mask"])}
    session.run(folder, {**given, **FEW, **(values or {})}, **{"preset": "remove", **options})


def copied(project: Path, to: Path) -> Path:
    """A copy of a project folder, file times included."""
    shutil.copytree(project, to)
    return to


def command(*arguments: object, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run `vidpaint` with these arguments in a process of its own."""
    line = [sys.executable, "-m", "lib_vidpaint", *map(str, arguments)]
    return subprocess.run(line, cwd=ROOT, capture_output=True, text=True, timeout=120, **options)


def vidpaint(*arguments: object) -> int:
    """Run a command in this process; its exit code."""
    return cli.main([str(argument) for argument in arguments])


def everything(folder: Path) -> dict[str, object]:
    """Every file and folder there is, with its time."""
    return {str(path): path.stat().st_mtime_ns if path.is_file() else "" for path in folder.rglob("*")}


def files(folder: Path) -> dict[str, Path]:
    """Every file below a folder by its name in it."""
    found = (Path(parent) / name for parent, _, names in os.walk(folder) for name in names)
    return {path.relative_to(folder).as_posix(): path for path in found}


def stamps(folder: Path) -> dict[str, tuple[int, int]]:
    """Inode and time of every file: what changes when a file is made again."""
    return {name: (path.stat().st_ino, path.stat().st_mtime_ns) for name, path in files(folder).items()}


def hashes(folder: Path) -> dict[str, str]:
    """The content of every file that is the same for the same work."""
    return {
        name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in files(folder).items() if name not in TIMED
    }


def remade(before: Mapping[str, tuple[int, int]], folder: Path) -> set[str]:
    """The files that are new or were made again since `before`, without records and logs."""
    return {name for name, stamp in stamps(folder).items() if before.get(name) != stamp and name not in TIMED}


def records(folder: Path) -> list[dict[str, Any]]:
    """The lines of made.jsonl that are about files."""
    lines = map(json.loads, (folder / "made.jsonl").read_text(encoding="utf-8").splitlines())
    return [line for line in lines if "file" in line]


def decoded(path: Path) -> tuple[list[tuple[int | None, str]], list[bytes]]:
    """(timestamp, digest of the samples) of every frame, and every audio packet."""
    with av.open(str(path)) as file:
        frames = [
            (frame.pts, hashlib.sha256(frame.to_ndarray().tobytes()).hexdigest()) for frame in file.decode(video=0)
        ]
    with av.open(str(path)) as file:
        sound = [bytes(packet) for packet in file.demux(*file.streams.audio)] if file.streams.audio else []
    return frames, sound


def same(one: Planes, other: Planes) -> bool:
    """Whether two pictures have the same format and samples."""
    return one.format == other.format and all((a == b).all() for a, b in zip(one.arrays, other.arrays))
