"""Verify: compares a master with its source without trusting what rendered it.

It has its own decode loops, one thread for each file, and its own way to the samples (`witness.py`), and shares with the
rest only how a file is opened safely.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Generator, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import zip_longest
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.error import FFmpegError

from .containers import open_media, video_stream
from .errors import VideoError
from .pools import ahead
from .progress import Progress
from .witness import cell, samples, whole_cells

Span = tuple[Fraction, Fraction | None]
_Timed = tuple[Fraction, av.VideoFrame]
_FORMATS = {".png": "png_pipe", ".jpg": "jpeg_pipe", ".jpeg": "jpeg_pipe"}


@dataclass(frozen=True)
class Check:
    """What a comparison found. Counts are samples of all components in all frames; region_share is 0..1 of the luma.

    audio_equal is None when the source has no sound. The worst frame is the one with the most changes outside (-1: none).
    """

    frames: int
    changed_outside: int
    changed_outside_worst_frame: int
    changed_inside: int
    region_share: float
    timestamps_equal: bool
    audio_equal: bool | None
    decoder: str
    problems: tuple[str, ...] = ()

    @property
    def exact(self) -> bool:
        return (
            self.frames > 0
            and self.changed_outside == 0
            and self.timestamps_equal
            and self.audio_equal is not False
            and not self.problems
        )


def verify(
    source: Path, master: Path, region: Path, span: Span | None = None, progress: Progress | None = None
) -> Check:
    """Compares every frame, timestamp, tag and audio packet of the master with the source's.

    source: a video or a folder of pictures. region: a lossless grey clip, one frame for each compared, not 0 = may
    change. span: the seconds (start, stop) of the source that the master shows. Memory stays flat. Raises VideoError
    when one of the files cannot be read at all.
    """
    progress = progress or Progress()
    folder = source.is_dir()
    # A picture's number tells its time only when one knows how long a picture stands: the master's second frame does.
    tally = _Tally(relative=span is not None or folder, step=Fraction(1) if folder else None)
    total, aspect, tally.decoder = _about(master)
    with ExitStack() as stack:
        # Each decoder has one thread, so that what a damaged file gives does not depend on their number.
        opened = _pictures(source) if folder else _frames(source, span), _frames(master), _frames(region)
        files = [stack.enter_context(closing(ahead(stack.enter_context(closing(file)), 2))) for file in opened]
        for index, (original, result, mask) in enumerate(zip_longest(*files)):
            if original is None or result is None or mask is None:
                tally.problems.append(_ends_early(index, original, result, mask))
                break
            if index == 0:
                tally.problems += _different_tags(original[1], result[1])
            if not tally.compare(index, original, result, mask[1]):
                break
            progress.step("verifying", index + 1, max(total, index + 1))
    if not folder and aspect != _about(source)[1]:
        tally.problems.append(f"The sample aspect ratio is {aspect} instead of {_about(source)[1]}.")
    audio = None if folder else _compare_audio(source, master, span, tally.starts)
    return tally.check(audio)


@dataclass
class _Tally:
    relative: bool
    step: Fraction | None
    frames: int = 0
    outside: int = 0
    inside: int = 0
    worst: tuple[int, int] = (0, -1)
    share: float = 0.0
    same_times: bool = True
    starts: tuple[Fraction, Fraction] = (Fraction(0), Fraction(0))
    decoder: str = ""
    problems: list[str] = field(default_factory=list)

    def compare(self, index: int, original: _Timed, result: _Timed, mask: av.VideoFrame) -> bool:
        """Counts what differs in one frame; False when the pictures cannot be compared."""
        if index == 0:
            self.starts = original[0], result[0]
        if index == 1 and self.step:
            self.step = result[0] - self.starts[1]
        start, shift = self.starts if self.relative else (Fraction(0), Fraction(0))
        self.same_times &= (original[0] - start) * (self.step or 1) == result[0] - shift
        theirs, ours, allowed = samples(original[1]), samples(result[1]), samples(mask)[0][1] != 0
        if [(k, a.shape) for k, a in theirs] != [(k, a.shape) for k, a in ours]:
            self.problems.append(f"Frame {index} has another size or pixel format than the source's.")
            return False
        if allowed.shape != theirs[0][1].shape:
            self.problems.append(f"The region of frame {index} has another size than the picture.")
            return False
        may = {"luma": allowed, "chroma": whole_cells(allowed, cell(original[1])), "alpha": np.zeros_like(allowed)}
        outside = 0
        for (kind, before), (_, after) in zip(theirs, ours):
            differ = before != after
            outside += int(np.count_nonzero(differ & ~may[kind]))
            self.inside += int(np.count_nonzero(differ & may[kind]))
        self.outside += outside
        self.worst = max(self.worst, (outside, index), key=lambda entry: entry[0])
        self.share += float(np.mean(allowed))
        self.frames += 1
        return True

    def check(self, audio_equal: bool | None) -> Check:
        share = self.share / max(1, self.frames)
        worst = self.worst[1] if self.worst[0] else -1
        found = self.frames, self.outside, worst, self.inside, share, self.same_times, audio_equal
        return Check(*found, self.decoder, tuple(self.problems))


def _frames(path: Path, span: Span | None = None) -> Generator[_Timed, None, None]:
    """(time, frame) of every frame of the file's video in presentation order, or of those inside the span."""
    with open_media(path) as container:
        stream = video_stream(container, path.name)
        stream.thread_type = "NONE"
        stream.codec_context.thread_count = 1
        first, stop = _limits(container, stream, span)
        for count, frame in enumerate(_decode(container, stream, path.name)):
            stamp = frame.pts if frame.pts is not None else frame.dts
            ticks = stream.time_base or Fraction(1, 25)
            if stamp is None:
                stamp = round(count / ((stream.average_rate or 25) * ticks))
            time = stamp * ticks - _clock(container, stream)
            if stop is not None and time >= stop:
                return
            if time >= first:
                if frame.is_corrupt:
                    raise VideoError(f"Frame {count} of {path.name} is damaged, so it cannot be verified.")
                yield time, frame


def _decode(container: Any, stream: Any, name: str) -> Iterator[av.VideoFrame]:
    """Every frame; the end of a file that was cut off, a packet that is half there, is left out."""
    try:
        for packet in container.demux(stream):
            if packet.is_corrupt:
                break
            yield from packet.decode()
            if not packet.size:
                return
        yield from stream.decode(None)
    except (FFmpegError, OSError) as error:
        raise VideoError(f"{name} cannot be decoded to its end ({error.strerror}), so it cannot be verified.") from None


def _pictures(folder: Path) -> Generator[_Timed, None, None]:
    """(index, picture) of a folder, in natural order."""
    files = [p for p in folder.iterdir() if p.suffix.lower() in _FORMATS and not p.name.startswith(".")]
    files.sort(key=lambda p: [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", p.name)])
    for index, file in enumerate(files):
        with av.open(f"file:{file}", format=_FORMATS[file.suffix.lower()]) as container:
            yield Fraction(index), next(container.decode(video=0))


def _clock(container: Any, stream: Any) -> Fraction:
    """MPEG-TS counts from anywhere: its times are taken from the file's start. Others are taken as they are."""
    if container.format.name != "mpegts":
        return Fraction(0)
    return round(Fraction(container.start_time or 0, av.time_base) / stream.time_base) * stream.time_base


def _limits(container: Any, stream: Any, span: Span | None) -> tuple[Fraction | float, Fraction | None]:
    if span is None:
        return -math.inf, None
    start, stop = span
    zero = Fraction(0) if _clock(container, stream) else Fraction(container.start_time or 0, av.time_base)
    return start + zero, None if stop is None else stop + zero


def _different_tags(original: av.VideoFrame, result: av.VideoFrame) -> list[str]:
    """A sentence for every tag of the first frame that is not the source's; an untagged range counts as the usual one."""
    rgb = original.format.is_rgb or original.format.name.startswith(("gray", "ya"))
    pairs = {
        "colour matrix": (original.colorspace, result.colorspace),
        "colour primaries": (original.color_primaries, result.color_primaries),
        "transfer": (original.color_trc, result.color_trc),
        "range": (True, True) if rgb else (_full(original), _full(result)),
        "rotation": (original.rotation, result.rotation),
        "interlacing": (original.interlaced_frame, result.interlaced_frame),
    }
    return [f"The {what} tag is {b} instead of {a}." for what, (a, b) in pairs.items() if a != b]


def _full(frame: av.VideoFrame) -> bool:
    return frame.color_range == 2 or (frame.color_range == 0 and frame.format.name.startswith("yuvj"))


def _ends_early(index: int, original: _Timed | None, result: _Timed | None, mask: _Timed | None) -> str:
    short = [n for n, f in (("the source", original), ("the master", result), ("the region", mask)) if f is None]
    return f"After {index} frames {' and '.join(short)} ended, the others did not."


def _about(path: Path) -> tuple[int, Fraction, str]:
    """(frames its header promises, sample aspect, decoder) of a master."""
    with open_media(path) as container:
        stream = video_stream(container, path.name)
        version = ".".join(map(str, av.library_versions["libavcodec"]))
        aspect = Fraction(stream.sample_aspect_ratio or 1)
        return stream.frames, aspect, f"{stream.codec_context.name} (libavcodec {version}, PyAV {av.__version__})"


def _compare_audio(source: Path, master: Path, span: Span | None, starts: tuple[Fraction, Fraction]) -> bool | None:
    """Whether every audio track has the source's packets at the source's times; None without any."""
    with open_media(source) as container:
        stop = _limits(container, video_stream(container, source.name), span)[1]
    theirs = _audio(source, starts[0], span is not None, stop)
    if not theirs:
        return None
    ours = _audio(master, starts[1], False, None)
    return len(theirs) == len(ours) and all(a.same(b) for a, b in zip(theirs, ours))


@dataclass
class _Sound:
    """One track: packets' bytes as a running hash, their sizes, and their times from the first video frame on."""

    codec: str
    tick: Fraction
    digest: Any
    sizes: list[int] = field(default_factory=list)
    times: list[float] = field(default_factory=list)

    def same(self, other: _Sound) -> bool:
        """PCM has no packets of its own (each container cuts it anew): there only its bytes and its start count."""
        if self.digest.digest() != other.digest.digest() or bool(self.times) != bool(other.times):
            return False
        if self.codec.startswith("pcm"):
            return not self.times or abs(self.times[0] - other.times[0]) <= self.tick
        near = all(abs(a - b) <= max(self.tick, other.tick) for a, b in zip(self.times, other.times))
        return self.sizes == other.sizes and near


def _audio(path: Path, zero: Fraction, cut: bool, stop: Fraction | None) -> list[_Sound]:
    with open_media(path) as container:
        streams = container.streams.audio
        clock = _clock(container, video_stream(container, path.name))
        sounds = {s.index: _Sound(_codec(s), Fraction(1, s.rate or 1000), hashlib.blake2b()) for s in streams}
        for packet in container.demux(*streams) if streams else ():
            if packet.dts is None or not packet.size or packet.is_corrupt:
                continue
            time = packet.dts * packet.time_base - clock
            if cut and (time < zero or (stop is not None and time >= stop)):
                continue
            sound = sounds[packet.stream_index]
            payload = _payload(packet, sound.codec)
            sound.digest.update(payload)
            sound.sizes.append(len(payload))
            sound.times.append(
                float((packet.pts if packet.pts is not None else packet.dts) * packet.time_base - clock - zero)
            )
        return list(sounds.values())


def _codec(stream: Any) -> str:
    return stream.codec_context.codec.canonical_name if stream.codec_context else ""


def _payload(packet: Any, codec: str) -> memoryview:
    """The packet without the ADTS header that AAC carries in MPEG-TS and not in MP4."""
    data = memoryview(packet)
    if codec != "aac" or len(data) < 7 or data[0] != 0xFF or data[1] & 0xF6 != 0xF0:
        return data
    length = (data[3] & 3) << 11 | data[4] << 3 | data[5] >> 5
    return data[7 if data[1] & 1 else 9 :] if length == len(data) else data
