from __future__ import annotations

import itertools

import numpy as np
import pytest
from footages import Clip, footage, mask, moving, noisy, texture

from lib_vidpaint.footage import Picked
from lib_vidpaint.lastkey import Measure, seed, ssim, structure_lost
from lib_vidpaint.model import Frame


def picked(
    frames: list[Frame] | Clip,
    starts: tuple[int, ...] = (0,),
    movement: float = 0.5,
    convergence: float = 0.5,
    longest: int = 10,
    shortest: int = 1,
) -> Picked:
    return seed(footage(frames, starts, priced=False), movement, convergence, longest, shortest)


@pytest.mark.parametrize("movement", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("frames", [[texture()] * 40, noisy(40, 4)], ids=["still", "still with noise"])
def test_a_still_clip_has_one_keyframe_per_shot(frames: list[Frame], movement: float) -> None:
    assert picked(frames, (0, 25), movement).reasons == {0: "first", 25: "first"}
    assert ssim(footage(frames, (0, 25), priced=False), movement, 10, 1).reasons == {0: "first", 25: "first"}


def test_longest_ends_groups_where_something_changes() -> None:
    restless = [np.clip(texture() * 0.6 + texture(n + 1) * 0.2, 0, 255).astype(np.uint8) for n in range(45)]
    found = picked(restless, movement=0, longest=7)
    assert list(found.reasons) == list(range(0, 45, 7))
    assert set(found.reasons.values()) == {"first", "longest"}


@pytest.mark.parametrize("length", range(30, 42))
def test_no_group_of_a_moving_clip_is_longer_than_longest(length: int) -> None:
    found = [*picked(moving(length), (0, 13), longest=6).reasons, length]
    assert max(b - a for a, b in itertools.pairwise(found)) <= 6


def test_a_group_longer_than_longest_ends_at_the_first_change() -> None:
    assert list(picked([texture()] * 25 + moving(8, 4)[1:], movement=0, longest=10).reasons)[:2] == [0, 25]


def test_no_group_is_shorter_than_shortest() -> None:
    restless = [texture(n // 2) for n in range(40)]
    assert len(picked(restless, movement=1).reasons) == 20
    found = [*picked(restless, (0, 22), movement=1, shortest=5).reasons]
    assert found == [0, 5, 10, 15, 20, 22, 27, 32, 37]


def test_more_movement_makes_more_keyframes() -> None:
    rng = np.random.default_rng(0)
    clip = [np.roll(texture(), int(x), 1) for x in np.cumsum(rng.integers(0, 5, 40))]
    for rule in (seed_count, ssim_count):
        counts = [rule(clip, movement) for movement in (0, 0.5, 0.8, 1)]
        assert counts == sorted(counts)
        assert counts[0] < counts[-1]


def seed_count(clip: list[Frame], movement: float) -> int:
    return len(picked(clip, movement=movement).reasons)


def ssim_count(clip: list[Frame], movement: float) -> int:
    return len(ssim(footage(clip, priced=False), movement, 10, 1).reasons)


def test_a_change_of_colour_alone_is_named_and_can_be_left_out() -> None:
    clip = [texture()] * 12 + [(texture() // 2).astype(np.uint8)] * 12
    assert picked(clip).reasons == {0: "first", 12: "colour"}
    assert list(picked(clip, convergence=0, longest=100).reasons) == [0]


def test_motion_alone_is_named_and_can_be_left_out() -> None:
    clip = [texture()] * 5 + moving(12, 2)
    assert set(picked(clip, movement=0.9, convergence=0, longest=100).reasons.values()) == {"first", "motion"}
    assert "motion" not in picked(clip, movement=0.9, convergence=1, longest=100).reasons.values()


def test_a_flash_frame_is_a_keyframe_and_so_is_what_follows() -> None:
    clip = [texture()] * 10 + [np.full_like(texture(), 255)] + [texture()] * 10
    assert picked(clip, movement=1, longest=100).reasons == {0: "first", 10: "colour", 11: "colour"}


def test_frames_without_region_end_a_segment_and_have_no_differences() -> None:
    shown = [n not in (0, 1, 10, 11, 12, 29) for n in range(30)]
    found = picked(Clip(moving(30), [mask(on) for on in shown]), (0, 20))
    assert [index for index, reason in found.reasons.items() if reason == "first"] == [2, 13, 20]
    assert all(found.columns[name][n] == 0 for name in ("colour", "motion_step") for n in (0, 1, 10, 11, 12, 29))


def test_an_empty_clip_has_no_keyframes() -> None:
    assert picked([], ()).reasons == {}


def test_limits_follow_the_clip_and_its_settings() -> None:
    def limit(step: float, weight: float, movement: float) -> float:
        return Measure("colour", lambda a, b: 0.0, 2.5, weight).limit(step, movement, 10)

    assert limit(10, 1, 1) == 10
    assert limit(10, 1, 0) == pytest.approx(50.1, abs=0.1)
    assert limit(10, 0.5, 1) == 5
    assert limit(10, float("inf"), 1) == float("inf")
    assert limit(0, 1, 1) == 2.5


def test_structure_is_what_ssim_says_inside_the_mask() -> None:
    frame, inside = texture(), mask()
    outside = np.where(mask()[..., None] > 0, frame, 255 - frame).astype(np.uint8)
    assert structure_lost((frame, inside), (frame, inside)) == pytest.approx(0, abs=1e-6)
    assert structure_lost((frame, inside), (outside, inside)) < 20
    assert structure_lost((frame, inside), ((frame // 2 + 60).astype(np.uint8), inside)) < 40
    assert structure_lost((frame, inside), (texture(1), inside)) > 40
    assert structure_lost((frame, mask(False)), (texture(1), inside)) == 0
