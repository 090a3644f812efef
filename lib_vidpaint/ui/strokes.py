"""What a brush painted in the browser: a small PNG inside a command, checked before anything is done with it."""

from __future__ import annotations

import base64
import binascii

import cv2
import numpy as np

from ..errors import MaskError, ProjectError
from ..model import Mask, VideoInfo
from ..orientation import as_stored
from ..pictures import decode_grey

WIDEST = 960
"""Longest side of the canvas: a stroke is then a PNG of 3 to 20 kB, and on 1080p its edge is right to 2 pixels."""
LONGEST = 400_000
"""Characters of a stroke: twenty times what painting like mad made."""
PREFIX = "data:image/png;base64,"


def canvas(info: VideoInfo) -> tuple[int, int]:
    """The (width, height) in which strokes are painted on a frame as it is shown."""
    scale = min(1.0, WIDEST / max(info.width, info.height))
    width, height = _shown(info)
    return max(1, round(width * scale)), max(1, round(height * scale))


def stroke(text: str, info: VideoInfo) -> Mask:
    """A stroke of the size of `canvas`, sent as text, as a mask of the source's size, as that is stored.

    Raises MaskError for what is no 8-bit PNG of that size: its header is read before anything is unpacked.
    """
    refused = MaskError("What was painted did not arrive as it should: paint it again, or reload the page.")
    if not text.startswith(PREFIX) or len(text) > LONGEST:
        raise refused
    try:
        data = base64.b64decode(text[len(PREFIX) :], validate=True)
    except (binascii.Error, ValueError):
        raise refused from None
    sides = tuple(int.from_bytes(data[at : at + 4], "big") for at in (16, 20))
    if data[:8] != b"\x89PNG\r\n\x1a\n" or data[12:16] != b"IHDR" or sides != canvas(info) or data[24:25] != b"\x08":
        raise refused
    try:
        shown = decode_grey(data, "what was painted", canvas(info))
    except ProjectError:
        raise refused from None
    large = cv2.resize(shown, _shown(info), interpolation=cv2.INTER_LINEAR)
    return as_stored(np.asarray(large, np.uint8), info.rotation)


def _shown(info: VideoInfo) -> tuple[int, int]:
    return (info.height, info.width) if info.rotation % 180 else (info.width, info.height)
