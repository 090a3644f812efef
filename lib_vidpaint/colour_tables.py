"""What an edit did to each colour, learnt on a keyframe: a guess for places that no keyframe shows."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from .blending import Floats

BINS = 12


def colour_table(colours: Floats, changes: Floats, mean: Floats) -> Floats:
    """The mean change of each colour, float32 (12, 12, 12, 3); colours (N, 3) 0..255, changes (N, 3).

    Empty bins take their neighbours' change, in the end the `mean`.
    """
    size = BINS**3
    sums = np.zeros((size, 4))
    values = np.column_stack([changes, np.ones(len(changes), np.float32)])
    for index, weight in _corners(colours):
        for channel in range(4):
            sums[:, channel] += np.bincount(index, weight * values[:, channel], size)
    grid = sums.reshape(BINS, BINS, BINS, 4)
    mixed = np.zeros_like(grid)
    for bins, share in ((0.5, 1.0), (1.5, 0.05), (4.0, 0.002)):
        mixed += share * _blurred_grid(grid, bins)
    return ((mixed[..., :3] + 1e-6 * mean) / (mixed[..., 3:] + 1e-6)).astype(np.float32)


def looked_up(table: Floats, colours: Floats) -> Floats:
    """The changes a colour table holds for colours (N, 3), between its bins linearly."""
    flat = table.reshape(-1, 3)
    out = np.zeros((len(colours), 3), np.float32)
    for index, weight in _corners(colours):
        out += weight[:, None] * flat[index]
    return out


def _corners(colours: Floats) -> Iterator[tuple[NDArray[np.intp], Floats]]:
    """For each colour its eight neighbouring bins and their linear weights."""
    place = np.clip(colours.T * ((BINS - 1) / 255), 0, BINS - 1.001).astype(np.float32)
    low = place.astype(np.intp)
    after = place - low
    parts = 1 - after, after
    for red, green, blue in np.ndindex(2, 2, 2):
        index = ((low[0] + red) * BINS + low[1] + green) * BINS + low[2] + blue
        yield index, parts[red][0] * parts[green][1] * parts[blue][2]


def _blurred_grid(grid: NDArray[np.float64], bins: float) -> NDArray[np.float64]:
    away = np.arange(BINS)[:, None] - np.arange(BINS)
    kernel = np.exp(-(away**2) / (2 * bins**2))
    for axis in range(3):
        grid = np.moveaxis(np.tensordot(kernel, grid, (1, axis)), 0, axis)
    return grid
