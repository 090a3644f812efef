"""The engine that is always there: fills the hole with what other moments of the shot show, the rest from around it.

No weights, no GPU, no prompt.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import cv2
import numpy as np

from ..alignment import agreeing, aligned
from ..filling import Choices, Taste, montage, smooth_fill, with_grain
from ..model import Frame
from ..pools import Threads
from ..upscalers import Upscalers
from . import MULTIPLES, InpaintJob, Painted, Sampling

METHODS = ((cv2.INPAINT_TELEA, "Telea 2004"), (cv2.INPAINT_NS, "Navier-Stokes, Bertalmio 2001"))
BAD_FIT = 3.0
"""A donor this many times further off around the hole than the best one shows something else."""


class Builtin:
    """Removes what the mask covers. It has no idea of the picture, so prompt and denoise mean nothing to it.

    Seeds choose among the donors, by which rules, and how the rest is filled: see `_taste`.
    """

    name = "builtin"
    multiple = MULTIPLES["builtin"]

    def __init__(self, weights: str = "") -> None:
        """`weights`: a file or folder of upscalers."""
        self._upscalers = Upscalers(weights)
        self._last: tuple[InpaintJob, Choices | None] | None = None

    def names(self, kind: str) -> list[str]:
        return self._upscalers.names() if kind == "upscaler" else []

    def prepared(self, sampling: Sampling | None = None) -> AbstractContextManager[tuple[str, ...]]:
        return nullcontext(())

    def inpaint(self, job: InpaintJob) -> list[Painted]:
        hole = job.mask > 0
        if hole.all() or not hole.any():
            return [Painted(job.crop.copy(), seed, _words(seed, 0, 0)) for seed in job.seeds]
        choices = self._compared(job)
        return list(Threads().map(lambda seed: _painted(job, hole, choices, seed), job.seeds))

    def _compared(self, job: InpaintJob) -> Choices | None:
        """The donors that fit, laid over the crop; kept for the next batch of the same keyframe."""
        if self._last and self._last[0].donors is job.donors:
            before, choices = self._last
            if np.array_equal(before.crop, job.crop) and np.array_equal(before.mask, job.mask):
                return choices
        laid = Threads().map(lambda donor: aligned(job.crop, job.mask, *donor), job.donors)
        pairs = [(donor, one) for donor, one in zip(job.donors, laid) if one is not None]
        limit = BAD_FIT * max(min((one.error for _, one in pairs), default=0.0), 1.0)
        pairs = [(donor, one) for donor, one in pairs if one.error <= limit]
        found = agreeing(job.crop, job.mask, [donor for donor, _ in pairs], [one for _, one in pairs])
        choices = Choices(job.crop, job.mask, found) if found else None
        self._last = job, choices
        return choices

    def upscale(self, frame: Frame, model: str, scale: float) -> Frame:
        return self._upscalers.upscale(frame, model, scale)


def _painted(job: InpaintJob, hole: np.ndarray, choices: Choices | None, seed: int) -> Painted:
    taste = _taste(seed, choices.donors if choices else 0)
    picture, copied, unseen = job.crop.astype(np.float32), np.zeros_like(hole), hole
    if choices:
        cut, content = choices.box.slices, montage(choices, taste)
        inside = hole[cut]
        picture[cut][inside] = content.picture[inside]
        copied[cut] = content.copied & inside
        unseen = np.zeros_like(hole)
        unseen[cut] = content.unseen & inside
    picture = smooth_fill(picture, unseen, taste)
    picture = with_grain(picture, job.crop, job.mask, hole & ~copied, seed)
    exact = np.where(hole[..., None], np.clip(np.rint(picture), 0, 255), job.crop).astype(np.uint8)
    return Painted(exact, seed, _words(seed, len(taste.donors), 1 - copied.sum() / hole.sum()))


def _taste(seed: int, donors: int) -> Taste:
    """What a seed stands for: of four in a row the first two go by what most donors show, the others by what fits
    best around the hole and by nearness; from the fifth on each leaves a quarter of the donors out, by chance."""
    kind = seed % 4
    rng = np.random.default_rng(seed)
    used = range(donors)
    if seed % 8 >= 4 and donors > 3:
        used = sorted(rng.permutation(donors)[: -(donors // 4)])
    agreement, fit, order = ((1.0, 1.0, 0.25), (2.0, 1.0, 0.0), (0.5, 3.0, 0.25), (0.5, 1.0, 1.0))[(kind - 1) % 4]
    method, _ = METHODS[seed % 2]
    return Taste(tuple(int(i) for i in used), agreement, fit, order, method, 3 + 2 * (seed // 2 % 4))


def _words(seed: int, donors: int, made_up: float) -> str:
    title, radius = METHODS[seed % 2][1], 3 + 2 * (seed // 2 % 4)
    seen = f"from {donors} other moments, {made_up:.0%} made up: " if donors else ""
    return f"built-in fill: {seen}{title}, radius {radius}, Seed: {seed}"
