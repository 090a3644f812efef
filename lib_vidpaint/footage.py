"""What the rules that choose keyframes may look at, and what they answer."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from .model import Frame, Mask
from .prediction import Prices
from .segments import Segment, segments

Open = Callable[[], Iterable[tuple[Frame, Mask]]]


@dataclass(frozen=True)
class Footage:
    """A clip to choose keyframes in. `open` gives every frame's (RGB, mask) at one small size, again and again.

    `prices` holds what keyframes would cost in each of the `segments`, `listed` the frames that a person wrote down.
    """

    open: Open
    frames: int
    segments: Sequence[Segment]
    prices: Sequence[Prices] = ()
    listed: Sequence[int] = ()


@dataclass(frozen=True)
class Picked:
    """A rule's answer: the reason of every keyframe by its frame number, and columns of numbers, one a frame.

    A column `x_limit` holds what column `x` may reach.
    """

    reasons: Mapping[int, str]
    columns: Mapping[str, Sequence[float]] = field(default_factory=dict)


def segmented(
    cuts: Collection[int], shown: Sequence[bool], sides: Sequence[int] = ()
) -> tuple[list[Segment], list[int]]:
    """The segments of a clip, and the longest side of the region in each.

    `cuts` are the first frames of its shots, `shown` says which frames have a region, and `sides` how long that is (0 where
    there is none).
    """
    shot, shots = -1, []
    for index, seen in enumerate(shown):
        shot += seen and (not index or not shown[index - 1] or index in cuts)
        shots.append(max(shot, 0))
    found = segments(shots, shown)
    return found, [max(sides[segment.start : segment.stop], default=0) for segment in found]
