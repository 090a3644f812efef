"""In-between pictures: what a clip shows between two neighbouring frames, found by following the motion between them.

Each picture's flow to the other is thrown forward to the wanted moment, sure pixels before unsure ones (Niklaus and Liu,
"Softmax Splatting for Video Frame Interpolation", 2020, here without a network). Where both pictures reach, both are
heard; what only one of them shows, because something covers it in the other, comes from that one alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from .blending import Floats, masked_mean
from .flow import confidence, positions, refine, resized, warp
from .model import Box, Mask
from .planes import Planes

WIDEST = 640
"""Motion is looked for in pictures at most this wide: at 960 every second frame, made again, was .1 dB better on one of
five clips and no better on the others, in twice the time."""
SURE = 4.0
"""A trusted pixel counts e to this power as much as one that is not, where both arrive at the same place."""
CALM = 2.0
"""Pixels within which neighbours agree on which of the two pictures tells the motion."""
MARGIN = 32
"""Pixels around the edit in a picture 640 wide, so that what moves inside does not leave the looked-at part."""
RIM = 1.0
"""Softness of the border between the edit and the rest, in pixels of a picture 640 wide."""


class Gap:
    """Two neighbouring pictures of one shot; the motion between them is looked for when it is first asked for.

    `regions` (uint8 (H, W) of the pictures' size, not 0 = edited) belong to the two: what lies inside is moved by its own
    motion and the rest by that of the rest, so that neither pulls at the other and the border between them stays whole.
    """

    def __init__(self, before: Planes, after: Planes, regions: tuple[Mask, Mask] | None = None) -> None:
        self.before, self.after = before, after
        edited = regions and any(region.any() for region in regions) and not all(region.all() for region in regions)
        self._regions = regions if edited else None

    def at(self, share: float) -> Planes:
        """The picture at `share` (0 to 1) of the way from the first to the second, in their pixel format."""
        if share <= 0 or share >= 1 or self._still:
            return self.before if share < 0.5 else self.after
        pictures = list(zip(self.before.arrays, self.after.arrays))
        rest = self._rest.at(share)
        made = [rest.picture(*pair) for pair in pictures]
        if self._edit:
            self._lay_edit(made, share)
        return Planes(self.before.format, tuple(made))

    def cover(self, share: float, one: Mask, other: Mask) -> Mask:
        """The mask at `share` of the way, from those of the two pictures: what either of them brings there."""
        if self._still:
            return np.maximum(one, other)
        return self._rest.at(share).cover(one, other)

    @cached_property
    def _still(self) -> bool:
        return all(np.array_equal(a, b) for a, b in zip(self.before.arrays, self.after.arrays))

    @cached_property
    def _rest(self) -> Motion:
        """The motion of everything, or of what is not edited."""
        regions = self._regions
        outside = (255 - _full(regions[0]), 255 - _full(regions[1])) if regions else None
        return Motion.between(small_luma(self.before), small_luma(self.after), outside)

    @cached_property
    def _edit(self) -> tuple[Box, Motion] | None:
        """Where the edit is, and its own motion."""
        if self._regions is None:
            return None
        width, height = self.before.width, self.before.height
        x, y, columns, rows = cv2.boundingRect(np.maximum(*self._regions))
        margin = max(8, round(MARGIN * width / WIDEST))
        steps = self.before.format.steps
        box = Box(x, y, columns, rows).grown(margin, width, height).aligned(*steps, width, height)
        inside = _full(self._regions[0][box.slices]), _full(self._regions[1][box.slices])
        return box, Motion.between(small_luma(self.before.crop(box)), small_luma(self.after.crop(box)), inside)

    def _lay_edit(self, made: list[NDArray[Any]], share: float) -> None:
        assert self._edit
        assert self._regions
        box, motion = self._edit
        edit = motion.at(share)
        masks = [_full(region[box.slices]) for region in self._regions]
        sigma = max(0.5, RIM * self.before.width / WIDEST)
        shown = cv2.GaussianBlur(edit.picture(*masks), (0, 0), sigma).astype(np.float32) / 255
        targets = Planes(self.before.format, tuple(made)).crop(box).arrays
        pairs = zip(self.before.crop(box).arrays, self.after.crop(box).arrays)
        for target, pair in zip(targets, pairs):
            weight = cv2.resize(shown, target.shape[::-1], interpolation=cv2.INTER_AREA)
            target[...] = np.rint(target + (edit.picture(*pair).astype(np.float32) - target) * weight)


@dataclass(frozen=True)
class Motion:
    """The flows between two pictures, there and back, float32 (h, w, 2); of each picture how far its flow is to be trusted,
    and how far it is heard where it arrives, both float32 (h, w) from 0 to 1."""

    there: Floats
    back: Floats
    trusted: tuple[Floats, Floats]
    heard: tuple[Floats, Floats]

    @classmethod
    def between(cls, one: Mask, other: Mask, masks: tuple[Mask, Mask] | None = None) -> Motion:
        """The motion between two grey pictures, or of what lies inside two masks of any size."""
        inside = (_reduced(masks[0], one), _reduced(masks[1], other)) if masks else None
        if inside:
            one, other = _spread(one, inside[0]), _spread(other, inside[1])
        there, back = refine(one, other), refine(other, one)
        trusted = _trusted(one, other, there, back), _trusted(other, one, back, there)
        if inside:
            # Masks say what is hidden better than flows that do not agree: a third of the error beside a moving edit.
            return cls(there, back, (trusted[0] * inside[0], trusted[1] * inside[1]), inside)
        return cls(there, back, trusted, trusted)

    def at(self, share: float) -> Way:
        """How to put the picture at `share` of the way together."""
        early, reached_early = _thrown(self.there, self.trusted[0], self.heard[0], share)
        late, reached_late = _thrown(self.back, self.trusted[1], self.heard[1], 1 - share)
        # Neighbours choose together and outliers go: where limbs flail, lone pixels flew about.
        nearer = cv2.GaussianBlur((1 - share) * reached_early - share * reached_late, (0, 0), CALM) >= 0
        flow = _calmed(np.where(nearer[..., None], early, -late).astype(np.float32))
        reached = (np.maximum(reached_early, reached_late) > 0.1).astype(np.float32)
        if not reached.all():
            flow = np.where(reached[..., None] > 0, flow, masked_mean(flow, reached, 6.0)).astype(np.float32)
        reached_early = reached_early * warp(self.heard[0], flow * np.float32(-share))
        reached_late = reached_late * warp(self.heard[1], flow * np.float32(1 - share))
        # What nobody reaches is a mixture of both.
        reached_early, reached_late = (cv2.GaussianBlur(reach, (0, 0), 1.0) for reach in (reached_early, reached_late))
        heard_early, heard_late = (1 - share) * (reached_early + 0.02), share * (reached_late + 0.02)
        return Way(flow, np.asarray(heard_late / (heard_early + heard_late), np.float32), share)


@dataclass(frozen=True)
class Way:
    """Where each pixel of an in-between picture comes from: the motion through it, float32 (h, w, 2) from the first picture
    to the second, and how much the second is heard, (h, w) from 0 to 1."""

    flow: Floats
    late: Floats
    share: float

    def picture(self, one: NDArray[Any], other: NDArray[Any]) -> NDArray[Any]:
        """One component of the picture from the same component of the two, (H, W) of any size, uint8 or uint16."""
        height, width = one.shape
        late = cv2.resize(self.late, (width, height), interpolation=cv2.INTER_LINEAR)
        first, second = self._brought(one, other, cubic=True)
        first = first.astype(np.float32)
        return np.rint(first + (second - first) * late).astype(one.dtype)

    def cover(self, one: Mask, other: Mask) -> Mask:
        """What is white in either of two masks, brought along."""
        return np.maximum(*self._brought(one, other))

    def _brought(
        self, one: NDArray[Any], other: NDArray[Any], cubic: bool = False
    ) -> tuple[NDArray[Any], NDArray[Any]]:
        flow = resized(self.flow, *one.shape)
        return warp(one, flow * np.float32(-self.share), cubic), warp(other, flow * np.float32(1 - self.share), cubic)


def small_luma(planes: Planes, widest: int = WIDEST) -> Mask:
    """The picture's luma (of RGB: its green) as uint8 (h, w), at most `widest` wide."""
    array = planes.arrays[1 if planes.format.family == "rgb" else 0]
    height, width = array.shape
    if width > widest:
        size = widest, max(8, round(height * widest / width))
        array = np.asarray(cv2.resize(array, size, interpolation=cv2.INTER_AREA), array.dtype)
    eight = array if planes.format.bits == 8 else array >> (planes.format.bits - 8)
    return np.ascontiguousarray(eight, np.uint8)


def _calmed(flow: Floats) -> Floats:
    return np.asarray(cv2.merge([cv2.medianBlur(part, 5) for part in cv2.split(flow)]), np.float32)


def _trusted(one: Mask, other: Mask, there: Floats, back: Floats) -> Floats:
    unlike = cv2.absdiff(one, warp(other, there))
    return confidence(there, back, np.asarray(unlike, np.float32))


def _reduced(mask: Mask, picture: Mask) -> Floats:
    """Which pixels of a picture are inside a mask of another size: float32, 0 or 1."""
    return (cv2.resize(mask, picture.shape[::-1], interpolation=cv2.INTER_AREA) > 127).astype(np.float32)


def _full(region: Mask) -> Mask:
    return np.where(region > 0, np.uint8(255), np.uint8(0))


def _spread(picture: Mask, inside: Floats) -> Mask:
    """The picture inside the mask, and the colours of its rim outside."""
    if not inside.any():
        return picture
    grey = picture.astype(np.float32)
    near, far = masked_mean(grey, inside, 4.0), masked_mean(grey, inside, 48.0)
    beyond = np.where(cv2.boxFilter(inside, -1, (9, 9)) > 0, near, far)
    return np.clip(np.rint(np.where(inside > 0, grey, beyond)), 0, 255).astype(np.uint8)


def _thrown(flow: Floats, trusted: Floats, heard: Floats, share: float) -> tuple[Floats, Floats]:
    """The flow at the places where its pixels are after `share` of their way, and how far each place is reached, 0 to 1."""
    height, width = trusted.shape
    wide = width + 2
    ends = positions(flow * np.float32(share)).reshape(-1, 2) + 1
    corner = np.floor(ends).astype(np.int32)
    x, y = np.clip(corner[:, 0], 0, width), np.clip(corner[:, 1], 0, height)
    right, down = (ends - corner).T
    sure = np.exp(SURE * (trusted - 1)).ravel()
    moved = flow.reshape(-1, 2)
    total = np.zeros((4, (height + 2) * wide))
    for step, part in (
        (0, (1 - right) * (1 - down)),
        (1, right * (1 - down)),
        (wide, (1 - right) * down),
        (wide + 1, right * down),
    ):
        place, weight = y * wide + x + step, part * sure
        for number, values in enumerate((weight, weight * moved[:, 0], weight * moved[:, 1], part * heard.ravel())):
            total[number] += np.bincount(place, values, total.shape[1])
    weight, u, v, reached = total.reshape(4, height + 2, wide)[:, 1:-1, 1:-1].astype(np.float32)
    return np.stack([u, v], axis=-1) / (weight + np.float32(1e-6))[..., None], np.clip(reached, 0, 1)
