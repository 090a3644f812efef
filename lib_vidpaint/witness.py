"""A second way to a frame's samples, for checking: it shares no code with `planes.py` and `pixels.py`."""

from __future__ import annotations

import re
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray


def samples(frame: av.VideoFrame) -> list[tuple[str, NDArray[Any]]]:
    """(luma, chroma or alpha; samples) of every component, in the order Y Cb Cr or R G B, then alpha.

    Layouts are read off their names. Only palettes and bitmaps go through libswscale: for big-endian p010 and its like it
    returned 8 wrong samples in every third conversion.
    """
    if frame.format.name == "pal8":
        frame = frame.reformat(format="rgba")
    elif frame.format.name in ("monob", "monow"):
        frame = frame.reformat(format="gray")
    name, parts = frame.format.name, frame.format.components
    found = []
    for part, letter in zip(parts, _letters(frame.format)):
        kind = {"a": "alpha", "u": "chroma", "v": "chroma"}.get(letter, "luma")
        found.append((kind, _component(frame, name, part, letter)))
    return found


def cell(frame: av.VideoFrame) -> tuple[int, int]:
    """(columns, rows) of luma that share a chroma sample."""
    layout = av.VideoFormat(frame.format.name, 64, 64)
    return 64 // layout.chroma_width(), 64 // layout.chroma_height()


def whole_cells(allowed: NDArray[np.bool_], cell: tuple[int, int]) -> NDArray[np.bool_]:
    """Which chroma samples may change: those whose every luma sample may."""
    across, down = cell
    whole = np.ones((-(-allowed.shape[0] // down), -(-allowed.shape[1] // across)), bool)
    for row in range(down):
        for column in range(across):
            part = allowed[row::down, column::across]
            whole[: part.shape[0], : part.shape[1]] &= part
    return whole


def _letters(layout: Any) -> str:
    count = len(layout.components)
    if layout.is_rgb:
        return "rgba"[:count]
    return "yuva"[:count] if count > 2 else "ya"[:count]


def _component(frame: av.VideoFrame, name: str, part: Any, letter: str) -> NDArray[Any]:
    """One component, taken out of its plane where that holds several."""
    columns, rows = cell(frame) if letter in "uv" else (1, 1)
    width, height = -(-frame.width // columns), -(-frame.height // rows)
    lines = _lines(frame.planes[part.plane], name)[:height]
    packed = re.match(r"(yuyv|uyvy|yvyu|ya|[rgba0]{3,4})(?=[0-9bl]|$)", name)
    if packed and not frame.format.is_planar:
        order = packed[1]
        return lines[:, order.index(letter) :: len(order) // order.count(letter)][:, :width]
    half = re.match(r"(nv|p[024])([0-9]+)", name)
    if half is None:
        return lines[:, :width]
    if letter in "uv":
        first = "vu" if name in ("nv21", "nv42") else "uv"
        lines = lines[:, first.index(letter) :: 2]
    return lines[:, :width] >> (16 - part.bits if half[1] != "nv" else 0)


def _lines(plane: Any, name: str) -> NDArray[Any]:
    rows = np.frombuffer(memoryview(plane), np.uint8).reshape(plane.height, -1)
    if plane.line_size < 0:
        rows = rows[::-1]
    deep = re.search(r"([lb])e$", name)
    return rows if deep is None else rows[:, : rows.shape[1] // 2 * 2].view("<u2" if deep[1] == "l" else ">u2")
