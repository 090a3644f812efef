"""Donors: the moments of a shot that show what the region hides at a keyframe, found on small pictures.

The motion of the whole picture outside the region says where each hidden spot lies in every other frame; a spot is
visible there when it is inside the picture and outside that frame's region. Pure functions on frames read in order.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from .backdrop import Matrix, motion
from .model import Box, Frame, Group, Mask

MOST = 12
"""Donors of one keyframe."""
REACH = 240
"""Frames to either side in which donors are looked for; what is kept of them in the meantime is 15 MB."""
STRIDE = 4
"""Donors are every fourth frame: keyframes share them, which spares reading and makes their fills agree."""
ANCHORS, FAVOUR = 4, 1.3
"""Every fourth of those is favoured by this factor, so that neighbouring keyframes share more of them. (To favour what
the keyframe before has used would paint a keyframe anew when another one is added.)"""
POINTS = 400
CLEAR = 2
"""Pixels that a spot must keep from the region of another frame: a mask rarely covers all of an object's soft rim."""
FADE = 60.0
"""Frames after which a donor is worth a factor e less: light, focus and leaves change, and motion adds up errors."""


@dataclass(frozen=True)
class Donor:
    """A frame, and where it shows what a keyframe hides: nine numbers of a 3x3 matrix, by rows, from pixel positions
    (x, y, 1) of the keyframe to those of the donor, in the pictures it was found on."""

    index: int
    way: tuple[float, ...]


@dataclass(frozen=True)
class Lenders:
    """The donors of a keyframe, best first, and the share of its region that at least one of them shows, 0 to 1."""

    key: int
    donors: tuple[Donor, ...] = ()
    seen: float = 0.0


@dataclass(frozen=True, eq=False)
class _Moment:
    """A frame as far as choosing needs it: `pose` leads from its pixels to those of the shot's first frame."""

    index: int
    pose: Matrix
    free: NDArray[np.bool_]
    sharpness: float
    light: float


def lenders(frames: Iterable[tuple[Frame, Mask]], groups: Sequence[Group]) -> Iterator[Lenders]:
    """For every group in order the donors of its keyframe, all of its shot, at most MOST.

    `frames` are all RGB frames of the clip with their region (uint8, 0 = free), small ones, read once; of those within
    REACH only little is kept.
    """
    source = enumerate(frames)
    for shot in _shots(groups):
        start, stop = shot[0].start, shot[-1].stop
        stride = max(1, min(STRIDE, (stop - start) // MOST))
        wanted = {group.key for group in shot}
        window: deque[_Moment] = deque()
        coming = _moments(source, start, stop, stride, wanted)
        for group in shot:
            while (not window or window[-1].index < group.key + REACH) and (moment := next(coming, None)):
                window.append(moment)
            while window[0].index < group.key - REACH:
                window.popleft()
            yield _chosen(group.key, [m for m in window if m.index <= group.key + REACH], stride)


def _shots(groups: Sequence[Group]) -> Iterator[list[Group]]:
    shot: list[Group] = []
    for group in groups:
        if shot and group.shot != shot[-1].shot:
            yield shot
            shot = []
        shot.append(group)
    if shot:
        yield shot


def _moments(
    source: Iterator[tuple[int, tuple[Frame, Mask]]], start: int, stop: int, stride: int, keys: set[int]
) -> Iterator[_Moment]:
    """The frames of a shot that are keyframes or may be donors; motion is followed from each to the next."""
    before: tuple[Frame, Mask] | None = None
    pose = np.eye(3)
    if start >= stop:
        return
    for index, (frame, region) in source:
        if index < start:
            continue
        if before is not None:
            pose = pose @ motion(frame, before[0], region, before[1])
            pose /= pose[2, 2]
        before = frame, region
        if index in keys or index % stride == 0:
            near = np.ones((2 * CLEAR + 1, 2 * CLEAR + 1), np.uint8)
            free = cv2.dilate(region, near) == 0
            yield _Moment(index, pose, free, *_looks(frame, free))
        if index == stop - 1:
            return


def _looks(frame: Frame, free: NDArray[np.bool_]) -> tuple[float, float]:
    """(sharpness, light) of a frame outside its region: deviation of the Laplacian, and mean luma."""
    grey = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)
    if not free.any():
        return 0.0, float(grey.mean())
    edges = cv2.Laplacian(grey, cv2.CV_32F)
    return float(edges[free].std()), float(grey[free].mean())


def _chosen(key: int, window: Sequence[_Moment], stride: int) -> Lenders:
    """Greedily the donors that show most of what is not shown yet, each spot worth less the more donors show it."""
    here = next(moment for moment in window if moment.index == key)
    points = _points(~here.free)
    others = [m for m in window if m.index != key and m.index % stride == 0]
    if not len(points) or not others:
        return Lenders(key)
    ways = [np.asarray(np.linalg.solve(m.pose, here.pose), np.float64) for m in others]
    shows = np.array([_shown(points, way, m.free) for way, m in zip(ways, others)])
    favour = [1.0 if m.index % (ANCHORS * stride) else FAVOUR for m in others]
    worth = np.array([_worth(here, m) for m in others]) * favour
    times, chosen = np.zeros(len(points)), []
    while len(chosen) < MOST:
        gains = worth * (shows / (1 + times) ** 2).sum(axis=1)
        best = int(gains.argmax())
        if gains[best] < 0.002 * len(points):
            break
        chosen.append(best)
        worth[best] = 0
        times += shows[best]
    donors = tuple(Donor(others[i].index, _numbers(ways[i])) for i in chosen)
    return Lenders(key, donors, round(float((times > 0).mean()), 4))


def _numbers(way: Matrix) -> tuple[float, ...]:
    """Nine digits of each: what lies behind them differs with the frames that a chain of motions began with."""
    return tuple(float(f"{value:.9g}") for value in (way / way[2, 2]).ravel())


def _points(hidden: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Up to POINTS positions (x, y) spread evenly over the hidden area."""
    y, x = np.nonzero(hidden)
    picked = np.linspace(0, len(x) - 1, min(POINTS, len(x))).astype(int)
    return np.stack([x[picked], y[picked]], axis=1).astype(np.float64)


def _shown(points: NDArray[np.float64], way: Matrix, free: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Which of the points a frame shows that lies `way` from theirs; none where that motion is past belief."""
    if not np.isfinite(way).all() or not 0.25 < np.linalg.det(way[:2, :2] / way[2, 2]) < 4:
        return np.zeros(len(points), bool)
    ends = np.hstack([points, np.ones((len(points), 1))]) @ way.T
    ahead = ends[:, 2] > 1e-6
    x, y = np.rint(np.clip(ends[:, :2] / np.where(ahead, ends[:, 2], 1)[:, None], -1e6, 1e6)).astype(int).T
    height, width = free.shape
    within = ahead & (x >= 0) & (y >= 0) & (x < width) & (y < height)
    within[within] = free[y[within], x[within]]
    return within


def _worth(here: _Moment, there: _Moment) -> float:
    """How good a donor is besides what it shows: near in time, as sharp, in the same light."""
    near = max(0.05, float(np.exp(-abs(there.index - here.index) / FADE)))
    sharp = min(max(there.sharpness / max(here.sharpness, 1e-3), 0.2), 1.25)
    return near * sharp * max(0.05, float(np.exp(-abs(there.light - here.light) / 16)))


def scaled(way: Sequence[float] | Matrix, small: tuple[int, int], size: tuple[int, int]) -> Matrix:
    """The 3x3 matrix of `way`, found on pictures of `small` (width, height), for pictures of `size`."""
    scale = np.array([[size[0] / small[0], 0, 0], [0, size[1] / small[1], 0], [0, 0, 1.0]])
    scale[:2, 2] = (scale.diagonal()[:2] - 1) / 2  # centres of pixels, not their corners
    return scale @ np.array(way, np.float64).reshape(3, 3) @ np.linalg.inv(scale)


def reach(box: Box, way: Matrix, whole: Box) -> Box:
    """The part of a donor's picture (`whole`) that `way` lays before the keyframe's `box`, and a little more."""
    corners = np.array([[[x, y]] for x in (box.x, box.right) for y in (box.y, box.bottom)], np.float64)
    ends = np.clip(
        np.nan_to_num(cv2.perspectiveTransform(corners, way)[:, 0]), (-8, -8), (whole.right + 8, whole.bottom + 8)
    )
    (left, top), (right, bottom) = np.floor(ends.min(axis=0)), np.ceil(ends.max(axis=0))
    x, y = (int(min(max(v, 0), end - 8)) for v, end in ((left, whole.right), (top, whole.bottom)))
    return Box(x, y, max(8, int(right) - x), max(8, int(bottom) - y)).grown(8, whole.right, whole.bottom)


def lent(picture: Frame, region: Mask, box: Box, way: Matrix) -> tuple[Frame, Mask]:
    """A donor's picture as it lies before the keyframe's `box`, with its mask: 255 where it does not show the place.

    `way` leads from the keyframe's pixels to the donor's. Where it is a shift but for a pixel, whole pixels are copied;
    otherwise the picture is resampled (Lanczos).
    """
    there = way @ np.array([[1, 0, box.x], [0, 1, box.y], [0, 0, 1.0]])
    corners = np.array([[[0, 0]], [[box.width, 0]], [[0, box.height]], [[box.width, box.height]]], np.float64)
    moves = (cv2.perspectiveTransform(corners, there) - corners)[:, 0]
    if np.ptp(moves, axis=0).max() < 1.5:
        there = np.eye(3)
        there[:2, 2] = np.rint(moves.mean(axis=0))
    flags = cv2.WARP_INVERSE_MAP
    size = (box.width, box.height)
    moved = cv2.warpPerspective(picture, there, size, flags=flags | cv2.INTER_LANCZOS4, borderMode=cv2.BORDER_REPLICATE)
    hidden = cv2.warpPerspective(region, there, size, flags=flags | cv2.INTER_LINEAR, borderValue=255)
    return np.asarray(moved, np.uint8), np.where(hidden > 0, 255, 0).astype(np.uint8)
