"""Noise of a picture: how strong and how coarse it is, and more of the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from .model import Mask
from .pixels import Samples
from .planes import Planes

FLAT = 20
"""Percentile of the places whose noise counts: what is flat there shows noise, the rest shows texture."""
WINDOW = 9
LAPLACE = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)
BLURS = (0.0, 0.5, 0.7)
"""Coarser noise leaves too little for Laplacians to tell its strength (a 40th at 1.0): it is taken to be 0.7, and so weaker."""
VISIBLE, LACKING = 0.8, 0.75
"""A source is noisy from VISIBLE codes of 255 on; a patch lacks noise when it has less than LACKING of the source's."""


@dataclass(frozen=True)
class Grain:
    """Noise of one component: its deviation in codes, and the deviation of the Gaussian that makes white noise as coarse."""

    deviation: float = 0.0
    blur: float = 0.0


def noise(samples: Samples, inside: Mask | None = None) -> float:
    """The deviation of the noise in a component (H, W), in codes; 0 where nothing flat is `inside` (uint8, not 0).

    From the difference of two Laplacians, which passes over edges that are straight (Immerkaer 1996), at the flattest
    places. White noise of deviation 1 to 20 is found within 6 %.
    """
    if min(samples.shape) < WINDOW + 2:
        return 0.0
    found = np.abs(cv2.filter2D(samples.astype(np.float32), cv2.CV_32F, LAPLACE, borderType=cv2.BORDER_REFLECT))
    local = cv2.blur(found, (WINDOW, WINDOW))
    where = np.ones(samples.shape, bool)
    if inside is not None:
        padded = cv2.copyMakeBorder((inside != 0).astype(np.uint8), 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)
        where = cv2.erode(padded, np.ones((WINDOW + 2, WINDOW + 2), np.uint8))[1:-1, 1:-1] > 0
    if not where.any():
        return 0.0
    return float(np.percentile(local[where], FLAT)) * float(np.sqrt(np.pi / 2)) / 6 * 1.12


def grain(samples: Samples, inside: Mask | None = None) -> Grain:
    """The noise of a component with its coarseness, told from how much of it is left at half the size."""
    deviation = noise(samples, inside)
    if deviation <= 0:
        return Grain()
    size = samples.shape[1] // 2, samples.shape[0] // 2
    half = np.asarray(cv2.resize(samples.astype(np.float32), size, interpolation=cv2.INTER_AREA))
    small = None if inside is None else np.asarray(cv2.resize(inside, size, interpolation=cv2.INTER_NEAREST), np.uint8)
    left = noise(half, small) / deviation
    return Grain(round(deviation, 3), min(BLURS, key=lambda blur: abs(_left(blur) - left)))


@cache
def _left(blur: float) -> float:
    """What `grain` finds left at half the size of white noise that was blurred so."""
    field = _field((256, 256), blur, 0) * 8
    half = np.asarray(cv2.resize(field, (128, 128), interpolation=cv2.INTER_AREA))
    return noise(half) / noise(field)


def _field(shape: tuple[int, int], blur: float, seed: int) -> NDArray[np.float32]:
    field = np.random.default_rng(seed).standard_normal(shape, np.float32)
    return np.asarray(cv2.GaussianBlur(field, (0, 0), blur) if blur else field, np.float32)


@cache
def _strength(blur: float) -> float:
    """The factor by which `noise` of a blurred field of deviation 1 must be multiplied to be 1."""
    return 8 / noise(_field((256, 256), blur, 1) * 8)


def grainy(planes: Planes, grains: Sequence[Grain], weight: NDArray[np.float32], seed: int) -> Planes:
    """The picture with noise of its own added to every component, `weight` (H, W) 0..1 times as strong; codes of `grains`.

    The same seed gives the same noise.
    """
    arrays = []
    for number, (array, wanted) in enumerate(zip(planes.arrays, grains)):
        rows, columns = array.shape
        here = cv2.resize(weight, (columns, rows), interpolation=cv2.INTER_AREA)
        field = _field(array.shape, wanted.blur, seed * 8 + number) * np.float32(
            wanted.deviation * _strength(wanted.blur)
        )
        noisy = np.rint(array + field * here)
        arrays.append(np.clip(noisy, 0, (1 << planes.format.bits) - 1).astype(array.dtype))
    return Planes(planes.format, (*arrays, *planes.arrays[len(arrays) :]))


def lacking(source: Sequence[Grain], patch: Sequence[Grain], bits: int, always: bool = False) -> tuple[Grain, ...]:
    """The noise that a patch needs to be as noisy as its source, component by component; nothing (an empty tuple) where the
    source has none to speak of or the patch has enough, unless `always`."""
    if not source or not patch:
        return ()
    first, own = source[0].deviation / (1 << (bits - 8)), patch[0].deviation / (1 << (bits - 8))
    if not always and (first < VISIBLE or own > LACKING * first):
        return ()
    rest = [np.sqrt(max(0.0, s.deviation**2 - p.deviation**2)) for s, p in zip(source, patch)]
    if not any(rest):
        return ()
    return tuple(Grain(round(float(left), 3), s.blur) for left, s in zip(rest, source))
