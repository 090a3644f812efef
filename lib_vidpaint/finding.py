"""Finding masks: a segmenter is run over every shot of the source, and what it finds is kept, one lossless clip a shot.

found/cuts.json has the first frame of every shot, found/000042.mp4 the soft masks of the shot that begins at frame 42,
as the source is stored, before any shaping. A stopped run goes on at the next shot.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from .clip import open_clip, read_planes_of
from .encode import Writer, gray_encoding, gray_info, gray_planes
from .errors import MaskError
from .items import Item
from .model import Box, Frame, Mask, VideoInfo
from .orientation import as_stored, upright
from .planes import Planes, matrix_of, view
from .segmenters import Options, Segmenter, Shot, open_segmenter
from .segmenters.prompts import check_prompts, in_shot, parse_prompts
from .shots import ShotDetector

if TYPE_CHECKING:
    from .pipeline import Run

CUTS = "found/cuts.json"
PROMISE = 600.0
"""Work that will take longer than this many seconds is announced with an estimate."""
PIXELS = 1280 * 720


def found_file(start: int) -> str:
    return f"found/{start:06d}.mp4"


@dataclass(frozen=True)
class FoundFrame:
    """Take: what was found in one frame, before any shaping."""

    found: _InOrder
    file: str
    index: int

    def key(self, run: Run) -> str:
        return f"{self.file}={run.ledger.content(self.file)}#{self.index}"

    def load(self, run: Run) -> Mask:
        return self.found.at(run.project.path(self.file), self.index)


class _InOrder:
    """Found masks, read from front to back (a shot from its front again for a step back)."""

    def __init__(self) -> None:
        self._path: Path | None = None
        self._next = 0
        self._frames: Iterator[Planes] = iter(())

    def at(self, path: Path, index: int) -> Mask:
        if path != self._path or index < self._next:
            self._path, self._next, self._frames = path, 0, read_planes_of(path)
        mask = next(self._frames).arrays[0]
        self._next += 1
        while self._next <= index:
            mask = next(self._frames).arrays[0]
            self._next += 1
        return mask


def find(run: Run) -> list[FoundFrame]:
    """Find the masks that are not there yet. Gives one take per frame, in order. Raises MaskError."""
    settings, info, count = run.settings.mask, run.clip.info, len(run.survey.pts)
    prompts = parse_prompts(settings.prompts)
    shown = upright(np.empty((info.height, info.width), np.uint8), info.rotation).shape
    check_prompts(prompts, count, shown[1], shown[0])
    options = Options(**{field.name: getattr(settings, field.name) for field in fields(Options)})
    segmenter = open_segmenter(settings.how, options)
    files = [run.project.input_digest(name, path) for name, path in segmenter.files.items()]
    starts = shot_starts(run)
    told = [(name, getattr(options, name)) for name in segmenter.uses]
    reader, takes = _InOrder(), []
    for start, stop in zip(starts, [*starts[1:], count]):
        shot = shot_of(run, start, stop, prompts)
        values = (run.source_digest, settings.how, told, files, stop, repr(shot.prompts))
        item = Item((found_file(start),), (), values)
        if run.due(item, write_found):
            _promise(run, segmenter, count - start)
        run.build(item, lambda path, shot=shot: write_found(run, segmenter, shot, path))
        takes += [FoundFrame(reader, found_file(start), index) for index in range(stop - start)]
    run.sweep("found", {CUTS, *map(found_file, starts)})
    return takes


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


def shot_starts(run: Run) -> list[int]:
    """The first frame of every shot, found once on the proxy."""

    def write(path: Path) -> None:
        detector = ShotDetector(run.clip.info.fps)
        for index, frame in enumerate(run.survey.frames()):
            detector.add(frame)
            run.progress.step("looking for cuts", index + 1, len(run.survey.pts))
        path.write_text(json.dumps(detector.starts), encoding="utf-8")

    run.build(Item((CUTS,), (), (run.source_digest,)), write)
    return json.loads(run.project.path(CUTS).read_text(encoding="utf-8"))


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
        # What the file does not say is guessed from the size of the picture, not of the crop.
        color = replace(self.info.color, matrix=matrix_of(self.info.color, self.info.width, self.info.height))
        cells = box.aligned(1 << fmt.shift_x, 1 << fmt.shift_y, self.info.width, self.info.height)
        part = view(self.planes.crop(cells), color)
        return part[box.y - cells.y : box.bottom - cells.y, box.x - cells.x : box.right - cells.x]
