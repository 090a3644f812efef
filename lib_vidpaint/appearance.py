"""What an object looks like beside its surroundings: histograms of both, learned as one goes along.

The log odds of a pixel come from its colour, and from how far it differs from the background plate (what neighbouring
frames, aligned by the camera's motion, show at its place): something that moves on its own stands out there.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from .blending import Floats
from .model import Frame

BINS = 24
"""Per colour channel (Lab)."""
STEPS, STEP = 20, 3.0
"""Differences from the plate are counted in so many steps of this size."""
MOST = 4.0
"""Colour counts for no more than this (log odds)."""
SWAY = 3.0
"""What differs from the plate may be the object's place at another moment: colour outweighs it."""
MOVES = 20.0
"""What differs this much from every frame around is no such place: it outweighs colour, by up to CERTAIN."""
CERTAIN = 4.0
RARE = 2e-5
"""The share that a colour never seen is taken to have."""


@dataclass
class Appearance:
    """Colours and differences of object and surroundings, each a histogram that sums to 1."""

    object: Floats = field(default_factory=lambda: np.zeros(BINS**3, np.float32))
    around: Floats = field(default_factory=lambda: np.zeros(BINS**3, np.float32))
    moving: Floats = field(default_factory=lambda: np.zeros(STEPS + 2, np.float32))

    def learn(self, colours: NDArray[np.int32], differences: NDArray[np.int32], mask: Floats, rate: float) -> None:
        """Take in a frame: its `colour_bins`, `difference_bins` and mask, 0 to 1. rate: how much of what was known goes."""
        inside, outside = (mask > 0.8).astype(np.float32), (mask < 0.2).astype(np.float32)
        if inside.sum() < 12 or outside.sum() < 12:
            return
        first = not self.object.any()
        self.object = _mixed(self.object, _colours(colours, inside), 1.0 if first else rate)
        self.around = _mixed(self.around, _colours(colours, outside), 1.0 if first else max(rate, 0.4))
        ratio = _log_ratio(_steps(differences, inside), _steps(differences, outside))
        self.moving = _mixed(self.moving, ratio, 1.0 if first else 0.2)

    def log_odds(self, colours: NDArray[np.int32], differences: NDArray[np.int32]) -> Floats:
        """How much likelier each pixel belongs to the object than not, as a logarithm; float32 of their shape."""
        ratio = np.log((self.object + RARE) / (self.around + RARE))
        most = np.full(STEPS + 2, SWAY)
        most[STEPS + 1] = CERTAIN
        odds = np.clip(ratio, -MOST, MOST)[colours] + np.clip(self.moving, -SWAY, most)[differences]
        return odds.astype(np.float32)

    def likeness(self, colours: NDArray[np.int32], mask: Floats) -> float:
        """How like the object what lies under a mask is in colour: 0 to 1 (Bhattacharyya)."""
        if mask.sum() < 1:
            return 0.0
        return float(np.sqrt(self.object * _colours(colours, mask)).sum())


def colour_bins(frame: Frame) -> NDArray[np.int32]:
    """The histogram bin of every pixel's colour."""
    lab = cv2.cvtColor(frame, cv2.COLOR_RGB2LAB).astype(np.int32) * BINS // 256
    return (lab[..., 0] * BINS + lab[..., 1]) * BINS + lab[..., 2]


def difference_bins(differences: Floats, least: Floats) -> NDArray[np.int32]:
    """The histogram bin of every difference from the plate: STEPS where there is no plate, STEPS + 1 where the `least`
    difference from the frames around is above MOVES."""
    known = np.minimum(np.nan_to_num(differences) / STEP, STEPS - 1).astype(np.int32)
    known[np.isnan(differences)] = STEPS
    known[least > MOVES] = STEPS + 1
    return known


def _colours(bins: NDArray[np.int32], weight: Floats) -> Floats:
    """The histogram, its colours spread to their neighbours so that noise does not make new ones."""
    cube = np.bincount(bins.ravel(), weight.ravel(), BINS**3).reshape(BINS, BINS, BINS)
    for axis in range(3):
        spread = cube.copy()
        for to, of in ((slice(1, None), slice(None, -1)), (slice(None, -1), slice(1, None))):
            at = [slice(None)] * 3
            at[axis] = to
            source = [slice(None)] * 3
            source[axis] = of
            spread[tuple(at)] += 0.5 * cube[tuple(source)]
        cube = spread
    return (cube.ravel() / max(cube.sum(), 1e-9)).astype(np.float32)


def _steps(bins: NDArray[np.int32], weight: Floats) -> Floats:
    """The histogram, the steps smoothed; one for the bin without a plate, which tells nothing."""
    counts = np.bincount(bins.ravel(), weight.ravel(), STEPS + 2) + 1
    smooth = np.convolve(np.pad(counts[:STEPS], 1, "edge"), (0.25, 0.5, 0.25), "valid")
    total = smooth.sum() + counts[STEPS + 1]
    return np.concatenate([smooth / total, [1, counts[STEPS + 1] / total]]).astype(np.float32)


def _log_ratio(a: Floats, b: Floats) -> Floats:
    return np.log(a / b).astype(np.float32)


def _mixed(old: Floats, new: Floats, rate: float) -> Floats:
    return ((1 - rate) * old + rate * new).astype(np.float32)
