"""The fold beside the project list: how much a project takes, freeing what can go, and deleting all of it."""

from __future__ import annotations

from html import escape
from typing import Any

import gradio as gr

from .. import cleaning, jobs
from ..errors import ProjectError, SettingsError
from ..sizes import words
from .compat import update
from .fragments import note
from .page import Tab
from .workspaces import Workspace

CLOSED = '<div class="vidpaint-keeping"><button data-vidpaint="keeping:look">Space and deletion …</button></div>'
FREED = (
    "Freeing deletes the small pictures that this page shows, which it makes again, and candidates that no run asks for: of "
    "earlier rounds, of dropped keyframes, and of frames that are no keyframes any more. What you chose, gave or changed stays."
)
GONE = "Masks, candidates, your choices and the results go for good{uploads}. Videos and masks given by a path stay where they are."


class Keeping(Tab):
    """Looks after the disk for one project at a time; what a press would delete is said before."""

    def build(self) -> None:
        page = self.page
        page.html("keeping", CLOSED)
        with gr.Row(elem_classes="vidpaint-hidden"):
            page["kept"] = gr.Textbox("", label="vidpaint kept", elem_id="vidpaint_kept")

    def bind(self) -> None:
        page = self.page
        self.bind_command("keeping", self.obey, [], ["keeping", "kept", "project", "version"])
        page.bind(page["project"].change, self.close, ["project", "kept"], ["keeping", "kept"], quiet=True)

    def close(self, id: str, kept: str) -> tuple[Any, Any]:
        """What is shown of one project is not for another."""
        return (update(), update()) if kept in ("", id) else (CLOSED, "")

    def obey(self, command: str, id: str) -> tuple[Any, Any, Any, Any]:
        """Show what there is, ask once more, or do it; a confirmation holds for the project that it was shown for."""
        if command == "close":
            return CLOSED, "", update(), update()
        space = self.page.space(id)
        verb, _, number = command.partition(":")
        if verb in ("free", "delete") and number != space.id:
            raise SettingsError("Another project is open now: look at what it takes first.")
        if verb not in ("free", "delete", "ask", "look"):
            raise SettingsError("The page asked for something it does not know: reload it.")
        if verb != "look" and (job := jobs.of(space.project)) and job.running:
            raise ProjectError("This project is being worked on: wait for it, or interrupt it first.")
        if verb == "delete":
            cleaning.delete(space.folder, space.project)
            left = self.page.spaces.titles()
            return CLOSED, "", update(choices=left, value=left[0] if left else None), ""
        freed = cleaning.free(space.work, space.served) if verb == "free" else None
        return panel(space, verb == "ask", freed), id, update(), update() if freed is None else ""


def panel(space: Workspace, asked: bool, freed: int | None) -> str:
    """What the project takes, and buttons; `asked`: with the one that deletes it."""
    if asked:
        uploads = sorted(path.name for path in space.input.glob("*")) if space.input.is_dir() else []
        also = f", and what was uploaded: {', '.join(uploads)}" if uploads else ""
        yes = f'<button class="vidpaint-danger" data-vidpaint="keeping:delete:{space.id}">Yes, delete it</button>'
        buttons = f'{yes}<button data-vidpaint="keeping:look">No, keep it</button>'
        title = f"Delete {space.title} ({words(cleaning.size_of(space.folder))})?"
        return _panel(note(title, "warning") + note(GONE.format(uploads=also)), buttons)
    shown, painted = cleaning.previews(space.served), cleaning.candidates(space.work)
    text = f"{space.title} takes {words(cleaning.size_of(space.folder))}."
    if freed is not None:
        text = f"{words(freed)} freed. {text}"
    free = (
        f'<button data-vidpaint="keeping:free:{space.id}" title="{escape(FREED)}">Free {words(shown.size + painted.size)}: '
        f"{len(shown.files)} previews, {len(painted.files)} candidates</button>"
        if shown.files or painted.files
        else ""
    )
    delete = '<button data-vidpaint="keeping:ask">Delete this project …</button>'
    close = '<button data-vidpaint="keeping:close">Close</button>'
    return _panel(note(text) + note(FREED if free else ""), f"{free}{delete}{close}")


def _panel(text: str, buttons: str) -> str:
    return f'<div class="vidpaint-keeping vidpaint-open">{text}<div class="vidpaint-buttons">{buttons}</div></div>'
