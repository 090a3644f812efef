"""Whether an edit behaves as the video did: measures inside the mask, always relative to the source.

Every measure has a value that means "as in the source" (1 for ratios, 0 for the others), which a result equal to its
source has exactly. Two-sided ones are bad in both directions: a warping error below the source's own means blur.
A measure that needs the frame before is nan where there is none, or where nothing could be followed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from . import surroundings
from .flow import positions, warp
from .model import Box, Frame, Mask
from .motion import (
    SMALLEST,
    Floats,
    Picture,
    diagonal,
    flow,
    mean_length,
    region_box,
    texture,
    with_room,
)
from .ranking import seam_score

FINE_SIDE = 540
"""Sharpness is looked at in a region that is not much longer than this, in pixels."""
COARSE_SIDE = 288
"""Motion, flicker and seams are looked at in this size. Pictures shrink by whole factors only: that takes a tenth of the
time of any other, and a frame is the same whatever frame it is compared with."""
EPSILON = 0.5
"""Levels added above and below a ratio's line: without, a region without any texture or change divides by nothing."""
RETURN = 1.0
"""Pixels by which flow there and back may miss its start; beyond, the place counts as hidden."""
RING = 0.125
"""Width of the ring beside a region in parts of its longer side, for edits that must behave as their surroundings do."""


@dataclass(frozen=True)
class FrameMeasures:
    """What one frame showed. warp_ratio: warping error along the source's flow, result over source. motion: how far the
    result moves otherwise than the source, in % of the region's diagonal. colour: change of the mean colour since the
    frame before, beyond the source's, in levels. flicker: how much the edit itself changes along the motion, in levels.
    seam: colour step across the region's rim, beyond the source's, in levels. sharpness: mean gradient, result over source.
    """

    index: int
    warp_ratio: float = math.nan
    motion: float = math.nan
    colour: float = math.nan
    seam: float = 0.0
    sharpness: float = 1.0
    flicker: float = math.nan


class _Seen:
    """A frame as it is looked at, in several sizes; the next frame is compared with it."""

    def __init__(self, index: int, source: Frame, result: Frame, mask: Mask) -> None:
        self.index, self._whole = index, (source, result, mask)
        self._small: dict[int, tuple[Picture, ...]] = {}
        self.box = region_box(mask)

    def factor(self, side: int) -> int:
        """How many times smaller the region must be to be about `side` pixels long."""
        return max(1, round(max(self.box.width, self.box.height) / side)) if self.box else 1

    def at(self, factor: int) -> tuple[Picture, ...]:
        """Source, result and mask, that many times smaller; what is left over at the right and below is cut."""
        if factor == 1:
            return self._whole
        if factor not in self._small:
            height, width = (side // factor * factor for side in self._whole[2].shape)
            size = width // factor, height // factor
            made = [cv2.resize(x[:height, :width], size, interpolation=cv2.INTER_AREA) for x in self._whole]
            self._small[factor] = made[0], made[1], cv2.threshold(made[2], 0, 255, cv2.THRESH_BINARY)[1]
        return self._small[factor]


class Validator:
    """Measures frames given in order; keeps only the frame before.

    beside: the source inside the region is no example (something was removed), the ring around it is: its motion is what
    the inside must follow, its warping error, change of colour and sharpness are what theirs are measured against, and
    any step across the rim counts. A frame that is wholly the source's measures as unchanged.
    """

    def __init__(self, beside: bool = False) -> None:
        self.beside = beside
        self._before: _Seen | None = None

    def add(self, index: int, source: Frame, result: Frame, mask: Mask) -> FrameMeasures:
        """The measures of frame `index`: RGB source and result of one size, and the mask of what may differ.

        The frame before counts only when its index is one less; give what belongs to another shot with a gap or to
        another Validator. An empty mask measures as unchanged. The arrays are kept until the next call, not copied.
        """
        now, before = _Seen(index, source, result, mask), self._before
        self._before = now
        if now.box is None or (self.beside and np.array_equal(source, result)):
            return FrameMeasures(index)
        seam, sharpness = _still(now, self.beside)
        if before is None or before.index != index - 1 or before.box is None:
            return FrameMeasures(index, seam=seam, sharpness=sharpness)
        ratio, motion, colour, flicker = (_moving_beside if self.beside else _moving)(*_pair(before, now))
        return FrameMeasures(index, ratio, motion, colour, seam, sharpness, flicker)


Moment = Sequence[Picture]


def _pair(before: _Seen, now: _Seen) -> tuple[Moment, Moment]:
    """Source, result and mask of two frames around both regions."""
    factor = max(now.factor(COARSE_SIDE), before.factor(COARSE_SIDE))
    pictures = before.at(factor), now.at(factor)
    around = region_box(pictures[0][2] | pictures[1][2])
    if around is None:
        return pictures
    height, width = pictures[1][2].shape
    cut = with_room(around, width, height).slices
    here, there = ([np.ascontiguousarray(x[cut]) for x in moment] for moment in pictures)
    return here, there


def _still(now: _Seen, beside: bool) -> tuple[float, float]:
    """(seam, sharpness) of one frame."""
    source, result, mask = now.at(now.factor(FINE_SIDE))
    inside = cv2.erode(mask, np.ones((3, 3), np.uint8))
    inside = inside if cv2.countNonZero(inside) else mask
    example = _ring(mask) if beside else inside
    sharpness = 1.0
    if cv2.countNonZero(example):
        sharpness = _ratio(_gradient(result, inside), _gradient(source, example))
    source, result, mask = now.at(now.factor(COARSE_SIDE))
    seam = seam_score(result, result, mask)
    return seam if beside else seam - seam_score(source, source, mask), sharpness


def _ring(mask: Picture) -> Picture:
    """What lies beside the region but not right at its rim, uint8, 0 or 255."""
    height, width = mask.shape
    box = region_box(mask) or Box(0, 0, width, height)
    wide = max(4, round(RING * max(box.width, box.height)))
    near, far = (cv2.dilate(mask, np.ones((2 * side + 1,) * 2, np.uint8)) for side in (2, wide))
    return cv2.subtract(far, near)


def _moving_beside(before: Moment, now: Moment) -> tuple[float, float, float, float]:
    """`_moving` for a region that must behave as the ring around it does; nan where there is no ring."""
    (source0, result0, mask0), (source1, result1, mask1) = before, now
    back = _camera(source0, source1, mask0, mask1)
    height, width = mask1.shape
    ends = positions(back)
    seen = (ends >= 0).all(axis=2) & (ends[..., 0] <= width - 1) & (ends[..., 1] <= height - 1)
    followed = mask1 * seen.astype(np.uint8)
    ring = _ring(mask1) * (seen & (warp(mask0, back) == 0)).astype(np.uint8)
    if min(height, width) < SMALLEST or not cv2.countNonZero(followed) or not cv2.countNonZero(ring):
        return math.nan, math.nan, math.nan, math.nan
    inner, outer = (_warping_error(*pair, back, where) for pair, where in (
        ((result0, result1), followed), ((source0, source1), ring)
    ))  # fmt: skip
    changes = [x.astype(np.float32) - warp(y, back) for x, y in ((result1, result0), (source1, source0))]
    colour = float(np.mean(np.abs(_mean(changes[0], followed) - _mean(changes[1], ring))))
    painted0, painted1 = (cv2.cvtColor(p, cv2.COLOR_RGB2GRAY) for p in (result0, result1))
    textured = texture(painted1) * (followed > 0)
    departs = mean_length(flow(painted1, painted0) - back, textured, cv2.countNonZero(followed))
    return _ratio(inner, outer), departs / diagonal(mask1) * 100, colour, max(0.0, inner - outer)


def _camera(source0: Picture, source1: Picture, mask0: Picture, mask1: Picture) -> Floats:
    """The motion of what surrounds the region from a frame back to the one before, as a flow."""
    height, width = mask1.shape
    grid = np.stack(np.meshgrid(np.arange(width), np.arange(height)), axis=-1).astype(np.float32)
    matrix = surroundings.motion(source1, source0, mask1, mask0)
    return cv2.perspectiveTransform(grid, matrix) - grid


def _moving(before: Moment, now: Moment) -> tuple[float, float, float, float]:
    """(warp_ratio, motion, colour, flicker) of a frame after the one before it."""
    (source0, result0, mask0), (source1, result1, mask1) = before, now
    colour = float(
        np.mean(np.abs(_mean(result1, mask1) - _mean(result0, mask0) - _mean(source1, mask1) + _mean(source0, mask0)))
    )
    if min(mask1.shape) < SMALLEST:
        return math.nan, math.nan, colour, math.nan
    grey0, grey1, painted0, painted1 = (
        cv2.cvtColor(p, cv2.COLOR_RGB2GRAY) for p in (source0, source1, result0, result1)
    )
    back, forth = flow(grey1, grey0), flow(grey0, grey1)
    followed = cv2.bitwise_and(mask1, _followed(back, forth, mask0))
    if cv2.countNonZero(followed) < 0.01 * cv2.countNonZero(mask1):
        return math.nan, math.nan, colour, math.nan
    ratio = _ratio(_warping_error(result0, result1, back, followed), _warping_error(source0, source1, back, followed))
    textured = np.minimum(texture(grey1), texture(painted1)) * (followed > 0)
    departs = mean_length(flow(painted1, painted0) - back, textured, cv2.countNonZero(followed))
    changed = _flicker((source0, result0), (source1, result1), back, followed)
    return ratio, departs / diagonal(mask1) * 100, colour, changed


def _mean(picture: Picture, mask: Picture) -> Floats:
    return np.array(cv2.mean(picture, mask)[:3], np.float32)


def _gradient(picture: Picture, mask: Picture) -> float:
    """Mean length of the grey gradient inside the mask, in levels per pixel."""
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    along = [cv2.Sobel(grey, cv2.CV_32F, *order, ksize=3, scale=1 / 8) for order in ((1, 0), (0, 1))]
    return cv2.mean(cv2.magnitude(*along), mask)[0]


def _followed(back: Floats, forth: Floats, mask: Picture) -> Picture:
    """Where the flow back lands inside the mask of the frame before and the flow forth returns: uint8, 0 or 255."""
    missed = back + warp(forth, back)
    returns = (missed**2).sum(axis=2) < RETURN**2
    ends, (height, width) = positions(back), mask.shape
    seen = (ends >= -0.5).all(axis=2) & (ends[..., 0] <= width - 0.5) & (ends[..., 1] <= height - 0.5)
    return (returns & seen & (warp(mask, back) > 127)).astype(np.uint8) * 255


def _warping_error(before: Picture, now: Picture, back: Floats, mask: Picture) -> float:
    """Mean absolute difference, in levels, of a picture from the one before, pulled along the flow."""
    return float(np.mean(cv2.mean(cv2.absdiff(now, warp(before, back)), mask)[:3]))


def _flicker(before: tuple[Picture, Picture], now: tuple[Picture, Picture], back: Floats, mask: Picture) -> float:
    """How much an edit changes along the flow, in levels; (source, result) pairs. Place by place the smaller of the change
    of the result and of that of its difference to the source: paint may cover the source's changes or ride on them."""
    pixels = now[1].astype(np.float32) - warp(before[1], back)
    change = pixels - (now[0].astype(np.float32) - warp(before[0], back))
    least = np.minimum(*(np.abs(cv2.blur(x, (3, 3))) for x in (pixels, change)))
    return float(np.mean(cv2.mean(least, mask)[:3]))


def _ratio(result: float, source: float) -> float:
    return (result + EPSILON) / (source + EPSILON)
