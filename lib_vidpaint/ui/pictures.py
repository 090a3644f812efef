"""Pictures that a view of the page shows: made when they are first asked for, and no longer than a view may take."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from html import escape
from pathlib import Path

from .. import viewing
from ..errors import VidpaintError
from ..groups import candidate_file
from ..items import keyframe_file
from ..pictures import encode_jpeg
from .compat import url
from .workspaces import Workspace

LARGE, SMALL = 448, 160
SECONDS, THREADS = 0.2, 4
"""20 thumbnails and 8 candidates of 1080p are 1 s of work, and a view may take half of that. Decoding lets go of the GIL."""


@dataclass(frozen=True)
class Picture:
    """A file in served/ that shows another one, and how it is made."""

    name: str
    made_from: Path
    make: Callable[[], bytes]
    suffix: str = ".jpg"


class Pictures:
    """The pictures of one view. What is not made within `SECONDS` is `late`: the page asks for the view again a second later."""

    def __init__(self, space: Workspace) -> None:
        self.space, self.late = space, False
        self._end = time.monotonic() + SECONDS

    def keyframe(self, key: int) -> Picture:
        """A keyframe's thumbnail."""
        folder = self.space.work
        return Picture(
            f"key-{key:06d}", folder / keyframe_file(key),
            lambda: encode_jpeg(viewing.keyframe(folder, key, SMALL)),
        )  # fmt: skip

    def original(self, key: int, like: int | None) -> Picture:
        """The part of a keyframe that candidate `like` shows."""
        folder = self.space.work
        made_from = folder / (keyframe_file(key) if like is None else candidate_file(key, like))
        return Picture(f"crop-{key:06d}", made_from, lambda: encode_jpeg(viewing.original(folder, key, LARGE)))

    def candidate(self, key: int, number: int) -> Picture:
        folder = self.space.work
        return Picture(
            f"candidate-{key:06d}-{number:02d}", folder / candidate_file(key, number),
            lambda: encode_jpeg(viewing.candidate(folder, key, number, LARGE)),
        )  # fmt: skip

    def make(self, wanted: Iterable[Picture]) -> None:
        """Make those that are not there, side by side, for as long as there is time."""
        missing = [one for one in wanted if not self._there(one)]
        if missing:
            with ThreadPoolExecutor(THREADS) as pool:
                list(pool.map(self._make, missing))

    def address(self, one: Picture) -> str:
        """Where the browser finds it, '' while it is late or cannot be made."""
        if self._there(one):
            return url(self.space.made(one.name, one.made_from, one.suffix, one.make))
        self.late = self.late or time.monotonic() >= self._end
        return ""

    def image(self, one: Picture, text: str) -> str:
        """An `img`, or an empty place that keeps the layout."""
        address = self.address(one)
        return f'<img src="{escape(address)}" alt="{escape(text)}">' if address else '<i class="vidpaint-late"></i>'

    def _make(self, one: Picture) -> None:
        if time.monotonic() >= self._end:
            return
        try:
            self.space.made(one.name, one.made_from, one.suffix, one.make)
        except (OSError, VidpaintError):
            return  # it has an empty place; whoever works on the file says what is wrong with it

    def _there(self, one: Picture) -> bool:
        try:
            return self.space.drawn(one.name, one.made_from, one.suffix)
        except OSError:
            return False
