"""A few seconds of the edit as a small video, before anything is rendered: how it moves, made in seconds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from itertools import islice
from pathlib import Path

import cv2
import numpy as np

from . import previewing, session
from .atomic import writing
from .clip import Clip, open_clip
from .encode import Encoding, Writer
from .errors import SettingsError
from .groups import PATCHES
from .model import Frame, VideoInfo
from .orientation import upright
from .patching import patches_in_force
from .pipeline import Run
from .planes import RGB_COLOR, Planes, planes_of, view
from .pools import Threads
from .preparing import worked_on
from .progress import Progress
from .regions import REGION
from .render import edited_frames
from .survey import SourceSettings

PREVIEW = "preview.mp4"
SMALLEST = 240
"""Pictures are halved, but not below this many pixels on the longer side."""
ENCODING = Encoding(
    "libx264", "yuv420p", "mp4", (("crf", "20"), ("preset", "veryfast"), ("bf", "0")), "to look at", web_audio=True
)


def preview_video(
    folder: Path, output: Path, frames: range, values: previewing.Values = (), progress: Progress | None = None
) -> None:
    """Write these frames of the edit, with their sound, at half the size.

    Where the patches are up to date with the settings (`values` laid over the project's own) they are shown, else every frame is
    carried from its keyframes directly, as `previewing.preview` does. Raises ProjectError, VideoError, SettingsError.
    """
    folder, progress = worked_on(folder), progress or Progress()
    with session.opened(folder, dict(values)) as run:
        clip, times = run.clip, run.clip.pts
        frames = range(max(0, frames.start), min(frames.stop, len(clip)))
        if not frames:
            raise SettingsError(f"There is nothing to preview there: {clip.path.name} has {len(clip)} frames.")
        pictures = (
            _rendered(run, frames) if _carried(run, folder, values) else _carried_now(run, folder, frames, values)
        )
        size = _half(clip.info)
        info = replace(
            clip.info, width=size[0], height=size[1], pixel_format="yuv420p", color=RGB_COLOR, rotation=0, interlaced="",
        )  # fmt: skip
        small = Threads().map(lambda planes: _small(planes, clip.info, size), pictures)
        with (
            writing(output) as part,
            Writer(part, info, ENCODING, audio_from=_heard(run, frames), start_pts=times[frames.start]) as writer,
        ):
            for index, picture in zip(frames, small):
                writer.write(planes_of(picture), times[index])
                progress.step("preview", index - frames.start + 1, len(frames))


def spanned(folder: Path, span: str) -> range:
    """The frames of a project's clip in a span such as 00:10-00:12, in times of the source. Raises SettingsError."""
    with session.opened(worked_on(folder)) as run:
        clip, limits = run.clip, SourceSettings(span=span).times or (Fraction(0), None)
        seconds = [pts * clip.info.time_base - clip.origin for pts in clip.pts]
    inside = [index for index, at in enumerate(seconds) if at >= limits[0] and (limits[1] is None or at < limits[1])]
    return range(inside[0], inside[-1] + 1) if inside else range(0)


def _carried(run: Run, folder: Path, values: previewing.Values) -> bool:
    if not run.project.path(PATCHES).exists():
        return False
    return all(state.state != "due" for state in session.status(folder, dict(values)) if state.name == "composite")


def _rendered(run: Run, frames: range) -> Iterator[Planes]:
    edited = edited_frames(
        run.clip, patches_in_force(run.project), run.project.folder, run.project.path(REGION), frames.start
    )
    return (frame.result for frame in islice(edited, len(frames)))


def _carried_now(run: Run, folder: Path, frames: range, values: previewing.Values) -> Iterator[Planes]:
    sources = zip(frames, (planes.copy() for planes in run.clip.frames(frames.start, frames.stop)))
    return Threads().map(lambda pair: previewing.overlaid(folder, *pair, values), sources)


def _small(planes: Planes, info: VideoInfo, size: tuple[int, int]) -> Frame:
    picture = upright(view(planes, info.color), info.rotation)
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)


def _half(info: VideoInfo) -> tuple[int, int]:
    """(width, height) of a preview as it is shown: even sides."""
    shown = (info.height, info.width) if info.rotation % 180 else (info.width, info.height)
    scale = max(0.5, min(1.0, SMALLEST / max(shown)))
    return max(2, round(shown[0] * scale / 2) * 2), max(2, round(shown[1] * scale / 2) * 2)


def _heard(run: Run, frames: range) -> Clip:
    """The source cut to these frames, for its sound."""
    source, clip = run.settings.source, run.clip
    tick, times = clip.info.time_base, clip.pts
    start = times[frames.start] * tick - clip.origin
    return open_clip(source.path, source.frame_rate, (start, clip.end(times[frames.stop - 1])))
