"""Pictures that take a while, made beside the page: of each project only the newest that was asked for."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from concurrent import futures
from threading import Lock
from typing import Any


class Previews:
    """One worker for the whole page, so that looking never takes more than one core from the work itself."""

    def __init__(self) -> None:
        self._pool = futures.ThreadPoolExecutor(1, "vidpaint preview")
        self._newest: dict[str, tuple[Hashable, futures.Future[Any]]] = {}
        self._lock = Lock()

    def ready(self, place: str, key: Hashable) -> Any | None:
        """What was made under this key, None when it is not there (yet). Raises what making it raised."""
        known, future = self._newest.get(place, (None, None))
        return future.result() if future and known == key and future.done() else None

    def ask(self, place: str, key: Hashable, make: Callable[[], Any], seconds: float) -> Any | None:
        """Have it made, and wait at most so long; None when it is not there then."""
        with self._lock:
            known, future = self._newest.get(place, (None, None))
            if future is None or known != key:
                if future:
                    future.cancel()
                future = self._pool.submit(make)
                self._newest[place] = key, future
        try:
            return future.result(seconds)
        except (futures.TimeoutError, futures.CancelledError):
            return None
