"""The gallery in which a person chooses: one keyframe at a time, the original beside its candidates.

Pictures are small JPEGs in served/, made when first shown; what a click or key means is sent as a short command
(`choose:42:3`), never the gallery's content.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache, partial
from html import escape
from pathlib import Path

from .. import handmade, selection, viewing
from ..candidates import Label, read_label, said
from ..errors import ProjectError, VidpaintError
from ..groups import RANKS, candidate_file
from ..items import keyframe_file
from ..pictures import encode_png
from ..project import Folder
from ..ranking import Rank
from ..selection import Picks
from .fragments import DECISIONS, MARKS, note, turner
from .pictures import Picture, Pictures
from .workspaces import Workspace

STRIP, LISTED = 20, 14
COMMAND = re.compile(r"(choose|repaint_flagged|redo|drop|undo|show)(?::(\d{1,9}))?(?::(-?\d{1,9}))?")
NUMBERS = (
    "apart: how far it is from the other candidates and those of the neighbouring keyframes; seam: the step at the mask's "
    "edge (both in levels of 255, less is better); sharpness: 1 is as sharp as the original"
)
KEYS = (
    "Keys: 1–9 choose · ← → other keyframe · N next open one · R paint again with new seeds · D drop the edit · U undo"
)


def obey(space: Workspace, command: str, shown: int) -> int:
    """Do what a click or key asked for while keyframe `shown` was on view; gives the keyframe to show next.

    Raises ProjectError for what makes no sense.
    """
    asked = COMMAND.fullmatch(command)
    if not asked:
        raise ProjectError("The page asked for something it does not know: reload it.")
    verb, key, number = asked[1], int(asked[2] or -1), int(asked[3] or 0)
    project = Folder(space.work)
    if verb == "choose":
        selection.choose(project, key, number)
    elif verb == "redo":
        selection.redo(project, key)
    elif verb == "repaint_flagged":
        selection.redo_flagged(project)
    elif verb == "drop":
        selection.drop(project, key)
    elif verb == "undo" and not selection.undo(project):
        raise ProjectError("There is nothing to take back.")
    return shown if verb in ("undo", "repaint_flagged") else key


def on_view(picks: Sequence[Picks], shown: int) -> int:
    """Where in `picks` the keyframe `shown` is; the first one when it is none."""
    return next((i for i, pick in enumerate(picks) if pick.group.key == shown), 0)


def render(space: Workspace, picks: Sequence[Picks], at: int, strip: int | None = None, img2img: bool = False) -> str:
    """The gallery with keyframe `at` of `picks` open; `strip` asks for another row of keyframes.

    With `img2img` there are buttons to the WebUI's own tab.
    """
    page = at // STRIP if strip is None else min(strip, (len(picks) - 1) // STRIP)
    pictures, key = Pictures(space), picks[at].group.key
    row_of = picks[page * STRIP : (page + 1) * STRIP]
    pictures.make(
        [*_shown(pictures, picks[at]), *(pictures.keyframe(pick.group.key) for pick in row_of), *_files(pictures, key)]
    )
    opened = _doubtful(pictures, picks, at) + _opened(pictures, picks, at, img2img)
    row = _strip(pictures, picks, page, at)
    again = f"select:show:{key}" if strip is None else f"select:strip:{page}"
    late = f' data-late="{again}"' if pictures.late else ""
    return f'<div class="vidpaint-picker" data-key="{key}" tabindex="0"{late}>{_standing(picks, at)}{row}{opened}{note(KEYS)}</div>'


def _shown(pictures: Pictures, pick: Picks) -> Iterator[Picture]:
    """The pictures of the keyframe on view, those that are looked at first to begin with."""
    key = pick.group.key
    yield pictures.original(key, next(iter(pick.candidates), None))
    for number in (*pick.candidates, *pick.own, *pick.earlier):
        yield pictures.candidate(key, number)


def _files(pictures: Pictures, key: int) -> list[Picture]:
    """The part of a keyframe that is painted and what may change in it, for other programs; nothing while they are not known."""
    folder, project = pictures.space.work, Folder(pictures.space.work)
    try:
        crop, info = viewing.crop(folder, key), viewing.source_info(folder)
    except (OSError, VidpaintError):
        return []
    made_from, stem = (
        folder / keyframe_file(key),
        f"out-{key:06d}-{crop.box.x}-{crop.box.y}-{crop.box.width}-{crop.box.height}",
    )
    pictures.space.prune("out-")
    return [
        Picture(
            f"{stem}-picture", made_from, lambda: encode_png(handmade.picture_of(project, key, crop, info)), ".png"
        ),
        Picture(f"{stem}-mask", made_from, lambda: encode_png(handmade.mask_of(project, key, crop, info)), ".png"),
    ]


def _standing(picks: Sequence[Picks], at: int) -> str:
    """How many keyframes are decided, and which are not, each to be jumped to."""
    ranked = sum(pick.decision == "ranked" for pick in picks)
    mine = sum(pick.decision in ("chosen", "drop") for pick in picks)
    unpainted = [pick for pick in picks if not pick.candidates and pick.decision in ("open", "redo")]
    undecided = [pick for pick in picks if pick.candidates and pick.decision in ("open", "redo")]
    found = [(mine, "decided by you"), (ranked, "ranked best by the program"), (len(undecided), "open")]
    found.append((len(unpainted), "waiting to be painted"))
    text = f"{len(picks)} keyframes: " + ", ".join(f"{count} {what}" for count, what in found if count) + "."
    begun = any(pick.candidates or pick.earlier for pick in picks)
    # Before anything is painted, what the page shows counts; afterwards it might have every other keyframe painted anew.
    press = 'data-vidpaint="select:paint" title="With the values that the others were painted with"'
    paint = f"<button {press if begun else 'data-press=run_inpaint'}>Paint them now</button>"
    lists = _jumps("Still open:", undecided, picks, at) + _jumps("Waiting to be painted:", unpainted, picks, at, paint)
    return note(text) + lists


def _doubtful(pictures: Pictures, picks: Sequence[Picks], at: int) -> str:
    """The keyframes that the ranking flags, and a button that has all of them painted again."""
    keys = set(selection.flagged(Folder(pictures.space.work), _ranks(pictures)))
    again = '<button data-vidpaint="select:repaint_flagged" title="New candidates with new seeds for all of these">↻ all again</button>'
    title = "Doubtful by the ranking, even the best candidate:"
    return _jumps(title, [pick for pick in picks if pick.group.key in keys], picks, at, again)


def _jumps(title: str, which: Sequence[Picks], picks: Sequence[Picks], at: int, more: str = "") -> str:
    """Buttons to these keyframes, those after the one on view first."""
    if not which:
        return ""
    here = picks[at].group.key
    ahead = [pick.group.key for pick in which if pick.group.key > here]
    keys = ahead + [pick.group.key for pick in which if pick.group.key <= here]
    buttons = "".join(
        f'<button {"data-move=open " if number == 0 and not more else ""}data-vidpaint="select:show:{key}">{key}</button>'
        for number, key in enumerate(keys[:LISTED])
    )
    rest = f" and {len(keys) - LISTED} more" if len(keys) > LISTED else ""
    return f'<div class="vidpaint-buttons vidpaint-jumps">{escape(title)} {buttons}{rest}{more}</div>'


def _strip(pictures: Pictures, picks: Sequence[Picks], page: int, at: int) -> str:
    cells = []
    for number in range(page * STRIP, min((page + 1) * STRIP, len(picks))):
        pick = picks[number]
        kind = " vidpaint-current" if number == at else ""
        cells.append(
            f'<button class="vidpaint-{pick.decision}{kind}" data-vidpaint="select:show:{pick.group.key}" '
            f'title="keyframe {pick.group.key}: {escape(DECISIONS[pick.decision])}">'
            f"{pictures.image(pictures.keyframe(pick.group.key), '')}<span>{MARKS[pick.decision]} {pick.group.key}</span></button>"
        )
    pages = -(-len(picks) // STRIP)
    return f'<div class="vidpaint-strip">{"".join(cells)}</div>{turner("select:strip", page, pages)}'


def _opened(pictures: Pictures, picks: Sequence[Picks], at: int, img2img: bool) -> str:
    """The keyframe on view: what it was, its candidates, how the one in force was painted, and what can be done."""
    pick, group = picks[at], picks[at].group
    title = f"Keyframe {group.key} ({at + 1} of {len(picks)}), for frames {group.start}–{group.stop - 1}: {DECISIONS[pick.decision]}"
    like = next(iter(pick.candidates), None)
    before = pictures.image(pictures.original(group.key, like), "the original")
    cells = f"<figure>{before}<figcaption>original</figcaption></figure>"
    present = [*pick.candidates, *pick.own]
    labels = {number: _label(pictures, group.key, number) for number in (*present, *pick.earlier)}
    cells += "".join(
        _cell(pictures, pick, number, label, at + 1)
        for at, (number, label) in enumerate((number, labels[number]) for number in present)
    )
    waits = _waits(pick)
    return (
        f'<h4>{escape(title)}</h4><div class="vidpaint-candidates">{cells}</div>{waits}{_parameters(pick, present, labels)}'
        f"{_earlier(pictures, pick, labels)}{_actions(picks, at)}{_elsewhere(pictures, group.key, img2img)}"
    )


def _label(pictures: Pictures, key: int, number: int) -> Label:
    return read_label(pictures.space.work / candidate_file(key, number))


def _cell(pictures: Pictures, pick: Picks, number: int, label: Label, shown: int) -> str:
    """One candidate; `shown` is the number that a person sees and presses, 0 for an earlier one."""
    key, taken = pick.group.key, number == pick.candidate
    name = f"{shown} (yours)" if number < 0 else str(shown or "earlier")
    seed = f"seed {label.seed}" if label.seed else ""
    special = f"painted with {label.special}" if label.special else ""
    rank = _ranks(pictures).get(key, {}).get(number)
    about = escape(" · ".join(part for part in (f"{name}{' ✓' if taken else ''}", seed) if part))
    about += f'<small title="{escape(NUMBERS)}">{escape(_numbers(rank))}</small>' if rank else ""
    about += f"<small>{escape(special)}</small>" if special else ""
    keyed = f' data-number="{shown}"' if shown else ""
    return (
        f'<button class="{"vidpaint-taken" if taken else ""}" data-vidpaint="select:choose:{key}:{number}"{keyed} '
        f'aria-pressed="{str(taken).lower()}" title="{escape(special)}">'
        f"{pictures.image(pictures.candidate(key, number), f'candidate {name}')}<span>{about}</span></button>"
    )


def _ranks(pictures: Pictures) -> dict[int, dict[int, Rank]]:
    file = pictures.space.work / RANKS
    return _read_ranks(pictures.space.work, file.stat().st_mtime_ns if file.exists() else 0)


@lru_cache(maxsize=4)
def _read_ranks(folder: Path, stamp: int) -> dict[int, dict[int, Rank]]:
    return selection.ranks(Folder(folder))


def _numbers(rank: Rank) -> str:
    """What the ranking found of a candidate: how far it is from the typical one, its seam, its sharpness, what is wrong."""
    parts = [
        f"apart {rank.apart:.1f}",
        f"seam {rank.scores.seam:.1f}",
        f"sharpness {rank.scores.sharpness:.2f}",
    ]
    parts += [f"{rank.scores.unchanged:.0%} unchanged"] if rank.scores.unchanged >= 0.01 else []
    return ("★ fits best: " if rank.best else "") + " · ".join([*parts, *rank.scores.faults])


def _waits(pick: Picks) -> str:
    """Why there are no candidates, or what those to come are painted with."""
    asked = f", with {said(pick.paint)}" if said(pick.paint) else ""
    if pick.decision == "redo":
        return note(
            f"New candidates are waiting to be painted{asked}: press Paint them now above, or Generate under Inpaint."
        )
    if not pick.candidates and pick.decision == "open":
        return note("Not painted yet: press Paint them now above, or Generate under Inpaint.")
    return ""


def _parameters(pick: Picks, present: Sequence[int], labels: dict[int, Label]) -> str:
    """How the candidate in force, or else the first one, was painted."""
    number = pick.candidate if pick.candidate is not None else next(iter(present), None)
    text = labels[number].parameters if number in labels else ""
    if number is None or not text:
        return ""
    name = present.index(number) + 1 if number in present else f"#{number}"
    return f'<details><summary>How candidate {name} was painted</summary><pre class="vidpaint-receipt">{escape(text)}</pre></details>'


def _earlier(pictures: Pictures, pick: Picks, labels: dict[int, Label]) -> str:
    """Candidates of other rounds that still show all of the region, the newest first, folded away unless one of them is in force."""
    try:
        fits = partial(viewing.shows_region, pictures.space.work, pick.group.key)
        fitting = [number for number in reversed(pick.earlier) if fits(labels[number].box)]
    except (OSError, VidpaintError):
        return ""
    if not fitting:
        return ""
    is_open = " open" if pick.candidate in fitting else ""
    cells = "".join(_cell(pictures, pick, number, labels[number], 0) for number in fitting)
    return (
        f"<details{is_open}><summary>{len(fitting)} painted earlier</summary>"
        f'<div class="vidpaint-candidates">{cells}</div></details>'
    )


def _actions(picks: Sequence[Picks], at: int) -> str:
    key = picks[at].group.key
    steps = (("previous", "◀ previous", at - 1), ("next", "next ▶", at + 1))
    moves = "".join(
        f'<button data-move="{name}" '
        + (f'data-vidpaint="select:show:{picks[to].group.key}"' if 0 <= to < len(picks) else "disabled")
        + f">{text}</button>"
        for name, text, to in steps
    )
    return (
        f'<div class="vidpaint-buttons">{moves}'
        f'<button data-vidpaint="select:redo:{key}" title="New candidates with new seeds; these stay">↻ paint again</button>'
        f'<button data-vidpaint="select:drop:{key}" title="Nothing is changed from this keyframe on its own">'
        "✕ drop the edit</button>"
        '<button data-vidpaint="select:undo">↶ undo</button></div>'
    )


def _elsewhere(pictures: Pictures, key: int, img2img: bool) -> str:
    """The keyframe's part and its mask for other programs, and the ways to and from img2img."""
    shown = "".join(
        f'<a href="{escape(address)}" download="keyframe-{key:06d}-{name}.png" target="_blank">⬇ {name}</a>'
        for name, one in zip(("picture", "mask"), _files(pictures, key))
        if (address := pictures.address(one))
    )
    host = (
        f'<button data-vidpaint="img2img_send:{key}" data-then="img2img">Send to img2img inpaint</button>'
        f'<button data-vidpaint="img2img_take:{key}">Take img2img’s picture</button>'
        if img2img
        else ""
    )
    title = "To paint it in another program (white in the mask may change):"
    return f'<div class="vidpaint-buttons vidpaint-jumps">{title} {shown}{host}</div>' if shown or host else ""
