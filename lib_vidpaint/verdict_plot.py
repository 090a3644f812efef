"""A picture of what validation measured over time, with the limits and the spans that failed."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Sequence

from .judging import OF_FRAMES, RATIOS, TWO_SIDED, Limits
from .keyplots import figure_of, png_of
from .model import Group, Verdict

WORDS = {
    "warp_ratio": "flicker\n(times source's)",
    "motion": "moves otherwise\n(% of diagonal)",
    "colour": "colour jumps\n(levels)",
    "flicker": "edit changes\n(levels)",
    "seam": "step at the edge\n(levels)",
    "sharpness": "sharpness\n(times source's)",
}

SHORT = {
    "warp_ratio": "flicker", "flicker": "jumps", "seam": "edge", "border": "jump at its border", "tone": "keyframe's colours",
    "texture": "keyframe's detail", "shift": "keyframe displaced", "size": "keyframe's size", "focus": "keyframe's sharpness",
}  # fmt: skip


def verdict_plot(table: str, verdicts: Sequence[Verdict], groups: Sequence[Group], limits: Limits) -> bytes:
    """A PNG, 1200 wide: a panel for every measure of report.csv (`table`) with its limits, groups that failed in red."""
    rows = list(csv.DictReader(io.StringIO(table)))
    frames = [int(row["index"]) for row in rows]
    from matplotlib.ticker import NullLocator

    figure = figure_of(12, 1.5 * len(OF_FRAMES) + 0.6)
    panels = figure.subplots(len(OF_FRAMES), 1, sharex=True)
    failed = {verdict.key: verdict for verdict in verdicts if verdict.decision == "drop"}
    for name, axes in zip(OF_FRAMES, panels):
        values = [float(row[name]) if row[name] else math.nan for row in rows]
        limit = float(getattr(limits, name))
        axes.plot(frames, values, color="tab:blue", linewidth=1)
        for edge in (limit, 1 / limit) if name in TWO_SIDED else (limit,):
            axes.axhline(edge, color="tab:red", linewidth=0.8, linestyle="--")
        if name in RATIOS:
            axes.set_yscale("log")
            axes.yaxis.set_minor_locator(NullLocator())
            axes.set_yticks([1 / limit, 1, limit], [f"1/{limit:g}", "1", f"{limit:g}"])
        for group in groups:
            bad = failed.get(group.key)
            if bad:
                axes.axvspan(
                    group.start - 0.5, group.stop - 0.5, color="tab:red", alpha=0.3 if name in bad.broken else 0.12
                )
            axes.axvline(group.key, color="tab:green", linewidth=0.6)
        axes.set_ylabel(WORDS[name], fontsize=8)
    for group in groups:
        if bad := failed.get(group.key):
            panels[0].annotate(
                f"{group.key}: {', '.join(SHORT.get(name, name) for name in bad.broken)}",
                (group.start, 1.02),
                xycoords=("data", "axes fraction"),
                fontsize=7,
                color="tab:red",
            )
    panels[-1].set_xlabel("frame (red: the group failed, darker where that measure did; green: keyframes)")
    return png_of(figure)
