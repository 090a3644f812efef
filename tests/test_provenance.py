from __future__ import annotations

from pathlib import Path

import pytest

from lib_vidpaint.groups import Patch
from lib_vidpaint.model import Box
from lib_vidpaint.provenance import locations, statement, without_folders
from lib_vidpaint.regions import Regions

BOX = Box(0, 0, 8, 8)
SHARES = tuple(0.1 if index != 5 else 0.3 for index in range(20))


def regions(empty: tuple[int, ...] = ()) -> Regions:
    return Regions(tuple(None if index in empty else BOX for index in range(20)), SHARES)


def patch(start: int, stop: int) -> Patch:
    return Patch(start, start, stop, BOX, f"patches/{start:06d}.mp4")


def test_a_statement_says_which_frames_and_how_much() -> None:
    text = statement("webui", [patch(2, 8), patch(8, 10), patch(14, 16)], regions(empty=(9,)))
    assert text.startswith("Edited by AI (Video Inpaint, webui): frames 2-8, 14-15 of 20 frames")
    assert "12.2% of the picture (at the most 30.0%)" in text


def test_an_engine_without_a_model_is_not_called_ai() -> None:
    assert "AI" not in statement("builtin", [patch(0, 3)], regions())


def test_without_a_patch_nothing_was_edited() -> None:
    assert statement("webui", [], regions()) == "Not edited (Video Inpaint)."


def test_many_runs_are_counted() -> None:
    text = statement("webui", [patch(n, n + 1) for n in range(0, 20, 2)], regions())
    assert "frames 0-0, 2-2, 4-4, 6-6 and 6 more runs of 20" in text


@pytest.mark.parametrize(
    ("source", "seen"),
    [("/data/films/a.mp4", "../../a.mp4"), ("/data/films/p/a.mp4", "../a.mp4"), ("/mnt/a.mp4", "/mnt/a.mp4")],
    ids=["beside", "inside", "elsewhere"],
)
def test_places_are_relative_where_they_share_a_folder(source: str, seen: str) -> None:
    text = locations(Path("/data/films/p/package"), Path(source), Path("/data/films/p"))
    assert text == f"source: {seen}\nproject: ..\n"


def test_a_log_that_is_handed_on_names_no_folder_of_the_user(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/ann")
    monkeypatch.setenv("USERPROFILE", "/home/ann")
    log = "run of /home/ann/films/a.mp4\n/data/p/alpha/000001.png was changed\n/home/ann/secret.png"
    text = without_folders(log, (Path("/data/p"), Path("/home/ann/films")))
    assert text == "run of a.mp4\nalpha/000001.png was changed\nsecret.png"
