"""Tab 2, Keyframes: which frames will be painted, why, what that costs, and adding and removing them by hand."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import gradio as gr

from ... import jobs, viewing
from ...errors import SettingsError
from ...groups import read_groups
from ...keyplots import read_predicted, read_scores
from ...model import Group
from ...project import Folder
from .. import fragments, scores
from ..compat import update, url
from ..page import NO_PROJECT, Tab, facts
from ..pictures import Pictures
from ..workspaces import Workspace

THUMBS = 24
FILES = "scores.csv", "keyframes/predicted.csv", "groups.json"
BY_HAND = ["keyframes.add", "keyframes.remove"]
VIEW = ["plan", "scores", "look_at", "spot", "thumbs", "thumbs_page"]


class KeyframesTab(Tab):
    title = "2 Keyframes"

    def build(self) -> None:
        page = self.page
        with gr.Row():
            with gr.Column(scale=2, min_width=320):
                page.form.add("keyframes.how", "keyframes.quality", "keyframes.count", "keyframes.longest")
                page.button("run_keyframes", "Find keyframes", "primary")
                page.html("plan")
                with gr.Accordion("More about the rules, and keyframes by hand as numbers", open=False):
                    page.form.add("keyframes")
            with gr.Column(scale=3, min_width=320):
                page.html("scores")
                page["look_at"] = gr.Slider(0, 1, 0, step=1, label="Frame to look at", elem_id="vidpaint_look_at")
                page.html("spot")
                page.html("thumbs")
        with gr.Row(elem_classes="vidpaint-hidden"):
            page["thumbs_page"] = gr.Textbox("", label="vidpaint thumbs_page", elem_id="vidpaint_thumbs_page")

    def bind(self) -> None:
        page = self.page
        page.bind_run("run_keyframes", "keyframes")
        self.bind_show(self.show, ["look_at", "thumbs_page"], VIEW)
        page.bind(page["look_at"].change, self.look, ["project", "look_at"], ["scores", "spot"])
        given, filled = ["look_at", "thumbs_page", *BY_HAND], ["look_at", "thumbs", "thumbs_page", *BY_HAND]
        self.bind_command("keyframes", self.obey, given, filled)

    def show(self, id: str, at: float, turned: str) -> tuple[Any, ...]:
        """What is to paint, the scores, the frame on view, and the keyframes."""
        nothing = "", update(), "", "", "0"
        if not id:
            return fragments.note(NO_PROJECT), *nothing
        space = self.page.space(id)
        if not _chosen(space):
            return fragments.note("No keyframes yet: press Find keyframes."), *nothing
        frames = facts(space.work).frames
        at = int(min(max(at or 0, 0), frames - 1))
        slider = update(maximum=frames - 1, value=at)
        plan = scores.plan(viewing.remaining(space.work))
        return plan, _plot(space, at), slider, _spot(space, at), *_thumbs(space, _page(turned))

    def look(self, id: str, at: float) -> tuple[str, str]:
        """The frame that the slider stands at."""
        if not id:  # it is put back when the last project is deleted
            return "", ""
        space = self.page.space(id)
        if not _chosen(space):
            return "", ""
        at = int(min(max(at or 0, 0), facts(space.work).frames - 1))
        return _plot(space, at), _spot(space, at)

    def obey(self, command: str, id: str, at: float, turned: str, add: str, remove: str) -> tuple[Any, ...]:
        """Look at a frame, turn the thumbnails' page, or make a frame a keyframe or none any more."""
        asked = re.fullmatch(r"(page|at|toggle):(\d{1,9})", command)
        if not asked:
            raise SettingsError("The page asked for something it does not know: reload it.")
        verb, number = asked[1], int(asked[2])
        space = self.page.space(id)
        if verb == "at":
            return update(value=number), *[update()] * 4
        if verb == "page":
            return update(), *_thumbs(space, number), update(), update()
        values = viewing.toggled(space.work, number, dict(zip(BY_HAND, (add or "", remove or ""))))
        jobs.start(space.project, values, until="keyframes")
        return update(value=number), update(), update(), *(update(value=values[path]) for path in BY_HAND)


def _chosen(space: Workspace) -> bool:
    """Whether keyframes were found."""
    return all((space.work / file).exists() for file in FILES)


def _page(turned: str) -> int:
    return int(turned) if re.fullmatch(r"\d{1,6}", turned or "") else 0


@dataclass(frozen=True)
class Found:
    """Why keyframes lie where they lie: the columns of scores.csv, the error to expect by keyframe, and the groups."""

    columns: Mapping[str, Sequence[float]]
    expected: Mapping[int, float]
    groups: tuple[Group, ...]


def _found(space: Workspace) -> Found:
    return _read(space.work, *((space.work / file).stat().st_mtime_ns for file in FILES))


@lru_cache(maxsize=4)
def _read(folder: Path, *stamps: int) -> Found:
    texts = [(folder / file).read_text(encoding="utf-8") for file in FILES[:2]]
    return Found(read_scores(texts[0]), read_predicted(texts[1]), read_groups(Folder(folder)))


def _plot(space: Workspace, at: int) -> str:
    found = _found(space)
    return scores.plot(found.columns, found.expected, found.groups, at) if found.columns and found.groups else ""


def _spot(space: Workspace, at: int) -> str:
    groups = _found(space).groups
    picture = space.picture(f"look-{at:06d}", space.work / "frames.csv", lambda: viewing.source_frame(space.work, at))
    space.prune("look-")
    return scores.spot(url(picture), at, next((group for group in groups if group.start <= at < group.stop), None))


def _thumbs(space: Workspace, page: int) -> tuple[str, str]:
    """The page of thumbnails, and its number as text."""
    groups = _found(space).groups
    settings, pictures = viewing.look(space.work).settings.keyframes, Pictures(space)
    pages = max(1, -(-len(groups) // THUMBS))
    page = min(page, pages - 1)
    pictures.make(pictures.keyframe(group.key) for group in groups[page * THUMBS : (page + 1) * THUMBS])
    cells = [
        (group, pictures.image(pictures.keyframe(group.key), f"keyframe {group.key}"))
        for group in groups[page * THUMBS : (page + 1) * THUMBS]
    ]
    shown = scores.keyframes(cells, settings.added, settings.removed, page, pages, pictures.late)
    return shown, str(page)
