"""The part of a frame that an engine sees: a box around the region with context, padded to what the engine wants."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np

from .model import Box, Frame, Mask

ENLARGED_AT_MOST = 4.0  # beyond that a painter only sees the blur of its own crop


@dataclass(frozen=True)
class Crop:
    """A box of the frame and the padding (reflected pixels, right and below) that brings it to the engine's multiple."""

    box: Box
    pad_x: int
    pad_y: int

    def cut(self, picture: Frame | Mask) -> Frame | Mask:
        """The crop of a whole frame or mask, padded."""
        part = picture[self.box.slices]
        border = cv2.BORDER_REFLECT if min(part.shape[:2]) > max(self.pad_x, self.pad_y) else cv2.BORDER_REPLICATE
        return cv2.copyMakeBorder(part, 0, self.pad_y, 0, self.pad_x, border)  # pyright: ignore[reportReturnType]

    def size(self, rotation: int) -> tuple[int, int]:
        """(width, height) of the padded crop as it is shown."""
        width, height = self.box.width + self.pad_x, self.box.height + self.pad_y
        return (height, width) if rotation % 180 else (width, height)

    def inner(self, painted: Frame) -> Frame:
        """A painted crop without its padding: the size of the box."""
        return painted[: self.box.height, : self.box.width]


def crop_around(region: Box, width: int, height: int, context: float, smallest: int, multiple: int) -> Crop:
    """The crop around `region` in a picture of width x height.

    It has `context` times the region's longer side more on each side, at least `smallest` pixels a side where the
    picture allows, and sides that are multiples of `multiple` (padded only where the picture ends).
    """
    margin = round(context * max(region.width, region.height))
    x, wide, pad_x = _span(region.x - margin, region.right + margin, width, smallest, multiple)
    y, high, pad_y = _span(region.y - margin, region.bottom + margin, height, smallest, multiple)
    return Crop(Box(x, y, wide, high), pad_x, pad_y)


def _span(start: int, stop: int, limit: int, smallest: int, multiple: int) -> tuple[int, int, int]:
    """(first pixel, pixels inside the picture, pixels of padding) along one axis."""
    length = -(-max(stop - start, smallest) // multiple) * multiple
    if length >= limit:
        return 0, limit, -limit % multiple
    start = (start + stop - length) // 2
    return min(max(start, 0), limit - length), length, 0


def working_size(width: int, height: int, resize: float, native: int, multiple: int) -> tuple[int, int]:
    """The (width, height) at which a crop is painted, in multiples: `resize` times its own.

    With resize 0 it gets as many pixels as a model trained on squares of `native` knows, where it has fewer.
    """
    factor = resize or min(max(1.0, native / math.sqrt(width * height)), ENLARGED_AT_MOST)
    wide, high = (max(1, round(side * factor / multiple)) * multiple for side in (width, height))
    return wide, high


def resized(picture: Frame | Mask, size: tuple[int, int]) -> Frame | Mask:
    """The picture or mask at `size` (width, height)."""
    if picture.shape[1::-1] == size:
        return picture
    smaller = size[0] * size[1] < picture.shape[0] * picture.shape[1]
    method = cv2.INTER_AREA if smaller else cv2.INTER_LANCZOS4 if picture.ndim == 3 else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(picture, size, interpolation=method), np.uint8)
