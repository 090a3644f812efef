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

from .appearance import MOST, Appearance, colour_bins, difference_bins
from .blending import Floats
from .flow import warp
from .matting import guided
from .model import Box, Frame
from .plates import Plates

SOFT = 4.0
"""How far from the carried mask's rim a pixel may change sides, in pixels of the small picture."""
PRIOR = 1.5
"""Weight of the carried mask, per SOFT pixels."""
REACH = 0.4
"""What is near: this share of the object's longer side around it, and 8 pixels."""
MOVES = 20.0
"""A click on something that differs this much from the background plate means the moving thing."""
DOUBT = 1.5
"""What moves beside a click may be another moment's place of the thing: it counts so much less (log odds)."""
LOST = 0.04
"""Less than this share of its usual area: it is hidden."""
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
    """Follows one object from one frame on, in either direction. `usual` is its area while it is well seen."""

    plates: Plates
    look: Appearance = field(default_factory=Appearance)
    usual: float = 0.0
    last: Box | None = None
    missing: int = 0

    def copy(self) -> Follower:
        return Follower(self.plates, deepcopy(self.look), self.usual, self.last)

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
            guess = _boxed(mark.box, frame) if mark.box else self._clicked(index, mark, known, carried)
            found = self._settled(index, guess, mark, known)
        near = _near(found, REACH)
        if near:
            self._learn(index, near, found, 1.0)
        self.usual, self.last = max(float((found > 0.5).sum()), 1.0), near
        return found

    def follow(self, before: Floats, index: int, step: int) -> Floats:
        """The mask at `index`, from that of the frame `step` (1 or -1) before it in the direction of following."""
        carried = warp(before, self.plates.flow(index, index - step)) if before.any() else before
        near = _near(carried, REACH)
        if near is None:
            return self._search(index)
        frame = self.plates.frame(index)[near.slices]
        odds = self._odds(index, near) + _leaning(carried[near.slices])
        part = _attached(guided(_probability(odds), frame), carried[near.slices] > 0.5)
        area = float((part > 0.5).sum())
        if area < max(LOST * self.usual, 6):
            self.missing = 0
            return np.zeros_like(before)
        found = np.zeros_like(before)
        found[near.slices] = part
        self.last = near
        if 0.5 < area / self.usual < 2:
            self._learn(index, near, found, 0.1)
            self.usual += 0.1 * (area - self.usual)
        return found

    def _odds(self, index: int, near: Box) -> Floats:
        return self.look.log_odds(*self._bins(index, near))

    def _bins(self, index: int, near: Box) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        colours = colour_bins(self.plates.frame(index)[near.slices])
        return colours, difference_bins(self.plates.differences(index, near))

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
            if self.look.likeness(colours, own.astype(np.float32)) > LIKE:
                nothing[near.slices] = np.where(own | (part < 0.5), part, 0) * cv2.dilate(
                    own.astype(np.uint8), np.ones((5, 5))
                )
                self.missing = 0
                break
        return nothing

    def _clicked(self, index: int, mark: Mark, known: Appearance | None, carried: Floats | None) -> Floats:
        """A first guess from points: what was followed there, the moving thing they lie on, or the patch around them."""
        frame = self.plates.frame(index)
        whole = Box(0, 0, frame.shape[1], frame.shape[0])
        colours, differences = colour_bins(frame), self.plates.differences(index, whole)
        guess = np.zeros(frame.shape[:2], np.float32) if carried is None else carried.copy()
        alike = known.log_odds(colours, difference_bins(differences)) if known else None
        moving = cv2.GaussianBlur(differences, (0, 0), 1)
        for x, y in mark.inside:
            if guess[y, x] > 0.5:
                continue
            if alike is not None and alike[y, x] > 0:
                part = _part_at(alike > 0, x, y).astype(np.float32)
            elif moving[y, x] > MOVES:
                part = _sure(_part_at(moving > MOVES, x, y), self.plates.least(index, whole) > MOVES, x, y)
            else:
                part = _patch(frame, x, y).astype(np.float32)
            guess = np.maximum(guess, part)
        return guess

    def _settled(self, index: int, guess: Floats, mark: Mark, known: Appearance | None) -> Floats:
        """The guess made better: what it looks like is learned from it, and it from that, until both agree."""
        near = _near(guess, REACH)
        if near is None:
            return guess
        frame = self.plates.frame(index)[near.slices]
        bins, part = self._bins(index, near), guess[near.slices]
        if mark.box:
            lean = _box_leaning(mark.box, near)
        else:
            lean = np.minimum(_leaning(part, 2 * SOFT), 0) - DOUBT * ((part > 0.5) & (part < 0.99))
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
    for index in frames:
        if index < follower.plates.count:
            mask = follower.follow(mask, index, frames.step)
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


def _boxed(box: Box | None, frame: Frame) -> Floats:
    """A first guess from a box: sure in the middle, doubtful towards its edge, nothing outside."""
    assert box
    guess = np.zeros(frame.shape[:2], np.float32)
    x = (np.arange(box.width) + 0.5) / box.width * 2 - 1
    y = (np.arange(box.height) + 0.5) / box.height * 2 - 1
    middle = np.clip(1 - (x[None] ** 2 + y[:, None] ** 2), 0, 1)
    guess[box.slices] = 0.55 + 0.45 * middle
    return guess


def _box_leaning(box: Box, near: Box) -> Floats:
    lean = np.full((near.height, near.width), -3 * MOST, np.float32)
    x = abs((np.arange(box.width) + 0.5) / box.width * 2 - 1)
    y = abs((np.arange(box.height) + 0.5) / box.height * 2 - 1)
    inner = Box(box.x - near.x, box.y - near.y, box.width, box.height)
    lean[inner.slices] = 1.2 - 1.6 * np.maximum(x[None], y[:, None]) ** 3
    return lean


def _part_at(inside: NDArray[np.bool_], x: int, y: int) -> NDArray[np.bool_]:
    labels = cv2.connectedComponents(inside.astype(np.uint8))[1]
    return (labels == labels[y, x]) & inside


def _sure(moving: NDArray[np.bool_], unlike_all: NDArray[np.bool_], x: int, y: int) -> Floats:
    """What moves: 1 where no frame around shows the same, and at the point; 0.6 where the plate may hold the thing itself
    because it was long at that place."""
    point = cv2.circle(np.zeros(moving.shape, np.uint8), (x, y), 3, (1,), -1) > 0
    return (moving * np.where(unlike_all | point, 1.0, 0.6)).astype(np.float32)


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


def _patch(frame: Frame, x: int, y: int) -> NDArray[np.bool_]:
    """The patch of like colour around a point with its holes filled, as large as it gets before it leaks."""
    smooth = cv2.cvtColor(cv2.bilateralFilter(frame, 5, 30, 3), cv2.COLOR_RGB2LAB)
    best, before = np.zeros(frame.shape[:2], np.uint8), 0
    for tolerance in (3, 5, 8, 12, 17, 23):
        mask = np.zeros((frame.shape[0] + 2, frame.shape[1] + 2), np.uint8)
        flags = 8 | cv2.FLOODFILL_MASK_ONLY | cv2.FLOODFILL_FIXED_RANGE | (255 << 8)
        reach = 2 * tolerance, tolerance, tolerance
        area = cv2.floodFill(smooth.copy(), mask, (x, y), 0, reach, reach, flags)[0]
        if before > 60 and area > 2.5 * before:
            break
        best, before = mask[1:-1, 1:-1], area
    outlines = cv2.findContours(best, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)[0]
    return cv2.drawContours(np.zeros_like(best), outlines, -1, (255,), -1) > 0
