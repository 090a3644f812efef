"""Where masks come from: one file per way to find them, all behind `Segmenter`.

A segmenter sees one shot at a time (nothing is carried over a cut) as a `Shot`, and gives one soft mask per frame.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal, Protocol

from ..model import Box, Frame, Mask
from ..progress import Progress
from .prompts import Prompt

How = Literal["given", "person", "face", "track", "clothing", "rembg", "sam", "key"]


@dataclass(frozen=True)
class Options:
    """What a person chose, for all segmenters together; each reads what concerns it.

    which: 1 = the largest person or face of a shot, 2 = the next, 0 = all. part: how much around a face. clothing: which
    garment. model: a rembg session. checkpoint: a SAM checkpoint's path, '' = look for one. matting: refine hair.
    key, tolerance: a colour and how far from it. painted: a folder of exact masks of a few frames.
    """

    which: int = 1
    part: Literal["face", "face+neck", "head"] = "face"
    clothing: Literal["upper", "lower", "full"] = "upper"
    model: str = "u2net"
    checkpoint: str = ""
    matting: bool = False
    key: str = "#00ff00"
    tolerance: float = 20.0
    painted: str = ""


class Picture(Protocol):
    """One frame at full size, as it is shown."""

    def crop(self, box: Box) -> Frame:
        """The part inside `box` as RGB; cheap for a small box."""
        ...


@dataclass(frozen=True)
class Shot:
    """The frames of one shot, 0 to `count` - 1, as they are shown; `start` is the first one's number in the video.

    small(start, stop): frames at most 480 pixels wide; full(start, stop): pictures of width x height. Both may be asked for
    again and again, from anywhere. prompts: of this shot, in pixels of width x height, rising by frame.
    """

    count: int
    width: int
    height: int
    fps: Fraction
    small: Callable[[int, int], Iterator[Frame]]
    full: Callable[[int, int], Iterator[Picture]]
    prompts: tuple[Prompt, ...] = ()
    start: int = 0

    @property
    def whole(self) -> Box:
        return Box(0, 0, self.width, self.height)


class Segmenter(Protocol):
    """Finds masks. `seconds`: what a 720p frame takes here, for estimates. `uses`: the options that its masks depend on.
    `files`: by option, the user's files that they depend on."""

    seconds: float
    uses: tuple[str, ...]
    files: dict[str, str]

    def masks(self, shot: Shot) -> Iterator[Mask]:
        """One mask per frame of the shot, in order: uint8 (height, width), 255 = it, soft at its edge; all 0 where it is
        not seen. The same shot gives the same masks. Raises MaskError."""
        ...


def open_segmenter(how: How, options: Options, progress: Progress | None = None) -> Segmenter:
    """The segmenter of that name; a model that has to be downloaded is reported to `progress`, which may stop it.

    Raises MaskError when a package or model it needs is missing.
    """
    module = importlib.import_module(f".{how}", __package__)
    return module.open_it(options, progress or Progress())
