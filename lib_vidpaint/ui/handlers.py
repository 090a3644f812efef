"""What the page's buttons do: one short method each, around session, jobs and viewing. Nothing of gradio but `update`."""

from __future__ import annotations

import logging
import os
import re
import secrets
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from .. import jobs, session, viewing
from ..clip import open_clip
from ..errors import MaskError, SettingsError, VidpaintError
from ..settings import get, put
from ..stages import PRESETS, Settings
from . import fragments, picker
from .compat import update, uploaded, url
from .controls import Form
from .workspaces import Access, Workspace, Workspaces

log = logging.getLogger(__name__)
THUMBS = 24
PATHS = "mask.path", "mask.white"
NO_PROJECT = "Open a video first, under Source & mask."
VIDEOS = (("package/comparison.mp4", "Original, mask, result and difference × 8"), ("share.mp4", "The result"))


def nothing() -> None:
    """What a host without buttons of its own does."""


@dataclass(frozen=True)
class Host:
    """What surrounds the page: which engine paints, the names it knows, and how its own work is stopped at once."""

    engine: str = "builtin"
    names: Callable[[str], Sequence[str]] = lambda kind: ()
    interrupt: Callable[[], None] = nothing
    skip: Callable[[], None] | None = None


def guarded(outputs: int, work: Callable[..., Any]) -> Callable[..., Any]:
    """The handler that gradio calls: `work` gives `outputs` values; a last one is added, the sentence for the message line.

    After an error all but that one stay as they are.
    """

    def handler(*given: Any) -> Any:
        try:
            result = work(*given)
        except VidpaintError as error:
            return (*[update()] * outputs, fragments.note(str(error), "error"))
        except Exception as error:
            log.exception("the page")
            text = f"This is a mistake in Video Inpaint ({type(error).__name__}): its log says more."
            return (*[update()] * outputs, fragments.note(text, "error"))
        values = result if isinstance(result, tuple) else (result,) if outputs else ()
        assert len(values) == outputs
        return (*values, "")

    return handler


class Page:
    """The handlers. Every one takes what the browser sent, checks it here, and gives the new contents of the page."""

    def __init__(self, spaces: Workspaces, access: Access, form: Form, host: Host) -> None:
        self.spaces, self.access, self.form, self.host = spaces, access, form, host

    def projects(self) -> list[str]:
        """The titles of all projects, the newest first. gradio 3 has no values besides the words it shows."""
        return [space.title for space in self.spaces.all() if space.project.is_dir()]

    def start(self, id: str) -> Any:
        """The project list as the page opens: what is running, or else the newest."""
        known = self.projects()
        running = [name for name in known if (job := jobs.of(self.spaces.open(name).project)) and job.running]
        chosen = id if id in known else (running or known or [""])[0]
        return update(choices=known, value=chosen or None)

    def open_video(self, upload: Any, path: str, span: str, fps: str) -> tuple[Any, Any, Any]:
        """Begin a project on an uploaded video, or on one of this computer."""
        if not upload and not path.strip():
            raise SettingsError("Which video? Upload one, or give its path.")
        try:
            file = uploaded(upload) if upload else self.access.check(path)
        except ValueError:
            raise SettingsError("The upload did not arrive: try again.") from None
        values = {"source.span": span, "source.fps": fps}
        asked = put(Settings(), values).source
        open_clip(file, asked.frame_rate, asked.times)
        name = os.path.basename(getattr(upload, "orig_name", "") or file.name)
        space = self.spaces.create(name)
        try:
            text = space.take(file, name) if upload else str(file)
            jobs.start(space.project, {**values, "source.path": space.given(text, self.access)}, until=session.SOURCE)
        except BaseException:
            shutil.rmtree(space.folder, ignore_errors=True)
            raise
        known = [space.title, *(title for title in self.projects() if title != space.title)]
        return update(choices=known, value=space.title), update(value=None), update(value="")

    def load(self, id: str) -> tuple[Any, ...]:
        """The controls as the project has them. One that has no mask yet begins with what the page shows."""
        space = self._space(id)
        if not session.is_project(space.project):
            return tuple(update() for _ in self.form.controls)
        with session.opened(space.project) as run:
            values = {path: get(run.settings, path) for path in self.form.controls}
        for path in PATHS:
            values[path] = space.shown(values[path])
        fresh = not (space.project / "region.json").exists()
        return tuple(
            update() if fresh and path not in PATHS and not path.startswith("source.") else update(value=value)
            for path, value in values.items()
        )

    def preset(self, name: str) -> tuple[Any, ...]:
        """The controls with a preset's values; the others stay."""
        chosen = PRESETS.get(name, {})
        return tuple(update(value=chosen[path]) if path in chosen else update() for path in self.form.controls)

    def dice(self) -> Any:
        """Another seed."""
        return update(value=secrets.randbelow(2**32))

    def take_mask(self, id: str, upload: Any) -> tuple[Any, Any]:
        """An uploaded mask becomes the project's."""
        if not upload:
            return update(), update()
        space = self._space(id)
        try:
            file = uploaded(upload)
        except ValueError:
            raise SettingsError("The upload did not arrive: try again.") from None
        return update(value=space.take(file, getattr(upload, "orig_name", "") or file.name)), update(value=None)

    def run(self, until: str) -> Callable[..., tuple[()]]:
        """The handler that starts the work up to a stage."""

        def handler(id: str, *given: Any) -> tuple[()]:
            space, values = self._space(id), self._values(id, given)
            if not values["mask.path"]:
                raise MaskError("What may change? Drag a box on the picture, upload a mask, or give its path.")
            jobs.start(space.project, values, until=until, plan=until == "keyframes")
            return ()

        return handler

    def interrupt(self, id: str) -> tuple[()]:
        """Stop the project's job at its next step, and the host's sampling at once."""
        job = jobs.of(self._space(id).project)
        if job and job.running:
            job.cancel()
            self.host.interrupt()
        return ()

    def skip(self, id: str) -> tuple[()]:
        """Give up the pictures that are being painted now; the rest goes on."""
        job = jobs.of(self._space(id).project)
        if job and job.running and self.host.skip:
            self.host.skip()
        return ()

    def poll(self, id: str, *given: Any) -> tuple[Any, Any, Any]:
        """Progress, stepper, and a text that changes whenever the rest of the page has something new to show."""
        if not id:
            return "", fragments.stepper([]), ""
        space = self.spaces.open(id)
        job = jobs.of(space.project)
        busy = bool(job and job.running)
        version = f"{space.id} {_version(space, job)}"
        try:
            asked = tuple(self._values(id, given).items())
            states = [] if busy else _states(space.project, version, asked)
        except VidpaintError as error:
            return fragments.progress(job), fragments.note(str(error), "error"), version
        return fragments.progress(job), update() if busy else fragments.stepper(states), version

    def refresh(self, id: str, index: float, shown: str, *given: Any) -> tuple[Any, ...]:
        """Everything that follows from the project's files: facts, frame slider, frame, plan, keyframes, gallery, result."""
        if not id:
            return (fragments.note(NO_PROJECT), update(), "", fragments.note(NO_PROJECT), "", "", "", "", update())
        space = self._space(id)
        if not viewing.was_read(space.project):
            return "", update(), "", "", "", "", "", "", update()
        found = self._facts(space)
        index = int(min(index, found.frames - 1))
        slider = update(maximum=found.frames - 1, value=index)
        return (
            fragments.source(found), slider, self._frame(space, index, found, ""), *self._keyframes(space, 0),
            picker.render(space, _number(shown)), *self._result(space), slider,
        )  # fmt: skip

    def frame(self, id: str, index: float, mask: str) -> str:
        """One frame with what may change."""
        space = self._space(id)
        found = self._facts(space)
        return self._frame(space, int(index or 0), found, mask)

    def _frame(self, space: Workspace, index: int, found: viewing.Facts, mask: str) -> str:
        region = space.project / "region.json"
        box = mask if re.fullmatch(r"box:\d+(,\d+){3}", mask) else ""
        made_from = region if region.exists() else space.project / "frames.csv"
        name = f"frame-{index:06d}" + re.sub(r"\D", "_", box)
        picture = space.picture(name, made_from, lambda: viewing.overlaid(space.project, index, box))
        space.prune("frame-")
        return fragments.frame(url(picture), found.width, found.height)

    def between(self, id: str, index: float) -> str:
        """One frame before and after, to be compared."""
        space = self._space(id)
        patches = space.project / "patches.json"
        if not patches.exists() or not (space.project / "render.json").exists():
            return fragments.note("There is no result yet: press Run all, or Render below.")
        number, pair, found = int(index or 0), {}, self._facts(space)
        filled = space.project / "filled.json"
        made_from = filled if filled.exists() else patches

        def side(which: int) -> Any:
            if not pair:
                pair["both"] = viewing.before_after(space.project, number)
            return pair["both"][which]

        before = space.picture(f"before-{number:06d}", made_from, lambda: side(0))
        after = space.picture(f"after-{number:06d}", made_from, lambda: side(1))
        for prefix in ("before-", "after-"):
            space.prune(prefix)
        return fragments.compare(url(before), url(after), number, found.width, found.height)

    def _keyframes(self, space: Workspace, page: int) -> tuple[str, str]:
        """What is to paint, and the plot with the keyframes."""
        folder = space.project
        if not (folder / "groups.json").exists() or not (folder / "keyframes/plot.png").exists():
            return fragments.note("No keyframes yet: press Find keyframes."), ""
        job, picks = jobs.of(folder), viewing.gallery(folder)
        pages = -(-len(picks) // THUMBS)
        page = min(max(page, 0), pages - 1)
        rotation = viewing.rotation(folder)
        pictures = [
            (pick, picker.key_picture(space, pick.group.key, rotation))
            for pick in picks[page * THUMBS : (page + 1) * THUMBS]
        ]
        plot = url(space.publish(folder / "keyframes/plot.png"))
        shown = f'<img class="vidpaint-plot" src="{plot}" alt="the score of every frame, with its keyframes">'
        about = fragments.plan(job.plan) if job and job.plan else fragments.table([("Keyframes", str(len(picks)))])
        return about, shown + fragments.keyframes(pictures, page, pages)

    def _result(self, space: Workspace) -> tuple[str, str]:
        """Videos, failures and receipt; and the files."""
        folder = space.project
        if not (folder / "render.json").exists():
            return fragments.note("There is no result yet: press Run all, or Render below."), ""
        made = [
            fragments.video(url(space.publish(folder / file)), title)
            for file, title in VIDEOS
            if (folder / file).exists()
        ]
        text = folder / "package/receipt.txt"
        receipt = fragments.receipt(text.read_text(encoding="utf-8") if text.exists() else "")
        links = [
            (name, url(space.publish(folder / "package" / name)), size)
            for name, size in viewing.sizes_of(folder).items()
            if not name.startswith(".")
        ]
        place = "" if self.access.reachable else str(folder / "package")
        return (
            fragments.failed(viewing.failures(folder))
            + f'<div class="vidpaint-videos">{"".join(made)}</div>'
            + receipt,
            fragments.files(links, place),
        )

    def command(self, id: str, shown: str, index: float, mask: str, text: str) -> tuple[Any, ...]:
        """What a click or key on a picture asked for. Gives mask, frame, gallery, keyframe on view, and keyframe thumbnails."""
        space = self._space(id)
        keep = update()
        if re.fullmatch(r"box:\d{1,5}(,\d{1,5}){3}", text):
            return update(value=text), self.frame(id, index, text), keep, keep, keep
        if page := re.fullmatch(r"keyframes:(\d{1,6})", text):
            return keep, keep, keep, keep, self._keyframes(space, int(page[1]))[1]
        if page := re.fullmatch(r"strip:(\d{1,6})", text):
            return keep, keep, picker.render(space, _number(shown), int(page[1])), keep, keep
        key = picker.obey(space, text, _number(shown))
        return keep, keep, picker.render(space, key), str(key), keep

    def open_folder(self, id: str) -> tuple[()]:
        """Show the results in the computer's own file manager."""
        folder = self._space(id).project
        if self.access.reachable:
            raise SettingsError("Others can reach this page, so it opens no windows on this computer.")
        if sys.platform == "win32":
            os.startfile(folder)  # noqa: S606
        else:
            subprocess.Popen(["open" if sys.platform == "darwin" else "xdg-open", folder])
        return ()

    def _facts(self, space: Workspace) -> viewing.Facts:
        if not viewing.was_read(space.project):
            raise SettingsError("The video is still being read: wait a moment.")
        return _facts(space.project, (space.project / "frames.csv").stat().st_mtime_ns)

    def _space(self, id: str) -> Workspace:
        if not id:
            raise SettingsError(NO_PROJECT)
        return self.spaces.open(id)

    def _values(self, id: str, given: Sequence[Any]) -> dict[str, Any]:
        values = self.form.values(given)
        space = self.spaces.open(id)
        for path in PATHS:
            values[path] = space.given(values[path], self.access)
        return values


def _number(text: str) -> int:
    return int(text) if text and text.isdigit() and len(text) < 10 else -1


def _version(space: Workspace, job: jobs.Job | None) -> str:
    """Grows stale with every finished task, and with every decision of a person."""
    chosen = space.project / "selection.json"
    decided = chosen.stat().st_mtime_ns if chosen.exists() else 0
    if job and job.running:
        return f"{job.text} {job.done // 8 if job.text == 'painting' else ''} {decided}"
    ledger = space.project / "made.jsonl"
    return f"{ledger.stat().st_mtime_ns if ledger.exists() else 0} {decided} {job.state if job else ''}"


@lru_cache(maxsize=64)
def _states(folder: Path, version: str, asked: tuple[tuple[str, Any], ...]) -> list[session.StageState]:
    """Where every stage stands with the values on the page; remembered, for the page asks every second."""
    return session.status(folder, dict(asked)) if session.is_project(folder) else []


@lru_cache(maxsize=16)
def _facts(folder: Path, stamp: int) -> viewing.Facts:
    """Measured once for every survey: the estimate of the master encodes a few frames."""
    return viewing.facts(folder)
