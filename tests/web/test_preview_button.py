"""Preview every keyframe: a quick picture of each to judge prompt and denoise by, which is no candidate."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from driving import CHROMIUM, JOB, field, number_of_job, open_video, press, project_of, tab
from fakes import Recorder

pytest.importorskip("gradio", reason="the page needs gradio: pip install 'vidpaint[ui]'")
pytest.importorskip("playwright.sync_api", reason="the page is driven by playwright")
pytestmark = pytest.mark.skipif(not Path(CHROMIUM).exists(), reason="needs /usr/bin/chromium")

SHOWN = "img[alt^='preview of']"


@pytest.fixture(scope="module")
def engine() -> Recorder:
    return Recorder(multiple=8)


@pytest.fixture(scope="module")
def url(folder: Path, engine: Recorder) -> Iterator[str]:
    """The page of a host with a diffusion engine, which the recorder stands for, in this process."""
    from lib_vidpaint import abilities, jobs, pipeline
    from lib_vidpaint.ui import compat
    from lib_vidpaint.ui.app import build
    from lib_vidpaint.ui.page import Host
    from lib_vidpaint.ui.workspaces import Access

    (folder / "empty").mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GRADIO_TEMP_DIR", str(folder / "gradio"))
        for module in (abilities, pipeline):
            patch.setattr(module, "open_engine", lambda spec: engine)
        allowed: list[str] = []
        page = build(
            folder / "pro jects #1",
            Access(),
            lambda one: allowed.append(str(one)),
            Host("diffusers", engine.names),
            True,
        )
        address = compat.launch(page, "127.0.0.1", None, folder / "empty")
        page.allowed_paths = allowed
        yield address
        jobs.stop_all()
        page.close()


def previewed(page: Any) -> None:
    """Press the button and wait until what it painted waits for a person."""
    before = number_of_job(page)
    page.click("#vidpaint_preview_all")
    page.wait_for_function(f"() => Number(document.querySelector('{JOB}').dataset.number) > {before}")
    page.wait_for_selector(f"{JOB}[data-state=waiting]", timeout=60000)


def test_every_keyframe_is_painted_once_with_few_steps_and_again_for_another_prompt(
    page: Any, footage: dict[str, Path], folder: Path, engine: Recorder
) -> None:
    open_video(page, footage["source"], footage["still"])
    tab(page, 2)
    field(page, "keyframes_longest").fill("5")
    field(page, "keyframes_longest").press("Tab")
    press(page, "run_keyframes")
    tab(page, 3)
    field(page, "inpaint_prompt").fill("a red coat")
    previewed(page)
    page.wait_for_selector(SHOWN)
    keys = sorted(path.stem for path in (project_of(folder) / "keyframes" / "frame").glob("*.png"))
    assert page.locator(SHOWN).count() == len(keys) > 1
    assert sorted(path.stem for path in (project_of(folder) / "previews").glob("*.png")) == keys
    asked = [(len(job.seeds), job.sampling.steps) for job in engine.jobs if job.prompt == "a red coat"]
    assert asked == [(1, 6)] * len(keys)
    assert not (project_of(folder) / "candidates").exists()
    painted = len(engine.jobs)
    before = page.locator(SHOWN).first.get_attribute("src")
    field(page, "inpaint_prompt").fill("a green coat")
    field(page, "inpaint_seed").fill("2")
    field(page, "inpaint_seed").press("Tab")
    previewed(page)
    page.wait_for_function(f'before => document.querySelector("{SHOWN}").getAttribute("src") !== before', arg=before)
    assert {job.prompt for job in engine.jobs[painted:]} == {"a green coat"}
    assert not (project_of(folder) / "candidates").exists()
    tab(page, 4)
    page.wait_for_function(
        "() => document.querySelector('#vidpaint_picker').innerText.includes('waiting to be painted')"
    )
