from __future__ import annotations

import csv
import io
import itertools
from collections.abc import Iterator
from typing import Any

import cv2
import numpy as np
import pytest

from lib_vidpaint import keyframing
from lib_vidpaint.keyframing import Score, groups, limits, scores_csv, scores_plot
from lib_vidpaint.model import Frame, Mask

SIZE = (90, 160)


def mask(on: bool = True) -> Mask:
    made = np.zeros(SIZE, np.uint8)
    made[20:70, 40:120] = 255 * on
    return made


def texture(seed: int = 0) -> Frame:
    noise = np.random.default_rng(seed).normal(size=(*SIZE, 3)).astype(np.float32)
    return cv2.normalize(cv2.GaussianBlur(noise, (0, 0), 3), None, 40, 200, cv2.NORM_MINMAX).astype(np.uint8)


class Clip:
    """Frames that can be opened again and again."""

    def __init__(self, frames: list[Frame], masks: list[Mask] | None = None) -> None:
        self.pairs = list(zip(frames, masks or [mask()] * len(frames)))
        self.opened = 0

    def __call__(self) -> Iterator[tuple[Frame, Mask]]:
        self.opened += 1
        return iter(self.pairs)


class Known:
    """Shots that are known beforehand; remembers how many frames it was shown."""

    def __init__(self, starts: list[int]) -> None:
        self.starts, self.shown = starts, 0

    def add(self, frame: Frame) -> None:
        self.shown += 1


def score(clip: Clip, starts: list[int], *settings: float, **more: Any) -> list[Score]:
    cuts = Known(starts)
    found = keyframing.score(clip, cuts, *settings, **more)
    assert cuts.shown == len(clip.pairs)
    return found


def moving(length: int, speed: float = 1.5) -> list[Frame]:
    picture = texture()
    return [np.roll(picture, round(n * speed), 1) for n in range(length)]


def noisy(length: int, deviation: float) -> list[Frame]:
    rng = np.random.default_rng(3)
    return [np.clip(texture() + rng.normal(0, deviation, (*SIZE, 3)), 0, 255).astype(np.uint8) for _ in range(length)]


def keys(scores: list[Score]) -> list[int]:
    return [s.index for s in scores if s.is_key]


@pytest.mark.parametrize("movement", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("frames", [[texture()] * 40, noisy(40, 4)], ids=["still", "still with noise"])
def test_a_still_clip_is_one_group_per_shot(frames: list[Frame], movement: float) -> None:
    scores = score(Clip(frames), [0, 25], movement)
    assert [(g.start, g.stop, g.key, g.shot) for g in groups(scores, [True] * 40)] == [(0, 25, 0, 0), (25, 40, 25, 1)]


def test_longest_ends_groups_where_something_changes() -> None:
    restless = [np.clip(texture() * 0.6 + texture(n + 1) * 0.2, 0, 255).astype(np.uint8) for n in range(45)]
    scores = score(Clip(restless), [0], movement=0, longest=7)
    made = groups(scores, [True] * 45)
    assert keys(scores) == list(range(0, 45, 7))
    assert {s.reason for s in scores if s.is_key} == {"first", "longest"}
    assert max(g.stop - g.start for g in made) <= 7


@pytest.mark.parametrize("length", range(30, 42))
def test_no_group_of_a_moving_clip_is_longer_than_longest(length: int) -> None:
    made = groups(score(Clip(moving(length)), [0, 13], longest=6), [True] * length)
    assert max(g.stop - g.start for g in made) <= 6


def test_a_group_longer_than_longest_ends_at_the_first_change() -> None:
    scores = score(Clip([texture()] * 25 + moving(8, 4)[1:]), [0], movement=0, longest=10)
    assert keys(scores)[:2] == [0, 25]


def test_more_movement_makes_more_keyframes() -> None:
    rng = np.random.default_rng(0)
    path = np.cumsum(rng.integers(0, 5, 40))
    clip = Clip([np.roll(texture(), int(x), 1) for x in path])
    counts = [len(keys(score(clip, [0], movement))) for movement in (0, 0.5, 0.8, 1)]
    assert counts == sorted(counts)
    assert counts[0] < counts[-1]


def test_a_change_of_colour_alone_is_named_and_can_be_left_out() -> None:
    frames = [texture()] * 12 + [(texture() // 2).astype(np.uint8)] * 12
    clip = Clip(frames)
    assert [(s.index, s.reason) for s in score(clip, [0]) if s.is_key] == [(0, "first"), (12, "colour")]
    assert keys(score(clip, [0], convergence=0, longest=100)) == [0]


def test_motion_alone_is_named_and_can_be_left_out() -> None:
    clip = Clip([texture()] * 5 + moving(12, 2))
    assert {s.reason for s in score(clip, [0], convergence=0, movement=0.9, longest=100)} == {"", "first", "motion"}
    assert "motion" not in {s.reason for s in score(clip, [0], convergence=1, movement=0.9, longest=100)}


def test_frames_without_region_end_a_segment_and_are_in_no_group() -> None:
    shown = [n not in (0, 1, 10, 11, 12, 29) for n in range(30)]
    scores = score(Clip(moving(30), [mask(on) for on in shown]), [0, 20])
    made = groups(scores, shown)
    assert [s.index for s in scores if s.reason == "first"] == [2, 13, 20]
    assert sorted(itertools.chain(*(range(g.start, g.stop) for g in made))) == [n for n in range(30) if shown[n]]
    assert {g.shot for g in made} == {0, 1, 2}
    assert all(scores[n].colour == scores[n].motion_step == 0 for n in (0, 1, 10, 11, 12, 29))


def test_a_region_too_small_for_the_proxy_is_shown_all_the_same() -> None:
    scores = score(Clip(moving(5), [mask(False)] * 5), [0], shown=[True] * 5)
    assert keys(scores) == [0]
    assert len(groups(scores, [True] * 5)) == 1


def test_the_clip_is_read_twice_and_an_empty_one_has_no_scores() -> None:
    clip = Clip([])
    assert score(clip, []) == []
    assert clip.opened == 2
    assert groups([], []) == []


def test_limits_follow_the_clip_and_its_settings() -> None:
    assert limits(10, 4, movement=1, convergence=0.5, longest=10) == (10, 4)
    assert limits(10, 4, movement=0, convergence=0.5, longest=10) == pytest.approx((50.1, 20.0), abs=0.1)
    assert limits(10, 4, movement=1, convergence=1, longest=10) == (5, float("inf"))
    assert limits(10, 4, movement=1, convergence=0, longest=10) == (float("inf"), 2)
    assert min(limits(0, 0, movement=1, convergence=0.5, longest=10)) > 0


def plain(key_at: list[bool], shots: list[int]) -> list[Score]:
    return [Score(n, 0, 0, 0, 0, 1, 1, shot, key) for n, (key, shot) in enumerate(zip(key_at, shots))]


def test_a_group_begins_with_its_keyframe_and_the_first_with_its_segment() -> None:
    made = groups(plain([n in (0, 10, 20) for n in range(26)], [0] * 26), [True] * 26)
    assert [(g.start, g.key, g.stop) for g in made] == [(0, 0, 10), (10, 10, 20), (20, 20, 26)]
    made = groups(plain([n in (4, 10) for n in range(14)], [0] * 14), [True] * 14)
    assert [(g.start, g.key, g.stop) for g in made] == [(0, 4, 10), (10, 10, 14)]


@pytest.mark.parametrize("seed", range(60))
def test_groups_hold_every_shown_frame_once(seed: int) -> None:
    rng = np.random.default_rng(seed)
    rows = rng.random((int(rng.integers(0, 60)), 3)) < rng.random(3)
    shown, key_at = [bool(row[0]) for row in rows], [bool(row[1] and row[0]) for row in rows]
    scores = plain(key_at, list(itertools.accumulate(int(row[2]) for row in rows)))
    made = groups(scores, shown)
    assert list(itertools.chain(*(range(g.start, g.stop) for g in made))) == [n for n, on in enumerate(shown) if on]
    assert {n for n, key in enumerate(key_at) if key} <= {g.key for g in made}
    for g in made:
        assert g.start <= g.key < g.stop
        assert {scores[n].shot for n in range(g.start, g.stop)} == {g.shot}
        assert sum(key_at[g.start : g.stop]) <= 1


def test_the_table_has_a_line_for_every_frame() -> None:
    scores = score(Clip(moving(12)), [0], convergence=0)
    rows = list(csv.DictReader(io.StringIO(scores_csv(scores))))
    assert [int(row["frame"]) for row in rows] == list(range(12))
    assert rows[0]["key"] == "first"
    assert float(rows[1]["motion"]) == pytest.approx(scores[1].motion, abs=1e-3)
    assert float(rows[1]["colour_limit"]) == float("inf")


@pytest.mark.parametrize("convergence", [0, 0.5, 1])
@pytest.mark.parametrize("length", [0, 1, 20])
def test_the_plot_is_a_picture(length: int, convergence: float) -> None:
    scores = score(Clip(moving(length)), [0, 9], convergence=convergence)
    png = np.frombuffer(scores_plot(scores, groups(scores, [True] * length)), np.uint8)
    picture = cv2.imdecode(png, cv2.IMREAD_COLOR)
    assert picture.shape == (500, 1200, 3)
    assert picture.std() > 5
