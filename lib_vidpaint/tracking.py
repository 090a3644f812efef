"""An object's mask in every frame of a shot, from a click, a box or an exact mask in a few of them: followed from each mark to
the next (follower.py), in both directions."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy

import cv2
import numpy as np

from .appearance import Appearance
from .blending import Floats
from .follower import Follower, Mark
from .plates import Plates

SURE = 3
"""What was lost and is seen in so many frames is followed back from there: it came out in part, too little to be known by."""


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
