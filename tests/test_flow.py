from __future__ import annotations

import threading

import cv2
import numpy as np
import pytest

from lib_vidpaint import flow
from lib_vidpaint.model import Box


def noise(height: int, width: int, seed: int = 0) -> np.ndarray:
    picture = np.random.default_rng(seed).integers(0, 256, (height, width, 3)).astype(np.float32)
    picture = cv2.GaussianBlur(picture, (0, 0), 2)
    return np.clip((picture - picture.mean()) * 5 + 128, 0, 255).astype(np.uint8)


def shifted(picture: np.ndarray, x: float, y: float) -> np.ndarray:
    height, width = picture.shape[:2]
    return cv2.warpAffine(picture, np.float32([[1, 0, x], [0, 1, y]]), (width, height), borderMode=cv2.BORDER_REFLECT)


def test_flow_finds_a_shift() -> None:
    a = noise(90, 120)
    found = flow.dense_flow(a, shifted(a, 4, -2.5))[15:-15, 15:-15]
    assert np.abs(found - (4, -2.5)).mean() < 0.15


def test_flow_inside_masks_ignores_the_background() -> None:
    back, face = noise(90, 120, 1), noise(90, 120, 2)
    mask = cv2.circle(np.zeros((90, 120), np.uint8), (60, 45), 26, 255, -1)
    later = shifted(mask, 6, 3)
    a = np.where(mask[..., None] > 0, face, back)
    b = np.where(later[..., None] > 127, shifted(face, 6, 3), shifted(back, -5, 0))
    found = flow.dense_flow(a, b, mask, later)
    assert np.abs(found[mask > 0] - (6, 3)).mean() < 0.7


def test_a_plain_call_does_not_remember_a_guided_one() -> None:
    a, b, c = noise(64, 64, 1), noise(64, 64, 2), noise(64, 64, 3)
    before = flow.dense_flow(a, b)
    flow.dense_flow(a, c, initial=np.full((64, 64, 2), 20, np.float32))
    assert np.array_equal(flow.dense_flow(a, b), before)


def test_threads_do_not_disturb_each_other() -> None:
    pairs = [(noise(72, 72, i), noise(72, 72, i + 9)) for i in range(4)]
    alone = [flow.dense_flow(a, b) for a, b in pairs]
    together: dict[int, np.ndarray] = {}

    def work(i: int) -> None:
        for _ in range(3):
            together[i] = flow.dense_flow(*pairs[i])

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(np.array_equal(together[i], alone[i]) for i in range(4))


@pytest.mark.parametrize("size", [(8, 8), (8, 70), (33, 9), (31, 31)], ids=str)
def test_small_pictures(size: tuple[int, int]) -> None:
    found = flow.dense_flow(noise(*size, 1), noise(*size, 2), np.zeros(size, np.uint8), np.full(size, 255, np.uint8))
    assert found.shape == (*size, 2)
    assert np.isfinite(found).all()


def test_warp_undoes_a_shift() -> None:
    a = noise(60, 60).astype(np.float32)
    back = np.zeros((60, 60, 2), np.float32) + np.float32((5, 2))
    assert np.allclose(flow.warp(shifted(a, 5, 2), back)[:50, :50], a[:50, :50], atol=1e-2)


def test_confidence_falls_where_flows_disagree_and_off_the_picture() -> None:
    there = np.zeros((40, 40, 2), np.float32) + np.float32((3, 0))
    sure = flow.confidence(there, -there)
    assert np.allclose(sure[:, :36], 1)
    assert (sure[:, 37:] == 0).all()
    assert flow.confidence(there, there).max() < 0.01
    assert np.allclose(flow.confidence(there, -there, np.full((40, 40), 25, np.float32))[:, :36], np.exp(-1))


def test_a_chain_follows_a_long_way_and_back() -> None:
    a = noise(80, 160)
    row = [(i, flow.flow_input(shifted(a, 5 * i, 0))) for i in range(9)]
    follow = flow.Chain()
    far = list(follow(row[0], row[1:]))
    there, back = far[-1]
    assert np.abs(there[20:-20, 60:-20] - (-40, 0)).mean() < 0.5
    assert np.abs(back[20:-20, 20:-60] - (40, 0)).mean() < 0.5
    again = list(follow(row[8], row[7::-1]))[-1][0]
    assert np.abs(again[20:-20, 20:-60] - (40, 0)).mean() < 0.5


@pytest.mark.parametrize("size", [(80, 160), (250, 400)], ids=["small regions are enlarged", "large ones are not"])
def test_a_chain_looks_where_its_boxes_are(size: tuple[int, int]) -> None:
    a, b = noise(*size), noise(*size, seed=1)
    region = Box(20, 20, size[1] // 2, size[0] // 2)

    def shown(i: int) -> np.ndarray:
        picture = shifted(b, -7 * i, 0)
        picture[region.slices] = shifted(a, 3 * i, 0)[region.slices]
        return flow.flow_input(picture)

    boxes = dict.fromkeys(range(5), region)
    row = [(i, shown(i)) for i in range(5)]
    there, back = list(flow.Chain(boxes)(row[0], row[1:]))[-1]
    inner = region.slices[0], slice(region.x + 16, region.right - 16)
    assert there.shape == back.shape == (*size, 2)
    assert np.abs(there[inner] - (-12, 0)).mean() < 0.5
    assert np.abs(back[inner] - (12, 0)).mean() < 0.5
    assert (there[:, -1] == there[:, region.right + flow.ROOM]).all()
