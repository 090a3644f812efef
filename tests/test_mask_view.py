"""The mask of one frame before the clip is run: as the run makes it; and clicks and strokes as the page sends them."""

from __future__ import annotations

import base64
import importlib.util
import struct
import zlib
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from conftest import SIZE, disc
from projects import edit

from lib_vidpaint import fixes, mask_view, viewing
from lib_vidpaint.errors import MaskError
from lib_vidpaint.model import Mask, VideoInfo
from lib_vidpaint.pictures import encode_png
from lib_vidpaint.project import Project
from lib_vidpaint.stages.mask import MaskSettings
from lib_vidpaint.ui.clicks import Click, clicks, gone_from, marked, with_mark, without_last
from lib_vidpaint.ui.strokes import LONGEST, PREFIX, canvas, stroke

Footage = dict[str, Path]


@pytest.fixture
def masked(footage: Footage, tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    edit(folder, footage, until="extract")
    return folder


def settings(footage: Footage, **more: object) -> MaskSettings:
    return MaskSettings(path=str(footage["mask"]), **more)  # type: ignore[arg-type]


def overlap(a: Mask, b: Mask) -> float:
    return np.count_nonzero((a > 127) & (b > 127)) / np.count_nonzero((a > 127) | (b > 127))


@pytest.mark.parametrize("index", [0, 9], ids=lambda index: f"frame {index}")
def test_a_sketch_is_what_the_run_will_make(masked: Path, footage: Footage, index: int) -> None:
    found = mask_view.sketch(masked, index, settings(footage))
    assert found.mask is not None
    assert overlap(found.mask, disc(index)) > 0.9


@pytest.mark.parametrize(
    ("more", "larger"),
    [({"grow": 12.0}, True), ({"grow": -12.0}, False), ({"hull": "box"}, True), ({"invert": True}, True)],
    ids=lambda value: str(value),
)
def test_its_shape_follows_the_knobs(masked: Path, footage: Footage, more: dict[str, object], larger: bool) -> None:
    plain = mask_view.sketch(masked, 3, settings(footage)).mask
    shaped = mask_view.sketch(masked, 3, settings(footage, **more)).mask
    assert plain is not None
    assert shaped is not None
    assert bool(np.count_nonzero(shaped) > np.count_nonzero(plain)) is larger


def test_found_masks_are_tried_on_one_frame_and_taken_from_the_run_afterwards(
    footage: Footage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    how = {"mask.how": "key", "mask.key": "light", "mask.tolerance": 40.0}
    folder = tmp_path / "p"
    edit(folder, footage, until="source")
    asked = MaskSettings(how="key", key="light", tolerance=40.0, grow=4.0)
    tried = mask_view.sketch(folder, 5, asked).mask
    edit(folder, footage, {"mask.path": "", **how}, until="mask")
    monkeypatch.setattr(mask_view, "segmented", None)
    kept = mask_view.sketch(folder, 5, asked).mask
    assert tried is not None
    assert kept is not None
    assert np.abs(tried.astype(int) - kept).mean() < 2
    assert mask_view.taken(folder, asked)
    assert not mask_view.taken(folder, replace(asked, key="dark"))


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (MaskSettings(how="track"), "Click on what should change"),
        (MaskSettings(how="track", prompts="3: +40,30"), "What you marked in frame 3"),
    ],
    ids=["no click", "a click elsewhere"],
)
def test_what_is_followed_is_seen_only_where_it_was_marked(masked: Path, asked: MaskSettings, said: str) -> None:
    found = mask_view.sketch(masked, 8, asked)
    assert found.mask is None
    assert said in found.says


def test_a_click_is_tried_at_once(masked: Path) -> None:
    found = mask_view.sketch(masked, 3, MaskSettings(how="track", prompts="3: box 20,15,30,30")).mask
    assert found is not None
    assert found.any()


def test_what_is_not_installed_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert "onnxruntime, pymatting, pooch, rembg" in mask_view.missing("clothing")
    assert "vidpaint[sam]" in mask_view.missing("sam")
    assert mask_view.missing("face") == ""


def test_strokes_are_seen_before_the_run_and_can_be_cleared(masked: Path, footage: Footage) -> None:
    folder = masked
    painted = np.zeros(SIZE[::-1], np.uint8)
    painted[2:12, 70:90] = 255
    with Project(folder, writable=False) as project:
        fixes.paint(project, 4, (painted, None))
        with_stroke = mask_view.sketch(folder, 4, settings(footage)).mask
        alone = mask_view.sketch(folder, 4, MaskSettings())
        fixes.clear(project, 4)
        without = mask_view.sketch(folder, 4, settings(footage)).mask
        assert fixes.fixed_frames(project) == []
        assert fixes.undo(project) == 4
        assert fixes.fixed_frames(project) == [4]
    assert with_stroke is not None
    assert without is not None
    assert with_stroke[6, 80] == 255
    assert "Strokes mend a mask" in alone.says
    assert without[6, 80] == 0


def test_a_spread_stroke_is_seen_on_the_frames_around_as_the_run_will_carry_it(
    footage: Footage, tmp_path: Path
) -> None:
    folder = tmp_path / "p"
    edit(folder, footage, until="mask")
    painted = np.zeros(SIZE[::-1], np.uint8)
    painted[2:14, 70:90] = 255
    with Project(folder, writable=False) as project:
        fixes.paint(project, 4, (painted, None))
    before = {index: mask_view.sketch(folder, index, settings(footage, spread=3)) for index in (1, 4, 6, 8)}
    reaches = [found.mask is not None and found.mask[6, 80] > 127 for found in before.values()]
    assert reaches == [True, True, True, False]
    reached = "With what you painted on frame 4, carried here."
    assert [found.says for found in before.values()] == [reached, "", reached, ""]
    assert mask_view.sketch(folder, 6, settings(footage)).says == ""
    edit(folder, footage, {"mask.spread": 3}, until="mask")
    for index, sketch in before.items():
        made = mask_view.frozen(folder, index)
        assert made is not None
        assert sketch.mask is not None
        soft = np.where(sketch.mask > 8, 255, 0).astype(np.uint8)
        if index == 8:
            assert not made[:20, 60:].any()
        else:
            assert overlap(soft[:20, 60:], made[:20, 60:]) > 0.9


def test_the_extent_is_counted_in_the_video_s_pixels(masked: Path) -> None:
    known = mask_view.frozen_extent(masked, 0)
    mask = mask_view.frozen(masked, 0)
    assert mask is not None
    about = mask_view.extent(mask, viewing.source_info(masked))
    assert known.box is not None
    assert about.box is not None
    assert abs(known.share - about.share) < 0.02
    assert max(abs(known.box.x - about.box.x), abs(known.box.right - about.box.right)) <= 2


def test_clicks_are_written_and_taken_back_in_their_order() -> None:
    text = ""
    for frame, item in ((4, "+10,20"), (4, "-30,40"), (0, "box 1,2,3,4"), (4, "+5,6"), (0, "box 5,6,7,8")):
        text = with_mark(text, frame, item)
    assert text == "0: box 5,6,7,8; 4: +10,20 -30,40 +5,6"
    assert clicks(text, 4) == [Click(10, 20), Click(30, 40, False), Click(5, 6)]
    assert marked(text) == [0, 4]
    text = without_last(text, 4)
    assert text == "0: box 5,6,7,8; 4: +10,20 -30,40"
    assert without_last("4: +1,2", 9) == ""
    assert with_mark("90: gone", 90, "+1,2") == "90: +1,2"
    assert gone_from("0: +1,2; 9: -3,4", 9) == "0: +1,2; 9: gone"
    assert clicks("9: gone", 9) == []


def video(width: int = 1920, height: int = 1080, rotation: int = 0) -> VideoInfo:
    return VideoInfo(width, height, "yuv420p", "h264", "mp4", Fraction(25), Fraction(1, 25), rotation=rotation)


def sent(data: bytes) -> str:
    return PREFIX + base64.b64encode(data).decode()


def bomb(width: int, height: int) -> bytes:
    """A PNG that says it is large, and would be."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    rows = zlib.compress(bytes(width + 1) * 64)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


@pytest.mark.parametrize("rotation", [0, 90], ids=["upright", "turned"])
def test_a_stroke_lands_where_it_was_painted(rotation: int) -> None:
    info = video(rotation=rotation)
    width, height = canvas(info)
    assert max(width, height) == 960
    painted = np.zeros((height, width), np.uint8)
    painted[: height // 2, : width // 4] = 255
    mask = stroke(sent(encode_png(painted)), info)
    assert mask.shape == (1080, 1920)
    assert np.count_nonzero(mask > 127) == pytest.approx(1080 * 1920 / 8, rel=0.01)
    assert bool(mask[5, 5]) is (rotation == 0)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "data:image/svg+xml;base64,PHN2Zy8+",
        PREFIX + "not base64!",
        sent(b"\xff\xd8\xff\xe0 a jpeg"),
        sent(encode_png(np.zeros((540, 961), np.uint8))),
        sent(bomb(60000, 60000)),
        sent(encode_png(np.zeros((540, 960), np.uint8))[:200]),
        PREFIX + "A" * LONGEST,
    ],
    ids=["nothing", "svg", "no base64", "jpeg", "wrong size", "bomb", "torn", "long"],
)
def test_what_is_no_stroke_is_refused(text: str) -> None:
    with pytest.raises(MaskError, match="paint it again"):
        stroke(text, video())
