"""Tables and pictures that show why keyframes lie where they lie, and what more or fewer of them would give."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

from .errors import ProjectError
from .footage import Footage, Picked
from .model import Group
from .placement import Budget

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PANELS = {
    "colour": ("colour difference\n(levels of 255)", "tab:orange"),
    "motion": ("motion\n(% of region's diagonal)", "tab:blue"),
    "structure": ("structure lost\n(%)", "tab:purple"),
    "new": ("new since the frame before\n(% of the region)", "tab:blue"),
}
"""Columns that are drawn, with what the axis says and the colour of the line."""


def scores_csv(footage: Footage, picked: Picked) -> str:
    """A CSV table with a header and a line for every frame: shot, what is new in it, the rule's columns, why it is a key.

    A frame that goes on standing still, and one without region, have nothing new.
    """
    shots, new = [""] * footage.frames, [0.0] * footage.frames
    for segment, found in zip(footage.segments, footage.prices, strict=True):
        shots[segment.start : segment.stop] = [str(segment.shot)] * (segment.stop - segment.start)
        for index, fresh in zip(found.indices, found.fresh):
            new[index] = 100 * float(fresh)
    columns = {"new": new, **picked.columns}
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(["frame", "shot", *columns, "key"])
    for index, shot in enumerate(shots):
        numbers = (f"{values[index]:.3f}" for values in columns.values())
        table.writerow([index, shot, *numbers, picked.reasons.get(index, "")])
    return text.getvalue()


def read_scores(text: str) -> dict[str, list[float]]:
    """The columns of numbers that `scores_csv` wrote. Raises ProjectError when the table is damaged."""
    try:
        rows = list(csv.DictReader(io.StringIO(text)))
        names = [name for name in (rows[0] if rows else ()) if name not in ("frame", "shot", "key")]
        return {name: [float(row[name]) for row in rows] for name in names}
    except (KeyError, TypeError, ValueError):
        raise ProjectError("scores.csv is damaged: delete it and it is made again.") from None


def read_keys(text: str) -> tuple[int, ...]:
    """The keyframes in a table that `scores_csv` wrote, rising. Raises ProjectError when it is damaged."""
    try:
        return tuple(int(row["frame"]) for row in csv.DictReader(io.StringIO(text)) if row["key"])
    except (KeyError, TypeError, ValueError):
        raise ProjectError("scores.csv is damaged: delete it and it is made again.") from None


def curve_csv(found: Budget) -> str:
    """A CSV table of what every possible number of keyframes gives: predicted error in percent of the region."""
    lines = [f"{count},{found.error(count):.3f}" for count in range(found.least, found.most + 1)]
    return "\n".join(["keyframes,predicted_error", *lines]) + "\n"


def read_curve(text: str) -> dict[int, float]:
    """The curve that `curve_csv` wrote: predicted error in percent by number of keyframes. Raises ProjectError."""
    try:
        return {int(row["keyframes"]): float(row["predicted_error"]) for row in csv.DictReader(io.StringIO(text))}
    except (KeyError, TypeError, ValueError):
        raise ProjectError("keyframes/curve.csv is damaged: delete it and it is made again.") from None


def predicted_csv(made: Sequence[Group], errors: Sequence[float]) -> str:
    """A CSV table of the error to expect in every group, in percent of the region; nan where nothing can be told."""
    lines = [f"{g.key},{g.start},{g.stop},{100 * error:.3f}" for g, error in zip(made, errors, strict=True)]
    return "\n".join(["key,start,stop,predicted_error", *lines]) + "\n"


def read_predicted(text: str) -> dict[int, float]:
    """Predicted error in percent by the group's key, as `predicted_csv` wrote it. Raises ProjectError."""
    try:
        return {int(row["key"]): float(row["predicted_error"]) for row in csv.DictReader(io.StringIO(text))}
    except (KeyError, TypeError, ValueError):
        raise ProjectError("keyframes/predicted.csv is damaged: delete it and it is made again.") from None


def clip_error(made: Sequence[Group], errors: Sequence[float]) -> float:
    """The mean of the groups' errors over all their frames; nan where one of them is not known."""
    lengths = [group.stop - group.start for group in made]
    return sum(e * n for e, n in zip(errors, lengths, strict=True)) / max(sum(lengths), 1)


def scores_plot(columns: Mapping[str, Sequence[float]], made: Sequence[Group], errors: Sequence[float]) -> bytes:
    """A PNG, 1200 wide: what the rule looked at with its limit, and the predicted error (0 to 1) of every group."""
    shown = [name for name in PANELS if name in columns and (name != "new" or len(columns) == 1)]
    frames = len(next(iter(columns.values()), ()))
    figure = figure_of(12, 2.2 * (len(shown) + 1) + 0.4)
    panels = figure.subplots(len(shown) + 1, 1, sharex=True, squeeze=False)[:, 0]
    for axes, name in zip(panels, shown):
        _curve(axes, columns[name], columns.get(f"{name}_limit"), *PANELS[name])
    _bars(panels[-1], made, errors)
    for axes in panels:
        _draw_groups(axes, made)
    panels[0].set_title(f"{len(made)} keyframes for {frames} frames", loc="left", fontsize=11)
    panels[0].legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=5, fontsize=9, frameon=False)
    panels[-1].set_xlabel("frame")
    if frames:
        panels[-1].set_xlim(-0.5, frames - 0.5)
    return png_of(figure)


def curve_plot(curve: Mapping[int, float], made: Sequence[Group], errors: Sequence[float]) -> bytes:
    """A PNG of 800x400: the predicted error over the number of keyframes, and where these groups stand."""
    figure = figure_of(8, 4)
    axes = figure.subplots()
    chosen, error = len(made), 100 * clip_error(made, errors)
    counts = [count for count in curve if count <= max(3 * chosen, min(curve) + 10)]
    axes.plot(counts, [curve[n] for n in counts], color="tab:blue", linewidth=1.5, label="best placement")
    if math.isfinite(error):
        axes.plot([chosen], [error], "o", color="tab:green", markersize=8, label=f"chosen: {chosen}, {error:.1f} %")
    axes.set_xlabel("keyframes")
    axes.set_ylabel("predicted error (% of the region)")
    axes.set_ylim(bottom=0)
    axes.grid(alpha=0.3)
    axes.legend(frameon=False)
    return png_of(figure)


def figure_of(width: float, height: float) -> Figure:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    # Margins in inches: matplotlib's own layout takes as long as the drawing.
    figure = Figure(figsize=(width, height), dpi=100)
    figure.subplots_adjust(1.0 / width, 0.5 / height, 1 - 0.2 / width, 1 - 0.4 / height, hspace=0.15)
    FigureCanvasAgg(figure)
    return figure


def png_of(figure: Figure) -> bytes:
    png = io.BytesIO()
    figure.savefig(png, format="png", pil_kwargs={"compress_level": 1})
    return png.getvalue()


def _curve(axes: Axes, values: Sequence[float], limit: Sequence[float] | None, label: str, color: str) -> None:
    frames = range(len(values))
    axes.plot(frames, values, color=color, linewidth=1.2, label="to the last keyframe" if limit else "change")
    if limit:
        axes.plot(frames, limit, color="black", linestyle="--", linewidth=1, label="limit")
    axes.set_ylabel(label, fontsize=9)
    axes.set_ylim(bottom=0)
    axes.margins(y=0.1)


def _bars(axes: Axes, made: Sequence[Group], errors: Sequence[float]) -> None:
    middles = [(group.start + group.stop - 1) / 2 for group in made]
    heights = [100 * error if math.isfinite(error) else 0.0 for error in errors]
    widths = [group.stop - group.start for group in made]
    axes.bar(middles, heights, widths, color="tab:red", alpha=0.35, linewidth=0)
    axes.set_ylabel("predicted error\n(% of the region)", fontsize=9)
    axes.set_ylim(bottom=0)
    axes.margins(y=0.1)


def _draw_groups(axes: Axes, made: Sequence[Group]) -> None:
    """Groups as alternating bands, keyframes as thin lines, and where a segment begins after another as a thick one."""
    from matplotlib.collections import PolyCollection

    sides = [(group.start - 0.5, group.stop - 0.5) for group in made]
    bands = [[(a, 0), (a, 1), (b, 1), (b, 0)] for a, b in sides]
    shades = ["0.9" if n % 2 else "0.97" for n in range(len(bands))]
    reach = axes.get_xaxis_transform()
    # All bands at once: as spans of their own they took as long as everything else.
    axes.add_collection(
        PolyCollection(bands, facecolors=shades, linewidths=0, zorder=0, transform=reach), autolim=False
    )
    begins = [b.start - 0.5 for a, b in pairwise(made) if b.shot != a.shot]
    axes.vlines([g.key for g in made], 0, 1, "tab:green", linewidth=0.7, transform=reach, label="keyframe")
    if begins:
        axes.vlines(begins, 0, 1, "tab:red", linewidth=1.5, transform=reach, label="new segment")
