"""Encoding: exact masters, lossless patches and masks in memory, and the share copy for people.

A master has the source's samples, timestamps, tags and audio packets. x264 with qp 0 is lossless at 8 and 10 bits; what it
cannot hold goes through FFV1. Both live in MP4, which keeps timestamps exactly where Matroska rounds them to 1 ms.
"""

from __future__ import annotations

import errno
import io
import math
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import chain
from pathlib import Path
from types import TracebackType
from typing import Any, Literal

import av
import cv2
import numpy as np
from av.error import FFmpegError

from .clip import Clip
from .clip import read_planes_of as read_planes_of
from .errors import VideoError
from .fields import FieldFlags
from .model import Color, Mask, VideoInfo
from .pixels import PixelFormat, Samples, pixel_format
from .planes import Planes, apply_edit, matrix_of, to_frame, view
from .tracks import Tracks, fits

# Encoders' bytes depend on how many threads they use: a fixed number makes equal input give equal files.
THREADS = 4
_SUBSAMPLING = {(1, 1): "420", (1, 0): "422", (0, 0): "444", (0, 1): "440", (2, 0): "411", (2, 2): "410"}
_X264 = (("qp", "0"), ("preset", "ultrafast"), ("bf", "0"))
ShareCodec = Literal["h264", "h265"]
_FFV1 = (("level", "3"), ("slicecrc", "1"), ("context", "0"), ("g", "1"))


@dataclass(frozen=True)
class Encoding:
    """How a video is written; `reason` says in a phrase why. With `web_audio`, sound browsers cannot play becomes AAC;
    `tempo` and `sound` as for `Tracks`."""

    codec: str
    pixel_format: str
    container: Literal["mp4", "matroska", "mov"]
    options: tuple[tuple[str, str], ...]
    reason: str
    web_audio: bool = False
    tempo: Fraction = Fraction(1)
    sound: bool = True


def master_encoding(info: VideoInfo, audio_from: Clip | None = None) -> Encoding:
    """The lossless encoding for a video like `info`: in MP4, or in Matroska if only that holds the sound of `audio_from`.

    Raises VideoError for a pixel format without a lossless codec.
    """
    container = "mp4"
    if audio_from is not None and info.audio and not fits(audio_from, "mp4") and fits(audio_from, "matroska"):
        container = "matroska"
    fmt = pixel_format(info.pixel_format)
    step_x, step_y = fmt.steps
    whole = info.width % step_x == 0 and info.height % (step_y * (2 if info.interlaced else 1)) == 0
    layout = _SUBSAMPLING.get((fmt.shift_x, fmt.shift_y), "")
    common = fmt.family == "yuv" and not fmt.alpha and fmt.bits in (8, 10) and layout in ("420", "422", "444")
    # H.264 tagged as identity matrix is decoded as GBR planes, no longer as the ones we put in.
    if common and whole and info.color.matrix != 0:
        return Encoding("libx264", _planar_name(fmt), container, _X264, "H.264, lossless")
    name = _planar_name(fmt)
    if name.startswith("ya16"):
        return Encoding(
            "png", "ya16be", container, (("pred", "up"),), "PNG, because no video codec holds 16-bit grey with alpha"
        )
    why = "H.264 has no such pixel format" if whole or not common else "H.264 needs even sides"
    return Encoding("ffv1", name, container, _FFV1, f"FFV1, because {why}")


def share_encoding(info: VideoInfo, crf: float, codec: ShareCodec = "h264") -> Encoding:
    """The encoding of a copy that plays everywhere (h264) or in most places at less size (h265): 4:2:0 in MP4, ready to
    play while it loads."""
    if codec == "h265":
        # Browsers of Apple's want the tag hvc1. With a fixed number of frames at once equal input gives equal files.
        quiet = ("x265-params", "log-level=error:frame-threads=2")
        options = (("crf", f"{crf:g}"), ("preset", "medium"), ("tag", "hvc1"), quiet)
        return Encoding("libx265", "yuv420p", "mp4", options, f"H.265 at CRF {crf:g}", web_audio=True)
    # x264's macroblock tree gives other bytes for the same pictures (11 different files in 16 encodes; 1 without it).
    options = (("crf", f"{crf:g}"), ("preset", "medium"), ("mbtree", "0"))
    return Encoding("libx264", "yuv420p", "mp4", options, f"H.264 at CRF {crf:g}", web_audio=True)


def share_info(info: VideoInfo) -> VideoInfo:
    """What a share copy of a video like `info` says of itself: even sides, yuv420p, limited range, a matrix always."""
    matrix = matrix_of(info.color, info.width, info.height)
    if pixel_format(info.pixel_format).family != "yuv" or matrix == 0:
        matrix = matrix_of(Color(), info.width, info.height)
    known = matrix if matrix in (1, 6) else 2
    primaries, transfer = (known if code in (0, 2) else code for code in (info.color.primaries, info.color.transfer))
    return replace(
        info,
        width=info.width + info.width % 2,
        height=info.height + info.height % 2,
        pixel_format="yuv420p",
        color=Color(matrix, primaries, transfer, full_range=False),
        interlaced="",
    )


def share_planes(planes: Planes, info: VideoInfo) -> Planes:
    """The picture as `share_info` describes it; `info` is the source's. Odd sides grow by repeating the last line."""
    shared = share_info(info)
    fmt = pixel_format("yuv420p")
    if (
        planes.format == fmt
        and not info.color.full_range
        and (planes.width, planes.height) == (shared.width, shared.height)
    ):
        return planes
    if _alike(planes, info, shared):
        return Planes(
            fmt,
            tuple(
                _reduced(array, fmt.shape(i, shared.width, shared.height), planes.format.bits)
                for i, array in enumerate(planes.arrays[:3])
            ),
        )
    picture = view(planes, info.color)
    rows, columns = shared.height - planes.height, shared.width - planes.width
    picture = np.asarray(cv2.copyMakeBorder(picture, 0, rows, 0, columns, cv2.BORDER_REPLICATE), np.uint8)
    black = Planes(
        fmt, tuple(np.full(fmt.shape(i, shared.width, shared.height), 128 if i else 16, np.uint8) for i in range(3))
    )
    whole = np.ones(picture.shape[:2], np.float32)
    return apply_edit(black, shared.color, np.zeros_like(picture), picture, whole)


def _alike(planes: Planes, info: VideoInfo, shared: VideoInfo) -> bool:
    """Whether only depth and the rows of chroma differ from the share copy's: those need no way through RGB, which takes
    ten times as long."""
    fmt, color = planes.format, info.color
    same = fmt.family == "yuv" and fmt.shift_x == 1 and not (fmt.full_range or color.full_range) and color.matrix != 0
    return same and (planes.width, planes.height) == (shared.width, shared.height)


def _reduced(array: Samples, shape: tuple[int, int], bits: int) -> Samples:
    """A component with 8 bits, rounded, its rows averaged to those of `shape`."""
    if array.shape != shape:
        array = np.asarray(cv2.resize(array, shape[::-1], interpolation=cv2.INTER_AREA), array.dtype)
    return array if bits == 8 else np.asarray(cv2.convertScaleAbs(array, alpha=2.0 ** (8 - bits)), np.uint8)


class Writer:
    """Writes one video file, and the source's sound beside it. Use it in a `with`: leaving it finishes the file.

    path: exactly this file, whatever its suffix, or a file object. info: tags, timing and size of what is written (`size`
    = (width, height) overrides). audio_from: the source whose other tracks come along. start_pts: timestamp that becomes
    0. note: a sentence for the file's metadata, after what the source's comment says. timecode: that of the first picture,
    for a MOV. Disk errors are VideoErrors; after
    one the file is closed, unfinished, and left to the caller.
    """

    def __init__(
        self,
        path: Path | io.BytesIO,
        info: VideoInfo,
        encoding: Encoding,
        *,
        size: tuple[int, int] | None = None,
        audio_from: Clip | None = None,
        start_pts: int = 0,
        threads: int | None = None,
        note: str = "",
        timecode: str = "",
    ):
        self._name = path.name if isinstance(path, Path) else "the clip in memory"
        self._info = info
        self._encoding = encoding
        self._start = start_pts
        self._last: int | None = None
        self._tracks: Tracks | None = None
        width, height = size or (info.width, info.height)
        options = {"fflags": "+bitexact"}
        if encoding.container == "mp4":
            options["movie_timescale"] = str(_movie_timescale(info))
            options["movflags"] = "+faststart" if encoding.web_audio else "+write_colr"
        self._file: Any = None
        with self._closed_on_error():
            target = f"file:{path}" if isinstance(path, Path) else path
            self._file = av.open(target, "w", format=encoding.container, container_options=options)
            self._stream = self._add_stream(width, height, threads or THREADS)
            if audio_from is not None:
                self._tracks = Tracks(
                    self._file,
                    audio_from,
                    start_pts,
                    web_audio=encoding.web_audio,
                    tempo=encoding.tempo,
                    sound=encoding.sound,
                )
            metadata = self._file.metadata
            if timecode:
                metadata["timecode"] = timecode
            if note:
                metadata["comment"] = "; ".join(text for text in (metadata.get("comment"), note) if text)
            self._file.start_encoding()
        self._fields = FieldFlags(info, width, height, encoding.pixel_format) if info.interlaced else None

    def write(self, planes: Planes, pts: int) -> None:
        """Adds a picture at `pts`, in units of info.time_base. Raises VideoError if time does not go forward."""
        if self._last is not None and pts <= self._last:
            seconds = float(pts * self._info.time_base)
            raise VideoError(
                f"Two frames share the timestamp {seconds:.3f} s or go back in time: remux the source first."
            )
        self._last = pts
        frame = to_frame(planes, self._encoding.pixel_format)
        if self._fields:
            frame = self._fields.mark(frame)
        frame.pts = (pts - self._start) * self._info.time_base.numerator
        frame.time_base = Fraction(1, self._info.time_base.denominator)
        with self._closed_on_error():
            self._mux(self._stream.encode(frame))

    @property
    def not_kept(self) -> tuple[str, ...]:
        """A phrase for everything of the source that this file does not have."""
        lost = self._tracks.not_kept if self._tracks else ()
        if self._encoding.container == "matroska" and 1000 % self._info.time_base.denominator:
            lost += ("timestamps finer than 1 ms",)
        return lost

    def __enter__(self) -> Writer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            self._abandon()
            return
        with self._closed_on_error():
            self._mux(self._stream.encode(None))
            if self._tracks:
                self._tracks.finish()
            self._close()

    def _add_stream(self, width: int, height: int, threads: int) -> Any:
        info, encoding = self._info, self._encoding
        options = dict(encoding.options)
        tag = options.pop("tag", "")
        if encoding.codec not in av.codecs_available:
            raise VideoError(f"This build of FFmpeg has no encoder {encoding.codec}: choose another codec.")
        if info.interlaced:
            options |= {"flags": "+ildct+ilme", "field_order": "tt" if info.interlaced == "top" else "bb"}
        ticks = Fraction(1, info.time_base.denominator)
        stream: Any = self._file.add_stream(
            encoding.codec, rate=info.fps, options=options, width=width, height=height, time_base=ticks
        )
        context = stream.codec_context
        if tag:
            context.codec_tag = tag
        context.pix_fmt = encoding.pixel_format
        context.thread_count = threads
        context.thread_type = "AUTO"
        context.colorspace, context.color_primaries = info.color.matrix, info.color.primaries
        context.color_trc, context.color_range = info.color.transfer, 2 if info.color.full_range else 1
        context.sample_aspect_ratio = info.sample_aspect
        if info.rotation:
            stream.set_display_rotation(info.rotation)
        return stream

    def _mux(self, packets: list[av.Packet]) -> None:
        ticks = self._info.time_base.denominator
        for packet in packets:
            # The last frame lasts as long as a usual one; all others until the next.
            packet.duration = round(ticks / self._info.fps)
            if self._tracks:
                self._tracks.copy_until(Fraction(packet.dts or 0, ticks))
            self._file.mux(packet)

    @contextmanager
    def _closed_on_error(self) -> Iterator[None]:
        try:
            yield
        except (FFmpegError, OSError) as error:
            self._abandon()
            why = "the disk is full" if error.errno == errno.ENOSPC else error.strerror
            raise VideoError(f"{self._name} cannot be written: {why}.") from error
        except BaseException:
            self._abandon()
            raise

    def _abandon(self) -> None:
        with suppress(FFmpegError, OSError, ValueError):
            self._close()

    def _close(self) -> None:
        if self._tracks:
            self._tracks.close()
        if self._file is not None:
            self._file.close()


def lossless_bytes(frames: Iterable[Planes], info: VideoInfo, fps: Fraction) -> bytes:
    """A small MP4 in memory with exactly these pictures, all of one size, in the pixel format of `info`."""
    frames = iter(frames)
    first = next(frames)
    info = replace(info, width=first.width, height=first.height, fps=fps, time_base=1 / fps)
    info = replace(info, interlaced="", rotation=0, sample_aspect=Fraction(1), audio=(), others=())
    memory = io.BytesIO()
    with Writer(memory, info, master_encoding(info)) as writer:
        for pts, planes in enumerate(chain([first], frames)):
            writer.write(planes, pts)
    return memory.getvalue()


def gray_info(width: int, height: int, fps: Fraction, time_base: Fraction | None = None) -> VideoInfo:
    """What a clip of masks says of itself; write it with `gray_encoding`."""
    return VideoInfo(width, height, "gray", "ffv1", "mp4", fps, time_base or 1 / fps, Color(full_range=True))


def gray_encoding() -> Encoding:
    """Lossless grey for masks, every frame a keyframe. FFV1: 1 ms and 1.4 KB a 720p mask; H.264 comes back as 4:2:0."""
    return Encoding("ffv1", "gray", "mp4", _FFV1, "FFV1 grey")


def gray_planes(mask: Mask) -> Planes:
    """A mask (uint8 (H, W)) as a grey picture to write."""
    return Planes(pixel_format("gray"), (mask,))


def _planar_name(fmt: PixelFormat) -> str:
    """The pixel format that holds such samples in an encoder, in little-endian planes."""
    depth = "" if fmt.bits == 8 else f"{fmt.bits}le"
    if fmt.family == "gray":
        return f"ya{fmt.bits}" if fmt.alpha else f"gray{depth}"
    if fmt.family == "rgb":
        packed = "bgra" if fmt.alpha else "bgr0"
        return f"gbr{'a' * fmt.alpha}p{depth}" if depth else packed
    return f"yuv{'a' * fmt.alpha}{_SUBSAMPLING.get((fmt.shift_x, fmt.shift_y), 'x')}p{depth}"


def _movie_timescale(info: VideoInfo) -> int:
    """Ticks a second for edit lists, so that a track's late start is exact; FFmpeg's own 1000 rounds it to 1 ms."""
    exact = math.lcm(info.time_base.denominator, *(a.rate for a in info.audio if a.rate))
    return exact if exact < 1 << 31 else info.time_base.denominator
