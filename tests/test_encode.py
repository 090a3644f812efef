from __future__ import annotations

import errno
import io
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from media import SOURCES, Recipe, changed_outside, make, picture

from lib_vidpaint.clip import Clip, open_clip
from lib_vidpaint.encode import (
    Writer,
    gray_encoding,
    gray_info,
    gray_planes,
    lossless_bytes,
    master_encoding,
    read_planes_of,
    share_encoding,
    share_info,
    share_planes,
)
from lib_vidpaint.errors import VideoError
from lib_vidpaint.model import Color, VideoInfo
from lib_vidpaint.planes import Planes, view


def write_master(clip: Clip, path: Path) -> Writer:
    start = clip.pts[0] if clip.span else 0
    with Writer(path, clip.info, master_encoding(clip.info, clip), audio_from=clip, start_pts=start) as writer:
        for pts, planes in clip.scan():
            writer.write(planes, pts)
    return writer


def sounds(path: Path) -> list[list[tuple[Fraction, bytes]]]:
    with av.open(str(path)) as file:
        tracks: dict[int, list[tuple[Fraction, bytes]]] = {s.index: [] for s in file.streams.audio}
        for packet in file.demux(file.streams.audio) if tracks else ():
            if packet.size:
                tracks[packet.stream_index].append((packet.pts * packet.time_base, bytes(packet)))
    return list(tracks.values())


@pytest.mark.parametrize("name", SOURCES)
def test_a_master_has_the_same_samples_times_and_tags(name: str, tmp_path: Path) -> None:
    clip = open_clip(SOURCES[name](tmp_path))
    writer = write_master(clip, tmp_path / "master.mp4.part")
    (tmp_path / "master.mp4.part").rename(tmp_path / "master.mp4")
    master = open_clip(tmp_path / "master.mp4")
    pairs = list(zip(((t, p.copy()) for t, p in clip.scan()), ((t, p.copy()) for t, p in master.scan()), strict=True))
    assert sum(changed_outside(a, b, None) for (_, a), (_, b) in pairs) == 0
    assert all(t * clip.info.time_base == u * master.info.time_base for (t, _), (u, _) in pairs)
    for kept in ("color", "sample_aspect", "rotation", "interlaced"):
        assert getattr(master.info, kept) == getattr(clip.info, kept), kept
    assert [a.codec for a in master.info.audio] == [a.codec for a in clip.info.audio]
    assert writer.not_kept == ()


@pytest.mark.parametrize("name", ["two-audio", "late-audio", "late-video", "edit-list", "h264-mkv"])
def test_audio_packets_are_copied_byte_for_byte_at_their_times(name: str, tmp_path: Path) -> None:
    clip = open_clip(SOURCES[name](tmp_path))
    write_master(clip, tmp_path / "master.mp4")
    theirs, ours = sounds(clip.path), sounds(tmp_path / "master.mp4")
    assert [[b for _, b in track] for track in theirs] == [[b for _, b in track] for track in ours]
    for a, b in zip(theirs, ours):
        assert max(abs(s - t) for (s, _), (t, _) in zip(a, b)) <= Fraction(1, 44100)


def test_metadata_and_chapters_are_kept(tmp_path: Path) -> None:
    clip = open_clip(SOURCES["two-audio"](tmp_path))
    write_master(clip, tmp_path / "master.mp4")
    with av.open(str(tmp_path / "master.mp4")) as file:
        assert file.metadata["title"] == "A title"
        assert [c["metadata"]["title"] for c in file.chapters()] == ["One"]


@pytest.mark.parametrize("name", ["late-video", "vfr", "two-audio", "h264-open-gop"])
def test_a_span_starts_at_zero_with_its_own_sound(name: str, tmp_path: Path) -> None:
    path = SOURCES[name](tmp_path)
    span = (Fraction(1, 5), Fraction(2, 5))
    clip = open_clip(path, span=span)
    write_master(clip, tmp_path / "master.mp4")
    master = open_clip(tmp_path / "master.mp4")
    base = clip.info.time_base
    assert [t * master.info.time_base for t in master.pts] == [(t - clip.pts[0]) * base for t in clip.pts]
    first, stop = clip.pts[0] * base, clip.limits[1] * base
    expected = [[b for t, b in track if first <= t < stop] for track in sounds(path)]
    assert [[b for _, b in track] for track in sounds(tmp_path / "master.mp4")] == expected
    assert all(track[0][0] < Fraction(1, 30) for track in sounds(tmp_path / "master.mp4"))


@pytest.mark.parametrize("name", ["two-audio", "ffv1-gbrap16le", "h264-interlaced"])
def test_same_input_gives_the_same_bytes(name: str, tmp_path: Path) -> None:
    clip = open_clip(SOURCES[name](tmp_path))
    for copy in "ab":
        write_master(clip, tmp_path / copy)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


@pytest.mark.parametrize(
    ("pixels", "size", "codec", "chosen"),
    [
        ("yuv420p", (64, 48), "libx264", "yuv420p"),
        ("yuvj422p", (64, 47), "libx264", "yuv422p"),
        ("yuv444p10le", (63, 47), "libx264", "yuv444p10le"),
        ("nv12", (64, 48), "libx264", "yuv420p"),
        ("p010le", (64, 48), "libx264", "yuv420p10le"),
        ("yuv420p", (63, 48), "ffv1", "yuv420p"),
        ("yuv422p12le", (64, 48), "ffv1", "yuv422p12le"),
        ("yuva420p", (64, 48), "ffv1", "yuva420p"),
        ("rgb24", (64, 48), "ffv1", "bgr0"),
        ("rgba64be", (64, 48), "ffv1", "gbrap16le"),
        ("gray10be", (64, 48), "ffv1", "gray10le"),
        ("ya16be", (64, 48), "png", "ya16be"),
    ],
    ids=str,
)
def test_patches_come_back_as_they_were(pixels: str, size: tuple[int, int], codec: str, chosen: str) -> None:
    frames = [picture(pixels, size, index) for index in range(4)]
    info = VideoInfo(*size, pixels, "", "mp4", Fraction(25), Fraction(1, 90000), Color(1, 1, 1))
    encoding = master_encoding(info)
    assert (encoding.codec, encoding.pixel_format, encoding.container) == (codec, chosen, "mp4")
    data = lossless_bytes(frames, info, Fraction(24))
    for before, after in zip(frames, read_planes_of(data), strict=True):
        assert changed_outside(before, after, None) == 0


def test_interlaced_video_needs_a_height_of_whole_field_pairs() -> None:
    info = VideoInfo(64, 50, "yuv420p", "", "mp4", Fraction(25), Fraction(1, 25), interlaced="top")
    assert master_encoding(info).codec == "ffv1"


def test_identity_matrix_is_not_given_to_h264() -> None:
    info = VideoInfo(64, 48, "yuv444p", "", "mp4", Fraction(25), Fraction(1, 25), Color(matrix=0))
    assert master_encoding(info).codec == "ffv1"


def test_matroska_only_when_mp4_cannot_hold_the_sound(tmp_path: Path) -> None:
    clip = open_clip(make(Recipe(file="clip.mkv", ticks=1000, audio=("wavpack",)), tmp_path))
    encoding = master_encoding(clip.info, clip)
    assert encoding.container == "matroska"
    write_master(clip, tmp_path / "master.mkv")
    assert [[b for _, b in t] for t in sounds(clip.path)] == [
        [b for _, b in t] for t in sounds(tmp_path / "master.mkv")
    ]


def test_sound_that_no_container_of_ours_holds_is_named(tmp_path: Path) -> None:
    clip = open_clip(
        make(Recipe(file="clip.avi", codec="mjpeg", pixels="yuvj420p", ticks=25, audio=("adpcm_ms",)), tmp_path)
    )
    assert master_encoding(clip.info, clip).container == "mp4"
    assert write_master(clip, tmp_path / "master.mp4").not_kept == ("audio track 1 (adpcm_ms)",)


def test_what_a_frame_carries_beside_its_samples_is_named(tmp_path: Path) -> None:
    recipe = Recipe(pixels="yuv420p10le", tags=(9, 9, 16), options={"x264-params": "cll=1000,400"})
    clip = open_clip(make(recipe, tmp_path))
    assert clip.info.color.hdr
    assert write_master(clip, tmp_path / "master.mp4").not_kept == ("HDR10 mastering data",)


def test_masks_come_back_as_they_were(tmp_path: Path) -> None:
    masks = [np.where(np.random.default_rng(i).random((27, 35)) < 0.5, 255, 0).astype(np.uint8) for i in range(5)]
    with Writer(tmp_path / "region.mp4", gray_info(35, 27, Fraction(25)), gray_encoding()) as writer:
        for index, mask in enumerate(masks):
            writer.write(gray_planes(mask), index)
    read = [planes.arrays[0] for planes in read_planes_of(tmp_path / "region.mp4")]
    assert all(np.array_equal(a, b) for a, b in zip(masks, read, strict=True))


@pytest.mark.parametrize("name", ["h264-odd", "vp9-odd", "png-rgb48be", "h264-full", "h264-422-10bit", "prores-4444"])
def test_share_copies_look_like_the_source_and_play_everywhere(name: str, tmp_path: Path) -> None:
    clip = open_clip(SOURCES[name](tmp_path))
    path = tmp_path / "share.mp4"
    with Writer(path, share_info(clip.info), share_encoding(clip.info, 10), audio_from=clip) as writer:
        for pts, planes in clip.scan():
            writer.write(share_planes(planes, clip.info), pts)
    share = open_clip(path)
    info = share.info
    assert (info.codec, info.pixel_format, info.width % 2, info.height % 2) == ("h264", "yuv420p", 0, 0)
    assert info.color.matrix in (1, 5, 6)
    assert not info.color.full_range
    assert {a.codec for a in info.audio} <= {"aac", "mp3"}
    assert len(info.audio) == len(clip.info.audio)
    data = path.read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")
    for a, b in zip(clip.frames(), share.frames(), strict=True):
        seen, shown = view(a, clip.info.color), view(b, info.color)[: a.height, : a.width]
        # Chroma noise of a sample each is not kept by 4:2:0, the colour is: no bias above half a code or two.
        assert np.abs(seen.mean((0, 1)) - shown.mean((0, 1))).max() < 1.5


def test_encoded_sound_is_as_long_as_the_source(tmp_path: Path) -> None:
    clip = open_clip(SOURCES["vp9-odd"](tmp_path))
    with Writer(
        tmp_path / "share.mp4", share_info(clip.info), share_encoding(clip.info, 23), audio_from=clip
    ) as writer:
        for pts, planes in clip.scan():
            writer.write(share_planes(planes, clip.info), pts)
    length = {}
    for path in (clip.path, tmp_path / "share.mp4"):
        with av.open(str(path)) as file:
            length[path.name] = sum(f.samples / f.rate for f in file.decode(audio=0))
    assert abs(length["share.mp4"] - length["clip.webm"]) < 0.05


def test_time_must_go_forward(tmp_path: Path) -> None:
    info = gray_info(8, 8, Fraction(25))
    planes = gray_planes(np.zeros((8, 8), np.uint8))
    with Writer(tmp_path / "x.mp4", info, gray_encoding()) as writer:
        writer.write(planes, 3)
        with pytest.raises(VideoError, match="go back in time"):
            writer.write(planes, 3)


class FullDisk(io.BytesIO):
    def write(self, data: bytes) -> int:  # type: ignore[override]
        if self.tell() > 20000:
            raise OSError(errno.ENOSPC, "No space left on device")
        return super().write(data)


def test_a_full_disk_is_one_sentence() -> None:
    info = VideoInfo(320, 240, "yuv420p", "", "mp4", Fraction(25), Fraction(1, 25))

    def render() -> None:
        with Writer(FullDisk(), info, master_encoding(info)) as writer:
            for index in range(30):
                writer.write(picture("yuv420p", (320, 240), index), index)

    with pytest.raises(VideoError, match="disk is full"):
        render()


def test_a_missing_folder_is_one_sentence(tmp_path: Path) -> None:
    info = gray_info(8, 8, Fraction(25))
    with pytest.raises(VideoError, match=r"x\.mp4 cannot be written"):
        Writer(tmp_path / "gone" / "x.mp4", info, gray_encoding())


def test_an_error_in_the_block_comes_through_and_the_file_can_be_deleted(tmp_path: Path) -> None:
    path = tmp_path / "x.mp4"

    def render() -> None:
        with Writer(path, gray_info(8, 8, Fraction(25)), gray_encoding()) as writer:
            writer.write(gray_planes(np.zeros((8, 8), np.uint8)), 0)
            raise KeyError("stop")

    with pytest.raises(KeyError):
        render()
    path.unlink()


def test_info_of_a_share_copy_keeps_hdr_tags() -> None:
    info = VideoInfo(35, 27, "yuv420p10le", "", "mp4", Fraction(25), Fraction(1, 25), Color(9, 9, 16))
    shared = share_info(info)
    assert (shared.width, shared.height, shared.color) == (36, 28, Color(9, 9, 16))


def test_share_planes_passes_what_needs_no_change() -> None:
    planes: Planes = picture("yuv420p", (64, 48), 0)
    info = VideoInfo(64, 48, "yuv420p", "", "mp4", Fraction(25), Fraction(1, 25))
    assert share_planes(planes, info) is planes


@pytest.mark.parametrize("name", ["yuv420p10le", "yuv422p", "yuv422p10le"])
def test_a_share_copy_keeps_the_samples_that_it_can(name: str) -> None:
    """Only rounded to 8 bits, and pairs of chroma rows averaged."""
    planes = picture(name, (64, 48), 0)
    info = VideoInfo(64, 48, name, "h264", "mp4", Fraction(25), Fraction(1, 25), Color(1, 1, 1))
    depth = 1 << (planes.format.bits - 8)
    for array, made in zip(planes.arrays, share_planes(planes, info).arrays, strict=True):
        rows = array.astype(float).reshape(made.shape[0], -1, made.shape[1]).mean(axis=1)
        assert np.abs(made - np.minimum(rows / depth, 255)).max() <= 0.76
