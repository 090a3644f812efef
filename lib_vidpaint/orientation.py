"""Between the picture as it is stored and as a player shows it. `rotation` is VideoInfo's: degrees counter-clockwise."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

A = TypeVar("A", bound=np.generic)


def upright(stored: NDArray[A], rotation: int) -> NDArray[A]:
    """A stored picture (H, W, ...) turned the way it is shown."""
    return np.ascontiguousarray(np.rot90(stored, round(rotation / 90) % 4))


def as_stored(shown: NDArray[A], rotation: int) -> NDArray[A]:
    """The inverse of `upright`."""
    return np.ascontiguousarray(np.rot90(shown, -round(rotation / 90) % 4))
