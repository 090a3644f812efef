"""Painted background: the motion of what surrounds a region, and a fill that keeps its place in it.

The object in the region never has a say: its own motion is exactly what a removed object's background must not follow.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import cv2
import numpy as np

from .backdrop import Matrix, motion
from .blending import Floats, blurred
from .filling import Taste, misfit_made_up, smooth_fill
from .model import Frame, Mask

AROUND = Taste(())
AGREED = 6.0
LEAP = 1.0
"""Pixels by which the motion to a key may leave those of the frames around it and still count half."""


def chain(key: tuple[Frame, Mask], following: Iterable[tuple[Frame, Mask]]) -> list[Matrix]:
    """For each frame that follows `key`, in order: the motion of its surroundings to the key's.

    From frame to frame it is sure but drifts; by the key itself it does not, but takes a wrong motion now and then (of a
    hazy town by 7 pixels, in two frames of a group). So what the key corrects is made smooth along the frames. On a
    hand-held clip it took the warping error of keyframes filled with the truth from 1.7 to .95 times the background's own.
    """
    places = _places(key[1])
    total, to_key, before = np.eye(3), np.eye(3), key
    ways: list[Matrix] = []
    drift: list[Floats] = []
    for frame, mask in following:
        step = motion(frame, before[0], mask, before[1])
        total, to_key = total @ step, to_key @ step
        total /= total[2, 2]
        if before is not key:
            to_key = motion(frame, key[0], mask, key[1], to_key)
        ways.append(total)
        drift.append(cv2.perspectiveTransform(places, to_key @ np.linalg.inv(total)) - places)
        before = frame, mask
    if not ways:
        return []
    return [_pulled(way, places, by) for way, by in zip(ways, _steadied(np.stack(drift)))]


def _places(mask: Mask) -> Floats:
    """Corners of the picture's middle, (4, 1, 2): what is said of motions is said of these."""
    height, width = mask.shape
    return np.array([[[x, y]] for y in (height / 4, 0.75 * height) for x in (width / 4, 0.75 * width)])


def _steadied(drift: Floats) -> Floats:
    """What differs frame by frame, (N, ...) in pixels from a key where it is 0, without leaps and smooth: least squares of
    its changes and of what it leaves of each value; one that leaps counts by how far it is from the median of its neighbours.
    """
    rows = drift.reshape(len(drift), -1)
    reach = min(2, len(rows))
    row = np.vstack([0 * rows[:1], rows])
    padded = np.pad(row, ((reach, reach), (0, 0)), mode="reflect", reflect_type="odd")  # a trend goes on at the ends
    around = np.median(np.lib.stride_tricks.sliding_window_view(padded, 2 * reach + 1, axis=0), axis=-1)[1:]
    trusted = 1 / (1 + (np.abs(rows - around).max(axis=1) / LEAP) ** 2)
    changes = np.eye(len(rows)) - np.eye(len(rows), k=-1)
    return np.linalg.solve(changes.T @ changes + np.diag(trusted), trusted[:, None] * rows).reshape(drift.shape)


def _pulled(way: Matrix, places: Floats, by: Floats) -> Matrix:
    """`way`, which ends so many pixels farther on at these places."""
    if np.abs(by).max() < 1e-3:  # a still camera stays exactly still
        return way
    ends = (places + by).astype(np.float32)
    return np.asarray(cv2.getPerspectiveTransform(places.astype(np.float32), ends) @ way, np.float64)


def placed(picture: Frame, to_key: Matrix) -> tuple[Floats, Floats]:
    """A key's picture moved to a frame, float32 (H, W, 3), and how well within the key each pixel lies, 0 to 1."""
    height, width = picture.shape[:2]
    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    moved = cv2.warpPerspective(
        picture.astype(np.float32), to_key, (width, height), flags=flags, borderMode=cv2.BORDER_REPLICATE
    )
    ramp = [np.minimum(np.arange(n) + 1, n - np.arange(n)).clip(max=8) / 8 for n in (height, width)]
    inner = np.minimum(ramp[0][:, None], ramp[1]).astype(np.float32)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    within = cv2.warpPerspective(inner, to_key, (width, height), flags=flags, borderMode=cv2.BORDER_CONSTANT)
    return np.asarray(moved, np.float32), np.asarray(within, np.float32)


def relit(moved: Floats, frame: Frame, ring: Floats) -> Floats:
    """A moved picture with its light drawn to the frame's, as seen where `ring` (H, W, 0..1) says both show the same."""
    if not (ring > 0.5).any():
        return moved
    unlike = frame.astype(np.float32) - moved
    middle = np.median(unlike[ring > 0.5], axis=0)
    alike = ring * np.exp(-((np.abs(unlike - middle).mean(axis=2) / 12) ** 2))
    return moved + np.clip(spread(unlike, alike), -40, 40)


def spread(image: Floats, weight: Floats) -> Floats:
    """The picture continued smoothly from where `weight` (H, W) is above 0 to everywhere else."""
    size = float(np.sqrt(weight.size))
    values = np.dstack([image * weight[..., None], weight])
    mixed = 1e-5 * values.mean(axis=(0, 1)) + np.zeros_like(values)
    for sigma, share in ((size / 40, 1.0), (size / 10, 0.05), (size / 3, 0.001)):
        mixed += share * blurred(values, sigma)
    return (mixed[..., :3] / (mixed[..., 3:] + 1e-9)).astype(np.float32)


def filled(
    frame: Frame, mask: Mask, keys: Sequence[tuple[Frame, Mask]], ways: Sequence[Matrix], shares: Sequence[float]
) -> Floats:
    """The frame with the region filled from one or two painted keys, float32 (H, W, 3) 0..255.

    `keys` are (edited picture, mask) pairs, `ways` the motion of the frame's surroundings to each key's; `shares` add
    up to 1. Places that no key shows, or none shows in a way that meets the surroundings, are made up from around the region.
    """
    outside = (mask == 0).astype(np.float32)
    sums = np.zeros((*mask.shape, 3), np.float32)
    total = np.zeros(mask.shape, np.float32)
    doubt = np.ones(mask.shape, np.float32)
    made_up = misfit_made_up(frame, mask)
    for (picture, key_mask), way, share in zip(keys, ways, shares):
        moved, within = placed(picture, way)
        hidden, _ = placed(np.dstack([key_mask] * 3), way)
        ring = outside * (within >= 1) * (hidden[..., 0] < 1)
        lit = relit(moved, frame, ring)
        trust = _trust(lit, frame, ring, made_up) * (within > 1e-6)
        weight = (share + 1e-4) * trust * within
        sums += weight[..., None] * lit
        total += weight
        doubt = np.minimum(doubt, 1 - trust)
    result = sums / np.maximum(total, 1e-6)[..., None]
    if (doubt[mask > 0] > 0.02).any():
        around = smooth_fill(frame.astype(np.float32), mask > 0, AROUND)
        result += doubt[..., None] * (around - result)
    return result


def _trust(lit: Floats, frame: Frame, ring: Floats, made_up: Floats) -> Floats:
    """How much a key's picture counts against what is made up from around the region, 0 to 1, float32 (H, W).

    Where it does not meet the surroundings it shows something else: the inside of a car where smoke blows now. Then a fill of
    the frame by itself, though without detail and shimmering, is nearer by up to 10 dB. `made_up` is how far that will be
    from the truth, in codes; the first AGREED codes of misfit say nothing.
    """
    if not ring.any():  # nothing tells
        return np.ones_like(ring)
    height, width = ring.shape
    small = -(-width // 4), -(-height // 4)
    whole = np.abs(lit - frame) * ring[..., None], ring
    off, near = (np.asarray(cv2.resize(x, small, interpolation=cv2.INTER_AREA), np.float32) for x in whole)
    misfit = spread(off / (near[..., None] + np.float32(1e-3)), near).mean(axis=2)
    fine = np.asarray(cv2.resize(misfit, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)
    worse = np.maximum(fine - AGREED, 0) ** 2
    least = np.minimum(made_up, 255) ** 2 + np.float32(1e-3)
    return least / (least + worse)
