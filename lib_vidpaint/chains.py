"""A row of FFmpeg's filters that pictures are sent through."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import av
import av.filter
from av.error import FFmpegError

from .errors import VideoError
from .model import Color
from .planes import matrix_of

Step = tuple[str, str]
"""A filter's name and its options as FFmpeg writes them: ("unsharp", "5:5:0.8")."""


class Chain:
    """Filters one after the other; frames keep their timestamps in units of `time_base`.

    color: how the samples of what goes in are to be read; filters that work in RGB convert by it. Raises VideoError, with
    FFmpeg's reason, for a filter that is not there, does not take its options or fails at a frame.
    """

    def __init__(
        self, steps: Sequence[Step], size: tuple[int, int], pixel_format: str, color: Color, time_base: Fraction
    ) -> None:
        self._base = time_base
        self._names = ", ".join(name for name, _ in steps)
        self._graph = av.filter.Graph()
        width, height = size
        last: Any = self._graph.add_buffer(
            width=width, height=height, format=av.VideoFormat(pixel_format), time_base=time_base
        )
        for name, options in (*_tagged(pixel_format, color, size), *steps):
            last = self._linked(last, name, options)
        last.link_to(self._graph.add("buffersink"))
        try:
            self._graph.configure()
        except (FFmpegError, ValueError, OSError) as error:
            raise VideoError(f"The filters {self._names} do not go together: {_reason(error)}.") from None

    def _linked(self, last: Any, name: str, options: str) -> Any:
        if name not in av.filter.filters_available:
            raise VideoError(f"This build of FFmpeg has no filter {name!r}: leave it out.")
        try:
            made = self._graph.add(name, options or None)
            last.link_to(made)
        except (FFmpegError, ValueError, OSError) as error:
            raise VideoError(f"The filter {name} does not take the options {options!r}: {_reason(error)}.") from None
        return made

    def push(self, frame: av.VideoFrame) -> list[av.VideoFrame]:
        """What comes out when a frame goes in; a filter that looks ahead gives it later."""
        frame.time_base = self._base
        return self._pushed(frame)

    def rest(self) -> list[av.VideoFrame]:
        """What was still inside; nothing may go in afterwards."""
        return self._pushed(None)

    def _pushed(self, frame: av.VideoFrame | None) -> list[av.VideoFrame]:
        found: list[Any] = []
        try:
            self._graph.push(frame)
            while True:
                found.append(self._graph.pull())
        except (BlockingIOError, EOFError):
            return found
        except (FFmpegError, ValueError, OSError) as error:
            raise VideoError(f"The filters {self._names} failed: {_reason(error)}.") from None


def _tagged(pixel_format: str, color: Color, size: tuple[int, int]) -> list[Step]:
    if not pixel_format.startswith("yuv"):
        return []
    levels = "pc" if color.full_range or pixel_format.startswith("yuvj") else "tv"
    return [("setparams", f"range={levels}:colorspace={matrix_of(color, *size)}")]


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
