"""The frozen region: what may change in every frame.

region.mp4 holds it (0 or 255, lossless), region-small.mp4 the same at the proxy's size, region.json its box and share in
every frame. alpha-small.mp4 has the soft masks at the proxy's size, for what only looks at them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import cv2
import numpy as np

from .clip import read_planes_of
from .model import Box, Mask
from .project import Folder

REGION = "region.mp4"
REGION_FACTS = "region.json"
REGION_SMALL = "region-small.mp4"
ALPHA_SMALL = "alpha-small.mp4"


@dataclass(frozen=True)
class Regions:
    """For every frame the region's bounding box (None: it is empty there) and its share of the picture, 0 to 1."""

    boxes: tuple[Box | None, ...]
    shares: tuple[float, ...]
    warnings: tuple[str, ...] = ()

    @property
    def share(self) -> float:
        """The region's share of all pixels of the clip."""
        return sum(self.shares) / max(len(self.shares), 1)

    def box(self, frames: range) -> Box:
        """The box around the region in all these frames; at least one must have one."""
        boxes = [box for i in frames if (box := self.boxes[i])]
        around = boxes[0]
        for box in boxes[1:]:
            around = around.union(box)
        return around


def read_regions(project: Folder) -> Regions:
    """The facts of region.json."""
    return project.record(REGION_FACTS, Regions)


def read_region(path: Path, start: int = 0, stop: int | None = None) -> Iterator[Mask]:
    """The region of frames [start, stop) as uint8 (H, W), 0 or 255; counted from the front of the file."""
    return (planes.arrays[0] for planes in islice(read_planes_of(path), start, stop))


def bounding_box(inside: Mask) -> Box | None:
    """The box around everything that is not 0, None when there is nothing."""
    x, y, width, height = cv2.boundingRect(inside)
    return Box(x, y, width, height) if width else None


def alpha_white(alpha: Mask, gamma: float) -> Mask:
    """The mask with its soft values pushed towards white by `gamma`; 0 stays 0. uint8 (H, W) in and out."""
    table = 255 * (np.arange(256) / 255) ** (1 / gamma)
    return np.asarray(cv2.LUT(alpha, np.rint(table).astype(np.uint8)), np.uint8)
