"""A person's decisions on candidates: choose, redo, drop, and undo, kept in selection.json.

Every function may be called while a run is going on; the next run heeds what is written. The last UNDO_DEPTH decisions
are kept in undo.json with what stood there before. Keeping the whole of selection.json each time made a click take 1.4 s
with 2,000 keyframes.
"""

from __future__ import annotations

import json
import os
import re
import threading
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from .atomic import write_bytes
from .errors import ProjectError
from .groups import CHOICES, RANKS, SELECTION, candidate_file, read_choices, read_decided, read_groups, read_selection
from .model import Choice, Group, Repaint, to_json
from .project import Folder
from .ranking import Rank, read_ranks
from .ranking import flagged as ranking_flags

UNDO, UNDO_DEPTH = "undo.json", 100
_lock = threading.Lock()

Decision = Literal["chosen", "repaired", "ranked", "redo", "drop", "open"]
AS_SET = Repaint()


@dataclass(frozen=True)
class Before:
    """What had been decided of the keyframes `keys` before a decision on them; of those not in `choices` nothing had."""

    keys: tuple[int, ...]
    choices: tuple[Choice, ...] = ()


@dataclass(frozen=True)
class Picks:
    """One keyframe in the gallery: the candidates there are, the one in force (None: none yet), and who decided it.

    `candidates` are those of the present round, `earlier` all others that were painted, `own` the person's own pictures
    (-1, -2, …). `chosen` by a person, `repaired` by a repair, `ranked` by the program, `redo` waits for new candidates, `drop` has no edit,
    `open` is undecided. `paint` is what the present round is painted with besides the settings.
    """

    group: Group
    candidates: tuple[int, ...]
    earlier: tuple[int, ...]
    own: tuple[int, ...]
    candidate: int | None
    decision: Decision
    paint: Repaint = AS_SET


def numbers(choice: Choice | None, candidates: int) -> range:
    """The numbers of a keyframe's present round, which has `candidates` pictures."""
    if choice is None:
        return range(candidates)
    first = choice.redo * candidates if choice.first is None else choice.first
    return range(first, first + (choice.count or candidates))


def wanted(choice: Choice | None, candidates: int) -> range:
    """The numbers that are to be painted: none where a person dropped the edit or gave a picture of their own."""
    if choice and (choice.drop or (choice.candidate or 0) < 0):
        return range(0)
    return numbers(choice, candidates)


def gallery(project: Folder, candidates: int) -> list[Picks]:
    """Every keyframe with its candidates; `candidates` is how many a round has."""
    groups, decided = read_groups(project), read_selection(project)
    ranked = read_choices(project) if project.path(CHOICES).exists() else {}
    return [_picks(project, group, decided.get(group.key), ranked.get(group.key), candidates) for group in groups]


def ranks(project: Folder) -> dict[int, dict[int, Rank]]:
    """What the ranking found, by key and candidate; nothing before it has run. Raises ProjectError for a damaged file."""
    path = project.path(RANKS)
    try:
        return read_ranks(path.read_text(encoding="utf-8")) if path.exists() else {}
    except (KeyError, TypeError, ValueError):
        raise ProjectError(f"{RANKS} is damaged: delete it and run again.") from None


def _picks(project: Folder, group: Group, mine: Choice | None, made: Choice | None, candidates: int) -> Picks:
    painted, own = _painted(project, group.key), _own(project, group.key)
    present = tuple(n for n in numbers(mine, candidates) if n in painted)
    earlier = tuple(sorted(painted.difference(present)))
    decision, candidate = _decision(mine, made, present)
    return Picks(group, present, earlier, own, candidate, decision, mine.paint if mine else AS_SET)


def _decision(mine: Choice | None, made: Choice | None, present: tuple[int, ...]) -> tuple[Decision, int | None]:
    if mine and mine.drop:
        return "drop", None
    if mine and mine.candidate is not None:
        return "chosen" if mine.by == "person" else "repaired", mine.candidate
    if not present:
        return "redo" if mine and mine.redo else "open", None
    if made and made.candidate in present:
        return "ranked", made.candidate
    return "open", None


def _painted(project: Folder, key: int) -> set[int]:
    return _numbered(project, candidate_file(key, 0))


def _own(project: Folder, key: int) -> tuple[int, ...]:
    return tuple(-n for n in sorted(_numbered(project, candidate_file(key, -1))) if n)


def _numbered(project: Folder, beside: str) -> set[int]:
    """The numbers of the pictures in the folder in which `beside` lies."""
    try:
        names = os.listdir(project.path(beside).parent)
    except FileNotFoundError:
        return set()
    return {int(match[1]) for name in names if (match := re.fullmatch(r"(\d{2,6})\.png", name))}


def choose(project: Folder, key: int, candidate: int) -> None:
    """Take this candidate for the group of `key`. Raises ProjectError when there is no such picture."""
    if not project.path(candidate_file(key, candidate)).exists():
        raise ProjectError(f"Keyframe {key} has no candidate {candidate}.")
    _decide(project, (key,), lambda before: replace(before, candidate=candidate, drop=False))


def redo(project: Folder, key: int, paint: Repaint = AS_SET) -> None:
    """Have new candidates painted for the group of `key`, with new seeds and with `paint` over the settings.

    They are numbered after all that there are, so that none is painted over.
    """
    _decide(project, (key,), lambda before: _again(project, before, paint))


def flagged(project: Folder, ranked: Mapping[int, Mapping[int, Rank]]) -> list[int]:
    """The keyframes that the ranking finds doubtful and nobody decided on; `ranked` is what `ranks` gives."""
    decided, known = read_selection(project), {group.key for group in read_groups(project)}
    return [key for key in ranking_flags(ranked) if key in known and key not in decided]


def redo_flagged(project: Folder) -> int:
    """Have new candidates painted for all keyframes that are flagged, as one decision; gives how many these are.

    Raises ProjectError when there is none.
    """
    keys = flagged(project, ranks(project))
    if not keys:
        raise ProjectError("The ranking finds no keyframe doubtful that you have not decided on yourself.")
    _decide(project, keys, lambda before: _again(project, before, AS_SET))
    return len(keys)


def _again(project: Folder, before: Choice, paint: Repaint) -> Choice:
    first = max(_painted(project, before.key), default=-1) + 1
    return Choice(before.key, redo=before.redo + 1, first=first, paint=paint)


def drop(project: Folder, key: int) -> None:
    """Leave the group of `key` without an edit."""
    _decide(project, (key,), lambda before: replace(before, candidate=None, drop=True))


def accept(project: Folder, key: int) -> None:
    """Take the group of `key` as it is, whatever validation says."""
    now = read_selection(project).get(key, Choice(key))  # with what a repair took for it
    _decide(project, (key,), lambda _: replace(now, accepted=True, by="person"))


def give(project: Folder, key: int, png: bytes) -> int:
    """Put down a person's own picture of a keyframe, a PNG of the whole frame, and take it; gives its number."""
    with _lock:
        number = min(_own(project, key), default=0) - 1
        write_bytes(project.path(candidate_file(key, number)), png)
    choose(project, key, number)
    return number


def undo(project: Folder) -> bool:
    """Take back the last decision; False when there is none to take back."""
    with _lock:
        earlier = list(earlier_of(project))
        if not earlier:
            return False
        last = earlier.pop()
        decided = {key: choice for key, choice in read_decided(project).items() if key not in last.keys}
        _keep(project, decided | {choice.key: choice for choice in last.choices})
        _write(project, UNDO, to_json(earlier))
    return True


def earlier_of(project: Folder) -> tuple[Before, ...]:
    """What every decision that can be taken back replaced, the last one last."""
    return project.records(UNDO, Before) if project.path(UNDO).exists() else ()


def _decide(project: Folder, keys: Collection[int], change: Callable[[Choice], Choice]) -> None:
    with _lock:
        gone = set(keys) - {group.key for group in read_groups(project)}
        if gone:
            raise ProjectError(f"Frame {min(gone)} is no keyframe now: reload the gallery.")
        decided = read_decided(project)
        before = Before(tuple(keys), tuple(decided[key] for key in keys if key in decided))
        _write(project, UNDO, to_json([*earlier_of(project), before][-UNDO_DEPTH:]))
        _keep(project, decided | {key: change(decided.get(key, Choice(key))) for key in keys})


def _keep(project: Folder, decided: Mapping[int, Choice]) -> None:
    _write(project, SELECTION, to_json([choice for _, choice in sorted(decided.items())]))


def _write(project: Folder, file: str, data: list[Any]) -> None:
    write_bytes(project.path(file), json.dumps(data, indent=1).encode())
