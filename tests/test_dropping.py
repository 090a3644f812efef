"""What shows where a group was dropped: its neighbours' edit, one picture going over into another, or the one before for longer."""

from __future__ import annotations

import json
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import scenes
from fakes import Steps
from projects import copied, remade, stamps

from benchmarks.validate import Scripted
from lib_vidpaint import selection, session
from lib_vidpaint.clip import open_clip
from lib_vidpaint.engines import InpaintJob
from lib_vidpaint.groups import Patch, read_groups
from lib_vidpaint.model import Frame
from lib_vidpaint.patching import patches_carried
from lib_vidpaint.planes import view
from lib_vidpaint.project import Folder

SHOT = scenes.shot(16, pan=(-1.5, 0.0), disc=(50.0, 55.0, 1.5, 0.0), radius=26)
AT = 2
"""Which group is dropped: frames 8 to 11."""


class Brighter(Scripted):
    """Makes every keyframe lighter than the one before."""

    def picture(self, job: InpaintJob, place: int, seed: int) -> Frame:
        return np.full_like(job.crop, 40 + 40 * place)

    def names(self, kind: str) -> list[str]:
        return ["plain"] if kind == "upscaler" else []

    def upscale(self, frame: Frame, model: str, scale: float) -> Frame:
        return frame.repeat(int(scale), 0).repeat(int(scale), 1)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, object]:
    folder = tmp_path_factory.mktemp("clip")
    for name, pictures in (("frames", SHOT.truth), ("masks", SHOT.masks)):
        (folder / name).mkdir()
        for number, picture in enumerate(pictures):
            cv2.imwrite(str(folder / name / f"{number:06d}.png"), picture[..., ::-1] if picture.ndim == 3 else picture)
    return {
        "source.path": str(folder / "frames"), "mask.path": str(folder / "masks"), "keyframes.how": "every",
        "keyframes.longest": 4, "inpaint.batch_count": 1, "inpaint.batch_size": 1, "inpaint.cast": "keep",
        "composite.feather": 0.0, "composite.mode": "pixels", "enhance.grain": "off", "package.comparison": False,
        "assemble.crf": 0.0,
    }  # fmt: skip


@pytest.fixture(scope="module")
def done(clip: Mapping[str, object], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("done") / "project"
    again(folder, clip)
    return folder


def again(
    folder: Path, clip: Mapping[str, object], until: str = "assemble", progress: Steps | None = None, **values: Any
) -> None:
    given = {**clip, **{name.replace("__", "."): value for name, value in values.items()}}
    session.run(folder, given, until=until, engine=Brighter(), progress=progress)  # pyright: ignore[reportArgumentType]


def inside(folder: Path, file: str) -> list[float]:
    """The mean level in the middle of the disc, by frame."""
    clip = open_clip(folder / file)
    pictures: list[Frame] = [view(planes, clip.info.color) for _, planes in clip.scan()]
    return [float(p[cv2.erode(m, np.ones((9, 9), np.uint8)) > 0].mean()) for p, m in zip(pictures, SHOT.masks)]


def drop(folder: Path, way: str) -> dict[str, Any]:
    """Drop the group AT as a person does in Select, or have validation do it."""
    if way == "person":
        selection.drop(Folder(folder), read_groups(Folder(folder))[AT].key)
        return {}
    verdicts = json.loads((folder / "verdicts.json").read_text())
    for at, verdict in enumerate(verdicts):
        verdict["decision"] = "drop" if at == AT else "keep"
    (folder / "verdicts.json").write_text(json.dumps(verdicts))
    return {"validate__drop": True}


WAYS = pytest.mark.parametrize("way", ["person", "validation"])


@WAYS
def test_carried_over_it_the_neighbours_edit_goes_on_from_key_to_key(
    way: str, done: Path, clip: Mapping[str, object], tmp_path: Path
) -> None:
    folder = copied(done, tmp_path / "p")
    again(folder, clip, **drop(folder, way))
    seen = inside(folder, "master.mp4")
    assert seen[4] == pytest.approx(80, abs=2)
    assert seen[12] == pytest.approx(160, abs=2)
    assert seen[8] == pytest.approx(120, abs=3)
    assert min(np.diff(seen[4:13])) > 0


@WAYS
def test_dissolved_the_last_picture_goes_over_into_the_next(
    way: str, done: Path, clip: Mapping[str, object], tmp_path: Path
) -> None:
    folder = copied(done, tmp_path / "p")
    values = drop(folder, way)
    again(folder, clip, **values, composite__fill="dissolve")
    seen = inside(folder, "master.mp4")
    steps = np.diff(seen[7:13])
    assert np.allclose(steps, (seen[12] - seen[7]) / 5, atol=2.5)
    assert session.verify(folder, Path(str(clip["source.path"]))).exact
    before = stamps(folder)
    again(folder, clip, **values, composite__fill="dissolve")
    assert remade(before, folder) == set()
    assert not [patch for patch in shown(folder) if not (folder / patch.file).exists()]


def shown(folder: Path) -> list[Patch]:
    return patches_carried(Folder(folder))


@WAYS
def test_held_the_copy_shows_the_frame_before_and_the_master_every_frame(
    way: str, done: Path, clip: Mapping[str, object], tmp_path: Path
) -> None:
    folder = copied(done, tmp_path / "p")
    again(folder, clip, **drop(folder, way), composite__fill="hold")
    copy = open_clip(folder / "share.mp4")
    times = [pts for pts, _ in copy.scan()]
    pictures = [view(planes, copy.info.color).astype(int) for _, planes in copy.scan()]
    apart = [float(np.abs(a - b).mean()) for a, b in pairwise(pictures)]
    assert len(times) == len(SHOT.truth)
    assert max(apart[7:11]) < 0.5
    assert min(apart[:7] + apart[11:]) > 2
    assert session.verify(folder, Path(str(clip["source.path"]))).exact
    assert min(np.diff(inside(folder, "master.mp4")[4:13])) > 0
    assert "held for 4 frames in share.mp4" in (folder / "render.json").read_text()


@pytest.mark.parametrize("fill", ["dissolve", "hold"])
def test_a_shot_s_first_group_has_no_frame_before_it(
    fill: str, done: Path, clip: Mapping[str, object], tmp_path: Path
) -> None:
    folder = copied(done, tmp_path / "p")
    selection.drop(Folder(folder), read_groups(Folder(folder))[0].key)
    again(folder, clip, composite__fill=fill)
    seen = inside(folder, "master.mp4")
    assert np.allclose(seen[:5], 80, atol=3)
    assert session.verify(folder, Path(str(clip["source.path"]))).exact


@WAYS
def test_where_every_group_is_dropped_the_original_shows_and_that_is_said(
    way: str, done: Path, clip: Mapping[str, object], tmp_path: Path
) -> None:
    folder, progress = copied(done, tmp_path / "p"), Steps()
    values = {}
    if way == "person":
        for group in read_groups(Folder(folder)):
            selection.drop(Folder(folder), group.key)
    else:
        verdicts = json.loads((folder / "verdicts.json").read_text())
        (folder / "verdicts.json").write_text(json.dumps([{**verdict, "decision": "drop"} for verdict in verdicts]))
        values = {"validate__drop": True}
    again(folder, clip, progress=progress, **values)
    assert [note for note in progress.notes if note.startswith("16 frames, from frame 0 on, show the original: every")]
    source = open_clip(str(clip["source.path"]))
    shown = [view(planes, source.info.color) for _, planes in source.scan()]
    assert inside(folder, "master.mp4") == pytest.approx(
        [float(p[cv2.erode(m, np.ones((9, 9), np.uint8)) > 0].mean()) for p, m in zip(shown, SHOT.masks)], abs=1
    )
    assert session.verify(folder, Path(str(clip["source.path"]))).exact


def test_dropping_is_taken_back_with_its_setting(done: Path, clip: Mapping[str, object], tmp_path: Path) -> None:
    folder, before = copied(done, tmp_path / "p"), inside(done, "master.mp4")
    again(folder, clip, **drop(folder, "validation"))
    assert inside(folder, "master.mp4") != before
    again(folder, clip, validate__drop=False)
    assert inside(folder, "master.mp4") == before
    assert not list((folder / "filled").glob("*"))


def test_a_frame_of_a_filled_group_is_retouched(done: Path, clip: Mapping[str, object], tmp_path: Path) -> None:
    folder = copied(done, tmp_path / "p")
    values = drop(folder, "validation")
    again(folder, clip, **values)
    before = inside(folder, "master.mp4")
    (path,) = session.retouch(folder, [9])
    picture = np.asarray(cv2.imread(str(path)))
    assert picture[SHOT.masks[9] > 0].mean() == pytest.approx(before[9], abs=2)
    picture[SHOT.masks[9] > 0] = 250
    cv2.imwrite(str(path), picture)
    again(folder, clip, **values)
    after = inside(folder, "master.mp4")
    assert after[9] == pytest.approx(250, abs=2)
    assert after[:9] + after[10:] == before[:9] + before[10:]
    assert "refined/filled-000008.mp4" in (folder / "refilled.json").read_text()
    assert session.verify(folder, Path(str(clip["source.path"]))).exact


def test_filled_groups_are_drawn_anew_too(done: Path, clip: Mapping[str, object], tmp_path: Path) -> None:
    folder = copied(done, tmp_path / "p")
    values = {**drop(folder, "validation"), "refine__patch": True, "refine__painted": 0.5, "refine__models": "plain"}
    again(folder, clip, until="validate", **values)
    files = [patch.file for patch in shown(folder)]
    assert "refined/filled-000008.mp4" in files
    assert all(file.startswith("refined/") for file in files)
    before = stamps(folder)
    again(folder, clip, until="validate", **values)
    assert remade(before, folder) == set()
