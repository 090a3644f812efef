"""Soft edges that flicker become steadier and do not lag; hard ones stay to the sample."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from lib_vidpaint import session
from lib_vidpaint.model import Frame, Mask
from lib_vidpaint.steadying import soft_zone, steadied

COUNT, AT, STEP = 7, 3, 4


def clip(blur: float) -> tuple[list[Frame], list[Mask]]:
    """A textured disc that moves over textured ground, and its masks with edges as wide as `blur` makes them."""
    rng = np.random.default_rng(4)
    ground, cloth = (cv2.GaussianBlur(rng.normal(0, 1, (96, 200, 3)), (0, 0), 2) * 300 + 120 for _ in range(2))
    frames, masks = [], []
    for index in range(COUNT):
        mask = cv2.circle(np.zeros((96, 160), np.uint8), (50 + STEP * index, 48), 26, (255,), -1)
        mask = np.asarray(cv2.GaussianBlur(mask, (0, 0), blur), np.uint8) if blur else mask
        soft = mask[..., None] / 255
        frame = ground[:, :160] * (1 - soft) + np.roll(cloth, STEP * index, axis=1)[:, :160] * soft
        frames.append(np.clip(frame, 0, 255).astype(np.uint8))
        masks.append(mask)
    return frames, masks


def flickering(masks: list[Mask]) -> list[Mask]:
    rng = np.random.default_rng(9)
    noises = (cv2.GaussianBlur(rng.normal(0, 1, mask.shape), (0, 0), 5) for mask in masks)
    soft = (
        (mask, noise / noise.std() * 160 * (mask / 255.0) * (1 - mask / 255.0)) for mask, noise in zip(masks, noises)
    )
    return [np.clip(mask + noise, 0, 255).astype(np.uint8) for mask, noise in soft]


def error(mask: Mask, true: Mask) -> float:
    near = (true > 8) & (true < 247)
    return float(np.abs(mask.astype(float) - true)[near].mean())


def centre(mask: Mask) -> float:
    return float((mask.sum(axis=0) @ np.arange(mask.shape[1])) / mask.sum())


@pytest.mark.parametrize("scale", [1, 2], ids=["frames of the masks' size", "smaller frames"])
def test_a_flickering_edge_comes_nearer_to_what_it_was_and_does_not_lag(scale: int) -> None:
    frames, true = clip(blur=6)
    small = [np.asarray(cv2.resize(frame, (160 // scale, 96 // scale)), np.uint8) for frame in frames]
    noisy = flickering(true)
    found = steadied(noisy[AT - 2 : AT + 3], small[AT - 2 : AT + 3], 2)
    assert error(found, true[AT]) < 0.85 * error(noisy[AT], true[AT])
    back = steadied(noisy[AT - 2 : AT + 3][::-1], small[AT - 2 : AT + 3][::-1], 2)
    assert np.abs(found.astype(int) - back).max() <= 1, "time may run either way"
    steady = steadied(true[AT - 2 : AT + 3], small[AT - 2 : AT + 3], 2)
    assert abs(centre(steady) - centre(true[AT])) < 0.2


def test_hard_edges_stay_to_the_sample() -> None:
    frames, masks = clip(blur=0)
    masks[AT - 1] = np.zeros_like(masks[0])
    assert np.array_equal(steadied(masks, frames, AT), masks[AT])
    edged = clip(blur=1)[1]
    assert np.array_equal(steadied(edged, frames, AT), edged[AT]), "an edge smoothed over two pixels is hard too"


def test_beside_a_hard_edge_nothing_is_mixed() -> None:
    mask = np.zeros((60, 120), np.uint8)
    mask[:, :40] = 255
    mask[:, 70:] = np.linspace(0, 255, 50).astype(np.uint8)
    zone = soft_zone(mask)
    assert not zone[:, 30:50].any()
    assert zone[:, 80:110].all()


def test_what_has_come_or_gone_is_not_mixed_in() -> None:
    frames, masks = clip(blur=6)
    alone = [np.zeros_like(masks[0])] * 2 + [masks[AT]] + [np.zeros_like(masks[0])] * 2
    solid = masks[AT] > 240
    assert steadied(alone, frames[:5], 2)[solid].min() > 225


def test_one_mask_alone_is_as_it_was() -> None:
    frames, masks = clip(blur=6)
    assert np.array_equal(steadied(masks[:1], frames[:1], 0), masks[0])


def alpha(folder: Path) -> Mask:
    return np.asarray(cv2.imread(str(folder / f"p/alpha/{AT:06d}.png"), cv2.IMREAD_GRAYSCALE), np.uint8)


def test_a_project_is_steadied_within_its_shots_and_only_where_asked(tmp_path: Path) -> None:
    frames, true = clip(blur=6)
    noisy = flickering(true)
    for index, (frame, mask) in enumerate(zip(frames, noisy)):
        for name, picture in (("video", frame[..., ::-1]), ("mask", mask)):
            (tmp_path / name).mkdir(exist_ok=True)
            cv2.imwrite(str(tmp_path / name / f"{index:04d}.png"), picture)
    values = {"source.path": str(tmp_path / "video"), "mask.path": str(tmp_path / "mask"), "mask.floor": 1}
    made = {}
    for steady in (0, 2, 0):
        session.run(tmp_path / "p", {**values, "mask.steady": steady}, until="mask")
        made[steady] = alpha(tmp_path)
        if not steady:
            assert np.array_equal(made[0], noisy[AT])
    assert error(made[2], true[AT]) < error(noisy[AT], true[AT])
    changed = cv2.circle(noisy[AT + 2].copy(), (80, 48), 12, (90,), -1)
    cv2.imwrite(str(tmp_path / "mask" / f"{AT + 2:04d}.png"), changed)
    session.run(tmp_path / "p", {**values, "mask.steady": 2}, until="mask")
    assert not np.array_equal(alpha(tmp_path), made[2])
