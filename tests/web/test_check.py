"""Validation on the page: a click on the timeline plays a group, and its buttons accept, drop and add a keyframe."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from driving import CHROMIUM, field, job_after, number_of_job, press, project_of, tab

pytest.importorskip("gradio", reason="the page needs gradio: pip install 'vidpaint[ui]'")
pytest.importorskip("playwright.sync_api", reason="the page is driven by playwright")
pytestmark = pytest.mark.skipif(not Path(CHROMIUM).exists(), reason="needs /usr/bin/chromium")


@pytest.fixture(scope="module", autouse=True)
def _rendered(page: Any, footage: dict[str, Path]) -> None:
    page.set_input_files("#vidpaint_upload input[type=file]", str(footage["source"]))
    time.sleep(1.5)
    page.click("#vidpaint_open")
    page.wait_for_selector(".vidpaint-frame img", timeout=60000)
    page.set_input_files("#vidpaint_mask_upload input[type=file]", str(footage["still"]))
    page.wait_for_function(
        "() => document.querySelector('#vidpaint_mask_path textarea, #vidpaint_mask_path input').value === 'uploaded: still.png'"
    )
    page.set_default_timeout(60_000)
    press(page, "run_all", 240)
    tab(page, 5)


def groups(folder: Path) -> list[dict[str, int]]:
    return json.loads((project_of(folder) / "groups.json").read_text())


def look(page: Any, frame: int, frames: int = 14) -> None:
    # The timeline is drawn anew at the end of a job, so it is not held on to.
    page.evaluate("() => document.querySelector('.vidpaint-checks').scrollIntoView({ block: 'center' })")
    area = page.locator(".vidpaint-checks").bounding_box()
    page.mouse.click(area["x"] + area["width"] * (frame + 0.5) / frames, area["y"] + 20)


def test_a_click_on_the_timeline_plays_the_group(page: Any, folder: Path) -> None:
    group = groups(folder)[0]
    look(page, group["start"])
    page.wait_for_selector("#vidpaint_check video")
    source = page.get_attribute("#vidpaint_check video", "src")
    assert "share" in source
    assert "#t=" in source
    assert f"of keyframe {group['key']}" in page.inner_text("#vidpaint_check")
    assert field(page, "between").input_value() == str(group["start"])


def test_what_is_right_is_accepted(page: Any, folder: Path) -> None:
    before, key = number_of_job(page), groups(folder)[0]["key"]
    page.click(f"[data-vidpaint='check:accept:{key}']")
    job_after(page, before, 90)
    decided = json.loads((project_of(folder) / "selection.json").read_text())
    assert decided == [{"key": key, "accepted": True}]


def test_a_group_is_dropped(page: Any, folder: Path) -> None:
    key = groups(folder)[-1]["key"]
    look(page, key)
    page.wait_for_selector(f"[data-vidpaint='check:drop:{key}']")
    before = number_of_job(page)
    page.click(f"[data-vidpaint='check:drop:{key}']")
    job_after(page, before, 90)
    decided = json.loads((project_of(folder) / "selection.json").read_text())
    assert {"key": key, "drop": True} in decided


@pytest.mark.parametrize("command", ["check:at:x", "check:burn:1", "check:accept:99999"])
def test_what_no_button_sends_is_refused(command: str, page: Any) -> None:
    page.evaluate(f"() => window.vidpaintPage.send('{command}')")
    page.wait_for_selector("#vidpaint_message .vidpaint-error")
