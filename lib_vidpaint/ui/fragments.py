"""Pieces of HTML that the page shows. Everything that comes from a file or a person is escaped here."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from datetime import timedelta
from html import escape

from ..engines import Glimpse
from ..jobs import Job
from ..judging import FAULTS
from ..pictures import encode_jpeg
from ..session import StageState
from ..sizes import words
from ..viewing import FOR_PEOPLE, Facts, Failure, reduced
from .controls import worded

STEPS = (
    ("Source & mask", ("mask", "extract", "prepare")),
    ("Keyframes", ("keyframes",)),
    ("Inpaint", ("inpaint",)),
    ("Select", ("select",)),
    ("Result", ("composite", "refine", "validate", "assemble", "smooth", "enhance", "package")),
)
PREVIEW = 224
PAINTING = "painting"
DECISIONS = {
    "chosen": "your choice",
    "repaired": "taken by the repair",
    "ranked": "ranked best by the program",
    "redo": "waits to be painted again",
    "drop": "dropped: no edit here",
    "open": "nothing chosen yet",
}
MARKS = {"chosen": "✓", "repaired": "✚", "ranked": "★", "redo": "↻", "drop": "✕", "open": "?"}


def note(text: str, kind: str = "hint") -> str:
    return (
        f'<div class="vidpaint-{kind}" role="{"alert" if kind == "error" else "note"}">{escape(worded(text))}</div>'
        if text
        else ""
    )


def clock(seconds: float) -> str:
    """`2:05` or `1:02:05`."""
    text = str(timedelta(seconds=round(seconds))).removeprefix("0:")
    return text[1:] if len(text) == 5 and text[0] == "0" else text


def stepper(states: Sequence[StageState]) -> str:
    """The five steps of the page with the state of their stages, and why the first due one would run."""
    by_name = {state.name: state for state in states}
    chips, reason = [], ""
    for title, names in STEPS:
        stages = [by_name[name] for name in names if name in by_name]
        due = [stage for stage in stages if stage.state == "due"]
        kind = "new" if not stages else "due" if due else "done"
        why = "; ".join(f"{stage.name}: {', '.join(stage.reasons)}" for stage in due)
        mark = {"new": "○", "due": "●", "done": "✓"}[kind]
        chips.append(f'<li class="vidpaint-{kind}" title="{escape(worded(why))}"><b>{mark}</b> {escape(title)}</li>')
        if due and not reason:
            reason = f"Next is {due[0].name}, because {due[0].reasons[0]}" + (
                f" (and {len(due[0].reasons) - 1} more)." if len(due[0].reasons) > 1 else "."
            )
    if states and not reason:
        reason = "Everything is up to date."
    return f'<ol class="vidpaint-steps">{"".join(chips)}</ol>{note(reason)}'


def progress(job: Job | None) -> str:
    """The bar of a running job, or how the last one ended."""
    if job is None:
        return ""
    if job.running:
        seen = job.glimpse
        first = seen is not None and job.text != PAINTING  # work is counted when it is done: this is the first batch
        task, done, total = (PAINTING, 0, 0) if first else (job.text, job.done, job.total)
        share = f"{100 * done / total:.1f}%" if total else "100%"
        busy = "" if total else " vidpaint-busy"
        count = f" {done} of {total}" if total else f" {done or ''}".rstrip()
        left = None if first else job.seconds_left
        eta = f"about {clock(max(left, 1))} left" if left is not None else f"{clock(job.seconds)} so far"
        step = f" · step {min(seen.step + 1, seen.steps)} of {seen.steps}" if seen and seen.steps else ""
        text = "Stopping after this step …" if job.stopping else f"{task}{count}{step} · {eta}"
        bar = f'<div class="vidpaint-bar{busy}"><span style="width:{share}"></span><em>{escape(text)}</em></div>'
        bar = f'<div class="vidpaint-now">{_preview(seen)}{bar}</div>'
    else:
        said = {
            "done": f"Done in {clock(job.seconds)}.",
            "cancelled": "Stopped; what is finished is kept, and the next run goes on from there.",
        }.get(job.state, job.sentence)
        bar = note(said, "error" if job.state == "failed" else "hint")
    notes = "".join(note(text, "warning") for text in job.notes)
    return f'<div class="vidpaint-job" data-number="{job.number}" data-state="{job.state}">{bar}{notes}</div>'


def _preview(seen: Glimpse | None) -> str:
    """The picture that is being painted, small enough to travel inside the page's own text."""
    if seen is None or seen.picture is None:
        return ""
    data = base64.b64encode(encode_jpeg(reduced(seen.picture, PREVIEW))).decode()
    return f'<img class="vidpaint-glimpse" src="data:image/jpeg;base64,{data}" alt="what is being painted now">'


def table(rows: Sequence[tuple[str, str]]) -> str:
    cells = "".join(f"<tr><th>{escape(name)}</th><td>{escape(value)}</td></tr>" for name, value in rows)
    return f'<table class="vidpaint-facts">{cells}</table>'


def source(found: Facts) -> str:
    """What the clip is, and whether its master fits on the disk."""
    info = found.info
    rate = f"{float(info.fps):.3f}".rstrip("0").rstrip(".")
    turned = f", turned by {info.rotation}°" if info.rotation else ""
    audio = ", ".join(f"{track.codec} {track.rate / 1000:g} kHz, {track.channels} ch" for track in info.audio) or "none"
    rows = [
        ("Video", found.name),
        ("Picture", f"{found.width} x {found.height}{turned}, {info.pixel_format}, {info.codec}"),
        ("Length", f"{found.frames} frames, {clock(found.seconds)} at {rate} fps"),
        ("Sound", audio),
        ("Exact master", f"about {words(found.master)}; {words(found.free)} free on the disk"),
    ]
    warning = ""
    if info.color.hdr:
        warning = "This is an HDR video: it can be looked at, but not painted yet. Convert it to SDR first."
    elif found.master > found.free:
        warning = "The exact master does not fit on the disk: free some space, or turn it off under Result."
    return table(rows) + note(warning, "warning")


def _fitting(width: int, height: int) -> str:
    """The style of a box that keeps a picture's proportions and fits on the screen."""
    return f'style="width:min(100%,calc(70vh*{width}/{height}))"'


def tried(title: str, before: str, candidates: Sequence[tuple[str, str, str, bool]]) -> str:
    """A keyframe and what was painted for it: (command of a click, url, caption, whether it is the chosen one)."""
    cells = "".join(
        f'<button class="{"vidpaint-taken" if taken else ""}" data-vidpaint="{command}" title="Use this one">'
        f'<img src="{escape(url)}" alt="{escape(caption)}"><span>{escape(caption)}{" ✓" if taken else ""}</span></button>'
        for command, url, caption, taken in candidates
    )
    original = f'<figure><img src="{escape(before)}" alt="the original"><figcaption>original</figcaption></figure>'
    return f'<div class="vidpaint-tried"><h4>{escape(title)}</h4><div class="vidpaint-candidates">{original}{cells}</div></div>'


def previewed(cells: Sequence[tuple[str, str]], count: int, opened: bool) -> str:
    """Quick pictures of keyframes, (url, caption), of `count` there are; nothing happens when one is clicked."""
    shown = "".join(
        f'<figure><img src="{escape(url)}" alt="preview of {escape(name)}"><figcaption>{escape(name)}</figcaption></figure>'
        for url, name in cells
    )
    more = f" The other {count - len(cells)} lie in previews/." if count > len(cells) else ""
    title = "Previews: few steps, to judge prompt and denoising strength by. They are no candidates."
    return (
        f'<details class="vidpaint-tried"{" open" if opened else ""}><summary>{title}{more}</summary>'
        f'<div class="vidpaint-candidates">{shown}</div></details>'
    )


def turner(name: str, page: int, pages: int) -> str:
    """Buttons to the page before and after."""
    if pages < 2:
        return ""
    back, on = (f'data-vidpaint="{name}:{to}"' if 0 <= to < pages else "disabled" for to in (page - 1, page + 1))
    return f'<div class="vidpaint-turner"><button {back}>◀</button> page {page + 1} of {pages} <button {on}>▶</button></div>'


def healing(picture: str, index: int, canvas: tuple[int, int], width: int, height: int) -> str:
    """A frame whose spots can be painted over, and the buttons of the brush; `canvas`: the size that strokes are painted in."""
    return (
        f'<div class="vidpaint-heal" data-index="{index}" data-canvas="{canvas[0]},{canvas[1]}" {_fitting(width, height)}>'
        f'<img src="{escape(picture)}" alt="frame {index} as it stands" draggable="false"><canvas width="{canvas[0]}" '
        f'height="{canvas[1]}"></canvas></div><div class="vidpaint-choices vidpaint-healing"><label>Brush <input type="range" '
        'min="0.3" max="8" step="0.1" value="1.5" aria-label="brush size"></label><button data-heal="send">Heal</button>'
        '<button data-heal="clear">Paint anew</button></div>'
    )


def compare(before: str, after: str, index: int, width: int, height: int) -> str:
    """Two pictures over each other with a divider to drag."""
    return (
        f'<div class="vidpaint-compare" {_fitting(width, height)}>'
        f'<img src="{escape(before)}" alt="frame {index} before"><img class="after" src="{escape(after)}" alt="frame {index} after">'
        "<i></i><span>before</span><span>after</span></div>"
        f'<input class="vidpaint-divider" {_fitting(width, height)} type="range" min="0" max="100" value="50" '
        'title="Drag to see more of before or after" aria-label="divider between before and after">'
    )


def video(url: str, title: str) -> str:
    """A player; it begins a little after the start, so that the browser shows the first frame and no black."""
    return (
        f'<figure class="vidpaint-video"><video controls loop muted playsinline preload="metadata" src="{escape(url)}#t=0.01">'
        f"</video><figcaption>{escape(title)}</figcaption></figure>"
    )


def failed(found: Sequence[Failure] | None) -> str:
    """The groups that validation found wrong, each with its frames."""
    if found is None:
        return ""
    if not found:
        return note("Validation found nothing wrong.")
    rows = [
        (
            f"Frames {one.start}–{one.stop - 1}",
            f"keyframe {one.key}: {', '.join(FAULTS.get(name, name) for name in one.broken)}",
        )
        for one in found
    ]
    advice = "These groups stand out of the clip. Choose another candidate for them, redo or drop them under Select."
    return note(advice, "warning") + table(rows)


def files(links: Sequence[tuple[str, str, int]], place: str) -> str:
    """Download links: (name, url, bytes)."""
    rows = [
        f'<tr><td><a href="{escape(url)}" download="{escape(name)}" target="_blank">{escape(name)}</a></td>'
        f"<td>{words(size)}</td></tr>"
        for name, url, size in links
    ]
    shown = sum(name.startswith(FOR_PEOPLE) for name, _, _ in links)
    tables = [f'<table class="vidpaint-facts">{"".join(part)}</table>' for part in (rows[:shown], rows[shown:])]
    more = (
        f"<details><summary>What the small exact delivery needs besides</summary>{tables[1]}</details>"
        if rows[shown:]
        else ""
    )
    return tables[0] + more + (note(f"All files: {place}") if place and links else "")


def receipt(text: str) -> str:
    return f'<pre class="vidpaint-receipt">{escape(text)}</pre>' if text else ""
