"""Masks as people really save them, and shots that stand still."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from conftest import SIZE, disc
from media import Recipe, make
from projects import FEW, edit

from lib_vidpaint import session
from lib_vidpaint.errors import MaskError, VideoError
from lib_vidpaint.patching import PIECE

Footage = dict[str, Path]


def share(project: Path, frame: int) -> float:
    return json.loads((project / "region.json").read_text())["shares"][frame]


@pytest.mark.parametrize(
    "save",
    [
        lambda mask: np.dstack([np.full((*mask.shape, 3), 255, np.uint8), mask]),
        lambda mask: np.dstack([mask, mask, mask]),
        lambda mask: mask.astype(np.uint16) * 257,
        lambda mask: np.where(mask == 0, 3, mask).astype(np.uint8),
    ],
    ids=["white with the shape as alpha", "colours", "16 bits", "haze below the floor"],
)
def test_an_edited_alpha_means_the_same_however_it_was_saved(save: object, footage: Footage, tmp_path: Path) -> None:
    edit(tmp_path / "p", footage, until="mask")
    path = tmp_path / "p" / "alpha" / "000005.png"
    mask = np.zeros(SIZE[::-1], np.uint8)
    mask[20:40, 30:50] = 255
    cv2.imwrite(str(path), save(mask))  # pyright: ignore[reportCallIssue]
    edit(tmp_path / "p", footage, until="mask")
    assert share(tmp_path / "p", 5) == pytest.approx(400 / mask.size, abs=1e-5)


def test_an_edited_alpha_that_protects_nothing_is_said(footage: Footage, tmp_path: Path) -> None:
    edit(tmp_path / "p", footage, until="mask")
    cv2.imwrite(str(tmp_path / "p" / "alpha" / "000005.png"), np.full(SIZE[::-1], 255, np.uint8))
    edit(tmp_path / "p", footage, until="mask")
    warnings = json.loads((tmp_path / "p" / "region.json").read_text())["warnings"]
    assert any("alpha/000005.png" in warning and "nothing is protected" in warning for warning in warnings)


def test_masks_numbered_with_a_gap_are_refused(footage: Footage, tmp_path: Path) -> None:
    folder = tmp_path / "masks"
    folder.mkdir()
    for index in (0, 5, 10):
        cv2.imwrite(str(folder / f"{index:06d}.png"), disc(index))
    with pytest.raises(MaskError, match="from number 0 to 5"):
        edit(tmp_path / "p", footage, {"mask.path": str(folder), "mask.missing": "hold"})
    assert not (tmp_path / "p").exists()


def test_frames_numbered_with_a_gap_are_refused(tmp_path: Path) -> None:
    folder = tmp_path / "frames"
    folder.mkdir()
    for index in (*range(6), *range(7, 12)):
        cv2.imwrite(str(folder / f"frame_{index:04d}.png"), np.full((48, 64, 3), index, np.uint8))
    with pytest.raises(VideoError, match="from number 5 to 7"):
        session.run(tmp_path / "p", {"source.path": str(folder), "mask.path": "box:8,8,16,16"})


def test_a_long_still_shot_is_one_group_in_short_pieces(tmp_path: Path) -> None:
    folder = tmp_path / "frames"
    folder.mkdir()
    picture = np.random.default_rng(1).integers(0, 256, (48, 64, 3), np.uint8)
    count = 2 * PIECE + 5
    for index in range(count):
        cv2.imwrite(str(folder / f"{index:04d}.png"), picture)
    project = tmp_path / "p"
    session.run(project, {"source.path": str(folder), "mask.path": "box:20,12,20,20", **FEW}, preset="remove")
    assert len(json.loads((project / "groups.json").read_text())) == 1
    patches = json.loads((project / "patches.json").read_text())
    assert [(p["start"], p["stop"]) for p in patches] == [(0, PIECE), (PIECE, 2 * PIECE), (2 * PIECE, count)]
    assert session.verify(project, folder).exact
    frames = list(session.open_clip(project / "master.mp4").frames())
    assert all(np.array_equal(frames[0].arrays[0], planes.arrays[0]) for planes in frames)


def test_hidden_files_beside_the_frames_are_no_frames(tmp_path: Path) -> None:
    folder = tmp_path / "frames"
    folder.mkdir()
    for index in range(4):
        cv2.imwrite(str(folder / f"{index:04d}.png"), np.full((48, 64, 3), 40 * index, np.uint8))
    values = {"source.path": str(folder), "mask.path": "box:20,12,20,20", **FEW}
    session.run(tmp_path / "p", values, until="mask")
    (folder / "._0000.png").write_bytes(b"resource fork")
    session.run(tmp_path / "p", values, until="mask")


def test_one_keyframe_decided_twice_is_refused(footage: Footage, tmp_path: Path) -> None:
    edit(tmp_path / "p", footage, until="select")
    (tmp_path / "p" / "selection.json").write_text('[{"key": 0, "redo": 1}, {"key": 0, "drop": true}]')
    with pytest.raises(session.ProjectError, match="keyframe 0 twice"):
        edit(tmp_path / "p", footage)


def test_mask_lengths_follow_the_height_as_shown(tmp_path: Path) -> None:
    upright, turned = (
        make(Recipe(size=(48, 96)), tmp_path),
        make(Recipe(file="t.mp4", size=(96, 48), rotation=90), tmp_path),
    )
    assert session.open_clip(upright).info.lines == session.open_clip(turned).info.lines == 96
