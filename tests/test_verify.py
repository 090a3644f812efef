from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from media import SOURCES, Recipe, make, picture

from lib_vidpaint.clip import Clip, open_clip
from lib_vidpaint.encode import Encoding, Writer, gray_encoding, gray_info, gray_planes, master_encoding
from lib_vidpaint.errors import Cancelled
from lib_vidpaint.model import Box, Color, Mask, VideoInfo
from lib_vidpaint.pixels import pixel_format
from lib_vidpaint.planes import Planes, apply_edit, from_frame, splice, to_frame, view
from lib_vidpaint.progress import Progress
from lib_vidpaint.verify import verify
from lib_vidpaint.witness import samples

SPOT = Box(9, 11, 21, 13)
PAINT = (150, 120, 100)


def mask_of(info: VideoInfo) -> Mask:
    mask = np.zeros((info.height, info.width), np.uint8)
    mask[SPOT.slices] = 255
    return mask


def write_region(path: Path, clip: Clip, count: int | None = None, mask: Mask | None = None) -> Path:
    mask = mask_of(clip.info) if mask is None else mask
    with Writer(path, gray_info(clip.info.width, clip.info.height, Fraction(25)), gray_encoding()) as writer:
        for index in range(len(clip) if count is None else count):
            writer.write(gray_planes(mask), index)
    return path


def painted(planes: Planes, info: VideoInfo) -> Planes:
    box = SPOT.aligned(*planes.format.steps, info.width, info.height)
    crop = planes.crop(box)
    before = view(crop, info.color)
    after = np.empty_like(before)
    after[:] = PAINT
    patch = apply_edit(crop, info.color, before, after, np.ones(before.shape[:2], np.float32))
    target = planes.copy()
    splice(target, patch, mask_of(info)[box.slices], box)
    return target


def write_master(
    clip: Clip, path: Path, change=lambda index, planes: planes, info: VideoInfo | None = None, **options
) -> Path:
    start = clip.pts[0] if clip.span else 0
    encoding: Encoding = options.pop("encoding", master_encoding(clip.info, clip))
    options = {"audio_from": clip, "start_pts": start, **options}
    with Writer(path, info or clip.info, encoding, **options) as writer:
        for index, (pts, planes) in enumerate(clip.scan()):
            changed = change(index, planes)
            if changed is not None:
                writer.write(changed, pts)
    return path


@pytest.mark.parametrize("name", SOURCES)
def test_null_edit_is_exact(name: str, tmp_path: Path) -> None:
    clip = open_clip(SOURCES[name](tmp_path))
    check = verify(clip.path, write_master(clip, tmp_path / "master.mp4"), write_region(tmp_path / "region.mp4", clip))
    assert check.exact, check
    assert (check.frames, check.changed_outside, check.changed_inside) == (len(clip), 0, 0)
    assert check.audio_equal is (True if clip.info.audio else None)
    assert check.region_share == pytest.approx(SPOT.width * SPOT.height / (clip.info.width * clip.info.height))


@pytest.mark.parametrize("name", SOURCES)
def test_flat_edit_changes_the_region_only(name: str, tmp_path: Path) -> None:
    clip = open_clip(SOURCES[name](tmp_path))
    master = write_master(clip, tmp_path / "master.mp4", lambda _, planes: painted(planes, clip.info))
    check = verify(clip.path, master, write_region(tmp_path / "region.mp4", clip))
    assert check.exact, check
    assert check.changed_inside > 0
    seen = view(open_clip(master).frame(3), clip.info.color)[SPOT.slices][4:-4, 4:-4].astype(int)
    grey = pixel_format(clip.info.pixel_format).family == "gray"
    expected = np.array(PAINT) if not grey else np.full(3, round(np.dot(PAINT, (0.299, 0.587, 0.114))))
    # Coarse chroma and colours outside the RGB gamut below the paint keep it from being perfectly level.
    assert np.abs(np.median(seen, (0, 1)) - expected).max() <= 3


@pytest.mark.parametrize("name", ["h264-open-gop", "vfr", "late-video", "mpegts"])
def test_a_span_is_compared_with_its_part_of_the_source(name: str, tmp_path: Path) -> None:
    span = (Fraction(1, 5), Fraction(2, 5))
    clip = open_clip(SOURCES[name](tmp_path), span=span)
    master, region = write_master(clip, tmp_path / "master.mp4"), write_region(tmp_path / "region.mp4", clip)
    assert verify(clip.path, master, region, span).exact
    assert not verify(clip.path, master, region, (Fraction(6, 25), Fraction(2, 5))).exact
    assert not verify(clip.path, master, region).exact


def add_one(component: int, row: int, column: int, frame: int = 5):
    def change(index: int, planes: Planes) -> Planes:
        if index != frame:
            return planes
        planes = planes.copy()
        planes.arrays[component][row, column] ^= 1
        return planes

    return change


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("h264", add_one(0, 10, 15)),
        ("h264", add_one(1, 5, 8)),
        ("h264", add_one(2, 8, 4)),
        ("h264-2020-10bit", add_one(0, 47, 63)),
        ("prores-4444", add_one(3, 15, 15)),
        ("ffv1-bgra", add_one(3, 15, 15)),
        ("vp9-odd", add_one(1, 13, 17)),
        ("png-rgb48be", add_one(2, 40, 40)),
    ],
    ids=["luma", "chroma", "chroma-of-a-cut-cell", "10-bit", "alpha", "alpha-inside", "odd-corner", "16-bit"],
)
def test_one_sample_outside_is_found(name: str, change, tmp_path: Path) -> None:
    clip = open_clip(SOURCES[name](tmp_path))
    master = write_master(clip, tmp_path / "master.mp4", change)
    check = verify(clip.path, master, write_region(tmp_path / "region.mp4", clip))
    assert (check.exact, check.changed_outside, check.changed_outside_worst_frame) == (False, 1, 5)


def test_one_sample_inside_is_counted_there(tmp_path: Path) -> None:
    clip = open_clip(SOURCES["h264"](tmp_path))
    master = write_master(clip, tmp_path / "master.mp4", add_one(0, 11, 9))
    check = verify(clip.path, master, write_region(tmp_path / "region.mp4", clip))
    assert (check.exact, check.changed_inside, check.changed_outside_worst_frame) == (True, 1, -1)


@pytest.mark.parametrize("lost", [0, 6, 13], ids=["first", "middle", "last"])
def test_a_missing_frame_is_found(lost: int, tmp_path: Path) -> None:
    clip = open_clip(SOURCES["h264"](tmp_path))
    master = write_master(clip, tmp_path / "master.mp4", lambda index, planes: None if index == lost else planes)
    check = verify(clip.path, master, write_region(tmp_path / "region.mp4", clip))
    assert not check.exact
    assert check.problems[-1] == "After 13 frames the master ended, the others did not."


def test_a_region_that_is_too_short_is_found(tmp_path: Path) -> None:
    clip = open_clip(SOURCES["h264"](tmp_path))
    check = verify(clip.path, write_master(clip, tmp_path / "m.mp4"), write_region(tmp_path / "r.mp4", clip, 9))
    assert check.problems == ("After 9 frames the region ended, the others did not.",)


def test_a_moved_frame_is_found(tmp_path: Path) -> None:
    clip = open_clip(SOURCES["h264"](tmp_path))
    with Writer(tmp_path / "m.mp4", clip.info, master_encoding(clip.info)) as writer:
        for index, (pts, planes) in enumerate(clip.scan()):
            writer.write(planes, pts + (index == 4))
    check = verify(clip.path, tmp_path / "m.mp4", write_region(tmp_path / "r.mp4", clip))
    assert (check.exact, check.timestamps_equal, check.changed_outside) == (False, False, 0)


def test_other_sound_is_found(tmp_path: Path) -> None:
    clip = open_clip(SOURCES["late-video"](tmp_path))
    for folder in "bc":
        (tmp_path / folder).mkdir()
    other = open_clip(make(Recipe(audio=("aac",)), tmp_path / "b"))
    region = write_region(tmp_path / "r.mp4", clip)
    assert verify(clip.path, write_master(clip, tmp_path / "1.mp4", audio_from=None), region).audio_equal is False
    assert verify(clip.path, write_master(clip, tmp_path / "2.mp4", audio_from=other), region).audio_equal is True
    shifted = open_clip(SOURCES["late-audio"](tmp_path / "c"))
    assert verify(clip.path, write_master(clip, tmp_path / "3.mp4", audio_from=shifted), region).audio_equal is False


@pytest.mark.parametrize(
    ("what", "wrong"),
    [
        ("colour matrix", {"color": Color(matrix=1)}),
        ("range", {"color": Color(full_range=True)}),
        ("rotation", {"rotation": 180}),
        ("sample aspect", {"sample_aspect": Fraction(2)}),
        ("interlacing", {"interlaced": "top"}),
    ],
    ids=str,
)
def test_wrong_tags_are_found(what: str, wrong: dict, tmp_path: Path) -> None:
    clip = open_clip(SOURCES["h264"](tmp_path))
    master = write_master(clip, tmp_path / "m.mp4", info=replace(clip.info, **wrong))
    check = verify(clip.path, master, write_region(tmp_path / "r.mp4", clip))
    assert not check.exact
    assert what in check.problems[0]


def test_matroska_that_rounds_timestamps_is_not_exact(tmp_path: Path) -> None:
    clip = open_clip(SOURCES["ntsc"](tmp_path))
    encoding = replace(master_encoding(clip.info), container="matroska")
    master = write_master(clip, tmp_path / "m.mkv", encoding=encoding)
    assert not verify(clip.path, master, write_region(tmp_path / "r.mp4", clip)).timestamps_equal


def test_another_format_is_said_not_raised(tmp_path: Path) -> None:
    clip = open_clip(SOURCES["h264"](tmp_path))
    (tmp_path / "b").mkdir()
    other = SOURCES["h264-444-10bit"](tmp_path / "b")
    check = verify(clip.path, other, write_region(tmp_path / "r.mp4", clip))
    assert "another size or pixel format" in check.problems[-1]


def test_progress_can_cancel(tmp_path: Path) -> None:
    class Counting(Progress):
        def show(self, text: str, done: int, total: int) -> None:
            assert (text, total) == ("verifying", 14)
            if done == 5:
                self.cancel()

    clip = open_clip(SOURCES["h264"](tmp_path))
    master, region = write_master(clip, tmp_path / "m.mp4"), write_region(tmp_path / "r.mp4", clip)
    with pytest.raises(Cancelled):
        verify(clip.path, master, region, progress=Counting())


def _carried() -> list[str]:
    odd = ("pal8", "monob", "monow")
    names = []
    for name in sorted(av.video.format.names - set(odd)):
        try:
            pixel_format(name)
        except Exception:  # noqa: S112
            continue
        names.append(name)
    return names


@pytest.mark.parametrize("name", _carried())
def test_both_readers_see_the_same_samples(name: str) -> None:
    planes = picture(name, (36, 27), 0)
    frame = to_frame(planes, name)
    ours, theirs = from_frame(frame).arrays, samples(frame)
    assert len(ours) == len(theirs)
    assert all(np.array_equal(a, b) for a, (_, b) in zip(ours, theirs))
