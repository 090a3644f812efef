"""A person's decisions on candidates: choose, redo, drop, and undo, kept in selection.json.

Every function may be called while a run is going on; the next run heeds what is written. What was decided before is
kept in selection-undo.json, the last UNDO_DEPTH states of it.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal

from .atomic import write_bytes
from .errors import ProjectError
from .groups import CHOICES, SELECTION, candidate_file, read_choices, read_groups, read_selection
from .model import Choice, Group, from_json, to_json
from .project import Folder

UNDO, UNDO_DEPTH = "selection-undo.json", 100
_lock = threading.Lock()

Decision = Literal["chosen", "ranked", "redo", "drop", "open"]


@dataclass(frozen=True)
class Picks:
    """One keyframe in the gallery: the candidates there are, the one in force (None: none yet), and who decided it.

    `chosen` by a person, `ranked` by the program, `redo` waits for new candidates, `drop` has no edit, `open` is undecided.
    """

    group: Group
    candidates: tuple[int, ...]
    candidate: int | None
    decision: Decision


def gallery(project: Folder, candidates: int) -> list[Picks]:
    """Every keyframe with the candidates of its present round; `candidates` is how many a round has."""
    groups, decided = read_groups(project), read_selection(project)
    ranked = read_choices(project) if project.path(CHOICES).exists() else {}
    return [_picks(project, group, decided.get(group.key), ranked.get(group.key), candidates) for group in groups]


def _picks(project: Folder, group: Group, mine: Choice | None, made: Choice | None, candidates: int) -> Picks:
    redo = mine.redo if mine else 0
    numbers = set(range(redo * candidates, (redo + 1) * candidates))
    if mine and mine.candidate is not None:
        numbers.add(mine.candidate)
    present = tuple(n for n in sorted(numbers) if project.path(candidate_file(group.key, n)).exists())
    if mine and mine.drop:
        return Picks(group, present, None, "drop")
    if mine and mine.candidate is not None:
        return Picks(group, present, mine.candidate, "chosen")
    if not present:
        return Picks(group, present, None, "redo" if redo else "open")
    if made and made.candidate in present:
        return Picks(group, present, made.candidate, "ranked")
    return Picks(group, present, None, "open")


def choose(project: Folder, key: int, candidate: int) -> None:
    """Take this candidate for the group of `key`. Raises ProjectError when there is no such picture."""
    if candidate < 0 or not project.path(candidate_file(key, candidate)).exists():
        raise ProjectError(f"Keyframe {key} has no candidate {candidate}.")
    _decide(project, key, lambda before: replace(before, candidate=candidate, drop=False))


def redo(project: Folder, key: int) -> None:
    """Have new candidates painted for the group of `key`, with new seeds; the old ones stay on disk."""
    _decide(project, key, lambda before: Choice(key, redo=before.redo + 1))


def drop(project: Folder, key: int) -> None:
    """Leave the group of `key` without an edit."""
    _decide(project, key, lambda before: replace(before, candidate=None, drop=True))


def undo(project: Folder) -> bool:
    """Take back the last decision; False when there is none to take back."""
    with _lock:
        earlier = _earlier(project)
        if not earlier:
            return False
        _write(project, SELECTION, earlier.pop())
        _write(project, UNDO, earlier)
    return True


def _decide(project: Folder, key: int, change: Callable[[Choice], Choice]) -> None:
    with _lock:
        if key not in {group.key for group in read_groups(project)}:
            raise ProjectError(f"Frame {key} is no keyframe now: reload the gallery.")
        decided = read_selection(project)
        before = to_json(list(decided.values()))
        decided[key] = change(decided.get(key, Choice(key)))
        _write(project, UNDO, [*_earlier(project), before][-UNDO_DEPTH:])
        _write(project, SELECTION, to_json([choice for _, choice in sorted(decided.items())]))


def _earlier(project: Folder) -> list[list[Any]]:
    if not project.path(UNDO).exists():
        return []
    states = project.record(UNDO, list)
    for state in states:
        from_json(tuple[Choice, ...], state, UNDO)
    return states


def _write(project: Folder, file: str, data: list[Any]) -> None:
    write_bytes(project.path(file), json.dumps(data, indent=1).encode())
