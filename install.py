"""Adds what Video Inpaint needs to the WebUI's Python and changes nothing that is installed there.

The WebUI runs this file at every start. When nothing is missing it is done at once; what cannot be added without changing
another package is left out with a sentence, and the feature it gives stays off. What only some ways to find masks need is
tried once a day, so that a machine that cannot have it starts no later for that.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from importlib import metadata
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from lib_vidpaint.requirements import ADDED, OPTIONAL, Requirement, missing

REPORTS_SINCE = (22, 2)  # pip's `--dry-run --report`
REFUSED, DAY = (
    Path(__file__).resolve().with_name(".refused"),
    24 * 3600,
)  # touched when something optional could not be had
OPENCV = {f"opencv-{kind}python{head}" for kind in ("", "contrib-") for head in ("", "-headless")}


def installed() -> dict[str, str]:
    """Every distribution's version by its normalised name."""
    found = ((one.metadata["Name"], one.version) for one in metadata.distributions())
    return {normal(name): version for name, version in found if name and version}


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def pip(*arguments: str) -> subprocess.CompletedProcess[str]:
    index = ["--index-url", os.environ["INDEX_URL"]] if os.environ.get("INDEX_URL") else []
    command = [sys.executable, "-m", "pip", "install", "--disable-pip-version-check", "--quiet", *index, *arguments]
    return subprocess.run(command, capture_output=True, text=True)


def planned(spec: str, constraints: Path) -> dict[str, str]:
    """The versions by name that pip would install for this. Raises ValueError with its reason when it finds none."""
    report = constraints.with_name("report.json")
    done = pip("--dry-run", "--report", str(report), "--prefer-binary", "-c", str(constraints), spec)
    if done.returncode:
        raise ValueError(f"pip finds no version that fits what is installed ({last_line(done.stderr)})")
    found = [one["metadata"] for one in json.loads(report.read_text(encoding="utf-8"))["install"]]
    return {normal(one["name"]): one["version"] for one in found}


def checked(spec: str, constraints: Path, before: dict[str, str]) -> list[str]:
    """What to install for this, each thing by its version. Raises ValueError when that would change what is there.

    A host with one kind of OpenCV gets no second one: all of them lie in the same folder.
    """
    wanted = planned(spec, constraints)
    if changed := [f"{name} would become {new}" for name, new in wanted.items() if before.get(name, new) != new]:
        raise ValueError("; ".join(changed))
    left_out = OPENCV if OPENCV & before.keys() else set()
    return [f"{name}=={version}" for name, version in wanted.items() if name not in left_out]


def add(wanted: Requirement, constraints: Path, before: dict[str, str]) -> bool:
    """Install one requirement if that changes nothing, and say what came of it; whether it is there now."""
    alone = wanted.alone or tuple(map(int, metadata.version("pip").split(".")[:2])) < REPORTS_SINCE
    try:
        specs = [wanted.spec] if alone else checked(wanted.spec, constraints, before)
        done = pip("--prefer-binary", "--no-deps", "-c", str(constraints), *specs)
        if done.returncode:
            raise ValueError(last_line(done.stderr))
        print(f"Video Inpaint: installed {wanted.spec} for {wanted.gives}")
    except ValueError as reason:
        print(f"Video Inpaint: {wanted.spec} was not installed, so {wanted.gives} is off: {reason}")
        return False
    return True


def put_back(before: dict[str, str]) -> None:
    """Give every package the version it had, should an installation have changed one all the same."""
    after = installed()
    for name, version in before.items():
        if after.get(name) != version:
            done = pip("--no-deps", f"{name}=={version}")
            outcome = f"could not be put back ({last_line(done.stderr)})" if done.returncode else "was put back"
            print(f"Video Inpaint: {name} had become {after.get(name)}; {version} {outcome}")


def last_line(text: str) -> str:
    lines = [line for line in text.strip().splitlines() if line.startswith("ERROR")] or text.strip().splitlines()
    return lines[-1] if lines else "pip gave no reason"


def lately_refused() -> bool:
    """Whether something optional could not be had within the last day."""
    try:
        return time.time() - REFUSED.stat().st_mtime < DAY
    except OSError:
        return False


def install() -> None:
    """Install what is missing; of what a feature needs nothing more once a part of it cannot be had."""
    wanted = missing(ADDED if lately_refused() else ADDED + OPTIONAL)
    if not wanted:
        return
    before = installed()
    with tempfile.TemporaryDirectory() as folder:
        constraints = Path(folder) / "constraints.txt"
        pinned = (f"{name}=={version}" for name, version in before.items() if re.fullmatch(r"[\w.!+]+", version))
        constraints.write_text("\n".join(sorted(pinned)), encoding="utf-8")
        off: set[str] = set()
        for one in wanted:
            if one.gives not in off and not add(one, constraints, before):
                off.add(one.gives)
    put_back(before)
    if any(one.gives in off for one in OPTIONAL):
        with suppress(OSError):
            REFUSED.touch()


if __name__ == "__main__":
    try:
        install()
    except Exception as error:  # whatever it is, the WebUI must start
        print(f"Video Inpaint: its packages could not be looked after: {error}")
