"""Keyframes that a person adds and removes: they come and go one by one, every other keyframe stays where it is."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace

from .errors import SettingsError
from .segments import Segment


def frame_numbers(text: str, where: str) -> tuple[int, ...]:
    """The frame numbers in a text such as `12, 40`, rising, each once; commas, blanks and line ends separate them.

    `where` names the text in errors. Raises SettingsError.
    """
    words = [word for word in re.split(r"[\s,;]+", text) if word]
    for word in words:
        if not re.fullmatch(r"[0-9]{1,9}", word):
            raise SettingsError(f"{where}: {word!r} is not a frame number; write them like 12, 40.")
    return tuple(sorted({int(word) for word in words}))


def words(frames: Iterable[int]) -> str:
    """Frame numbers as a setting has them, rising: `12, 40`."""
    return ", ".join(str(frame) for frame in sorted(set(frames)))


def toggled(add: str, remove: str, chosen: Collection[int], frame: int) -> tuple[str, str]:
    """The two settings (add, remove) after a person clicked on a frame: it becomes a keyframe, or is none any more.

    `chosen` holds the keyframes of the rule alone, without what was added or removed by hand.
    """
    added, removed = set(frame_numbers(add, "keyframes.add")), set(frame_numbers(remove, "keyframes.remove"))
    is_key = frame not in removed and (frame in added or frame in chosen)
    added.discard(frame)
    removed.discard(frame)
    if is_key and frame in chosen:
        removed.add(frame)
    elif not is_key and frame not in chosen:
        added.add(frame)
    return words(added), words(removed)


def handpicked(
    found: Sequence[Segment], add: Collection[int], remove: Collection[int], frames: int
) -> tuple[Segment, ...]:
    """The segments with keyframes added and removed; `frames` is the length of the clip.

    Raises SettingsError for a frame that is not in the clip, shows no region and is to be added, is named in both, or is
    the last keyframe of its segment and is to be removed.
    """
    for name, numbers in (("add", add), ("remove", remove)):
        if beyond := [n for n in numbers if n >= frames]:
            raise SettingsError(f"keyframes.{name}: there is no frame {beyond[0]}; they go from 0 to {frames - 1}.")
    if both := sorted(set(add) & set(remove)):
        raise SettingsError(f"Frame {both[0]} is in keyframes.add and in keyframes.remove: leave it in one of them.")
    for number in add:
        if not any(segment.start <= number < segment.stop for segment in found):
            raise SettingsError(
                f"keyframes.add: frame {number} shows nothing of the region, so there is nothing to paint: choose another."
            )
    return tuple(_handpicked(segment, add, remove) for segment in found)


def _handpicked(segment: Segment, add: Collection[int], remove: Collection[int]) -> Segment:
    more = {number for number in add if segment.start <= number < segment.stop}
    left = tuple(sorted({*segment.keys, *more} - set(remove)))
    if not left and segment.keys:
        raise SettingsError(
            f"keyframes.remove leaves frames {segment.start} to {segment.stop - 1} without a keyframe: keep one of "
            f"{words(segment.keys)}, or add another there. (To leave them as they are, drop the group when you select.)"
        )
    return replace(segment, keys=left)
