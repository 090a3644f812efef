"""report.html: one file that opens anywhere without a network, in light and dark. Everything in it is escaped."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping, Sequence
from html import escape

from .judging import FAULTS
from .repairing import Repair
from .report import Bad, GroupReport, Report, differing

STYLE = """
:root{color-scheme:light dark;--line:#d4d4d8;--soft:#f4f4f5;--ink:#18181b;--paper:#fff;--mute:#62626b;--good:#15803d;
--bad:#b91c1c;--blue:#2563eb}
@media (prefers-color-scheme:dark){:root{--line:#3f3f46;--soft:#27272a;--ink:#f4f4f5;--paper:#18181b;--mute:#a1a1aa;
--good:#4ade80;--bad:#f87171;--blue:#60a5fa}}
body{margin:2rem auto;padding:0 1rem;max-width:66rem;font:15px/1.5 system-ui,sans-serif;color:var(--ink);
background:var(--paper)}
h1{font-size:1.5rem;margin:0}h2{font-size:1.1rem;margin:2rem 0 .5rem}.mute{color:var(--mute)}
.good{color:var(--good)}.bad{color:var(--bad)}
pre{padding:.75rem 1rem;background:var(--soft);overflow-x:auto;border-radius:.4rem;white-space:pre-wrap}
table{border-collapse:collapse;width:100%}td,th{padding:.3rem .6rem .3rem 0;border-bottom:1px solid var(--line);
text-align:left;vertical-align:top}th{font-weight:600;width:16rem}
img{max-width:100%;border-radius:.3rem;display:block}figure{margin:0 0 1rem}figcaption{color:var(--mute)}
.worst{display:grid;grid-template-columns:repeat(auto-fill,minmax(19rem,1fr));gap:1rem}
svg{width:100%;height:auto;display:block}svg text{fill:var(--mute);font:11px system-ui,sans-serif}
code{overflow-wrap:anywhere}
"""


def page(report: Report, grids: Mapping[int, bytes], worst: Mapping[int, bytes]) -> str:
    """The whole page. grids: a JPEG for every keyframe, worst: one for every bad frame."""
    receipt = report.receipt
    verdict = "No master was made, so there is nothing to check." if receipt is None else receipt.verdict
    colour = "" if receipt is None else "good" if receipt.exact else "bad"
    parts = [
        f"<h1>{escape(report.source)}</h1>",
        f'<p><strong class="{colour}">{escape(verdict)}</strong></p><p>{escape(report.statement)}</p>',
        _section("Receipt", f"<pre>{escape(receipt.text())}</pre>") if receipt else "",
        _section("Timeline", timeline(report.shares, report.badness, report.groups)),
        _section("Facts", _table(report.facts)),
        _section("Settings that differ from the defaults", _table(differing(report.settings)) or "<p>None.</p>"),
        _section("Worst frames", _worst(report.worst, worst)),
        _section("Repairs", _repairs(report.repairs)) if report.repairs else "",
        _section("Keyframes and their candidates", "".join(_group(g, grids.get(g.key)) for g in report.groups)),
        _section("Time", _table({name: f"{took:g} s" for name, took in report.seconds.items()})),
        f'<p class="mute">Video Inpaint {escape(report.version)}. Source: <code>{escape(report.source_digest)}</code> '
        "(BLAKE2b, 128 bits); artifacts in artifacts.txt, files of this folder in hashes.txt.</p>",
    ]
    head = '<meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">'
    title = f"<title>{escape(report.source)}: report</title>"
    return f'<!doctype html><html lang="en"><head>{head}{title}<style>{STYLE}</style></head><body>{"".join(parts)}</body></html>\n'


def _section(title: str, body: str) -> str:
    return f"<h2>{escape(title)}</h2>{body}"


def _table(rows: Mapping[str, str]) -> str:
    cells = "".join(f"<tr><th>{escape(name)}</th><td>{escape(text)}</td></tr>" for name, text in rows.items())
    return f"<table>{cells}</table>" if cells else ""


def _picture(jpeg: bytes, words: str) -> str:
    return f'<img src="data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}" alt="{escape(words)}">'


def _worst(found: Iterable[Bad], pictures: Mapping[int, bytes]) -> str:
    if not pictures:
        return "<p>None is near a limit.</p>"
    figures = []
    for bad in found:
        words = f"frame {bad.frame}: {bad.measure.replace('_', ' ')} {bad.times:.1f} x its limit"
        figures.append(f"<figure>{_picture(pictures[bad.frame], words)}<figcaption>{words}</figcaption></figure>")
    intro = '<p class="mute">Original, result and difference x8, of each group the frame that is farthest from its limits.</p>'
    return f'{intro}<div class="worst">{"".join(figures)}</div>'


def _repairs(found: Iterable[Repair]) -> str:
    """What was tried, in order, and how many times its limit the worst measure was before and after."""
    rows = {}
    for number, one in enumerate(found, 1):
        effect = "" if one.after is None else f", {one.before:.2f} times the limit before, {one.after:.2f} after"
        rows[f"{number}. {one.outcome}"] = f"{one.text} ({one.images} images{effect})"
    return _table(rows)


def _group(group: GroupReport, grid: bytes | None) -> str:
    frames = f"frames {group.start}-{group.stop - 1}, shot {group.shot}"
    used = "no edit" if group.candidate is None else f"candidate {group.candidate} ({group.decision})"
    faults = ", ".join(FAULTS.get(name, name) for name in group.broken)
    broken = f' <span class="bad">{escape(faults)}</span>' if faults else ""
    lines = [f"<strong>{group.key}</strong> · {frames} · {escape(used)}{broken}"]
    scores = " · ".join(f"{number}: {score:g}" for number, score in sorted(group.scores.items()))
    measured = " · ".join(f"{name.replace('_', ' ')} {value:g}" for name, value in group.measures.items())
    lines += [f"seams {scores}" if scores else "", measured, escape(group.special)]
    caption = "<br>".join(line for line in lines if line)
    shown = f"<pre>{escape(group.parameters)}</pre>" if group.parameters else ""
    picture = _picture(grid, f"keyframe {group.key} and its candidates") if grid else ""
    return f"<figure>{picture}<figcaption>{caption}</figcaption>{shown}</figure>"


WIDTH, ROW = 1000.0, 70.0


def timeline(shares: Sequence[float], badness: Sequence[float], groups: Sequence[GroupReport]) -> str:
    """An SVG over the frames: groups as bands (red: broken limits) with their keyframes, the region's share, and how far
    every frame is from its limits (line at 1)."""
    step = WIDTH / max(len(shares), 1)
    bands = [
        f'<rect x="{g.start * step:.1f}" y="0" width="{(g.stop - g.start) * step:.1f}" height="{2 * ROW + 20:.0f}" '
        f'fill="{"var(--bad)" if g.broken else "var(--ink)"}" opacity="{0.14 if g.broken else 0.04 + 0.04 * (n % 2)}">'
        f"<title>frames {g.start}-{g.stop - 1}</title></rect>"
        for n, g in enumerate(groups)
    ]
    keys = [
        f'<line x1="{x:.1f}" x2="{x:.1f}" y1="0" y2="{2 * ROW + 20:.0f}" stroke="var(--good)"/>'
        for x in ((g.key + 0.5) * step for g in groups)
    ]
    most = max(1.0, *badness) if badness else 1.0
    rows = [
        _area(shares, max(shares, default=0) or 1, 0, "var(--blue)"),
        _area(badness, most, ROW + 20, "var(--bad)"),
        f'<line x1="0" x2="{WIDTH:g}" y1="{2 * ROW + 20 - ROW / most:.1f}" y2="{2 * ROW + 20 - ROW / most:.1f}" '
        'stroke="var(--bad)" stroke-dasharray="4 4" opacity="0.6"/>',
        f'<text x="4" y="12">region, up to {max(shares, default=0):.1%} of the picture</text>',
        f'<text x="4" y="{ROW + 32:.0f}">worst measure, as a multiple of its limit (up to {most:.1f})</text>',
        f'<text x="0" y="{2 * ROW + 36:.0f}">frame 0</text>',
        f'<text x="{WIDTH:g}" y="{2 * ROW + 36:.0f}" text-anchor="end">{len(shares) - 1}</text>',
    ]
    label = f"Timeline of {len(shares)} frames in {len(groups)} groups"
    inside = "".join([*bands, *rows, *keys])
    return f'<svg viewBox="0 0 {WIDTH:g} {2 * ROW + 42:g}" role="img" aria-label="{label}">{inside}</svg>'


def _area(values: Sequence[float], most: float, top: float, colour: str) -> str:
    step = WIDTH / max(len(values), 1)
    points = [f"{i * step:.1f},{top + ROW * (1 - v / most):.1f} {(i + 1) * step:.1f},{top + ROW * (1 - v / most):.1f}"
              for i, v in enumerate(values)]  # fmt: skip
    outline = f"0,{top + ROW:.1f} {' '.join(points)} {WIDTH:g},{top + ROW:.1f}"
    return f'<polygon points="{outline}" fill="{colour}" opacity="0.35"/>'
