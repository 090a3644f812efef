"""Saying what may change: ways, clicks, the preview, the brush and the doubtful frames, in a real browser."""

from __future__ import annotations

import base64
import time
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from driving import CHROMIUM, field, press, project_of

pytest.importorskip("gradio", reason="the page needs gradio: pip install 'vidpaint[ui]'")
pytest.importorskip("playwright.sync_api", reason="the page is driven by playwright")
pytestmark = pytest.mark.skipif(not Path(CHROMIUM).exists(), reason="needs /usr/bin/chromium")

STATE = ".vidpaint-state"
NUMBER = "#vidpaint_index input[type=number]"


def place(page: Any, x: float, y: float) -> tuple[float, float]:
    """Where a spot of the picture, in shares of it, is on the screen."""
    page.wait_for_function(f"() => !document.querySelector('{STATE}[data-wanted]')", timeout=20000)
    image = page.locator(".vidpaint-frame img")
    image.scroll_into_view_if_needed()
    area = image.bounding_box()
    return area["x"] + x * area["width"], area["y"] + y * area["height"]


def drag(page: Any, *spots: tuple[float, float]) -> None:
    page.mouse.move(*place(page, *spots[0]))
    page.mouse.down()
    for spot in spots[1:]:
        page.mouse.move(*place(page, *spot), steps=3)
    page.mouse.up()


def choose(page: Any, way: str) -> None:
    page.click(f"[data-vidpaint='mask:way:{way}']")
    page.wait_for_selector(f".vidpaint-ways[data-way='{way}']")


def holds(page: Any, name: str, text: str) -> None:
    """Wait until a control holds exactly this text."""
    page.wait_for_function(
        "([name, text]) => [...document.querySelectorAll(`#vidpaint_${name} textarea, #vidpaint_${name} input`)]"
        ".some(one => one.value === text)",
        arg=[name, text], timeout=15000,
    )  # fmt: skip


def says(page: Any, text: str) -> str:
    """Wait until the line below the frame says this."""
    page.wait_for_function(
        f"text => document.querySelector('{STATE}')?.innerText.includes(text)", arg=text, timeout=20000
    )
    return page.inner_text(STATE)


def share(page: Any) -> float:
    """How many percent of the picture may change, once that is known."""
    page.wait_for_function(f"() => !document.querySelector('{STATE}[data-wanted]')", timeout=20000)
    return float(says(page, "% of the picture").split("%")[0].split()[-1])


def refused(page: Any, command: str) -> str:
    """What the page says to a command that it must not obey."""
    page.evaluate("vidpaintPage.send('mask:at:0')")
    page.wait_for_function("() => !document.querySelector('#vidpaint_message .vidpaint-error')", timeout=15000)
    page.evaluate("command => vidpaintPage.send(command)", command)
    page.wait_for_selector("#vidpaint_message .vidpaint-error", timeout=15000)
    return page.inner_text("#vidpaint_message")


@pytest.fixture(scope="module", autouse=True)
def _begun(page: Any, footage: dict[str, Path]) -> None:
    page.set_input_files("#vidpaint_upload input[type=file]", str(footage["source"]))
    time.sleep(1.5)
    page.click("#vidpaint_open")
    page.wait_for_selector(".vidpaint-frame img", timeout=30000)
    time.sleep(2)


def test_clicks_become_prompts_and_dots_and_can_be_taken_back(page: Any) -> None:
    choose(page, "track")
    says(page, "Click on what should change")
    page.mouse.click(*place(page, 0.405, 0.485))
    holds(page, "mask_prompts", "0: +38,31")
    page.mouse.click(*place(page, 0.9, 0.9), button="right")
    holds(page, "mask_prompts", "0: +38,31 -86,57")
    page.wait_for_selector(".vidpaint-dot.vidpaint-out")
    assert page.locator(".vidpaint-dot").count() == 2
    says(page, "Clicks in")
    page.click("[data-do=back]")
    holds(page, "mask_prompts", "0: +38,31")
    drag(page, (0.25, 0.25), (0.4, 0.4), (0.5, 0.75))
    page.wait_for_selector(".vidpaint-frame u")
    assert field(page, "mask_prompts").input_value().startswith("0: +38,31 box 24,16,24,32")
    page.click("[data-do=gone]")
    holds(page, "mask_prompts", "0: gone")
    page.click("[data-do=none]")
    holds(page, "mask_prompts", "")


def test_only_what_matters_for_a_way_is_shown(page: Any) -> None:
    for way, there, away in (("key", "mask_key", "mask_part"), ("face", "mask_part", "mask_path")):
        choose(page, way)
        page.wait_for_selector(f"#vidpaint_{there}", state="visible")
        assert not page.locator(f"#vidpaint_{away}").is_visible()


def test_a_colour_is_picked_from_the_picture(page: Any) -> None:
    choose(page, "key")
    before = field(page, "mask_key").input_value()
    page.mouse.click(*place(page, 0.5, 0.5))
    page.wait_for_function(
        "before => [...document.querySelectorAll('#vidpaint_mask_key textarea, #vidpaint_mask_key input')]"
        ".some(one => /^#[0-9a-f]{6}$/.test(one.value) && one.value !== before)",
        arg=before, timeout=15000,
    )  # fmt: skip
    assert share(page) > 0


def test_the_preview_follows_box_and_shape_before_anything_ran(page: Any, folder: Path) -> None:
    choose(page, "box")
    drag(page, (0.25, 0.25), (0.4, 0.4), (0.5, 0.5))
    page.wait_for_selector(".vidpaint-tint")
    plain = share(page)
    field(page, "mask_grow").fill("40")
    field(page, "mask_grow").press("Tab")
    page.wait_for_function(
        f"plain => parseFloat(document.querySelector('{STATE}').innerText.split(' · ')[1]) > plain",
        arg=plain,
        timeout=15000,
    )
    choose(page, "ellipse")
    assert field(page, "mask_path").input_value().startswith("ellipse:24,16,24,16")
    assert not (project_of(folder) / "region.json").exists()
    field(page, "mask_grow").fill("0")
    field(page, "mask_grow").press("Tab")


def test_strokes_go_to_the_project_and_into_the_mask(page: Any, folder: Path) -> None:
    choose(page, "box")
    share(page)
    page.click("[data-tool=add] >> visible=true")
    drag(page, (0.7, 0.8), (0.8, 0.8), (0.9, 0.8))
    says(page, "Painted by you")
    fixes = project_of(folder) / "fixes"
    painted = cv2.imread(str(fixes / "000000.add.png"), cv2.IMREAD_UNCHANGED)
    assert painted[51, 76] == 255
    page.click("[data-tool=erase] >> visible=true")
    drag(page, (0.3, 0.35), (0.31, 0.36))
    page.wait_for_function(f"() => !document.querySelector('{STATE}[data-wanted]')")
    for _ in range(40):
        if (fixes / "000000.erase.png").exists():
            break
        time.sleep(0.25)
    press(page, "run_extract")
    alpha = cv2.imread(str(project_of(folder) / "alpha" / "000000.png"), cv2.IMREAD_UNCHANGED)
    untouched = cv2.imread(str(project_of(folder) / "alpha" / "000001.png"), cv2.IMREAD_UNCHANGED)
    assert (alpha[51, 76], untouched[51, 76]) == (255, 0)
    assert (alpha[22, 29], untouched[22, 29]) == (0, 255)
    says(page, "as taken")


def test_a_spread_stroke_is_seen_on_the_next_frame_before_the_run(page: Any) -> None:
    page.evaluate("vidpaintPage.send('mask:at:1')")
    says(page, "Frame 1")
    assert "carried here" not in page.inner_text(STATE)
    for spread, there in (("2", True), ("0", False)):
        field(page, "mask_spread").fill(spread)
        field(page, "mask_spread").press("Tab")
        page.wait_for_function(
            f"there => document.querySelector('{STATE}').innerText.includes('carried here') === there",
            arg=there, timeout=15000,
        )  # fmt: skip
    page.evaluate("vidpaintPage.send('mask:at:0')")
    says(page, "Frame 0")


def test_the_last_stroke_is_taken_back_and_the_frame_cleared(page: Any, folder: Path) -> None:
    fixes = project_of(folder) / "fixes"
    page.click("[data-do=undo]")
    for _ in range(40):
        if not (fixes / "000000.erase.png").exists():
            break
        time.sleep(0.25)
    assert not (fixes / "000000.erase.png").exists()
    assert (fixes / "000000.add.png").exists()
    page.click("[data-do=clear]")
    page.wait_for_function(f"() => !document.querySelector('{STATE}').innerText.includes('Painted by you')")
    assert list(fixes.glob("*.png")) == []
    page.click("[data-tool=mark] >> visible=true")


def test_keys_go_from_frame_to_frame(page: Any) -> None:
    choose(page, "face")
    says(page, "Nothing is found")
    page.locator(".vidpaint-frame").focus()
    for key in "...,":
        page.keyboard.press(key)
    says(page, "Frame 2")
    page.wait_for_function(f"() => document.querySelector('{NUMBER}').value === '2'")


def test_a_doubtful_frame_is_shown_and_jumped_to(page: Any, tmp_path: Path, folder: Path) -> None:
    from lib_vidpaint.encode import Writer, gray_encoding, gray_info, gray_planes

    torn = tmp_path / "torn.mp4"
    with Writer(torn, gray_info(96, 64, Fraction(25)), gray_encoding()) as writer:
        for index in range(14):
            mask = np.zeros((64, 96), np.uint8)
            if index != 7:
                cv2.circle(mask, (36 + index, 30), 11, (255,), -1)
            writer.write(gray_planes(mask), index)
    choose(page, "own")
    page.set_input_files("#vidpaint_mask_upload input[type=file]", str(torn))
    holds(page, "mask_path", "uploaded: torn.mp4")
    press(page, "run_extract")
    page.wait_for_function(
        "() => document.querySelector('.vidpaint-doubts')?.innerText.includes('nothing is marked')", timeout=15000
    )
    page.wait_for_function("() => document.querySelector('.vidpaint-doubts img')?.naturalWidth")
    page.locator(".vidpaint-doubts button", has_text="7").first.click()
    says(page, "Frame 7")
    says(page, "nothing may change here")
    page.wait_for_function(f"() => document.querySelector('{NUMBER}').value === '7'")


def test_a_page_opened_again_knows_the_way(page: Any, browser: Any, url: str) -> None:
    again = browser.new_page()
    again.goto(url)
    again.wait_for_selector(".vidpaint-ways[data-way='own']", timeout=30000)
    again.close()


@pytest.mark.parametrize("command", ["paint:99:add:", "paint:0:add:", "paint:0:add:data:image/png;base64,AAAA"])
def test_what_no_brush_sends_is_refused(page: Any, folder: Path, command: str) -> None:
    whole = np.zeros((64, 96), np.uint8)
    good = "data:image/png;base64," + base64.b64encode(cv2.imencode(".png", whole + 255)[1].tobytes()).decode()
    large = (
        "data:image/png;base64," + base64.b64encode(cv2.imencode(".png", np.zeros((640, 960)))[1].tobytes()).decode()
    )
    sent = command + {"paint:99:add:": good, "paint:0:add:": large}.get(command, "")
    said = refused(page, f"mask:{sent}")
    assert "There is no frame 99" in said if "99" in command else "paint it again" in said
    assert list((project_of(folder) / "fixes").glob("*.png")) == []


@pytest.mark.parametrize("command", ["mark:0:+96,10", "way:../x", "at:-1", "rm"])
def test_what_no_click_sends_is_refused(page: Any, command: str) -> None:
    assert any(words in refused(page, f"mask:{command}") for words in ("lies outside", "does not know"))
