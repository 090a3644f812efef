"""Masks damaged on purpose are found, good ones are left alone, and a project shows which and why."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from conftest import FRAMES, SIZE
from projects import copied, edit, remade, stamps

from lib_vidpaint import mask_checks
from lib_vidpaint.errors import ProjectError
from lib_vidpaint.mask_checks import CHECKS, Doubt, Measures, Pair, doubts_in, lines, measured, measures, table
from lib_vidpaint.model import Frame, Mask
from lib_vidpaint.project import Folder

Footage = dict[str, Path]
WIDTH, HEIGHT, COUNT, FPS = 160, 120, 40, 25


def texture(seed: int, width: int, height: int) -> Frame:
    noise = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    smooth = cv2.GaussianBlur(noise, (0, 0), 2).astype(np.float32)
    return np.clip((smooth - smooth.mean()) * 4 + 128, 0, 255).astype(np.uint8)


GROUND, SKIN = texture(1, 200, 150), texture(2, WIDTH, HEIGHT)


def scene(index: int, x: float | None = None) -> Pair:
    """A disc with a pattern of its own that wanders over a background seen by an unsteady camera."""
    across = 55 + 1.2 * index if x is None else x
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    cv2.circle(mask, (round(across), round(60 + 8 * np.sin(index / 5))), 26, (255,), -1, cv2.LINE_AA)
    shake = 10 + round(4 * np.sin(index / 3))
    ground = GROUND[shake : shake + HEIGHT, shake : shake + WIDTH]
    skin = np.roll(SKIN, round(across), axis=1)
    return np.where(mask[..., None] > 127, skin, ground).astype(np.uint8), mask


CLIP = [scene(index) for index in range(COUNT)]


def found(clip: list[Pair], cuts: tuple[int, ...] = ()) -> dict[int, str]:
    return {doubt.frame: doubt.reason for doubt in doubts_in(list(measures(clip)), cuts, FPS)}


def with_masks(change: Callable[[Mask], Mask], frames: range | tuple[int, ...]) -> list[Pair]:
    return [(frame, change(mask) if index in frames else mask) for index, (frame, mask) in enumerate(CLIP)]


def torn(mask: Mask) -> Mask:
    middle = int(np.flatnonzero(mask.any(axis=0)).mean())
    return np.where(np.arange(WIDTH) < middle, mask, 0).astype(np.uint8)


DAMAGES: dict[str, tuple[Callable[[Mask], Mask], str]] = {
    "shifted": (lambda mask: np.roll(mask, 16, axis=0), "elsewhere"),
    "emptied": (np.zeros_like, "empty"),
    "inverted": (lambda mask: 255 - mask, "inverted?"),
    "swapped": (lambda mask: scene(0, 130)[1], "elsewhere"),
    "torn": (torn, "part missing"),
    "twice as large": (
        lambda mask: np.asarray(cv2.dilate(mask, np.ones((25, 25), np.uint8))),
        "much larger",
    ),
    "pierced": (
        lambda mask: np.where(np.hypot(*(np.indices(mask.shape) - np.argwhere(mask).mean(0)[:, None, None])) < 12, 0, mask)
        .astype(np.uint8),
        "holes",
    ),
    "hazy": (lambda mask: np.maximum(mask, 40), "haze"),
}  # fmt: skip


def test_good_masks_are_left_alone() -> None:
    assert found(CLIP) == {}


@pytest.mark.parametrize("frame", [0, 1, 17, COUNT - 1])
@pytest.mark.parametrize("name", DAMAGES)
def test_one_damaged_mask_is_found_and_named(name: str, frame: int) -> None:
    damage, reason = DAMAGES[name]
    assert found(with_masks(damage, (frame,))) == {frame: reason}


@pytest.mark.parametrize("name", ["shifted", "emptied", "inverted", "swapped", "torn"])
def test_a_few_damaged_masks_in_a_row_are_found(name: str) -> None:
    damage, reason = DAMAGES[name]
    assert found(with_masks(damage, range(12, 15))) == dict.fromkeys(range(12, 15), reason)


def test_a_mask_that_changes_for_good_is_shown_where_it_does() -> None:
    assert found(with_masks(DAMAGES["swapped"][0], range(20, COUNT))) == {20: "jumps"}
    assert found(with_masks(np.zeros_like, range(20, COUNT))) == {20: "disappears"}
    assert found(with_masks(np.zeros_like, range(20))) == {20: "appears"}


def test_nothing_is_compared_over_a_cut() -> None:
    other = [scene(100 + index, 120) for index in range(20)]
    assert found([*CLIP[:20], *other], (0, 20)) == {}
    assert 20 in found([*CLIP[:20], *other])


def test_a_thing_may_come_and_go_over_the_edge() -> None:
    assert found([scene(index, -40 + 5 * index) for index in range(48)]) == {}


def test_a_slip_is_found_while_a_thing_comes_in_over_the_edge() -> None:
    clip = [scene(index, -40 + 5 * index) for index in range(48)]
    for change, name in ((np.zeros_like, "empty"), (torn, "part missing")):
        slipped = [(frame, change(mask) if index == 10 else mask) for index, (frame, mask) in enumerate(clip)]
        assert found(slipped) == {10: name}


def test_masks_that_are_inverted_all_through_are_said() -> None:
    assert set(found(with_masks(lambda mask: 255 - mask, range(COUNT))).values()) == {"inverted?"}


@pytest.mark.parametrize("count", [1, 2, 3])
def test_short_clips(count: int) -> None:
    assert found(CLIP[:count]) == {}
    assert found([(frame, np.zeros_like(mask)) for frame, mask in CLIP[:count]]) == {}


def test_pictures_too_small_for_flow_are_compared_as_they_lie() -> None:
    assert found([(frame[50:58, 60:70], mask[50:58, 60:70]) for frame, mask in CLIP[:5]]) == dict.fromkeys(
        range(5), "inverted?"
    )


def test_measures_are_shares_of_the_picture() -> None:
    mask = np.zeros((100, 200), np.uint8)
    mask[:50, 50:150] = 255
    mask[10:40, 80:120] = 0
    mask[90:, :20] = 50
    mask[80:90, 180:] = 255
    facts = measured((texture(3, 200, 100), mask))
    assert facts.share == pytest.approx((50 * 100 - 30 * 40 + 10 * 20) / 20000)
    assert facts.border == pytest.approx((100 + 10) / 600)
    assert (facts.fit, facts.fit_over, facts.parts) == (None, None, 2)
    assert 0.15 < facts.holes < 0.3
    assert facts.haze == pytest.approx(200 / 4200, rel=0.01)


def test_what_a_person_reads_puts_neighbours_together() -> None:
    doubts = [Doubt(3, "empty", 0), *(Doubt(i, "haze", 0.2) for i in (4, 5, 6)), Doubt(9, "haze", 0.2)]
    assert lines(doubts) == ["frame 3: empty", "frames 4-6: haze", "frame 9: haze"]
    assert lines([Doubt(2 * i, "empty", 0) for i in range(20)], 4)[-2:] == ["frame 4: empty", "and 17 more places"]


def test_the_table_is_read_back(tmp_path: Path) -> None:
    plain = Measures(0.5, 0.0, 0.4, 0.4, None, None, 0.0, 0.0, 1)
    doubts = [Doubt(1, "part missing", 0.25)]
    (tmp_path / CHECKS).write_bytes(table([plain, replace(plain, fit=0.25)], doubts))
    assert mask_checks.doubts(Folder(tmp_path)) == doubts
    assert len((tmp_path / CHECKS).read_text().splitlines()) == 3
    (tmp_path / CHECKS).write_text("frame,doubt\n1,empty\n")
    with pytest.raises(ProjectError, match=r"checks\.csv is damaged"):
        mask_checks.doubts(Folder(tmp_path))
    assert mask_checks.doubts(Folder(tmp_path / "none")) == []


@pytest.fixture(scope="module")
def extracted(footage: Footage, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("extracted") / "project"
    edit(folder, footage, until="extract")
    return folder


def test_a_project_lists_and_shows_its_doubtful_masks(extracted: Path, footage: Footage, tmp_path: Path) -> None:
    project = copied(extracted, tmp_path / "p")
    assert len((project / CHECKS).read_text().splitlines()) == FRAMES + 1
    assert mask_checks.doubts(Folder(project)) == []
    assert not (project / "sheets" / "doubtful.jpg").exists()
    path = project / "alpha" / "000006.png"
    good = path.read_bytes()
    cv2.imwrite(str(path), np.zeros(SIZE[::-1], np.uint8))
    edit(project, footage, until="extract")
    assert [(doubt.frame, doubt.reason) for doubt in mask_checks.doubts(Folder(project))] == [(6, "empty")]
    sheet = cv2.imread(str(project / "sheets" / "doubtful.jpg"))
    assert sheet is not None
    assert sheet.shape[1] == 320 + 8
    before = stamps(project)
    edit(project, footage, until="extract")
    assert remade(before, project) == set()
    path.write_bytes(good)
    edit(project, footage, until="extract")
    assert not (project / "sheets" / "doubtful.jpg").exists()


def test_checks_can_be_left_out(extracted: Path, footage: Footage, tmp_path: Path) -> None:
    project = copied(extracted, tmp_path / "p")
    edit(project, footage, {"extract.checks": False}, until="extract")
    assert not (project / CHECKS).exists()
    assert (project / "sheets" / "alpha.jpg").exists()
