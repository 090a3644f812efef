"""How far apart two frames are inside a mask: in colour and in motion.

Both look only at the mask's box, made at most `SIDE` pixels long, so their cost does not grow with the video. A clip
that stands still must measure (nearly) nothing although it has noise: colours are compared after a blur, motion is
taken only where there is texture that can carry it.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from .model import Box, Frame, Mask

Picture = NDArray[Any]
Floats = NDArray[np.float32]

SIDE = 216
"""Longest side, in pixels, at which two frames are compared."""
SMALLEST = 16
"""Pictures with a shorter side hold no motion that can be measured: DIS matches patches of 8 pixels in a pyramid."""
ROOM = 48
"""A small region is compared together with its surroundings in a box of at least this size: DIS needs a context."""
BLUR = 5
"""Side of the box blur, in compared pixels: noise of deviation 5 then differs by 1.1 levels instead of 5.7."""
WINDOW = 15
"""Side of the window, in compared pixels, in which texture is looked for."""
FAINT, CLEAR = 2.0, 6.0
"""Texture whose deviation is below the first counts as none, above the second as full; noise of deviation 10 leaves 2
levels after the blur. Without this DIS finds 5 pixels of motion in the noise of a flat wall."""


def colour_difference(a: Frame, b: Frame, mask_a: Mask, mask_b: Mask) -> float:
    """How far the colours of `b` are from those of `a`, place by place, as the mean of absolute differences in 0..255.

    Frames are RGB of one size with a mask each. The mean runs over the pixels in both masks, so that a subject is
    compared with itself and not with the background it uncovers (which is motion); over the pixels in either mask when
    they do not overlap; and is 0 when both are empty.
    """
    mask = cv2.bitwise_and(mask_a, mask_b)
    if not cv2.countNonZero(mask):
        mask = cv2.bitwise_or(mask_a, mask_b)
    box = region_box(mask)
    if box is None:
        return 0.0
    a, b, mask = scaled(box, SIDE, a, b, mask)
    return float(np.mean(cv2.mean(cv2.absdiff(cv2.blur(a, (BLUR, BLUR)), cv2.blur(b, (BLUR, BLUR))), mask)[:3]))


def motion_difference(a: Frame, b: Frame, mask: Mask) -> float:
    """How far the content of `a` inside its mask has moved in `b`: mean flow length in % of the region's diagonal.

    Frames are RGB of one size. 0 when the mask is empty, the frames are smaller than `SMALLEST` pixels, or the region
    has no texture; a diagonal below `SMALLEST` compared pixels counts as that.
    """
    region = region_box(mask)
    if region is None:
        return 0.0
    height, width = mask.shape
    a, b, mask = scaled(with_room(region, width, height), SIDE, a, b, mask)
    if min(mask.shape) < SMALLEST:
        return 0.0
    grey = cv2.cvtColor(a, cv2.COLOR_RGB2GRAY)
    field = flow(grey, cv2.cvtColor(b, cv2.COLOR_RGB2GRAY))
    return mean_length(field, texture(grey) * (mask > 0), cv2.countNonZero(mask)) / diagonal(mask) * 100


def flow(a: Picture, b: Picture) -> Floats:
    """Where each pixel of `a` lies in `b`: float32 (H, W, 2) of x and y displacements in pixels (DIS, ultrafast).

    `a` and `b` are grey uint8 (H, W), no side below `SMALLEST`. A new DIS object every time costs 0.005 ms and
    shares nothing between threads.
    """
    searcher = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST)
    return np.asarray(searcher.calc(a, b, None), np.float32)  # pyright: ignore[reportCallIssue, reportArgumentType]


def mean_length(field: Floats, weight: Floats, area: int) -> float:
    """The weighted mean length, in pixels, of a displacement field (H, W, 2); 0 when the weights sum to under 1 % of
    `area`, a number of pixels: then too little was seen to speak of a motion.
    """
    total = float(weight.sum())
    if total <= 0.01 * area:
        return 0.0
    return float((cv2.magnitude(field[..., 0], field[..., 1]) * weight).sum()) / total


def region_box(mask: Picture) -> Box | None:
    """The smallest box around the mask's non-zero pixels; None when there are none."""
    x, y, width, height = cv2.boundingRect(mask)
    return Box(x, y, width, height) if width and height else None


def with_room(region: Box, width: int, height: int) -> Box:
    """The box with an eighth more on every side, and at least `ROOM` pixels long, inside a picture of width x height."""
    side = max(region.width, region.height)
    return region.grown(max(side // 8, (ROOM - min(region.width, region.height) + 1) // 2, 4), width, height)


def scaled(box: Box, side: int, *pictures: Picture) -> list[Picture]:
    """The pictures' boxes, made smaller when longer than `side` pixels; masks, (H, W), stay 0 or 255 and lose no speck."""
    shrink = side / max(box.width, box.height)
    crops = [picture[box.slices] for picture in pictures]
    if shrink >= 1:
        return crops
    size = max(1, round(box.width * shrink)), max(1, round(box.height * shrink))
    return [_shrunk(crop, size) for crop in crops]


def diagonal(mask: Picture) -> float:
    """Length in pixels of the diagonal of the mask's box, at least `SMALLEST`."""
    _, _, width, height = cv2.boundingRect(mask)
    return max(float(np.hypot(width, height)), float(SMALLEST))


def texture(grey: Picture) -> Floats:
    """Whether the surroundings of each pixel of a grey picture have the texture to show a motion: float32 0..1."""
    smooth = cv2.blur(grey, (BLUR, BLUR)).astype(np.float32)
    mean = cv2.blur(smooth, (WINDOW, WINDOW))
    variance = cv2.blur(smooth * smooth, (WINDOW, WINDOW)) - mean * mean
    deviation = np.sqrt(np.maximum(variance, 0))
    return np.clip((deviation - FAINT) / (CLEAR - FAINT), 0, 1).astype(np.float32)


def _shrunk(crop: Picture, size: tuple[int, int]) -> Picture:
    small = cv2.resize(crop, size, interpolation=cv2.INTER_AREA)
    return small if crop.ndim == 3 else cv2.threshold(small, 0, 255, cv2.THRESH_BINARY)[1]
