"""Which candidate fits its surroundings best: the simplest seam score."""

from __future__ import annotations

import cv2
import numpy as np

from .model import Frame, Mask

RIM = 3


def seam_score(source: Frame, painted: Frame, region: Mask) -> float:
    """How visible the border of the edit is, in levels of 255; 0 is seamless, smaller is better.

    The step from the painted rim (RIM pixels inside the region) to the source beside it (RIM pixels outside), as the
    mean over colours and rim of the difference of their local means. All (H, W[, 3]) uint8; a region without an outside
    or without an inside scores 0.
    """
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * RIM + 1, 2 * RIM + 1))
    inside = (region > 0).astype(np.uint8)
    eroded = cv2.erode(inside, kernel, borderType=cv2.BORDER_CONSTANT, borderValue=1)
    inner, outer = (inside > eroded).astype(np.float32), (cv2.dilate(inside, kernel) > inside).astype(np.float32)
    if not inner.any() or not outer.any():
        return 0.0
    size = (6 * RIM + 1, 6 * RIM + 1)
    means = []
    for picture, weight in ((painted, inner), (source, outer)):
        total = cv2.blur(picture.astype(np.float32) * weight[..., None], size)
        means.append(total / np.maximum(cv2.blur(weight, size), 1e-6)[..., None])
    both = (cv2.blur(inner, size) > 0.01) & (cv2.blur(outer, size) > 0.01) & (inner > 0)
    return float(np.abs(means[0] - means[1])[both].mean()) if both.any() else 0.0
