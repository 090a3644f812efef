"""The motion of a region's background where other things move in the picture as well, and what is carried along it."""

from __future__ import annotations

from itertools import pairwise

import cv2
import numpy as np
import pytest
from scenes import world

from lib_vidpaint import surroundings
from lib_vidpaint.backdrop import motion
from lib_vidpaint.model import Frame, Mask
from lib_vidpaint.surroundings import filled

SIZE = (200, 160)
MIDDLE = np.array([60.0, 60.0, 1.0])


def seen(picture: Frame, way: np.ndarray, noise: int = 0) -> Frame:
    """What a camera sees of a picture: `way` leads from its pixels to the picture's."""
    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    frame = cv2.warpPerspective(picture, way, SIZE, flags=flags).astype(np.float32)
    return np.clip(frame + np.random.default_rng(noise).normal(0, 1, frame.shape), 0, 255).astype(np.uint8)


def shift(x: float, y: float) -> np.ndarray:
    return np.array([[1, 0, x], [0, 1, y], [0, 0, 1.0]])


def hole() -> Mask:
    mask = np.zeros(SIZE[::-1], np.uint8)
    cv2.circle(mask, (60, 60), 16, 255, -1)
    return mask


def apart(found: np.ndarray, true: np.ndarray) -> float:
    """Pixels between where the two put the middle of the hole."""
    a, b = found @ MIDDLE, true @ MIDDLE
    return float(np.abs(a[:2] / a[2] - b[:2] / b[2]).max())


def with_runner(frame: Frame, x: int, y: int) -> Frame:
    """The frame with something sharper and larger than its background, right beside the hole."""
    crowd = np.random.default_rng(7).integers(60, 200, (40, 30, 3), np.uint8).repeat(3, 0).repeat(3, 1)
    result = frame.copy()
    result[20 + y : 140 + y, 84 + x : 174 + x] = crowd
    return result


@pytest.mark.parametrize(
    "way",
    [shift(0, 0), shift(3.3, -1.6), shift(-14, 5), np.array([[1.02, 0.01, -3], [-0.01, 1.02, 2], [0, 0, 1.0]])],
    ids=["none", "part of a pixel", "far", "zoom and turn"],
)
def test_the_cameras_motion_is_found(way: np.ndarray) -> None:
    picture, start = world(300, 260), shift(40, 40)
    a, b = seen(picture, start), seen(picture, start @ np.linalg.inv(way), 1)
    assert apart(motion(a, b, hole(), hole()), way) < 0.25


def test_a_runner_beside_the_hole_does_not_lead_astray() -> None:
    haze = cv2.GaussianBlur(world(300, 260), (0, 0), 1.5)
    haze = np.clip(0.8 * haze.astype(np.float32) + 25, 0, 255).astype(np.uint8)
    a = with_runner(seen(haze, shift(40, 40)), 0, 0)
    b = with_runner(seen(haze, shift(39, 40), 1), 7, -6)
    assert apart(motion(a, b, hole(), hole()), shift(1, 0)) < 0.4


def test_nothing_moves_where_nothing_can_be_seen() -> None:
    flat = np.full((*SIZE[::-1], 3), 90, np.uint8)
    assert np.array_equal(motion(flat, flat, hole(), hole()), np.eye(3))
    assert np.array_equal(motion(flat, flat, hole(), hole(), shift(4, 0)), shift(4, 0))


def test_a_still_camera_is_exactly_still() -> None:
    picture = world(300, 260)
    a, b = seen(picture, shift(40, 40)), seen(picture, shift(40, 40), 1)
    assert np.array_equal(motion(a, b, hole(), hole(), shift(0.05, -0.03)), np.eye(3))


def test_a_mask_over_everything_leaves_the_guess() -> None:
    frame, full = seen(world(300, 260), shift(40, 40)), np.full(SIZE[::-1], 255, np.uint8)
    assert np.array_equal(motion(frame, frame, full, full, shift(5, 5)), shift(5, 5))


def test_a_change_of_light_is_no_motion() -> None:
    a = seen(world(300, 260), shift(40, 40))
    b = np.clip(a.astype(int) + 25, 0, 255).astype(np.uint8)
    assert apart(motion(a, b, hole(), hole()), np.eye(3)) < 0.05


def test_a_painted_key_that_does_not_meet_the_surroundings_gives_way_to_them() -> None:
    """A logo over a car, then over smoke: the car's inside must not be carried into the smoke in the logo's shape."""
    car, smoke = (
        world(200, 160, seed=3),
        np.clip(world(200, 160, seed=4).astype(int) // 8 + 170, 0, 255).astype(np.uint8),
    )
    logo = np.zeros(SIZE[::-1], np.uint8)
    cv2.circle(logo, (90, 80), 40, 255, 10)
    before, after = (filled(frame, logo, [(car, logo)], [np.eye(3)], [1.0]) for frame in (car, smoke))
    inside = logo > 0
    assert np.abs(before - car)[inside].mean() < 1
    assert np.abs(after - smoke)[inside].mean() < 6
    assert np.abs(car.astype(float) - smoke)[inside].mean() > 50


def test_one_wrong_motion_to_the_key_does_not_make_the_fill_leap(monkeypatch: pytest.MonkeyPatch) -> None:
    """Steps between frames that drift, and motions to the key that are right but for one."""
    true = [shift(0.8 * i, 0) for i in range(12)]
    frames = [(np.full((*SIZE[::-1], 3), i, np.uint8), hole()) for i in range(12)]

    def found(a: Frame, b: Frame, mask_a: Mask, mask_b: Mask, guess: np.ndarray | None = None) -> np.ndarray:
        now, then = int(a[0, 0, 0]), int(b[0, 0, 0])
        if guess is None:
            return shift(0.85, 0)
        return shift(6, -4) @ true[now] if now == 6 else true[now] @ np.linalg.inv(true[then])

    monkeypatch.setattr(surroundings, "motion", found)
    ways = surroundings.chain(frames[0], frames[1:])
    assert len(ways) == 11
    assert all(apart(way, right) < 0.35 for way, right in zip(ways, true[1:]))
    steps = [apart(b, a) for a, b in pairwise(ways)]
    assert max(steps) - min(steps) < 0.3


def test_a_still_camera_needs_no_resampling() -> None:
    picture = world(300, 260)
    frames = [(seen(picture, shift(40, 40), i), hole()) for i in range(4)]
    assert all(np.array_equal(way, np.eye(3)) for way in surroundings.chain(frames[0], frames[1:]))
    assert surroundings.chain(frames[0], []) == []
