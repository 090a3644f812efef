"""The project folder: who may write it, what is kept, and what a copy or a stranger's project may do."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import threading
import time
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from fakes import Steps
from projects import ROOT, copied, edit, remade, stamps

from lib_vidpaint import session
from lib_vidpaint.errors import Cancelled, ProjectError, SettingsError
from lib_vidpaint.progress import Progress
from lib_vidpaint.project import Project, _locked, digest_given, seconds_at_work
from lib_vidpaint.settings import put
from lib_vidpaint.stages import Settings

Footage = dict[str, Path]
HOLDER = """
import sys, pathlib
from lib_vidpaint.project import Project
with Project(pathlib.Path(sys.argv[1])):
    print("locked", flush=True)
    sys.stdin.read()
"""


def test_a_second_process_is_refused_and_a_dead_one_forgotten(tmp_path: Path) -> None:
    folder = tmp_path / "p"
    line = [sys.executable, "-c", HOLDER, str(folder)]
    holder = subprocess.Popen(line, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert holder.stdout
    assert holder.stdout.readline() == "locked\n"
    before = stamps(folder)
    with pytest.raises(ProjectError, match="being worked on by another run"):
        Project(folder)
    assert stamps(folder) == before
    Project(folder, writable=False).close()
    assert 0 <= (seconds_at_work(folder) or -1) < 60
    os.utime(folder / ".lock", (time.time() - 4000, time.time() - 4000))
    assert 4000 <= (seconds_at_work(folder) or -1) < 4060
    with pytest.raises(ProjectError, match="for 1:06:"):
        Project(folder)
    holder.kill()
    holder.communicate()
    assert seconds_at_work(folder) is None
    Project(folder).close()
    assert time.time() - (folder / ".lock").stat().st_mtime < 60


def test_a_look_at_who_works_does_not_keep_a_run_from_starting(tmp_path: Path) -> None:
    Project(tmp_path).close()
    with (tmp_path / ".lock").open("rb") as looking:
        assert _locked(looking, shared=True)
        threading.Timer(0.02, looking.close).start()
        Project(tmp_path).close()


@pytest.mark.parametrize("there", [False, True], ids=["below a file", "read-only"])
def test_a_memory_that_cannot_be_written_is_named(
    there: bool, footage: Footage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    home.touch()
    monkeypatch.setenv("VIDPAINT_HOME", str(home))
    if there:
        home.unlink()
        real = Path.mkdir

        def mkdir(path: Path, *given: Any, **options: Any) -> None:
            if home in (path, *path.parents):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
            real(path, *given, **options)

        monkeypatch.setattr(Path, "mkdir", mkdir)
    with pytest.raises(ProjectError, match="VIDPAINT_HOME") as raised:
        edit(tmp_path / "p", footage, until="mask")
    assert f"remembered in {home}, which cannot be written: " in str(raised.value)
    assert os.strerror(errno.EACCES if there else errno.ENOTDIR) in str(raised.value)


def test_reading_the_source_for_the_first_time_reports_itself(tmp_path: Path) -> None:
    class Reading(Progress):
        def show(self, text: str, done: int, total: int) -> None:
            shown.append((text, done, total))

    shown: list[tuple[str, int, int]] = []
    film = tmp_path / "film.mp4"
    film.write_bytes(bytes(5_500_000))
    assert digest_given(film, Reading()) == digest_given(film)
    assert shown == [("checking the source (MB)", done, 6) for done in (2, 3, 4, 5, 6)]
    stopped = Reading()
    stopped.cancel()
    with pytest.raises(Cancelled):
        digest_given(film, stopped)


def test_a_new_project_says_that_it_reads_the_source(footage: Footage, tmp_path: Path) -> None:
    first, second = Steps(), Steps()
    edit(tmp_path / "p", footage, until="mask", progress=first)
    edit(tmp_path / "p", footage, until="mask", progress=second)
    assert (first.count["checking the source (MB)"], second.count["checking the source (MB)"]) == (1, 0)


def test_a_folder_with_other_files_is_refused(tmp_path: Path) -> None:
    (tmp_path / "holiday.jpg").write_text("x")
    with pytest.raises(ProjectError, match="holds other files and no project"):
        Project(tmp_path)
    assert os.listdir(tmp_path) == ["holiday.jpg"]


def test_reading_makes_no_project(tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match="no project in"):
        Project(tmp_path / "p", writable=False)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("left", [".lock", "project.toml.vidpaint-part"])
def test_a_run_killed_while_it_made_the_folder_can_go_on(left: str, tmp_path: Path) -> None:
    (tmp_path / left).write_text("")
    with Project(tmp_path) as project:
        assert project.created
    assert sorted(os.listdir(tmp_path)) == [".lock", "made.jsonl", "project.toml"]


def test_parts_of_a_killed_run_are_removed(tmp_path: Path) -> None:
    Project(tmp_path).close()
    (tmp_path / "alpha").mkdir()
    (tmp_path / "alpha" / "000001.png.vidpaint-part").write_text("half")
    (tmp_path / "alpha" / "mine.part").write_text("a person's")
    Project(tmp_path).close()
    assert os.listdir(tmp_path / "alpha") == ["mine.part"]


@pytest.mark.parametrize("there", [True, False], ids=["empty folder of the user", "new folders"])
def test_discard_leaves_the_place_as_it_was(there: bool, tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "p"
    if there:
        folder.mkdir(parents=True)
    project = Project(folder)
    project.discard()
    assert folder.exists() == there
    assert there or os.listdir(tmp_path) == []


def test_discard_keeps_what_is_not_ours(tmp_path: Path) -> None:
    project = Project(tmp_path / "p")
    (tmp_path / "p" / "notes.txt").write_text("mine")
    project.discard()
    assert os.listdir(tmp_path / "p") == ["notes.txt"]


def test_settings_that_changed_are_written_and_paths_stay_on_this_machine(tmp_path: Path, home: Path) -> None:
    with Project(tmp_path / "p") as project:
        settings = put(Settings(), {"mask.grow": 3.0, "source.path": str(tmp_path / "secret clip.mp4")})
        project.write_settings(settings)
        assert project.read_settings(Settings()) == settings
    text = (tmp_path / "p" / "project.toml").read_text()
    assert "grow = 3.0" in text
    assert "secret" not in "".join(p.read_text() for p in (tmp_path / "p").iterdir())
    assert "secret" in "".join(p.read_text() for p in (home / "inputs").iterdir())


def test_a_hand_edited_project_toml_is_used_and_survives_in_kept(tmp_path: Path) -> None:
    mine = "version = 1\n\n# warmer, as Ann asked\n[mask]\ngrow = 3.0\n"
    with Project(tmp_path) as project:
        project.path("project.toml").write_text(mine)
        settings = project.read_settings(Settings())
        assert settings.mask.grow == 3.0
        project.write_settings(settings)
        assert project.path("project.toml").read_text() == mine
        project.write_settings(put(settings, {"mask.gamma": 5.0}))
        assert (tmp_path / "kept" / "project-1.toml").read_text() == mine
        assert project.read_settings(Settings()).mask.gamma == 5.0


def test_a_project_toml_from_notepad_has_a_byte_order_mark(tmp_path: Path) -> None:
    with Project(tmp_path) as project:
        project.path("project.toml").write_bytes(b"\xef\xbb\xbf[mask]\r\ngrow = 3.0\r\n")
        assert project.read_settings(Settings()).mask.grow == 3.0


def test_kept_names_do_not_collide(tmp_path: Path) -> None:
    with Project(tmp_path) as project:
        for text in ("one", "two"):
            project.path("alpha").mkdir(exist_ok=True)
            project.path("alpha/000001.png").write_text(text)
            project.keep("alpha/000001.png")
    kept = tmp_path / "kept" / "alpha"
    assert {p.name: p.read_text() for p in kept.iterdir()} == {"000001-1.png": "one", "000001-2.png": "two"}


def test_a_copied_project_has_nothing_to_do_once_its_source_is_named(
    finished: Path, footage: Footage, tmp_path: Path
) -> None:
    copy = copied(finished, tmp_path / "copy")
    with pytest.raises(SettingsError, match="name it again"):
        session.run(copy, {})
    before = stamps(copy)
    elsewhere = tmp_path / "elsewhere.mp4"
    elsewhere.write_bytes(footage["source"].read_bytes())
    session.run(copy, {"source.path": str(elsewhere)})
    assert remade(before, copy) == set()
    session.run(copy, {})
    assert remade(before, copy) == set()


def test_a_project_without_its_project_toml_has_the_defaults(finished: Path, footage: Footage, tmp_path: Path) -> None:
    copy = copied(finished, tmp_path / "copy")
    (copy / "project.toml").unlink()
    edit(copy, footage, until="mask")
    assert "[mask]" in (copy / "project.toml").read_text()


def test_status_works_while_a_run_is_on(finished: Path, footage: Footage, tmp_path: Path) -> None:
    copy = copied(finished, tmp_path / "copy")
    session.run(copy, {"source.path": str(footage["source"])})
    os.utime(copy / "project.toml")
    with Project(copy):
        assert {state.state for state in session.status(copy)} == {"done"}


def test_status_looks_at_a_source_whose_time_changed_without_writing(
    finished: Path, footage: Footage, tmp_path: Path
) -> None:
    copy, source = copied(finished, tmp_path / "copy"), tmp_path / "clip.mp4"
    source.write_bytes(footage["source"].read_bytes())
    session.run(copy, {"source.path": str(source)})
    os.utime(source, (1, 1))
    before = stamps(copy)
    assert {state.state for state in session.status(copy)} == {"done"}
    assert stamps(copy) == before


@pytest.mark.parametrize(
    "file", ["patches.json", "filled.json", "render.json", "selection.json", "region.json", "groups.json"]
)
@pytest.mark.parametrize("text", [b"{", b"[1", b"\xff", b'{"a": 1}', b"[7]", b""], ids=repr)
def test_damaged_records_are_a_sentence(
    file: str, text: bytes, finished: Path, footage: Footage, tmp_path: Path
) -> None:
    copy = copied(finished, tmp_path / "copy")
    (copy / file).write_bytes(text)
    with pytest.raises(ProjectError) as caught:
        edit(copy, footage)
    assert file in str(caught.value)


@pytest.mark.parametrize("name", ["/etc/passwd", "../../x.mp4", "..\\x.mp4", "C:/x.mp4"])
@pytest.mark.parametrize("where", ["project", "package"])
@pytest.mark.parametrize("file", ["patches.json", "render.json"])
def test_a_strangers_names_lead_nowhere(
    file: str, where: str, name: str, finished: Path, footage: Footage, tmp_path: Path
) -> None:
    folder = copied(finished, tmp_path / "copy") / ("" if where == "project" else "package")
    quoted = name.replace("\\", "\\\\")
    patch = f'[{{"key": 0, "start": 0, "stop": 14, "box": {{"x": 0, "y": 0, "width": 96, "height": 64}}, "file": "{quoted}"}}]'
    (folder / file).write_text(patch if file == "patches.json" else f'{{"master": "{quoted}"}}')
    work = partial(session.render, output=tmp_path / "out.mp4") if file == "patches.json" else session.verify
    with pytest.raises(ProjectError, match="Do not open projects you do not trust"):
        work(folder, source=footage["source"])
    assert not (tmp_path / "out.mp4").exists()
