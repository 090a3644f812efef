"""Parts of the finished picture: a segmenter is run over it once more, so that each part can be drawn anew by its own model."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, fields
from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING, get_args

import numpy as np

from .clip import read_planes_of
from .enlarging import Layers, layers_of
from .errors import SettingsError
from .finding import write_found
from .groups import Patch, read_groups
from .items import Item
from .model import Box, Frame, Mask, VideoInfo
from .orientation import upright
from .pictures import shrunk
from .pipeline import Reader
from .planes import Planes, seen_color, view
from .regions import REGION
from .render import edited_frames
from .segmenters import How, Options, Shot, open_segmenter
from .segmenters.prompts import in_shot, parse_prompts
from .survey import PROXY_WIDTH

if TYPE_CHECKING:
    from .pipeline import Run

KINDS = tuple(how for how in get_args(How) if how != "given")
FOLDER = "segments"


@dataclass(frozen=True)
class Part:
    """What a segmenter finds, and the upscalers that draw it."""

    how: str
    layers: Layers


def parts_of(text: str) -> tuple[Part, ...]:
    """What `face: R-ESRGAN 4x+:0.7, Lanczos:0.3; clothing: Lanczos` says. Raises SettingsError."""
    found = []
    for words in filter(None, (part.strip() for part in text.split(";"))):
        how, colon, layers = words.partition(":")
        if how.strip() not in KINDS or not colon:
            raise SettingsError(
                f"refine.segments: {words!r} is not a part and its upscalers, such as face: R-ESRGAN 4x+. "
                f"Parts are {', '.join(KINDS)}."
            )
        found.append(Part(how.strip(), layers_of(layers, "refine.segments")))
    return tuple(found)


@dataclass(frozen=True)
class PartMask:
    """Take: what was found in one frame, inside `box`; `at` is the frame's place in its file."""

    reader: Reader[Planes]
    file: str
    at: int
    box: Box

    def key(self, run: Run) -> str:
        return f"{self.file}={run.ledger.content(self.file)}#{self.at}{self.box}"

    def load(self, run: Run) -> Mask:
        return next(self.reader.read(self.at, self.at + 1)).arrays[0][self.box.slices].copy()


def find_parts(run: Run, parts: Sequence[Part], patches: tuple[Patch, ...]) -> Callable[[int, Box], list[PartMask]]:
    """Find all parts in the finished frames of every shot that has patches; gives the takes of a frame, in the order of
    the parts. Says in which frames a part was not found. Raises MaskError where a segmenter lacks something."""
    places: dict[tuple[str, int], tuple[Reader[Planes], str, int]] = {}
    for part in parts:
        missing = []
        for start, stop in _shots(run):
            file, reader = _found(run, part.how, start, stop, patches)
            for index in range(start, stop):
                places[part.how, index] = reader, file, index - start
            masks = enumerate(read_planes_of(run.project.path(file)), start)
            missing += [index for index, planes in masks if not planes.arrays[0].any()]
        if missing:
            run.note(_words(part.how, missing, len({index for how, index in places if how == part.how})))

    def takes(index: int, box: Box) -> list[PartMask]:
        return [PartMask(*places[part.how, index], box) for part in parts]

    run.sweep(FOLDER, {file for _, file, _ in places.values()})
    return takes


def _found(run: Run, how: str, start: int, stop: int, patches: tuple[Patch, ...]) -> tuple[str, Reader[Planes]]:
    settings, file = run.settings.mask, f"{FOLDER}/{how}-{start:06d}.mp4"
    options = Options(**{field.name: getattr(settings, field.name) for field in fields(Options)})
    segmenter = open_segmenter(how, options, run.progress)  # pyright: ignore[reportArgumentType]
    shot = _shot(run, start, stop, patches)
    told = [(name, getattr(options, name)) for name in segmenter.uses]
    files = [run.project.input_digest(name, path) for name, path in segmenter.files.items()]
    made = [run.ledger.content(patch.file) for patch in patches if patch.start < stop and patch.stop > start]
    item = Item((file,), (), (run.source_digest, how, told, files, stop, repr(shot.prompts), made))
    run.build(item, lambda path: write_found(run, segmenter, shot, path))
    path = run.project.path(file)
    return file, Reader(lambda at: islice(read_planes_of(path), at, None))


def _shots(run: Run) -> list[tuple[int, int]]:
    """[first, behind the last) frame of the groups of every shot."""
    shots: dict[int, tuple[int, int]] = {}
    for group in read_groups(run.project):
        start, stop = shots.get(group.shot, (group.start, group.stop))
        shots[group.shot] = min(start, group.start), max(stop, group.stop)
    return sorted(shots.values())


def _shot(run: Run, start: int, stop: int, patches: tuple[Patch, ...]) -> Shot:
    info = run.clip.info

    height, width = upright(np.empty((info.height, info.width), np.uint8), info.rotation).shape
    scale = min(1.0, PROXY_WIDTH / width)
    size = max(1, round(width * scale)), max(1, round(height * scale))

    def finished(a: int, b: int) -> Iterator[_Picture]:  # its own decoder, as both are asked for in turn
        frames = edited_frames(run.clip, patches, run.project.folder, run.project.path(REGION), start + a)
        with closing(frames):
            yield from (_Picture(frame.result, info) for frame in islice(frames, b - a))

    def small(a: int, b: int) -> Iterator[Frame]:
        return (shrunk(picture.whole, size) for picture in finished(a, b))

    prompts = in_shot(parse_prompts(run.settings.mask.prompts), start, stop)
    return Shot(stop - start, width, height, info.fps, small, finished, prompts, start)


@dataclass(frozen=True)
class _Picture:
    """A finished frame as segmenters see it (segmenters.Picture)."""

    planes: Planes
    info: VideoInfo

    @cached_property
    def whole(self) -> Frame:
        return upright(view(self.planes, seen_color(self.info)), self.info.rotation)

    def crop(self, box: Box) -> Frame:
        return self.whole[box.slices]


def _words(how: str, missing: Sequence[int], frames: int) -> str:
    which = ", ".join(map(str, missing[:5])) + (" ..." if len(missing) > 5 else "")
    if len(missing) == frames:
        return f"refine.segments: no {how} was found in any frame: what refine.models says is used everywhere."
    return (
        f"refine.segments: no {how} in {len(missing)} of {frames} frames ({which}): refine.models draws all of those."
    )
