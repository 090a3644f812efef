"""How long work reports itself and how it is stopped. The base class says nothing and never stops."""

from __future__ import annotations

import threading

from .errors import Cancelled


class Progress:
    """Call `step` after every item: it shows where the work is and raises Cancelled once `cancel` was called."""

    def __init__(self) -> None:
        self._cancelled = threading.Event()

    def cancel(self) -> None:
        """Ask the work to stop at its next step; may be called from any thread or signal handler."""
        self._cancelled.set()

    def check(self) -> None:
        """Raises Cancelled when somebody asked for it."""
        if self._cancelled.is_set():
            raise Cancelled

    def step(self, text: str, done: int, total: int) -> None:
        """`done` of `total` items of the task `text` are finished."""
        self.check()
        self.show(text, done, total)

    def show(self, text: str, done: int, total: int) -> None:
        """What a display overrides."""

    def note(self, text: str) -> None:
        """One sentence a person should see, such as a warning."""
