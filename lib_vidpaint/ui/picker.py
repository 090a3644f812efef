"""The gallery in which a person chooses: one keyframe at a time, the original beside its candidates.

Pictures are small JPEGs in served/, made when first shown; what a click or key means is sent as a short command
(`choose:42:3`), never the gallery's content.
"""

from __future__ import annotations

import re
from html import escape
from pathlib import Path

from .. import selection, viewing
from ..errors import ProjectError, VidpaintError
from ..groups import candidate_file
from ..items import keyframe_file
from ..project import Folder
from ..selection import Picks
from .compat import url
from .fragments import DECISIONS, MARKS, note, turner
from .workspaces import Workspace

LARGE, SMALL, STRIP = 448, 160, 20
COMMAND = re.compile(r"(choose|redo|drop|undo|show|strip)(?::(\d{1,9}))?(?::(\d{1,9}))?")
KEYS = "Keys: 1–9 choose · ← → other keyframe · R paint again with new seeds · D drop · U undo"


def obey(space: Workspace, command: str, shown: int) -> int:
    """Do what a click or key asked for while keyframe `shown` was on view; gives the keyframe to show next.

    Raises ProjectError for what makes no sense.
    """
    asked = COMMAND.fullmatch(command)
    if not asked:
        raise ProjectError("The page asked for something it does not know: reload it.")
    verb, key, number = asked[1], int(asked[2] or -1), int(asked[3] or 0)
    project = Folder(space.project)
    if verb == "choose":
        selection.choose(project, key, number)
    elif verb == "redo":
        selection.redo(project, key)
    elif verb == "drop":
        selection.drop(project, key)
    elif verb == "undo" and not selection.undo(project):
        raise ProjectError("There is nothing to take back.")
    return key if verb != "undo" else shown


def render(space: Workspace, shown: int, strip: int | None = None) -> str:
    """The gallery with keyframe `shown` open (the first one when that is none); `strip` asks for another row of keyframes."""
    if not (space.project / "groups.json").exists():
        return note("Keyframes first: the candidates of each will be shown here.")
    picks = viewing.gallery(space.project)
    if not any(pick.candidates for pick in picks):
        return note("Nothing is painted yet: press Generate under Inpaint, then choose here.")
    at = next((i for i, pick in enumerate(picks) if pick.group.key == shown), 0)
    page = at // STRIP if strip is None else min(strip, (len(picks) - 1) // STRIP)
    still_open = sum(pick.decision in ("open", "redo") for pick in picks)
    mine = sum(pick.decision in ("chosen", "drop") for pick in picks)
    said = f"{len(picks)} keyframes: {mine} decided by you, {still_open} open, the rest ranked by the program."
    return (
        f'<div class="vidpaint-picker" data-key="{picks[at].group.key}" tabindex="0">{note(said)}'
        f"{_strip(space, picks, page, at)}{_open(space, picks, at)}{note(KEYS)}</div>"
    )


def _strip(space: Workspace, picks: list[Picks], page: int, at: int) -> str:
    rotation = viewing.rotation(space.project)
    cells = []
    for number in range(page * STRIP, min((page + 1) * STRIP, len(picks))):
        pick = picks[number]
        picture = key_picture(space, pick.group.key, rotation)
        kind = " vidpaint-current" if number == at else ""
        cells.append(
            f'<button class="vidpaint-{pick.decision}{kind}" data-vidpaint="select:show:{pick.group.key}" '
            f'title="keyframe {pick.group.key}: {escape(DECISIONS[pick.decision])}">'
            f'<img src="{escape(picture)}" alt=""><span>{MARKS[pick.decision]} {pick.group.key}</span></button>'
        )
    pages = -(-len(picks) // STRIP)
    return f'<div class="vidpaint-strip">{"".join(cells)}</div>{turner("select:strip", page, pages)}'


def _open(space: Workspace, picks: list[Picks], at: int) -> str:
    pick, folder = picks[at], space.project
    key, group = pick.group.key, pick.group
    title = f"Keyframe {key} ({at + 1} of {len(picks)}), for frames {group.start}–{group.stop - 1}: {DECISIONS[pick.decision]}"
    painted = candidate_file(key, pick.candidates[0]) if pick.candidates else keyframe_file(key)
    before = space.picture(f"crop-{key:06d}", folder / painted, lambda: viewing.original(folder, key, LARGE))
    cells = [f'<figure><img src="{escape(url(before))}" alt="the original"><figcaption>original</figcaption></figure>']
    for number, index in enumerate(pick.candidates, 1):
        picture = _candidate(space, key, index)
        taken = index == pick.candidate
        cells.append(
            f'<button class="{"vidpaint-taken" if taken else ""}" data-vidpaint="select:choose:{key}:{index}" data-number="{number}" '
            f'aria-pressed="{str(taken).lower()}"><img src="{escape(picture)}" alt="candidate {number}">'
            f"<span>{number}{' ✓' if taken else ''}</span></button>"
        )
    waiting = "" if pick.candidates else note("New candidates come with the next Generate.")
    steps = {
        "previous": picks[at - 1].group.key if at else None,
        "next": picks[at + 1].group.key if at + 1 < len(picks) else None,
    }
    moves = "".join(
        f'<button data-move="{name}" {"disabled" if to is None else f"data-vidpaint=select:show:{to}"}>{text}</button>'
        for (name, to), text in zip(steps.items(), ("◀ previous", "next ▶"))
    )
    return (
        f'<h4>{escape(title)}</h4><div class="vidpaint-candidates">{"".join(cells)}</div>{waiting}'
        f'<div class="vidpaint-buttons">{moves}<button data-vidpaint="select:redo:{key}">↻ paint again</button>'
        f'<button data-vidpaint="select:drop:{key}">✕ drop the edit</button><button data-vidpaint="select:undo">↶ undo</button></div>'
    )


def _candidate(space: Workspace, key: int, index: int) -> str:
    folder = space.project
    name = f"candidate-{key:06d}-{index:02d}"
    return url(
        space.picture(name, folder / candidate_file(key, index), lambda: viewing.candidate(folder, key, index, LARGE))
    )


def key_picture(space: Workspace, key: int, rotation: int) -> str:
    """Where the browser finds a keyframe's thumbnail; '' while it is being made."""
    made_from: Path = space.project / keyframe_file(key)
    try:
        return url(
            space.picture(f"key-{key:06d}", made_from, lambda: viewing.keyframe(space.project, key, rotation, SMALL))
        )
    except (FileNotFoundError, VidpaintError):
        return ""
