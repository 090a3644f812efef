"""Our turns at the host: its queue, its buttons, its live preview, prompt styles, and one keyframe before the others."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import hosts
import numpy as np
import pytest
from fakes import Recorder
from projects import edit

from lib_vidpaint import session
from lib_vidpaint.engines import EngineSpec, InpaintJob, Sampling, open_engine
from lib_vidpaint.errors import Cancelled, EngineError, Skipped, WaitingForPerson

PLAIN = Sampling(resize=1, sampler="Euler a", steps=8)
MANY = {"keyframes.how": "uniform", "keyframes.longest": 5}


@pytest.fixture
def host() -> Iterator[Any]:
    with hosts.running() as found:
        yield found


def job(**changed: Any) -> InpaintJob:
    crop = np.random.default_rng(1).integers(0, 256, (64, 64, 3), np.uint8)
    mask = np.full((64, 64), 255, np.uint8)
    return replace(InpaintJob(crop, mask, (3,), "a hat", "a scarf", 0.75, sampling=PLAIN), **changed)


def in_a_thread(work: Callable[[], Any]) -> tuple[threading.Thread, list[Any]]:
    said: list[Any] = []

    def kept() -> None:
        try:
            said.append(work())
        except Exception as error:
            said.append(type(error))

    return threading.Thread(target=kept), said


def test_every_batch_is_a_task_that_others_see(host: Any) -> None:
    seen = []
    host.processing.at_step.append(
        lambda step: seen.append(
            (host.progress.current_task, host.shared.state.textinfo, len(host.progress.pending_tasks))
        )
    )
    engine = open_engine(EngineSpec("webui"))
    engine.inpaint(job())
    engine.inpaint(job())
    tasks = list(dict.fromkeys(task for task, _, _ in seen))
    assert host.progress.finished_tasks == tasks
    assert len(tasks) == 2
    assert all(task.startswith("task(") and task.endswith(")") for task in tasks)
    assert {(text, waiting) for _, text, waiting in seen} == {("Video Inpaint", 0)}
    assert host.progress.current_task is None


@pytest.mark.parametrize(("button", "error"), [("interrupt", Cancelled), ("skip", Skipped)], ids=["interrupt", "skip"])
def test_a_button_reaches_only_the_job_it_belongs_to(host: Any, button: str, error: type[Exception]) -> None:
    from lib_vidpaint.engines import turns

    engine, other = open_engine(EngineSpec("webui")), threading.Thread()
    thread, said = in_a_thread(lambda: len(engine.inpaint(job())))

    def look(step: int) -> None:
        if step == 3:
            getattr(turns, button)(other)
            assert not host.shared.state.interrupted
            assert not host.shared.state.skipped
            assert turns.glimpse(other) is None
        if step == 5 and meant:
            getattr(turns, button)(thread)

    host.processing.at_step.append(look)
    meant = False
    thread.start()
    thread.join(10)
    assert said == [1]
    meant = True
    thread, said = in_a_thread(lambda: len(engine.inpaint(job())))
    thread.start()
    thread.join(10)
    assert said == [error]


def test_interrupted_in_the_queue_it_paints_nothing(host: Any) -> None:
    from lib_vidpaint.engines import turns

    engine, lock = open_engine(EngineSpec("webui")), host.call_queue.queue_lock
    thread, said = in_a_thread(lambda: engine.inpaint(job()))
    with lock:
        thread.start()
        while not host.progress.pending_tasks:
            pass
        turns.interrupt(thread)
    thread.join(10)
    assert said == [Cancelled]
    assert host.processing.calls == []
    assert (host.progress.current_task, host.progress.pending_tasks) == (None, {})


def test_a_glimpse_is_the_step_and_the_preview(host: Any) -> None:
    from lib_vidpaint.engines import turns

    engine, seen = open_engine(EngineSpec("webui")), []
    host.processing.at_step.append(lambda step: seen.append(turns.glimpse(threading.current_thread())))
    engine.inpaint(job())
    assert [(one.step, one.steps) for one in seen] == [(step, 8) for step in range(8)]
    assert seen[-1].picture.shape == (64, 64, 3)
    assert turns.glimpse(threading.current_thread()) is None


def test_styles_change_both_prompts_as_the_host_does(host: Any) -> None:
    engine = open_engine(EngineSpec("webui"))
    assert engine.names("style") == ["Old film", "Winter"]
    painted = engine.inpaint(job(sampling=replace(PLAIN, styles="Winter; Old film")))
    assert painted[0].infotext.startswith("a hat, snow, grainy\n")
    assert host.processing.calls[0].all_negative_prompts == ["a scarf, sharp"]
    with pytest.raises(EngineError, match="no style 'winter': near it are Winter"):
        engine.inpaint(job(sampling=replace(PLAIN, styles="winter")))


def test_new_files_are_found_on_asking(host: Any) -> None:
    from lib_vidpaint.engines.webui import WebUI

    engine = WebUI()
    host.sd_models.files.append(Path("new.ckpt"))
    assert "new.ckpt" not in engine.names("checkpoint")
    engine.refresh()
    assert "new.ckpt" in engine.names("checkpoint")


def test_one_keyframe_is_painted_before_the_others(footage: dict[str, Path], tmp_path: Path) -> None:
    folder, engine = tmp_path / "p", Recorder()
    edit(folder, footage, MANY, until="keyframes")
    keys = [int(path.stem) for path in sorted(folder.glob("keyframes/frame/*.png"))]
    assert len(keys) == 3
    for only, key in ((keys[1], keys[1]), (-1, keys[0])):
        with pytest.raises(WaitingForPerson, match=f"Keyframe {key} is painted, the other 2 wait"):
            session.run(folder, {}, until="inpaint", engine=engine, only=only)
    assert {int(path.name) for path in (folder / "candidates").iterdir()} == {keys[0], keys[1]}
    before = len(engine.jobs)
    session.run(folder, {}, until="inpaint", engine=engine)
    assert len(engine.jobs) - before == before // 2, "only the third is left"
    state = {one.name: one.state for one in session.status(folder)}
    assert (state["inpaint"], state["select"]) == ("done", "due")
