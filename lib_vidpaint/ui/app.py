"""The page itself: the row of buttons on top, progress, and the five tabs. The WebUI's tab and `vidpaint ui` show it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import gradio as gr

from .. import jobs, session
from ..errors import VidpaintError
from ..settings import get, put
from ..stages import PRESETS, Settings
from . import compat, fragments
from .compat import update
from .controls import Form
from .page import CONTROLS, PATHS, Host, Page, Tab
from .tabs.inpaint import InpaintTab
from .tabs.keyframes import KeyframesTab
from .tabs.result import ResultTab
from .tabs.select import SelectTab
from .tabs.source import SourceTab
from .workspaces import Access, Workspace, Workspaces

TABS: tuple[type[Tab], ...] = (SourceTab, KeyframesTab, InpaintTab, SelectTab, ResultTab)
TITLES = {"age": "Age", "clothes": "Clothes", "remove": "Remove"}
CUSTOM = "Custom"


def build(
    root: Path, access: Access, allow: Callable[[Path], None], host: Host | None = None, script: bool = False
) -> gr.Blocks:
    """The page over all projects below `root`. `allow` is told each folder that browsers may read.

    `script`: bring the page's JavaScript along; a WebUI loads it by itself.
    """
    host = host or Host()
    preset = PRESETS["remove"] if host.engine == "builtin" else {}
    form = Form(put(Settings(), {"inpaint.engine": host.engine, **preset}), host.engine, host.names)
    page = Page(Workspaces(root, allow), access, form, host)
    frame, tabs = Frame(page), [kind(page) for kind in TABS]
    with compat.blocks() as blocks, gr.Column(elem_id="vidpaint"):
        frame.build()
        with gr.Tabs(elem_id="vidpaint_tabs"):
            for tab in tabs:
                with gr.Tab(tab.title, elem_id=f"vidpaint_tab_{tab.title[0]}"):
                    tab.build()
        frame.build_hidden()
        for part in (frame, *tabs):
            part.bind()
        if script:
            compat.load_script(blocks, compat.asset("javascript/vidpaint.js"))
    return blocks


class Frame(Tab):
    """What stands above all tabs, and what the page's script presses once a second."""

    def build(self) -> None:
        page = self.page
        with gr.Row(elem_classes="vidpaint-top"):
            page["project"] = gr.Dropdown(
                choices=[], label="Project", elem_id="vidpaint_project", scale=4,
                info="Every video you opened, the newest first.",
            )  # fmt: skip
            page["preset"] = gr.Dropdown(
                choices=[*TITLES.values(), CUSTOM], label="Preset", elem_id="vidpaint_preset", scale=2,
                value=TITLES["remove"] if page.host.engine == "builtin" else CUSTOM,
                info="Sets the knobs for a kind of edit.",
            )  # fmt: skip
            with gr.Row(elem_id="vidpaint_buttons"):
                page.button("run_all", "Run all", "primary")
                page.button("interrupt", "Interrupt", "stop")
                page.button("skip", "Skip", visible=page.host.skip is not None)
        page.html("stepper", fragments.stepper([]))
        page.html("progress")
        page.html("message")

    def build_hidden(self) -> None:
        """What the page's script presses and reads, never seen."""
        page = self.page
        with gr.Row(elem_classes="vidpaint-hidden"):
            for name in ("start", "poll"):
                page.button(name, name)
            for name in ("version", "shown", "command"):
                page[name] = gr.Textbox("", label=f"vidpaint {name}", elem_id=f"vidpaint_{name}")

    def bind(self) -> None:
        page = self.page
        page.bind(page["start"].click, self.start, ["project"], ["project"])
        page.bind(page["poll"].click, self.poll, ["project", CONTROLS], ["progress", "stepper", "version"], quiet=True)
        page.bind(page["project"].change, self.load, ["project"], [CONTROLS])
        page.bind(page["preset"].change, self.preset, ["preset"], [CONTROLS])
        page.bind_run("run_all", "")
        page.bind(page["interrupt"].click, self.interrupt, ["project"])
        page.bind(page["skip"].click, self.skip, ["project"])

    def start(self, id: str) -> Any:
        """The project list as the page opens: what is running, or else the newest."""
        spaces = self.page.spaces
        known = spaces.titles()
        running = [name for name in known if (job := jobs.of(spaces.open(name).project)) and job.running]
        chosen = id if id in known else (running or known or [""])[0]
        return update(choices=known, value=chosen or None)

    def load(self, id: str) -> tuple[Any, ...]:
        """The controls as the project has them. One that has no mask yet begins with what the page shows."""
        space, controls = self.page.space(id), self.page.form.controls
        if not session.is_project(space.project):
            return tuple(update() for _ in controls)
        with session.opened(space.project) as run:
            values = {path: get(run.settings, path) for path in controls}
        for path in PATHS:
            values[path] = space.shown(values[path])
        fresh = not (space.project / "region.json").exists()
        return tuple(
            update() if fresh and path not in PATHS and not path.startswith("source.") else update(value=value)
            for path, value in values.items()
        )

    def preset(self, name: str) -> tuple[Any, ...]:
        """The controls with a preset's values; the others stay."""
        chosen = PRESETS.get((name or "").lower(), {})
        return tuple(update(value=chosen[path]) if path in chosen else update() for path in self.page.form.controls)

    def interrupt(self, id: str) -> tuple[()]:
        """Stop the project's job at its next step, and the host's sampling at once."""
        job = jobs.of(self.page.space(id).project)
        if job and job.running:
            job.cancel()
            self.page.host.interrupt()
        return ()

    def skip(self, id: str) -> tuple[()]:
        """Give up the pictures that are being painted now; the rest goes on."""
        job = jobs.of(self.page.space(id).project)
        if job and job.running and self.page.host.skip:
            self.page.host.skip()
        return ()

    def poll(self, id: str, *given: Any) -> tuple[Any, Any, Any]:
        """Progress, stepper, and a text that changes whenever the rest of the page has something new to show."""
        if not id:
            return "", fragments.stepper([]), ""
        space = self.page.spaces.open(id)
        job = jobs.of(space.project)
        busy = bool(job and job.running)
        version = f"{space.id} {_version(space, job)}"
        try:
            asked = tuple(self.page.values(id, given).items())
            states = [] if busy else _states(space.project, version, asked)
        except VidpaintError as error:
            return fragments.progress(job), fragments.note(str(error), "error"), version
        return fragments.progress(job), update() if busy else fragments.stepper(states), version


def _version(space: Workspace, job: jobs.Job | None) -> str:
    """Grows stale with every finished task, and with every decision of a person."""
    chosen = space.project / "selection.json"
    decided = chosen.stat().st_mtime_ns if chosen.exists() else 0
    if job and job.running:
        return f"{job.text} {job.done // 8 if job.text == 'painting' else ''} {decided}"
    ledger = space.project / "made.jsonl"
    return f"{ledger.stat().st_mtime_ns if ledger.exists() else 0} {decided} {job.state if job else ''}"


@lru_cache(maxsize=64)
def _states(folder: Path, version: str, asked: tuple[tuple[str, Any], ...]) -> Sequence[session.StageState]:
    """Where every stage stands with the values on the page; remembered, for the page asks every second."""
    return session.status(folder, dict(asked)) if session.is_project(folder) else []
