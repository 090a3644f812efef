from __future__ import annotations

import itertools

import numpy as np
import pytest
from footages import footage, mask, moving, noisy, texture

from lib_vidpaint.errors import ProjectError
from lib_vidpaint.placement import budget, placements
from lib_vidpaint.prediction import Prices, packed, prices, unpacked


def made_up(seed: int, rows: int = 9, reach: int = 6) -> Prices:
    rng = np.random.default_rng(seed)
    between = rng.random((rows, reach + 1)) * np.arange(reach + 1)
    between[:, :2] = 0
    head, tail = rng.random(rows) * np.arange(rows), rng.random(rows) * np.arange(rows)[::-1]
    return Prices(np.arange(rows), np.ones(rows, np.int64), between, head, tail, np.zeros(rows))


def brute(found: Prices, count: int, longest: int, shortest: int) -> float:
    rows, reach = len(found.indices), found.between.shape[1] - 1
    best = float("inf")
    for keys in itertools.combinations(range(rows), count):
        gaps = [b - a for a, b in itertools.pairwise(keys)]
        fits = all(shortest <= gap <= min(longest, reach) for gap in gaps)
        if fits and keys[0] <= longest and rows - 1 - keys[-1] <= longest:
            inner = sum(found.between[a, b - a] for a, b in itertools.pairwise(keys))
            best = min(best, found.head[keys[0]] + inner + found.tail[keys[-1]])
    return best


@pytest.mark.parametrize(("longest", "shortest"), [(9, 1), (3, 1), (4, 2)], ids=str)
@pytest.mark.parametrize("seed", range(5))
def test_no_other_keyframes_of_that_number_are_better(seed: int, longest: int, shortest: int) -> None:
    found = made_up(seed)
    best = placements(found, longest, shortest)
    for count in range(1, 10):
        expected = brute(found, count, longest, shortest)
        assert best.losses[count] == pytest.approx(expected)
        if np.isfinite(expected):
            keys = best.rows(count)
            inner = sum(found.between[a, b - a] for a, b in itertools.pairwise(keys))
            assert found.head[keys[0]] + inner + found.tail[keys[-1]] == pytest.approx(expected)


def test_segments_share_the_keyframes_where_they_help_most() -> None:
    parts = [made_up(1), made_up(2)]
    found = budget(parts, 9)
    assert found.least == 2
    assert found.most == 18
    for count in range(2, 19):
        assert len(found.keys(count)) == count
    assert found.error(18) == pytest.approx(0, abs=1e-9)
    assert found.error(1) == found.error(2)
    assert found.error(100) == found.error(18)


def test_a_still_clip_is_one_change_and_costs_nothing() -> None:
    for frames in ([texture()] * 500, noisy(60, 6)):
        (found,) = footage(frames).prices
        assert list(found.indices) == [0]
        assert list(found.weights) == [len(frames)]
        assert budget([found], 10).keys(0) == [(len(frames) - 1) // 2]
        assert budget([found], 10).error(1) == 0


def test_what_moves_evenly_is_followed_and_what_changes_is_lost() -> None:
    (even,) = footage(moving(20, 1)).prices
    (other,) = footage([texture(n) for n in range(20)]).prices
    assert even.fresh.max() < 0.1
    assert other.fresh[1:].min() > 0.8
    assert budget([even], 20).error(2) < 12 < 60 < budget([other], 20).error(2)


@pytest.mark.parametrize("length", [4, 5, 7, 11])
def test_prices_do_not_depend_on_where_a_segment_begins(length: int) -> None:
    frames = [(n, frame, mask()) for n, frame in enumerate(moving(13, 3))]
    whole, part = prices(iter(frames), 80, reach=4), prices(iter(frames[-length:]), 80, reach=4)
    contrast = part.tail[-2] / whole.tail[-2]  # of the whole's frames over the part's
    assert contrast == pytest.approx(1, abs=0.05)
    assert np.allclose(part.between, contrast * whole.between[-length:], atol=1e-5)
    assert np.allclose(part.tail, contrast * whole.tail[-length:], atol=1e-5)


def test_what_is_lost_counts_by_what_there_is_to_see() -> None:
    frames = [texture(n) for n in range(20)]
    faint = [np.asarray(128 + (frame - 128.0) / 4, np.uint8) for frame in frames[10:]]
    (found,) = footage(frames[:10] + faint).prices
    strong, weak = found.between[4, 5], found.between[14, 5]
    assert weak < 0.75 * strong
    assert found.head[0] == found.tail[-1] == 0


def test_prices_are_kept_in_a_file() -> None:
    found = footage(moving(12), (0, 5)).prices
    again = unpacked(packed(found))
    assert [(p.start, p.stop) for p in again] == [(0, 5), (5, 12)]
    assert all(np.array_equal(a.between, b.between) for a, b in zip(found, again))
    assert unpacked(packed([])) == ()
    for content in (b"", b"PK\x03\x04nothing", packed(found)[:-60]):
        with pytest.raises(ProjectError, match=r"prices\.npz is damaged"):
            unpacked(content)


@pytest.mark.parametrize("size", [(1, 1), (2, 300), (9, 9), (16, 16), (300, 16)], ids=str)
def test_small_pictures_have_prices(size: tuple[int, int]) -> None:
    rng = np.random.default_rng(0)
    frames = [(n, rng.integers(0, 256, (*size, 3), dtype=np.uint8), np.full(size, 255, np.uint8)) for n in range(4)]
    found = prices(iter(frames), max(size))
    assert len(found.indices) == 4
    assert np.isfinite(found.between).all()
