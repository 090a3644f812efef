"""The package: complete, checked by its own hashes, and enough by itself to verify and to render."""

from __future__ import annotations

import hashlib
import json
import shutil
import zipfile
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest
from conftest import FRAMES
from media import Recipe, make
from projects import copied, decoded, edit, remade, stamps

from lib_vidpaint import comparison, session
from lib_vidpaint.contact import GREEN
from lib_vidpaint.ledger import digest_file
from lib_vidpaint.model import Frame

Footage = dict[str, Path]
EXTRAS = {"package.side_by_side": True, "package.wipe": True, "package.zip": True}


@pytest.fixture
def project(finished: Path, footage: Footage, tmp_path: Path) -> Path:
    """A copy of the finished project that knows where its source is."""
    folder = copied(finished, tmp_path / "project")
    edit(folder, footage)
    return folder


def test_every_file_of_the_package_has_its_hash(finished: Path) -> None:
    package = finished / "package"
    lines = (package / "hashes.txt").read_text().splitlines()
    hashes = {name: found for found, name in (line.split("  ") for line in lines)}
    there = {path.relative_to(package).as_posix() for path in package.rglob("*") if path.is_file()}
    assert there - {"hashes.txt"} == hashes.keys()
    assert all(hashlib.sha256((package / name).read_bytes()).hexdigest() == found for name, found in hashes.items())


def test_the_source_and_every_artifact_have_theirs(finished: Path, footage: Footage) -> None:
    lines = (finished / "package/artifacts.txt").read_text().splitlines()
    hashes = {name: found for found, name in (line.split("  ") for line in lines)}
    assert hashes.pop(footage["source"].name) == digest_file(footage["source"])
    assert {"alpha/000000.png", "region.mp4", "master.mp4", "share.mp4", "choices.json"} <= hashes.keys()
    assert all(digest_file(finished / name) == found for name, found in hashes.items())


def test_the_package_alone_is_verified_and_rendered(finished: Path, footage: Footage, tmp_path: Path) -> None:
    package = tmp_path / "elsewhere"
    shutil.copytree(finished / "package", package)
    assert session.verify(package, footage["source"]).exact
    (package / "master.mp4").unlink()
    session.render(package, footage["source"], tmp_path / "again.mp4")
    assert decoded(tmp_path / "again.mp4") == decoded(finished / "master.mp4")
    assert comment(tmp_path / "again.mp4") == comment(finished / "master.mp4")


def comment(path: Path) -> str:
    with av.open(str(path)) as file:
        return file.metadata["comment"]


def test_every_video_says_what_was_edited_and_names_no_folder(project: Path) -> None:
    session.run(project, EXTRAS)
    for name in ("master", "share", "comparison", "side-by-side", "wipe"):
        said = comment(project / f"package/{name}.mp4")
        assert said.startswith("Edited by software without a generative model (Video Inpaint, builtin): frames 0-13")
        assert "/" not in said
    assert str(project.parent) not in (project / "package/run.log").read_text()


def test_extras_are_made_in_one_pass_and_removed_when_they_are_not_wanted(project: Path) -> None:
    before = stamps(project)
    session.run(project, EXTRAS)
    made = {name for name in remade(before, project) if name.endswith((".mp4", ".zip"))}
    assert made == {"package/side-by-side.mp4", "package/wipe.mp4", "package.zip"}
    session.run(project, dict.fromkeys(EXTRAS, False))
    assert not (project / "package.zip").exists()
    assert not (project / "package/wipe.mp4").exists()


def test_the_zip_holds_the_package(project: Path) -> None:
    session.run(project, {"package.zip": True})
    with zipfile.ZipFile(project / "package.zip") as archive:
        assert archive.testzip() is None
        names = {name.removeprefix("package/") for name in archive.namelist()}
        assert archive.read("package/report.html") == (project / "package/report.html").read_bytes()
    package = project / "package"
    assert names == {path.relative_to(package).as_posix() for path in package.rglob("*") if path.is_file()}


def test_a_grid_shows_the_keyframe_and_its_candidates(finished: Path) -> None:
    chosen = {choice["key"]: choice["candidate"] for choice in json.loads((finished / "choices.json").read_text())}
    for path in sorted((finished / "package/grids").glob("*.jpg")):
        grid = cv2.imread(str(path))
        assert grid is not None
        key = int(path.stem)
        first = cv2.imread(str(finished / f"candidates/{key:06d}/00.png"))
        assert first is not None
        assert grid.shape[0] == 224
        assert grid.shape[1] == pytest.approx(3 * (220 * first.shape[1] / first.shape[0] + 4), abs=3)
        cells = np.split(grid[2, : grid.shape[1] // 3 * 3].astype(int), 3)
        framed = [bool((np.abs(cell[8:-16] - GREEN[::-1]).mean()) < 40) for cell in cells]
        assert framed == [False, *(number == chosen[key] for number in range(2))]


SOURCE, RESULT = np.full((64, 96, 3), 40, np.uint8), np.full((64, 96, 3), 200, np.uint8)
REGION = np.full((64, 96), 255, np.uint8)


@pytest.mark.parametrize(
    ("name", "size"), [("comparison", (128, 192)), ("side-by-side", (64, 192)), ("wipe", (64, 96))]
)
def test_a_layout_is_as_large_as_it_says(name: str, size: tuple[int, int]) -> None:
    layout, (across, down) = comparison.LAYOUTS[name]
    laid = layout(SOURCE, REGION, RESULT, 1.0)
    assert laid.shape[:2] == size == (64 * down, 96 * across)


def wiped(seconds: float) -> Frame:
    return comparison.wipe(SOURCE, REGION, RESULT, seconds)


def test_the_wipe_goes_there_and_back() -> None:
    shares = [(wiped(seconds)[40:] == 40).all(axis=2).mean() for seconds in (0, 0.5, 1, 1.5, 2)]
    assert shares[0] == 0
    assert shares[-1] > 0.9
    assert all(a < b for a, b in pairwise(shares))
    assert (wiped(1.0) == wiped(3.0)).all()


@pytest.mark.parametrize("values", [{"assemble.master": "off"}, {"package.master": False}], ids=["none", "left out"])
def test_a_package_without_a_master(values: dict[str, Any], project: Path, footage: Footage, tmp_path: Path) -> None:
    wanted = decoded(project / "master.mp4")
    session.run(project, values)
    assert not (project / "package/master.mp4").exists()
    assert (project / "package/report.html").exists()
    session.render(project / "package", footage["source"], tmp_path / "again.mp4")
    assert decoded(tmp_path / "again.mp4") == wanted
    assert len(wanted[0]) == FRAMES


@pytest.mark.parametrize(
    "recipe",
    [
        Recipe(file="clip.mkv", codec="ffv1", pixels="yuv420p", size=(35, 27), ticks=1000, frames=5),
        Recipe(frames=1),
        Recipe(frames=2, audio=("aac",)),
        Recipe(rotation=90, sar=Fraction(4, 3), frames=3, pixels="yuv422p10le", tags=(9, 9, 14)),
    ],
    ids=["odd sides", "1 frame", "2 frames", "rotated 10 bits"],
)
def test_every_part_of_the_package_of_a_strange_clip(recipe: Recipe, tmp_path: Path) -> None:
    source = make(recipe, tmp_path)
    values = {
        "source.path": str(source), "mask.path": "box:8,8,12,12", "package.layer": "png16", "enhance.grain": "on",
        "enhance.match": 1.0, "assemble.speed": 0.95, "assemble.fps": "30", "enhance.levels": 0.5, **EXTRAS,
    }  # fmt: skip
    session.run(tmp_path / "p", values, preset="remove")
    package = tmp_path / "p/package"
    for name in ("comparison", "side-by-side", "wipe"):
        assert len(decoded(package / f"{name}.mp4")[0]) == recipe.frames
    assert len(list((package / "layer").glob("*.png"))) == recipe.frames
    assert session.verify(package, source).exact
    assert (package / "report.html").exists()
