"""A picture through a network in tiles, smaller ones when memory runs out."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from ..errors import EngineError
from ..model import Box, Frame

SIDE, SMALLEST = 128, 32
"""Of a tile, in pixels, at first and at the least. At 256 Real-ESRGAN x4plus took 3.4 GB by ncnn."""
MARGIN = 16
"""Pixels around a tile that the network sees and that are cut off again: without them tiles show their borders."""


def tiled(network: Callable[[Frame], Frame], frame: Frame, name: str) -> Frame:
    """The picture as the network gives it, a whole number of times as large; RGB uint8 in and out.

    When memory runs out it is tried again with tiles of half the side. Raises EngineError, naming the upscaler, when even
    the smallest do not fit, or when the network fails.
    """
    side = SIDE
    while True:
        try:
            return _joined(network, frame, side)
        except Exception as error:
            if not out_of_memory(error):
                if isinstance(error, EngineError):
                    raise
                text = str(error).partition("\n")[0] or type(error).__name__
                raise EngineError(f"The upscaler {name} failed: {text}") from error
        if side <= SMALLEST:
            raise EngineError(
                f"The upscaler {name} needs more memory than is free even for {side}x{side} pixels at once: close other "
                "programs, or take a smaller upscaler."
            )
        side //= 2


def out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory ran out; torch has several ways to."""
    text = str(error).lower()
    return isinstance(error, MemoryError) or any(
        words in text for words in ("out of memory", "allocate memory", "not enough memory")
    )


def _joined(network: Callable[[Frame], Frame], frame: Frame, side: int) -> Frame:
    height, width = frame.shape[:2]
    whole: Frame | None = None
    for inner in _cut(width, height, side):
        seen = inner.grown(MARGIN, width, height)
        made = network(np.ascontiguousarray(frame[seen.slices]))
        scale = made.shape[0] // seen.height
        if made.shape != (seen.height * scale, seen.width * scale, 3) or made.dtype != np.uint8 or not scale:
            raise EngineError(f"it made {made.shape} of a picture of {seen.height}x{seen.width}")
        if whole is None:
            whole = np.empty((height * scale, width * scale, 3), np.uint8)
        x, y = (inner.x - seen.x) * scale, (inner.y - seen.y) * scale
        target = Box(inner.x * scale, inner.y * scale, inner.width * scale, inner.height * scale)
        whole[target.slices] = made[y : y + target.height, x : x + target.width]
    assert whole is not None
    return whole


def _cut(width: int, height: int, side: int) -> Iterator[Box]:
    """Tiles of about one size that cover the picture."""
    columns, rows = -(-width // side), -(-height // side)
    for row in range(rows):
        top, bottom = height * row // rows, height * (row + 1) // rows
        for column in range(columns):
            left, right = width * column // columns, width * (column + 1) // columns
            yield Box(left, top, right - left, bottom - top)
