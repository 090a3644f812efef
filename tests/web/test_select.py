"""Keyframes by hand, and the gallery: painting again with other values, pictures of one's own, what is refused."""

from __future__ import annotations

import io
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from driving import CHROMIUM, field, job_after, number_of_job, open_video, press, project_of, tab
from PIL import Image

pytest.importorskip("gradio", reason="the page needs gradio: pip install 'vidpaint[ui]'")
pytest.importorskip("playwright.sync_api", reason="the page is driven by playwright")
pytestmark = pytest.mark.skipif(not Path(CHROMIUM).exists(), reason="needs /usr/bin/chromium")

PICKER = ".vidpaint-picker"


def keys(page: Any) -> list[int]:
    """The keyframes among the thumbnails."""
    commands = page.locator(".vidpaint-thumbs .vidpaint-look").evaluate_all(
        "all => all.map(one => one.dataset.vidpaint)"
    )
    return [int(command.rpartition(":")[2]) for command in commands]


def selection(folder: Path) -> list[dict[str, Any]]:
    return json.loads((project_of(folder) / "selection.json").read_text())


def picture(size: tuple[int, int]) -> bytes:
    data = io.BytesIO()
    Image.fromarray(np.full((size[1], size[0], 3), (30, 200, 40), np.uint8)).save(data, "PNG")
    return data.getvalue()


def give(page: Any, data: bytes, name: str = "mine.png") -> None:
    """Upload a picture of one's own."""
    page.set_input_files("#vidpaint_own input[type=file]", {"name": name, "mimeType": "image/png", "buffer": data})


@pytest.fixture(scope="module", autouse=True)
def _begun(page: Any, footage: dict[str, Path], folder: Path) -> None:
    open_video(page, footage["source"], footage["still"])
    tab(page, 2)
    field(page, "keyframes_longest").fill("5")
    field(page, "keyframes_longest").press("Tab")
    press(page, "run_keyframes")
    page.wait_for_selector(".vidpaint-thumbs img")


def test_a_click_on_the_scores_shows_the_frame(page: Any) -> None:
    area = page.locator(".vidpaint-scores").bounding_box()
    page.mouse.click(area["x"] + area["width"] * 9.5 / 14, area["y"] + area["height"] / 2)
    page.wait_for_selector(".vidpaint-spot img[alt='frame 9']")


def test_a_keyframe_is_added_and_taken_away_and_the_others_stay(page: Any, folder: Path) -> None:
    before = keys(page)
    frame = next(n for n in range(14) if n not in before)
    for expected in (sorted([*before, frame]), before):
        job = number_of_job(page)
        page.evaluate(f"vidpaintPage.send('keyframes:toggle:{frame}')")
        job_after(page, job)
        page.wait_for_function(
            f"() => document.querySelectorAll('.vidpaint-thumbs figure').length === {len(expected)}", timeout=10000
        )
        assert keys(page) == expected
    assert json.loads((project_of(folder) / "groups.json").read_text())[0]["key"] == before[0]
    assert "add =" not in (project_of(folder) / "project.toml").read_text()


def test_the_cross_of_a_thumbnail_removes_and_a_click_puts_back(page: Any) -> None:
    before, job = keys(page), number_of_job(page)
    page.locator(".vidpaint-thumbs .vidpaint-cross").last.click()
    job_after(page, job)
    page.wait_for_selector(f"#vidpaint_thumbs button:text-is('↶ {before[-1]}')")
    assert keys(page) == before[:-1]
    job = number_of_job(page)
    page.click(f"#vidpaint_thumbs button:text-is('↶ {before[-1]}')")
    job_after(page, job)
    page.wait_for_function(f"() => document.querySelectorAll('.vidpaint-thumbs figure').length === {len(before)}")
    assert keys(page) == before


def test_a_frame_beyond_the_clip_is_refused_and_changes_nothing(page: Any, folder: Path) -> None:
    before = (project_of(folder) / "project.toml").read_text()
    page.evaluate("vidpaintPage.send('keyframes:toggle:400')")
    page.wait_for_selector("#vidpaint_message .vidpaint-error")
    assert "there is no frame 400" in page.inner_text("#vidpaint_message .vidpaint-error")
    assert (project_of(folder) / "project.toml").read_text() == before


def test_images_to_paint_are_counted_before_and_after(page: Any) -> None:
    assert "8 " not in page.inner_text("#vidpaint_plan").split("Images to paint")[0]
    tab(page, 3)
    field(page, "inpaint_batch_count").fill("1")
    field(page, "inpaint_batch_count").press("Tab")
    press(page, "run_inpaint")
    tab(page, 2)
    page.wait_for_function("() => document.querySelector('#vidpaint_plan').innerText.includes('all are painted')")


def test_other_values_are_painted_for_this_keyframe_only(page: Any, folder: Path) -> None:
    tab(page, 4)
    page.wait_for_selector(f"{PICKER} .vidpaint-candidates button img")
    key = int(page.get_attribute(PICKER, "data-key"))
    page.click("text=Paint this keyframe again with other values")
    field(page, "again_seed").fill("77")
    field(page, "again_seed").press("Tab")
    page.click("#vidpaint_again")
    page.wait_for_selector(f"{PICKER} >> text=waiting to be painted, with seed 77")
    assert selection(folder) == [{"key": key, "redo": 1, "first": 2, "paint": {"seed": 77}}]
    before = {path: path.read_bytes() for path in project_of(folder).glob("candidates/*/*.png")}
    job = number_of_job(page)
    page.click(f"{PICKER} >> text=Paint them now")
    job_after(page, job)
    page.wait_for_selector(f"{PICKER} >> text=· seed 77")
    after = {path: path.read_bytes() for path in project_of(folder).glob("candidates/*/*.png")}
    assert before.items() <= after.items()
    assert sorted(path.name for path in after.keys() - before.keys()) == ["02.png", "03.png"]
    assert "Seed: 7" in page.text_content(f"{PICKER} details pre")
    page.wait_for_selector(f"{PICKER} summary:has-text('2 painted earlier')")
    page.locator(f"{PICKER} details .vidpaint-candidates button").first.evaluate("button => button.click()")
    page.wait_for_selector(f"{PICKER} details[open] .vidpaint-taken")
    assert selection(folder)[0]["candidate"] in (0, 1)


@pytest.mark.parametrize("seed", ["-5", "4294967296", "<b>7</b>", "1e3"])
def test_a_seed_that_no_setting_allows_is_refused(seed: str, page: Any, folder: Path) -> None:
    before = selection(folder)
    field(page, "again_seed").fill(seed)
    field(page, "again_seed").press("Tab")
    page.click("#vidpaint_again")
    page.wait_for_selector("#vidpaint_message .vidpaint-error")
    assert "Seed for this keyframe" in page.inner_text("#vidpaint_message .vidpaint-error")
    assert page.locator("#vidpaint_message b").count() == 0
    assert selection(folder) == before
    field(page, "again_seed").fill("")
    field(page, "again_seed").press("Tab")


def test_a_denoise_beyond_the_slider_is_refused(page: Any, folder: Path) -> None:
    """The same request as the button sends, with a value outside the slider's ends."""
    before, meddled = selection(folder), []

    def meddle(route: Any) -> None:
        body = json.loads(route.request.post_data)
        if len(body["data"]) == 6:
            meddled.append(body["data"][4])
            body["data"][4] = 7
        route.continue_(post_data=json.dumps(body))

    page.evaluate("vidpaintPage.paused = true")
    time.sleep(1.2)
    page.route("**/run/predict**", meddle)
    page.click("#vidpaint_again")
    page.wait_for_selector(
        "#vidpaint_message >> text=Denoising strength for this keyframe: 7 is not a number from 0 to 1"
    )
    page.unroute("**/run/predict**")
    page.evaluate("vidpaintPage.paused = false")
    assert len(meddled) == 1
    assert selection(folder) == before


@pytest.mark.parametrize(
    "command",
    [
        "choose:0:99",
        "choose:9999:0",
        "choose:0:-1",
        "choose:0:../x",
        "redo:9999",
        "strip:1:2",
        "paint:now",
        "<script>",
        "",
    ],
)
def test_commands_that_make_no_sense_are_refused(command: str, page: Any, folder: Path) -> None:
    before = selection(folder)
    page.evaluate("command => vidpaintPage.send('select:' + command)", command)
    page.wait_for_selector("#vidpaint_message .vidpaint-error")
    assert selection(folder) == before
    page.evaluate("vidpaintPage.send('select:strip:0')")
    page.wait_for_selector("#vidpaint_message .vidpaint-error", state="detached")


def test_the_part_and_its_mask_are_downloaded(page: Any) -> None:
    sizes = []
    for name in ("picture", "mask"):
        with page.expect_download() as waiting:
            page.locator(f"{PICKER} a", has_text=name).evaluate(
                "link => { link.removeAttribute('target'); link.click() }"
            )
        with Image.open(waiting.value.path()) as loaded:
            sizes.append(loaded.size)
            assert loaded.mode == ("RGB" if name == "picture" else "L")
    assert sizes[0] == sizes[1]


def test_a_picture_of_ones_own_becomes_the_chosen_candidate(page: Any, folder: Path) -> None:
    page.click("text=Use a picture of your own for this keyframe")
    key = int(page.get_attribute(PICKER, "data-key"))
    give(page, picture((96, 64)))
    page.wait_for_selector(f"{PICKER} .vidpaint-taken:has-text('yours')")
    assert selection(folder)[0]["candidate"] == -1
    assert (project_of(folder) / f"own/{key:06d}/01.png").exists()


@pytest.mark.parametrize(
    ("data", "words"),
    [(picture((50, 20)), "It must show"), (b"no picture", "not a picture"), (b"", "not a picture")],
    ids=["another shape", "text", "nothing"],
)
def test_one_that_does_not_fit_is_refused(data: bytes, words: str, page: Any, folder: Path) -> None:
    before = selection(folder)
    page.evaluate("vidpaintPage.send('select:strip:0')")
    time.sleep(1)  # it is answered: its success clears the message line
    page.wait_for_selector("#vidpaint_message .vidpaint-error", state="detached")
    clear = page.locator("#vidpaint_own button[aria-label*='emove'], #vidpaint_own button[aria-label*='lear']")
    if clear.count():
        clear.first.click()
    give(page, data)
    page.wait_for_selector(f"#vidpaint_message >> text={words}")
    assert selection(folder) == before


def test_undo_takes_all_of_it_back(page: Any, folder: Path) -> None:
    for _ in range(3):
        page.keyboard.press("Escape")
        page.evaluate("vidpaintPage.send('select:undo')")
        time.sleep(0.7)
    assert selection(folder) == []
    page.wait_for_selector(f"{PICKER} .vidpaint-candidates button")
