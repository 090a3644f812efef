"""What an engine did to the whole picture, seen on the ring around the region, where nothing was to change."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from .blending import Floats, masked_mean
from .model import Box, Frame, Mask
from .motion import region_box, scaled

SIDE = 256
"""Longest side, in pixels, of the crops as they are compared; all lengths below are of that size."""
NEAREST = 3
"""Pixels beside the region that are not looked at: a painter's edit reaches a little beyond its mask."""
WIDEST = 0.2
"""Width of the ring in parts of the region's longer side, and at least LEAST pixels."""
LEAST = 12
SMOOTH = 1.5
"""Deviation of the blur, in pixels, before pictures are compared: a bend of 1 to 2 pixels must not look like less contrast."""
DOUBT = 36.0
"""Variance, in squared levels, that the ring must show beyond its own mean before it says something of the gain."""
ROUNDS, OUTSIDE = 6, 2.5
"""How often the fit is repeated without what lies farther off than so many (robust) deviations."""
FEWEST = 200
"""Pixels of ring below which nothing is corrected."""
ALIKE = 0.5
"""Least correlation of both rings where the source's shows anything: less, and the painter made another picture."""
STEEPEST, LARGEST = 1.5, 48.0
"""Gain (or one over it) and shift in levels beyond which a difference is no cast, and is left."""


def gain_and_offset(source: Frame, painted: Frame, region: Mask) -> tuple[Floats, Floats]:
    """(gain, offset) of each colour so that `painted` is about gain * source + offset beside the region, (3,) each.

    Pictures are uint8 (H, W, 3) of one size, the region (H, W). Robust least squares of blurred samples; the gain is drawn
    to 1 where the ring is too even to show it. (1, 0) where there is too little beside the region, or another picture.
    """
    height, width = region.shape
    source, painted, region = scaled(Box(0, 0, width, height), SIDE, source, painted, region)
    ring = _ring(region)
    gain, offset = np.ones(3), np.zeros(3)
    if np.count_nonzero(ring) < FEWEST:
        return gain, offset
    weight = (region == 0).astype(np.float32)
    here, there = (masked_mean(x.astype(np.float32), weight, SMOOTH)[ring] for x in (source, painted))
    fair = ((painted > 2) & (painted < 253))[ring]
    for colour in range(3):
        gain[colour], offset[colour] = _fitted(here[:, colour], there[:, colour], fair[:, colour])
    return gain, offset


def _fitted(x: Floats, y: Floats, fair: NDArray[np.bool_]) -> tuple[float, float]:
    """Gain and offset of one colour from its samples `y` over the source's `x`, without what does not fit."""
    used, gain, offset = fair, 1.0, 0.0
    for _ in range(ROUNDS):
        if np.count_nonzero(used) < FEWEST:
            return 1.0, 0.0
        gain, offset = _line(x[used], y[used])
        off = np.abs(y - gain * x - offset)
        used = fair & (off <= OUTSIDE * max(1.0, 1.4826 * float(np.median(off[used]))))
    shift = (gain - 1) * float(x[used].mean()) + offset
    another = x[fair].var() > DOUBT and not np.corrcoef(x[fair], y[fair])[0, 1] > ALIKE
    if another or not 1 / STEEPEST <= gain <= STEEPEST or abs(shift) > LARGEST:
        return 1.0, 0.0
    return gain, offset


def without_cast(source: Frame, painted: Frame, region: Mask) -> Frame:
    """The painted picture with the gain and offset that it has beside the region undone; sizes as `gain_and_offset`."""
    gain, offset = gain_and_offset(source, painted, region)
    codes = np.arange(256)[:, None]
    table = np.clip(np.rint((codes - offset) / gain), 0, 255).astype(np.uint8)
    return np.asarray(cv2.LUT(painted, table[:, None, :]), np.uint8)


def _ring(region: Mask) -> NDArray[np.bool_]:
    box = region_box(region)
    if box is None:
        return np.zeros(region.shape, bool)
    away = cv2.distanceTransform((region == 0).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5)
    return (away > NEAREST) & (away <= NEAREST + max(LEAST, WIDEST * max(box.width, box.height)))


def _line(x: Floats, y: Floats) -> tuple[float, float]:
    mean_x, mean_y = float(x.mean()), float(y.mean())
    shared, variance = float(((x - mean_x) * (y - mean_y)).mean()), float(((x - mean_x) ** 2).mean())
    gain = (shared + DOUBT) / (variance + DOUBT)
    return gain, mean_y - gain * mean_x
