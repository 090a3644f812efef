"""Starts a real WebUI with its page and this extension, for the tests of the tab and for measurements of it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

WEBUI, PYTHON = os.environ.get("WEBUI_DIR", ""), os.environ.get("WEBUI_PYTHON", "")
CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"
ROOT = Path(__file__).parents[2]
FORGE = Path(WEBUI, "modules_forge").is_dir()
PORT = 7864
JOB = "#vidpaint_progress .vidpaint-job"
ON_CPU = "--always-cpu --all-in-fp32" if FORGE else "--no-half --precision full --use-cpu all --do-not-download-clip"
FLAGS = f"--skip-torch-cuda-test --no-download-sd-model --skip-version-check --skip-python-version-check {ON_CPU}"
# What launch.py does after it has looked after the installation.
START = "import sys; sys.argv[0] = 'launch.py'; from modules import launch_utils; launch_utils.start()"
QUIET = {
    "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1", "GRADIO_ANALYTICS_ENABLED": "False",
}  # fmt: skip


class Served(NamedTuple):
    url: str
    log: Path
    pid: int


def tried(used: Sequence[str] = ()) -> dict[str, Any]:
    """What the engine did in the real host without its page (inside.py), about half a minute; `used` names what is looked up."""
    python = PYTHON or str(next(Path(WEBUI).glob("venv/*/python*"), sys.executable))
    done = subprocess.run(
        [python, Path(__file__).parent / "inside.py"], cwd=WEBUI, env={**os.environ, **QUIET}, input=json.dumps(used),
        capture_output=True, text=True, timeout=500,
    )  # fmt: skip
    last = [line for line in done.stdout.splitlines() if line.startswith("FOUND ")]
    assert last, f"{done.stdout[-2000:]}\n{done.stderr[-4000:]}"
    return json.loads(last[0].removeprefix("FOUND "))


@contextmanager
def serving(
    folder: Path, *flags: str, port: int = PORT, extension: bool = True, more: Mapping[str, str] | None = None
) -> Iterator[Served]:
    """A WebUI with its page, whose extensions and user's files all lie in `folder`; of its own only models are read.

    `extension` False: the same host without this one. `more` goes into its environment.
    """
    extensions, log = folder / "data" / "extensions", folder / "host.log"
    extensions.mkdir(parents=True, exist_ok=True)
    if extension:
        (extensions / "video-inpaint").symlink_to(ROOT)
    environment = {**os.environ, **QUIET, "HOME": str(folder), "VIDPAINT_HOME": str(folder / "home"), **(more or {})}
    line = [PYTHON, "-c", START, *FLAGS.split(), "--api", "--server-name", "127.0.0.1", "--port", str(port), *flags]
    line += ["--ui-config-file", str(folder / "ui.json"), "--ui-settings-file", str(folder / "config.json")]
    line += ["--styles-file", str(folder / "styles.csv"), "--data-dir", str(folder / "data")]
    line += ["--models-dir", str(Path(WEBUI, "models"))]
    line += ["--gradio-allowed-path", WEBUI]  # gradio 4 serves the host's own scripts only from an allowed folder
    (folder / "styles.csv").write_text('name,prompt,negative_prompt\nOld film,grainy,sharp\nWinter,"{prompt}, snow",\n')
    with log.open("w") as output:
        server = subprocess.Popen(line, cwd=WEBUI, env=environment, stdout=output, stderr=output)
    try:
        for _ in range(360):
            if "Running on local URL" in (text := log.read_text()):
                break
            assert server.poll() is None, text
            time.sleep(0.5)
        else:
            raise AssertionError(f"The WebUI did not start within 3 minutes:\n{text}")
        yield Served(f"http://127.0.0.1:{port}/", log, server.pid)
    finally:
        server.terminate()
        try:
            server.wait(20)
        except subprocess.TimeoutExpired:
            server.kill()
        (extensions / "video-inpaint").unlink(missing_ok=True)


def opened(browser: Any, url: str, width: int = 1280, dark: bool = False) -> Any:
    """The page in a browser tab of its own with ours in front; what went wrong in its scripts is in `faults`."""
    page = browser.new_page(viewport={"width": width, "height": 900})
    page.faults = []
    page.on("pageerror", lambda error: page.faults.append(str(error)))
    page.goto(url + ("?__theme=dark" if dark else "?__theme=light"))
    page.wait_for_selector("#txt2img_prompt", timeout=60000)
    show(page)
    return page


def show(page: Any) -> None:
    """Bring our tab of the host's page to the front."""
    page.locator("#tabs > .tab-nav button", has_text="Video Inpaint").click()
    page.wait_for_selector("#vidpaint_run_all", timeout=30000)


def tab(page: Any, number: int) -> None:
    page.locator("#vidpaint_tabs > .tab-nav button", has_text=f"{number} ").click()


def fill(page: Any, name: str, value: object) -> None:
    field = page.locator(f"#vidpaint_{name} :is(textarea, input[type=text], input[type=number])").first
    field.fill(str(value))
    field.press("Tab")


def run(page: Any, button: str, state: str = "done", seconds: float = 240) -> int:
    """Press a button that starts a job, and wait for that job's end; gives its number."""
    before = int(page.get_attribute(JOB, "data-number")) if page.locator(JOB).count() else 0
    page.click(f"#vidpaint_{button}")
    page.wait_for_function(f"() => Number(document.querySelector('{JOB}')?.dataset.number) > {before}", timeout=30000)
    ended(page, state, seconds)
    return int(page.get_attribute(JOB, "data-number")) - before


def ended(page: Any, state: str, seconds: float = 120) -> None:
    """Wait for the end of the job on view."""
    page.wait_for_selector(f"{JOB}:not([data-state=running])", timeout=seconds * 1000)
    assert page.get_attribute(JOB, "data-state") == state, page.inner_text(JOB)
