"""The records that parts hand to each other, and the one JSON codec that reads and writes them.

Frame indices are 0-based ints in presentation order, ranges are half-open, times are `Fraction` seconds.
`Frame` is uint8 (H, W, 3) RGB; `Mask` is uint8 (H, W), 255 = change this.
"""

from __future__ import annotations

import dataclasses
import types
import typing
from dataclasses import MISSING, dataclass, fields, is_dataclass
from fractions import Fraction
from functools import cache
from typing import Any, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from .errors import ProjectError

Frame = NDArray[np.uint8]
Mask = NDArray[np.uint8]
T = TypeVar("T")


@dataclass(frozen=True)
class Box:
    """A rectangle of whole pixels; x and y are its first column and row."""

    x: int
    y: int
    width: int
    height: int

    @property
    def right(self) -> int:
        return self.x + self.width

    @property
    def bottom(self) -> int:
        return self.y + self.height

    @property
    def slices(self) -> tuple[slice, slice]:
        """(rows, columns), to index an array of shape (H, W, ...)."""
        return slice(self.y, self.bottom), slice(self.x, self.right)

    def union(self, other: Box) -> Box:
        x, y = min(self.x, other.x), min(self.y, other.y)
        return Box(x, y, max(self.right, other.right) - x, max(self.bottom, other.bottom) - y)

    def grown(self, pixels: int, width: int, height: int) -> Box:
        """This box with `pixels` more on every side, cut at a picture of width x height."""
        x, y = max(0, self.x - pixels), max(0, self.y - pixels)
        return Box(x, y, min(width, self.right + pixels) - x, min(height, self.bottom + pixels) - y)

    def aligned(self, step_x: int, step_y: int, width: int, height: int) -> Box:
        """The smallest box around this one whose edges lie on multiples of the steps or on the picture's border."""
        x, y = self.x - self.x % step_x, self.y - self.y % step_y
        right, bottom = -(-self.right // step_x) * step_x, -(-self.bottom // step_y) * step_y
        return Box(x, y, min(right, width) - x, min(bottom, height) - y)


@dataclass(frozen=True)
class Color:
    """How a file says its samples are to be read: H.273 code points as FFmpeg numbers them; 2 = unspecified."""

    matrix: int = 2
    primaries: int = 2
    transfer: int = 2
    full_range: bool = False

    @property
    def hdr(self) -> bool:
        """Whether the transfer is PQ (16) or HLG (18)."""
        return self.transfer in (16, 18)


@dataclass(frozen=True)
class AudioStream:
    index: int
    codec: str
    rate: int
    channels: int


@dataclass(frozen=True)
class VideoInfo:
    """What a file says of its video. How many frames it has is not here: only decoding tells (`survey.py`)."""

    width: int
    height: int
    pixel_format: str
    codec: str
    container: str
    fps: Fraction
    time_base: Fraction
    color: Color = Color()
    sample_aspect: Fraction = Fraction(1)
    rotation: int = 0
    interlaced: Literal["", "top", "bottom"] = ""
    audio: tuple[AudioStream, ...] = ()
    others: tuple[str, ...] = ()

    @property
    def lines(self) -> int:
        """The height of the picture as it is shown."""
        return self.width if self.rotation % 180 else self.height


@dataclass(frozen=True)
class Group:
    """A keyframe and the frames its edit serves: start <= key < stop, all in one shot."""

    key: int
    start: int
    stop: int
    shot: int = 0


@dataclass(frozen=True)
class Repaint:
    """What the candidates of one keyframe are painted with where the settings say something else; None: as they say."""

    prompt: str | None = None
    negative_prompt: str | None = None
    denoise: float | None = None
    seed: int | None = None


@dataclass(frozen=True)
class Choice:
    """What was decided for one group: a candidate, new candidates, or no edit at all.

    A candidate below 0 is a picture of the person's own. `redo` counts the rounds of new candidates; those of the present
    one begin at the number `first` (None: after `redo` full rounds) and are painted with `paint`.
    """

    key: int
    candidate: int | None = None
    redo: int = 0
    drop: bool = False
    first: int | None = None
    paint: Repaint = Repaint()
    count: int | None = None
    accepted: bool = False
    by: Literal["person", "repair"] = "person"


@dataclass(frozen=True)
class Verdict:
    """What validation found for one group: measures by name, the limits they broke, and the decision."""

    key: int
    measures: dict[str, float]
    broken: tuple[str, ...] = ()
    decision: Literal["keep", "drop"] = "keep"


def to_json(value: Any) -> Any:
    """Plain JSON of a record; fields that equal their default are left out."""
    if is_dataclass(value) and not isinstance(value, type):
        return {f.name: to_json(getattr(value, f.name)) for f in fields(value) if getattr(value, f.name) != _default(f)}
    if isinstance(value, Fraction):
        return f"{value.numerator}/{value.denominator}"
    if isinstance(value, dict):
        return {str(k): to_json(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [to_json(v) for v in value]
    if isinstance(value, (np.integer, np.floating)):
        return value.item()
    return value


def from_json(kind: type[T], data: Any, where: str = "data") -> T:
    """The record of type `kind` that `to_json` made `data` of. `where` names the place in error messages.

    Raises ProjectError for an unknown key, a missing one, or a value of the wrong kind.
    """
    return _read(kind, data, where)


def _read(kind: Any, data: Any, where: str) -> Any:
    origin, args = typing.get_origin(kind), typing.get_args(kind)
    if kind is Any:
        return data
    if is_dataclass(kind):
        return _read_record(kind, data, where)
    if origin in (types.UnionType, typing.Union):
        if data is None and type(None) in args:
            return None
        return _read(next(a for a in args if a is not type(None)), data, where)
    if origin is Literal:
        if data not in args:
            raise ProjectError(f"{where}: {data!r} is not one of {', '.join(map(repr, args))}.")
        return data
    if origin is tuple:
        _expect(isinstance(data, list), where, "a list", data)
        kinds = [args[0]] * len(data) if len(args) == 2 and args[1] is ... else args
        _expect(len(kinds) == len(data), where, f"a list of {len(kinds)}", data)
        return tuple(_read(k, d, f"{where}[{i}]") for i, (k, d) in enumerate(zip(kinds, data)))
    if origin is dict:
        _expect(isinstance(data, dict), where, "an object", data)
        return {_key(args[0], k, where): _read(args[1], v, f"{where}.{k}") for k, v in data.items()}
    if kind is Fraction:
        try:
            return Fraction(data)
        except (TypeError, ValueError, ZeroDivisionError):
            raise ProjectError(f"{where}: {data!r} is not a number or a fraction like 30000/1001.") from None
    if kind is float and isinstance(data, int) and not isinstance(data, bool):
        return float(data)
    _expect(isinstance(data, kind) and (kind is bool or not isinstance(data, bool)), where, kind.__name__, data)
    return data


def _read_record(kind: Any, data: Any, where: str) -> Any:
    _expect(isinstance(data, dict), where, "an object", data)
    hints = _hints(kind)
    known = {f.name: f for f in fields(kind)}
    for name in data:
        if name not in known:
            raise ProjectError(f"{where}: there is no {name!r} here; known are {', '.join(known)}.")
    missing = [n for n, f in known.items() if n not in data and _default(f) is MISSING]
    if missing:
        raise ProjectError(f"{where}: {', '.join(missing)} is missing.")
    return kind(**{name: _read(hints[name], value, f"{where}.{name}") for name, value in data.items()})


@cache
def _hints(kind: Any) -> dict[str, Any]:
    """The fields' types; asking for them anew takes 80 % of the time of reading a small record."""
    return typing.get_type_hints(kind)


def _key(kind: Any, key: str, where: str) -> Any:
    try:
        return kind(key)
    except ValueError:
        raise ProjectError(f"{where}: {key!r} is not a {kind.__name__}.") from None


def _expect(fits: bool, where: str, what: str, data: Any) -> None:
    if not fits:
        raise ProjectError(f"{where}: expected {what}, found {data!r}.")


def _default(field: dataclasses.Field[Any]) -> Any:
    if field.default_factory is not MISSING:
        return field.default_factory()
    return field.default
