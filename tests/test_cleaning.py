"""What can go of a project goes, and nothing else."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from projects import copied, edit, files, remade, stamps

from lib_vidpaint import cleaning, selection, session
from lib_vidpaint.errors import ProjectError
from lib_vidpaint.groups import candidate_file, read_groups
from lib_vidpaint.project import Folder, Project, config_folder

PREVIEWS = "look-000003-1a2b-3c.jpg", "master_mp4-18f-2a.mp4"


@pytest.fixture
def workspace(finished: Path, tmp_path: Path) -> Path:
    """A finished project as the page keeps it, with one more round for its first keyframe that nobody painted yet."""
    space = tmp_path / "20260102-030405-0a1b2c3d"
    copied(finished, space / "project")
    (space / "served").mkdir()
    for name in PREVIEWS:
        (space / "served" / name).write_bytes(bytes(1000))
    return space


def key_of(space: Path) -> int:
    return read_groups(Folder(space / "project"))[0].key


def test_previews_are_what_the_page_made(workspace: Path, tmp_path: Path) -> None:
    served = workspace / "served"
    (served / "mine.jpg").write_bytes(b"a person's")
    (tmp_path / "elsewhere.jpg").write_bytes(bytes(9))
    (served / "link-1-2.jpg").symlink_to(tmp_path / "elsewhere.jpg")
    os.link(workspace / "project" / "proxy.mp4", served / "proxy_mp4-1-2.mp4")
    found = cleaning.previews(served)
    assert [path.name for path in found.files] == sorted([*PREVIEWS, "proxy_mp4-1-2.mp4"])
    assert found.size == 2000, "what has another name frees nothing"


def test_nothing_that_a_run_asks_for_can_go(workspace: Path) -> None:
    assert cleaning.candidates(workspace / "project") == cleaning.Spare()


def test_earlier_rounds_go_without_anything_becoming_due(workspace: Path, footage: dict[str, Path]) -> None:
    project, key = workspace / "project", key_of(workspace)
    selection.redo(Folder(project), key)
    edit(project, footage)
    before = stamps(project)
    found = cleaning.candidates(project)
    assert {path.relative_to(project).as_posix() for path in found.files} == {
        candidate_file(key, 0), candidate_file(key, 1)
    }  # fmt: skip
    assert cleaning.free(project, workspace / "served") == found.size + 2000
    assert not any(path.exists() for path in found.files)
    assert list((workspace / "served").iterdir()) == []
    assert {state.name for state in session.status(project) if state.state == "due"} == set()
    edit(project, footage)
    assert remade(before, project) == set()


def test_what_was_chosen_once_or_changed_by_hand_stays(workspace: Path, footage: dict[str, Path]) -> None:
    project, key = Folder(workspace / "project"), key_of(workspace)
    selection.choose(project, key, 0)
    selection.redo(project, key)
    edit(project.folder, footage)
    hand = project.path(candidate_file(key, 1))
    hand.write_bytes(hand.read_bytes() + b"x")
    assert cleaning.candidates(project.folder).files == ()


def test_candidates_of_a_dropped_keyframe_go(workspace: Path) -> None:
    project, key = Folder(workspace / "project"), key_of(workspace)
    selection.drop(project, key)
    assert len(cleaning.candidates(project.folder).files) == 2


def test_no_link_is_followed(workspace: Path, tmp_path: Path) -> None:
    project, key = Folder(workspace / "project"), key_of(workspace)
    selection.drop(project, key)
    folder = project.path(candidate_file(key, 0)).parent
    folder.rename(tmp_path / "outside")
    folder.symlink_to(tmp_path / "outside")
    assert cleaning.candidates(project.folder).files == ()
    size = cleaning.size_of(workspace)
    assert size == cleaning.size_of(workspace.parent) - cleaning.size_of(tmp_path / "outside")
    cleaning.delete(workspace, project.folder)
    assert len(files(tmp_path / "outside")) == 2


def test_a_project_is_deleted_with_what_is_remembered_of_it(workspace: Path, footage: dict[str, Path]) -> None:
    project = workspace / "project"
    edit(project, footage)
    remembered = list((config_folder() / "inputs").iterdir())
    cleaning.delete(workspace, project)
    assert not workspace.exists()
    assert [path for path in workspace.parent.iterdir() if path.name.startswith(workspace.name)] == []
    assert len(list((config_folder() / "inputs").iterdir())) == len(remembered) - 1
    assert footage["source"].exists()


def test_nothing_is_touched_while_a_run_is_going(workspace: Path) -> None:
    project = workspace / "project"
    before = stamps(workspace)
    with Project(project):
        with pytest.raises(ProjectError, match="being worked on"):
            cleaning.delete(workspace, project)
        with pytest.raises(ProjectError, match="being worked on"):
            cleaning.free(project, workspace / "served")
        _grow_old(workspace, 40)
        assert cleaning.tidy([workspace], 30) == 0
    assert set(stamps(workspace)) == set(before)


@pytest.mark.parametrize(("days", "gone"), [(0, False), (50, False), (30, True)], ids=["never", "later", "now"])
def test_previews_of_old_projects_are_tidied_away(workspace: Path, days: int, gone: bool) -> None:
    (workspace / "served" / "mine.jpg").write_bytes(b"a person's")
    _grow_old(workspace, 40)
    kept = set(files(workspace / "project"))
    assert cleaning.tidy([workspace], days) == (2000 if gone else 0)
    assert [(workspace / "served" / name).exists() for name in PREVIEWS] == [not gone] * 2
    assert (workspace / "served" / "mine.jpg").exists()
    assert set(files(workspace / "project")) == kept


def _grow_old(workspace: Path, days: int) -> None:
    moment = time.time() - days * 86400
    for path in (workspace, *workspace.rglob("*")):
        os.utime(path, (moment, moment))
