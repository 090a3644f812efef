"""Stage 6, select: which candidate of every keyframe is used.

Reads the candidates and selection.json, which only a person writes, as a list such as
[{"key": 42, "candidate": 3}, {"key": 57, "redo": 1, "paint": {"denoise": 0.5, "seed": 7}}, {"key": 80, "drop": true}].
A person's own picture of keyframe 42, as large as the video, may be put into own/000042/01.png: it is candidate -1.
Writes scores/ (what each candidate shows, its keyframe seen small, and how neighbouring keyframes agree), candidates.csv
with all numbers and the best sequence over the clip, and choices.json: a person's choice where there is one, the ranked
best elsewhere.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from ..agreement import Sketch, disagreement
from ..candidates import decode_candidate
from ..crops import Crop
from ..errors import ProjectError, WaitingForPerson
from ..groups import (
    CHOICES,
    GROUPS,
    OVERRIDES,
    RANKS,
    SELECTION,
    candidate_file,
    read_decided,
    read_groups,
    read_selection,
)
from ..items import Alphas, File, Item, KeyCrops, KeyframePicture
from ..model import Choice, Frame, Group, Mask, to_json
from ..pictures import decode_picture, encode_png
from ..ranking import Batch, Rank, Scores, best_sequence, looked_at, ranks_csv
from ..ring import without_cast
from ..selection import ranks, wanted
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


def sketch_file(key: int) -> str:
    return f"scores/{key:06d}.png"


def agreement_file(key: int, other: int) -> str:
    return f"scores/{key:06d}-{other:06d}.json"


def scores(source: Frame, alphas: list[Mask], *rest: Any) -> tuple[bytes, bytes]:
    """What a keyframe's candidates show, as JSON by candidate number, and its sketch as a PNG."""
    *candidates, key, numbers, uncast, crop, info = rest
    painted = [
        decode_candidate(data, key, number, crop, info, source, alphas[0]) for number, data in zip(numbers, candidates)
    ]
    painted = [
        without_cast(source, picture, alphas[0]) if number in uncast else picture
        for number, picture in zip(numbers, painted)
    ]
    found = {number: looked_at(source, picture, alphas[0]) for number, picture in zip(numbers, painted)}
    return json.dumps(to_json(found)).encode(), encode_png(Sketch.of(source, alphas[0], painted).tiles())


def agreement(one: bytes, other: bytes, files: tuple[str, str]) -> bytes:
    """How far the candidates of two sketches disagree, as JSON: a row for each of the first's; null when unknown."""
    sketches = [Sketch.of_tiles(decode_picture(data, file)) for data, file in zip((one, other), files)]
    found = disagreement(sketches[0], sketches[0 if files[0] == files[1] else 1])
    return json.dumps(None if found is None else np.round(found, 2).tolist()).encode()


def check_taken(key: int, decided: Choice | None, numbers: Collection[int]) -> None:
    """Raises ProjectError when a person took a candidate that is not there."""
    if not decided or decided.drop or decided.candidate is None or decided.candidate in numbers:
        return
    known = f"its candidates are {', '.join(map(str, numbers))}" if numbers else "choose another"
    raise ProjectError(
        f"{SELECTION}: keyframe {key} has no candidate {decided.candidate} "
        f"({candidate_file(key, decided.candidate)}); {known}."
    )


def decide(key: int, ranked: Mapping[int, Rank], decided: Choice | None, unattended: bool) -> Choice | None:
    """The choice in force for one keyframe, None when a person has still to make it. Raises ProjectError."""
    if decided and decided.drop:
        return Choice(key, drop=True)
    if decided and decided.candidate is not None:
        check_taken(key, decided, ranked)
        return Choice(key, decided.candidate)
    if not unattended:
        return None
    return Choice(key, next(number for number, rank in ranked.items() if rank.best))


def select(run: Run) -> None:
    """Put down a choice for every group."""
    groups, selection = read_groups(run.project), read_selection(run.project)
    numbers = {group.key: _numbers(run, group.key, selection.get(group.key)) for group in groups}
    for key, own in numbers.items():
        check_taken(key, selection.get(key), own)
    shown = [group for group in groups if numbers[group.key]]
    crops = KeyCrops(run.project, run.clip.info, run.settings.inpaint, run.multiple)
    seen = [_scoring(run, group.key, crops[group.key], numbers[group.key]) for group in shown]
    run.each(seen, scores, "ranking")
    pairs = [(group.key, group.key) for group in shown]
    pairs += [(one.key, two.key) for one, two in pairwise(shown) if one.shot == two.shot]
    agreed = [
        Item((agreement_file(*pair),), tuple(File(sketch_file(key)) for key in pair), (tuple(map(sketch_file, pair)),))
        for pair in pairs
    ]
    run.each(agreed, agreement, "comparing candidates")
    files = [file for item in (*seen, *agreed) for file in item.makes]
    run.sweep("scores", files)
    takes = (File(SELECTION), File(GROUPS), *(File(file) for file in files))
    run.build(Item((RANKS,), takes, (numbers,)), lambda path: _rank(run, shown, numbers, pairs, path))
    run.build(
        Item((CHOICES,), (*takes, File(RANKS), File(OVERRIDES)), (run.settings.select,)),
        lambda path: _choose(run, groups, path),
    )


def _numbers(run: Run, key: int, choice: Choice | None) -> tuple[int, ...]:
    """The candidates of a keyframe that are looked at: the present round, and the one that a person took."""
    found = set(wanted(choice, run.settings.inpaint.candidates))
    if choice and choice.candidate is not None and run.project.path(candidate_file(key, choice.candidate)).exists():
        found.add(choice.candidate)
    return tuple(sorted(found))


def _scoring(run: Run, key: int, crop: Crop, numbers: tuple[int, ...]) -> Item:
    files = tuple(File(candidate_file(key, n)) for n in numbers)
    takes = (KeyframePicture(key, crop.box), Alphas(key, key + 1, crop.box), *files)
    uncast = tuple(n for n in numbers if run.settings.inpaint.undoes_cast(run.engine_name, n))
    return Item((score_file(key), sketch_file(key)), takes, (key, numbers, uncast, crop, run.clip.info))


def _rank(
    run: Run,
    shown: Sequence[Group],
    numbers: Mapping[int, tuple[int, ...]],
    pairs: Sequence[tuple[int, int]],
    path: Path,
) -> None:
    """Write down the best sequence; what a person took in selection.json is part of it."""
    taken = {key: choice.candidate for key, choice in read_decided(run.project).items() if not choice.drop}
    found: dict[tuple[int, int], Any] = {}
    for pair in pairs:
        rows = json.loads(run.project.path(agreement_file(*pair)).read_bytes())
        found[pair] = None if rows is None else np.array(rows)
    batches = []
    for group, after in zip(shown, [*(other.key for other in shown[1:]), -1]):
        key, own = group.key, numbers[group.key]
        seen = run.project.record(score_file(key), dict[int, Scores])
        mine = taken.get(key) if taken.get(key) in own else None
        scored = tuple(seen[number] for number in own)
        batches.append(Batch(key, own, scored, found[key, key], found.get((key, after)), mine))
    path.write_text(ranks_csv(best_sequence(batches)), encoding="utf-8")


def _choose(run: Run, groups: Sequence[Group], path: Path) -> None:
    selection, unattended = read_selection(run.project), run.settings.select.how == "auto"
    ranked = ranks(run.project)
    decided = {g.key: decide(g.key, ranked.get(g.key, {}), selection.get(g.key), unattended) for g in groups}
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
