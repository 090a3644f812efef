"""Stage 8, refine: what was painted smaller than it is shown is drawn anew at full size, and retouched frames are taken in.

Reads the patches, the source and alpha/, the chosen candidates (how large they were painted), and retouched/, the frames that
a person retouched. Writes, where there is something to do, segments/face-000042.mp4 (where each segment of `refine.segments`
is, for every shot), redrawn/000042.png (a frame's patch as the upscalers drew it: the dear part, kept for each frame),
refined/000042.mp4 and refined.json, which take the place of patches; of what was filled in for dropped groups likewise
redrawn/filled-000042.png, refined/filled-000042.mp4 and refilled.json. With nothing to do, patches stay as they were carried.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ..candidates import read_label
from ..enlarging import AUTO, layers_of, resolved
from ..errors import EngineError
from ..finished import FinishedFrames
from ..groups import FILLED, PATCHES, REFILLED, REFINED, Patch, candidate_file, read_choices
from ..items import Alphas, File, Item, Several
from ..model import Color, Mask, to_json
from ..patching import laid_over
from ..pictures import encode_png
from ..planes import Planes, seen_color, view
from ..pools import Here
from ..refining import Detail, Drawn, Redraw, redrawn, redrawn_file, refined_file, refined_patch
from ..retouching import RetouchedTake, edited_by_hand
from ..segmenting import find_parts, parts_of
from ..settings import knob

if TYPE_CHECKING:
    from ..pipeline import Run

AS_SHOWN = 0.95
"""Painted at this share of its shown size or more, there is nothing to enlarge."""
LEAD = 3
"""Frames before and after a patch whose changes calm those at its ends."""


@dataclass(frozen=True)
class RefineSettings:
    patch: bool = knob(
        False,
        "Draw the edit anew with upscalers where it was painted smaller than it is shown.",
        label="Refine the edit",
    )
    models: str = knob(
        AUTO,
        "Upscalers with their opacity, the bottom one first: R-ESRGAN 4x+:0.7, Lanczos:0.3. auto = R-ESRGAN 4x+ where there "
        "is one, else Lanczos.",
        label="Upscalers",
    )
    detail: Detail = knob(
        "add",
        "add: upscalers only add detail finer than what was painted, less of it where there is some. replace: the edit is as "
        "they draw it, even where that is smoother.",
        label="Upscalers' detail",
    )
    weights: str = knob(
        "", "Where upscalers lie outside a WebUI: a file (.pth, .safetensors, .param) or a folder of them.",
        path=True, label="Upscalers' folder",
    )  # fmt: skip
    painted: float = knob(
        0.0, "How large the edit was painted, in parts of the size it is shown at; 0 = as its candidates say.",
        low=0, high=1, step=0.05, label="Painted at",
    )  # fmt: skip
    segments: str = knob(
        "",
        "Parts of the edit with upscalers of their own: face: R-ESRGAN 4x+; clothing: Lanczos. Parts are found again as "
        "mask.how finds them, with the mask's options.",
    )
    join: float = knob(
        12.0, "How soft the borders between those parts are, in pixels.", low=0, high=200, step=1, label="Soft joins"
    )
    faces: str = knob(
        "", "What restores faces, by the WebUI's name: GFPGAN or CodeFormer; empty = nothing.", label="Restore faces"
    )
    visibility: float = knob(
        1.0, "How strongly restored faces show.", low=0, high=1, step=0.05, label="Restored faces' visibility"
    )
    deflicker: float = knob(
        0.7, "Calm what upscalers draw from frame to frame, along the motion.", low=0, high=1, step=0.05
    )
    frame: float = knob(
        1.0, "Besides, a copy for people of this many times the size, large.mp4: what the copy for people shows, every pixel of it "
        "drawn by refine.models. 1 = it is not made.",
        low=1, high=4, step=1, label="Large copy",
    )  # fmt: skip
    spread: int = knob(
        0, "Frames to either side of a retouched one, in its group, that get its retouched spots too.",
        low=0, high=100, step=1, label="Spread retouching",
    )  # fmt: skip


def refine(run: Run) -> None:
    """Draw the patches anew and take in what was retouched; filled ones too, beside those whose place they take."""
    patches, filled = (run.project.records(file, Patch) for file in (PATCHES, FILLED))
    laid = tuple(laid_over(patches, filled))
    shown = tuple(patch for patch in filled if patch.file)
    drawn, by_hand = _drawn(run, patches, shown, laid), edited_by_hand(run, laid)
    refined: set[str] = set()
    for file, row, among, source in ((REFINED, patches, patches, PATCHES), (REFILLED, filled, laid, FILLED)):
        hands = {patch: [i for i in by_hand if patch.start <= i < patch.stop] for patch in row if patch.file}
        due = [patch for patch, ours in hands.items() if ours or patch.file in drawn]
        items = [_refined(run, among, patch, drawn, hands[patch]) for patch in due]
        run.each(items, refined_patch, "refining")
        refined |= {item.makes[0] for item in items}
        records = [replace(patch, file=refined_file(patch)) if patch in due else patch for patch in row]
        if due:
            _note(run, file, source, json.dumps(to_json(records)))
        else:
            run.drop({file})
    run.sweep("refined", refined)


def _note(run: Run, file: str, source: str, text: str) -> None:
    run.build(Item((file,), (File(source),), (text,)), lambda path: path.write_text(text, encoding="utf-8"))


def _drawn(
    run: Run, patches: tuple[Patch, ...], filled: tuple[Patch, ...], laid: tuple[Patch, ...]
) -> Mapping[str, Patch]:
    """Draw the patches and the filled ones anew that need it, frame by frame; gives them by file. laid: what is shown."""
    settings = run.settings.refine
    hows = {patch.file: how for patch in (*patches, *filled) if (how := _how(run, patch)).share < 1 or how.faces}
    due = [patch for patch in (*patches, *filled) if patch.file in hows]
    if settings.patch and not any(how.share < 1 for how in hows.values()):
        run.note(
            "The edit was painted as large as it is shown, so nothing is enlarged (refine.painted can say otherwise)."
        )
    parts = parts_of(settings.segments) if any(how.share < 1 for how in hows.values()) else ()
    if hows:
        hows = _checked(run, hows)
    masks = find_parts(run, parts, patches)
    items = []
    for patch in due:
        how, among = hows[patch.file], laid if patch in filled else patches
        for index in range(patch.start, patch.stop):
            span = index, index + 1, patch.box
            found = masks(index, patch.box) if how.share < 1 else ()
            takes = (FinishedFrames(*span, among), Alphas(*span), Several(tuple(found)))
            items.append(Item((redrawn_file(index, patch),), takes, (seen_color(run.clip.info), run.engine_name, how)))

    def draw(
        frames: list[tuple[Planes, Planes, Mask]],
        alphas: list[Mask],
        found: list[Mask],
        color: Color,
        name: str,
        how: Redraw,
    ) -> bytes:
        return encode_png(redrawn(view(frames[0][1], color), alphas[0], found, how, run.engine.upscale))

    if any(run.due(item, draw) for item in items):
        with run.engine.prepared():
            run.each(items, draw, "drawing anew", Here())
    run.sweep("redrawn", {item.makes[0] for item in items})
    return {patch.file: patch for patch in due}


def _how(run: Run, patch: Patch) -> Redraw:
    """How a patch is drawn anew by the settings; names of upscalers are as the person wrote them."""
    settings = run.settings.refine
    share = (settings.painted or painted_share(run, patch.key)) if settings.patch else 1.0
    if share >= AS_SHOWN:
        return Redraw(1.0, faces=settings.faces, visibility=settings.visibility)
    layers = layers_of(settings.models, "refine.models")
    parts = tuple(part.layers for part in parts_of(settings.segments))
    return Redraw(share, layers, settings.detail, parts, settings.join, settings.faces, settings.visibility)


def painted_share(run: Run, key: int) -> float:
    """How large the edit of a keyframe was painted, of the size that it is shown at; 1 where nobody says.

    A group without an edit of its own goes by the nearest keyframe that has one. The WebUI writes the size that it
    painted at into the picture.
    """
    choices = [choice for choice in read_choices(run.project).values() if not choice.drop]
    choice = min(choices, key=lambda choice: abs(choice.key - key), default=None)
    if choice is None or (choice.candidate or 0) < 0:
        return 1.0
    label = read_label(run.project.path(candidate_file(choice.key, choice.candidate or 0)))
    size = re.search(r"\bSize: (\d+)x(\d+)", label.parameters)
    if size is None or label.box is None:
        return 1.0
    left, top, right, bottom = label.pad or (0, 0, 0, 0)
    shown = (label.box.width + left + right) * (label.box.height + top + bottom)
    return min(1.0, math.sqrt(int(size[1]) * int(size[2]) / shown))


def _checked(run: Run, hows: dict[str, Redraw]) -> dict[str, Redraw]:
    """The same with `auto` resolved. Raises EngineError for a name that the engine does not know."""
    known, restorers = run.engine.names("upscaler"), run.engine.names("face restorer")
    faces = run.settings.refine.faces
    if faces and faces not in restorers:
        there = f"there are {', '.join(restorers)}" if restorers else "only a WebUI has some"
        raise EngineError(f"refine.faces: the engine {run.engine_name} has no face restorer {faces!r}: {there}.")
    found, notes = {}, set()
    for file, how in hows.items():
        layers, note = resolved(how.layers, known)
        pairs = [resolved(part, known) for part in how.parts]
        notes |= {note, *(said for _, said in pairs)} - {""}
        found[file] = replace(how, layers=layers, parts=tuple(part for part, _ in pairs))
    for note in notes:
        run.note(note)
    return found


def _refined(
    run: Run, patches: tuple[Patch, ...], patch: Patch, drawn: Mapping[str, Patch], by_hand: Sequence[int]
) -> Item:
    """What a patch is put together from: its frames and some around them, drawn anew or not, and retouched ones."""
    settings, first, stop = run.settings.refine, patch.start, patch.stop
    strength = settings.deflicker if patch.file in drawn else 0.0
    if strength:
        first, stop = _neighbourhood(patches, patch, LEAD)
    owner = {index: one for one in patches for index in range(max(first, one.start), min(stop, one.stop))}
    takes = (
        FinishedFrames(first, stop, patch.box, patches),
        Alphas(first, stop, patch.box),
        Several(tuple(Drawn(index, owner[index], owner[index].file in drawn) for index in range(first, stop))),
        Several(tuple(RetouchedTake(index, patch.box, patches) for index in by_hand)),
    )
    spread = settings.spread if by_hand else 0
    values = (
        spread,
        range(patch.start, patch.stop),
        first,
        patch.box,
        run.clip.info,
        strength,
        run.settings.composite.feather,
    )
    return Item((refined_file(patch),), takes, values)


def _neighbourhood(patches: Sequence[Patch], patch: Patch, count: int) -> tuple[int, int]:
    """[first, stop) of a patch and up to `count` frames to either side, as far as patches follow each other there."""
    first, stop = patch.start, patch.stop
    covered = {index for one in patches for index in range(max(one.start, first - count), min(one.stop, stop + count))}
    while first - 1 in covered and patch.start - first < count:
        first -= 1
    while stop in covered and stop - patch.stop < count:
        stop += 1
    return first, stop
