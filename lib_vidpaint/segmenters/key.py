"""A colour or luma key: everything of one colour, everything light or everything dark, judged frame by frame."""

from __future__ import annotations

import re
from collections.abc import Iterator

import cv2
import numpy as np

from ..blending import Floats
from ..errors import MaskError
from ..model import Frame, Mask
from ..pools import Threads
from ..progress import Progress
from . import Options, Shot

SOFT = 8.0
"""The soft edge: over so many Lab units beyond the tolerance the mask goes from white to black."""


class Key:
    """White where a pixel's distance from the key (Lab, about what the eye calls unlike; 0 to 100) is within tolerance."""

    seconds = 0.03
    uses = ("key", "tolerance")

    def __init__(self, options: Options) -> None:
        self.files: dict[str, str] = {}
        self.tolerance = options.tolerance
        self.target = lab_of(options.key)

    def masks(self, shot: Shot) -> Iterator[Mask]:
        yield from Threads().map(lambda picture: self.keyed(picture.crop(shot.whole)), shot.full(0, shot.count))

    def keyed(self, picture: Frame) -> Mask:
        """The mask of one RGB picture."""
        lab = cv2.cvtColor(picture.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
        axes = slice(0, len(self.target))
        far = np.sqrt(((lab[..., axes] - self.target) ** 2).sum(axis=2))
        return np.rint(np.clip(1 - (far - self.tolerance) / SOFT, 0, 1) * 255).astype(np.uint8)


def open_it(options: Options, progress: Progress) -> Key:
    return Key(options)


def lab_of(key: str) -> Floats:
    """A colour's Lab values, or the lightness alone for light (100) and dark (0). Raises MaskError."""
    word = key.strip().lower()
    if word in ("light", "dark"):
        return np.array([100 if word == "light" else 0], np.float32)
    if not re.fullmatch(r"#[0-9a-f]{6}", word):
        raise MaskError(f"mask.key: {key!r} is not a colour like #00ff00, light or dark.")
    rgb = np.array([[[int(word[i : i + 2], 16) / 255 for i in (1, 3, 5)]]], np.float32)
    return cv2.cvtColor(rgb, cv2.COLOR_RGB2LAB)[0, 0].astype(np.float32)
