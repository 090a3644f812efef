"""Tab 1, Source & mask: opening a video, and saying what may change in it."""

from __future__ import annotations

import os
import re
import shutil
from typing import Any

import gradio as gr

from ... import jobs, session, viewing
from ...clip import open_clip
from ...errors import SettingsError
from ...settings import put
from ...stages import Settings
from .. import fragments
from ..compat import update, uploaded, url
from ..page import NO_PROJECT, VIDEO_TYPES, Tab, facts
from ..workspaces import Workspace

DROP = 140
MASK_TYPES = [*VIDEO_TYPES, ".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff"]
BOX = re.compile(r"box:\d{1,5}(,\d{1,5}){3}")


class SourceTab(Tab):
    title = "1 Source & mask"

    def build(self) -> None:
        page, form = self.page, self.page.form
        with gr.Row():
            with gr.Column(scale=2, min_width=320):
                page["upload"] = gr.File(
                    label="Video file", file_types=VIDEO_TYPES, elem_id="vidpaint_upload", height=DROP
                )
                page["path"] = gr.Textbox(
                    label="Video path", elem_id="vidpaint_path", max_lines=1,
                    visible=not page.access.reachable or bool(page.access.roots),
                    info="Of a video or a folder of frames on this computer: it is used where it lies, nothing is copied.",
                )  # fmt: skip
                with gr.Accordion("Part of it, frame rate of pictures", open=False):
                    form.add("source.span", "source.fps")
                page.button("open", "Open video", "primary")
                page.html("facts")
                form.add("mask.path")
                page["mask_upload"] = gr.File(
                    label="Mask file", file_types=MASK_TYPES, elem_id="vidpaint_mask_upload", height=DROP
                )
                form.add("mask.grow", "mask.invert")
                with gr.Accordion("More about masks and extracted pictures", open=False):
                    form.add("mask", "extract")
                page.button("run_extract", "Take this mask", "primary")
            with gr.Column(scale=3, min_width=320):
                page.html("frame", fragments.note("The video's frames are shown here."))
                page["index"] = gr.Slider(0, 1, 0, step=1, label="Frame", elem_id="vidpaint_index")

    def bind(self) -> None:
        page = self.page
        page.bind(
            page["open"].click, self.open_video, ["upload", "path", "source.span", "source.fps"],
            ["project", "upload", "path"],
        )  # fmt: skip
        page.bind(page["mask_upload"].upload, self.take_mask, ["project", "mask_upload"], ["mask.path", "mask_upload"])
        for changed in ("index", "mask.path"):
            page.bind(page[changed].change, self.frame, ["project", "index", "mask.path"], ["frame"])
        page.bind_run("run_extract", "extract")
        self.bind_show(self.show, ["index"], ["facts", "index", "frame"])
        self.bind_command("source", self.obey, ["index"], ["mask.path", "frame"])

    def open_video(self, upload: Any, path: str, span: str, fps: str) -> tuple[Any, Any, Any]:
        """Begin a project on an uploaded video, or on one of this computer."""
        page = self.page
        if not upload and not path.strip():
            raise SettingsError("Which video? Upload one, or give its path.")
        try:
            file = uploaded(upload) if upload else page.access.check(path)
        except ValueError:
            raise SettingsError("The upload did not arrive: try again.") from None
        values = {"source.span": span, "source.fps": fps}
        asked = put(Settings(), values).source
        open_clip(file, asked.frame_rate, asked.times)
        name = os.path.basename(getattr(upload, "orig_name", "") or file.name)
        space = page.spaces.create(name)
        try:
            text = space.take(file, name) if upload else str(file)
            jobs.start(space.project, {**values, "source.path": space.given(text, page.access)}, until=session.SOURCE)
        except BaseException:
            shutil.rmtree(space.folder, ignore_errors=True)
            raise
        known = [space.title, *(title for title in page.spaces.titles() if title != space.title)]
        return update(choices=known, value=space.title), update(value=None), update(value="")

    def take_mask(self, id: str, upload: Any) -> tuple[Any, Any]:
        """An uploaded mask becomes the project's."""
        if not upload:
            return update(), update()
        space = self.page.space(id)
        try:
            file = uploaded(upload)
        except ValueError:
            raise SettingsError("The upload did not arrive: try again.") from None
        return update(value=space.take(file, getattr(upload, "orig_name", "") or file.name)), update(value=None)

    def show(self, id: str, index: float) -> tuple[Any, Any, Any]:
        """Facts, frame slider and frame."""
        if not id:
            return fragments.note(NO_PROJECT), update(), ""
        space = self.page.space(id)
        if not viewing.was_read(space.project):
            return "", update(), ""
        found = facts(space)
        index = int(min(index or 0, found.frames - 1))
        return fragments.source(found), update(maximum=found.frames - 1, value=index), self._frame(space, index, "")

    def frame(self, id: str, index: float, mask: str) -> str:
        """One frame with what may change."""
        return self._frame(self.page.space(id), int(index or 0), mask if BOX.fullmatch(mask or "") else "")

    def obey(self, command: str, id: str, index: float) -> tuple[Any, str]:
        """A box was dragged on the frame."""
        if not BOX.fullmatch(command):
            raise SettingsError("The page asked for something it does not know: reload it.")
        return update(value=command), self.frame(id, index, command)

    def _frame(self, space: Workspace, index: int, box: str) -> str:
        found, region = facts(space), space.project / "region.json"
        made_from = region if region.exists() else space.project / "frames.csv"
        name = f"frame-{index:06d}" + re.sub(r"\D", "_", box)
        picture = space.picture(name, made_from, lambda: viewing.overlaid(space.project, index, box))
        space.prune("frame-")
        return fragments.frame(url(picture), found.width, found.height)
