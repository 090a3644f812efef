"""Marking frames as interlaced."""

from __future__ import annotations

from typing import Any

import av
import av.filter

from .model import VideoInfo


class FieldFlags:
    """Marks frames as interlaced with the right first field: x264 believes the frame, and PyAV cannot set its flag."""

    def __init__(self, info: VideoInfo, width: int, height: int, pixel_format: str):
        self._graph = av.filter.Graph()
        source = self._graph.add_buffer(
            width=width, height=height, format=av.VideoFormat(pixel_format), time_base=info.time_base
        )
        field = self._graph.add("setfield", "tff" if info.interlaced == "top" else "bff")
        sink = self._graph.add("buffersink")
        source.link_to(field)
        field.link_to(sink)
        self._graph.configure()

    def mark(self, frame: av.VideoFrame) -> Any:
        """The same picture with its flags set; timestamps are the caller's."""
        self._graph.push(frame)
        return self._graph.pull()
