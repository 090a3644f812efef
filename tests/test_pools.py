"""What every pool promises."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from lib_vidpaint.pools import Here, Pool, Threads, ahead

POOLS = {"here": Here(), "one thread": Threads(1), "three threads": Threads(3)}
BOUND = 4


@pytest.fixture(params=POOLS)
def pool(request: pytest.FixtureRequest) -> Pool:
    return POOLS[request.param]


def slow_square(number: int) -> int:
    time.sleep(0.002 * (number % 3))
    return number * number


@pytest.mark.parametrize("count", [0, 1, 2, 20])
def test_results_come_in_order(pool: Pool, count: int) -> None:
    assert list(pool.map(slow_square, range(count))) == [n * n for n in range(count)]


def test_jobs_are_drawn_only_as_they_are_needed(pool: Pool) -> None:
    drawn = 0

    def jobs() -> Iterator[int]:
        nonlocal drawn
        while drawn < 100:
            drawn += 1
            yield drawn

    results = pool.map(slow_square, jobs())
    assert drawn == 0
    for taken, _ in enumerate(results, 1):
        assert drawn <= taken + BOUND
    assert drawn == 100


def test_jobs_are_drawn_in_the_callers_thread(pool: Pool) -> None:
    threads = []

    def jobs() -> Iterator[int]:
        for number in range(10):
            threads.append(threading.current_thread())
            yield number

    list(pool.map(slow_square, jobs()))
    assert set(threads) == {threading.current_thread()}


def test_the_first_exception_comes_through_and_the_rest_is_left(pool: Pool) -> None:
    begun = []

    def work(number: int) -> int:
        begun.append(number)
        if number == 3:
            raise ZeroDivisionError
        return number

    results = pool.map(work, range(100))
    found = []
    with pytest.raises(ZeroDivisionError):
        found.extend(results)
    assert found == [0, 1, 2]
    assert len(begun) <= 4 + BOUND


def test_an_exception_while_drawing_comes_through(pool: Pool) -> None:
    def jobs() -> Iterator[int]:
        yield 1
        raise FileNotFoundError

    with pytest.raises(FileNotFoundError):
        list(pool.map(slow_square, jobs()))


def test_nothing_runs_after_it_was_closed(pool: Pool) -> None:
    begun = []

    def work(number: int) -> int:
        begun.append(number)
        time.sleep(0.01)
        return number

    results = pool.map(work, range(100))
    next(results)
    results.close()
    count = len(begun)
    time.sleep(0.05)
    assert len(begun) == count <= 1 + BOUND


def test_what_is_read_ahead_comes_in_order_and_not_far_ahead() -> None:
    read = []

    def items() -> Iterator[int]:
        for number in range(50):
            read.append(number)
            yield number

    found = []
    for item in ahead(items(), 3):
        found.append(item)
        assert len(read) <= len(found) + 3
    assert found == list(range(50))


def test_reading_ahead_goes_on_while_an_item_is_used() -> None:
    reached = threading.Event()

    def items() -> Iterator[int]:
        yield 0
        reached.set()
        yield 1

    reading = ahead(items())
    assert next(reading) == 0
    assert reached.wait(5)


def test_an_error_while_reading_ahead_comes_after_what_was_read() -> None:
    def items() -> Iterator[int]:
        yield from (1, 2)
        raise ValueError("torn")

    reading = ahead(items())
    assert [next(reading), next(reading)] == [1, 2]
    with pytest.raises(ValueError, match="torn"):
        next(reading)


def test_closing_ends_the_thread_that_reads_ahead() -> None:
    before = threading.active_count()
    reading = ahead(iter(range(1000)))
    next(reading)
    assert threading.active_count() == before + 1
    reading.close()
    assert threading.active_count() == before


@pytest.mark.parametrize("batch", [1, 3, 8])
def test_batches_read_ahead_are_the_same_items(batch: int) -> None:
    drawn: list[int] = []
    items = ahead((drawn.append(n) or n for n in range(20)), 2, batch)
    assert next(items) == 0
    assert [0, *items] == list(range(20))
    assert drawn == list(range(20))
    assert list(ahead(iter(()), 2, batch)) == []
