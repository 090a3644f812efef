"""The project folder: where things lie in it, who may write it, and which files of the user's it works on.

    project.toml     settings that differ from the defaults        selection.json   a person's decisions
    made.jsonl       what was made from what (`ledger.py`)         kept/            hand-changed files moved aside
    run.log          what happened                                 ...              one folder or file per artifact

The paths of the user's own files (source, mask) are remembered on this machine only, outside the project, so that a
project that came from somebody else can name no file of yours.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import time
from datetime import timedelta
from pathlib import Path
from typing import IO, Any, TypeVar

from . import settings as settings_module
from .atomic import PART, check_folder, explained, quoted, replace, write_bytes
from .errors import ProjectError
from .folders import masks_in, pictures_in
from .ledger import NAME as LEDGER
from .ledger import Input, Ledger, digest, digest_file
from .model import from_json
from .progress import Progress

SETTINGS = "project.toml"
LOG = "run.log"
LOCK = ".lock"
MEGABYTE = 10**6
T = TypeVar("T")


class Folder:
    """A folder of artifacts to read: a project, or the package of one."""

    def __init__(self, folder: Path) -> None:
        self.folder = Path(os.path.abspath(folder))

    def path(self, file: str) -> Path:
        """Where a file of the project lies."""
        return self.folder / file

    def record(self, file: str, kind: type[T]) -> T:
        """The record of type `kind` that a JSON file holds. Raises ProjectError when the file is damaged."""
        try:
            return from_json(kind, json.loads(self.path(file).read_text(encoding="utf-8-sig")), file)
        except OSError as error:
            raise ProjectError(
                f"{file} cannot be read in {self.folder} ({error.strerror}): restore it, or run again."
            ) from None
        except ValueError as error:
            raise ProjectError(f"{file} is damaged ({error}): mend it, or delete it.") from None

    def records(self, file: str, kind: type[T]) -> tuple[T, ...]:
        """The list of records that a JSON file holds. Raises ProjectError when the file is damaged."""
        return self.record(file, tuple[kind, ...])  # pyright: ignore[reportReturnType, reportArgumentType]


class Project(Folder):
    """One open project folder. A writable one is locked against a second run until `close`."""

    def __init__(self, folder: Path, writable: bool = True) -> None:
        super().__init__(folder)
        self.created = not is_project(self.folder)
        self._new_folders = [f for f in (self.folder, *self.folder.parents) if not f.exists()] if self.created else []
        if self.created and not writable:
            raise ProjectError(f"There is no project in {folder}: `vidpaint run VIDEO -o {quoted(folder)}` makes one.")
        self._lock: IO[bytes] | None = None
        if writable:
            self._prepare()
        try:
            self.ledger = Ledger(self.folder, writable)
        except BaseException:
            self._unlock()
            raise
        self._writable = writable

    def _prepare(self) -> None:
        check_folder(self.folder)
        if self.folder.exists() and not self.folder.is_dir():
            raise ProjectError(f"{self.folder} is a file: name a folder for the project with -o.")
        if self.created and self.folder.exists() and set(os.listdir(self.folder)) - {LOCK, SETTINGS + PART}:
            raise ProjectError(f"{self.folder} holds other files and no project: choose a new or empty folder with -o.")
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._lock = (self.folder / LOCK).open("ab")
        except (OSError, ValueError) as error:
            self._remove_folders()
            raise explained(error, self.folder) if isinstance(error, OSError) else ProjectError(str(error)) from error
        if not _locked(self._lock, tries=2):
            since = timedelta(seconds=round(seconds_at_work(self.folder) or 0))
            self._unlock()
            raise ProjectError(
                f"{self.folder} is being worked on by another run (for {since} now): wait for it, or stop it first."
            )
        with contextlib.suppress(OSError):
            os.utime(self.folder / LOCK)
        if self.created:
            try:
                write_bytes(self.folder / SETTINGS, f"version = {settings_module.FORMAT_VERSION}\n".encode())
            except ProjectError:
                self._unlock(remove=True)
                raise
        for part in self.folder.rglob("*" + PART):
            part.unlink()

    def close(self) -> None:
        if self._writable:
            self.ledger.close()
        self._unlock()

    def _unlock(self, remove: bool = False) -> None:
        if self._lock:
            self._lock.close()
            self._lock = None
        if remove:
            (self.folder / LOCK).unlink(missing_ok=True)
            self._remove_folders()

    def __enter__(self) -> Project:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def discard(self) -> None:
        """Undo the creation of a project whose input was refused: remove what the program made, and nothing else."""
        self.ledger.close()
        ours = [file for file in self.ledger.made if not self.ledger.touched(file)]
        for file in (*ours, LEDGER, SETTINGS, LOG):
            (self.folder / file).unlink(missing_ok=True)
        self._memory().unlink(missing_ok=True)
        for folder in sorted({(self.folder / file).parent for file in ours} - {self.folder}, reverse=True):
            with contextlib.suppress(OSError):
                folder.rmdir()
        self._unlock(remove=True)

    def _remove_folders(self) -> None:
        with contextlib.suppress(OSError):
            for folder in self._new_folders:
                folder.rmdir()

    def read_settings(self, defaults: Any) -> Any:
        """`defaults` with project.toml laid over them and the remembered paths of the user's files filled in."""
        try:
            text = self._settings_text()
        except UnicodeDecodeError:
            raise ProjectError(f"{SETTINGS} is damaged (not UTF-8 text): delete it to use the defaults.") from None
        return settings_module.put(settings_module.from_toml(defaults, text, SETTINGS), self._remembered())

    def _settings_text(self) -> str:
        path = self.folder / SETTINGS
        return path.read_text(encoding="utf-8-sig") if path.exists() else ""

    def write_settings(self, settings: Any) -> None:
        """Put the settings down; a project.toml that a person edited is put in kept/ before it is written anew."""
        now = self.read_settings(type(settings)())
        if settings_module.changed(now) != settings_module.changed(settings):
            path, text = self.folder / SETTINGS, settings_module.to_toml(settings).encode()
            written = settings_module.to_toml(now).encode()
            if path.exists() and path.read_bytes() != written:
                self.keep(SETTINGS)
            write_bytes(path, text)
        self._remember(
            {leaf.path: _absolute(leaf, settings_module.get(settings, leaf.path)) for leaf in _local(settings)}
        )

    def keep(self, file: str) -> Path:
        """Move a hand-changed file to kept/ under a free name."""
        source, number = self.folder / file, 1
        while (target := self.folder / "kept" / f"{Path(file).with_suffix('')}-{number}{source.suffix}").exists():
            number += 1
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            replace(source, target)
        except OSError as error:
            raise explained(error, target) from error
        return target

    def input_digest(self, name: str, given: str, progress: Progress | None = None) -> str:
        """The digest of a file or picture folder of the user's, read again only when its size or time changed.

        A mask `box:x,y,w,h` stands for itself. Raises ProjectError for a missing file or a source that has changed.
        """
        if given.startswith(("box:", "ellipse:")):
            if self.ledger.inputs.get(name) != (box := Input(name, given, "", given)):
                self.ledger.add(box)
            return given
        path = Path(given)
        if not path.exists():
            if not self._writable and name in self.ledger.inputs:
                return self.ledger.inputs[name].content
            raise ProjectError(f"{path} is not there any more: name it again when you run {self.folder}.")
        listing = digest(repr([(f.name, f.stat().st_size, f.stat().st_mtime_ns) for f in _files_of(path)]))
        known = self.ledger.inputs.get(name)
        if known and known.listing == listing:
            return known.content
        content = digest_given(path, progress)
        if name == "source" and known and known.content != content:
            raise ProjectError(
                f"{path} is not the video that this project was made from, or has changed since "
                f"(it was {known.name} {known.content}, it is {content} now): "
                "put the old file back, or begin a new project with another -o."
            )
        self.ledger.add(Input(name, path.name, listing, content))
        return content

    def _memory(self) -> Path:
        return _memory(self.folder)

    def _remembered(self) -> dict[str, str]:
        try:
            return from_json(dict[str, str], json.loads(self._memory().read_text(encoding="utf-8")))
        except (OSError, ValueError, ProjectError):
            return {}

    def _remember(self, values: dict[str, str]) -> None:
        if values == self._remembered():
            return
        try:
            write_bytes(self._memory(), json.dumps(values).encode())
        except ProjectError as error:
            raise ProjectError(
                f"Where your files lie is remembered in {config_folder()}, which cannot be written: {_reason(error)}. "
                "Make that folder writable, or name another one in the environment variable VIDPAINT_HOME."
            ) from error


def is_project(folder: Path) -> bool:
    """Whether there is a project; one without project.toml has the default settings."""
    return (folder / SETTINGS).exists() or (folder / LEDGER).exists()


def config_folder() -> Path:
    """Where this program keeps what belongs to the user and not to a project; `VIDPAINT_HOME` overrides it."""
    if home := os.environ.get("VIDPAINT_HOME"):
        return Path(home)
    if os.name == "nt":
        return Path(os.environ.get("APPDATA", Path.home())) / "vidpaint"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "vidpaint"
    return Path(os.environ.get("XDG_CONFIG_HOME", Path.home() / ".config")) / "vidpaint"


def forget(folder: Path) -> None:
    """Drop what is remembered on this machine of a project that is there no more."""
    _memory(Path(os.path.abspath(folder))).unlink(missing_ok=True)


def _memory(folder: Path) -> Path:
    return config_folder() / "inputs" / (digest(os.path.normcase(folder)) + ".json")


def digest_given(path: Path, progress: Progress | None = None) -> str:
    """The digest of a video or of a folder of pictures: every byte is read, 0.8 s a GB and what the disk takes."""
    files = _files_of(path)
    total, done = sum(file.stat().st_size for file in files), 0

    def read(size: int) -> None:
        nonlocal done
        before, done = -(-done // MEGABYTE), done + size
        if progress and (now := -(-done // MEGABYTE)) > before:
            progress.step("checking the source (MB)", now, -(-total // MEGABYTE))

    digests = [digest_file(file, read) for file in files]
    return digests[0] if path.is_file() else digest("".join(f.name + d for f, d in zip(files, digests)))


def _files_of(path: Path) -> list[Path]:
    return (pictures_in(path) or masks_in(path)) if path.is_dir() else [path]


def _local(settings: Any) -> list[settings_module.Leaf]:
    return [leaf for leaf in settings_module.walk(type(settings)) if leaf.knob.local]


def _absolute(leaf: settings_module.Leaf, value: str) -> str:
    return os.path.abspath(value) if leaf.knob.path and value and not value.startswith(("box:", "ellipse:")) else value


def _reason(error: Exception) -> str:
    cause = error.__cause__
    return (cause.strerror if isinstance(cause, OSError) else "") or str(error)


def seconds_at_work(folder: Path) -> float | None:
    """How long ago the run that is working on the project began; None when none is."""
    lock = folder / LOCK
    try:
        with lock.open("rb") as file:
            return None if _locked(file, shared=True) else max(0.0, time.time() - lock.stat().st_mtime)
    except OSError:
        return None


def _locked(file: IO[bytes], shared: bool = False, tries: int = 1) -> bool:
    """Lock the whole file for this process; the system lets go of it when the process ends, however it ends.

    Try twice where it matters: `seconds_at_work` holds the lock for a moment to look.
    """
    try:
        if os.name == "nt":
            import msvcrt

            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)  # pyright: ignore[reportAttributeAccessIssue]
        else:
            import fcntl

            fcntl.flock(file, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except OSError:
        time.sleep(0.05 * (tries - 1))
        return tries > 1 and _locked(file, shared, tries - 1)
    return True
