from __future__ import annotations

from collections.abc import Iterable, Iterator
from fractions import Fraction

import cv2
import numpy as np
import pytest

from lib_vidpaint.model import Frame
from lib_vidpaint.shots import ShotDetector


def shot_starts(frames: Iterable[Frame], fps: Fraction | float) -> list[int]:
    detector = ShotDetector(fps)
    for frame in frames:
        detector.add(frame)
    return detector.starts


def shot(seed: int, length: int, pan: int = 1, size: tuple[int, int] = (135, 240)) -> Iterator[Frame]:
    """A camera that pans over a picture of its own colours."""
    rng = np.random.default_rng(seed)
    noise = cv2.GaussianBlur(rng.normal(size=(size[0], 600, 3)).astype(np.float32), (0, 0), 5)
    colours = cv2.normalize(noise, None, 0, 90, cv2.NORM_MINMAX) + rng.integers(0, 160, 3)
    for n in range(length):
        yield np.ascontiguousarray(np.roll(colours, n * pan, 1)[:, : size[1]]).clip(0, 255).astype(np.uint8)


def clip(*shots: Iterator[Frame]) -> list[Frame]:
    return [frame for frames in shots for frame in frames]


@pytest.mark.parametrize("fps", [Fraction(25), Fraction(30000, 1001), 12.5, Fraction(60)], ids=str)
def test_cuts_are_found_to_the_frame(fps: Fraction | float) -> None:
    assert shot_starts(clip(shot(1, 31), shot(2, 20), shot(3, 24)), fps) == [0, 31, 51]


@pytest.mark.parametrize("pan", [0, 1, 8], ids=["still", "slow", "fast"])
def test_one_take_is_one_shot(pan: int) -> None:
    assert shot_starts(shot(1, 40, pan), 25) == [0]


def test_a_flash_is_one_cut_at_most() -> None:
    frames = clip(shot(1, 30))
    frames[15] = np.full_like(frames[15], 255)
    assert len(shot_starts(frames, 25)) <= 2


@pytest.mark.parametrize("size", [(1, 1), (16, 16), (9, 300), (480, 270)], ids=str)
def test_any_size_of_frame(size: tuple[int, int]) -> None:
    frames = [np.full((*size, 3), 30 if n < 20 else 220, np.uint8) for n in range(40)]
    assert shot_starts(frames, 25) == [0, 20]


def test_nothing_and_one_frame() -> None:
    assert shot_starts([], 25) == []
    assert shot_starts([np.zeros((9, 16, 3), np.uint8)], 25) == [0]


def test_a_cut_is_known_two_frames_later() -> None:
    detector = ShotDetector(25)
    said = [detector.add(frame) for frame in clip(shot(1, 20), shot(2, 20))]
    assert [n for n, found in enumerate(said) if found] == [20 + ShotDetector.DELAY]
    assert detector.starts == [0, 20]
