"""Writing: whole files or nothing, with a sentence for what the disk refuses."""

from __future__ import annotations

import errno
import os
import shlex
from pathlib import Path
from typing import Any

import pytest

from lib_vidpaint import atomic
from lib_vidpaint.atomic import check_folder, inside, quoted, writing
from lib_vidpaint.errors import ProjectError, VideoError


def refusing(number: int) -> Any:
    def replace(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    return replace


def test_a_file_appears_only_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "new" / "a.txt"
    with writing(path) as part:
        part.write_text("half")
        assert not path.exists()
    assert path.read_text() == "half"
    assert os.listdir(path.parent) == ["a.txt"]


def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")

    def fail() -> None:
        with writing(path) as part:
            part.write_text("ne")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["a.txt"]


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOSPC, "The disk is full"),
        (errno.EDQUOT, "The disk is full"),
        (errno.EACCES, "No permission to write"),
        (errno.EROFS, "No permission to write"),
        (errno.EIO, "could not be written"),
    ],
    ids=["full", "quota", "access", "read-only", "io"],
)
def test_what_the_disk_refuses_is_a_sentence(
    number: int, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(atomic, "replace", refusing(number))
    with pytest.raises(ProjectError) as caught:
        atomic.write_bytes(tmp_path / "a.txt", b"x")
    assert words in str(caught.value)
    assert str(tmp_path / "a.txt") in str(caught.value)
    assert os.listdir(tmp_path) == []


def test_an_encoder_on_a_full_disk_gets_the_same_sentence(tmp_path: Path) -> None:
    def encode() -> None:
        with writing(tmp_path / "a.mp4"):
            raise VideoError("cannot be written") from OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(ProjectError, match=r"The disk is full: .*a\.mp4 could not be written"):
        encode()


def test_replace_waits_for_a_program_that_holds_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    part, path = tmp_path / "a.part", tmp_path / "a"
    part.write_text("new")
    path.write_text("old")
    tries, rename = [], os.replace

    def held_twice(source: Path, target: Path) -> None:
        tries.append(source)
        if len(tries) < 3:
            raise PermissionError(errno.EACCES, "in use")
        rename(source, target)

    monkeypatch.setattr(atomic.os, "replace", held_twice)
    atomic.replace(part, path)
    assert path.read_text() == "new"
    assert len(tries) == 3


def test_replace_gives_up_in_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a").write_text("old")
    monkeypatch.setattr(atomic.os, "replace", refusing(errno.EACCES))
    with pytest.raises(PermissionError):
        atomic.replace(tmp_path / "a.part", tmp_path / "a", patience=0.15)


@pytest.mark.parametrize(
    "name",
    ["", "/etc/passwd", "../a", "a/../../b", "..\\a", "C:/a", "c:a", "\\\\server\\a", "a\0b", "alpha/..", "a:stream"],
)
def test_names_that_lead_out_are_refused(name: str) -> None:
    with pytest.raises(ProjectError, match="not the name of a file inside the project"):
        inside(name, "made.jsonl line 3")


@pytest.mark.parametrize("name", ["a", "alpha/000042.png", "a b/ü.png", "..a/b..png"])
def test_names_inside_are_fine(name: str) -> None:
    assert str(inside(name, "x")) == name


@pytest.mark.parametrize(
    ("folder", "words"),
    [
        ("/videos/con", "called 'con'"),
        ("/videos/LPT1.old/p", "called 'LPT1.old'"),
        ("/videos/p.", "called 'p.'"),
        ("/videos/p /q", "called 'p '"),
        ("/videos/what?/q", "called 'what?'"),
        ("/" + "long folder/" * 21, "too long for Windows"),
    ],
    ids=["reserved", "reserved-suffix", "dot", "space", "sign", "long"],
)
def test_folders_that_windows_cannot_hold(folder: str, words: str) -> None:
    with pytest.raises(ProjectError) as caught:
        check_folder(Path(folder), windows=True)
    assert words in str(caught.value)
    check_folder(Path(folder), windows=False)


@pytest.mark.parametrize("folder", ["/videos/my film", "/videos/it's (1) ü 🎬", "/videos/console/comics"])
def test_usual_folders_are_fine_on_windows(folder: str) -> None:
    check_folder(Path(folder), windows=True)


@pytest.mark.parametrize("name", ["plain-1.0", "my film", "Ann's", 'a "b"', "$HOME", "a;b", "`x`", "köttbullar"])
def test_a_quoted_path_comes_back_from_the_shell(name: str, tmp_path: Path) -> None:
    assert shlex.split(f"vidpaint run -o {quoted(tmp_path / name, windows=False)}")[-1] == str(tmp_path / name)


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        (r"C:\films\p-1", r"C:\films\p-1"),
        (r"C:\my films\p", r'"C:\my films\p"'),
        (r"C:\a&b", r'"C:\a&b"'),
        (r"C:\it's", r'"C:\it' + "'s\""),
    ],
)
def test_a_quoted_path_of_windows(path: str, shown: str) -> None:
    assert quoted(path, windows=True) == shown
