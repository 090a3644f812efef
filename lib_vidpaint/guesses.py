"""First guesses of an object in one frame, from a box around it or a point on it; tracking.py makes them better."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from .appearance import MOST
from .blending import Floats
from .model import Box, Frame


def boxed(box: Box | None, frame: Frame) -> Floats:
    """A first guess from a box: sure in the middle, doubtful towards its edge, nothing outside."""
    assert box
    guess = np.zeros(frame.shape[:2], np.float32)
    x = (np.arange(box.width) + 0.5) / box.width * 2 - 1
    y = (np.arange(box.height) + 0.5) / box.height * 2 - 1
    middle = np.clip(1 - (x[None] ** 2 + y[:, None] ** 2), 0, 1)
    guess[box.slices] = 0.55 + 0.45 * middle
    return guess


def box_leaning(box: Box, near: Box) -> Floats:
    """Log odds from a box, inside `near`: most in its middle, far below 0 outside of it."""
    lean = np.full((near.height, near.width), -3 * MOST, np.float32)
    x = abs((np.arange(box.width) + 0.5) / box.width * 2 - 1)
    y = abs((np.arange(box.height) + 0.5) / box.height * 2 - 1)
    inner = Box(box.x - near.x, box.y - near.y, box.width, box.height)
    lean[inner.slices] = 1.2 - 1.6 * np.maximum(x[None], y[:, None]) ** 3
    return lean


def part_at(inside: NDArray[np.bool_], x: int, y: int) -> NDArray[np.bool_]:
    """The connected part of what is inside that holds a point, which must be inside."""
    labels = cv2.connectedComponents(inside.astype(np.uint8))[1]
    return (labels == labels[y, x]) & inside


def sure_part(moving: NDArray[np.bool_], unlike_all: NDArray[np.bool_], x: int, y: int) -> Floats:
    """What moves: 1 where no frame around shows the same, and at the point; 0.6 where the plate may hold the thing itself
    because it was long at that place."""
    point = cv2.circle(np.zeros(moving.shape, np.uint8), (x, y), 3, (1,), -1) > 0
    return (moving * np.where(unlike_all | point, 1.0, 0.6)).astype(np.float32)


def patch(frame: Frame, x: int, y: int) -> NDArray[np.bool_]:
    """The patch of like colour around a point with its holes filled, as large as it gets before it leaks."""
    smooth = cv2.cvtColor(cv2.bilateralFilter(frame, 5, 30, 3), cv2.COLOR_RGB2LAB)
    best, before = np.zeros(frame.shape[:2], np.uint8), 0
    for tolerance in (3, 5, 8, 12, 17, 23):
        mask = np.zeros((frame.shape[0] + 2, frame.shape[1] + 2), np.uint8)
        flags = 8 | cv2.FLOODFILL_MASK_ONLY | cv2.FLOODFILL_FIXED_RANGE | (255 << 8)
        reach = 2 * tolerance, tolerance, tolerance
        area = cv2.floodFill(smooth.copy(), mask, (x, y), 0, reach, reach, flags)[0]
        if before > 60 and area > 2.5 * before:
            break
        best, before = mask[1:-1, 1:-1], area
    outlines = cv2.findContours(best, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)[0]
    return cv2.drawContours(np.zeros_like(best), outlines, -1, (255,), -1) > 0
