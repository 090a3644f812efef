"""The stabilised window: it follows the subject, never cuts the mask, keeps its size, and stays while masks are mended."""

from __future__ import annotations

import numpy as np
import pytest

from lib_vidpaint.crops import Crop, resized, whole_crop, window_crop
from lib_vidpaint.errors import ProjectError
from lib_vidpaint.framing import Path, Windows, path, read_path, rows_of, steady
from lib_vidpaint.model import Box

SIZE = (640, 360)
FPS = 25.0


def walking(count: int = 80, jitter: float = 2.0, grow: float = 1.0, seed: int = 1) -> tuple[list[Box], np.ndarray]:
    """The boxes of a subject whose mask trembles, and its true centres."""
    rng, at = np.random.default_rng(seed), np.arange(count)
    centre = np.stack([150 + 2.5 * at + 12 * np.sin(at / 9), 180 + 20 * np.sin(at / 17)], axis=1)
    size = np.array([90, 120]) * grow ** (at / max(count - 1, 1))[:, None]
    low = np.rint(centre - size / 2 + rng.normal(0, jitter, (count, 2)))
    high = np.rint(centre + size / 2 + rng.normal(0, jitter, (count, 2)))
    low, high = np.clip(low, 0, SIZE), np.clip(high, 1, SIZE)
    return [Box(*map(int, (*a, *(b - a)))) for a, b in zip(low, high)], centre


def windows(boxes: list[Box | None], multiple: int = 64, context: float = 0.25, smallest: int = 64) -> Windows:
    return Windows(path(boxes, [(0, len(boxes))], FPS, None), boxes, SIZE, context, smallest, multiple)


def holds(outer: Box, inner: Box) -> bool:
    return outer.x <= inner.x and outer.y <= inner.y and outer.right >= inner.right and outer.bottom >= inner.bottom


def still(values: np.ndarray, truth: np.ndarray) -> float:
    """How far, rms, a window trembles about a subject: what is left of its way against it without the smooth part."""
    off = values - truth
    at = np.linspace(-1, 1, len(off))
    return float(
        np.sqrt(
            np.mean((off - np.polynomial.polynomial.polyval(at, np.polynomial.polynomial.polyfit(at, off, 3)).T) ** 2)
        )
    )


def test_it_follows_the_subject_and_not_its_masks_tremor() -> None:
    boxes, centre = walking()
    made = steady(rows_of(boxes), FPS)
    rough = rows_of(boxes)
    assert still(made[:, :2] + made[:, 2:] / 2, centre) < 0.75 < still(rough[:, :2] + rough[:, 2:] / 2, centre)


@pytest.mark.parametrize("grow", [1.0, 1.3, 5.0, 0.2])
@pytest.mark.parametrize("multiple", [1, 64])
def test_the_mask_is_never_cut_and_the_shape_is_one(grow: float, multiple: int) -> None:
    boxes, _ = walking(grow=grow)
    found = windows(list(boxes), multiple)
    crops = [found.crop(index) for index in range(len(boxes))]
    assert all(holds(crop.box, box) for crop, box in zip(crops, boxes))
    shapes = [crop.window.width / crop.window.height for crop in crops]
    assert max(shapes) < 1.03 * min(shapes)
    sizes = {crop.window.width for crop in crops}
    assert (len(sizes) == 1) == (grow in (1.0, 1.3))


def test_a_subject_that_grows_is_shown_in_one_size() -> None:
    boxes, _ = walking(grow=5.0)
    crops = [windows(list(boxes)).crop(index) for index in (0, 40, 79)]
    shown = {crop.shown for crop in crops}
    assert len(shown) == 1
    wide, high = shown.pop() or (0, 0)
    assert wide % 64 == high % 64 == 0 < wide
    assert crops[2].window.width > 2.5 * crops[0].window.width
    assert {crop.seen(np.zeros((360, 640, 3), np.uint8)).shape for crop in crops} == {(high, wide, 3)}
    assert windows(list(boxes), 1).crop(0).shown is None, "an engine that copies pixels gets them unscaled"


def test_at_the_pictures_border_the_subject_keeps_its_place() -> None:
    boxes = [Box(10 + 3 * at, 100, 100, 100) for at in range(60)]
    found = windows(list(boxes))
    places = {(box.x - found.crop(at).window.x, box.y - found.crop(at).window.y) for at, box in enumerate(boxes)}
    assert max(x for x, _ in places) - min(x for x, _ in places) <= 1
    assert found.crop(0).pad[0] > 0
    frame = np.random.default_rng(1).integers(0, 256, (360, 640, 3), np.uint8)
    cut, left = found.crop(0).cut(frame), found.crop(0).pad[0]
    assert np.array_equal(cut[:, :left], cut[:, left : 2 * left][:, ::-1]), "reflected"
    assert np.array_equal(found.crop(0).inner(cut), frame[found.crop(0).box.slices])


def test_a_still_subject_at_the_border_needs_no_padding() -> None:
    found = windows([Box(4, 6, 100, 60)] * 30)
    assert {found.crop(at) for at in range(30)} == {found.crop(0)}
    assert found.crop(0).pad == (0, 0, 0, 0)


@pytest.mark.parametrize("box", [Box(0, 0, 640, 360), Box(0, 100, 640, 100), Box(639, 359, 1, 1)])
def test_masks_that_fill_or_nearly_leave_the_frame(box: Box) -> None:
    crop = windows([box] * 9).crop(4)
    assert holds(crop.box, box)
    assert crop.window.width <= 640
    assert crop.window.height <= 384


def test_one_frame_whose_mask_went_wrong_moves_no_other_window() -> None:
    boxes, _ = walking(jitter=0)
    spoilt = list(boxes)
    spoilt[40] = boxes[40].union(Box(boxes[40].x - 30, boxes[40].y, 20, 20))
    one, other = (steady(rows_of(b), FPS) for b in (boxes, spoilt))
    off = (one[:, :2] + one[:, 2:] / 2) - (other[:, :2] + other[:, 2:] / 2)
    assert np.ptp(off, axis=0).max() < 1.5, "all of them may move alike"
    assert holds(windows(list(spoilt)).crop(40).box, spoilt[40])


def test_a_mended_mask_moves_no_crop_but_its_own_where_it_must() -> None:
    boxes, _ = walking()
    before = path(list(boxes), [(0, 80)], FPS, None)
    mended = list(boxes)
    mended[20] = Box(mended[20].x - 8, mended[20].y, mended[20].width + 8, mended[20].height)
    after = path(list(mended), [(0, 80)], FPS, before)
    assert np.array_equal(after.boxes, before.boxes)
    crops = [Windows(after, b, SIZE, 0.25, 64, 64) for b in (boxes, mended)]
    assert [crops[0].crop(n) == crops[1].crop(n) for n in range(80)].count(False) <= 1
    assert holds(crops[1].crop(20).box, mended[20])
    smaller = [Box(b.x + 30, b.y + 40, 30, 30) for b in boxes]
    assert path(list(smaller), [(0, 80)], FPS, before).boxes[0, 2] < 60, "another mask has a path of its own"


def test_frames_without_region_and_segments_of_their_own() -> None:
    boxes: list[Box | None] = [Box(10, 10, 40, 40)] * 10 + [None] * 3 + [Box(300, 100, 80, 60)] * 7
    made = path(boxes, [(0, 10), (13, 20)], FPS, None)
    assert made.frames.tolist() == [*range(10), *range(13, 20)]
    assert made.of(1).boxes[:, 2].max() == 80
    again = read_path(made.csv(), "path.csv")
    assert np.allclose(again.boxes, made.boxes, atol=0.006)
    assert np.array_equal(again.segments, made.segments)
    assert path([None] * 4, [(0, 4)], FPS, None).csv() == "frame,segment,x,y,width,height\n"


@pytest.mark.parametrize("text", ["frame\n1,2\n", "a,b\nx,1,2,3,4,5\n"], ids=["short", "words"])
def test_a_damaged_path_is_said(text: str) -> None:
    with pytest.raises(ProjectError, match=r"path\.csv is damaged"):
        read_path(text, "path.csv")


def test_an_empty_path_reads_as_one() -> None:
    assert len(read_path("frame,segment,x,y,width,height\n", "path.csv").frames) == 0


@pytest.mark.parametrize("count", [1, 2, 3, 4, 6])
def test_short_segments(count: int) -> None:
    boxes = [Box(50 + 9 * at, 60, 40, 50) for at in range(count)]
    made = steady(rows_of(boxes), FPS)
    assert (made[:, 0] <= [b.x for b in boxes]).all()
    assert isinstance(windows(list(boxes)).crop(count - 1), Crop)


def test_the_whole_frame_and_a_window_beyond_it() -> None:
    assert whole_crop(100, 64, 64) == Crop(Box(0, 0, 100, 64), (0, 0, 28, 0))
    crop = window_crop(Box(-10, 20, 64, 64), 100, 64, (32, 32))
    assert (crop.box, crop.pad, crop.window) == (Box(0, 20, 54, 44), (10, 0, 0, 20), Box(-10, 20, 64, 64))
    assert crop.seen(np.zeros((64, 100), np.uint8)).shape == (32, 32)
    assert crop.size(90) == (64, 64)


def test_it_comes_back_to_the_frame_where_it_was_cut() -> None:
    """Enlarged for painting and back: what was not painted is the source again but for the resampling."""
    boxes, _ = walking(grow=5.0)
    crop = windows(list(boxes)).crop(10)
    x, y = np.meshgrid(np.arange(640), np.arange(360))
    frame = np.stack([128 + 60 * np.sin(x / 9), 128 + 60 * np.cos(y / 11), 128 + 50 * np.sin((x + y) / 13)], axis=-1)
    frame = np.rint(frame).astype(np.uint8)
    back = crop.inner(resized(crop.seen(frame), crop.size(0)))
    assert np.abs(back.astype(int) - frame[crop.box.slices]).mean() < 1.5


def test_paths_are_plain_values() -> None:
    made = Path(np.array([3]), np.array([0]), np.array([[1.0, 2, 3, 4]]))
    assert made.csv().splitlines()[1] == "3,0,1.00,2.00,3.00,4.00"
