"""A disk that is full in the middle of any write: a sentence, nothing half-written, and what is finished stays."""

from __future__ import annotations

import errno
import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from projects import decoded, edit, files, hashes, remade, stamps

from lib_vidpaint import atomic
from lib_vidpaint.encode import Writer
from lib_vidpaint.errors import ProjectError
from lib_vidpaint.ledger import Ledger, Made

Footage = dict[str, Path]
PLACES: dict[str, tuple[Any, str, int]] = {
    "renaming": (atomic, "replace", 9),
    "encoding": (Writer, "_mux", 23),
    "pictures": (Path, "write_bytes", 7),
    "texts": (Path, "write_text", 2),
}


def failing(real: Callable[..., Any], when: int) -> Callable[..., Any]:
    """The function, whose disk is full at its call number `when`."""
    calls = 0

    def work(*arguments: Any, **options: Any) -> Any:
        nonlocal calls
        in_memory = getattr(arguments[0], "_name", "") == "the clip in memory"
        calls += not in_memory
        if calls == when and not in_memory:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(*arguments, **options)

    return work


@pytest.mark.parametrize(("owner", "name", "step"), PLACES.values(), ids=PLACES)
def test_the_disk_fills_up_again_and_again(
    owner: Any, name: str, step: int, finished: Path, footage: Footage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, real, sentences = tmp_path / "p", getattr(owner, name), []
    again: set[str] = set()
    for attempt in range(60):
        before = stamps(folder) if folder.exists() else {}
        monkeypatch.setattr(owner, name, failing(real, 1 + step * (attempt if name == "_mux" else 1)))
        try:
            edit(folder, footage)
        except ProjectError as error:
            sentences.append(str(error))
        else:
            break
        finally:
            monkeypatch.setattr(owner, name, real)
        left = files(folder)
        assert not [file for file in left if file.endswith(".vidpaint-part")]
        assert before.keys() - left.keys() <= {".lock"}
        again |= {file for file in remade(before, folder) & before.keys() if not file.startswith("project")}
    assert len(sentences) >= 2
    assert all("The disk is full" in sentence and "what is finished is kept" in sentence for sentence in sentences)
    # An item of several files is finished when all of them are there.
    recipes = {file: made.recipe for file, made in Ledger(folder, writable=False).made.items()}
    assert {file for file in again if list(recipes.values()).count(recipes[file]) == 1} == set()
    assert hashes(folder) == hashes(finished)
    assert decoded(folder / "master.mp4") == decoded(finished / "master.mp4")


class FullFile(io.StringIO):
    def write(self, text: str) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_record_that_finds_no_room_is_a_sentence(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path, writable=True)
    ledger.close()
    ledger._file = FullFile()
    with pytest.raises(ProjectError, match="The disk is full"):
        ledger.add(Made("alpha/000001.png", "mask", "r1"))
