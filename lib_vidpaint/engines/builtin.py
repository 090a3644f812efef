"""The engine that is always there: fills the hole from its surroundings with OpenCV. No weights, no GPU, no prompt."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import cv2
import numpy as np

from ..errors import EngineError
from ..model import Frame
from . import MULTIPLES, InpaintJob, Painted, Sampling

METHODS = ((cv2.INPAINT_TELEA, "Telea 2004"), (cv2.INPAINT_NS, "Navier-Stokes, Bertalmio 2001"))


class Builtin:
    """Removes what the mask covers. It has no idea of the picture, so prompt and denoise mean nothing to it.

    Seeds choose method and radius: even seeds Telea's, odd ones the Navier-Stokes fill, radius 3 to 9 pixels.
    """

    name = "builtin"
    multiple = MULTIPLES["builtin"]

    def names(self, kind: str) -> list[str]:
        return ["Lanczos"] if kind == "upscaler" else []

    def prepared(self, sampling: Sampling | None = None) -> AbstractContextManager[tuple[str, ...]]:
        return nullcontext(())

    def inpaint(self, job: InpaintJob) -> list[Painted]:
        hole = (job.mask > 0).astype(np.uint8)
        painted = []
        for seed in job.seeds:
            method, title = METHODS[seed % 2]
            radius = 3 + 2 * (seed // 2 % 4)
            picture = (
                job.crop.copy()
                if hole.all() or not hole.any()
                else np.asarray(cv2.inpaint(job.crop, hole, radius, method), np.uint8)
            )
            painted.append(Painted(picture, seed, f"built-in fill: {title}, radius {radius}, Seed: {seed}"))
        return painted

    def upscale(self, frame: Frame, model: str, scale: float) -> Frame:
        if model != "Lanczos":
            raise EngineError(f"The built-in engine has no upscaler {model!r}, only Lanczos.")
        size = (round(frame.shape[1] * scale), round(frame.shape[0] * scale))
        return np.asarray(cv2.resize(frame, size, interpolation=cv2.INTER_LANCZOS4), np.uint8)
