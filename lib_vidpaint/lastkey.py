"""Rules that walk through a segment and compare every frame with the most recent keyframe, inside the region.

When a difference exceeds its limit, the frame is the next keyframe. Limits follow the clip, so that a slow clip is cut as
a fast one is:

    limit = weight * mean difference of consecutive frames * gap ** GROWTH

`gap` is the distance between keyframes to be expected of an average clip: `longest` frames at movement 0, one frame at
movement 1, evenly between them. The seed rule compares colour and motion; their weights say how much one counts against
the other: 1 / (2 * convergence) for colour and 1 / (2 * (1 - convergence)) for motion; so .5 weighs both alike, 0 looks at
motion alone and 1 at colour alone. The ssim rule compares structure (Wang et al., 2004).

Two things keep a still clip at one keyframe: no limit lies below what can be noticed (noise alone stays under it), and
`longest` counts only where something changes: a group that has reached it ends at its first frame that differs
noticeably from its keyframe.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import cv2
import numpy as np

from .footage import Footage, Picked
from .model import Frame, Mask
from .motion import BLUR, SIDE, SMALLEST, colour_difference, motion_difference, region_box, scaled, with_room
from .pools import Threads

GROWTH = 0.7
"""A difference grows more slowly than the distance: 5 frames apart it is 1.5 to 4.4 times that of neighbours, median 3.1,
in colour and in motion alike (six clips)."""
COLOUR_SEEN = 2.5
"""Levels of 255; two pictures of a still scene with noise of deviation 10 differ by 2.3."""
MOTION_SEEN = 0.5
"""Percent of the region's diagonal; two pictures of a still, softly shaded scene with noise of deviation 10 give 0.4."""
STRUCTURE_SEEN = 15.0
"""Percent of structure lost; noise of deviation 5 takes 10 % of a softly shaded scene."""

Pair = tuple[Frame, Mask]


@dataclass(frozen=True)
class Measure:
    """A difference of two frames: its name, how it is measured, what can be noticed of it, and what it counts."""

    name: str
    differ: Callable[[Pair, Pair], float]
    seen: float
    weight: float

    def limit(self, mean_step: float, movement: float, longest: int) -> float:
        """The largest difference to a keyframe that its group bears; infinite for what does not count."""
        growth = (1 + (longest - 1) * (1 - movement)) ** GROWTH
        return max(self.seen, self.weight * mean_step * growth) if np.isfinite(self.weight) else float("inf")


def seed(footage: Footage, movement: float, convergence: float, longest: int, shortest: int) -> Picked:
    """Keyframes where colour or motion has gone too far from the last one; all settings but lengths are 0..1."""
    measures = (
        Measure("colour", _colour, COLOUR_SEEN, 1 / (2 * convergence) if convergence > 0 else float("inf")),
        Measure("motion", _motion, MOTION_SEEN, 1 / (2 * (1 - convergence)) if convergence < 1 else float("inf")),
    )
    return walk(footage, measures, movement, longest, shortest)


def ssim(footage: Footage, movement: float, longest: int, shortest: int) -> Picked:
    """Keyframes where the structure of the picture is too unlike that of the last one."""
    return walk(footage, (Measure("structure", structure_lost, STRUCTURE_SEEN, 1.0),), movement, longest, shortest)


def walk(footage: Footage, measures: Sequence[Measure], movement: float, longest: int, shortest: int) -> Picked:
    """The rule of the module. Reads the clip twice: the limits need its mean before the first comparison with a keyframe.

    `longest` and `shortest` are frames from a keyframe to the next. Columns: every measure to the last keyframe, its limit,
    and its `_step` to the frame before.
    """
    starts = {segment.start for segment in footage.segments}
    shown = {index for segment in footage.segments for index in range(segment.start, segment.stop)}
    steps = list(_steps(footage, measures, shown - starts))
    means = np.mean([steps[i] for i in sorted(shown - starts)] or [[0.0] * len(measures)], axis=0)
    limits = [m.limit(float(mean), movement, longest) for m, mean in zip(measures, means)]
    seen = [m.seen for m in measures]
    reasons: dict[int, str] = {}
    rows: list[list[float]] = []
    key, last = None, 0
    for index, pair in enumerate(footage.open()):
        row, reason = [0.0] * len(measures), ""
        if index in starts:
            reason = "first"
        elif index in shown and key is not None:
            row = steps[index] if index == last + 1 else [m.differ(pair, key) for m in measures]
            if index - last >= shortest:
                over = [m.name for m, value, limit in zip(measures, row, limits) if value > limit]
                noticed = any(value > least for value, least in zip(row, seen))
                reason = over[0] if over else "longest" if noticed and index - last >= longest else ""
        if reason:
            key, last, reasons[index] = pair, index, reason
        rows.append(row)
    columns: dict[str, Sequence[float]] = {}
    for n, (measure, limit) in enumerate(zip(measures, limits)):
        columns[measure.name] = [row[n] for row in rows]
        columns[f"{measure.name}_limit"] = [limit] * len(rows)
        columns[f"{measure.name}_step"] = [step[n] for step in steps]
    return Picked(reasons, columns)


def structure_lost(a: Pair, b: Pair) -> float:
    """How unlike the structure of two frames is inside the first one's mask: 100 * (1 - SSIM), 0 for the same picture."""
    from skimage.metrics import structural_similarity

    (frame, mask), (other, _) = a, b
    region = region_box(mask)
    if region is None:
        return 0.0
    height, width = mask.shape
    crops = scaled(with_room(region, width, height), SIDE, frame, other, mask)
    if min(crops[2].shape) < SMALLEST:
        return 0.0
    grey = [cv2.blur(cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY), (BLUR, BLUR)) for crop in crops[:2]]
    both: Any = structural_similarity(*grey, full=True, data_range=255)
    return float(100 * (1 - np.clip(both[1], 0, 1)[crops[2] > 0].mean()))


def _steps(footage: Footage, measures: Sequence[Measure], wanted: set[int]) -> Iterator[list[float]]:
    """The differences of consecutive frames, which threads measure side by side; 0 where a frame is not `wanted`."""

    def differ(job: tuple[int, tuple[Pair, Pair]]) -> list[float]:
        index, (before, here) = job
        return [m.differ(here, before) if index in wanted else 0.0 for m in measures]

    if footage.frames:
        yield [0.0] * len(measures)
    yield from Threads().map(differ, enumerate(pairwise(footage.open()), 1))


def _colour(a: Pair, b: Pair) -> float:
    return colour_difference(a[0], b[0], a[1], b[1])


def _motion(a: Pair, b: Pair) -> float:
    return motion_difference(a[0], b[0], a[1])
