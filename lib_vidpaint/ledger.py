"""`made.jsonl`: what was made from what. Append-only, one line per finished file; compacted when it is opened.

A line is written *before* its file is renamed into place, so a killed run can leave a line without its file but never
a file of ours without its line: every file whose content is not on record was made or changed by a person.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from .atomic import explained, inside, write_bytes
from .errors import ProjectError
from .model import from_json, to_json

NAME = "made.jsonl"
VERSION = 1


@dataclass(frozen=True)
class Made:
    """One file: the digest of the recipe it was made by, of its content, and of the content of ours it replaced."""

    file: str
    stage: str
    recipe: str
    content: str = ""
    before: str = ""
    size: int = -1
    mtime: int = -1


@dataclass(frozen=True)
class Finished:
    """A stage that ran to its end: the settings and the inputs it used then, by name."""

    finished: str
    settings: dict[str, Any]
    inputs: dict[str, str]


@dataclass(frozen=True)
class Input:
    """A file of the user's (`source`, `mask`, `white`): where it was listed and what its content was."""

    input: str
    name: str
    listing: str
    content: str


def digest(data: bytes | str) -> str:
    """The name of a content: 128 bits of BLAKE2b, in hex."""
    return hashlib.blake2b(data if isinstance(data, bytes) else data.encode(), digest_size=16).hexdigest()


def digest_file(path: Path, read: Callable[[int], None] = lambda size: None) -> str:
    """`digest` of a file's bytes, read in pieces; `read` is told the size of each."""
    state = hashlib.blake2b(digest_size=16)
    with path.open("rb") as file:
        while piece := file.read(1 << 20):
            state.update(piece)
            read(len(piece))
    return state.hexdigest()


class Ledger:
    """The records of one project folder. Only a `writable` ledger appends; both read the files' state from disk."""

    def __init__(self, folder: Path, writable: bool) -> None:
        self._folder, self._path = folder, folder / NAME
        self.made: dict[str, Made] = {}
        self.finished: dict[str, Finished] = {}
        self.inputs: dict[str, Input] = {}
        self._hashed: dict[tuple[str, int, int], str] = {}
        self._file: IO[str] | None = None
        lines = self._read()
        if writable:
            if lines != len(self.made) + len(self.finished) + len(self.inputs) + 1:
                self._compact()
            self._file = self._path.open("a", encoding="utf-8", newline="\n")

    def close(self) -> None:
        if self._file:
            self._file.close()

    def _read(self) -> int:
        """Take in the file; returns how many lines it has, -1 when its end was torn off."""
        if not self._path.exists():
            return 0
        lines = self._path.read_bytes().split(b"\n")
        torn = lines.pop() != b""
        for number, line in enumerate(lines, 1):
            where = f"{NAME} line {number}"
            try:
                data = json.loads(line)
            except ValueError:
                raise ProjectError(
                    f"{where} is damaged: delete that line, and the file it spoke of is taken as your own work."
                ) from None
            self._take(data, where)
        return -1 if torn else len(lines)

    def _take(self, data: Any, where: str) -> None:
        if not isinstance(data, dict):
            raise ProjectError(f"{where} is damaged: expected an object, found {data!r}. Delete that line.")
        if "version" in data:
            if data["version"] != VERSION:
                raise ProjectError(
                    f"{where}: this project is of version {data['version']!r}: update Video Inpaint to open it."
                )
        elif "finished" in data:
            done = from_json(Finished, data, where)
            self.finished[done.finished] = done
        elif "input" in data:
            given = from_json(Input, data, where)
            self.inputs[given.input] = given
        else:
            made = from_json(Made, data, where)
            inside(made.file, where)
            self.made[made.file] = made

    def _compact(self) -> None:
        records = [*self.inputs.values(), *self.made.values(), *self.finished.values()]
        lines = [{"version": VERSION}, *map(to_json, records)]
        write_bytes(self._path, "".join(json.dumps(line) + "\n" for line in lines).encode())

    def add(self, record: Made | Finished | Input) -> None:
        """Put one record on disk at once; a ledger that is only read keeps it in memory."""
        if isinstance(record, Made):
            self.made[record.file] = record
        elif isinstance(record, Finished):
            self.finished[record.finished] = record
        else:
            self.inputs[record.input] = record
        if not self._file:
            return
        try:
            self._file.write(json.dumps(to_json(record)) + "\n")
            self._file.flush()
        except OSError as error:
            raise explained(error, self._path) from error

    def content(self, file: str) -> str:
        """The digest of what the file holds now, '' when it is missing. Unchanged files are not read again.

        For a folder it is that of the files in it, '' when there are none.
        """
        path = self._folder / file
        if path.is_dir():
            listed = [(f.name, self.content(f"{file}/{f.name}")) for f in sorted(path.iterdir()) if f.is_file()]
            return digest(repr(listed)) if listed else ""
        try:
            stat = path.stat()
        except FileNotFoundError:
            return ""
        made = self.made.get(file)
        if made and (made.size, made.mtime) == (stat.st_size, stat.st_mtime_ns):
            return made.content
        key = (file, stat.st_size, stat.st_mtime_ns)
        if key not in self._hashed:
            self._hashed[key] = digest_file(path)
        return self._hashed[key]

    def touched(self, file: str) -> bool:
        """Whether the file is there with a content that is not ours."""
        now, made = self.content(file), self.made.get(file)
        return now != "" and (made is None or now not in (made.content, made.before))

    def fresh(self, file: str, stage: str, recipe: str) -> bool:
        """Whether the file need not be made: it came from this recipe, or a person gave it in its place.

        A hand-made file is used for as long as the recipe of what it stands for stays the same.
        """
        made, now = self.made.get(file), self.content(file)
        if not now:
            return False
        if made is None:
            self.add(Made(file, stage, recipe))
            return True
        return made.recipe == recipe and (now == made.content or self.touched(file))

    def record(self, file: str, stage: str, recipe: str, part: Path, content: str = "") -> None:
        """Say that `part`, about to be renamed to `file`, was made by `recipe`."""
        stat = os.stat(part)
        before = self.content(file)
        made = Made(file, stage, recipe, content or digest_file(part), before, stat.st_size, stat.st_mtime_ns)
        self.add(made)
