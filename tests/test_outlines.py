"""The shape of an object inside a larger mask."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from lib_vidpaint.blending import Floats
from lib_vidpaint.outlines import cut_out, part_of_shape


def disc(radius: int, x: int = 60, y: int = 50) -> Floats:
    mask = np.zeros((100, 120), np.uint8)
    return cv2.circle(mask, (x, y), radius, (1,), -1).astype(np.float32)


def test_a_shape_is_cut_out_as_it_is() -> None:
    shape = cut_out(disc(10))
    assert shape.shape == (21, 21)
    assert shape.sum() == disc(10).sum()


@pytest.mark.parametrize("place", [(60, 50), (12, 20), (115, 95)], ids=["middle", "corner", "half outside"])
def test_what_touches_the_shape_is_cut_off(place: tuple[int, int]) -> None:
    x, y = place
    alone, other = disc(12, x, y), np.zeros((100, 120), np.float32)
    other[max(0, y - 6) : y + 6, x - 30 if x > 60 else x + 8 : x - 8 if x > 60 else x + 30] = 1
    left = part_of_shape(np.maximum(alone, other), cut_out(alone))
    assert (left * alone).sum() == alone.sum()
    assert left.sum() < 1.2 * alone.sum()


@pytest.mark.parametrize("grown", [13, 14], ids=str)
def test_a_shape_that_only_grew_stays(grown: int) -> None:
    assert np.array_equal(part_of_shape(disc(grown), cut_out(disc(12))), disc(grown))


def test_a_shape_that_lies_nowhere_whole_says_nothing() -> None:
    bar = np.zeros((100, 120), np.float32)
    bar[45:55, 10:110] = 1
    assert np.array_equal(part_of_shape(bar, cut_out(disc(12))), bar)


def test_soft_edges_stay_soft() -> None:
    soft = cv2.GaussianBlur(disc(12), (0, 0), 1.5)
    other = soft.copy()
    other[46:54, 60:100] = np.maximum(other[46:54, 60:100], 0.8)
    left = part_of_shape(other, cut_out(disc(12)))
    assert left[:, :60] == pytest.approx(soft[:, :60] * (left[:, :60] > 0))
    assert not left[:, 80:].any()
