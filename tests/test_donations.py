"""Stage 5 with an engine that looks at donors: what is lent to whom, how it is read, and what is said of it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from fakes import Recorder, Steps
from PIL import Image
from projects import edit, remade, stamps
from scenes import DISC, SIZE, Shot, psnr, shot

from lib_vidpaint import donations, session
from lib_vidpaint.clip import Clip, read_planes_of
from lib_vidpaint.encode import Encoding, Writer, gray_encoding, gray_info, gray_planes
from lib_vidpaint.model import VideoInfo
from lib_vidpaint.planes import RGB_COLOR, planes_of, view

EXACT = Encoding("libx264", "yuv420p", "mp4", (("qp", "0"), ("preset", "ultrafast")), "a test's footage")
ONE = {"inpaint.batch_count": 1, "inpaint.batch_size": 1, "mask.grow": 0.0}


class Curious(Recorder):
    """A recorder that looks at donors, by its name."""

    name = "builtin"


def film(made: Shot, folder: Path) -> dict[str, Path]:
    """The shot's frames and masks as files."""
    info = VideoInfo(*SIZE, "yuv420p", "h264", "mp4", Fraction(25), Fraction(1, 25), RGB_COLOR)
    files = {"source": folder / "source.mp4", "mask": folder / "mask.mp4"}
    grey = gray_info(*SIZE, Fraction(25))
    with Writer(files["source"], info, EXACT) as frames, Writer(files["mask"], grey, gray_encoding()) as masks:
        for index, (frame, mask) in enumerate(zip(made.frames, made.masks)):
            frames.write(planes_of(frame), index)
            masks.write(gray_planes(mask), index)
    return files


def plans(project: Path) -> list[dict]:
    return json.loads((project / "donors.json").read_text(encoding="utf-8"))


def test_donors_of_the_crops_size_show_the_background(tmp_path: Path) -> None:
    made = shot(count=24, pan=(2, 0), disc=(40, 50, 3, 0))
    engine = Curious(multiple=8)
    edit(tmp_path / "p", film(made, tmp_path), ONE, engine=engine, until="inpaint")
    assert len(engine.jobs) == len(plans(tmp_path / "p")) > 1
    for job in engine.jobs:
        assert 0 < len(job.donors) <= 12
        for picture, mask in job.donors:
            assert (picture.shape, mask.shape) == (job.crop.shape, job.mask.shape)
            both = (mask == 0) & (job.mask == 0)
            assert np.abs(picture[both].astype(int) - job.crop[both]).mean() < 12


def test_an_engine_that_does_not_look_gets_none(tmp_path: Path) -> None:
    engine = Recorder()
    edit(tmp_path / "p", film(shot(count=8), tmp_path), ONE, engine=engine, until="inpaint")
    assert all(job.donors == () for job in engine.jobs)
    assert not (tmp_path / "p" / "donors.json").exists()


def test_batches_of_a_keyframe_share_what_is_lent(tmp_path: Path) -> None:
    engine = Curious()
    values = {**ONE, "inpaint.batch_count": 2}
    edit(tmp_path / "p", film(shot(count=12), tmp_path), values, engine=engine, until="inpaint")
    assert engine.jobs[0].donors is engine.jobs[1].donors


def test_each_frame_is_read_once_and_few_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    picked: list[int] = []
    single: list[int] = []
    pick, frame = Clip.pick, Clip.frame

    def noted(clip: Clip, indices: Sequence[int]):
        for index, planes in zip(indices, pick(clip, indices)):
            picked.append(index)
            yield planes

    monkeypatch.setattr(Clip, "frame", lambda clip, index: single.append(index) or frame(clip, index))
    made = shot(count=100, pan=(0.7, 0), disc=(40, 50, 0.8, 0), radius=10)
    monkeypatch.setattr(donations, "KEPT", 25)
    values = {**ONE, "keyframes.longest": 10}
    files = film(made, tmp_path)
    edit(tmp_path / "p", files, values, engine=Curious(), until="keyframes")
    monkeypatch.setattr(Clip, "pick", noted)
    edit(tmp_path / "p", files, values, engine=Curious(), until="inpaint")
    assert len(picked) == len(set(picked))
    assert len(single) <= 0.2 * len(picked)


def test_a_place_that_is_never_shown_is_said_and_filled_all_the_same(tmp_path: Path) -> None:
    made, steps = shot(count=8, pan=(0, 0), disc=(60, 55, 0, 0)), Steps()
    edit(tmp_path / "p", film(made, tmp_path), ONE, progress=steps, until="inpaint")
    assert any("show 0%" in note and "surroundings" in note for note in steps.notes)
    with Image.open(tmp_path / "p" / "candidates" / "000000" / "00.png") as picture:
        painted = np.asarray(picture)
    assert not (painted == np.array(DISC)).all(axis=2).any()


def test_nothing_is_said_of_what_is_shown(tmp_path: Path) -> None:
    steps = Steps()
    edit(tmp_path / "p", film(shot(count=24, disc=(20, 55, 5, 0)), tmp_path), ONE, progress=steps, until="inpaint")
    assert not [note for note in steps.notes if "surroundings" in note]


@pytest.mark.parametrize("count", [1, 2], ids=["one frame", "two frames"])
def test_a_shot_too_short_for_donors(count: int, tmp_path: Path) -> None:
    edit(tmp_path / "p", film(shot(count=count), tmp_path), ONE)
    assert (tmp_path / "p" / "master.mp4").exists()


def test_a_second_run_paints_nothing(tmp_path: Path) -> None:
    files, project = film(shot(count=24), tmp_path), tmp_path / "p"
    edit(project, files, ONE, engine=Curious(), until="inpaint")
    before, engine = stamps(project), Curious()
    edit(project, files, ONE, engine=engine, until="inpaint")
    assert engine.jobs == []
    assert remade(before, project) == set()


def test_the_pipeline_brings_the_background_back(tmp_path: Path) -> None:
    made = shot(count=24, pan=(2, 0.5), disc=(30, 50, 4, 0))
    edit(tmp_path / "p", film(made, tmp_path), {**ONE, "keyframes.longest": 6, "mask.grow": 8.0})
    results = [view(planes, RGB_COLOR) for planes in read_planes_of(tmp_path / "p" / "master.mp4")]
    truth = [view(planes_of(frame), RGB_COLOR) for frame in made.truth]  # 4:2:0 takes colour off either
    assert np.median([psnr(*three) for three in zip(results, truth, made.masks)]) > 30


def test_a_plan_times_a_keyframe_with_its_donors(tmp_path: Path) -> None:
    """Without them the built-in engine had a tenth of its work to do, and the plan told a tenth of the time."""
    files, project, engine = film(shot(count=24), tmp_path), tmp_path / "p", Curious()
    values = {**ONE, "inpaint.batch_count": 2, "inpaint.batch_size": 2}
    edit(project, files, values, engine=engine, until="keyframes")
    assert session.plan(project, engine=engine).seconds_per_image > 0
    assert [len(job.seeds) for job in engine.jobs] == [4]
    assert engine.jobs[0].donors
    before = stamps(project)
    edit(project, files, values, engine=engine, until="inpaint")
    assert "donors.json" not in remade(before, project)
    assert all(np.array_equal(a[0], b[0]) for a, b in zip(engine.jobs[0].donors, engine.jobs[1].donors, strict=True))


def test_a_plan_times_one_picture_of_an_engine_that_does_not_look(tmp_path: Path) -> None:
    files, project, engine = film(shot(count=8), tmp_path), tmp_path / "p", Recorder()
    edit(project, files, {**ONE, "inpaint.batch_count": 2}, engine=engine, until="keyframes")
    session.plan(project, engine=engine)
    assert [len(job.seeds) for job in engine.jobs] == [1]
