"""The part of a frame that an engine sees: a box around the region with context, padded to what the engine wants."""

from __future__ import annotations

from dataclasses import dataclass

import cv2

from .model import Box, Frame, Mask


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
