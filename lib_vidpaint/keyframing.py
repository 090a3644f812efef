"""Which frames become keyframes, and which frames each of them serves.

The rule: walk through a segment (a run of frames of one shot that show the region) and compare every frame with the
most recent keyframe, inside the region, in colour and in motion. When either difference exceeds its limit, the frame is
the next keyframe. The limits follow the clip, so that a slow clip is cut as a fast one is:

    limit = weight * mean difference of consecutive frames * gap ** GROWTH

`gap` is the distance between keyframes to be expected of an average clip: `longest` frames at movement 0, one frame at
movement 1, evenly between them. The weights say how much colour counts against motion: 1 / (2 * convergence) for colour and
1 / (2 * (1 - convergence)) for motion; so .5 weighs both alike, 0 looks at motion alone and 1 at colour alone.

Two things keep a still clip at one keyframe: no limit lies below what can be noticed (`COLOUR_SEEN`, `MOTION_SEEN`:
noise alone stays under them), and `longest` counts only where something changes: a group that has reached it ends at
its first frame that differs noticeably from its keyframe.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from typing import TYPE_CHECKING, Literal, Protocol

from .model import Frame, Group, Mask
from .motion import colour_difference, motion_difference
from .pools import Threads

if TYPE_CHECKING:
    from matplotlib.axes import Axes

GROWTH = 0.7
"""A difference grows more slowly than the distance: 5 frames apart it is 1.5 to 4.4 times that of neighbours, median 3.1,
in colour and in motion alike (six clips)."""
COLOUR_SEEN = 2.5
"""Levels of 255; two pictures of a still scene with noise of deviation 10 differ by 2.3."""
MOTION_SEEN = 0.5
"""Percent of the region's diagonal; two pictures of a still, softly shaded scene with noise of deviation 10 give 0.4."""

Reason = Literal["", "first", "colour", "motion", "longest"]
Open = Callable[[], Iterable[tuple[Frame, Mask]]]


@dataclass(frozen=True)
class Score:
    """What was measured on one frame: differences to the last keyframe and to the frame before, and what followed.

    Colour in levels of 255, motion in % of the region's diagonal. `shot` numbers the segments. A frame without region
    has zeros and the number of the segment before it.
    """

    index: int
    colour: float
    motion: float
    colour_step: float
    motion_step: float
    colour_limit: float
    motion_limit: float
    shot: int
    is_key: bool = False
    reason: Reason = ""


class Cuts(Protocol):
    """Finds shots in frames given one after the other: `shots.ShotDetector`."""

    starts: list[int]

    def add(self, frame: Frame) -> object: ...


@dataclass(frozen=True)
class _Step:
    """One frame of the first reading, and how it differs from the one before; `first` of a segment has no step."""

    shot: int
    shown: bool
    first: bool = False
    colour: float = 0.0
    motion: float = 0.0


def score(
    open_frames: Open,
    cuts: Cuts,
    movement: float = 0.5,
    convergence: float = 0.5,
    longest: int = 10,
    shown: Sequence[bool] | None = None,
) -> list[Score]:
    """One Score for every frame, in order; those with `is_key` are the keyframes.

    `open_frames` is called twice, because the limits need the clip's mean before the first comparison with a keyframe,
    and gives (RGB frame, mask) pairs of one small size; only a few are held at a time. `cuts` is given every frame of
    the first reading. `shown` says which frames have a region, for regions so small that the reduced mask lost them;
    without it those whose mask is not empty. movement and convergence are 0..1, longest is at least 1.
    """
    steps = _steps(open_frames(), cuts, shown)
    pairs = [step for step in steps if step.shown and not step.first]
    colour_limit, motion_limit = limits(
        _mean([step.colour for step in pairs]), _mean([step.motion for step in pairs]), movement, convergence, longest
    )
    return list(_choose(open_frames(), steps, colour_limit, motion_limit, longest))


def limits(colour: float, motion: float, movement: float, convergence: float, longest: int) -> tuple[float, float]:
    """The largest differences (colour, motion) to a keyframe that its group bears, from the clip's mean differences of
    consecutive frames; infinite for what convergence leaves out. The formula is the module's.
    """
    growth = (1 + (longest - 1) * (1 - movement)) ** GROWTH
    return (
        max(COLOUR_SEEN, colour * growth / (2 * convergence)) if convergence > 0 else float("inf"),
        max(MOTION_SEEN, motion * growth / (2 * (1 - convergence))) if convergence < 1 else float("inf"),
    )


def groups(scores: Sequence[Score], shown: Sequence[bool]) -> list[Group]:
    """The group of every keyframe, ascending; together they hold each frame whose `shown` is true exactly once.

    `shown` has one value for every score. A group begins with its keyframe (the first of a segment with the segment) and
    ends before the next one: its frames are carried from both of these, and each stretch between two keyframes is read
    and followed once. Borders half way between would ask for every stretch twice and change nothing in the picture. A
    segment without keyframe (a person took it away) is served by its first frame.
    """
    made: list[Group] = []
    for (shot, seen), run in groupby(range(len(scores)), key=lambda i: (scores[i].shot, bool(shown[i]))):
        if seen:
            indices = list(run)
            keys = [i for i in indices if scores[i].is_key] or indices[:1]
            borders = [indices[0], *keys[1:], indices[-1] + 1]
            made += [Group(key, start, stop, shot) for key, (start, stop) in zip(keys, pairwise(borders))]
    return made


def scores_csv(scores: Sequence[Score]) -> str:
    """The scores as a CSV table with a header, one line a frame."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(
        ["frame", "shot", "colour", "colour_limit", "motion", "motion_limit", "colour_step", "motion_step", "key"]
    )
    for s in scores:
        numbers = [s.colour, s.colour_limit, s.motion, s.motion_limit, s.colour_step, s.motion_step]
        table.writerow([s.index, s.shot, *(f"{number:.3f}" for number in numbers), s.reason])
    return text.getvalue()


def scores_plot(scores: Sequence[Score], made: Sequence[Group]) -> bytes:
    """A PNG of 1200x500: both differences to the last keyframe over the frames, limits, keyframes, groups and cuts."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12, 5), dpi=100, layout="constrained")
    upper, lower = figure.subplots(2, 1, sharex=True)
    colour, motion = [s.colour for s in scores], [s.motion for s in scores]
    _curve(upper, colour, [s.colour_limit for s in scores], "colour difference\n(levels of 255)", "tab:orange")
    _curve(lower, motion, [s.motion_limit for s in scores], "motion\n(% of region's diagonal)", "tab:blue")
    for axes in (upper, lower):
        _draw_groups(axes, made)
    title = f"Difference to the last keyframe: {len(made)} keyframes for {len(scores)} frames"
    upper.set_title(title, loc="left", fontsize=11)
    upper.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=5, fontsize=9, frameon=False)
    lower.set_xlabel("frame")
    if scores:
        lower.set_xlim(-0.5, len(scores) - 0.5)
    png = io.BytesIO()
    FigureCanvasAgg(figure).print_png(png)
    return png.getvalue()


def _steps(frames: Iterable[tuple[Frame, Mask]], cuts: Cuts, shown: Sequence[bool] | None) -> list[_Step]:
    """The segments and the differences of consecutive frames, which threads measure side by side."""
    visible: list[bool] = []

    def pairs() -> Iterator[tuple[tuple[Frame, Mask], tuple[Frame, Mask] | None]]:
        previous = None
        for index, (frame, mask) in enumerate(frames):
            cuts.add(frame)
            visible.append(bool(mask.any()) if shown is None else shown[index])
            yield (frame, mask), previous if visible[-1] else None
            previous = (frame, mask) if visible[-1] else None

    found = list(Threads().map(lambda pair: _differences(*pair[0], pair[1]) if pair[1] else (0.0, 0.0), pairs()))
    steps, shot, starts = [], -1, set(cuts.starts)
    for index, differences in enumerate(found):
        first = visible[index] and (not index or not visible[index - 1] or index in starts)
        shot += first
        steps.append(_Step(max(shot, 0), visible[index], first, *((0.0, 0.0) if first else differences)))
    return steps


def _choose(
    frames: Iterable[tuple[Frame, Mask]], steps: Sequence[_Step], colour_limit: float, motion_limit: float, longest: int
) -> Iterable[Score]:
    """The second reading: differences to the last keyframe, and which frame becomes the next one."""
    key: tuple[Frame, Mask] | None = None
    key_index = 0
    for index, (step, (frame, mask)) in enumerate(zip(steps, frames, strict=True)):
        reason: Reason = ""
        colour = motion = 0.0
        if step.first:
            reason = "first"
        elif step.shown and key is not None:
            near = index == key_index + 1
            colour, motion = (step.colour, step.motion) if near else _differences(frame, mask, key)
            seen = colour > COLOUR_SEEN or motion > MOTION_SEEN
            if colour > colour_limit:
                reason = "colour"
            elif motion > motion_limit:
                reason = "motion"
            elif seen and index - key_index >= longest:
                reason = "longest"
        if reason:
            key, key_index = (frame, mask), index
        yield Score(
            index, colour, motion, step.colour, step.motion, colour_limit, motion_limit, step.shot, bool(reason), reason
        )


def _differences(frame: Frame, mask: Mask, other: tuple[Frame, Mask]) -> tuple[float, float]:
    return colour_difference(frame, other[0], mask, other[1]), motion_difference(frame, other[0], mask)


def _mean(numbers: Sequence[float]) -> float:
    return sum(numbers) / len(numbers) if numbers else 0.0


def _curve(axes: Axes, values: Sequence[float], limit: Sequence[float], label: str, color: str) -> None:
    frames = range(len(values))
    axes.plot(frames, values, color=color, linewidth=1.2, label="difference")
    axes.plot(frames, limit, color="black", linestyle="--", linewidth=1, label="limit")
    axes.set_ylabel(label)
    axes.set_ylim(bottom=0)
    axes.margins(y=0.1)


def _draw_groups(axes: Axes, made: Sequence[Group]) -> None:
    """Groups as alternating bands, keyframes as thin lines, and where a segment begins after another as a thick one."""
    for n, group in enumerate(made):
        axes.axvspan(group.start - 0.5, group.stop - 0.5, color="0.9" if n % 2 else "0.97", zorder=0, linewidth=0)
    begins = [b.start - 0.5 for a, b in pairwise(made) if b.shot != a.shot]
    reach = axes.get_xaxis_transform()
    axes.vlines([g.key for g in made], 0, 1, "tab:green", linewidth=0.7, transform=reach, label="keyframe")
    if begins:
        axes.vlines(begins, 0, 1, "tab:red", linewidth=1.5, transform=reach, label="new segment")
