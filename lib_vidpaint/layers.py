"""The patch alone, for editing programs: a picture that is transparent outside the region, laid over the original.

ProRes 4444 with alpha keeps 10 bits; the alpha is straight (not premultiplied). In a composition of 4:4:4, as editing
programs have it, original and layer give the master within 1 code of 255 (measured: .75). FFmpeg's overlay filter does so
with format=yuv444p10; in 4:2:0 its resampling of chroma alone is up to 5 codes off in .2 % of the samples.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import cv2
import numpy as np

from .chains import Chain
from .clip import Clip
from .containers import open_media, video_stream
from .encode import Encoding, Writer, master_encoding
from .errors import VideoError
from .groups import Patch
from .model import Color, Mask, VideoInfo
from .pixels import Samples, pixel_format
from .planes import Planes, from_frame, matrix_of, to_frame
from .regions import REGION, bounding_box

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .pipeline import Run
    from .progress import Progress
    from .render import Edited

Layer = Literal["off", "prores", "png", "png16"]
PRORES = Encoding("prores_ks", "yuva444p10le", "mov", (("profile", "4444"), ("vendor", "apl0")), "ProRes 4444")
SCALE = "flags=bicubic+accurate_rnd+full_chroma_int+full_chroma_inp"
REACH = 1
"""Chroma samples beyond the region that are in the layer as well: what they hold is the source's, and a program that
interpolates chroma then sees at the border what it sees in the master (without, it is 2 codes off there)."""
BLOCK = 16
RATES = {Fraction(n) for n in (24, 25, 30, 48, 50, 60)} | {Fraction(1000 * n, 1001) for n in (24, 30, 48, 60)}
"""Frame rates that a timecode can count."""


@dataclass(frozen=True)
class EditedFrame:
    """Take: one finished frame, as its planes and the region."""

    index: int
    patches: tuple[Patch, ...]

    def key(self, run: Run) -> str:
        made = [run.ledger.content(p.file) for p in self.patches if p.start <= self.index < p.stop]
        return f"{run.source_digest}{run.ledger.content(REGION)}{made}{self.index}"

    def load(self, run: Run) -> tuple[Planes, Mask]:
        frame = next(run.edited_reader(self.patches).read(self.index, self.index + 1))
        return frame.result.copy(), frame.region.copy()


def layer_png(edited: tuple[Planes, Mask], info: VideoInfo, bits: int) -> bytes:
    """A frame's patch as a PNG of RGB and alpha, 8 or 16 bits; transparent black outside. `info` is the source's."""
    planes, region = edited
    opaque = opacity(region, planes) > 0
    rgb = _converted(planes, info, "gbrp" if bits == 8 else "gbrp16le")
    top = (1 << bits) - 1
    picture = np.dstack([*(array * opaque for array in reversed(rgb)), opaque * rgb[0].dtype.type(top)])
    done, data = cv2.imencode(".png", picture, [cv2.IMWRITE_PNG_COMPRESSION, 1])
    if not done:
        raise VideoError(f"A layer of {picture.shape} could not be encoded as PNG.")
    return data.tobytes()


def write_prores(path: Path, clip: Clip, frames: Iterable[Edited], note: str, progress: Progress, total: int) -> None:
    """Write the layer of every frame as a MOV with the source's timestamps, and its timecode where it has one."""
    info = layer_info(clip.info)
    start = clip.pts[0] if clip.span else 0
    with Writer(path, info, PRORES, start_pts=start, note=note, timecode=timecode(clip)) as writer:
        for done, frame in enumerate(frames, 1):
            writer.write(layer_planes(frame.result, frame.region, clip.info), frame.pts)
            progress.step("layer", done, total)


def layer_info(info: VideoInfo) -> VideoInfo:
    """What a ProRes layer of a video like `info` says of itself: limited range, a matrix always."""
    yuv = pixel_format(info.pixel_format).family == "yuv" and info.color.matrix != 0
    matrix = matrix_of(info.color if yuv else Color(), info.width, info.height)
    color = replace(info.color, matrix=matrix, full_range=False)
    return replace(info, pixel_format=PRORES.pixel_format, color=color, audio=(), others=())


def layer_planes(planes: Planes, region: Mask, info: VideoInfo) -> Planes:
    """A frame's patch in 4:4:4 with alpha, 10 bits; grey where its blocks cannot be seen."""
    fmt, opaque = pixel_format(PRORES.pixel_format), opacity(region, planes)
    color = _converted(planes, info, "yuv444p10le")
    seen = np.zeros_like(opaque)
    if box := bounding_box(opaque):
        seen[box.aligned(BLOCK, BLOCK, info.width, info.height).slices] = 1
    kept = [np.where(seen > 0, array, np.uint16(512)) for array in color]
    return Planes(fmt, (*kept, np.where(opaque > 0, np.uint16(1023), np.uint16(0))))


def opacity(region: Mask, planes: Planes) -> Mask:
    """Where a layer covers the original: the region, and where chroma is subsampled REACH of its samples around it."""
    step_x, step_y = planes.format.steps
    size = 1 + 2 * REACH * step_x * (step_x > 1), 1 + 2 * REACH * step_y * (step_y > 1)
    return np.asarray(cv2.dilate(region, np.ones(size[::-1], np.uint8)), np.uint8)


def _converted(planes: Planes, info: VideoInfo, to: str) -> tuple[Samples, ...]:
    """The picture's components in another pixel format, by FFmpeg's scaler, as editing programs have it."""
    name, size = master_encoding(info).pixel_format, (planes.width, planes.height)
    matrix = "" if to.startswith("gbr") else f":out_color_matrix={_NAMES.get(layer_info(info).color.matrix, 'auto')}"
    steps = [("scale", f"{SCALE}:out_range={'pc' if to.startswith('gbr') else 'tv'}{matrix}"), ("format", to)]
    (frame,) = Chain(steps, size, name, info.color, info.time_base).push(to_frame(planes, name))
    return from_frame(frame).arrays


_NAMES = {1: "bt709", 4: "fcc", 5: "bt470bg", 6: "smpte170m", 7: "smpte240m", 9: "bt2020"}


def timecode(clip: Clip) -> str:
    """The timecode of the clip's first frame, as the source counts (from 0 where it does not say); '' if it cannot."""
    fps = clip.info.fps
    if fps not in RATES or clip.info.container == "pictures":
        return ""
    with open_media(clip.path) as source:
        stream = video_stream(source, clip.path.name)
        begin = stream.metadata.get("timecode") or source.metadata.get("timecode") or "00:00:00:00"
    skipped = round((clip.pts[0] * clip.info.time_base - clip.origin) * fps) if clip.span else 0
    return counted_on(begin, skipped, fps)


def counted_on(begin: str, frames: int, fps: Fraction) -> str:
    """The timecode that many frames after another; with `;` or `.` it is drop-frame and skips numbers as SMPTE 12M says."""
    parts = begin.replace(";", ":").replace(".", ":").split(":")
    if len(parts) != 4 or not all(part.isdigit() for part in parts):
        return ""
    rate, dropping = round(fps), ";" in begin or "." in begin
    drop = rate // 15 if dropping else 0
    hours, minutes, seconds, number = map(int, parts)
    minutes += 60 * hours
    count = (minutes * 60 + seconds) * rate + number - drop * (minutes - minutes // 10) + frames
    tens, left = divmod(count, 600 * rate - 9 * drop)
    count += drop * (9 * tens + max(0, left - drop) // (60 * rate - drop))
    total, number = divmod(count, rate)
    sign = ";" if dropping else ":"
    return f"{total // 3600 % 24:02}:{total // 60 % 60:02}:{total % 60:02}{sign}{number:02}"
