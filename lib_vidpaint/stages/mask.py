"""Stage 1, mask: what may change in every frame.

Reads the user's mask, or has a segmenter find one. Writes alpha/000042.png (soft mask, shaped; hand-editable),
white/000042.png (only when the user brings their own alpha white), found/000042.mp4 (only when masks are found: as they
were before shaping, one clip a shot), region.mp4 (0 or 255, lossless: the frozen promise of what may change),
region-small.mp4 and alpha-small.mp4 (it and the soft masks at the proxy's size) and region.json (its box and share in
every frame, and the warnings). Everything later asks the region, never the user's file.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import cv2
import numpy as np

from ..encode import Writer, gray_encoding, gray_info, gray_planes
from ..errors import MaskError
from ..finding import FoundFrame, find
from ..fixes import NOTHING, Painted, apply, marks
from ..items import SOFT_FLOOR, Alphas, Item, Take, alpha_file, read_alpha, white_file
from ..model import Box, Mask, to_json
from ..pictures import encode_png, shrunk
from ..pipeline import Reader
from ..pools import Threads
from ..regions import ALPHA_SMALL, REGION, REGION_FACTS, REGION_SMALL, Regions, bounding_box
from ..segmenters import How
from ..segmenters.given import Given, check, look, open_given
from ..settings import knob
from ..shaping import Combination, Shape, combine, shape
from ..steadying import steadying
from ..survey import proxy_info

if TYPE_CHECKING:
    from ..pipeline import Run

LOSSY_FLOOR = 32
WHOLE = 0.995


@dataclass(frozen=True)
class MaskSettings:
    how: How = knob(
        "given",
        "Where the mask comes from: given by you, or found: a person, a face, anything you click (track), clothing, what "
        "rembg or SAM finds, or a colour (key).",
        label="Mask from",
    )
    path: str = knob(
        "",
        "Your mask: a video, a folder of pictures, one picture for all frames, box:x,y,w,h or ellipse:x,y,w,h.",
        path=True,
        label="Mask",
    )
    prompts: str = knob(
        "",
        "What to follow, by frame: '0: +120,80 -300,40; 40: box 10,10,50,60; 90: gone'. + is on it, - is not.",
        label="Clicks",
    )
    which: int = knob(
        1, "Of several people or faces: 1 = the largest, 2 = the next, 0 = all. A click chooses too.", low=0, high=9
    )
    part: Literal["face", "face+neck", "head"] = knob("face", "How much of a found face.", label="Face part")
    clothing: Literal["upper", "lower", "full"] = knob("upper", "Which clothing is found.", label="Garment")
    combine: Literal["intersect", "add", "subtract"] = knob(
        "intersect",
        "With both a found mask and one of yours: only what is in both, what is in either, or what was found without yours.",
    )
    model: str = knob("u2net", "Which rembg model: u2net, u2netp, isnet-general-use, birefnet-general and so on.")
    matting: bool = knob(False, "Have rembg work out hair and other fine edges (slow).", label="Alpha matting")
    key: str = knob("#00ff00", "The colour to find, as #rrggbb, or light or dark.", label="Key colour")
    tolerance: float = knob(20.0, "How far from the key colour still counts.", low=0, high=100)
    checkpoint: str = knob(
        "",
        "Your model file: a SAM checkpoint (empty = the one in models/sam), or the .onnx of rembg's custom models.",
        path=True,
        label="Model file",
    )
    painted: str = knob(
        "",
        "For track: a folder of exact masks of a few frames, named by frame like 000042.png.",
        path=True,
        label="Painted masks",
    )
    white: str = knob(
        "",
        "Your own alpha white (what the engine may repaint), if gamma does not give it.",
        path=True,
        label="Alpha white",
    )
    floor: int = knob(
        0, "Mask values below this count as black; 0 = 8 for a clean mask, 32 for a lossy video.", low=0, high=254
    )
    gamma: float = knob(
        20.0, "How far soft mask edges are pushed to white for the engine; 1 leaves them.", low=1, high=100
    )
    grow: float = knob(
        0.0,
        "Widen the mask by this much (less than 0 narrows it), in pixels of a picture 360 lines high.",
        low=-50,
        high=50,
    )
    feather: float = knob(
        0.0,
        "Soften the mask's edge over this width, half of it outside, in pixels of a picture 360 lines high.",
        low=0,
        high=50,
    )
    holes: float = knob(
        0.0, "Fill holes smaller than a square with this side, in pixels of a picture 360 lines high.", low=0, high=360
    )
    specks: float = knob(
        0.0,
        "Remove parts smaller than a square with this side, in pixels of a picture 360 lines high.",
        low=0,
        high=360,
    )
    hull: Literal["off", "convex", "box"] = knob(
        "off", "Replace every part of the mask by its convex outline, or by a box around it."
    )
    steady: int = knob(
        0,
        "Mix the mask's soft edges with those of so many frames before and after, along the motion, so that they flicker "
        "less. Hard edges stay as they are.",
        low=0,
        high=5,
    )
    spread: int = knob(
        0,
        "Carry what you painted on a mask (fixes/) to this many frames before and after, along the motion.",
        low=0,
        high=100,
    )
    invert: bool = knob(False, "The mask is black where the video should change.")
    missing: Literal["error", "hold", "empty"] = knob(
        "error", "When there are fewer masks than frames: stop, repeat the last one, or change nothing there."
    )


def shaped(mask: Mask, painted: Painted, steps: Shape, lines: int) -> bytes:
    """The PNG of a mask with the steps done to it, and what a person painted over it."""
    return encode_png(apply(shape(mask, steps, lines), *painted))


@dataclass(frozen=True, eq=False)
class GivenFrame:
    """Take: the user's mask of one frame, by its place among their masks; None: they end before, and nothing changes."""

    given: Given
    masks: Reader[Mask]
    at: int | None
    content: str

    def key(self, run: Run) -> str:
        return f"{self.content}#{'still' if self.given.still is not None else self.at}"

    def load(self, run: Run) -> Mask:
        if self.given.still is not None:
            return self.given.still
        if self.at is None:
            nothing = 255 if run.settings.mask.invert else 0
            return np.full((run.clip.info.height, run.clip.info.width), nothing, np.uint8)
        return next(self.masks.read(self.at, self.at + 1))


@dataclass(frozen=True)
class Both:
    """Take: what was found in a frame, put together with the user's own mask of it."""

    found: FoundFrame
    given: GivenFrame
    combine: Combination

    def key(self, run: Run) -> str:
        return f"{self.found.key(run)} {self.combine} {self.given.key(run)}"

    def load(self, run: Run) -> Mask:
        return combine((self.found.load(run), self.given.load(run)), self.combine)


def mask(run: Run) -> None:
    """Freeze what may change."""
    settings, frames = run.settings.mask, len(run.survey.pts)
    if settings.how == "given" and not settings.path:
        raise MaskError(
            "No mask: say what should change with --mask.path (a video, a folder, a picture or box:x,y,w,h), "
            "or have it found: --mask.how person (or face, track, ...)."
        )
    warnings, masks, floor = _masks(run)
    steps = Shape(
        settings.invert, floor, settings.specks, settings.holes, settings.hull, settings.grow, settings.feather
    )
    masks = steadying(run, masks, settings.steady)
    _lay_out(run, "mask", alpha_file, masks, marks(run, frames, settings.spread), steps)
    if settings.white:
        more, white, floor = _given(run, settings.white, "white", 1)
        warnings += more
        _lay_out(run, "white", white_file, white, [Unpainted()] * frames, Shape(settings.invert, floor))
    else:
        _forget_white(run)

    info = run.clip.info
    takes = (Alphas(0, frames, Box(0, 0, info.width, info.height)),)
    made = Item((REGION, REGION_SMALL, ALPHA_SMALL, REGION_FACTS), takes, (tuple(warnings),))
    run.build(made, lambda *paths: freeze(run, frames, warnings, *paths))


def _masks(run: Run) -> tuple[list[str], Sequence[Take], int]:
    """The warnings, the mask of every frame before any shaping, and the floor."""
    settings = run.settings.mask
    if settings.how == "given":
        return _given(run, settings.path, "mask", settings.floor)
    found = find(run)
    if not settings.path:
        return [], found, settings.floor or SOFT_FLOOR
    warnings, given, floor = _given(run, settings.path, "mask", settings.floor)
    return warnings, [Both(*pair, settings.combine) for pair in zip(found, given)], floor


@dataclass(frozen=True)
class Unpainted:
    """Take: nothing that was painted by hand."""

    def key(self, run: Run) -> str:
        return ""

    def load(self, run: Run) -> Painted:
        return NOTHING


def _lay_out(
    run: Run, text: str, make: Callable[[int], str], masks: Sequence[Take], painted: Sequence[Take], steps: Shape
) -> None:
    """Bring masks into the project, one PNG a frame."""
    lines = run.clip.info.lines
    pairs = zip(masks, painted)
    items = [Item((make(i),), (mask, marks), (steps, lines)) for i, (mask, marks) in enumerate(pairs)]
    run.each(items, shaped, text)
    run.sweep(Path(make(0)).parent.as_posix(), {make(i) for i in range(len(items))})


def freeze(
    run: Run, frames: int, warnings: list[str], region: Path, region_small: Path, alpha_small: Path, facts: Path
) -> None:
    """Write down where alpha is not 0: at full size, at the proxy's, and as boxes and shares; and alpha at the proxy's."""
    info, proxy = run.clip.info, proxy_info(run.clip.info)
    boxes, shares, size = [], [], (proxy.width, proxy.height)
    full, half = gray_info(info.width, info.height, info.fps), gray_info(*size, info.fps)
    with ExitStack() as stack:
        writer, *small_writers = (
            stack.enter_context(Writer(path, kind, gray_encoding()))
            for path, kind in ((region, full), (region_small, half), (alpha_small, half))
        )
        alphas = Threads().map(lambda index: read_alpha(run, index), range(frames))
        for index, alpha in enumerate(alphas):
            inside = np.asarray(cv2.threshold(alpha, 0, 255, cv2.THRESH_BINARY)[1], np.uint8)
            boxes.append(bounding_box(inside))
            shares.append(round(cv2.countNonZero(inside) / inside.size, 6))
            if shares[-1] > WHOLE and run.ledger.touched(alpha_file(index)):
                warnings.append(
                    f"{alpha_file(index)}, changed by hand, is white nearly everywhere: nothing is protected there."
                )
                run.note(warnings[-1])
            writer.write(gray_planes(inside), index)
            reduced = cv2.threshold(shrunk(inside, size), 127, 255, cv2.THRESH_BINARY)[1]
            for small_writer, picture in zip(small_writers, (reduced, shrunk(alpha, size))):
                small_writer.write(gray_planes(np.asarray(picture, np.uint8)), index)
            run.progress.step("region", index + 1, frames)
    if not any(boxes):
        raise MaskError(_nothing(run.settings.mask))
    facts.write_text(json.dumps(to_json(Regions(tuple(boxes), tuple(shares), tuple(warnings)))), encoding="utf-8")


def _nothing(settings: MaskSettings) -> str:
    if settings.how == "given":
        return "alpha/ marks nothing in any frame: paint white what should change."
    if settings.how in ("track", "sam"):
        return f"mask.how = {settings.how} found nothing in any frame: say what to follow with mask.prompts."
    return (
        f"mask.how = {settings.how} found nothing in any frame: "
        "try another, or mark it yourself with --mask.how track and --mask.prompts '0: +x,y'."
    )


def _forget_white(run: Run) -> None:
    """Remove an alpha white that the user gave before and has taken back."""
    known = run.ledger.inputs.get("white")
    if known and known.content:
        raise MaskError(
            f"This project has an alpha white of its own ({known.name}): "
            "name it again with --mask.white, or give it up with --mask.white ''."
        )
    run.drop(file for file, made in run.ledger.made.items() if made.stage == "mask" and file.startswith("white/"))


def _given(run: Run, path: str, name: str, floor: int) -> tuple[list[str], list[GivenFrame], int]:
    """The warnings about masks of the user's, those masks, and the floor."""
    settings, frames = run.settings.mask, len(run.survey.pts)
    given = open_given(path, run.clip.info)
    floor = floor or (LOSSY_FLOOR if given.lossy else SOFT_FLOOR)
    found = look(given, run.clip.info, floor, settings.invert, run.progress)
    if given.clip and not given.numbers and found.count > frames and run.settings.source.span:
        given = open_given(path, run.clip.info, run.settings.source.times)
        found = look(given, run.clip.info, floor, settings.invert, run.progress)
    warnings = check(given, found, frames, settings.missing)
    for warning in warnings:
        run.note(warning)
    content = run.project.input_digest(name, path)
    masks = Reader(lambda at: islice(given.read(run.clip.info), at, None))
    places = given.places(frames, found.count, settings.missing)
    return warnings, [GivenFrame(given, masks, at, content) for at in places], floor
