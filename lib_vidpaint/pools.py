"""Where items run. One method, `map(work, jobs)`: results in the order of the jobs, a bounded number under way."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import Generic, Protocol, TypeVar

J = TypeVar("J")
R = TypeVar("R")


class Pool(Protocol):
    def map(self, work: Callable[[J], R], jobs: Iterable[J]) -> Generator[R, None, None]:
        """`work(job)` for each job, in order. Jobs are drawn lazily; the first exception comes through.

        Closing what it gives ends the work: nothing runs any more afterwards.
        """
        ...


def ahead(items: Iterator[R], count: int = 4, batch: int = 1) -> Generator[R, None, None]:
    """The same items, at most `count` batches of them read before they are asked for, in a thread of their own.

    Things that take less than a millisecond go faster in larger batches: one by one, two threads spent as long on taking turns
    as on the work.
    """

    def read() -> list[R]:
        return list(islice(items, batch))

    with ThreadPoolExecutor(1, thread_name_prefix="vidpaint-ahead") as thread:
        waiting = deque(thread.submit(read) for _ in range(count))
        try:
            while found := waiting.popleft().result():
                waiting.append(thread.submit(read))
                yield from found
        finally:
            for future in waiting:
                future.cancel()


class Here:
    """One after the other, in the calling thread."""

    def map(self, work: Callable[[J], R], jobs: Iterable[J]) -> Generator[R, None, None]:
        return (work(job) for job in jobs)


class Threads:
    """`count` threads (default: one per core). OpenCV, numpy and PyAV release the interpreter lock while they work."""

    def __init__(self, count: int | None = None) -> None:
        self.count = count or os.cpu_count() or 1

    def map(self, work: Callable[[J], R], jobs: Iterable[J]) -> Generator[R, None, None]:
        with ThreadPoolExecutor(self.count, thread_name_prefix="vidpaint") as threads:
            under_way = deque()
            try:
                for job in jobs:
                    under_way.append(threads.submit(work, job))
                    if len(under_way) > self.count:
                        yield under_way.popleft().result()
                while under_way:
                    yield under_way.popleft().result()
            finally:
                for future in under_way:
                    future.cancel()


class InOrder(Generic[R]):
    """Work handed in piece by piece, done in `count` threads (default: one per core), its results given back in order."""

    def __init__(self, count: int | None = None) -> None:
        self._count = count or os.cpu_count() or 1
        self._threads = ThreadPoolExecutor(self._count, thread_name_prefix="vidpaint")
        self._under_way: deque[Future[R]] = deque()

    def add(self, work: Callable[[], R]) -> Iterator[R]:
        """Begins the work; gives what has to be done by now, so that only a few pieces are kept."""
        self._under_way.append(self._threads.submit(work))
        while len(self._under_way) > self._count:
            yield self._under_way.popleft().result()

    def rest(self) -> Iterator[R]:
        """All that is still under way."""
        while self._under_way:
            yield self._under_way.popleft().result()

    def close(self) -> None:
        """Ends the work; what has not begun is left."""
        self._threads.shutdown(cancel_futures=True)
