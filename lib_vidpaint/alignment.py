"""Laying a donor over a crop: what surrounds the hole says how, first by one motion for all, then by a smooth rest.

Nothing inside the hole has a say, since there the two show different things.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from . import flow
from .backdrop import Matrix, motion
from .blending import Floats, blurred
from .model import Frame, Mask

FLOW_SIDE = 240
"""Longest side at which the local rest of the motion is looked for."""
LIGHT_SIDE = 96
FARTHEST = 12.0
"""Pixels of the small picture that the local motion may add."""
BAND = 0.2
"""Width of the ring around the hole that must be explained, in parts of the crop's shorter side."""

UNKNOWN = 40.0
"""Misfit, in codes, of what cannot be compared; more than this counts as this."""


@dataclass(frozen=True, eq=False)
class Aligned:
    """A donor as the crop would show it. picture float32 (H, W, 3) 0..255 in the crop's light; seen float32 (H, W),
    1 where it shows the place, 0 where it does not; misfit float32 (H, W): how far it is from the crop around the hole,
    in codes, continued into it; error: its median on the ring."""

    picture: Floats
    seen: Floats
    misfit: Floats
    error: float


def aligned(crop: Frame, mask: Mask, donor: Frame, donor_mask: Mask) -> Aligned | None:
    """The donor laid over the crop, or None when it shows nothing of the hole.

    All uint8 of one size, (H, W, 3) and (H, W); a mask is above 0 where its picture does not show the background. The
    one motion is an affine one or a homography of tracked corners (`backdrop.motion`), kept when it explains the
    ring around the hole better than none; the local rest is optical flow (DIS) between what both show.
    """
    hole = mask > 0
    if not (hole & (donor_mask == 0)).any():
        return None
    small = min(1.0, FLOW_SIDE / max(mask.shape))
    here, hidden = _reduced(crop, small), _reduced(mask, small)
    ring = _ring(hidden)
    there, hidden_there = _reduced(donor, small), _reduced(donor_mask, small)
    still = np.eye(3)
    found = motion(here, there, hidden, hidden_there)
    ways = [still, found] if not np.array_equal(found, still) else [still]
    laid = [_laid(there, hidden_there, _positions(way, hidden.shape)) for way in ways]
    errors = [_ring_error(here, picture, seen, ring) for picture, seen in laid]
    best = 1 if len(ways) == 2 and _clearly_less(errors[1], errors[0]) else 0
    rest = _rest(here, hidden, *laid[best], ring)
    around = flow.positions(rest)
    bent = _moved(ways[best], around)
    if not _clearly_less(_ring_error(here, *_laid(there, hidden_there, bent), ring), errors[best]):
        bent = _positions(ways[best], hidden.shape)
    picture, seen = _laid(donor, donor_mask, _enlarged(bent, mask.shape, small), cv2.INTER_LANCZOS4)
    return _in_our_light(crop, mask, picture, seen)


def _clearly_less(error: float, than: float) -> bool:
    """Flat surroundings fit any motion: one is only taken for a reason."""
    return error < 0.98 * than - 0.01


def _reduced(picture: Frame | Mask, scale: float) -> Frame | Mask:
    if scale == 1:
        return picture
    if picture.ndim == 2:
        near = 2 * round(0.5 / scale) + 1
        picture = np.asarray(cv2.dilate(picture, np.ones((near, near), np.uint8)), np.uint8)
    method = cv2.INTER_NEAREST if picture.ndim == 2 else cv2.INTER_AREA
    size = max(16, round(picture.shape[1] * scale)), max(16, round(picture.shape[0] * scale))
    return np.asarray(cv2.resize(picture, size, interpolation=method), np.uint8)


def _ring(mask: Mask) -> Floats:
    """1 near the hole and outside it, fading with the distance; float32 (H, W)."""
    distance = cv2.distanceTransform((mask == 0).astype(np.uint8), cv2.DIST_L2, 5)
    return np.where(mask > 0, 0, np.exp(-distance / (BAND * min(mask.shape)))).astype(np.float32)


def _positions(way: Matrix, shape: tuple[int, ...]) -> Floats:
    """Where each pixel of a picture of `shape` lies after `way`: float32 (H, W, 2)."""
    return _moved(way, flow.positions(np.zeros((*shape[:2], 2), np.float32)))


def _moved(way: Matrix, positions: Floats) -> Floats:
    if np.array_equal(way, np.eye(3)):
        return positions
    return np.asarray(cv2.perspectiveTransform(positions.reshape(-1, 1, 2), way), np.float32).reshape(positions.shape)


def _laid(picture: Frame, hidden: Mask, positions: Floats, method: int = cv2.INTER_LINEAR) -> tuple[Floats, Floats]:
    """(picture, seen): the donor pulled from these positions, and 1 where it shows the background there."""
    height, width = hidden.shape
    start = flow.positions(np.zeros((height, width, 2), np.float32))
    if np.abs(positions - start).max() < 0.02:
        return picture.astype(np.float32), (hidden == 0).astype(np.float32)
    moved = cv2.remap(picture, positions, None, method, borderMode=cv2.BORDER_REPLICATE)  # pyright: ignore[reportCallIssue, reportArgumentType]
    covered = cv2.remap(hidden, positions, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=255)  # pyright: ignore[reportCallIssue, reportArgumentType]
    return moved.astype(np.float32), (covered == 0).astype(np.float32)


def _ring_error(crop: Frame, picture: Floats, seen: Floats, ring: Floats) -> float:
    """How far the donor is from the crop on the ring besides its light, in codes; infinite when they share none of it."""
    weight = ring * seen
    total = float(weight.sum())
    if total < 0.02 * float(ring.sum()) or total < 8:
        return float("inf")
    unlike = crop - picture
    unlike -= (unlike * weight[..., None]).sum(axis=(0, 1)) / total
    unlike = blurred(unlike * (weight > 0)[..., None], 1.0)  # what the hole hides must not seep out
    return float((np.minimum(np.abs(unlike).mean(axis=2), UNKNOWN) * weight).sum()) / total


def _rest(crop: Frame, mask: Mask, picture: Floats, seen: Floats, ring: Floats) -> Floats:
    """What is left of the motion after the one for all: flow where both show the same, smoothly continued elsewhere."""
    both = (seen > 0) & (mask == 0)
    if both.sum() < 64:
        return np.zeros((*mask.shape, 2), np.float32)
    known = both.astype(np.uint8) * 255
    moved = np.clip(np.rint(picture), 0, 255).astype(np.uint8)
    found = flow.refine(flow.flow_input(crop, known), flow.flow_input(moved, known))
    unlike = np.abs(crop.astype(np.float32) - flow.warp(picture, found)).mean(axis=2)
    steady = np.exp(-((blurred(unlike, 1.5) / 12) ** 2)) * (np.hypot(found[..., 0], found[..., 1]) < FARTHEST)
    weight = (both * steady * (0.02 + ring)).astype(np.float32)
    return np.clip(_continued(found, weight, float(np.sqrt(mask.size))), -FARTHEST, FARTHEST)


def _continued(values: Floats, weight: Floats, size: float) -> Floats:
    """`values` (H, W, C) where `weight` (H, W) is above 0, and their smooth continuation elsewhere."""
    stacked = np.dstack([values * weight[..., None], weight])
    mixed = np.zeros_like(stacked) + 1e-6 * stacked.mean(axis=(0, 1))
    for sigma, share in ((size / 40, 1.0), (size / 10, 0.03), (size / 3, 0.001)):
        mixed += share * blurred(stacked, sigma)
    return (mixed[..., :-1] / (mixed[..., -1:] + 1e-9)).astype(np.float32)


def _enlarged(positions: Floats, shape: tuple[int, ...], scale: float) -> Floats:
    """Positions found on the small picture, for the picture itself."""
    if scale == 1:
        return positions
    height, width = shape
    fine = np.asarray(cv2.resize(positions, (width, height), interpolation=cv2.INTER_CUBIC), np.float32)
    ratio = np.array([width / positions.shape[1], height / positions.shape[0]], np.float32)
    return (fine + 0.5) * ratio - 0.5


def _in_our_light(crop: Frame, mask: Mask, picture: Floats, seen: Floats) -> Aligned:
    """The laid picture with its light drawn to the crop's, as seen on the ring; and how well it then fits."""
    height, width = mask.shape
    scale = min(1.0, LIGHT_SIDE / max(mask.shape))
    size = max(8, round(width * scale)), max(8, round(height * scale))
    both = seen * (mask == 0)

    def small(values: Floats) -> Floats:
        return np.asarray(cv2.resize(values, size, interpolation=cv2.INTER_AREA), np.float32)

    def large(values: Floats) -> Floats:
        return np.asarray(cv2.resize(values, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)

    share = small(both)
    near = small(_ring(mask) * both) * (share > 0.3)
    if not near.any():
        return Aligned(picture, seen, np.full(mask.shape, UNKNOWN, np.float32), UNKNOWN)
    reach = float(np.sqrt(size[0] * size[1]))
    change = small((crop - picture) * both[..., None]) / np.maximum(share, 1e-3)[..., None]
    middle = np.median(change[near > 0.5 * near.max()], axis=0)
    alike = near * (np.exp(-((np.abs(change - middle).mean(axis=2) / 16) ** 2)) + 1e-3)
    lit = picture + large(np.clip(_continued(change, alike, reach), -60, 60))
    off = blurred((crop - lit) * both[..., None], 1.0)
    wrong = small(np.abs(off).mean(axis=2) * both) / np.maximum(share, 1e-3)
    wrong = np.minimum(wrong, UNKNOWN)
    error = _weighted_median(wrong, near)
    return Aligned(lit, seen, large(_continued(wrong[..., None], near, reach)[..., 0]), error)


def _weighted_median(values: Floats, weight: Floats) -> float:
    order = np.argsort(values, axis=None)
    total = np.cumsum(weight.ravel()[order])
    return float(values.ravel()[order][np.searchsorted(total, total[-1] / 2)])


def agreeing(crop: Frame, mask: Mask, donors: Sequence[tuple[Frame, Mask]], laid: Sequence[Aligned]) -> list[Aligned]:
    """The donors laid anew where they contradict those that fit better: flat surroundings leave an object behind the hole
    anywhere, but it stands still between donors.

    The hole is covered donor by donor, the best fit first; one that shows something else where it overlaps is aligned
    with what is covered so far, and taken so if that brings it closer. `laid[i]` is `aligned` of `donors[i]`.
    """
    canvas, unknown, result = crop.copy(), mask.copy(), list(laid)
    for number in sorted(range(len(laid)), key=lambda i: laid[i].error):
        one = result[number]
        apart = _apart(canvas, (mask > 0) & (unknown == 0), one)
        if apart > 1.0 + 2.0 * one.error:
            again = aligned(canvas, unknown, *donors[number])
            if again and _apart(canvas, (mask > 0) & (unknown == 0), again) < 0.7 * apart:
                one = result[number] = again
        new = (unknown > 0) & (one.seen > 0.99)
        canvas[new] = np.clip(np.rint(one.picture[new]), 0, 255).astype(np.uint8)
        unknown[new] = 0
    return result


def _apart(canvas: Frame, known: NDArray[np.bool_], one: Aligned) -> float:
    """How far a donor is from what is known inside the hole, in codes; 0 where they hardly overlap."""
    both = known & (one.seen > 0.99)
    if both.sum() < 100:
        return 0.0
    return float(np.abs(blurred(canvas - one.picture, 1.0))[both].mean())
