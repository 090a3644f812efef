"""The part of the Result tab about validation: the timeline, a group that plays, and buttons to do something about it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from ... import checking, jobs, selection, viewing
from ...errors import SettingsError
from ...project import Folder
from .. import checks
from ..compat import update, url
from ..page import Tab
from ..workspaces import Workspace

BY_HAND = "keyframes.add", "keyframes.remove"
VIDEO = "share.mp4"


class Check(Tab):
    """What validation found, and what a person says to it."""

    def build(self) -> None:
        self.page.html("checks")
        self.page.html("check")

    def bind(self) -> None:
        self.bind_show(self.show, ["between"], ["checks", "check"])
        given = [*BY_HAND]
        self.bind_command("check", self.obey, given, ["checks", "check", "between", *BY_HAND])

    def show(self, id: str, between: float) -> tuple[str, str]:
        """The timeline, and the group of the frame on view."""
        found = self._found(self.page.space(id)) if id else None
        if not found:
            return "", ""
        at = int(min(between or 0, found.frames - 1))
        return self._timeline(found, at), checks.span(found, at, self._video(self.page.space(id)))

    def obey(self, command: str, id: str, add: str, remove: str) -> tuple[Any, ...]:
        """Play the group at a frame, accept or drop it, have it painted again, or make a frame a keyframe."""
        asked = re.fullmatch(r"(at|accept|redo|drop|add):(\d{1,9})", command)
        space = self.page.space(id)
        found = self._found(space)
        if not asked or not found:
            raise SettingsError("The page asked for something it does not know: reload it.")
        verb, number = asked[1], int(asked[2])
        nothing = (update(),) * 3
        if verb == "at":
            number = min(number, found.frames - 1)
            played = checks.span(found, number, self._video(space), play=True)
            return self._timeline(found, number), played, update(value=number), *nothing[:2]
        values: dict[str, Any] = {}
        if verb == "add":
            values = viewing.toggled(space.work, number, dict(zip(BY_HAND, (add or "", remove or ""))))
        else:
            {"accept": selection.accept, "redo": selection.redo, "drop": selection.drop}[verb](
                Folder(space.work), number
            )
        jobs.start(space.project, values, until="validate")
        by_hand = (update(value=values[path]) if values else update() for path in BY_HAND)
        return *nothing, *by_hand

    def _timeline(self, found: checking.Checked, at: int) -> str:
        return checks.jumps(found) + checks.timeline(found, at)

    def _found(self, space: Workspace) -> checking.Checked | None:
        return checking.checked(space.work) if viewing.was_read(space.work) else None

    def _video(self, space: Workspace) -> str:
        file: Path = space.work / VIDEO
        return url(space.publish(file)) if file.exists() else ""
