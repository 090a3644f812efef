"""Pictures that show many at once: a keyframe with its candidates, and frames before and after."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np

from .candidates import decode_candidate
from .model import Box, Color, Frame, Mask
from .orientation import upright
from .pictures import encode_jpeg
from .planes import Planes, view

CELL = 220
"""Height of a cell in pixels: a square keyframe with four candidates is 40 KB."""
ROW, QUALITY = 5, 80
GREEN = (34, 197, 94)
BORDER = 4


def candidates_jpeg(source: Frame, alphas: list[Mask], *rest: Any) -> bytes:
    """A JPEG of a keyframe's crop as it was and of its candidates, numbered, the one in use framed green.

    source: RGB inside the crop's box as stored, with its mask. rest: the candidates' files, then the keyframe, their numbers, the number
    in use (None: none), the crop and the source's VideoInfo.
    """
    *files, key, numbers, chosen, crop, info = rest
    cells = [_cell(upright(source, info.rotation), f"{key}", False)]
    for number, data in zip(numbers, files):
        picture = upright(decode_candidate(data, key, number, crop, info, source, alphas[0]), info.rotation)
        cells.append(_cell(picture, f"{number}", number == chosen))
    return encode_jpeg(_rows(cells), QUALITY)


def before_after_jpeg(source: Planes, result: Planes, box: Box, color: Color, rotation: int) -> bytes:
    """A JPEG of what is inside `box` before and after, and of the difference x8, side by side, as it is shown."""
    pair = [upright(view(planes.crop(box), color), rotation) for planes in (source, result)]
    apart = np.clip(cv2.absdiff(*pair).astype(np.uint16) * 8, 0, 255).astype(np.uint8)
    return encode_jpeg(_rows([_cell(picture, "", False) for picture in (*pair, apart)]), QUALITY)


def _cell(picture: Frame, label: str, chosen: bool) -> Frame:
    width = max(8, round(picture.shape[1] * CELL / picture.shape[0]))
    cell = np.ascontiguousarray(cv2.resize(picture, (width, CELL), interpolation=cv2.INTER_AREA))
    if chosen:
        cv2.rectangle(cell, (0, 0), (width - 1, CELL - 1), GREEN, 2 * BORDER)
    for color, thick in (((0, 0, 0), 3), ((255, 255, 255), 1)):
        cv2.putText(cell, label, (10, 22), cv2.FONT_HERSHEY_SIMPLEX, 0.55, color, thick, cv2.LINE_AA)
    return np.asarray(cv2.copyMakeBorder(cell, 0, BORDER, 0, BORDER, cv2.BORDER_CONSTANT), np.uint8)


def _rows(cells: Sequence[Frame]) -> Frame:
    """The cells in rows of ROW, black where a row is shorter."""
    rows = [np.hstack(cells[at : at + ROW]) for at in range(0, len(cells), ROW)]
    width = max(row.shape[1] for row in rows)
    return np.vstack([np.pad(row, ((0, 0), (0, width - row.shape[1]), (0, 0))) for row in rows])
