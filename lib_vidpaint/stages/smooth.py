"""Stage 11, smooth: a copy for people with in-between frames.

Reads what assemble reads. Writes smooth.mp4, which is the share copy with more frames (the same corrections, filters,
speed and quality; its sound is kept), and smooth.json, what in it ends the guarantee; the master and the share copy stay as
they are. In-between frames are made along the motion between their neighbours, an edit that moves apart from the rest, and
never across a cut (`interpolation.py`); or by FFmpeg's filter minterpolate, which sees the finished picture as one. With
`smooth.models` or `smooth.scale` every frame of it, in-between ones too, is drawn anew by upscalers, one by one in
smooth/000042.mp4, which are removed when the copy is there.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from ..enlarging import AUTO
from ..finishing import copy_item, cuts, ended_by, finish, frame_rate
from ..groups import SMOOTH, SMOOTHED, Smoothed
from ..items import Item
from ..large import enlarged_copy
from ..model import to_json
from ..patching import patches_in_force
from ..provenance import statement
from ..regions import REGION, read_regions
from ..render import edited_frames, render
from ..settings import knob
from ..sharing import Finish

if TYPE_CHECKING:
    from ..pipeline import Run

TOUCHING = (
    "smooth.factor",
    "smooth.fps",
    "smooth.scale",
    "smooth.models",
    "assemble.speed",
    "assemble.filters",
    "assemble.raw",
)
BEST = "mi_mode=mci:mc_mode=aobmc:me_mode=bidir:vsbmc=1"


@dataclass(frozen=True)
class SmoothSettings:
    factor: int = knob(
        1, "How many times as many frames smooth.mp4 has, a copy for people; 1 = it is not made.", low=1, high=8,
        label="Times as many frames",
    )  # fmt: skip
    fps: str = knob(
        "", "Or the frames per second of smooth.mp4, such as 60 or 60000/1001.", label="Frames per second, smoothed"
    )
    how: Literal["flow", "minterpolate"] = knob(
        "flow",
        "How in-between frames are made: along the motion, the edit apart from the rest (flow), or by FFmpeg's filter "
        "minterpolate, on the whole picture.",
        label="In-between frames by",
    )
    scale: float = knob(
        1.0, "How many times as large smooth.mp4 is than the video, drawn by its upscalers.", low=1, high=4, step=0.5,
        label="Enlarge the smooth copy",
    )  # fmt: skip
    models: str = knob(
        "", "Upscalers with their opacity that draw every frame of smooth.mp4, in-between ones too, as refine.models; at its own "
        "size they clean it up. Empty = none, or the best there is where it is enlarged.",
        label="Smooth copy's upscalers",
    )  # fmt: skip

    @property
    def rate(self) -> Fraction | None:
        """`fps` as a number, None where the factor counts. Raises SettingsError."""
        return frame_rate(self.fps, "smooth.fps")

    @property
    def on(self) -> bool:
        return self.factor > 1 or self.rate is not None

    @property
    def drawn(self) -> str:
        """The upscalers that draw its frames, '' where none does."""
        return self.models.strip() or (AUTO if self.scale > 1 else "")


def smooth(run: Run) -> None:
    """Render the copy with in-between frames, or remove it."""
    settings = run.settings.smooth
    if not settings.on:
        run.drop({SMOOTH, SMOOTHED})
        run.sweep(SMOOTH.partition(".")[0], ())
        return
    patches = patches_in_force(run.project)
    note = statement(run.engine_name, patches, read_regions(run.project)) + " In-between frames were added."

    def write(path: Path) -> None:
        frames = edited_frames(run.clip, patches, run.project.folder, run.project.path(REGION))
        render(run.clip, frames, None, path, run.progress, len(run.clip), smoothed(run), note)

    if settings.drawn:
        item = copy_item(run, SMOOTH, note, settings, run.engine_name)
        enlarged_copy(run, item, smoothed, settings.scale, settings.drawn, note)
    else:
        run.build(copy_item(run, SMOOTH, note, settings), write)
        run.sweep(SMOOTH.partition(".")[0], ())
    facts = json.dumps(to_json(Smoothed(ended_by(run, SMOOTH, TOUCHING))))
    run.build(Item((SMOOTHED,), (), (facts,)), lambda path: path.write_text(facts, encoding="utf-8"))


def smoothed(run: Run) -> Finish:
    """The share copy's finish with in-between frames. Raises SettingsError."""
    settings, made = run.settings.smooth, finish(run)
    rate = settings.rate
    if settings.how == "flow" or len(run.clip) == 1:
        return replace(made, rate=rate, factor=settings.factor, between="flow", cuts=cuts(run))
    fps = run.clip.info.fps
    rate = rate or fps * made.speed * settings.factor
    # It looks two frames ahead and drops what it cannot look beyond: the last one is repeated for it.
    more = ("fps", f"{fps}"), ("tpad", "stop=2:stop_mode=clone"), ("minterpolate", f"fps={rate / made.speed}:{BEST}")
    return replace(made, rate=rate, factor=1, between="nearest", steps=(*made.steps, *more))
