"""Progress on a terminal (tqdm, with the time left) or as plain lines in a file or pipe; Ctrl-C cancels cleanly."""

from __future__ import annotations

import signal
import sys
import time
from types import FrameType
from typing import Any

from .progress import Progress

LINE_EVERY = 5.0


class Terminal(Progress):
    """Shows one task at a time on stderr. As a context it turns the first Ctrl-C into a cancel at the next step."""

    def __init__(self) -> None:
        super().__init__()
        self._bar: Any = None
        self._text = ""
        self._said = 0.0
        self._notes: set[str] = set()
        self._before: Any = None

    def __enter__(self) -> Terminal:
        self._before = signal.signal(signal.SIGINT, self._interrupted)
        return self

    def __exit__(self, *_: object) -> None:
        self._close()
        signal.signal(signal.SIGINT, self._before)

    def show(self, text: str, done: int, total: int) -> None:
        if text != self._text:
            self._close()
            self._text, self._said = text, time.monotonic()
        if sys.stderr.isatty():
            self._draw(text, done, total)
        elif done == total or time.monotonic() - self._said > LINE_EVERY:
            self._said = time.monotonic()
            sys.stderr.write(f"{text}: {done}{f' of {total}' if total else ''}\n")

    def note(self, text: str) -> None:
        if text in self._notes:  # every round of repairs has the same to say
            return
        self._notes.add(text)
        self._close()
        sys.stderr.write(text + "\n")

    def _draw(self, text: str, done: int, total: int) -> None:
        from tqdm import tqdm

        if self._bar is None:
            self._bar = tqdm(total=total or None, desc=text, initial=done - 1, dynamic_ncols=True, unit="")
        self._bar.update(done - self._bar.n)

    def _close(self) -> None:
        if self._bar is not None:
            self._bar.close()
        self._bar, self._text = None, ""

    def _interrupted(self, number: int, frame: FrameType | None) -> None:
        self.cancel()
        self.note("Stopping after this step ... (Ctrl-C again to stop at once)")
        # Nothing half-written is ever used, so the second one may end the process without a word.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
