"""Finished frames as things to work on: the source and the result of some frames, cut to a box."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from .groups import Patch
from .model import Box, Mask
from .planes import Planes, seen_color, view
from .propagation import KeyLayer
from .regions import REGION

if TYPE_CHECKING:
    from .pipeline import Run


@dataclass(frozen=True)
class FinishedFrames:
    """Take: source and result planes and region of frames [start, stop) with these patches inside `box`, as a list of
    triples."""

    start: int
    stop: int
    box: Box
    patches: tuple[Patch, ...]

    def key(self, run: Run) -> str:
        made = [run.ledger.content(p.file) for p in self.patches if p.start < self.stop and p.stop > self.start]
        return f"{run.source_digest}{run.ledger.content(REGION)}{made}{self.start}-{self.stop}{self.box}"

    def load(self, run: Run) -> list[tuple[Planes, Planes, Mask]]:
        frames, cut = run.edited_reader(self.patches).read(self.start, self.stop), self.box.slices
        return [(f.source.crop(self.box).copy(), f.result.crop(self.box).copy(), f.region[cut].copy()) for f in frames]


@dataclass(frozen=True)
class FinishedLayers:
    """Take: single finished frames as if they were painted keyframes, as a list of KeyLayers."""

    frames: tuple[FinishedFrames, ...]

    def key(self, run: Run) -> str:
        return str([frame.key(run) for frame in self.frames])

    def load(self, run: Run) -> list[KeyLayer]:
        color = seen_color(run.clip.info)
        shown = [(frame.start, *frame.load(run)[0]) for frame in self.frames]
        return [
            KeyLayer(index, view(source, color), view(result, color), mask) for index, source, result, mask in shown
        ]
