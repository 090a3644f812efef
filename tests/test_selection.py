"""A person's decisions: choose, redo, drop, undo."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from projects import copied, edit

from lib_vidpaint import selection, viewing
from lib_vidpaint.errors import ProjectError
from lib_vidpaint.groups import candidate_file, read_groups
from lib_vidpaint.project import Folder


@pytest.fixture
def project(finished: Path, tmp_path: Path) -> Folder:
    return Folder(copied(finished, tmp_path / "project"))


def written(project: Folder) -> list[dict[str, object]]:
    return json.loads(project.path("selection.json").read_text())


def test_a_finished_project_shows_what_was_ranked(project: Folder) -> None:
    (first, *_) = selection.gallery(project, 2)
    assert first.candidates == (0, 1)
    assert first.candidate in (0, 1)
    assert first.decision == "ranked"


def test_choose_drop_redo_and_undo_all_of_it(project: Folder) -> None:
    key = read_groups(project)[0].key
    selection.choose(project, key, 1)
    assert selection.gallery(project, 2)[0].decision == "chosen"
    assert selection.gallery(project, 2)[0].candidate == 1
    selection.drop(project, key)
    assert selection.gallery(project, 2)[0].decision == "drop"
    selection.redo(project, key)
    assert selection.gallery(project, 2)[0].decision == "redo"
    assert selection.gallery(project, 2)[0].candidates == ()
    assert written(project) == [{"key": key, "redo": 1}]
    assert [selection.undo(project) for _ in range(4)] == [True, True, True, False]
    assert written(project) == []


def test_a_second_redo_paints_a_third_round(project: Folder) -> None:
    key = read_groups(project)[0].key
    selection.redo(project, key)
    selection.redo(project, key)
    assert written(project) == [{"key": key, "redo": 2}]


@pytest.mark.parametrize(
    ("candidate", "what"), [(2, "no candidate"), (-1, "no candidate")], ids=["missing", "negative"]
)
def test_a_picture_that_is_not_there_is_refused(candidate: int, what: str, project: Folder) -> None:
    with pytest.raises(ProjectError, match=what):
        selection.choose(project, read_groups(project)[0].key, candidate)
    assert not project.path("selection.json").exists()


def test_a_frame_that_is_no_keyframe_is_refused(project: Folder) -> None:
    with pytest.raises(ProjectError, match="no keyframe"):
        selection.drop(project, 9999)


def test_the_next_run_heeds_it(finished: Path, footage: dict[str, Path], tmp_path: Path) -> None:
    folder = tmp_path / "project"
    edit(folder, footage, until="select")
    project = Folder(folder)
    picks = viewing.gallery(folder)
    key, other = picks[0].group.key, 1 - (picks[0].candidate or 0)
    selection.choose(project, key, other)
    selection.redo(project, picks[-1].group.key)
    edit(folder, footage, until="select")
    assert project.path(candidate_file(picks[-1].group.key, 3)).exists()
    choices = {choice["key"]: choice for choice in json.loads(project.path("choices.json").read_text())}
    if len(picks) > 1:
        assert choices[key].get("candidate") == other
