"""Prompts: a person's hints about what to follow, written as text.

    0: +120,80 -300,40; 40: box 10,10,50,60; 90: gone

At frame 0 the point 120,80 belongs to it and 300,40 does not; at frame 40 it lies in the box x,y,width,height; from
frame 90 on it is not in the picture. Without a frame number, frame 0 is meant. Pixels of the video as it is shown.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from ..errors import MaskError
from ..model import Box

EXAMPLE = "0: +120,80 -300,40; 40: box 10,10,50,60"
_ITEM = re.compile(
    r"\s*(?:(?P<sign>[+-])\s*(?P<point>\d+\s*,\s*\d+)|box\s*(?P<box>\d+(?:\s*,\s*\d+){3})|(?P<gone>gone))(?=[\s+-]|$)"
)


@dataclass(frozen=True)
class Prompt:
    """What a person said about one frame: points (x, y) on it and beside it, a box around it, or that it is `gone`."""

    frame: int
    inside: tuple[tuple[int, int], ...] = ()
    outside: tuple[tuple[int, int], ...] = ()
    box: Box | None = None
    gone: bool = False


def parse_prompts(text: str) -> tuple[Prompt, ...]:
    """The prompts in a text, rising by frame. Raises MaskError naming the part that cannot be read."""
    found: dict[int, Prompt] = {}
    for part in filter(str.strip, text.split(";")):
        number, colon, items = part.rpartition(":")
        if colon and not number.strip().isdigit():
            raise MaskError(f"mask.prompts: {number.strip()!r} is not a frame number; write it like {EXAMPLE}.")
        prompt = _items(items, int(number or 0))
        if prompt.frame in found:
            raise MaskError(f"mask.prompts: frame {prompt.frame} is there twice: put its points into one part.")
        found[prompt.frame] = prompt
    return tuple(found[frame] for frame in sorted(found))


def _items(text: str, frame: int) -> Prompt:
    prompt, at = Prompt(frame), 0
    while text[at:].strip():
        item = _ITEM.match(text, at)
        if not item:
            raise MaskError(
                f"mask.prompts: {text[at:].strip()!r} is not +x,y, -x,y, box x,y,width,height or gone; "
                f"write it like {EXAMPLE}."
            )
        prompt, at = _with(prompt, item), item.end()
    if prompt.gone and (prompt.inside or prompt.box):
        raise MaskError(f"mask.prompts: at frame {frame} it cannot be gone and marked at once.")
    if not (prompt.gone or prompt.inside or prompt.box):
        raise MaskError(f"mask.prompts: frame {frame} says only what it is not: mark it with +x,y or a box too.")
    return prompt


def _with(prompt: Prompt, item: re.Match[str]) -> Prompt:
    if item["gone"]:
        return replace(prompt, gone=True)
    if item["box"]:
        if prompt.box:
            raise MaskError(f"mask.prompts: frame {prompt.frame} has two boxes: give one around all of it.")
        return replace(prompt, box=Box(*_numbers(item["box"])))
    x, y = _numbers(item["point"])
    if item["sign"] == "+":
        return replace(prompt, inside=(*prompt.inside, (x, y)))
    return replace(prompt, outside=(*prompt.outside, (x, y)))


def _numbers(text: str) -> list[int]:
    return [int(number) for number in text.split(",")]


def check_prompts(prompts: tuple[Prompt, ...], frames: int, width: int, height: int) -> None:
    """Raises MaskError for a frame that the video does not have, or a point or box outside of its picture."""
    for prompt in prompts:
        if prompt.frame >= frames:
            raise MaskError(f"mask.prompts: there is no frame {prompt.frame}; the video has frames 0 to {frames - 1}.")
        for x, y in (*prompt.inside, *prompt.outside):
            if x >= width or y >= height:
                raise MaskError(
                    f"mask.prompts: the point {x},{y} at frame {prompt.frame} lies outside the picture, which is {width}x{height}."
                )
        box = prompt.box
        if box and not (box.width and box.height and box.right <= width and box.bottom <= height):
            raise MaskError(
                f"mask.prompts: the box {box.x},{box.y},{box.width},{box.height} at frame {prompt.frame} does not lie "
                f"inside the picture, which is {width}x{height}."
            )


def in_shot(prompts: tuple[Prompt, ...], start: int, stop: int) -> tuple[Prompt, ...]:
    """The prompts of frames start <= frame < stop, counted from `start`."""
    return tuple(replace(one, frame=one.frame - start) for one in prompts if start <= one.frame < stop)
