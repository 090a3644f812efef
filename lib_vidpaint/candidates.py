"""Candidates as files: what a PNG says of how it was painted, and the picture in it as the source is stored."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass, fields, replace
from pathlib import Path

from PIL import Image, UnidentifiedImageError
from PIL.PngImagePlugin import PngInfo

from .crops import Crop
from .engines import Painted
from .errors import ProjectError
from .groups import candidate_file
from .model import Box, Frame, Repaint, VideoInfo, from_json, to_json
from .orientation import as_stored
from .pictures import decode_picture

LONGEST = 8000
"""Letters of parameters that are shown; a prompt has a few hundred."""


@dataclass(frozen=True)
class Label:
    """What a candidate's PNG says: the parameters as the WebUI writes them, the box it shows, what the settings did not say."""

    parameters: str = ""
    box: Box | None = None
    paint: Repaint = Repaint()

    @property
    def seed(self) -> str:
        """The seed among the parameters, '' where they name none."""
        _, _, rest = self.parameters.rpartition("Seed: ")
        return rest[: len(rest) - len(rest.lstrip("0123456789"))]

    @property
    def special(self) -> str:
        """What was asked for besides the settings and the seed, in words: `denoise 0.5`."""
        return said(replace(self.paint, seed=None))


def said(paint: Repaint) -> str:
    """What a keyframe is painted with besides the settings, in words; '' for nothing."""
    given = ((f.name.replace("_", " "), getattr(paint, f.name)) for f in fields(paint))
    return ", ".join(f"{name} {json.dumps(value, ensure_ascii=False)}" for name, value in given if value is not None)


@dataclass(frozen=True)
class _Origin:
    box: Box
    paint: Repaint = Repaint()


def candidate_png(painted: Painted, crop: Crop, paint: Repaint = Repaint()) -> bytes:  # noqa: B008
    """The PNG of a candidate with its parameters in the text chunk that the WebUI reads, and what it shows in one of ours."""
    text, data = PngInfo(), io.BytesIO()
    text.add_itxt("parameters", painted.infotext or f"Seed: {painted.seed}")
    text.add_itxt("vidpaint", json.dumps(to_json(_Origin(crop.box, paint))))
    Image.fromarray(painted.picture).save(data, "PNG", pnginfo=text, compress_level=1)
    return data.getvalue()


def read_label(file: Path | io.BytesIO) -> Label:
    """What a candidate's file says of itself; an empty label for a picture of another program. Reads no pixels."""
    try:
        with Image.open(file, formats=("PNG",)) as picture:
            texts = {name: str(picture.info.get(name, "")) for name in ("parameters", "vidpaint")}
    except (OSError, ValueError, SyntaxError, UnidentifiedImageError, Image.DecompressionBombError):
        return Label()
    try:
        origin = from_json(_Origin, json.loads(texts["vidpaint"]))
    except (ValueError, ProjectError):
        return Label(texts["parameters"][:LONGEST])
    return Label(texts["parameters"][:LONGEST], origin.box, origin.paint)


def decode_candidate(data: bytes, key: int, number: int, crop: Crop, info: VideoInfo) -> Frame:
    """The picture of a candidate inside `crop.box` of the source as it is stored. A person's own is a whole frame.

    Raises ProjectError for no picture, another size, or one that was painted for another part of the frame.
    """
    file, rotation = candidate_file(key, number), info.rotation
    if number < 0:
        shown = (info.height, info.width) if rotation % 180 else (info.width, info.height)
        return as_stored(decode_picture(data, file, shown), rotation)[crop.box.slices]
    picture = decode_picture(data, file, crop.size(rotation))
    box = read_label(io.BytesIO(data)).box
    if box and box != crop.box:
        raise ProjectError(
            f"{file} was painted for another part of the picture, before the mask or the crop changed: choose another "
            f"candidate for keyframe {key}, or have it painted again."
        )
    return crop.inner(as_stored(picture, rotation))
