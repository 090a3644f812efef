"""The shape of a mask: cleaned of specks and holes, made simpler, wider or narrower, softer; and masks put together.

Masks are uint8 (H, W), 255 = change. Lengths are in pixels of a picture 360 lines high, so that the same settings mean
the same at every size.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from .model import Box, Mask

LINES = 360
REACH = 12
"""Wider discs are made of several: one of 50 pixels costs 100 ms on 800x800, five of 10 cost 9, the area within 0.1 %."""
SOLID = 230
"""What is darker is a hole when white surrounds it; the soft ring of a hole is filled with it."""
EDGE = 3.7
"""A Gaussian blur of an edge goes from 3 % to 97 % over this many times its sigma."""

Hull = Literal["off", "convex", "box"]
Combination = Literal["add", "subtract", "intersect"]


@dataclass(frozen=True)
class Shape:
    """What is done to a mask, in this order: `invert`, `floor`, `specks`, `holes`, `hull`, `grow`, `feather`.

    Values below `floor` become 0. Parts and holes smaller than a square with the side `specks` or `holes` go. `hull` puts
    the convex hull or the box of every part in its place. `grow` widens (below 0 narrows). `feather` is the width of the
    soft edge, half of it outside.
    """

    invert: bool = False
    floor: int = 1
    specks: float = 0.0
    holes: float = 0.0
    hull: Hull = "off"
    grow: float = 0.0
    feather: float = 0.0


def shape(alpha: Mask, steps: Shape, lines: int) -> Mask:
    """The mask with the steps done to it, of the same size; `lines` is the height of the picture as it is shown."""
    alpha = 255 - alpha if steps.invert else alpha
    alpha = np.asarray(cv2.threshold(alpha, max(steps.floor, 1) - 1, 255, cv2.THRESH_TOZERO)[1], np.uint8)
    x, y, width, height = cv2.boundingRect(alpha)
    if not width:
        return alpha
    scale = lines / LINES
    reach, soft = round(abs(steps.grow) * scale), steps.feather * scale
    box = Box(x, y, width, height).grown(reach + round(soft) + 2, alpha.shape[1], alpha.shape[0])
    part = alpha[box.slices]
    if steps.specks:
        part = _without_specks(part, (steps.specks * scale) ** 2)
    if steps.holes:
        part = _without_holes(part, (steps.holes * scale) ** 2)
    if steps.hull != "off":
        part = _hulls(part, steps.hull)
    if reach:
        part = _moved(part, reach, cv2.MORPH_DILATE if steps.grow > 0 else cv2.MORPH_ERODE)
    if soft:
        part = np.asarray(cv2.GaussianBlur(part, (0, 0), soft / EDGE, borderType=cv2.BORDER_REPLICATE), np.uint8)
    alpha[box.slices] = part
    return alpha


def combine(masks: Sequence[Mask], how: Combination) -> Mask:
    """One mask of several of the same size: any of them (add), the first without the others (subtract), or what all
    share (intersect). Soft values keep the larger, what is left, and the smaller."""
    result = masks[0]
    for mask in masks[1:]:
        other = 255 - mask if how == "subtract" else mask
        result = np.maximum(result, other) if how == "add" else np.minimum(result, other)
    return result


def parts(inside: NDArray[np.bool_], connectivity: int = 8) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """The connected parts of what is inside: the number of every pixel's part, 0 outside, and each part's area in pixels;
    that of number 0 is given as 0."""
    _, labels, facts, _ = cv2.connectedComponentsWithStats(inside.astype(np.uint8), connectivity=connectivity)
    areas = np.asarray(facts)[:, cv2.CC_STAT_AREA].astype(np.int64)
    areas[0] = 0
    return np.asarray(labels, np.int32), areas


def holes(inside: NDArray[np.bool_]) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """The holes: parts of the outside that do not reach the picture's edge, as `parts` gives them; the others' area is 0."""
    labels, areas = parts(~inside, connectivity=4)
    for edge in (labels[:, 0], labels[0], labels[:, -1], labels[-1]):
        areas[edge] = 0
    return labels, areas


def _without_specks(alpha: Mask, least: float) -> Mask:
    labels, areas = parts(alpha > 0)
    return np.where((areas >= least)[labels], alpha, 0).astype(np.uint8)


def _without_holes(alpha: Mask, most: float) -> Mask:
    labels, areas = holes(alpha >= SOLID)
    return np.where(((areas > 0) & (areas < most))[labels], 255, alpha).astype(np.uint8)


def _hulls(alpha: Mask, hull: Hull) -> Mask:
    result = alpha.copy()
    outlines, _ = cv2.findContours((alpha >= 128).astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    for outline in outlines:
        if hull == "box":
            x, y, width, height = cv2.boundingRect(outline)
            result[y : y + height, x : x + width] = 255
        else:
            cv2.fillConvexPoly(result, cv2.convexHull(outline), (255,))
    return result


def _moved(alpha: Mask, reach: int, operation: int) -> Mask:
    count = -(-reach // REACH)
    for number in range(count):
        radius = reach * (number + 1) // count - reach * number // count
        disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
        alpha = np.asarray(cv2.morphologyEx(alpha, operation, disc), np.uint8)
    return alpha
