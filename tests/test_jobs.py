"""One job thread for each project folder."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from fakes import Recorder
from projects import FEW

from lib_vidpaint import jobs, session
from lib_vidpaint.errors import Cancelled, EngineError, ProjectError, WaitingForPerson


def values_of(footage: Mapping[str, Path], **more: Any) -> dict[str, Any]:
    return {"source.path": str(footage["source"]), "mask.path": "box:30,20,20,16", **FEW, **more}


class Gate:
    """A stand-in for session.run that waits until it is let go, then ends as it was told."""

    def __init__(self, error: BaseException | None = None, steps: int = 0) -> None:
        self.error, self.steps = error, steps
        self.begun, self.go = threading.Event(), threading.Event()

    def __call__(self, folder: Path, values: Mapping[str, Any], *, progress: jobs.Job, **options: Any) -> None:
        for done in range(1, self.steps + 1):
            progress.step("painting", done, 10)
        self.begun.set()
        while not self.go.wait(0.01):
            progress.check()
        if self.error:
            raise self.error


def test_a_job_runs_a_project_and_counts_what_is_left(tmp_path: Path, footage: dict[str, Path]) -> None:
    folder = tmp_path / "project"
    job = jobs.start(folder, values_of(footage), "remove", "keyframes", Recorder(), plan=True)
    assert jobs.of(folder) is job
    job.join(60)
    assert (job.state, job.sentence) == ("done", "")
    assert job.plan is not None
    assert job.plan.frames == 14
    assert job.plan.images == 2 * job.plan.keyframes
    assert (folder / "groups.json").exists()


def test_only_the_video_is_read_until_source(tmp_path: Path, footage: dict[str, Path]) -> None:
    job = jobs.start(tmp_path / "p", {"source.path": str(footage["source"])}, until="source")
    job.join(60)
    assert job.state == "done"
    assert (tmp_path / "p" / "proxy.mp4").exists()
    assert not (tmp_path / "p" / "region.mp4").exists()


def test_a_second_start_is_refused_while_the_first_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gate = Gate()
    monkeypatch.setattr(session, "run", gate)
    first = jobs.start(tmp_path / "p", {})
    assert gate.begun.wait(5)
    with pytest.raises(ProjectError, match="being worked on"):
        jobs.start(tmp_path / "p", {})
    other = jobs.start(tmp_path / "q", {})
    gate.go.set()
    first.join(5)
    other.join(5)
    assert (first.state, other.state) == ("done", "done")
    jobs.start(tmp_path / "p", {}).join(5)


@pytest.mark.parametrize(
    ("error", "state", "sentence"),
    [
        (None, "done", ""),
        (Cancelled(), "cancelled", ""),
        (WaitingForPerson("6 groups are open"), "waiting", "6 groups are open"),
        (EngineError("No such checkpoint."), "failed", "No such checkpoint."),
        (KeyError("secret"), "failed", "This is a mistake in Video Inpaint (KeyError): its log says more."),
    ],
    ids=["done", "cancelled", "waiting", "failed", "bug"],
)
def test_how_a_job_ends(
    error: BaseException | None,
    state: str,
    sentence: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    gate = Gate(error)
    gate.go.set()
    monkeypatch.setattr(session, "run", gate)
    job = jobs.start(tmp_path, {})
    job.join(5)
    assert (job.state, job.sentence) == (state, sentence)
    assert ("Traceback" in caplog.text) == isinstance(error, KeyError)


def test_cancel_stops_it_at_the_next_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gate = Gate()
    monkeypatch.setattr(session, "run", gate)
    job = jobs.start(tmp_path, {})
    assert gate.begun.wait(5)
    job.cancel()
    assert job.stopping or not job.running
    job.join(5)
    assert job.state == "cancelled"


def test_the_time_left_follows_the_speed_so_far(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "run", gate := Gate(steps=4))
    job = jobs.start(tmp_path, {})
    assert gate.begun.wait(5)
    assert (job.text, job.done, job.total) == ("painting", 4, 10)
    monkeypatch.setattr(job, "_task_began", time.monotonic() - 6)
    left = job.seconds_left
    assert left is not None
    assert 11 < left < 13  # 3 more since the first was seen took 6 s, 6 are left
    gate.go.set()
    job.join(5)
    assert job.seconds_left is None


def test_stop_all_ends_every_job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "run", Gate())
    found = [jobs.start(tmp_path / name, {}) for name in "ab"]
    jobs.stop_all(5)
    assert [job.state for job in found] == ["cancelled", "cancelled"]
