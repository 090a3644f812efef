"""The tab in a real WebUI, driven in Chromium: a first result, Interrupt in the middle, and on from there.

Needs WEBUI_DIR (with this extension linked into its extensions/) and WEBUI_PYTHON, its Python.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

playwright = pytest.importorskip("playwright.sync_api", reason="the page is driven by playwright")
WEBUI, PYTHON = os.environ.get("WEBUI_DIR", ""), os.environ.get("WEBUI_PYTHON", "")
CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"
ROOT = Path(__file__).parents[2]
pytestmark = [
    pytest.mark.skipif(not (WEBUI and PYTHON), reason="WEBUI_DIR and WEBUI_PYTHON name no WebUI to try this in"),
    pytest.mark.skipif(not Path(CHROMIUM).exists(), reason="needs /usr/bin/chromium"),
]
PORT = 7864
FLAGS = (
    "--skip-torch-cuda-test --no-half --precision full --use-cpu all --no-download-sd-model --do-not-download-clip "
    "--skip-version-check --skip-python-version-check --server-name 127.0.0.1"
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tab")


@pytest.fixture(scope="module")
def host(folder: Path) -> Iterator[str]:
    link, log = Path(WEBUI, "extensions", "video-inpaint"), folder / "host.log"
    made = not link.exists()
    if made:
        link.symlink_to(ROOT)
    environment = {
        **os.environ, "HOME": str(folder), "VIDPAINT_HOME": str(folder / "home"), "OMP_NUM_THREADS": "1",
        "HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1", "GRADIO_ANALYTICS_ENABLED": "False",
    }  # fmt: skip
    line = [PYTHON, "webui.py", *FLAGS.split(), "--port", str(PORT)]
    line += ["--ui-config-file", str(folder / "ui.json"), "--ui-settings-file", str(folder / "config.json")]
    with log.open("w") as output:
        server = subprocess.Popen(line, cwd=WEBUI, env=environment, stdout=output, stderr=output)
    try:
        for _ in range(240):
            if "Running on local URL" in (text := log.read_text()):
                break
            assert server.poll() is None, text
            time.sleep(0.5)
        yield f"http://127.0.0.1:{PORT}/"
    finally:
        server.terminate()
        server.wait(20)
        if made:
            link.unlink()
    text = log.read_text()
    assert "Error executing callback" not in text
    assert "Error loading script" not in text


@pytest.fixture(scope="module")
def page(host: str) -> Iterator[Any]:
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        opened, faults = browser.new_page(viewport={"width": 1280, "height": 900}), []
        opened.on("pageerror", lambda error: faults.append(str(error)))
        opened.goto(host)
        opened.wait_for_selector("#txt2img_prompt", timeout=60000)
        opened.locator("#tabs > .tab-nav button", has_text="Video Inpaint").click()
        opened.wait_for_selector("#vidpaint_run_all", timeout=30000)
        yield opened
        assert faults == []
        browser.close()


def tab(page: Any, number: int) -> None:
    page.locator("#vidpaint_tabs > .tab-nav button", has_text=f"{number} ").click()


def fill(page: Any, name: str, value: object) -> None:
    field = page.locator(f"#vidpaint_{name} input[type=number], #vidpaint_{name} textarea").first
    field.fill(str(value))
    field.press("Tab")


def ended(page: Any, state: str, seconds: float = 120) -> None:
    job = "#vidpaint_progress .vidpaint-job"
    page.wait_for_selector(f"{job}:not([data-state=running])", timeout=seconds * 1000)
    assert page.get_attribute(job, "data-state") == state, page.inner_text(job)


def test_a_first_result(page: Any, footage: dict[str, Path], folder: Path) -> None:
    page.set_input_files("#vidpaint_upload input[type=file]", str(footage["source"]))
    time.sleep(2)
    page.click("#vidpaint_open")
    page.wait_for_selector(".vidpaint-frame img", timeout=30000)
    fill(page, "mask_path", "box:30,20,24,20")
    tab(page, 3)
    for name, value in (("batch_count", 1), ("batch_size", 2), ("steps", 2), ("resize", 1), ("prompt", "a red coat")):
        fill(page, f"inpaint_{name}", value)
    page.click("#vidpaint_run_all")
    page.wait_for_function(
        "() => document.querySelectorAll('.vidpaint-steps .vidpaint-done').length === 5", timeout=180000
    )
    tab(page, 5)
    page.wait_for_selector("#vidpaint_result video")
    page.wait_for_selector("#vidpaint_result .vidpaint-receipt")
    assert "Nothing outside the region changed" in page.inner_text("#vidpaint_result")
    (project,) = (folder / "vidpaint-projects").glob("*/project")
    settings = (project / "project.toml").read_text()
    assert 'engine = "webui"' in settings
    assert "a red coat" in settings


def test_interrupt_stops_and_the_next_run_goes_on(page: Any, folder: Path) -> None:
    (project,) = (folder / "vidpaint-projects").glob("*/project")
    tab(page, 3)
    fill(page, "inpaint_steps", 150)
    fill(page, "inpaint_denoise", 1)
    fill(page, "inpaint_batch_count", 3)
    page.click("#vidpaint_run_inpaint")
    page.wait_for_selector("#vidpaint_progress .vidpaint-bar", timeout=10000)
    time.sleep(1.5)
    began = time.monotonic()
    page.click("#vidpaint_interrupt")
    ended(page, "cancelled", 20)
    assert time.monotonic() - began < 5
    fill(page, "inpaint_steps", 2)
    fill(page, "inpaint_batch_count", 1)
    page.click("#vidpaint_run_inpaint")
    page.wait_for_selector("#vidpaint_progress .vidpaint-job[data-state=done]", timeout=60000)
    assert list(project.glob("candidates/*/01.png"))


def test_controls_are_stored_under_labels_of_their_own(page: Any, folder: Path) -> None:
    stored = json.loads((folder / "ui.json").read_text())
    ours = [name for name in stored if name.startswith("vidpaint_host/")]
    assert "vidpaint_host/Denoising strength/value" in ours
    assert "vidpaint_host/Project/value" not in ours
