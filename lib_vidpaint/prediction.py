"""How badly keyframes would serve the frames between them, told before anything is painted.

Points of every frame's region are followed to each keyframe that may serve it. A point is lost (1) as far as it leaves
the region, is covered on its way, or arrives at another colour, and safe (0) where it finds its like. A frame between
two keyframes is served by the better of both, mostly: the edit is carried from both and the surer one leads.

Frames that do not differ from one before them need no thought of their own: only those that do, the *changes*, are
looked at, each on behalf of the still frames that follow it. So a still clip costs next to nothing and needs one
keyframe, however long it is.
"""

from __future__ import annotations

import io
import zipfile
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from .errors import ProjectError
from .model import Box, Frame, Mask
from .motion import region_box, with_room
from .pools import Threads

Floats = NDArray[np.float32]

SIDE = 128
"""Longest side, in pixels, of the largest region at which points are followed."""
POINTS = 400
"""Points followed in a frame's region."""
REACH = 30
"""Changes that two keyframes may be apart at the most, for anything to be told of the frames between them."""
TILE = 16
STILL = 4.0
"""Levels of 255 in the tile that differs most: noise of deviation 10 stays below."""
UNLIKE = 16.0
"""Levels of 255 at which a point that arrives counts as lost by 1 - 1/e."""
BETTER = 0.7
"""How much the better of two keyframes counts; the rest goes by nearness."""
NOWHERE = np.empty(0, np.float32)


@dataclass(frozen=True)
class Look:
    """A change: its frame number, the picture (softened RGB), the grey one, the mask, and the region's box."""

    index: int
    soft: NDArray[Any]
    grey: NDArray[Any]
    mask: Mask
    box: Box


@dataclass(frozen=True)
class Step:
    """A change and the one before it, with the flow between them: (H, W, 3) of x, y and disagreement, in `box`."""

    look: Look
    box: Box | None = None
    there: Floats = field(default_factory=lambda: np.zeros((0, 0, 3), np.float32))
    back: Floats = field(default_factory=lambda: np.zeros((0, 0, 3), np.float32))


COLUMNS = ("indices", "weights", "between", "head", "tail", "fresh")


@dataclass(frozen=True)
class Prices:
    """What keyframes would cost in one segment. Row r stands for the change `indices[r]` and `weights[r]` frames.

    `between[r, d]` is the loss, in frames, of all frames between keyframes at changes r and r + d; `head[r]` that of
    those before the segment's first keyframe r, `tail[r]` of those after its last one. Infinite where it is too far.
    `fresh[r]` is the share, 0 to 1, of the region that the change before does not show.
    """

    indices: NDArray[np.int64]
    weights: NDArray[np.int64]
    between: NDArray[np.float64]
    head: NDArray[np.float64]
    tail: NDArray[np.float64]
    fresh: NDArray[np.float64]

    @property
    def start(self) -> int:
        return int(self.indices[0])

    @property
    def stop(self) -> int:
        return int(self.indices[-1] + self.weights[-1])


def prices(frames: Iterable[tuple[int, Frame, Mask]], largest: int, reach: int = REACH) -> Prices:
    """The prices of one segment, from its (number, RGB frame, mask). `largest` is the longest side, in pixels, of its
    region; `reach` is how many changes two neighbouring keyframes may be apart at the most.
    """
    indices: list[int] = []
    weights: list[int] = []
    ledger = _Ledger(reach, indices, weights)
    scale = min(1.0, SIDE / max(largest, 1))

    def pairs() -> Iterator[tuple[Look | None, Look]]:
        last: Look | None = None
        for index, frame, mask in frames:
            look = _look(index, frame, mask, scale)
            if last is not None and not _differs(last, look):
                weights[-1] += 1
                continue
            indices.append(index)
            weights.append(1)
            yield last, look
            last = look

    for step in Threads().map(lambda pair: _step(*pair), pairs()):
        ledger.add(step)
    return ledger.closed()


def _look(index: int, frame: Frame, mask: Mask, scale: float) -> Look:
    if scale < 1:
        size = max(1, round(frame.shape[1] * scale)), max(1, round(frame.shape[0] * scale))
        frame = np.asarray(cv2.resize(frame, size, interpolation=cv2.INTER_AREA), np.uint8)
        mask = np.asarray(cv2.resize(mask, size, interpolation=cv2.INTER_AREA) > 0, np.uint8) * np.uint8(255)
    if not cv2.countNonZero(mask):  # a region so small that the proxy lost it
        mask = np.full_like(mask, 255)
    height, width = mask.shape
    box = region_box(mask) or Box(0, 0, width, height)
    soft, grey = cv2.GaussianBlur(frame, (0, 0), 1), cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)
    return Look(index, soft, grey, mask, with_room(box, width, height))


def _differs(a: Look, b: Look) -> bool:
    """Whether something can be seen to have changed in the region."""
    box = a.box.union(b.box).slices
    mask = cv2.bitwise_or(a.mask[box], b.mask[box])
    change = cv2.cvtColor(cv2.absdiff(a.soft[box], b.soft[box]), cv2.COLOR_RGB2GRAY)
    size = -(-mask.shape[1] // TILE), -(-mask.shape[0] // TILE)
    inside = cv2.resize(mask, size, interpolation=cv2.INTER_AREA) / 255
    changed = cv2.resize(cv2.bitwise_and(change, mask), size, interpolation=cv2.INTER_AREA)
    return bool((changed > STILL * np.maximum(inside, 0.25)).any())


def _step(before: Look | None, look: Look) -> Step:
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
    height, width = there.shape[:2]
    ends = there.copy()
    ends[..., 0] += np.arange(width, dtype=np.float32)
    ends[..., 1] += np.arange(height, dtype=np.float32)[:, None]
    returned = cv2.remap(back, ends, NOWHERE, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    error = ((there + returned) ** 2).sum(axis=2)
    motion = (there**2).sum(axis=2) + (returned**2).sum(axis=2)
    return np.dstack([there, error / (2 * (1 + 0.005 * motion))]).astype(np.float32)


class _Ledger:
    """Follows the points of the last `reach` changes and books what each pair of keyframes would cost them."""

    def __init__(self, reach: int, indices: list[int], weights: list[int]) -> None:
        self.reach, self.indices, self.weights = reach, indices, weights
        self.steps: deque[Step] = deque(maxlen=reach)
        self.followed: deque[_Followed] = deque()
        self.between: list[NDArray[np.float64]] = []
        self.alone: list[tuple[NDArray[np.float64], NDArray[np.float64]]] = []

    def add(self, step: Step) -> None:
        points = _points(step.look.mask)
        followed = _Followed(_colours(step.look.soft, points), points)
        for earlier, later in zip(reversed([s.look for s in self.steps]), reversed([*list(self.steps)[1:], step])):
            followed.before.append(followed.arrive(later.back, later.box, earlier))
        followed.turn(points)
        for other in self.followed:
            other.after.append(other.arrive(step.there, step.box, step.look))
        self.steps.append(step)
        self.followed.append(followed)
        self.between.append(np.zeros(self.reach + 1))
        if len(self.followed) > self.reach:
            self._book()

    def _book(self) -> None:
        """What the oldest change still followed costs, now that every keyframe that may serve it was reached."""
        at = len(self.alone)
        followed = self.followed.popleft()
        weight, here = self.weights[at], self.indices[at]
        before, after = (np.array(x, np.float32).reshape(-1, POINTS) for x in (followed.before, followed.after))
        self.alone.append((weight * before.mean(axis=1, dtype=float), weight * after.mean(axis=1, dtype=float)))
        for left in range(1, len(before) + 1):
            count = min(len(after), self.reach - left)
            if count < 1:
                break
            start = self.indices[at - left]
            stops = np.array(self.indices[at + 1 : at + 1 + count])
            done = (here - start) / (stops - start)
            better = np.minimum(before[left - 1], after[:count]).mean(axis=1, dtype=float)
            nearer = (1 - done) * self.alone[at][0][left - 1] / weight + done * self.alone[at][1][:count] / weight
            self.between[at - left][left + 1 : left + 1 + count] += weight * (BETTER * better + (1 - BETTER) * nearer)

    def closed(self) -> Prices:
        while self.followed:
            self._book()
        count = len(self.indices)
        head, tail = np.full(count, np.inf), np.full(count, np.inf)
        for at in range(min(count, self.reach + 1)):
            head[at] = sum(self.alone[t][1][at - t - 1] for t in range(at))
            last = count - 1 - at
            tail[last] = sum(self.alone[t][0][t - last - 1] for t in range(last + 1, count))
        between = np.array(self.between, np.float64).reshape(count, self.reach + 1)
        fresh = np.array([x[0][0] / w if len(x[0]) else 0.0 for x, w in zip(self.alone, self.weights)])
        return Prices(np.array(self.indices, np.int64), np.array(self.weights, np.int64), between, head, tail, fresh)


def packed(found: Sequence[Prices]) -> bytes:
    """The prices of all segments as a file's bytes (NumPy's npz)."""
    file = io.BytesIO()
    columns = {name: [getattr(prices, name) for prices in found] for name in COLUMNS}
    arrays: dict[str, Any] = {name: np.concatenate(parts) if parts else np.zeros(0) for name, parts in columns.items()}
    np.savez(file, rows=np.array([len(prices.indices) for prices in found], np.int64), **arrays)
    return file.getvalue()


def unpacked(content: bytes) -> tuple[Prices, ...]:
    """The prices that `packed` made a file of. Raises ProjectError when it is damaged."""
    try:
        with np.load(io.BytesIO(content)) as file:
            rows, arrays = file["rows"], [file[name] for name in COLUMNS]
        borders = [0, *np.cumsum(rows)]
        return tuple(Prices(*(array[a:b] for array in arrays)) for a, b in pairwise(borders))
    except (ValueError, KeyError, EOFError, zipfile.BadZipFile, IndexError, TypeError):
        raise ProjectError("keyframes/prices.npz is damaged: delete it and it is made again.") from None


def agreement(predicted: Sequence[float], measured: Sequence[Sequence[float]]) -> tuple[float, int]:
    """How well groups were put in order before painting: Spearman's rank correlation (1904), -1 to 1, of their predicted
    error with the mean rank of what was `measured` (one sequence for each measure), and of how many groups it tells.

    Groups with a nan do not count; with fewer than three, or all alike, the correlation is nan.
    """
    table = np.array([predicted, *measured], np.float64)
    table = table[:, np.isfinite(table).all(axis=0)]
    count = table.shape[1]
    told, found = _ranks(table[0]), _ranks(np.sum([_ranks(row) for row in table[1:]], axis=0))
    if count < 3 or not told.std() or not found.std():
        return float("nan"), count
    return float(np.corrcoef(told, found)[0, 1]), count


def _ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The place of each value in order, from 0; equal ones share the mean of theirs."""
    order = np.sort(values)
    return (np.searchsorted(order, values, "left") + np.searchsorted(order, values, "right") - 1) / 2


class _Followed:
    """The points of one change on their way: losses (POINTS,) at the changes `before` it and `after` it, nearest first."""

    def __init__(self, colours: Floats, points: Floats) -> None:
        self.colours = colours
        self.before: list[Floats] = []
        self.after: list[Floats] = []
        self.turn(points)

    def turn(self, points: Floats) -> None:
        self.points, self.distrust = points, np.zeros(len(points), np.float32)

    def arrive(self, flow: Floats, box: Box | None, there: Look) -> Floats:
        """Go along a flow, and say how far each point is lost there, 0 to 1."""
        assert box
        moved = _values(flow, self.points - np.array((box.x, box.y), np.float32))
        self.points = self.points + moved[:, :2]
        self.distrust = self.distrust + moved[:, 2]
        unlike = np.abs(_colours(there.soft, self.points) - self.colours).mean(axis=1)
        inside = _values(there.mask, self.points) > 127
        return (1 - inside * np.exp(-self.distrust - (unlike / UNLIKE) ** 2)).astype(np.float32)


def _points(mask: Mask) -> Floats:
    """`POINTS` points (x, y) spread evenly over the mask, which is not empty."""
    width, inside = mask.shape[1], np.flatnonzero(mask)
    chosen = inside[np.linspace(0, len(inside) - 1, POINTS).astype(np.int64)]
    return np.stack([chosen % width, chosen // width], axis=1).astype(np.float32)


def _colours(picture: NDArray[Any], points: Floats) -> Floats:
    return _values(picture, points).astype(np.float32)


def _values(picture: NDArray[Any], points: Floats) -> NDArray[Any]:
    """The picture at points (x, y), between pixels linear, beyond its border as on it: (N,) or (N, channels)."""
    found = cv2.remap(picture, points[:, None], NOWHERE, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return found[:, 0]
