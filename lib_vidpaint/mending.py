"""Rounds of repair: validation judges, repairs are tried, the stages before it run again, validation judges anew.

repairs.json is the memory of it: a run that is killed in the middle goes on with what was being tried. overrides.json is
made from it, and is all that other stages see; without it everything is as it was before any repair.
"""

from __future__ import annotations

import json
import logging
import os
import re
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

from . import settings as settings_module
from .errors import Again
from .groups import (
    OVERRIDES,
    REPAIRS,
    VERDICTS,
    Overrides,
    candidate_file,
    read_choices,
    read_decided,
    read_groups,
    read_overrides,
)  # fmt: skip
from .items import Item
from .judging import FEW, read_worst
from .ledger import digest
from .likeness import Unlike
from .model import Group, Verdict, to_json
from .repairing import Clip, History, Repair, overrides, proposed, repairs_csv, settled
from .retouching import changed_by_hand
from .selection import ranks

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from .pipeline import Run

log = logging.getLogger(__name__)
TABLE = "repairs.csv"
REPORT = "report.csv"
SAID = 5
"""How many of the repairs that helped are named to the user."""
MOST = 0.5
"""Share of failing groups beyond which nothing is repaired: then it is not single groups that are wrong."""


def rounds(run: Run, work: Callable[[], None]) -> None:
    """Do `work`, which brings all stages up to date, as often as validation asks for another round."""
    _renew(run)
    while True:
        try:
            work()
            return
        except Again:
            log.info("another round, with repairs")


def history(run: Run) -> History:
    """All repairs so far; none before the first."""
    return run.project.record(REPAIRS, History) if run.project.path(REPAIRS).exists() else History()


def next_round(run: Run, strangers: Mapping[int, Unlike], outvoted: Collection[int] = ()) -> None:
    """Settle the repairs that were being tried and try the next ones. Raises Again when other stages must look again.

    strangers: what sets keyframes apart from their neighbours; outvoted: those that do worse than these between them.
    """
    settings, before = run.settings.validate, history(run)
    if settings.repair == "off":
        return
    clip = _clip(run, before, strangers, outvoted)
    tried = [repair for repair in before.repairs if repair.outcome != "suggested"]
    done = settled(tried, clip)
    news = [repair for repair, was in zip(done, tried) if repair != was]
    for repair in news:
        log.info("repair, %s: from %.2f to %.2f, %s", repair.text, repair.before, repair.after, repair.outcome)
    failed = sum(verdict.decision == "drop" for verdict in clip.verdicts.values())
    if failed > MOST * len(clip.groups) and len(clip.groups) >= FEW and not done:
        new: tuple[Repair, ...] = ()
        run.note(
            f"{failed} of {len(clip.groups)} groups fail, so it is not single groups that are wrong and nothing is repaired: "
            "look at the edit, its denoise and the limits of validation."
        )
    else:
        new = proposed(done, clip, _still_shown(run, done, news))
    if settings.repair == "suggest" or run.settings.select.how == "person":
        new = tuple(replace(repair, outcome="suggested") for repair in new)
    for repair in new:
        log.info("repair, %s (%d images): %s", repair.text, repair.images, repair.outcome)
    _write(run, History(before.basis or _basis(run), (*done, *new)))
    if settings.repair == "auto" and _heed(run):
        # The reader of the finished frames has the files of this round open.
        run.edited_reader(())
        raise Again
    if said := _in_force(done):
        run.note(f"Repaired: {said}. {TABLE} has all that was tried.")


def _in_force(done: Sequence[Repair]) -> str:
    """What the repairs that helped did, the last of each group, in words; '' for none."""
    kept = {repair.key: repair.text for repair in done if repair.outcome == "kept"}
    return "; ".join([*kept.values()][:SAID]) + (f"; and {len(kept) - SAID} more" if len(kept) > SAID else "")


def _still_shown(run: Run, done: Sequence[Repair], news: Sequence[Repair]) -> list[Repair]:
    """The repairs that were found no help just now, and that the clip shows until it is made without them."""
    wanted = overrides(done, run.settings.keyframes.removed)
    if run.settings.validate.repair != "auto" or wanted == read_overrides(run.project):
        return []
    return [repair for repair in news if repair.outcome == "undone"]


def _renew(run: Run) -> None:
    """Take back what was repaired where nobody asks for it any more, or where it was tried on something else."""
    stage, run.stage = run.stage, "validate"
    if run.settings.validate.repair != "auto":
        run.drop({OVERRIDES})
    if run.settings.validate.repair == "off":
        run.drop({REPAIRS, TABLE})
    elif run.project.path(REPAIRS).exists():
        if history(run).basis != _basis(run):
            run.drop({REPAIRS, TABLE, OVERRIDES})
        elif run.settings.validate.repair == "auto":
            _heed(run)
    run.stage = stage


def _basis(run: Run) -> str:
    """A digest of what repairs are tried on: another source, prompt or way of carrying asks for other repairs."""
    sections = ("source", "mask", "keyframes", "inpaint", "select", "composite", "refine")
    own = ("keyframes.add", "keyframes.remove", "refine.spread", "refine.frame")
    values = [
        (leaf.path, settings_module.get(run.settings, leaf.path))
        for leaf in settings_module.walk(type(run.settings))
        if leaf.path.split(".")[0] in sections and leaf.path not in own and not leaf.knob.path
    ]
    return digest(repr((run.source_digest, run.engine_name, values)))


def _write(run: Run, found: History) -> None:
    texts = json.dumps(to_json(found), indent=1), repairs_csv(found.repairs)

    def write(*paths: object) -> None:
        for path, text in zip(paths, texts):
            path.write_text(text, encoding="utf-8")  # pyright: ignore[reportAttributeAccessIssue]

    run.build(Item((REPAIRS, TABLE), (), texts), write)


def _heed(run: Run) -> bool:
    """Have overrides.json say what the repairs ask for; whether that is something new."""
    wanted = overrides(history(run).repairs, run.settings.keyframes.removed)
    if wanted == read_overrides(run.project):
        return False
    if wanted == Overrides():
        run.drop({OVERRIDES})
        return True
    text = json.dumps(to_json(wanted), indent=1)
    run.build(Item((OVERRIDES,), (), (text,)), lambda path: path.write_text(text, encoding="utf-8"))
    return True


def _clip(run: Run, before: History, strangers: Mapping[int, Unlike], outvoted: Collection[int]) -> Clip:
    groups, settings, inpaint = read_groups(run.project), run.settings.validate, run.settings.inpaint
    verdicts = {verdict.key: verdict for verdict in run.project.records(VERDICTS, Verdict)}
    added = {repair.frame for repair in before.repairs}
    whole = sum(group.key not in added for group in groups) * inpaint.candidates
    spent = sum(repair.images for repair in before.repairs if repair.outcome != "suggested")
    limits = settings.limits(run.settings.composite.carry)
    removal = run.settings.composite.carry == "background"
    used = {key: c.candidate for key, c in read_choices(run.project).items() if c.candidate is not None}
    return Clip(
        groups, verdicts, limits,
        _suited(run, groups, used),
        used,
        {group.key: _free(run, group.key) for group in groups},
        {key: found.cast for key, found in strangers.items()}, outvoted,
        read_worst(run.project.path(REPORT).read_text(encoding="utf-8"), limits),
        _persons(run, groups), run.settings.keyframes.removed,
        inpaint.batch_size, inpaint.candidates, int(settings.budget / 100 * whole) - spent,
        None if removal or inpaint.denoise <= 0.1 else inpaint.denoise, run.engine_name != "builtin",
    )  # fmt: skip


def _persons(run: Run, groups: Sequence[Group]) -> set[int]:
    """The keys of the groups that a person decided on, or retouched a frame of: that was made for the picture below it."""
    frames = changed_by_hand(run)
    return {*read_decided(run.project), *(g.key for g in groups if any(g.start <= frame < g.stop for frame in frames))}


def _suited(run: Run, groups: Sequence[Group], used: Mapping[int, int]) -> dict[int, list[int]]:
    """The faultless candidates of every keyframe, those first that agree best with its neighbours' in force: what the whole
    batch has in common, by which it was ranked, may be what is wrong."""
    found = ranks(run.project)
    apart = {key: dict.fromkeys(row, 0.0) for key, row in found.items()}
    for one, two in pairwise(group.key for group in groups):
        path = run.project.path(f"scores/{one:06d}-{two:06d}.json")
        rows = json.loads(path.read_bytes()) if path.exists() else None
        if rows is None or not {one, two} <= found.keys() or len(rows) != len(found[one]):
            continue
        table = dict(zip(found[one], (dict(zip(found[two], row)) for row in rows)))
        for number, row in table.items():
            apart[one][number] += row.get(used.get(two, -1), 0.0)
        for number, levels in table.get(used.get(one, -1), {}).items():
            apart[two][number] += levels
    return {
        key: sorted(
            (n for n, rank in row.items() if not rank.scores.faults), key=lambda n: (apart[key][n], row[n].cost)
        )
        for key, row in found.items()
    }


def _free(run: Run, key: int) -> int:
    """The first number after all candidates that a keyframe has."""
    folder = run.project.path(candidate_file(key, 0)).parent
    names = os.listdir(folder) if folder.is_dir() else []
    return max((int(match[1]) + 1 for name in names if (match := re.fullmatch(r"(\d+)\.png", name))), default=0)
