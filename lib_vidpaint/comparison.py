"""The video that convinces: original | mask over result | difference x8, two by two, as people see it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from .clip import Clip
from .encode import Writer, share_encoding
from .model import Frame, Mask, VideoInfo
from .orientation import upright
from .planes import RGB_COLOR, Planes, planes_of, view
from .pools import Threads
from .progress import Progress
from .render import Edited
from .survey import proxy_info, reduced

CELL = 640
GAIN = 8
CRF = 20
LABELS = ("original", "mask", "result", f"difference x{GAIN}")


def grid(source: Frame, region: Mask, result: Frame) -> Frame:
    """Four pictures in one, RGB uint8: original, and what of it is in the region (the rest dimmed), above; result and
    difference (grey = none) below. source and result (H, W, 3), region (H, W)."""
    marked = np.where(region[..., None] > 127, source, source // 4).astype(np.uint8)
    difference = np.clip(128 + GAIN * (result.astype(np.int16) - source), 0, 255).astype(np.uint8)
    cells = [np.ascontiguousarray(cell) for cell in (source, marked, result, difference)]
    for cell, label in zip(cells, LABELS):
        for color, width in (((0, 0, 0), 3), ((255, 255, 255), 1)):
            cv2.putText(cell, label, (10, 24), cv2.FONT_HERSHEY_SIMPLEX, 0.6, color, width, cv2.LINE_AA)
    return np.vstack([np.hstack(cells[:2]), np.hstack(cells[2:])])


def write_comparison(path: Path, clip: Clip, frames: Iterable[Edited], progress: Progress, total: int) -> None:
    """Write the comparison of every frame of the render as H.264."""
    start, size, small = clip.pts[0], _cell_size(clip.info), proxy_info(clip.info, CELL)
    info = replace(
        clip.info, width=2 * size[0], height=2 * size[1], pixel_format="yuv420p", color=RGB_COLOR, rotation=0,
        interlaced="", sample_aspect=Fraction(1), audio=(), others=(),
    )  # fmt: skip

    def compared(frame: Edited) -> tuple[Planes, int]:
        pictures = [view(reduced(planes, clip.info, small), small.color) for planes in (frame.source, frame.result)]
        source, result, region = (_cell(picture, clip.info, size) for picture in (*pictures, frame.region))
        return planes_of(grid(source, region, result)), frame.pts - start

    with Writer(path, info, share_encoding(info, CRF)) as writer:
        for done, (planes, pts) in enumerate(Threads().map(compared, frames), 1):
            writer.write(planes, pts)
            progress.step("comparison", done, total)


def _cell_size(info: VideoInfo) -> tuple[int, int]:
    """(width, height) of one cell: even, upright, square pixels, at most CELL wide or high."""
    width, height = info.width * float(info.sample_aspect), float(info.height)
    if info.rotation % 180:
        width, height = height, width
    scale = min(1.0, CELL / max(width, height))
    return max(2, round(width * scale / 2) * 2), max(2, round(height * scale / 2) * 2)


def _cell(picture: NDArray[np.uint8], info: VideoInfo, size: tuple[int, int]) -> NDArray[np.uint8]:
    return np.asarray(cv2.resize(upright(picture, info.rotation), size, interpolation=cv2.INTER_AREA), np.uint8)
