"""People: two small networks by MediaPipe, one for people close to the camera, one for people seen whole.

A first look at the small frames finds where everybody is and follows the one that is wanted; a second one cuts that
person out of the full picture. Someone cut off by the picture's lower edge is close: the first network, on the whole
picture, is better there (it keeps sleeves that the other loses); someone seen whole belongs to the second, on a crop
around them (J on tennis.mp4: 0.88 against 0.75, and it leaves a ball out).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from ..blending import Floats
from ..errors import MaskError
from ..matting import applied, edge_functions, hardened
from ..model import Box, Frame, Mask
from ..pools import Threads
from ..progress import Progress
from . import Options, Picture, Shot
from .prompts import Prompt
from .shipped import run, sigmoid

SIDE = 256
SMALLEST = 0.002
"""Parts below this share of the picture are no person."""
ROOM = 1.3
"""The crop's side against the person's longer one."""
NEAR = 0.97
"""A person whose box reaches down to this share of the picture's height is cut off: close to the camera."""
REACH = 8
"""Over how many frames to either side a person's box and closeness are averaged."""


@dataclass(frozen=True)
class Seen:
    """Where a person is in one frame, as (x, y, width, height) in shares of the picture, and how close: 0 whole, 1 close."""

    place: tuple[float, float, float, float]
    close: float


class Person:
    """Finds one person of a shot (Options.which, or the one that prompts mark), or all."""

    seconds = 0.035
    uses = ("which",)

    def __init__(self, options: Options) -> None:
        self.files: dict[str, str] = {}
        self.which = options.which

    def masks(self, shot: Shot) -> Iterator[Mask]:
        looks = [_parts(near) for near in Threads().map(_near, shot.small(0, shot.count))]
        if self.which == 0 and not shot.prompts:
            people = [[_seen(part) for part in parts] for parts in looks]
        else:
            chosen = followed(looks, shot.prompts, self.which, (shot.width, shot.height))
            people = [[one] if one else [] for one in steadied(chosen)]
        jobs = zip(shot.full(0, shot.count), people)
        yield from Threads().map(lambda job: _cut_out(job[0], shot, job[1]), jobs)


def open_it(options: Options, progress: Progress) -> Person:
    return Person(options)


Part = tuple[float, float, float, float, float]
"""x, y, width, height and area of something found, in shares of the picture."""


def _near(frame: Frame) -> Floats:
    return run("person-near", SIDE, frame)[0][0, 0]


def _parts(near: Floats) -> list[Part]:
    """Who is there, the largest first."""
    _, _, facts, _ = cv2.connectedComponentsWithStats((near > 0.5).astype(np.uint8))
    shares = np.asarray(facts)[1:].astype(float) / (SIDE, SIDE, SIDE, SIDE, SIDE * SIDE)
    parts = [(x, y, w, h, area) for x, y, w, h, area in shares.tolist() if area >= SMALLEST]
    return sorted(parts, key=lambda part: -part[4])


def followed(
    looks: Sequence[list[Part]], prompts: Sequence[Prompt], which: int, size: tuple[int, int]
) -> list[Part | None]:
    """The wanted one in every frame, None where they are not seen.

    It starts where a prompt marks it, else in the frame where the `which`-th largest is largest, and goes from there to
    both ends by overlap; a prompt on the way is obeyed. Raises MaskError when there is nobody at a prompt.
    """
    marks = {prompt.frame: _marked(looks[prompt.frame], prompt, size) for prompt in prompts}
    if not marks:
        seen = [(parts[which - 1][4], -index) for index, parts in enumerate(looks) if len(parts) >= which]
        if not seen:
            return [None] * len(looks)
        begin = -max(seen)[1]
        marks[begin] = looks[begin][which - 1]
    first = min(marks)
    found: list[Part | None] = [None] * len(looks)
    for frames in (range(first, len(looks)), range(first, -1, -1)):
        before = None
        for index in frames:
            found[index] = marks[index] if index in marks else _same(before, looks[index])
            if found[index] or index in marks:
                before = found[index]
    return found


def _marked(parts: list[Part], prompt: Prompt, size: tuple[int, int]) -> Part | None:
    if prompt.gone:
        return None
    for part in parts:
        points = [(x / size[0], y / size[1]) for x, y in prompt.inside]
        if prompt.box:
            points.append(
                ((prompt.box.x + prompt.box.width / 2) / size[0], (prompt.box.y + prompt.box.height / 2) / size[1])
            )
        if all(part[0] <= x <= part[0] + part[2] and part[1] <= y <= part[1] + part[3] for x, y in points):
            return part
    raise MaskError(f"mask.prompts: there is no person at that place in frame {prompt.frame}; set mask.how to track.")


def _same(before: Part | None, parts: list[Part]) -> Part | None:
    """The part that overlaps the one before best, if any does well enough to be the same."""
    if before is None:
        return None
    overlaps = [(_overlap(before, part), part) for part in parts]
    best = max(overlaps, default=(0.0, None))
    return best[1] if best[0] > 0.2 else None


def _overlap(a: Part, b: Part) -> float:
    wide = min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0])
    high = min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1])
    shared = max(wide, 0.0) * max(high, 0.0)
    return shared / (a[2] * a[3] + b[2] * b[3] - shared)


def _seen(part: Part) -> Seen:
    return Seen(part[:4], float(part[1] + part[3] >= NEAR))


def steadied(found: Sequence[Part | None]) -> list[Seen | None]:
    """The boxes and closeness averaged over neighbouring frames, so that crops neither shake nor switch at once.

    A box never gets smaller than it was found.
    """
    steady: list[Seen | None] = []
    for index, part in enumerate(found):
        if part is None:
            steady.append(None)
            continue
        around = [one for one in found[max(0, index - REACH) : index + REACH + 1] if one]
        close = float(np.mean([one[1] + one[3] >= NEAR for one in around]))
        x, y, w, h = np.mean([one[:4] for one in around[: 2 * REACH + 1]], axis=0)
        left, top = min(x, part[0]), min(y, part[1])
        right, bottom = max(x + w, part[0] + part[2]), max(y + h, part[1] + part[3])
        steady.append(Seen((left, top, right - left, bottom - top), close))
    return steady


def _cut_out(picture: Picture, shot: Shot, people: list[Seen]) -> Mask:
    mask = np.zeros((shot.height, shot.width), np.uint8)
    for seen in people:
        np.maximum(mask, _one(picture, shot, seen), out=mask)
    return mask


def _one(picture: Picture, shot: Shot, seen: Seen) -> Mask:
    x, y, w, h = seen.place
    tight = Box(
        round(x * shot.width), round(y * shot.height), max(1, round(w * shot.width)), max(1, round(h * shot.height))
    )
    mask = np.zeros((shot.height, shot.width), np.float32)
    if seen.close > 0:
        near = _near(whole := picture.crop(shot.whole))
        mask += seen.close * applied(edge_functions(_only(near, seen), _small(whole)), whole)
    if seen.close < 1:
        grown = (ROOM - 1) / 2 * max(tight.width, tight.height)
        box = tight.grown(round(grown), shot.width, shot.height)
        crop = picture.crop(box)
        framed, inner = _framed(crop)
        body = sigmoid(run("person-whole", SIDE, framed)[0][0, 0])[inner.slices]
        small = np.asarray(cv2.resize(crop, body.shape[::-1], interpolation=cv2.INTER_AREA), np.uint8)
        mask[box.slices] += (1 - seen.close) * applied(edge_functions(body, small), crop)
    return hardened(mask)


def _small(picture: Frame) -> Frame:
    return np.asarray(cv2.resize(picture, (SIDE, SIDE), interpolation=cv2.INTER_AREA), np.uint8)


def _framed(crop: Frame) -> tuple[Frame, Box]:
    """The crop in the middle of a square of SIDE pixels, black around it, and where it lies in there."""
    height, width = crop.shape[:2]
    scale = SIDE / max(height, width)
    wide, high = max(1, round(width * scale)), max(1, round(height * scale))
    inner = Box((SIDE - wide) // 2, (SIDE - high) // 2, wide, high)
    framed = np.zeros((SIDE, SIDE, 3), np.uint8)
    framed[inner.slices] = cv2.resize(
        crop, (wide, high), interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    )
    return framed, inner


def _only(near: Floats, seen: Seen) -> Floats:
    """What the network saw of this one person: the parts that reach into their box."""
    _, labels = cv2.connectedComponents((near > 0.3).astype(np.uint8))
    x, y, w, h = (round(SIDE * share) for share in seen.place)
    inside = np.unique(labels[y : y + max(h, 1), x : x + max(w, 1)][near[y : y + max(h, 1), x : x + max(w, 1)] > 0.5])
    return np.where(np.isin(labels, inside[inside > 0]), near, 0).astype(np.float32)
