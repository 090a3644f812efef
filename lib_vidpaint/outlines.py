"""Where the shape of an object lies in a larger mask that took something along which touches it."""

from __future__ import annotations

import cv2
import numpy as np

from .blending import Floats

WHOLE = 0.9
"""This share of the shape must lie inside the mask."""
RIM = 0.06
"""The shape may have grown by this much all around, as a share of the square root of its area."""
CHUNK = 0.1
"""Beyond that rim there must be this share of its area in one piece, else it only changed its size."""


def cut_out(mask: Floats) -> Floats:
    """The inside of a mask, 0 or 1, cut out of it: float32 (h, w)."""
    inside = (mask > 0.5).astype(np.uint8)
    x, y, width, height = cv2.boundingRect(inside)
    return inside[y : y + height, x : x + width].astype(np.float32)


def part_of_shape(mask: Floats, shape: Floats) -> Floats:
    """The part of a mask, float32 (H, W) from 0 to 1, in which a shape (`cut_out`) lies; all of it where it lies nowhere
    whole, or where nothing but a rim is left around it."""
    rows, columns = shape.shape
    inside = cv2.copyMakeBorder(
        (mask > 0.5).astype(np.float32), rows, rows, columns, columns, cv2.BORDER_CONSTANT, value=0
    )
    overlap = cv2.matchTemplate(inside, shape, cv2.TM_CCORR)
    area, most = float(shape.sum()), float(overlap.max())
    if most < WHOLE * area:
        return mask
    # In what grew it fits at several places: the middle of them leaves a rim all around.
    y, x = np.rint(np.argwhere(overlap > most - 0.5).mean(axis=0)).astype(int)
    placed = np.zeros(inside.shape, np.uint8)
    placed[y : y + rows, x : x + columns] = shape
    reach = max(1, round(RIM * area**0.5))
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
    own = cv2.dilate(placed, disc)
    beyond = cv2.morphologyEx(np.where(own > 0, 0, inside).astype(np.uint8), cv2.MORPH_OPEN, disc)
    if np.count_nonzero(beyond) < CHUNK * area:
        return mask
    return np.where(own[rows:-rows, columns:-columns] > 0, mask, 0).astype(np.float32)
