"""The motion of what lies around a region, where other things move in the picture as well: people, depth, the object itself.

Corners all over the picture say which motions there are; what surrounds the region, pixel by pixel, says which one is its
background's. Corners alone fail there: in a picture of a runner before a hazy town 40 of the 40 nearest to the region were hers.
"""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

from .blending import Floats, blurred
from .model import Box, Frame, Mask

Matrix = NDArray[np.float64]

CELLS = 12
"""Cells along the longer side of the picture that each give their best corners, so that sharp things do not give all."""
PER_CELL = 5
TOLERANCE = 1.0
MOTIONS = 3
"""Motions that are looked for one after the other, each among the corners that follow none before it."""
FEWEST = 8
BAND = 0.4
"""Width of what is compared around the region, in parts of the region's size."""
GROSS = 14.0
"""Codes beyond which a pixel follows another motion, and says no more against this one."""
FOLLOWS = 7.0
"""Codes below which a pixel follows a motion."""
SIDE = 200
"""Longest side at which the surroundings are compared."""
STILL = 0.1
"""Pixels below which nothing moved: a fill that is not resampled does not shimmer."""
CLEARLY = 0.97
"""A less simple motion must bring the error down at least to this part; and by SLIGHT codes, as flat surroundings fit any."""
SLIGHT = 0.02


def motion(a: Frame, b: Frame, mask_a: Mask, mask_b: Mask, guess: Matrix | None = None) -> Matrix:
    """The motion from `a` to `b` of what surrounds the region of `a`, a 3x3 matrix on pixel positions (x, y, 1).

    RGB uint8 of one size, masks above 0 where a picture does not show the background. The simplest motion is taken that
    explains the surroundings: the `guess` or none, a shift, an affine motion, a homography.
    """
    here, there = _tracked(a, b, mask_a, mask_b, np.eye(3) if guess is None else guess)
    around = _Around(a, b, mask_a, mask_b)
    ways = [np.eye(3), *_motions(here, there)]
    if guess is not None and not around.still(guess):
        ways.insert(0, guess)
    seen = [around.apart(way) for way in ways]
    errors = [around.error(*one) for one in seen]
    first = int(np.argmin(errors))
    if not np.isfinite(errors[first]):
        return ways[0]
    follows = seen[first][0] < FOLLOWS  # what else moves around the region tells nothing of this motion
    errors = [around.error(apart, weight * follows) for apart, weight in seen]
    best = 0
    for number, error in enumerate(errors):
        if error < CLEARLY * errors[best] - SLIGHT or (number == first and errors[best] == np.inf):
            best = number
    return ways[best]


class _Around:
    """The surroundings of the region in `a`, to be compared with where a motion finds them in `b`; reduced where large."""

    def __init__(self, a: Frame, b: Frame, mask_a: Mask, mask_b: Mask) -> None:
        height, width = mask_a.shape
        x, y, wide, high = cv2.boundingRect(mask_a) if mask_a.any() else (0, 0, width, height)
        band = max(8.0, BAND * np.sqrt(wide * high))
        part = Box(x, y, wide, high).grown(round(2 * band), width, height)
        scale = min(1.0, SIDE / max(part.width, part.height))
        self._size = max(8, round(part.width * scale)), max(8, round(part.height * scale))
        away = cv2.distanceTransform((mask_a[part.slices] == 0).astype(np.uint8), cv2.DIST_L2, 5)
        ring = np.exp(-away / band) * (mask_a[part.slices] == 0)
        self._weight = _reduced(ring.astype(np.float32), self._size)
        self._a = _reduced(_grey(a)[part.slices], self._size)
        whole = max(8, round(width * scale)), max(8, round(height * scale))
        self._b, self._hidden = _reduced(_grey(b), whole), _reduced((mask_b > 0).astype(np.float32), whole)
        self._from_part = _scaling(self._size, (part.width, part.height))
        self._from_part[:2, 2] += part.x, part.y
        self._to_whole = _scaling((width, height), whole)

    def apart(self, way: Matrix) -> tuple[Floats, Floats]:
        """(differences, weight): how far `b` is from the surroundings as `way` lays it over them, in codes and none above
        GROSS, and what may be compared there."""
        there = self._to_whole @ way @ self._from_part
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        moved = cv2.warpPerspective(self._b, there, self._size, flags=flags, borderMode=cv2.BORDER_REPLICATE)
        hidden = cv2.warpPerspective(self._hidden, there, self._size, flags=flags, borderValue=1)
        return np.minimum(np.abs(moved - self._a), GROSS), self._weight * (hidden < 0.01)

    def error(self, apart: Floats, weight: Floats) -> float:
        """Mean of the differences; infinite where hardly anything can be compared."""
        total = float(weight.sum())
        if total < 0.1 * float(self._weight.sum()) or total < 16:
            return float("inf")
        return float((apart * weight).sum()) / total

    def still(self, way: Matrix) -> bool:
        """Whether a motion moves no place around the region by as much as STILL."""
        corners = np.array([[[0, 0]], [[1, 0]], [[0, 1]], [[1, 1]]]) * np.array(self._size)
        places = cv2.perspectiveTransform(corners.astype(np.float64), self._from_part)
        return bool(np.abs(cv2.perspectiveTransform(places, way) - places).max() < STILL)


def _scaling(size: tuple[int, int], to: tuple[int, int]) -> Matrix:
    """The matrix from pixel positions of a picture of `size` to those of the same picture at the size `to`."""
    x, y = to[0] / size[0], to[1] / size[1]
    return np.array([[x, 0, (x - 1) / 2], [0, y, (y - 1) / 2], [0, 0, 1.0]])


def _reduced(values: Floats, size: tuple[int, int]) -> Floats:
    return (
        values
        if values.shape[1::-1] == size
        else np.asarray(cv2.resize(values, size, interpolation=cv2.INTER_AREA), np.float32)
    )


def _grey(frame: Frame) -> Floats:
    """Grey less its broad light, which may change without anything having moved."""
    grey = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY).astype(np.float32)
    return np.asarray(grey - blurred(grey, 10), np.float32)


def _motions(here: Floats, there: Floats) -> Iterator[Matrix]:
    """What groups of corners do, the largest first: each as a shift, an affine motion and, where many agree, a homography."""
    for _ in range(MOTIONS):
        if len(here) < FEWEST:
            break
        affine, inlier = cv2.estimateAffine2D(here, there, ransacReprojThreshold=TOLERANCE)
        if affine is None or inlier.sum() < FEWEST:
            break
        follows = inlier[:, 0] > 0
        shift = np.eye(3)
        shift[:2, 2] = np.median((there - here)[follows], axis=0)
        yield shift
        if 0.5 < np.linalg.det(affine[:, :2]) < 2:
            yield np.vstack([affine, [0, 0, 1]])
        if follows.sum() >= 40:
            full, _ = cv2.findHomography(here, there, cv2.RANSAC, TOLERANCE)
            if full is not None and 0.5 < np.linalg.det(full) < 2:
                yield np.asarray(full, np.float64)
        here, there = here[~follows], there[~follows]


def _tracked(a: Frame, b: Frame, mask_a: Mask, mask_b: Mask, guess: Matrix) -> tuple[Floats, Floats]:
    """Positions (N, 2) in both pictures of corners outside both masks that are found again both ways (Lucas-Kanade)."""
    grey_a, grey_b = (np.clip(np.rint(_grey(p) + 128), 0, 255).astype(np.uint8) for p in (a, b))
    free_a, free_b = (cv2.dilate(m, np.ones((9, 9), np.uint8)) == 0 for m in (mask_a, mask_b))
    here = _corners(grey_a, free_a)
    none = np.zeros((0, 2), np.float32)
    if not len(here):
        return none, none
    expected = cv2.perspectiveTransform(here[:, None], guess)
    expected = np.clip(np.nan_to_num(expected), -1e4, 1e4).astype(np.float32)
    window = {"winSize": (15, 15), "maxLevel": 3, "flags": cv2.OPTFLOW_USE_INITIAL_FLOW}
    moved, found, _ = cv2.calcOpticalFlowPyrLK(grey_a, grey_b, here[:, None].copy(), expected, **window)
    again, found_again, _ = cv2.calcOpticalFlowPyrLK(grey_b, grey_a, moved, here[:, None].copy(), **window)
    there = np.asarray(moved[:, 0], np.float32)
    good = (np.abs(again[:, 0] - here).max(axis=1) < 0.5) & (found[:, 0] == 1) & (found_again[:, 0] == 1)
    height, width = free_b.shape
    x, y = np.rint(np.clip(there, -1, 1e5)).astype(int).T
    within = (x >= 0) & (y >= 0) & (x < width) & (y < height)
    good &= within & free_b[np.clip(y, 0, height - 1), np.clip(x, 0, width - 1)]
    return here[good], there[good]


def _corners(grey: NDArray[np.uint8], free: NDArray[np.bool_]) -> Floats:
    """The best corners of every cell of the picture (Shi and Tomasi 1994), float32 (N, 2)."""
    found = cv2.goodFeaturesToTrack(grey, 2000, 0.0005, 4, mask=np.where(free, 255, 0).astype(np.uint8), blockSize=5)
    if found is None:
        return np.zeros((0, 2), np.float32)
    corners = found[:, 0]
    side = max(grey.shape) / CELLS
    cell = (corners // side).astype(int) @ np.array([1, 1000])
    order = np.argsort(cell, kind="stable")  # within a cell the best first, as they came
    starts = np.searchsorted(cell[order], cell[order])
    chosen = order[np.arange(len(order)) - starts < PER_CELL]
    return np.asarray(corners[chosen], np.float32)
