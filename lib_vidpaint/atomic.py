"""Writing files so that a reader only ever sees whole ones, and the rules of file names on every system."""

from __future__ import annotations

import errno
import os
import re
import shlex
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath

from .errors import ProjectError, VideoError

PART = ".vidpaint-part"
WINDOWS_PATH_LIMIT = 259
LONGEST_INSIDE = 48
RESERVED = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?", re.IGNORECASE)


@contextmanager
def writing(path: Path, parents: bool = True) -> Iterator[Path]:
    """A path to write to that becomes `path` when the block ends well, and is removed when it does not.

    `parents`: the folder for it is made where there is none.
    """
    part = path.with_name(path.name + PART)
    try:
        if parents:
            path.parent.mkdir(parents=True, exist_ok=True)
        yield part
        replace(part, path)
    except OSError as error:
        raise explained(error, path) from error
    except VideoError as error:
        if isinstance(error.__cause__, OSError):
            raise explained(error.__cause__, path) from error
        raise
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)


def write_bytes(path: Path, data: bytes, parents: bool = True) -> None:
    """Write a whole file at once, or nothing."""
    with writing(path, parents) as part:
        part.write_bytes(data)


def replace(part: Path, path: Path, patience: float = 3.0) -> None:
    """Rename over `path`. Windows refuses while another program holds the file open: try again for `patience` seconds."""
    end = time.monotonic() + patience
    while True:
        try:
            os.replace(part, path)
            return
        except PermissionError:
            if time.monotonic() >= end or not path.exists() or not os.access(path.parent, os.W_OK):
                raise
        time.sleep(0.1)


def explained(error: OSError, path: Path) -> ProjectError:
    """The sentence for a file that could not be written."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return ProjectError(
            f"The disk is full: {path} could not be written. Free some space and run again; what is finished is kept."
        )
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return ProjectError(
            f"No permission to write {path}: close the program that has it open, or choose another folder for the project."
        )
    return ProjectError(f"{path} could not be written: {error.strerror or error}.")


def free_bytes(folder: Path) -> int:
    """Free space where `folder` is or will be."""
    while not folder.exists():
        folder = folder.parent
    return shutil.disk_usage(folder).free


def quoted(path: str | Path, windows: bool = os.name == "nt") -> str:
    """The path as it can be pasted into a command line: as it is where that is safe, else in the shell's quotes."""
    if windows:
        return str(path) if re.fullmatch(r"[\w\\:./-]+", str(path)) else f'"{path}"'
    return shlex.quote(str(path))


def inside(name: str, where: str) -> PurePosixPath:
    """A project file's name as a relative path. Raises ProjectError when it could lead out of the project."""
    path = PurePosixPath(name)
    if not name or path.is_absolute() or ".." in path.parts or "\\" in name or ":" in name or "\0" in name:
        raise ProjectError(
            f"{where}: {name!r} is not the name of a file inside the project. Do not open projects you do not trust."
        )
    return path


def check_folder(folder: Path, windows: bool = os.name == "nt") -> None:
    """Raises ProjectError for a project folder that Windows could not hold. Elsewhere anything goes."""
    if not windows:
        return
    for part in folder.parts[1:]:
        if RESERVED.fullmatch(part) or part[-1] in ". " or re.search(r'[<>:"|?*]', part):
            raise ProjectError(f"Windows cannot have a folder called {part!r}: choose another folder for the project.")
    if len(str(folder)) + LONGEST_INSIDE > WINDOWS_PATH_LIMIT:
        raise ProjectError(
            f"The path {folder} is too long for Windows: choose a project folder nearer to the drive's root."
        )
