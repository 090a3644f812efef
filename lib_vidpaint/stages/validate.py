"""Stage 9, validate: does the result move and look as the source does, and what to do where it does not.

Reads the source, the region and the patches. Writes measures/ (what each patch shows, measures/000042.json, its keyframe seen
small, and what sets neighbouring keyframes apart), report.csv (every measure of every frame), verdicts.json (keep or
drop for every group; a person may overrule it there) and validate.png (all of it over time, faulty spans marked). With
`validate.drop` on, dropped.json names the groups that fail, and the stages before this one fill them from their
neighbours. With `validate.repair`, repairs.json and repairs.csv say what was or would be done about every group that
fails; overrides.json has what the stages before this one heed of it.
"""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from .. import mending
from ..agreement import Sketch
from ..errors import Again
from ..finished import FinishedFrames
from ..groups import DROPPED, GROUPS, PREDICTED, VERDICTS, Patch, read_decided, read_dropped, read_groups
from ..items import File, Item
from ..judging import FAULTS, RATIOS, Limits, judge, report_csv
from ..keyplots import read_predicted
from ..likeness import Unlike, outvoted, typical, unlike
from ..measures import FrameMeasures, Validator
from ..model import Box, Color, Group, Mask, Verdict, from_json, to_json
from ..patching import patch_margin, patches_refined
from ..pictures import decode_picture, encode_png
from ..pixels import pixel_format
from ..planes import Planes, seen_color, view
from ..prediction import agreement
from ..regions import Regions, read_regions
from ..settings import knob
from ..verdict_plot import verdict_plot

if TYPE_CHECKING:
    from ..pipeline import Run

REPORT, PLOT = "report.csv", "validate.png"
MARGIN = 24
ENOUGH = 5
"""Groups from which on it is told how well their errors were predicted."""
LOOSE = 2
"""Power of the limits of ratios where the ring is the example: what is beside a region need not be as lively as what is in it."""


def _limit(name: str, text: str, high: float) -> float:
    least = 1.01 if name in RATIOS else 0.01
    return knob(
        getattr(Limits, name), f"Limit: {text}.", low=least, high=high, label=f"Limit of {name.replace('_', ' ')}"
    )


@dataclass(frozen=True)
class ValidateSettings:
    repair: Literal["off", "suggest", "auto"] = knob(
        "off",
        "What to do about groups that fail. suggest: say what could mend them and what it costs. auto: do it, one thing after "
        "the other, and keep what helps; what you decided yourself stays. Back to off takes all of it back.",
        label="Repair",
    )
    budget: float = knob(
        15.0, "Most images that repairs may paint, in percent of what the clip has.",
        low=0, high=200, step=1, label="Repair budget",
    )  # fmt: skip
    drop: bool = knob(False, "Drop groups that fail and fill them from their neighbours; off: only report them.")
    z: float = knob(3.0, "How far a group must stand out of the clip to fail (robust z-score).", low=0.5, high=20)
    warp_ratio: float = _limit(
        "warp_ratio", "times the source's flicker, or one over it, that a group may show on average", 20
    )
    motion: float = _limit("motion", "% of the region's diagonal that a group may move otherwise than the source", 50)
    colour: float = _limit("colour", "levels by which its mean colour may change from frame to frame", 100)
    flicker: float = _limit("flicker", "levels by which the edit may change from one frame to the next, at worst", 100)
    seam: float = _limit("seam", "levels of a step at the mask's edge that the source has not", 255)
    sharpness: float = _limit("sharpness", "times as sharp as the source, or one over it", 20)
    border: float = _limit("border", "times as much change where a group begins and ends as inside it", 50)
    tone: float = _limit("tone", "levels by which a keyframe's colours may be off its neighbours'", 100)
    texture: float = _limit("texture", "levels by which a keyframe's detail may be off its neighbours'", 100)
    shift: float = _limit("shift", "% of the region by which a keyframe's edit may be displaced", 50)
    size: float = _limit("size", "% by which a keyframe's edit may be larger or smaller than its neighbours'", 100)
    focus: float = _limit("focus", "difference in sharpness to its neighbours (0.12 is about 12 %)", 5)

    def limits(self, carry: str) -> Limits:
        """The limits for a kind of edit. Where something was removed, what lies beside the region is the example."""
        found = Limits(**{f.name: getattr(self, f.name) for f in fields(Limits)})
        if carry != "background":
            return found
        return replace(found, warp_ratio=found.warp_ratio**LOOSE, sharpness=found.sharpness**LOOSE)


def measure(
    frames: list[tuple[Planes, Planes, Mask]], first: int, start: int, key: int, color: Color, beside: bool
) -> list[bytes]:
    """The measures of frames `start` on as JSON, and, unless `beside`, a sketch of frame `key` where it is one of them.

    The frames begin at `first`, the one before `start` where there is one. `beside` as in `Validator`.
    """
    validator, found, sketches = Validator(beside), [], []
    for index, (source, result, region) in enumerate(frames, first):
        pictures = view(source, color), view(result, color)
        measures = validator.add(index, *pictures, region)
        if index >= start:
            found.append({name: _rounded(value) for name, value in to_json(measures).items()})
        if index == key >= start and not beside:
            sketches.append(encode_png(Sketch.of(pictures[0], region, [pictures[1]]).tiles()))
    return [json.dumps(found).encode(), *sketches]


def compare(one: bytes, other: bytes, files: tuple[str, str]) -> bytes:
    """What sets one keyframe's sketch apart from another's, as JSON; null where it cannot be told."""
    sketches = [Sketch.of_tiles(decode_picture(data, file)) for data, file in zip((one, other), files)]
    found = unlike(sketches[0], sketches[1])
    if found is None:
        return b"null"
    rounded = {f.name: _rounded(getattr(found, f.name)) for f in fields(found) if f.name != "cast"}
    return json.dumps({**rounded, "cast": [_rounded(levels) for levels in found.cast]}).encode()


def _rounded(value: float) -> float:
    """Without the digits that OpenCV gives differently for the same picture at another place in memory (1e-11)."""
    return round(value, 6) if isinstance(value, float) else value


def validate(run: Run) -> None:
    """Measure, judge, have mended what can be, and have filled what is dropped."""
    settings, groups, carry = run.settings.validate, read_groups(run.project), run.settings.composite.carry
    patches, beside = patches_refined(run.project), run.settings.composite.carry == "background"
    items = _measuring(run, patches, groups, beside)
    run.each(items, measure, "validating")
    pairs = [] if beside else _pairs(groups, items)
    run.each(pairs, compare, "comparing keyframes")
    run.sweep("measures", {file for item in (*items, *pairs) for file in item.makes})
    compared, decided = _compared(run, pairs), read_decided(run.project)
    by_hand = _by_hand(run)
    accepted = tuple(sorted(key for key, choice in decided.items() if choice.accepted))

    def write(report: Path, verdicts: Path) -> None:
        measures: dict[int, list[FrameMeasures]] = defaultdict(list)
        for patch, item in zip(patches, items):
            measures[patch.key] += run.project.records(item.makes[0], FrameMeasures)
        found = _expected(run, judge(measures, settings.limits(carry), _strangers(compared)))
        found = [replace(v, broken=(), decision="keep") if v.key in accepted else v for v in found]
        found = [replace(v, decision=by_hand.get(v.key, v.decision)) for v in found]
        report.write_text(report_csv(measures, found), encoding="utf-8")
        verdicts.write_text(json.dumps(to_json(found), indent=1), encoding="utf-8")

    takes = (*(File(item.makes[0]) for item in (*items, *pairs)), File(PREDICTED))
    run.build(Item((REPORT, VERDICTS), takes, (settings.limits(carry), accepted)), write)
    run.build(Item((PLOT,), (File(REPORT), File(VERDICTS), File(GROUPS)), (settings.limits(carry),)), _plotted(run))
    mending.next_round(run, _strangers(compared), _outvoted(compared))
    _tell(run)
    _drop(run)


def _by_hand(run: Run) -> dict[int, Literal["keep", "drop"]]:
    """What a person decided in verdicts.json: there a group fails that broke no limit, or passes that did."""
    found = run.project.records(VERDICTS, Verdict) if run.project.path(VERDICTS).exists() else ()
    return {v.key: v.decision for v in found if (v.decision == "drop") != bool(v.broken)}


def _plotted(run: Run) -> Callable[[Path], None]:
    def plot(path: Path) -> None:
        verdicts = run.project.records(VERDICTS, Verdict)
        table = run.project.path(REPORT).read_text(encoding="utf-8")
        limits = run.settings.validate.limits(run.settings.composite.carry)
        path.write_bytes(verdict_plot(table, verdicts, read_groups(run.project), limits))

    return plot


def _measuring(run: Run, patches: Sequence[Patch], groups: Sequence[Group], beside: bool) -> list[Item]:
    """What is measured of every patch: its frames and, where it holds its keyframe, that seen small."""
    regions, shots = read_regions(run.project), {group.key: group.shot for group in groups}
    follows = {b.start for a, b in pairwise(patches) if (shots[a.key], a.stop) == (shots[b.key], b.start)}
    margin, items = patch_margin(run) if beside else MARGIN, []
    for patch in patches:
        first = patch.start - (patch.start in follows)
        box = _box(run, regions, range(first, patch.stop), margin)
        takes = (FinishedFrames(first, patch.stop, box, tuple(patches)),)
        holds = patch.start <= patch.key < patch.stop and not beside
        makes = f"measures/{patch.start:06d}.json", *([f"measures/{patch.key:06d}.png"] if holds else [])
        items.append(Item(makes, takes, (first, patch.start, patch.key, seen_color(run.clip.info), beside)))
    return items


def _pairs(groups: Sequence[Group], items: Sequence[Item]) -> list[Item]:
    """Every keyframe with the next and the next but one of its shot."""
    sketched = {file for item in items for file in item.makes[1:]}
    keys = [(g.key, g.shot) for g in groups if f"measures/{g.key:06d}.png" in sketched]
    pairs = [(a, b) for step in (1, 2) for (a, shot), (b, other) in zip(keys, keys[step:]) if shot == other]
    made = []
    for pair in sorted(pairs):
        files = tuple(f"measures/{key:06d}.png" for key in pair)
        made.append(Item((_pair_file(*pair),), tuple(File(file) for file in files), (files,)))
    return made


def _pair_file(key: int, other: int) -> str:
    return f"measures/{key:06d}-{other:06d}.json"


def _compared(run: Run, pairs: Sequence[Item]) -> dict[tuple[int, int], Unlike]:
    """What sets two keyframes apart, where it can be told."""
    found: dict[tuple[int, int], Unlike] = {}
    for item in pairs:
        data = json.loads(run.project.path(item.makes[0]).read_bytes())
        if data is not None:
            one, other = (int(Path(file).stem) for file in item.values[0])
            found[one, other] = from_json(Unlike, data, item.makes[0])
    return found


def _strangers(compared: Mapping[tuple[int, int], Unlike]) -> dict[int, Unlike]:
    """What sets every keyframe apart from its neighbours; with a single neighbour nobody can tell which of both is strange."""
    seen: dict[int, list[Unlike]] = defaultdict(list)
    for (one, other), found in compared.items():
        seen[one].append(found)
        seen[other].append(found.turned)
    return {key: typical(found) for key, found in seen.items() if len(found) > 1}


def _outvoted(compared: Mapping[tuple[int, int], Unlike]) -> list[int]:
    """The keyframes that are farther from what is right than their two neighbours between them."""
    after = dict(sorted(compared, reverse=True))  # the nearest comes last
    rows = [(one, two, after[two]) for one, two in after.items() if two in after and (one, after[two]) in compared]
    return [
        key for before, key, then in rows
        if outvoted(compared[before, key].apart, compared[key, then].apart, compared[before, then].apart)
    ]  # fmt: skip


def _expected(run: Run, judged: Sequence[Verdict]) -> list[Verdict]:
    """The verdicts with the error that was predicted for every group."""
    expected = read_predicted(run.project.path(PREDICTED).read_text(encoding="utf-8"))
    known = {key: {"predicted": error} for key, error in expected.items() if math.isfinite(error)}
    return [replace(v, measures={**v.measures, **known.get(v.key, {})}) for v in judged]


def _tell(run: Run) -> None:
    """Whether the prediction held, what failed, and what is or can be done about that."""
    found = run.project.records(VERDICTS, Verdict)
    if run.settings.composite.carry != "background" and (text := _kept_promise(found)):
        run.note(text)
    failed = [verdict for verdict in found if verdict.decision == "drop"]
    if not failed:
        return
    named = (f"{v.key} ({', '.join(FAULTS.get(name, name) for name in v.broken)})" for v in failed[:5])
    which = ", ".join(named) + (" ..." if len(failed) > 5 else "")
    settings = run.settings.validate
    if settings.drop:
        action = "they are filled from the neighbours in their shot"
    else:
        action = {
            "off": "look at them, or set validate.repair to auto or validate.drop on",
            "suggest": "repairs.csv says what could mend them",
            "auto": "nothing that was tried mends them: look at them, or drop them under Select",
        }[settings.repair]
    run.note(f"{len(failed)} of {len(found)} groups look wrong, by keyframe {which}: {action}.")


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


def _drop(run: Run) -> None:
    """Have dropped.json name the groups that are to be filled. Raises Again where that is news to the stages before."""
    found = run.project.records(VERDICTS, Verdict) if run.settings.validate.drop else ()
    dropped = [verdict.key for verdict in found if verdict.decision == "drop"]
    if tuple(dropped) == read_dropped(run.project):
        return
    text = json.dumps(dropped)
    run.build(Item((DROPPED,), (), (text,)), lambda path: path.write_text(text, encoding="utf-8"))
    # The reader of the finished frames has files open that are made anew now.
    run.edited_reader(())
    raise Again


def _box(run: Run, regions: Regions, frames: range, margin: int) -> Box:
    info = run.clip.info
    around = regions.box(frames).grown(margin, info.width, info.height)
    return around.aligned(*pixel_format(info.pixel_format).steps, info.width, info.height)
