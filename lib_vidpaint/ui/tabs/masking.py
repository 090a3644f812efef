"""The mask's part of tab 1: ways to mark what should change, the frame to mark and paint on, and the doubtful frames."""

from __future__ import annotations

import itertools
import logging
import re
from collections import deque
from collections.abc import Mapping
from functools import partial
from typing import Any

import gradio as gr

from ... import fixes, mask_view, viewing
from ...errors import SettingsError, VidpaintError
from ...mask_view import FOUND_BY
from ...project import Folder, Project
from ...settings import get, put, walk
from ...stages import Settings
from ...stages.mask import MaskSettings
from .. import clicks, fragments, mask_editor
from ..compat import update, uploaded, url
from ..mask_pictures import doubts, look, quick, stamps
from ..page import NO_PROJECT, PATHS, VIDEO_TYPES, Tab, facts
from ..previews import Previews
from ..strokes import canvas, stroke
from ..workspaces import Workspace

MASK = tuple(leaf.path for leaf in walk(Settings) if leaf.path.startswith("mask."))
MASK_TYPES = [*VIDEO_TYPES, ".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff"]
ASKED = ["index", "way", *MASK]
VIEW = ["answered", "way", "ways", "index", "frame", "mask_state", "mask.how", "mask.path", "mask.prompts", "mask.key"]
CHOSEN = "mask.part", "mask.clothing", "mask.hull", "mask.combine", "mask.missing"
"""Knobs whose control tells the script nothing: a dropdown is no input of the browser's."""
DRAWN = "box", "ellipse"
PATIENCE = 0.5
"""A view waits so many seconds for the mask of its frame; what takes longer is asked for again by the page."""
COMMAND = re.compile(
    r"(?P<verb>[a-z]+)(?::(?P<frame>\d{1,7}))?(?::(?P<what>[+-]?\d{1,5},\d{1,5}|box \d{1,5}(?:,\d{1,5}){3}))?"
)
log = logging.getLogger(__name__)
_turns = itertools.count(1)


class MaskPart(Tab):
    """Has no tab of its own: SourceTab lays out its panel and its frame."""

    def build_panel(self) -> None:
        page, form = self.page, self.page.form
        page.html("ways", mask_editor.ways("box", False, ""))
        with gr.Row(elem_classes="vidpaint-hidden"):
            form.add("mask.how")
            page["way"] = gr.Textbox("box", label="vidpaint way", elem_id="vidpaint_way")
            page["answered"] = gr.Textbox("", label="vidpaint answered", elem_id="vidpaint_answered")
        for names, paths in (
            ("box ellipse own also", ("mask.path",)), ("also", ("mask.combine",)), ("person face", ("mask.which",)),
            ("face", ("mask.part",)), ("clothing", ("mask.clothing",)), ("rembg", ("mask.model", "mask.matting")),
            ("key", ("mask.key", "mask.tolerance")), ("track sam person face", ("mask.prompts",)),
            ("rembg sam", ("mask.checkpoint",)),
        ):  # fmt: skip
            with gr.Column(elem_classes=["vidpaint-for", *(f"vidpaint-for-{name}" for name in names.split())]):
                form.add(*paths)
        with gr.Column(elem_classes=["vidpaint-for", "vidpaint-for-own", "vidpaint-for-also"]):
            page["mask_upload"] = gr.File(
                label="Mask file", file_types=MASK_TYPES, elem_id="vidpaint_mask_upload", height=140
            )
        form.add("mask.grow", "mask.feather")
        with gr.Accordion("Clean its shape, turn it round", open=False):
            form.add("mask.specks", "mask.holes", "mask.hull", "mask.invert", "mask.floor")
        with gr.Accordion("More about masks and extracted pictures", open=False, elem_id="vidpaint_mask_more"):
            form.add(*(path for path in MASK if path != "mask.spread"), "extract")
        page.button("run_extract", "Take this mask", "primary")

    def build_frame(self) -> None:
        page = self.page
        page.html("frame", fragments.note("The video's frames are shown here."))
        page["index"] = gr.Slider(0, 1, 0, step=1, label="Frame", elem_id="vidpaint_index")
        page.html("mask_tools", mask_editor.TOOLS)
        with gr.Column(elem_classes="vidpaint-for-brush"):
            page.form.add("mask.spread")
        page.html("mask_state")
        page.html("doubts")

    def bind(self) -> None:
        page = self.page
        self._previews, self._tried = Previews(), deque(maxlen=64)
        page.bind(
            page["mask_upload"].upload, self.take_file, ["project", "mask_upload"], ["mask.path", "way", "mask_upload"]
        )
        for changed in ("index", "mask.prompts", *CHOSEN):
            page.bind(page[changed].change, self.look, ["project", *ASKED], ["frame", "mask_state"], quiet=True)
        for changed in ("mask.how", "mask.path"):
            page.bind(
                page[changed].change,
                self.changed,
                ["project", *ASKED],
                ["way", "ways", "frame", "mask_state"],
                quiet=True,
            )
        page.bind_run("run_extract", "extract")
        self.bind_show(self.show, ASKED, ["index", "frame", "mask_state", "doubts"])
        self.bind_command("mask", self.obey, ASKED, VIEW)
        self.bind_command("preview", self.preview, ASKED, ["answered", "frame", "mask_state", "doubts"], quiet=True)

    def take_file(self, id: str, upload: Any) -> tuple[Any, Any, Any]:
        """An uploaded mask becomes the project's."""
        if not upload:
            return update(), update(), update()
        space = self.page.space(id)
        try:
            file = uploaded(upload)
        except ValueError:
            raise SettingsError("The upload did not arrive: try again.") from None
        name = space.take(file, getattr(upload, "orig_name", "") or file.name)
        return update(value=name), "own", update(value=None)

    def show(self, id: str, index: float, way: str, *given: Any) -> tuple[Any, ...]:
        """Frame slider, frame with its state, and the doubtful frames."""
        if not id:
            return update(), "", fragments.note(NO_PROJECT), ""
        space = self.page.space(id)
        if not viewing.was_read(space.project):
            return update(), "", "", ""
        frames = facts(space.project).frames
        before, index = index, int(min(max(index or 0, 0), frames - 1))
        view = self._view(space, index, way, given, 0)
        # This may come late, after somebody went to another frame: it must not take them back.
        slider = update(maximum=frames - 1) if before == index else update(maximum=frames - 1, value=index)
        return slider, *view, doubts(space)

    def look(self, id: str, index: float, way: str, *given: Any) -> tuple[str, str]:
        """One frame with what may change in it."""
        if not id:  # the slider is put back when the last project is deleted
            return "", ""
        space = self.page.space(id)
        if not viewing.was_read(space.project):
            return "", ""
        return self._view(space, self._frame(space, index), way, given, 0)

    def changed(self, id: str, index: float, way: str, *given: Any) -> tuple[Any, ...]:
        """Another way to mark was chosen, or another mask given: the panel and the frame."""
        values = dict(zip(MASK, given, strict=True))
        way, also = way_of(values, way or "box")
        ways = mask_editor.ways(way, also, mask_view.missing(way, bool(values["mask.checkpoint"])))
        return way + " also" * also, ways, *(self.look(id, index, way, *given) if id else (update(), update()))

    def obey(self, command: str, id: str, index: float, way: str, *given: Any) -> tuple[Any, ...]:
        """What a click, a drag, a key or a stroke asked for. Commands are numbered, so that the script knows the answer."""
        number, _, command = command.partition(":")
        space = self.page.space(id)
        values, at = dict(zip(MASK, given, strict=True)), self._frame(space, index)
        changed, at = self._obeyed(space, command, way or "box", values, at)
        now = {**values, **changed}
        way, also = way_of(now, changed.get("way", way or "box"), changed.get("also"))
        filled: dict[str, Any] = {path: update(value=value) for path, value in changed.items() if path in VIEW}
        filled["answered"], filled["way"] = number, way + " also" * also
        if command.startswith(("way:", "also")):
            filled["ways"] = mask_editor.ways(way, also, mask_view.missing(way, bool(now["mask.checkpoint"])))
        if at != self._frame(space, index):
            filled["index"] = update(value=at)
        shown = self._view(space, at, way, [now[path] for path in MASK], PATIENCE)
        filled |= dict(zip(("frame", "mask_state"), shown))
        return tuple(filled.get(name, update()) for name in VIEW)

    def preview(self, command: str, id: str, index: float, way: str, *given: Any) -> tuple[Any, ...]:
        """A better look at the frame, or at the doubtful frames, as soon as there is one."""
        number, _, asked = command.partition(":")
        if not id:
            return number, update(), update(), update()
        space = self.page.space(id)
        if asked == "doubts":
            return number, update(), update(), doubts(space)
        return number, *self._view(space, self._frame(space, index), way or "box", given, PATIENCE), update()

    def _obeyed(
        self, space: Workspace, command: str, way: str, values: Mapping[str, Any], at: int
    ) -> tuple[dict[str, Any], int]:
        """What a command changes among the controls, and the frame to look at; strokes go to the project at once."""
        if painted := re.match(r"paint:(\d{1,7}):(add|erase):", command):
            at = self._frame(space, int(painted[1]), exactly=True)
            _paint(space, at, painted[2], command[painted.end() :])
            return {}, at
        if drawn := re.fullmatch(r"(box|ellipse):\d{1,5}(,\d{1,5}){3}", command):
            return {"mask.how": "given", "mask.path": command, "way": drawn[1]}, at
        if (chosen := re.fullmatch(r"way:([a-z]+)", command)) and chosen[1] in mask_editor.WAYS:
            return chosen_way(chosen[1], values, at), at
        asked = COMMAND.fullmatch(command)
        if not asked:
            raise SettingsError("The page asked for something it does not know: reload it.")
        verb, what, prompts = asked["verb"], asked["what"] or "", str(values["mask.prompts"] or "")
        if asked["frame"]:
            at = self._frame(space, int(asked["frame"]), exactly=True)
        if verb == "mark" and what:
            _inside(space, what)
            return {"mask.prompts": clicks.with_mark(prompts, at, what)}, at
        if verb == "pick" and what:
            x, y = _inside(space, what)[:2]
            return {"mask.key": mask_view.colour_at(space.project, at, x, y)}, at
        if verb == "also":
            return {"also": " also" not in way, **({"mask.path": ""} if " also" in way else {})}, at
        if verb == "gone":
            return {"mask.prompts": clicks.gone_from(prompts, at)}, at
        if verb in ("back", "none"):
            return {"mask.prompts": clicks.without_last(prompts, at) if verb == "back" else ""}, at
        if verb in ("undo", "clear"):
            return {}, _taken_back(space, verb, at)
        if verb == "try":
            self._tried.append((space.id, at, _found_by(self._asked(space, values))))
        elif verb != "at":
            raise SettingsError("The page asked for something it does not know: reload it.")
        return {}, at

    def _frame(self, space: Workspace, index: float | None, exactly: bool = False) -> int:
        frames, at = facts(space.project).frames, int(index or 0)
        if exactly and not 0 <= at < frames:
            raise SettingsError(f"There is no frame {at}: the video has frames 0 to {frames - 1}.")
        return min(max(at, 0), frames - 1)

    def _asked(self, space: Workspace, values: Mapping[str, Any]) -> MaskSettings:
        """The mask's settings as the controls have them. Raises SettingsError."""
        given = {path: "" if values[path] is None else values[path] for path in MASK}
        for path in given.keys() & set(PATHS):
            given[path] = space.given(given[path], self.page.access)
        return put(Settings(), given).mask

    def _view(self, space: Workspace, index: int, way: str, given: Any, seconds: float) -> tuple[str, str]:
        """The frame and what is said about its mask; with the best look there is within so many seconds."""
        values = dict(zip(MASK, given, strict=True))
        prompts, seen, says, wrong = str(values["mask.prompts"] or ""), None, "", False
        try:
            settings = self._asked(space, values)
            make = partial(look, space, index, settings, (space.id, index, _found_by(settings)) in self._tried)
            key = index, settings, stamps(space), make.args[3]
            seen = self._previews.ask(space.id, key, make, seconds) if seconds else self._previews.ready(space.id, key)
            wanted = seen is None
        except VidpaintError as error:
            says, wrong, wanted = str(error), True, False
        except Exception as error:
            log.exception("the preview of frame %d", index)
            says, wrong, wanted = (
                f"There is no preview of this frame ({type(error).__name__}): the log says more.",
                True,
                False,
            )
        seen = seen or quick(space, index, str(values["mask.path"] or "") if values["mask.how"] == "given" else "")
        way, pointed = way.split()[0], mask_editor.MARKING.get(way.split()[0]) == "point"
        found, strokes = facts(space.project), canvas(viewing.source_info(space.project))
        layers = url(seen.base), url(seen.layer) if seen.layer else ""
        marks = clicks.clicks(prompts, index) if pointed else []
        shown = mask_editor.frame(layers, (found.width, found.height), strokes, index, way, marks)
        marked, painted = clicks.marked(prompts) if pointed else [], fixes.fixed_frames(Folder(space.project))
        says = says or seen.says
        return shown, mask_editor.state(
            next(_turns), index, seen.extent, seen.exact, says, wanted, marked, painted, wrong
        )


def way_of(values: Mapping[str, Any], before: str, also: bool | None = None) -> tuple[str, bool]:
    """The way to mark that the controls amount to, and whether a mask of one's own is put together with what is found."""
    how, path = str(values["mask.how"]), str(values["mask.path"] or "")
    known = before.split()[0]
    if how != "given":
        return how, bool(path) or (" also" in before if also is None else also)
    if path:
        return next((name for name in DRAWN if path.startswith(f"{name}:")), "own"), False
    return known if known in (*DRAWN, "own") else "box", False


def chosen_way(way: str, values: Mapping[str, Any], at: int) -> dict[str, Any]:
    """What the controls hold after a way was chosen. A drawn box goes along as far as it means something there."""
    path, prompts = str(values["mask.path"] or ""), str(values["mask.prompts"] or "")
    numbers = path.partition(":")[2] if path.startswith(("box:", "ellipse:")) else ""
    if way in DRAWN:
        return {"mask.how": "given", "way": way, "mask.path": f"{way}:{numbers}" if numbers else ""}
    if way == "own":
        return {"mask.how": "given", "way": way, "mask.path": "" if numbers else path}
    changed = {"mask.how": way, "way": way, "mask.path": "", "also": False}
    if way in mask_view.FOLLOWED and numbers and not prompts:
        changed["mask.prompts"] = clicks.with_mark("", at, f"box {numbers}")
    return changed


def _found_by(settings: MaskSettings) -> tuple[Any, ...]:
    return tuple(get(settings, name) for name in FOUND_BY)


def _inside(space: Workspace, what: str) -> list[int]:
    """The numbers of a mark. Raises SettingsError for one outside the picture."""
    numbers, found = [int(number) for number in re.findall(r"\d+", what)], facts(space.project)
    x, y, width, height = (*numbers, 1, 1)[:4]
    if x + width > found.width or y + height > found.height or not (width and height):
        raise SettingsError(f"That lies outside the picture, which is {found.width}x{found.height}.")
    return numbers


def _paint(space: Workspace, index: int, kind: str, data: str) -> None:
    """Keep a stroke in the project."""
    mask = stroke(data, viewing.source_info(space.project))
    with Project(space.project, writable=False) as project:
        fixes.paint(project, index, (mask, None) if kind == "add" else (None, mask))


def _taken_back(space: Workspace, verb: str, at: int) -> int:
    """Take back the last stroke, or all of a frame; the frame that it concerned."""
    with Project(space.project, writable=False) as project:
        if verb == "clear":
            fixes.clear(project, at)
            return at
        found = fixes.undo(project)
    if found is None:
        raise SettingsError("Nothing was painted that could be taken back.")
    return found
