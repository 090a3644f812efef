"""What a piece of work is made from. `takes` know their identity (for freshness) and how to read themselves (lazily)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import cv2
import numpy as np

from .crops import Crop, whole_crop
from .framing import Windows, alone, read_path
from .groups import PATH
from .model import Box, Frame, Mask, VideoInfo
from .orientation import as_stored, shown_size, upright
from .pictures import decode_grey, decode_picture
from .planes import Planes, view
from .project import Folder
from .regions import alpha_white, read_regions

if TYPE_CHECKING:
    from .pipeline import Run
    from .stages.inpaint import InpaintSettings

GIVEN = {
    "mask": {name: f"mask.{name}" for name in ("white", "painted", "checkpoint")} | {"mask": "mask.path"},
    "enhance": {"lut": "enhance.lut"},
    "assemble": {"lut": "enhance.lut"},
}
"""The files of the user's that a stage reads: what the ledger calls them, and the settings that name them."""


class Take(Protocol):
    def key(self, run: Run) -> str:
        """What the thing is now, content included, as text."""
        ...

    def load(self, run: Run) -> Any:
        """The thing itself; called on the driver, in the order of the items, just before the work."""
        ...


@dataclass(frozen=True)
class Item:
    """One piece of work: it makes files from takes and plain values, by a pure `work(*takes, *values)`."""

    makes: tuple[str, ...]
    takes: tuple[Take, ...] = ()
    values: tuple[Any, ...] = ()


@dataclass(frozen=True)
class Several:
    """Take: any number of others, as a list."""

    takes: tuple[Take, ...]

    def key(self, run: Run) -> str:
        return str([take.key(run) for take in self.takes])

    def load(self, run: Run) -> list[Any]:
        return [take.load(run) for take in self.takes]


@dataclass(frozen=True)
class File:
    """The bytes of a project file, or None when there is none."""

    file: str

    def key(self, run: Run) -> str:
        return f"{self.file}={run.ledger.content(self.file)}"

    def load(self, run: Run) -> bytes | None:
        path = run.project.path(self.file)
        return path.read_bytes() if path.exists() else None


@dataclass(frozen=True)
class SourceFrames:
    """Frames [start, stop) of the source inside `box`, as a list of Planes. Read in order, so ask in order."""

    start: int
    stop: int
    box: Box

    def key(self, run: Run) -> str:
        return f"source={run.source_digest}{self}"

    def load(self, run: Run) -> list[Planes]:
        return [planes.crop(self.box).copy() for planes in run.source_reader.read(self.start, self.stop)]


@dataclass(frozen=True)
class SourceFrame:
    """One whole frame of the source, one of the rising `among` that are asked for one after the other."""

    index: int
    among: tuple[int, ...]

    def key(self, run: Run) -> str:
        return f"source={run.source_digest} frame {self.index}"

    def load(self, run: Run) -> Planes:
        return run.picked(self.index, self.among)


@dataclass(frozen=True)
class Alphas:
    """The soft masks of frames [start, stop) inside `box`, as a list of uint8 (H, W); floor already applied."""

    start: int
    stop: int
    box: Box

    def key(self, run: Run) -> str:
        files = "".join(run.ledger.content(alpha_file(i)) for i in range(self.start, self.stop))
        return f"alpha={files}{run.settings.mask.floor}{self}"

    def load(self, run: Run) -> list[Mask]:
        return [read_alpha(run, i)[self.box.slices].copy() for i in range(self.start, self.stop)]


@dataclass(frozen=True)
class KeyframePicture:
    """The source frame of a keyframe inside `box` as RGB.

    It is read from keyframes/frame/ while that file is ours; once a person has changed that picture (the engine then
    paints on theirs), what the edit is measured against is still the source.
    """

    index: int
    box: Box

    def key(self, run: Run) -> str:
        return f"source={run.source_digest}{self}"

    def load(self, run: Run) -> Frame:
        file = keyframe_file(self.index)
        if run.ledger.touched(file):
            return view(run.clip.frame(self.index), run.clip.info.color)[self.box.slices]
        return read_keyframe(run.project, self.index, run.clip.info)[self.box.slices]


@dataclass(frozen=True)
class KeyframeCrop:
    """What the engine sees of a keyframe: its picture in keyframes/frame/, edits by hand included, cut and upright."""

    index: int
    crop: Crop

    def key(self, run: Run) -> str:
        return f"{run.ledger.content(keyframe_file(self.index))}{self.crop}"

    def load(self, run: Run) -> Frame:
        picture = read_keyframe(run.project, self.index, run.clip.info)
        return upright(self.crop.seen(picture), run.clip.info.rotation)


@dataclass(frozen=True)
class WhiteCrop:
    """What the engine may repaint of a keyframe: keyframes/white/, cut and upright."""

    index: int
    crop: Crop

    def key(self, run: Run) -> str:
        return f"{run.ledger.content(keyframe_white(self.index))}{self.crop}"

    def load(self, run: Run) -> Mask:
        white = read_keyframe_white(run.project, self.index, run.clip.info)
        return upright(self.crop.seen(white), run.clip.info.rotation)


class KeyCrops:
    """What an engine with this `multiple` sees of any frame that shows the region: the windows of keyframes/path.csv.

    With a multiple of 1, an engine that copies pixels, each window fits its own frame: there is no noise that should lie in
    the same place, and the tight crop takes two thirds of the time.
    """

    def __init__(self, project: Folder, info: VideoInfo, settings: InpaintSettings, multiple: int) -> None:
        self._regions, self._size = read_regions(project), (info.width, info.height)
        self._asked = settings.context, settings.smallest, multiple
        self._whole = whole_crop(*self._size, multiple) if settings.crop == "frame" else None
        file = project.path(PATH)
        steady = multiple > 1 and file.exists()
        self._path = read_path(file.read_text(encoding="utf-8"), PATH) if steady else None
        self._windows: dict[int, Windows] = {}

    def __getitem__(self, key: int) -> Crop:
        if self._whole:
            return self._whole
        at = -1 if self._path is None else int(np.searchsorted(self._path.frames, key))
        if self._path is None or at == len(self._path.frames) or self._path.frames[at] != key:
            path = alone(key, self._regions.box(range(key, key + 1)))
            return Windows(path, self._regions.boxes, self._size, *self._asked).crop(key)
        segment = int(self._path.segments[at])
        if segment not in self._windows:
            path = self._path.of(segment)
            self._windows[segment] = Windows(path, self._regions.boxes, self._size, *self._asked)
        return self._windows[segment].crop(key)


SOFT_FLOOR = 8


def alpha_file(index: int) -> str:
    return f"alpha/{index:06d}.png"


def white_file(index: int) -> str:
    return f"white/{index:06d}.png"


def frame_file(index: int, kind: str) -> str:
    return f"frames/{index:06d}.{'png' if kind == 'png' else 'jpg'}"


def keyframe_file(index: int) -> str:
    return f"keyframes/frame/{index:06d}.png"


def keyframe_white(index: int) -> str:
    return f"keyframes/white/{index:06d}.png"


def read_keyframe(project: Folder, index: int, info: VideoInfo) -> Frame:
    """A keyframe's picture as RGB, as the source is stored; its file, which people edit, shows it upright.

    Raises ProjectError when it is no picture of the source's size.
    """
    file = keyframe_file(index)
    return as_stored(decode_picture(project.path(file).read_bytes(), file, shown_size(info)), info.rotation)


def read_keyframe_white(project: Folder, index: int, info: VideoInfo) -> Mask:
    """What the engine may repaint of a keyframe; turned and checked as `read_keyframe`."""
    file = keyframe_white(index)
    return as_stored(decode_grey(project.path(file).read_bytes(), file, shown_size(info)), info.rotation)


def read_alpha(run: Run, index: int) -> Mask:
    """The soft mask of one frame, of the source's size; what lies below the floor is 0, in a hand-edited one too."""
    floor = run.settings.mask.floor or SOFT_FLOOR
    alpha = _read_grey(run, alpha_file(index))
    return np.asarray(cv2.threshold(alpha, floor - 1, 255, cv2.THRESH_TOZERO)[1], np.uint8)


def read_white(run: Run, index: int, alpha: Mask) -> Mask:
    """What the engine may repaint in one frame: the picture in white/ where there is one, else its alpha with gamma."""
    if not run.project.path(white_file(index)).exists():
        return alpha_white(alpha, run.settings.mask.gamma)
    return _read_grey(run, white_file(index))


def _read_grey(run: Run, file: str) -> Mask:
    return decode_grey(run.project.path(file).read_bytes(), file, _size(run))


def _size(run: Run) -> tuple[int, int]:
    return run.clip.info.width, run.clip.info.height
