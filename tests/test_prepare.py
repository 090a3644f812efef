"""Stage prepare: more frames for the input, masks that follow, and a project of its own that says what it is made from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import FRAMES
from fakes import Steps
from projects import copied, edit, remade, stamps, vidpaint

from lib_vidpaint import session
from lib_vidpaint.clip import open_clip, read_planes_of
from lib_vidpaint.errors import Cancelled, ProjectError, SettingsError
from lib_vidpaint.pictures import decode_grey
from lib_vidpaint.preparing import MARK, PROJECT

Footage = dict[str, Path]


@pytest.fixture(scope="module")
def prepared(footage: Footage, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose input got twice as many frames."""
    folder = tmp_path_factory.mktemp("prepared") / "project"
    edit(folder, footage, {"prepare.factor": 2})
    return folder


def test_the_work_goes_on_with_more_frames(prepared: Path, footage: Footage) -> None:
    clip, old = open_clip(prepared / "prepared/source.mp4"), open_clip(footage["source"])
    assert len(clip) == 2 * FRAMES
    assert clip.info.fps == 2 * old.info.fps
    assert len(clip.info.audio) == 1
    for index, planes in enumerate(old.frames()):
        assert all(np.array_equal(a, b) for a, b in zip(planes.arrays, clip.frame(2 * index).arrays))
    assert len(open_clip(prepared / PROJECT / "master.mp4")) == 2 * FRAMES
    assert not (prepared / "master.mp4").exists()


def test_masks_follow(prepared: Path) -> None:
    """The masks at the old instants are the old ones; between them is what either of two brings along."""
    masks = [planes.arrays[0].copy() for planes in read_planes_of(prepared / "prepared/mask.mp4")]
    assert len(masks) == 2 * FRAMES
    for index in range(FRAMES):
        alpha = decode_grey((prepared / f"alpha/{index:06d}.png").read_bytes(), "", (96, 64))
        assert np.array_equal(masks[2 * index], alpha)
    sizes = [int((mask > 127).sum()) for mask in masks]
    assert max(sizes[1::2]) < 1.3 * max(sizes[::2])
    assert min(sizes[1::2]) >= min(sizes[::2])


def test_the_receipt_says_so(prepared: Path, footage: Footage) -> None:
    source = prepared / "prepared/source.mp4"
    found = session.verify(prepared, source)
    assert found.exact
    assert found.ended_by == (f"{MARK}the input was given 2 times as many frames, so it is not the original.",)
    assert MARK in (prepared / PROJECT / "package/receipt.txt").read_text()
    assert session.verify(prepared / PROJECT / "package", source).ended_by == found.ended_by
    with pytest.raises(ProjectError, match="not the video this was made from"):
        session.verify(prepared, footage["source"])


def test_status_results_and_the_second_run(
    prepared: Path, footage: Footage, capsys: pytest.CaptureFixture[str]
) -> None:
    edit(prepared, footage)
    assert {state.state for state in session.status(prepared)} == {"done"}
    assert (f"{PROJECT}/master.mp4", "master") in session.results(prepared)
    before = stamps(prepared)
    session.run(prepared, {})
    assert {Path(name).name for name in remade(before, prepared)} <= {".lock", "run.log"}
    assert vidpaint("plan", prepared) == 0
    assert capsys.readouterr().out.split()[:2] == ["frames", str(2 * FRAMES)]


def test_another_factor_and_off(prepared: Path, footage: Footage, tmp_path: Path) -> None:
    folder = copied(prepared, tmp_path / "project")
    edit(folder, footage, {"prepare.fps": "30"}, until="keyframes")
    assert (folder / "kept/prepared/project-1/master.mp4").exists()
    assert abs(len(open_clip(folder / "prepared/source.mp4")) - FRAMES * 30 / 25) <= 1
    session.run(folder, {"prepare.factor": 1, "prepare.fps": ""}, until="keyframes")
    assert not [*(folder / "prepared").glob("*.mp4")]
    assert (folder / "groups.json").exists()


def test_a_white_of_ones_own_comes_along(footage: Footage, tmp_path: Path) -> None:
    edit(tmp_path / "p", footage, {"prepare.factor": 2, "mask.white": str(footage["mask"])}, until="keyframes")
    assert (tmp_path / "p/prepared/white.mp4").exists()
    assert (tmp_path / "p" / PROJECT / "white/000027.png").exists()


@pytest.mark.parametrize("values", [{"prepare.fps": "0"}, {"prepare.factor": 9}], ids=str)
def test_values_out_of_range(values: dict[str, Any], footage: Footage, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"prepare\."):
        edit(tmp_path / "p", footage, values)


# A larger input


def test_a_larger_input_and_masks_that_follow(footage: Footage, tmp_path: Path) -> None:
    values = {"prepare.scale": 2, "prepare.models": "Lanczos", "assemble.share": False, "package.comparison": False}
    edit(tmp_path / "p", footage, values)
    source = tmp_path / "p/prepared/source.mp4"
    clip, old = open_clip(source), open_clip(footage["source"])
    assert (clip.info.width, clip.info.height, len(clip)) == (192, 128, FRAMES)
    assert list(clip.pts) == list(old.pts)
    assert len(clip.info.audio) == 1
    masks = [planes.arrays[0] for planes in read_planes_of(tmp_path / "p/prepared/mask.mp4")]
    assert {mask.shape for mask in masks} == {(128, 192)}
    alpha = decode_grey((tmp_path / "p/alpha/000003.png").read_bytes(), "", (96, 64))
    assert abs(int((masks[3] > 127).sum()) - 4 * int((alpha > 127).sum())) < 0.1 * 4 * int((alpha > 127).sum())
    found = session.verify(tmp_path / "p", source)
    assert found.exact
    assert found.ended_by == (f"{MARK}the input was enlarged 2 times, so it is not the original.",)
    assert not list((tmp_path / "p/prepared/larger").glob("*"))
    before = stamps(tmp_path / "p")
    session.run(tmp_path / "p", {})
    assert {Path(name).name for name in remade(before, tmp_path / "p")} <= {".lock", "run.log"}


def test_larger_and_more_frames_stopped_in_the_middle(footage: Footage, tmp_path: Path) -> None:
    values = {"prepare.scale": 2, "prepare.factor": 2, "prepare.models": "Lanczos"}
    with pytest.raises(Cancelled):
        edit(tmp_path / "p", footage, values, progress=Steps(("enlarging", 5)), until="keyframes")
    there = stamps(tmp_path / "p/prepared/larger")
    assert len(there) == 5
    with pytest.raises(Cancelled):
        edit(tmp_path / "p", footage, values, progress=Steps(("enlarging", 3)), until="keyframes")
    assert not remade(there, tmp_path / "p/prepared/larger") & there.keys()
    edit(tmp_path / "p", footage, values, until="keyframes")
    clip = open_clip(tmp_path / "p/prepared/source.mp4")
    assert (clip.info.width, len(clip)) == (192, 2 * FRAMES)
