"""What the rules that choose keyframes may look at, and what they answer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from .model import Frame, Mask
from .motion import region_box
from .prediction import Prices
from .segments import Segment, segments

Open = Callable[[], Iterable[tuple[Frame, Mask]]]


class Cuts(Protocol):
    """Finds shots in frames given one after the other: `shots.ShotDetector`."""

    starts: list[int]

    def add(self, frame: Frame) -> object: ...


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


def segmented(open_frames: Open, cuts: Cuts, shown: Sequence[bool]) -> tuple[list[Segment], list[int]]:
    """The segments of a clip, and the longest side of the region in each, in pixels.

    `cuts` is given every frame. `shown` says which frames have a region, also one so small that the reduced mask lost it.
    """
    sides: list[int] = []
    for frame, mask in open_frames():
        cuts.add(frame)
        box = region_box(mask)
        sides.append(max(box.width, box.height) if box else 0)
    starts, shot, shots = set(cuts.starts), -1, []
    for index, seen in enumerate(shown):
        shot += seen and (not index or not shown[index - 1] or index in starts)
        shots.append(max(shot, 0))
    found = segments(shots, shown)
    return found, [max(sides[segment.start : segment.stop]) for segment in found]
