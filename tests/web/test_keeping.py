"""Freeing space and deleting projects from the page, in a real browser."""

from __future__ import annotations

import shutil
import time
from pathlib import Path
from typing import Any

import pytest
from driving import CHROMIUM
from projects import edit

from lib_vidpaint import selection
from lib_vidpaint.groups import read_groups
from lib_vidpaint.project import Folder, Project

pytest.importorskip("gradio", reason="the page needs gradio: pip install 'vidpaint[ui]'")
pytest.importorskip("playwright.sync_api", reason="the page is driven by playwright")
pytestmark = pytest.mark.skipif(not Path(CHROMIUM).exists(), reason="needs /usr/bin/chromium")

OLD, NEW = "20260101-000000-00000001", "20260102-000000-00000002"
PANEL = "#vidpaint_keeping"


@pytest.fixture(scope="module")
def root(folder: Path, finished: Path, footage: dict[str, Path]) -> Path:
    """Two finished projects; the newer one has a dropped keyframe, and a file that was uploaded."""
    root = folder / "pro jects #1"
    for number, name in enumerate((OLD, NEW)):
        shutil.copytree(finished, root / name / "project")
        (root / name / "served").mkdir()
        (root / name / "title.txt").write_text(f"clip{number}.mp4")
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("VIDPAINT_HOME", str(folder / "home"))
            edit(root / name / "project", footage)  # makes nothing anew, and has it remembered where the video lies
    project = Folder(root / NEW / "project")
    selection.drop(project, read_groups(project)[0].key)
    (root / NEW / "input").mkdir()
    (root / NEW / "input" / "<b>mask.png").write_bytes(b"x")
    return root


@pytest.fixture(scope="module")
def page(root: Path, page: Any) -> Any:
    page.wait_for_function("() => document.querySelector('#vidpaint_project input').value")
    return page


def press(page: Any, command: str) -> None:
    page.click(f"{PANEL} [data-vidpaint^='keeping:{command}']")


def said(page: Any, text: str) -> None:
    page.wait_for_function(f"() => document.querySelector('#vidpaint_message').innerText.includes('{text}')")


def test_space_is_freed_after_it_was_said_how_much(page: Any, root: Path) -> None:
    before = list((root / NEW).glob("project/candidates/*/*.png"))
    press(page, "look")
    page.wait_for_selector(f"{PANEL} [data-vidpaint^='keeping:free']")
    assert "2 candidates" in page.inner_text(PANEL)
    assert "clip1.mp4" in page.inner_text(PANEL)
    press(page, "free")
    page.wait_for_function(f"() => document.querySelector('{PANEL}').innerText.includes('freed')")
    assert len(list((root / NEW).glob("project/candidates/*/*.png"))) == len(before) - 2


def test_nothing_is_deleted_while_a_run_is_going(page: Any, root: Path) -> None:
    press(page, "ask")
    page.wait_for_selector(f"{PANEL} .vidpaint-danger")
    assert "<b>mask.png" in page.inner_text(PANEL)
    with Project(root / NEW / "project"):
        press(page, "delete")
        said(page, "being worked on")
    assert (root / NEW / "project" / "project.toml").exists()


def test_the_project_on_view_is_deleted_and_the_next_one_opened(page: Any, root: Path) -> None:
    press(page, "delete")
    page.wait_for_function("() => document.querySelector('#vidpaint_project input').value.startsWith('clip0.mp4')")
    assert [path.name for path in root.iterdir()] == [OLD]
    page.wait_for_selector(f"{PANEL} [data-vidpaint='keeping:look']")
    # Until its settings are read, which clears the message line, the change of project is not over.
    loaded = "#vidpaint_loaded :is(textarea, input)"
    page.wait_for_function(f"() => document.querySelector('{loaded}').value.startsWith('clip0.mp4')")


def test_a_confirmation_holds_for_its_own_project_only(page: Any, root: Path) -> None:
    page.evaluate(f"vidpaintPage.send('keeping:delete:{NEW}')")
    said(page, "Another project is open")
    assert (root / OLD / "project").exists()


def test_after_the_last_one_the_page_is_as_new(page: Any, root: Path) -> None:
    press(page, "look")
    press(page, "ask")
    press(page, "delete")
    page.wait_for_function("() => !document.querySelector('#vidpaint_project input').value")
    page.wait_for_function("() => !document.querySelector('.vidpaint-done')")
    assert list(root.rglob("*")) == []
    time.sleep(3)  # whatever was asked about the project meanwhile
    assert page.locator("#vidpaint .vidpaint-error:visible").all_inner_texts() == []
