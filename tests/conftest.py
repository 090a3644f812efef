"""Fixtures that many tests use. Everything is made once a session and then copied or only read."""

from __future__ import annotations

import os
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
from media import Recipe, make
from projects import edit

from lib_vidpaint.encode import Writer, gray_encoding, gray_info, gray_planes
from lib_vidpaint.model import Mask

SIZE, FRAMES = (96, 64), 14


@pytest.fixture(autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for what the program remembers of its user, so that tests see nothing of ours and leave nothing."""
    folder = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("VIDPAINT_HOME", str(folder))
    return folder


@pytest.fixture(scope="session")
def footage(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A clip of 14 frames with sound (`source`), a moving disc as its mask (`mask`), and one still mask (`still`)."""
    folder = tmp_path_factory.mktemp("footage")
    source = make(Recipe(size=SIZE, frames=FRAMES, audio=("aac",)), folder)
    mask, still = folder / "mask.mp4", folder / "still.png"
    info = gray_info(*SIZE, Fraction(25))
    with Writer(mask, info, gray_encoding()) as writer:
        for index in range(FRAMES):
            writer.write(gray_planes(disc(index)), index)
    cv2.imwrite(str(still), disc(0))
    return {"source": source, "mask": mask, "still": still}


def disc(index: int) -> Mask:
    """The mask of one frame: a soft disc that moves to the right."""
    mask = np.zeros(SIZE[::-1], np.uint8)
    cv2.circle(mask, (36 + index, 30), 11, 255, -1, cv2.LINE_AA)
    return mask


@pytest.fixture(scope="session")
def finished(footage: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project that was run to its end. Only read it: tests that change it work on a copy."""
    before = os.environ.get("VIDPAINT_HOME")
    os.environ["VIDPAINT_HOME"] = str(tmp_path_factory.mktemp("session-home"))
    folder = tmp_path_factory.mktemp("finished") / "project"
    edit(folder, footage)
    if before is None:
        del os.environ["VIDPAINT_HOME"]
    else:
        os.environ["VIDPAINT_HOME"] = before
    return folder
