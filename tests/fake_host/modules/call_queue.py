"""The lock of all GPU work. It is not re-entrant: the real one would hang for ever where this one raises."""

from __future__ import annotations

import threading


class FIFOLock:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.owner: int | None = None
        self.turns = 0

    def acquire(self, blocking: bool = True) -> bool:
        assert self.owner != threading.get_ident(), "the real host would wait here for ever"
        taken = self._lock.acquire(blocking)
        if taken:
            self.owner, self.turns = threading.get_ident(), self.turns + 1
        return taken

    def release(self) -> None:
        self.owner = None
        self._lock.release()

    __enter__ = acquire

    def __exit__(self, t: object, v: object, tb: object) -> None:
        self.release()


queue_lock = FIFOLock()
