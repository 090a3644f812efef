"""How badly keyframes would serve the frames between them, told before anything is painted.

Points of every frame's region are followed to each keyframe that may serve it. A point is lost (1) as far as it leaves
the region, is covered on its way, or arrives at another colour, and safe (0) where it finds its like. A frame between
two keyframes is served by the better of both, mostly: the edit is carried from both and the surer one leads.

A lost point harms as much as there is to see around it, so it counts by its contrast. Without that, the order of groups
by predicted error agreed less with that by measured error (rank correlation .72 instead of .9 on fast bikes, .81 instead
of .9 under changing light; elsewhere alike).

Frames that do not differ from one before them need no thought of their own: only those that do, the *changes*, are
looked at, each on behalf of the still frames that follow it. So a still clip costs next to nothing and needs one
keyframe, however long it is.
"""

from __future__ import annotations

import io
import zipfile
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .errors import ProjectError
from .following import POINTS, SIDE, Floats, Followed, Look, Step, differs, look_at, stepped
from .model import Frame, Mask
from .pools import ahead

REACH = 30
"""Changes that two keyframes may be apart at the most, for anything to be told of the frames between them."""
BETTER = 0.7
"""How much the better of two keyframes counts; the rest goes by nearness."""
BAND = 8
"""Earlier keyframes that are matched with all later ones at once: one by one took twice the time, all in one go a third more
(half of the pairs are too far apart)."""
COLUMNS = ("indices", "weights", "between", "head", "tail", "fresh")


@dataclass(frozen=True)
class Prices:
    """What keyframes would cost in one segment. Row r stands for the change `indices[r]` and `weights[r]` frames.

    `between[r, d]` is the loss, in frames of mean contrast, of all frames between keyframes at changes r and r + d;
    `head[r]` that of those before the segment's first keyframe r, `tail[r]` of those after its last one. Infinite where it
    is too far. `fresh[r]` is the share, 0 to 1, of the region that the change before does not show.
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
            look = look_at(index, frame, mask, scale)
            if last is not None and not differs(last, look):
                weights[-1] += 1
                continue
            indices.append(index)
            weights.append(1)
            yield last, look
            last = look

    seen = ahead(pairs(), 2, batch=8)
    for step in ahead((stepped(*pair) for pair in seen), 2, batch=8):
        ledger.add(step)
    return ledger.closed()


class _Ledger:
    """Follows the points of changes to the `reach` changes before and after them, and books what each pair of keyframes
    would cost. Points of many changes go the same way together: ahead as changes come, back for `reach` of them at once.
    """

    def __init__(self, reach: int, indices: list[int], weights: list[int]) -> None:
        self.reach, self.indices, self.weights = reach, indices, weights
        self.steps: deque[Step] = deque(maxlen=2 * reach)  # for `_look_back`: the way ahead was gone already
        self.count = 0
        self.ahead = Followed(reach)
        self.before: deque[Floats] = deque()
        self.after: deque[list[Floats]] = deque()
        self.harms: deque[NDArray[Any]] = deque()
        self.between: list[NDArray[np.float64]] = []
        self.alone: list[tuple[NDArray[np.float64], NDArray[np.float64]]] = []
        self.fresh: list[float] = []
        self.harm = 0.0

    def add(self, step: Step) -> None:
        for losses, lost in zip(reversed(self.after), reversed(self.ahead.arrive(step.there, step.box, step.look))):
            losses.append(lost)
        self.ahead.join(step.look)
        self.after.append([])
        self.harms.append(step.look.contrast / np.float32(POINTS))
        self.steps.append(step.backward())
        self.between.append(np.zeros(self.reach + 1))
        self.count += 1
        if self.count % self.reach == 0:
            self._look_back(self.reach)
        if len(self.after) > self.reach:
            self._book()

    def _look_back(self, count: int) -> None:
        """Follow the points of the last `count` changes to those before them."""
        steps, followed = list(self.steps), Followed(self.reach)
        lost: deque[list[Floats]] = deque()
        for at in range(len(steps) - 1, 0, -1):
            if at >= len(steps) - count:
                followed.join(steps[at].look)
                lost.append([])
            arrived = followed.arrive(steps[at].back, steps[at].box, steps[at - 1].look)
            for losses, found in zip(list(lost)[-len(arrived) :], arrived):
                losses.append(found)
        if count == len(steps):
            lost.append([])  # the first change has none before it
        self.before.extend(np.array(losses, np.float32).reshape(-1, POINTS) for losses in reversed(lost))

    def _book(self) -> None:
        """What the oldest change still followed costs, now that every keyframe that may serve it was reached."""
        at = len(self.alone)
        harm, here = self.weights[at] * self.harms.popleft(), self.indices[at]
        before, after = self.before.popleft(), np.array(self.after.popleft(), np.float32).reshape(-1, POINTS)
        self.harm += float(harm.sum())
        self.fresh.append(float(before[0].mean()) if len(before) else 0.0)
        self.alone.append(((before @ harm).astype(float), (after @ harm).astype(float)))
        # The loss of a change between the keyframes `left` changes before and `right` after it.
        lefts = self.indices[at - len(before) : at][::-1]
        rights = self.indices[at + 1 : at + 1 + len(after)]
        both = np.zeros((len(before), len(after)))
        for left in range(0, len(before), BAND):
            reached = after[: max(0, self.reach - left - 1)]
            better = np.minimum(before[left : left + BAND, None], reached)
            both[left : left + BAND, : len(reached)] = (better.reshape(-1, POINTS) @ harm).reshape(better.shape[:2])
        start, stop = np.array(lefts, float)[:, None], np.array(rights, float)
        done = (here - start) / (stop - start)
        nearer = (1 - done) * self.alone[at][0][:, None] + done * self.alone[at][1]
        costs = BETTER * both + (1 - BETTER) * nearer
        for left, row in enumerate(costs, 1):
            count = max(0, min(len(row), self.reach - left))
            self.between[at - left][left + 1 : left + 1 + count] += row[:count]

    def closed(self) -> Prices:
        if rest := self.count % self.reach:
            self._look_back(rest)
        while self.after:
            self._book()
        count = len(self.indices)
        head, tail = np.full(count, np.inf), np.full(count, np.inf)
        for at in range(min(count, self.reach + 1)):
            head[at] = sum(self.alone[t][1][at - t - 1] for t in range(at))
            last = count - 1 - at
            tail[last] = sum(self.alone[t][0][t - last - 1] for t in range(last + 1, count))
        between = np.array(self.between, np.float64).reshape(count, self.reach + 1)
        frames = sum(self.weights) / max(self.harm, 1e-9)
        return Prices(
            np.array(self.indices, np.int64),
            np.array(self.weights, np.int64),
            between * frames,
            head * frames,
            tail * frames,
            np.array(self.fresh),
        )


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
