"""Clip: frame-exact reading of a video file or a folder of pictures. Every decoder of the package is opened here.

Nothing stays open between calls, so several threads may read one Clip at once.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from fractions import Fraction
from itertools import chain, islice, pairwise
from pathlib import Path

import av
from av.container import InputContainer
from av.error import FFmpegError
from av.video.stream import VideoStream

from .containers import container_kind, describe, open_media, video_stream
from .errors import VideoError
from .folders import PictureFolder
from .pixels import pixel_format
from .planes import Planes, from_frame

Span = tuple[Fraction, Fraction | None]
_REPAIR = "repair or re-export it, or take a span that ends before"


def open_clip(path: str | Path, fps: Fraction = Fraction(25), span: Span | None = None, masks: bool = False) -> Clip:
    """The clip of a video file, or of a folder of PNG or JPEG pictures (`masks`: of masks) shown at `fps`.

    `span` = (start, stop) keeps the frames with start <= time < stop, in seconds from the file's start (stop None: to
    the end). Raises VideoError, one sentence, for anything that cannot be read exactly.
    """
    path = Path(path)
    if not path.exists():
        raise VideoError(f"{path} does not exist.")
    return Clip(path, PictureFolder(path, fps, masks) if path.is_dir() else _File(path, fps), span)


class Clip:
    """A video as its decoder's planes. Its table (`pts`) is counted by decoding the first time it is needed.

    origin: the time in seconds, on the scale of `scan`, that players call 0. clock: what `scan` takes off the timestamps
    that are written in the file.
    """

    def __init__(
        self, path: Path, source: _File | PictureFolder, span: Span | None, table: tuple[int, ...] | None = None
    ):
        self.path = path
        self.info = source.info
        self.span = span
        self.origin = source.origin
        self.clock = source.clock
        self._source = source
        self._table = table

    def scan(self) -> Generator[tuple[int, Planes], None, None]:
        """(timestamp in info.time_base, planes) of every frame of the span, decoded once in presentation order.

        Timestamps are those of the file; where it has none (some AVI) frame n is at n / fps, and in MPEG-TS, whose clock
        starts anywhere, they count from the file's start.
        """
        first, stop = self.limits
        count, last = 0, None
        with closing(self._source.frames_from(first)) as frames:
            for pts, frame in frames:
                if stop is not None and pts >= stop:
                    last = None
                    break
                last = pts
                if first is None or pts >= first:
                    count += 1
                    yield pts, from_frame(frame)
        if not count:
            where = " in that span" if self.span else ""
            where += f": it ends at {float(self.end(last)):.2f} s" if self.span and last is not None else ""
            raise VideoError(f"{self.path.name} has no frame{where}.")

    def end(self, pts: int) -> Fraction:
        """The time in seconds, on the players' clock, at which a frame with this timestamp gives way to the next."""
        return pts * self.info.time_base - self.origin + 1 / self.info.fps

    @property
    def limits(self) -> tuple[int | None, int | None]:
        """The span as timestamps, first <= pts < stop; None = no limit."""
        if self.span is None:
            return None, None
        ticks = [None if t is None else (t + self.origin) / self.info.time_base for t in self.span]
        return tuple(None if t is None else -int(-t // 1) for t in ticks)  # type: ignore[return-value]

    def with_table(self, pts: Sequence[int]) -> Clip:
        """The same clip knowing the timestamps of its frames, as `scan` gave them."""
        return Clip(self.path, self._source, self.span, tuple(pts))

    @property
    def pts(self) -> tuple[int, ...]:
        """The timestamp of every frame in info.time_base units; decodes everything when no table was given."""
        if self._table is None:
            self._table = tuple(pts for pts, _ in self.scan())
        return self._table

    def __len__(self) -> int:
        return len(self.pts)

    def frames(self, start: int = 0, stop: int | None = None) -> Generator[Planes, None, None]:
        """Planes of frames start <= index < stop, the same samples as `scan` gives. Raises VideoError outside the clip."""
        table = self.pts
        stop = len(table) if stop is None else stop
        if not 0 <= start <= stop <= len(table):
            raise VideoError(f"{self.path.name} has {len(table)} frames: there are no frames {start} to {stop - 1}.")
        if start == stop:
            return
        if any(a >= b for a, b in pairwise(table)):
            with closing(self.scan()) as scanned:
                yield from (planes for _, planes in islice(scanned, start, stop))
            return
        yield from self._at(table[start:stop], self._source.frames_from(table[start]))

    def pick(self, indices: Sequence[int]) -> Generator[Planes, None, None]:
        """Planes of the frames with these rising indices. What lies between is decoded only as far as it must be: every
        tenth frame of an H.264 clip costs 0.7 to 0.85 of all of them."""
        table = self.pts
        if any(a >= b for a, b in pairwise(table)):
            for index in indices:
                yield self.frame(index)
        elif indices:
            wanted = [table[index] for index in indices]
            yield from self._at(wanted, self._source.frames_from(wanted[0], set(wanted)))

    def _at(self, wanted: Sequence[int], source: Generator[tuple[int, av.VideoFrame], None, None]) -> Iterator[Planes]:
        """Planes of the frames at these rising timestamps."""
        waiting = iter(wanted)
        next_pts = next(waiting, None)
        with closing(source) as frames:
            for pts, frame in frames:
                if pts == next_pts:
                    yield from_frame(frame)
                    next_pts = next(waiting, None)
                if next_pts is None:
                    return
        raise VideoError(f"{self.path.name} has changed: its frame at timestamp {next_pts} is gone. Open it again.")

    def near(self, index: int, count: int) -> Generator[Planes, None, None]:
        """Planes of at most `count` neighbouring frames, from where reading can begin without decoding what is before,
        at or before frame `index`."""
        with closing(self._source.frames_from(self.pts[index])) as frames:
            yield from (from_frame(frame) for _, frame in islice(frames, count))

    def frame(self, index: int) -> Planes:
        """Planes of one frame."""
        with closing(self.frames(index, index + 1)) as frames:
            return next(frames)


def read_planes_of(source: Path | bytes) -> Generator[Planes, None, None]:
    """Planes of every frame of one of our own small files, or of its bytes. Opened once: looking first costs 7 ms more."""
    name = source.name if isinstance(source, Path) else "the clip in memory"
    with open_media(source) as container:
        stream = video_stream(container, name)
        stream.thread_type = "AUTO"
        for count, packet in enumerate(_packets(container, stream, name)):
            for frame in _decoded(packet, name, count):
                if frame.is_corrupt:
                    raise VideoError(f"{name} is damaged near frame {count}: delete it to have it made again.")
                yield from_frame(frame)


class _File:
    """A video file: what it says of itself, and its frames from any moment on."""

    def __init__(self, source: Path | bytes, fps: Fraction):
        self.source = source
        self.name = source.name if isinstance(source, Path) else "the clip in memory"
        with open_media(source) as container:
            stream = video_stream(container, self.name)
            self.origin = Fraction(container.start_time or 0, av.time_base)
            kind = container_kind(container)
            self.shift = round(self.origin / stream.time_base) if kind == "mpegts" and stream.time_base else 0
            self.clock = self.shift * Fraction(stream.time_base or 0)
            if self.shift:
                self.origin = Fraction(0)
            first = next((f for p in _packets(container, stream, self.name) for f in _decoded(p, self.name, 0)), None)
            if first is None:
                raise VideoError(f"{self.name} has a video track without a single frame that can be decoded.")
            self.info = describe(container, stream, first, fps)
            self.counted = first.pts is None and first.dts is None
            codec = stream.codec_context.codec
        self.seekable = not self.counted and (
            kind in ("mp4", "mov", "matroska") or (kind == "avi" and codec.intra_only)
        )
        self.format = pixel_format(self.info.pixel_format)
        # Two fields may come as two packets, of which only one has the picture's timestamp.
        self.sparing = self.seekable and codec.name in ("h264", "hevc") and not self.info.interlaced

    def frames_from(
        self, pts: int | None, wanted: set[int] | None = None
    ) -> Generator[tuple[int, av.VideoFrame], None, None]:
        """(timestamp, frame) in presentation order, beginning at or before `pts` (None: at the first frame).

        Where all that is `wanted` is known, frames that no other depends on may be left out.
        """
        with open_media(self.source) as container:
            stream = video_stream(container, self.name)
            stream.thread_type = "AUTO"
            first = None
            if pts is not None and self.seekable:
                first = _seek(container, stream, pts, self.name)
            start = None if first is None else first.pts
            packets = _packets(container, stream, self.name)
            if first is not None:
                packets = chain([first], packets)
            if wanted and self.sparing:
                packets = self._sparing(packets, stream, wanted)
            yield from self._timed(packets, start)

    def _sparing(self, packets: Iterator[av.Packet], stream: VideoStream, wanted: set[int]) -> Iterator[av.Packet]:
        """The packets; the decoder is told to pass over those that are not wanted and that no picture refers to."""
        for packet in packets:
            needed = packet.pts is None or packet.pts - self.shift in wanted
            stream.codec_context.skip_frame = "DEFAULT" if needed else "NONREF"
            yield packet

    def _timed(self, packets: Iterator[av.Packet], start: int | None) -> Iterator[tuple[int, av.VideoFrame]]:
        count = 0
        for packet in packets:
            for frame in _decoded(packet, self.name, None if start is not None else count):
                pts = frame.pts if frame.pts is not None else frame.dts
                if self.counted or pts is None:
                    pts = round(count / (self.info.fps * self.info.time_base))
                # Frames shown before the keyframe we landed on refer to frames before it and come out wrong.
                if start is None or pts >= start:
                    self._check(frame, pts)
                    yield pts - self.shift, frame
                count += 1

    def _check(self, frame: av.VideoFrame, pts: int) -> None:
        info = self.info
        # What a decoder makes up for a damaged frame depends on its threads: it cannot be promised to stay the same.
        if frame.is_corrupt:
            raise VideoError(f"{self.name} is damaged at {float(pts * info.time_base):.2f} s: {_REPAIR}.")
        if (frame.width, frame.height, frame.format.name) != (info.width, info.height, info.pixel_format):
            raise VideoError(
                f"{self.name} changes from {info.width}x{info.height} {info.pixel_format} to {frame.width}x{frame.height} "
                f"{frame.format.name} at {float(pts * info.time_base):.2f} s: cut it there and treat each part alone."
            )


def _packets(container: InputContainer, stream: VideoStream, name: str) -> Iterator[av.Packet]:
    """The video's packets and a last empty one; a file cut in the middle ends before the packet that is half there."""
    packets = container.demux(stream)
    for packet in packets:
        if packet.is_corrupt:
            if any(p.size and not p.is_corrupt for p in packets):
                raise VideoError(f"{name} is damaged near {_seconds(packet)} s: {_REPAIR}.")
            packet = av.Packet()
            packet.stream = stream
        yield packet


def _decoded(packet: av.Packet, name: str, count: int | None) -> list[av.VideoFrame]:
    try:
        return list(packet.decode())  # type: ignore[arg-type]
    except (FFmpegError, OSError) as error:
        where = f"after frame {count - 1}" if count else f"near {_seconds(packet)} s"
        raise VideoError(f"{name} is damaged {where} ({error.strerror}): {_REPAIR}.") from None


def _seconds(packet: av.Packet) -> str:
    return f"{float((packet.pts or packet.dts or 0) * (packet.time_base or 0)):.2f}"


def _seek(container: InputContainer, stream: VideoStream, pts: int, name: str) -> av.Packet | None:
    """The keyframe packet from which the frame at `pts` decodes exactly; None: decode from the beginning.

    libav seeks by decoding time, so it may land on a keyframe that is shown after `pts`; then one keyframe earlier is
    tried.
    """
    target = pts
    for _ in range(3):
        try:
            container.seek(target, stream=stream)
        except (FFmpegError, OSError):
            break
        packet = next(_packets(container, stream, name), None)
        if packet is None or packet.pts is None or packet.dts is None:
            break
        if packet.pts <= pts:
            return packet
        target = packet.dts - 1
    container.seek(0)
    return None
