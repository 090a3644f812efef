"""What a person paints over a mask, frame by frame, kept apart from it so that it survives a new mask.

    fixes/000042.add.png     white = belongs to the mask      fixes/000042.erase.png     white = does not
    fixes/undo/              what was there before each stroke

They are masks of the source's size, as it is stored, and may be painted in any program. They are laid over the mask
after its shape; with `mask.spread` they are carried to the frames around along the motion, not over a cut.
"""

from __future__ import annotations

import re
import threading
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Literal

import cv2
import numpy as np

from .atomic import write_bytes
from .clip import open_clip
from .errors import MaskError
from .flow import positions
from .items import alpha_file
from .ledger import Input, digest
from .model import Frame, Mask
from .motion import SMALLEST, flow
from .pictures import decode_grey, encode_png
from .planes import view

if TYPE_CHECKING:
    from .pipeline import Run
    from .project import Folder, Project

FOLDER = "fixes"
UNDO = f"{FOLDER}/undo"
Kind = Literal["add", "erase"]
KINDS: tuple[Kind, Kind] = ("add", "erase")
Painted = tuple[Mask | None, Mask | None]
"""What was added to a mask and what was erased from it, each uint8 (H, W), 255 = painted; None where nothing was."""
NOTHING: Painted = (None, None)
_lock = threading.Lock()


def apply(alpha: Mask, add: Mask | None, erase: Mask | None) -> Mask:
    """The mask with what was added, then without what was erased; soft strokes count in part."""
    if add is not None:
        alpha = np.maximum(alpha, add)
    if erase is not None:
        alpha = np.minimum(alpha, 255 - erase)
    return alpha


def spread(painted: Painted, frames: Sequence[Frame]) -> Iterator[Painted]:
    """What was painted on the first of the frames, carried along the motion to each of those that follow.

    `frames` are RGB of one size, the strokes too. Flow from each frame to the one before it says where its pixels came
    from (DIS, Kroeger et al. 2016); a stroke ends where the picture does.
    """
    greys = [cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in frames]
    for before, grey in pairwise(greys):
        if min(grey.shape) >= SMALLEST:
            came_from = positions(flow(grey, before))
            painted = _carried(painted[0], came_from), _carried(painted[1], came_from)
        yield painted


def _carried(stroke: Mask | None, came_from: np.ndarray) -> Mask | None:
    if stroke is None:
        return None
    return np.asarray(cv2.remap(stroke, came_from, np.empty(0, np.float32), cv2.INTER_LINEAR), np.uint8)


def over(below: Painted, above: Painted) -> Painted:
    """Strokes laid over earlier ones of the same size: where they meet, the later ones count."""
    (add, erase), (more, less) = below, above
    return _joined(add, more, less), _joined(erase, less, more)


def _joined(stroke: Mask | None, more: Mask | None, less: Mask | None) -> Mask | None:
    if stroke is None:
        return more
    return apply(stroke, more, less)


def fix_file(index: int, kind: Kind) -> str:
    return f"{FOLDER}/{index:06d}.{kind}.png"


def fixed_frames(project: Folder) -> list[int]:
    """The frames that a person painted on, rising."""
    found = (re.fullmatch(r"(\d{6})\.(add|erase)\.png", path.name) for path in project.path(FOLDER).glob("*.png"))
    return sorted({int(match[1]) for match in found if match})


def read_fix(project: Folder, index: int, size: tuple[int, int]) -> Painted:
    """What was painted on one frame. Raises ProjectError for a file that is no picture of this (width, height)."""
    return _read(project, fix_file(index, "add"), size), _read(project, fix_file(index, "erase"), size)


def _read(project: Folder, file: str, size: tuple[int, int] | None = None) -> Mask | None:
    path = project.path(file)
    return decode_grey(path.read_bytes(), file, size) if path.exists() else None


def paint(project: Project, index: int, painted: Painted) -> None:
    """Lay new strokes over those of a frame and put them down; `undo` takes them back.

    An alpha that was changed by hand has them painted into it too, because it wins over them. The project may be open
    for reading only, while a run goes on. Raises MaskError for strokes of another size than the frame's mask.
    """
    add, erase = (mask if mask is not None and mask.any() else None for mask in painted)
    painted, stroke = (add, erase), erase if add is None else add
    if stroke is None:
        return
    size = stroke.shape[1], stroke.shape[0]
    alpha = alpha_file(index)
    before = _read(project, alpha)
    if before is not None and before.shape != stroke.shape:
        raise MaskError(
            f"{alpha} is {before.shape[1]}x{before.shape[0]}, what was painted {size[0]}x{size[1]}: paint at the mask's size."
        )
    with _lock:
        step = 1 + max(_steps(project), default=0)
        earlier = read_fix(project, index, size)
        now = over(earlier, painted)
        changes = [(fix_file(index, kind), old, new) for kind, old, new in zip(KINDS, earlier, now)]
        if before is not None and project.ledger.touched(alpha):
            changes.append((alpha, before, apply(before, *painted)))
        for file, old, new in changes:
            if new is None or (old is not None and np.array_equal(old, new)):
                continue
            kept = encode_png(np.zeros_like(stroke)) if old is None else project.path(file).read_bytes()
            write_bytes(project.path(f"{UNDO}/{step:06d}.{file.replace('/', '.')}"), kept)
            write_bytes(project.path(file), encode_png(new))


def clear(project: Project, index: int) -> None:
    """Take away all strokes of a frame; `undo` brings them back."""
    with _lock:
        step = 1 + max(_steps(project), default=0)
        for file in (fix_file(index, kind) for kind in KINDS):
            path = project.path(file)
            if path.exists():
                write_bytes(project.path(f"{UNDO}/{step:06d}.{file.replace('/', '.')}"), path.read_bytes())
                path.unlink()


def undo(project: Project) -> int | None:
    """Take back the last strokes; the frame they were on, None when there are none. What they were goes to kept/."""
    with _lock:
        steps = _steps(project)
        if not steps:
            return None
        for saved in sorted(project.path(UNDO).glob(f"{max(steps):06d}.*.png")):
            _, folder, name = saved.name.split(".", 2)
            file, before, alpha = f"{folder}/{name}", saved.read_bytes(), folder != FOLDER
            # An alpha that was made anew since has no strokes in it to take back.
            if not alpha or project.ledger.touched(file):
                if project.path(file).exists():
                    project.keep(file)
                if alpha or decode_grey(before, saved.name).any():
                    write_bytes(project.path(file), before)
            saved.unlink()
        return steps[max(steps)]


def _steps(project: Folder) -> dict[int, int]:
    """The frame of every step that can be taken back, by its number."""
    found = (re.fullmatch(r"(\d{6})\.\w+\.(\d{6})\..*png", path.name) for path in project.path(UNDO).glob("*.png"))
    return {int(match[1]): int(match[2]) for match in found if match}


@dataclass(frozen=True, eq=False)
class Marks:
    """Take: what a person painted on a frame, and on those around it that reach it, as `Painted` of the source's size.

    An alpha that was changed by hand wins: for it the strokes count as they were when it was last made.
    """

    index: int
    near: tuple[int, ...]
    carrier: Carrier

    def key(self, run: Run) -> str:
        if run.ledger.touched(alpha_file(self.index)):
            return self._known(run)
        return self._now(run)

    def load(self, run: Run) -> Painted:
        now = self._now(run)
        if now != self._known(run):
            run.ledger.add(Input(self._name, "", "", now))
        size = run.clip.info.width, run.clip.info.height
        found = NOTHING
        for fixed in sorted(self.near, key=lambda fixed: -abs(fixed - self.index)):
            own = fixed == self.index
            found = over(found, read_fix(run.project, fixed, size) if own else self.carrier.at(run, fixed, self.index))
        return found

    @property
    def _name(self) -> str:
        return f"fixes of {self.index}"

    def _known(self, run: Run) -> str:
        known = run.ledger.inputs.get(self._name)
        return known.content if known else ""

    def _now(self, run: Run) -> str:
        return digest(repr([(n, *_contents(run, n)) for n in self.near])) if self.near else ""


def marks(run: Run, frames: int, reach: int) -> list[Marks]:
    """The take of every frame: what was painted on it, and within `reach` frames of it."""
    fixed, carrier = fixed_frames(run.project), Carrier(reach)
    return [
        Marks(i, tuple(fixed[bisect_left(fixed, i - reach) : bisect_right(fixed, i + reach)]), carrier)
        for i in range(frames)
    ]


def listing(run: Run) -> str:
    """The digest of all that was painted, '' for nothing."""
    fixed = fixed_frames(run.project)
    return digest(repr([(n, *_contents(run, n)) for n in fixed])) if fixed else ""


def _contents(run: Run, index: int) -> list[str]:
    return [run.ledger.content(fix_file(index, kind)) for kind in KINDS]


class Carrier:
    """Strokes carried over the proxy, kept (as PNG: 100 frames of a 4K stroke are 0.2 MB) until no frame can ask for them."""

    def __init__(self, reach: int) -> None:
        self._reach = reach
        self._carried: dict[int, dict[int, tuple[bytes | None, bytes | None]]] = {}

    def at(self, run: Run, fixed: int, index: int) -> Painted:
        """What was painted on frame `fixed`, as it lies in frame `index`; full size. Frames are asked for in order."""
        info = run.clip.info
        self._carried = {key: kept for key, kept in self._carried.items() if key + self._reach >= index}
        if fixed not in self._carried:
            self._carried[fixed] = dict(self._spread(run, fixed))
        add, erase = self._carried[fixed].get(index, (None, None))
        return _unpacked(add, (info.width, info.height)), _unpacked(erase, (info.width, info.height))

    def _spread(self, run: Run, fixed: int) -> Iterator[tuple[int, tuple[bytes | None, bytes | None]]]:
        for way in (1, -1):
            for distance, (more, less) in enumerate(carried(run, fixed, fixed + way * self._reach), 1):
                yield fixed + way * distance, (_packed(more), _packed(less))


def carried(run: Run, fixed: int, stop: int) -> Iterator[Painted]:
    """What was painted on frame `fixed`, as it lies in the frames from the next one to `stop`, before or after it; it
    ends at a cut. Masks of the proxy's size."""
    cuts = (*run.survey.cuts, len(run.clip))
    first = max(min(fixed, stop), *(cut for cut in cuts if cut <= fixed))
    last = min(max(fixed, stop), *(cut - 1 for cut in cuts if cut > fixed))
    proxy = open_clip(run.survey.proxy)
    step = round(1 / (proxy.info.fps * proxy.info.time_base))
    small = proxy.with_table(range(0, len(run.clip) * step, step))
    with closing(small.frames(first, last + 1)) as planes:
        frames = [view(p, run.survey.color) for p in planes]
    add, erase = read_fix(run.project, fixed, (run.clip.info.width, run.clip.info.height))
    size = frames[0].shape[1::-1]
    yield from spread((_resized(add, size), _resized(erase, size)), frames if stop > fixed else frames[::-1])


def _packed(stroke: Mask | None) -> bytes | None:
    return None if stroke is None or not stroke.any() else encode_png(stroke)


def _unpacked(data: bytes | None, size: tuple[int, int]) -> Mask | None:
    return None if data is None else _resized(decode_grey(data, FOLDER), size)


def _resized(stroke: Mask | None, size: Sequence[int]) -> Mask | None:
    if stroke is None or stroke.shape[1::-1] == tuple(size):
        return stroke
    way = cv2.INTER_AREA if size[0] < stroke.shape[1] else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(stroke, tuple(size), interpolation=way), np.uint8)
