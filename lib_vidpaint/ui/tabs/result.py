"""Tab 5, Result: before and after, what validation found, the files and the receipt."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import gradio as gr

from ... import jobs, previewing, viewing
from ...errors import SettingsError, VidpaintError
from ...ledger import NAME as LEDGER
from ...ledger import digest
from ...model import Frame
from ...preview_video import PREVIEW as PREVIEW_FILE
from ...preview_video import preview_video
from ...survey import FRAMES
from .. import fragments, standing
from ..compat import released, update, url
from ..page import CONTROLS, Page, Tab, facts
from ..previews import Previews
from ..workspaces import Workspace
from .check import Check
from .retouch import Retouch

NOTHING = "There is nothing to look at yet: press Run all, or Render. Painted keyframes are enough for a preview of any frame."
PREVIEW = (
    "A preview: the candidates that are chosen now (the first ones, where nothing is), with the values under “How the edit is "
    "carried”. Fast motion is followed less closely here than in the result, which Render makes."
)
CARRIED = "composite."
"""The knobs whose change is seen at once."""
PATIENCE = 30
VIDEOS = (
    ("package/comparison.mp4", "Original, mask, result and difference × 8"),
    ("share.mp4", "The result"),
    ("smooth.mp4", "The result with in-between frames"),
    ("large.mp4", "The result, larger"),
)


class ResultTab(Tab):
    title = "5 Result"

    def __init__(self, page: Page) -> None:
        super().__init__(page)
        self._previews, self._check, self._retouch = Previews(), Check(page), Retouch(page)

    def build(self) -> None:
        page = self.page
        with gr.Row():
            with gr.Column(scale=3, min_width=320):
                page.html("compare")
                page["between"] = gr.Slider(0, 1, 0, step=1, label="Frame to compare", elem_id="vidpaint_between")
                page.button("run_preview", "Preview 2 seconds around this frame")
                page.html("moving")
                self._check.build()
                self._retouch.build()
                page.html("result")
            with gr.Column(scale=2, min_width=320):
                page.button("run_package", "Render", "primary")
                page.html("files")
                page.button("folder", "Open folder", visible=not page.access.reachable)
                with gr.Accordion("How the edit is carried", open=False):
                    page.form.add("composite")
                with gr.Accordion("How it is refined by upscalers", open=False):
                    page.form.add("refine")
                with gr.Accordion("How it is checked and written", open=False):
                    page.form.add("validate", "enhance", "assemble", "smooth", "package")

    def bind(self) -> None:
        page = self.page
        asked = ["project", "between", "loaded", CONTROLS]
        page.bind(page["between"].change, self.compare, asked, ["compare"])
        for path in page.form.controls:
            if path.startswith(CARRIED):
                page.bind(released(page[path]), self.compare, asked, ["compare"], quiet=True)
        page.bind(page["run_preview"].click, self.preview, asked, ["moving"])
        page.bind_run("run_package", "package")
        page.bind(page["folder"].click, self.open_folder, ["project"])
        self._check.bind()
        self._retouch.bind()
        self.bind_command("retouch", self._retouch.heal, [], ["healing"])
        self.bind_show(self.show, ["between", "loaded", CONTROLS], ["compare", "between", "result", "files", "moving"])

    def show(self, id: str, index: float, loaded: str, *given: Any) -> tuple[Any, Any, str, str, str]:
        """Before and after, its slider, videos with failures and receipt, the files, and no preview that may be old."""
        if not id:
            return "", update(), "", "", ""
        space = self.page.space(id)
        if not viewing.was_read(space.work):
            return "", update(), "", "", ""
        frames = facts(space.work).frames
        index = int(min(index or 0, frames - 1))
        slider = update(maximum=frames - 1, value=index)
        try:
            compared = self.compare(id, index, loaded, *given)
        except VidpaintError as error:
            compared = fragments.note(str(error), "error")
        return compared, slider, self._videos(space), self._files(space), ""

    def compare(self, id: str, index: float, loaded: str, *given: Any) -> Any:
        """One frame before and after: of the render while that is up to date, else as the choices stand now.

        A frame that nobody waits for any more, as the slider has moved on, is left out.
        """
        if not id:  # the slider is put back when the last project is deleted
            return ""
        space, index = self.page.space(id), int(index or 0)
        job, values = jobs.of(space.project), self._values(id, loaded, given)
        rendered = all((space.work / file).exists() for file in ("patches.json", "render.json"))
        if rendered and ((job and job.running) or not _due(space, job, values)):
            return self._pictures(space, index)
        if not previewing.possible(space.work):
            return fragments.note(NOTHING)
        carried = tuple((path, value) for path, value in values.items() if path.startswith(CARRIED))
        shown = self._previews.ask(
            id, (index, carried, standing.version(space, job)), lambda: self._preview(space, index, carried), PATIENCE
        )
        return update() if shown is None else shown

    def preview(self, id: str, index: float, loaded: str, *given: Any) -> str:
        """A player with a second before and a second after the frame, at half the size."""
        space, at = self.page.space(id), int(index or 0)
        if not previewing.possible(space.work):
            raise SettingsError("There is nothing to preview yet: paint candidates first.")
        carried = tuple(
            (path, value) for path, value in self._values(id, loaded, given).items() if path.startswith(CARRIED)
        )
        second = max(1, round(facts(space.work).info.fps))
        frames, made = range(max(0, at - second), at + second), space.work / PREVIEW_FILE
        preview_video(space.work, made, frames, carried)
        last = min(frames.stop, facts(space.work).frames) - 1
        return fragments.video(
            url(space.publish(made)), f"Preview of frames {frames.start} to {last}, at half the size"
        )

    def _values(self, id: str, loaded: str, given: Sequence[Any]) -> dict[str, Any]:
        """What the controls hold once they show the values of this project, and nothing before."""
        return self.page.values(id, given) if loaded == id else {}

    def _pictures(self, space: Workspace, index: int) -> str:
        later = [space.work / name for name in ("enhanced.json", "filled.json", "patches.json")]
        made_from = next(file for file in later if file.exists())
        return _compared(space, index, "", made_from, lambda: viewing.before_after(space.work, index))

    def _preview(self, space: Workspace, index: int, carried: previewing.Values) -> str:
        number = f"p{digest(repr(carried))[:8]}-"
        made_from = space.work / LEDGER
        pair = _compared(space, index, number, made_from, lambda: previewing.preview(space.work, index, carried))
        return pair + fragments.note(PREVIEW)

    def _videos(self, space: Workspace) -> str:
        folder = space.work
        if not (folder / "render.json").exists():
            return ""
        made = [
            fragments.video(url(space.publish(folder / file)), title)
            for file, title in VIDEOS
            if (folder / file).exists()
        ]
        text = folder / "package/receipt.txt"
        receipt = fragments.receipt(text.read_text(encoding="utf-8") if text.exists() else "")
        failed = fragments.failed(viewing.failures(folder))
        return f'{failed}<div class="vidpaint-videos">{"".join(made)}</div>{receipt}'

    def _files(self, space: Workspace) -> str:
        links = [
            (name, url(space.publish(space.work / "package" / name)), size)
            for name, size in viewing.sizes_of(space.work).items()
            if not name.startswith(".")
        ]
        return fragments.files(links, "" if self.page.access.reachable else str(space.work / "package"))

    def open_folder(self, id: str) -> tuple[()]:
        """Show the results in the computer's own file manager."""
        folder = self.page.space(id).work
        if self.page.access.reachable:
            raise SettingsError("Others can reach this page, so it opens no windows on this computer.")
        if sys.platform == "win32":
            os.startfile(folder)  # noqa: S606
        else:
            subprocess.Popen(["open" if sys.platform == "darwin" else "xdg-open", folder])
        return ()


def _due(space: Workspace, job: jobs.Job | None, values: Mapping[str, Any]) -> bool:
    """Whether the next run would carry the edit anew."""
    return any(one.name == "composite" and one.state == "due" for one in standing.states(space, job, values))


def _compared(
    space: Workspace, index: int, number: str, made_from: Path, make: Callable[[], tuple[Frame, Frame]]
) -> str:
    """Both pictures over each other; `number` tells ways to make the second one apart."""
    pair = cache(make)
    sides = []
    for side, name, file in ((0, "before", space.work / FRAMES), (1, "after", made_from)):
        name = f"{name}-{index:06d}-{number if side else ''}".rstrip("-")
        sides.append(space.picture(name, file, lambda side=side: viewing.reduced(pair()[side], viewing.WIDEST)))
        space.prune(name.partition("-")[0] + "-")
    found = facts(space.work)
    return fragments.compare(url(sides[0]), url(sides[1]), index, found.width, found.height)
