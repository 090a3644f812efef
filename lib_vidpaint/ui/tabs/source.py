"""Tab 1, Source & mask: opening a video, and saying what may change in it."""

from __future__ import annotations

import os
import shutil
from typing import Any

import gradio as gr

from ... import jobs, session, viewing
from ...clip import open_clip
from ...errors import SettingsError
from ...settings import put
from ...stages import Settings
from .. import fragments
from ..compat import update, uploaded
from ..page import NO_PROJECT, VIDEO_TYPES, Page, Tab, facts
from .masking import MaskPart

DROP = 140


class SourceTab(Tab):
    title = "1 Source & mask"

    def __init__(self, page: Page) -> None:
        super().__init__(page)
        self.mask = MaskPart(page)

    def build(self) -> None:
        page = self.page
        with gr.Accordion("Video", open=True, elem_id="vidpaint_video") as page["video"], gr.Row():
            with gr.Column(scale=2, min_width=280):
                page["upload"] = gr.File(
                    label="Video file", file_types=VIDEO_TYPES, elem_id="vidpaint_upload", height=DROP
                )
            with gr.Column(scale=3, min_width=320):
                page["path"] = gr.Textbox(
                    label="Video path", elem_id="vidpaint_path", max_lines=1,
                    visible=not page.access.reachable or bool(page.access.roots),
                    info="Of a video or a folder of frames on this computer: it is used where it lies, nothing is copied.",
                )  # fmt: skip
                with gr.Accordion("Part of it, frame rate of pictures", open=False):
                    page.form.add("source.span", "source.fps")
                page.button("open", "Open video", "primary")
            with gr.Column(scale=3, min_width=320):
                page.html("facts")
        with gr.Row(elem_id="vidpaint_masking"):
            with gr.Column(scale=2, min_width=320, elem_id="vidpaint_mask_panel"):
                self.mask.build_panel()
            with gr.Column(scale=3, min_width=320):
                self.mask.build_frame()
        with gr.Accordion("Enlarge the input or give it more frames first", open=False, elem_id="vidpaint_prepare"):
            page.form.add("prepare")

    def bind(self) -> None:
        page = self.page
        page.bind(
            page["open"].click, self.open_video, ["upload", "path", "source.span", "source.fps"],
            ["project", "upload", "path"],
        )  # fmt: skip
        page.bind(page["project"].change, self.fold, ["project"], ["video"], quiet=True)
        self.bind_show(self.show, [], ["facts", "video"])
        self.mask.bind()

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

    def fold(self, id: str) -> Any:
        """The video's part makes room for the frame once there is a video."""
        return update(open=not id)

    def show(self, id: str) -> tuple[str, Any]:
        """The facts of the video, the shortest of them on the folded part."""
        if not id:
            return fragments.note(NO_PROJECT), update(label="Video")
        space = self.page.space(id)
        if not viewing.was_read(space.project):
            return "", update()
        found = facts(space.project)
        length = f"{found.frames} frames, {fragments.clock(found.seconds)}"
        return fragments.source(found), update(label=f"Video: {found.name}, {found.width} x {found.height}, {length}")
