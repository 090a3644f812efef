"""How far the candidates of two keyframes agree: seen small, one warped onto the other along the source's motion."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from . import flow
from .blending import Floats, masked_mean
from .model import Box, Frame, Mask
from .motion import region_box

TILE = 96
"""Side of the square in which a region and its candidates are compared: 200 keyframes with 8 candidates take seconds."""
ROOM = 0.125
"""What of the region's longer side is seen beyond it, on each side."""
GROSS = 60.0
"""Levels beyond which a difference counts no more: a place that the flow missed must not decide."""
FEWEST = 50
"""Pixels that must be followed for a comparison to mean anything."""


@dataclass(frozen=True, eq=False)
class Sketch:
    """A keyframe's region seen small: source, mask and candidates in squares of TILE pixels, uint8."""

    source: Frame
    mask: Mask
    candidates: tuple[Frame, ...]

    @classmethod
    def of(cls, source: Frame, mask: Mask, candidates: Sequence[Frame]) -> Sketch:
        """The sketch of a crop: pictures RGB uint8 (H, W, 3) of one size and the mask (H, W)."""
        height, width = mask.shape
        box = region_box(mask) or Box(0, 0, width, height)
        side = round(max(box.width, box.height) * (1 + 2 * ROOM))
        left, top = box.x - (side - box.width) // 2, box.y - (side - box.height) // 2
        edges = max(0, -top), max(0, top + side - height), max(0, -left), max(0, left + side - width)

        def seen(picture: NDArray[np.uint8], border: int) -> NDArray[np.uint8]:
            part = picture[max(0, top) : top + side, max(0, left) : left + side]
            part = cv2.copyMakeBorder(part, *edges, border, value=0)
            how = cv2.INTER_AREA if side > TILE else cv2.INTER_LINEAR
            return np.asarray(cv2.resize(part, (TILE, TILE), interpolation=how), np.uint8)

        pictures = [seen(picture, cv2.BORDER_REPLICATE) for picture in (source, *candidates)]
        inside = np.where(seen(mask, cv2.BORDER_CONSTANT) > 0, 255, 0).astype(np.uint8)
        return cls(pictures[0], inside, tuple(pictures[1:]))

    def tiles(self) -> Frame:
        """All of it below each other in one picture: source, mask, candidates."""
        return np.vstack([self.source, self.mask[..., None].repeat(3, axis=2), *self.candidates])

    @classmethod
    def of_tiles(cls, tiles: Frame) -> Sketch:
        """What `tiles` was made of."""
        source, mask, *candidates = tiles.reshape(-1, TILE, TILE, 3)
        return cls(source, np.ascontiguousarray(mask[..., 0]), tuple(candidates))


def disagreement(a: Sketch, b: Sketch) -> Floats | None:
    """How far each candidate of `a` is from each of `b` where that shows the same: mean squares in levels, (n, m).

    None where nothing could be followed from the one to the other.
    """
    if a is b:
        return _apart(a.candidates, a.candidates, a.mask > 0)
    there, back = (
        flow.dense_flow(a.source, b.source, a.mask, b.mask),
        flow.dense_flow(b.source, a.source, b.mask, a.mask),
    )
    trusted = flow.confidence(there, back) > 0.5
    followed = (a.mask > 0) & (flow.warp(b.mask, there) > 127) & trusted
    if np.count_nonzero(followed) < FEWEST:
        return None
    lit = brightening(a.source, flow.warp(b.source, there), followed)
    return _apart(a.candidates, [flow.warp(candidate, there) * lit for candidate in b.candidates], followed)


def brightening(here: Frame, there: Frame, where: NDArray[np.bool_]) -> Floats:
    """How many times brighter one picture is than the other, broadly: (H, W, 1). The light may change between keyframes,
    and a candidate whose colours are wrong by just that must not look right."""
    weight = where.astype(np.float32)
    means = [
        masked_mean(cv2.cvtColor(x, cv2.COLOR_RGB2GRAY).astype(np.float32), weight, TILE / 8) for x in (here, there)
    ]
    return np.clip((means[0] + 4) / (means[1] + 4), 0.5, 2)[..., None]


def _apart(ours: Sequence[Frame | Floats], theirs: Sequence[Frame | Floats], where: NDArray[np.bool_]) -> Floats:
    rows, columns = ([picture[where].astype(np.float32) for picture in pictures] for pictures in (ours, theirs))
    return np.array(
        [[float(np.square(np.minimum(np.abs(row - column), GROSS)).mean()) for column in columns] for row in rows],
        np.float32,
    )
