"""Stage 1, mask: what may change in every frame.

Reads the user's mask. Writes alpha/000042.png (soft mask, shaped; hand-editable), white/000042.png (only when the
user brings their own alpha white), region.mp4 (0 or 255, lossless: the frozen promise of what may change),
region-small.mp4 (the same at the proxy's size) and region.json (its box and share in every frame, and the warnings).
Everything later asks the region, never the user's file.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import cv2
import numpy as np

from ..encode import Writer, gray_encoding, gray_info, gray_planes
from ..errors import MaskError
from ..items import SOFT_FLOOR, Alphas, Item, alpha_file, read_alpha, white_file
from ..model import Box, Mask, to_json
from ..pictures import encode_png
from ..pools import Threads
from ..regions import REGION, REGION_FACTS, REGION_SMALL, Regions, bounding_box
from ..segmenters.given import Given, check, look, open_given
from ..settings import knob
from ..survey import proxy_info

if TYPE_CHECKING:
    from ..pipeline import Run

LOSSY_FLOOR = 32
LINES = 360
WHOLE = 0.995


@dataclass(frozen=True)
class MaskSettings:
    path: str = knob(
        "",
        "Your mask: a video, a folder of pictures, one picture for all frames, or box:x,y,w,h.",
        path=True,
        label="Mask",
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
    invert: bool = knob(False, "The mask is black where the video should change.")
    missing: Literal["error", "hold", "empty"] = knob(
        "error", "When there are fewer masks than frames: stop, repeat the last one, or change nothing there."
    )


def shaped(given: Mask, floor: int, invert: bool, grow: float) -> bytes:
    """The PNG of a mask with everything below `floor` set to 0, then widened by `grow` pixels (narrowed when below 0)."""
    alpha = 255 - given if invert else given
    alpha = np.where(alpha >= floor, alpha, 0).astype(np.uint8)
    reach = round(abs(grow))
    if reach:
        disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
        alpha = np.asarray(cv2.dilate(alpha, disc) if grow > 0 else cv2.erode(alpha, disc), np.uint8)
    return encode_png(alpha)


@dataclass(frozen=True, eq=False)
class GivenFrame:
    """Take: one mask of the user's, by frame index; frames after the last are held or empty."""

    masks: _InOrder
    index: int
    content: str

    def key(self, run: Run) -> str:
        return f"{self.content}#{'still' if self.masks.given.still is not None else self.index}"

    def load(self, run: Run) -> Mask:
        return self.masks.at(self.index, run)


@dataclass
class _InOrder:
    """The user's masks, read once from front to back (from the front again for a step back)."""

    given: Given
    count: int
    hold: bool
    _next: int = 0
    _frames: Iterator[Mask] | None = field(default=None)
    _last: Mask | None = field(default=None)

    def at(self, index: int, run: Run) -> Mask:
        if self.given.still is not None:
            return self.given.still
        if index >= self.count and not self.hold:
            return np.zeros((run.clip.info.height, run.clip.info.width), np.uint8)
        index = min(index, self.count - 1)
        if self._frames is None or index < self._next - 1:
            self._frames, self._next = self.given.read(run.clip.info), 0
        while self._next <= index:
            self._last = next(self._frames)
            self._next += 1
        assert self._last is not None
        return self._last


def mask(run: Run) -> None:
    """Freeze what may change."""
    settings, frames = run.settings.mask, len(run.survey.pts)
    if not settings.path:
        raise MaskError(
            "No mask: say what should change with --mask PATH (a video, a folder, a picture) or --mask box:x,y,w,h."
        )
    warnings = _take(run, settings.path, "mask", alpha_file, settings.floor)
    if settings.white:
        warnings += _take(run, settings.white, "white", white_file, 1)
    else:
        _forget_white(run)

    info = run.clip.info
    takes = (Alphas(0, frames, Box(0, 0, info.width, info.height)),)
    made = Item((REGION, REGION_SMALL, REGION_FACTS), takes, (tuple(warnings),))
    run.build(made, lambda *paths: freeze(run, frames, warnings, *paths))


def freeze(run: Run, frames: int, warnings: list[str], region: Path, small: Path, facts: Path) -> None:
    """Write down where alpha is not 0: at full size, at the proxy's, and as boxes and shares."""
    info, proxy = run.clip.info, proxy_info(run.clip.info)
    boxes, shares = [], []
    full, half = gray_info(info.width, info.height, info.fps), gray_info(proxy.width, proxy.height, info.fps)
    with Writer(region, full, gray_encoding()) as writer, Writer(small, half, gray_encoding()) as small_writer:
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
            reduced = cv2.resize(inside, (proxy.width, proxy.height), interpolation=cv2.INTER_AREA)
            reduced = np.asarray(cv2.threshold(reduced, 127, 255, cv2.THRESH_BINARY)[1], np.uint8)
            small_writer.write(gray_planes(reduced), index)
            run.progress.step("region", index + 1, frames)
    if not any(boxes):
        raise MaskError("alpha/ marks nothing in any frame: paint white what should change.")
    facts.write_text(json.dumps(to_json(Regions(tuple(boxes), tuple(shares), tuple(warnings)))), encoding="utf-8")


def _forget_white(run: Run) -> None:
    """Remove an alpha white that the user gave before and has taken back."""
    known = run.ledger.inputs.get("white")
    if known and known.content:
        raise MaskError(
            f"This project has an alpha white of its own ({known.name}): "
            "name it again with --mask.white PATH, or give it up with --mask.white ''."
        )
    run.drop(file for file, made in run.ledger.made.items() if made.stage == "mask" and file.startswith("white/"))


def _take(run: Run, path: str, name: str, make: Callable[[int], str], floor: int) -> list[str]:
    """Bring the user's masks into the project, one PNG a frame. Returns the warnings."""
    settings, frames = run.settings.mask, len(run.survey.pts)
    given = open_given(path, run.clip.info)
    floor = floor or (LOSSY_FLOOR if given.lossy else SOFT_FLOOR)
    found = look(given, run.clip.info, floor, settings.invert, run.progress)
    if given.clip and found.count > frames and run.settings.source.span:
        given = open_given(path, run.clip.info, run.settings.source.times)
        found = look(given, run.clip.info, floor, settings.invert, run.progress)
    warnings = check(given, found, frames, settings.missing)
    for warning in warnings:
        run.note(warning)
    content = run.project.input_digest(name, path)
    masks = _InOrder(given, found.count, settings.missing == "hold")
    values = (floor, settings.invert, settings.grow * run.clip.info.lines / LINES if name == "mask" else 0.0)
    items = [Item((make(i),), (GivenFrame(masks, i, content),), values) for i in range(frames)]
    run.each(items, shaped, name)
    run.sweep(Path(make(0)).parent.as_posix(), {make(i) for i in range(frames)})
    return warnings
