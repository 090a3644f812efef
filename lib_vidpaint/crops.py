"""The part of a frame that an engine sees: a window, padded by reflection where it leaves the picture."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np

from .model import Box, Frame, Mask

ENLARGED_AT_MOST = 4.0  # beyond that a painter only sees the blur of its own crop


@dataclass(frozen=True)
class Crop:
    """A window of the frame as it is stored: `box` is what of it lies in the picture, `pad` the reflected pixels beyond
    that, (left, top, right, bottom). An engine gets it at `shown` (width, height), None: as it is."""

    box: Box
    pad: tuple[int, int, int, int] = (0, 0, 0, 0)
    shown: tuple[int, int] | None = None

    @property
    def window(self) -> Box:
        """The whole window; it may begin before the picture and end beyond it."""
        left, top, right, bottom = self.pad
        box = self.box
        return Box(box.x - left, box.y - top, box.width + left + right, box.height + top + bottom)

    def cut(self, picture: Frame | Mask) -> Frame | Mask:
        """The crop of a whole frame or mask, padded."""
        left, top, right, bottom = self.pad
        return cv2.copyMakeBorder(picture[self.box.slices], top, bottom, left, right, cv2.BORDER_REFLECT)  # pyright: ignore[reportReturnType]

    def seen(self, picture: Frame | Mask) -> Frame | Mask:
        """The crop of a whole frame or mask as an engine gets it."""
        part = self.cut(picture)
        return part if self.shown is None else resized(part, self.shown)

    def size(self, rotation: int) -> tuple[int, int]:
        """(width, height) of the padded crop as it is shown to people."""
        window = self.window
        return (window.height, window.width) if rotation % 180 else (window.width, window.height)

    def inner(self, painted: Frame) -> Frame:
        """A painted crop without its padding: the size of the box."""
        left, top, _, _ = self.pad
        return painted[top : top + self.box.height, left : left + self.box.width]


def window_crop(window: Box, width: int, height: int, shown: tuple[int, int] | None = None) -> Crop:
    """The crop of a window that may reach beyond a picture of width x height, of which it shows something."""
    x, y = max(0, window.x), max(0, window.y)
    right, bottom = min(width, window.right), min(height, window.bottom)
    pad = x - window.x, y - window.y, window.right - right, window.bottom - bottom
    return Crop(Box(x, y, right - x, bottom - y), pad, shown)


def whole_crop(width: int, height: int, multiple: int) -> Crop:
    """The whole picture, padded to multiples."""
    return Crop(Box(0, 0, width, height), (0, 0, -width % multiple, -height % multiple))


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
