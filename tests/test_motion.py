from __future__ import annotations

import cv2
import numpy as np
import pytest

from lib_vidpaint.lastkey import COLOUR_SEEN, MOTION_SEEN
from lib_vidpaint.model import Frame, Mask
from lib_vidpaint.motion import colour_difference, motion_difference, scaled, with_room
from lib_vidpaint.motion import region_box as box_of

SIZE = (120, 216)


def texture(softness: float, seed: int = 0) -> Frame:
    noise = np.random.default_rng(seed).normal(size=(*SIZE, 3)).astype(np.float32)
    return cv2.normalize(cv2.GaussianBlur(noise, (0, 0), softness), None, 40, 200, cv2.NORM_MINMAX).astype(np.uint8)


def noisy(frame: Frame, deviation: float, seed: int) -> Frame:
    noise = np.random.default_rng(seed).normal(0, deviation, frame.shape)
    return np.clip(frame + noise, 0, 255).astype(np.uint8)


def middle() -> Mask:
    mask = np.zeros(SIZE, np.uint8)
    mask[20:100, 40:170] = 255
    return mask


@pytest.mark.parametrize("shift", [1, 3, 6])
def test_motion_is_the_shift_in_percent_of_the_regions_diagonal(shift: int) -> None:
    frame, mask = texture(3), middle()
    assert motion_difference(frame, np.roll(frame, shift, 1), mask) == pytest.approx(
        shift / np.hypot(80, 130) * 100, rel=0.15
    )


def test_motion_is_the_same_in_a_larger_picture_of_the_same() -> None:
    frame, mask = texture(3), middle()
    moved = np.roll(frame, 4, 1)
    large = [cv2.resize(p, None, fx=3, fy=3, interpolation=cv2.INTER_CUBIC) for p in (frame, moved)]
    large_mask = cv2.resize(mask, None, fx=3, fy=3, interpolation=cv2.INTER_NEAREST)
    assert motion_difference(*large, large_mask) == pytest.approx(motion_difference(frame, moved, mask), rel=0.15)


def test_motion_outside_the_mask_does_not_count() -> None:
    frame, mask = texture(3), middle()
    moved = np.roll(frame, 5, 1)
    moved[10:110, 30:180] = frame[10:110, 30:180]
    assert motion_difference(frame, moved, mask) < 0.2


@pytest.mark.parametrize("softness", [3, 15, None], ids=["texture", "shading", "flat"])
@pytest.mark.parametrize("deviation", [2, 5, 10])
def test_noise_is_below_what_counts_as_seen(softness: float | None, deviation: float) -> None:
    still = np.full((*SIZE, 3), 120, np.uint8) if softness is None else texture(softness)
    a, b, mask = noisy(still, deviation, 1), noisy(still, deviation, 2), middle()
    assert motion_difference(a, b, mask) < MOTION_SEEN
    assert 0 < colour_difference(a, b, mask, mask) < COLOUR_SEEN


def test_colour_is_the_mean_change_in_levels() -> None:
    frame, mask = texture(3), middle()
    assert colour_difference(frame, frame + np.uint8([30, 0, 0]), mask, mask) == pytest.approx(10, abs=0.5)


def test_colour_outside_the_mask_does_not_count() -> None:
    frame, mask = texture(3), middle()
    other = np.where(cv2.dilate(mask, np.ones((9, 9), np.uint8))[..., None] > 0, frame, 255 - frame)
    assert colour_difference(frame, other, mask, mask) == 0


def test_a_subject_is_compared_with_itself_and_not_with_what_it_uncovers() -> None:
    masks, frames = [], []
    for x in (40, 70):
        mask, frame = np.zeros(SIZE, np.uint8), np.full((*SIZE, 3), 250, np.uint8)
        mask[30:90, x : x + 80] = 255
        frame[30:90, x : x + 80] = 60
        masks.append(mask)
        frames.append(frame)
    assert colour_difference(*frames, *masks) < 12


def test_masks_that_do_not_overlap_are_compared_in_both_places() -> None:
    a, b = np.zeros(SIZE, np.uint8), np.zeros(SIZE, np.uint8)
    a[10:50, 10:60], b[60:100, 120:170] = 255, 255
    black, white = np.zeros((*SIZE, 3), np.uint8), np.full((*SIZE, 3), 255, np.uint8)
    assert colour_difference(black, white, a, b) == pytest.approx(255)


@pytest.mark.parametrize("size", [(1, 1), (2, 300), (8, 8), (15, 15), (16, 16), (17, 40), (300, 16)], ids=str)
def test_small_pictures_have_a_value(size: tuple[int, int]) -> None:
    rng = np.random.default_rng(0)
    a, b = (rng.integers(0, 256, (*size, 3), dtype=np.uint8) for _ in range(2))
    mask = np.full(size, 255, np.uint8)
    assert 0 <= colour_difference(a, b, mask, mask) <= 255
    motion = motion_difference(a, b, mask)
    assert np.isfinite(motion)
    assert motion == 0 or min(size) >= 16


def test_an_empty_mask_has_no_difference() -> None:
    frame, empty = texture(3), np.zeros(SIZE, np.uint8)
    assert colour_difference(frame, 255 - frame, empty, empty) == 0
    assert motion_difference(frame, np.roll(frame, 3, 1), empty) == 0


@pytest.mark.parametrize("place", [(0, 0), (60, 100), (119, 215)], ids=str)
def test_a_single_pixel_has_a_value(place: tuple[int, int]) -> None:
    frame, mask = texture(3), np.zeros(SIZE, np.uint8)
    mask[place] = 255
    assert motion_difference(frame, frame, mask) < 0.1
    assert 0 < motion_difference(frame, np.roll(frame, 2, 1), mask) < 100
    assert colour_difference(frame, frame, mask, mask) == 0
    assert colour_difference(frame, 255 - frame, mask, mask) > 0


def test_reducing_keeps_every_speck_of_a_mask() -> None:
    mask = np.zeros((1000, 1000), np.uint8)
    mask[::97, ::89] = 255
    box = box_of(mask)
    assert box is not None
    (small,) = scaled(box, 216, mask)
    assert set(np.unique(small)) == {0, 255}
    assert cv2.connectedComponents(small)[0] == cv2.connectedComponents(mask)[0]


def test_room_around_a_small_region_stays_in_the_picture() -> None:
    mask = np.zeros(SIZE, np.uint8)
    mask[118:, 214:] = 255
    region = box_of(mask)
    assert region is not None
    box = with_room(region, SIZE[1], SIZE[0])
    assert (box.right, box.bottom) == (SIZE[1], SIZE[0])
    assert min(box.width, box.height) >= 24


def test_differences_are_the_same_whatever_was_compared_before() -> None:
    frame, mask = texture(3), middle()
    first = motion_difference(frame, np.roll(frame, 2, 1), mask)
    motion_difference(frame, np.roll(frame, 20, 0), mask)
    assert motion_difference(frame, np.roll(frame, 2, 1), mask) == first
