"""The HTML of the mask: ways to mark, the frame with its layers, the tools, what is seen, and the doubtful frames."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from html import escape

from ..mask_checks import Doubt
from ..mask_view import Extent
from .clicks import Click
from .fragments import _fitting, note

WAYS = {
    "box": ("Box", "Drag a box on the picture. Right for a logo, a sign or a caption that stands still."),
    "ellipse": ("Ellipse", "Drag an ellipse on the picture. It stands still too."),
    "track": (
        "Click on it",
        "Click on the thing that should change, or drag a box around it: it is followed through the clip. "
        "Right click (or Alt) on what was taken by mistake. Mark another frame where it gets lost.",
    ),
    "person": ("Person", "People are found and cut out. Of several, click on the one you mean."),
    "face": ("Face", "A face is found and followed. Of several, click on the one you mean."),
    "clothing": ("Clothing", "Upper, lower or full garments of whoever is in the picture."),
    "rembg": ("Foreground", "What stands before the background, by one of rembg’s models."),
    "sam": ("Segment Anything", "Click on the thing; SAM finds its outline in every frame. Slow without a GPU."),
    "key": ("Colour", "Everything of one colour: click on that colour in the picture, or write it down."),
    "own": ("My own mask", "A video, a folder of pictures or one picture: white is what may change."),
}
MARKING = {
    "box": "box", "ellipse": "ellipse", "track": "point", "sam": "point", "person": "point", "face": "point", "key": "pick",
}  # fmt: skip
"""What a click or drag on the frame does in each way."""
REASONS = {
    "empty": "nothing is marked",
    "inverted?": "looks inverted",
    "alone": "marked in this place only",
    "spills to the edge": "spills over the picture’s edge",
    "part missing": "a part is missing",
    "much larger": "much larger than its neighbours",
    "elsewhere": "somewhere else than its neighbours",
    "other shape": "another shape than its neighbours",
    "jumps": "jumps here",
    "appears": "appears at once",
    "disappears": "disappears at once",
    "haze": "faint grey around it",
    "holes": "has holes",
}
MOST = 24
GUIDE = (
    "A few pixels too many do no harm; what lies outside the mask cannot change. Where a frame is doubtful, look whether your "
    "subject is covered: paint it in, or mark it there once more. How to make masks in other programs: docs/masks.md."
)


def ways(chosen: str, also: bool, lacking: str) -> str:
    """The ways to mark what should change, with what the chosen one does and what it lacks here."""
    buttons = "".join(
        f'<button class="{"vidpaint-taken" if name == chosen else ""}" data-vidpaint="mask:way:{name}" '
        f'aria-pressed="{str(name == chosen).lower()}" title="{escape(text)}">{escape(title)}</button>'
        for name, (title, text) in WAYS.items()
    )
    given = chosen in ("box", "ellipse", "own")
    more = "" if given else (
        f'<button class="vidpaint-link" data-vidpaint="mask:also">{"Without" if also else "Together with"} '
        "a box or a mask of my own</button>"
    )  # fmt: skip
    return (
        f'<div class="vidpaint-ways" data-way="{chosen}{" also" if also and not given else ""}"><h4>What should change?</h4>'
        f'<div class="vidpaint-choices">{buttons}</div>{note(WAYS[chosen][1])}{note(lacking, "warning")}{more}</div>'
    )


def frame(
    layers: tuple[str, str],
    size: tuple[int, int],
    canvas: tuple[int, int],
    index: int,
    way: str,
    marks: Sequence[Click],
) -> str:
    """A frame to mark and paint on: its picture, the mask as a layer over it ('' for none), and what was clicked.

    `layers` are both as urls; `size` is the video's, in which marks are counted; `canvas` the size in which strokes are painted.
    """
    (base, layer), (width, height) = layers, size
    tint = f'<span class="vidpaint-tint" style="background-image:url({escape(layer)})"></span>' if layer else ""
    return (
        f'<div class="vidpaint-frame" tabindex="0" data-width="{width}" data-height="{height}" data-index="{index}" '
        f'data-canvas="{canvas[0]},{canvas[1]}" data-mode="{MARKING.get(way, "none")}" {_fitting(width, height)}>'
        f'<img src="{escape(base)}" alt="frame {index} of the video; red is what may change" draggable="false">'
        f"{tint}{''.join(_mark(click, width, height) for click in marks)}</div>"
    )


def _mark(click: Click, width: int, height: int) -> str:
    if click.box:
        box = click.box
        sides = box.x / width, box.y / height, box.width / width, box.height / height
        style = ";".join(f"{name}:{100 * side:.2f}%" for name, side in zip(("left", "top", "width", "height"), sides))
        return f'<u style="{style}"></u>'
    kind = "vidpaint-in" if click.inside else "vidpaint-out"
    style = f"left:{100 * (click.x + 0.5) / width:.2f}%;top:{100 * (click.y + 0.5) / height:.2f}%"
    return f'<b class="vidpaint-dot {kind}" style="{style}">{"+" if click.inside else "−"}</b>'


TOOLS = """<div class="vidpaint-brushes" data-tool="mark">
<span class="vidpaint-set"><button data-tool="mark" title="Mark: click or drag on the picture">Mark</button><button
 data-tool="add" title="Paint what is missing from the mask">Paint</button><button
 data-tool="erase" title="Paint over what does not belong to the mask">Erase</button></span>
<label class="vidpaint-with-brush">Size <input type="range" min="0.5" max="20" step="0.5" value="4" aria-label="brush size"></label>
<span class="vidpaint-with-brush"><button data-do="undo" title="Take back the last stroke (Ctrl+Z)">Undo</button><button
 data-do="clear" title="Take away all that was painted on this frame">Clear frame</button></span>
<span class="vidpaint-with-mark"><button data-do="gone"
 title="From this frame on it is not in the picture, until it is marked again">Gone from here</button><button data-do="back"
 title="Take back the last click on this frame">Remove last click</button><button
 data-do="none" title="Take away all clicks of all frames">Clear clicks</button></span>
<span class="vidpaint-with-try"><button data-do="try" title="Find the mask of this one frame">Try on this frame</button></span>
<span><button data-do="previous" title="One frame back (key ,)">◀</button><button data-do="next"
 title="One frame on (key .)">▶</button><button data-do="veil" title="Show or hide the mask (key m)">Mask on/off</button></span></div>"""


def state(
    turn: int, index: int, seen: Extent | None, exact: bool, says: str, wanted: bool, marked: Collection[int],
    painted: Collection[int], wrong: bool = False,
) -> str:  # fmt: skip
    """What the mask of the frame on view is, and which frames have clicks and strokes. `turn` is another one every time.

    `wanted`: a better look is to be asked for.
    """
    if wanted:
        text = "looking …"
    elif seen is None:
        text = ""
    elif seen.box is None:
        text = "nothing may change here"
    else:
        box = seen.box
        text = f"{100 * seen.share:.2g} % of the picture may change, in {box.width} x {box.height} at {box.x},{box.y}"
    kind = "" if seen is None or wanted else "as taken" if exact else "preview"
    parts = [f"<b>Frame {index}</b>", escape(text), f"<em>{kind}</em>" if kind else ""]
    jumps = _jumps("Clicks in", marked, index) + _jumps("Painted by you", painted, index)
    return (
        f'<div class="vidpaint-state" data-turn="{turn}" {"data-wanted" if wanted else ""}>{" · ".join(filter(None, parts))}'
        f"{note(says, 'warning' if wrong else 'hint')}{jumps}</div>"
    )


def _jumps(text: str, frames: Collection[int], index: int) -> str:
    """Buttons that go to frames; the nearest ones when there are many."""
    if not frames:
        return ""
    near = sorted(sorted(frames, key=lambda frame: abs(frame - index))[:MOST])
    links = "".join(f'<button data-vidpaint="mask:at:{frame}">{frame}</button>' for frame in near)
    rest = f" and {len(frames) - len(near)} more" if len(frames) > len(near) else ""
    return f'<div class="vidpaint-buttons vidpaint-jumps">{text}: {links}{rest}</div>'


def spans(doubts: Sequence[Doubt]) -> list[tuple[int, int, str]]:
    """Doubtful frames, neighbours with one reason together: (first, last, reason)."""
    found: list[tuple[int, int, str]] = []
    for doubt in doubts:
        if found and found[-1][1] == doubt.frame - 1 and found[-1][2] == doubt.reason:
            found[-1] = found[-1][0], doubt.frame, doubt.reason
        else:
            found.append((doubt.frame, doubt.frame, doubt.reason))
    return found


def doubtful(cells: Sequence[tuple[tuple[int, int, str], str]], count: int, places: int, late: bool) -> str:
    """The doubtful places: ((first, last, reason), image) of each that is shown, of `places` with `count` frames."""
    if not count:
        return f'<div class="vidpaint-good">✓ The mask looks good: no frame stands out.</div>{note(GUIDE)}'
    shown = "".join(
        f'<button data-vidpaint="mask:at:{first}" title="Go to frame {first}">{image}'
        f"<span><b>{first if first == last else f'{first}–{last}'}</b> {escape(REASONS.get(reason, reason))}</span></button>"
        for (first, last, reason), image in cells
    )
    rest = f" The first {len(cells)} of {places} places are shown." if places > len(cells) else ""
    many = "1 frame looks" if count == 1 else f"{count} frames look"
    head = note(f"{many} doubtful: click to go there.{rest}", "warning")
    asks = ' data-late="preview:doubts"' if late else ""
    return f'{head}<div class="vidpaint-strip vidpaint-doubts"{asks}>{shown}</div>{note(GUIDE)}'
