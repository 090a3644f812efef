"""Tab 3, Inpaint: what the engine is told, under the names and in the order that a txt2img user knows."""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence
from functools import partial
from typing import Any

import gradio as gr
from PIL import Image

from ... import viewing
from ...errors import SettingsError
from ...groups import candidate_file
from ...selection import Picks
from .. import fragments
from ..compat import update, url
from ..controls import NAMED
from ..page import CONTROLS, Tab
from ..workspaces import Workspace

PAINT_ROWS = (
    ("inpaint.sampler", "inpaint.scheduler"), ("inpaint.steps", "inpaint.cfg_scale"),
    ("inpaint.batch_count", "inpaint.batch_size"), ("inpaint.denoise",),
)  # fmt: skip
CROP_ROWS = (
    ("inpaint.mask_blur", "inpaint.masked_content"), ("inpaint.crop",), ("inpaint.context", "inpaint.smallest"),
    ("inpaint.resize", "inpaint.upscaler"),
)  # fmt: skip
SHARED_ROWS = (
    ("inpaint.same_seed",), ("inpaint.order", "inpaint.shown"), ("inpaint.carry",), ("inpaint.sheet", "inpaint.match"),
    ("inpaint.reference", "inpaint.reference_weight"), ("inpaint.interrogate", "inpaint.interrogate_each"),
)  # fmt: skip
MACHINE_ROWS = (("inpaint.models",), ("inpaint.device", "inpaint.precision", "inpaint.memory"))
DICE, RECYCLE, REFRESH = "\U0001f3b2", "\u267b\ufe0f", "\U0001f504"
BUILTIN = (
    "The built-in engine removes what the mask covers, without a model or prompt. Each candidate fills the hole in "
    "another way; you choose among them under Select."
)
MODELS = {
    "builtin": "",
    "diffusers": "Models, and what computes",
    "webui": "Checkpoint, VAE, refiner, scripts",
}
GENERATE = (
    "Generate paints Batch count × Batch size candidates for every keyframe; what was painted with the same values is "
    "kept. Trying one keyframe first shows what the values do before all of them are painted."
)
LARGE, SMALL, PREVIEWED = 448, 220, 24
NOTHING = "What is painted for the keyframe on view is shown here: press Try one keyframe."


class InpaintTab(Tab):
    title = "3 Inpaint"

    def build(self) -> None:
        page, form = self.page, self.page.form
        diffusion = page.host.engine != "builtin"
        with gr.Row(equal_height=False):
            with gr.Column(scale=4, min_width=320):
                if diffusion:
                    form.add("inpaint.prompt", "inpaint.negative_prompt")
                else:
                    gr.HTML(fragments.note(BUILTIN))
            with gr.Column(scale=2, min_width=280):
                page.button("run_inpaint", "Generate", "primary")
                page.button("try_one", "Try one keyframe")
                if diffusion:
                    page.button("preview_all", "Preview every keyframe")
                if page.host.engine == "webui":
                    self._named("inpaint.styles")
                gr.HTML(fragments.note(GENERATE))
        with gr.Row(equal_height=False):
            with gr.Column(scale=1, min_width=320):
                self._rows(PAINT_ROWS)
                with gr.Row(elem_classes="vidpaint-tools"):
                    form.add("inpaint.seed")
                    self._tool("dice", DICE)
                    self._tool("recycle", RECYCLE)
                self._rows(CROP_ROWS)
                with gr.Accordion("What keyframes share, so that they look alike", open=False, visible=diffusion):
                    self._rows(SHARED_ROWS)
                with gr.Accordion(MODELS[page.host.engine], open=page.host.engine == "diffusers", visible=diffusion):
                    self._rows(MACHINE_ROWS)
                    if page.host.engine == "webui":
                        self._named("inpaint.checkpoint")
                        self._named("inpaint.vae")
                    form.add("inpaint")
            with gr.Column(scale=1, min_width=320):
                page.html("tried", fragments.note(NOTHING))

    def _named(self, path: str) -> None:
        """A list of the host's names, and a button that looks for new ones."""
        with gr.Row(elem_classes="vidpaint-tools"):
            self.page.form.add(path)
            self._tool(_refresher(path), REFRESH)

    def _tool(self, name: str, sign: str) -> None:
        self.page.button(name, sign, scale=0, min_width=40, elem_classes="vidpaint-tool")

    def _rows(self, rows: Sequence[Sequence[str]]) -> None:
        """Controls side by side; those that the engine has no use for are left for later, with the hidden ones."""
        form = self.page.form
        for row in rows:
            if shown := [path for path in row if form.shown(path)]:
                with gr.Row():
                    form.add(*shown)

    def bind(self) -> None:
        page = self.page
        page.bind_run("run_inpaint", "inpaint")
        page.bind(page["try_one"].click, self.try_one, ["project", "shown", CONTROLS])
        page.bind(page["dice"].click, self.dice, [], ["inpaint.seed"])
        page.bind(page["recycle"].click, self.recycle, ["project", "shown"], ["inpaint.seed"])
        if page.host.engine != "builtin":
            page.bind(page["preview_all"].click, self.preview, ["project", CONTROLS])
        if page.host.engine == "webui":
            for path in ("inpaint.styles", "inpaint.checkpoint", "inpaint.vae"):
                page.bind(page[_refresher(path)].click, self.refresh, [], list(NAMED))
        self.bind_show(self.show, ["shown"], ["tried"])

    def try_one(self, id: str, shown: str, *given: Any) -> tuple[()]:
        """Paint the keyframe on view, or the first; the others wait."""
        return self.page.run(id, "inpaint", *given, only=_key(shown))

    def preview(self, id: str, *given: Any) -> tuple[()]:
        """Paint every keyframe once with few steps, to judge prompt and denoise by."""
        return self.page.run(id, "inpaint", *given, preview=True)

    def dice(self) -> Any:
        """Another seed."""
        return update(value=secrets.randbelow(2**32))

    def recycle(self, id: str, shown: str) -> Any:
        """The seed of the chosen candidate of the keyframe on view, else of its last one."""
        space = self.page.space(id)
        found = on_view(space, shown)
        if not found:
            raise SettingsError("Nothing is painted yet, so there is no seed to use again.")
        index = found.candidates[-1] if found.candidate is None else found.candidate
        return update(value=seed_of(space, found.group.key, index))

    def refresh(self) -> tuple[Any, ...]:
        """The lists of names with what came since the page was made."""
        self.page.host.refresh()
        return tuple(update(choices=list(self.page.form.names(path))) for path in NAMED)

    def show(self, id: str, shown: str) -> str:
        """The candidates of the keyframe on view, and the previews of all."""
        space = self.page.space(id) if id else None
        found = on_view(space, shown) if space else None
        if not (space and found):
            return fragments.note(NOTHING) + (previews(space, True) if space else "")
        key, folder = found.group.key, space.work
        before = space.picture(
            f"crop-{key:06d}", folder / candidate_file(key, found.candidates[0]),
            lambda: viewing.original(folder, key, LARGE),
        )  # fmt: skip
        cells = []
        for index in found.candidates:
            made_from, name = folder / candidate_file(key, index), f"candidate-{key:06d}-{index:02d}"
            picture = space.picture(name, made_from, partial(viewing.candidate, folder, key, index, LARGE))
            caption = f"seed {seed_of(space, key, index)}"
            cells.append((f"select:choose:{key}:{index}", url(picture), caption, index == found.candidate))
        return fragments.tried(f"Keyframe {key}: a click chooses", url(before), cells) + previews(space, False)


def _key(shown: str) -> int:
    return int(shown) if re.fullmatch(r"\d{1,9}", shown or "") else -1


def _refresher(path: str) -> str:
    return f"refresh_{path.split('.')[1]}"


def on_view(space: Workspace, shown: str) -> Picks | None:
    """The keyframe that is on view under Select, else the first one with candidates; None while there is none."""
    if not (space.work / "groups.json").exists() or not viewing.was_read(space.work):
        return None
    painted = [pick for pick in viewing.gallery(space.work) if pick.candidates]
    return next((pick for pick in painted if pick.group.key == _key(shown)), painted[0] if painted else None)


def previews(space: Workspace, opened: bool) -> str:
    """The previews of the first keyframes, to look at: they are no candidates, so nothing can be chosen."""
    files = sorted((space.work / "previews").glob("[0-9]*.png"))
    cells = []
    for file in files[:PREVIEWED]:
        made = space.picture(f"preview-{file.stem}", file, lambda file=file: viewing.small_picture(file, SMALL))
        cells.append((url(made), f"keyframe {int(file.stem)}"))
    return fragments.previewed(cells, len(files), opened) if cells else ""


def seed_of(space: Workspace, key: int, index: int) -> int:
    """The seed that a candidate's PNG names; 0 when a person's program left it out."""
    with Image.open(space.work / candidate_file(key, index)) as picture:
        found = re.search(r"\bSeed: (\d+)", str(picture.info.get("parameters", "")))
    return int(found[1]) if found else 0
