"""Sheets: several keyframes' crops as one picture, so that a painter makes them alike, and the picture cut apart again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from .crops import resized
from .model import Frame, Mask

Sheet = Literal["off", "2x1", "2x2", "3x3"]


@dataclass(frozen=True)
class Unit:
    """Keyframes that are painted together, in order; `other` is a keyframe that they are shown, painted before (None: none)."""

    keys: tuple[int, ...]
    other: int | None = None


def grid(sheet: Sheet) -> tuple[int, int]:
    """(columns, rows) of a sheet; (1, 1) without."""
    if sheet == "off":
        return 1, 1
    columns, rows = sheet.split("x")
    return int(columns), int(rows)


def joined(pictures: Sequence[Frame] | Sequence[Mask], columns: int, rows: int) -> Frame | Mask:
    """The pictures row by row in one, all at the size of the last; cells that are left over show the last one again, a mask
    nothing."""
    height, width = pictures[-1].shape[:2]
    cells = [resized(picture, (width, height)) for picture in pictures]
    spare = cells[-1] if cells[-1].ndim == 3 else np.zeros_like(cells[-1])
    cells += [spare] * (columns * rows - len(cells))
    return np.vstack([np.hstack(cells[at : at + columns]) for at in range(0, columns * rows, columns)])


def cut_apart(sheet: Frame, columns: int, rows: int) -> list[Frame]:
    """The cells of a sheet, row by row."""
    height, width = sheet.shape[0] // rows, sheet.shape[1] // columns
    corners = ((y * height, x * width) for y in range(rows) for x in range(columns))
    return [np.ascontiguousarray(sheet[y : y + height, x : x + width]) for y, x in corners]


def units(shot: Sequence[tuple[int, int | None]], sheet: Sheet, known: Sequence[Unit] = ()) -> list[Unit]:
    """The keyframes of one shot in painting order, each with the one before it, put on sheets; without sheets one each.

    Every sheet but a shot's first shows a keyframe that is painted already. Sheets in `known` stay as they are while all
    their keyframes are there, so that a new keyframe repaints no other.
    """
    columns, rows = grid(sheet)
    cells = columns * rows
    if cells == 1:
        return [Unit((key,), other) for key, other in shot]
    before = dict(shot)
    kept = [unit for unit in known if {*unit.keys, unit.other} - {None} <= set(before)]
    done = {key for unit in kept for key in unit.keys}
    left = [key for key, _ in shot if key not in done]
    made = list(kept)
    while left:
        painted = [key for unit in made for key in unit.keys]
        count = cells - bool(painted)
        keys = tuple(left[:count])
        other = _shown(before, keys, painted)
        made.append(Unit(keys, other))
        left = left[count:]
    return made


def _shown(before: dict[int, int | None], keys: Sequence[int], painted: Sequence[int]) -> int | None:
    """Of what is painted already the keyframe that a new sheet shows: the one before its first, else the nearest."""
    if not painted:
        return None
    wished = before[keys[0]]
    return wished if wished in painted else min(painted, key=lambda key: abs(key - keys[0]))
