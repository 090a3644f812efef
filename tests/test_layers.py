"""The layer for editing programs: laid over the original it is the master."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import av.filter
import cv2
import numpy as np
import pytest
from conftest import FRAMES
from media import Recipe, make
from projects import copied, edit

from lib_vidpaint import session
from lib_vidpaint.clip import open_clip, read_planes_of
from lib_vidpaint.layers import SCALE, counted_on, opacity, timecode
from lib_vidpaint.pixels import pixel_format
from lib_vidpaint.planes import Planes, from_frame
from lib_vidpaint.regions import read_region

Footage = dict[str, Path]
BASE = Fraction(1, 25)


@pytest.fixture
def project(finished: Path, footage: Footage, tmp_path: Path) -> Path:
    folder = copied(finished, tmp_path / "project")
    edit(folder, footage)
    return folder


def frames(path: Path) -> Iterator[av.VideoFrame]:
    with av.open(str(path)) as file:
        for index, frame in enumerate(file.decode(video=0)):
            frame.pts, frame.time_base = index, BASE
            yield frame


def composed(under: Path, over: Path) -> list[Planes]:
    """FFmpeg's overlay of one file on another, in 10-bit 4:4:4."""
    graph, (low, high) = av.filter.Graph(), (next(frames(under)), next(frames(over)))
    below, above = (
        graph.add_buffer(width=f.width, height=f.height, format=f.format, time_base=BASE) for f in (low, high)
    )
    overlay, sink = graph.add("overlay", "format=yuv444p10"), graph.add("buffersink")
    below.link_to(overlay, 0, 0)
    above.link_to(overlay, 0, 1)
    overlay.link_to(sink)
    graph.configure()
    for one, other in zip(frames(under), frames(over), strict=True):
        below.push(one)
        above.push(other)
    below.push(None)
    above.push(None)
    return list(pulled(graph))


def pulled(graph: Any) -> Iterator[Planes]:
    while True:
        try:
            yield from_frame(graph.pull())
        except (EOFError, BlockingIOError):
            return


def wide(path: Path, to: str = "yuv444p10le") -> list[Planes]:
    """The frames of a file in a pixel format without subsampling, by FFmpeg's most exact conversion."""
    graph, first = av.filter.Graph(), next(frames(path))
    source = graph.add_buffer(width=first.width, height=first.height, format=first.format, time_base=BASE)
    steps = [graph.add("scale", SCALE), graph.add("format", to), graph.add("buffersink")]
    for one, other in zip([source, *steps], steps):
        one.link_to(other)
    graph.configure()
    found = []
    for frame in frames(path):
        graph.push(frame)
        found += [next(pulled(graph))]
    return found


def test_prores_laid_over_the_original_is_the_master_within_a_code(project: Path, footage: Footage) -> None:
    session.run(project, {"package.layer": "prores"})
    layer, master = project / "package/layer.mov", project / "master.mp4"
    pairs = list(zip(composed(footage["source"], layer), wide(master), strict=True))
    assert len(pairs) == FRAMES
    for made, wanted in pairs:
        off = [np.abs(a.astype(int) - b).max() for a, b in zip(made.arrays, wanted.arrays)]
        assert max(off) <= 4, "more than one of 255"
    changed = [
        np.abs(a.arrays[0].astype(int) - b.arrays[0]).max() for a, b in zip(wide(footage["source"]), wide(master))
    ]
    assert max(changed) > 20, "there was something to lay over"


def test_prores_has_the_times_the_note_and_a_timecode(project: Path, footage: Footage) -> None:
    session.run(project, {"package.layer": "prores"})
    layer, source = open_clip(project / "package/layer.mov"), open_clip(footage["source"])
    seconds = [[p * clip.info.time_base for p in clip.pts] for clip in (layer, source)]
    assert seconds[0] == seconds[1]
    with av.open(str(project / "package/layer.mov")) as file:
        assert file.metadata["comment"].startswith("Edited by")
        assert file.streams.video[0].metadata["timecode"] == "00:00:00:00"


@pytest.mark.parametrize(("kind", "bits", "to"), [("png", 8, "gbrp"), ("png16", 16, "gbrp16le")], ids=["8", "16"])
def test_pictures_laid_over_the_original_are_the_master(kind: str, bits: int, to: str, project: Path) -> None:
    session.run(project, {"package.layer": kind})
    pictures = sorted((project / "package/layer").glob("*.png"))
    assert [path.stem for path in pictures] == [f"{index:06d}" for index in range(FRAMES)]
    masters, regions = wide(project / "master.mp4", to), read_region(project / "region.mp4")
    for path, master, region in zip(pictures, masters, regions, strict=True):
        layer = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        assert layer is not None
        assert layer.dtype == (np.uint8 if bits == 8 else np.uint16)
        opaque = layer[..., 3] == (1 << bits) - 1
        assert (layer[~opaque] == 0).all()
        assert (opaque >= (region > 0)).all()
        shown = np.dstack(master.arrays[::-1])[opaque]
        assert np.abs(layer[..., :3][opaque].astype(int) - shown).max() <= 1 << (bits - 8)


@pytest.mark.parametrize(
    "values", [{"package.layer": "off"}, {"package.layer": "prores"}], ids=["off", "the other kind"]
)
def test_a_layer_that_is_not_wanted_goes(values: dict[str, Any], project: Path) -> None:
    session.run(project, {"package.layer": "png"})
    session.run(project, values)
    assert not list((project / "package/layer").glob("*"))


@pytest.mark.parametrize(
    "recipe",
    [
        Recipe(file="clip.mkv", codec="ffv1", pixels="gbrp10le", size=(35, 27), ticks=1000, frames=2),
        Recipe(file="clip.mkv", codec="ffv1", pixels="gray", size=(36, 28), ticks=1000, frames=1),
        Recipe(pixels="yuvj420p", full=True, tags=(5, 1, 6), frames=2),
        Recipe(pixels="yuv422p10le", tags=(9, 9, 14), frames=2),
        Recipe(rotation=90, size=(64, 48), frames=2),
    ],
    ids=["RGB and odd sides", "grey, one frame", "full range", "BT.2020", "rotated"],
)
def test_every_kind_of_source_has_a_layer(recipe: Recipe, tmp_path: Path) -> None:
    source = make(recipe, tmp_path)
    values = {"source.path": str(source), "mask.path": "box:8,8,12,12", "package.layer": "prores"}
    folder = tmp_path / "p"
    session.run(folder, values, preset="remove")
    layers = list(read_planes_of(folder / "package/layer.mov"))
    assert len(layers) == recipe.frames
    assert layers[0].format.alpha


def test_the_layer_reaches_beyond_subsampled_regions_only() -> None:
    region = np.zeros((20, 20), np.uint8)
    region[8:12, 8:12] = 255
    for name, side in (("yuv420p", 8), ("yuv444p", 4), ("gbrp", 4)):
        fmt = pixel_format(name)
        planes = Planes(fmt, tuple(np.zeros(fmt.shape(i, 20, 20), fmt.dtype) for i in range(3)))
        assert (opacity(region, planes) > 0).sum() == side * side


NTSC = Fraction(30000, 1001)


@pytest.mark.parametrize(
    ("begin", "frames", "fps", "wanted"),
    [
        ("01:00:00:00", 26, Fraction(25), "01:00:01:01"),
        ("23:59:59:24", 1, Fraction(25), "00:00:00:00"),
        ("00:00:59;29", 1, NTSC, "00:01:00;02"),
        ("00:09:59;29", 1, NTSC, "00:10:00;00"),
        ("00:00:00;00", 17982, NTSC, "00:10:00;00"),
        ("00:00:00;00", 1800, NTSC, "00:01:00;02"),
        ("nonsense", 0, Fraction(25), ""),
    ],
)
def test_timecodes_are_counted(begin: str, frames: int, fps: Fraction, wanted: str) -> None:
    assert counted_on(begin, frames, fps) == wanted


def test_a_span_begins_at_its_own_timecode(tmp_path: Path) -> None:
    source = make(Recipe(), tmp_path)
    assert timecode(open_clip(source, span=(Fraction(1, 5), None))) == "00:00:00:05"
