"""Frames retouched by hand: given out, taken back, spread, and every way in which such a file can be wrong."""

from __future__ import annotations

import io
import shutil
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from fakes import Recorder, Steps
from media import Recipe, make
from PIL import Image
from projects import copied, edit, records, remade, stamps, vidpaint

from lib_vidpaint import session
from lib_vidpaint.clip import open_clip
from lib_vidpaint.errors import ProjectError
from lib_vidpaint.model import Color, Frame, Mask
from lib_vidpaint.orientation import upright
from lib_vidpaint.pixels import pixel_format
from lib_vidpaint.planes import Planes, apply_edit, view
from lib_vidpaint.retouching import Retouched, before_file, laid, opened, retouched_file

Footage = dict[str, Path]
BARE = {"assemble.share": False, "package.comparison": False, "enhance.grain": "off"}
SPOT = np.s_[28:32, 40:44]
"""Inside the disc of frame 6, upright."""


@pytest.fixture(scope="module")
def done(footage: Footage, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("done") / "project"
    edit(folder, footage, BARE, engine=Recorder())
    return folder


@pytest.fixture
def project(done: Path, footage: Footage, tmp_path: Path) -> Path:
    project = copied(done, tmp_path / "p")
    again(project, footage)  # so that this machine knows where the source of the copy lies
    return project


def read(path: Path) -> np.ndarray:
    picture = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    assert picture is not None
    return picture


def painted(path: Path, where: Any = SPOT, value: Any = (0, 0, 255)) -> None:
    """Paint over part of a picture, in BGR, as another program would."""
    picture = read(path)
    picture[where] = value
    cv2.imwrite(str(path), picture)


def master(project: Path) -> list[Frame]:
    clip = open_clip(project / "master.mp4")
    return [view(planes, clip.info.color) for _, planes in clip.scan()]


def again(project: Path, footage: Footage, values: Any = None, **options: Any) -> None:
    edit(project, footage, {**BARE, **(values or {})}, engine=Recorder(), **options)


def test_a_retouched_frame_travels_to_the_master(
    project: Path, footage: Footage, capsys: pytest.CaptureFixture[str]
) -> None:
    before = master(project)
    assert vidpaint("retouch", project, 6) == 0
    out = capsys.readouterr().out
    path = project / retouched_file(6)
    assert str(path) in out
    assert "vidpaint run -o" in out
    assert path.read_bytes() == (project / before_file(6)).read_bytes()
    assert np.abs(read(path)[..., ::-1].astype(int) - before[6]).max() == 0
    painted(path)
    files = stamps(project)
    again(project, footage)
    made = remade(files, project)
    assert len({name for name in made if name.startswith("refined/")}) == 1
    assert not {name for name in made if name.startswith(("patches/", "candidates/"))}
    after = master(project)
    assert np.abs(after[6][29:31, 41:43] - np.array([255, 0, 0])).max() <= 3
    outside = np.ones((64, 96), bool)
    outside[26:34, 38:46] = False
    assert (after[6][outside] == before[6][outside]).all()
    assert all((a == b).all() for i, (a, b) in enumerate(zip(after, before)) if i != 6)
    assert session.verify(project, footage["source"]).exact
    path.unlink()
    again(project, footage)
    assert all((a == b).all() for a, b in zip(master(project), before))


def test_a_frame_that_was_only_given_out_changes_nothing(project: Path, footage: Footage) -> None:
    session.retouch(project, [3, 6])
    files = stamps(project)
    again(project, footage)
    assert remade(files, project) == set()


def test_given_out_twice_a_retouched_frame_stays(project: Path) -> None:
    (path,) = session.retouch(project, [6])
    painted(path)
    mine = path.read_bytes()
    assert session.retouch(project, [6]) == [path]
    assert path.read_bytes() == mine


def test_a_picture_that_was_never_given_out_counts_too(project: Path, footage: Footage) -> None:
    (path,) = session.retouch(project, [6])
    painted(path)
    shutil.rmtree(path.parent / "before")
    again(project, footage, until="assemble")
    assert np.abs(master(project)[6][29:31, 41:43] - np.array([255, 0, 0])).max() <= 3


def test_what_is_changed_outside_the_region_stays_the_sources(project: Path, footage: Footage) -> None:
    before, progress = master(project), Steps()
    (path,) = session.retouch(project, [6])
    painted(path, np.s_[0:5, 0:10])
    painted(path)
    again(project, footage, progress=progress)
    after = master(project)
    assert (after[6][:10, :20] == before[6][:10, :20]).all()
    assert np.abs(after[6][29:31, 41:43] - np.array([255, 0, 0])).max() <= 3
    assert [note for note in progress.notes if "also changes 50 pixels outside the region" in note]
    assert session.verify(project, footage["source"]).exact


def test_rounding_by_another_program_is_no_retouching(project: Path, footage: Footage) -> None:
    before = master(project)
    (path,) = session.retouch(project, [6])
    picture = read(path).astype(int) + np.random.default_rng(1).integers(-2, 3, (64, 96, 3))
    cv2.imwrite(str(path), picture.clip(0, 255).astype(np.uint8))
    again(project, footage, until="assemble")
    assert all((a == b).all() for a, b in zip(master(project), before))


def half_written(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:60])


def smaller(path: Path) -> None:
    cv2.imwrite(str(path), read(path)[:32, :48])


def grey(path: Path) -> None:
    cv2.imwrite(str(path), read(path)[..., 0])


WRONG = {
    "half written": (half_written, "not a readable picture, or was only half written: save it again"),
    "cut near its end": (lambda path: path.write_bytes(path.read_bytes()[:-100]), "only half written"),
    "empty": (lambda path: path.write_bytes(b""), "not a readable picture"),
    "another size": (smaller, "is 48x32, the frame is 96x64: save it at that size"),
    "grey": (grey, "is a grey picture: save it in colour"),
}


@pytest.mark.parametrize(("spoil", "words"), WRONG.values(), ids=WRONG)
def test_a_wrong_file_is_one_sentence_and_nothing_is_lost(
    spoil: Any, words: str, project: Path, footage: Footage
) -> None:
    (path,) = session.retouch(project, [6])
    spoil(path)
    mine, before = path.read_bytes(), (project / "master.mp4").read_bytes()
    with pytest.raises(ProjectError, match=rf"retouched/000006\.png .*{words}"):
        again(project, footage)
    assert path.read_bytes() == mine
    assert (project / "master.mp4").read_bytes() == before


def test_more_bits_transparency_and_palettes_are_read() -> None:
    below = np.full((8, 8, 3), 100, np.uint8)
    deep = np.full((8, 8, 3), 150 * 257, np.uint16)
    assert (opened(cv2.imencode(".png", deep)[1].tobytes(), "a", below) == 150).all()
    layer = np.full((8, 8, 4), 200, np.uint8)
    layer[:4, :, 3], layer[4:, :, 3] = 0, 255
    found = opened(cv2.imencode(".png", layer)[1].tobytes(), "a", below)
    assert set(found[:4].ravel()) == {100}
    assert set(found[4:].ravel()) == {200}
    indexed = io.BytesIO()
    Image.fromarray(np.full((8, 8, 3), (10, 20, 30), np.uint8)).quantize(4).save(indexed, "PNG")
    assert (opened(indexed.getvalue(), "a", below) == (10, 20, 30)).all()


def test_files_that_have_no_place_are_named(project: Path, footage: Footage) -> None:
    (path,) = session.retouch(project, [6])
    painted(path)
    shutil.copy(path, path.with_name("000099.png"))
    shutil.copy(path, path.with_name("000006 copy.png"))
    progress = Steps()
    again(project, footage, progress=progress, until="refine")
    assert [n for n in progress.notes if "retouched/000099.png is not used: nothing is edited in frame 99" in n]
    assert [n for n in progress.notes if "retouched/000006 copy.png is not used" in n]
    assert {line["file"] for line in records(project) if line["stage"] == "refine"} >= {"refined.json"}


@pytest.mark.parametrize(("frame", "words"), [(99, "no frame 99"), (-1, "no frame -1")], ids=str)
def test_frames_that_are_not_there(frame: int, words: str, project: Path) -> None:
    with pytest.raises(ProjectError, match=words):
        session.retouch(project, [3, frame])
    assert not (project / "retouched").exists()


def test_nothing_is_given_out_before_there_is_an_edit(footage: Footage, tmp_path: Path) -> None:
    edit(tmp_path / "p", footage, until="extract")
    with pytest.raises(ProjectError, match="has no edit to retouch yet"):
        session.retouch(tmp_path / "p", [0])


def test_a_turned_video_is_given_out_upright(tmp_path: Path) -> None:
    source = make(Recipe(size=(96, 64), frames=4, rotation=90), tmp_path)
    folder = tmp_path / "p"
    values = {"source.path": str(source), "mask.path": "box:16,24,24,30", "keyframes.how": "seed", **BARE}
    session.run(folder, {**values, "inpaint.batch_count": 1}, preset="remove", engine=Recorder())
    (path,) = session.retouch(folder, [2])
    assert read(path).shape == (96, 64, 3)
    painted(path, np.s_[30:40, 20:30])
    session.run(folder, {}, engine=Recorder(), until="assemble")
    clip = open_clip(folder / "master.mp4")
    shown = upright(view(clip.with_table(list(clip.pts)).frame(2), clip.info.color), clip.info.rotation)
    assert np.abs(shown[33:37, 23:27] - np.array([255, 0, 0])).max() <= 16


# Healing a painted spot


def test_a_painted_spot_is_healed_and_taken_back(project: Path, footage: Footage) -> None:
    (path,) = session.retouch(project, [6])
    painted(path, SPOT, (0, 0, 0))
    spot = np.zeros((64, 96), np.uint8)
    spot[27:33, 39:45] = 255
    spot[:4] = 255
    ruined = read(path)
    assert session.heal(project, 6, spot) == path
    healed = read(path)
    assert healed[SPOT].mean() > 20, "no longer black"
    rest = spot == 0
    rest[:4] = True
    assert (healed[rest] == ruined[rest]).all(), "nothing else, and nothing outside the region"
    again(project, footage, until="assemble")
    assert np.abs(master(project)[6][29:31, 41:43].astype(int) - healed[29:31, 41:43, ::-1]).max() <= 4
    session.unretouch(project, 6)
    assert not path.exists()
    assert list((project / "kept/retouched").glob("000006-*.png"))


def test_a_spot_outside_the_region_is_refused(project: Path) -> None:
    spot = np.zeros((64, 96), np.uint8)
    spot[:4] = 255
    with pytest.raises(ProjectError, match="lies outside the region of frame 6"):
        session.heal(project, 6, spot)


# Spreading


def moving(count: int) -> tuple[dict[int, Planes], dict[int, Mask], Color]:
    """A textured picture with a dark spot at its middle that moves 2 pixels a frame to the left."""
    random = cv2.GaussianBlur(np.random.default_rng(3).integers(0, 256, (64, 160, 3)).astype(np.uint8), (0, 0), 3)
    wide = cv2.normalize(random, None, 60, 220, cv2.NORM_MINMAX)  # type: ignore[call-overload]
    cv2.circle(wide, (64, 32), 3, (10, 10, 10), -1, cv2.LINE_AA)
    fmt, color = pixel_format("yuv444p"), Color(matrix=1)
    empty = Planes(fmt, tuple(np.full((64, 96), value, np.uint8) for value in (16, 128, 128)))
    black, full = view(empty, color), np.ones((64, 96), np.float32)
    frames = (np.ascontiguousarray(wide[:, 10 + 2 * i : 106 + 2 * i]) for i in range(count))
    made = {i: apply_edit(empty, color, black, frame, full) for i, frame in enumerate(frames)}
    return made, dict.fromkeys(range(count), np.full((64, 96), 255, np.uint8)), color


def healed(made: dict[int, Planes], index: int, color: Color) -> Retouched:
    picture = view(made[index], color)
    spot = np.zeros((64, 96), np.uint8)
    cv2.circle(spot, (54 - 2 * index, 32), 6, 255, -1)
    return Retouched(index, np.asarray(cv2.inpaint(picture, spot, 3, cv2.INPAINT_TELEA), np.uint8), spot > 0)


def darkest(planes: Planes, index: int, color: Color) -> int:
    """How dark the spot is in a frame."""
    x = 54 - 2 * index
    return int(view(planes, color)[29:36, x - 3 : x + 4].mean(axis=2).min())


def test_a_healed_spot_spreads_along_the_motion() -> None:
    made, alphas, color = moving(9)
    result = laid(made, alphas, [healed(made, 4, color)], color, spread=6)
    assert darkest(made[2], 2, color) < 30
    for index in (2, 3, 4, 5, 6):
        assert darkest(result[index], index, color) > 60, index
    alone = laid(made, alphas, [healed(made, 4, color)], color, spread=0)
    assert darkest(alone[4], 4, color) > 60
    assert all(alone[i] is made[i] for i in made if i != 4)
    near = laid(made, alphas, [healed(made, 4, color)], color, spread=1)
    assert all((near[i].arrays[0] == made[i].arrays[0]).all() for i in (0, 1, 2, 6, 7, 8))


def test_a_retouched_frame_beside_another_keeps_what_it_shows() -> None:
    made, alphas, color = moving(6)
    one = healed(made, 2, color)
    mine = Retouched(3, np.full((64, 96, 3), 200, np.uint8), np.ones((64, 96), bool))
    result = laid(made, alphas, [one, mine], color, spread=4)
    assert np.abs(view(result[3], color).astype(int) - 200).max() <= 2
