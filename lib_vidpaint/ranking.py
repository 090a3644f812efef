"""What can be said of a candidate by itself, and which sequence of candidates suits a whole clip best."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np

from .blending import Floats
from .model import Frame, Mask
from .motion import region_box, scaled, with_room

RIM = 3
"""Width in pixels of the bands on either side of the rim whose colours are compared."""
SEEN = 0.02
"""Share of its surroundings that must lie outside the region for a pixel of the rim to be compared."""
SIDE = 288
"""Longest side, in pixels, at which a candidate is looked at."""
SAME = 2
"""Levels by which a pixel may differ and still count as left unchanged."""
DARK, PLAIN, BURNT = 8, 4.0, 0.25
"""A region is black when it is nowhere lighter than the first; flat when its colours deviate less than the second, and
less than a third of the source's; saturated when that much more of it than of the source lies at an end of the range."""
FAULT = 1e5
"""What a fault costs: more than all else, so that a faulty candidate is taken only where all are."""
SEAM, SHARPNESS, PAIR = 0.02, 60.0, 0.5
"""Weights against the squared disagreement with other candidates, in levels: of the squared seam (a sound edit has one of
its own: at 0.2 the choice lost 1 dB), of the squared logarithm of sharpness against the batch's median, and of the
disagreement with the neighbours taken."""

STRANGE, FAR = 2.0, 12.0
"""A keyframe is flagged whose best candidate is this many times further apart than the clip's median, and at least so many
levels."""

NEAREST = 0.8
"""Share of the other candidates that say how far one is from the typical: those that went wrong unseen are far off. Against
the median it was worth .05 dB on candidates as painted and .18 on those without their cast."""
COLUMNS = ("key", "candidate", "seam", "sharpness", "unchanged", "apart", "cost", "faults", "ranked")


@dataclass(frozen=True)
class Scores:
    """What one candidate shows inside the region. seam: `seam_score`. sharpness: mean gradient over the source's.
    unchanged: share of its pixels that are the source's. faults: `black`, `flat`, `saturated`, `unchanged`."""

    seam: float = 0.0
    sharpness: float = 1.0
    unchanged: float = 0.0
    faults: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Batch:
    """The candidates of one keyframe: their numbers and scores, how they disagree with each other (n, n) and with those of
    the next keyframe of the shot (n, m), and the one that a person took. Disagreements are mean squares, in levels."""

    key: int
    numbers: tuple[int, ...]
    scores: tuple[Scores, ...]
    among: Floats
    onward: Floats | None = None
    taken: int | None = None


@dataclass(frozen=True)
class Rank:
    """One candidate's place: what speaks against it (`cost`, smaller is better), how far it is from the typical candidate of
    its own and of the neighbouring keyframes, in levels, and whether it is in the best sequence."""

    key: int
    number: int
    scores: Scores
    apart: float
    cost: float
    best: bool


def looked_at(source: Frame, painted: Frame, region: Mask) -> Scores:
    """The scores of one candidate: pictures uint8 (H, W, 3) of one size, the region (H, W)."""
    box = region_box(region)
    if box is None:
        return Scores()
    height, width = region.shape
    source, painted, region = scaled(with_room(box, width, height), SIDE, source, painted, region)
    inside = region > 0
    here, there = painted[inside].astype(np.int16), source[inside].astype(np.int16)
    unchanged = float((np.abs(here - there).max(axis=1) <= SAME).mean())
    sharpness = (_gradient(painted, region) + 0.5) / (_gradient(source, region) + 0.5)
    faults = {
        "black": np.percentile(here, 99) <= DARK,
        "flat": _spread(here) < min(PLAIN, _spread(there) / 3),
        "saturated": _burnt(here) - _burnt(there) > BURNT,
        "unchanged": unchanged > 0.98,
    }
    found = tuple(name for name, is_so in faults.items() if is_so)
    return Scores(round(seam_score(source, painted, region), 3), round(sharpness, 3), round(unchanged, 3), found)


def _gradient(picture: Frame, region: Mask) -> float:
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    along = [cv2.Sobel(grey, cv2.CV_32F, *order, ksize=3, scale=1 / 8) for order in ((1, 0), (0, 1))]
    return cv2.mean(cv2.magnitude(*along), region)[0]


def _spread(colours: np.ndarray) -> float:
    return float(colours.std(axis=0).mean())


def _burnt(colours: np.ndarray) -> float:
    return float(((colours <= 1) | (colours >= 254)).any(axis=1).mean())


def best_sequence(batches: Sequence[Batch]) -> list[Rank]:
    """Every candidate's rank, batch by batch; in each batch one is `best`, the one taken by a person where there is one.

    The best sequence has the least sum of costs and of disagreements between neighbours (dynamic programming, after
    Viterbi 1967). A candidate costs what it disagrees with the typical others, which are wrong each in its own way: the
    one nearest to all is nearest to what they have in common.
    """
    apart = [_apart(batches, at) for at in range(len(batches))]
    costs = [_costs(batch, found) for batch, found in zip(batches, apart)]
    between = [None if b.onward is None else PAIR * _trust(b, after) * b.onward for b, after in pairwise(batches)]
    path = _cheapest(costs, between)
    return [
        Rank(batch.key, number, batch.scores[at], round(math.sqrt(far[at]), 2), round(float(cost[at]), 1), at == best)
        for batch, far, cost, best in zip(batches, apart, costs, path)
        for at, number in enumerate(batch.numbers)
    ]


def flagged(ranks: Mapping[int, Mapping[int, Rank]]) -> list[int]:
    """The keyframes whose candidate in the best sequence has a fault or is far more apart from the others than usual."""
    best = {key: rank for key, row in ranks.items() for rank in row.values() if rank.best}
    usual = float(np.median([rank.apart for rank in best.values()])) if best else 0.0
    limit = max(STRANGE * usual, FAR)
    return [key for key, rank in best.items() if rank.scores.faults or rank.apart > limit]


def ranks_csv(ranks: Sequence[Rank]) -> str:
    """A table of the ranks, one line a candidate; `apart` in levels, faults with spaces between."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(COLUMNS)
    for rank in ranks:
        seen = rank.scores
        numbers = (
            f"{seen.seam:g}",
            f"{seen.sharpness:g}",
            f"{seen.unchanged:g}",
            f"{rank.apart:.2f}",
            f"{rank.cost:.1f}",
        )
        table.writerow([rank.key, rank.number, *numbers, " ".join(seen.faults), "best" if rank.best else ""])
    return text.getvalue()


def read_ranks(table: str) -> dict[int, dict[int, Rank]]:
    """What `ranks_csv` wrote, by key and number."""
    found: dict[int, dict[int, Rank]] = {}
    for row in csv.DictReader(io.StringIO(table)):
        key, number = int(row["key"]), int(row["candidate"])
        seam, sharpness, unchanged = (float(row[name]) for name in ("seam", "sharpness", "unchanged"))
        scores = Scores(seam, sharpness, unchanged, tuple(row["faults"].split()))
        rank = Rank(key, number, scores, float(row["apart"]), float(row["cost"]), row["ranked"] == "best")
        found.setdefault(key, {})[number] = rank
    return found


def _apart(batches: Sequence[Batch], at: int) -> Floats:
    """How far each candidate is from the typical others, as mean squares (n,)."""
    batch = batches[at]
    among = np.where(np.eye(len(batch.numbers), dtype=bool), np.nan, batch.among)
    rows = [(among, _sound(batch), 1.0)]
    if at and (before := batches[at - 1].onward) is not None:
        rows.append((before.T, _sound(batches[at - 1]), _trust(batches[at - 1], batch)))
    if batch.onward is not None:
        rows.append((batch.onward, _sound(batches[at + 1]), _trust(batch, batches[at + 1])))
    known = [(row[:, sound], share) for row, sound, share in rows if np.isfinite(row[:, sound]).any(axis=1).all()]
    if not known:
        return np.zeros(len(batch.numbers))
    return np.average([_typical(row) for row, _ in known], axis=0, weights=[share for _, share in known])


def _typical(row: Floats) -> Floats:
    """The mean of the nearest `NEAREST` of what each candidate is held against, (n, m) to (n,); nan is none of it."""
    near = np.sort(row, axis=1)
    count = np.maximum(1, (NEAREST * np.isfinite(near).sum(axis=1)).astype(int))
    return np.array([values[:kept].mean() for values, kept in zip(near, count)])


def _trust(batch: Batch, after: Batch) -> float:
    """How much to make of what two keyframes say of each other, 0 to 1: little where their candidates differ far more than
    those of one keyframe do, as they differ by what the flow missed. Without this a BMX rider lost 1 dB."""
    assert batch.onward is not None
    own = [float(np.median(one.among[np.ix_(_sound(one), _sound(one))])) for one in (batch, after)]
    across = float(np.median(batch.onward[np.ix_(_sound(batch), _sound(after))]))
    return min(1.0, (max(own) + 1) / (across + 1)) ** 2


def _sound(batch: Batch) -> list[int]:
    """Where the candidates without faults are, all if there are none; only the one that a person took."""
    if batch.taken is not None:
        return [batch.numbers.index(batch.taken)]
    sound = [at for at, scores in enumerate(batch.scores) if not scores.faults]
    return sound or list(range(len(batch.scores)))


def _costs(batch: Batch, apart: Floats) -> Floats:
    sharp = np.log([scores.sharpness for scores in batch.scores])
    cost = apart + SHARPNESS * (sharp - np.median(sharp[_sound(batch)])) ** 2
    cost += [SEAM * scores.seam**2 + FAULT * len(scores.faults) for scores in batch.scores]
    if batch.taken is not None:
        cost = np.where(np.array(batch.numbers) == batch.taken, cost, np.inf)
    return cost


def _cheapest(costs: Sequence[Floats], onward: Sequence[Floats | None]) -> list[int]:
    """One place in each row of costs so that these and what lies between neighbours, (n, m), sum to the least."""
    sums, came = list(costs[:1]), []
    for at in range(1, len(costs)):
        between = onward[at - 1]
        way = sums[-1][:, None] + (np.zeros((len(sums[-1]), len(costs[at]))) if between is None else between)
        came.append(way.argmin(axis=0))
        sums.append(way.min(axis=0) + costs[at])
    path = [int(sums[-1].argmin())] if sums else []
    for way in reversed(came):
        path.append(int(way[path[-1]]))
    return path[::-1]


def seam_score(source: Frame, painted: Frame, region: Mask) -> float:
    """How visible the border of the edit is, in levels of 255; 0 is seamless, smaller is better.

    The step from the painted rim (RIM pixels inside the region) to the source beside it (RIM pixels outside), as the
    mean over colours and rim of the difference of their local means. Pictures are uint8 (H, W, 3), the region (H, W); one
    without an outside or without an inside scores 0.
    """
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * RIM + 1, 2 * RIM + 1))
    inside = (region > 0).astype(np.uint8)
    inner, outer = inside > cv2.erode(inside, disc), cv2.dilate(inside, disc) > inside
    window = (4 * RIM + 1, 4 * RIM + 1)
    bands = [band.astype(np.float32) for band in (inner, outer)]
    shares = [cv2.blur(band, window) for band in bands]
    here = inner & (shares[1] > SEEN)
    if not here.any():
        return 0.0
    means = [
        cv2.blur(picture * band[..., None], window)[here] / share[here][:, None]
        for picture, band, share in zip((painted, source), bands, shares)
    ]
    return float(np.abs(means[0] - means[1]).mean())
