"""The closed loop on whole projects: what is spoiled is found, mended, undone and taken back; a person is never overruled."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping
from pathlib import Path

import cv2
import numpy as np
import pytest
import scenes
from fakes import Steps
from projects import copied, remade, stamps

from benchmarks.validate import Scripted
from lib_vidpaint import mending, selection, session
from lib_vidpaint.engines import InpaintJob
from lib_vidpaint.errors import Cancelled
from lib_vidpaint.groups import OVERRIDES, REPAIRS, read_choices, read_groups
from lib_vidpaint.model import Frame, Verdict
from lib_vidpaint.project import Folder

SHOT = scenes.shot(20, pan=(-1.5, 0.0), disc=(50.0, 55.0, 1.5, 0.0), radius=26)
BAD = 3
"""Which keyframe, in their order, is spoiled."""
AUTO = {"validate.repair": "auto"}


class Painter(Scripted):
    """Makes what it sees warmer, a little differently for every seed; the keyframe BAD far too blue for seeds below `good`."""

    def __init__(self, good: int = 99) -> None:
        super().__init__()
        self.good = good

    def picture(self, job: InpaintJob, place: int, seed: int) -> Frame:
        warm = job.crop * np.array([1.1, 1.0, 0.9])
        off = np.array([-30, -10, 40.0]) if place == BAD and seed < self.good else np.array([seed % 3 - 1.0] * 3)
        return np.clip(warm + off, 0, 255).astype(np.uint8)


class Uneven(Painter):
    """All candidates of the keyframe BAD are wrong, the later ones a little more."""

    def picture(self, job: InpaintJob, place: int, seed: int) -> Frame:
        made = super().picture(job, place, seed).astype(np.float32)
        worse = np.array([-0.3, -0.1, 0.3]) * seed if place == BAD else 0
        return np.clip(made + worse, 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Path]:
    folder = tmp_path_factory.mktemp("clip")
    for name, pictures in (("frames", SHOT.truth), ("masks", SHOT.masks)):
        (folder / name).mkdir()
        for number, picture in enumerate(pictures):
            cv2.imwrite(str(folder / name / f"{number:06d}.png"), picture[..., ::-1] if picture.ndim == 3 else picture)
    return {"source": folder / "frames", "mask": folder / "masks"}


def edit(folder: Path, clip: Mapping[str, Path], painter: Painter, **values: object) -> None:
    session.run(folder, {**_given(clip), **values}, until="validate", engine=painter)  # pyright: ignore[reportArgumentType]


@pytest.fixture(scope="module")
def spoiled(clip: Mapping[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose fourth keyframe is wrong in the first six of its eight candidates, validated and no more."""
    folder = tmp_path_factory.mktemp("spoiled") / "project"
    edit(folder, clip, Painter(7))
    return folder


def failed(folder: Path) -> list[int]:
    return [v.key for v in Folder(folder).records("verdicts.json", Verdict) if v.decision == "drop"]


def bad_key(folder: Path) -> int:
    return read_groups(Folder(folder))[BAD].key


def actions(folder: Path) -> list[tuple[str, str]]:
    with session.opened(folder) as run:
        return [(repair.action, repair.outcome) for repair in mending.history(run).repairs]


def test_the_spoiled_keyframe_is_found_and_no_other(spoiled: Path) -> None:
    assert failed(spoiled) == [bad_key(spoiled)]
    verdict = Folder(spoiled).records("verdicts.json", Verdict)[BAD]
    assert "tone" in verdict.broken
    assert (spoiled / "validate.png").stat().st_size > 10000


def test_another_candidate_mends_it_without_painting(spoiled: Path, clip: Mapping[str, Path], tmp_path: Path) -> None:
    folder, painter, progress = copied(spoiled, tmp_path / "p"), Painter(7), Steps()
    session.run(folder, {**_given(clip), **AUTO}, until="validate", engine=painter, progress=progress)  # pyright: ignore[reportArgumentType]
    assert failed(folder) == []
    assert painter.painted == 0
    said = f"Repaired: keyframe {bad_key(folder)}: take candidate "
    assert [note for note in progress.notes if note.startswith(said) and "repairs.csv" in note]
    assert actions(folder)[-1] == ("candidate", "kept")
    assert read_choices(Folder(folder))[bad_key(folder)].candidate in (6, 7)
    rows = list(csv.DictReader((folder / "repairs.csv").open()))
    assert float(rows[-1]["after"]) < float(rows[-1]["before"])
    assert "candidate" in (folder / "run.log").read_text()
    before = stamps(folder)
    edit(folder, clip, painter, **AUTO, **{"refine.spread": 1})
    assert remade(before, folder) <= {"project.toml"}


def test_painting_again_mends_what_no_candidate_does(clip: Mapping[str, Path], tmp_path: Path) -> None:
    folder, painter = tmp_path / "p", Painter(9)
    edit(folder, clip, painter, **AUTO)
    assert failed(folder) == []
    whole = 8 * len(read_groups(Folder(folder)))
    assert whole < painter.painted <= 1.15 * whole
    assert actions(folder)[-1] == ("repaint", "kept")
    assert ("candidate", "undone") in actions(folder)


def test_a_repair_is_measured_against_the_clip_without_those_undone_before_it(
    clip: Mapping[str, Path], tmp_path: Path
) -> None:
    folder = tmp_path / "p"
    edit(folder, clip, Uneven(99), **{"select.how": "auto", "validate.repair": "off"})
    used = read_choices(Folder(folder))[bad_key(folder)].candidate
    edit(folder, clip, Uneven(99), **AUTO, **{"validate.budget": 0.0})
    with session.opened(folder) as run:
        tried = [repair for repair in mending.history(run).repairs if repair.key == bad_key(folder)]
    assert [repair.outcome for repair in tried[:-1]] == ["undone"] * (len(tried) - 1)
    assert len({repair.before for repair in tried}) == 1
    others = [repair.choice.candidate for repair in tried if repair.action == "candidate" and repair.choice]
    assert len(others) == len(set(others)) == 3
    assert used not in others


def test_what_cannot_be_mended_is_dropped_and_filled(clip: Mapping[str, Path], tmp_path: Path) -> None:
    folder = tmp_path / "p"
    edit(folder, clip, Painter(9), **AUTO, **{"validate.budget": 0.0})
    assert failed(folder) == []
    assert actions(folder)[-1] == ("drop", "kept")
    assert read_choices(Folder(folder))[bad_key(folder)].drop


def test_off_takes_everything_back(spoiled: Path, clip: Mapping[str, Path], tmp_path: Path) -> None:
    folder, before = copied(spoiled, tmp_path / "p"), read_choices(Folder(spoiled))
    edit(folder, clip, Painter(7), **AUTO)
    assert read_choices(Folder(folder)) != before
    edit(folder, clip, Painter(7), **{"validate.repair": "off"})
    assert read_choices(Folder(folder)) == before
    assert failed(folder) == [bad_key(folder)]
    assert not (folder / REPAIRS).exists()
    assert not (folder / OVERRIDES).exists()


def test_a_suggestion_changes_nothing_and_names_its_cost(
    spoiled: Path, clip: Mapping[str, Path], tmp_path: Path
) -> None:
    folder = copied(spoiled, tmp_path / "p")
    edit(folder, clip, Painter(7), **{"validate.repair": "suggest"})
    assert read_choices(Folder(folder)) == read_choices(Folder(spoiled))
    assert [outcome for _, outcome in actions(folder)] == ["suggested"]
    assert next(csv.DictReader((folder / "repairs.csv").open()))["images"] == "0"
    assert failed(folder) == [bad_key(folder)]


@pytest.mark.parametrize("way", ["chosen", "accepted"])
def test_a_person_is_never_overruled(way: str, spoiled: Path, clip: Mapping[str, Path], tmp_path: Path) -> None:
    folder = copied(spoiled, tmp_path / "p")
    key, project = bad_key(folder), Folder(folder)
    if way == "chosen":
        selection.choose(project, key, 0)
    else:
        selection.accept(project, key)
    before = json.loads((folder / "selection.json").read_text())
    edit(folder, clip, painter := Painter(7), **AUTO)
    assert json.loads((folder / "selection.json").read_text()) == before
    assert painter.painted == 0
    assert failed(folder) == ([key] if way == "chosen" else [])
    assert not {action for action, _ in actions(folder)} & {"blend", "candidate", "repaint", "drop"}


def test_a_group_that_a_person_retouched_is_left_to_them(
    spoiled: Path, clip: Mapping[str, Path], tmp_path: Path
) -> None:
    folder, frame = copied(spoiled, tmp_path / "p"), bad_key(spoiled) + 1
    edit(folder, clip, Painter(7))
    (path,) = session.retouch(folder, [frame])
    edit(folder, clip, Painter(7), **{"validate.repair": "suggest"})
    assert [action for action, _ in actions(folder)] == ["candidate"], "given out is not retouched"
    picture = np.asarray(cv2.imread(str(path)))
    picture[SHOT.masks[frame] > 0] = 250
    cv2.imwrite(str(path), picture)
    edit(folder, clip, Painter(7), **AUTO)
    assert failed(folder) == [bad_key(folder)]
    assert read_choices(Folder(folder)) == read_choices(Folder(spoiled))


def test_another_prompt_asks_for_other_repairs(spoiled: Path, clip: Mapping[str, Path], tmp_path: Path) -> None:
    folder = copied(spoiled, tmp_path / "p")
    edit(folder, clip, Painter(7), **AUTO)
    edit(folder, clip, Painter(1), **AUTO, **{"inpaint.prompt": "warmer still"})
    assert actions(folder) == []
    assert not (folder / OVERRIDES).exists()


def test_stopped_in_the_middle_it_goes_on(spoiled: Path, clip: Mapping[str, Path], tmp_path: Path) -> None:
    whole, broken = copied(spoiled, tmp_path / "whole"), copied(spoiled, tmp_path / "broken")
    edit(whole, clip, Painter(7), **AUTO)
    with pytest.raises(Cancelled):
        session.run(
            broken, {**_given(clip), **AUTO}, until="validate", engine=Painter(7), progress=Steps(("validating", 1))
        )  # pyright: ignore[reportArgumentType]
    assert ("candidate", "trying") in actions(broken)
    edit(broken, clip, Painter(7), **AUTO)
    assert actions(broken) == actions(whole)
    assert read_choices(Folder(broken)) == read_choices(Folder(whole))


def _given(clip: Mapping[str, Path]) -> dict[str, object]:
    return {
        "source.path": str(clip["source"]), "mask.path": str(clip["mask"]), "keyframes.how": "every", "keyframes.longest": 4,
        "inpaint.batch_count": 4, "inpaint.batch_size": 2, "inpaint.cast": "keep", "composite.feather": 0.0,
    }  # fmt: skip


def test_where_all_groups_fail_nothing_is_repaired(spoiled: Path, clip: Mapping[str, Path], tmp_path: Path) -> None:
    folder, notes = copied(spoiled, tmp_path / "p"), Steps()
    values = {**_given(clip), **AUTO, "validate.sharpness": 1.01, "validate.z": 0.5, "validate.colour": 0.01}
    session.run(folder, values, until="validate", engine=Painter(7), progress=notes)  # pyright: ignore[reportArgumentType]
    assert len(failed(folder)) > 0.5 * len(read_groups(Folder(folder)))
    assert any("it is not single groups that are wrong" in note for note in notes.notes)
    assert actions(folder) == []
