"""A small video of a part of the edit: half the size, its own sound, made from patches or without them."""

from __future__ import annotations

import itertools
from pathlib import Path

import av
import numpy as np
import pytest
from conftest import FRAMES
from projects import copied, edit, everything, vidpaint

from lib_vidpaint import session
from lib_vidpaint.clip import open_clip
from lib_vidpaint.errors import SettingsError, VideoError
from lib_vidpaint.planes import view
from lib_vidpaint.preview_video import preview_video, spanned

Footage = dict[str, Path]


@pytest.fixture
def project(finished: Path, footage: Footage, tmp_path: Path) -> Path:
    """A copy of the finished project that knows where its source is."""
    folder = copied(finished, tmp_path / "project")
    edit(folder, footage)
    return folder


def frames(path: Path) -> list[np.ndarray]:
    clip = open_clip(path)
    return [view(planes, clip.info.color).astype(float) for planes in clip.frames()]


@pytest.mark.parametrize("rendered", [True, False], ids=["patches", "no patches yet"])
def test_it_shows_the_edit(rendered: bool, project: Path, footage: Footage, tmp_path: Path) -> None:
    truth = frames(project / "master.mp4")
    if not rendered:
        session.run(project, {"composite.feather": 0.5}, until="select")
        for file in [*(project / "patches").glob("*"), project / "patches.json"]:
            file.unlink()
    before = everything(project)
    preview_video(project, tmp_path / "p.mp4", range(4, 9))
    assert everything(project) == before
    with av.open(str(tmp_path / "p.mp4")) as file:
        assert len(file.streams.audio) == 1
        times = [float(frame.time or 0) for frame in file.decode(video=0)]
    assert times == pytest.approx([0, 0.04, 0.08, 0.12, 0.16], abs=1e-3)
    source = frames(footage["source"])
    for index, picture in enumerate(frames(tmp_path / "p.mp4"), 4):
        assert max(picture.shape) == 240 or picture.shape == truth[index].shape
        assert np.abs(picture - truth[index]).mean() < 0.7 * np.abs(picture - source[index]).mean() + 2


def test_the_command(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert vidpaint("preview", project, "--span", "0.2-0.4") == 0
    assert str(project / "preview.mp4") in capsys.readouterr().out
    assert len(frames(project / "preview.mp4")) == 5
    assert spanned(project, "") == range(FRAMES)
    assert vidpaint("preview", project, "--span", "5-6") == 2
    assert "nothing to preview" in capsys.readouterr().err


def test_beyond_the_end(project: Path, tmp_path: Path) -> None:
    preview_video(project, tmp_path / "p.mp4", range(10, 99))
    assert len(frames(tmp_path / "p.mp4")) == FRAMES - 10
    with pytest.raises((SettingsError, VideoError)):
        preview_video(project, tmp_path / "p.mp4", range(50, 60))
    assert not [*itertools.chain(tmp_path.glob("*part*"))]
