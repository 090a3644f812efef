"""The render: what is made again when a knob changes, in how many passes, and whether the disk has room for it."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import FRAMES
from fakes import Steps
from media import Recipe, make
from projects import copied, edit, remade, stamps

from lib_vidpaint import session
from lib_vidpaint.clip import open_clip
from lib_vidpaint.encode import lossless_bytes
from lib_vidpaint.errors import ProjectError
from lib_vidpaint.pixels import pixel_format
from lib_vidpaint.planes import Planes
from lib_vidpaint.sizes import master_bytes, most_bytes

Footage = dict[str, Path]
ASSEMBLE = "lib_vidpaint.stages.assemble"


@pytest.fixture
def project(finished: Path, footage: Footage, tmp_path: Path) -> Path:
    """A copy of the finished project that knows where its source is."""
    folder = copied(finished, tmp_path / "project")
    edit(folder, footage)
    return folder


VIDEOS = {"master.mp4", "render.json", "share.mp4", "package/master.mp4", "package/share.mp4", "package/receipt.json"}
CHANGES: dict[str, tuple[dict[str, Any], set[str]]] = {
    "another quality": ({"assemble.crf": 30.0}, {"share.mp4", "package/share.mp4"}),
    "a master that was there": ({"assemble.master": "on"}, set()),
    "no copy any more": ({"assemble.share": False}, set()),
    "no master any more": ({"assemble.master": "off"}, {"render.json"}),
}


@pytest.mark.parametrize(("values", "videos"), CHANGES.values(), ids=CHANGES)
def test_a_knob_renders_only_its_own_video(values: dict[str, Any], videos: set[str], project: Path) -> None:
    before = stamps(project)
    session.run(project, values)
    assert remade(before, project) & VIDEOS == videos


def test_both_videos_are_rendered_in_one_pass(project: Path) -> None:
    (project / "share.mp4").unlink()
    (project / "master.mp4").unlink()
    progress, before = Steps(), stamps(project)
    session.run(project, {}, progress=progress)
    assert progress.count["rendering"] == FRAMES
    assert {"share.mp4", "master.mp4"} <= remade(before, project)


@pytest.mark.parametrize("name", ["share.mp4", "master.mp4"])
def test_a_video_that_was_deleted_is_rendered_alone(name: str, project: Path) -> None:
    (project / name).unlink()
    before = stamps(project)
    session.run(project, {})
    assert remade(before, project) & {"share.mp4", "master.mp4"} == {name}


def limited(monkeypatch: pytest.MonkeyPatch, room: int) -> None:
    monkeypatch.setattr(sys.modules[ASSEMBLE], "free_bytes", lambda folder: room)


def test_a_master_without_room_is_left_out_and_made_when_asked_for(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project / "master.mp4").unlink()
    limited(monkeypatch, 1000)
    progress = Steps()
    session.run(project, {}, progress=progress)
    assert not (project / "master.mp4").exists()
    (note,) = [note for note in progress.notes if "exact master" in note]
    assert "run again with --assemble.master on" in note
    with pytest.raises(ProjectError, match=r"needs about .*, 1\.0 KB are free: free some space"):
        session.run(project, {"assemble.master": "on"})
    limited(monkeypatch, 1 << 40)
    session.run(project, {"assemble.master": "on"})
    assert (project / "master.mp4").exists()


def test_the_masters_size_is_measured_only_where_room_is_short(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with session.opened(project) as run:
        most = most_bytes(run.clip)
    measured = []
    monkeypatch.setattr(sys.modules[ASSEMBLE], "master_bytes", lambda clip: measured.append(clip) or master_bytes(clip))
    for room, times, word in ((most + (201 << 20), 0, "less than"), (most + (199 << 20), 1, "about")):
        (project / "master.mp4").unlink()
        limited(monkeypatch, room)
        progress = Steps()
        session.run(project, {}, progress=progress)
        assert len(measured) == times
        assert any(f"The exact master needs {word} " in note for note in progress.notes)


@pytest.mark.parametrize("name", ["yuv420p", "yuv444p", "yuv422p10le", "gbrp", "gbrp16le", "rgba", "gray"])
def test_no_picture_needs_more_than_the_most(name: str, tmp_path: Path) -> None:
    """Noise, the worst there is, in a picture that is not tiny: there the headers count for more than the samples."""
    chance, fmt, size = np.random.default_rng(0), pixel_format(name), (320, 180)
    clip = open_clip(make(Recipe(size=size, frames=3), tmp_path))
    shapes = [fmt.shape(index, *size) for index in range(len(fmt.components))]
    noise = [
        Planes(fmt, tuple(chance.integers(0, 1 << fmt.bits, shape).astype(fmt.dtype) for shape in shapes))
        for _ in range(len(clip))
    ]
    clip.info = replace(clip.info, pixel_format=name)
    assert len(lossless_bytes(noise, clip.info, clip.info.fps)) < most_bytes(clip)
