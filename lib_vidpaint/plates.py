"""Frames with what the camera did between them, and how far each differs from the background behind.

The camera's motion between neighbours is a homography fitted to the flow (RANSAC); frames around are aligned by it and
their median is the background plate, in which what moves on its own is missing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

from .blending import Floats
from .flow import positions
from .model import Box, Frame

OFFSETS = (-15, -10, -5, 5, 10, 15)
"""The frames around whose median is the plate: far enough for a walker to have left their place."""
FEWEST = 3
"""Fewer frames make no plate: the median of one or two still shows what moves, at another place."""
CHUNK = 24
"""Frames are read in runs of so many."""
KEPT = 4
"""So many runs are kept."""
WEIGHTS = np.array([0.6, 1.3, 1.3], np.float32)
"""Of lightness and the two colour axes: a shadow changes the first."""

Matrix = NDArray[np.float64]


class Plates:
    """The small frames of a shot, read in runs from anywhere, with their flows, camera motions and plates."""

    def __init__(self, read: Callable[[int, int], Iterator[Frame]], count: int) -> None:
        self._read, self.count = read, count
        self._runs: dict[int, list[Frame]] = {}
        self._flows: dict[tuple[int, int], Floats] = {}
        self._moves: dict[int, Matrix] = {}

    def frame(self, index: int) -> Frame:
        number = index // CHUNK
        if number not in self._runs:
            while len(self._runs) >= KEPT:
                del self._runs[max(self._runs, key=lambda other: abs(other - number))]
            start = number * CHUNK
            self._runs[number] = list(self._read(start, min(start + CHUNK, self.count)))
        return self._runs[number][index % CHUNK]

    def flow(self, a: int, b: int) -> Floats:
        """The motion from frame a to its neighbour b, in pixels; float32 (H, W, 2)."""
        if (a, b) not in self._flows:
            if len(self._flows) > 2 * CHUNK:
                self._flows.clear()
            grey = [np.asarray(cv2.cvtColor(self.frame(i), cv2.COLOR_RGB2GRAY), np.uint8) for i in (a, b)]
            self._flows[a, b] = between(*grey)
        return self._flows[a, b]

    def move(self, index: int) -> Matrix:
        """The camera's motion from frame `index` to the one before: a homography of positions."""
        if index not in self._moves:
            if len(self._moves) > 20 * CHUNK:
                self._moves.clear()
            self._moves[index] = camera_motion(self.flow(index, index - 1))
        return self._moves[index]

    def differences(self, index: int, box: Box) -> tuple[Floats, Floats]:
        """How far the part `box` of a frame differs from its plate, and from the most alike of the frames around, which is
        much only where they all show something else; in Lab codes. NaN and 0 where there is no plate."""
        own, aligned = self._around(index, box)
        if len(aligned) < FEWEST:
            return np.full(own.shape[:2], np.nan, np.float32), np.zeros(own.shape[:2], np.float32)
        far = np.stack([_far(own, one) for one in aligned])
        known = (~np.isnan(far)).sum(axis=0) >= FEWEST
        least = np.where(known, np.where(np.isnan(far), np.inf, far).min(axis=0), 0)
        plate = np.median(np.stack([np.where(np.isnan(one), own, one) for one in aligned]), axis=0)
        return _far(own, plate), least.astype(np.float32)

    def _around(self, index: int, box: Box) -> tuple[Floats, list[Floats]]:
        """The part of a frame and of those around it, aligned with it, in Lab; NaN where they show nothing of it."""
        own = _lab(self.frame(index)[box.slices])
        height, width = self.frame(index).shape[:2]
        shift = np.array([[1, 0, box.x], [0, 1, box.y], [0, 0, 1.0]])
        aligned = []
        for other in (index + offset for offset in OFFSETS):
            if not 0 <= other < self.count:
                continue
            to = self._path(index, other) @ shift
            flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
            size = box.width, box.height
            picture = cv2.warpPerspective(self.frame(other), to, size, flags=flags, borderMode=cv2.BORDER_REPLICATE)
            there = cv2.perspectiveTransform(_grid(box.width, box.height), to).reshape(box.height, box.width, 2)
            outside = (there < 0).any(axis=2) | (there[..., 0] > width - 1) | (there[..., 1] > height - 1)
            lab = _lab(np.asarray(picture, np.uint8))
            lab[outside] = np.nan
            aligned.append(lab)
        return own, aligned

    def _path(self, start: int, stop: int) -> Matrix:
        path = np.eye(3)
        for index in range(start, stop, -1):
            path = self.move(index) @ path
        for index in range(start + 1, stop + 1):
            path = np.linalg.inv(self.move(index)) @ path
        return path


def between(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> Floats:
    """The flow from one grey picture to another (DIS, medium), zero for pictures too small to have one."""
    if min(a.shape) < 24:
        return np.zeros((*a.shape, 2), np.float32)
    searcher = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    return np.asarray(searcher.calc(a, b, None), np.float32)  # pyright: ignore[reportCallIssue, reportArgumentType]


def camera_motion(flow: Floats) -> Matrix:
    """The homography that most of a flow follows; float64 (3, 3), the identity when there is none."""
    places = np.stack(np.meshgrid(*(np.arange(3, size, 8) for size in flow.shape[1::-1])), axis=-1).reshape(-1, 2)
    ends = positions(flow)[places[:, 1], places[:, 0]]
    if len(places) < 12:
        return np.eye(3)
    # OpenCV's RANSAC draws from a generator that is the same in every call.
    found, _ = cv2.findHomography(places.astype(np.float32), ends, cv2.RANSAC, 1.5)
    return np.eye(3) if found is None else np.asarray(found, np.float64)


def _grid(width: int, height: int) -> Floats:
    return np.stack(np.meshgrid(np.arange(width), np.arange(height)), axis=-1).reshape(1, -1, 2).astype(np.float32)


def _far(a: Floats, b: Floats) -> Floats:
    return np.sqrt((((a - b) * WEIGHTS) ** 2).sum(axis=2)).astype(np.float32)


def _lab(frame: Frame) -> Floats:
    return cv2.cvtColor(cv2.GaussianBlur(frame, (0, 0), 0.8), cv2.COLOR_RGB2LAB).astype(np.float32)
