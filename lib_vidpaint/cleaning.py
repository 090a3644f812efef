"""What of a page's projects can go: previews, candidates that nobody wants any more, or a whole project.

Nothing here follows a link, and no file that a person made or changed is removed, but with its whole project.
"""

from __future__ import annotations

import os
import re
import shutil
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from .atomic import explained, replace
from .errors import ProjectError, VidpaintError
from .groups import GROUPS, SELECTION, candidate_file
from .ledger import NAME as LEDGER
from .ledger import Finished, Ledger
from .pipeline import Run, Stage, reasons, used_inputs, used_settings
from .project import Folder, Project, forget, is_project, seconds_at_work
from .selection import earlier_of, gallery
from .stages import STAGES, Settings

PREVIEW = re.compile(r".+-[0-9a-f]+-[0-9a-f]+\.\w+")
"""How the page names what it puts in served/."""
CANDIDATE = re.compile(r"candidates/(\d+)/(\d+)\.png")
GONE = ".deleted"
DAY = 86400


@dataclass(frozen=True)
class Spare:
    """Files that can go, and what that frees in bytes; a file that has another name elsewhere frees nothing."""

    files: tuple[Path, ...] = ()
    size: int = 0


def size_of(folder: Path) -> int:
    """Bytes on the disk of everything in a folder: a file with several names counts once, links do not count."""
    sizes = {}
    for path in _files(folder):
        stat = path.lstat()
        sizes[stat.st_dev, stat.st_ino] = stat.st_size
    return sum(sizes.values())


def previews(served: Path) -> Spare:
    """What the page made to show a project, and makes again when it is looked at."""
    if served.is_symlink() or not served.is_dir():
        return Spare()
    return _spare(path for path in sorted(served.iterdir()) if PREVIEW.fullmatch(path.name) and _plain(path))


def candidates(folder: Path) -> Spare:
    """Painted pictures that no run asks for any more: of earlier rounds, of dropped keyframes, and of frames that are none.

    What was chosen or could be again by an undo stays, and so does everything that a person made or changed.
    """
    if not is_project(folder) or not (folder / GROUPS).exists() or (folder / "candidates").is_symlink():
        return Spare()
    with Project(folder, writable=False) as project:
        count = project.read_settings(Settings()).inpaint.candidates
        used = _could_be_chosen(project)
        for pick in gallery(project, count):
            numbers = () if pick.decision == "drop" else (*pick.candidates, pick.candidate)
            used |= {(pick.group.key, number) for number in numbers if number is not None}
        kept = {candidate_file(*one) for one in used}
        ours = [file for file in sorted(project.ledger.made) if CANDIDATE.fullmatch(file) and file not in kept]
        return _spare(project.path(file) for file in ours if _ours(project.folder, project.ledger, file))


def _could_be_chosen(project: Folder) -> set[tuple[int, int]]:
    """(key, candidate) of every choice that an undo would bring back."""
    choices = [choice for before in earlier_of(project) for choice in before.choices]
    return {(choice.key, choice.candidate) for choice in choices if choice.candidate is not None}


def free(folder: Path, served: Path) -> int:
    """Delete the `previews` and `candidates` of a project; gives the bytes that were freed.

    What was up to date stays so. Raises ProjectError while the project is worked on.
    """
    with Project(folder) as project:
        found = candidates(folder)
        if found.files:
            run = Run(project, project.read_settings(Settings()))
            done = _up_to_date(run)
            _delete(found.files)
            for stage in done:
                run.ledger.add(Finished(stage.name, used_settings(run, stage), used_inputs(run, stage)))
        shown = previews(served)
        _delete(shown.files)
    return found.size + shown.size


def _up_to_date(run: Run) -> list[Stage]:
    try:
        return [stage for stage in STAGES if not reasons(run, stage)]
    except VidpaintError:  # the source is not there, so nobody can tell: the next run looks at every stage
        return []


def delete(workspace: Path, project: Path) -> None:
    """Delete a workspace with the project in it, and where this machine remembers the user's files for it to lie.

    Raises ProjectError while the project is worked on, or when something in it cannot be deleted.
    """
    if workspace.is_symlink():
        raise ProjectError(f"{workspace.name} is a link to another place: delete it by hand.")
    if seconds_at_work(project) is not None:
        raise ProjectError("This project is being worked on: wait for it, or interrupt it first.")
    gone = workspace.with_name(workspace.name + GONE)
    try:
        replace(workspace, gone)
        shutil.rmtree(gone)
    except OSError as error:
        raise explained(error, workspace) from error
    forget(project)


def tidy(workspaces: Iterable[Path], days: int) -> int:
    """Delete the previews of all projects that nobody touched for so many days (0: of none); gives the bytes freed.

    Each workspace has its project in `project` and its previews in `served`.
    """
    freed = 0
    for workspace in workspaces if days else ():
        project, found = workspace / "project", previews(workspace / "served")
        idle = time.time() - _touched(workspace) > days * DAY
        if found.files and idle and seconds_at_work(project) is None:
            _delete(found.files)
            freed += found.size
    return freed


def _touched(workspace: Path) -> float:
    """When something was last done to a project, or looked at."""
    project = workspace / "project"
    places = (workspace / "served", project, *(project / name for name in (LEDGER, SELECTION)))
    return max((place.stat().st_mtime for place in places if place.exists()), default=0.0)


def _ours(folder: Path, ledger: Ledger, file: str) -> bool:
    """Whether a file that we recorded lies in the project itself and holds what we wrote."""
    path = folder / file
    return _plain(path) and not path.parent.is_symlink() and not ledger.touched(file)


def _plain(path: Path) -> bool:
    return path.is_file() and not path.is_symlink()


def _spare(files: Iterable[Path]) -> Spare:
    found = tuple(files)
    return Spare(found, sum(stat.st_size for stat in (path.stat() for path in found) if stat.st_nlink == 1))


def _delete(files: Iterable[Path]) -> None:
    for path in files:
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise explained(error, path) from error


def _files(folder: Path) -> Iterator[Path]:
    for parent, _, names in os.walk(folder):
        yield from (path for name in names if not (path := Path(parent, name)).is_symlink())
