"""One object followed from frame to frame without any trained network.

The mask is carried along the optical flow; what the object and its surroundings look like (appearance.py) then decides
about every pixel near it, and the picture's edges about the rim (guided filter). What is lost gives empty masks until
something of its colours and size turns up near where it was.
"""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from .appearance import MOST, MOVES, Appearance, colour_bins, difference_bins
from .blending import Floats
from .flow import warp
from .guesses import box_leaning, boxed, part_at, patch, sure_part
from .matting import guided
from .model import Box
from .outlines import cut_out, part_of_shape
from .plates import Plates
from .shaping import parts

SOFT = 4.0
"""How far from the carried mask's rim a pixel may change sides, in pixels of the small picture."""
PRIOR = 1.5
"""Weight of the carried mask, per SOFT pixels."""
REACH = 0.4
"""What is near: this share of the object's longer side around it, and 8 pixels."""
DOUBT = 1.5
"""What moves beside a click may be another moment's place of the thing: it counts so much less (log odds)."""
LOST = 0.02
"""Less than this share of its usual area: it is hidden."""
STRANGE = 0.65
"""Less like what was marked in colour, it is something else (in clips with true masks 0.75 to 1): it is hidden too."""
PART = 0.25
"""A smaller share of its usual area may have colours of its own."""
MERGED, APART, GROWS = 1.3, 0.25, 0.005
"""What touches something of its colours takes that along. Once they lie apart, MERGED times as large together, the part with
about its area alone (up to the share APART; that area changes by GROWS a frame at most) is the thing, the other a stranger;
where what was followed has less than that and something near has it, the thing jumped there."""
STEADY = 0.1
"""Beyond this share of that area more touches it than itself: then it is where its last shape alone lies."""
LIKE = 0.8
"""So like in colour something must be to be the lost object again."""


@dataclass(frozen=True)
class Mark:
    """What a person said of one frame, in pixels of the small picture: points on it and beside it, a box, or its mask."""

    inside: tuple[tuple[int, int], ...] = ()
    outside: tuple[tuple[int, int], ...] = ()
    box: Box | None = None
    mask: Floats | None = None


@dataclass
class Follower:
    """Follows one object from one frame on, in either direction. `usual` is its area while it is well seen; `alone` too, and hardly
    grows, as what it touches may be taken along; `outline` is its shape then, cut out (0 or 1)."""

    plates: Plates
    look: Appearance = field(default_factory=Appearance)
    marked: Appearance = field(default_factory=Appearance)
    usual: float = 0.0
    alone: float = 0.0
    last: Box | None = None
    outline: Floats | None = None
    missing: int = 0

    def copy(self) -> Follower:
        return Follower(self.plates, deepcopy(self.look), self.marked, self.usual, self.alone, self.last, self.outline)

    def begin(self, index: int, mark: Mark, known: Appearance | None = None, carried: Floats | None = None) -> Floats:
        """The mask of the object in the frame where it is marked: float32 (H, W), 0 to 1.

        known: what it looked like where it was marked before; carried: its mask as followed from there.
        """
        frame = self.plates.frame(index)
        if mark.mask is not None:
            found = mark.mask
        elif (
            carried is not None
            and not mark.outside
            and mark.inside
            and all(carried[y, x] > 0.5 for x, y in mark.inside)
        ):
            found = carried
        else:
            guess = boxed(mark.box, frame) if mark.box else self._clicked(index, mark, known, carried)
            found = self._settled(index, guess, mark, known)
        near = _near(found, REACH)
        if near:
            self._learn(index, near, found, 1.0)
        self.marked = deepcopy(self.look)
        self.usual = self.alone = max(float((found > 0.5).sum()), 1.0)
        self.last = near
        return found

    def follow(self, before: Floats, index: int, step: int) -> Floats:
        """The mask at `index`, from that of the frame `step` (1 or -1) before it in the direction of following."""
        carried = warp(before, self.plates.flow(index, index - step)) if before.any() else before
        near = _near(carried, REACH)
        if near is None:
            return self._search(index)
        frame = self.plates.frame(index)[near.slices]
        bins = self._bins(index, near)
        odds = self.look.log_odds(*bins) + _leaning(carried[near.slices])
        part = self._without_strangers(_attached(guided(_probability(odds), frame), carried[near.slices] > 0.5))
        area = float((part > 0.5).sum())
        if area < (1 - APART) * self.alone and (jumped := self._jumped(index, near)) is not None:
            return jumped
        if area < max(LOST * self.usual, 6) or (area > PART * self.usual and self._strange(bins[0], part)):
            self.missing = 0
            return np.zeros_like(before)
        found = np.zeros_like(before)
        found[near.slices] = part
        self.last = near
        if 0.5 < area / self.usual < 2:
            self._learn(index, near, found, 0.1)
            self.usual += 0.1 * (area - self.usual)
            self.alone += float(np.clip(0.1 * (area - self.alone), -GROWS * self.alone, GROWS * self.alone))
            if self._steady(area):
                self.outline = cut_out(part)
        return found

    def _steady(self, area: float) -> bool:
        """Whether this is about the area it had alone, or just before."""
        before = self.alone if self.outline is None else float(self.outline.sum())
        return abs(area / self.alone - 1) < STEADY or abs(area / before - 1) < STEADY / 2

    def _jumped(self, index: int, near: Box) -> Floats | None:
        """What was followed, a little farther away, where something of its colours and its area is to be seen."""
        if self.alone < 30:
            return None
        frame = self.plates.frame(index)
        wide = near.grown(max(near.width, near.height), frame.shape[1], frame.shape[0])
        found = self._alike(index, wide, (1 - APART) * self.alone, (1 + APART) * self.alone)
        if found is not None:
            self.last = _near(found, REACH)
        return found

    def _without_strangers(self, part: Floats) -> Floats:
        """The mask without strangers of its colours: where parts lie apart and one of them has its area alone, that one."""
        if self.outline is not None and float((part > 0.5).sum()) > (1 + STEADY) * max(self.alone, self.outline.sum()):
            part = part_of_shape(part, self.outline)
        labels, areas = parts(part > 0.5)
        like = int(np.abs(areas - self.alone).argmin())
        if areas.sum() <= MERGED * self.alone or abs(areas[like] - self.alone) > APART * self.alone:
            return part
        return np.where((labels == like) | (part <= 0.5), part, 0).astype(np.float32)

    def _strange(self, colours: NDArray[np.int32], part: Floats) -> bool:
        known = bool(self.marked.object.any())
        return known and self.marked.likeness(colours, (part > 0.5).astype(np.float32)) < STRANGE

    def _bins(self, index: int, near: Box) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        colours = colour_bins(self.plates.frame(index)[near.slices])
        return colours, difference_bins(*self.plates.differences(index, near))

    def _learn(self, index: int, near: Box, mask: Floats, rate: float) -> None:
        self.look.learn(*self._bins(index, near), mask[near.slices], rate)

    def _search(self, index: int) -> Floats:
        """The lost object's mask where something like it is seen near its last place, else nothing."""
        height, width = self.plates.frame(index).shape[:2]
        nothing = np.zeros((height, width), np.float32)
        self.missing += 1
        if self.last is None:
            return nothing
        near = self.last.grown(max(6, width // 60) * self.missing, width, height)
        found = self._alike(index, near, max(0.1 * self.usual, 30), 1.5 * self.usual)
        if found is None:
            return nothing
        self.missing = 0
        return found

    def _alike(self, index: int, box: Box, least: float, most: float) -> Floats | None:
        """The mask of the largest part in a box that has the object's colours and between `least` and `most` pixels."""
        frame = self.plates.frame(index)
        colours, differences = self._bins(index, box)
        part = guided(_probability(self.look.log_odds(colours, differences)), frame[box.slices])
        labels, areas = parts(part > 0.5)
        for label in np.argsort(-areas):
            own = labels == label
            if not least < areas[label] < most:
                continue
            seen = own.astype(np.float32)
            if self.look.likeness(colours, seen) > LIKE and not self._strange(colours, seen):
                found = np.zeros(frame.shape[:2], np.float32)
                around = cv2.dilate(own.astype(np.uint8), np.ones((5, 5)))
                found[box.slices] = np.where(own | (part < 0.5), part, 0) * around
                return found
        return None

    def _clicked(self, index: int, mark: Mark, known: Appearance | None, carried: Floats | None) -> Floats:
        """A first guess from points: what was followed there, the thing they lie on that moves (differs by MOVES from the
        plate), or the patch around them."""
        frame = self.plates.frame(index)
        whole = Box(0, 0, frame.shape[1], frame.shape[0])
        colours, (differences, least) = colour_bins(frame), self.plates.differences(index, whole)
        guess = np.zeros(frame.shape[:2], np.float32) if carried is None else carried.copy()
        alike = known.log_odds(colours, difference_bins(differences, least)) if known else None
        moving = cv2.GaussianBlur(differences, (0, 0), 1)
        for x, y in mark.inside:
            if guess[y, x] > 0.5:
                continue
            if alike is not None and alike[y, x] > 0:
                part = part_at(alike > 0, x, y).astype(np.float32)
            elif moving[y, x] > MOVES:
                part = sure_part(part_at(moving > MOVES, x, y), least > MOVES, x, y)
            else:
                part = patch(frame, x, y).astype(np.float32)
            guess = np.maximum(guess, part)
        return guess

    def _settled(self, index: int, guess: Floats, mark: Mark, known: Appearance | None) -> Floats:
        """The guess made better: what it looks like is learned from it, and it from that, until both agree."""
        near = _near(guess, REACH)
        if near is None:
            return guess
        frame = self.plates.frame(index)[near.slices]
        bins, part = self._bins(index, near), guess[near.slices]
        doubted = DOUBT * ((part > 0.5) & (part < 0.99))
        lean = box_leaning(mark.box, near) if mark.box else np.minimum(_leaning(part, 2 * SOFT), 0) - doubted
        for x, y in mark.outside:
            cv2.circle(lean, (x - near.x, y - near.y), 4, (-3 * MOST,), -1)
        for x, y in mark.inside:
            cv2.circle(lean, (x - near.x, y - near.y), 3, (3 * MOST,), -1)
        for turn in range(6):
            look = Appearance()
            if known and turn == 0:
                look = known
            else:
                # At first only the surest half teaches: a box holds much that is not the object.
                sure = part / max(float(part.max()), 1e-6)
                look.learn(*bins, np.where((sure > 0.2) & (sure <= 0.8), 0.5, sure).astype(np.float32), 1.0)
            part = guided(_probability(look.log_odds(*bins) + lean), frame)
        found = np.zeros_like(guess)
        anchor = part > 0.5 if mark.box else guess[near.slices] > 0.99
        for x, y in mark.inside:
            anchor[max(0, y - near.y), max(0, x - near.x)] = True
        found[near.slices] = _largest(part) if mark.box and not mark.inside else _attached(part, anchor)
        return found


def _near(mask: Floats, reach: float) -> Box | None:
    x, y, width, height = cv2.boundingRect((mask > 0.5).astype(np.uint8))
    if not width:
        return None
    return Box(x, y, width, height).grown(round(reach * max(width, height)) + 8, mask.shape[1], mask.shape[0])


def _probability(odds: Floats) -> Floats:
    return (1 / (1 + np.exp(-odds))).astype(np.float32)


def _leaning(mask: Floats, soft: float = SOFT) -> Floats:
    """Log odds from the distance to a mask's rim: growing inside, falling outside."""
    inside = (mask > 0.5).astype(np.uint8)
    outward = cv2.distanceTransform(1 - inside, cv2.DIST_L2, 5)
    inward = cv2.distanceTransform(inside, cv2.DIST_L2, 5)
    return (PRIOR * np.clip((inward - outward) / soft, -3, 1.5)).astype(np.float32)


def _attached(part: Floats, anchor: NDArray[np.bool_]) -> Floats:
    """The mask without the parts that do not touch the anchor."""
    labels = cv2.connectedComponents((part > 0.5).astype(np.uint8))[1]
    ours = np.unique(labels[anchor])
    return np.where(np.isin(labels, ours[ours > 0]) | (part <= 0.5), part, 0).astype(np.float32)


def _largest(part: Floats) -> Floats:
    _, labels, facts, _ = cv2.connectedComponentsWithStats((part > 0.5).astype(np.uint8))
    if len(facts) < 2:
        return part
    areas = facts[:, cv2.CC_STAT_AREA].copy()
    areas[0] = 0
    # Limbs that the picture cuts off stay: only parts far smaller than the largest go.
    return _attached(part, (areas > 0.1 * areas.max())[labels])
