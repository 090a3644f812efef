"""The share copy: the finished frames with all that may touch every pixel, at the speed and rate that people asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import cv2
import numpy as np

from .chains import Chain, Step
from .clip import Clip
from .encode import ShareCodec, Writer, share_encoding, share_info, share_planes
from .model import VideoInfo
from .planes import Planes, from_frame, to_frame
from .pools import Threads

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .render import Edited

Between = Literal["nearest", "blend"]


@dataclass(frozen=True)
class Finish:
    """How a share copy differs from the master; the defaults differ in nothing but the encoding.

    speed: how many times as fast. rate: constant frames per second (None: the source's timestamps). steps: filters, which
    make pictures of `size`. correct: what is done to every frame.
    """

    crf: float = 18.0
    codec: ShareCodec = "h264"
    speed: Fraction = Fraction(1)
    sound: bool = True
    rate: Fraction | None = None
    between: Between = "nearest"
    steps: tuple[Step, ...] = ()
    size: tuple[int, int] | None = None
    correct: Callable[[Edited], Planes] | None = None

    def info(self, info: VideoInfo) -> VideoInfo:
        """What the copy of a video like `info` says of itself."""
        shared = share_info(info)
        shared = replace(shared, fps=shared.fps * self.speed, time_base=shared.time_base / self.speed)
        if self.size:
            shared = replace(shared, width=self.size[0], height=self.size[1])
        return replace(shared, fps=self.rate, time_base=1 / self.rate) if self.rate else shared


class Share:
    """Writes a share copy frame by frame. Use it in a `with`: leaving it finishes the file."""

    def __init__(self, path: Path, clip: Clip, finish: Finish, start: int, note: str = "") -> None:
        info, self._finish, self._start = share_info(clip.info), finish, start
        self._made, self._tick = finish.info(clip.info), clip.info.time_base / finish.speed
        encoding = replace(share_encoding(self._made, finish.crf, finish.codec), tempo=finish.speed, sound=finish.sound)
        self._writer = Writer(path, self._made, encoding, audio_from=clip, start_pts=start, note=note)
        self._source, self._chain = clip.info, None
        if finish.steps:
            size = info.width, info.height
            steps = (*finish.steps, ("format", "yuv420p"))
            self._chain = Chain(steps, size, "yuv420p", info.color, clip.info.time_base)
        self._steady = Steady(finish.rate, finish.between, 1 / (clip.info.fps * finish.speed)) if finish.rate else None

    def write(self, picture: Planes, pts: int) -> None:
        """Adds a picture in the source's pixel format at the source's timestamp `pts`."""
        shared = share_planes(picture, self._source)
        if self._chain is None:
            self._timed(shared, pts - self._start)
            return
        frame = to_frame(shared, "yuv420p")
        frame.pts = pts - self._start
        self._filtered(self._chain.push(frame))

    def _filtered(self, frames: Iterable[Any]) -> None:
        for frame in frames:
            ticks = round(frame.pts * frame.time_base / self._source.time_base)
            self._timed(from_frame(frame), ticks)

    def _timed(self, planes: Planes, ticks: int) -> None:
        if self._steady is None:
            self._writer.write(planes, ticks + self._start)
            return
        for number, picture in self._steady.add(planes, ticks * self._tick):
            self._writer.write(picture, number + self._start)

    def __enter__(self) -> Share:
        self._writer.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        try:
            if error[0] is None:
                self._finish_up()
        except BaseException as late:
            self._writer.__exit__(type(late), late, late.__traceback__)
            raise
        self._writer.__exit__(*error)

    def _finish_up(self) -> None:
        if self._chain is not None:
            self._filtered(self._chain.rest())
        if self._steady is not None:
            for number, picture in self._steady.rest():
                self._writer.write(picture, number + self._start)


class Steady:
    """Turns pictures at any times into pictures at a constant rate; the first one comes at number 0.

    nearest: the picture whose time is nearest. blend: the two around mixed by their distance. Only one picture is kept.
    `last`: seconds that the last picture stands.
    """

    def __init__(self, rate: Fraction, between: Between, last: Fraction) -> None:
        self._rate, self._between, self._stands = rate, between, last
        self._number = 0
        self._before: tuple[Fraction, Planes] | None = None

    def add(self, planes: Planes, time: Fraction) -> Iterator[tuple[int, Planes]]:
        """(number, picture) of all that are decided once this picture is known; times rise, in seconds."""
        before, self._before = self._before, (time, planes)
        if before is None:
            self._number = max(0, -int(-time * self._rate // 1))
            return
        while (now := self._number / self._rate) < time:
            yield self._number, self._between_two(before, self._before, now)
            self._number += 1

    def rest(self) -> Iterator[tuple[int, Planes]]:
        """What is left until the last picture ends."""
        if self._before is None:
            return
        time, planes = self._before
        while self._number / self._rate < time + self._stands:
            yield self._number, planes
            self._number += 1

    def _between_two(self, one: tuple[Fraction, Planes], other: tuple[Fraction, Planes], now: Fraction) -> Planes:
        share = float((now - one[0]) / (other[0] - one[0]))
        if self._between == "nearest" or share <= 0:
            return one[1] if share < 0.5 else other[1]
        mixed = [
            np.asarray(cv2.addWeighted(a, 1 - share, b, share, 0), a.dtype)
            for a, b in zip(one[1].arrays, other[1].arrays)
        ]
        return Planes(one[1].format, tuple(mixed))


def corrected(frames: Iterable[Edited], finish: Finish | None) -> Iterator[tuple[Edited, Planes]]:
    """Every frame with the picture that the share copy gets; corrections run side by side."""
    correct = finish.correct if finish else None
    if correct is None:
        return ((frame, frame.result) for frame in frames)
    return Threads().map(lambda frame: (frame, correct(frame)), frames)
