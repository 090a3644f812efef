"""Everything of a source that is not its picture: audio, subtitles, chapters and metadata, copied beside a new video.

Packets are copied byte for byte with their own timestamps, read from the source while the video is written, so that
memory stays flat.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from fractions import Fraction
from typing import Any

import av
import av.filter
from av.container import InputContainer, OutputContainer
from av.error import FFmpegError

from .clip import Clip
from .containers import SIDE_DATA, open_media, phrase, video_stream

# What browsers play in MP4.
_WEB_AUDIO = ("aac", "mp3")
# Container metadata that describes the source file itself.
_OWN = ("major_brand", "minor_version", "compatible_brands", "encoder")


def fits(clip: Clip, container: str) -> bool:
    """Whether a file of that kind can hold every audio track of the clip, found out by writing a header to memory."""
    if clip.info.container == "pictures":
        return True
    with open_media(clip.path) as source:
        return all(_takes(container, stream) for stream in source.streams.audio)


class Tracks:
    """Copies the tracks of `clip` into the open container `target` as time goes on.

    start_pts: the video timestamp that became 0. With web_audio, tracks that browsers cannot play become AAC. tempo: how
    many times as fast the picture is shown; sound keeps its pitch and becomes AAC, subtitles and chapters are left out.
    Without sound there is none. not_kept: a phrase for each thing that the target cannot take.
    """

    def __init__(
        self,
        target: OutputContainer,
        clip: Clip,
        start_pts: int,
        *,
        web_audio: bool = False,
        tempo: Fraction = Fraction(1),
        sound: bool = True,
    ):
        self._tempo, self._sound = tempo, sound
        base = clip.info.time_base
        self._target = target
        self._shift = clip.clock + start_pts * base
        stop = clip.limits[1]
        self._end = None if stop is None else (stop - start_pts) * base
        self._from_zero = clip.span is not None
        self._routes: dict[int, _Copied | _Encoded] = {}
        self._stack = ExitStack()
        self._packets: Iterator[av.Packet] = iter(())
        self.not_kept = tuple(words for words in clip.info.others if words in SIDE_DATA)
        if clip.info.container != "pictures":
            source = self._stack.enter_context(open_media(clip.path))
            self.not_kept += tuple(self._connect(source, clip, web_audio))
            self._packets = self._wanted(source)
        self._pending = next(self._packets, None)

    def copy_until(self, time: Fraction) -> None:
        """Writes every packet that is due up to `time` (seconds of the new file)."""
        while self._pending is not None and self._due(self._pending) / self._tempo <= time:
            self._forward()

    def finish(self) -> None:
        """Writes the rest."""
        while self._pending is not None:
            self._forward()
        for route in self._routes.values():
            self._target.mux(route.rest())

    def close(self) -> None:
        self._stack.close()

    def _forward(self) -> None:
        packet, self._pending = self._pending, next(self._packets, None)
        if packet is not None:
            self._target.mux(self._routes[packet.stream_index].packets(packet, self._shift))

    def _due(self, packet: Any) -> Fraction:
        return packet.dts * packet.time_base - self._shift

    def _wanted(self, source: InputContainer) -> Iterator[av.Packet]:
        if not self._routes:
            return
        for packet in source.demux([source.streams[i] for i in self._routes]):
            if packet.dts is None or not packet.size or packet.is_corrupt:
                continue
            time = self._due(packet)
            if self._from_zero and (time < 0 or (self._end is not None and time >= self._end)):
                continue
            yield packet

    def _connect(self, source: InputContainer, clip: Clip, web_audio: bool) -> Iterator[str]:
        """Makes a track in the target for each that it takes; yields phrases for the others."""
        kind = self._target.format.name
        picture = video_stream(source, clip.path.name).index
        chapters = source.chapters()
        for stream in source.streams:
            # QuickTime keeps the chapters' titles in a data track, which the chapters themselves bring along.
            if stream.index == picture or (
                chapters and stream.type == "data" and phrase(stream).endswith("(bin_data)")
            ):
                continue
            if stream.type == "audio" and not self._sound:
                yield phrase(stream)
            elif stream.type == "audio" and (self._tempo != 1 or (web_audio and _codec(stream) not in _WEB_AUDIO)):
                self._routes[stream.index] = _Encoded(self._target, stream, self._tempo)
            elif stream.type in ("audio", "subtitle") and self._tempo == 1 and _takes(kind, stream):
                self._routes[stream.index] = _Copied(self._target, stream)
            else:
                yield phrase(stream)
        self._target.metadata.update({k: v for k, v in source.metadata.items() if k not in _OWN})
        if chapters and (self._from_zero or self._tempo != 1):
            yield "chapters, because only a span was rendered" if self._from_zero else "chapters, because of the speed"
        elif chapters:
            self._target.set_chapters(chapters)


class _Copied:
    def __init__(self, target: OutputContainer, stream: Any):
        self._stream = _template(target, stream)

    def packets(self, packet: Any, shift: Fraction) -> list[av.Packet]:
        ticks = round(shift / packet.time_base)
        if packet.pts is not None:
            packet.pts -= ticks
        packet.dts -= ticks
        packet.stream = self._stream
        return [packet]

    def rest(self) -> list[av.Packet]:
        return []


AAC_RATES = (96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 7350)


class _Encoded:
    """Decodes a track and encodes it as AAC, `tempo` times as fast at the same pitch."""

    def __init__(self, target: OutputContainer, stream: Any, tempo: Fraction = Fraction(1)):
        self._source = stream
        layout = "mono" if stream.layout.nb_channels == 1 else "stereo"
        rate = stream.rate if stream.rate in AAC_RATES else 48000
        self._stream: Any = target.add_stream("aac", rate=rate, layout=layout)
        self._stream.metadata.update(_own_metadata(stream))
        self._resampler = av.AudioResampler(format="fltp", layout=layout, rate=rate)
        self._shift, self._tempo = Fraction(0), tempo
        self._faster = None if tempo == 1 else _tempo_filter(rate, layout, tempo)

    def packets(self, packet: Any, shift: Fraction) -> list[av.Packet]:
        self._shift = shift
        return self._encode(self._source.decode(packet))

    def rest(self) -> list[av.Packet]:
        return [*self._encode([*self._source.decode(None), None]), *self._stream.encode(None)]

    def _encode(self, frames: list[Any]) -> list[av.Packet]:
        encoded = []
        for frame in frames:
            if frame is not None and frame.pts is not None:
                frame.pts = round((frame.pts - self._shift / frame.time_base) / self._tempo)
            parts = self._resampler.resample(frame)
            for part in parts if self._faster is None else self._filtered(parts, frame is None):
                encoded += self._stream.encode(part)
        return encoded

    def _filtered(self, parts: Any, last: bool) -> Iterator[Any]:
        """The sound through the filter, which counts samples on from the first part's timestamp."""
        assert self._faster is not None
        for part in (*(p for p in parts if p is not None), *([None] if last else [])):
            self._faster.push(part)
            with suppress(BlockingIOError, EOFError):
                while True:
                    yield self._faster.pull()


def _tempo_filter(rate: int, layout: str, tempo: Fraction) -> Any:
    """FFmpeg's atempo, which takes .5 and more at once; below, the root of it twice."""
    graph = av.filter.Graph()
    source: Any = graph.add_abuffer(sample_rate=rate, format="fltp", layout=layout, time_base=Fraction(1, rate))
    for factor in [float(tempo)] if tempo >= Fraction(1, 2) else [float(tempo) ** 0.5] * 2:
        filtered = graph.add("atempo", f"{factor:.6f}")
        source.link_to(filtered)
        source = filtered
    source.link_to(graph.add("abuffersink"))
    graph.configure()
    return graph


def _takes(kind: str, stream: Any) -> bool:
    memory = io.BytesIO()
    try:
        with av.open(memory, "w", format=kind) as target:
            _template(target, stream)
            target.start_encoding()
    except (FFmpegError, OSError, ValueError):
        return False
    return True


def _template(target: OutputContainer, stream: Any) -> Any:
    copied = target.add_stream_from_template(stream)
    copied.metadata.clear()
    copied.metadata.update(_own_metadata(stream))
    copied.disposition = stream.disposition
    return copied


def _own_metadata(stream: Any) -> dict[str, str]:
    return {k: v for k, v in stream.metadata.items() if k in ("language", "title", "handler_name")}


def _codec(stream: Any) -> str:
    return stream.codec_context.codec.canonical_name if stream.codec_context else "unknown"
