"""What the shape steps do to a mask, and masks put together."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from lib_vidpaint.model import Mask
from lib_vidpaint.shaping import REACH, Shape, combine, shape


def square(size: int = 120, low: int = 40, high: int = 80) -> Mask:
    mask = np.zeros((size, size), np.uint8)
    mask[low:high, low:high] = 255
    return mask


def area(mask: Mask) -> int:
    return int(np.count_nonzero(mask))


def test_no_step_leaves_a_mask_as_it_is_and_never_changes_the_one_given() -> None:
    given = np.random.default_rng(1).integers(0, 256, (40, 50), np.uint8)
    before = given.copy()
    assert np.array_equal(shape(given, Shape(), 360), given)
    shape(given, Shape(invert=True, floor=9, specks=3, holes=3, hull="box", grow=-2, feather=3), 360)
    assert np.array_equal(given, before)


@pytest.mark.parametrize("steps", [Shape(grow=5), Shape(feather=4), Shape(hull="convex"), Shape(specks=9, holes=9)])
def test_an_empty_mask_stays_empty(steps: Shape) -> None:
    assert not shape(np.zeros((30, 40), np.uint8), steps, 360).any()


def test_floor_comes_after_invert() -> None:
    given = np.array([[255, 250, 200, 0]], np.uint8)
    assert shape(given, Shape(invert=True, floor=32), 360).tolist() == [[0, 0, 55, 255]]


@pytest.mark.parametrize("lines", [360, 720, 1080])
def test_lengths_follow_the_height_of_the_picture(lines: int) -> None:
    given = square(900, 400, 500)
    grown = shape(given, Shape(grow=4), lines)
    assert cv2.boundingRect(grown)[2] == 100 + 2 * round(4 * lines / 360)


@pytest.mark.parametrize("grow", [3, REACH, 40, -3, -15], ids=lambda grow: f"by {grow}")
def test_grow_is_the_same_as_one_disc(grow: int) -> None:
    given = square(260, 90, 150)
    reach = abs(grow)
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
    whole = cv2.dilate(given, disc) if grow > 0 else cv2.erode(given, disc)
    found = shape(given, Shape(grow=grow), 360)
    if reach <= REACH:
        assert np.array_equal(found, whole)
    assert cv2.boundingRect(found) == cv2.boundingRect(np.asarray(whole))
    assert area(found) == pytest.approx(area(np.asarray(whole)), rel=0.02)


def test_grow_and_feather_end_at_the_picture() -> None:
    given = np.zeros((50, 60), np.uint8)
    given[:, :20] = 255
    assert np.array_equal(shape(given, Shape(grow=-5), 360), np.where(np.arange(60) < 15, given, 0))
    soft = shape(given, Shape(feather=8), 360)
    assert (soft == soft[0]).all()
    assert soft[0, 0] == 255


def test_feather_is_as_wide_as_it_says_and_half_of_it_lies_outside() -> None:
    row = shape(square(200, 0, 100), Shape(feather=20), 360)[50]
    soft = np.flatnonzero((row > 7) & (row < 248))
    assert 17 <= len(soft) <= 23
    assert abs(float(soft.mean()) - 99.5) < 1
    assert (np.diff(row.astype(int)) <= 0).all()


@pytest.mark.parametrize(("side", "left"), [(5, True), (9, False)], ids=["below", "above"])
def test_specks_below_the_size_go(side: float, left: bool) -> None:
    given = square()
    given[10:17, 10:17] = 200
    found = shape(given, Shape(specks=side), 360)
    assert found[12, 12] == (200 if left else 0)
    assert found[60, 60] == 255


def test_holes_below_the_size_are_filled_with_their_soft_ring() -> None:
    given = square()
    given[50:56, 50:56] = 0
    given[51:55, 56] = 120
    given[60:75, 60:75] = 0
    found = shape(given, Shape(holes=10), 360)
    assert (found[48:58, 48:59] == 255).all()
    assert (found[60:75, 60:75] == 0).all()


def test_what_opens_to_the_outside_is_no_hole() -> None:
    given = square(60, 0, 60)
    given[:5, 20:25] = 0
    bay = square()
    bay[40:50, 58:62] = 0
    assert np.array_equal(shape(given, Shape(holes=50), 360), given)
    assert np.array_equal(shape(bay, Shape(holes=50), 360), bay)


@pytest.mark.parametrize(("hull", "least"), [("convex", 0.5), ("box", 1.0)])
def test_a_hull_covers_its_part_and_only_that(hull: str, least: float) -> None:
    given = np.zeros((100, 200), np.uint8)
    cv2.line(given, (10, 10), (60, 10), (255,), 3)
    cv2.line(given, (10, 10), (10, 60), (255,), 3)
    given[40:60, 150:170] = 255
    found = shape(given, Shape(hull=hull), 360)  # pyright: ignore[reportArgumentType]
    assert (found[given > 0] == 255).all()
    assert (found[9:62, 9:62] > 0).mean() == pytest.approx(least, abs=0.08)
    assert not found[:, 70:145].any()


def test_combining() -> None:
    a, b, c = (np.array([row], np.uint8) for row in ([0, 255, 200, 255], [255, 255, 100, 0], [0, 0, 0, 50]))
    assert combine([a, b, c], "add").tolist() == [[255, 255, 200, 255]]
    assert combine([a, b, c], "subtract").tolist() == [[0, 0, 155, 205]]
    assert combine([a, b], "intersect").tolist() == [[0, 255, 100, 0]]
    assert combine([a], "subtract").tolist() == a.tolist()
