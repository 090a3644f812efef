"""Bad input: one clear sentence, exit code 2, and the disk as it was before."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from conftest import FRAMES, SIZE, disc
from media import Recipe, make
from PIL import Image
from projects import everything, files, vidpaint

from lib_vidpaint import session
from lib_vidpaint.encode import Writer, gray_encoding, gray_info, gray_planes
from lib_vidpaint.model import Mask
from lib_vidpaint.project import Project

Footage = dict[str, Path]
Capture = pytest.CaptureFixture[str]
BOX = "box:20,20,30,30"


def masks(path: Path, count: int = FRAMES, size: tuple[int, int] = SIZE, picture: Callable[[int], Mask] = disc) -> Path:
    """A lossless mask video."""
    with Writer(path, gray_info(*size, Fraction(25)), gray_encoding()) as writer:
        for index in range(count):
            writer.write(gray_planes(cv2.resize(picture(index), size)), index)
    return path


def plain(value: int) -> Callable[[int], Mask]:
    return lambda index: np.full(SIZE[::-1], value, np.uint8)


def without_frames(folder: Path) -> Path:
    """An MP4 with a video track and nothing on it."""
    path = folder / "clip.mp4"
    with av.open(str(path), "w") as file:
        stream = file.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        file.start_encoding()
    return path


def sound_only(folder: Path) -> Path:
    path = folder / "clip.mp4"
    with av.open(str(path), "w") as file:
        stream = file.add_stream("aac", rate=44100, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 8192), np.float32), format="fltp", layout="mono")
        frame.rate = 44100
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            file.mux(packet)
    return path


def truncated(folder: Path, keep: float, **options: str) -> Path:
    whole = make(Recipe(file="clip.mp4", size=SIZE, frames=40, container_options=options), folder)
    data = whole.read_bytes()
    whole.write_bytes(data[: int(len(data) * keep)])
    return whole


def written(folder: Path, text: str | bytes) -> Path:
    path = folder / "clip.mp4"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def picture(folder: Path, kind: str) -> Path:
    path = folder / "clip.mp4"
    one, two = (Image.new("RGB", (64, 48), color) for color in ("red", "blue"))
    one.save(path, kind, save_all=True, append_images=[two])
    return path


SOURCES: dict[str, tuple[Callable[[Path], Path], str]] = {
    "missing": (lambda f: f / "clip.mp4", "clip.mp4 does not exist"),
    "text": (lambda f: written(f, "Dear Ann, " * 50), "is not a video that can be read"),
    "empty": (lambda f: written(f, ""), "is empty"),
    "ffconcat": (lambda f: written(f, "ffconcat version 1.0\nfile other.mp4\n"), "is a playlist, not a video"),
    "playlist": (lambda f: written(f, "#EXTM3U\n#EXTINF:10,\nhttp://127.0.0.1/a.ts\n"), "is a playlist, not a video"),
    "no index": (lambda f: truncated(f, 0.7), "is cut off: its index"),
    "zero frames": (without_frames, "clip.mp4"),
    "sound only": (sound_only, "has only sound"),
    "gif": (lambda f: picture(f, "GIF"), "an animated GIF, not a video"),
    "webp": (lambda f: picture(f, "WEBP"), "a WebP picture, not a video"),
    "empty folder": (lambda f: (f / "frames").mkdir() or f / "frames", "has no PNG or JPEG pictures"),
}


@pytest.mark.parametrize(("source", "words"), SOURCES.values(), ids=SOURCES)
def test_a_source_that_is_none(
    source: Callable[[Path], Path], words: str, tmp_path: Path, home: Path, capsys: Capture
) -> None:
    path = source(tmp_path)
    before = everything(tmp_path)
    assert vidpaint("run", path, "-o", tmp_path / "new" / "p", "--mask", BOX) == 2
    said = capsys.readouterr().err
    assert words in said
    assert "Traceback" not in said
    assert len(said.strip().splitlines()) == 1
    assert everything(tmp_path) == before
    assert files(home) == {}


def test_a_file_whose_end_is_missing_has_the_frames_that_are_there(tmp_path: Path) -> None:
    path = truncated(tmp_path, 0.6, movflags="faststart")
    assert vidpaint("run", path, "-o", tmp_path / "p", "--mask", BOX, "--until", "mask") == 0
    assert 1 < len((tmp_path / "p" / "frames.csv").read_text().splitlines()) < 41


def folder_of(folder: Path, count: int, broken: int = -1) -> Path:
    """A folder of PNG masks, of which one may be unreadable."""
    folder.mkdir()
    for index in range(count):
        cv2.imwrite(str(folder / f"{index:04d}.png"), disc(index))
    if broken >= 0:
        path = folder / f"{broken:04d}.png"
        path.write_bytes(path.read_bytes()[:60])
    return folder


def still(path: Path, value: Mask | bytes) -> Path:
    if isinstance(value, bytes):
        path.write_bytes(value)
    else:
        cv2.imwrite(str(path), value)
    return path


MASKS: dict[str, tuple[Callable[[Path], object], str]] = {
    "missing": (lambda f: f / "mask.png", "mask.png does not exist"),
    "no mask at all": (lambda f: "", "No mask: say what should change with --mask"),
    "video of another size": (lambda f: masks(f / "m.mp4", size=(64, 64)), "m.mp4 is 64x64, the video is 96x64"),
    "still of another size": (lambda f: still(f / "m.png", disc(0)[:32]), "m.png is 96x32, the video is 96x64"),
    "too many": (lambda f: masks(f / "m.mp4", 20), "m.mp4 has 20 masks but the video has 14 frames"),
    "too few": (lambda f: masks(f / "m.mp4", 11), "give a mask for frames 11-13 or set mask.missing"),
    "one too few": (lambda f: folder_of(f / "m", 13), "give a mask for frame 13 or"),
    "empty": (lambda f: masks(f / "m.mp4", picture=plain(0)), "m.mp4 marks nothing"),
    "empty still": (lambda f: still(f / "m.png", np.zeros((64, 96), np.uint8)), "m.png marks nothing"),
    "below the floor": (lambda f: masks(f / "m.mp4", picture=plain(7)), "m.mp4 marks nothing"),
    "unreadable frame": (lambda f: folder_of(f / "m", 14, broken=6), "0006.png cannot be read as a picture"),
    "unreadable still": (lambda f: still(f / "m.png", b"nothing"), "m.png is not a readable picture"),
    "still without bytes": (lambda f: still(f / "m.png", b""), "m.png is not a readable picture"),
    "box outside": (lambda f: "box:80,20,30,30", "does not lie inside the video, which is 96x64"),
    "box of nothing": (lambda f: "box:1,2,0,5", "does not lie inside the video"),
    "box in words": (lambda f: "box:left", "is not box:x,y,width,height"),
}


@pytest.mark.parametrize(("mask", "words"), MASKS.values(), ids=MASKS)
def test_a_mask_that_does_not_fit(
    mask: Callable[[Path], object], words: str, footage: Footage, tmp_path: Path, home: Path, capsys: Capture
) -> None:
    given = mask(tmp_path)
    before = everything(tmp_path)
    assert vidpaint("run", footage["source"], "-o", tmp_path / "p", "--mask", given) == 2
    said = capsys.readouterr().err
    assert words in said
    assert "Traceback" not in said
    assert everything(tmp_path) == before
    assert files(home) == {}


WARNED: dict[str, tuple[Callable[[int], Mask], str]] = {
    "all white": (plain(255), "white everywhere"),
    "inverted": (lambda index: 255 - disc(index), "looks inverted (9"),
    "hazy": (lambda index: np.maximum(disc(index), 5), "has haze"),
}


@pytest.mark.parametrize(("mask", "words"), WARNED.values(), ids=WARNED)
def test_a_mask_that_looks_wrong_is_used_with_a_warning(
    mask: Callable[[int], Mask], words: str, footage: Footage, tmp_path: Path, capsys: Capture
) -> None:
    line = ["run", footage["source"], "-o", tmp_path / "p", "--mask", masks(tmp_path / "m.mp4", picture=mask)]
    assert vidpaint(*line, "--until", "mask") == 0
    assert words in capsys.readouterr().err
    assert words in " ".join(json.loads((tmp_path / "p" / "region.json").read_text())["warnings"])


@pytest.mark.parametrize(("missing", "last"), [("hold", True), ("empty", False)])
def test_fewer_masks_on_purpose(missing: str, last: bool, footage: Footage, tmp_path: Path) -> None:
    mask = masks(tmp_path / "m.mp4", 11)
    line = [
        "run",
        footage["source"],
        "-o",
        tmp_path / "p",
        "--mask",
        mask,
        "--mask.missing",
        missing,
        "--until",
        "mask",
    ]
    assert vidpaint(*line) == 0
    boxes = json.loads((tmp_path / "p" / "region.json").read_text())["boxes"]
    assert boxes[13] == (boxes[10] if last else None)


ARGUMENTS = {
    "unknown knob": (
        ["--keyframes.movment", "1"],
        "There is no setting 'keyframes.movment'. Did you mean keyframes.movement?",
    ),
    "out of range": (["--keyframes.movement", "2"], "keyframes.movement: 2.0 is not a number from 0 to 1"),
    "not a number": (["--inpaint.seed", "lucky"], "inpaint.seed: 'lucky' is not a whole number"),
    "not a word": (["--composite.carry", "glue"], "is not one of surface, background, paste"),
    "span backwards": (["--span", "0:10-0:05"], "source.span: '0:10-0:05' is not a part of a video"),
    "span in words": (["--span", "soon"], "write it like 00:10-00:15"),
    "span after the end": (["--span", "1:00-2:00"], "has no frame in that span"),
    "rate": (["--source.fps", "0"], "source.fps: '0' is not a frame rate"),
    "unknown stage": (["--until", "paint"], "There is no stage 'paint'"),
    "a word too many": (["extra.mp4"], "'extra.mp4' is one argument too many"),
}


@pytest.mark.parametrize(("arguments", "words"), ARGUMENTS.values(), ids=ARGUMENTS)
def test_wrong_arguments(arguments: list[str], words: str, footage: Footage, tmp_path: Path, capsys: Capture) -> None:
    assert vidpaint("run", footage["source"], "-o", tmp_path / "p", "--mask", BOX, *arguments) == 2
    assert words in capsys.readouterr().err
    assert everything(tmp_path) == {}


NAMES = {
    "spaces": "my film  of June",
    "quotes": 'Ann\'s "best" film',
    "emoji": "🎬 köttbullar 映画",
    "signs": "100% [a] {b} #1 & $x; %06d",
    "long": "x" * 200,
}


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_unusual_names_work_to_the_end(name: str, footage: Footage, tmp_path: Path) -> None:
    folder = tmp_path / name
    folder.mkdir()
    source, mask = folder / f"{name}.mp4", folder / f"{name}.mkv"[-210:]
    shutil.copy(footage["source"], source)
    shutil.copy(footage["mask"], mask)
    assert vidpaint("run", source, "-o", folder / name, "--mask", mask, "--inpaint.batch_count", 1) == 0
    assert session.verify(folder / name / "package", source).exact


def test_two_runs_at_once(footage: Footage, tmp_path: Path, capsys: Capture) -> None:
    with Project(tmp_path / "p"):
        assert vidpaint("run", footage["source"], "-o", tmp_path / "p", "--mask", BOX) == 2
    assert "is being worked on by another run" in capsys.readouterr().err


def test_a_folder_that_may_not_be_written(
    footage: Footage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    def refused(path: object, *_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "mkdir", refused)
    assert vidpaint("run", footage["source"], "-o", tmp_path / "p", "--mask", BOX) == 2
    assert f"No permission to write {tmp_path / 'p'}" in capsys.readouterr().err
    assert everything(tmp_path) == {}


def test_hdr_is_refused_before_painting_and_not_before(tmp_path: Path, capsys: Capture) -> None:
    source = make(Recipe(pixels="yuv420p10le", tags=(9, 9, 16), size=SIZE), tmp_path)
    line = ["run", source, "-o", tmp_path / "p", "--mask", BOX]
    assert vidpaint(*line, "--until", "keyframes") == 0
    assert vidpaint(*line) == 2
    assert "is an HDR video (PQ or HLG), and painting in HDR is not possible yet" in capsys.readouterr().err


def test_the_sentence_for_a_mask_video_is_about_the_mask(footage: Footage, tmp_path: Path, capsys: Capture) -> None:
    bad = tmp_path / "m.mp4"
    bad.write_bytes(footage["mask"].read_bytes()[:2000])
    assert vidpaint("run", footage["source"], "-o", tmp_path / "p", "--mask", bad) == 2
    assert "m.mp4" in capsys.readouterr().err
    assert not (tmp_path / "p").exists()
