"""Laying one picture over another: blend modes, weights at a region's rim, averages that look only inside a mask."""

from __future__ import annotations

import math
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from .model import Frame, Mask

# float32 wherever it is made here; numpy's own types promise no more than "some float".
Floats = NDArray[np.floating[Any]]
Blend = Literal["normal", "multiply", "screen", "overlay", "soft light", "darken", "lighten", "colour"]


def feather(region: Mask, pixels: float) -> Floats:
    """How strongly an edit shows at each pixel: 0 outside the region, rising inwards, 1 deeper than `pixels`.

    `region` is uint8 (H, W), anything above 0 belongs to it; the result is float32 (H, W) from 0 to 1. Where the region
    is thinner than two rims, they narrow. The picture's border is not a rim: an edit that leaves the picture keeps its
    full strength there. `pixels` = 0 is a hard edge.
    """
    inside = region > 0
    if pixels <= 0 or inside.all():
        return inside.astype(np.float32)
    depth = cv2.distanceTransform(inside.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    # With one width for all, an arm 6 px thick showed half of the edit, and a racket's handle a tenth.
    reach = 2 * math.ceil(pixels) + 1
    deepest = cv2.dilate(depth, np.ones((reach, reach), np.uint8))
    share = np.clip(depth / (np.minimum(deepest, pixels) + 1), 0, 1)
    return (share * share * (3 - 2 * share)).astype(np.float32)


def blurred(image: Floats, sigma: float) -> Floats:
    """The picture under a Gaussian of `sigma` pixels; from 6 up it is taken on a smaller copy, borders repeated.

    The copy costs a tenth and differs from the full Gaussian by about 1 code on noise of standard deviation 16.
    """
    if sigma < 0.2:
        return image
    if sigma < 6:
        size = 2 * math.ceil(3 * sigma) + 1
        return _floats(cv2.GaussianBlur(image, (size, size), sigma, borderType=cv2.BORDER_REPLICATE))
    step = 2 ** int(math.log2(sigma / 1.5))
    height, width = image.shape[:2]
    small = _floats(cv2.resize(image, (-(-width // step), -(-height // step)), interpolation=cv2.INTER_AREA))
    return _floats(cv2.resize(blurred(small, sigma / step), (width, height), interpolation=cv2.INTER_LINEAR))


def masked_mean(image: Floats, weight: Floats, sigma: float) -> Floats:
    """The Gaussian mean of `image` counting each pixel by `weight` (H, W): nothing seeps in from where it is 0.

    Far from any weight the result falls to 0.
    """
    total = blurred(weight, sigma) + np.float32(1e-4)
    if image.ndim == 3:  # OpenCV takes a third of numpy's time to spread a weight over channels
        weight, total = (_floats(cv2.merge([_floats(x)] * image.shape[2])) for x in (weight, total))
    return blurred(_floats(cv2.multiply(_floats(image), _floats(weight))), sigma) / total


def _floats(image: object) -> Floats:
    return np.asarray(image, np.float32)


def blended(below: Frame | Floats, above: Frame | Floats, how: Blend) -> Floats:
    """What shows when `above` is laid over `below`: RGB (H, W, 3) on 0..255 both, and float32 of the same as result.

    The formulas are those of the W3C's "Compositing and Blending Level 1", on the samples as they are coded.
    """
    low, high = (np.clip(_floats(x) / 255, 0, 1) for x in (below, above))
    if how == "multiply":
        mixed = low * high
    elif how == "screen":
        mixed = low + high - low * high
    elif how == "overlay":
        mixed = np.where(low <= 0.5, 2 * low * high, 1 - 2 * (1 - low) * (1 - high))
    elif how == "soft light":
        lighter = np.where(low <= 0.25, ((16 * low - 12) * low + 4) * low, np.sqrt(low))
        mixed = low + (2 * high - 1) * np.where(high <= 0.5, low * (1 - low), lighter - low)
    elif how == "darken":
        mixed = np.minimum(low, high)
    elif how == "lighten":
        mixed = np.maximum(low, high)
    elif how == "colour":
        mixed = _with_luminosity(high, _luminosity(low))
    else:
        return _floats(above)
    return _floats(255 * mixed)


def _luminosity(colour: Floats) -> Floats:
    return colour @ np.array((0.3, 0.59, 0.11), np.float32)


def _with_luminosity(colour: Floats, wanted: Floats) -> Floats:
    """The colours lightened or darkened to `wanted`, and drawn towards grey as far as they would leave 0..1."""
    wanted = wanted[..., None]
    moved = colour + wanted - _luminosity(colour)[..., None]
    deepest, highest = moved.min(axis=2, keepdims=True), moved.max(axis=2, keepdims=True)
    drawn = np.minimum(wanted / np.maximum(wanted - deepest, 1e-6), (1 - wanted) / np.maximum(highest - wanted, 1e-6))
    return wanted + (moved - wanted) * np.minimum(drawn, 1)
