"""What a person paints over a mask: laid over it, carried to the frames around, taken back, never lost."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path

import cv2
import numpy as np
import pytest
from conftest import FRAMES, SIZE
from projects import copied, edit, files, remade, stamps

from lib_vidpaint import fixes, session
from lib_vidpaint.errors import MaskError, ProjectError
from lib_vidpaint.fixes import NOTHING, fix_file, marks, over, paint, read_fix, spread, undo
from lib_vidpaint.model import Frame, Mask
from lib_vidpaint.pipeline import Run
from lib_vidpaint.project import Project

Footage = dict[str, Path]


def stroke(x: int = 5, y: int = 5, side: int = 8, size: tuple[int, int] = SIZE) -> Mask:
    mask = np.zeros(size[::-1], np.uint8)
    mask[y : y + side, x : x + side] = 255
    return mask


@pytest.fixture(scope="module")
def masked(footage: Footage, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("masked") / "project"
    edit(folder, footage, until="mask")
    return folder


@pytest.fixture
def project(masked: Path, tmp_path: Path) -> Path:
    return copied(masked, tmp_path / "p")


def reader(folder: Path) -> Project:
    return Project(folder, writable=False)


def opened_run(folder: Path, footage: Footage) -> AbstractContextManager[Run]:
    return session.opened(folder, {"source.path": str(footage["source"])})


def test_erasing_is_the_last_word() -> None:
    alpha, add, erase = (np.array([row], np.uint8) for row in ([9, 9, 9, 255], [0, 255, 255, 0], [0, 0, 255, 100]))
    assert fixes.apply(alpha, add, erase).tolist() == [[9, 255, 0, 155]]
    assert fixes.apply(alpha, None, None) is alpha


def test_the_later_stroke_counts_where_two_meet() -> None:
    add, erase = over((stroke(5), None), (None, stroke(9)))
    assert add is not None
    assert erase is not None
    assert not (np.minimum(add, erase)).any()
    assert add[6, 6] == 255
    assert erase[6, 10] == 255
    add, erase = over((add, erase), (stroke(9), None))
    assert add is not None
    assert erase is not None
    assert add[6, 10] == 255
    assert not erase.any()
    assert over(NOTHING, NOTHING) == NOTHING


def moving(count: int, step: int) -> list[Frame]:
    rng = np.random.default_rng(4)
    wide = cv2.GaussianBlur(rng.integers(0, 256, (96, 300, 3), np.uint8), (0, 0), 2)
    wide = cv2.normalize(wide, None, 0, 255, cv2.NORM_MINMAX)  # pyright: ignore[reportCallIssue, reportArgumentType]
    return [np.ascontiguousarray(wide[:, 150 - step * i : 278 - step * i]) for i in range(count)]


@pytest.mark.parametrize("step", [0, 2, -3], ids=lambda step: f"{step} pixels a frame")
def test_a_stroke_moves_with_the_picture(step: int) -> None:
    carried = list(spread((stroke(60, 40, 14, (128, 96)), None), moving(6, step)))
    assert len(carried) == 5
    for distance, (add, erase) in enumerate(carried, 1):
        assert erase is None
        assert add is not None
        truth = stroke(60 + step * distance, 40, 14, (128, 96))
        both = np.count_nonzero((add > 127) & (truth > 0)) / np.count_nonzero((add > 127) | (truth > 0))
        assert both > 0.85


def test_strokes_add_up_and_are_taken_back_one_by_one(project: Path) -> None:
    with reader(project) as opened:
        assert undo(opened) is None
        paint(opened, 3, (stroke(5), None))
        paint(opened, 3, (stroke(40), stroke(5)))
        paint(opened, 7, (None, stroke(30)))
        assert fixes.fixed_frames(opened) == [3, 7]
        add, erase = read_fix(opened, 3, SIZE)
        assert add is not None
        assert erase is not None
        assert (add[6, 6], add[6, 42], erase[6, 6]) == (0, 255, 255)
        assert undo(opened) == 7
        assert undo(opened) == 3
        add, erase = read_fix(opened, 3, SIZE)
        assert add is not None
        assert erase is None
        assert (add[6, 6], add[6, 42]) == (255, 0)
        assert undo(opened) == 3
        assert read_fix(opened, 3, SIZE) == NOTHING
        assert undo(opened) is None
    kept = [name for name in files(project) if name.startswith("kept/fixes/")]
    assert len(kept) == 4
    assert not list((project / "fixes").rglob("*.png"))


def test_nothing_painted_leaves_nothing(project: Path) -> None:
    with reader(project) as opened:
        paint(opened, 3, NOTHING)
        paint(opened, 3, (np.zeros(SIZE[::-1], np.uint8), None))
        assert not opened.path("fixes").exists()


def test_a_stroke_of_another_size_is_refused(project: Path) -> None:
    with reader(project) as opened, pytest.raises(MaskError, match="96x64, what was painted 10x12"):
        paint(opened, 3, (np.full((12, 10), 255, np.uint8), None))


def test_a_file_of_another_size_is_refused(project: Path, footage: Footage) -> None:
    (project / "fixes").mkdir()
    cv2.imwrite(str(project / fix_file(3, "add")), np.full((12, 10), 255, np.uint8))
    with opened_run(project, footage) as run, pytest.raises(ProjectError, match=r"fixes/000003.add.png is 10x12"):
        marks(run, FRAMES, 0)[3].load(run)


def test_a_frame_has_its_own_strokes_and_those_within_reach(project: Path, footage: Footage) -> None:
    with reader(project) as opened:
        paint(opened, 3, (stroke(8, 40), None))
    with opened_run(project, footage) as run:
        alone, wide = marks(run, FRAMES, 0), marks(run, FRAMES, 2)
        assert [bool(mark.near) for mark in alone] == [i == 3 for i in range(FRAMES)]
        assert [bool(mark.near) for mark in wide] == [1 <= i <= 5 for i in range(FRAMES)]
        assert [mark.key(run) == "" for mark in wide] == [not 1 <= i <= 5 for i in range(FRAMES)]
        assert alone[4].load(run) == NOTHING
        found = [mark.load(run)[0] for mark in wide]
    assert [add is not None for add in found] == [1 <= i <= 5 for i in range(FRAMES)]
    assert all(add.shape == SIZE[::-1] for add in found if add is not None)


def test_strokes_are_not_carried_over_a_cut(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    one, other = moving(12, 2), [frame[::-1] // 4 for frame in moving(12, -2)]
    for index, frame in enumerate([*one, *other]):
        cv2.imwrite(str(source / f"{index:03d}.png"), frame)
    values = {"source.path": str(source), "mask.path": "box:40,30,30,30"}
    session.run(tmp_path / "p", values, until="mask")
    with reader(tmp_path / "p") as opened:
        paint(opened, 10, (stroke(60, 40, 14, (128, 96)), None))
    with session.opened(tmp_path / "p", values) as run:
        found = [mark.load(run)[0] is not None for mark in marks(run, 24, 4)]
    assert found == [6 <= index < 12 for index in range(24)]


def test_the_nearest_stroke_wins(project: Path, footage: Footage) -> None:
    with reader(project) as opened:
        paint(opened, 3, (stroke(8, 40, 16), None))
        paint(opened, 5, (None, stroke(8, 40, 16)))
    with opened_run(project, footage) as run:
        add, erase = marks(run, FRAMES, 4)[5].load(run)
        assert erase is not None
        assert erase[48, 16] == 255
        assert add is None or add[48, 16] == 0
        add, _ = marks(run, FRAMES, 4)[2].load(run)
        assert add is not None
        assert add.any()


def test_a_hand_edited_alpha_takes_the_stroke_and_gives_it_back(project: Path) -> None:
    path = project / "alpha" / "000004.png"
    edited = stroke(60, 20, 20)
    cv2.imwrite(str(path), edited)
    by_hand = path.read_bytes()
    with reader(project) as opened:
        paint(opened, 4, (stroke(5), None))
        assert np.array_equal(cv2.imread(str(path), cv2.IMREAD_GRAYSCALE), np.maximum(edited, stroke(5)))
        assert undo(opened) == 4
    assert path.read_bytes() == by_hand


def share(project: Path, frame: int) -> float:
    return float((cv2.imread(str(project / "alpha" / f"{frame:06d}.png"), cv2.IMREAD_GRAYSCALE) > 127).mean())


def test_a_stroke_changes_its_frame_alone_and_survives_another_mask(
    project: Path, footage: Footage, tmp_path: Path
) -> None:
    edit(project, footage, until="mask")
    bare = [share(project, index) for index in range(FRAMES)]
    with reader(project) as opened:
        paint(opened, 3, (stroke(5, 5, 20), None))
    assert any("fixes" in why for state in session.explain(project, "mask") for why in state.reasons)
    before = stamps(project)
    edit(project, footage, until="mask")
    assert {name for name in remade(before, project) if name.startswith("alpha/")} == {"alpha/000003.png"}
    assert share(project, 3) > bare[3] + 0.05
    edit(project, footage, {"mask.path": str(footage["still"]), "mask.grow": 0}, until="mask")
    assert share(project, 3) > share(project, 2) + 0.05
    with reader(project) as opened:
        undo(opened)
    edit(project, footage, {"mask.path": str(footage["still"]), "mask.grow": 0}, until="mask")
    assert share(project, 3) == share(project, 2)


def test_spread_reaches_the_frames_around(project: Path, footage: Footage) -> None:
    edit(project, footage, until="mask")
    bare = [share(project, index) for index in range(FRAMES)]
    with reader(project) as opened:
        paint(opened, 6, (stroke(5, 40, 20), None))
    edit(project, footage, {"mask.spread": 2}, until="mask")
    grown = [share(project, index) > bare[index] + 0.02 for index in range(FRAMES)]
    assert grown == [4 <= index <= 8 for index in range(FRAMES)]


def test_a_hand_edited_alpha_wins_over_later_strokes_around_it(project: Path, footage: Footage) -> None:
    with reader(project) as opened:
        paint(opened, 6, (stroke(5, 40, 20), None))
    edit(project, footage, {"mask.spread": 3}, until="mask")
    path = project / "alpha" / "000007.png"
    cv2.imwrite(str(path), stroke(60, 20, 20))
    by_hand = path.read_bytes()
    with reader(project) as opened:
        paint(opened, 8, (None, stroke(5, 40, 20)))
    edit(project, footage, {"mask.spread": 3}, until="mask")
    assert path.read_bytes() == by_hand
    assert not (project / "kept" / "alpha").exists()
    edit(project, footage, {"mask.spread": 3, "mask.grow": 9.0}, until="mask")
    assert path.read_bytes() != by_hand
    assert (project / "kept" / "alpha" / "000007-1.png").read_bytes() == by_hand


def test_undo_leaves_an_alpha_alone_that_was_made_anew(project: Path, footage: Footage) -> None:
    path = project / "alpha" / "000004.png"
    cv2.imwrite(str(path), stroke(60, 20, 20))
    with reader(project) as opened:
        paint(opened, 4, (stroke(5), None))
    edit(project, footage, {"mask.grow": 9.0}, until="mask")
    made = path.read_bytes()
    with reader(project) as opened:
        assert undo(opened) == 4
        assert fixes.fixed_frames(opened) == []
    assert path.read_bytes() == made
