"""Part of tab 5: one frame of the result, whose spots are painted over and healed, or which is retouched in another program."""

from __future__ import annotations

import re
from typing import Any

import gradio as gr

from ... import session, viewing
from ...atomic import write_bytes
from ...errors import SettingsError
from ...pictures import decode_picture
from ...retouching import opened, retouched_file
from .. import fragments
from ..compat import update, uploaded, url
from ..page import Page, facts
from ..strokes import canvas, stroke
from ..workspaces import Workspace

COMMAND = re.compile(r"heal:(\d{1,7}):")
DONE = "Healed. Paint on, or press Render: it takes the retouched frame into the result."


class Retouch:
    """The accordion "Retouch a frame"."""

    def __init__(self, page: Page) -> None:
        self.page = page

    def build(self) -> None:
        page = self.page
        with gr.Accordion("Retouch a frame", open=False):
            page.button("retouch", "Retouch this frame")
            page.html("healing")
            page["retouched"] = gr.File(
                label="Or the frame as you retouched it in another program (PNG)", elem_id="vidpaint_retouched"
            )
            page.button("unretouch", "Do without the retouching of this frame")
            page.form.add("refine.spread")

    def bind(self) -> None:
        page = self.page
        page.bind(page["retouch"].click, self.give_out, ["project", "between"], ["healing"])
        page.bind(page["retouched"].change, self.take, ["project", "between", "retouched"], ["healing", "retouched"])
        page.bind(page["unretouch"].click, self.forget, ["project", "between"], ["healing"])

    def give_out(self, id: str, index: float) -> str:
        """The frame as it stands, to paint on; its file lies in retouched/."""
        space, at = self.page.space(id), int(index or 0)
        (path,) = session.retouch(space.work, [at])
        where = "" if self.page.access.reachable else f" Or change {path} in any program."
        return self._shown(space, at, f"Paint over what should vanish, then press Heal.{where}")

    def heal(self, command: str, id: str) -> str:
        """Fill what was painted from around it."""
        asked = COMMAND.match(command)
        if not asked:
            raise SettingsError("The page asked for something it does not know: reload it.")
        space, at = self.page.space(id), int(asked[1])
        session.heal(space.work, at, stroke(command[asked.end() :], viewing.source_info(space.work)))
        return self._shown(space, at, DONE)

    def take(self, id: str, index: float, upload: Any) -> tuple[Any, Any]:
        """A frame that was retouched elsewhere takes the place of the one that was given out."""
        if not upload:
            return update(), update()
        space, at = self.page.space(id), int(index or 0)
        try:
            data = uploaded(upload).read_bytes()
        except ValueError:
            raise SettingsError("The upload did not arrive: try again.") from None
        (path,) = session.retouch(space.work, [at])
        opened(data, "the uploaded picture", self._picture(space, at))
        write_bytes(path, data)
        return self._shown(space, at, "Taken. Press Render: it takes the retouched frame into the result."), update(
            value=None
        )

    def forget(self, id: str, index: float) -> str:
        """The frame without its retouching."""
        session.unretouch(self.page.space(id).work, int(index or 0))
        return fragments.note("The retouching of this frame is gone; the next Render leaves it out.")

    def _picture(self, space: Workspace, index: int) -> Any:
        file = retouched_file(index)
        return decode_picture((space.work / file).read_bytes(), file)

    def _shown(self, space: Workspace, index: int, text: str) -> str:
        file = space.work / retouched_file(index)
        made = space.picture(
            f"retouched-{index:06d}", file, lambda: viewing.reduced(self._picture(space, index), viewing.WIDEST)
        )
        space.prune("retouched-")
        found, size = facts(space.work), canvas(viewing.source_info(space.work))
        return fragments.healing(url(made), index, size, found.width, found.height) + fragments.note(text)
