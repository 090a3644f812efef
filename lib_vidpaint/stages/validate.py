"""Stage 9, validate: does the result move and look as the source does.

Reads the source, the region and the patches. Writes measures/000042.json for each patch, report.csv (every measure of every frame) and
verdicts.json (keep or drop for every group; a person may overrule it there). With `validate.drop` on, dropped groups are
filled by carrying the edit of their neighbours over them: filled/000042.mp4 and filled.json take the place of patches.
"""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from ..groups import CHOICES, FILLED, PATCHES, PREDICTED, VERDICTS, Patch, read_choices, read_groups
from ..items import File, Item
from ..keyplots import read_predicted
from ..measures import FrameMeasures, Limits, Validator, judge, report_csv
from ..model import Box, Color, Mask, Verdict, to_json
from ..patching import make_patch, patch_plans
from ..pixels import pixel_format
from ..planes import Planes, view
from ..prediction import agreement
from ..regions import REGION, Regions, read_regions
from ..settings import knob

if TYPE_CHECKING:
    from ..pipeline import Run

REPORT = "report.csv"
MARGIN = 24
ENOUGH = 5
"""Groups from which on it is told how well their errors were predicted."""


@dataclass(frozen=True)
class ValidateSettings:
    drop: bool = knob(False, "Drop groups that fail and fill them from their neighbours; off: only report them.")
    z: float = knob(3.0, "How far a group must stand out of the clip to fail (robust z-score).", low=0.5, high=20)


@dataclass(frozen=True)
class EditedSpan:
    """Take: source and result planes and region of frames [start, stop) inside `box`, as a list of triples."""

    start: int
    stop: int
    box: Box
    patches: tuple[Patch, ...]

    def key(self, run: Run) -> str:
        made = [run.ledger.content(p.file) for p in self.patches if p.start < self.stop and p.stop > self.start]
        return f"{run.source_digest}{run.ledger.content(REGION)}{made}{self.start}-{self.stop}{self.box}"

    def load(self, run: Run) -> list[tuple[Planes, Planes, Mask]]:
        frames = run.edited_reader(self.patches).read(self.start, self.stop)
        return [
            (
                frame.source.crop(self.box).copy(),
                frame.result.crop(self.box).copy(),
                frame.region[self.box.slices].copy(),
            )
            for frame in frames
        ]


def measure(frames: list[tuple[Planes, Planes, Mask]], first: int, start: int, color: Color) -> bytes:
    """The measures of frames `start` on as JSON; the frames begin at `first`, the one before `start` where there is one."""
    validator, found = Validator(), []
    for index, (source, result, region) in enumerate(frames, first):
        measures = validator.add(index, view(source, color), view(result, color), region)
        if index >= start:
            found.append({name: _rounded(value) for name, value in to_json(measures).items()})
    return json.dumps(found).encode()


def _rounded(value: float) -> float:
    """Without the digits that OpenCV gives differently for the same picture at another place in memory (1e-11)."""
    return round(value, 6) if isinstance(value, float) else value


def limits(settings: ValidateSettings, carry: str) -> Limits:
    """The limits for a kind of edit. Where something was removed, the source inside the region is no example to follow."""
    if carry != "background":
        return Limits(z=settings.z)
    anything = math.inf
    return Limits(z=settings.z, warp_ratio=anything, motion=anything, colour=anything, sharpness=anything)


def validate(run: Run) -> None:
    """Measure, judge, and fill what was dropped."""
    settings, groups, regions = run.settings.validate, read_groups(run.project), read_regions(run.project)
    patches = run.project.records(PATCHES, Patch)
    shots = {group.key: group.shot for group in groups}
    follows = {b.start for a, b in pairwise(patches) if (shots[a.key], a.stop) == (shots[b.key], b.start)}
    items = []
    for patch in patches:
        first = patch.start - (patch.start in follows)
        takes = (EditedSpan(first, patch.stop, _box(run, regions, range(first, patch.stop)), patches),)
        items.append(Item((f"measures/{patch.start:06d}.json",), takes, (first, patch.start, run.clip.info.color)))
    run.each(items, measure, "validating")
    run.sweep("measures", {item.makes[0] for item in items})

    def write(report: Path, verdicts: Path) -> None:
        measures: dict[int, list[FrameMeasures]] = defaultdict(list)
        for patch, item in zip(patches, items):
            measures[patch.key] += run.project.records(item.makes[0], FrameMeasures)
        expected = read_predicted(run.project.path(PREDICTED).read_text(encoding="utf-8"))
        judged = judge(measures, limits(settings, run.settings.composite.carry))
        known = {key: {"predicted": error} for key, error in expected.items() if math.isfinite(error)}
        found = [replace(v, measures={**v.measures, **known.get(v.key, {})}) for v in judged]
        report.write_text(report_csv(measures, found), encoding="utf-8")
        verdicts.write_text(json.dumps(to_json(found), indent=1), encoding="utf-8")
        if run.settings.composite.carry != "background" and (text := _kept_promise(found)):
            run.note(text)
        failed = [verdict for verdict in found if verdict.decision == "drop"]
        if failed:
            which = ", ".join(f"{v.key} ({' '.join(v.broken)})" for v in failed[:5]) + (
                " ..." if len(failed) > 5 else ""
            )
            action = (
                "they are filled from their neighbours" if settings.drop else "look at them, or set validate.drop on"
            )
            run.note(f"{len(failed)} of {len(found)} groups look wrong, by keyframe {which}: {action}.")

    takes = (*(File(item.makes[0]) for item in items), File(PREDICTED))
    run.build(Item((REPORT, VERDICTS), takes, (settings.z, run.settings.composite.carry)), write)
    _fill(run, patches)


def _kept_promise(found: Sequence[Verdict]) -> str:
    """Whether the groups that were predicted worse came out worse, as a sentence; '' where too few can tell."""
    columns = ([v.measures.get(name, math.nan) for v in found] for name in ("predicted", "motion", "colour"))
    predicted, *measured = columns
    alike, count = agreement(predicted, measured)
    if count < ENOUGH or math.isnan(alike):
        return ""
    return (
        f"Predicted and measured error put {count} groups in orders that correlate by {alike:.2f} (1 = the same order, "
        "0 = the prediction told nothing)."
    )


def _fill(run: Run, patches: Sequence[Patch]) -> None:
    verdicts = {verdict.key: verdict for verdict in run.project.records(VERDICTS, Verdict)}
    dropped = (
        {key for key, verdict in verdicts.items() if verdict.decision == "drop"}
        if run.settings.validate.drop
        else set()
    )
    groups, choices = read_groups(run.project), read_choices(run.project)
    chosen = [key for key, choice in sorted(choices.items()) if not choice.drop]
    usual = {plan.patch.start: plan for plan in patch_plans(run, groups, chosen, choices)}
    left = [key for key in chosen if key not in dropped]
    plans = {plan.patch.start: plan for plan in patch_plans(run, groups, left, choices, "filled")}
    new = [plan for start, plan in plans.items() if plan.layers != usual[start].layers]
    run.each([plan.item(run) for plan in new], make_patch, "filling dropped groups")
    run.sweep("filled", {plan.patch.file for plan in new})
    gone = [replace(patch, file="") for patch in patches if patch.start not in plans]
    records = json.dumps(to_json([*(plan.patch for plan in new), *gone]))
    takes = (File(CHOICES), File(VERDICTS))
    run.build(Item((FILLED,), takes, (records,)), lambda path: path.write_text(records, encoding="utf-8"))


def _box(run: Run, regions: Regions, frames: range) -> Box:
    info = run.clip.info
    around = regions.box(frames).grown(MARGIN, info.width, info.height)
    return around.aligned(*pixel_format(info.pixel_format).steps, info.width, info.height)
