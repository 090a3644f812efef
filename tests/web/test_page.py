"""The page in a real browser, on whatever gradio is installed, with the built-in engine."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from driving import CHROMIUM, ROOT, field, press, project_of, tab

pytest.importorskip("gradio", reason="the page needs gradio: pip install 'vidpaint[ui]'")
pytest.importorskip("playwright.sync_api", reason="the page is driven by playwright")
pytestmark = pytest.mark.skipif(not Path(CHROMIUM).exists(), reason="needs /usr/bin/chromium")


def fetch(url: str, file: str, prefix: str, headers: dict[str, str] | None = None) -> tuple[int, bytes]:
    """Ask for a file the way the page does, nothing tidied on the way."""
    address = url + prefix + file.replace(" ", "%20").replace("#", "%23")
    request = urllib.request.Request(address, headers=headers or {})  # noqa: S310
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, b""


@pytest.fixture(scope="module")
def prefix() -> str:
    from lib_vidpaint.ui.compat import FILE_PREFIX

    return FILE_PREFIX


def test_a_video_is_uploaded_and_read(page: Any, footage: dict[str, Path], folder: Path) -> None:
    page.set_input_files("#vidpaint_upload input[type=file]", str(footage["source"]))
    time.sleep(1.5)
    page.click("#vidpaint_open")
    page.wait_for_selector(".vidpaint-frame img", timeout=30000)
    assert "14 frames" in page.inner_text("#vidpaint_facts")
    assert list((folder / "pro jects #1").glob("*/input/*.mp4"))


def test_without_a_mask_nothing_starts(page: Any) -> None:
    page.click("#vidpaint_run_all")
    page.wait_for_selector("#vidpaint_message .vidpaint-error")
    assert "What may change?" in page.inner_text("#vidpaint_message")


def test_a_mask_is_uploaded(page: Any, footage: dict[str, Path], folder: Path) -> None:
    page.set_input_files("#vidpaint_mask_upload input[type=file]", str(footage["still"]))
    page.wait_for_function(
        "() => document.querySelector('#vidpaint_mask_path textarea, #vidpaint_mask_path input').value === 'uploaded: still.png'"
    )
    press(page, "run_extract")
    assert (project_of(folder) / "alpha" / "000013.png").exists()
    page.wait_for_function(
        "() => [...document.querySelectorAll('.vidpaint-frame img')].every(i => i.complete && i.naturalWidth)"
    )


def test_a_box_is_dragged_on_the_frame(page: Any, folder: Path) -> None:
    page.click("[data-vidpaint='mask:way:box']")
    time.sleep(2)  # the frame is drawn anew once more after the job before, and once it is sharp
    page.wait_for_function("() => !document.querySelector('.vidpaint-state[data-wanted]')")
    image = page.locator(".vidpaint-frame img")
    image.scroll_into_view_if_needed()
    area = image.bounding_box()
    x, y, width, height = (area[name] for name in ("x", "y", "width", "height"))
    page.mouse.move(x + 0.3 * width, y + 0.3 * height)
    page.mouse.down()
    page.mouse.move(x + 0.4 * width, y + 0.5 * height)
    page.mouse.move(x + 0.55 * width, y + 0.65 * height)
    page.mouse.up()
    page.wait_for_function(
        "() => document.querySelector('#vidpaint_mask_path textarea, #vidpaint_mask_path input').value.startsWith('box:')"
    )
    numbers = [int(part) for part in field(page, "mask_path").input_value()[4:].split(",")]
    assert [abs(a - b) <= 2 for a, b in zip(numbers, (29, 19, 24, 22))] == [True] * 4
    press(page, "run_extract")
    assert (project_of(folder) / "region.mp4").exists()


def test_keyframes_are_found_and_counted(page: Any, folder: Path) -> None:
    tab(page, 2)
    press(page, "run_keyframes")
    page.wait_for_selector(".vidpaint-thumbs img")
    page.wait_for_function("() => document.querySelector('#vidpaint_plan').innerText.includes('Images to paint')")
    page.wait_for_function(
        "() => [...document.querySelectorAll('.vidpaint-thumbs img')].every(i => i.complete && i.naturalWidth)"
    )


def test_what_no_slider_allows_is_refused(page: Any, folder: Path) -> None:
    """The same request as the button sends, with a value outside the slider's ends."""

    def meddle(route: Any) -> None:
        body = json.loads(route.request.post_data)
        body["data"] = [10**6 if value == 4 else value for value in body["data"]]
        route.continue_(post_data=json.dumps(body))

    tab(page, 3)
    before = project_of(folder).joinpath("project.toml").read_text()
    page.evaluate("vidpaintPage.paused = true")
    time.sleep(1.2)
    page.route("**/run/predict**", meddle)
    page.click("#vidpaint_run_inpaint")
    page.wait_for_selector("#vidpaint_message .vidpaint-error")
    page.unroute("**/run/predict**")
    page.evaluate("vidpaintPage.paused = false")
    assert "is not a" in page.inner_text("#vidpaint_message")
    assert project_of(folder).joinpath("project.toml").read_text() == before
    assert not (project_of(folder) / "candidates").exists()


def test_candidates_are_painted_and_chosen_by_key_and_click(page: Any, folder: Path) -> None:
    tab(page, 3)
    field(page, "inpaint_batch_count").fill("1")
    field(page, "inpaint_batch_count").press("Tab")
    press(page, "run_inpaint")
    tab(page, 4)
    page.wait_for_selector(".vidpaint-picker .vidpaint-candidates button img")
    key = int(page.get_attribute(".vidpaint-picker", "data-key"))
    page.keyboard.press("2")
    page.wait_for_selector(".vidpaint-taken[data-number='2']")
    selection = project_of(folder) / "selection.json"
    assert json.loads(selection.read_text()) == [{"key": key, "candidate": 1}]
    page.keyboard.press("d")
    page.wait_for_selector(".vidpaint-strip .vidpaint-drop")
    page.keyboard.press("u")
    page.wait_for_selector(".vidpaint-strip .vidpaint-chosen")
    page.locator(".vidpaint-picker .vidpaint-candidates button").first.click()
    page.wait_for_selector(".vidpaint-taken[data-number='1']")
    assert json.loads(selection.read_text()) == [{"key": key, "candidate": 0}]


SLOWED = """() => {
    const plain = window.fetch;
    window.milliseconds = 0;
    window.fetch = async (address, options) => {
        const answer = await plain(address, options);
        const { fn_index } = /predict/.test(address) ? JSON.parse(options.body) : {};
        const { components, dependencies } = window.gradio_config, shows = /^vidpaint_(seen_\\d+|heard)$/;
        const fills = dependencies[fn_index]?.outputs.map((id) => components.find((one) => one.id === id)?.props.elem_id) ?? [];
        if (fills.some((id) => shows.test(id))) await new Promise((wake) => setTimeout(wake, window.milliseconds));
        return answer;
    };
}"""
"""Every answer that shows something comes so many milliseconds later; a poll's does not."""


def test_nothing_is_missed_where_answers_are_slow(page: Any, folder: Path) -> None:
    """gradio drops an event while the one before it is under way."""
    page.add_init_script(f"({SLOWED})()")
    page.reload()
    page.wait_for_function("() => document.querySelector('#vidpaint_loaded :is(textarea, input)')?.value")
    tab(page, 3)
    page.wait_for_selector("#vidpaint_tried .vidpaint-tried")
    page.evaluate("milliseconds = 5000")
    (project_of(folder) / "selection.json").touch()
    time.sleep(1.5)  # the poll has seen it, and its views are under way
    field(page, "inpaint_seed").fill("4711")
    field(page, "inpaint_seed").press("Tab")
    press(page, "run_inpaint")
    page.wait_for_function("() => document.querySelector('#vidpaint_tried').innerText.includes('seed 4711')")
    page.evaluate("milliseconds = 400")
    tab(page, 4)
    page.wait_for_selector(".vidpaint-taken[data-number='1']")
    for key in "2d12":
        page.keyboard.press(key)
    page.wait_for_selector(".vidpaint-taken[data-number='2']")
    for _ in "2d12":
        page.keyboard.press("u")
    page.wait_for_selector(".vidpaint-taken[data-number='1']")
    page.evaluate("milliseconds = 0")


def test_frames_of_the_edit_are_seen_before_it_is_rendered(page: Any, folder: Path) -> None:
    tab(page, 5)
    page.wait_for_selector("#vidpaint_compare .vidpaint-compare")
    assert "A preview" in page.inner_text("#vidpaint_compare")
    slider = field(page, "between")
    slider.fill("9")
    slider.press("Tab")
    page.wait_for_selector("#vidpaint_compare img[alt='frame 9 after']")
    before = page.get_attribute("#vidpaint_compare img.after", "src")
    page.locator("#vidpaint_tab_5, #vidpaint").get_by_text("How the edit is carried", exact=True).last.click()
    opacity = field(page, "composite_opacity")
    opacity.fill("0.5")
    opacity.press("Tab")
    other = "before => document.querySelector('#vidpaint_compare img.after').getAttribute('src') !== before"
    page.wait_for_function(other, arg=before)
    opacity.fill("1")
    opacity.press("Tab")
    assert not (project_of(folder) / "patches.json").exists()


def test_two_seconds_are_seen_moving_before_they_are_rendered(page: Any, folder: Path) -> None:
    tab(page, 5)
    page.locator("#vidpaint_run_preview").click()
    page.wait_for_selector("#vidpaint_moving video")
    assert "frames 0 to 13" in page.inner_text("#vidpaint_moving")
    page.wait_for_function("() => document.querySelector('#vidpaint_moving video').readyState >= 1")
    assert not (project_of(folder) / "patches.json").exists()


def test_the_result_is_rendered_downloaded_and_exact(page: Any, folder: Path, footage: dict[str, Path]) -> None:
    tab(page, 5)
    press(page, "run_package")
    page.wait_for_selector(".vidpaint-compare img")
    page.wait_for_selector("#vidpaint_result .vidpaint-receipt")  # the videos come with an earlier step already
    assert "Nothing outside the region changed" in page.inner_text("#vidpaint_result")
    page.wait_for_selector("#vidpaint_result video")
    with page.expect_download() as waiting:
        page.locator("#vidpaint_files a", has_text="master.mp4").evaluate(
            "link => { link.removeAttribute('target'); link.click() }"
        )
    loaded = folder / "loaded.mp4"
    waiting.value.save_as(loaded)
    assert loaded.read_bytes() == (project_of(folder) / "master.mp4").read_bytes()
    line = [sys.executable, "-m", "lib_vidpaint", "verify", str(project_of(folder)), str(footage["source"])]
    checked = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    page.wait_for_function("() => document.querySelectorAll('.vidpaint-steps .vidpaint-done').length === 5")


def test_videos_are_served_in_ranges_from_where_they_lie(page: Any, url: str, folder: Path) -> None:
    source = page.get_attribute("#vidpaint_result video", "src").split("#")[0]
    status, data = fetch(url, source, "", {"Range": "bytes=10-19"})
    assert (status, len(data)) == (206, 10)
    served = Path("/" + urllib.parse.unquote(source.split("=", 1)[1]).lstrip("/"))
    assert served.stat().st_nlink > 1


def test_a_page_that_is_opened_again_finds_everything(browser: Any, url: str, page: Any) -> None:
    again = browser.new_page()
    began = time.monotonic()
    again.goto(url)
    again.wait_for_function(
        "() => document.querySelectorAll('.vidpaint-steps .vidpaint-done').length === 5", timeout=20000
    )
    again.wait_for_function(
        "() => document.querySelector('#vidpaint_facts').innerText.includes('14 frames')", timeout=20000
    )
    assert time.monotonic() - began < 15
    again.wait_for_function(
        "() => document.querySelector('#vidpaint_mask_path textarea, #vidpaint_mask_path input').value.startsWith('box:')"
    )
    again.close()


def test_nothing_outside_served_is_served(page: Any, url: str, folder: Path, prefix: str) -> None:
    project = project_of(folder)
    served = project.parent / "served"
    (served / "link.jpg").symlink_to(folder / "cwd" / "secret.txt")
    (served / ".dot.jpg").write_text("secret")
    other = folder / "pro jects #1" / "20260101-000000-01234567" / "served"
    other.mkdir(parents=True)
    (other / "x.jpg").write_text("secret")
    good = next(served.glob("key-*.jpg"))
    assert fetch(url, good.as_posix(), prefix)[0] == 200
    upload = next(iter(sorted((folder / "gradio").rglob("*"))), served)
    for bad in (
        "/etc/passwd",
        f"{project}/project.toml",
        f"{project}/candidates",
        f"{project.parent}/input",
        f"{folder}/cwd/secret.txt",
        "secret.txt",
        f"{served}/../project/project.toml",
        f"{served}/%2e%2e/project/project.toml",
        f"{served}/x/../../../../../../../../etc/passwd",
        f"{upload}/../../../../../../../../etc/passwd",
        f"{served}/link.jpg",
        f"{other}/x.jpg",
    ):
        status, data = fetch(url, bad, prefix)
        assert status in (400, 403, 404), bad
        assert b"root:" not in data
    page.reload()
    page.wait_for_function(
        "() => document.querySelectorAll('.vidpaint-steps .vidpaint-done').length === 5", timeout=20000
    )
    assert not (served / ".dot.jpg").exists()
    assert not (served / "link.jpg").is_symlink()
