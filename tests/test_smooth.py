"""Stage smooth: a copy with in-between frames beside the exact master, made only when asked for."""

from __future__ import annotations

import re
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from av import filter as filters
from conftest import FRAMES
from fakes import Recorder
from projects import FEW, copied, edit, remade, stamps

from lib_vidpaint import session
from lib_vidpaint.clip import read_planes_of
from lib_vidpaint.encode import lossless_bytes
from lib_vidpaint.errors import SettingsError, VideoError
from lib_vidpaint.model import VideoInfo
from lib_vidpaint.pixels import pixel_format
from lib_vidpaint.planes import Planes

Footage = dict[str, Path]


@pytest.fixture
def project(finished: Path, footage: Footage, tmp_path: Path) -> Path:
    """A copy of the finished project that knows where its source is."""
    folder = copied(finished, tmp_path / "project")
    edit(folder, footage)
    return folder


def times(path: Path) -> list[float]:
    with av.open(str(path)) as file:
        return [float(frame.time or 0) for frame in file.decode(video=0)]


def test_it_is_made_only_when_asked_for(project: Path, footage: Footage) -> None:
    assert not (project / "smooth.mp4").exists()
    before = stamps(project)
    session.run(project, {"smooth.factor": 2})
    made = remade(before, project)
    assert {"smooth.mp4", "smooth.json", "package/smooth.mp4"} <= made
    assert not made & {"master.mp4", "share.mp4", "package/comparison.mp4"}
    assert times(project / "smooth.mp4") == pytest.approx(np.arange(2 * FRAMES) / 50, abs=1e-3)
    with av.open(str(project / "smooth.mp4")) as smooth, av.open(str(project / "share.mp4")) as share:
        assert [bytes(p) for p in smooth.demux(audio=0)] == [bytes(p) for p in share.demux(audio=0)]
    found = session.verify(project, footage["source"])
    assert found.exact
    assert found.ended_by == ("smooth.factor = 2 in smooth.mp4 (the master is exact)",)
    assert "smooth.factor" in (project / "package/receipt.txt").read_text()
    before = stamps(project)
    session.run(project, {})
    assert not remade(before, project)
    session.run(project, {"smooth.factor": 1})
    assert not [*project.rglob("smooth.*")]
    assert not session.verify(project, footage["source"]).ended_by


@pytest.mark.parametrize("how", ["flow", "minterpolate"])
@pytest.mark.parametrize("fps", ["60", "30000/1001"])
def test_a_rate_of_its_own(how: str, fps: str, project: Path) -> None:
    session.run(project, {"smooth.fps": fps, "smooth.how": how}, until="smooth")
    made = times(project / "smooth.mp4")
    rate = {"60": 60, "30000/1001": 30000 / 1001}[fps]
    assert np.diff(made) == pytest.approx(1 / rate, abs=1e-3)
    assert len(made) == pytest.approx(FRAMES / 25 * rate, abs=1.5)


def test_it_has_what_the_share_copy_has(project: Path, footage: Footage) -> None:
    session.run(project, {"smooth.factor": 2, "assemble.speed": 0.5, "assemble.filters": "negate"}, until="smooth")
    assert times(project / "smooth.mp4")[::2] == pytest.approx(times(project / "share.mp4"), abs=1e-3)
    level = [float(np.mean(next(read_planes_of(project / name)).arrays[0])) for name in ("smooth.mp4", "share.mp4")]
    assert level[0] == pytest.approx(level[1], abs=1)
    said = [phrase.split(" = ")[0] for phrase in session.verify(project, footage["source"]).ended_by]
    assert said.count("assemble.speed") == 2
    assert said.count("smooth.factor") == 1


def test_nothing_is_mixed_where_a_shot_begins(tmp_path: Path) -> None:
    """12 dark frames and 12 bright ones: no frame in between is grey."""
    shots = [np.full((64, 96), 40, np.uint8), np.full((64, 96), 200, np.uint8)]
    for shot, place in zip(shots, (10, 60)):
        shot[20:40, place : place + 15] += 30
    source = tmp_path / "source.mp4"
    info = VideoInfo(96, 64, "yuv420p", "h264", "mp4", Fraction(25), Fraction(1, 25))
    grey = np.full((32, 48), 128, np.uint8)
    frames = (Planes(pixel_format("yuv420p"), (shots[index // 12], grey, grey)) for index in range(24))
    source.write_bytes(lossless_bytes(frames, info, Fraction(25)))
    values = {"source.path": str(source), "mask.path": "box:30,20,24,20", "smooth.factor": 3, **FEW}
    session.run(tmp_path / "project", values, preset="remove", until="smooth")
    levels = [int(np.median(planes.arrays[0])) for planes in read_planes_of(tmp_path / "project/smooth.mp4")]
    assert len(levels) == 72
    assert {min((40, 200), key=lambda level: abs(level - found)) for found in levels} == {40, 200}
    assert all(min(abs(found - 40), abs(found - 200)) < 8 for found in levels)


@pytest.mark.parametrize("values", [{"smooth.fps": "0"}, {"smooth.fps": "fast"}], ids=str)
def test_a_rate_that_is_none(values: dict[str, Any], project: Path) -> None:
    with pytest.raises(SettingsError, match=r"smooth\.fps"):
        session.run(project, values)


@pytest.mark.parametrize(
    "values",
    [
        pytest.param(
            {"smooth.how": "minterpolate", "smooth.factor": 2, "assemble.filters": "crop=40:30"}, id="too small"
        ),
        pytest.param({"smooth.fps": "fast"}, id="no rate"),
        pytest.param({"assemble.fps": "0"}, id="no rate of the share copy"),
        pytest.param({"assemble.filters": "eq=contrast=loud"}, id="filters"),
        pytest.param({"refine.models": "R-ESRGAN 4x+:2"}, id="opacity"),
        pytest.param({"smooth.models": "Lanczos:x:9"}, id="opacity in smooth"),
    ],
)
def test_what_copies_cannot_have_is_refused_before_anything_is_painted(
    values: dict[str, Any], footage: Footage, tmp_path: Path
) -> None:
    given = {"source.path": str(footage["source"]), "mask.path": str(footage["mask"]), **values}
    engine = Recorder()
    with pytest.raises(SettingsError, match="|".join(name.replace(".", r"\.") for name in values)):
        session.run(tmp_path / "new", given, engine=engine)
    assert not engine.jobs
    assert not (tmp_path / "new").exists()


def test_small_pictures_are_named_with_the_way_out(project: Path) -> None:
    values = {"smooth.how": "minterpolate", "smooth.factor": 2, "assemble.filters": "crop=40:30"}
    words = "smooth.how: minterpolate needs pictures of at least 32x32 and would get 40x30: set smooth.how to flow."
    with pytest.raises(SettingsError, match=re.escape(words)):
        session.run(project, values, until="smooth")
    session.run(project, {**values, "smooth.how": "flow"}, until="smooth")
    assert len(times(project / "smooth.mp4")) == 2 * FRAMES


def test_a_missing_filter_is_named(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(filters, "filters_available", filters.filters_available - {"minterpolate"})
    with pytest.raises(VideoError, match="no filter 'minterpolate'"):
        session.run(project, {"smooth.factor": 2, "smooth.how": "minterpolate"})
    assert not (project / "smooth.mp4").exists()
    assert not [*project.rglob("*.vidpaint-part")]
