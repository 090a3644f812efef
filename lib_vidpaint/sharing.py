"""The share copy: the finished frames with all that may touch every pixel, at the speed and rate that people asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from .chains import Chain, Step
from .clip import Clip
from .encode import Encoding, ShareCodec, Writer, master_encoding, share_encoding, share_info, share_planes
from .model import Mask, VideoInfo
from .planes import Planes, from_frame, to_frame
from .pools import InOrder, Threads
from .timing import Between, Denser, Numbered, Row, Shown, Steady

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .render import Edited


@dataclass(frozen=True)
class Finish:
    """How a share copy differs from the master; the defaults differ in nothing but the encoding.

    speed: how many times as fast. rate: constant frames per second (None: the source's timestamps). factor: how many times
    as many pictures, at their own times (without a rate). between: what is shown between two frames. apart: whether the edit
    has a motion of its own. cuts: the timestamps at which a shot begins. steps: filters, which make pictures of `size`.
    correct: what is done to every frame. held: frames at whose time the one before is shown.
    """

    crf: float = 18.0
    codec: ShareCodec = "h264"
    speed: Fraction = Fraction(1)
    sound: bool = True
    rate: Fraction | None = None
    factor: int = 1
    between: Between = "nearest"
    apart: bool = False
    cuts: tuple[int, ...] = ()
    steps: tuple[Step, ...] = ()
    size: tuple[int, int] | None = None
    correct: Callable[[Edited], Planes] | None = None
    held: frozenset[int] = frozenset()

    def info(self, info: VideoInfo) -> VideoInfo:
        """What the copy of a video like `info` says of itself."""
        shared = share_info(info)
        shared = replace(shared, fps=shared.fps * self.speed, time_base=shared.time_base / self.speed)
        if self.size:
            shared = replace(shared, width=self.size[0], height=self.size[1])
        if self.rate:
            return replace(shared, fps=self.rate, time_base=1 / self.rate)
        return replace(shared, fps=shared.fps * self.factor, time_base=shared.time_base / self.factor)

    def encoding(self, made: VideoInfo) -> Encoding:
        """How a copy that says `made` of itself is written."""
        return replace(share_encoding(made, self.crf, self.codec), tempo=self.speed, sound=self.sound)

    def row(self, info: VideoInfo, start: int) -> Row | None:
        """What puts the pictures of a video like `info`, which begins at the timestamp `start`, to other times; None where
        they stay at theirs."""
        if not self.rate and self.factor == 1:
            return None
        tick = info.time_base / self.speed
        pace = Steady(self.rate) if self.rate else Denser(self.factor, tick)
        return Row(pace, self.between, 1 / (info.fps * self.speed), [(pts - start) * tick for pts in self.cuts])


class Share:
    """Writes a share copy frame by frame. Use it in a `with`: leaving it finishes the file.

    raw: its pictures alone, without loss and sound, for what makes a copy of them.
    """

    def __init__(self, path: Path, clip: Clip, finish: Finish, start: int, note: str = "", raw: bool = False) -> None:
        info, self._finish, self._start = share_info(clip.info), finish, start
        made = finish.info(clip.info)
        encoding, heard = (master_encoding(made), None) if raw else (finish.encoding(made), clip)
        self._tick = made.time_base
        self._row, self._work = finish.row(clip.info, start), InOrder[list[Numbered]]()
        self._source, self._chain = clip.info, None
        if finish.steps:
            size = info.width, info.height
            steps = (*finish.steps, ("format", "yuv420p"))
            self._chain = Chain(steps, size, "yuv420p", info.color, clip.info.time_base)
        self._writer = Writer(path, made, encoding, audio_from=heard, start_pts=start, note=note)

    def write(self, picture: Planes, pts: int, region: Mask) -> None:
        """Adds a picture in the source's pixel format at the source's timestamp `pts`; `region`: what of it is edited."""
        shared, ticks = share_planes(picture, self._source), pts - self._start
        if self._chain is None:
            self._timed(shared, ticks * self._source.time_base, region if self._finish.apart else None)
            return
        frame = to_frame(shared, "yuv420p")
        frame.pts = ticks
        self._filtered(self._chain.push(frame))

    def _filtered(self, frames: Iterable[Any]) -> None:
        for frame in frames:
            self._timed(from_frame(frame), frame.pts * frame.time_base)

    def _timed(self, planes: Planes, time: Fraction, region: Mask | None = None) -> None:
        """Hands on a picture that the source shows after `time` seconds."""
        time /= self._finish.speed
        if self._row is None:
            self._put([(round(time / self._tick), planes)])
            return
        if region is not None and region.shape != (planes.height, planes.width):
            rows, columns = planes.height - region.shape[0], planes.width - region.shape[1]
            region = np.asarray(cv2.copyMakeBorder(region, 0, rows, 0, columns, cv2.BORDER_REPLICATE), np.uint8)
        for made in self._work.add(self._row.add(Shown(planes, time, region))):
            self._put(made)

    def _put(self, pictures: Iterable[Numbered]) -> None:
        for number, picture in pictures:
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
        finally:
            self._work.close()
        self._writer.__exit__(*error)

    def _finish_up(self) -> None:
        if self._chain is not None:
            self._filtered(self._chain.rest())
        for made in self._work.rest():
            self._put(made)
        if self._row is not None:
            self._put(self._row.rest())


def corrected(frames: Iterable[Edited], finish: Finish | None) -> Iterator[tuple[Edited, Planes]]:
    """Every frame with the picture that the share copy gets; corrections run side by side."""
    correct = finish.correct if finish else None
    made: Iterator[tuple[Edited, Planes]] = ((frame, frame.result) for frame in frames)
    if correct is not None:
        made = Threads().map(lambda frame: (frame, correct(frame)), frames)
    return _holding(made, finish.held) if finish and finish.held else made


def _holding(pictures: Iterator[tuple[Edited, Planes]], held: frozenset[int]) -> Iterator[tuple[Edited, Planes]]:
    shown: Planes | None = None
    for frame, picture in pictures:
        if shown is None or frame.index not in held:
            shown = picture
        yield frame, shown
