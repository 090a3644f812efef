"""Soft masks that follow the edges of the picture: the guided filter of He, Sun and Tang (2010), in colour.

Inside every small window the mask is explained as a linear function of the colours. Found on a small picture, the
functions are laid over the large one (the fast guided filter, He and Sun 2015), so that a mask found at 256 pixels gets
the edges of the full picture.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from .blending import Floats
from .model import Frame, Mask

RADIUS = 4
"""Half the window, in pixels of the small picture."""
EPSILON = 1e-3
"""How much a window's colours must differ (variance, colours 0..1) before its mask is explained by them."""


def edge_functions(mask: Floats, guide: Frame, radius: int = RADIUS, epsilon: float = EPSILON) -> Floats:
    """For every pixel the function from its colour to its mask value: float32 (H, W, 4), three factors and a constant.

    mask: float32 (H, W), 0..1. guide: RGB uint8 of its size.
    """
    colours = guide.astype(np.float32) / np.float32(255)
    mean, mean_mask = _window(colours, radius), _window(mask, radius)
    shared = _window(colours * mask[..., None], radius) - mean * mean_mask[..., None]
    variance = {
        (i, j): _window(colours[..., i] * colours[..., j], radius) - mean[..., i] * mean[..., j] for i, j in _PAIRS
    }
    factors = _solved(variance, shared, epsilon)
    constant = mean_mask - (factors * mean).sum(axis=2)
    return _window(np.dstack([factors, constant]), radius)


def applied(functions: Floats, picture: Frame) -> Floats:
    """The mask that the functions make of a picture, which may be larger: float32 (H, W), 0..1."""
    height, width = picture.shape[:2]
    if functions.shape[:2] != (height, width):
        functions = np.asarray(cv2.resize(functions, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)
    found = functions[..., 3].copy()
    for channel in range(3):
        found += functions[..., channel] * (picture[..., channel].astype(np.float32) / 255)
    return np.clip(found, 0, 1)


def guided(mask: Floats, guide: Frame, radius: int = RADIUS, epsilon: float = EPSILON) -> Floats:
    """The mask with the edges of a picture of its own size: float32 (H, W), 0..1."""
    return applied(edge_functions(mask, guide, radius, epsilon), guide)


def hardened(mask: Floats, steepness: float = 2.5) -> Mask:
    """The mask as uint8, its soft edge made steeper around one half: what is nearly 0 or nearly 1 becomes it."""
    return np.rint(np.clip((mask - 0.5) * steepness + 0.5, 0, 1) * 255).astype(np.uint8)


_PAIRS = ((0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2))


def _window(values: Floats, radius: int) -> Floats:
    return np.asarray(cv2.blur(values, (2 * radius + 1, 2 * radius + 1)), np.float32)


def _solved(variance: dict[tuple[int, int], NDArray[Any]], shared: Floats, epsilon: float) -> Floats:
    """(variance + epsilon)^-1 shared for every pixel; written out, as numpy's solver takes 10 times as long."""
    a, d, f = (variance[i, i] + epsilon for i in range(3))
    b, c, e = variance[0, 1], variance[0, 2], variance[1, 2]
    rows = (d * f - e * e, c * e - b * f, b * e - c * d), (c * e - b * f, a * f - c * c, b * c - a * e)
    last = (b * e - c * d, b * c - a * e, a * d - b * b)
    determinant = a * rows[0][0] + b * rows[0][1] + c * rows[0][2]
    solved = [sum(row[i] * shared[..., i] for i in range(3)) / determinant for row in (*rows, last)]
    return np.dstack(solved).astype(np.float32)
