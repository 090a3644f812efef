"""Painted background: the motion of what surrounds a region, and a fill that keeps its place in it.

The object in the region never has a say: its own motion is exactly what a removed object's background must not follow.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from .blending import Floats, blurred
from .model import Frame, Mask

Matrix = NDArray[np.float64]

# A corner that a model puts within a pixel of where it was tracked follows that model.
TOLERANCE = 1.0
# Corners far from the region often move otherwise (depth, people): 40 of 400 took a fill's error at a car window from
# 29.9 to 35.6 dB. Within a tenth of a pixel the camera stands still, and a fill that is not resampled does not shimmer.
NEAREST = 40
STILL = 0.1


def motion(a: Frame, b: Frame, mask_a: Mask, mask_b: Mask, guess: Matrix | None = None) -> Matrix:
    """The motion from `a` to `b` of everything outside the masks, a 3x3 matrix on pixel positions (x, y, 1).

    Tracked corners (Shi-Tomasi, Lucas-Kanade both ways) are fitted by an affine motion, or a homography where that
    explains them clearly better; few corners by a shift; none leave the `guess`, or no motion at all.
    """
    start = np.eye(3) if guess is None else guess
    here, there = _tracked(a, b, mask_a, mask_b, start)
    if len(here) == 0:
        return start
    close = _nearest(here, mask_a)
    return _fitted(here[close], there[close])


def _nearest(corners: Floats, mask: Mask) -> NDArray[np.intp]:
    """Which corners lie nearest to the mask: what is far moves at another depth, or is another moving thing."""
    away = cv2.distanceTransform((mask == 0).astype(np.uint8), cv2.DIST_L2, 5)
    x, y = corners.astype(int).T
    return np.argsort(away[y, x], kind="stable")[:NEAREST]


def chain(key: tuple[Frame, Mask], following: Iterable[tuple[Frame, Mask]]) -> Iterator[Matrix]:
    """For each frame that follows `key`, in order: the motion of its surroundings to the key's."""
    total, before = np.eye(3), key
    for frame, mask in following:
        total = total @ motion(frame, before[0], mask, before[1])
        if before is not key:
            # Aligning with the key itself keeps small errors from adding up: a fill would drift.
            total = motion(frame, key[0], mask, key[1], total)
        yield total
        before = frame, mask


def _tracked(a: Frame, b: Frame, mask_a: Mask, mask_b: Mask, guess: Matrix) -> tuple[Floats, Floats]:
    """Positions (N, 2) in both pictures of corners outside both masks that are found again both ways."""
    grey_a, grey_b = _without_light(a), _without_light(b)
    usable_a, usable_b = (_away_from(m) for m in (mask_a, mask_b))
    none = np.zeros((0, 2), np.float32)
    corners = cv2.goodFeaturesToTrack(grey_a, 400, 0.003, 5, mask=usable_a, blockSize=5)
    if corners is None:
        return none, none
    here = corners.reshape(-1, 1, 2).astype(np.float32)
    expected = cv2.perspectiveTransform(here, guess)
    near = (np.abs(expected).max(axis=(1, 2)) < 1e5) & np.isfinite(expected).all(axis=(1, 2))
    here, expected = here[near], expected[near].astype(np.float32)
    if not len(here):
        return none, none
    window = {"winSize": (15, 15), "maxLevel": 3, "flags": cv2.OPTFLOW_USE_INITIAL_FLOW}
    there, found, _ = cv2.calcOpticalFlowPyrLK(grey_a, grey_b, here, expected, **window)
    again, found_again, _ = cv2.calcOpticalFlowPyrLK(grey_b, grey_a, there, here.copy(), **window)
    returned = np.abs(again - here).max(axis=(1, 2)) < 0.5
    height, width = usable_b.shape
    x, y = np.rint(np.clip(there[:, 0], -1, 1e6)).astype(int).T
    within = (x >= 0) & (y >= 0) & (x < width) & (y < height)
    within[within] = usable_b[y[within], x[within]] > 0
    good = returned & within & (found[:, 0] == 1) & (found_again[:, 0] == 1)
    return here[good, 0], there[good, 0]


def _without_light(frame: Frame) -> NDArray[np.uint8]:
    """Grey less its local mean: a change of light by 20 codes otherwise moved still corners by half a pixel."""
    grey = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY).astype(np.float32)
    return np.clip(np.rint(grey - blurred(grey, 10) + 128), 0, 255).astype(np.uint8)


def _away_from(mask: Mask) -> Mask:
    """255 where a tracking window's inner half does not touch the mask."""
    return np.where(cv2.dilate(mask, np.ones((9, 9), np.uint8)) > 0, 0, 255).astype(np.uint8)


def _fitted(here: Floats, there: Floats) -> Matrix:
    shift = np.eye(3)
    if np.median(np.abs(there - here).max(axis=1)) < STILL:
        return shift
    shift[:2, 2] = np.median(there - here, axis=0)
    if len(here) < 6:
        return shift
    if len(here) < 12:
        affine, inlier = cv2.estimateAffinePartial2D(here, there, ransacReprojThreshold=TOLERANCE)
    else:
        affine, inlier = cv2.estimateAffine2D(here, there, ransacReprojThreshold=TOLERANCE)
    if affine is None or inlier.sum() < 5 or not 0.5 < np.linalg.det(affine[:, :2]) < 2:
        return shift
    best = np.vstack([np.asarray(affine), [0, 0, 1]])
    if len(here) >= 40:
        full, also = cv2.findHomography(here, there, cv2.RANSAC, TOLERANCE)
        if full is not None and also.sum() > 1.2 * inlier.sum() and 0.5 < np.linalg.det(full) < 2:
            best = np.asarray(full, np.float64)
    return best


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
    up to 1. Places that no key shows take the colours around them.
    """
    outside = (mask == 0).astype(np.float32)
    sums = np.zeros((*mask.shape, 3), np.float32)
    total = np.zeros(mask.shape, np.float32)
    for (picture, key_mask), way, share in zip(keys, ways, shares):
        moved, within = placed(picture, way)
        hidden, _ = placed(np.dstack([key_mask] * 3), way)
        ring = outside * (within >= 1) * (hidden[..., 0] < 1)
        weight = (share + 1e-4) * within
        sums += weight[..., None] * relit(moved, frame, ring)
        total += weight
    shown = total > 1e-6
    result = sums / np.maximum(total, 1e-6)[..., None]
    if not shown[mask > 0].all():
        known = np.where((mask > 0)[..., None], result, frame.astype(np.float32))
        holes = spread(known, np.maximum(shown, outside).astype(np.float32))
        result = np.where(shown[..., None], result, holes)
    return result
