from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable, Sequence
from dataclasses import replace

import cv2
import numpy as np
import pytest

from lib_vidpaint.judging import Limits, judge, read_worst, report_csv
from lib_vidpaint.likeness import Unlike
from lib_vidpaint.measures import FrameMeasures, Validator, _followed
from lib_vidpaint.model import Frame, Mask, Verdict

SIZE = (120, 200)
LENGTH, GROUP = 25, 5
LOOSE = Limits(warp_ratio=2.56, sharpness=2.56)
Edit = Callable[[int, Frame], Frame]


def texture(softness: float, seed: int) -> Frame:
    noise = np.random.default_rng(seed).normal(size=(*SIZE, 3)).astype(np.float32)
    return cv2.normalize(cv2.GaussianBlur(noise, (0, 0), softness), None, 30, 210, cv2.NORM_MINMAX).astype(np.uint8)


def clip() -> tuple[list[Frame], list[Mask]]:
    """A disc with its own texture that crosses a background moving the other way, with some noise."""
    rng, subject, behind = np.random.default_rng(9), texture(1.5, 1), texture(4, 2)
    frames, masks = [], []
    for n in range(LENGTH):
        mask = cv2.circle(np.zeros(SIZE, np.uint8), (60 + 3 * n, 60), 36, 255, -1)
        frame = np.where(mask[..., None] > 0, np.roll(subject, 3 * n, 1), np.roll(behind, -n, 1))
        frames.append(np.clip(frame + rng.normal(0, 2, frame.shape), 0, 255).astype(np.uint8))
        masks.append(mask)
    return frames, masks


def measured(edit: Edit, length: int = LENGTH) -> dict[int, list[FrameMeasures]]:
    validator, made = Validator(), {}
    for n, (source, mask) in enumerate(zip(*clip())):
        if n < length:
            result = np.where(mask[..., None] > 0, edit(n, source), source)
            made.setdefault(n // GROUP * GROUP, []).append(validator.add(n, source, result, mask))
    return made


def in_group(key: int | None, edit: Edit) -> Edit:
    return lambda n, frame: edit(n, frame) if key is None or key <= n < key + GROUP else frame


def flicker(n: int, frame: Frame) -> Frame:
    blobs = np.random.default_rng(n).normal(0, 30, (6, 8, 3)).astype(np.float32)
    blobs = cv2.resize(blobs, SIZE[::-1], interpolation=cv2.INTER_CUBIC)
    return np.clip(frame + blobs, 0, 255).astype(np.uint8)


def mush(_: int, frame: Frame) -> Frame:
    return np.asarray(cv2.GaussianBlur(frame, (0, 0), 4), np.uint8)


def tint(_: int, frame: Frame) -> Frame:
    return np.clip(frame * np.array([1.1, 0.95, 0.85]) + 6, 0, 255).astype(np.uint8)


def dropped(verdicts: Sequence[Verdict]) -> list[int]:
    return [v.key for v in verdicts if v.decision == "drop"]


def test_an_edit_that_changes_nothing_measures_nothing_and_is_kept() -> None:
    measures = measured(lambda _, frame: frame)
    for frame in [f for frames in measures.values() for f in frames][1:]:
        assert (frame.warp_ratio, frame.motion, frame.colour, frame.seam, frame.sharpness) == (1, 0, 0, 0, 1)
    verdicts = judge(measures)
    assert [v.key for v in verdicts] == [0, 5, 10, 15, 20]
    assert {v.decision for v in verdicts} == {"keep"}


def test_a_steady_edit_is_kept() -> None:
    assert dropped(judge(measured(tint))) == []


@pytest.mark.parametrize(("edit", "names"), [(flicker, {"warp_ratio"}), (mush, {"sharpness"})], ids=["flicker", "mush"])
@pytest.mark.parametrize("key", [0, 10, 20], ids=["first", "middle", "last"])
def test_the_bad_group_and_no_other_is_dropped(edit: Edit, names: set[str], key: int) -> None:
    verdicts = judge(measured(in_group(key, edit)))
    assert dropped(verdicts) == [key]
    assert names <= set(next(v for v in verdicts if v.key == key).broken)


@pytest.mark.parametrize("edit", [flicker, mush], ids=["flicker", "mush"])
def test_few_groups_are_judged_by_the_limits_alone(edit: Edit) -> None:
    assert dropped(judge(measured(in_group(None, edit), 10))) == [0, 5]


def test_a_clip_that_is_bad_everywhere_is_found() -> None:
    assert dropped(judge(measured(flicker))) == [0, 5, 10, 15, 20]


def test_a_group_of_another_brightness_jumps_at_both_borders() -> None:
    verdicts = judge(measured(in_group(10, lambda _, f: np.clip(f + 45.0, 0, 255).astype(np.uint8))))
    assert dropped(verdicts) == [10]
    assert "border" in verdicts[2].broken


def test_an_edit_that_slides_over_the_subject_moves_otherwise() -> None:
    still = texture(1.5, 7)
    measures = measured(lambda _, frame: still)
    assert judge(measures)[1].measures["motion"] > Limits().motion
    assert judge(measured(tint))[1].measures["motion"] < 0.3


def test_a_seam_is_the_step_that_the_source_had_not() -> None:
    frame, mask = np.full((*SIZE, 3), 100, np.uint8), clip()[1][0]
    painted = np.where(mask[..., None] > 0, np.uint8(140), frame)
    assert Validator().add(0, frame, painted, mask).seam == pytest.approx(40, abs=1)
    assert Validator().add(0, painted, frame, mask).seam == pytest.approx(-40, abs=1)
    assert Validator().add(0, frame, painted, np.full(SIZE, 255, np.uint8)).seam == 0


def test_a_gap_in_the_frames_is_no_change() -> None:
    (source, *_), (mask, *_) = clip()
    validator = Validator()
    validator.add(3, source, source, mask)
    assert math.isnan(validator.add(5, source, mush(0, source), mask).warp_ratio)
    assert not math.isnan(validator.add(6, source, mush(0, source), mask).warp_ratio)
    validator.add(7, source, source, np.zeros_like(mask))
    assert math.isnan(validator.add(8, source, source, mask).colour)


def test_what_came_in_from_outside_the_picture_was_not_followed() -> None:
    """Everything moves 6 pixels to the right: the 6 columns on the left have nothing to be compared with."""
    field = np.zeros((*SIZE, 2), np.float32)
    field[..., 0] = -6
    found = _followed(field, -field, np.full(SIZE, 255, np.uint8))
    assert not found[:, :5].any()
    assert found[:, 6:].all()


@pytest.mark.parametrize("size", [(1, 1), (8, 40), (15, 15), (16, 16), (1200, 30)], ids=str)
@pytest.mark.parametrize("speck", [False, True], ids=["full mask", "one pixel"])
def test_small_regions_and_pictures_are_measured_or_left_out(size: tuple[int, int], speck: bool) -> None:
    rng = np.random.default_rng(0)
    mask = np.zeros(size, np.uint8)
    mask[(slice(1), slice(1)) if speck else ...] = 255
    validator, frames = Validator(), []
    for n in range(3):
        source, result = (rng.integers(0, 256, (*size, 3), dtype=np.uint8) for _ in range(2))
        frames.append(validator.add(n, source, result, mask))
    assert all(math.isfinite(f.seam) and math.isfinite(f.sharpness) for f in frames)
    (verdict,) = judge({0: frames})
    assert all(math.isfinite(value) for value in verdict.measures.values())


def test_an_even_clip_forgives_a_group_near_its_limit() -> None:
    def group(sharpness: float, start: int) -> list[FrameMeasures]:
        return [FrameMeasures(n, 1.0, 0.0, 0.0, 0.0, sharpness) for n in range(start, start + 3)]

    measures = {key: group(1.55, key) for key in range(0, 18, 3)}
    assert dropped(judge({**measures, 18: group(1.65, 18)})) == []
    assert dropped(judge({**measures, 18: group(2.6, 18)})) == [18]
    assert dropped(judge({**measures, 18: group(1.65, 18)}, Limits(sharpness=1.5))) == []
    assert dropped(judge({18: group(1.65, 18)})) == [18]


def test_groups_of_one_frame_and_none() -> None:
    frames = {n: [FrameMeasures(n, 9.0 if n in (3, 4) else 1.0, 0.0, 0.0)] for n in range(1, 8)}
    assert dropped(judge(frames)) == [3]
    assert judge({}) == []


def test_the_report_has_a_line_for_every_frame() -> None:
    measures = measured(in_group(10, mush))
    rows = list(csv.DictReader(io.StringIO(report_csv(measures, judge(measures)))))
    assert [int(row["index"]) for row in rows] == list(range(LENGTH))
    assert rows[0]["warp_ratio"] == ""
    assert {row["key"] for row in rows if row["decision"] == "drop"} == {"10"}
    assert "sharpness" in rows[12]["broken"].split()


def flash(n: int, frame: Frame) -> Frame:
    return np.clip(frame + (35.0 if n == 12 else 0.0), 0, 255).astype(np.uint8)


def test_one_frame_that_flashes_is_found() -> None:
    verdicts = judge(measured(flash))
    assert dropped(verdicts) == [10]
    assert "flicker" in verdicts[2].broken


def strangers(**bad: float) -> dict[int, Unlike]:
    """What sets five keyframes apart from their neighbours: nothing, but for the one at 10."""
    usual = Unlike(1, 3, 0.05, 0.1, 0.02)
    return {key: replace(usual, **bad) if key == 10 else usual for key in range(0, LENGTH, GROUP)}


@pytest.mark.parametrize(
    "bad", [{"tone": 15}, {"texture": 15}, {"shift": 1}, {"size": 9}, {"focus": 0.5}], ids=lambda bad: next(iter(bad))
)
def test_a_strange_keyframe_is_found_by_what_is_strange_about_it(bad: dict[str, float]) -> None:
    verdicts = judge(measured(tint), None, strangers(**bad))
    assert dropped(verdicts) == [10]
    assert verdicts[2].broken == tuple(bad)


def test_a_group_that_goes_over_to_a_strange_keyframe_is_not_to_blame() -> None:
    measures = measured(in_group(5, flicker))
    assert dropped(judge(measures, None, strangers())) == [5]
    assert dropped(judge(measures, None, strangers(tone=20))) == [10]


def removal(edit: Edit) -> dict[int, list[FrameMeasures]]:
    """The disc taken away: the region shows the background that moves behind it, then `edit`."""
    validator, made, behind = Validator(beside=True), {}, texture(4, 2)
    for n, (source, mask) in enumerate(zip(*clip())):
        filled = edit(n, np.roll(behind, -n, 1))
        result = np.where(mask[..., None] > 0, filled, source)
        made.setdefault(n // GROUP * GROUP, []).append(validator.add(n, source, result, mask))
    return made


def test_a_removal_is_judged_by_what_lies_beside_it() -> None:
    assert dropped(judge(removal(lambda _, frame: frame), LOOSE)) == []
    assert dropped(judge(removal(in_group(10, flicker)), LOOSE)) == [10]
    still = texture(4, 2)
    assert judge(removal(in_group(10, lambda _, frame: still)), LOOSE)[2].measures["motion"] > 0.5
    bright = judge(removal(in_group(10, lambda _, f: np.clip(f + 45.0, 0, 255).astype(np.uint8))), LOOSE)
    assert dropped(bright) == [10]
    assert "seam" in bright[2].broken


def test_a_removal_that_changed_nothing_is_kept() -> None:
    validator = Validator(beside=True)
    frames = [validator.add(n, source, source, mask) for n, (source, mask) in enumerate(zip(*clip()))]
    assert all((f.seam, f.sharpness) == (0, 1) and math.isnan(f.warp_ratio) for f in frames)
    assert dropped(judge({0: frames})) == []


def test_the_worst_frame_of_a_group_is_named() -> None:
    measures = measured(flash)
    table = report_csv(measures, judge(measures))
    assert read_worst(table, Limits())[10] in (12, 13)
