"""What keyframes are shown of each other: order, sheets, carry, reference, match; and that a person's work stays."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fakes import Recorder, color
from projects import edit

from lib_vidpaint import selection
from lib_vidpaint.anchoring import anchor, painting_order
from lib_vidpaint.errors import EngineError, WaitingForPerson
from lib_vidpaint.groups import candidate_file, read_groups
from lib_vidpaint.matching import matched
from lib_vidpaint.model import Frame, Group
from lib_vidpaint.pictures import decode_picture
from lib_vidpaint.prediction import Prices
from lib_vidpaint.project import Folder
from lib_vidpaint.sheets import Unit, cut_apart, grid, joined, units

MANY = {"keyframes.longest": 3, "inpaint.batch_count": 1, "inpaint.batch_size": 2}


def paint(folder: Path, footage: dict[str, Path], engine: Recorder | None = None, **values: Any) -> Recorder:
    """Paint a project's keyframes on footage, every third frame; gives the engine with what it was asked for."""
    engine = engine or Recorder()
    given = {f"inpaint.{name}": value for name, value in values.items()}
    edit(folder, footage, {**MANY, **given}, until="inpaint", engine=engine)
    return engine


def keys(folder: Path) -> list[int]:
    return [group.key for group in read_groups(Folder(folder))]


def candidate(folder: Path, key: int, number: int) -> Frame:
    file = candidate_file(key, number)
    return decode_picture((folder / file).read_bytes(), file)


def prices(heads: list[float], tails: list[float]) -> Prices:
    count = len(heads)
    numbers = np.arange(count)
    return Prices(
        numbers, np.ones(count, np.int64), np.zeros((count, 4)), np.array(heads), np.array(tails), np.zeros(count)
    )


def test_in_time_each_shot_goes_from_front_to_back() -> None:
    groups = [Group(0, 0, 5), Group(5, 5, 9), Group(9, 9, 12, 1)]
    assert painting_order(groups, (), "time") == [[(0, None), (5, 0)], [(9, None)]]


def test_the_anchor_explains_most_and_the_others_follow_outward() -> None:
    found = [prices([0, 1, 3, 6, 9, 12], [15, 9, 6, 2, 1, 0])]
    groups = [Group(key, key, key + 1) for key in range(6)]
    assert anchor(range(6), found) == 3
    assert painting_order(groups, found, "anchor") == [[(3, None), (2, 3), (4, 3), (1, 2), (5, 4), (0, 1)]]


@pytest.mark.parametrize("keys", [[7], [7, 60, 80]], ids=["one", "unknown prices"])
def test_an_anchor_where_little_is_known(keys: list[int]) -> None:
    assert anchor(keys, ()) in keys


def test_far_keyframes_have_an_anchor_near_the_middle() -> None:
    count, reach = 40, 3
    between = np.arange(reach + 1, dtype=np.float64)[None].repeat(count, 0) * 0.2
    ends = [np.inf] * count
    made = Prices(np.arange(count), np.ones(count, np.int64), between, np.array(ends), np.array(ends), np.zeros(count))
    assert anchor([0, 10, 20, 30], [made]) in (10, 20)


def test_pictures_are_joined_and_cut_apart_again() -> None:
    cells = [np.full((16, 24, 3), level, np.uint8) for level in (10, 20, 30)]
    sheet = joined(cells, 2, 2)
    assert sheet.shape == (32, 48, 3)
    assert [int(cell.mean()) for cell in cut_apart(sheet, 2, 2)] == [10, 20, 30, 30]
    masks = [np.full((16, 24), 255, np.uint8)] * 3
    assert [int(cell.mean()) for cell in cut_apart(joined(masks, 2, 2), 2, 2)] == [255, 255, 255, 0]


def test_every_sheet_but_the_first_shares_a_keyframe() -> None:
    shot = [(0, None), (3, 0), (6, 3), (9, 6), (12, 9), (15, 12)]
    assert units(shot, "off") == [Unit((key,), other) for key, other in shot]
    assert units(shot, "2x1") == [Unit((0, 3)), Unit((6,), 3), Unit((9,), 6), Unit((12,), 9), Unit((15,), 12)]
    made = units(shot, "2x2")
    assert made == [Unit((0, 3, 6, 9)), Unit((12, 15), 9)]
    more = [(0, None), (3, 0), (4, 3), (6, 4), (9, 6), (12, 9), (15, 12)]
    assert units(more, "2x2", made) == [*made, Unit((4,), 3)], "a new keyframe changes no sheet"
    assert units(shot[:3], "2x2", made) == [Unit((0, 3, 6))], "a sheet whose keyframes are gone is made anew"
    assert grid("3x3") == (3, 3)


def test_the_colours_of_another_picture() -> None:
    rng = np.random.default_rng(1)
    source = rng.integers(60, 180, (64, 64, 3), np.uint8)
    mask = np.zeros((64, 64), np.uint8)
    mask[16:48, 16:48] = 255
    painted = source.copy()
    painted[mask > 0] //= 2
    like = np.clip(source.astype(int) + 40, 0, 255).astype(np.uint8)
    made = matched(painted, source, mask, like, mask)
    assert np.abs(made[mask > 0].mean(axis=0) - like[mask > 0].mean(axis=0)).max() < 1.5
    assert np.array_equal(made[mask == 0], painted[mask == 0])
    assert np.array_equal(matched(painted, source, mask * 0, like, mask), painted)


def test_by_default_each_is_painted_by_itself_with_the_same_seeds(footage: dict[str, Path], tmp_path: Path) -> None:
    engine = paint(tmp_path, footage)
    assert {job.seeds for job in engine.jobs} == {(1, 2)}
    assert not (tmp_path / "guides.json").exists()
    other = paint(tmp_path / "other", footage, same_seed=False)
    assert len({job.seeds for job in other.jobs}) == len(keys(tmp_path)) > 3


def test_a_sheet_shows_several_keyframes_at_once(footage: dict[str, Path], tmp_path: Path) -> None:
    engine, plain = paint(tmp_path, footage, sheet="2x2"), paint(tmp_path / "plain", footage)
    count = len(keys(tmp_path))
    assert len(engine.jobs) == 1 + -(-(count - 4) // 3)
    first, second = engine.jobs[:2]
    height, width = plain.jobs[0].mask.shape
    assert first.mask.shape == (2 * height, 2 * width)
    assert np.array_equal(first.crop[:height, width:], plain.jobs[1].crop)
    assert not second.mask[:height, :width].any(), "the shared keyframe is shown, not painted again"
    shared = np.array(second.crop[:height, :width])[plain.jobs[3].mask == 255]
    assert tuple(np.median(shared, axis=0)) in (color(1), color(2))
    assert {tuple(candidate(tmp_path, key, 1)[0, 0]) for key in keys(tmp_path)} == {color(2)}
    assert candidate(tmp_path, keys(tmp_path)[0], 0).shape == candidate(tmp_path / "plain", keys(tmp_path)[0], 0).shape


def test_carry_lays_the_edit_of_the_one_before_into_the_next(footage: dict[str, Path], tmp_path: Path) -> None:
    plain = paint(tmp_path / "plain", footage)
    engine = paint(tmp_path / "whole", footage, carry=1.0)
    half = paint(tmp_path / "half", footage, carry=0.5)
    assert np.array_equal(engine.jobs[0].crop, plain.jobs[0].crop)
    for job, same, other in zip(engine.jobs[1:], plain.jobs[1:], half.jobs[1:]):
        inside = same.mask == 255
        change = job.crop.astype(float) - same.crop
        assert np.abs(change[inside]).mean() > 10
        assert np.abs(change[same.mask == 0]).max() == 0
        halved = (other.crop.astype(float) - same.crop)[inside].mean()
        assert halved == pytest.approx(change[inside].mean() / 2, rel=0.2)
    assert len(json.loads((tmp_path / "whole" / "guides.json").read_text())) == len(keys(tmp_path / "whole"))


def test_a_reference_is_the_finished_keyframe(footage: dict[str, Path], tmp_path: Path) -> None:
    engine = paint(tmp_path, footage, reference="reference", shown="first")
    assert engine.jobs[0].reference is None
    pictures = [job.reference for job in engine.jobs[1:]]
    assert pictures[0] is not None
    assert all(picture is not None and np.array_equal(picture, pictures[0]) for picture in pictures)
    with pytest.raises(EngineError, match="cannot be shown a reference in the way colour"):
        paint(tmp_path / "other", footage, reference="colour")


def test_a_neighbours_colours(footage: dict[str, Path], tmp_path: Path) -> None:
    paint(tmp_path, footage, match="neighbour", cast="keep")
    first, second = (candidate(tmp_path, key, 0) for key in keys(tmp_path)[:2])
    middle = [picture[picture.shape[0] // 2, picture.shape[1] // 2].astype(int) for picture in (first, second)]
    assert np.abs(middle[0] - middle[1]).max() <= 60


WAYS = {
    "carry": {"carry": 0.5},
    "sheet": {"sheet": "2x1"},
    "reference": {"reference": "reference"},
    "both": {"carry": 0.5, "sheet": "2x2"},
}


@pytest.mark.parametrize("values", WAYS.values(), ids=WAYS)
@pytest.mark.parametrize("order", ["time", "anchor"])
def test_killed_in_the_middle_it_goes_on_and_ends_alike(
    values: dict[str, Any], order: str, footage: dict[str, Path], tmp_path: Path
) -> None:
    whole = paint(tmp_path / "whole", footage, order=order, **values)
    broken = Recorder(fail_on=3)
    if len(whole.jobs) >= 3:
        with pytest.raises(EngineError):
            paint(tmp_path / "broken", footage, broken, order=order, **values)
    rest = paint(tmp_path / "broken", footage, order=order, **values)
    assert len(rest.jobs) == len(whole.jobs) - (2 if len(whole.jobs) >= 3 else 0)
    assert not paint(tmp_path / "broken", footage, order=order, **values).jobs
    for key in keys(tmp_path / "whole"):
        assert np.array_equal(candidate(tmp_path / "whole", key, 1), candidate(tmp_path / "broken", key, 1))


@pytest.mark.parametrize("values", [{"carry": 0.5}, {"sheet": "2x1"}], ids=["carry", "sheet"])
def test_a_choice_or_a_redo_repaints_no_other_keyframe(
    values: dict[str, Any], footage: dict[str, Path], tmp_path: Path
) -> None:
    paint(tmp_path, footage, **values)
    project, key = Folder(tmp_path), keys(tmp_path)[1]
    for number in (0, 1):
        selection.choose(project, key, number)
        assert not paint(tmp_path, footage, **values).jobs
    selection.redo(project, key)
    (job,) = paint(tmp_path, footage, **values).jobs
    assert job.seeds == (3, 4)
    assert not paint(tmp_path, footage, **values).jobs
    last = keys(tmp_path)[-1]
    selection.redo(project, last)
    assert len(paint(tmp_path, footage, **values).jobs) == 1


def test_other_values_are_painted_and_shown_anew(footage: dict[str, Path], tmp_path: Path) -> None:
    paint(tmp_path, footage, carry=0.5)
    again = paint(tmp_path, footage, carry=0.5, prompt="a hat")
    assert len(again.jobs) == len(keys(tmp_path))


def test_a_new_keyframe_repaints_no_other(footage: dict[str, Path], tmp_path: Path) -> None:
    paint(tmp_path, footage, sheet="2x2", carry=0.3)
    new = next(frame for frame in range(14) if frame not in keys(tmp_path))
    engine = Recorder()
    given = {**MANY, "inpaint.sheet": "2x2", "inpaint.carry": 0.3, "keyframes.add": str(new)}
    edit(tmp_path, footage, given, until="inpaint", engine=engine)
    assert len(engine.jobs) == 1
    assert new in keys(tmp_path)


def test_one_keyframe_only(footage: dict[str, Path], tmp_path: Path) -> None:
    values = {
        **MANY,
        "keyframes.longest": 1000,
        "keyframes.how": "uniform",
        "inpaint.carry": 1.0,
        "inpaint.sheet": "3x3",
    }
    engine = Recorder()
    edit(tmp_path, footage, values, until="inpaint", engine=engine)
    assert len(engine.jobs) == len(keys(tmp_path)) == 1


def test_dropped_ones_are_not_painted_and_their_guide_stands_in(footage: dict[str, Path], tmp_path: Path) -> None:
    edit(tmp_path, footage, MANY, until="keyframes")
    project, second = Folder(tmp_path), keys(tmp_path)[1]
    selection.drop(project, second)
    engine = paint(tmp_path, footage, carry=1.0)
    assert len(engine.jobs) == len(keys(tmp_path)) - 1
    assert not (tmp_path / candidate_file(second, 0)).exists()


def test_previews_are_no_candidates(footage: dict[str, Path], tmp_path: Path) -> None:
    engine = Recorder()
    with pytest.raises(WaitingForPerson, match="previews lie in previews/, one for each keyframe with 3 steps"):
        edit(tmp_path, footage, {**MANY, "inpaint.preview_steps": 3}, engine=engine, preview=True)
    assert {(job.seeds, job.sampling.steps) for job in engine.jobs} == {((1,), 3)}
    assert {path.stem for path in (tmp_path / "previews").glob("*.png")} == {f"{key:06d}" for key in keys(tmp_path)}
    assert not (tmp_path / "candidates").exists()
    full = paint(tmp_path, footage)
    assert {job.sampling.steps for job in full.jobs} == {20}
    assert all(pick.candidates == (0, 1) for pick in selection.gallery(Folder(tmp_path), 2))


def test_what_a_keyframe_shows_goes_before_the_prompt(footage: dict[str, Path], tmp_path: Path) -> None:
    engine = paint(tmp_path, footage, interrogate="clip", prompt="a hat")
    assert {job.prompt for job in engine.jobs} == {"clip 1, a hat"}
    assert len(engine.described) == 1
    (tmp_path / "described" / "all.txt").write_text("a man\n in rain")
    again = paint(tmp_path, footage, interrogate="clip", prompt="a hat")
    assert ({job.prompt for job in again.jobs}, again.described) == ({"a man in rain, a hat"}, [])
    each = paint(tmp_path, footage, interrogate="deepbooru", interrogate_each=True)
    assert len(each.described) == len({job.prompt for job in each.jobs}) == len(keys(tmp_path))
    assert not paint(tmp_path, footage, interrogate="deepbooru", interrogate_each=True).described


def test_an_engine_that_cannot_describe_says_so(footage: dict[str, Path], tmp_path: Path) -> None:
    class Mute(Recorder):
        describe = None  # pyright: ignore[reportAssignmentType]

    with pytest.raises(EngineError, match="recorder cannot say what a picture shows"):
        paint(tmp_path, footage, Mute(), interrogate="clip")


def test_what_was_painted_small_is_enlarged_by_the_upscaler() -> None:
    from lib_vidpaint.engines import fitted

    small = np.zeros((16, 16, 3), np.uint8)
    small[::2] = 200
    by_model = fitted(Recorder(), small, (32, 32), "plain")
    assert np.array_equal(by_model, small.repeat(2, 0).repeat(2, 1))
    assert not np.array_equal(fitted(Recorder(), small, (32, 32), "Lanczos"), by_model)
    assert fitted(Recorder(), small, (8, 8), "plain").shape == (8, 8, 3)
    assert replace(Unit((1,)), other=3) == Unit((1,), 3)
