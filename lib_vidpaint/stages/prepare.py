"""Stage 3, prepare: the input larger or with in-between frames, when asked for; otherwise the input is used as it is.

Reads the source, alpha/ and white/. Writes prepared/source.mp4 (lossless, with the source's sound; .mkv where MP4 cannot
hold that), prepared/mask.mp4 and, where there is a white/, prepared/white.mp4: frames drawn larger by upscalers (one by one in
prepared/larger/000042.mp4, which are removed when the source is there), more frames, and masks that follow to the new size and
instants. What comes after is done in a project of its own, prepared/project, whose source and masks these
are: its frames are numbered anew, and all that is promised there is promised of the prepared source, which is no longer the
original. Its metadata says so, and so does every receipt.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from ..clip import read_planes_of
from ..encode import Writer, gray_encoding, gray_info, gray_planes, master_encoding
from ..enlarging import AUTO, larger_info, larger_mask
from ..finishing import cuts, frame_rate
from ..interpolation import Gap
from ..items import Alphas, File, Item, SourceFrames, read_alpha, read_white, white_file
from ..large import OneFrame, drawn_larger
from ..model import Box, Mask, VideoInfo
from ..planes import Planes
from ..pools import Threads
from ..preparing import LARGER, MASK, PROJECT, SOURCES, WHITE, statement
from ..settings import knob
from ..timing import Denser, Pace, Steady

if TYPE_CHECKING:
    from ..pipeline import Run

Instant = tuple[int, Planes, list[Mask]]
"""The number of a frame, its picture and its masks."""


@dataclass(frozen=True)
class PrepareSettings:
    scale: float = knob(
        1.0,
        "Enlarge the video this many times before it is painted. The result is then no longer the original outside the "
        "region; 1 = its size stays.",
        low=1, high=4, step=0.5, label="Enlarge the input",
    )  # fmt: skip
    models: str = knob(
        AUTO, "Upscalers that enlarge the input, with their opacity, the bottom one first: as refine.models.",
        label="Input's upscalers",
    )  # fmt: skip
    factor: int = knob(
        1,
        "Give the video this many times as many frames before it is painted. The result is then no longer the original "
        "outside the region; 1 = the input is used as it is.",
        low=1, high=8, label="Input times as many frames",
    )  # fmt: skip
    fps: str = knob(
        "", "Or the frames per second that the input gets first, such as 60 or 60000/1001.",
        label="Input frames per second",
    )  # fmt: skip

    @property
    def rate(self) -> Fraction | None:
        """`fps` as a number, None where the factor counts. Raises SettingsError."""
        return frame_rate(self.fps, "prepare.fps")

    @property
    def on(self) -> bool:
        return self.scale > 1 or self.factor > 1 or self.rate is not None


def prepare(run: Run) -> None:
    """Write the prepared source and its masks, or remove them."""
    settings, count = run.settings.prepare, len(run.clip)
    if not settings.on:
        run.drop({*SOURCES, MASK, WHITE})
        run.sweep(LARGER, ())
        return
    info = larger_info(run.clip.info, settings.scale) if settings.scale > 1 else run.clip.info
    encoding = master_encoding(info, run.clip)
    source = SOURCES[encoding.container == "matroska"]
    whites = [File(white_file(index)) for index in range(count) if run.project.path(white_file(index)).exists()]
    files = (source, MASK, *([WHITE] if whites else []))
    note = statement(settings.factor, settings.fps, settings.scale)

    def write(video: Path, *masks: Path) -> None:
        start = run.clip.pts[0] if run.clip.span else 0
        made, pace = timed(info, settings)
        larger = _larger(run) if settings.scale > 1 else []
        grey = gray_info(info.width, info.height, made.fps, made.time_base)
        with ExitStack() as stack:
            exact = Writer(video, made, encoding, audio_from=run.clip, start_pts=start, note=note)
            writers = [stack.enter_context(exact)]
            writers += [stack.enter_context(Writer(path, grey, gray_encoding())) for path in masks]
            for done, (number, picture, shown) in enumerate(
                instants(run, pace, start, len(masks) > 1, larger, info), 1
            ):
                for writer, planes in zip(writers, (picture, *(gray_planes(mask) for mask in shown))):
                    writer.write(planes, number + (start if writer is exact else 0))
                run.progress.step("preparing", done, 0)
        if run.project.path(PROJECT).exists():
            kept = run.project.keep(PROJECT)
            run.note(f"{PROJECT} was made from other frames: it is now {kept}.")

    run.build(Item(files, (Alphas(0, count, _whole(run)), *whites), (run.source_digest, settings)), write)
    run.sweep(LARGER, ())
    run.drop({*SOURCES, MASK, WHITE}.difference(files))
    run.note(f"{note} What follows is in {run.project.path(PROJECT)}, and exact against {source}.")


def timed(info: VideoInfo, settings: PrepareSettings) -> tuple[VideoInfo, Pace]:
    """What the prepared video says of itself, and when its frames are."""
    if rate := settings.rate:
        return replace(info, fps=rate, time_base=1 / rate), Steady(rate)
    dense = replace(info, fps=info.fps * settings.factor, time_base=info.time_base / settings.factor)
    return dense, Denser(settings.factor, info.time_base)


def _larger(run: Run) -> list[str]:
    """The source's frames drawn larger, as files."""
    settings, frames = run.settings.prepare, range(len(run.clip))
    takes = [OneFrame(SourceFrames(index, index + 1, _whole(run))) for index in frames]
    return drawn_larger(run, takes, run.clip.info, settings.scale, settings.models, LARGER)


def _whole(run: Run) -> Box:
    return Box(0, 0, run.clip.info.width, run.clip.info.height)


def instants(
    run: Run, pace: Pace, start: int, white: bool, larger: Sequence[str], info: VideoInfo
) -> Iterator[Instant]:
    """Every frame of the prepared video; several gaps are filled side by side. `start`: the timestamp that becomes 0.
    `larger`: the files of the frames at the size of `info`, none where the size stays."""
    clip, tick, shots = run.clip, run.clip.info.time_base, set(cuts(run))

    def frames() -> Iterator[tuple[int, Planes, list[Mask]]]:
        drawn = (next(read_planes_of(run.project.path(file))) for file in larger)
        for index, (pts, planes) in enumerate(zip(clip.pts, drawn if larger else clip.frames())):
            alpha = read_alpha(run, index)
            masks = [alpha, read_white(run, index, alpha)][: 1 + white]
            yield pts, planes, [larger_mask(mask, info) for mask in masks] if larger else masks

    def gaps() -> Iterator[tuple[Instant, Instant]]:
        before = None
        for frame in frames():
            if before:
                yield before, frame
            before = frame
        if before:
            yield before, (before[0] + round(1 / (clip.info.fps * tick)), *before[1:])

    def filled(pair: tuple[Instant, Instant]) -> list[Instant]:
        one, other = pair
        times = (one[0] - start) * tick, (other[0] - start) * tick
        made, gap = [], Gap(one[1], other[1])
        for number, time in pace.moments(*times):
            share = float((time - times[0]) / (times[1] - times[0]))
            if share <= 0 or other[0] in shots:
                made.append((number, *(one if share < 0.5 else other)[1:]))
            else:
                made.append((number, gap.at(share), [gap.cover(share, *pair) for pair in zip(one[2], other[2])]))
        return made

    for made in Threads().map(filled, gaps()):
        yield from made
