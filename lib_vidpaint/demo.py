"""The demo: a hand-held shot of an astronaut (scikit-image's NASA portrait), and a channel's logo taken off it.

Made from a picture that comes with scikit-image, so nothing is downloaded; where the logo is, is known because it is
ours. It stays where it is while the camera pans, so other frames show what it hides. Takes some ten seconds.
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
LOGO, CORNER = "ASTRO TV", (262, 364)
SOURCE = Encoding("libx264", "yuv420p", "mp4", (("crf", "12"), ("preset", "fast")), "the demo's footage")


def make_demo(folder: Path, progress: Progress | None = None) -> Path:
    """Write source.mp4 and mask.mp4 to `folder`, edit them in folder/project; returns the before/after picture."""
    source, mask = folder / "source.mp4", folder / "mask.mp4"
    if not (source.exists() and mask.exists()):
        folder.mkdir(parents=True, exist_ok=True)
        _film(source, mask)
    values = {"source.path": str(source), "mask.path": str(mask)}
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
    """The footage with the logo in it: RGB (SIZE, SIZE, 3) and the logo's mask of the same size, FRAMES times."""
    from skimage import data

    portrait, noise = data.astronaut(), np.random.default_rng(7)
    sign, mask = _logo()
    for index in range(FRAMES):
        turn = _camera(index / FRAMES)
        frame = cv2.warpAffine(portrait, turn, (SIZE, SIZE), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT)
        light = 1 + 0.06 * np.sin(2 * np.pi * index / FRAMES)
        grainy = np.clip(frame * light + noise.normal(0, 2.5, frame.shape), 0, 255)
        cover = 0.9 * (mask[..., None] / 255)
        yield np.rint(cover * sign + (1 - cover) * grainy).astype(np.uint8), mask


def _logo() -> tuple[Frame, Mask]:
    """A sign with rounded ends and a name, and its mask, both of the frame's size."""
    (x, y), (width, height) = CORNER, (164, 52)
    mask = np.zeros((SIZE, SIZE), np.uint8)
    for end in (x + height // 2, x + width - height // 2):
        cv2.circle(mask, (end, y + height // 2), height // 2, 255, -1, cv2.LINE_AA)
    cv2.rectangle(mask, (x + height // 2, y), (x + width - height // 2, y + height), 255, -1)
    sign = np.full((SIZE, SIZE, 3), (206, 32, 48), np.uint8)
    cv2.putText(sign, LOGO, (x + 18, y + 34), cv2.FONT_HERSHEY_DUPLEX, 0.8, (255, 255, 255), 2, cv2.LINE_AA)
    return sign, mask


def _camera(time: float) -> np.ndarray:
    """The 2x3 affine matrix from the portrait to the frame at `time` 0 to 1: a pan with an unsteady hand."""
    angle = 1.5 * np.sin(2 * np.pi * time) + 0.5 * np.sin(14 * np.pi * time)
    eye = 165 + 150 * time, 195 + 25 * np.sin(2 * np.pi * time)
    turn = cv2.getRotationMatrix2D(eye, angle, 1.45 + 0.1 * time)
    turn[:, 2] += SIZE / 2 - np.array(eye) + [3 * np.sin(12 * np.pi * time), 3 * np.cos(10 * np.pi * time)]
    return turn


def _film(source: Path, mask: Path) -> None:
    info = VideoInfo(SIZE, SIZE, "yuv420p", "h264", "mp4", FPS, 1 / FPS, RGB_COLOR)
    with Writer(source, info, SOURCE) as film, Writer(mask, gray_info(SIZE, SIZE, FPS), gray_encoding()) as matte:
        for index, (frame, logo) in enumerate(shots()):
            film.write(planes_of(frame), index)
            matte.write(gray_planes(logo), index)
