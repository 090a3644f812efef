"""Stage 2, extract: pictures for people to look at and to work on.

Reads the source, the frame table and proxy that were made when it was first read (`survey.py`), and alpha/. Writes
contact sheets of the original, the alpha and the alpha white (sheets/), and on request every frame (frames/) and alpha
white (white/) as a picture. A picture that a person edits there is used from then on: the frame as what its keyframe is
painted on, the white as what the engine may repaint.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import cv2
import numpy as np

from ..items import Alphas, File, Item, SourceFrames, frame_file, read_alpha, read_white, white_file
from ..model import Box, Color, Frame, Mask
from ..orientation import upright
from ..pictures import encode_jpeg, encode_png
from ..planes import Planes, view
from ..regions import alpha_white
from ..settings import knob
from ..survey import PROXY

if TYPE_CHECKING:
    from ..pipeline import Run

COLUMNS, CELL_WIDTH, MOST_CELLS, GAP = 8, 200, 64, 4


@dataclass(frozen=True)
class ExtractSettings:
    sheets: bool = knob(True, "Make contact sheets of the original, the alpha and the alpha white.")
    frames: Literal["off", "png", "jpeg"] = knob(
        "off", "Also write every frame and alpha white as pictures, to be edited in another program and taken back."
    )


def contact_sheet(pictures: Sequence[Frame]) -> Frame:
    """The pictures side by side in rows of COLUMNS, white gaps between; all RGB uint8 of one size."""
    height, width = pictures[0].shape[:2]
    columns = min(COLUMNS, len(pictures))
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


def frame_picture(frames: list[Planes], color: Color, kind: str) -> bytes:
    """The picture file of one source frame."""
    picture = view(frames[0], color)
    return encode_png(picture) if kind == "png" else encode_jpeg(picture)


def white_picture(alphas: list[Mask], gamma: float) -> bytes:
    """The picture file of one frame's alpha white."""
    return encode_png(alpha_white(alphas[0], gamma))


def extract(run: Run) -> None:
    """Pictures for hands."""
    settings, info, count = run.settings.extract, run.clip.info, len(run.survey.pts)
    whole, gamma = Box(0, 0, info.width, info.height), run.settings.mask.gamma
    every = range(count) if settings.frames != "off" else ()
    frames = [
        Item((frame_file(i, settings.frames),), (SourceFrames(i, i + 1, whole),), (info.color, settings.frames))
        for i in every
    ]
    run.each(frames, frame_picture, "frames")
    run.sweep("frames", {item.makes[0] for item in frames})
    if not run.settings.mask.white:
        whites = [Item((white_file(i),), (Alphas(i, i + 1, whole),), (gamma,)) for i in every]
        run.each(whites, white_picture, "alpha white")
        run.sweep("white", {item.makes[0] for item in whites})

    sheets = [f"sheets/{name}.jpg" for name in ("original", "alpha", "white")] if settings.sheets else []
    if sheets:
        takes = (File(PROXY), Alphas(0, count, whole), *(File(white_file(i)) for i in sampled(count)))
        run.build(Item(tuple(sheets), takes, (gamma,)), lambda *paths: _write_sheets(run, paths))
    run.sweep("sheets", sheets)


def _write_sheets(run: Run, paths: Sequence[Path]) -> None:
    wanted = sampled(len(run.survey.pts))
    cells: list[list[Frame]] = [[], [], []]
    for index, frame in zip(wanted, run.survey.frames(wanted)):
        alpha = read_alpha(run, index)
        for row, picture in zip(cells, (frame, alpha, read_white(run, index, alpha))):
            row.append(_cell(upright(picture, run.clip.info.rotation)))
        run.progress.step("sheets", len(cells[0]), len(wanted))
    for path, pictures in zip(paths, cells):
        path.write_bytes(encode_jpeg(contact_sheet(pictures)))


def _cell(picture: Frame) -> Frame:
    height = max(1, round(picture.shape[0] * CELL_WIDTH / picture.shape[1]))
    small = np.asarray(cv2.resize(picture, (CELL_WIDTH, height), interpolation=cv2.INTER_AREA), np.uint8)
    return small if small.ndim == 3 else np.repeat(small[:, :, None], 3, axis=2)
