"""Finding masks: a segmenter is run over every shot of the source, and what it finds is kept, one lossless clip a shot.

found/000042.mp4 has the soft masks of the shot that begins at frame 42, as the source is stored, before any shaping. A
stopped run goes on at the next shot.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from datetime import timedelta
from itertools import islice, pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from .clip import open_clip, read_planes_of
from .encode import Writer, gray_encoding, gray_info, gray_planes
from .errors import MaskError
from .items import Item
from .model import Box, Frame, Mask, VideoInfo
from .orientation import as_stored, upright
from .pipeline import Reader
from .planes import Planes, seen_color, view
from .segmenters import Options, Segmenter, Shot, open_segmenter
from .segmenters.prompts import check_prompts, in_shot, parse_prompts

if TYPE_CHECKING:
    from .pipeline import Run

PROMISE = 600.0
"""Work that will take longer than this many seconds is announced with an estimate."""
PIXELS = 1280 * 720


def found_file(start: int) -> str:
    return f"found/{start:06d}.mp4"


@dataclass(frozen=True)
class FoundFrame:
    """Take: what was found in frame `index`, before any shaping; `at` is its place in `file`."""

    found: Reader[Mask]
    index: int
    file: str
    at: int

    def key(self, run: Run) -> str:
        return f"{self.file}={run.ledger.content(self.file)}#{self.at}"

    def load(self, run: Run) -> Mask:
        return next(self.found.read(self.index, self.index + 1))


def find(run: Run) -> list[FoundFrame]:
    """Find the masks that are not there yet. Gives one take per frame, in order. Raises MaskError."""
    settings, info, count = run.settings.mask, run.clip.info, len(run.survey.pts)
    prompts = parse_prompts(settings.prompts)
    shown = upright(np.empty((info.height, info.width), np.uint8), info.rotation).shape
    check_prompts(prompts, count, shown[1], shown[0])
    options = Options(**{field.name: getattr(settings, field.name) for field in fields(Options)})
    segmenter = open_segmenter(settings.how, options, run.progress)
    files = [run.project.input_digest(name, path) for name, path in segmenter.files.items()]
    starts = run.survey.cuts
    told = [(name, getattr(options, name)) for name in segmenter.uses]
    reader, takes = Reader(lambda at: read_found(run, at)), []
    for start, stop in zip(starts, [*starts[1:], count]):
        shot = shot_of(run, start, stop, prompts)
        values = (run.source_digest, settings.how, told, files, stop, repr(shot.prompts))
        item = Item((found_file(start),), (), values)
        if run.due(item, write_found):
            _promise(run, segmenter, count - start)
        run.build(item, lambda path, shot=shot: write_found(run, segmenter, shot, path))
        takes += [FoundFrame(reader, index, found_file(start), index - start) for index in range(start, stop)]
    run.sweep("found", set(map(found_file, starts)))
    return takes


def read_found(run: Run, first: int) -> Iterator[Mask]:
    """What was found in every frame from `first` on."""
    for start, stop in pairwise([*run.survey.cuts, len(run.survey.pts)]):
        if stop > first:
            masks = read_planes_of(run.project.path(found_file(start)))
            yield from (planes.arrays[0] for planes in islice(masks, max(0, first - start), None))


def write_found(run: Run, segmenter: Segmenter, shot: Shot, path: Path) -> None:
    """Write the masks of one shot as a lossless clip."""
    info, count = run.clip.info, len(run.survey.pts)
    with Writer(path, gray_info(info.width, info.height, info.fps), gray_encoding()) as writer:
        for index, mask in enumerate(segmenter.masks(shot)):
            if mask.shape != (shot.height, shot.width) or mask.dtype != np.uint8:
                raise MaskError(
                    f"mask.how = {run.settings.mask.how} gave a mask of another size or kind than the picture's."
                )
            writer.write(gray_planes(as_stored(mask, info.rotation)), index)
            run.progress.step("finding masks", shot.start + index + 1, count)


def estimate(frames: int, info: VideoInfo, seconds: float) -> float:
    """How many seconds masks of so many frames take, at `seconds` for one of 720p on one core."""
    return frames * seconds * max(0.3, info.width * info.height / PIXELS)


def _promise(run: Run, segmenter: Segmenter, frames: int) -> None:
    needs = estimate(frames, run.clip.info, segmenter.seconds)
    if needs > PROMISE:
        about = timedelta(seconds=round(needs, -2))
        run.note(f"Finding masks in {frames} frames takes about {about}; --source.span tries it on a part first.")


def shot_of(run: Run, start: int, stop: int, prompts: tuple) -> Shot:
    """Frames start <= index < stop of the source, as a segmenter sees a shot, with those prompts that are theirs."""
    info = run.clip.info
    proxy = open_clip(run.survey.proxy)
    step = round(1 / (proxy.info.fps * proxy.info.time_base))
    small = proxy.with_table(range(0, len(run.survey.pts) * step, step))

    def read_small(a: int, b: int) -> Iterator[Frame]:
        for planes in small.frames(start + a, start + b):
            yield upright(view(planes, run.survey.color), info.rotation)

    def read_full(a: int, b: int) -> Iterator[_Shown]:
        return (_Shown(planes, info) for planes in run.clip.frames(start + a, start + b))

    height, width = upright(np.empty((info.height, info.width), np.uint8), info.rotation).shape
    return Shot(stop - start, width, height, info.fps, read_small, read_full, in_shot(prompts, start, stop), start)


@dataclass(frozen=True)
class _Shown:
    """A frame of the source as segmenters see it (segmenters.Picture)."""

    planes: Planes
    info: VideoInfo

    def crop(self, box: Box) -> Frame:
        if self.info.rotation:
            return upright(view(self.planes, self.info.color), self.info.rotation)[box.slices]
        fmt = self.planes.format
        cells = box.aligned(1 << fmt.shift_x, 1 << fmt.shift_y, self.info.width, self.info.height)
        part = view(self.planes.crop(cells), seen_color(self.info))
        return part[box.y - cells.y : box.bottom - cells.y, box.x - cells.x : box.right - cells.x]
