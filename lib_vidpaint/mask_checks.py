"""Which masks look wrong: what every mask measures, and which frames are therefore worth a look before anything is painted.

A mask is compared with the one before it, carried along the picture's own motion. Masks that fit each other make a
family; a small family among large ones is what a slip of the hand or of a tracker looks like. They are looked at as
small as the proxy, so that checking costs the same for every size of video (1 to 3 ms a frame at 480 pixels).
"""

from __future__ import annotations

import csv
import io
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import astuple, dataclass, fields, replace
from fractions import Fraction
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from .errors import ProjectError
from .flow import positions
from .model import Box, Frame, Mask
from .motion import SMALLEST, flow, region_box
from .pools import Threads
from .project import Folder
from .shaping import holes, parts

Pair = tuple[Frame, Mask]
Shown = tuple[ArrayLike, Mask]
"""A frame and its mask. The frame is asked for its RGB, uint8 (H, W, 3), only where flow is looked for."""

CHECKS = "checks.csv"
INSIDE = 128
"""From this value on a pixel belongs to the mask's shape."""
CLOSE = 0.01
"""Edges may lie this share of the picture's diagonal apart and still fit: 5 pixels of a proxy."""
SHORT = 0.16
"""Families of at most so many seconds are slips; where longer ones meet, only the jump itself is in doubt."""
MARGIN, LIMITS = 0.12, (0.6, 0.86)
"""Masks belong together down to this much below the clip's lower quartile of fits, within these limits. Given masks of
real people and made-up ones had quartiles of .92 to 1; hand-drawn ones of a tumbling cyclist fell to .76 in two frames."""
HAZE, HOLE = 0.1, 0.06
"""Shares of the mask: of faint values away from its shape, and of holes that its neighbours do not have."""
ODD = 0.05
"""So much better two masks must fit each other than the one between them, where their size changes anyway."""
SMALL = 0.25
"""A mask of less than this share of the usual may come and go without a doubt; so may one at the picture's edge."""


@dataclass(frozen=True)
class Measures:
    """What one mask is like.

    Its share of the picture and of the picture's edge, and its middle (x, y), from 0 to 1 of the picture as it is stored.
    How well it fits the mask before, and the one before that (None: not compared), from 0 to 1. Its holes and its haze
    (both only away from its edges) as shares of it, and the number of its parts.
    """

    share: float
    border: float
    x: float
    y: float
    fit: float | None
    fit_over: float | None
    holes: float
    haze: float
    parts: int


@dataclass(frozen=True)
class Doubt:
    """A frame whose mask is worth a look: why, and the number that says so (a fit, or a share of the mask)."""

    frame: int
    reason: str
    value: float


def measures(clip: Iterable[Shown]) -> Iterator[Measures]:
    """The measures of every mask; frames are RGB, the masks of their size. Only a few neighbours are in memory."""
    return Threads().map(lambda row: measured(*row), _with_neighbours(clip))


def _with_neighbours(clip: Iterable[Shown]) -> Iterator[tuple[Shown, Shown | None, Shown | None]]:
    before = last = None
    for now in clip:
        yield now, last, before
        before, last = last, now


def measured(now: Shown, last: Shown | None = None, before: Shown | None = None) -> Measures:
    """The measures of one mask, given its frame and those of the two frames before it."""
    alpha = now[1]
    inside = alpha >= INSIDE
    area = int(np.count_nonzero(inside))
    edge = np.concatenate([inside[0], inside[-1], inside[:, 0], inside[:, -1]])
    value = fit(last, now) if last else None
    shape = region_box(inside.astype(np.uint8)) or Box(0, 0, 1, 1)
    near = inside[shape.slices]
    rows, columns = (
        (first + np.arange(length)) / whole for first, length, whole in zip((shape.y, shape.x), near.shape, alpha.shape)
    )
    return Measures(
        share=area / alpha.size,
        border=float(edge.mean()),
        x=float(near.sum(axis=0) @ columns) / max(area, 1),
        y=float(near.sum(axis=1) @ rows) / max(area, 1),
        fit=value,
        fit_over=fit(before, now) if before and value is not None and value < LIMITS[1] else None,
        holes=_holes(inside, shape, _tolerance(alpha)) / max(area, 1),
        haze=_haze(alpha, inside),
        parts=_parts(near, area),
    )


def _holes(inside: NDArray[np.bool_], shape: Box, near: int) -> float:
    """The area, in pixels, of the holes that stay when the mask, which lies in `shape`, is widened by `near`."""
    height, width = inside.shape
    widened = _widened(inside[shape.grown(near + 1, width, height).slices], near)
    return float(holes(widened)[1].sum()) if _outlines(widened)[1] else 0.0


def _parts(inside: NDArray[np.bool_], area: int) -> int:
    """The number of parts that have more than a hundredth of the mask's `area`."""
    count, _ = _outlines(inside)
    return count if count < 2 else int(np.count_nonzero(parts(inside)[1] > 0.01 * area))


def _outlines(inside: NDArray[np.bool_]) -> tuple[int, int]:
    """The numbers of parts and of holes. Most masks have one and none: numbering all pixels to learn that takes 5 times as long."""
    # With a border of its own, as OpenCV before 5 and after treat the picture's edge alike then.
    framed = cv2.copyMakeBorder(inside.view(np.uint8), 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=(0,))
    _, nested = cv2.findContours(framed, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
    inner = 0 if nested is None else int(np.count_nonzero(np.asarray(nested)[0, :, 3] >= 0))
    return (0 if nested is None else np.asarray(nested).shape[1] - inner), inner


def fit(before: Shown, now: Shown) -> float:
    """How well a mask fits an earlier one carried along the motion: their overlap with a tolerance, 0 to 1; 1 for two
    empty ones.

    Also taken without motion, for where flow is lost in blur; the better counts, and where that fits wholly no flow is asked.
    """
    a, b = before[1] >= INSIDE, now[1] >= INSIDE
    box = region_box((a | b).astype(np.uint8))
    if box is None:
        return 1.0
    height, width = b.shape
    room = box.grown(max(32, max(box.width, box.height) // 8), width, height)
    a, b = a[room.slices], b[room.slices]
    near = _tolerance(now[1])
    best = _overlap(a, b, near)
    if best < 1 and min(a.shape) >= SMALLEST and a.any() and b.any():
        pictures = (np.asarray(pair[0], np.uint8)[room.slices] for pair in (before, now))
        earlier, frame = (cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY) for picture in pictures)
        came_from = positions(flow(frame, earlier))
        carried = cv2.remap(a.astype(np.uint8), came_from, np.empty(0, np.float32), cv2.INTER_NEAREST)
        best = max(best, _overlap(np.asarray(carried) > 0, b, near))
    return best


def _overlap(a: NDArray[np.bool_], b: NDArray[np.bool_], near: int) -> float:
    apart = _beyond(a, b, near) + _beyond(b, a, near)
    return 1 - float(apart) / max(int(np.count_nonzero(a | b)), 1)


def _beyond(a: NDArray[np.bool_], b: NDArray[np.bool_], reach: int) -> int:
    """The number of pixels of `a` farther than `reach` from all of `b`."""
    # A square that lies in the disc is widened by far sooner, and leaves few pixels to ask the disc about, if any.
    near = cv2.dilate(b.view(np.uint8), np.ones((reach | 1, reach | 1), np.uint8))
    left = a & ~np.asarray(near).view(np.bool_)
    box = region_box(left.view(np.uint8))
    if box is None:
        return 0
    room = box.grown(reach, *a.shape[::-1]).slices
    return int(np.count_nonzero(left[room] & ~_widened(b[room], reach)))


def _widened(inside: NDArray[np.bool_], reach: int) -> NDArray[np.bool_]:
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
    return np.asarray(cv2.dilate(inside.view(np.uint8), disc)).view(np.bool_)


def _haze(alpha: Mask, inside: NDArray[np.bool_]) -> float:
    away = _beyond((alpha > 0) & ~inside, inside, 2 * _tolerance(alpha))
    return away / max(int(np.count_nonzero(alpha)), 1)


def _tolerance(alpha: Mask) -> int:
    return max(1, round(CLOSE * float(np.hypot(*alpha.shape))))


def doubts_in(found: Sequence[Measures], cuts: Sequence[int], fps: Fraction | float) -> list[Doubt]:
    """The doubtful frames of a clip, rising, each with the first reason that holds. `cuts` are the first frames of its
    shots; nothing is compared over them."""
    doubts: list[Doubt] = []
    for start, stop in pairwise([*sorted({0, *cuts}), len(found)]):
        shot = found[start:stop]
        unlike = {doubt.frame: doubt for doubt in _unlike(shot, round(SHORT * float(fps)))}
        first = (unlike.get(at) or _flaw(shot, at) for at in range(len(shot)))
        doubts += [replace(doubt, frame=start + doubt.frame) for doubt in first if doubt]
    return doubts


def _unlike(shot: Sequence[Measures], short: int) -> Iterator[Doubt]:
    """The masks of a shot that do not fit the others, by families of at most `short` frames and where longer ones meet."""
    family = _families(shot, _limit(shot))
    sizes = Counter(family)
    short = min(short, max(sizes.values()) - 1)
    sound = [at for at, name in enumerate(family) if sizes[name] > short]
    first, behind = _passing(shot), len(shot) - _passing(shot[::-1])
    for at in range(1, len(shot) - 1):
        if not first <= at < behind and _odd(*shot[at - 1 : at + 2]):
            yield _slip(shot, at, (at - 1, at + 1))
    for at in range(first, behind):
        if sizes[family[at]] <= short:
            yield _slip(shot, at, sound)
        elif at and family[at - 1] != family[at] and sizes[family[at - 1]] > short:
            yield from _jump(shot, at)


def _passing(shot: Sequence[Measures]) -> int:
    """The number of frames at the beginning in which something comes in over the picture's edge."""
    whole = 0.8 * _usual(shot)
    count = next((at for at, m in enumerate(shot) if m.share >= whole or (m.share and not m.border)), 0)
    return count if any(m.border for m in shot[: count + 1]) else 0


def _odd(last: Measures, mask: Measures, after: Measures) -> bool:
    """Whether a mask is a slip although something is just coming or going: its neighbours fit each other better."""
    if not mask.share:
        return bool(last.share and after.share)
    if after.fit_over is None or mask.fit is None or after.fit is None:
        return False
    return after.fit_over > max(mask.fit, after.fit) + ODD


def _usual(shot: Sequence[Measures]) -> float:
    return float(np.median([m.share for m in shot if m.share] or [0.0]))


def _limit(shot: Sequence[Measures]) -> float:
    """The fit below which two masks do not belong together: a little below what is usual in the shot."""
    fits = [m.fit for m in shot[1:] if m.fit is not None]
    return float(np.clip(np.percentile(fits, 25) - MARGIN, *LIMITS)) if fits else 0.0


def _families(shot: Sequence[Measures], limit: float) -> list[int]:
    """For every frame the first frame of those that it belongs with.

    A mask belongs with the one before it that it fits. If it fits only the one before that, then the one between is the
    odd one, unless that fits still better.
    """
    family = list(range(len(shot)))
    for at in range(1, len(shot)):
        straight, over, last = shot[at].fit, shot[at].fit_over if at > 1 else None, shot[at - 1].fit
        if straight is not None and straight >= limit:
            family[at] = family[at - 1]
        elif over is not None and over >= limit and last is not None and over >= min(last, LIMITS[1]):
            if family[at - 1] == family[at - 2]:
                family[at - 1] = at - 1
            family[at] = family[at - 2]
    return family


def _slip(shot: Sequence[Measures], at: int, sound: Sequence[int]) -> Doubt:
    """What is wrong with a mask that fits neither side, seen beside the nearest sound ones."""
    place, mask = bisect_left(sound, at), shot[at]
    around = [*sound[max(0, place - 1) : place], *sound[place : place + 1]]
    beside = [shot[i] for i in around]
    share, border, x, y = (float(np.mean(row)) for row in zip(*((m.share, m.border, m.x, m.y) for m in beside)))
    value = min(m.fit for m in shot[min(at, *around) + 1 : max(at, *around) + 1] if m.fit is not None)
    moved = float(np.hypot(mask.x - x, mask.y - y)) / max(share, 1e-6) ** 0.5
    reasons = {
        "empty": not mask.share,
        "inverted?": abs(mask.share + share - 1) < 0.1 and value < 0.5,
        "alone": not share,
        "spills to the edge": mask.border > border + 0.03,
        "part missing": mask.share < 0.8 * share,
        "much larger": mask.share > 1.25 * share,
        "elsewhere": moved > 0.1,
        "other shape": True,
    }
    return Doubt(at, next(reason for reason, holds in reasons.items() if holds), value)


def _jump(shot: Sequence[Measures], at: int) -> Iterator[Doubt]:
    """The doubt where two long families meet: none where a thing comes or goes small or over the picture's edge."""
    last, mask = shot[at - 1], shot[at]
    there = mask if mask.share else last
    if last.share and mask.share:
        yield Doubt(at, "jumps", mask.fit or 0.0)
    elif not there.border and there.share >= SMALL * _usual(shot):
        yield Doubt(at, "appears" if mask.share else "disappears", 0.0)


def _flaw(shot: Sequence[Measures], at: int) -> Doubt | None:
    """What is wrong with a mask although it fits its neighbours."""
    mask, beside = shot[at], [*shot[max(0, at - 1) : at], *shot[at + 1 : at + 2]]
    if mask.border > 0.9 and mask.share > 0.5:
        return Doubt(at, "inverted?", mask.share)
    if mask.haze > HAZE:
        return Doubt(at, "haze", mask.haze)
    if beside and mask.holes > HOLE + max(m.holes for m in beside):
        return Doubt(at, "holes", mask.holes)
    return None


def table(found: Sequence[Measures], doubts: Sequence[Doubt]) -> bytes:
    """The text of checks.csv: a row for every frame with its measures, and its doubt if there is one."""
    text, by_frame = io.StringIO(), {doubt.frame: doubt for doubt in doubts}
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(["frame", *(field.name for field in fields(Measures)), "doubt", "value"])
    for index, mask in enumerate(found):
        numbers = ["" if n is None else f"{n:.4f}" if isinstance(n, float) else n for n in astuple(mask)]
        doubt = by_frame.get(index)
        rows.writerow([index, *numbers, *((doubt.reason, f"{doubt.value:.4f}") if doubt else ("", ""))])
    return text.getvalue().encode()


def doubts(project: Folder) -> list[Doubt]:
    """The doubtful frames of a project, as its checks.csv says; none when nothing was checked yet."""
    path = project.path(CHECKS)
    if not path.exists():
        return []
    try:
        rows = csv.DictReader(io.StringIO(path.read_text(encoding="utf-8-sig")))
        return [Doubt(int(row["frame"]), row["doubt"], float(row["value"])) for row in rows if row["doubt"]]
    except (KeyError, ValueError, TypeError):
        raise ProjectError(f"{CHECKS} is damaged: delete it and it is made again.") from None


def lines(found: Sequence[Doubt], most: int = 12) -> list[str]:
    """The doubts for people, neighbours with one reason together: `frames 12-14: empty`."""
    spans: list[tuple[int, int, str]] = []
    for doubt in found:
        if spans and spans[-1][1] == doubt.frame - 1 and spans[-1][2] == doubt.reason:
            spans[-1] = spans[-1][0], doubt.frame, doubt.reason
        else:
            spans.append((doubt.frame, doubt.frame, doubt.reason))
    said = [f"frame {a}: {reason}" if a == b else f"frames {a}-{b}: {reason}" for a, b, reason in spans]
    return said if len(said) <= most else [*said[: most - 1], f"and {len(said) - most + 1} more places"]
