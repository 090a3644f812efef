"""Stage 2, extract: pictures for people to look at and to work on.

Reads the source, the frame table and proxy that were made when it was first read (`survey.py`), and alpha/. Writes
contact sheets of the original, the alpha and the alpha white (sheets/), and on request every frame (frames/) and alpha
white (white/) as a picture. A picture that a person edits there is used from then on: the frame as what its keyframe is
painted on, the white as what the engine may repaint.

Also writes what every mask measures (checks.csv), and when some look wrong a sheet of those frames with the reasons.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import cv2
import numpy as np

from .. import mask_checks
from ..clip import read_planes_of
from ..items import Alphas, File, Item, SourceFrames, frame_file, read_white, white_file
from ..mask_checks import Doubt
from ..model import Box, Color, Frame, Mask
from ..orientation import upright
from ..pictures import encode_jpeg, encode_png, shrunk
from ..planes import Planes, view
from ..regions import ALPHA_SMALL, alpha_white
from ..settings import knob
from ..survey import PROXY

if TYPE_CHECKING:
    from ..pipeline import Run

COLUMNS, CELL_WIDTH, MOST_CELLS, GAP = 8, 200, 64, 4
WIDE_COLUMNS, WIDE_CELL, LABEL = 4, 320, 20
DOUBTFUL = "sheets/doubtful.jpg"


@dataclass(frozen=True)
class ExtractSettings:
    sheets: bool = knob(True, "Make contact sheets of the original, the alpha and the alpha white.")
    checks: bool = knob(True, "Look for masks that seem wrong, and show them in sheets/doubtful.jpg.")
    frames: Literal["off", "png", "jpeg"] = knob(
        "off", "Also write every frame and alpha white as pictures, to be edited in another program and taken back."
    )


def contact_sheet(pictures: Sequence[Frame], columns: int = COLUMNS) -> Frame:
    """The pictures side by side in rows of `columns`, white gaps between; all RGB uint8 of one size."""
    height, width = pictures[0].shape[:2]
    columns = min(columns, len(pictures))
    rows = -(-len(pictures) // columns)
    sheet = np.full((rows * (height + GAP) + GAP, columns * (width + GAP) + GAP, 3), 255, np.uint8)
    for number, picture in enumerate(pictures):
        y, x = GAP + number // columns * (height + GAP), GAP + number % columns * (width + GAP)
        sheet[y : y + height, x : x + width] = picture
    return sheet


def sampled(frames: int) -> list[int]:
    """The frames a sheet shows: all of them, or MOST_CELLS evenly spread, the first and the last among them."""
    count = min(frames, MOST_CELLS)
    return sorted({round(i * (frames - 1) / max(count - 1, 1)) for i in range(count)})


def frame_picture(frames: list[Planes], color: Color, kind: str, rotation: int = 0) -> bytes:
    """The picture file of one source frame, upright."""
    picture = upright(view(frames[0], color), rotation)
    return encode_png(picture) if kind == "png" else encode_jpeg(picture)


def white_picture(alphas: list[Mask], gamma: float) -> bytes:
    """The picture file of one frame's alpha white."""
    return encode_png(alpha_white(alphas[0], gamma))


def extract(run: Run) -> None:
    """Pictures for hands."""
    settings, info, count = run.settings.extract, run.clip.info, len(run.survey.pts)
    whole, gamma = Box(0, 0, info.width, info.height), run.settings.mask.gamma
    turned = (info.rotation,) if info.rotation else ()
    every = range(count) if settings.frames != "off" else ()
    frames = [
        Item(
            (frame_file(i, settings.frames),), (SourceFrames(i, i + 1, whole),), (info.color, settings.frames, *turned)
        )
        for i in every
    ]
    run.each(frames, frame_picture, "frames")
    run.sweep("frames", {item.makes[0] for item in frames})
    if not run.settings.mask.white:
        whites = [Item((white_file(i),), (Alphas(i, i + 1, whole),), (gamma,)) for i in every]
        run.each(whites, white_picture, "alpha white")
        run.sweep("white", {item.makes[0] for item in whites})

    takes = File(PROXY), File(ALPHA_SMALL)
    sheets = [f"sheets/{name}.jpg" for name in ("original", "alpha", "white")] if settings.sheets else []
    seen: dict[int, mask_checks.Shown] = {}
    if settings.checks:
        run.build(Item((mask_checks.CHECKS,), takes, (run.survey.cuts,)), lambda path: _write_checks(run, seen, path))
    if sheets:
        whites = (File(white_file(i)) for i in sampled(count))
        run.build(Item(tuple(sheets), (*takes, *whites), (gamma,)), lambda *paths: _write_sheets(run, seen, paths))
    if settings.checks:
        if found := mask_checks.doubts(run.project):
            sheets.append(DOUBTFUL)
            run.build(
                Item((DOUBTFUL,), (*takes, File(mask_checks.CHECKS))), lambda path: _write_doubtful(run, found, path)
            )
    else:
        run.drop([mask_checks.CHECKS])
    run.sweep("sheets", sheets)


def _pairs(run: Run, wanted: Sequence[int] | None = None) -> Iterator[mask_checks.Shown]:
    """Small pictures of frames with their alpha; all, or those `wanted` (rising)."""
    alphas = enumerate(read_planes_of(run.project.path(ALPHA_SMALL)))
    chosen = (planes.arrays[0] for index, planes in alphas if wanted is None or index in wanted)
    return zip(run.survey.lazy_frames(wanted), chosen, strict=True)


def _write_sheets(run: Run, seen: dict[int, mask_checks.Shown], paths: Sequence[Path]) -> None:
    """`seen` holds the pictures when the masks were just checked."""
    wanted = sampled(len(run.survey.pts))
    cells: list[list[Frame]] = [[], [], []]
    for index, (frame, alpha) in seen.items() or zip(wanted, _pairs(run, wanted)):
        for row, picture in zip(cells, (np.asarray(frame), alpha, read_white(run, index, alpha))):
            row.append(_cell(upright(picture, run.clip.info.rotation)))
        run.progress.step("sheets", len(cells[0]), len(wanted))
    for path, pictures in zip(paths, cells):
        path.write_bytes(encode_jpeg(contact_sheet(pictures)))


def _write_checks(run: Run, seen: dict[int, mask_checks.Shown], path: Path) -> None:
    """Keeps in `seen` what the sheets show, so that they need no look of their own."""
    found, wanted = [], set(sampled(len(run.survey.pts)))

    def clip() -> Iterator[mask_checks.Shown]:
        for index, (frame, alpha) in enumerate(_pairs(run)):
            if index in wanted:
                seen[index] = np.asarray(frame), alpha.copy()
            yield frame, alpha

    for measures in mask_checks.measures(clip()):
        found.append(measures)
        run.progress.step("checking the masks", len(found), len(run.survey.pts))
    path.write_bytes(mask_checks.table(found, mask_checks.doubts_in(found, run.survey.cuts, run.clip.info.fps)))


def _write_doubtful(run: Run, doubts: Sequence[Doubt], path: Path) -> None:
    shown = {doubts[at].frame: doubts[at] for at in sampled(len(doubts))}
    cells = []
    for (index, doubt), (frame, alpha) in zip(shown.items(), _pairs(run, list(shown))):
        picture = upright(outlined(np.asarray(frame), alpha), run.clip.info.rotation)
        cells.append(labelled(_cell(picture, WIDE_CELL), f"{index}  {doubt.reason}"))
    path.write_bytes(encode_jpeg(contact_sheet(cells, WIDE_COLUMNS)))


def outlined(picture: Frame, alpha: Mask) -> Frame:
    """The picture darkened where nothing may change, and the mask's outline drawn; RGB (H, W, 3) and (H, W)."""
    inside = (alpha >= mask_checks.INSIDE).astype(np.uint8)
    shown = np.where(inside[..., None] > 0, picture, picture // 2)
    lines, _ = cv2.findContours(inside, cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
    return np.asarray(cv2.drawContours(shown, lines, -1, (255, 64, 64), 2), np.uint8)


def labelled(picture: Frame, text: str) -> Frame:
    """The picture with a white line of text above it."""
    bar = np.full((LABEL, picture.shape[1], 3), 255, np.uint8)
    cv2.putText(bar, text, (4, LABEL - 6), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (0, 0, 0), 1, cv2.LINE_AA)
    return np.concatenate([bar, picture])


def _cell(picture: Frame, width: int = CELL_WIDTH) -> Frame:
    small = shrunk(picture, (width, max(1, round(picture.shape[0] * width / picture.shape[1]))))
    return small if small.ndim == 3 else np.repeat(small[:, :, None], 3, axis=2)
