"""Masks as people really save them, and shots that stand still."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from conftest import FRAMES, SIZE
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


def masked(project: Path, footage: Footage, values: dict[str, object]) -> None:
    edit(project, footage, {"mask.grow": 0.0, **values}, until="mask")


def saved(folder: Path, names: dict[str, int]) -> str:
    """A folder with masks by file name: each marks as many columns as its number says."""
    for name, columns in names.items():
        mask = np.zeros(SIZE[::-1], np.uint8)
        mask[:, :columns] = 255
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(folder / name), mask)
    return str(folder)


def columns(project: Path) -> list[int]:
    """How many columns each frame's mask marks."""
    shares = json.loads((project / "region.json").read_text())["shares"]
    return [round(share * SIZE[0]) for share in shares]


OTHERS = {
    "EbSynth Utility's project": {f"video_mask/{i + 1:05d}.png": i + 8 for i in range(FRAMES)} | {"notes/1.png": 3},
    "its inverted masks": {f"inv/inv_video_mask/{i:05d}.png": i + 8 for i in range(FRAMES)},
    "Deforum's frames": {f"maskframes/clip{i + 1:09d}.png": i + 8 for i in range(FRAMES)},
    "masks beside pictures": {
        f"{i:04d}_{k}.png": i + 8 if k == "mask" else 50 for i in range(FRAMES) for k in ("mask", "out")
    },
    "a second number in the name": {f"{i:04d}_0_mask.png": i + 8 for i in range(FRAMES)},
    "numbered from elsewhere": {f"frame_720p_{i + 1001}.png": i + 8 for i in range(FRAMES)},
}


@pytest.mark.parametrize("names", OTHERS.values(), ids=OTHERS)
def test_a_folder_of_another_programs_masks_is_understood(
    names: dict[str, int], footage: Footage, tmp_path: Path
) -> None:
    masked(tmp_path / "p", footage, {"mask.path": saved(tmp_path / "other", names)})
    assert columns(tmp_path / "p") == [i + 8 for i in range(FRAMES)]


def test_a_changed_mask_in_an_inner_folder_is_noticed(footage: Footage, tmp_path: Path) -> None:
    path = saved(tmp_path / "other", OTHERS["EbSynth Utility's project"])
    masked(tmp_path / "p", footage, {"mask.path": path})
    saved(tmp_path / "other", {"video_mask/00003.png": 40})
    masked(tmp_path / "p", footage, {"mask.path": path})
    assert columns(tmp_path / "p")[2] == 40


GAPS = {
    "from 0, held": ((0, 3, 5), 0, "hold"),
    "from 1, held": ((1, 4, 6), 1, "hold"),
    "from 0, empty": ((0, 3, 5), 0, "empty"),
    "from 1, empty": ((1, 4, 6), 1, "empty"),
    "known by the last": ((4, 6, FRAMES), 1, "empty"),
    "every second": (tuple(range(0, FRAMES, 2)), 0, "hold"),
}


@pytest.mark.parametrize(("numbers", "first", "missing"), GAPS.values(), ids=GAPS)
def test_masks_with_gaps_go_to_their_frames(
    numbers: tuple[int, ...], first: int, missing: str, footage: Footage, tmp_path: Path
) -> None:
    path = saved(tmp_path / "other", {f"{number:05d}.png": number + 8 for number in numbers})
    masked(tmp_path / "p", footage, {"mask.path": path, "mask.missing": missing})
    for frame, found in enumerate(columns(tmp_path / "p")):
        before = [number for number in numbers if number - first <= frame]
        held = before[-1] if before else numbers[0]
        assert found == (held + 8 if missing == "hold" or frame + first in numbers else 0)


UNCLEAR = {
    "a gap": ((0, 5, 10), "error", "from number 0 to 5"),
    "neither 0 nor 1": ((3, 5, 6), "hold", "begin at number 3 and have gaps"),
    "too many": ((0, 5, 900), "hold", "has a mask for frame 900, but the video has"),
}


@pytest.mark.parametrize(("numbers", "missing", "words"), UNCLEAR.values(), ids=UNCLEAR)
def test_masks_that_could_go_to_the_wrong_frames_are_refused(
    numbers: tuple[int, ...], missing: str, words: str, footage: Footage, tmp_path: Path
) -> None:
    path = saved(tmp_path / "other", {f"{number:05d}.png": 9 for number in numbers})
    with pytest.raises(MaskError, match=words):
        masked(tmp_path / "p", footage, {"mask.path": path, "mask.missing": missing})


def test_several_masks_for_a_frame_are_refused(footage: Footage, tmp_path: Path) -> None:
    path = saved(tmp_path / "other", {f"{i:04d}_{k}_mask.png": 9 for i in range(FRAMES) for k in range(3)})
    with pytest.raises(MaskError, match="several masks with one number"):
        masked(tmp_path / "p", footage, {"mask.path": path})


def test_where_an_inverted_mask_is_missing_nothing_changes(footage: Footage, tmp_path: Path) -> None:
    path = saved(tmp_path / "other", {f"{number:05d}.png": SIZE[0] - 9 for number in (0, 2)})
    masked(tmp_path / "p", footage, {"mask.path": path, "mask.missing": "empty", "mask.invert": True})
    assert columns(tmp_path / "p")[:4] == [9, 0, 9, 0]


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
