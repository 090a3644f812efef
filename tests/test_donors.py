"""Which other frames show what a region hides, and how they are brought before the keyframe."""

from __future__ import annotations

import numpy as np
import pytest
from scenes import Shot, psnr, shot

from lib_vidpaint.donors import MOST, STRIDE, lenders, lent, reach, scaled
from lib_vidpaint.model import Box, Group

WHOLE = Box(0, 0, 160, 120)


def plan(made: Shot, keys: list[int], shots: list[int] | None = None, stop: int = 0):
    edges = [*keys, stop or len(made.frames)]
    shots = shots or [0] * len(keys)
    groups = [Group(key, key, end, number) for key, end, number in zip(keys, edges[1:], shots)]
    return list(lenders(zip(made.frames, made.masks), groups))


@pytest.mark.parametrize(
    "made",
    [shot(pan=(0, 0), disc=(30, 55, 6, 0)), shot(pan=(4, 0.5)), shot(zoom=0.012, disc=(60, 55, 4, 0))],
    ids=["still camera, moving disc", "pan", "zoom"],
)
def test_a_donor_brought_before_the_keyframe_shows_its_background(made: Shot) -> None:
    found = plan(made, [8])[0]
    assert found.seen > 0.95
    for donor in found.donors:
        way = np.array(donor.way).reshape(3, 3)
        picture, hidden = lent(made.frames[donor.index], made.masks[donor.index], WHOLE, way)
        shown = np.where(hidden == 0, made.masks[8], 0)
        assert shown.any()
        assert psnr(picture, made.truth[8], shown) > 24


def test_shown_spots_are_neither_hidden_nor_outside() -> None:
    made = shot(pan=(0, 0), disc=(60, 55, 1, 0), radius=18)
    way = np.eye(3)
    way[0, 2] = 100
    picture, hidden = lent(made.frames[0], made.masks[0], WHOLE, way)
    assert (hidden[:, 61:] == 255).all()
    assert (hidden[:, :60] == 0).all()
    assert np.array_equal(picture[:, :60], made.frames[0][:, 100:])


def test_a_part_of_the_donor_is_enough() -> None:
    made = shot(count=3, zoom=0.1)
    way = np.array([[1.1, 0.02, -9], [0.01, 1.08, 6], [0, 0, 1.0]])
    box = Box(40, 30, 60, 50)
    whole, hidden = lent(made.frames[2], made.masks[2], box, way)
    part = reach(box, way, WHOLE)
    here = np.array([[1, 0, -part.x], [0, 1, -part.y], [0, 0, 1.0]])
    cut, hidden_cut = lent(made.frames[2][part.slices], made.masks[2][part.slices], box, here @ way)
    assert part.width * part.height < 0.5 * 160 * 120
    assert np.abs(cut.astype(int) - whole)[4:-4, 4:-4].max() <= 2
    assert (hidden != hidden_cut).mean() < 0.01


def test_a_place_that_is_never_shown_has_no_donors() -> None:
    found = plan(shot(pan=(0, 0), disc=(60, 55, 0, 0)), [0, 8])
    assert [(one.donors, one.seen) for one in found] == [((), 0.0)] * 2


def test_a_shot_of_one_frame_has_no_donors() -> None:
    found = plan(shot(count=6), [0, 1], shots=[0, 1])
    assert found[0].donors == ()
    assert found[1].donors != ()


def test_donors_are_of_the_same_shot_and_of_the_common_rows() -> None:
    found = plan(shot(count=120, pan=(0.5, 0), disc=(60, 55, 0.5, 0), noise=0), [0, 30, 60, 90], [0, 0, 1, 1])
    assert len(found) == 4
    for one, (start, stop) in zip(found, [(0, 60), (0, 60), (60, 120), (60, 120)]):
        assert 0 < len(one.donors) <= MOST
        assert all(start <= donor.index < stop and donor.index % STRIDE == 0 for donor in one.donors)
        assert one.key not in {donor.index for donor in one.donors}


def test_a_flash_is_no_donor_while_others_show_the_same() -> None:
    made = shot(count=24, pan=(0, 0), disc=(30, 55, 4, 0))
    before = {donor.index for donor in plan(made, [8])[0].donors[:3]}
    flash = min(before)
    made.frames[flash] = np.clip(made.frames[flash].astype(int) + 120, 0, 255).astype(np.uint8)
    assert flash not in {donor.index for donor in plan(made, [8])[0].donors[:3]}


def test_an_empty_region_needs_no_donors() -> None:
    made = shot(count=6)
    made.masks[2][:] = 0
    assert plan(made, [2])[0].donors == ()


def test_a_matrix_found_on_small_pictures_fits_large_ones() -> None:
    way = np.array([[1, 0, 3], [0, 1, -2], [0, 0, 1.0]])
    assert np.allclose(scaled(way.ravel(), (160, 120), (640, 480)), [[1, 0, 12], [0, 1, -8], [0, 0, 1]])
    turn = np.array([[0, -1, 10], [1, 0, 5], [0, 0, 1.0]])
    corner = scaled(turn.ravel(), (160, 120), (320, 240)) @ (0.5, 0.5, 1)  # the middle of the four pixels of (0, 0)
    assert np.allclose(corner, [20.5, 10.5, 1])


def test_another_keyframe_leaves_the_donors_of_the_others() -> None:
    made = shot(pan=(4, 0.5))
    before = {found.key: found for found in plan(made, [0, 12])}
    after = {found.key: found for found in plan(made, [0, 3, 12])}
    assert {key: after[key] for key in before} == before
