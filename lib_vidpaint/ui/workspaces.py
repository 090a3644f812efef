"""The folders behind the page. Each project has one below the root, under a name that we made up:

<root>/<id>/project/   the project, with one in it where the input is prepared (`preparing.py`)
<root>/<id>/input/     what was uploaded
<root>/<id>/served/    flat; the only folder a browser may read: small pictures, and hard links to videos
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

from ..atomic import PART, RESERVED, write_bytes
from ..errors import ProjectError, SettingsError
from ..model import Frame
from ..pictures import encode_jpeg
from ..preparing import worked_on

ID = re.compile(r"\d{8}-\d{6}-[0-9a-f]{8}")
SHOWN = re.compile(r".* · (\d{4})-(\d\d)-(\d\d) (\d\d):(\d\d):(\d\d) · ([0-9a-f]{8})", re.DOTALL)
UPLOADED = "uploaded: "
TITLE = "title.txt"
NEWEST_FRAMES = 48
_making = tuple(Lock() for _ in range(64))
"""One of them is held while a file in served/ is made: several parts of the page ask for the same at once when a job ends."""


@dataclass(frozen=True)
class Access:
    """Which paths of this machine a page may name. `reachable`: others than its owner can open the page."""

    reachable: bool = False
    roots: tuple[Path, ...] = ()

    def check(self, text: str) -> Path:
        """The file or folder at a path that somebody typed. Raises SettingsError when they may not use it."""
        path = Path(text.strip().strip('"'))
        if not self.reachable:
            if not path.is_absolute() or not path.exists():
                raise SettingsError(f"There is no file {str(path)!r} on this computer: give its whole path.")
            return path
        refused = SettingsError(
            "Others can reach this page, so paths of this computer cannot be used: upload the file."
        )
        if "\0" in text or not path.is_absolute():
            raise refused
        real = path.resolve()
        if real != path or any(part.startswith(".") for part in real.parts[1:]) or not real.exists():
            raise refused
        if not any(real.is_relative_to(root.resolve()) for root in self.roots):
            raise refused
        return real


@dataclass(frozen=True)
class Workspace:
    folder: Path

    @property
    def id(self) -> str:
        return self.folder.name

    @property
    def project(self) -> Path:
        return self.folder / "project"

    @property
    def work(self) -> Path:
        """The project in which frames are painted and rendered: another one where the input is prepared first."""
        return worked_on(self.project)

    @property
    def served(self) -> Path:
        return self.folder / "served"

    @property
    def input(self) -> Path:
        return self.folder / "input"

    @property
    def title(self) -> str:
        """What the project list shows and sends back: the video's name, when the project was begun, and its number."""
        try:
            name = (self.folder / TITLE).read_text(encoding="utf-8")
        except OSError:
            name = "project"
        day, moment, number = self.id.split("-")
        time = f"{moment[:2]}:{moment[2:4]}:{moment[4:]}"
        return f"{name} · {day[:4]}-{day[4:6]}-{day[6:]} {time} · {number}"

    def take(self, upload: Path, name: str) -> str:
        """Move an uploaded file here; gives the words that stand for it in a path box."""
        safe = re.sub(r"[^\w. ()-]", "_", Path(name).name).strip(". ")[-80:] or "video"
        safe = f"_{safe}" if RESERVED.fullmatch(safe) else safe
        self.input.mkdir(parents=True, exist_ok=True)
        shutil.move(upload, self.input / safe)
        return UPLOADED + safe

    def given(self, text: str, access: Access) -> str:
        """The path that a path box stands for: an uploaded file, a `box:` or `ellipse:`, or a path that `access` allows."""
        text = text.strip()
        if not text or text.startswith(("box:", "ellipse:")):
            return text
        if text.startswith(UPLOADED):
            name = text[len(UPLOADED) :]
            path = self.input / name
            if Path(name).name != name or name.startswith(".") or path.is_symlink() or not path.is_file():
                raise SettingsError(f"{name!r} was not uploaded to this project: upload it again.")
            return str(path)
        return str(access.check(text))

    def shown(self, path: str) -> str:
        """The inverse of `given`."""
        return UPLOADED + Path(path).name if path and Path(path).parent == self.input else path

    def publish(self, file: Path) -> Path:
        """A large file of the project where browsers may read it: a hard link, or a copy where there are none."""
        if file.is_symlink():
            raise ProjectError(f"{file.name} is a link to somewhere else: put the file itself there.")
        target = self._fresh(f"{file.stem}_{file.suffix[1:]}-", f"{_stamp(file)}{file.suffix}")
        with _making[hash(target) % len(_making)]:
            if not target.exists():
                try:
                    os.link(file, target)
                except OSError:
                    shutil.copyfile(file, target)
        return target

    def picture(self, name: str, made_from: Path, make: Callable[[], Frame]) -> Path:
        """A small JPEG in served/, made again when the file it shows has changed."""
        return self.made(name, made_from, ".jpg", lambda: encode_jpeg(make()))

    def made(self, name: str, made_from: Path, suffix: str, make: Callable[[], bytes]) -> Path:
        """A file in served/, made again when the one it shows has changed."""
        target = self._fresh(f"{name}-", f"{_stamp(made_from)}{suffix}")
        with _making[hash(target) % len(_making)]:
            if not target.exists():
                write_bytes(target, make(), parents=False)  # a project that was just deleted stays away
        return target

    def drawn(self, name: str, made_from: Path, suffix: str = ".jpg") -> bool:
        """Whether `picture` or `made` would find its file there."""
        return (self.served / f"{name}-{_stamp(made_from)}{suffix}").exists()

    def prune(self, prefix: str, keep: int = NEWEST_FRAMES) -> None:
        """Leave only the newest pictures of frames that somebody looked at."""
        made: dict[Path, int] = {}
        for path in self.served.glob(prefix + "*"):
            if path.suffix != PART:
                with suppress(FileNotFoundError):  # another view has just made room
                    made[path] = path.stat().st_mtime_ns
        for path in sorted(made, key=lambda path: made[path])[:-keep]:
            path.unlink(missing_ok=True)

    def _fresh(self, prefix: str, rest: str) -> Path:
        self.served.mkdir(exist_ok=True)
        target = self.served / f"{prefix}{rest}"
        if target.exists():  # with 2,000 pictures there, looking for older ones takes 2 ms
            return target
        for old in self.served.glob(f"{prefix}*"):
            if old != target and re.fullmatch(r"[0-9a-f]+-[0-9a-f]+\.\w+", old.name[len(prefix) :]):
                old.unlink(missing_ok=True)
        return target


@dataclass(frozen=True)
class Workspaces:
    """All projects of a page; `allow` is told every served folder before something in it is shown."""

    root: Path
    allow: Callable[[Path], None]

    def create(self, title: str) -> Workspace:
        """A new workspace. Raises ProjectError when the root cannot be written, or not be served."""
        if any(part.startswith(".") for part in self.root.parts[1:]):
            raise ProjectError(
                f"Nothing below a hidden folder is shown in a browser: choose another folder than {self.root}."
            )
        made = Workspace(self.root / f"{time.strftime('%Y%m%d-%H%M%S')}-{secrets.token_hex(4)}")
        try:
            made.served.mkdir(parents=True)
            write_bytes(made.folder / TITLE, title.encode("utf-8", "replace"))
        except OSError as error:
            raise ProjectError(
                f"No project can be made in {self.root} ({error.strerror}): choose another folder for the projects."
            ) from error
        self.allow(made.served)
        return made

    def deleted(self, title: str) -> bool:
        """Whether this is the title of a workspace that is not there, as after a deletion on another page."""
        found = self._named(title)
        return found is not None and not found.folder.exists()

    def open(self, title: str) -> Workspace:
        """The workspace with this title. Raises ProjectError when there is none, or when it holds links to elsewhere."""
        found = self._named(title)
        if found is None or found.folder.is_symlink() or not found.folder.is_dir():
            raise ProjectError("There is no such project: choose one from the list, or begin a new one.")
        served = found.served
        served.mkdir(exist_ok=True)
        if served.is_symlink() or found.project.is_symlink() or found.input.is_symlink():
            raise ProjectError("This project's folder contains links to other places: it is not opened.")
        for entry in os.scandir(served):
            if entry.is_symlink() or entry.name.startswith("."):
                os.unlink(entry.path)
        self.allow(served)
        return found

    def _named(self, title: str) -> Workspace | None:
        asked = SHOWN.fullmatch(title or "")
        name = "{}{}{}-{}{}{}-{}".format(*asked.groups()) if asked else ""
        return Workspace(self.root / name) if ID.fullmatch(name) else None

    def titles(self) -> list[str]:
        """The titles of all projects, the newest first. gradio 3 has no values besides the words it shows."""
        return [space.title for space in self.all() if space.project.is_dir()]

    def all(self) -> list[Workspace]:
        """Every project, the newest first."""
        if not self.root.is_dir():
            return []
        names = sorted((p.name for p in self.root.iterdir() if ID.fullmatch(p.name)), reverse=True)
        return [Workspace(self.root / name) for name in names if not (self.root / name).is_symlink()]


def _stamp(file: Path) -> str:
    stat = file.stat()
    return f"{stat.st_mtime_ns:x}-{stat.st_size:x}"
