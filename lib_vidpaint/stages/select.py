"""Stage 6, select: which candidate of every keyframe is used.

Reads the candidates and selection.json, which only a person writes, as a list such as
[{"key": 42, "candidate": 3}, {"key": 57, "redo": 1}, {"key": 80, "drop": true}]. Writes scores/000042.json and
choices.json: a person's choice where there is one, the candidate with the least visible seam elsewhere.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from ..errors import ProjectError, WaitingForPerson
from ..groups import CHOICES, SELECTION, candidate_file, read_groups, read_selection
from ..items import Alphas, File, Item, KeyframePicture, key_crop
from ..model import Choice, Frame, Mask, to_json
from ..orientation import as_stored
from ..pictures import decode_picture
from ..ranking import seam_score
from ..regions import read_regions
from ..settings import knob

if TYPE_CHECKING:
    from ..pipeline import Run


@dataclass(frozen=True)
class SelectSettings:
    how: Literal["auto", "person"] = knob(
        "auto", "Take the best-ranked candidates, or wait until a person chose for every keyframe.", label="Who chooses"
    )


def score_file(key: int) -> str:
    return f"scores/{key:06d}.json"


def scores(source: Frame, alphas: list[Mask], *rest: Any) -> bytes:
    """The seam scores of a keyframe's candidates as JSON, by candidate number."""
    *candidates, key, numbers, crop, rotation = rest
    found = {}
    for number, data in zip(numbers, candidates):
        shown = decode_picture(data, candidate_file(key, number), crop.size(rotation))
        found[number] = round(seam_score(source, crop.inner(as_stored(shown, rotation)), alphas[0]), 4)
    return json.dumps(found).encode()


def decide(key: int, ranked: Mapping[int, float], decided: Choice | None, unattended: bool) -> Choice | None:
    """The choice in force for one keyframe, None when a person has still to make it. Raises ProjectError."""
    if decided and decided.drop:
        return Choice(key, drop=True)
    if decided and decided.candidate is not None:
        if decided.candidate not in ranked:
            known = ", ".join(map(str, ranked))
            raise ProjectError(
                f"{SELECTION}: keyframe {key} has no candidate {decided.candidate}; its candidates are {known}."
            )
        return Choice(key, decided.candidate)
    if not unattended:
        return None
    return Choice(key, min(ranked, key=lambda number: (ranked[number], number)))


def select(run: Run) -> None:
    """Put down a choice for every group."""
    groups, selection = read_groups(run.project), read_selection(run.project)
    regions, info, settings = read_regions(run.project), run.clip.info, run.settings.inpaint
    items = []
    for group in groups:
        redo = selection[group.key].redo if group.key in selection else 0
        chosen = selection[group.key].candidate if group.key in selection else None
        numbers = range(redo * settings.candidates, (redo + 1) * settings.candidates)
        if chosen is not None and run.project.path(candidate_file(group.key, chosen)).exists():
            numbers = sorted({*numbers, chosen})
        crop = key_crop(regions, group.key, info, settings, run.multiple)
        files = tuple(File(candidate_file(group.key, n)) for n in numbers)
        takes = (KeyframePicture(group.key, crop.box), Alphas(group.key, group.key + 1, crop.box), *files)
        items.append(Item((score_file(group.key),), takes, (group.key, tuple(numbers), crop, info.rotation)))
    run.each(items, scores, "ranking")
    run.sweep("scores", {item.makes[0] for item in items})

    def write(path: Path) -> None:
        unattended = run.settings.select.how == "auto"
        decided = {
            group.key: decide(group.key, _ranked(run, group.key), selection.get(group.key), unattended)
            for group in groups
        }
        unknown = sorted(selection.keys() - decided.keys())
        if unknown:
            run.note(f"{SELECTION} speaks of frame {unknown[0]}, which is no keyframe now; that entry waits.")
        open_keys = [key for key, choice in decided.items() if choice is None]
        if open_keys:
            raise WaitingForPerson(
                f"{len(open_keys)} of {len(groups)} groups have no choice yet (the first is keyframe {open_keys[0]}): "
                f"look at candidates/ and write {SELECTION}, or set select.how to auto."
            )
        path.write_text(json.dumps(to_json(list(decided.values()))), encoding="utf-8")

    takes = (File(SELECTION), File("groups.json"), *(File(item.makes[0]) for item in items))
    run.build(Item((CHOICES,), takes, (run.settings.select,)), write)


def _ranked(run: Run, key: int) -> dict[int, float]:
    return run.project.record(score_file(key), dict[int, float])
