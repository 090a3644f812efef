"""How quick the tab is in a real WebUI: `WEBUI_DIR=… WEBUI_PYTHON=… python tests/real_host/measure.py [CLIP]`.

Prints a table with the limits. CLIP is a video of about 5 s; without one it is made. Needs playwright and psutil.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import serving
from playwright.sync_api import sync_playwright
from serving import CHROMIUM, JOB, fill, show, tab

sys.path[:0] = [str(Path(__file__).parents[1]), str(Path(__file__).parents[2])]
STARTS, LOADS, WARMING, POLLS = 3, 3, 300, 1000
BEAT = "#vidpaint_beat :is(textarea, input)"
RUNNING = f"{JOB}[data-state=running]"


@contextmanager
def chromium() -> Iterator[Any]:
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


def started(folder: Path, extension: bool) -> tuple[dict[str, float], float]:
    """Seconds of every part of the host's start as it counts them, and of its quickest page load."""
    folder.mkdir(exist_ok=True)
    with serving.serving(folder, extension=extension, more=compiled(folder.parent)) as served, chromium() as browser:
        while "Startup time: " not in served.log.read_text():
            time.sleep(0.1)
        with urllib.request.urlopen(f"{served.url}internal/profile-startup") as answer:  # noqa: S310
            parts = {name: took for name, took in json.loads(answer.read())["records"].items() if "/" not in name}
        loads = []
        for _ in range(LOADS + 1):
            page = browser.new_page()
            began = time.perf_counter()
            page.goto(served.url)
            page.wait_for_function("() => window.gradioApp && gradioApp().querySelector('#txt2img_prompt textarea')")
            loads.append(time.perf_counter() - began)
            page.close()
    return parts, min(loads)


def compiled(folder: Path) -> dict[str, str]:
    """Python's bytecode in a folder of its own: what is timed is a second start, and nothing is written into the host."""
    return {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": str(folder / "bytecode")}


def added(folder: Path) -> list[tuple[float, float]]:
    """Seconds of start and page load, without and with the extension, turn by turn.

    Of every part of a start the best counts: other work on this machine only ever makes it slower.
    """
    with serving.serving(folder, more=compiled(folder)):
        pass  # compiles
    tries = [[started(folder / name, name == "ours") for name in ("bare", "ours")] for _ in range(STARTS)]
    found = []
    for starts, loads in (zip(*of_one) for of_one in zip(*tries)):
        found.append((sum(min(one.get(part, 0) for one in starts) for part in starts[0]), min(loads)))
    return found


def first_keyframe(page: Any, clip: Path) -> int:
    """Clicks from the fresh tab to the first painted keyframe; the choice of a file counts as one."""
    page.set_input_files("#vidpaint_upload input[type=file]", str(clip))
    page.wait_for_function(f"() => document.querySelector('#vidpaint_upload').innerText.includes('{clip.stem[:6]}')")
    page.click("#vidpaint_open")
    page.wait_for_selector(".vidpaint-frame img", timeout=60000)
    time.sleep(3)
    area = page.locator(".vidpaint-frame img").bounding_box()
    corner = lambda part: (area["x"] + part * area["width"], area["y"] + part * area["height"])  # noqa: E731
    page.mouse.move(*corner(0.3))
    page.mouse.down()
    page.mouse.move(*corner(0.6), steps=4)
    page.mouse.up()
    time.sleep(2)
    tab(page, 3)
    fill(page, "inpaint_prompt", "a red coat")
    serving.run(page, "try_one", "waiting")
    page.wait_for_selector(".vidpaint-tried img")
    return 5


def interrupted(page: Any) -> float:
    """Seconds from Interrupt to idle, less those that one sampling step took meanwhile."""
    tab(page, 3)
    fill(page, "inpaint_steps", 150)
    page.click("#vidpaint_run_inpaint")
    page.wait_for_selector(".vidpaint-glimpse", timeout=120000)
    step = lambda: int(page.inner_text(JOB).split("step ")[1].split(" of")[0])  # noqa: E731
    first, began = step(), time.perf_counter()
    time.sleep(4)
    each = (time.perf_counter() - began) / max(1, step() - first)
    began = time.perf_counter()
    page.click("#vidpaint_interrupt")
    page.wait_for_selector(f"{JOB}:not([data-state=running])", timeout=60000)
    return time.perf_counter() - began - each


def reopened(browser: Any, page: Any, url: str) -> float:
    """Seconds from the tab's coming to the front to the sight of the running job."""
    page.click("#vidpaint_run_inpaint")
    page.wait_for_selector(RUNNING)
    again = browser.new_page()
    again.goto(url)
    again.wait_for_selector("#txt2img_prompt", timeout=60000)
    time.sleep(1)
    began = time.perf_counter()
    show(again)
    again.wait_for_selector(RUNNING)
    seconds = time.perf_counter() - began
    again.click("#vidpaint_interrupt")
    again.wait_for_selector(f"{JOB}:not([data-state=running])", timeout=60000)
    again.close()
    return seconds


def turned(page: Any) -> float:
    """Seconds from the click on the next keyframe to the sight of its candidates, the slowest of the first visits."""
    tab(page, 2)
    fill(page, "keyframes_count", 6)
    tab(page, 3)
    for name, value in (("steps", 1), ("batch_count", 2), ("batch_size", 4), ("resize", 1)):
        fill(page, f"inpaint_{name}", value)
    serving.run(page, "run_inpaint", seconds=600)
    tab(page, 4)
    page.wait_for_selector(".vidpaint-picker .vidpaint-candidates img")
    seconds = []
    while page.locator(".vidpaint-picker [data-move=next]:not([disabled])").count() and len(seconds) < 5:
        key, began = page.get_attribute(".vidpaint-picker", "data-key"), time.perf_counter()
        page.click(".vidpaint-picker [data-move=next]")
        page.wait_for_selector(f".vidpaint-picker:not([data-key='{key}']) .vidpaint-candidates img")
        seconds.append(time.perf_counter() - began)
    return max(seconds)


def overhead() -> float:
    """Percent by which a picture of ours takes longer than the host's own `process_images` takes for it."""
    found = serving.tried()["seconds"]
    return 100 * (found["engine"] / found["bare"] - 1)


def grown(page: Any, pid: int) -> float:
    """MiB by which the host grows over POLLS polls, after some to warm up; a few at a time, as it can answer them."""
    sizes = []
    for polls in (WARMING, POLLS):
        for _ in range(polls // 5):
            before = page.input_value(BEAT)
            page.evaluate("for (let i = 0; i < 5; i++) document.querySelector('#vidpaint_poll').click()")
            page.wait_for_function("([box, text]) => document.querySelector(box).value !== text", arg=[BEAT, before])
            page.wait_for_timeout(20)
        page.wait_for_timeout(2000)
        sizes.append(psutil.Process(pid).memory_info().rss / 2**20)
    return sizes[1] - sizes[0]


def row(text: str, limit: float, work: Callable[[], float]) -> None:
    """One line of the table; where the work fails its reason, and the others are measured all the same."""
    try:
        value = work()
        said = f"{value:8.2f}   at most {limit:.2f}   {'yes' if value <= limit else 'NO'}"
    except Exception as error:
        said = f"not measured: {type(error).__name__}: {str(error).splitlines()[0]}"
    print(f"{text:<44} {said}", flush=True)


def main(clip: Path | None) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if clip is None:
            from media import Recipe, make

            clip = make(Recipe(size=(320, 192), frames=125), folder)
        with serving.serving(folder) as served, chromium() as browser:
            page = serving.opened(browser, served.url)
            row("clicks to the first painted keyframe", 6, lambda: first_keyframe(page, clip))
            row("Interrupt to idle less one step, s", 1, lambda: interrupted(page))
            row("reopened page shows the job, s", 2, lambda: reopened(browser, page, served.url))
            row("page of the gallery, s", 0.5, lambda: turned(page))
            row(f"growth over {POLLS} polls, MiB", 5, lambda: grown(page, served.pid))
        row("more time per image, %", 5, overhead)
        (bare_start, bare_load), (start, load) = added(folder)
        row(f"start of the host, + s (bare {bare_start:.1f})", 0.3, lambda: start - bare_start)
        row(f"page load, + s (bare {bare_load:.1f})", 0.5, lambda: load - bare_load)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else None)
