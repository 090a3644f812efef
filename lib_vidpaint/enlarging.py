"""Pictures enlarged by several upscalers, layered with opacity, at exactly the size that is asked for; and whole videos."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

import cv2
import numpy as np

from .crops import resized
from .errors import SettingsError
from .model import Box, Frame, Mask, VideoInfo
from .pixels import pixel_format
from .planes import Planes, apply_edit, matrix_of, view

AUTO, FAVOURITE, LANCZOS = "auto", "R-ESRGAN 4x+", "Lanczos"
STRIP, HALO = 256, 16
"""The difference is made in strips of so many lines, with lines around that chroma depends on: in one piece it takes 400 MB at
twice 1080p."""
Upscale = Callable[[Frame, str, float], Frame]
"""`Engine.upscale`."""


@dataclass(frozen=True)
class Layer:
    """An upscaler, and how strongly its picture shows over what lies below."""

    model: str
    opacity: float = 1.0


Layers = tuple[Layer, ...]


def layers_of(text: str, setting: str) -> Layers:
    """What a list such as `R-ESRGAN 4x+:0.7, Lanczos:0.3` says, the bottom one first. Raises SettingsError."""
    found = []
    for part in text.split(","):
        name, colon, opacity = part.strip().rpartition(":")
        try:
            layer = Layer(name.strip(), float(opacity)) if colon else Layer(part.strip())
        except ValueError:
            layer = Layer(part.strip())
        if not layer.model or not 0 <= layer.opacity <= 1:
            raise SettingsError(
                f"{setting}: {part.strip()!r} is not an upscaler with an opacity from 0 to 1, such as R-ESRGAN 4x+:0.7."
            )
        found.append(layer)
    return tuple(found)


def resolved(layers: Layers, known: Sequence[str]) -> tuple[Layers, str]:
    """The layers with `auto` replaced by the best that is `known`, and a sentence for the user where that is only Lanczos."""
    best = FAVOURITE if FAVOURITE in known else LANCZOS
    made = tuple(replace(layer, model=best) if layer.model == AUTO else layer for layer in layers)
    if best == FAVOURITE or made == layers:
        return made, ""
    return made, (
        f"There is no {FAVOURITE} here, so Lanczos enlarges, which adds no detail: put RealESRGAN_x4plus.pth into "
        "models/RealESRGAN, or name an upscaler (`vidpaint settings` lists what there is)."
    )


def enlarged(upscale: Upscale, picture: Frame, size: tuple[int, int], layers: Layers) -> Frame:
    """The picture (RGB uint8) at `size` (width, height) by all layers, the first one at the bottom.

    What shows through under the first one is the picture as Lanczos enlarges it.
    """
    scale = max(size[0] / picture.shape[1], size[1] / picture.shape[0])
    solid = max((number for number, layer in enumerate(layers) if layer.opacity == 1), default=0)
    below = resized(picture, size)
    for layer in layers[solid:]:
        if layer.opacity:
            above = resized(upscale(picture, layer.model, scale), size)
            if layer.opacity < 1:
                above = cv2.addWeighted(above, layer.opacity, below, 1 - layer.opacity, 0, dtype=cv2.CV_32F)
            below = above
    return np.rint(below).astype(np.uint8)


def larger_info(info: VideoInfo, scale: float) -> VideoInfo:
    """What a video like `info` says of itself at `scale` times its size: whole chroma cells, and always a matrix, as what a
    player takes for untagged files depends on their size."""
    steps = pixel_format(info.pixel_format).steps
    width, height = (max(1, round(s * scale / step)) * step for s, step in zip((info.width, info.height), steps))
    matrix = matrix_of(info.color, info.width, info.height)
    shape = Fraction(info.width * height, info.height * width)
    aspect = info.sample_aspect * shape if abs(shape - 1) > Fraction(1, 100) else info.sample_aspect
    return replace(info, width=width, height=height, color=replace(info.color, matrix=matrix), sample_aspect=aspect)


def larger_planes(planes: Planes, info: VideoInfo, larger: VideoInfo, upscale: Upscale, layers: Layers) -> Planes:
    """A frame of a video like `info` at the size of `larger`, in the same pixel format.

    Samples are enlarged as they are and get the difference that the layers make, so that more than 8 bits stay.
    """
    fmt = planes.format
    shapes = [fmt.shape(number, larger.width, larger.height) for number in range(len(fmt.components))]
    arrays = tuple(
        np.asarray(cv2.resize(array, shape[::-1], interpolation=cv2.INTER_CUBIC), array.dtype)
        for array, shape in zip(planes.arrays, shapes)
    )
    top = (1 << fmt.bits) - 1
    plain = Planes(fmt, tuple(np.minimum(array, top) for array in arrays))
    before = view(plain, larger.color)
    after = enlarged(upscale, view(planes, larger.color), (larger.width, larger.height), layers)
    for top in range(0, larger.height, STRIP):
        first, stop = max(0, top - HALO), min(larger.height, top + STRIP + HALO)
        strip, whole = Box(0, first, larger.width, stop - first), np.ones((stop - first, larger.width), np.float32)
        edited = apply_edit(plain.crop(strip), larger.color, before[strip.slices], after[strip.slices], whole)
        rows = min(STRIP, larger.height - top)
        own = edited.crop(Box(0, top - first, larger.width, rows))
        for target, samples in zip(plain.crop(Box(0, top, larger.width, rows)).arrays, own.arrays):
            target[...] = samples
    return plain


def larger_mask(mask: Mask, larger: VideoInfo) -> Mask:
    """A mask at the size of `larger`; soft edges stay soft."""
    return np.asarray(cv2.resize(mask, (larger.width, larger.height), interpolation=cv2.INTER_LINEAR), np.uint8)
