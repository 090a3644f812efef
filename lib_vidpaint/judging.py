"""Which groups of a clip look wrong: measures by frame and by keyframe against absolute limits and against the clip itself."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from statistics import median
from types import MappingProxyType

from .likeness import Unlike
from .measures import FrameMeasures
from .model import Verdict

OF_KEYS = ("tone", "texture", "shift", "size", "focus")
"""Measures of a keyframe against its neighbours."""
OF_FRAMES = ("warp_ratio", "motion", "colour", "flicker", "seam", "sharpness")
RATIOS = ("warp_ratio", "sharpness", "border")
TWO_SIDED = ("warp_ratio", "sharpness")
FAULTS = {
    "warp_ratio": "flicker",
    "motion": "moves otherwise than the original",
    "colour": "colour jumps",
    "flicker": "the edit jumps from one frame to the next",
    "seam": "a seam at the mask's edge",
    "sharpness": "sharper or softer than the original",
    "border": "a jump where the group begins and ends",
    "tone": "the keyframe's colours are off its neighbours'",
    "texture": "the keyframe's detail is off its neighbours'",
    "shift": "the keyframe's edit is displaced",
    "size": "the keyframe's edit is larger or smaller than its neighbours'",
    "focus": "the keyframe is sharper or softer than its neighbours",
}
"""What people are told when a limit is broken."""
GROSS = 2.5
"""How many times a limit (for ratios: its logarithm) is wrong in any clip."""
EVEN = 0.1
"""Share of a limit below which groups of a clip count as alike: their MAD is taken to be at least this."""
FEW = 4
"""With fewer groups than this there is no clip to stand out of."""


@dataclass(frozen=True)
class Limits:
    """What a group's measures may reach: warp_ratio and sharpness up to the number and down to one over it, the others
    up to it; and how far (robust z) a group may stand out of the clip when it is beyond that.
    """

    warp_ratio: float = 1.6
    motion: float = 1.5
    colour: float = 3.0
    flicker: float = 5.0
    seam: float = 16.0
    sharpness: float = 1.6
    border: float = 2.5
    tone: float = 6.0
    texture: float = 8.0
    shift: float = 0.2
    size: float = 1.5
    focus: float = 0.12
    z: float = 3.0


def judge(
    measures: Mapping[int, Sequence[FrameMeasures]],
    limits: Limits | None = None,
    strangers: Mapping[int, Unlike | None] = MappingProxyType({}),
) -> list[Verdict]:
    """The verdict on every group, in the mapping's order: `drop` with the names of the limits it broke, else `keep`.

    `measures` has each group's frames in order under its key, groups in order of time; `strangers` what sets a key's edit
    apart from its neighbours'. A group's measure is the mean over its frames (of the logarithm, for ratios), for what
    moves without the first, which tells of the group before as well; of `flicker` it is the worst frame. `border` is the
    jump to the neighbours: the warping error ratio across the border over the median inside (1 in a group of one frame),
    the smaller of both sides, since a jump on one side only may be the neighbour's fault. What could not be measured is
    left out.

    A limit is broken by a value beyond it for which one of these holds: it stands out of the clip (robust z above
    `limits.z`, z = .6745 (value - median) / MAD over the groups); it is `GROSS` times as far out as the limit, so that
    a clip that is bad everywhere is found too; there are fewer than `FEW` groups. So a look that the whole edit has
    (sharper clothes) is no fault, and neither is the one group of a very even clip that differs by nearly nothing. A group
    that only goes over to a strange key after it is not to blame: mending that key mends both.
    """
    limits = limits or Limits()
    frames = list(measures.values())
    groups = [_group_measures(own, after) for own, after in zip(frames, [*frames[1:], []])]
    for key, group in zip(measures, groups):
        if stranger := strangers.get(key):
            group.update({name: getattr(stranger, name) for name in OF_KEYS})
    broken = [[name for name in group if _is_broken(name, group, groups, limits)] for group in groups]
    strange = [bool(set(names) & set(OF_KEYS)) for names in broken]
    blame = [names if odd or not after else [] for names, odd, after in zip(broken, strange, [*strange[1:], False])]
    return [
        Verdict(key, group, tuple(names), "drop" if names else "keep")
        for key, group, names in zip(measures, groups, blame)
    ]


def times_limit(name: str, value: float, limits: Limits) -> float:
    """How many times its limit a measure is; 1 is at it, for ratios of the logarithm and, if two-sided, on either side."""
    limit = float(getattr(limits, name))
    if name in RATIOS:
        value, limit = math.log(max(value, 1e-6)), math.log(limit)
        value = abs(value) if name in TWO_SIDED else value
    return max(0.0, value) / limit


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


def _group_measures(frames: Sequence[FrameMeasures], after: Sequence[FrameMeasures]) -> dict[str, float]:
    """The measures of a group, by the names of `Limits`, without those that no frame has; `after` is the next group."""
    inside = frames[1:]
    found = {
        "warp_ratio": math.exp(_mean_of([math.log(f.warp_ratio) for f in inside])),
        "motion": _mean_of([f.motion for f in inside]),
        "colour": _mean_of([f.colour for f in inside]),
        "flicker": max((f.flicker for f in inside if not math.isnan(f.flicker)), default=math.nan),
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


def read_worst(table: str, limits: Limits) -> dict[int, int]:
    """The worst frame of every group in a table that `report_csv` wrote, by key: the one farthest beyond any limit."""
    worst: dict[int, tuple[float, int]] = {}
    for row in csv.DictReader(io.StringIO(table)):
        key, frame = int(row["key"]), int(row["index"])
        worst[key] = max(worst.get(key, (-1.0, frame)), (row_times(row, limits)[0], frame), key=lambda pair: pair[0])
    return {key: frame for key, (_, frame) in worst.items()}


def row_times(row: Mapping[str, str], limits: Limits) -> tuple[float, str]:
    """How many times its limit the worst measure of a frame is, a line of such a table, and which that is; (0, '') for none."""
    times = {name: times_limit(name, float(row[name]), limits) for name in OF_FRAMES if row.get(name)}
    worst = max(times, key=lambda name: times[name], default="")
    return times.get(worst, 0.0), worst
