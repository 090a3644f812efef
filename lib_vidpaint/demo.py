"""The demo: a hand-held shot of an astronaut (scikit-image's NASA portrait), and her mission patch taken off the suit.

Made from a picture that comes with scikit-image, so nothing is downloaded; the moving mask is known because the camera
is ours. A second of it takes a few seconds to edit without a GPU.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from itertools import islice
from pathlib import Path

import cv2
import numpy as np

from . import session
from .atomic import write_bytes
from .clip import read_planes_of
from .encode import Encoding, Writer, gray_encoding, gray_info, gray_planes
from .model import Frame, Mask, VideoInfo
from .pictures import encode_jpeg
from .planes import RGB_COLOR, planes_of, view
from .progress import Progress

SIZE, FRAMES, FPS = 448, 72, Fraction(24)
BADGE, RADIUS = (170.0, 385.0), 51
SUBPIXEL_BITS = 4
SOURCE = Encoding("libx264", "yuv420p", "mp4", (("crf", "12"), ("preset", "fast")), "the demo's footage")


def make_demo(folder: Path, progress: Progress | None = None) -> Path:
    """Write source.mp4 and mask.mp4 to `folder`, edit them in folder/project; returns the before/after picture."""
    source, mask = folder / "source.mp4", folder / "mask.mp4"
    if not (source.exists() and mask.exists()):
        folder.mkdir(parents=True, exist_ok=True)
        _film(source, mask)
    values = {"source.path": str(source), "mask.path": str(mask), "mask.grow": 0.0}
    session.run(folder / "project", values, preset="remove", progress=progress)
    picture = folder / "before-after.jpg"
    write_bytes(picture, encode_jpeg(before_after(source, folder / "project" / "master.mp4", FRAMES // 2)))
    return picture


def before_after(source: Path, master: Path, index: int) -> Frame:
    """One frame of the original, of the result, and their difference x8 around grey, side by side."""
    before, after = (next(islice(read_planes_of(path), index, None)) for path in (source, master))
    before, after = view(before, RGB_COLOR), view(after, RGB_COLOR)
    difference = np.clip(128 + 8 * (after.astype(np.int16) - before), 0, 255).astype(np.uint8)
    return np.hstack([before, after, difference])


def shots() -> Iterator[tuple[Frame, Mask]]:
    """The footage and the badge in it: RGB (SIZE, SIZE, 3) and a mask of the same size, FRAMES times."""
    from skimage import data

    portrait, noise = data.astronaut(), np.random.default_rng(7)
    for index in range(FRAMES):
        turn = _camera(index / FRAMES)
        frame = cv2.warpAffine(portrait, turn, (SIZE, SIZE), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT)
        light = 1 + 0.06 * np.sin(2 * np.pi * index / FRAMES)
        grainy = frame * light + noise.normal(0, 2.5, frame.shape)
        mask = np.zeros((SIZE, SIZE), np.uint8)
        middle = turn @ np.array([*BADGE, 1.0])
        scale = float(np.hypot(*turn[0, :2]))
        one = 1 << SUBPIXEL_BITS
        center = round(middle[0] * one), round(middle[1] * one)
        cv2.circle(mask, center, round(RADIUS * scale * one), 255, -1, cv2.LINE_AA, SUBPIXEL_BITS)
        yield np.clip(grainy, 0, 255).astype(np.uint8), mask


def _camera(time: float) -> np.ndarray:
    """The 2x3 affine matrix from the portrait to the frame at `time` 0 to 1: a slow push in with an unsteady hand."""
    angle = 2.5 * np.sin(2 * np.pi * time) + 0.6 * np.sin(14 * np.pi * time)
    turn = cv2.getRotationMatrix2D((230, 300), angle, 1.05 + 0.2 * time)
    turn[:, 2] += SIZE / 2 - np.array([230, 270]) + [14 * np.sin(4 * np.pi * time), 8 * np.cos(6 * np.pi * time)]
    return turn


def _film(source: Path, mask: Path) -> None:
    info = VideoInfo(SIZE, SIZE, "yuv420p", "h264", "mp4", FPS, 1 / FPS, RGB_COLOR)
    with Writer(source, info, SOURCE) as film, Writer(mask, gray_info(SIZE, SIZE, FPS), gray_encoding()) as matte:
        for index, (frame, badge) in enumerate(shots()):
            film.write(planes_of(frame), index)
            matte.write(gray_planes(badge), index)
