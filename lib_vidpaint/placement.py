"""Where a number of keyframes does most good, and how many are worth painting: dynamic programs over predicted losses.

Sharp frames are not preferred beyond that. A cost for blur (variance of the Laplacian against the frames around) changed
true edits carried over three clips by -.3 to +.1 dB; with every second frame shaken, by -.3 to -2.5 dB: blurred frames are
then the hard ones, and a blurred keyframe serves them best.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate, pairwise

import numpy as np
from numpy.typing import NDArray

from .prediction import Prices

WORTH = 1.5
"""Frames of loss that a keyframe must save to be added for the sake of quality. Where motion outruns every flow, loss
falls by about one frame with every keyframe however many there are (bmx): the keyframe itself and little around it."""


@dataclass(frozen=True)
class Placements:
    """The best placements of 1, 2, ... keyframes in one segment: `losses[n]` in frames, infinite for too few."""

    losses: NDArray[np.float64]
    lasts: NDArray[np.int64]
    gaps: NDArray[np.uint8]

    @property
    def least(self) -> int:
        return int(np.flatnonzero(np.isfinite(self.losses))[0])

    @property
    def most(self) -> int:
        beyond = np.flatnonzero(np.isinf(self.losses[self.least :]))
        return self.least + int(beyond[0]) - 1 if len(beyond) else len(self.losses) - 1

    def rows(self, count: int) -> list[int]:
        """The rows of the prices at which `count` keyframes lie, rising."""
        rows = [int(self.lasts[count])]
        for number in range(count, 1, -1):
            rows.append(rows[-1] - int(self.gaps[number, rows[-1]]))
        return rows[::-1]


def placements(found: Prices, longest: int, shortest: int = 1, most: int = 500) -> Placements:
    """The best placements in a segment of up to `most` keyframes (more where `longest` demands it), by a dynamic program
    over where the last one lies.

    `longest` and `shortest` are frames from a keyframe to the next; `longest` also to the segment's ends, and it counts
    only where something changes; `shortest` gives way where there is no other way.
    """
    rows, reach = len(found.indices), found.between.shape[1] - 1
    most = min(rows, max(most, 3 * rows // min(longest, 12)))
    until, tail = np.where(_near(found, longest), found.head, np.inf), found.tail.copy()
    ends = found.indices[-1] + found.weights[-1] - found.indices - found.weights > longest
    tail[ends & (np.arange(rows) < rows - 1)] = np.inf
    steps = np.full((reach + 1, rows), np.inf)
    for gap in range(1, min(reach, rows - 1) + 1):
        apart = found.indices[gap:] - found.indices[:-gap]
        moving = apart - found.weights[:-gap] + 1
        fits = (apart >= shortest) & ((moving <= longest) | (gap == 1))
        steps[gap, gap:] = np.where(fits, found.between[: rows - gap, gap], np.inf)
    losses, lasts = np.full(most + 1, np.inf), np.zeros(most + 1, np.int64)
    gaps = np.zeros((most + 1, rows), np.uint8)
    through = np.full_like(steps, np.inf)
    for number in range(1, most + 1):
        if number > 1:
            for gap in range(1, min(reach, rows - 1) + 1):
                np.add(until[: rows - gap], steps[gap, gap:], out=through[gap, gap:])
            gaps[number] = through.argmin(axis=0)
            until = through.min(axis=0)
        whole = until + tail
        lasts[number] = whole.argmin()
        losses[number] = whole[lasts[number]]
    if not np.isfinite(losses).any():
        return placements(found, longest, 1, most)
    return Placements(losses, lasts, gaps)


def _near(found: Prices, longest: int) -> NDArray[np.bool_]:
    return (found.indices - found.indices[0] <= longest) | (np.arange(len(found.indices)) == 0)


@dataclass(frozen=True)
class Budget:
    """The best keyframes of a clip for every number of them. The segment where one more saves most gets the next one."""

    prices: Sequence[Prices]
    found: Sequence[Placements]

    @property
    def least(self) -> int:
        """As few as can be: every segment needs one, and more where it is long."""
        return sum(p.least for p in self.found)

    @property
    def most(self) -> int:
        return self.least + len(self._order)

    @cached_property
    def _order(self) -> list[tuple[float, int]]:
        """(loss saved, segment) of every further keyframe, best first: the lower convex hulls of the segments' losses."""
        gains = [(gain, n) for n, p in enumerate(self.found) for gain in _hull(p.losses[p.least : p.most + 1])]
        return sorted(gains, key=lambda pair: -pair[0])

    @cached_property
    def losses(self) -> list[float]:
        """Predicted loss, in frames, with `least`, `least` + 1, ... `most` keyframes."""
        first = sum(float(p.losses[p.least]) for p in self.found)
        return list(accumulate((-gain for gain, _ in self._order), initial=first))

    @cached_property
    def frames(self) -> int:
        return sum(int(p.weights.sum()) for p in self.prices)

    def error(self, count: int) -> float:
        """Predicted error with so many keyframes, in percent of the region; the nearest number that can be."""
        count = min(max(count, self.least), self.most)
        return 100 * max(self.losses[count - self.least], 0.0) / max(self.frames, 1)

    def enough(self, quality: float) -> int:
        """The fewest keyframes that leave `quality` percent unharmed, as long as each saves `WORTH` frames."""
        count = self.least
        for gain, _ in self._order:
            if self.error(count) <= 100 - quality or gain < WORTH:
                break
            count += 1
        return count

    def keys(self, count: int) -> list[int]:
        """The keyframes' frame numbers, rising; the nearest number of them that can be. Where the clip stands still, the
        middle of that: what moves on either side is then blended with what is near.
        """
        counts = [p.least for p in self.found]
        for _, segment in self._order[: max(count - self.least, 0)]:
            counts[segment] += 1
        return [
            int(prices.indices[row] + (prices.weights[row] - 1) // 2)
            for prices, found, n in zip(self.prices, self.found, counts)
            for row in found.rows(n)
        ]


def budget(prices: Sequence[Prices], longest: int, shortest: int = 1, count: int = 0) -> Budget:
    """The budget of a clip for at least `count` keyframes; lengths as for `placements`."""
    return Budget(prices, [placements(p, longest, shortest, max(500, count)) for p in prices])


def _hull(losses: NDArray[np.float64]) -> list[float]:
    """What each step of the lower convex hull of a falling curve saves: never more than the step before it."""
    gains: list[tuple[float, int]] = []
    for gain in -np.diff(losses):
        gains.append((float(gain), 1))
        while len(gains) > 1 and gains[-2][0] <= gains[-1][0]:
            (a, n), (b, m) = gains[-2:]
            gains[-2:] = [((a * n + b * m) / (n + m), n + m)]
    return [gain for gain, count in gains for _ in range(count)]


def predicted(found: Prices, keys: Sequence[int]) -> list[float]:
    """The mean loss, 0 to 1, of the frames of every group that these keyframes of one segment make; nan where a keyframe
    is too far from the next for anything to be known. Groups are those of `segments.groups`.
    """
    borders = [found.start, *keys[1:], found.stop]
    errors = [loss / (stop - start) for loss, start, stop in zip(group_losses(found, keys), borders, borders[1:])]
    return [error if np.isfinite(error) else float("nan") for error in errors]


def group_losses(found: Prices, keys: Sequence[int]) -> list[float]:
    """The loss, in frames, of every group that these keyframes of one segment make; infinite where it is not known."""
    rows = np.searchsorted(found.indices, keys, side="right") - 1
    losses = [float(found.head[rows[0]]), *[0.0] * (len(rows) - 1)]
    for n, (row, after) in enumerate(pairwise(rows)):
        near = after - row < found.between.shape[1]
        losses[n] += float(found.between[row, after - row]) if near else np.inf
    losses[-1] += float(found.tail[rows[-1]])
    return losses
