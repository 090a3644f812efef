"""Tab 4, Select: the gallery in which a person chooses among the candidates of every keyframe."""

from __future__ import annotations

import re
from typing import Any

import gradio as gr

from ... import viewing
from .. import picker
from ..compat import update
from ..page import Tab


class SelectTab(Tab):
    title = "4 Select"

    def build(self) -> None:
        page = self.page
        page.html("picker")
        with gr.Row(equal_height=False):
            page.form.add("select")
            page.button("run_select", "Use these choices", "primary")

    def bind(self) -> None:
        self.page.bind_run("run_select", "select")
        self.bind_show(self.show, ["shown"], ["picker"])
        self.bind_command("select", self.obey, ["shown"], ["picker", "shown"])

    def show(self, id: str, shown: str) -> str:
        """The gallery with the keyframe that was on view."""
        if not id:
            return ""
        space = self.page.space(id)
        return picker.render(space, _number(shown)) if viewing.was_read(space.project) else ""

    def obey(self, command: str, id: str, shown: str) -> tuple[str, Any]:
        """What a click or key asked for. Gives the gallery, and the keyframe now on view."""
        space = self.page.space(id)
        if strip := re.fullmatch(r"strip:(\d{1,6})", command):
            return picker.render(space, _number(shown), int(strip[1])), update()
        key = picker.obey(space, command, _number(shown))
        return picker.render(space, key), str(key)


def _number(text: str) -> int:
    return int(text) if text and text.isdigit() and len(text) < 10 else -1
