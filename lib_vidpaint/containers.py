"""Opening a media file safely, and what it says of itself.

libav chooses a demuxer by content, not by name: every open allows only the `file` protocol and a short list of containers,
or a `.mp4` that holds a playlist would open other files.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

import av
from av.container import InputContainer
from av.error import FFmpegError
from av.stream import Disposition
from av.video.stream import VideoStream

from .errors import VideoError
from .model import AudioStream, Color, VideoInfo
from .pixels import pixel_format

SIDE_DATA = {
    "HDR10 mastering data": {"MASTERING_DISPLAY_METADATA", "CONTENT_LIGHT_LEVEL"},
    "HDR10+ data": {"DYNAMIC_HDR_PLUS", "DYNAMIC_HDR_VIVID"},
    "Dolby Vision data": {"DOVI_RPU_BUFFER", "DOVI_METADATA"},
    "closed captions": {"A53_CC"},
    "360-degree or stereo marks": {"SPHERICAL", "STEREO3D"},
}
CONTAINERS = "mov,mp4,matroska,webm,avi,mpegts"
# First bytes of what people try and what it is; libav would read some of these as a video of one frame.
_REFUSED = (
    (rb"GIF8", "an animated GIF"),
    (rb"RIFF....WEBP", "a WebP picture"),
    (rb"\x89PNG|\xff\xd8\xff|BM|II\*\0|MM\0\*|....ftyp(?:avi[fs]|hei[cfsx]|mif1)", "a picture"),
    (rb"\xef?\xbb?\xbf?\s*(?:#EXTM3U|ffconcat|\[playlist\])", "a playlist"),
)


@contextmanager
def open_media(source: Path | bytes) -> Iterator[InputContainer]:
    """A libav container that can open nothing but that file; closed at the end. Raises VideoError."""
    name = source.name if isinstance(source, Path) else "the clip in memory"
    if isinstance(source, Path):
        _refuse(source)
    file = io.BytesIO(source) if isinstance(source, bytes) else f"file:{source}"
    limits = {"protocol_whitelist": "file", "format_whitelist": CONTAINERS}
    try:
        container = av.open(file, "r", container_options=limits)
    except (FFmpegError, OSError, UnicodeError) as error:
        raise VideoError(_why(source, name, error)) from None
    try:
        yield container
    finally:
        container.close()


def video_stream(container: InputContainer, name: str) -> VideoStream:
    """The first video track that is not a cover picture. Raises VideoError if there is none or no decoder for it."""
    found = next((s for s in container.streams.video if not s.disposition & Disposition.attached_pic), None)
    if found is None:
        heard = " only sound" if container.streams.audio else " no video track"
        raise VideoError(f"{name} has{heard}: choose a file with a picture that moves.")
    if found.codec_context is None:
        raise VideoError(f"{name} uses a video codec that this build of FFmpeg cannot decode: convert it first.")
    return found


def container_kind(container: InputContainer) -> str:
    """mp4, mov, matroska, avi or mpegts."""
    kind = container.format.name.split(",")[0]
    if kind == "mov" and container.metadata.get("major_brand", "qt").strip() != "qt":
        return "mp4"
    return kind


def describe(container: InputContainer, stream: VideoStream, first: av.VideoFrame, fps: Fraction) -> VideoInfo:
    """All that the file and its first decoded frame say; `fps` stands in where neither tells."""
    context = stream.codec_context
    rate = stream.average_rate or stream.guessed_rate or stream.base_rate or fps
    aspect = stream.sample_aspect_ratio or context.sample_aspect_ratio
    return VideoInfo(
        width=first.width,
        height=first.height,
        pixel_format=pixel_format(first.format.name).name,
        codec=context.codec.canonical_name,
        container=container_kind(container),
        fps=Fraction(rate),
        time_base=Fraction(stream.time_base or 1 / fps),
        color=color_of(first),
        sample_aspect=Fraction(aspect) if aspect else Fraction(1),
        rotation=first.rotation,
        interlaced=_field_order(first, context),
        audio=tuple(_audio(s) for s in container.streams.audio),
        others=(
            *(phrase(s) for s in container.streams if s.type != "audio" and s.index != stream.index),
            *_extras(first, context.codec.canonical_name),
        ),
    )


def color_of(frame: av.VideoFrame) -> Color:
    """The frame's tags. Untagged range: full for RGB, grey and the yuvj formats (as FFmpeg reads them), else limited."""
    fmt = pixel_format(frame.format.name)
    tagged = int(frame.color_range)
    full = tagged == 2 or (tagged == 0 and (fmt.full_range or fmt.family != "yuv"))
    return Color(int(frame.colorspace), int(frame.color_primaries), int(frame.color_trc), full)


def _extras(frame: av.VideoFrame, codec: str) -> Iterator[str]:
    """A phrase for everything a frame carries beside its samples that a new encoding does not repeat.

    PyAV 17 and 18 free the metadata of side data twice, as PNG's colour profiles have it, and crash: only codecs without
    such metadata are asked.
    """
    side_data: Any = frame.side_data if codec in ("h264", "hevc", "av1", "vp9") else ()
    names = {entry.type.name for entry in side_data}
    return (words for words, kinds in SIDE_DATA.items() if names & kinds)


def _field_order(frame: av.VideoFrame, context: Any) -> Literal["", "top", "bottom"]:
    """Which field comes first; FFmpeg numbers TT 2, BB 3, TB 4, BT 5 (stored, then shown). PyAV 17 does not tell."""
    if not frame.interlaced_frame:
        return ""
    return "bottom" if getattr(context, "field_order", 0) in (3, 4) else "top"


def _audio(stream: Any) -> AudioStream:
    context = stream.codec_context
    if context is None:
        return AudioStream(stream.index, "unknown", 0, 0)
    return AudioStream(stream.index, context.codec.canonical_name, context.sample_rate or 0, context.channels or 0)


def phrase(stream: Any) -> str:
    """A short name for a track, for people."""
    codec = getattr(stream.codec_context, "name", None) or getattr(stream, "name", None) or "unknown codec"
    if stream.type == "video":
        covers = stream.disposition & Disposition.attached_pic
        return f"cover picture {stream.index} ({codec})" if covers else f"second video track {stream.index} ({codec})"
    return f"{stream.type} track {stream.index} ({codec})"


def _refuse(path: Path) -> None:
    if not path.is_file():
        raise VideoError(f"{path} does not exist.")
    try:
        with path.open("rb") as file:
            head = file.read(64)
    except OSError as error:
        raise VideoError(f"{path} cannot be opened: {error.strerror}.") from None
    if not head:
        raise VideoError(f"{path.name} is empty.")
    for pattern, what in _REFUSED:
        if re.match(pattern, head, re.DOTALL):
            raise VideoError(
                f"{path.name} is {what}, not a video file: use MP4, MOV, MKV, WebM or AVI, or a folder of PNG or JPEG pictures."
            )


def _why(source: Path | bytes, name: str, error: Exception) -> str:
    if isinstance(source, Path) and _lacks_index(source):
        return f"{name} is cut off: its index (the moov box) is missing. Copy, record or download the whole file again."
    reason = getattr(error, "strerror", None) or str(error)
    return f"{name} is not a video that can be read ({reason}): use MP4, MOV, MKV, WebM or AVI."


def _lacks_index(path: Path) -> bool:
    """Whether an MP4's chain of boxes ends without a moov."""
    size = path.stat().st_size
    with path.open("rb") as file:
        if file.read(8)[4:] not in (b"ftyp", b"mdat", b"wide", b"free"):
            return False
        place = 0
        while place + 8 <= size:
            file.seek(place)
            head = file.read(16)
            length = int.from_bytes(head[:4], "big")
            if head[4:8] == b"moov" and place + length <= size:
                return False
            if length == 1:
                length = int.from_bytes(head[8:16], "big")
            if length < 8:
                break
            place += length
    return True
