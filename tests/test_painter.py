"""The benchmark's simulated painter, and that the ranking does on it what it promises."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("skimage")
from benchmarks import painting

CASE = next(iter(painting.clips(None)))


def test_every_fourth_sample_is_broken_and_all_repeat() -> None:
    one, two = (painting.painted(CASE, painting.Painter(), 8, 10, 5, uncast=False) for _ in range(2))
    assert [sum(key.broken) for key in one] == [2] * len(one)
    assert all(np.array_equal(a, b) for a, b in zip(one[0].candidates, two[0].candidates))


def test_the_sequence_is_unbroken_and_better_than_chance() -> None:
    squared: dict[str, list[float]] = {}
    for seed in (4, 5, 6):
        keys = painting.painted(CASE, painting.Painter(), 8, 5, seed, uncast=True)
        picked = painting.chosen(keys, np.random.default_rng(seed))
        assert not any(key.broken[at] for key, at in zip(keys, picked["sequence"]))
        for way, picks in picked.items():
            squared.setdefault(way, []).extend(key.squared(key.candidates[at]) for key, at in zip(keys, picks))
    found = {way: painting.psnr(errors) for way, errors in squared.items()}
    assert found["sequence"] > found["random unbroken"] + 1.5
    assert found["best there is"] >= found["sequence"] > found["least seam"]
