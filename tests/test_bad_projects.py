"""Projects that were damaged, changed by hand in a wrong way, or whose files went away: a sentence, and nothing touched."""

from __future__ import annotations

import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from conftest import FRAMES, SIZE
from media import Recipe, make
from projects import edit, everything, stamps, vidpaint

from lib_vidpaint.project import Project

Footage = dict[str, Path]
Capture = pytest.CaptureFixture[str]
BOX = "box:20,20,30,30"


DAMAGED = {
    "newer": ("project.toml", b"version = 7\n", "update Video Inpaint to open it"),
    "project.toml": ("project.toml", b"[mask\n", "project.toml is damaged"),
    "not text": ("project.toml", b"\xff\xfe\x00", "project.toml is damaged"),
    "path in project.toml": ("project.toml", b'[source]\npath = "/etc/passwd"\n', "belongs to one machine"),
    "unknown in project.toml": ("project.toml", b"[mask]\ngrowth = 3\n", "project.toml: There is no setting"),
    "made.jsonl": ("made.jsonl", b"nonsense\n", "made.jsonl line 1 is damaged"),
    "newer made.jsonl": ("made.jsonl", b'{"version": 9}\n', "update Video Inpaint"),
    "dots in made.jsonl": (
        "made.jsonl",
        b'{"file": "../x", "stage": "mask", "recipe": ""}\n',
        "projects you do not trust",
    ),
    "selection.json": ("selection.json", b"[{", "selection.json is damaged"),
    "selection of nothing": ("selection.json", b'[{"key": 0, "candidate": 77}]', "keyframe 0 has no candidate 77"),
    "negative selection": ("selection.json", b'[{"key": 0, "redo": -1}]', "count from 0"),
    "own picture": ("selection.json", b'[{"key": 0, "candidate": -1}]', "own/000000/01.png"),
    "alpha": ("alpha/000003.png", b"", "alpha/000003.png is not a readable picture"),
    "frame table": ("frames.csv", b"frame,colour\n1,2\n", "frames.csv is damaged"),
}


@pytest.mark.parametrize(("file", "content", "words"), DAMAGED.values(), ids=DAMAGED)
def test_a_damaged_project(
    file: str, content: bytes, words: str, finished: Path, footage: Footage, tmp_path: Path, capsys: Capture
) -> None:
    copy = shutil.copytree(finished, tmp_path / "p")
    (copy / file).write_bytes(content)
    before = set(everything(copy))
    assert vidpaint("run", footage["source"], "-o", copy, "--mask", footage["mask"]) == 2
    said = capsys.readouterr().err
    assert words in said
    assert "Traceback" not in said
    assert (copy / file).read_bytes() == content, "it is left for its owner to mend"
    assert set(everything(copy)) == before


HAND_MADE = ["alpha/000004.png", "keyframes/frame/000000.png", "keyframes/white/000000.png", "candidates/000000/01.png"]


@pytest.mark.parametrize("file", HAND_MADE)
@pytest.mark.parametrize("content", ["another size", "nothing"])
def test_a_hand_made_picture_that_does_not_fit(
    content: str, file: str, finished: Path, footage: Footage, tmp_path: Path, capsys: Capture
) -> None:
    copy = shutil.copytree(finished, tmp_path / "p")
    if content == "nothing":
        (copy / file).write_bytes(b"")
    else:
        cv2.imwrite(str(copy / file), np.full((640, 960), 255, np.uint8))
    assert vidpaint("run", footage["source"], "-o", copy, "--mask", footage["mask"]) == 2
    said = capsys.readouterr().err
    assert file in said
    assert ("is not a readable picture" if content == "nothing" else "is 960x640, it must be") in said


def test_a_source_that_changed_shows_both_hashes(footage: Footage, tmp_path: Path, capsys: Capture) -> None:
    source = tmp_path / "clip.mp4"
    shutil.copy(footage["source"], source)
    assert vidpaint("run", source, "-o", tmp_path / "p", "--mask", BOX, "--until", "mask") == 0
    known = Project(tmp_path / "p", writable=False).ledger.inputs["source"].content
    make(Recipe(size=SIZE, frames=FRAMES, audio=("mp3",), file="clip.mp4"), tmp_path)
    before = stamps(tmp_path / "p")
    capsys.readouterr()
    assert vidpaint("run", "-o", tmp_path / "p") == 2
    said = capsys.readouterr().err
    assert "has changed since" in said
    assert known in said
    assert {name for name, stamp in stamps(tmp_path / "p").items() if before.get(name) != stamp} <= {
        ".lock",
        "run.log",
        "made.jsonl",
    }


def test_naming_a_wrong_source_once_is_forgotten(footage: Footage, tmp_path: Path) -> None:
    other = make(Recipe(size=SIZE, frames=5), tmp_path)
    line = ["-o", tmp_path / "p", "--until", "mask"]
    assert vidpaint("run", footage["source"], *line, "--mask", BOX) == 0
    assert vidpaint("run", other, *line) == 2
    assert vidpaint("run", *line) == 0


@pytest.mark.parametrize("gone", ["source", "mask"])
def test_a_file_that_is_gone(gone: str, footage: Footage, tmp_path: Path, capsys: Capture) -> None:
    given = {name: Path(shutil.copy(footage[name], tmp_path)) for name in ("source", "mask")}
    edit(tmp_path / "p", given, until="mask")
    given[gone].unlink()
    assert vidpaint("run", "-o", tmp_path / "p") == 2
    assert f"{given[gone]} is not there any more" in capsys.readouterr().err
