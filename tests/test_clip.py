from __future__ import annotations

import gc
import os
import shutil
import threading
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from media import SOURCES, Recipe, changed_outside, folder_of_pictures, make, picture

from lib_vidpaint.clip import Clip, open_clip, read_planes_of
from lib_vidpaint.errors import VideoError
from lib_vidpaint.model import Color
from lib_vidpaint.planes import Planes, to_frame


def same(a: Planes, b: Planes) -> bool:
    return changed_outside(a, b, None) == 0


@pytest.mark.parametrize("name", SOURCES)
def test_every_frame_can_be_fetched_alone(name: str, tmp_path: Path) -> None:
    clip = open_clip(SOURCES[name](tmp_path))
    scanned = [(pts, planes.copy()) for pts, planes in clip.scan()]
    again = open_clip(clip.path).with_table([pts for pts, _ in scanned])
    assert len(again) == len(scanned) > 4
    for index in range(len(scanned) - 1, -1, -2):
        assert same(again.frame(index), scanned[index][1]), index
    middle = [planes.copy() for planes in again.frames(2, 4)]
    assert [same(a, b) for a, (_, b) in zip(middle, scanned[2:4])] == [True, True]


def test_open_gop_frames_before_a_keyframe_are_exact(tmp_path: Path) -> None:
    """A seek to such a frame may land on the keyframe shown after it, and what it refers to is missing."""
    clip = open_clip(SOURCES["h264-open-gop"](tmp_path))
    scanned = [planes.copy() for _, planes in clip.scan()]
    assert [index for index in range(len(clip)) if not same(clip.frame(index), scanned[index])] == []


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("h264-601", {"color": Color(6, 6, 6), "codec": "h264", "container": "mp4", "pixel_format": "yuv420p"}),
        ("h264-2020-10bit", {"color": Color(9, 9, 14), "pixel_format": "yuv420p10le"}),
        ("h264-full", {"color": Color(5, 1, 6, full_range=True), "pixel_format": "yuvj420p"}),
        ("h264-sar", {"sample_aspect": Fraction(4, 3)}),
        ("h264-rotated", {"rotation": 90, "width": 64, "height": 48}),
        ("h264-interlaced", {"interlaced": "top"}),
        ("ntsc", {"time_base": Fraction(1, 30000)}),
        ("prores-4444", {"container": "mov", "codec": "prores"}),
        ("vp9-odd", {"container": "matroska", "codec": "vp9", "width": 35, "height": 27}),
        ("png-rgb48be", {"container": "pictures", "codec": "png", "time_base": Fraction(1, 25)}),
    ],
    ids=str,
)
def test_info(name: str, expected: dict, tmp_path: Path) -> None:
    info = open_clip(SOURCES[name](tmp_path)).info
    assert {key: getattr(info, key) for key in expected} == expected


def test_info_of_tracks(tmp_path: Path) -> None:
    info = open_clip(SOURCES["two-audio"](tmp_path)).info
    assert [(a.codec, a.rate, a.channels) for a in info.audio] == [("aac", 44100, 2), ("mp3", 44100, 2)]
    assert all(isinstance(phrase, str) for phrase in info.others)


@pytest.mark.parametrize("name", ["late-video", "vfr", "edit-list"])
def test_timestamps_are_the_files_own(name: str, tmp_path: Path) -> None:
    clip = open_clip(SOURCES[name](tmp_path))
    times = [pts * clip.info.time_base for pts in clip.pts]
    if name == "late-video":
        assert times[:2] == [Fraction(7, 100), Fraction(11, 100)]
    elif name == "vfr":
        assert times == [Fraction(i * 40 + (i * i * 7) % 23, 1000) for i in range(14)]
    else:
        assert (len(times), times[0]) == (15, 0)


def test_mpegts_counts_from_the_files_start(tmp_path: Path) -> None:
    clip = open_clip(SOURCES["mpegts"](tmp_path))
    assert 0 <= clip.pts[0] * clip.info.time_base < Fraction(1, 10)


@pytest.mark.parametrize("name", ["h264", "h264-open-gop", "mpegts", "mpeg4-avi", "png-rgb24", "vfr"])
def test_span_keeps_the_frames_inside(name: str, tmp_path: Path) -> None:
    path = SOURCES[name](tmp_path)
    whole = open_clip(path)
    start, stop = Fraction(1, 5), Fraction(9, 25)
    part = open_clip(path, span=(start, stop))
    inside = [t for t in whole.pts if start <= t * whole.info.time_base - whole.origin < stop]
    assert list(part.pts) == inside
    first = whole.pts.index(inside[0])
    assert same(part.frame(0).copy(), whole.frame(first))
    assert len(open_clip(path, span=(start, None))) == len(whole) - first


def test_empty_span_is_refused(tmp_path: Path) -> None:
    with pytest.raises(VideoError, match="no frame in that span"):
        len(open_clip(SOURCES["h264"](tmp_path), span=(Fraction(99), None)))


@pytest.mark.parametrize("name", SOURCES)
def test_picked_frames_are_those_of_a_whole_reading(name: str, tmp_path: Path) -> None:
    clip = open_clip(SOURCES[name](tmp_path))
    whole = list(clip.frames())
    for indices in (range(1, len(whole), 4), [len(whole) - 1], [0, 3, 4]):
        picked = list(clip.pick(indices))
        assert [changed_outside(a, whole[i], None) for a, i in zip(picked, indices, strict=True)] == [0] * len(picked)


def test_near_frames_are_some_before_the_one_asked_for(tmp_path: Path) -> None:
    clip = open_clip(SOURCES["h264"](tmp_path))
    whole = list(clip.frames())
    near = list(clip.near(9, 3))
    assert len(near) == 3
    first = next(i for i, planes in enumerate(whole) if not changed_outside(planes, near[0], None))
    assert first <= 9
    assert [changed_outside(a, b, None) for a, b in zip(near, whole[first:])] == [0, 0, 0]


def test_frames_outside_the_clip_are_refused(tmp_path: Path) -> None:
    clip = open_clip(SOURCES["h264"](tmp_path))
    with pytest.raises(VideoError, match="has 14 frames"):
        next(clip.frames(3, 20))


def test_a_table_that_no_longer_fits_is_noticed(tmp_path: Path) -> None:
    clip = open_clip(SOURCES["h264"](tmp_path))
    with pytest.raises(VideoError, match="has changed"):
        clip.with_table([*clip.pts, 999999]).frame(14)


def test_pictures_are_read_in_natural_order(tmp_path: Path) -> None:
    clip = open_clip(SOURCES["png-rgb24"](tmp_path), fps=Fraction(30000, 1001))
    assert clip.info.fps == 1 / clip.info.time_base == Fraction(30000, 1001)
    for index in (0, 2, 10):
        assert np.array_equal(clip.frame(index).arrays[0], picture("rgb24", (64, 48), index).arrays[0])


def test_decoded_samples_are_those_that_were_written(tmp_path: Path) -> None:
    for index, planes in enumerate(open_clip(SOURCES["ffv1-gbrap16le"](tmp_path)).scan()):
        assert same(planes[1], picture("gbrap16le", (35, 27), index))


def test_a_cut_file_ends_where_its_data_ends(tmp_path: Path) -> None:
    path = SOURCES["cut"](tmp_path)
    with av.open(str(path)) as file:
        promised = file.streams.video[0].frames
    assert promised == 40
    assert 4 < len(open_clip(path)) < promised


def test_several_threads_read_one_clip(tmp_path: Path) -> None:
    clip = open_clip(SOURCES["h264"](tmp_path))
    expected = [planes.copy() for planes in clip.frames()]
    results: dict[int, list[Planes]] = {}
    workers = [
        threading.Thread(target=lambda n=n: results.update({n: [p.copy() for p in clip.frames(n)]})) for n in range(3)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(20)
    for start, planes in results.items():
        assert all(same(a, b) for a, b in zip(planes, expected[start:], strict=True))
    assert len(results) == 3


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="needs /proc")
def test_no_file_stays_open(tmp_path: Path) -> None:
    def held() -> int:
        gc.collect()
        return sum(
            str(tmp_path) in os.readlink(f"/proc/self/fd/{fd}") for fd in os.listdir("/proc/self/fd") if _exists(fd)
        )

    clip = open_clip(SOURCES["h264"](tmp_path))
    assert held() == 0
    frames = clip.frames()
    next(frames)
    assert held() == 1
    frames.close()
    assert held() == 0
    dropped = clip.scan()
    next(dropped)
    del dropped
    assert held() == 0


def _exists(fd: str) -> bool:
    return os.path.lexists(f"/proc/self/fd/{fd}")


def test_read_planes_of_bytes_and_path_agree(tmp_path: Path) -> None:
    path = SOURCES["ffv1-gray"](tmp_path)
    for a, b in zip(read_planes_of(path), read_planes_of(path.read_bytes()), strict=True):
        assert same(a, b)


def _text(name: str, text: str) -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        path = folder / name
        path.write_text(text)
        return path

    return write


def _still(suffix: str, codec: str, pixels: str) -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        return next(folder_of_pictures(codec, pixels, suffix, folder).iterdir()).rename(folder / "still.mp4")

    return write


def _without_index(folder: Path) -> Path:
    path = make(Recipe(), folder)
    data = path.read_bytes()
    path.write_bytes(data[: data.index(b"moov") - 4])
    return path


def _damaged(folder: Path) -> Path:
    path = make(Recipe(frames=40), folder)
    data = bytearray(path.read_bytes())
    start, stop = data.index(b"mdat"), data.index(b"moov")
    data[(start + stop) // 2 : stop - 50] = b"\xff" * (stop - 50 - (start + stop) // 2)
    path.write_bytes(data)
    return path


def _scratched(folder: Path) -> Path:
    path = make(Recipe(frames=40, size=(160, 120)), folder)
    data = bytearray(path.read_bytes())
    start, stop = data.index(b"mdat"), data.index(b"moov")
    for place in range((start + stop) // 2, stop - 50, 300):
        data[place : place + 8] = np.random.default_rng(place).bytes(8)
    path.write_bytes(data)
    return path


def _only_sound(folder: Path) -> Path:
    source = make(Recipe(audio=("aac",)), folder)
    path = folder / "sound.mp4"
    with av.open(str(source)) as a, av.open(str(path), "w") as b:
        stream = b.add_stream_from_template(a.streams.audio[0])
        for packet in a.demux(a.streams.audio[0]):
            if packet.dts is not None:
                packet.stream = stream
                b.mux(packet)
    return path


def _size_changes(folder: Path) -> Path:
    path = folder / "both.avi"
    with av.open(str(path), "w") as file:
        stream = file.add_stream("mjpeg", rate=25, width=64, height=48)
        stream.pix_fmt = "yuvj420p"
        other = av.CodecContext.create("mjpeg", "w")
        other.width, other.height, other.pix_fmt, other.time_base = 64, 64, "yuvj420p", Fraction(1, 25)
        for index, (encoder, size) in enumerate([(stream, (64, 48))] * 3 + [(other, (64, 64))] * 3):
            frame = to_frame(picture("yuvj420p", size, index), "yuvj420p")
            frame.pts, frame.time_base = index, Fraction(1, 25)
            for packet in encoder.encode(frame):
                packet.stream = stream
                file.mux(packet)
    return path


def _mixed_folder(folder: Path) -> Path:
    path = folder_of_pictures("png", "rgb24", ".png", folder)
    other = folder / "other"
    other.mkdir()
    shutil.copy(folder_of_pictures("png", "gray", ".png", other) / "shot 4.png", path / "shot 4.png")
    return path


def _broken_picture(folder: Path) -> Path:
    path = folder_of_pictures("png", "rgb24", ".png", folder)
    (path / "shot 3.png").write_bytes(b"no picture")
    return path


BAD = {
    "missing": (lambda folder: folder / "gone.mp4", r"gone\.mp4 does not exist"),
    "empty": (_text("empty.mp4", ""), r"empty\.mp4 is empty"),
    "text": (_text("notes.mp4", "hello there, this is no video at all\n"), r"notes\.mp4 is not a video"),
    "ffconcat": (_text("list.mp4", "ffconcat version 1.0\nfile 'whole.mp4'\n"), r"list\.mp4 is a playlist"),
    "m3u8": (_text("list.mp4", "#EXTM3U\n#EXTINF:10,\nwhole.mp4\n"), r"list\.mp4 is a playlist"),
    "padded-ffconcat": (_text("l.mp4", "#comment\nffconcat version 1.0\nfile a.mp4\n"), r"l\.mp4 is not a video"),
    "sdp": (
        _text("x.mp4", "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nm=video 9 RTP/AVP 96\n"),
        "not a video",
    ),
    "gif": (_text("anim.gif", "GIF89a......"), "an animated GIF"),
    "webp": (_text("p.webp", "RIFF1234WEBPVP8 "), "a WebP picture"),
    "png": (_still(".png", "png", "rgb24"), r"still\.mp4 is a picture"),
    "jpeg": (_still(".jpg", "mjpeg", "yuvj420p"), r"still\.mp4 is a picture"),
    "avif": (_text("p.avif", "\0\0\0\x20ftypavif"), r"p\.avif is a picture"),
    "no-index": (_without_index, "cut off: its index"),
    "damaged": (_damaged, r"clip\.mp4 is damaged"),
    "scratched": (_scratched, r"clip\.mp4 is damaged"),
    "sound": (_only_sound, r"sound\.mp4 has only sound"),
    "size-changes": (_size_changes, "changes from 64x48 yuvj420p to 64x64"),
    "empty-folder": (lambda folder: folder, "has no PNG or JPEG pictures"),
    "mixed-folder": (_mixed_folder, r"shot 4\.png is 64x48 gray"),
    "broken-picture": (_broken_picture, r"shot 3\.png cannot be read"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_refused_with_a_sentence(name: str, tmp_path: Path) -> None:
    path = BAD[name][0](tmp_path)
    with pytest.raises(VideoError, match=BAD[name][1]) as refusal:
        _read_all(open_clip(path))
    assert str(refusal.value).endswith(".")
    assert "\n" not in str(refusal.value)


def _read_all(clip: Clip) -> None:
    for _ in clip.scan():
        pass
