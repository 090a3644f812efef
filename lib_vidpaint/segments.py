"""Segments: runs of frames of one shot that all show the region, and the groups that their keyframes make."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise

from .model import Group


@dataclass(frozen=True)
class Segment:
    """Frames start <= index < stop of one shot, all with a region, and the keyframes in them, rising."""

    start: int
    stop: int
    shot: int = 0
    keys: tuple[int, ...] = ()


def segments(shots: Sequence[int], shown: Sequence[bool], keys: Sequence[int] = ()) -> list[Segment]:
    """The segments of a clip, rising. `shots` numbers the shot of every frame, `shown` says which have a region."""
    made, chosen = [], sorted(set(keys))
    for (shot, seen), run in groupby(range(len(shots)), key=lambda i: (shots[i], bool(shown[i]))):
        if seen:
            indices = list(run)
            start, stop = indices[0], indices[-1] + 1
            made.append(Segment(start, stop, shot, tuple(k for k in chosen if start <= k < stop)))
    return made


def groups(found: Sequence[Segment]) -> list[Group]:
    """The group of every keyframe, rising; together they hold each frame of the segments exactly once.

    A group begins with its keyframe (the first of a segment with the segment) and ends before the next one: its frames
    are carried from both of these, and each stretch between two keyframes is read and followed once. Borders half way
    between would ask for every stretch twice and change nothing in the picture. A segment without keyframe is served by
    its first frame.
    """
    made: list[Group] = []
    for segment in found:
        keys = segment.keys or (segment.start,)
        borders = [segment.start, *keys[1:], segment.stop]
        made += [Group(key, start, stop, segment.shot) for key, (start, stop) in zip(keys, pairwise(borders))]
    return made
