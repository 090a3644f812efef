"""A person's decisions: choose, redo, drop, undo."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from fakes import Recorder
from projects import copied, edit

from lib_vidpaint import selection, session, viewing
from lib_vidpaint.candidates import candidate_png, decode_candidate, read_label
from lib_vidpaint.crops import Crop
from lib_vidpaint.engines import Painted
from lib_vidpaint.errors import ProjectError, SettingsError
from lib_vidpaint.groups import candidate_file, read_groups
from lib_vidpaint.model import Box, Repaint, VideoInfo
from lib_vidpaint.project import Folder
from lib_vidpaint.stages.inpaint import InpaintSettings, painted_with


@pytest.fixture
def project(finished: Path, tmp_path: Path) -> Folder:
    return Folder(copied(finished, tmp_path / "project"))


def written(project: Folder) -> list[dict[str, object]]:
    return json.loads(project.path("selection.json").read_text())


def test_a_finished_project_shows_what_was_ranked(project: Folder) -> None:
    (first, *_) = selection.gallery(project, 2)
    assert first.candidates == (0, 1)
    assert first.candidate in (0, 1)
    assert first.decision == "ranked"


def test_choose_drop_redo_and_undo_all_of_it(project: Folder) -> None:
    key = read_groups(project)[0].key
    selection.choose(project, key, 1)
    assert selection.gallery(project, 2)[0].decision == "chosen"
    assert selection.gallery(project, 2)[0].candidate == 1
    selection.drop(project, key)
    assert selection.gallery(project, 2)[0].decision == "drop"
    selection.redo(project, key)
    assert selection.gallery(project, 2)[0].decision == "redo"
    assert selection.gallery(project, 2)[0].candidates == ()
    assert written(project) == [{"key": key, "redo": 1, "first": 2}]
    assert [selection.undo(project) for _ in range(4)] == [True, True, True, False]
    assert written(project) == []


def test_a_second_redo_paints_a_third_round(project: Folder) -> None:
    key = read_groups(project)[0].key
    selection.redo(project, key)
    selection.redo(project, key)
    assert written(project) == [{"key": key, "redo": 2, "first": 2}]


@pytest.mark.parametrize(("candidate", "what"), [(2, "no candidate"), (-1, "no candidate")], ids=["missing", "own"])
def test_a_picture_that_is_not_there_is_refused(candidate: int, what: str, project: Folder) -> None:
    with pytest.raises(ProjectError, match=what):
        selection.choose(project, read_groups(project)[0].key, candidate)
    assert not project.path("selection.json").exists()


def test_a_frame_that_is_no_keyframe_is_refused(project: Folder) -> None:
    with pytest.raises(ProjectError, match="no keyframe"):
        selection.drop(project, 9999)


def test_the_next_run_heeds_it(finished: Path, footage: dict[str, Path], tmp_path: Path) -> None:
    folder = tmp_path / "project"
    edit(folder, footage, until="select")
    project = Folder(folder)
    picks = viewing.gallery(folder)
    key, other = picks[0].group.key, 1 - (picks[0].candidate or 0)
    selection.choose(project, key, other)
    selection.redo(project, picks[-1].group.key)
    edit(folder, footage, until="select")
    assert project.path(candidate_file(picks[-1].group.key, 3)).exists()
    choices = {choice["key"]: choice for choice in json.loads(project.path("choices.json").read_text())}
    if len(picks) > 1:
        assert choices[key].get("candidate") == other


@pytest.fixture
def painted(footage: dict[str, Path], tmp_path: Path) -> Folder:
    """A project that the recorder painted, two candidates for each keyframe."""
    edit(tmp_path / "painted", footage, {"inpaint.prompt": "a hat"}, until="select", engine=Recorder())
    return Folder(tmp_path / "painted")


def again(project: Folder, footage: dict[str, Path], **values: object) -> Recorder:
    """Run it again up to select; gives the engine with what it was asked for."""
    engine = Recorder()
    session.run(
        project.folder, {f"inpaint.{name}": value for name, value in values.items()}, until="select", engine=engine
    )
    return engine


def test_a_round_with_values_of_its_own(painted: Folder, footage: dict[str, Path]) -> None:
    key = read_groups(painted)[0].key
    before = [painted.path(candidate_file(key, n)).read_bytes() for n in (0, 1)]
    selection.redo(painted, key, Repaint(prompt="a <b>cap</b>", denoise=0.5, seed=77))
    (job,) = again(painted, footage).jobs
    assert (job.prompt, job.negative_prompt, job.denoise, job.seeds) == ("a <b>cap</b>", "", 0.5, (77, 78))
    label = read_label(painted.path(candidate_file(key, 2)))
    assert (label.seed, label.special) == ("77", 'prompt "a <b>cap</b>", denoise 0.5')
    assert [painted.path(candidate_file(key, n)).read_bytes() for n in (0, 1)] == before
    (first, *_) = viewing.gallery(painted.folder)
    assert (first.candidates, first.earlier, first.decision) == ((2, 3), (0, 1), "ranked")
    assert not again(painted, footage).jobs


def test_they_hold_for_that_round_only(painted: Folder, footage: dict[str, Path]) -> None:
    key = read_groups(painted)[0].key
    selection.redo(painted, key, Repaint(denoise=0.5, seed=77))
    again(painted, footage)
    selection.redo(painted, key)
    (job,) = again(painted, footage).jobs
    assert job.denoise == 1.0
    assert job.seeds == (5, 6)
    assert viewing.gallery(painted.folder)[0].earlier == (0, 1, 2, 3)


def test_a_candidate_of_an_earlier_round_can_still_be_chosen(painted: Folder, footage: dict[str, Path]) -> None:
    key = read_groups(painted)[0].key
    selection.redo(painted, key)
    again(painted, footage)
    selection.choose(painted, key, 0)
    assert not again(painted, footage).jobs
    choices = {one["key"]: one for one in json.loads(painted.path("choices.json").read_text())}
    assert choices[key].get("candidate") == 0


def test_fewer_candidates_do_not_paint_over_an_earlier_round(painted: Folder, footage: dict[str, Path]) -> None:
    key = read_groups(painted)[0].key
    before = painted.path(candidate_file(key, 1)).read_bytes()
    selection.redo(painted, key, Repaint(denoise=0.25))
    again(painted, footage, batch_count=1, batch_size=1)
    assert painted.path(candidate_file(key, 1)).read_bytes() == before
    assert viewing.gallery(painted.folder)[0].candidates == (2,)


def test_what_a_person_chose_is_kept_when_it_is_painted_anew(painted: Folder, footage: dict[str, Path]) -> None:
    key = read_groups(painted)[0].key
    chosen, other = (painted.path(candidate_file(key, n)) for n in (1, 0))
    before = chosen.read_bytes()
    selection.choose(painted, key, 1)
    again(painted, footage, seed=9)
    assert chosen.read_bytes() != before
    (kept,) = painted.path("kept").rglob("*.png")
    assert (kept.parent.name, kept.read_bytes()) == (other.parent.name, before)
    assert "the pictures that you chose are in kept/candidates" in painted.path("run.log").read_text()
    chosen.write_bytes(before)
    assert not again(painted, footage).jobs
    assert chosen.read_bytes() == before


@pytest.mark.parametrize("values", [{"context": 0.9}, {"crop": "frame"}, {"context": 0.1}], ids=str)
def test_a_candidate_of_another_crop_can_still_be_used(
    values: dict[str, object], painted: Folder, footage: dict[str, Path]
) -> None:
    key = read_groups(painted)[0].key
    selection.redo(painted, key)
    again(painted, footage)
    selection.choose(painted, key, 0)
    again(painted, footage, **values)
    choices = {one["key"]: one for one in json.loads(painted.path("choices.json").read_text())}
    assert choices[key].get("candidate") == 0


def test_a_candidate_that_does_not_show_all_of_the_mask_is_refused_with_a_sentence() -> None:
    crop, small = Crop(Box(0, 0, 64, 64)), Crop(Box(8, 8, 32, 32))
    png = candidate_png(Painted(np.full((32, 32, 3), 200, np.uint8), 1), small)
    source, region = np.zeros((64, 64, 3), np.uint8), np.zeros((64, 64), np.uint8)
    region[10:40, 10:40] = 255
    info = VideoInfo(64, 64, "yuv420p", "h264", "mp4", Fraction(25), Fraction(1, 25))
    laid = decode_candidate(png, 42, 3, crop, info, source, region)
    assert (laid[8:40, 8:40] == 200).all()
    assert laid.sum() == 3 * 200 * 32 * 32
    region[20, 50] = 255
    with pytest.raises(ProjectError, match=r"candidates/000042/03\.png was painted for another part"):
        decode_candidate(png, 42, 3, crop, info, source, region)


def test_dropped_keyframes_and_those_with_an_own_picture_are_not_painted(
    painted: Folder, footage: dict[str, Path]
) -> None:
    key = read_groups(painted)[0].key
    selection.drop(painted, key)
    jobs = again(painted, footage, prompt="another").jobs
    assert len(jobs) == len(read_groups(painted)) - 1


WRONG = {
    "denoise too high": ({"denoise": 1.5}, "denoise: 1.5 is not a number from 0 to 1"),
    "denoise as text": ({"denoise": "much"}, "denoise"),
    "a negative seed": ({"seed": -1}, "seed: -1 is not"),
    "a prompt of numbers": ({"prompt": 7}, "prompt"),
    "another setting": ({"checkpoint": "x"}, "checkpoint"),
}


@pytest.mark.parametrize(("paint", "words"), WRONG.values(), ids=WRONG)
def test_values_that_no_setting_allows_are_refused(
    paint: dict[str, object], words: str, painted: Folder, footage: dict[str, Path]
) -> None:
    key = read_groups(painted)[0].key
    painted.path("selection.json").write_text(json.dumps([{"key": key, "redo": 1, "paint": paint}]))
    with pytest.raises(ProjectError, match=words) as caught:
        again(painted, footage)
    assert "selection.json" in str(caught.value)


def test_the_page_gets_the_same_refusal() -> None:
    with pytest.raises(SettingsError, match="denoise: 2"):
        painted_with(InpaintSettings(), Repaint(denoise=2.0))


def test_the_pace_is_kept(painted: Folder, footage: dict[str, Path]) -> None:
    found = viewing.remaining(painted.folder)
    assert found.images == 0
    assert found.seconds is not None
    selection.redo(painted, read_groups(painted)[0].key)
    assert viewing.remaining(painted.folder).images == 2


def test_undo_takes_back_its_own_keyframe_and_what_was_written_by_hand_stays(project: Folder) -> None:
    first, second = (group.key for group in read_groups(project)[:2])
    selection.choose(project, first, 1)
    by_hand = [*written(project), {"key": second, "drop": True}]
    project.path("selection.json").write_text(json.dumps(by_hand))
    assert selection.undo(project)
    assert written(project) == by_hand[1:]


def test_what_undo_keeps_does_not_grow_with_the_keyframes_decided(project: Folder) -> None:
    groups = read_groups(project)
    for group in groups:
        selection.choose(project, group.key, 1)
    before = project.path(selection.UNDO).stat().st_size
    selection.choose(project, groups[0].key, 0)
    assert project.path(selection.UNDO).stat().st_size - before < 200
