"""When pictures are shown: at a constant rate, or more of them than there were, and what is shown in between."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal, Protocol

import cv2
import numpy as np

from .interpolation import Gap
from .model import Mask
from .planes import Planes

Between = Literal["nearest", "blend", "flow"]
Numbered = tuple[int, Planes]


@dataclass(frozen=True)
class Shown:
    """A picture, the second at which it is shown, and what of it is edited (None: not known)."""

    picture: Planes
    time: Fraction
    region: Mask | None = None


class Pace(Protocol):
    def moments(self, one: Fraction, other: Fraction) -> list[tuple[int, Fraction]]:
        """(number, second) of all pictures from `one` until just before `other`."""
        ...


@dataclass(frozen=True)
class Steady:
    """A constant rate; picture n is shown at n / rate."""

    rate: Fraction

    def moments(self, one: Fraction, other: Fraction) -> list[tuple[int, Fraction]]:
        numbers = range(max(0, -int(-one * self.rate // 1)), max(0, -int(-other * self.rate // 1)))
        return [(number, number / self.rate) for number in numbers]


@dataclass(frozen=True)
class Denser:
    """Every picture at its own time, and `factor` - 1 between it and the next; numbers count `tick` / factor seconds."""

    factor: int
    tick: Fraction

    def moments(self, one: Fraction, other: Fraction) -> list[tuple[int, Fraction]]:
        first, step = round(one / self.tick) * self.factor, round((other - one) / self.tick)
        return [(first + part * step, one + (other - one) * part / self.factor) for part in range(self.factor)]


class Row:
    """Pictures given one after the other, and the work of making those that are shown between each and the next.

    nearest: the picture whose time is nearest. blend: the two around mixed by their distance. flow: what moves is where it
    is by then (`interpolation.py`). Where a shot begins (`cuts`, rising seconds) it is the nearest always. Two pictures are
    kept. `stands`: seconds that the last one is shown.
    """

    def __init__(self, pace: Pace, how: Between, stands: Fraction, cuts: Sequence[Fraction] = ()) -> None:
        self._pace, self._stands, self._cuts = pace, stands, cuts
        self._how: Between = how
        self._before: Shown | None = None

    def add(self, shown: Shown) -> Callable[[], list[Numbered]]:
        """The work that makes all pictures from the one before until this one; times rise."""
        before, self._before = self._before, shown
        if before is None:
            return list
        cut = bisect_right(self._cuts, before.time) < bisect_right(self._cuts, shown.time)
        moments = self._pace.moments(before.time, shown.time)
        how: Between = "nearest" if cut else self._how
        return lambda: pictures(before, shown, moments, how)

    def rest(self) -> list[Numbered]:
        """The last picture, as long as it stands."""
        if self._before is None:
            return []
        last, time = self._before.picture, self._before.time
        moments = self._pace.moments(time, time + self._stands)
        return [(number, last) for number, _ in moments]


def pictures(one: Shown, other: Shown, moments: Sequence[tuple[int, Fraction]], how: Between) -> list[Numbered]:
    """(number, picture) at each of the moments between two pictures."""
    regions = (one.region, other.region) if one.region is not None and other.region is not None else None
    gap, made = Gap(one.picture, other.picture, regions), []
    for number, time in moments:
        share = float((time - one.time) / (other.time - one.time))
        if how == "nearest" or share <= 0:
            made.append((number, one.picture if share < 0.5 else other.picture))
        else:
            made.append((number, mixed(one.picture, other.picture, share) if how == "blend" else gap.at(share)))
    return made


def mixed(one: Planes, other: Planes, share: float) -> Planes:
    """Two pictures of one format laid over each other, `share` (0 to 1) of the second."""
    arrays = [cv2.addWeighted(a, 1 - share, b, share, 0) for a, b in zip(one.arrays, other.arrays)]
    return Planes(one.format, tuple(np.asarray(mix, a.dtype) for mix, a in zip(arrays, one.arrays)))
