"""The one decode that everything else relies on: it counts the frames and keeps a small proxy of each.

frames.csv is the frame table: number, timestamp, seconds and shot of every frame, counted by decoding. proxy.mp4 shows
every frame at most PROXY_WIDTH pixels wide; what only needs to look (keyframes, sheets, pages) reads it instead of the
source.
"""

from __future__ import annotations

import csv
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import NDArray

from .clip import Clip, read_planes_of
from .encode import Encoding, Writer
from .errors import ProjectError, SettingsError
from .items import Item
from .model import Color, Frame, VideoInfo
from .pictures import shrunk
from .pixels import pixel_format
from .planes import RGB_COLOR, Planes, planes_of, quick_view, seen_color, view
from .pools import ahead
from .settings import knob
from .shots import ShotDetector

if TYPE_CHECKING:
    from .pipeline import Run

FRAMES, PROXY = "frames.csv", "proxy.mp4"
PROXY_WIDTH = 480
PROXY_ENCODING = Encoding(
    "libx264", "yuv420p", "mp4", (("crf", "14"), ("preset", "ultrafast"), ("bf", "0"), ("g", "30")), "to look at"
)


@dataclass(frozen=True)
class SourceSettings:
    path: str = knob("", "The video to change: a file, or a folder of numbered PNG or JPEG frames.", path=True)
    span: str = knob(
        "", "Work on this part only, as START-STOP in [hours:]minutes:seconds; either end may be left out."
    )
    fps: str = knob("25", "Frames per second of a folder of pictures, such as 25 or 30000/1001. A video knows its own.")

    @property
    def frame_rate(self) -> Fraction:
        """`fps` as a number. Raises SettingsError."""
        try:
            rate = Fraction(self.fps)
        except (ValueError, ZeroDivisionError):
            rate = Fraction(0)
        if not 0 < rate <= 1000:
            raise SettingsError(f"source.fps: {self.fps!r} is not a frame rate such as 25 or 30000/1001.")
        return rate

    @property
    def times(self) -> tuple[Fraction, Fraction | None] | None:
        """`span` in seconds, None for the whole video. Raises SettingsError."""
        if not self.span:
            return None
        start, dash, stop = self.span.partition("-")
        try:
            times = _seconds(start or "0"), _seconds(stop) if stop else None
        except ValueError:
            dash, times = "", (Fraction(0), None)
        if not dash or (times[1] is not None and times[1] <= times[0]):
            raise SettingsError(f"source.span: {self.span!r} is not a part of a video; write it like 00:10-00:15.")
        return times


@dataclass(frozen=True)
class LazyFrame:
    """A frame of the proxy that `np.asarray` makes RGB, uint8 (H, W, 3), when it is asked to."""

    planes: Planes
    color: Color

    @cached_property
    def picture(self) -> Frame:
        return quick_view(self.planes, self.color)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return np.asarray(self.picture, dtype)


@dataclass(frozen=True)
class Survey:
    """The source, its timestamps (in its own time base), the first frames of its shots, and its proxy with the colour tags
    to view that by."""

    source: Clip
    pts: tuple[int, ...]
    cuts: tuple[int, ...]
    proxy: Path
    color: Color

    def frames(self, wanted: Sequence[int] | None = None) -> Iterator[Frame]:
        """The proxy's frames as RGB, in order, as the source is stored; all, or those `wanted` (rising)."""
        return ahead((quick_view(planes, self.color) for planes in self._planes(wanted)), 2, batch=8)

    def lazy_frames(self, wanted: Sequence[int] | None = None) -> Iterator[LazyFrame]:
        """The same frames, each made RGB only when it is looked at: a third of the time where few are."""
        return ahead((LazyFrame(planes, self.color) for planes in self._planes(wanted)), 2, batch=8)

    def _planes(self, wanted: Sequence[int] | None) -> Iterator[Planes]:
        every = enumerate(read_planes_of(self.proxy))
        return (planes for index, planes in every if wanted is None or index in wanted)


def survey(run: Run) -> Survey:
    """The survey of the run's source, made when there is none yet. Raises VideoError for a video without frames."""
    clip = run.open_source()
    small = proxy_info(clip.info)

    def write(table: Path, proxy: Path) -> None:
        shots, found = ShotDetector(clip.info.fps), []
        with Writer(proxy, small, PROXY_ENCODING) as writer:
            for index, (pts, planes) in enumerate(clip.scan()):
                picture = reduced(planes, clip.info, small)
                writer.write(picture, index)
                shots.add(quick_view(picture, small.color))
                found.append(pts)
                run.progress.step("reading the source", index + 1, 0)
        write_table(table, found, shots.starts, clip.info.time_base)
        _, stop = clip.span or (None, None)
        if stop is not None and stop > clip.end(found[-1]) + 1 / clip.info.fps:
            run.note(
                f"source.span ends at {float(stop):g} s, but {clip.path.name} at {float(clip.end(found[-1])):.2f} s: "
                "it is used up to its end."
            )

    run.build(Item((FRAMES, PROXY), (), (run.source_digest, "with shots")), write)
    table = run.project.path(FRAMES)
    return Survey(clip, read_table(table), read_cuts(table), run.project.path(PROXY), small.color)


def proxy_info(info: VideoInfo, widest: int = PROXY_WIDTH) -> VideoInfo:
    """What a proxy of a video with this info is: 4:2:0, 8 bits, at most `widest` pixels wide, even sides, same aspect."""
    wide = min(widest, info.width)
    width, height = max(2, wide // 2 * 2), max(2, round(info.height * wide / info.width) // 2 * 2)
    yuv = pixel_format(info.pixel_format).family == "yuv"
    color = seen_color(info) if yuv else RGB_COLOR
    small = replace(info, width=width, height=height, pixel_format="yuv420p", color=color, time_base=1 / info.fps)
    return replace(small, interlaced="", audio=(), others=())


def reduced(planes: Planes, info: VideoInfo, small: VideoInfo) -> Planes:
    """The picture as its proxy has it. Samples are averaged as they are, without a way through RGB: 3 times as fast."""
    size = (small.width, small.height)
    if planes.format.family != "yuv":
        return planes_of(np.asarray(cv2.resize(view(planes, info.color), size, interpolation=cv2.INTER_AREA), np.uint8))
    half = size[0] // 2, size[1] // 2
    bits = planes.format.bits
    small_arrays: list[Any] = [shrunk(array, to) for array, to in zip(planes.arrays[:3], (size, half, half))]
    eight = [np.asarray(array if bits == 8 else array >> (bits - 8), np.uint8) for array in small_arrays]
    return Planes(pixel_format(small.pixel_format), tuple(eight))


def _seconds(text: str) -> Fraction:
    total = Fraction(0)
    for part in text.strip().split(":"):
        total = total * 60 + Fraction(part)
    if total < 0:
        raise ValueError
    return total


def write_table(path: Path, pts: Sequence[int], cuts: Sequence[int], time_base: Fraction) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(["frame", "pts", "seconds", "shot"])
        for index, ticks in enumerate(pts):
            shot = bisect_right(cuts, index) - 1
            rows.writerow([index, ticks, f"{float(ticks * time_base):.6f}", shot])


def read_table(path: Path) -> tuple[int, ...]:
    """The timestamp of every frame."""
    return _column(path, "pts")


def read_cuts(path: Path) -> tuple[int, ...]:
    """The first frame of every shot."""
    shots = _column(path, "shot")
    return tuple(index for index, shot in enumerate(shots) if not index or shot != shots[index - 1])


def _column(path: Path, name: str) -> tuple[int, ...]:
    with path.open(encoding="utf-8", newline="") as file:
        try:
            return tuple(int(row[name]) for row in csv.DictReader(file))
        except (KeyError, ValueError, TypeError):
            raise ProjectError(f"{FRAMES} is damaged: delete it and it is made again.") from None
