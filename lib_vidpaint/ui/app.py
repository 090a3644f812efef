"""The page itself: the row of buttons on top, progress, and the five tabs. The WebUI's tab and `vidpaint ui` show it."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gradio as gr

from .. import jobs, session
from ..errors import ProjectError, VidpaintError
from ..settings import get, put
from ..stages import PRESETS, Settings
from . import compat, fragments, standing
from .compat import update
from .controls import Form
from .keeping import Keeping
from .page import CONTROLS, PATHS, SEEN, Host, Page, Tab
from .tabs.inpaint import InpaintTab
from .tabs.keyframes import KeyframesTab
from .tabs.result import ResultTab
from .tabs.select import SelectTab
from .tabs.source import SourceTab
from .workspaces import Access, Workspaces

TABS: tuple[type[Tab], ...] = (SourceTab, KeyframesTab, InpaintTab, SelectTab, ResultTab)
TITLES = {"age": "Age", "clothes": "Clothes", "remove": "Remove"}
CUSTOM = "Custom"
SCRIPTS = "javascript/vidpaint.js", "javascript/vidpaint_mask.js", "javascript/vidpaint_retouch.js"


def build(
    root: Path, access: Access, allow: Callable[[Path], None], host: Host | None = None, script: bool = False
) -> gr.Blocks:
    """The page over all projects below `root`. `allow` is told each folder that browsers may read.

    `script`: bring the page's JavaScript along; a WebUI loads it by itself.
    """
    host = host or Host()
    preset = PRESETS["remove"] if host.engine == "builtin" else {}
    begins = put(Settings(), {"inpaint.engine": host.engine, **preset, **host.defaults})
    form = Form(begins, host.engine, host.names, host.defaults)
    page = Page(Workspaces(root, allow), access, form, host)
    frame, keeping, tabs = Frame(page), Keeping(page), [kind(page) for kind in TABS]
    with compat.blocks() as blocks, gr.Column(elem_id="vidpaint"):
        frame.build()
        keeping.build()
        with gr.Tabs(elem_id="vidpaint_tabs"):
            for tab in tabs:
                with gr.Tab(tab.title, elem_id=f"vidpaint_tab_{tab.title[0]}"):
                    tab.build()
        frame.build_hidden()
        for part in (keeping, *tabs, frame):  # the frame asks what all others show
            part.bind()
        if script:
            compat.load_script(blocks, "\n".join(map(compat.asset, SCRIPTS)))
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
            for name in ("version", "shown", "command", "heard", "loaded", "beat"):
                page[name] = gr.Textbox("", label=f"vidpaint {name}", elem_id=f"vidpaint_{name}")

    def bind(self) -> None:
        page = self.page
        state = ["progress", "stepper", "version"]
        page.bind(page["start"].click, self.start, ["project"], ["project", *state])
        page.bind(page["poll"].click, self.poll, ["project", "version", SEEN, CONTROLS], [*state, "beat"], quiet=True)
        page.bind(page["project"].change, self.load, ["project", "loaded"], ["loaded", CONTROLS])
        page.bind(page["preset"].change, self.preset, ["preset"], [CONTROLS])
        page.bind_run("run_all", "")
        page.bind(page["interrupt"].click, self.interrupt, ["project"])
        page.bind(page["skip"].click, self.skip, ["project"])

    def start(self, id: str) -> tuple[Any, ...]:
        """The project list as the page opens with what is running, or else the newest, and where that one stands."""
        spaces = self.page.spaces
        known = spaces.titles()
        running = [name for name in known if (job := jobs.of(spaces.open(name).project)) and job.running]
        chosen = id if id in known else (running or known or [""])[0]
        if not chosen:
            return update(choices=[], value=None), "", fragments.stepper([]), ""
        space = spaces.open(chosen)
        job = jobs.of(space.project)
        try:
            states = fragments.stepper(standing.states(space, job, {}))
        except VidpaintError as error:  # its video is not where it was, say: the list is shown all the same
            states = fragments.note(str(error), "error")
        return update(choices=known, value=chosen), fragments.progress(job), states, standing.version(space, job)

    def load(self, id: str, before: str) -> tuple[Any, ...]:
        """The controls as the project has them; one that has no mask yet begins with the defaults.

        What a person set before there was any project is for the first one, so it stays.
        """
        form = self.page.form
        if not id:  # the last one was deleted
            return (before, *(update() for _ in form.controls))
        space, values = self.page.space(id), dict.fromkeys(PATHS, "")
        if session.is_project(space.project):
            with session.opened(space.project) as run:
                values = {path: get(run.settings, path) for path in form.controls}
        for path in PATHS:
            # No project keeps the folder of models, which the command line may have given.
            values[path] = space.shown(values[path]) or get(form.defaults, path)
        if not (space.project / "region.json").exists():
            own = {path: value for path, value in values.items() if path in PATHS or path.startswith("source.")}
            begins = {path: control.value for path, control in form.controls.items() if not path.startswith("source.")}
            values = {**(begins if before else {}), **own}
        shown = {path: form.held(path, value) for path, value in values.items()}
        return (id, *(update(value=shown[path]) if path in shown else update() for path in form.controls))

    def preset(self, name: str) -> tuple[Any, ...]:
        """The controls with a preset's values; the others stay."""
        chosen = PRESETS.get((name or "").lower(), {})
        return tuple(update(value=chosen[path]) if path in chosen else update() for path in self.page.form.controls)

    def interrupt(self, id: str) -> tuple[()]:
        """Stop the project's job at its next step, and the host's sampling at once."""
        job = jobs.of(self.page.space(id).project)
        if job and job.running:
            job.cancel()
            self.page.host.interrupt(job.thread)
        return ()

    def skip(self, id: str) -> tuple[()]:
        """Give up the pictures that are being painted now; the rest goes on."""
        job = jobs.of(self.page.space(id).project)
        if job and job.running and self.page.host.skip:
            self.page.host.skip(job.thread)
        return ()

    def poll(self, id: str, shown: str, *rest: Any) -> tuple[Any, ...]:
        """Progress, stepper, a text that changes whenever the rest of the page has something new to show, and one that
        always changes: without it the page's script stops asking."""
        beat, parts = str(time.monotonic_ns()), len(rest) - len(self.page.form.controls)
        showed, given = rest[:parts], rest[parts:]
        if not id:
            return "", fragments.stepper([]), "", beat
        try:
            space = self.page.spaces.open(id)
        except ProjectError as error:  # deleted a moment ago, or on another page
            return "", fragments.note(str(error), "error"), "", beat
        job = jobs.of(space.project)
        busy = bool(job and job.running)
        if job and busy:
            seen = self.page.host.glimpse(job.thread)
            # Between two batches the last look stays, so that the page does not jump.
            job.glimpse = seen or (job.glimpse if job.text == fragments.PAINTING else None)
        version = standing.renewed(standing.version(space, job), shown, showed)
        try:
            states = [] if busy else standing.states(space, job, self.page.values(id, given))
        except VidpaintError as error:
            return fragments.progress(job), fragments.note(str(error), "error"), version, beat
        return fragments.progress(job), update() if busy else fragments.stepper(states), version, beat
