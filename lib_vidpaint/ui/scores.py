"""The Keyframes tab's pieces of HTML: the scores with their limits, the frame on view, the keyframes, and what is to paint."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape

from ..model import Group
from ..viewing import Remaining
from .fragments import clock, note, table, turner

WIDE, HIGH, GAP = 1000, 70, 12
CURVES = {
    "colour": "difference in colour to the last keyframe, in levels of 255",
    "motion": "motion since the last keyframe, in % of the region's diagonal",
    "structure": "structure lost since the last keyframe, in %",
    "new": "new since the frame before, in % of the region",
}
"""Columns of scores.csv that are drawn, in words."""


def plan(found: Remaining) -> str:
    """What is still to be painted, and how long that takes."""
    if not found.images:
        left = "none, all are painted"
    elif found.seconds is None:
        left = f"{found.images}; how long each takes is known after the first"
    else:
        left = f"{found.images}, about {clock(found.images * found.seconds)} ({found.seconds:.2f} s each, as measured last)"
    rows = [
        ("Keyframes", f"{found.keyframes} for {found.frames} frames"),
        ("Images to paint", left),
        ("What may change", f"{found.region_share:.1%} of the picture"),
    ]
    return table(rows) + "".join(note(text, "warning") for text in found.warnings)


def plot(
    columns: Mapping[str, Sequence[float]], expected: Mapping[int, float], groups: Sequence[Group], at: int
) -> str:
    """What the rule looked at with its limits, and the error to expect of every group; groups are bands, keyframes lines.

    A click asks for the frame under it; frame `at` is marked.
    """
    frames = len(next(iter(columns.values())))
    x = WIDE / frames
    curves = [name for name in CURVES if name in columns and (name != "new" or len(columns) == 1)]
    panels = [_curve(name, columns[name], columns.get(f"{name}_limit", ()), x) for name in curves]
    panels += [_bars(groups, expected, x)] if any(map(math.isfinite, expected.values())) else []
    high = len(panels) * (HIGH + GAP) - GAP
    drawn = "".join(f'<g transform="translate(0 {n * (HIGH + GAP)})">{svg}</g>' for n, (svg, _) in enumerate(panels))
    legend = " ".join(text for _, text in panels)
    bands = "".join(
        f'<rect x="{group.start * x:.1f}" y="0" width="{(group.stop - group.start) * x:.1f}" height="{high}"/>'
        for group in groups[::2]
    )
    keys = "".join(f"M{(group.key + 0.5) * x:.1f} 0V{high}" for group in groups)
    return (
        f'<div class="vidpaint-legend"><span class="key">keyframes</span>{legend}</div>'
        f'<svg class="vidpaint-scores" data-frames="{frames}" viewBox="0 0 {WIDE} {high}" preserveAspectRatio="none" '
        f'style="height:{high + 20}px" role="img" aria-label="why keyframes lie where they lie">'
        f'<g class="bands">{bands}</g><path class="keys" d="{keys}"/>{drawn}'
        f'<path class="at" d="M{(at + 0.5) * x:.1f} 0V{high}"/></svg>'
        f'<div class="vidpaint-axis"><span>frame 0</span><span>click to look at a frame</span><span>{frames - 1}</span></div>'
    )


def _curve(name: str, values: Sequence[float], limits: Sequence[float], x: float) -> tuple[str, str]:
    """One panel, HIGH high, and its line of the legend."""
    limit = next((value for value in limits if math.isfinite(value) and value > 0), 0.0)
    most = max(values)
    top = max(1.15 * limit, 1.05 * most, 1e-6)
    step = max(1, math.ceil(1 / x))  # of the frames that share a pixel, the highest is drawn
    points = " ".join(
        f"{(first + 0.5) * x:.1f},{HIGH - HIGH * max(values[first : first + step]) / top:.1f}"
        for first in range(0, len(values), step)
    )
    edge = f'<path class="limit" d="M0 {HIGH - HIGH * limit / top:.1f}H{WIDE}"/>' if limit else ""
    said = f"{CURVES[name]}: at most {most:.1f}" + (f", limit {limit:.1f}" if limit else "")
    return f'<polyline class="{name}" points="{points}"/>{edge}', f'<span class="{name}">{escape(said)}</span>'


def _bars(groups: Sequence[Group], expected: Mapping[int, float], x: float) -> tuple[str, str]:
    """The panel of expected errors, in percent, and its line of the legend."""
    errors = {group: expected.get(group.key, math.nan) for group in groups}
    most = max((error for error in errors.values() if math.isfinite(error)), default=0.0)
    top = max(1.05 * most, 1.0)
    rects = "".join(
        f'<rect x="{group.start * x:.1f}" y="{HIGH - HIGH * error / top:.1f}" width="{(group.stop - group.start) * x:.1f}" '
        f'height="{HIGH * error / top:.1f}"/>'
        for group, error in errors.items()
        if math.isfinite(error)
    )
    said = f"part of the region that will not be carried well, in %: at most {most:.1f}"
    return f'<g class="error">{rects}</g>', f'<span class="error">{escape(said)}</span>'


def spot(picture: str, index: int, group: Group | None) -> str:
    """The frame on view, with the button that makes it a keyframe or none any more; `group` is the one it lies in."""
    is_key = group is not None and group.key == index
    where = f"frame {index}" + (
        " is a keyframe"
        if is_key
        else f", painted from keyframe {group.key}"
        if group
        else " shows nothing of the region"
    )
    text = "✕ Remove this keyframe" if is_key else "✚ Add a keyframe here"
    button = f'<button data-vidpaint="keyframes:toggle:{index}">{text}</button>' if group else ""
    return (
        f'<div class="vidpaint-spot"><img src="{escape(picture)}" alt="frame {index}">'
        f'<div class="vidpaint-buttons"><span>{escape(where[:1].upper() + where[1:])}.</span>{button}</div></div>'
    )


def keyframes(
    cells: Sequence[tuple[Group, str]], added: Sequence[int], removed: Sequence[int], page: int, pages: int, late: bool
) -> str:
    """Thumbnails (`img` tags) with the frames that each keyframe serves and a cross to remove it, and what can be put back."""
    shown = "".join(
        f'<figure><button class="vidpaint-look" data-vidpaint="keyframes:at:{group.key}" title="Look at frame {group.key}">{image}'
        f'</button><button class="vidpaint-cross" data-vidpaint="keyframes:toggle:{group.key}" '
        f'title="No keyframe any more; the others stay" aria-label="remove keyframe {group.key}">✕</button>'
        f"<figcaption>{group.key} <small>for {group.start}–{group.stop - 1}{' · by hand' if group.key in added else ''}</small>"
        "</figcaption></figure>"
        for group, image in cells
    )
    back = "".join(
        f'<button data-vidpaint="keyframes:toggle:{frame}" title="Make it a keyframe again">↶ {frame}</button>'
        for frame in removed
    )
    chips = f'<div class="vidpaint-buttons vidpaint-jumps">Removed by hand: {back}</div>' if back else ""
    again = f' data-late="keyframes:page:{page}"' if late else ""
    return f'{chips}<div class="vidpaint-thumbs"{again}>{shown}</div>{turner("keyframes:page", page, pages)}'
