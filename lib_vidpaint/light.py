"""Automatic light: what a shot's frames have in common is corrected for, so that a correction itself never flickers.

Levels and brightness are one correction for a whole shot. Exposure follows slow changes only: a flash of a few frames goes
through a running median and stays what it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from .grading import Floats
from .model import Frame

Numbers = NDArray[np.float64]
BLACK, WHITE = 0.5, 99.5
"""Percentiles of luma that become black and white."""
GREY = 0.46
"""The mean that a picture of usual brightness has, of 0..1."""
FLASH, SLOW = 1.0, 1.0
"""Seconds: what lasts less than half of FLASH is left alone; changes are followed with a deviation of SLOW."""
SAME = 1.1
"""A factor between two means below which the light counts as the same."""
FARTHEST = 2.0
"""No automatic gain or gamma goes beyond this factor."""


@dataclass(frozen=True)
class Light:
    """Luma of one frame on 0..1: its black and white ends and its mean."""

    black: float
    mean: float
    white: float


@dataclass(frozen=True)
class Curve:
    """out = ((code - black) * gain) ** gamma on 0..1: what the automatic corrections do to a frame, the same to each colour."""

    black: float = 0.0
    gain: float = 1.0
    gamma: float = 1.0

    def table(self) -> Floats:
        """float32 (256, 3), 0..255."""
        codes = np.clip((np.arange(256, dtype=np.float32) / 255 - self.black) * self.gain, 0, 1) ** self.gamma
        return np.repeat(np.asarray(255 * codes, np.float32)[:, None], 3, axis=1)


def light(picture: Frame) -> Light:
    """The light of an RGB picture."""
    luma = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    counts = np.cumsum(np.bincount(luma.ravel(), minlength=256)) / luma.size
    black, white = (int(np.searchsorted(counts, share / 100)) for share in (BLACK, WHITE))
    return Light(black / 255, float(luma.mean()) / 255, white / 255)


def curves(
    lights: Sequence[Light], fps: float, levels: float = 0.0, brightness: float = 0.0, exposure: float = 0.0
) -> list[Curve]:
    """The corrections of the frames of one shot; each strength is 0 (off) to 1.

    levels: the shot's black and white ends (medians over its frames) become black and white. brightness: the shot's mean
    is brought to GREY by a gamma. exposure: every frame's slowly changing mean is brought to the shot's own by a gain.
    """
    if not lights:
        return []
    black = levels * float(np.median([found.black for found in lights]))
    white = 1 - levels * (1 - float(np.median([found.white for found in lights])))
    gain = min(FARTHEST, 1 / max(white - black, 1e-3))
    means = smooth(np.array([found.mean for found in lights]), fps)
    shot = float(np.median(means))
    even = np.clip((shot / np.maximum(means, 1e-3)) ** exposure, 1 / FARTHEST, FARTHEST)
    middle = min(max((shot - black) * gain, 0.02), 0.98)
    gamma = float(np.clip((np.log(GREY) / np.log(middle)) ** brightness, 1 / FARTHEST, FARTHEST))
    return [Curve(round(black, 5), round(gain * float(factor), 5), round(gamma, 5)) for factor in even]


def joined(shots: Sequence[range], lights: Sequence[Light], fps: float) -> list[range]:
    """The shots as far as light is concerned: neighbours whose light is the same on both sides of the cut are one.

    A flash looks like a cut to those who look for cuts, and so do new things in the region.
    """
    reach, found = max(1, round(FLASH * fps / 2)), list(shots[:1])
    for shot in shots[1:]:
        sides = found[-1][-reach:], shot[:reach]
        before, after = (float(np.median([lights[index].mean for index in side])) + 1e-3 for side in sides)
        if max(before, after) / min(before, after) < SAME:
            found[-1] = range(found[-1].start, shot.stop)
        else:
            found.append(shot)
    return found


def smooth(values: Numbers, fps: float) -> Numbers:
    """A measure of a shot's frames without what is short: a running median of FLASH seconds, then a Gaussian of SLOW;
    beyond its ends a trend goes on."""
    reach = max(1, round(FLASH * fps / 2))
    padded = np.pad(values, reach, mode="symmetric") if len(values) > reach else np.pad(values, reach, mode="edge")
    middle = np.median(np.lib.stride_tricks.sliding_window_view(padded, 2 * reach + 1), axis=1)
    far = round(3 * SLOW * fps)
    # Turned round at the ends, a trend goes on; mirrored, it would be half flat there.
    trend = (
        np.pad(middle, far, mode="reflect", reflect_type="odd") if len(middle) > 1 else np.pad(middle, far, mode="edge")
    )
    weights = cv2.getGaussianKernel(2 * far + 1, SLOW * fps)[:, 0]
    return np.asarray(np.convolve(trend, weights, mode="valid"), np.float64)
