"""Tab 4, Select: the gallery in which a person chooses among the candidates of every keyframe."""

from __future__ import annotations

import re
from typing import Any

import gradio as gr

from ... import handmade, jobs, selection, viewing
from ...errors import SettingsError
from ...model import Repaint
from ...project import Folder
from ...selection import Picks
from ...settings import get
from ...stages.inpaint import InpaintSettings, painted_with
from .. import fragments, picker
from ..compat import update, uploaded
from ..page import Tab
from ..workspaces import Workspace

PICTURES = [".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff"]
AGAIN = ("prompt", "negative_prompt", "denoise", "seed")
LABELS = {
    "prompt": "Prompt for this keyframe",
    "negative_prompt": "Negative prompt for this keyframe",
    "denoise": "Denoising strength for this keyframe",
    "seed": "Seed for this keyframe",
}
NEW_SEEDS = "Empty: new seeds. A number: the first new candidate has it, the next ones count up."
OWN = (
    "A picture that another program made of the keyframe: of the part above, at any size in its shape, or of the whole frame. "
    "It becomes a candidate and is chosen; nothing is painted over."
)
DROP = 140
VIEW = ["picker", "shown", "again_for", *(f"again_{name}" for name in AGAIN)]
"""What a keyframe on view fills: the gallery, its number, and the values that it would be painted again with."""

TAKE = """(command, id, gallery) => {
    const thumbnails = [...gradioApp().querySelectorAll("#img2img_gallery .thumbnail-item")];
    const selected = thumbnails.findIndex((one) => one.classList.contains("selected"));
    return [window.vidpaintPage.command, id, gallery ? [gallery[selected] || gallery[0]] : []];
}"""
"""Of the gallery only the picture that is selected is sent, or the first."""


class SelectTab(Tab):
    title = "4 Select"

    def build(self) -> None:
        page, shown = self.page, self.page.form.shown
        page.html("picker")
        with gr.Row(equal_height=False):
            with (
                gr.Column(scale=1, min_width=320),
                gr.Accordion("Paint this keyframe again with other values", open=False),
            ):
                page["again_prompt"] = gr.Textbox(
                    "",
                    label=LABELS["prompt"],
                    lines=2,
                    elem_id="vidpaint_again_prompt",
                    visible=shown("inpaint.prompt"),
                )
                page["again_negative_prompt"] = gr.Textbox(
                    "", label=LABELS["negative_prompt"], elem_id="vidpaint_again_negative_prompt",
                    visible=shown("inpaint.negative_prompt"),
                )  # fmt: skip
                page["again_denoise"] = gr.Slider(
                    0, 1, 0.3, step=0.01, label=LABELS["denoise"], elem_id="vidpaint_again_denoise",
                    visible=shown("inpaint.denoise"),
                )  # fmt: skip
                page["again_seed"] = gr.Textbox(
                    "", label=LABELS["seed"], max_lines=1, elem_id="vidpaint_again_seed", info=NEW_SEEDS
                )
                page.button("again", "Paint again with these")
            with (
                gr.Column(scale=1, min_width=320),
                gr.Accordion("Use a picture of your own for this keyframe", open=False),
            ):
                gr.HTML(fragments.note(OWN))
                page["own"] = gr.File(label="Your picture", file_types=PICTURES, elem_id="vidpaint_own", height=DROP)
            with gr.Column(scale=1, min_width=320):
                page.form.add("select")
                page.button("run_select", "Use these choices", "primary")
        with gr.Row(elem_classes="vidpaint-hidden"):
            page["again_for"] = gr.Textbox("", label="vidpaint again_for", elem_id="vidpaint_again_for")

    def bind(self) -> None:
        page, way = self.page, self.page.host.img2img
        page.bind_run("run_select", "select")
        self.bind_show(self.show, ["shown", "again_for"], VIEW)
        self.bind_command("select", self.obey, ["shown", "again_for"], VIEW)
        asked = ["project", "shown", *(f"again_{name}" for name in AGAIN)]
        page.bind(page["again"].click, self.again, asked, VIEW)
        page.bind(page["own"].upload, self.give, ["project", "shown", "own"], [*VIEW, "own"])
        if way and way.ready:
            for name, component in way.parts.items():
                page.adopt(name, component)
            self.bind_command("img2img_send", self.send, [], way.filled)
            self.bind_command("img2img_take", self.take, ["img2img_gallery"], VIEW, TAKE)

    def show(self, id: str, shown: str, filled: str) -> tuple[Any, ...]:
        """The gallery with the keyframe that was on view."""
        if not id:
            return "", *[update()] * (len(VIEW) - 1)
        space = self.page.space(id)
        if not viewing.was_read(space.work):
            return "", *[update()] * (len(VIEW) - 1)
        return self._view(space, _number(shown), filled)

    def obey(self, command: str, id: str, shown: str, filled: str) -> tuple[Any, ...]:
        """What a click or key asked for."""
        space = self.page.space(id)
        if strip := re.fullmatch(r"strip:(\d{1,6})", command):
            return self._view(space, _number(shown), filled, int(strip[1]))
        if command == "paint":
            self._paint(space)
            return tuple(update() for _ in VIEW)
        return self._view(space, picker.obey(space, command, _number(shown)), filled)

    def again(self, id: str, shown: str, *given: Any) -> tuple[Any, ...]:
        """Have the keyframe on view painted again with what differs from the settings."""
        space = self.page.space(id)
        settings, key = viewing.look(space.work).settings.inpaint, self._key(space, shown)
        paint = _repaint(settings, dict(zip(AGAIN, given, strict=True)))
        selection.redo(Folder(space.work), key, paint)
        return self._view(space, key, f"{space.id}:{key}")

    def give(self, id: str, shown: str, upload: Any) -> tuple[Any, ...]:
        """A picture of the person's own becomes a candidate and is chosen."""
        if not upload:
            return (*[update()] * len(VIEW), update())
        space = self.page.space(id)
        folder, key = space.work, self._key(space, shown)
        try:
            file = uploaded(upload)
        except ValueError:
            raise SettingsError("The upload did not arrive: try again.") from None
        crop, info = viewing.crop(folder, key), viewing.source_info(folder)
        try:
            handmade.take_back(Folder(folder), key, crop, info, handmade.read_bytes(file))
        finally:
            file.unlink(missing_ok=True)
        return (*self._view(space, key, f"{space.id}:{key}"), update(value=None))

    def send(self, command: str, id: str) -> tuple[Any, ...]:
        """A keyframe goes to img2img."""
        way = self.page.host.img2img
        assert way
        return way.sent(self.page.space(id), _number(command))

    def take(self, command: str, id: str, gallery: Any) -> tuple[Any, ...]:
        """What img2img made comes back."""
        way, space, key = self.page.host.img2img, self.page.space(id), _number(command)
        assert way
        way.took(space, key, gallery)
        return self._view(space, key, f"{space.id}:{key}")

    def _paint(self, space: Workspace) -> None:
        how = viewing.look(space.work).settings.select.how
        jobs.start(space.project, {}, until="select" if how == "auto" else "inpaint")

    def _key(self, space: Workspace, shown: str) -> int:
        picks = _picks(space)
        if not picks:
            raise SettingsError("There are no keyframes yet: find them first.")
        return picks[picker.on_view(picks, _number(shown))].group.key

    def _view(self, space: Workspace, key: int, filled: str, strip: int | None = None) -> tuple[Any, ...]:
        """The gallery, and the values to paint again with where another keyframe is on view than they are for."""
        way, picks = self.page.host.img2img, _picks(space)
        if not picks:
            text = "Keyframes first: the candidates of each will be shown here."
            return fragments.note(text), *[update()] * (len(VIEW) - 1)
        at = picker.on_view(picks, key)
        gallery, pick = picker.render(space, picks, at, strip, bool(way and way.ready)), picks[at]
        now = f"{space.id}:{pick.group.key}"
        if now == filled:
            return gallery, str(pick.group.key), *[update()] * (len(VIEW) - 2)
        asked = painted_with(viewing.look(space.work).settings.inpaint, pick.paint)
        values = [get(asked, name) for name in AGAIN[:3]]
        return gallery, str(pick.group.key), now, *(update(value=value) for value in (*values, ""))


def _picks(space: Workspace) -> list[Picks]:
    """All keyframes; none before they were found."""
    return viewing.gallery(space.work) if (space.work / "groups.json").exists() else []


def _repaint(settings: InpaintSettings, given: dict[str, Any]) -> Repaint:
    """What differs from the settings. Raises SettingsError for what no setting allows."""
    text = str(given["seed"] or "").strip()
    if text and not re.fullmatch(r"\d{1,10}", text):
        raise SettingsError(f"{LABELS['seed']}: {text[:40]!r} is not a whole number; leave it empty for new seeds.")
    values = {**given, "seed": int(text) if text else None}
    differing = {
        name: value
        for name, value in values.items()
        if value is not None and (name == "seed" or value != get(settings, name))
    }
    try:
        painted_with(settings, Repaint(**differing))
    except SettingsError as error:
        name, _, rest = str(error).partition(":")
        raise SettingsError(f"{LABELS.get(name, name)}:{rest}") from None
    return Repaint(**differing)


def _number(text: str) -> int:
    return int(text) if text and text.isdigit() and len(text) < 10 else -1
