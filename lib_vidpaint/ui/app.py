"""The page itself: what stands where, and which handler each button calls. The WebUI's tab and `vidpaint ui` both show it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import gradio as gr

from ..settings import put
from ..stages import PRESETS, Settings
from . import compat, fragments
from .compat import on
from .controls import Form
from .handlers import Host, Page, guarded
from .workspaces import Access, Workspaces

TITLES = {"age": "Age", "clothes": "Clothes", "remove": "Remove"}
CUSTOM = "Custom"
# gradio 3 also hands the outputs' values to the script, after the inputs'.
SEND = "(project, shown, index, mask) => [project, shown, index, mask, window.vidpaintPage.command]"
VIDEO_TYPES = [".mp4", ".mov", ".mkv", ".webm", ".avi", ".m4v", ".mpg", ".mts", ".m2ts", ".ts", ".mxf"]
DROP = 140
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
MASK_TYPES = [*VIDEO_TYPES, ".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff"]


@dataclass
class Parts:
    """The components that handlers read or fill, by name."""

    form: Form
    by_name: dict[str, Any] = field(default_factory=dict)

    def __setitem__(self, name: str, component: Any) -> None:
        component.do_not_save_to_config = True
        self.by_name[name] = component

    def __getitem__(self, name: str) -> Any:
        return self.by_name[name]

    def list(self, *names: str) -> list[Any]:
        return [self.by_name[name] for name in names]

    @property
    def controls(self) -> list[Any]:
        return list(self.form.controls.values())


def build(
    root: Path, access: Access, allow: Callable[[Path], None], host: Host | None = None, script: bool = False
) -> gr.Blocks:
    """The page over all projects below `root`. `allow` is told each folder that browsers may read.

    `script`: bring the page's JavaScript along; a WebUI loads it by itself.
    """
    host = host or Host()
    preset = PRESETS["remove"] if host.engine == "builtin" else {}
    form = Form(put(Settings(), {"inpaint.engine": host.engine, **preset}), host.engine, host.names)
    parts = Parts(form)
    with compat.blocks() as page, gr.Column(elem_id="vidpaint"):
        _top(parts, host)
        with gr.Tabs(elem_id="vidpaint_tabs"):
            for title, build_tab in (
                ("1 Source & mask", _source), ("2 Keyframes", _keyframes), ("3 Inpaint", _inpaint),
                ("4 Select", _select), ("5 Result", _result),
            ):  # fmt: skip
                with gr.Tab(title, elem_id=f"vidpaint_tab_{title[0]}"):
                    build_tab(parts, access, host)
        _hidden(parts)
        _bind(parts, Page(Workspaces(root, allow), access, form, host))
        if script:
            compat.load_script(page, compat.asset("javascript/vidpaint.js"))
    return page


def _button(text: str, name: str, kind: Any = "secondary", **more: Any) -> Any:
    return gr.Button(text, variant=kind, elem_id=f"vidpaint_{name}", **more)


def _top(parts: Parts, host: Host) -> None:
    with gr.Row(elem_classes="vidpaint-top"):
        parts["project"] = gr.Dropdown(
            choices=[],
            label="Project",
            elem_id="vidpaint_project",
            scale=4,
            info="Every video you opened, the newest first.",
        )
        parts["preset"] = gr.Dropdown(
            choices=[*TITLES.values(), CUSTOM],
            value=TITLES["remove"] if host.engine == "builtin" else CUSTOM,
            label="Preset",
            elem_id="vidpaint_preset",
            scale=2,
            info="Sets the knobs for a kind of edit.",
        )
        with gr.Row(elem_id="vidpaint_buttons"):
            parts["run_all"] = _button("Run all", "run_all", "primary")
            parts["interrupt"] = _button("Interrupt", "interrupt", "stop")
            parts["skip"] = _button("Skip", "skip", visible=host.skip is not None)
    parts["stepper"] = gr.HTML(fragments.stepper([]), elem_id="vidpaint_stepper")
    parts["progress"] = gr.HTML("", elem_id="vidpaint_progress")
    parts["message"] = gr.HTML("", elem_id="vidpaint_message")


def _source(parts: Parts, access: Access, host: Host) -> None:
    form = parts.form
    with gr.Row():
        with gr.Column(scale=2, min_width=320):
            parts["upload"] = gr.File(
                label="Video file", file_types=VIDEO_TYPES, elem_id="vidpaint_upload", height=DROP
            )
            parts["path"] = gr.Textbox(
                label="Video path", elem_id="vidpaint_path", max_lines=1, visible=not access.reachable or bool(access.roots),
                info="Of a video or a folder of frames on this computer: it is used where it lies, nothing is copied.",
            )  # fmt: skip
            with gr.Accordion("Part of it, frame rate of pictures", open=False):
                form.add("source.span", "source.fps")
            parts["open"] = _button("Open video", "open", "primary")
            parts["facts"] = gr.HTML("", elem_id="vidpaint_facts")
            form.add("mask.path")
            parts["mask_upload"] = gr.File(
                label="Mask file", file_types=MASK_TYPES, elem_id="vidpaint_mask_upload", height=DROP
            )
            form.add("mask.grow", "mask.invert")
            with gr.Accordion("More about masks and extracted pictures", open=False):
                form.add("mask", "extract")
            parts["run_extract"] = _button("Take this mask", "run_extract", "primary")
        with gr.Column(scale=3, min_width=320):
            parts["frame"] = gr.HTML(fragments.note("The video's frames are shown here."), elem_id="vidpaint_frame")
            parts["index"] = gr.Slider(0, 1, 0, step=1, label="Frame", elem_id="vidpaint_index")


def _keyframes(parts: Parts, access: Access, host: Host) -> None:
    with gr.Row():
        with gr.Column(scale=2, min_width=320):
            parts.form.add("keyframes")
            parts["run_keyframes"] = _button("Find keyframes", "run_keyframes", "primary")
            parts["plan"] = gr.HTML("", elem_id="vidpaint_plan")
        with gr.Column(scale=3, min_width=320):
            parts["thumbs"] = gr.HTML("", elem_id="vidpaint_thumbs")


def _inpaint(parts: Parts, access: Access, host: Host) -> None:
    form, rows = parts.form, (*PAINT_ROWS, *CROP_ROWS)
    with gr.Row(equal_height=False):
        with gr.Column(scale=4, min_width=320):
            if host.engine == "builtin":
                gr.HTML(fragments.note(BUILTIN))
            else:
                form.add("inpaint.prompt", "inpaint.negative_prompt")
        with gr.Column(scale=1, min_width=240):
            parts["run_inpaint"] = _button("Generate", "run_inpaint", "primary")
            gr.HTML(fragments.note(GENERATE))
    with gr.Row(equal_height=False):
        with gr.Column(scale=1, min_width=320):
            _rows(form, rows[: len(PAINT_ROWS)])
            with gr.Row(elem_classes="vidpaint-seed"):
                form.add("inpaint.seed")
                parts["dice"] = _button("\U0001f3b2", "dice", scale=0, min_width=60)
        with gr.Column(scale=1, min_width=320):
            _rows(form, rows[len(PAINT_ROWS) :])
            with gr.Accordion("Checkpoint, VAE, refiner, scripts", open=False, visible=host.engine != "builtin"):
                form.add("inpaint")


def _rows(form: Form, rows: Sequence[Sequence[str]]) -> None:
    """Controls side by side; those that the engine has no use for are left for later, with the hidden ones."""
    for row in rows:
        if shown := [path for path in row if form.shown(path)]:
            with gr.Row():
                form.add(*shown)


def _select(parts: Parts, access: Access, host: Host) -> None:
    parts["picker"] = gr.HTML("", elem_id="vidpaint_picker")
    with gr.Row(equal_height=False):
        parts.form.add("select")
        parts["run_select"] = _button("Use these choices", "run_select", "primary")


def _result(parts: Parts, access: Access, host: Host) -> None:
    with gr.Row():
        with gr.Column(scale=3, min_width=320):
            parts["compare"] = gr.HTML("", elem_id="vidpaint_compare")
            parts["between"] = gr.Slider(0, 1, 0, step=1, label="Frame to compare", elem_id="vidpaint_between")
            parts["result"] = gr.HTML("", elem_id="vidpaint_result")
        with gr.Column(scale=2, min_width=320):
            parts["run_package"] = _button("Render", "run_package", "primary")
            parts["files"] = gr.HTML("", elem_id="vidpaint_files")
            parts["folder"] = _button("Open folder", "folder", visible=not access.reachable)
            with gr.Accordion("How the edit is carried, checked and written", open=False):
                parts.form.add("composite", "validate", "assemble", "package")


def _hidden(parts: Parts) -> None:
    """What the page's script uses: pressed and read by it, never seen."""
    with gr.Row(elem_classes="vidpaint-hidden"):
        for name in ("start", "poll", "send"):
            parts[name] = _button(name, name)
        for name in ("version", "shown", "command"):
            parts[name] = gr.Textbox("", label=f"vidpaint {name}", elem_id=f"vidpaint_{name}")


def _bind(parts: Parts, page: Page) -> None:
    project, message, controls = parts["project"], parts["message"], parts.controls

    def bind(event: Any, work: Any, inputs: list[Any], outputs: list[Any], js: str = "") -> None:
        on(event, guarded(len(outputs), work), inputs, [*outputs, message], js)

    bind(parts["start"].click, page.start, [project], [project])
    bind(parts["poll"].click, page.poll, [project, *controls], parts.list("progress", "stepper", "version"))
    bind(project.change, page.load, [project], controls)
    refreshed = parts.list("facts", "index", "frame", "plan", "thumbs", "picker", "result", "files", "between")
    bind(parts["version"].change, page.refresh, [*parts.list("project", "index", "shown"), *controls], refreshed)
    bind(parts["version"].change, page.between, parts.list("project", "between"), [parts["compare"]])
    bind(parts["preset"].change, lambda name: page.preset(name.lower()), [parts["preset"]], controls)

    new = [*parts.list("upload", "path"), parts.form.controls["source.span"], parts.form.controls["source.fps"]]
    bind(parts["open"].click, page.open_video, new, parts.list("project", "upload", "path"))
    mask = parts.form.controls["mask.path"]
    bind(parts["mask_upload"].upload, page.take_mask, [project, parts["mask_upload"]], [mask, parts["mask_upload"]])
    bind(parts["index"].change, page.frame, [*parts.list("project", "index"), mask], [parts["frame"]])
    bind(mask.change, page.frame, [*parts.list("project", "index"), mask], [parts["frame"]])
    bind(parts["between"].change, page.between, parts.list("project", "between"), [parts["compare"]])
    for stage in ("extract", "keyframes", "inpaint", "select", "package"):
        bind(parts[f"run_{stage}"].click, page.run(stage), [project, *controls], [])
    bind(parts["run_all"].click, page.run(""), [project, *controls], [])
    bind(parts["interrupt"].click, page.interrupt, [project], [])
    bind(parts["skip"].click, page.skip, [project], [])
    bind(parts["folder"].click, page.open_folder, [project], [])
    bind(parts["dice"].click, page.dice, [], [parts.form.controls["inpaint.seed"]])
    shown = [*parts.list("project", "shown", "index"), mask, parts["command"]]
    bind(parts["send"].click, page.command, shown, [mask, *parts.list("frame", "picker", "shown", "thumbs")], SEND)
