"""Tab 3, Inpaint: what the engine is told, under the names and in the order that a txt2img user knows."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import Any

import gradio as gr

from .. import fragments
from ..compat import update
from ..page import Tab

PAINT_ROWS = (
    ("inpaint.sampler", "inpaint.scheduler"), ("inpaint.steps",), ("inpaint.cfg_scale",), ("inpaint.denoise",),
    ("inpaint.batch_count", "inpaint.batch_size"),
)  # fmt: skip
CROP_ROWS = (
    ("inpaint.mask_blur", "inpaint.masked_content"), ("inpaint.context", "inpaint.smallest"), ("inpaint.resize",),
)  # fmt: skip
BUILTIN = (
    "The built-in engine removes what the mask covers, without a model or prompt. Each candidate fills the hole in "
    "another way; you choose among them under Select."
)
GENERATE = (
    "Paints Batch count × Batch size candidates for every keyframe; what was painted with the same values is kept."
)


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
            with gr.Column(scale=1, min_width=240):
                page.button("run_inpaint", "Generate", "primary")
                gr.HTML(fragments.note(GENERATE))
        with gr.Row(equal_height=False):
            with gr.Column(scale=1, min_width=320):
                self._rows(PAINT_ROWS)
                with gr.Row(elem_classes="vidpaint-seed"):
                    form.add("inpaint.seed")
                    page.button("dice", "\U0001f3b2", scale=0, min_width=60)
            with gr.Column(scale=1, min_width=320):
                self._rows(CROP_ROWS)
                with gr.Accordion("Checkpoint, VAE, refiner, scripts", open=False, visible=diffusion):
                    form.add("inpaint")

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
        page.bind(page["dice"].click, self.dice, [], ["inpaint.seed"])

    def dice(self) -> Any:
        """Another seed."""
        return update(value=secrets.randbelow(2**32))
