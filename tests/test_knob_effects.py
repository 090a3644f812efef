"""What a person sees when a knob of the last stages is turned: the finished videos change as its help says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest
from media import Recipe, make
from projects import FEW, copied, edit

from lib_vidpaint import session
from lib_vidpaint.clip import read_planes_of
from lib_vidpaint.model import Frame

Footage = dict[str, Path]
NEUTRAL = {"enhance.grain": "off"}


@dataclass(frozen=True)
class Seen:
    """A finished video's pictures, and those of the source and its region."""

    pictures: list[Frame]
    source: list[Frame]
    inside: list[Any]

    def mean(self, channel: int | None = None) -> float:
        """The mean level inside the region, of one channel or all."""
        pick = slice(None) if channel is None else channel
        return float(np.mean([p[i][..., pick].mean() for p, i in zip(self.pictures, self.inside)]))

    def spread(self) -> float:
        return float(np.std(np.concatenate([p[i] for p, i in zip(self.pictures, self.inside)])))

    def detail(self) -> float:
        """How much neighbouring samples differ inside the region."""
        fine = [np.abs(cv2.Laplacian(p.astype(np.float32), cv2.CV_32F)).mean(axis=2) for p in self.pictures]
        return float(np.mean([f[i].mean() for f, i in zip(fine, self.inside)]))

    def apart(self) -> float:
        """How far the edit is from the source."""
        pairs = zip(self.pictures, self.source, self.inside)
        return float(np.mean([np.abs(p[i].astype(int) - s[i]).mean() for p, s, i in pairs]))


def pictures(path: Path) -> list[Frame]:
    with av.open(str(path)) as file:
        return [frame.to_ndarray(format="rgb24") for frame in file.decode(video=0)]


def seen(folder: Path, source: Path, video: str = "master.mp4") -> Seen:
    inside = [planes.arrays[0] > 0 for planes in read_planes_of(folder / "region.mp4")]
    return Seen(pictures(folder / video), pictures(source), inside)


@pytest.fixture
def project(finished: Path, footage: Footage, tmp_path: Path) -> Path:
    """A copy of the finished project that knows where its source is."""
    folder = copied(finished, tmp_path / "project")
    edit(folder, footage, NEUTRAL, until="assemble")
    return folder


EFFECTS: dict[str, tuple[dict[str, Any], Callable[[Seen, Seen], bool]]] = {
    "lift": ({"enhance.lift": "0.2"}, lambda old, new: new.mean() > old.mean() + 8),
    "lift of red": ({"enhance.lift": "-0.2, 0, 0"}, lambda old, new: new.mean(0) < old.mean(0) - 8),
    "gamma": ({"enhance.gamma": "2"}, lambda old, new: new.mean() > old.mean() + 15),
    "gain": ({"enhance.gain": "0.5"}, lambda old, new: 0.45 < new.mean() / old.mean() < 0.65),
    "sharpen": ({"enhance.sharpen": 3.0}, lambda old, new: new.detail() > 1.1 * old.detail()),
    "denoise": ({"enhance.denoise": 1.0}, lambda old, new: new.detail() < 0.98 * old.detail()),
    "overlay": ({"enhance.overlay": 0.5}, lambda old, new: abs(new.apart() - old.apart() / 2) < 0.15 * old.apart() + 1),
    "the original alone": ({"enhance.overlay": 1.0}, lambda old, new: new.apart() < 1.5 < old.apart()),
    "levels": ({"enhance.levels": 1.0}, lambda old, new: new.spread() > 1.02 * old.spread()),
    "table": ({"enhance.lut": "red.cube"}, lambda old, new: abs(new.mean(1) - 0.7 * old.mean(1)) < 5),
    "grain": ({"enhance.grain": "on"}, lambda old, new: new.detail() > old.detail()),
}


@pytest.mark.parametrize(("values", "as_said"), EFFECTS.values(), ids=EFFECTS)
def test_a_correction_of_the_region_does_what_it_says(
    values: dict[str, Any], as_said: Callable[[Seen, Seen], bool], project: Path, footage: Footage, tmp_path: Path
) -> None:
    rows = [f"{r} {0.7 * g} {0.7 * b}" for b in (0, 1) for g in (0, 1) for r in (0, 1)]
    (tmp_path / "red.cube").write_text("LUT_3D_SIZE 2\n" + "\n".join(rows))
    if "enhance.lut" in values:
        values = {"enhance.lut": str(tmp_path / "red.cube")}
    old = seen(project, footage["source"])
    session.run(project, {**NEUTRAL, **values}, until="assemble")
    assert as_said(old, seen(project, footage["source"]))


def test_a_dark_shot_is_brought_to_a_usual_brightness(tmp_path: Path) -> None:
    source = make(Recipe(size=(96, 64), frames=5), tmp_path)
    dark = tmp_path / "dark.mp4"
    with av.open(str(source)) as file, av.open(str(dark), "w") as out:
        stream: Any = out.add_stream("libx264", rate=25, options={"qp": "0"}, width=96, height=64)
        stream.pix_fmt = "yuv420p"
        for frame in file.decode(video=0):
            picture = av.VideoFrame.from_ndarray(frame.to_ndarray(format="rgb24") // 4, format="rgb24")
            out.mux(stream.encode(picture))
        out.mux(stream.encode(None))
    values = {"source.path": str(dark), "mask.path": "box:30,20,24,20", **FEW, **NEUTRAL}
    session.run(tmp_path / "p", values, preset="remove", until="assemble")
    old = seen(tmp_path / "p", dark)
    session.run(tmp_path / "p", {"enhance.brightness": 1.0}, until="assemble")
    assert seen(tmp_path / "p", dark).mean() > old.mean() + 20


def test_the_whole_frame_is_corrected_in_the_share_copy(project: Path) -> None:
    old = np.mean([picture.mean() for picture in pictures(project / "share.mp4")])
    session.run(project, {**NEUTRAL, "enhance.scope": "frame", "enhance.gain": "0.5"}, until="assemble")
    new = np.mean([picture.mean() for picture in pictures(project / "share.mp4")])
    assert abs(new - old / 2) < 6


def test_more_crf_is_smaller_and_farther_from_the_master(project: Path) -> None:
    before, old = (project / "share.mp4").stat().st_size, seen(project, project / "master.mp4", "share.mp4").apart()
    session.run(project, {**NEUTRAL, "assemble.crf": 45.0}, until="assemble")
    assert (project / "share.mp4").stat().st_size < before
    assert seen(project, project / "master.mp4", "share.mp4").apart() > old


def test_without_sound_the_copy_has_none_and_the_master_does(project: Path) -> None:
    session.run(project, {**NEUTRAL, "assemble.sound": "drop"}, until="assemble")
    with av.open(str(project / "share.mp4")) as share, av.open(str(project / "master.mp4")) as master:
        assert (len(share.streams.audio), len(master.streams.audio)) == (0, 1)


@pytest.mark.parametrize("between", ["nearest", "blend", "flow"])
def test_what_is_shown_between_two_frames(between: str, project: Path) -> None:
    values = {"assemble.fps": "50", "assemble.between": between, "assemble.crf": 1.0}
    session.run(project, {**NEUTRAL, **values}, until="assemble")
    shown = [picture.astype(int) for picture in pictures(project / "share.mp4")]
    one, middle, other = shown[4], shown[5], shown[6]
    step = np.abs(other - one).mean()
    assert step > 1
    near = min(np.abs(middle - one).mean(), np.abs(middle - other).mean())
    assert near < 0.2 * step if between == "nearest" else near > 0.2 * step
    assert (np.abs(middle - (one + other) / 2).mean() < 0.2 * step) == (between == "blend")
