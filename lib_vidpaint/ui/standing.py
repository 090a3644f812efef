"""Where a project stands, as the page asks for it every second: what is due and why, and whether there is anything new."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from .. import jobs, session
from ..errors import VidpaintError
from .workspaces import Workspace

AGAIN = "+"
ASK_AGAIN = 10
"""Seconds until a project that could not be looked at, as its video is gone, is looked at once more."""


def version(space: Workspace, job: jobs.Job | None) -> str:
    """Grows stale with every finished task, and with every decision of a person."""
    work = space.work
    decided = _stamp(work / "selection.json")
    if job and job.running:
        now = f"{job.text} {job.done // 8 if job.text == 'painting' else ''}"
    else:
        ledgers = dict.fromkeys((space.project / "made.jsonl", work / "made.jsonl"))
        now = f"{' '.join(map(str, map(_stamp, ledgers)))} {job.state if job else ''}"
    return f"{space.id} {now} {decided}"


def _stamp(file: Path) -> int:
    return file.stat().st_mtime_ns if file.exists() else 0


def renewed(now: str, shown: str, seen: Collection[str]) -> str:
    """The version `now` for a page that holds `shown`; in another spelling where a part of the page missed it.

    `seen` is what every part showed last: gradio 3 drops a change while a part is still busy with the one before it.
    """
    if shown.rstrip(AGAIN) != now:
        return now
    missed = any(part.rstrip(AGAIN) != now for part in seen)
    return now + AGAIN if missed and shown == now else now if missed else shown


def states(space: Workspace, job: jobs.Job | None, values: Mapping[str, Any]) -> Sequence[session.StageState]:
    """Where every stage stands with the values on the page; remembered while nothing changes. Raises VidpaintError."""
    asked = space.project, version(space, job), tuple(values.items())
    known = _failed.get(space.project)
    if known and known[0] == asked and time.monotonic() < known[1]:
        raise known[2]
    try:
        return _states(*asked)
    except VidpaintError as error:
        _failed[space.project] = asked, time.monotonic() + ASK_AGAIN, error
        raise


_failed: dict[Path, tuple[Any, float, VidpaintError]] = {}


@lru_cache(maxsize=64)
def _states(folder: Path, version: str, values: tuple[tuple[str, Any], ...]) -> Sequence[session.StageState]:
    return session.status(folder, dict(values)) if session.is_project(folder) else []
