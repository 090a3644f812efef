"""An input that is prepared on the page: every later step shows the frames that it got."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from driving import CHROMIUM, field, open_video, press, project_of, tab

from lib_vidpaint import session
from lib_vidpaint.preparing import PROJECT

pytest.importorskip("gradio", reason="the page needs gradio: pip install 'vidpaint[ui]'")
pytest.importorskip("playwright.sync_api", reason="the page is driven by playwright")
pytestmark = pytest.mark.skipif(not Path(CHROMIUM).exists(), reason="needs /usr/bin/chromium")


def test_the_input_gets_twice_as_many_frames(page: Any, footage: dict[str, Path], folder: Path) -> None:
    open_video(page, footage["source"], footage["still"])
    press(page, "run_extract")
    page.get_by_text("Enlarge the input or give it more frames first").click()
    for name, value in (("prepare_factor", "2"), ("prepare_scale", "2")):
        field(page, name).fill(value)
        field(page, name).press("Tab")
    page.wait_for_function("() => document.querySelector('#vidpaint_stepper').innerText.includes('prepare')")
    tab(page, 2)
    press(page, "run_keyframes")
    page.wait_for_function("() => document.querySelector('#vidpaint_plan').innerText.includes('28')")
    page.wait_for_selector(".vidpaint-thumbs img")
    assert (project_of(folder) / PROJECT / "groups.json").exists()
    assert "14 frames" in page.inner_text("#vidpaint_video")  # the video that was opened stays what it is


def test_it_is_painted_and_chosen(page: Any, folder: Path) -> None:
    tab(page, 3)
    field(page, "inpaint_batch_count").fill("1")
    field(page, "inpaint_batch_count").press("Tab")
    press(page, "run_inpaint")
    tab(page, 4)
    page.wait_for_selector(".vidpaint-picker .vidpaint-candidates button img")
    page.locator(".vidpaint-picker .vidpaint-candidates button").first.click()
    page.wait_for_selector(".vidpaint-taken[data-number='1']")
    assert (project_of(folder) / PROJECT / "selection.json").exists()
    assert not (project_of(folder) / "selection.json").exists()


def test_the_result_is_seen_and_says_that_its_input_was_prepared(page: Any, folder: Path) -> None:
    tab(page, 5)
    page.wait_for_selector("#vidpaint_compare .vidpaint-compare")
    slider = field(page, "between")
    slider.fill("27")
    slider.press("Tab")
    page.wait_for_selector("#vidpaint_compare img[alt='frame 27 after']")
    press(page, "run_package", 120)
    page.wait_for_selector("#vidpaint_result .vidpaint-receipt")
    said = page.inner_text("#vidpaint_result")
    assert "Nothing outside the region changed" in said
    assert "given 2 times as many frames" in said
    page.wait_for_selector("#vidpaint_result video")
    page.wait_for_function("() => document.querySelector('#vidpaint_result video').videoWidth > 0")
    page.wait_for_function("() => document.querySelectorAll('.vidpaint-steps .vidpaint-done').length === 5")
    assert session.verify(project_of(folder), project_of(folder) / "prepared/source.mp4").exact


def test_without_it_the_work_is_where_it_was(page: Any, folder: Path) -> None:
    tab(page, 1)
    for name in ("prepare_factor", "prepare_scale"):
        field(page, name).fill("1")
        field(page, name).press("Tab")
    page.wait_for_function("() => document.querySelector('#vidpaint_stepper').innerText.includes('prepare')")
    tab(page, 2)
    press(page, "run_keyframes")
    page.wait_for_function("() => document.querySelector('#vidpaint_plan').innerText.includes('14')")
    assert (project_of(folder) / "groups.json").exists()
