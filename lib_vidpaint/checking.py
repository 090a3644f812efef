"""What a page shows of validation: every frame's distance from its limits, what failed, and what could be done about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from . import viewing
from .groups import PREDICTED, REPAIRS, VERDICTS, read_groups
from .judging import read_worst
from .model import Group, Verdict
from .project import Folder
from .repairing import History, Repair
from .report import MEASURES, bad_frames


@dataclass(frozen=True)
class Checked:
    """A validated project. times: how many times its limit the worst measure of every frame is (0: nothing measured).
    worst: the worst frame of every group. repairs: what was tried or is suggested, in order. images: how many pictures a
    keyframe takes to paint. fps: frames a second."""

    frames: int
    fps: float
    groups: tuple[Group, ...]
    verdicts: Mapping[int, Verdict]
    times: tuple[float, ...]
    worst: Mapping[int, int]
    repairs: tuple[Repair, ...]
    images: int

    @property
    def failed(self) -> list[Group]:
        """The groups that failed, in order of time."""
        return [g for g in self.groups if (v := self.verdicts.get(g.key)) and v.decision == "drop"]

    def at(self, frame: int) -> Group | None:
        """The group that a frame lies in."""
        return next((group for group in self.groups if group.start <= frame < group.stop), None)


FILES = VERDICTS, MEASURES, PREDICTED


def checked(folder: Path) -> Checked | None:
    """What validation found, None before it has run."""
    project = Folder(folder)
    if not all(project.path(file).exists() for file in FILES):
        return None
    settings = viewing.look(folder).settings
    limits = settings.validate.limits(settings.composite.carry)
    table = project.path(MEASURES).read_text(encoding="utf-8")
    found, frames = bad_frames(table, limits), viewing.length(folder)
    times = dict.fromkeys(range(frames), 0.0) | {bad.frame: bad.times for bad in found}
    repairs = project.record(REPAIRS, History).repairs if project.path(REPAIRS).exists() else ()
    verdicts = {verdict.key: verdict for verdict in project.records(VERDICTS, Verdict)}
    return Checked(
        frames, float(viewing.source_info(folder).fps), read_groups(project), verdicts,
        tuple(times[frame] for frame in range(frames)), read_worst(table, limits), repairs, settings.inpaint.candidates,
    )  # fmt: skip
