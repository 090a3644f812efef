"""Colour correction of a picture: lift, gamma and gain, .cube tables, sharpening, denoising. Pure functions on RGB.

Pictures are float32 or uint8 (H, W, 3) on 0..255 and come back as float32 of the same size.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from .errors import SettingsError

Floats = NDArray[np.float32]
Triple = tuple[float, float, float]
LARGEST = 129
"""Points along an edge of a .cube table; 65 is what programs write, 129 is 25 MB as floats."""


@dataclass(frozen=True)
class Grade:
    """lift moves black, gamma the middle tones (above 1: brighter), gain white; one number for each of red, green, blue."""

    lift: Triple = (0.0, 0.0, 0.0)
    gamma: Triple = (1.0, 1.0, 1.0)
    gain: Triple = (1.0, 1.0, 1.0)


def triple(text: str, where: str, low: float, high: float) -> Triple:
    """The three numbers in "1.1" or "1.1, 1, 0.9". Raises SettingsError naming the setting `where`."""
    try:
        numbers = [float(part) for part in text.replace(",", " ").split()]
    except ValueError:
        numbers = []
    numbers = numbers * 3 if len(numbers) == 1 else numbers
    if len(numbers) != 3 or not all(low <= number <= high for number in numbers):
        raise SettingsError(
            f"{where}: {text!r} is not one number, or three for red, green and blue, from {low:g} to {high:g}."
        )
    return numbers[0], numbers[1], numbers[2]


def curve(grade: Grade) -> Floats:
    """A grade as a table: float32 (256, 3), what each code of each colour becomes, 0..255."""
    codes = np.arange(256, dtype=np.float32)[:, None] / 255
    lift, gamma, gain = (np.array(part, np.float32) for part in (grade.lift, grade.gamma, grade.gain))
    lifted = np.clip(codes * gain + lift * (1 - codes), 0, 1)
    return np.asarray(255 * lifted ** (1 / gamma), np.float32)


def through(picture: NDArray[Any], table: Floats) -> Floats:
    """The picture with each colour looked up in its column of `table` (256, 3), interpolated between codes."""
    if picture.dtype == np.uint8:
        return np.asarray(cv2.LUT(picture, table[None]), np.float32)
    channels = [np.interp(picture[..., c], np.arange(256), table[:, c]) for c in range(3)]
    return np.stack(channels, axis=2).astype(np.float32)


def read_cube(text: str, name: str) -> Floats:
    """The table of a 3-D .cube file (Adobe, 2013): float32 (N, N, N, 3) on 0..255, indexed [blue, green, red].

    Raises SettingsError for a file that is none, is cut off, or has a domain other than 0 to 1.
    """
    size, rows = 0, []
    for line in text.splitlines():
        words = line.split("#")[0].split()
        if not words:
            continue
        if words[0] == "LUT_3D_SIZE" and words[-1].isdigit():
            size = int(words[-1])
        elif words[0] in ("DOMAIN_MIN", "DOMAIN_MAX") and [*map(_number, words[1:])] != [words[0] == "DOMAIN_MAX"] * 3:
            raise SettingsError(
                f"{name} has another domain than 0 to 1: export the table for video levels from 0 to 1."
            )
        elif words[0][0] in "-.0123456789" and len(words) == 3:
            rows.append([_number(word) for word in words])
    if not 2 <= size <= LARGEST or len(rows) != size**3:
        raise SettingsError(
            f"{name} is not a whole 3-D .cube table of 2 to {LARGEST} points an edge: "
            f"it says {size or 'no size'} and has {len(rows)} entries."
        )
    table = np.array(rows, np.float32).reshape(size, size, size, 3)
    if not np.isfinite(table).all():
        raise SettingsError(f"{name} holds an entry that is not a number: export the table again.")
    return table * np.float32(255)


def _number(word: str) -> float:
    try:
        return float(word)
    except ValueError:
        return float("nan")


def dense(table: Floats) -> NDArray[np.uint8]:
    """A .cube table at all 8-bit codes, interpolated linearly in all three directions: uint8 (256, 256, 256, 3), 50 MB.

    Made once (.4 s), it is looked up in at most .3 s a 1080p picture; interpolating for every pixel takes a second.
    """
    size = len(table)
    places = np.arange(256) * (size - 1) / 255
    below = np.minimum(places.astype(int), size - 2)
    part = (places - below).astype(np.float32)
    weights = np.zeros((256, size), np.float32)
    weights[np.arange(256), below], weights[np.arange(256), below + 1] = 1 - part, part
    full = np.empty((256, 256, 256, 3), np.uint8)
    plane = np.einsum("gj,bjrc->bgrc", weights, table, optimize=True)
    plane = np.einsum("ri,bgic->bgrc", weights, plane, optimize=True)
    for blue in range(256):
        low, share = below[blue], part[blue]
        full[blue] = np.clip(plane[low] * (1 - share) + plane[low + 1] * share + 0.5, 0, 255)
    return full


def looked_up(picture: NDArray[Any], table: NDArray[np.uint8]) -> Floats:
    """The picture with every colour looked up in a `dense` table."""
    codes = np.asarray(cv2.convertScaleAbs(np.maximum(picture, 0)), np.uint8)
    return table[codes[..., 2], codes[..., 1], codes[..., 0]].astype(np.float32)


def sharpened(picture: NDArray[Any], amount: float, lines: int) -> Floats:
    """The picture with `amount` times its fine detail added (unsharp mask of luma alone, so that no colour fringes come);
    detail is what is finer than 1.5 pixels of a picture 1080 lines high. 0 changes nothing."""
    picture = np.asarray(picture, np.float32)
    luma = np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), np.float32)
    fine = luma - cv2.GaussianBlur(luma, (0, 0), max(0.7, 1.5 * lines / 1080))
    return picture + np.float32(amount) * fine[..., None]


def denoised(picture: NDArray[Any], amount: float) -> Floats:
    """The picture smoothed where neighbours are alike (bilateral filter; Tomasi and Manduchi 1998): `amount` 1 takes noise
    of up to 20 levels away, 0 nothing."""
    if amount <= 0:
        return np.asarray(picture, np.float32)
    return np.asarray(cv2.bilateralFilter(np.asarray(picture, np.float32), 5, 40 * amount, 2.0), np.float32)
