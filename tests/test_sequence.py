"""Ranking a whole clip's candidates: faults, agreement, the best sequence, and what the stage writes of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import scenes
from fakes import Recorder
from projects import copied, edit, remade, stamps

from lib_vidpaint import selection, viewing
from lib_vidpaint.agreement import TILE, Sketch, disagreement
from lib_vidpaint.groups import candidate_file, read_choices, read_groups
from lib_vidpaint.model import Frame
from lib_vidpaint.project import Folder
from lib_vidpaint.ranking import Batch, Rank, Scores, best_sequence, flagged, looked_at, ranks_csv, read_ranks

SHOT = scenes.shot(8, pan=(-2.5, 0.0), disc=(50.0, 55.0, 2.5, 0.0), radius=26)


def off(picture: Frame, levels: float) -> Frame:
    return np.clip(picture + levels, 0, 255).astype(np.uint8)


def batch(
    key: int, among: object, onward: object = None, taken: int | None = None, seen: tuple[Scores, ...] = ()
) -> Batch:
    matrix = np.array(among, float)
    seen += (Scores(),) * (len(matrix) - len(seen))
    return Batch(key, tuple(range(len(matrix))), seen, matrix, None if onward is None else np.array(onward), taken)


def best(*batches: Batch) -> list[int]:
    return [rank.number for rank in best_sequence(batches) if rank.best]


@pytest.mark.parametrize(
    ("painted", "fault"),
    [
        (lambda s: np.zeros_like(s), "black"),
        (lambda s: np.full_like(s, 128), "flat"),
        (lambda s: np.where(s > 120, 255, 0).astype(np.uint8), "saturated"),
        (lambda s: s, "unchanged"),
    ],
    ids=["black", "flat", "saturated", "unchanged"],
)
def test_a_broken_candidate_is_named(painted: object, fault: str) -> None:
    source, mask = SHOT.truth[0], SHOT.masks[0]
    assert fault in looked_at(source, painted(source), mask).faults  # pyright: ignore[reportCallIssue]


def test_a_sound_edit_has_no_faults_and_its_numbers() -> None:
    source, mask = SHOT.truth[0], SHOT.masks[0]
    found = looked_at(source, off(source, 20), mask)
    assert (found.faults, found.unchanged) == ((), 0)
    assert found.sharpness == pytest.approx(1, abs=0.05)
    assert found.seam > 5


def test_an_empty_mask_says_nothing() -> None:
    assert looked_at(SHOT.truth[0], SHOT.frames[0], np.zeros_like(SHOT.masks[0])) == Scores()


def test_a_sketch_comes_back_from_its_tiles() -> None:
    made = Sketch.of(SHOT.truth[0], SHOT.masks[0], [off(SHOT.truth[0], 9), SHOT.frames[0]])
    again = Sketch.of_tiles(made.tiles())
    assert made.source.shape == (TILE, TILE, 3)
    assert np.array_equal(again.mask, made.mask)
    assert [np.array_equal(a, b) for a, b in zip(again.candidates, made.candidates)] == [True, True]


@pytest.mark.parametrize("light", [0, 24], ids=["same light", "brighter"])
def test_what_agrees_along_the_motion_is_near(light: float) -> None:
    """The region moves with its texture; candidates differ by levels."""
    sketches = []
    for at, more in ((0, 0), (2, light)):
        source = off(SHOT.truth[at], more)
        sketches.append(Sketch.of(source, SHOT.masks[at], [source, off(source, 30)]))
    found = disagreement(*sketches)
    assert found is not None
    assert found[0, 0] < 150 < 500 < found[0, 1]
    assert found[1, 1] < 300 < found[1, 0]


def test_nothing_is_said_where_nothing_can_be_followed() -> None:
    masks = [np.zeros((TILE, TILE), np.uint8) for _ in range(2)]
    masks[0][:, :20] = masks[1][:, 70:] = 255
    sketches = [Sketch(scenes.world(TILE, TILE, at), mask, (SHOT.frames[0],)) for at, mask in enumerate(masks)]
    assert disagreement(*sketches) is None


def test_the_typical_candidate_is_best() -> None:
    assert best(batch(0, [[0, 90, 80], [90, 0, 10], [80, 10, 0]])) in ([1], [2])
    assert best(batch(0, [[0, 9, 9, 90], [9, 0, 30, 90], [9, 30, 0, 90], [90, 90, 90, 0]])) == [0]


def test_a_fault_outweighs_everything_but_all_faulty_still_gives_one() -> None:
    among = [[0, 9, 9], [9, 0, 30], [9, 30, 0]]
    assert best(batch(0, among, seen=(Scores(faults=("black",)),))) != [0]
    assert best(batch(0, among, seen=(Scores(faults=("black",)),) * 3)) == [0]


def test_neighbours_decide_between_equals_and_a_person_decides_for_neighbours() -> None:
    even = [[0, 40], [40, 0]]
    agree = [[5, 60], [60, 5]]
    assert best(batch(0, even, agree), batch(5, even)) in ([0, 0], [1, 1])
    for taken in (0, 1):
        assert best(batch(0, even, agree, taken), batch(5, even, agree), batch(9, even)) == [taken] * 3


def test_the_worst_candidate_is_in_the_sequence_when_a_person_took_it() -> None:
    assert best(batch(0, [[0, 9, 90], [9, 0, 90], [90, 90, 0]], taken=2)) == [2]


def test_one_keyframe_with_one_candidate_and_none_at_all() -> None:
    assert best(batch(0, [[0]])) == [0]
    assert best_sequence([]) == []


def test_a_broken_link_starts_anew() -> None:
    alone = [[0, 9, 9], [9, 0, 30], [9, 30, 0]]
    assert best(batch(0, alone), batch(5, alone)) == best(batch(0, alone)) * 2


def test_the_table_is_read_back() -> None:
    ranks = best_sequence([batch(7, [[0, 4], [4, 0]], seen=(Scores(), Scores(2.5, 1.25, 0.5, ("flat", "black"))))])
    again = read_ranks(ranks_csv(ranks))
    assert list(again[7].values()) == ranks


@pytest.fixture
def painted(footage: dict[str, Path], tmp_path: Path) -> Path:
    edit(tmp_path / "project", footage, {"inpaint.batch_count": 2}, until="select", engine=Recorder())
    return tmp_path / "project"


def test_the_stage_ranks_every_candidate_and_takes_the_best(painted: Path) -> None:
    project = Folder(painted)
    ranks, choices = selection.ranks(project), read_choices(project)
    assert {key: len(row) for key, row in ranks.items()} == {group.key: 4 for group in read_groups(project)}
    for key, row in ranks.items():
        assert [number for number, rank in row.items() if rank.best] == [choices[key].candidate]


def test_what_a_person_took_stays_and_only_the_ranking_is_made_again(painted: Path, footage: dict[str, Path]) -> None:
    project, before = Folder(painted), stamps(painted)
    key = read_groups(project)[0].key
    mine = next(number for number, rank in selection.ranks(project)[key].items() if not rank.best)
    selection.choose(project, key, mine)
    edit(painted, footage, {"inpaint.batch_count": 2}, until="select", engine=Recorder())
    assert selection.ranks(project)[key][mine].best
    assert remade(before, painted) - {"selection.json", "undo.json"} <= {"candidates.csv", "choices.json"}


def test_where_a_person_chooses_the_ranking_is_there_to_be_seen(
    footage: dict[str, Path], finished: Path, tmp_path: Path
) -> None:
    folder = copied(finished, tmp_path / "asks")
    (folder / "candidates.csv").unlink()
    with pytest.raises(Exception, match="have no choice yet"):
        edit(folder, footage, {"select.how": "person"})
    assert selection.ranks(Folder(folder))
    assert {pick.decision for pick in viewing.gallery(folder)} <= {"ranked", "open"}


def test_a_damaged_table_is_said(painted: Path) -> None:
    (painted / "candidates.csv").write_text("key,candidate\nx,1\n")
    with pytest.raises(selection.ProjectError, match="damaged"):
        selection.ranks(Folder(painted))


def test_the_gallery_shows_the_numbers_and_marks_the_best(painted: Path) -> None:
    pytest.importorskip("gradio")
    from lib_vidpaint.ui import picker, workspaces

    picks = viewing.gallery(painted)
    space = workspaces.Workspace(painted.parent)
    page = picker.render(space, picks, 0)
    ranks = selection.ranks(Folder(painted))[picks[0].group.key]
    assert page.count("★ fits best") == 1
    for rank in ranks.values():
        assert f"apart {rank.apart:.1f} · seam {rank.scores.seam:.1f}" in page


def test_keyframes_whose_best_candidate_stands_out_are_flagged() -> None:
    def row(key: int, apart: float, faults: tuple[str, ...] = ()) -> dict[int, Rank]:
        return {0: Rank(key, 0, Scores(faults=faults), apart, 1.0, True), 1: Rank(key, 1, Scores(), 99.0, 9.0, False)}

    ranked = {0: row(0, 5), 5: row(5, 6), 9: row(9, 30), 12: row(12, 5, ("flat",)), 15: row(15, 11)}
    assert flagged(ranked) == [9, 12]
    assert flagged({}) == []


def test_all_flagged_keyframes_are_painted_again_as_one_decision(painted: Path, footage: dict[str, Path]) -> None:
    project = Folder(painted)
    keys = [group.key for group in read_groups(project)]
    table = (painted / "candidates.csv").read_text().replace(",,best", ",flat,best")
    (painted / "candidates.csv").write_text(table)
    selection.choose(project, keys[0], 1)
    assert selection.redo_flagged(project) == len(keys) - 1
    assert [pick.decision for pick in selection.gallery(project, 4)] == ["chosen", *["redo"] * (len(keys) - 1)]
    with pytest.raises(selection.ProjectError, match="finds no keyframe doubtful"):
        selection.redo_flagged(project)
    assert selection.undo(project)
    assert "redo" not in {pick.decision for pick in selection.gallery(project, 4)}


def test_the_pages_show_previews_and_doubtful_keyframes(painted: Path) -> None:
    pytest.importorskip("gradio")
    from lib_vidpaint.ui import picker, workspaces
    from lib_vidpaint.ui.tabs.inpaint import previews

    space = workspaces.Workspace(painted.parent)
    assert previews(space, True) == ""
    (painted / "previews").mkdir()
    key = read_groups(Folder(painted))[0].key
    (painted / "previews" / f"{key:06d}.png").write_bytes((painted / candidate_file(key, 0)).read_bytes())
    shown = previews(space, True)
    assert f"keyframe {key}" in shown
    assert "no candidates" in shown
    assert "data-vidpaint" not in shown
    table = (painted / "candidates.csv").read_text().replace(",,best", ",flat,best")
    (painted / "candidates.csv").write_text(table)
    picks = viewing.gallery(painted)
    assert 'data-vidpaint="select:repaint_flagged"' in picker.render(space, picks, 0)
    picker.obey(space, "repaint_flagged", picks[0].group.key)
    assert {pick.decision for pick in viewing.gallery(painted)} == {"redo"}
