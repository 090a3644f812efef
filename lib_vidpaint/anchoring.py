"""In which order keyframes are painted where each is shown what was painted before it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from .model import Group
from .prediction import Prices

Order = Literal["time", "anchor"]


def painting_order(
    groups: Sequence[Group], found: Sequence[Prices], order: Order
) -> list[list[tuple[int, int | None]]]:
    """For every shot its keyframes in painting order, each with the one of the shot that it is nearest to among those
    painted before (None for the first). `groups` rise; `found` are the prices of stage 4.
    """
    shots: dict[int, list[int]] = {}
    for group in groups:
        shots.setdefault(group.shot, []).append(group.key)
    return [_outward(keys, anchor(keys, found) if order == "anchor" else keys[0]) for keys in shots.values()]


def anchor(keys: Sequence[int], found: Sequence[Prices]) -> int:
    """The most typical keyframe of a shot: which explains the frames around it best when it stands alone, by what stage 4
    found that they lose. Between equals, and where nothing is known, the one nearest to the middle."""
    prices = next((p for p in found if p.start <= keys[0] < p.stop), None)
    middle = (keys[0] + keys[-1]) / 2
    losses = [_loss(prices, key) if prices is not None else 0.0 for key in keys]
    return min(zip(losses, keys), key=lambda pair: (round(pair[0], 6), abs(pair[1] - middle), pair[1]))[1]


def _loss(prices: Prices, key: int) -> float:
    """What share of the segment is lost with this keyframe alone, 0 to 1. Frames too far to be told of are all lost."""
    row = int(np.searchsorted(prices.indices, key, side="right")) - 1
    total = float(prices.weights.sum())
    before, after = prices.head[row], prices.tail[row]
    if not np.isfinite(before):
        before = _reached(prices, row, -1)
    if not np.isfinite(after):
        after = _reached(prices, row, 1)
    return float(before + after) / total


def _reached(prices: Prices, row: int, step: int) -> float:
    """An estimate of the loss on one side of a keyframe far from the end: what it and the farthest one told of lose between
    them, and all beyond."""
    reach = prices.between.shape[1] - 1
    far = row + step * reach
    between = prices.between[min(row, far), reach]
    beyond = prices.weights[:far].sum() if step < 0 else prices.weights[far + 1 :].sum()
    return float(2 * between + beyond)


def _outward(keys: Sequence[int], first: int) -> list[tuple[int, int | None]]:
    """From `first` outward to both sides, the nearer one in time next."""
    rest = sorted((key for key in keys if key != first), key=lambda key: (abs(key - first), key))
    sides = {1: first, -1: first}
    ordered: list[tuple[int, int | None]] = [(first, None)]
    for key in rest:
        side = 1 if key > first else -1
        ordered.append((key, sides[side]))
        sides[side] = key
    return ordered
