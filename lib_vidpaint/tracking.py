"""Following one object through a shot, from a click, a box or an exact mask, without any trained network.

Frame by frame the mask is carried along the optical flow; what the object and its surroundings look like (appearance.py)
then decides about every pixel near it, and the picture's edges about the rim (guided filter). What is lost gives empty
masks until something of its colours and size turns up near where it was.
"""

from __future__ import annotations

from collections.abc import Iterator
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
SURE = 3
"""What was lost and is seen in so many frames is followed back from there: it came out in part, too little to be known by."""
STRANGE = 0.65
"""Less like what was marked in colour, it is something else (in clips with true masks 0.75 to 1): it is hidden too."""
PART = 0.25
"""A smaller share of its usual area may have colours of its own."""
MERGED, APART, GROWS = 1.3, 0.25, 0.005
"""What touches something of its colours takes that along. Once they lie apart, MERGED times as large together, the part with
about its area before (up to the share APART; that area grows by GROWS a frame at most) is the thing, the other a stranger."""
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
    grows, as what it touches may be taken along."""

    plates: Plates
    look: Appearance = field(default_factory=Appearance)
    marked: Appearance = field(default_factory=Appearance)
    usual: float = 0.0
    alone: float = 0.0
    last: Box | None = None
    missing: int = 0

    def copy(self) -> Follower:
        return Follower(self.plates, deepcopy(self.look), self.marked, self.usual, self.alone, self.last)

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
        if area < max(LOST * self.usual, 6) or (area > PART * self.usual and self._strange(bins[0], part)):
            self.missing = 0
            return np.zeros_like(before)
        found = np.zeros_like(before)
        found[near.slices] = part
        self.last = near
        if 0.5 < area / self.usual < 2:
            self._learn(index, near, found, 0.1)
            self.usual += 0.1 * (area - self.usual)
            self.alone += min(0.1 * (area - self.alone), GROWS * self.alone)
        return found

    def _without_strangers(self, part: Floats) -> Floats:
        """The mask without strangers of its colours: where parts lie apart and one of them has its area alone, that one."""
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
        frame = self.plates.frame(index)
        nothing = np.zeros(frame.shape[:2], np.float32)
        self.missing += 1
        if self.last is None:
            return nothing
        near = self.last.grown(max(6, frame.shape[1] // 60) * self.missing, frame.shape[1], frame.shape[0])
        colours, differences = self._bins(index, near)
        part = guided(_probability(self.look.log_odds(colours, differences)), frame[near.slices])
        count, labels, facts, _ = cv2.connectedComponentsWithStats((part > 0.5).astype(np.uint8))
        for label in sorted(range(1, count), key=lambda one: -facts[one, cv2.CC_STAT_AREA]):
            own = labels == label
            if not max(0.1 * self.usual, 30) < facts[label, cv2.CC_STAT_AREA] < 1.5 * self.usual:
                continue
            seen = own.astype(np.float32)
            if self.look.likeness(colours, seen) > LIKE and not self._strange(colours, seen):
                nothing[near.slices] = np.where(own | (part < 0.5), part, 0) * cv2.dilate(
                    own.astype(np.uint8), np.ones((5, 5))
                )
                self.missing = 0
                break
        return nothing

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


def followed(plates: Plates, marks: dict[int, Mark | None]) -> Iterator[Floats]:
    """The object's mask in every frame: float32 (H, W), 0 to 1. A mark of None: from there on it is not in the picture.

    Between two marks it is followed from both, and what they find is weighed by their distances; how it was followed to
    a mark from the one before stays, and a click there adds what it is on, or takes away what it is not.
    """
    nothing = np.zeros(plates.frame(0).shape[:2], np.float32)
    known: Appearance | None = None
    before: tuple[Follower, Floats] | None = None
    start = -1
    for stop in [*sorted(marks), plates.count]:
        there = _followed_on(before, range(start + 1, stop + 1)) if before else {}
        mark, after = marks.get(stop), None
        if mark:
            follower = Follower(plates)
            after = follower, follower.begin(stop, mark, known, unpacked(there[stop]) if stop in there else None)
            known = deepcopy(follower.look)
        back = _followed_on(after, range(stop - 1, start, -1)) if after and (before or start < 0) else {}
        for index in range(start + 1, stop):
            mine = unpacked(there[index]) if index in there else nothing
            other = unpacked(back[index]) if index in back else mine
            share = (index - start) / (stop - start) if before else 1.0
            yield (1 - share) * mine + share * other
        if stop < plates.count:
            yield after[1] if after else nothing
        before, start = after, stop


def _followed_on(begun: tuple[Follower, Floats], frames: range) -> dict[int, bytes]:
    """The masks of these frames, followed one after the other; packed, as those of a whole stretch are kept."""
    follower, mask = begun
    follower, kept = follower.copy(), {}
    seen, again = frames.start - frames.step, SURE
    for index in frames:
        if index < follower.plates.count:
            mask = follower.follow(mask, index, frames.step)
            kept[index] = packed(mask)
            again = again + 1 if mask.any() else 0
            if again == SURE:
                kept |= _followed_back((follower, mask), range(index - frames.step, seen, -frames.step))
            seen = index if again >= SURE else seen
    return kept


def _followed_back(found: tuple[Follower, Floats], frames: range) -> dict[int, bytes]:
    """The masks of the frames before one where a lost object is well seen again, as far as it is seen in them."""
    follower, mask = found
    follower, kept = follower.copy(), {}
    for index in frames:
        mask = follower.follow(mask, index, frames.step)
        if not mask.any():
            break
        kept[index] = packed(mask)
    return kept


def packed(mask: Floats) -> bytes:
    """A mask in few bytes (PNG), to 1/255."""
    return cv2.imencode(".png", np.rint(mask * 255).astype(np.uint8))[1].tobytes()


def unpacked(data: bytes) -> Floats:
    return np.asarray(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_GRAYSCALE), np.float32) / 255


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
