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
from .model import Box, Frame, Mask, Repaint, VideoInfo, from_json, to_json
from .orientation import as_stored
from .pictures import decode_picture

LONGEST = 8000
"""Letters of parameters that are shown; a prompt has a few hundred."""


@dataclass(frozen=True)
class Label:
    """What a candidate's PNG says: the parameters as the WebUI writes them, the box of the frame it shows (and what of it lies
    beyond that, as `Crop.pad`), what the settings did not say."""

    parameters: str = ""
    box: Box | None = None
    paint: Repaint = Repaint()
    pad: tuple[int, int, int, int] | None = None

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
    pad: tuple[int, int, int, int] = (0, 0, 0, 0)


def candidate_png(painted: Painted, crop: Crop, paint: Repaint = Repaint()) -> bytes:  # noqa: B008
    """The PNG of a candidate with its parameters in the text chunk that the WebUI reads, and what it shows in one of ours."""
    text, data = PngInfo(), io.BytesIO()
    text.add_itxt("parameters", painted.infotext or f"Seed: {painted.seed}")
    text.add_itxt("vidpaint", json.dumps(to_json(_Origin(crop.box, paint, crop.pad))))
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
    return Label(texts["parameters"][:LONGEST], origin.box, origin.paint, origin.pad)


def decode_candidate(
    data: bytes, key: int, number: int, crop: Crop, info: VideoInfo, source: Frame, region: Mask
) -> Frame:
    """The picture of a candidate inside `crop.box` of the source as it is stored, laid over `source`, what is there without it.

    A person's own is a whole frame. One that was painted with another crop is used as long as it shows all of `region`
    (its mask inside `crop.box`). Raises ProjectError for no picture, another size, or one of another part of the frame.
    """
    file, rotation = candidate_file(key, number), info.rotation
    if number < 0:
        shown = (info.height, info.width) if rotation % 180 else (info.width, info.height)
        return as_stored(decode_picture(data, file, shown), rotation)[crop.box.slices]
    label = read_label(io.BytesIO(data))
    own = crop if label.box is None or label.pad is None else Crop(label.box, label.pad)
    picture = own.inner(as_stored(decode_picture(data, file, own.size(rotation)), rotation))
    if own.box == crop.box:
        return picture
    laid, unseen, shared = source.copy(), region > 0, _shared(own.box, crop.box)
    if shared:
        there, here = (_inside(shared, box) for box in (own.box, crop.box))
        laid[here], unseen[here] = picture[there], False
    if unseen.any():
        raise ProjectError(
            f"{file} was painted for another part of the picture, before the mask or the crop changed: choose another "
            f"candidate for keyframe {key}, or have it painted again."
        )
    return laid


def _shared(one: Box, other: Box) -> Box | None:
    x, y = max(one.x, other.x), max(one.y, other.y)
    width, height = min(one.right, other.right) - x, min(one.bottom, other.bottom) - y
    return Box(x, y, width, height) if width > 0 and height > 0 else None


def _inside(box: Box, whole: Box) -> tuple[slice, slice]:
    """Where `box` lies in a picture of `whole`."""
    return Box(box.x - whole.x, box.y - whole.y, box.width, box.height).slices
