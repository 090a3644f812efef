"""Rules that set keyframes by the clock, and lists made elsewhere."""

from __future__ import annotations

import math

from .errors import SettingsError
from .footage import Footage, Picked
from .segments import Segment


def uniform(footage: Footage, longest: int) -> Picked:
    """Keyframes evenly spread over each segment, at most `longest` frames apart, half as far from its ends."""
    return Picked({key: "uniform" for segment, still in _all(footage) for key in _centred(segment, longest, still)})


def every(footage: Footage, longest: int) -> Picked:
    """Every `longest`th frame of each segment, from its first."""
    return Picked(
        {
            key: "every"
            for segment, still in _all(footage)
            for key in range(segment.start, segment.start + 1 if still else segment.stop, longest)
        }
    )


def shots(footage: Footage) -> Picked:
    """The frame in the middle of each segment."""
    return Picked({(segment.start + segment.stop) // 2: "shot" for segment in footage.segments})


def listed(footage: Footage) -> Picked:
    """The frames that a person listed, and the first one of each segment in which they listed none.

    Raises SettingsError for frames that are not in the clip, or show no region.
    """
    reasons = {}
    for number in footage.listed:
        if not any(segment.start <= number < segment.stop for segment in footage.segments):
            why = "shows nothing of the region" if number < footage.frames else "is not in the clip"
            raise SettingsError(f"keyframes.txt: frame {number} {why}: take it out of the list.")
        reasons[number] = "listed"
    for segment in footage.segments:
        if not any(segment.start <= number < segment.stop for number in reasons):
            reasons[segment.start] = "first"
    return Picked(reasons)


def _all(footage: Footage) -> list[tuple[Segment, bool]]:
    """The segments, and whether nothing changes in them."""
    return [(s, len(p.indices) == 1) for s, p in zip(footage.segments, footage.prices, strict=True)]


def _centred(segment: Segment, longest: int, still: bool) -> list[int]:
    length = segment.stop - segment.start
    count = 1 if still else math.ceil(length / longest)
    return [segment.start + math.floor((n + 0.5) * length / count) for n in range(count)]
