"""The tab in a real WebUI, driven in Chromium: a first result, its buttons, other people's work, and Reload UI.

Needs WEBUI_DIR and WEBUI_PYTHON, its Python. On a CPU about 3 minutes in AUTOMATIC1111's, 6 in Forge.
"""

from __future__ import annotations

import json
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import serving
from PIL import Image
from serving import CHROMIUM, FORGE, JOB, PYTHON, WEBUI, ended, fill, run, show, tab

playwright = pytest.importorskip("playwright.sync_api", reason="the page is driven by playwright")
pytestmark = [
    pytest.mark.skipif(not (WEBUI and PYTHON), reason="WEBUI_DIR and WEBUI_PYTHON name no WebUI to try this in"),
    pytest.mark.skipif(not Path(CHROMIUM).exists(), reason="needs /usr/bin/chromium"),
]
FEW, MANY = (2, 20) if FORGE else (2, 120)  # sampling steps: Forge's stand-in takes a second for each
YOURS = "() => document.querySelector('.vidpaint-picker .vidpaint-taken')?.innerText.includes('(yours)')"
RUNNING = f"{JOB}[data-state=running]"
BAD = "Error executing callback", "Error loading script", "Traceback (most recent call last)"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tab")


@pytest.fixture(scope="module")
def host(folder: Path) -> Iterator[str]:
    with serving.serving(folder) as served:
        yield served.url
    text = served.log.read_text()
    parts = [part for part in text.split("\n*** ") if "Failed reading extension data from Git" not in part]
    ours = [part for part in parts if "video-inpaint" in part]
    assert [part for part in ours if any(words in part for words in BAD)] == []


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def page(browser: Any, host: str) -> Iterator[Any]:
    opened = serving.opened(browser, host)
    yield opened
    assert opened.faults == []


@pytest.fixture
def project(folder: Path) -> Path:
    (found,) = (folder / "vidpaint-projects").glob("*/project")
    return found


def ask(url: str, path: str, **data: Any) -> Any:
    """The host's own API."""
    request = urllib.request.Request(  # noqa: S310
        url + path, json.dumps(data).encode() if data else None, {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=300) as answer:  # noqa: S310
        return json.loads(answer.read())


def begin(page: Any, steps: int, batches: int) -> None:
    """Start painting with values that nothing was painted with, and wait until it is painting."""
    tab(page, 3)
    fill(page, "inpaint_denoise", 1)
    fill(page, "inpaint_steps", steps)
    fill(page, "inpaint_batch_count", batches)
    page.click("#vidpaint_dice")
    time.sleep(0.5)
    page.click("#vidpaint_run_inpaint")
    page.wait_for_selector(RUNNING, timeout=30000)
    page.wait_for_function(f"() => document.querySelector('{JOB}').innerText.includes('painting')", timeout=30000)


def stop(page: Any) -> None:
    page.click("#vidpaint_interrupt")
    ended(page, "cancelled", 30)


def test_a_first_result(page: Any, footage: dict[str, Path], folder: Path) -> None:
    page.set_input_files("#vidpaint_upload input[type=file]", str(footage["source"]))
    time.sleep(2)
    page.click("#vidpaint_open")
    page.wait_for_selector(".vidpaint-frame img", timeout=30000)
    time.sleep(1.5)
    fill(page, "mask_path", "box:30,20,24,20")
    tab(page, 3)
    for name, value in (("batch_count", 1), ("batch_size", 2), ("steps", FEW), ("resize", 1), ("prompt", "a red coat")):
        fill(page, f"inpaint_{name}", value)
    page.click("#vidpaint_run_all")
    page.wait_for_function(
        "() => document.querySelectorAll('.vidpaint-steps .vidpaint-done').length === 5", timeout=240000
    )
    tab(page, 5)
    page.wait_for_selector("#vidpaint_result video")
    page.wait_for_selector("#vidpaint_result .vidpaint-receipt")
    assert "Nothing outside the region changed" in page.inner_text("#vidpaint_result")
    (project,) = (folder / "vidpaint-projects").glob("*/project")
    settings = (project / "project.toml").read_text()
    assert 'engine = "webui"' in settings
    assert "a red coat" in settings


def test_one_keyframe_is_tried_before_the_others(page: Any, project: Path) -> None:
    tab(page, 2)
    fill(page, "keyframes_count", 3)
    run(page, "run_keyframes")
    keys = [group["key"] for group in json.loads((project / "groups.json").read_text())]
    assert len(keys) > 1
    tab(page, 3)
    fill(page, "inpaint_seed", 77)
    page.click("#vidpaint_inpaint_styles input")
    page.locator("#vidpaint_inpaint_styles [role=option], #vidpaint_inpaint_styles li", has_text="Winter").first.click()
    page.keyboard.press("Escape")
    run(page, "try_one", "waiting")
    assert "is painted, the other" in page.inner_text(JOB)
    page.wait_for_function("() => document.querySelector('#vidpaint_tried').innerText.includes('seed 77')")
    painted = {path.parent.name for path in project.glob("candidates/*/*.png") if _seed(path) >= 77}
    assert painted == {f"{keys[0]:06d}"}
    first = project / f"candidates/{keys[0]:06d}/00.png"
    assert _infotext(first).startswith("a red coat, snow\n")
    assert 'styles = "Winter"' in (project / "project.toml").read_text()
    page.locator(".vidpaint-tried button").nth(1).click()
    page.wait_for_selector(".vidpaint-tried .vidpaint-taken")
    page.click("#vidpaint_recycle")
    page.wait_for_function("() => document.querySelector('#vidpaint_inpaint_seed input').value === '78'")
    fill(page, "inpaint_seed", 77)
    before = first.stat().st_mtime_ns
    run(page, "run_inpaint")
    assert first.stat().st_mtime_ns == before, "what was tried is not painted again"
    assert {path.parent.name for path in project.glob("candidates/*/*.png")} >= {f"{key:06d}" for key in keys}


def test_a_keyframe_goes_to_img2img_and_comes_back(page: Any, project: Path) -> None:
    fill(page, "inpaint_prompt", "a red coat")
    tab(page, 4)
    page.wait_for_selector("[data-vidpaint^='img2img_send:']")
    key = int(page.get_attribute(".vidpaint-picker", "data-key"))
    page.click("[data-vidpaint^='img2img_take:']")
    page.wait_for_selector("#vidpaint_message .vidpaint-error")
    assert "Generate one there first" in page.inner_text("#vidpaint_message")
    page.click("[data-vidpaint^='img2img_send:']")
    page.wait_for_selector("#img_inpaint_base img", timeout=40000)
    page.wait_for_selector("#img_inpaint_mask img", timeout=40000)
    assert page.input_value("#img2img_prompt textarea") == "a red coat"
    page.locator("#img2img_steps input[type=number]").fill("2")
    page.locator("#img2img_generate").click()
    page.wait_for_selector("#img2img_gallery img", timeout=120000)
    page.wait_for_function("() => !document.querySelector('#img2img_interrupt')?.offsetParent", timeout=120000)
    show(page)
    page.click("[data-vidpaint^='img2img_take:']")
    own = project / f"own/{key:06d}/01.png"
    page.wait_for_function(YOURS, timeout=30000)
    with Image.open(own) as picture, Image.open(project / f"keyframes/frame/{key:06d}.png") as frame:
        assert picture.size == frame.size, "what came back lies in the whole frame"
    chosen = [one for one in json.loads((project / "selection.json").read_text()) if one["key"] == key]
    assert chosen[0]["candidate"] == -1
    page.keyboard.press("u")
    page.wait_for_function(f"() => !({YOURS})()")
    assert own.exists(), "an undo deletes no picture"


def _infotext(path: Path) -> str:
    with Image.open(path) as picture:
        return picture.info["parameters"]


def _seed(path: Path) -> int:
    return int(_infotext(path).split("Seed: ")[1].split(",")[0])


def test_progress_interrupt_and_on_from_there(page: Any, project: Path) -> None:
    begin(page, MANY, 3)
    page.wait_for_selector(".vidpaint-glimpse", timeout=30000)
    assert "step " in page.inner_text(JOB)
    began = time.monotonic()
    stop(page)
    assert time.monotonic() - began < (8 if FORGE else 4)
    fill(page, "inpaint_steps", FEW)
    fill(page, "inpaint_batch_count", 1)
    run(page, "run_inpaint")
    assert list(project.glob("candidates/*/01.png"))


def test_others_see_it_busy_and_get_their_turn(page: Any, host: str) -> None:
    begin(page, MANY // 4, 30)
    done = list[float]()

    def another() -> None:
        answer = ask(host, "sdapi/v1/txt2img", prompt="a boat", steps=2, width=128, height=128, sampler_name="Euler a")
        done.append(len(answer["images"]))

    thread = threading.Thread(target=another)
    thread.start()
    states = []
    while thread.is_alive() and len(states) < 2000:
        states.append(ask(host, "sdapi/v1/progress?skip_current_image=true")["state"]["job"])
        time.sleep(0.05)
    thread.join(5)
    assert done == [1]
    assert "Video Inpaint" in states
    assert page.locator(RUNNING).count() == 1, "ours goes on after it"
    stop(page)


def test_a_second_page_sees_it_busy_and_a_closed_one_loses_nothing(browser: Any, page: Any, host: str) -> None:
    first = serving.opened(browser, host)
    first.wait_for_selector("#vidpaint_progress .vidpaint-job", timeout=30000)
    begin(first, MANY // 2, 30)
    second = serving.opened(browser, host)
    second.wait_for_selector(RUNNING, timeout=30000)
    tab(second, 3)
    second.click("#vidpaint_run_inpaint")
    second.wait_for_selector("#vidpaint_message .vidpaint-error")
    assert "being worked on" in second.inner_text("#vidpaint_message")
    first.close()
    second.close()
    time.sleep(2)
    again = serving.opened(browser, host)
    began = time.monotonic()
    again.wait_for_selector(RUNNING, timeout=30000)
    assert time.monotonic() - began < 3
    again.context.set_offline(True)
    time.sleep(2)
    again.context.set_offline(False)
    before = again.inner_text(JOB)
    again.wait_for_function(f"text => document.querySelector('{JOB}').innerText !== text", arg=before, timeout=30000)
    stop(again)
    again.close()


def test_controls_are_stored_under_labels_of_their_own(page: Any, folder: Path) -> None:
    stored = json.loads((folder / "ui.json").read_text())
    assert "vidpaint_host/CFG Scale/value" in stored
    assert "vidpaint_host/Project/value" not in stored
    assert "vidpaint_host/Denoising strength/value" not in stored, "the settings page has that"


def test_reload_ui_in_the_middle_of_a_job(page: Any, host: str, folder: Path) -> None:
    begin(page, MANY, 8)
    ask(host, "sdapi/v1/options", vidpaint_new_inpaint_steps=7)
    page.locator("#tabs > .tab-nav button", has_text="Settings").click()
    with page.expect_navigation(timeout=90000):
        page.locator("#settings_restart_gradio").first.click()
    page.wait_for_selector("#txt2img_prompt", timeout=60000)
    show(page)
    assert page.locator("#vidpaint").count() == 1
    page.wait_for_selector(f"{JOB}[data-state=cancelled]", timeout=60000)  # Reload UI interrupts whatever the host does
    page.wait_for_function("() => document.querySelector('#vidpaint_loaded :is(textarea, input)').value")
    assert page.locator("#vidpaint_inpaint_steps input").first.input_value() != "7", "a project keeps its own value"
    tab(page, 3)
    fill(page, "inpaint_steps", FEW)
    fill(page, "inpaint_batch_count", 1)
    assert run(page, "run_all") == 1, "one press starts one job"
    assert json.loads((folder / "ui.json").read_text())["vidpaint_host/CFG Scale/value"] == 7.0
