"""Where a project stands, as the page asks for it every second: what is due and why, and whether there is anything new."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from .. import jobs, session
from ..errors import VidpaintError
from .workspaces import Workspace

ASK_AGAIN = 10
"""Seconds until a project that could not be looked at, as its video is gone, is looked at once more."""


def version(space: Workspace, job: jobs.Job | None) -> str:
    """Grows stale with every finished task, and with every decision of a person."""
    chosen = space.project / "selection.json"
    decided = chosen.stat().st_mtime_ns if chosen.exists() else 0
    if job and job.running:
        now = f"{job.text} {job.done // 8 if job.text == 'painting' else ''}"
    else:
        ledger = space.project / "made.jsonl"
        now = f"{ledger.stat().st_mtime_ns if ledger.exists() else 0} {job.state if job else ''}"
    return f"{space.id} {now} {decided}"


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
