"""Pictures of keyframes that come from another program: what it is given, and how what it made is taken back."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from . import selection
from .crops import Crop, resized
from .errors import ProjectError
from .items import read_keyframe, read_keyframe_white
from .model import Frame, Mask, VideoInfo
from .orientation import as_stored, upright
from .pictures import encode_png
from .project import Folder

KINDS = "PNG", "JPEG", "WEBP", "BMP", "TIFF"
LARGEST = 64_000_000
"""Pixels; an 8K frame has 33 million."""
SAME_SHAPE = 0.01
"""How far width/height may be off: img2img rounds both to multiples of 8."""


def picture_of(project: Folder, key: int, crop: Crop, info: VideoInfo) -> Frame:
    """What an engine sees of a keyframe: its crop, RGB, upright."""
    return upright(crop.cut(read_keyframe(project, key, info)), info.rotation)


def mask_of(project: Folder, key: int, crop: Crop, info: VideoInfo) -> Mask:
    """What may be repainted in the crop of a keyframe, 255 = yes, upright."""
    return upright(crop.cut(read_keyframe_white(project, key, info)), info.rotation)


def take_back(project: Folder, key: int, crop: Crop, info: VideoInfo, data: bytes) -> int:
    """Make a picture of another program the chosen candidate of a keyframe; gives its number, which is below 0.

    May be called while a run goes on. Raises ProjectError for a picture that does not fit.
    """
    frame = read_keyframe(project, key, info)
    return selection.give(project, key, encode_png(laid_in(data, frame, crop, info.rotation)))


def read_bytes(file: Path) -> bytes:
    """What is in a picture's file. Raises ProjectError for one that is too large to be one."""
    if file.stat().st_size > 4 * LARGEST:
        raise ProjectError("This file is larger than any picture of a video frame: save it as PNG or JPEG.")
    return file.read_bytes()


def laid_in(data: bytes, frame: Frame, crop: Crop, rotation: int) -> Frame:
    """A keyframe with the picture in `data` laid in, RGB, as it is shown.

    `frame` is RGB as it is stored. The picture may be a whole frame, or show the crop at any size; where it is transparent
    the frame stays. It is kept as a whole frame, so that it still lies right when the crop changes.
    """
    wide, high = crop.size(rotation)
    whole = upright(frame, rotation)
    picture = _opened(data)
    if picture.size == whole.shape[1::-1]:
        return _over(whole, picture, whole.shape[1::-1])
    if abs(picture.width * high / (picture.height * wide) - 1) > SAME_SHAPE:
        raise ProjectError(
            f"This picture is {picture.width}x{picture.height}. It must show the keyframe's part of the frame, {wide}x{high} or "
            f"larger or smaller in that shape, or the whole frame, {whole.shape[1]}x{whole.shape[0]}."
        )
    part = as_stored(_over(upright(crop.cut(frame), rotation), picture, (wide, high)), rotation)
    laid = frame.copy()
    laid[crop.box.slices] = crop.inner(part)
    return upright(laid, rotation)


def _opened(data: bytes) -> Image.Image:
    """The picture as RGBA of 8 bits, turned as its camera says. Its size is looked at before its pixels are read."""
    try:
        with Image.open(io.BytesIO(data), formats=KINDS) as picture:
            if picture.width * picture.height > LARGEST:
                raise ProjectError(
                    f"This picture is {picture.width}x{picture.height}, larger than any video frame: make it smaller."
                )
            if picture.mode.startswith(("I", "F")):
                raise ProjectError(
                    "This picture has more than 8 bits of grey: save it as RGB with 8 bits for each colour."
                )
            return ImageOps.exif_transpose(picture).convert("RGBA")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        raise ProjectError(
            f"This file is not a picture that can be read: give a {', '.join(KINDS[:-1])} or TIFF file."
        ) from None


def _over(below: Frame, picture: Image.Image, size: tuple[int, int]) -> Frame:
    """The picture at `size` (width, height) over another of that size, as far as it is opaque."""
    layer = np.asarray(picture)
    colour, alpha = resized(layer[..., :3], size), resized(layer[..., 3], size)
    if alpha.min() == 255:
        return colour
    weight = alpha[..., None].astype(np.float32) / 255
    return np.rint(below + (colour.astype(np.float32) - below) * weight).astype(np.uint8)
