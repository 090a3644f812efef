"""The Result tab's pieces of HTML that show what validation found: the timeline, a span to play, and what can be done."""

from __future__ import annotations

from html import escape

from ..checking import Checked
from ..judging import FAULTS
from ..model import Group
from .fragments import note

WIDE, HIGH = 1000, 90
SHOWN = 12


def timeline(found: Checked, at: int) -> str:
    """Every frame's worst measure as a multiple of its limit; groups are bands, those that failed red. A click plays one."""
    x, top = WIDE / found.frames, max(1.5, *found.times)
    step = max(1, round(1 / x))
    points = " ".join(
        f"{(first + 0.5) * x:.1f},{HIGH - HIGH * max(found.times[first : first + step]) / top:.1f}"
        for first in range(0, found.frames, step)
    )
    bands = "".join(_band(group, x) for group in found.groups[::2])
    bad = "".join(_band(group, x) for group in found.failed)
    keys = "".join(f"M{(group.key + 0.5) * x:.1f} 0V{HIGH}" for group in found.groups)
    count = len(found.failed)
    said = f"{count} of {len(found.groups)} groups look wrong (red)" if count else "no group looks wrong"
    return (
        f'<div class="vidpaint-legend"><span class="key">keyframes</span><span class="new">how far a frame is from its limits '
        f"(dashed: at the limit); {said}</span></div>"
        f'<svg class="vidpaint-scores vidpaint-checks" data-frames="{found.frames}" data-to="check" viewBox="0 0 {WIDE} {HIGH}" '
        f'preserveAspectRatio="none" style="height:{HIGH + 20}px" role="img" aria-label="what validation found, over time">'
        f'<g class="bands">{bands}</g><g class="error">{bad}</g><path class="keys" d="{keys}"/>'
        f'<path class="limit" d="M0 {HIGH - HIGH / top:.1f}H{WIDE}"/><polyline class="new" points="{points}"/>'
        f'<path class="at" d="M{(at + 0.5) * x:.1f} 0V{HIGH}"/></svg>'
        f'<div class="vidpaint-axis"><span>frame 0</span><span>click to play a group</span><span>{found.frames - 1}</span></div>'
    )


def _band(group: Group, x: float) -> str:
    return f'<rect x="{group.start * x:.1f}" y="0" width="{(group.stop - group.start) * x:.1f}" height="{HIGH}"/>'


def span(found: Checked, at: int, video: str, play: bool = False) -> str:
    """The group at a frame, to play, with what is wrong and the buttons for it. `video`: where the result lies, '' if nowhere;
    `play`: it begins at once."""
    group = found.at(at)
    if group is None:
        return note(f"Frame {at} shows nothing of the region.")
    verdict, worst = found.verdicts.get(group.key), found.worst.get(group.key, group.key)
    broken = ", ".join(FAULTS.get(name, name) for name in verdict.broken) if verdict else ""
    state = f"looks wrong: {broken}" if verdict and verdict.decision == "drop" else "passed"
    begin, end = (max(frame / found.fps, 0.01) for frame in (group.start - 2, group.stop + 2))  # at 0 it would be blank
    player = (
        f'<video controls muted{" autoplay" if play else ""} playsinline preload="metadata" '
        f'src="{escape(video)}#t={begin:.3f},{end:.3f}"></video>'
        if video
        else note("There is no video yet: press Render.")
    )
    key, cost = group.key, f"{found.images} images"
    buttons = [
        ("accept", key, "✓ It is right as it is", ""),
        ("redo", key, "↻ Paint again", cost),
        ("add", worst, f"✚ Keyframe at frame {worst}", cost) if worst != key else None,
        ("drop", key, "✕ Drop", "no images"),
    ]
    shown = "".join(
        f'<button data-vidpaint="check:{verb}:{number}" title="{escape(price)}">{escape(text)}'
        f"{f' <small>({escape(price)})</small>' if price else ''}</button>"
        for verb, number, text, price in filter(None, buttons)
    )
    title = f"Frames {group.start}–{group.stop - 1} of keyframe {key}: {state}."
    return (
        f'<div class="vidpaint-spot">{player}<div class="vidpaint-buttons"><span>{escape(title)}</span>{shown}</div>'
        f"{_repairs(found, key)}</div>"
    )


def _repairs(found: Checked, key: int) -> str:
    """What was tried for a group, or is suggested, with what it costs."""
    rows = []
    for repair in (one for one in found.repairs if one.key == key):
        cost = f"{repair.images} images" if repair.images else "no images"
        effect = "" if repair.after is None else f", from {repair.before:.2f} to {repair.after:.2f} times the limit"
        rows.append(f"<li>{escape(repair.outcome)}: {escape(repair.text)} ({cost}{effect})</li>")
    return f'<ul class="vidpaint-repairs">{"".join(rows)}</ul>' if rows else ""


def jumps(found: Checked) -> str:
    """A button for every group that failed."""
    if not found.failed:
        return note("Validation found nothing wrong.")
    shown = found.failed[:SHOWN]
    more = f"<span>and {len(found.failed) - SHOWN} more</span>" if len(found.failed) > SHOWN else ""
    buttons = "".join(
        f'<button data-vidpaint="check:at:{found.worst.get(group.key, group.key)}">{group.start}–{group.stop - 1}</button>'
        for group in shown
    )
    return f'<div class="vidpaint-buttons vidpaint-jumps"><span>Look at</span>{buttons}{more}</div>'
