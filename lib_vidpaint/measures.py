"""Whether an edit behaves as the video did: measures inside the mask, always relative to the source.

Every measure has a value that means "as in the source" (1 for ratios, 0 for the others), which a result equal to its
source has exactly. Two-sided ones are bad in both directions: a warping error below the source's own means blur.
A measure that needs the frame before is nan where there is none, or where nothing could be followed.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from statistics import median

import cv2
import numpy as np

from .flow import positions, warp
from .model import Frame, Mask, Verdict
from .motion import (
    SMALLEST,
    Floats,
    Picture,
    diagonal,
    flow,
    mean_length,
    region_box,
    scaled,
    texture,
    with_room,
)
from .ranking import seam_score

FINE_SIDE = 1080
"""Sharpness is seen in the picture itself; a region longer than this is reduced for the sake of time."""
COARSE_SIDE = 288
"""Motion, flicker and seams are looked at in this size."""
EPSILON = 0.5
"""Levels added above and below a ratio's line: without, a region without any texture or change divides by nothing."""
RETURN = 1.0
"""Pixels by which flow there and back may miss its start; beyond, the place counts as hidden."""
RATIOS = ("warp_ratio", "sharpness", "border")
TWO_SIDED = ("warp_ratio", "sharpness")
GROSS = 2.5
"""How many times a limit (for ratios: its logarithm) is wrong in any clip."""
EVEN = 0.1
"""Share of a limit below which groups of a clip count as alike: their MAD is taken to be at least this."""
FEW = 4
"""With fewer groups than this there is no clip to stand out of."""


@dataclass(frozen=True)
class FrameMeasures:
    """What one frame showed. warp_ratio: warping error along the source's flow, result over source. motion: how far the
    result moves otherwise than the source, in % of the region's diagonal. colour: change of the mean colour since the
    frame before, beyond the source's, in levels. seam: colour step across the region's rim, beyond the source's, in
    levels. sharpness: mean gradient, result over source.
    """

    index: int
    warp_ratio: float = math.nan
    motion: float = math.nan
    colour: float = math.nan
    seam: float = 0.0
    sharpness: float = 1.0


@dataclass(frozen=True)
class Limits:
    """What a group's measures may reach: warp_ratio and sharpness up to the number and down to one over it, the others
    up to it; and how far (robust z) a group may stand out of the clip when it is beyond that.
    """

    warp_ratio: float = 1.6
    motion: float = 1.5
    colour: float = 3.0
    seam: float = 16.0
    sharpness: float = 1.6
    border: float = 2.5
    z: float = 3.0


@dataclass(frozen=True)
class _Seen:
    """A frame pair kept for the next one: whole pictures, since the next region may lie elsewhere."""

    index: int
    source: Frame
    result: Frame
    mask: Mask


class Validator:
    """Measures frames given in order; keeps only the frame before."""

    def __init__(self) -> None:
        self._before: _Seen | None = None

    def add(self, index: int, source: Frame, result: Frame, mask: Mask) -> FrameMeasures:
        """The measures of frame `index`: RGB source and result of one size, and the mask of what may differ.

        The frame before counts only when its index is one less; give what belongs to another shot with a gap or to
        another Validator. An empty mask measures as unchanged. The arrays are kept until the next call, not copied.
        """
        now, before = _Seen(index, source, result, mask), self._before
        self._before = now
        if region_box(mask) is None:
            return FrameMeasures(index)
        seam, sharpness = _still(now)
        if before is None or before.index != index - 1 or region_box(before.mask) is None:
            return FrameMeasures(index, seam=seam, sharpness=sharpness)
        return FrameMeasures(index, *_moving(before, now), seam, sharpness)


def judge(measures: Mapping[int, Sequence[FrameMeasures]], limits: Limits | None = None) -> list[Verdict]:
    """The verdict on every group, in the mapping's order: `drop` with the names of the limits it broke, else `keep`.

    `measures` has each group's frames in order under its key, groups in order of time. A group's measure is the mean
    over its frames (of the logarithm, for ratios), for what moves without the first, which tells of the group before as
    well. `border` is the jump to the neighbours: the warping error ratio across the border over the median inside (1 in
    a group of one frame), the smaller of both sides, since a jump on one side only may be the neighbour's fault. What
    could not be measured is left out.

    A limit is broken by a value beyond it for which one of these holds: it stands out of the clip (robust z above
    `limits.z`, z = .6745 (value - median) / MAD over the groups); it is `GROSS` times as far out as the limit, so that
    a clip that is bad everywhere is found too; there are fewer than `FEW` groups. So a look that the whole edit has
    (sharper clothes) is no fault, and neither is the one group of a very even clip that differs by nearly nothing.
    """
    limits = limits or Limits()
    frames = list(measures.values())
    groups = [_group_measures(own, after) for own, after in zip(frames, [*frames[1:], []])]
    verdicts = []
    for key, group in zip(measures, groups):
        broken = tuple(name for name in group if _is_broken(name, group, groups, limits))
        verdicts.append(Verdict(key, group, broken, "drop" if broken else "keep"))
    return verdicts


def report_csv(measures: Mapping[int, Sequence[FrameMeasures]], verdicts: Sequence[Verdict]) -> str:
    """A CSV table of all measures, one line a frame, with its group's key, the error predicted for the group before it was
    painted (% of the region) where its verdict has one, decision and broken limits; nan is empty.
    """
    names = [field.name for field in fields(FrameMeasures)]
    by_key = {verdict.key: verdict for verdict in verdicts}
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(["key", *names, "predicted", "decision", "broken"])
    for key, frames in measures.items():
        verdict = by_key[key]
        predicted = verdict.measures.get("predicted", math.nan)
        for frame in frames:
            numbers = [*(getattr(frame, name) for name in names[1:]), predicted]
            shown = ["" if math.isnan(number) else f"{number:.4f}" for number in numbers]
            table.writerow([key, frame.index, *shown, verdict.decision, " ".join(verdict.broken)])
    return text.getvalue()


def _still(now: _Seen) -> tuple[float, float]:
    """(seam, sharpness) of one frame."""
    source, result, mask = _crop(now.mask, FINE_SIDE, now.source, now.result, now.mask)
    inside = cv2.erode(mask, np.ones((3, 3), np.uint8))
    inside = inside if cv2.countNonZero(inside) else mask
    sharpness = _ratio(_gradient(result, inside), _gradient(source, inside))
    source, result, mask = _crop(now.mask, COARSE_SIDE, now.source, now.result, now.mask)
    return seam_score(result, result, mask) - seam_score(source, source, mask), sharpness


def _moving(before: _Seen, now: _Seen) -> tuple[float, float, float]:
    """(warp_ratio, motion, colour) of a frame after the one before it."""
    pictures = before.source, now.source, before.result, now.result, before.mask, now.mask
    source0, source1, result0, result1, mask0, mask1 = _crop(before.mask | now.mask, COARSE_SIDE, *pictures)
    colour = float(
        np.mean(np.abs(_mean(result1, mask1) - _mean(result0, mask0) - _mean(source1, mask1) + _mean(source0, mask0)))
    )
    if min(mask1.shape) < SMALLEST:
        return math.nan, math.nan, colour
    grey0, grey1, painted0, painted1 = (
        cv2.cvtColor(p, cv2.COLOR_RGB2GRAY) for p in (source0, source1, result0, result1)
    )
    back, forth = flow(grey1, grey0), flow(grey0, grey1)
    followed = cv2.bitwise_and(mask1, _followed(back, forth, mask0))
    if cv2.countNonZero(followed) < 0.01 * cv2.countNonZero(mask1):
        return math.nan, math.nan, colour
    ratio = _ratio(_warping_error(result0, result1, back, followed), _warping_error(source0, source1, back, followed))
    textured = np.minimum(texture(grey1), texture(painted1)) * (followed > 0)
    departs = mean_length(flow(painted1, painted0) - back, textured, cv2.countNonZero(followed))
    return ratio, departs / diagonal(mask1) * 100, colour


def _crop(mask: Mask, side: int, *pictures: Picture) -> list[Picture]:
    """The pictures around the mask's region, at most `side` pixels long."""
    region = region_box(mask)
    height, width = mask.shape
    return scaled(with_room(region, width, height), side, *pictures) if region else list(pictures)


def _mean(picture: Picture, mask: Picture) -> Floats:
    return np.array(cv2.mean(picture, mask)[:3], np.float32)


def _gradient(picture: Picture, mask: Picture) -> float:
    """Mean length of the grey gradient inside the mask, in levels per pixel."""
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    along = [cv2.Sobel(grey, cv2.CV_32F, *order, ksize=3, scale=1 / 8) for order in ((1, 0), (0, 1))]
    return cv2.mean(cv2.magnitude(*along), mask)[0]


def _followed(back: Floats, forth: Floats, mask: Picture) -> Picture:
    """Where the flow back lands inside the mask of the frame before and the flow forth returns: uint8, 0 or 255."""
    missed = back + warp(forth, back)
    returns = (missed**2).sum(axis=2) < RETURN**2
    ends, (height, width) = positions(back), mask.shape
    seen = (ends >= -0.5).all(axis=2) & (ends[..., 0] <= width - 0.5) & (ends[..., 1] <= height - 0.5)
    return (returns & seen & (warp(mask, back) > 127)).astype(np.uint8) * 255


def _warping_error(before: Picture, now: Picture, back: Floats, mask: Picture) -> float:
    """Mean absolute difference, in levels, of a picture from the one before, pulled along the flow."""
    return float(np.mean(cv2.mean(cv2.absdiff(now, warp(before, back)), mask)[:3]))


def _ratio(result: float, source: float) -> float:
    return (result + EPSILON) / (source + EPSILON)


def _group_measures(frames: Sequence[FrameMeasures], after: Sequence[FrameMeasures]) -> dict[str, float]:
    """The measures of a group, by the names of `Limits`, without those that no frame has; `after` is the next group."""
    inside = frames[1:]
    found = {
        "warp_ratio": math.exp(_mean_of([math.log(f.warp_ratio) for f in inside])),
        "motion": _mean_of([f.motion for f in inside]),
        "colour": _mean_of([f.colour for f in inside]),
        "seam": _mean_of([f.seam for f in frames]),
        "sharpness": math.exp(_mean_of([math.log(f.sharpness) for f in frames])),
    }
    ratios = [f.warp_ratio for f in inside if not math.isnan(f.warp_ratio)] or [1.0]
    across = [edge.warp_ratio for edge in (*frames[:1], *after[:1]) if not math.isnan(edge.warp_ratio)]
    if len(across) == 2:
        found["border"] = min(across) / median(ratios)
    return {name: value for name, value in found.items() if not math.isnan(value)}


def _mean_of(numbers: Sequence[float]) -> float:
    known = [number for number in numbers if not math.isnan(number)]
    return sum(known) / len(known) if known else math.nan


def _is_broken(name: str, group: dict[str, float], groups: Sequence[dict[str, float]], limits: Limits) -> bool:
    value, limit = group[name], float(getattr(limits, name))
    clip = [other[name] for other in groups if name in other]
    if name in RATIOS:
        value, limit, clip = math.log(value), math.log(limit), [math.log(other) for other in clip]
    beyond = abs(value) if name in TWO_SIDED else value
    if beyond <= limit:
        return False
    return len(clip) < FEW or beyond > GROSS * limit or abs(_robust_z(value, clip, EVEN * limit)) > limits.z


def _robust_z(value: float, clip: Sequence[float], least: float) -> float:
    """How far a value stands out of the clip's, in deviations; `least` is the smallest MAD assumed."""
    middle = median(clip)
    spread = max(least, median([abs(other - middle) for other in clip]))
    return 0.6745 * (value - middle) / spread
