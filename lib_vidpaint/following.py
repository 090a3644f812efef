"""Points of a region that are followed from frame to frame, and how far they are lost on their way.

Seen small: the longest region is at most `SIDE` pixels long, so that a clip takes the same time whatever its size.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from .model import Box, Frame, Mask
from .motion import region_box, with_room
from .pictures import shrunk

Floats = NDArray[np.float32]

SIDE = 128
"""Longest side, in pixels, of the largest region at which points are followed."""
POINTS = 256
"""Points followed in a frame's region."""
TILE = 16
STILL = 4.0
"""Levels of 255 in the tile that differs most: noise of deviation 10 stays below."""
UNLIKE = 16.0
"""Levels of 255 at which a point that arrives counts as lost by 1 - 1/e."""
WINDOW = 7
PLAIN = 2.0
"""Levels of 255 that every point's contrast counts more: in a plain place something may be painted, too."""
NOWHERE = np.empty(0, np.float32)
THIRDS = np.full(3, 1 / 3, np.float32)


@dataclass(frozen=True)
class Look:
    """A change: its frame number, the picture (softened RGB), the grey one, the mask, and the region's box."""

    index: int
    soft: NDArray[Any]
    grey: NDArray[Any]
    mask: Mask
    box: Box

    @cached_property
    def points(self) -> Floats:
        """The points that are followed from here, spread evenly over the region: (POINTS, 2)."""
        inside = np.asarray(cv2.findNonZero(self.mask)).reshape(-1, 2)
        return inside[np.linspace(0, len(inside) - 1, POINTS).astype(np.int64)].astype(np.float32)

    @cached_property
    def contrast(self) -> Floats:
        """What there is to see at each of them: the deviation of grey around it, in levels of 255, and `PLAIN`."""
        grey = self.grey[self.box.slices]
        mean = cv2.blur(grey, (WINDOW, WINDOW), borderType=cv2.BORDER_REPLICATE).astype(np.float32)
        square = cv2.sqrBoxFilter(grey, cv2.CV_32F, (WINDOW, WINDOW), borderType=cv2.BORDER_REPLICATE)
        deviation = np.sqrt(np.maximum(square - mean * mean, 0))
        return _values(deviation, self.points - np.array((self.box.x, self.box.y), np.float32)) + np.float32(PLAIN)


@dataclass(frozen=True)
class Step:
    """A change and the one before it, with the flow between them: (H, W, 3) of x, y and disagreement, in `box`."""

    look: Look
    box: Box | None = None
    there: Floats = field(default_factory=lambda: np.zeros((0, 0, 3), np.float32))
    back: Floats = field(default_factory=lambda: np.zeros((0, 0, 3), np.float32))

    def backward(self) -> Step:
        """The step with only what is looked at when going back in time: 0.5 instead of 0.8 MB."""
        return Step(replace(self.look, grey=NOWHERE), self.box, back=self.back)


def look_at(index: int, frame: Frame, mask: Mask, scale: float) -> Look:
    """A frame (RGB, uint8) and its mask as they are looked at, `scale` times as large at the most."""
    if scale < 1:
        size = max(1, round(frame.shape[1] * scale)), max(1, round(frame.shape[0] * scale))
        frame = np.asarray(shrunk(frame, size), np.uint8)
        mask = np.asarray(shrunk(mask, size) > 0, np.uint8) * np.uint8(255)
    if not cv2.countNonZero(mask):  # a region so small that the proxy lost it
        mask = np.full_like(mask, 255)
    height, width = mask.shape
    box = region_box(mask) or Box(0, 0, width, height)
    soft, grey = cv2.GaussianBlur(frame, (5, 5), 1), cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)
    return Look(index, soft, grey, mask, with_room(box, width, height))


def differs(a: Look, b: Look) -> bool:
    """Whether something can be seen to have changed in the region."""
    box = a.box.union(b.box).slices
    mask = cv2.bitwise_or(a.mask[box], b.mask[box])
    change = cv2.cvtColor(cv2.absdiff(a.soft[box], b.soft[box]), cv2.COLOR_RGB2GRAY)
    size = -(-mask.shape[1] // TILE), -(-mask.shape[0] // TILE)
    inside = cv2.resize(mask, size, interpolation=cv2.INTER_AREA) / 255
    changed = cv2.resize(cv2.bitwise_and(change, mask), size, interpolation=cv2.INTER_AREA)
    return bool((changed > STILL * np.maximum(inside, 0.25)).any())


def stepped(before: Look | None, look: Look) -> Step:
    """The step to a change from the one before it."""
    if before is None:
        return Step(look)
    box = before.box.union(look.box)
    a, b = (np.ascontiguousarray(grey[box.slices]) for grey in (before.grey, look.grey))
    if min(a.shape) < 16:
        nothing = np.zeros((*a.shape, 3), np.float32)
        return Step(look, box, nothing, nothing)
    searcher = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
    there, back = (
        np.asarray(searcher.calc(*pair, None), np.float32)  # pyright: ignore[reportCallIssue, reportArgumentType]
        for pair in ((a, b), (b, a))
    )
    return Step(look, box, _judged(there, back), _judged(back, there))


def _judged(there: Floats, back: Floats) -> Floats:
    """A flow with a third channel: the exponent of distrust, from how far a point is from home there and back."""
    x, y = cv2.split(there)
    height, width = x.shape
    ends_x, ends_y = x + np.arange(width, dtype=np.float32), y + np.arange(height, dtype=np.float32)[:, None]
    returned = cv2.remap(back, ends_x, ends_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    back_x, back_y = cv2.split(returned)
    error = (x + back_x) ** 2 + (y + back_y) ** 2
    motion = x**2 + y**2 + back_x**2 + back_y**2
    return np.asarray(cv2.merge([x, y, error / (2 * (1 + 0.005 * motion))]), np.float32)


class Followed:
    """The points of the last `reach` changes that joined, on their common way from change to change."""

    def __init__(self, reach: int) -> None:
        self.most = reach * POINTS
        self.points, self.colours = np.zeros((0, 2), np.float32), np.zeros((0, 3), np.float32)
        self.distrust = np.zeros(0, np.float32)

    def join(self, look: Look) -> None:
        """The points of a change come along from here; those that have gone `reach` ways stay behind."""
        self.points = np.concatenate([self.points, look.points])[-self.most :]
        self.colours = np.concatenate([self.colours, _colours(look.soft, look.points)])[-self.most :]
        self.distrust = np.concatenate([self.distrust, np.zeros(POINTS, np.float32)])[-self.most :]

    def arrive(self, flow: Floats, box: Box | None, there: Look) -> Floats:
        """Go along a flow, and say how far each point is lost there, 0 to 1: (changes, POINTS), first come first."""
        if not len(self.points):
            return np.zeros((0, POINTS), np.float32)
        assert box
        moved = _values(flow, self.points - np.array((box.x, box.y), np.float32))
        self.points = self.points + moved[:, :2]
        self.distrust = self.distrust + moved[:, 2]
        unlike = cv2.absdiff(_colours(there.soft, self.points), self.colours) @ THIRDS
        inside = _values(there.mask, self.points) > 127
        lost = 1 - inside * np.exp(-self.distrust - (unlike / np.float32(UNLIKE)) ** 2)
        return np.asarray(lost, np.float32).reshape(-1, POINTS)


def _colours(picture: NDArray[Any], points: Floats) -> Floats:
    return _values(picture, points).astype(np.float32)


def _values(picture: NDArray[Any], points: Floats) -> NDArray[Any]:
    """The picture at points (x, y), between pixels linear, beyond its border as on it: (N,) or (N, channels).

    N is a multiple of POINTS. OpenCV takes half the time for rows of points that it takes for a column of them.
    """
    rows = points.reshape(-1, POINTS, 2)
    found = cv2.remap(picture, rows, NOWHERE, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return found.reshape(len(points), *found.shape[2:])
