"""Videos that convince, as people see them: a grid of original, mask, result and difference; side by side; a wipe."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from .clip import Clip
from .encode import Encoding, Writer
from .model import Frame, Mask, VideoInfo
from .orientation import upright
from .planes import RGB_COLOR, Planes, planes_of, view
from .pools import Threads
from .progress import Progress
from .render import Edited
from .survey import proxy_info, reduced

CELL = 640
GAIN = 8
ENCODING = Encoding(
    "libx264", "yuv420p", "mp4", (("crf", "23"), ("preset", "veryfast"), ("mbtree", "0")), "to look at", web_audio=True
)
SWEEP = 4.0
"""Seconds in which the wipe goes once there and back."""
LINE = 2
"""Pixels of the line between the halves of a wipe, on either side."""


def grid(source: Frame, region: Mask, result: Frame, seconds: float = 0.0) -> Frame:
    """Four pictures in one, RGB uint8: original, and what of it is in the region (the rest dimmed), above; result and
    difference (grey = none) below. source and result (H, W, 3), region (H, W)."""
    inside = cv2.threshold(region, 127, 255, cv2.THRESH_BINARY)[1]
    marked = np.asarray(cv2.copyTo(source, inside, source >> 2), np.uint8)
    difference = np.asarray(cv2.addWeighted(result, GAIN, source, -GAIN, 128), np.uint8)
    cells = labelled({"original": source, "mask": marked, "result": result, f"difference x{GAIN}": difference})
    return np.vstack([np.hstack(cells[:2]), np.hstack(cells[2:])])


def side_by_side(source: Frame, region: Mask, result: Frame, seconds: float = 0.0) -> Frame:
    """Original and result beside each other."""
    return np.hstack(labelled({"original": source, "result": result}))


def wipe(source: Frame, region: Mask, result: Frame, seconds: float) -> Frame:
    """The original to the left of a line that sweeps over the result, there and back in SWEEP seconds."""
    width = source.shape[1]
    at = round(width * (0.5 - 0.5 * math.cos(2 * math.pi * seconds / SWEEP)))
    original, shown = labelled({"original": source, "": result})
    shown[:, :at] = original[:, :at]
    shown[:, max(0, at - LINE) : at + LINE] = 255
    return shown


def labelled(pictures: Mapping[str, Frame]) -> list[Frame]:
    """Copies of the pictures with their names written into the corner."""
    cells = [np.ascontiguousarray(picture).copy() for picture in pictures.values()]
    for cell, label in zip(cells, pictures):
        for color, width in (((0, 0, 0), 3), ((255, 255, 255), 1)):
            cv2.putText(cell, label, (10, 24), cv2.FONT_HERSHEY_SIMPLEX, 0.6, color, width, cv2.LINE_AA)
    return cells


Layout = Callable[[Frame, Mask, Frame, float], Frame]
LAYOUTS: dict[str, tuple[Layout, tuple[int, int]]] = {
    "comparison": (grid, (2, 2)),
    "side-by-side": (side_by_side, (2, 1)),
    "wipe": (wipe, (1, 1)),
}
"""How each video is laid out, and how many cells it has across and down."""


def write_comparisons(
    paths: Mapping[str, Path], clip: Clip, frames: Iterable[Edited], note: str, progress: Progress, total: int
) -> None:
    """Write those of LAYOUTS that have a path, as H.264, in one pass over the render; `note` goes into their metadata."""
    start, size, small = clip.pts[0], _cell_size(clip.info), proxy_info(clip.info, CELL)
    infos = {name: _info(clip.info, size, LAYOUTS[name][1]) for name in paths}

    def compared(frame: Edited) -> tuple[dict[str, Planes], int]:
        pictures = [view(reduced(planes, clip.info, small), small.color) for planes in (frame.source, frame.result)]
        source, result, region = (_cell(picture, clip.info, size) for picture in (*pictures, frame.region))
        seconds = float((frame.pts - start) * clip.info.time_base)
        laid = {name: planes_of(LAYOUTS[name][0](source, region, result, seconds)) for name in paths}
        return laid, frame.pts - start

    with ExitStack() as stack:
        writers = {
            name: stack.enter_context(Writer(path, infos[name], ENCODING, note=note)) for name, path in paths.items()
        }
        for done, (laid, pts) in enumerate(Threads().map(compared, frames), 1):
            for name, planes in laid.items():
                writers[name].write(planes, pts)
            progress.step("comparison", done, total)


def _info(info: VideoInfo, size: tuple[int, int], cells: tuple[int, int]) -> VideoInfo:
    return replace(
        info, width=cells[0] * size[0], height=cells[1] * size[1], pixel_format="yuv420p", color=RGB_COLOR, rotation=0,
        interlaced="", sample_aspect=Fraction(1), audio=(), others=(),
    )  # fmt: skip


def _cell_size(info: VideoInfo) -> tuple[int, int]:
    """(width, height) of one cell: even, upright, square pixels, at most CELL wide or high."""
    width, height = info.width * float(info.sample_aspect), float(info.height)
    if info.rotation % 180:
        width, height = height, width
    scale = min(1.0, CELL / max(width, height))
    return max(2, round(width * scale / 2) * 2), max(2, round(height * scale / 2) * 2)


def _cell(picture: NDArray[np.uint8], info: VideoInfo, size: tuple[int, int]) -> NDArray[np.uint8]:
    return np.asarray(cv2.resize(upright(picture, info.rotation), size, interpolation=cv2.INTER_AREA), np.uint8)
