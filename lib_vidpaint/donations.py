"""Donors for the engine: which frames lend to which keyframe (donors.json), and how their crops are read.

Donor frames are read from front to back along with the keyframes, and the last ones are kept: neighbouring keyframes
share most of theirs. Memory does not grow with the video.
"""

from __future__ import annotations

import json
from bisect import bisect_left
from collections import OrderedDict
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from . import donors
from .clip import read_planes_of
from .crops import Crop
from .donors import Donor, Lenders
from .groups import GROUPS, read_groups
from .items import File, Item, read_alpha
from .model import Box, Frame, Mask, to_json
from .orientation import upright
from .planes import Planes, seen_color, view
from .regions import REGION_SMALL
from .survey import PROXY, proxy_info

if TYPE_CHECKING:
    from .pipeline import Run

DONORS = "donors.json"
SEEN = 0.5
"""Share of a region that some other moment must show, or the user is told."""
NEAR = 48
"""Frames around a keyframe whose donors are read along; farther ones are looked up one by one."""
KEPT = 32
"""Source frames in memory: all donors of two neighbouring keyframes, 100 MB of a 1080p video."""


def lenders(run: Run) -> dict[int, Lenders]:
    """The donors of every keyframe, by its number; found once and kept in donors.json."""

    def frames() -> Iterator[tuple[Frame, Mask]]:
        small = (planes.arrays[0] for planes in read_planes_of(run.project.path(REGION_SMALL)))
        for count, pair in enumerate(zip(run.survey.frames(), small, strict=True), 1):
            yield pair
            run.progress.step("looking behind the region", count, len(run.survey.pts))

    def write(path: Path) -> None:
        found = list(donors.lenders(frames(), read_groups(run.project)))
        path.write_text(json.dumps(to_json(found)), encoding="utf-8")

    _ = run.survey
    run.build(Item((DONORS,), (File(PROXY), File(REGION_SMALL), File(GROUPS))), write)
    return {found.key: found for found in run.project.records(DONORS, Lenders)}


def tell_unseen(run: Run, plans: Mapping[int, Lenders]) -> None:
    """Say which keyframes hide something that the video hardly shows at any other moment."""
    unseen = [plan for plan in plans.values() if plan.seen < SEEN]
    if unseen:
        run.note(
            f"Keyframe {unseen[0].key} hides a place of which other frames of its shot show {unseen[0].seen:.0%}: "
            f"the rest is made up from its surroundings (so in {len(unseen)} of {len(plans)} keyframes)."
        )


class DonorFrames:
    """Source frames with their masks, asked for by keyframe after keyframe; the last KEPT are remembered."""

    def __init__(self, plans: Sequence[Lenders]) -> None:
        near = {d.index for plan in plans for d in plan.donors if abs(d.index - plan.key) <= NEAR}
        self._wanted = sorted(near)
        self._coming: Generator[Planes, None, None] | None = None
        self._at = 0
        self._kept: OrderedDict[int, tuple[Planes, Mask]] = OrderedDict()
        self._crops: tuple[object, tuple[tuple[Frame, Mask], ...]] = (None, ())

    def crops(self, run: Run, plan: Lenders, crop: Crop) -> tuple[tuple[Frame, Mask], ...]:
        """The donors' crops and masks as they lie before `crop`, upright; the same object when asked again at once."""
        if self._crops[0] != (plan, crop):
            rising = sorted(donor.index for donor in plan.donors)
            frames = {index: self._read(run, index, plan.key) for index in rising}
            lent = tuple(_lent(run, donor, *frames[donor.index], crop) for donor in plan.donors)
            self._crops = (plan, crop), lent
        return self._crops[1]

    def _read(self, run: Run, index: int, key: int) -> tuple[Planes, Mask]:
        if index in self._kept:
            self._kept.move_to_end(index)
            return self._kept[index]
        if abs(index - key) > NEAR:
            return self._keep(run, index, run.clip.frame(index))
        if self._coming is None or index not in self._wanted[self._at : self._at + KEPT]:
            self._at = bisect_left(self._wanted, key - NEAR)  # later keyframes look back as far, not farther
            self._coming = run.clip.pick(self._wanted[self._at :])
        while index not in self._kept:
            self._keep(run, self._wanted[self._at], next(self._coming))
            self._at += 1
        return self._kept[index]

    def _keep(self, run: Run, index: int, planes: Planes) -> tuple[Planes, Mask]:
        self._kept[index] = planes.copy(), read_alpha(run, index)
        if len(self._kept) > KEPT:
            self._kept.popitem(last=False)
        return self._kept[index]


def _lent(run: Run, donor: Donor, planes: Planes, mask: Mask, crop: Crop) -> tuple[Frame, Mask]:
    info = run.clip.info
    small = proxy_info(info)
    way = donors.scaled(donor.way, (small.width, small.height), (info.width, info.height))
    box = crop.window
    whole = Box(0, 0, info.width, info.height)
    part = donors.reach(box, way, whole).aligned(*planes.format.steps, info.width, info.height)
    here = np.array([[1, 0, -part.x], [0, 1, -part.y], [0, 0, 1.0]])
    picture, hidden = donors.lent(view(planes.crop(part), seen_color(info)), mask[part.slices], box, here @ way)
    return upright(picture, info.rotation), upright(hidden, info.rotation)


@dataclass(frozen=True, eq=False)
class Donated:
    """Take: what other moments show of a keyframe's crop, as a tuple of (crop, mask); nothing without a plan."""

    frames: DonorFrames
    plan: Lenders
    crop: Crop

    def key(self, run: Run) -> str:
        """Not the donors' masks: one that is mended elsewhere must not repaint what a person has already approved."""
        return f"source={run.source_digest}{self.crop}" if self.plan.donors else ""

    def load(self, run: Run) -> tuple[tuple[Frame, Mask], ...]:
        return self.frames.crops(run, self.plan, self.crop)
