"""Clothing (upper, lower or full garments), by rembg's u2net_cloth_seg, frame by frame."""

from __future__ import annotations

import numpy as np

from ..model import Frame, Mask
from ..progress import Progress
from . import Options
from .rembg import Rembg, open_session

MODEL = "u2net_cloth_seg"


class Clothing(Rembg):
    """One of the three garments."""

    seconds = 3.0
    uses = ("clothing",)

    def __init__(self, options: Options, progress: Progress) -> None:
        self.files, self.garment = {}, options.clothing
        self.session = open_session(MODEL, progress=progress)

    def mask(self, frame: Frame) -> Mask:
        from PIL import Image

        picture = Image.fromarray(np.ascontiguousarray(frame))
        return np.array(self.session.predict(picture, cloth_category=self.garment)[0].convert("L"))


def open_it(options: Options, progress: Progress) -> Clothing:
    return Clothing(options, progress)
