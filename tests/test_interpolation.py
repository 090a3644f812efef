"""In-between pictures: they show what moves where it is by then, also behind and in front of other things."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest
from media import picture

from lib_vidpaint.interpolation import Gap
from lib_vidpaint.model import Mask
from lib_vidpaint.pixels import pixel_format
from lib_vidpaint.planes import Planes

SIZE = (192, 128)
FORMATS = ["yuv420p", "yuv422p10le", "yuv444p", "gbrp", "gray"]


def texture(seed: int, size: tuple[int, int]) -> Any:
    noise = np.random.default_rng(seed).normal(0, 1, size[::-1]).astype(np.float32)
    fine, coarse = cv2.GaussianBlur(noise, (0, 0), 2), cv2.GaussianBlur(noise, (0, 0), 8)
    return np.clip(128 + 110 * fine / np.abs(fine).max() + 100 * coarse / np.abs(coarse).max(), 0, 255)


GROUND, CARD = texture(1, (320, 128)), texture(2, (48, 48))


def scene(time: float, card: bool = True) -> tuple[Any, Mask]:
    """A textured ground that moves 8 pixels to the left in a unit of time, and a card that moves 10 to the right."""
    there = np.array([[1.0, 0, -8 * time - 20], [0, 1, 0]])
    image = cv2.warpAffine(GROUND, there, SIZE, flags=cv2.INTER_CUBIC)
    mask = np.zeros(SIZE[::-1], np.float32)
    if card:
        place = np.array([[1.0, 0, 60 + 10 * time], [0, 1, 40]])
        mask = cv2.warpAffine(np.ones_like(CARD), place, SIZE)
        image = image * (1 - mask) + cv2.warpAffine(CARD, place, SIZE, flags=cv2.INTER_CUBIC) * mask
    return image, np.asarray(255 * (mask > 0.5), np.uint8)


def planes(image: Any, name: str = "yuv420p") -> Planes:
    """The grey image in any pixel format; chroma shows it too, smaller."""
    fmt = pixel_format(name)
    deep = np.clip(np.rint(image), 0, 255).astype(fmt.dtype) << (fmt.bits - 8)
    shapes = [fmt.shape(i, *SIZE)[::-1] for i in range(len(fmt.components))]
    return Planes(fmt, tuple(cv2.resize(deep, shape, interpolation=cv2.INTER_AREA) for shape in shapes))


def error(made: Planes, truth: Planes, where: Mask | None = None) -> float:
    """Mean difference in codes of 8 bits, of luma, inside a mask or away from the picture's border."""
    wrong = cv2.absdiff(made.arrays[0], truth.arrays[0]).astype(float) / (1 << (truth.format.bits - 8))
    if where is None:
        return float(wrong[16:-16, 16:-16].mean())
    return float(wrong[where > 0].mean())


@pytest.mark.parametrize("name", FORMATS)
def test_what_moves_is_where_it_is_by_then(name: str) -> None:
    before, after = planes(scene(0)[0], name), planes(scene(1)[0], name)
    for share in (0.25, 0.5, 0.75):
        truth, made = planes(scene(share)[0], name), Gap(before, after).at(share)
        assert [a.dtype for a in made.arrays] == [a.dtype for a in truth.arrays]
        faded = [cv2.addWeighted(a, 1 - share, b, share, 0) for a, b in zip(before.arrays, after.arrays)]
        assert error(made, truth) < 0.25 * error(Planes(truth.format, tuple(faded)), truth)


def test_what_is_covered_comes_from_the_picture_that_shows_it() -> None:
    one, other, (truth, card) = scene(0), scene(1), scene(0.5)
    pair = planes(one[0]), planes(other[0])
    wide, near = (np.asarray(cv2.dilate(card, np.ones(size, np.uint8)), np.uint8) for size in ((1, 41), (5, 5)))
    around = wide & ~near
    faded = Planes(pair[0].format, tuple(cv2.addWeighted(a, 0.5, b, 0.5, 0) for a, b in zip(*(p.arrays for p in pair))))
    assert error(Gap(*pair).at(0.5), planes(truth), around) < 0.5 * error(faded, planes(truth), around)
    assert error(Gap(*pair, (one[1], other[1])).at(0.5), planes(truth), around) < 4


def test_the_ends_and_a_still_are_the_pictures_themselves() -> None:
    one, other = planes(scene(0)[0]), planes(scene(1)[0])
    assert Gap(one, other).at(0) is one
    assert Gap(one, other).at(1) is other
    assert Gap(one, one.copy()).at(0.4) is one


def test_an_edit_is_moved_apart_from_the_rest() -> None:
    one, other = scene(0), scene(1)
    pair = planes(one[0]), planes(other[0])
    truth, card = scene(0.5)
    border = np.asarray(cv2.morphologyEx(card, cv2.MORPH_GRADIENT, np.ones((5, 5), np.uint8)), np.uint8)
    apart, together = Gap(*pair, (one[1], other[1])).at(0.5), Gap(*pair).at(0.5)
    assert error(apart, planes(truth), border) < 0.5 * error(together, planes(truth), border)


@pytest.mark.parametrize("region", ["all", "one", "none"])
def test_any_region_will_do(region: str) -> None:
    one, other = planes(scene(0)[0]), planes(scene(1)[0])
    masks = [np.full(SIZE[::-1], 255 * (region == "all"), np.uint8) for _ in range(2)]
    if region == "one":
        masks[1][3, 5] = 1
    made = Gap(one, other, (masks[0], masks[1])).at(0.5)
    assert error(made, planes(scene(0.5)[0])) < 3


@pytest.mark.parametrize("size", [(8, 8), (9, 11), (16, 4)], ids=str)
def test_tiny_pictures(size: tuple[int, int]) -> None:
    one, other = picture("yuv420p", size, 0), picture("yuv420p", size, 1)
    mask = np.zeros(size[::-1], np.uint8)
    mask[1, 1] = 255
    made = Gap(one, other, (mask, mask)).at(0.5)
    assert [a.shape for a in made.arrays] == [a.shape for a in one.arrays]
