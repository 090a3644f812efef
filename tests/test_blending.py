from __future__ import annotations

import numpy as np
import pytest

from lib_vidpaint.blending import blended, blurred, feather, masked_mean


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


@pytest.mark.parametrize("thickness", [3, 6, 10])
def test_thin_parts_keep_most_of_the_edit(thickness: int) -> None:
    region = np.zeros((60, 80), np.uint8)
    region[10 : 10 + thickness] = 255
    region[30:55, 20:60] = 255
    strength = feather(region, 8)
    assert strength[10 + thickness // 2].min() > 0.7
    assert strength[10].max() < 0.3
    assert strength[30, 20:60].max() < 0.05


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


# Backdrop, layer and result on 0..255, worked out by hand from the W3C's formulas.
BLENDS = {
    "normal": (200, 60, 60),
    "multiply": (102, 128, 51.2),
    "screen": (102, 128, 178.8),
    "overlay, dark": (102, 128, 102.4),
    "overlay, light": (204, 102, 193.8),
    "soft light, darker": (102, 51, 65.28),
    "soft light, lighter": (204, 204, 218.45),
    "soft light, lighter, dark": (51, 204, 88.94),
    "darken": (102, 128, 102),
    "lighten": (102, 128, 128),
}


@pytest.mark.parametrize(("how", "values"), BLENDS.items(), ids=list(BLENDS))
def test_blend_modes(how: str, values: tuple[float, float, float]) -> None:
    below, above, wanted = (np.full((2, 3, 3), value, np.float32) for value in values)
    assert np.abs(blended(below, above, how.split(",")[0]) - wanted).max() < 0.15


def test_colour_takes_hue_and_saturation_and_leaves_the_light() -> None:
    rng = np.random.default_rng(1)
    below, above = (rng.integers(0, 256, (40, 40, 3)).astype(np.uint8) for _ in range(2))
    mixed = blended(below, above, "colour")
    light = np.float32((0.3, 0.59, 0.11))
    assert np.abs(mixed @ light - below @ light).max() < 0.01
    assert mixed.min() > -0.01
    assert mixed.max() < 255.01
    red = blended(np.full((1, 1, 3), 100, np.uint8), np.uint8([[[150, 100, 100]]]), "colour")[0, 0]
    assert red == pytest.approx((135, 85, 85), abs=0.01)
    assert blended(below, np.full_like(below, 77), "colour") == pytest.approx(
        (below @ light)[..., None].repeat(3, 2), abs=0.01
    )


def test_no_layer_leaves_anything_but_plain_numbers() -> None:
    edge = np.array([[[0, 0, 0], [255, 255, 255], [255, 0, 0]]], np.uint8)
    for how in ("multiply", "screen", "overlay", "soft light", "colour", "darken", "lighten"):
        for below in (edge, edge[:, ::-1]):
            assert np.isfinite(blended(below, edge, how)).all()
