"""Work that goes on without the page that asked for it: one job thread for each project folder, to be asked and stopped."""

from __future__ import annotations

import itertools
import logging
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from . import session
from .engines import Engine, Glimpse
from .errors import Cancelled, ProjectError, VidpaintError, WaitingForPerson
from .progress import Progress

log = logging.getLogger(__name__)

State = Literal["running", "done", "cancelled", "waiting", "failed"]
_jobs: dict[Path, Job] = {}
_lock = threading.Lock()
_numbers = itertools.count(1)


class Job(Progress):
    """One run of a project in a thread of its own; every field may be read at any time.

    `text`, `done` and `total` are the task at hand (total 0: unknown). `sentence` says why the state is waiting or
    failed. `glimpse` is the last look that somebody took at what is painted. `plan` is what `session.plan` found, where
    it was asked for. `number` counts the jobs of this process.
    """

    def __init__(self, folder: Path, until: str, *work: Any) -> None:
        super().__init__()
        self.folder, self.until, self.number = folder, until, next(_numbers)
        self.state: State = "running"
        self.text, self.done, self.total = "starting", 0, 0
        self.notes: list[str] = []
        self.sentence = ""
        self.plan: session.WorkPlan | None = None
        self.started = self.ended = time.monotonic()
        self._task_began, self._done_before = self.started, 0
        self.glimpse: Glimpse | None = None
        self.thread = threading.Thread(target=self._run, args=work, name=f"vidpaint {folder.name}", daemon=True)

    @property
    def running(self) -> bool:
        return self.state == "running"

    @property
    def stopping(self) -> bool:
        """Whether it was asked to stop and has not yet."""
        return self.running and self._cancelled.is_set()

    @property
    def seconds(self) -> float:
        """How long it has been running, or ran."""
        return (time.monotonic() if self.running else self.ended) - self.started

    @property
    def seconds_left(self) -> float | None:
        """What the task at hand will still take by the speed it had so far; None while nobody can tell."""
        made = self.done - self._done_before
        if not self.running or not self.total or made < 1:
            return None
        return (time.monotonic() - self._task_began) * (self.total - self.done) / made

    def show(self, text: str, done: int, total: int) -> None:
        if text != self.text:
            self._task_began, self._done_before = time.monotonic(), done
        self.text, self.done, self.total = text, done, total

    def note(self, text: str) -> None:
        if text not in self.notes:
            self.notes.append(text)

    def join(self, seconds: float | None = None) -> None:
        """Wait for its end, at most this long."""
        self.thread.join(seconds)

    def _run(
        self,
        values: Mapping[str, Any],
        preset: str,
        engine: Engine | None,
        plan: bool,
        only: int | None,
        preview: bool,
    ) -> None:
        state, sentence = "done", ""
        try:
            session.run(
                self.folder,
                values,
                preset=preset,
                until=self.until,
                progress=self,
                engine=engine,
                only=only,
                preview=preview,
            )
            if plan:
                self.plan = session.plan(self.folder, self, engine)
        except Cancelled:
            state = "cancelled"
        except WaitingForPerson as waiting:
            state, sentence = "waiting", str(waiting)
        except VidpaintError as error:
            state, sentence = "failed", str(error)
        except BaseException as error:
            log.exception("the job of %s", self.folder)
            state, sentence = (
                "failed",
                f"This is a mistake in Video Inpaint ({type(error).__name__}): its log says more.",
            )
        self.ended = time.monotonic()
        self.sentence, self.state = sentence, state


def start(
    folder: Path,
    values: Mapping[str, Any],
    preset: str = "",
    until: str = "",
    engine: Engine | None = None,
    plan: bool = False,
    only: int | None = None,
    preview: bool = False,
) -> Job:
    """Begin `session.run` in a thread; with `plan`, count what is still to paint and time one picture afterwards.

    Raises ProjectError when a job of this folder is still running.
    """
    folder = folder.resolve()
    with _lock:
        before = _jobs.get(folder)
        if before and before.running:
            raise ProjectError(f"This project is being worked on ({before.text}): wait for it, or interrupt it first.")
        job = _jobs[folder] = Job(folder, until, values, preset, engine, plan, only, preview)
        job.thread.start()
    return job


def of(folder: Path) -> Job | None:
    """The job that runs in this folder, else the last one that did, else None."""
    return _jobs.get(folder.resolve())


def stop_all(seconds: float = 10) -> None:
    """Cancel every job and wait for them together at most this long; what is finished is kept."""
    running = [job for job in list(_jobs.values()) if job.running]
    for job in running:
        job.cancel()
    end = time.monotonic() + seconds
    for job in running:
        job.join(max(0.0, end - time.monotonic()))
