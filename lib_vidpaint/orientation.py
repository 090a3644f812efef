"""Between the picture as it is stored and as a player shows it. `rotation` is VideoInfo's: degrees counter-clockwise."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from .model import VideoInfo

A = TypeVar("A", bound=np.generic)


def shown_size(info: VideoInfo) -> tuple[int, int]:
    """The picture's (width, height) as a player shows it."""
    return (info.height, info.width) if info.rotation % 180 else (info.width, info.height)


def upright(stored: NDArray[A], rotation: int) -> NDArray[A]:
    """A stored picture (H, W, ...) turned the way it is shown."""
    return np.ascontiguousarray(np.rot90(stored, round(rotation / 90) % 4))


def as_stored(shown: NDArray[A], rotation: int) -> NDArray[A]:
    """The inverse of `upright`."""
    return np.ascontiguousarray(np.rot90(shown, -round(rotation / 90) % 4))
