"""The video that convinces: original | mask over result | difference x8, two by two, as people see it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from .clip import Clip
from .encode import Writer, share_encoding
from .model import Frame
from .orientation import upright
from .planes import RGB_COLOR, planes_of, view
from .progress import Progress
from .render import Edited

CELL = 640
GAIN = 8
LABELS = ("original", "mask", "result", f"difference x{GAIN}")


def grid(source: Frame, region: Frame, result: Frame) -> Frame:
    """The four pictures in one, RGB uint8: original and mask above, result and difference (grey = none) below."""
    difference = np.clip(128 + GAIN * (result.astype(np.int16) - source), 0, 255).astype(np.uint8)
    cells = [np.ascontiguousarray(cell) for cell in (source, region, result, difference)]
    for cell, label in zip(cells, LABELS):
        for color, width in (((0, 0, 0), 3), ((255, 255, 255), 1)):
            cv2.putText(cell, label, (10, 24), cv2.FONT_HERSHEY_SIMPLEX, 0.6, color, width, cv2.LINE_AA)
    return np.vstack([np.hstack(cells[:2]), np.hstack(cells[2:])])


def write_comparison(path: Path, clip: Clip, frames: Iterable[Edited], progress: Progress, total: int) -> None:
    """Write the comparison of every frame of the render as H.264."""
    start = clip.pts[0]
    first_size = _cell_size(clip)
    info = replace(
        clip.info, width=2 * first_size[0], height=2 * first_size[1], pixel_format="yuv420p", color=RGB_COLOR, rotation=0,
        interlaced="", sample_aspect=1, audio=(), others=(),
    )  # fmt: skip
    with Writer(path, info, share_encoding(info, 20)) as writer:
        for frame in frames:
            pictures = [view(frame.source, clip.info.color), _marked(frame, clip), view(frame.result, clip.info.color)]
            cells = [_cell(picture, clip, first_size) for picture in pictures]
            writer.write(planes_of(grid(*cells)), frame.pts - start)
            progress.step("comparison", frame.index + 1, total)


def _marked(frame: Edited, clip: Clip) -> Frame:
    """The source dimmed outside the region."""
    picture = view(frame.source, clip.info.color)
    return np.where(frame.region[..., None] > 0, picture, picture // 4).astype(np.uint8)


def _cell_size(clip: Clip) -> tuple[int, int]:
    """(width, height) of one cell: even, upright, square pixels, at most CELL wide or high."""
    width, height = clip.info.width * float(clip.info.sample_aspect), float(clip.info.height)
    if clip.info.rotation % 180:
        width, height = height, width
    scale = min(1.0, CELL / max(width, height))
    return max(2, round(width * scale / 2) * 2), max(2, round(height * scale / 2) * 2)


def _cell(picture: Frame, clip: Clip, size: tuple[int, int]) -> Frame:
    return np.asarray(cv2.resize(upright(picture, clip.info.rotation), size, interpolation=cv2.INTER_AREA), np.uint8)
