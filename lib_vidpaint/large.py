"""Whole frames drawn larger by upscalers: copies for people, and the input before it is painted.

An upscaler takes seconds for a frame, so each frame is kept in a file of its own until all are there and the video is
written from them: a stopped run goes on at the next frame. A copy is first written without loss as it would be at its own
size, with its filters, speed, rate and in-between frames, and what is drawn larger are its pictures.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import numpy as np

from .clip import open_clip, read_planes_of
from .encode import Writer, lossless_bytes
from .enlarging import larger_info, larger_planes, layers_of, resolved
from .items import Item, Take
from .model import VideoInfo
from .patching import patches_in_force
from .pipeline import Reader
from .planes import Planes
from .pools import Here
from .regions import REGION
from .render import edited_frames
from .sharing import Finish, Share, corrected

if TYPE_CHECKING:
    from .pipeline import Run


@dataclass(frozen=True)
class CopyFrame:
    """Take: one picture of `file`, a copy for people at its own size."""

    index: int
    file: str
    frames: Reader[Planes] = field(repr=False)

    def key(self, run: Run) -> str:
        return f"{run.ledger.content(self.file)} {self.index}"

    def load(self, run: Run) -> Planes:
        return next(self.frames.read(self.index, self.index + 1)).copy()


@dataclass(frozen=True)
class OneFrame:
    """Take: the only one of a list of frames."""

    frames: Take

    def key(self, run: Run) -> str:
        return self.frames.key(run)

    def load(self, run: Run) -> Planes:
        (planes,) = self.frames.load(run)
        return planes


def drawn_larger(run: Run, takes: Sequence[Take], info: VideoInfo, scale: float, models: str, folder: str) -> list[str]:
    """Draw frames of a video like `info` larger, each into a lossless file in `folder`; gives the files, in order.

    Those that are there already, made from the same takes and values, stay. models: a list as in refine.models. Says where
    there is no upscaler to speak of; raises SettingsError and EngineError.
    """
    larger, last = larger_info(info, scale), None
    with run.engine.prepared():
        layers, said = resolved(layers_of(models, "models"), run.engine.names("upscaler"))
        if said:
            run.note(said)

        def enlarge(planes: Planes, *_: object) -> bytes:
            nonlocal last
            # At a higher rate a picture is shown more than once.
            if last is None or not all(np.array_equal(a, b) for a, b in zip(last[0].arrays, planes.arrays)):
                made = larger_planes(planes, info, larger, run.engine.upscale, layers)
                last = planes, lossless_bytes([made], larger, larger.fps)
            return last[1]

        files = [f"{folder}/{index:06d}.mp4" for index in range(len(takes))]
        told = (layers, scale, run.engine_name)
        items = [Item((file,), (take,), told) for file, take in zip(files, takes)]
        run.each(items, enlarge, "enlarging", Here())
    return files


def enlarged_copy(run: Run, item: Item, how: Callable[[Run], Finish], scale: float, models: str, note: str) -> None:
    """Make a copy for people with the finish that `how` gives, `scale` times as large: every picture of it drawn by `models`."""
    folder = PurePosixPath(item.makes[0]).stem
    small = f"{folder}/copy.mp4"

    def write(path: Path) -> None:
        finish, start = how(run), run.clip.pts[0] if run.clip.span else 0
        run.build(replace(item, makes=(small,)), lambda part: _write_small(run, part, finish, start))
        copy, made = open_clip(run.project.path(small)), finish.info(run.clip.info)
        frames = Reader(copy.frames)
        takes = [CopyFrame(index, small, frames) for index in range(len(copy))]
        files = drawn_larger(run, takes, made, scale, models, folder)
        larger, tick = larger_info(made, scale), copy.info.time_base / made.time_base
        with Writer(path, larger, finish.encoding(larger), audio_from=run.clip, start_pts=start, note=note) as writer:
            for done, (pts, file) in enumerate(zip(copy.pts, files), 1):
                writer.write(next(read_planes_of(run.project.path(file))), round(pts * tick) + start)
                run.progress.step("writing the large copy", done, len(files))

    run.build(item, write)
    run.sweep(folder, ())


def _write_small(run: Run, path: Path, finish: Finish, start: int) -> None:
    """The copy at its own size, without loss and sound."""
    frames = edited_frames(run.clip, patches_in_force(run.project), run.project.folder, run.project.path(REGION))
    with Share(path, run.clip, finish, start, raw=True) as copy:
        for done, (frame, picture) in enumerate(corrected(frames, finish), 1):
            copy.write(picture, frame.pts, frame.region)
            run.progress.step("rendering", done, len(run.clip))
