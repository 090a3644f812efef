"""A made-up shot with a known background: a camera over a textured picture, and a disc that hides some of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from lib_vidpaint.blending import Floats
from lib_vidpaint.model import Frame, Mask

SIZE = (160, 120)
DISC = (250, 30, 200)


@dataclass(frozen=True)
class Shot:
    """Frames with the disc, masks of it (255 = hidden), and the frames as they would be without."""

    frames: list[Frame]
    masks: list[Mask]
    truth: list[Frame]


def world(width: int = 640, height: int = 360, seed: int = 1) -> Frame:
    """A colourful texture, coarse and fine, RGB uint8."""
    rng, total = np.random.default_rng(seed), np.zeros((height, width, 3), np.float32)
    for sigma, strength in ((20, 900), (6, 300), (2, 90)):
        total += strength * cv2.GaussianBlur(rng.normal(0, 1, total.shape).astype(np.float32), (0, 0), sigma)
    return np.clip(128 + total, 10, 245).astype(np.uint8)


def shot(
    count: int = 16,
    pan: tuple[float, float] = (3.0, 0.5),
    zoom: float = 0.0,
    disc: Sequence[float] = (60.0, 55.0, 2.0, 0.0),
    radius: int = 18,
    noise: float = 1.0,
    seed: int = 1,
) -> Shot:
    """`pan` and `zoom` are per frame; `disc` is its x and y and how far both move in each frame, in the picture."""
    picture, rng, made = world(seed=seed), np.random.default_rng(seed), Shot([], [], [])
    for index in range(count):
        turn = cv2.getRotationMatrix2D((200, 150), 0, 1 + zoom * index)
        turn[:, 2] -= (120 + pan[0] * index, 90 + pan[1] * index)
        clear = cv2.warpAffine(picture, turn, SIZE, flags=cv2.INTER_CUBIC)
        clear = np.clip(clear + rng.normal(0, noise, clear.shape), 0, 255).astype(np.uint8)
        mask = np.zeros(SIZE[::-1], np.uint8)
        at = round(disc[0] + disc[2] * index), round(disc[1] + disc[3] * index)
        cv2.circle(mask, at, radius, 255, -1)
        made.truth.append(clear)
        made.masks.append(mask)
        made.frames.append(np.where(mask[..., None] > 0, np.array(DISC, np.uint8), clear))
    return made


def psnr(result: Frame | Floats, truth: Frame, inside: Mask) -> float:
    """PSNR in dB of the pixels where `inside` is above 0."""
    error = result[inside > 0].astype(float) - truth[inside > 0]
    return float(10 * np.log10(255**2 / max((error**2).mean(), 1e-9)))
