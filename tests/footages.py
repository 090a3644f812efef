"""Made-up clips for the tests of keyframes: frames that can be opened again and again, with known shots."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice

import cv2
import numpy as np

from lib_vidpaint.footage import Footage, segmented
from lib_vidpaint.model import Frame, Mask
from lib_vidpaint.motion import region_box
from lib_vidpaint.prediction import prices

SIZE = (90, 160)


def mask(on: bool = True) -> Mask:
    made = np.zeros(SIZE, np.uint8)
    made[20:70, 40:120] = 255 * on
    return made


def texture(seed: int = 0) -> Frame:
    noise = np.random.default_rng(seed).normal(size=(*SIZE, 3)).astype(np.float32)
    return cv2.normalize(cv2.GaussianBlur(noise, (0, 0), 3), None, 40, 200, cv2.NORM_MINMAX).astype(np.uint8)


def moving(length: int, speed: float = 1.5) -> list[Frame]:
    picture = texture()
    return [np.roll(picture, round(n * speed), 1) for n in range(length)]


def noisy(length: int, deviation: float) -> list[Frame]:
    rng = np.random.default_rng(3)
    return [np.clip(texture() + rng.normal(0, deviation, (*SIZE, 3)), 0, 255).astype(np.uint8) for _ in range(length)]


class Clip:
    """Frames and masks; counts how often it was opened."""

    def __init__(self, frames: Sequence[Frame], masks: Sequence[Mask] | None = None) -> None:
        self.pairs = list(zip(frames, masks or [mask()] * len(frames)))
        self.opened = 0

    def __call__(self) -> Iterator[tuple[Frame, Mask]]:
        self.opened += 1
        return iter(self.pairs)


def footage(
    clip: Clip | Sequence[Frame],
    starts: Sequence[int] = (0,),
    shown: Sequence[bool] | None = None,
    priced: bool = True,
    listed: Sequence[int] = (),
) -> Footage:
    """The clip as a rule gets it; without `priced` there is nothing to predict from."""
    clip = clip if isinstance(clip, Clip) else Clip(clip)
    seen = [bool(m.any()) for _, m in clip.pairs] if shown is None else shown
    boxes = [region_box(m) for _, m in clip.pairs]
    segments, sides = segmented(starts, seen, [max(box.width, box.height) if box else 0 for box in boxes])
    every, found = enumerate(clip.pairs), []
    for segment, side in zip(segments, sides) if priced else ():
        every = ((n, pair) for n, pair in enumerate(clip.pairs) if n >= segment.start)
        found.append(prices(((n, *pair) for n, pair in islice(every, segment.stop - segment.start)), side))
    return Footage(clip, len(clip.pairs), segments, found, listed)
