"""Copies for people drawn larger by upscalers: large.mp4 shows what the share copy shows, smooth.mp4 may be drawn anew."""

from __future__ import annotations

import errno
import os
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest
from conftest import FRAMES
from fakes import Recorder, Steps
from media import Recipe, make
from projects import FEW, copied, edit, remade, stamps

from lib_vidpaint import session
from lib_vidpaint.errors import Cancelled, ProjectError, SettingsError
from lib_vidpaint.model import Frame

Footage = dict[str, Path]


class Counting(Recorder):
    """Enlarges by Lanczos, whichever model is asked for, and counts; `dark` makes everything black."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[str] = []

    def names(self, kind: str) -> list[str]:
        return ["Lanczos", "dark"] if kind == "upscaler" else []

    def upscale(self, frame: Frame, model: str, scale: float) -> Frame:
        self.asked.append(model)
        size = round(frame.shape[1] * scale), round(frame.shape[0] * scale)
        large = np.asarray(cv2.resize(frame, size, interpolation=cv2.INTER_LANCZOS4), np.uint8)
        return np.zeros_like(large) if model == "dark" else large


@pytest.fixture
def project(finished: Path, footage: Footage, tmp_path: Path) -> Path:
    """A copy of the finished project that knows where its source is."""
    folder = copied(finished, tmp_path / "project")
    edit(folder, footage)
    return folder


def shown(path: Path) -> tuple[list[float], list[Frame], list[bytes]]:
    """Times, pictures and sound packets of a video."""
    with av.open(str(path)) as file:
        frames = [(float(frame.time or 0), frame.to_ndarray(format="rgb24")) for frame in file.decode(video=0)]
    with av.open(str(path)) as file:
        sound = [bytes(packet) for packet in file.demux(audio=0)] if file.streams.audio else []
    return [time for time, _ in frames], [picture for _, picture in frames], sound


LARGE = {"refine.frame": 2.0, "refine.models": "Lanczos"}
FOLLOWED: dict[str, dict[str, Any]] = {
    "nothing": {},
    "filters": {"assemble.filters": "negate, crop=48:32:10:10"},
    "speed": {"assemble.speed": 0.5},
    "a higher rate": {"assemble.fps": "50"},
    "a lower rate": {"assemble.fps": "10"},
    "mixed frames": {"assemble.fps": "40", "assemble.between": "blend"},
    "no sound": {"assemble.sound": "drop"},
    "colours of the frame": {"enhance.scope": "frame", "enhance.gamma": "2"},
    "h265": {"assemble.codec": "h265"},
}


@pytest.mark.parametrize("values", FOLLOWED.values(), ids=FOLLOWED)
def test_the_large_copy_shows_what_the_share_copy_shows(values: dict[str, Any], project: Path) -> None:
    engine = Counting()
    session.run(project, {**values, **LARGE, "assemble.crf": 4}, until="assemble", engine=engine)
    small, large = shown(project / "share.mp4"), shown(project / "large.mp4")
    assert large[0] == pytest.approx(small[0], abs=1e-3)
    assert large[2] == small[2]
    for one, other in zip(small[1], large[1]):
        assert other.shape == (2 * one.shape[0], 2 * one.shape[1], 3)
        assert np.abs(cv2.resize(other, one.shape[1::-1], interpolation=cv2.INTER_AREA).astype(int) - one).mean() < 4
    if "assemble.between" not in values:
        assert len(engine.asked) == min(len(small[0]), FRAMES)  # a picture that is shown twice is drawn once
    assert not list((project / "large").glob("*"))


def test_the_receipt_says_what_the_large_copy_has(project: Path, footage: Footage) -> None:
    session.run(project, {**LARGE, "assemble.speed": 0.5, "assemble.share": False}, engine=Counting())
    found = session.verify(project, footage["source"])
    assert found.exact
    assert {f"{name} in large.mp4 (the master is exact)" for name in ("refine.frame = 2", "assemble.speed = 0.5")} == {
        *found.ended_by
    }


def test_every_smooth_frame_is_drawn_by_upscalers(project: Path, footage: Footage) -> None:
    session.run(project, {"smooth.factor": 2}, until="smooth")
    before, pictures, sound = shown(project / "smooth.mp4")
    values = {"smooth.scale": 2.0, "smooth.models": "Lanczos"}
    with pytest.raises(Cancelled):
        session.run(project, values, engine=Counting(), progress=Steps(("enlarging", 5)))
    there = stamps(project / "smooth")
    engine = Counting()
    session.run(project, values, engine=engine)
    assert len(engine.asked) == 2 * FRAMES - 5 - 1  # the last picture stands twice as long
    assert len(there) == 6
    times, larger, heard = shown(project / "smooth.mp4")
    assert times == pytest.approx(before, abs=1e-3)
    assert heard == sound
    for one, other in zip(pictures, larger):
        assert other.shape == (2 * one.shape[0], 2 * one.shape[1], 3)
        assert np.abs(cv2.resize(other, one.shape[1::-1], interpolation=cv2.INTER_AREA).astype(int) - one).mean() < 6
    assert not list((project / "smooth").glob("*"))
    said = (project / "package/receipt.txt").read_text()
    for knob in ("smooth.factor = 2", "smooth.scale = 2", "smooth.models = Lanczos"):
        assert f"{knob} in smooth.mp4 (the master is exact)" in said
    assert session.verify(project, footage["source"]).exact
    state = stamps(project)
    session.run(project, {}, engine=Counting())
    assert not remade(state, project)


def test_at_its_own_size_upscalers_clean_the_smooth_copy_up(project: Path) -> None:
    values = {"smooth.factor": 2, "smooth.models": "dark:0.5"}
    session.run(project, {"smooth.factor": 2}, until="smooth")
    plain = shown(project / "smooth.mp4")[1]
    session.run(project, values, until="smooth", engine=Counting())
    drawn = shown(project / "smooth.mp4")[1]
    assert [picture.shape for picture in drawn] == [picture.shape for picture in plain]
    for one, other in zip(plain, drawn):
        assert abs(float(other.mean()) - one.mean() / 2) < 3


def test_a_list_of_upscalers_that_is_none(project: Path) -> None:
    with pytest.raises(SettingsError, match="upscaler with an opacity"):
        session.run(project, {"smooth.factor": 2, "smooth.models": "Lanczos:3"}, until="smooth", engine=Counting())
    assert not (project / "smooth.mp4").exists()


def test_the_smooth_copys_frames_go_when_it_is_not_wanted(project: Path) -> None:
    values = {"smooth.factor": 2, "smooth.scale": 2.0}
    with pytest.raises(Cancelled):
        session.run(project, values, engine=Counting(), progress=Steps(("enlarging", 3)))
    assert list((project / "smooth").glob("*"))
    session.run(project, {"smooth.factor": 1}, engine=Counting())
    assert not list((project / "smooth").glob("*"))


STRANGE = {
    "1 frame": (Recipe(frames=1), (64, 48)),
    "2 frames": (Recipe(frames=2, audio=("aac",)), (64, 48)),
    "odd sides": (
        Recipe(file="clip.mkv", codec="ffv1", pixels="yuv420p", size=(67, 51), ticks=1000, frames=3),
        (68, 52),
    ),
    "rotated 10 bits": (
        Recipe(rotation=90, sar=Fraction(4, 3), frames=3, pixels="yuv422p10le", tags=(9, 9, 14)),
        (64, 48),
    ),
}


@pytest.mark.parametrize(("recipe", "size"), STRANGE.values(), ids=STRANGE)
@pytest.mark.parametrize("how", ["flow", "minterpolate"])
def test_copies_of_a_strange_clip(recipe: Recipe, size: tuple[int, int], how: str, tmp_path: Path) -> None:
    source = make(recipe, tmp_path)
    values = {
        "source.path": str(source), "mask.path": "box:8,8,12,12", "smooth.factor": 2, "smooth.scale": 1.5, "smooth.how": how,
        "assemble.filters": "negate", "assemble.speed": 0.5, **LARGE, **FEW,
    }  # fmt: skip
    session.run(tmp_path / "p", values, preset="remove", until="smooth")
    for name, scale, count in (("large.mp4", 2, recipe.frames), ("smooth.mp4", 1.5, 2 * recipe.frames)):
        with av.open(str(tmp_path / "p" / name)) as file:
            stream, frames = file.streams.video[0], list(file.decode(video=0))
            assert (stream.width, stream.height) == (size[0] * scale, size[1] * scale)
            assert abs(len(frames) - count) <= (how == "minterpolate")
    assert session.verify(tmp_path / "p", source).exact


def test_the_disk_fills_up_while_frames_are_drawn(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = Path.write_bytes

    def write(path: Path, data: bytes) -> int:
        if path.name.startswith("000004."):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(path, data)

    monkeypatch.setattr(Path, "write_bytes", write)
    with pytest.raises(ProjectError, match="The disk is full"):
        session.run(project, LARGE, until="assemble", engine=Counting())
    assert not [*project.rglob("*.vidpaint-part")]
    assert len([*(project / "large").glob("[0-9]*")]) == 4
    monkeypatch.setattr(Path, "write_bytes", real)
    engine = Counting()
    session.run(project, LARGE, until="assemble", engine=engine)
    assert len(engine.asked) == FRAMES - 4
    assert (project / "large.mp4").exists()
