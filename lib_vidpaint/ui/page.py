"""What all tabs of the page share: its components by name, the open projects, and how an event is tied to its work."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from threading import Thread
from typing import Any

import gradio as gr

from .. import jobs, viewing
from ..engines import Glimpse
from ..errors import MaskError, SettingsError, VidpaintError
from ..mask_view import FOLLOWED
from . import fragments
from .compat import on, update
from .controls import Form
from .img2img import Img2Img
from .standing import AGAIN
from .workspaces import Access, Workspace, Workspaces

log = logging.getLogger(__name__)
PATHS = "mask.path", "mask.white", "mask.checkpoint", "mask.painted", "inpaint.models", "refine.weights", "enhance.lut"
VIDEO_TYPES = [".mp4", ".mov", ".mkv", ".webm", ".avi", ".m4v", ".mpg", ".mts", ".m2ts", ".ts", ".mxf"]
NO_PROJECT = "Open a video first, under Source & mask."
CONTROLS = "controls"
"""Among the inputs or outputs of an event: every knob's control, in the form's order."""
SEEN = "seen"
"""Among the inputs of an event: the version that every part of the page showed last."""


def nothing(*_: Any) -> None:
    """What a host without buttons of its own does."""


@dataclass(frozen=True)
class Host:
    """What surrounds the page: which engine paints, the names it knows, and the values that a new project begins with.

    `refresh` has it look for new names. `interrupt`, `skip` and `glimpse` act on what it does for a job's thread, and on
    nothing else: another user's picture is not ours to stop.
    """

    engine: str = "builtin"
    names: Callable[[str], Sequence[str]] = lambda kind: ()
    refresh: Callable[[], None] = nothing
    interrupt: Callable[[Thread], None] = nothing
    skip: Callable[[Thread], None] | None = None
    glimpse: Callable[[Thread], Glimpse | None] = nothing
    defaults: Mapping[str, Any] = field(default_factory=dict)
    img2img: Img2Img | None = None


class Page:
    """The components by name (a knob's control by its dotted path), and what their handlers work with."""

    def __init__(self, spaces: Workspaces, access: Access, form: Form, host: Host) -> None:
        self.spaces, self.access, self.form, self.host = spaces, access, form, host
        self._parts: dict[str, Any] = {}
        self._seen: list[str] = []

    def __setitem__(self, name: str, component: Any) -> None:
        component.do_not_save_to_config = True  # the WebUI would store its value as a default
        self._parts[name] = component

    def __getitem__(self, name: str) -> Any:
        return self._parts[name] if name in self._parts else self.form.controls[name]

    def adopt(self, name: str, component: Any) -> None:
        """Take in a component of the host's own, which stays as it is."""
        self._parts[name] = component

    def button(self, name: str, text: str, kind: Any = "secondary", **more: Any) -> None:
        """A button with the element id `vidpaint_<name>`."""
        self[name] = gr.Button(text, variant=kind, elem_id=f"vidpaint_{name}", **more)

    def html(self, name: str, text: str = "") -> None:
        """A piece of the page that handlers fill."""
        self[name] = gr.HTML(text, elem_id=f"vidpaint_{name}")

    def bind(
        self, event: Any, work: Callable[..., Any], inputs: Sequence[str] = (), outputs: Sequence[str] = (),
        *, js: str = "", quiet: bool = False,
    ) -> None:  # fmt: skip
        """Call `work` with the inputs' values and put what it returns into the outputs, all by name.

        Its error becomes the sentence in the message line, and its success clears that line unless it is `quiet`.
        """
        given, filled = self._named(inputs), self._named(outputs)
        on(event, self._guarded(len(filled), work, quiet), given, [*filled, self["message"]], js)

    def bind_echoed(
        self, event: Any, work: Callable[..., Any], inputs: Sequence[str], outputs: Sequence[str], js: str, quiet: bool
    ) -> None:
        """`bind`, with the first input's value (up to a |) put into the first output when the work is done, well or not."""
        filled = self._named(outputs)
        answer = self._guarded(len(filled) - 1, work, quiet)
        on(
            event, lambda first, *given: (first.partition("|")[0], *answer(first, *given)), self._named(inputs),
            [*filled, self["message"]], js,
        )  # fmt: skip

    def bind_show(self, show: Callable[..., Any], inputs: Sequence[str], outputs: Sequence[str]) -> None:
        """Call `show` whenever `version` changes. What it showed last is kept, as gradio 3 drops an event while the one before
        it is under way."""
        name = f"seen_{len(self._seen)}"
        self._seen.append(name)
        with gr.Row(elem_classes="vidpaint-hidden"):
            self[name] = gr.Textbox("", label=f"vidpaint {name}", elem_id=f"vidpaint_{name}")
        count = len(self._named(outputs))

        def missed(version: str, seen: str, *given: Any) -> Any:
            same = version.rstrip(AGAIN) == seen.rstrip(AGAIN) != ""  # another part missed it
            return tuple(update() for _ in range(count)) if same else show(*given)

        self.bind_echoed(
            self["version"].change, missed, ["version", name, "project", *inputs], [name, *outputs], "", True
        )

    def bind_run(self, name: str, until: str) -> None:
        """Have a button start the work up to a stage."""
        self.bind(self[name].click, lambda title, *given: self.run(title, until, *given), ["project", CONTROLS])

    def _guarded(self, outputs: int, work: Callable[..., Any], quiet: bool) -> Callable[..., Any]:
        """The handler that gradio calls: `work` gives `outputs` values; a last one is added, the sentence for the message line.

        After an error all but that one stay as they are. What the page had asked about a project that is deleted meanwhile
        leaves nothing behind: the next poll says where the steps stand.
        """

        def handler(*given: Any) -> Any:
            try:
                result = work(*given)
            except Exception as error:
                text = str(error)
                if any(isinstance(value, str) and self.spaces.deleted(value) for value in given):
                    return tuple([update()] * (outputs + 1))
                if not isinstance(error, VidpaintError):
                    log.exception("the page")
                    text = f"This is a mistake in Video Inpaint ({type(error).__name__}): its log says more."
                return (*[update()] * outputs, fragments.note(text, "error"))
            values = result if isinstance(result, tuple) else (result,) if outputs else ()
            assert len(values) == outputs
            return (*values, update() if quiet else "")

        return handler

    def _named(self, names: Sequence[str]) -> list[Any]:
        found = []
        for name in names:
            several = {CONTROLS: self.form.controls.values(), SEEN: map(self._parts.__getitem__, self._seen)}
            found += several.get(name) or [self[name]]
        return found

    def run(self, id: str, until: str, *given: Any, only: int | None = None, preview: bool = False) -> tuple[()]:
        """Start the project's job with the values of all controls, up to a stage ('': to the end), on `only` one keyframe, or on a
        `preview` of each."""
        space, values = self.space(id), self.values(id, given)
        if values["mask.how"] == "given" and not values["mask.path"]:
            raise MaskError("What may change? Drag a box on the picture, or choose another way to mark it.")
        if values["mask.how"] in FOLLOWED and not (values["mask.prompts"] or values["mask.painted"]):
            raise MaskError(
                "What may change? Click on it on the picture under Source & mask: it is followed from there."
            )
        jobs.start(space.project, values, until=until, plan=until == "keyframes", only=only, preview=preview)
        return ()

    def space(self, id: str) -> Workspace:
        """The project that is open in the browser. Raises SettingsError when there is none."""
        if not id:
            raise SettingsError(NO_PROJECT)
        return self.spaces.open(id)

    def values(self, id: str, given: Sequence[Any]) -> dict[str, Any]:
        """What the controls hold, by dotted path, each checked. Raises SettingsError."""
        values = self.form.values(given)
        space = self.spaces.open(id)
        for path in PATHS:
            values[path] = space.given(values[path], self.access)
        return values


class Tab:
    """One step of the page: `build` lays out its components, `bind` ties them to its handlers."""

    title = ""

    def __init__(self, page: Page) -> None:
        self.page = page

    def build(self) -> None:
        raise NotImplementedError

    def bind(self) -> None:
        raise NotImplementedError

    def bind_show(self, show: Callable[..., Any], inputs: Sequence[str], outputs: Sequence[str]) -> None:
        """Have `show` fill components with what the project's files say, whenever those have changed."""
        self.page.bind_show(show, inputs, outputs)

    def bind_command(
        self, name: str, obey: Callable[..., Any], inputs: Sequence[str], outputs: Sequence[str], js: str = "",
        quiet: bool = False,
    ) -> None:  # fmt: skip
        """Have `obey` take the commands `<name>:…` of pictures and buttons in HTML: the rest of the text comes first."""
        page = self.page
        with gr.Row(elem_classes="vidpaint-hidden"):
            page.button(f"send_{name}", f"send {name}")
        given = ["command", "project", *inputs]
        # gradio 3 also hands the outputs' values to the script, after the inputs'.
        js = js or f"(...given) => [window.vidpaintPage.command, ...given.slice(1, {len(given)})]"
        work = lambda command, *rest: obey(command.partition("|")[2], *rest)  # noqa: E731  # before it is its number
        page.bind_echoed(page[f"send_{name}"].click, work, given, ["heard", *outputs], js, quiet)


def facts(folder: Path) -> viewing.Facts:
    """What is known of a project's video. Raises SettingsError while it is still being read."""
    if not viewing.was_read(folder):
        raise SettingsError("The video is still being read: wait a moment.")
    return _facts(folder, (folder / "frames.csv").stat().st_mtime_ns)


@lru_cache(maxsize=16)
def _facts(folder: Path, stamp: int) -> viewing.Facts:
    """Measured once for every survey: the estimate of the master encodes a few frames."""
    return viewing.facts(folder)
