"""Clicks on the frame as text of the setting mask.prompts (segmenters/prompts.py has its grammar), kept in their order."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ..model import Box

_ITEM = re.compile(r"[+-]\s*\d+\s*,\s*\d+|box\s*\d+(?:\s*,\s*\d+){3}|gone")


@dataclass(frozen=True)
class Click:
    """One mark on a frame: a point that belongs to it or not, or a box around it."""

    x: int
    y: int
    inside: bool = True
    box: Box | None = None


def clicks(text: str, frame: int) -> list[Click]:
    """The marks of one frame, in the order in which they were made."""
    found = []
    for item in _frames(text).get(frame, []):
        numbers = [int(number) for number in re.findall(r"\d+", item)]
        if len(numbers) == 4:
            box = Box(*numbers)
            found.append(Click(box.x + box.width // 2, box.y + box.height // 2, box=box))
        elif numbers:
            found.append(Click(*numbers, inside=item.startswith("+")))
    return found


def marked(text: str) -> list[int]:
    """The frames with marks, rising."""
    return sorted(_frames(text))


def with_mark(text: str, frame: int, item: str) -> str:
    """The text with one more mark (`+x,y`, `-x,y` or `box x,y,w,h`) on a frame; a second box takes the place of the first."""
    frames = _frames(text)
    before = [
        one for one in frames.get(frame, []) if one != "gone" and not (item.startswith("box") and one.startswith("box"))
    ]
    frames[frame] = [*before, item]
    return _written(frames)


def gone_from(text: str, frame: int) -> str:
    """The text with the thing not in the picture from a frame on; the frame's other marks go."""
    return _written({**_frames(text), frame: ["gone"]})


def without_last(text: str, frame: int) -> str:
    """The text without the last mark of a frame; of the last marked frame where it has none."""
    frames = _frames(text)
    if frames:
        found = frame if frame in frames else max(frames)
        frames[found] = frames[found][:-1]
    return _written(frames)


def _frames(text: str) -> dict[int, list[str]]:
    frames: dict[int, list[str]] = {}
    for part in text.split(";"):
        number, _, items = part.rpartition(":")
        if not number.strip() or number.strip().isdigit():
            frames.setdefault(int(number or 0), []).extend(_ITEM.findall(items))
    return {frame: items for frame, items in frames.items() if items}


def _written(frames: dict[int, list[str]]) -> str:
    return "; ".join(f"{frame}: {' '.join(items)}" for frame, items in sorted(frames.items()) if items)
