"""A frame of the edit before it is carried or rendered."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
from fakes import Recorder
from media import Recipe, make
from projects import FEW, edit

from lib_vidpaint import previewing, selection, session, viewing
from lib_vidpaint.groups import read_groups
from lib_vidpaint.project import Folder
from lib_vidpaint.regions import REGION, read_region


@pytest.fixture
def whole(finished: Path, footage: dict[str, Path], tmp_path: Path) -> Path:
    """A finished project whose video is known to lie where it does."""
    shutil.copytree(finished, tmp_path / "project")
    edit(tmp_path / "project", footage)
    return tmp_path / "project"


@pytest.fixture
def folder(whole: Path) -> Path:
    """A project whose candidates are chosen and nothing is carried yet."""
    for name in ("patches.json", "render.json"):
        (whole / name).unlink()
    shutil.rmtree(whole / "patches")
    return whole


def test_it_shows_the_edit_inside_the_region_only(folder: Path) -> None:
    assert previewing.possible(folder)
    for index in (0, 1, 5):
        before, after = previewing.preview(folder, index)
        (region,) = read_region(folder / REGION, index, index + 1)
        changed = (before != after).any(axis=2)
        assert changed.any(), index
        around = cv2.dilate(region, np.ones((5, 5), np.uint8))  # a sample of chroma colours the pixels beside it
        assert not changed[around == 0].any(), index


def test_a_keyframe_is_shown_as_it_was_rendered(whole: Path) -> None:
    key = read_groups(Folder(whole))[0].key
    before, after = viewing.before_after(whole, key)
    shown = previewing.preview(whole, key)
    assert np.array_equal(shown[0], before)
    assert np.abs(shown[1].astype(int) - after).max() <= 2


def test_values_of_the_page_count_at_once(folder: Path) -> None:
    before, after = previewing.preview(folder, 1, (("composite.opacity", 0.0),))
    assert np.array_equal(before, after)


def test_a_dropped_group_is_left_as_it_is(folder: Path) -> None:
    groups = read_groups(Folder(folder))
    for group in groups:
        selection.drop(Folder(folder), group.key)
    assert not previewing.possible(folder)
    before, after = previewing.preview(folder, groups[0].key)
    assert np.array_equal(before, after)


def test_another_choice_is_seen_at_once(folder: Path) -> None:
    key = read_groups(Folder(folder))[0].key
    pick = viewing.gallery(folder)[0]
    other = next(number for number in pick.candidates if number != pick.candidate)
    first = previewing.preview(folder, key)[1]
    selection.choose(Folder(folder), key, other)
    assert not np.array_equal(previewing.preview(folder, key)[1], first)


def test_before_anything_is_chosen_the_first_candidates_are_shown(folder: Path) -> None:
    for group in read_groups(Folder(folder)):
        selection.choose(Folder(folder), group.key, 0)
    chosen = previewing.preview(folder, read_groups(Folder(folder))[0].key)[1]
    (folder / "selection.json").unlink()
    (folder / "choices.json").unlink()
    undecided = previewing.preview(folder, read_groups(Folder(folder))[0].key)[1]
    assert np.array_equal(undecided, chosen)


def test_a_frame_of_720p_between_two_keyframes_takes_less_than_three_tenths_of_a_second(tmp_path: Path) -> None:
    source = make(Recipe(size=(1280, 720), frames=7, options={"preset": "ultrafast"}), tmp_path)
    values = {"source.path": str(source), "mask.path": "ellipse:430,140,420,440", **FEW, "inpaint.batch_size": 1}
    values |= {"keyframes.how": "every", "keyframes.longest": 6}
    session.run(tmp_path / "p", values, preset="clothes", until="select", engine=Recorder())
    assert [group.key for group in read_groups(Folder(tmp_path / "p"))] == [0, 6]
    previewing.preview(tmp_path / "p", 1)  # opens the project

    def spent(index: int) -> float:
        before = time.process_time()
        previewing.preview(tmp_path / "p", index)
        return time.process_time() - before

    assert min(spent(index) for index in (2, 3, 4)) < 0.3
