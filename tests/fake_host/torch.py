"""The global generator, which the host's VAE encoder draws from and never seeds."""

from __future__ import annotations

import numpy as np

_generator = np.random.default_rng()


def manual_seed(seed: int) -> None:
    global _generator
    _generator = np.random.default_rng(seed)


def randint(low: int, high: int, shape: tuple[int, ...]) -> np.ndarray:
    return _generator.integers(low, high, shape)


def zeros(*shape: int) -> np.ndarray:
    return np.zeros(shape, np.float32)
