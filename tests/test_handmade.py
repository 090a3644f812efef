"""Pictures that a person painted elsewhere: what is taken back, where it lies, and what is refused."""

from __future__ import annotations

import io
import json
import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image
from projects import copied, decoded, edit

from lib_vidpaint import handmade, selection, viewing
from lib_vidpaint.crops import Crop
from lib_vidpaint.errors import ProjectError
from lib_vidpaint.groups import read_groups
from lib_vidpaint.model import Box, Frame
from lib_vidpaint.project import Folder

GREY = np.full((40, 60, 3), 90, np.uint8)
CROP = Crop(Box(10, 8, 32, 24))


def png(picture: Frame, **options: object) -> bytes:
    data = io.BytesIO()
    Image.fromarray(picture).save(data, "PNG", **options)
    return data.getvalue()


def plain(width: int, height: int, colour: tuple[int, ...] = (200, 30, 40)) -> Frame:
    return np.full((height, width, len(colour)), colour, np.uint8)


@pytest.mark.parametrize("size", [(32, 24), (64, 48), (16, 12)], ids=["as it is", "twice as large", "half as large"])
def test_a_picture_of_the_crop_is_laid_into_the_frame(size: tuple[int, int]) -> None:
    laid = handmade.laid_in(png(plain(*size)), GREY, CROP, 0)
    assert (laid[8:32, 10:42] == (200, 30, 40)).all()
    outside = laid.copy()
    outside[8:32, 10:42] = 90
    assert (outside == 90).all()


def test_a_picture_of_the_whole_frame_is_taken_as_it_is() -> None:
    picture = np.random.default_rng(1).integers(0, 255, GREY.shape, np.uint8)
    assert np.array_equal(handmade.laid_in(png(picture), GREY, CROP, 0), picture)


def test_padding_of_the_crop_is_cut_off() -> None:
    crop = Crop(Box(10, 8, 50, 32), (0, 0, 14, 32))  # to 64 x 64
    laid = handmade.laid_in(png(plain(64, 64)), GREY, crop, 0)
    assert (laid[8:40, 10:60] == (200, 30, 40)).all()
    assert (laid[:8] == 90).all()


@pytest.mark.parametrize("rotation", [90, 180, 270])
def test_a_turned_video_is_painted_upright(rotation: int) -> None:
    stored = np.random.default_rng(2).integers(0, 255, GREY.shape, np.uint8)
    shown = np.rot90(stored, rotation // 90)
    part = np.rot90(stored[CROP.box.slices], rotation // 90)
    laid = handmade.laid_in(png(np.ascontiguousarray(part)), stored, CROP, rotation)
    assert np.array_equal(laid, shown)


def test_where_a_picture_is_transparent_the_frame_stays() -> None:
    layer = plain(32, 24, (255, 255, 255, 0))
    layer[:, :16, 3] = 255
    laid = handmade.laid_in(png(layer), GREY, CROP, 0)
    assert (laid[8:32, 10:26] == 255).all()
    assert (laid[8:32, 26:42] == 90).all()


@pytest.mark.parametrize("mode", ["L", "P", "CMYK", "1", "LA"])
def test_pictures_of_other_kinds_are_read(mode: str) -> None:
    data = io.BytesIO()
    Image.new("RGB", (32, 24), "white").convert(mode).save(data, "TIFF" if mode in ("CMYK", "LA") else "PNG")
    assert (handmade.laid_in(data.getvalue(), GREY, CROP, 0)[8:32, 10:42] >= 250).all()


def huge() -> bytes:
    """A PNG of a hundred bytes that says it has 60,000 x 60,000 pixels."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", 60000, 60000, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


BAD = {
    "another shape": (png(plain(30, 30)), "32x24"),
    "deep grey": (png(np.full((24, 32), 40000, np.uint16)), "8 bits"),
    "no picture": (b"GIF89a nothing", "not a picture"),
    "nothing": (b"", "not a picture"),
    "cut off": (png(np.random.default_rng(3).integers(0, 255, (24, 32, 3), np.uint8))[:200], "not a picture"),
    "a bomb": (huge(), "picture"),
    "vector graphics": (b'<svg xmlns="http://www.w3.org/2000/svg"/>', "not a picture"),
}


@pytest.mark.parametrize(("data", "words"), BAD.values(), ids=BAD)
def test_what_does_not_fit_is_refused_with_a_sentence(data: bytes, words: str) -> None:
    with pytest.raises(ProjectError, match=words):
        handmade.laid_in(data, GREY, CROP, 0)


@pytest.fixture
def project(finished: Path, footage: dict[str, Path], tmp_path: Path) -> Folder:
    edit(copied(finished, tmp_path / "project"), footage)
    return Folder(tmp_path / "project")


def give(project: Folder, key: int, picture: Frame) -> int:
    crop, info = viewing.crop(project.folder, key), viewing.source_info(project.folder)
    return handmade.take_back(project, key, crop, info, png(picture))


def test_it_is_chosen_and_carried_into_the_video(project: Folder, footage: dict[str, Path]) -> None:
    key = read_groups(project)[0].key
    before = decoded(project.path("master.mp4"))
    width, height = viewing.crop(project.folder, key).size(0)
    assert give(project, key, plain(width, height)) == -1
    (first, *_) = viewing.gallery(project.folder)
    assert (first.own, first.candidate, first.decision) == ((-1,), -1, "chosen")
    edit(project.folder, footage)
    choices = {one["key"]: one for one in json.loads(project.path("choices.json").read_text())}
    assert choices[key]["candidate"] == -1
    assert decoded(project.path("master.mp4")) != before


def test_it_survives_another_crop_and_another_mask(project: Folder, footage: dict[str, Path]) -> None:
    key = read_groups(project)[0].key
    width, height = viewing.crop(project.folder, key).size(0)
    give(project, key, plain(width, height))
    mine = project.path(f"own/{key:06d}/01.png").read_bytes()
    edit(project.folder, footage, {"inpaint.context": 0.6, "mask.grow": 2.0}, until="select")
    assert project.path(f"own/{key:06d}/01.png").read_bytes() == mine


def test_a_second_one_leaves_the_first(project: Folder) -> None:
    key = read_groups(project)[0].key
    width, height = viewing.crop(project.folder, key).size(0)
    assert [give(project, key, plain(width, height)) for _ in range(2)] == [-1, -2]
    assert selection.undo(project)
    assert viewing.gallery(project.folder)[0].candidate == -1


def test_one_that_was_put_there_by_hand_must_have_the_videos_size(project: Folder, footage: dict[str, Path]) -> None:
    key = read_groups(project)[0].key
    path = project.path(f"own/{key:06d}/01.png")
    path.parent.mkdir(parents=True)
    cv2.imwrite(str(path), plain(50, 50))
    selection.choose(project, key, -1)
    with pytest.raises(ProjectError, match=rf"own/{key:06d}/01.png is 50x50, it must be 96x64"):
        edit(project.folder, footage)
    cv2.imwrite(str(path), plain(96, 64))
    edit(project.folder, footage, until="select")


def test_a_frame_that_is_no_keyframe_takes_none(project: Folder) -> None:
    with pytest.raises(ProjectError, match="no keyframe"):
        give(project, 9999, plain(8, 8))
    assert not project.path("own").exists()


def test_what_is_given_out_is_the_crop_and_its_white(project: Folder) -> None:
    key = read_groups(project)[0].key
    crop, info = viewing.crop(project.folder, key), viewing.source_info(project.folder)
    picture = handmade.picture_of(project, key, crop, info)
    mask = handmade.mask_of(project, key, crop, info)
    assert picture.shape[1::-1] == mask.shape[::-1] == crop.size(0)
    assert mask.max() == 255
    give(project, key, picture)
    assert viewing.gallery(project.folder)[0].own == (-1,)
