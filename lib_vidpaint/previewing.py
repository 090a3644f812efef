"""One frame of the edit as it stands, before anything is carried or rendered: a person looks around with a slider."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from . import session
from .groups import SELECTION
from .items import read_alpha
from .ledger import NAME as LEDGER
from .model import Choice, Frame
from .orientation import upright
from .patching import Plan, patch_plans, preview_frame
from .pipeline import Run
from .planes import Planes, splice, view
from .project import SETTINGS
from .propagation import KeyLayer
from .selection import Picks, gallery

Values = tuple[tuple[str, Any], ...]


@dataclass(frozen=True, eq=False)
class Scene:
    """A project opened for looking: the plans of its patches in order, for the candidates that are in force."""

    run: Run
    plans: Sequence[Plan]

    def at(self, index: int) -> int:
        """The number of the plan that frame `index` belongs to, -1 when nothing is edited there."""
        number = bisect_right(self.plans, index, key=lambda plan: plan.patch.start) - 1
        return number if number >= 0 and index < self.plans[number].patch.stop else -1


def possible(folder: Path) -> bool:
    """Whether there is a candidate anywhere, and its keyframe not dropped, so that there is something to preview."""
    return bool(_scene(folder, (), *_stamps(folder)).plans)


def preview(folder: Path, index: int, values: Values = ()) -> tuple[Frame, Frame]:
    """Frame `index` of the source and with the edit over it, RGB uint8 as a player shows them, of the source's size.

    Each frame is carried from its keyframes directly (`patching.preview_frame`), in .1 to .3 s at 720p: fast motion comes out
    softer than it will. `values` are settings laid over the project's own. Raises ProjectError, VideoError.
    """
    stamps = _stamps(folder)
    scene = _scene(folder, values, *stamps)
    run = scene.run
    clip, info = run.clip, run.clip.info
    index = min(max(index, 0), len(clip) - 1)
    source = clip.frame(index)
    result = overlaid(folder, index, source, values)
    before, after = (upright(view(planes, info.color), info.rotation) for planes in (source, result))
    return before, after


def overlaid(folder: Path, index: int, source: Planes, values: Values = ()) -> Planes:
    """Frame `index` with the edit over it; `source` is that frame's planes."""
    stamps = _stamps(folder)
    scene = _scene(folder, values, *stamps)
    run, number = scene.run, scene.at(index)
    alpha = read_alpha(run, index)
    if number < 0 or not alpha.any():
        return source
    box = scene.plans[number].patch.box
    layers, inside = _layers(folder, values, number, *stamps), alpha[box.slices]
    patch = preview_frame(source.crop(box).copy(), inside, layers, index, run.clip.info, run.settings.composite)
    result = source.copy()
    splice(result, patch, np.asarray(inside > 0, np.uint8), box)
    return result


@lru_cache(maxsize=2)
def _scene(folder: Path, values: Values, *stamps: int) -> Scene:
    """Opening a project takes up to 0.3 s, so the last ones stay; `stamps` tell when their files have changed."""
    with session.opened(folder, dict(values)) as run:
        picks = gallery(run.project, run.settings.inpaint.candidates)
        choices = {
            pick.group.key: Choice(pick.group.key, number) for pick in picks if (number := _shown(pick)) is not None
        }
        return Scene(run, patch_plans(run, [pick.group for pick in picks], sorted(choices), choices) if choices else ())


def _shown(pick: Picks) -> int | None:
    """The candidate in force; the first where nothing is decided yet; None for a dropped group."""
    undecided = pick.candidate is None and pick.decision == "open"
    return pick.candidates[0] if undecided and pick.candidates else pick.candidate


@lru_cache(maxsize=4)
def _layers(folder: Path, values: Values, number: int, *stamps: int) -> list[KeyLayer]:
    scene = _scene(folder, values, *stamps)
    return [layer.load(scene.run) for layer in scene.plans[number].layers]


def _stamps(folder: Path) -> tuple[int, ...]:
    files = (folder / name for name in (LEDGER, SELECTION, SETTINGS))
    return tuple(file.stat().st_mtime_ns if file.exists() else 0 for file in files)
