"""Refinement: upscalers layered and per segment, calmed along the motion; and the stage, from patch to master."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from fakes import Recorder, Steps
from projects import copied, edit, files, remade, stamps

from lib_vidpaint.enlarging import Layer, enlarged, larger_info, larger_mask, larger_planes, layers_of, resolved
from lib_vidpaint.errors import Cancelled, EngineError, SettingsError
from lib_vidpaint.model import Box, Color, Frame, VideoInfo
from lib_vidpaint.pixels import pixel_format
from lib_vidpaint.planes import Planes, view
from lib_vidpaint.refining import Redraw, calmed, redrawn
from lib_vidpaint.segmenting import Part, parts_of

Footage = dict[str, Path]
RANDOM = np.random.default_rng(6)
PICTURE = cv2.GaussianBlur(RANDOM.integers(0, 256, (48, 64, 3)).astype(np.uint8), (0, 0), 2)
LANCZOS = (Layer("Lanczos"),)


def plain(color: int) -> Any:
    """An upscaler that makes every picture one grey, whichever model is asked for."""

    def upscale(frame: Frame, model: str, scale: float) -> Frame:
        size = round(frame.shape[0] * scale), round(frame.shape[1] * scale), 3
        return np.full(size, color if model == "grey" else 255 - color, np.uint8)

    return upscale


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("auto", (Layer("auto"),)),
        ("R-ESRGAN 4x+:0.7, Lanczos:0.3", (Layer("R-ESRGAN 4x+", 0.7), Layer("Lanczos", 0.3))),
        ("a:b, 4x: 1", (Layer("a:b"), Layer("4x", 1.0))),
    ],
    ids=["auto", "two with opacity", "a name with a colon"],
)
def test_a_list_of_upscalers(text: str, wanted: Any) -> None:
    assert layers_of(text, "refine.models") == wanted


@pytest.mark.parametrize("text", ["", "a,,b", "a:2", ":0.5", "a:-1"])
def test_other_lists_are_refused(text: str) -> None:
    with pytest.raises(SettingsError, match=r"refine\.models: .* is not an upscaler with an opacity"):
        layers_of(text, "refine.models")


def test_segments_and_their_upscalers() -> None:
    found = parts_of("face: grey:0.5, Lanczos ; clothing:Lanczos;")
    assert found == (Part("face", (Layer("grey", 0.5), Layer("Lanczos"))), Part("clothing", LANCZOS))
    for wrong in ("face", "given: Lanczos", "nose: Lanczos", "face:"):
        with pytest.raises(SettingsError, match=r"refine\.(segments|models)"):
            parts_of(wrong)


def test_the_best_upscaler_or_a_sentence() -> None:
    assert resolved((Layer("auto", 0.5),), ["Lanczos", "R-ESRGAN 4x+"]) == ((Layer("R-ESRGAN 4x+", 0.5),), "")
    layers, said = resolved((Layer("auto"),), ["Lanczos"])
    assert layers == LANCZOS
    assert said.startswith("There is no R-ESRGAN 4x+ here, so Lanczos enlarges")
    assert resolved(LANCZOS, ["Lanczos"]) == (LANCZOS, "")


def test_layers_lie_over_each_other_in_their_order() -> None:
    half = enlarged(plain(100), PICTURE, (128, 96), (Layer("grey"), Layer("other", 0.5)))
    assert half.shape == (96, 128, 3)
    assert set(half.ravel()) == {128}, "half of 100 and of 155"
    assert set(enlarged(plain(100), PICTURE, (99, 51), (Layer("other"), Layer("grey"))).ravel()) == {100}
    under = enlarged(plain(100), PICTURE, PICTURE.shape[1::-1], (Layer("grey", 0.25),))
    assert np.abs(under - (0.75 * PICTURE + 25)).max() <= 0.5, "the picture itself shows through"


def test_only_what_is_seen_is_asked_for() -> None:
    asked = []

    def upscale(frame: Frame, model: str, scale: float) -> Frame:
        asked.append(model)
        return plain(1)(frame, model, scale)

    enlarged(upscale, PICTURE, (128, 96), (Layer("hidden"), Layer("solid"), Layer("none", 0.0)))
    assert asked == ["solid"]


# Frames of any video, larger

FORMATS = ["yuv420p", "yuv422p10le", "yuv444p", "gbrp", "gray"]


def planes_in(name: str, width: int, height: int) -> Planes:
    fmt = pixel_format(name)
    shapes = [fmt.shape(i, width, height) for i in range(len(fmt.components))]
    ramp = [np.linspace(0.3, 0.7, w)[None] + np.linspace(-0.1, 0.1, h)[:, None] for h, w in shapes]
    return Planes(fmt, tuple((r * ((1 << fmt.bits) - 1)).astype(fmt.dtype) for r in ramp))


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("scale", [2.0, 1.5])
def test_a_larger_frame_in_the_sources_own_format(name: str, scale: float) -> None:
    info = VideoInfo(64, 48, name, "", "", 25, 1, Color())  # pyright: ignore[reportArgumentType]
    larger = larger_info(info, scale)
    assert (larger.width, larger.height) == (64 * scale, 48 * scale)
    before = planes_in(name, 64, 48)
    made = larger_planes(before, info, larger, lambda f, m, s: cv2.resize(f, None, fx=s, fy=s), (Layer("any"),))  # type: ignore[arg-type, return-value]
    assert made.format == before.format
    assert [a.shape for a in made.arrays] == [
        made.format.shape(i, larger.width, larger.height) for i in range(len(made.arrays))
    ]
    want = cv2.resize(view(before, larger.color), (larger.width, larger.height))
    assert np.abs(view(made, larger.color).astype(int) - want).max() <= 4


def test_a_larger_video_says_its_matrix_and_keeps_its_shape() -> None:
    small = VideoInfo(720, 576, "yuv420p", "", "", 25, 1, Color())  # pyright: ignore[reportArgumentType]
    assert larger_info(small, 2).color.matrix == 6, "players would take 709 for an untagged file of that size"
    odd = larger_info(VideoInfo(35, 21, "yuv420p", "", "", 25, 1, Color()), 1.5)  # pyright: ignore[reportArgumentType]
    assert (odd.width % 2, odd.height % 2) == (0, 0)
    assert larger_mask(np.full((21, 35), 255, np.uint8), odd).shape == (odd.height, odd.width)


# Drawing anew


def square(x: int, y: int, side: int, shape: tuple[int, int] = (48, 64)) -> np.ndarray:
    mask = np.zeros(shape, np.uint8)
    mask[y : y + side, x : x + side] = 255
    return mask


def test_what_is_in_the_mask_is_drawn_anew() -> None:
    made = redrawn(PICTURE, square(20, 10, 16), (), Redraw(0.5, (Layer("grey"),)), plain(100))
    assert set(made[10:26, 20:36].ravel()) == {100}
    assert (redrawn(PICTURE, np.zeros((48, 64), np.uint8), (), Redraw(0.5, LANCZOS), plain(1)) == PICTURE).all()
    assert (redrawn(PICTURE, square(20, 10, 16), (), Redraw(1.0, LANCZOS), plain(1)) == PICTURE).all()


def test_parts_have_upscalers_of_their_own_with_soft_joins() -> None:
    how = Redraw(0.5, (Layer("grey"),), parts=((Layer("other"),),), join=6)
    made = redrawn(PICTURE, square(0, 0, 48), [square(20, 0, 48)], how, plain(100))[..., 0].astype(int)
    assert made[24, 2] == 100
    assert made[24, 40] == 155
    assert np.abs(np.diff(made[24, 5:45])).max() < 20, "no step between the two"
    empty = redrawn(PICTURE, square(0, 0, 48), [square(0, 0, 0)], how, plain(100))
    assert set(empty[:40, :40].ravel()) == {100}, "a part that is not there leaves the rest as it is"


def test_detail_is_added_where_there_is_none_and_nothing_is_taken_away() -> None:
    rough = RANDOM.integers(-40, 40, (96, 128, 3))
    smooth = cv2.resize(PICTURE, (128, 96), interpolation=cv2.INTER_CUBIC).astype(int)
    half = np.clip(smooth + rough * (np.arange(128) < 64)[None, :, None], 0, 255).astype(np.uint8)

    def drawn(frame: Frame, model: str, scale: float) -> Frame:
        size = frame.shape[1] * 2, frame.shape[0] * 2
        return np.clip(cv2.resize(frame, size, interpolation=cv2.INTER_CUBIC) + rough // 2, 0, 255).astype(np.uint8)

    def fine(picture: Frame) -> np.ndarray:
        return np.abs(picture.astype(float) - cv2.GaussianBlur(picture, (0, 0), 2)).mean(axis=2)

    whole, layers = np.full((96, 128), 255, np.uint8), (Layer("any"),)
    made = redrawn(half, whole, (), Redraw(0.5, layers, "add"), drawn)
    assert fine(made)[:, :48].mean() >= fine(half)[:, :48].mean(), "its own detail stays"
    assert fine(made)[:, 80:].mean() > 3 * fine(half)[:, 80:].mean(), "and gets some where it had none"
    assert np.abs(cv2.blur(made, (9, 9)).astype(int) - cv2.blur(half, (9, 9))).max() <= 6, "what was painted is kept"
    small = cv2.resize(half, (64, 48), interpolation=cv2.INTER_AREA)
    replaced = redrawn(half, whole, (), Redraw(0.5, layers, "replace"), drawn)
    assert (replaced == drawn(small, "", 2)).all()


def test_faces_show_as_far_as_they_are_visible() -> None:
    how = Redraw(1.0, faces="grey", visibility=0.5)
    made = redrawn(PICTURE, square(20, 10, 16), (), how, plain(100))[10:26, 20:36]
    assert np.abs(made - (PICTURE[10:26, 20:36] + 100.0) / 2).max() <= 0.5


def test_what_flickers_is_calmed_along_the_motion() -> None:
    wide = cv2.GaussianBlur(RANDOM.integers(0, 256, (64, 160, 3)).astype(np.uint8), (0, 0), 3)
    wide = cv2.normalize(wide, None, 0, 255, cv2.NORM_MINMAX)  # type: ignore[call-overload]
    pictures = [np.ascontiguousarray(wide[:, 3 * i : 3 * i + 96]) for i in range(10)]
    steady = RANDOM.integers(-30, 30, (64, 160, 3)).astype(np.int16)
    steady = cv2.GaussianBlur(steady, (0, 0), 2) * 4
    noise = [cv2.GaussianBlur(RANDOM.normal(0, 30, (64, 96, 3)), (0, 0), 1.5) for _ in pictures]
    true = [steady[:, 3 * i : 3 * i + 96] for i in range(10)]
    changes = [(t + n).astype(np.int16) for t, n in zip(true, noise)]
    masks = [np.full((64, 96), 255, np.uint8)] * 10
    after = calmed(pictures, masks, changes, 1.0)
    inner = np.s_[16:-16, 16:-16]

    def error(found: list[Any]) -> float:
        return float(np.mean([np.abs(a[inner] - t[inner]).mean() for a, t in zip(found, true)]))

    assert error(after) < 0.6 * error(changes)
    assert all((a == c).all() for a, c in zip(calmed(pictures, masks, changes, 0.0), changes))
    assert len(calmed(pictures[:1], masks[:1], changes[:1], 1.0)) == 1


# The stage


class Enlarger(Recorder):
    """A recorder that upscales: `grey` makes a plain grey, `plain` repeats pixels; counts what it is asked for."""

    def __init__(self, stop_after: int = 0) -> None:
        super().__init__()
        self.asked: list[str] = []
        self.stop_after = stop_after

    def names(self, kind: str) -> list[str]:
        return {"upscaler": ["Lanczos", "grey", "other"], "face restorer": ["GFPGAN"]}.get(kind, [])

    def upscale(self, frame: Frame, model: str, scale: float) -> Frame:
        self.asked.append(model)
        if self.stop_after and len(self.asked) > self.stop_after:
            raise Cancelled
        if model not in (values := {"grey": 90, "other": 200, "GFPGAN": 30, "Lanczos": 140}):
            raise EngineError(f"There is no upscaler {model!r}.")
        size = round(frame.shape[0] * scale), round(frame.shape[1] * scale), 3
        return np.full(size, values[model], np.uint8)


HALF = {
    "refine.patch": True,
    "refine.painted": 0.5,
    "refine.models": "grey",
    "refine.deflicker": 0.5,
    "refine.detail": "replace",
}


@pytest.fixture(scope="module")
def carried(footage: Footage, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("carried") / "project"
    edit(
        folder,
        footage,
        {"enhance.grain": "off", "package.comparison": False, "assemble.share": False},
        engine=Enlarger(),
    )
    return folder


def middle(folder: Path, index: int) -> np.ndarray:
    """RGB of the middle of the disc in one frame of the master."""
    with av_open(folder / "master.mp4") as frames:
        picture = frames[index]
    return picture[26:34, 32 + index : 40 + index].reshape(-1, 3).mean(axis=0)


class av_open:  # noqa: N801
    def __init__(self, path: Path) -> None:
        import av

        with av.open(str(path)) as file:
            self.frames = [frame.to_ndarray(format="rgb24") for frame in file.decode(video=0)]

    def __enter__(self) -> list[np.ndarray]:
        return self.frames

    def __exit__(self, *_: object) -> None: ...


def test_off_it_leaves_the_patches_alone(carried: Path) -> None:
    assert not {"refined.json"} & files(carried).keys()
    assert not [name for name in files(carried) if name.startswith(("refined/", "redrawn/", "segments/"))]


def test_the_edit_is_drawn_anew_up_to_the_master(carried: Path, footage: Footage, tmp_path: Path) -> None:
    project, engine = copied(carried, tmp_path / "p"), Enlarger()
    edit(project, footage, HALF, engine=engine)
    assert set(engine.asked) == {"grey"}
    assert len(engine.asked) == 14
    assert np.abs(middle(project, 6) - 90).max() < 4
    assert len(list((project / "package/refined").glob("*.mp4"))) == len(
        json.loads((project / "refined.json").read_text())
    )
    receipt = json.loads((project / "package/receipt.json").read_text())
    assert receipt["exact"] if "exact" in receipt else not receipt.get("different", 0)
    before = stamps(project)
    edit(project, footage, HALF, engine=engine)
    assert remade(before, project) == set()
    edit(project, footage, {"refine.patch": False}, engine=engine)
    assert not [name for name in files(project) if name.startswith(("refined", "redrawn", "package/refined"))]
    assert (project / "master.mp4").read_bytes() == (carried / "master.mp4").read_bytes()


def test_only_what_a_knob_touches_is_done_again(carried: Path, footage: Footage, tmp_path: Path) -> None:
    project, engine = copied(carried, tmp_path / "p"), Enlarger()
    edit(project, footage, HALF, engine=engine, until="refine")
    edit(project, footage, {**HALF, "refine.deflicker": 0.2}, engine=engine, until="refine")
    assert len(engine.asked) == 14, "the upscaler's pictures are still there"


def test_stopped_in_the_middle_it_goes_on_at_the_next_frame(carried: Path, footage: Footage, tmp_path: Path) -> None:
    project, whole = copied(carried, tmp_path / "p"), copied(carried, tmp_path / "whole")
    with pytest.raises(Cancelled):
        edit(project, footage, HALF, engine=Enlarger(stop_after=5), until="refine")
    assert len(list((project / "redrawn").glob("*.png"))) == 5
    engine = Enlarger()
    edit(project, footage, HALF, engine=engine, until="refine")
    assert len(engine.asked) == 9
    edit(whole, footage, HALF, engine=Enlarger(), until="refine")
    for one, other in zip(sorted((project / "refined").iterdir()), sorted((whole / "refined").iterdir())):
        assert one.read_bytes() == other.read_bytes()


def test_painted_as_large_as_shown_there_is_nothing_to_do(carried: Path, footage: Footage, tmp_path: Path) -> None:
    project, engine, progress = copied(carried, tmp_path / "p"), Enlarger(), Steps()
    edit(project, footage, {**HALF, "refine.painted": 0.0}, engine=engine, progress=progress, until="refine")
    assert engine.asked == []
    assert [note for note in progress.notes if "painted as large as it is shown" in note]


def test_candidates_say_how_large_they_were_painted(footage: Footage, tmp_path: Path) -> None:
    class Half(Enlarger):
        def inpaint(self, job: Any) -> Any:
            height, width = job.mask.shape
            size = f"Size: {width // 2}x{height // 2}, Seed: "
            return [type(one)(one.picture, one.seed, size + str(one.seed)) for one in super().inpaint(job)]

    engine = Half()
    edit(tmp_path / "p", footage, {**HALF, "refine.painted": 0.0}, engine=engine, until="refine")
    assert set(engine.asked) == {"grey"}


def test_faces_are_restored(carried: Path, footage: Footage, tmp_path: Path) -> None:
    project = copied(carried, tmp_path / "p")
    edit(project, footage, {"refine.faces": "GFPGAN"}, engine=Enlarger(), until="assemble")
    assert np.abs(middle(project, 6) - 30).max() < 4


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"refine.faces": "Glow"}, "no face restorer 'Glow': there are GFPGAN"),
        ({**HALF, "refine.models": "magic"}, "no upscaler 'magic'"),
    ],
    ids=["faces", "upscaler"],
)
def test_a_name_that_the_engine_does_not_know(
    values: Any, words: str, carried: Path, footage: Footage, tmp_path: Path
) -> None:
    with pytest.raises(EngineError, match=words):
        edit(copied(carried, tmp_path / "p"), footage, values, engine=Enlarger(), until="refine")


def test_segments_are_found_in_the_finished_picture(
    carried: Path, footage: Footage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Left:
        """Finds the left half of the disc, but nothing in frame 3."""

        seconds, uses, files = 0.1, (), {}

        def masks(self, shot: Any) -> Any:
            smalls = list(shot.small(0, shot.count))
            for index, picture in enumerate(shot.full(0, shot.count)):
                assert picture.crop(Box(0, 0, 96, 64)).shape == (64, 96, 3)
                assert smalls[index].shape == (64, 96, 3)
                yield np.zeros((64, 96), np.uint8) if index == 3 else square(0, 0, 36 + index, (64, 96))

    monkeypatch.setattr("lib_vidpaint.segmenting.open_segmenter", lambda *_: Left())
    project, engine, progress = copied(carried, tmp_path / "p"), Enlarger(), Steps()
    values = {**HALF, "refine.segments": "face: other", "refine.join": 2.0, "refine.deflicker": 0.0}
    edit(project, footage, values, engine=engine, progress=progress, until="assemble")
    with av_open(project / "master.mp4") as frames:
        assert abs(int(frames[6][30, 36, 0]) - 200) < 6
        assert abs(int(frames[6][30, 47, 0]) - 90) < 6
        assert abs(int(frames[3][30, 36, 0]) - 90) < 6
    assert [n for n in progress.notes if "no face in 1 of 14 frames (3)" in n]
    edit(project, footage, {"refine.segments": ""}, engine=engine, until="refine")
    assert not list((project / "segments").glob("*"))


# The large copy


def test_a_large_copy_is_made_frame_by_frame_and_ends_the_guarantee_for_itself_alone(
    carried: Path, footage: Footage, tmp_path: Path
) -> None:
    project, values = copied(carried, tmp_path / "p"), {"refine.frame": 2.0, "refine.models": "grey:0.5"}
    with pytest.raises(Cancelled):
        edit(project, footage, values, engine=Enlarger(stop_after=5))
    assert len(list((project / "large").glob("[0-9]*.mp4"))) == 5
    engine = Enlarger()
    edit(project, footage, values, engine=engine)
    assert len(engine.asked) == 9
    assert not list((project / "large").glob("*"))
    with av_open(project / "large.mp4") as frames, av_open(project / "master.mp4") as exact:
        assert [frame.shape for frame in frames] == [(128, 192, 3)] * 14
        want = (cv2.resize(exact[6], (192, 128), interpolation=cv2.INTER_LANCZOS4).astype(int) + 90) / 2
        assert np.abs(frames[6] - want).mean() < 4
    assert (project / "package/large.mp4").exists()
    receipt = (project / "package/receipt.txt").read_text()
    assert "refine.frame = 2 in large.mp4 (the master is exact)" in receipt
    assert (project / "master.mp4").read_bytes() == (carried / "master.mp4").read_bytes()
    before = stamps(project)
    edit(project, footage, values, engine=Enlarger())
    assert remade(before, project) == set()
    edit(project, footage, {"refine.frame": 1.0}, engine=Enlarger())
    assert not (project / "large.mp4").exists()
    assert "refine.frame" not in (project / "package/receipt.txt").read_text()
