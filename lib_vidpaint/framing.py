"""The stabilised window of a shot: where an engine looks, so that the subject stays in the same place of every crop.

A painter's noise belongs to places of its picture: only where a feature lies in the same place of two crops does the
same seed paint it alike. So the region's boxes are followed by one path per segment, filtered in place and scale, and
every keyframe's crop is cut from that path whichever frames are keyframes.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .crops import ENLARGED_AT_MOST, Crop, window_crop
from .errors import ProjectError
from .model import Box

Floats = NDArray[np.float64]
COLUMNS = ("frame", "segment", "x", "y", "width", "height")
PLACE, SCALE = 0.16, 0.5
"""Deviations, in seconds, of the filters over place and scale."""
GROWS = 1.5
"""How many times larger a subject must get in a shot before the window grows with it: up to that it keeps one size and
is never scaled."""
ALIKE = 1.25
"""By what factor a new path may differ in size before the one in use is given up."""


def rows_of(boxes: Sequence[Box]) -> Floats:
    """x, y, width, height of each box, (n, 4)."""
    return np.array([(b.x, b.y, b.width, b.height) for b in boxes], np.float64).reshape(-1, 4)


def steady(boxes: Floats, fps: float) -> Floats:
    """The stabilised boxes of one segment: x, y, width, height of each frame, (n, 4), all of one shape.

    `boxes` are the region's, (n, 4); each lies inside its stabilised one. The centre follows a local parabola (Savitzky
    and Golay 1964, with Gaussian weights), so that it neither lags nor cuts corners; the size is one for the whole
    segment, or follows a subject that grows more than `GROWS` times.
    """
    low, high = boxes[:, :2], boxes[:, :2] + boxes[:, 2:]
    centre = _filtered(_median((low + high) / 2), max(2.0, PLACE * fps), parabola=True)
    scale = np.log(np.maximum(boxes[:, 2:], 1)).mean(axis=1, keepdims=True)
    scale = np.exp(_filtered(_median(scale), max(2.0, SCALE * fps), parabola=False))
    if scale.max() <= GROWS * scale.min():
        scale = np.ones_like(scale)
    before, beyond = (((edge - centre) * sign / scale).max(axis=0) * scale for edge, sign in ((low, -1), (high, 1)))
    return np.hstack([centre - before, before + beyond])


def _median(values: Floats) -> Floats:
    """The running median of five: one frame whose mask went wrong does not move the window."""
    if len(values) < 5:
        return values
    wide = np.concatenate([values[:1], values[:1], values, values[-1:], values[-1:]])
    return np.median([wide[n : n + len(values)] for n in range(5)], axis=0)


def _filtered(values: Floats, deviation: float, parabola: bool) -> Floats:
    """Columns (n, k) smoothed by a Gaussian window; with `parabola` by local least squares of degree 2 in it."""
    reach = min(round(3 * deviation), len(values) - 1)
    if reach < 1:
        return values
    at = np.arange(-reach, reach + 1)
    weight = np.exp(-0.5 * (at / deviation) ** 2)
    if parabola and reach > 1:
        moments = [float((weight * at**n).sum()) for n in (0, 2, 4)]
        weight = weight * (moments[2] - moments[1] * at**2)
    weight = weight / weight.sum()
    head = 2 * values[0] - values[reach:0:-1]
    tail = 2 * values[-1] - values[-2 : -reach - 2 : -1]
    wide = np.concatenate([head, values, tail])
    return np.stack([np.convolve(column, weight, "valid") for column in wide.T], axis=1)


@dataclass(frozen=True)
class Path:
    """The stabilised box of every frame that shows the region: frame numbers (n,), rising, their segments (n,), boxes (n, 4)."""

    frames: NDArray[np.int64]
    segments: NDArray[np.int64]
    boxes: Floats

    def of(self, segment: int) -> Path:
        """The part of one segment."""
        own = self.segments == segment
        return Path(self.frames[own], self.segments[own], self.boxes[own])

    def csv(self) -> str:
        """A table of it, one line a frame, in pixels of the source."""
        text = io.StringIO()
        table = csv.writer(text, lineterminator="\n")
        table.writerow(COLUMNS)
        for frame, segment, box in zip(self.frames, self.segments, self.boxes):
            table.writerow([frame, segment, *(f"{value:.2f}" for value in box)])
        return text.getvalue()


def read_path(text: str, file: str) -> Path:
    """What `Path.csv` wrote. Raises ProjectError for a damaged table."""
    try:
        rows = np.array([[float(cell) for cell in row] for row in list(csv.reader(io.StringIO(text)))[1:]])
        rows = rows.reshape(-1, len(COLUMNS))
        return Path(rows[:, 0].astype(np.int64), rows[:, 1].astype(np.int64), rows[:, 2:])
    except ValueError:
        raise ProjectError(f"{file} is damaged: delete it and it is made again.") from None


def path(boxes: Sequence[Box | None], spans: Sequence[tuple[int, int]], fps: float, before: Path | None) -> Path:
    """The path through the segments `spans` (start, stop) of a clip, `boxes` being the region's of every frame.

    With `before`, the path in use, a segment's frames keep their boxes as long as these are about as large as new ones
    would be: a mended mask must not move every crop of its shot. `Windows` sees to it that no mask is cut even so.
    """
    parts = []
    for number, (start, stop) in enumerate(spans):
        shown = np.array([index for index in range(start, stop) if boxes[index] is not None], np.int64)
        if not len(shown):
            continue
        made = steady(rows_of([box for index in shown if (box := boxes[index])]), fps)
        parts.append(Path(shown, np.full(len(shown), number), _kept(shown, made, before)))
    if not parts:
        return Path(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros((0, 4)))
    return Path(*(np.concatenate([getattr(part, name) for part in parts]) for name in ("frames", "segments", "boxes")))


def _kept(frames: NDArray[np.int64], made: Floats, before: Path | None) -> Floats:
    if before is None or not np.isin(frames, before.frames).all():
        return made
    old = before.boxes[np.searchsorted(before.frames, frames)]
    ratio = old[:, 2:] / np.maximum(made[:, 2:], 1)
    return old if ratio.max() <= ALIKE and ratio.min() >= 1 / ALIKE else made


class Windows:
    """The crops along one segment's path, by frame number."""

    def __init__(
        self,
        path: Path,
        regions: Sequence[Box | None],
        size: tuple[int, int],
        context: float,
        smallest: int,
        multiple: int,
    ) -> None:
        """`regions` are the region's boxes of every frame of the clip, `size` is (width, height) of the picture.

        A window has `context` times its region's longer side more on each side, at least `smallest` pixels a side, and
        never more than the picture (in multiples). An engine gets the windows of a segment in one size, a multiple of
        `multiple`; with 1, an engine that copies pixels, each as it is.
        """
        self._at = {int(frame): at for at, frame in enumerate(path.frames)}
        self._size, self._frame = size, np.array(size)
        inner = path.boxes[:, 2:]
        share = inner[:, :1] / inner[:, :1].max()
        full = (inner + 2 * context * inner.max(axis=1, keepdims=True)).max(axis=0)
        full = np.minimum(_up(np.maximum(full, smallest), multiple), _up(self._frame, multiple))
        around = [regions[frame] for frame in path.frames]
        held = rows_of([box or Box(*map(round, own)) for box, own in zip(around, path.boxes)])
        least = np.maximum((held[:, 2:] / full).max(axis=1, keepdims=True), min(1.0, smallest / full.min()))
        self.sizes = np.ceil(full * np.clip(np.maximum(share, least), 0, 1) - 1e-6).astype(np.int64)
        self.corners = self._placed(path.boxes[:, :2] + inner / 2, held)
        self.shown: tuple[int, int] | None = None
        if multiple > 1 and (self.sizes != full).any():
            most = min(1.0, ENLARGED_AT_MOST * float((self.sizes / full).min()))
            wide, high = _up(full * most, multiple)
            self.shown = int(wide), int(high)

    def _placed(self, centre: Floats, held: Floats) -> NDArray[np.int64]:
        """The windows' corners: about the centres, drawn together into the picture where all of them may move so, and never
        so that one cuts its region."""
        corner = centre - self.sizes / 2
        room = self._frame - self.sizes
        inside = np.clip(corner, np.minimum(0, room), np.maximum(0, room))
        first, last = held[:, :2] + held[:, 2:] - self.sizes, held[:, :2]
        low, high = (first - corner).max(axis=0), (last - corner).min(axis=0)
        shift = np.where(low <= high, np.clip(np.median(inside - corner, axis=0), low, np.maximum(low, high)), 0)
        return np.clip(np.rint(corner + shift), first, last).astype(np.int64)

    def crop(self, frame: int) -> Crop:
        """The crop of one frame of the path."""
        at = self._at[frame]
        (x, y), (width, height) = self.corners[at].tolist(), self.sizes[at].tolist()
        return window_crop(Box(x, y, width, height), *self._size, self.shown)


def _up(sides: Floats | NDArray[np.int64], multiple: int) -> Floats:
    return np.ceil(np.asarray(sides, np.float64) / multiple - 1e-6) * multiple


def alone(frame: int, region: Box) -> Path:
    """The path of a single frame, where no other is known."""
    return Path(np.array([frame]), np.zeros(1, np.int64), rows_of([region]))
