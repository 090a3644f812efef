"""Tab 2, Keyframes: which frames will be painted, why, and what that costs."""

from __future__ import annotations

import re

import gradio as gr

from ... import jobs, viewing
from ...errors import SettingsError
from .. import fragments, picker
from ..compat import url
from ..page import NO_PROJECT, Tab
from ..workspaces import Workspace

THUMBS = 24


class KeyframesTab(Tab):
    title = "2 Keyframes"

    def build(self) -> None:
        page = self.page
        with gr.Row():
            with gr.Column(scale=2, min_width=320):
                page.form.add("keyframes")
                page.button("run_keyframes", "Find keyframes", "primary")
                page.html("plan")
            with gr.Column(scale=3, min_width=320):
                page.html("thumbs")

    def bind(self) -> None:
        self.page.bind_run("run_keyframes", "keyframes")
        self.bind_show(self.show, [], ["plan", "thumbs"])
        self.bind_command("keyframes", self.obey, [], ["thumbs"])

    def show(self, id: str) -> tuple[str, str]:
        """What is to paint, and the plot with the keyframes."""
        if not id:
            return fragments.note(NO_PROJECT), ""
        space = self.page.space(id)
        folder = space.project
        if not (folder / "groups.json").exists() or not (folder / "keyframes/plot.png").exists():
            return fragments.note("No keyframes yet: press Find keyframes."), ""
        job, picks = jobs.of(folder), viewing.gallery(folder)
        about = fragments.plan(job.plan) if job and job.plan else fragments.table([("Keyframes", str(len(picks)))])
        return about, self._thumbs(space, 0)

    def obey(self, command: str, id: str) -> str:
        """Turn the thumbnails' page."""
        asked = re.fullmatch(r"page:(\d{1,6})", command)
        if not asked:
            raise SettingsError("The page asked for something it does not know: reload it.")
        return self._thumbs(self.page.space(id), int(asked[1]))

    def _thumbs(self, space: Workspace, page: int) -> str:
        folder = space.project
        picks = viewing.gallery(folder)
        pages = -(-len(picks) // THUMBS)
        page = min(max(page, 0), pages - 1)
        rotation = viewing.rotation(folder)
        pictures = [
            (pick, picker.key_picture(space, pick.group.key, rotation))
            for pick in picks[page * THUMBS : (page + 1) * THUMBS]
        ]
        plot = url(space.publish(folder / "keyframes/plot.png"))
        shown = f'<img class="vidpaint-plot" src="{plot}" alt="the score of every frame, with its keyframes">'
        return shown + fragments.keyframes(pictures, page, pages)
