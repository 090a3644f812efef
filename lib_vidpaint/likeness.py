"""How alike the edits of two keyframes are: the one is followed to the other along the source's motion, seen small."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from . import flow
from .agreement import FEWEST, GROSS, TILE, Sketch, brightening
from .blending import Floats, masked_mean

OUTVOTED = 1.5
"""Of three edits with errors of one size, the middle one's squares to both others are twice that between the others. From 1.5
times on, its own error is more than that of the others' mean, which takes its place where it is dropped: so in seven of
eight mended keyframes of four clips, by up to 2.6 dB, and below 1.5 keeping it was right in one of two."""
NEGLIGIBLE = 3.0
"""Levels of error of its own up to which an edit is not worth dropping."""
FINE, BROAD = 1.0, TILE / 8
"""Deviations, in compared pixels, between which a difference counts as one of texture: below is noise, above is tone."""


@dataclass(frozen=True)
class Unlike:
    """What sets an edit apart from another. tone: difference of the mean colours, in levels. texture: deviation of what
    else differs in detail, in levels. shift, size: how far it is displaced, and how much larger or smaller it is, beyond
    what the source did, in % of the region's side. focus: logarithm of how much sharper or softer, against the source. apart: the mean
    square of all that differs, in levels. cast: how much lighter each colour is on average, in levels.
    """

    tone: float
    texture: float
    shift: float
    size: float
    focus: float
    apart: float = 0.0
    cast: tuple[float, float, float] = (0.0, 0.0, 0.0)

    @property
    def turned(self) -> Unlike:
        """The same seen from the other edit."""
        red, green, blue = self.cast
        return replace(self, cast=(-red, -green, -blue))


def unlike(a: Sketch, b: Sketch) -> Unlike | None:
    """What sets the first candidates of two sketches apart, None where nothing could be followed from one to the other."""
    there, back = (flow.dense_flow(x.source, y.source, x.mask, y.mask) for x, y in ((a, b), (b, a)))
    trusted = flow.confidence(there, back) > 0.5
    followed = (a.mask > 0) & (flow.warp(b.mask, there) > 127) & trusted
    if np.count_nonzero(followed) < FEWEST:
        return None
    source = flow.warp(b.source, there)
    lit = brightening(a.source, source, followed)
    other, source = (np.clip(x * lit, 0, 255) for x in (flow.warp(b.candidates[0], there), source))
    painted, ours = a.candidates[0].astype(np.float32), a.source.astype(np.float32)
    cast, texture, apart = _coloured(painted - other, (painted - ours) - (other - source), followed)
    shift, size = _displaced(a, other, source, followed)
    tone = sum(map(abs, cast)) / 3
    return Unlike(tone, texture, shift, size, abs(_sharper(a) - _sharper(b)), apart, cast)


def typical(found: Sequence[Unlike]) -> Unlike:
    """The lower median of each number: an edit that is like half of its neighbours is no stranger. `found` is not empty."""
    names = ("tone", "texture", "shift", "size", "focus")
    rows = np.sort([[getattr(one, name) for name in names] for one in found], axis=0)
    red, green, blue = (float(x) for x in np.median([one.cast for one in found], axis=0))
    return Unlike(*map(float, rows[(len(found) - 1) // 2]), cast=(red, green, blue))


def outvoted(one: float, other: float, between: float) -> bool:
    """Whether an edit is farther from what is right than its two neighbours' mean, by how far `apart` it is from each and
    they are from each other: of three with errors of their own, each one's shows in what it differs from both (the
    three-cornered hat, Grubbs 1948)."""
    own = (one + other - between) / 2
    return 0 < between < (one + other) / OUTVOTED and own > NEGLIGIBLE**2


def _coloured(
    pixels: Floats, change: Floats, where: NDArray[np.bool_]
) -> tuple[tuple[float, float, float], float, float]:
    """(cast, texture, apart) of a difference, the smaller of that of the pictures and that of what was changed in them:
    paint may cover the source's own changes or ride on them."""
    weight = where.astype(np.float32)
    means = [x[where].mean(axis=0) for x in (pixels, change)]
    red, green, blue = (float(x) for x in min(means, key=lambda mean: float(np.abs(mean).mean())))
    fine = (masked_mean(x, weight, FINE) - masked_mean(x, weight, BROAD) for x in (pixels, change))
    return (red, green, blue), _least(fine, where) ** 0.5, _least((pixels, change), where)


def _least(pair: Iterable[Floats], where: NDArray[np.bool_]) -> float:
    """The mean square of the smaller of both, place by place."""
    return float(np.square(np.minimum(np.minimum(*(np.abs(x[where]) for x in pair)), GROSS)).mean())


def _displaced(a: Sketch, other: Floats, source: Floats, where: NDArray[np.bool_]) -> tuple[float, float]:
    """(shift, size) in percent: the flow between the edits beyond that which is left between the sources."""
    mask = where.astype(np.uint8) * np.uint8(255)
    pairs = (a.candidates[0], other), (a.source, source)
    edits, sources = (flow.dense_flow(x, np.rint(y).astype(np.uint8), mask, mask) for x, y in pairs)
    moved, places = (edits - sources)[where], np.argwhere(where)[:, ::-1].astype(np.float32)
    middle, places = np.median(moved, axis=0), places - places.mean(axis=0)
    growth = float((places * (moved - middle)).sum() / np.square(places).sum())
    return float(np.hypot(*middle)) / TILE * 100, abs(growth) * 100


def _sharper(sketch: Sketch) -> float:
    """Logarithm of the edit's mean gradient over the source's."""
    inside = np.asarray(cv2.erode(sketch.mask, np.ones((3, 3), np.uint8)), np.uint8)
    return float(np.log((_gradient(sketch.candidates[0], inside) + 0.5) / (_gradient(sketch.source, inside) + 0.5)))


def _gradient(picture: NDArray[np.uint8], mask: NDArray[np.uint8]) -> float:
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    along = [cv2.Sobel(grey, cv2.CV_32F, *order, ksize=3, scale=1 / 8) for order in ((1, 0), (0, 1))]
    return cv2.mean(cv2.magnitude(*along), mask)[0]
