from __future__ import annotations

import numpy as np
import pytest

from lib_vidpaint.blending import blurred, feather, masked_mean


def disc(size: int = 64, radius: int = 20) -> np.ndarray:
    y, x = np.mgrid[:size, :size] - size // 2
    return np.where(x * x + y * y <= radius * radius, 255, 0).astype(np.uint8)


@pytest.mark.parametrize("pixels", [0, 0.5, 4, 11.5, 100], ids=lambda p: f"{p}px")
def test_feather_never_shows_outside(pixels: float) -> None:
    strength = feather(disc(), pixels)
    assert strength.dtype == np.float32
    assert not strength[disc() == 0].any()
    assert (strength[disc() > 0] > 0).all()
    assert strength.max() <= 1


def test_feather_is_full_deeper_than_its_width() -> None:
    strength = feather(disc(radius=20), 6)
    assert (strength[disc(radius=13) > 0] == 1).all()
    rising = strength[32, 12:32]
    assert (np.diff(rising) >= 0).all()
    assert rising[0] < 0.1


def test_feather_of_nothing_and_of_everything() -> None:
    assert not feather(np.zeros((8, 9), np.uint8), 4).any()
    assert (feather(np.full((8, 9), 255, np.uint8), 4) == 1).all()


def test_a_region_is_not_feathered_at_the_pictures_border() -> None:
    region = np.zeros((20, 40), np.uint8)
    region[:, :20] = 255
    strength = feather(region, 4)
    assert (strength[:, 0] == 1).all()
    assert (strength[:, 19] < 0.2).all()


@pytest.mark.parametrize("sigma", [0.5, 3, 12, 40])
def test_blurring_keeps_a_plain_picture(sigma: float) -> None:
    plain = np.full((37, 53), 80, np.float32)
    assert np.allclose(blurred(plain, sigma), plain, atol=1e-3)


def test_a_masked_mean_ignores_what_is_outside() -> None:
    inside = (disc() > 0).astype(np.float32)
    picture = np.where(inside[..., None] > 0, np.float32((10, 20, 30)), np.float32(255))
    for sigma in (1, 4, 15):
        mean = masked_mean(picture, inside, sigma)
        assert np.abs(mean[inside > 0] - (10, 20, 30)).max() < 0.1
