"""Giving a candidate the colours of another picture, inside its mask."""

from __future__ import annotations

import numpy as np

from .model import Frame, Mask
from .ring import without_cast

FEWEST = 64
"""Pixels inside a mask below which a histogram says nothing."""


def matched(painted: Frame, source: Frame, region: Mask, like: Frame, like_region: Mask) -> Frame:
    """The painted picture with the histogram that `like` has inside its mask, colour by colour (Gonzalez and Woods 1977).

    Pictures are RGB uint8, `painted`, `source` and `region` of one size. The cast that the painter gave the whole picture
    is taken back first, as it would otherwise be undone twice; outside the region nothing else changes.
    """
    inside, there = region > 0, like_region > 0
    painted = without_cast(source, painted, region)
    if inside.sum() < FEWEST or there.sum() < FEWEST:
        return painted
    result = painted.copy()
    for colour in range(3):
        shares, wanted = _ranks(painted[inside, colour]), _ranks(like[there, colour])
        levels = np.unique(like[there, colour])
        table = np.interp(shares, wanted[levels], levels)
        result[inside, colour] = np.rint(table).astype(np.uint8)[painted[inside, colour]]
    return result


def _ranks(values: np.ndarray) -> np.ndarray:
    """The share of values below each level, half of those at it counted: (256,). Without the half, a flat picture matches white."""
    counts = np.bincount(values, minlength=256)
    return (np.cumsum(counts) - counts / 2) / values.size
