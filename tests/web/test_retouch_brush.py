"""A frame of the result: a spot painted over is healed, a picture of another program is taken, both reach the render."""

from __future__ import annotations

import io
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from driving import CHROMIUM, press, project_of, tab
from PIL import Image

pytest.importorskip("gradio", reason="the page needs gradio: pip install 'vidpaint[ui]'")
TooLate = pytest.importorskip("playwright.sync_api", reason="the page is driven by playwright").TimeoutError
pytestmark = pytest.mark.skipif(not Path(CHROMIUM).exists(), reason="needs /usr/bin/chromium")


@pytest.fixture(scope="module", autouse=True)
def _rendered(page: Any, footage: dict[str, Path], folder: Path) -> None:
    page.set_input_files("#vidpaint_upload input[type=file]", str(footage["source"]))
    for _ in range(10):  # the upload takes its time on a busy machine
        time.sleep(1.5)
        page.click("#vidpaint_open")
        with suppress(TooLate):
            page.wait_for_selector(".vidpaint-frame img", timeout=8000)
            break
    page.set_input_files("#vidpaint_mask_upload input[type=file]", str(footage["still"]))
    page.wait_for_function(
        "() => document.querySelector('#vidpaint_mask_path textarea, #vidpaint_mask_path input').value === 'uploaded: still.png'"
    )
    page.set_default_timeout(60_000)
    press(page, "run_all", 240)
    tab(page, 5)
    page.get_by_text("Retouch a frame").click()


def read(folder: Path) -> np.ndarray:
    picture = cv2.imread(str(project_of(folder) / "retouched/000000.png"))
    assert picture is not None
    return picture


def say(page: Any, words: str) -> None:
    page.wait_for_function(f"() => document.querySelector('#vidpaint_healing')?.innerText.includes({words!r})")


def test_a_painted_spot_is_healed(page: Any, folder: Path) -> None:
    page.click("#vidpaint_retouch")
    page.wait_for_selector(".vidpaint-heal img")
    say(page, "Paint over what should vanish")
    before, shown = read(folder), page.get_attribute(".vidpaint-heal img", "src")
    page.locator(".vidpaint-heal").scroll_into_view_if_needed()
    area = page.locator(".vidpaint-heal canvas").bounding_box()
    at = [area["x"] + area["width"] * 36 / 96, area["y"] + area["height"] * 30 / 64]
    page.mouse.move(*at)
    page.mouse.down()
    page.mouse.move(at[0] + 12, at[1] + 6, steps=4)
    page.mouse.up()
    page.click("[data-heal=send]")
    say(page, "Healed.")
    assert page.get_attribute(".vidpaint-heal img", "src") != shown
    changed = np.abs(read(folder).astype(int) - before).max(axis=2) > 0
    assert 0 < changed.sum() < 200
    assert changed[27:36, 33:42].sum() == changed.sum(), "where it was painted and nowhere else"


def test_the_next_render_takes_it_in(page: Any, folder: Path) -> None:
    press(page, "run_package", 90)
    project = project_of(folder)
    assert (project / "refined.json").exists()
    assert len(list((project / "refined").glob("*.mp4"))) == 1


def test_a_picture_of_another_program_is_taken(page: Any, folder: Path) -> None:
    mine = read(folder)
    mine[28:33, 34:39] = (0, 0, 255)
    data = io.BytesIO()
    Image.fromarray(mine[..., ::-1]).save(data, "PNG")
    upload = "#vidpaint_retouched input[type=file]"
    page.set_input_files(upload, {"name": "a.png", "mimeType": "image/png", "buffer": data.getvalue()})
    say(page, "Taken.")
    assert (read(folder) == mine).all()
    small = io.BytesIO()
    Image.new("RGB", (10, 10)).save(small, "PNG")
    page.set_input_files(upload, {"name": "b.png", "mimeType": "image/png", "buffer": small.getvalue()})
    page.wait_for_function(
        "() => document.querySelector('#vidpaint_message').innerText.includes('is 10x10, the frame is 96x64')"
    )
    assert (read(folder) == mine).all(), "a wrong one changes nothing"


def test_a_frame_without_its_retouching(page: Any, folder: Path) -> None:
    page.click("#vidpaint_unretouch")
    say(page, "is gone")
    assert not (project_of(folder) / "retouched/000000.png").exists()
