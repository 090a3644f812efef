"""Aligning donors, choosing among them, and what is made up where none shows the place."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from scenes import Shot, psnr, shot, world

from lib_vidpaint.alignment import UNKNOWN, agreeing, aligned
from lib_vidpaint.engines import InpaintJob
from lib_vidpaint.engines.builtin import Builtin
from lib_vidpaint.filling import Choices, Taste, montage, smooth_fill
from lib_vidpaint.model import Frame, Mask

KEY = 8
Donor = tuple[Frame, Mask]


def moved(picture: Frame, mask: Mask, matrix: np.ndarray) -> Donor:
    size = mask.shape[::-1]
    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    there = cv2.warpAffine(picture, matrix[:2], size, flags=flags, borderMode=cv2.BORDER_REPLICATE)
    hidden = cv2.warpAffine(mask, matrix[:2], size, flags=flags, borderValue=255)
    return np.asarray(there, np.uint8), np.asarray(hidden, np.uint8)


def matrix(angle: float = 0, scale: float = 1, x: float = 0, y: float = 0) -> np.ndarray:
    turn = cv2.getRotationMatrix2D((80, 60), angle, scale)
    turn[:, 2] += x, y
    return turn


@pytest.fixture(scope="module")
def still() -> Shot:
    """A still camera, and a disc that moves away."""
    return shot(pan=(0, 0), disc=(30, 55, 6, 0))


def others(made: Shot, *indices: int) -> tuple[Donor, ...]:
    return tuple((made.frames[i], made.masks[i]) for i in indices)


def filled(made: Shot, donors: tuple[Donor, ...], *seeds: int) -> list[Frame]:
    job = InpaintJob(made.frames[KEY], made.masks[KEY], seeds or (1,), donors=donors)
    return [one.picture for one in Builtin().inpaint(job)]


@pytest.mark.parametrize(
    "way",
    [matrix(), matrix(x=5.4, y=-3.2), matrix(angle=3), matrix(scale=1.08), matrix(angle=-2, scale=0.95, x=4)],
    ids=["same", "shift", "turn", "zoom", "all"],
)
def test_a_donor_is_laid_over_the_crop(still: Shot, way: np.ndarray) -> None:
    donor = moved(still.truth[0], np.zeros_like(still.masks[0]), way)
    found = aligned(still.frames[KEY], still.masks[KEY], *donor)
    assert found is not None
    assert found.error < 3
    assert (found.seen[still.masks[KEY] > 0] > 0.99).all()
    assert psnr(found.picture, still.truth[KEY], still.masks[KEY]) > 30


def test_other_light_is_taken_off(still: Shot) -> None:
    across = np.linspace(-30, 20, 160)[None, :, None]
    lit = np.clip(still.truth[0] * 0.9 + across, 0, 255).astype(np.uint8)
    found = aligned(still.frames[KEY], still.masks[KEY], lit, np.zeros_like(still.masks[0]))
    assert found is not None
    assert psnr(found.picture, still.truth[KEY], still.masks[KEY]) > 28


def test_a_donor_of_something_else_does_not_fit(still: Shot) -> None:
    found = aligned(still.frames[KEY], still.masks[KEY], world(160, 120, seed=9), np.zeros_like(still.masks[0]))
    assert found is None or found.error > 8


def test_a_donor_that_shows_nothing_of_the_hole_is_none(still: Shot) -> None:
    assert aligned(still.frames[KEY], still.masks[KEY], still.frames[KEY], still.masks[KEY]) is None


def test_a_donor_without_common_ground_has_no_known_fit(still: Shot) -> None:
    found = aligned(still.frames[KEY], still.masks[KEY], still.truth[0], 255 - still.masks[KEY])
    assert found is not None
    assert found.error == UNKNOWN


def test_what_flat_surroundings_leave_open_other_donors_decide() -> None:
    behind, mask = np.full((120, 160, 3), 170, np.uint8), np.zeros((120, 160), np.uint8)
    mask[20:100, 30:130] = 255
    crop = np.where(mask[..., None] > 0, np.uint8(20), behind).astype(np.uint8)
    behind[40:80, 50:110] = world(60, 40)
    free, right = np.zeros_like(mask), np.zeros_like(mask)
    right[:, 95:] = 255
    donors = [(behind, right), (np.roll(behind, 4, axis=1), free)]
    laid = [found for donor in donors if (found := aligned(crop, mask, *donor))]
    again = agreeing(crop, mask, donors, laid)
    apart = [np.abs(a.picture - b.picture)[(mask > 0) & (right == 0)].mean() for a, b in (laid, again)]
    assert apart[0] > 5
    assert apart[1] < 0.4 * apart[0]


def test_the_hidden_background_comes_back(still: Shot) -> None:
    result = filled(still, others(still, 0, 2, 13, 15))[0]
    blind = filled(still, ())[0]
    inside = still.masks[KEY]
    assert psnr(result, still.truth[KEY], inside) > 36
    assert psnr(result, still.truth[KEY], inside) > psnr(blind, still.truth[KEY], inside) + 10
    assert np.array_equal(result[inside == 0], still.frames[KEY][inside == 0])


def test_one_wrong_donor_is_outvoted(still: Shot) -> None:
    picture, mask = still.truth[0].copy(), still.masks[0]
    cv2.rectangle(picture, (70, 45), (90, 65), (10, 240, 10), -1)
    good = others(still, 1, 2, 14, 15)
    result = filled(still, ((picture, np.zeros_like(mask)), *good))[0]
    assert psnr(result, still.truth[KEY], still.masks[KEY]) > 30


def test_a_flash_among_the_donors_does_no_harm(still: Shot) -> None:
    white = np.clip(still.frames[0].astype(int) + 150, 0, 255).astype(np.uint8)
    result = filled(still, ((white, still.masks[0]), *others(still, 1, 14, 15)))[0]
    assert psnr(result, still.truth[KEY], still.masks[KEY]) > 30


def test_what_no_donor_shows_is_made_up_smoothly(still: Shot) -> None:
    half = still.masks[KEY].copy()
    half[:, 78:] = 255
    result = filled(still, ((still.truth[0], half),))[0]
    assert np.array_equal(result, filled(still, ())[0])  # the half that it shows lies under its own mask
    half = np.where(np.arange(160) > 78, 255, 0)[None].repeat(120, 0).astype(np.uint8)
    result = filled(still, ((still.truth[0], half),))[0]
    left, right = still.masks[KEY].copy(), still.masks[KEY].copy()
    left[:, 76:], right[:, :79] = 0, 0
    assert psnr(result, still.truth[KEY], left) > 36
    assert np.abs(result[right > 0].astype(int) - still.truth[KEY][right > 0]).mean() < 40
    assert result[right > 0].std() > 0


def test_seeds_choose_differently_but_alike_in_what_all_donors_show(still: Shot) -> None:
    donors = others(still, 0, 1, 2, 3, 12, 13, 14, 15)
    pictures = filled(still, donors, 1, 2, 3, 4, 5, 6, 7, 8)
    assert len({picture.tobytes() for picture in pictures}) >= 4
    assert all(psnr(picture, still.truth[KEY], still.masks[KEY]) > 33 for picture in pictures)
    assert np.array_equal(filled(still, donors, 5)[0], pictures[4])


def test_neighbouring_keyframes_agree(still: Shot) -> None:
    results = []
    for key in (7, 8):
        donors = others(still, 0, 1, 14, 15)
        results.append(
            Builtin().inpaint(InpaintJob(still.frames[key], still.masks[key], (1,), donors=donors))[0].picture
        )
    both = cv2.bitwise_and(still.masks[7], still.masks[8])
    assert np.abs(results[0].astype(int) - results[1])[both > 0].mean() < 3


def test_batches_of_a_keyframe_are_compared_once(still: Shot, monkeypatch: pytest.MonkeyPatch) -> None:
    calls, engine, donors = [], Builtin(), others(still, 0, 15)
    monkeypatch.setattr("lib_vidpaint.engines.builtin.aligned", lambda *a: calls.append(1) or aligned(*a))
    for seeds, crop in (((1, 2), KEY), ((3, 4), KEY), ((1,), KEY - 1)):
        engine.inpaint(InpaintJob(still.frames[crop], still.masks[crop], seeds, donors=donors))
    assert len(calls) == 4


def test_what_nobody_shows_is_made_up(still: Shot) -> None:
    found = aligned(still.frames[KEY], still.masks[KEY], *others(still, 10)[0])
    assert found is not None
    choices = Choices(still.frames[KEY], still.masks[KEY], [found])
    assert set(np.unique(choices.labels(Taste((0,))))) == {0, 1}
    assert montage(choices, Taste((0,))).unseen.any()


@pytest.mark.parametrize("method", [cv2.INPAINT_TELEA, cv2.INPAINT_NS], ids=["Telea", "Navier-Stokes"])
def test_a_large_hole_continues_its_surroundings(method: int) -> None:
    ramp = np.tile(np.linspace(20, 220, 400, dtype=np.float32)[None, :, None], (300, 1, 3))
    hole = np.zeros((300, 400), bool)
    hole[60:240, 100:300] = True
    result = smooth_fill(np.where(hole[..., None], 0, ramp), hole, Taste((), method=method))
    assert np.abs(result - ramp)[hole].mean() < 25
    assert np.array_equal(result[~hole], ramp[~hole])


def test_made_up_places_have_the_grain_of_their_surroundings() -> None:
    rng = np.random.default_rng(3)
    noisy = np.clip(128 + rng.normal(0, 5, (90, 90, 1)).repeat(3, 2), 0, 255).astype(np.uint8)
    mask = np.zeros((90, 90), np.uint8)
    mask[25:65, 25:65] = 255
    result = Builtin().inpaint(InpaintJob(noisy, mask, (1,)))[0].picture
    assert 3 < result[30:60, 30:60].mean(axis=2).std() < 7
