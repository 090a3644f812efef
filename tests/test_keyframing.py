from __future__ import annotations

import csv
import io
import itertools
import json
import re
import typing
from pathlib import Path

import cv2
import numpy as np
import pytest
from conftest import FRAMES
from fakes import Recorder
from footages import Clip, footage, mask, moving, noisy, texture
from media import Recipe, make
from projects import edit, remade, stamps

from lib_vidpaint import session
from lib_vidpaint.errors import ProjectError, SettingsError
from lib_vidpaint.footage import Footage, Picked
from lib_vidpaint.keyframing import RULES, How, KeyframeSettings, budget_of, choose, unmoved
from lib_vidpaint.keyplots import curve_csv, curve_plot, read_curve, read_scores, scores_csv, scores_plot
from lib_vidpaint.model import Frame
from lib_vidpaint.placement import predicted
from lib_vidpaint.prediction import agreement
from lib_vidpaint.segments import Segment, groups, segments

RULE_NAMES = list(RULES)


def keys(found: Footage, how: str = "predicted", **settings: typing.Any) -> list[int]:
    return sorted(choose(found, KeyframeSettings(typing.cast(How, how), **settings)).reasons)


def test_every_rule_has_a_name_and_every_name_a_rule() -> None:
    assert list(RULES) == list(typing.get_args(How))


@pytest.mark.parametrize("how", RULE_NAMES)
class TestEveryRule:
    def test_one_frame(self, how: str) -> None:
        assert keys(footage([texture()]), how) == [0]

    @pytest.mark.parametrize("frames", [[texture()] * 60, noisy(60, 4)], ids=["still", "still with noise"])
    def test_a_still_clip_has_one_keyframe(self, how: str, frames: list[Frame]) -> None:
        assert len(keys(footage(frames), how, longest=7)) == 1 or how == "file"

    def test_shots_of_two_frames_have_a_keyframe_each(self, how: str) -> None:
        clip = [np.roll(texture(n // 2), n % 2 * 3, 1) for n in range(12)]
        found = keys(footage(clip, range(0, 12, 2)), how, count=6 if how == "predicted" else 0)
        assert {key // 2 for key in found} == set(range(6))

    def test_frames_without_region_have_none(self, how: str) -> None:
        shown = [n not in (0, 1, 10, 11, 12, 29) for n in range(30)]
        found = keys(footage(Clip(moving(30), [mask(on) for on in shown])), how)
        assert all(shown[key] for key in found)
        assert any(key < 10 for key in found)
        assert any(key > 12 for key in found)

    def test_a_region_that_the_proxy_lost_has_one_all_the_same(self, how: str) -> None:
        clip = Clip([texture()] * 5, [mask(False)] * 5)
        assert len(keys(footage(clip, shown=[True] * 5), how)) == 1

    def test_no_frames(self, how: str) -> None:
        assert keys(footage([], ()), how) == []


def test_uniform_is_centred_and_every_starts_at_the_start() -> None:
    clip = footage(moving(30), (0, 20))
    assert keys(clip, "uniform", longest=5) == [2, 7, 12, 17, 22, 27]
    assert keys(clip, "uniform", longest=8) == [3, 10, 16, 22, 27]
    assert keys(clip, "every", longest=8) == [0, 8, 16, 20, 28]
    assert keys(clip, "shots") == [10, 25]


def test_a_list_is_taken_as_it_is_and_every_shot_has_one() -> None:
    clip = Clip(moving(30), [mask(n < 25) for n in range(30)])
    assert keys(footage(clip, (0, 20), listed=(7, 3)), "file") == [3, 7, 20]
    for number, why in ((27, "shows nothing of the region"), (30, "is not in the clip")):
        with pytest.raises(SettingsError, match=rf"keyframes.txt: frame {number} {why}"):
            keys(footage(clip, listed=(3, number)), "file")


def test_as_many_as_are_asked_for_and_no_more_than_there_are_frames() -> None:
    clip = footage(moving(30, 4))
    assert [len(keys(clip, count=n)) for n in (1, 2, 5, 30, 1000)] == [1, 2, 5, 30, 30]
    assert [len(keys(clip, count=n, longest=10)) for n in (1, 2, 3)] == [2, 2, 3]


def test_more_quality_is_more_keyframes() -> None:
    counts = [len(keys(footage(moving(60, 6), (0, 35)), quality=q)) for q in (0, 60, 85, 95)]
    assert counts == sorted(counts)
    assert counts[0] < counts[-1]


@pytest.mark.parametrize(("longest", "shortest"), [(5, 1), (20, 8), (6, 6), (4, 9)], ids=str)
def test_keyframes_keep_their_distance(longest: int, shortest: int) -> None:
    found = keys(footage(moving(60, 6), (0, 35)), longest=longest, shortest=shortest, quality=70)
    for start, stop in ((0, 35), (35, 60)):
        own = [key for key in found if start <= key < stop]
        gaps = [b - a for a, b in itertools.pairwise(own)]
        assert all(min(longest, shortest) <= gap <= longest for gap in gaps), gaps
        assert own[0] - start <= longest
        assert stop - own[-1] - 1 <= longest


def test_keyframes_go_where_something_happens() -> None:
    turn = [np.roll(texture(n // 4), n, 1) for n in range(16)]
    clip = [texture(90)] * 30 + turn + [texture(91)] * 30
    found = keys(footage(clip), count=6)
    assert (found[0], found[-1]) == (14, 60)
    assert all(30 < key < 46 for key in found[1:-1])


def test_a_flash_frame_costs_the_frames_around_it_nothing() -> None:
    clip = footage([*moving(10, 1), np.full_like(texture(), 255), *moving(10, 1)])
    assert keys(clip, count=3, longest=30)[1] in range(8, 13)
    errors = predicted(clip.prices[0], keys(clip, count=3, longest=30))
    assert max(errors) < 0.4


def test_the_curve_falls_and_says_what_was_predicted_for_the_chosen() -> None:
    clip, settings = footage(moving(50, 5), (0, 30)), KeyframeSettings(count=8)
    found = budget_of(clip, settings)
    curve = read_curve(curve_csv(found))
    assert list(curve) == list(range(found.least, found.most + 1))
    values = list(curve.values())
    assert values == sorted(values, reverse=True)
    chosen = keys(clip, count=8)
    loss = 0.0
    for prices in clip.prices:
        own = [key for key in chosen if prices.start <= key < prices.stop]
        made = groups([Segment(prices.start, prices.stop, 0, tuple(own))])
        loss += sum(e * (g.stop - g.start) for e, g in zip(predicted(prices, own), made))
    assert 100 * loss / 50 == pytest.approx(curve[8], abs=2)


def test_nothing_can_be_told_of_keyframes_too_far_apart() -> None:
    clip = footage(moving(80, 5))
    errors = predicted(clip.prices[0], [0, 70, 75])
    assert np.isnan(errors[0])
    assert 0 <= errors[1] <= 1


def test_a_group_begins_with_its_keyframe_and_the_first_with_its_segment() -> None:
    made = groups(segments([0] * 26, [True] * 26, (0, 10, 20)))
    assert [(g.start, g.key, g.stop) for g in made] == [(0, 0, 10), (10, 10, 20), (20, 20, 26)]
    made = groups(segments([0] * 14, [True] * 14, (4, 10)))
    assert [(g.start, g.key, g.stop) for g in made] == [(0, 4, 10), (10, 10, 14)]


@pytest.mark.parametrize("how", ["seed", "ssim", "predicted", "uniform"])
def test_the_table_has_a_line_for_every_frame(how: str) -> None:
    clip = footage(moving(12))
    picked = choose(clip, KeyframeSettings(typing.cast(How, how), convergence=0))
    text = scores_csv(clip, picked)
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [int(row["frame"]) for row in rows] == list(range(12))
    assert {int(row["frame"]) for row in rows if row["key"]} == set(picked.reasons)
    columns = read_scores(text)
    assert len(columns["new"]) == 12
    assert ("colour_limit" in columns) == (how == "seed")
    if how == "seed":
        assert columns["colour_limit"][1] == float("inf")
        assert columns["motion"][1] == pytest.approx(picked.columns["motion"][1], abs=1e-3)
    with pytest.raises(ProjectError, match=r"scores\.csv is damaged"):
        read_scores(text.replace("0.000", "zero"))


@pytest.mark.parametrize("how", RULE_NAMES)
@pytest.mark.parametrize("length", [1, 20])
def test_the_plots_are_pictures(length: int, how: str) -> None:
    clip = footage(moving(length), (0, 9))
    picked = choose(clip, KeyframeSettings(typing.cast(How, how)))
    made = groups(
        [
            Segment(s.start, s.stop, s.shot, tuple(k for k in picked.reasons if s.start <= k < s.stop))
            for s in clip.segments
        ]
    )
    errors = [e for p in clip.prices for e in predicted(p, [k for k in picked.reasons if p.start <= k < p.stop])]
    plot = scores_plot(read_scores(scores_csv(clip, picked)), made, errors)
    curve = curve_plot(read_curve(curve_csv(budget_of(clip, KeyframeSettings()))), made, errors)
    for png, width in ((plot, 1200), (curve, 800)):
        picture = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR)
        assert picture.shape[1] == width
        assert picture.std() > 5


def test_a_list_of_ones_own_is_read_from_the_project(footage: dict[str, Path], tmp_path: Path) -> None:
    project, values = tmp_path / "p", {"keyframes.how": "file"}
    with pytest.raises(ProjectError, match=r"write the keyframes into .*keyframes\.txt, such as 0 12 40"):
        edit(project, footage, values, until="keyframes")
    for text, frames in (("3 9", [3, 9]), ("11\n4, 7", [4, 7, 11])):
        (project / "keyframes.txt").write_text(text)
        edit(project, footage, values, until="keyframes")
        assert [path.stem for path in sorted((project / "keyframes/frame").iterdir())] == [f"{n:06d}" for n in frames]
    (project / "keyframes.txt").write_text("4 five")
    with pytest.raises(SettingsError, match=r"keyframes\.txt: 'five' is not a frame number"):
        edit(project, footage, values, until="keyframes")


def test_the_plan_tells_the_price_of_other_numbers(footage: dict[str, Path], tmp_path: Path) -> None:
    project = tmp_path / "p"
    edit(project, footage, {"keyframes.how": "predicted", "keyframes.count": 4}, until="keyframes")
    plan = session.plan(project)
    assert plan.keyframes == 4
    assert plan.curve[0][0] == 1
    assert dict(plan.curve)[4] == pytest.approx(plan.predicted, abs=0.01)
    lines = "\n".join(plan.lines())
    assert f"keyframes   4, predicted error {plan.predicted:.1f} %" in lines
    assert "8 keyframes -> " in lines
    assert "-> 16 images -> about" in lines


def test_too_few_keyframes_are_as_many_as_must_be(footage: dict[str, Path], tmp_path: Path) -> None:
    edit(
        tmp_path / "p",
        footage,
        {"keyframes.how": "predicted", "keyframes.count": 1, "keyframes.longest": 3},
        until="keyframes",
    )
    assert len(list((tmp_path / "p/keyframes/frame").iterdir())) >= 2
    assert "keyframes.count is 1, but" in (tmp_path / "p/run.log").read_text()


def test_the_report_has_the_predicted_beside_the_measured(finished: Path) -> None:
    expected = {
        int(row["key"]): float(row["predicted_error"])
        for row in csv.DictReader((finished / "keyframes/predicted.csv").read_text().splitlines())
    }
    verdicts = json.loads((finished / "verdicts.json").read_text())
    assert {verdict["key"]: verdict["measures"]["predicted"] for verdict in verdicts} == expected
    rows = list(csv.DictReader((finished / "report.csv").read_text().splitlines()))
    assert all(float(row["predicted"]) == pytest.approx(expected[int(row["key"])], abs=1e-3) for row in rows)


def segments_with(clip: Footage, chosen: list[int]) -> list[Segment]:
    return [Segment(s.start, s.stop, s.shot, tuple(k for k in chosen if s.start <= k < s.stop)) for s in clip.segments]


def test_keyframes_stay_while_others_serve_hardly_better() -> None:
    clip = footage(moving(40, 3), (0, 25))
    best = keys(clip, count=6)
    picked = Picked(dict.fromkeys(best, "predicted"))
    near = [best[0] + 1, *best[1:]]
    assert dict(unmoved(clip, picked, segments_with(clip, near)).reasons) == {
        best[0] + 1: "stays",
        **dict.fromkeys(best[1:], "predicted"),
    }
    elsewhere = [Segment(0, 20, 0, (3,)), Segment(20, 40, 1, (30,))]
    for before in (segments_with(clip, [0, 39]), segments_with(clip, [best[0]]), elsewhere):
        assert unmoved(clip, picked, before) == picked


@pytest.mark.parametrize("how", ["predicted", "seed"])
def test_a_corrected_mask_moves_no_keyframe(how: str, footage: dict[str, Path], tmp_path: Path) -> None:
    project, values = tmp_path / "p", {"keyframes.how": how}
    edit(project, footage, values, until="inpaint")
    made = json.loads((project / "groups.json").read_text())
    before = stamps(project)
    for frame in set(range(FRAMES)) - {group["key"] for group in made}:
        alpha = cv2.imread(str(project / f"alpha/{frame:06d}.png"), cv2.IMREAD_GRAYSCALE)
        assert alpha is not None
        alpha[30:34, 34:38] = 0
        cv2.imwrite(str(project / f"alpha/{frame:06d}.png"), alpha)
    session.run(project, {}, until="inpaint")
    assert json.loads((project / "groups.json").read_text()) == made
    assert not [name for name in remade(before, project) if name.startswith("candidates/")]
    session.run(project, {"keyframes.how": "uniform"}, until="keyframes")
    assert json.loads((project / "groups.json").read_text()) != made


def test_interlaced_video_is_warned_of(tmp_path: Path) -> None:
    source = make(Recipe(interlaced=True, size=(64, 64), frames=3), tmp_path)
    values = {"source.path": str(source), "mask.path": "box:8,8,32,32"}
    session.run(tmp_path / "p", values, until="keyframes")
    assert "The video is interlaced" in (tmp_path / "p/run.log").read_text()


def test_agreement_is_about_the_order_alone() -> None:
    nan = float("nan")
    assert agreement([1, 2, 3, 40], [[5, 6, 7, 8]]) == (pytest.approx(1), 4)
    assert agreement([1, 2, 3, nan, 4], [[9, 5, 4, 0, 1]]) == (pytest.approx(-1), 4)
    assert agreement([1, 2, 3, 4], [[1, 2, 3, 4], [2, 1, 4, 3]])[0] == pytest.approx(0.894, abs=1e-3)
    for few in (([], [[]]), ([1, 2], [[1, 2]]), ([1, 1, 1], [[1, 2, 3]])):
        assert np.isnan(agreement(*few)[0])


def test_after_painting_it_is_told_how_well_errors_were_predicted(footage: dict[str, Path], tmp_path: Path) -> None:
    values = {"keyframes.how": "every", "keyframes.longest": 2}
    edit(tmp_path / "p", footage, values, preset="clothes", until="validate", engine=Recorder())
    said = (tmp_path / "p/run.log").read_text()
    assert re.search(r"measured error put 7 groups in orders that correlate by -?[01]\.\d\d", said)
