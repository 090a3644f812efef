"""What every segmenter promises, and what each finds: on made-up clips and on the face that comes with scikit-image."""

from __future__ import annotations

import importlib.util
import sys
import types
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, cast, get_args

import cv2
import numpy as np
import pytest

from lib_vidpaint.errors import Cancelled, MaskError
from lib_vidpaint.model import Box, Frame, Mask
from lib_vidpaint.progress import Progress
from lib_vidpaint.requirements import lacking
from lib_vidpaint.segmenters import How, Options, Shot, open_segmenter, sam, shipped
from lib_vidpaint.segmenters.prompts import Prompt, check_prompts, in_shot, parse_prompts


@dataclass(frozen=True)
class Whole:
    frame: Frame

    def crop(self, box: Box) -> Frame:
        return self.frame[box.slices]


def shot(frames: Sequence[Frame], prompts: str = "", wide: int = 480) -> Shot:
    height, width = frames[0].shape[:2]
    size = min(wide, width), max(1, round(height * min(wide, width) / width))
    small = [np.asarray(cv2.resize(frame, size, interpolation=cv2.INTER_AREA), np.uint8) for frame in frames]
    return Shot(
        len(frames), width, height, Fraction(25), lambda a, b: iter(small[a:b]), lambda a, b: map(Whole, frames[a:b]),
        parse_prompts(prompts),
    )  # fmt: skip


def found(how: str, frames: Sequence[Frame], prompts: str = "", **options: Any) -> list[Mask]:
    return list(open_segmenter(cast(How, how), Options(**options)).masks(shot(frames, prompts)))


@pytest.fixture(scope="session")
def portrait() -> Frame:
    data = pytest.importorskip("skimage.data")
    return np.ascontiguousarray(data.astronaut()[:300, 60:420])


def moved(picture: Frame, count: int = 4, step: int = 3) -> list[Frame]:
    return [np.roll(picture, step * index, axis=1) for index in range(count)]


def ball(index: int, size: tuple[int, int] = (160, 120), hidden: range = range(0)) -> tuple[Frame, Mask]:
    """A textured red ball that moves over textured ground, behind a wall in some frames."""
    rng = np.random.default_rng(3)
    ground = cv2.GaussianBlur(rng.integers(0, 255, (*size[::-1], 3)).astype(np.float32), (0, 0), 2)
    ground = (ground - ground.mean()) * 3 + (80, 120, 90)
    mask = np.zeros(size[::-1], np.uint8)
    x, y = 30 + 3 * index, 60 + index
    if index not in hidden:
        cv2.circle(mask, (x, y), 16, (255,), -1, cv2.LINE_AA)
    stripes = np.where(((np.arange(size[0]) - x) // 5 % 2)[None, :, None] > 0, (220, 60, 40), (180, 30, 60))
    soft = mask[..., None] / 255
    return np.clip(ground * (1 - soft) + stripes * soft, 0, 255).astype(np.uint8), mask


def overlap(a: Mask, b: Mask) -> float:
    one, other = a > 127, b > 127
    return float((one & other).sum() / max((one | other).sum(), 1))


class Predictor:
    """A SamPredictor that answers with the box it is given, and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []
        self.size = (0, 0)

    def set_image(self, image: Frame) -> None:
        assert image.dtype == np.uint8
        self.size = image.shape[:2]

    def predict(self, **asked: Any) -> tuple[np.ndarray, np.ndarray, None]:
        self.asked.append(asked)
        left, top, right, bottom = (round(float(value)) for value in asked["box"])
        logits = np.full((1, *self.size), -9.0, np.float32)
        logits[0, top:bottom, left:right] = 9
        return logits, np.array([0.9]), None


@pytest.fixture
def predictor(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Predictor:
    one = Predictor()
    monkeypatch.setattr(sam, "load_predictor", lambda file: one)
    monkeypatch.setattr(sam, "in_models", lambda folder: [tmp_path])
    (tmp_path / "sam_vit_b.pth").write_bytes(b"weights")
    return one


@pytest.fixture
def rembg(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """A rembg that marks what is bright; the sessions that were opened are listed."""
    opened: list[Any] = []

    class Session:
        def __init__(self, name: str, **options: Any) -> None:
            self.name, self.options = name, options
            opened.append(self)

        def predict(self, picture: Any, **options: Any) -> list[Any]:
            self.options |= options
            return [picture.convert("L").point(lambda value: 255 if value > 127 else 0)]

    def new_session(name: str, **options: Any) -> Session:
        if name == "silueta":
            raise OSError("no network")
        return Session(name, **options)

    package, sessions = types.ModuleType("rembg"), types.ModuleType("rembg.sessions")
    vars(sessions)["sessions_names"] = ["u2net", "silueta", "u2net_cloth_seg", "dis_custom", "sam"]
    vars(package)["new_session"] = new_session
    for name, module in (
        ("rembg", package),
        ("rembg.sessions", sessions),
        *((name, types.ModuleType(name)) for name in ("onnxruntime", "pymatting", "pooch")),
    ):
        module.__spec__ = importlib.util.spec_from_loader(name, None)
        vars(module)["retrieve"] = lambda *_, **__: None
        monkeypatch.setitem(sys.modules, name, module)
    return opened


WAYS = [how for how in get_args(How) if how != "given"]
SIZES = {"even": (160, 120), "odd": (97, 61), "tiny": (16, 16)}


@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
@pytest.mark.parametrize("how", WAYS)
def test_masks_have_the_pictures_size_and_come_out_the_same_again(
    how: str, size: tuple[int, int], predictor: Predictor, rembg: list[Any]
) -> None:
    frames = [ball(index, size)[0] for index in range(3)]
    prompts = "+8,8" if how in ("track", "sam") else ""
    first, again = found(how, frames, prompts), found(how, frames, prompts)
    assert [(mask.shape, mask.dtype) for mask in first] == [(size[::-1], np.uint8)] * 3
    assert all(np.array_equal(a, b) for a, b in zip(first, again))


@pytest.mark.parametrize("how", WAYS)
def test_where_there_is_nothing_masks_are_empty(how: str, predictor: Predictor, rembg: list[Any]) -> None:
    frames = [np.full((90, 120, 3), 60, np.uint8)] * 3
    assert not any(mask.any() for mask in found(how, frames))


def test_a_person_is_cut_out_and_followed(portrait: Frame) -> None:
    masks = found("person", moved(portrait))
    for index, mask in enumerate(masks):
        assert mask[60:130, 130 + 3 * index : 190 + 3 * index].mean() > 240
        assert mask[:60, :40].mean() < 10


def test_a_face_is_outlined_in_every_frame_and_parts_hold_each_other(portrait: Frame) -> None:
    frames = moved(portrait)
    face, neck, head = (found("face", frames, part=part) for part in ("face", "face+neck", "head"))
    for index, mask in enumerate(face):
        shares = [float((one[index] > 127).mean()) for one in (face, neck, head)]
        assert 0.02 < shares[0] < 0.15 < 2 * shares[2]
        assert shares[0] <= shares[1]
        assert mask[90:120, 150 + 3 * index : 175 + 3 * index].min() == 255


def two_faces(portrait: Frame) -> Frame:
    half = np.asarray(cv2.resize(portrait, None, fx=0.8, fy=0.8, interpolation=cv2.INTER_AREA), np.uint8)
    half = np.pad(half, ((portrait.shape[0] - half.shape[0], 0), (0, 0), (0, 0)), "edge")
    return np.ascontiguousarray(np.hstack([portrait, half]))


@pytest.mark.parametrize(
    ("options", "prompts", "sides"),
    [
        ({"which": 1}, "", (True, False)),
        ({"which": 2}, "", (False, True)),
        ({"which": 0}, "", (True, True)),
        ({"which": 3}, "", (False, False)),
        ({"which": 1}, "1: +487,141", (False, True)),
    ],
    ids=["the larger", "the smaller", "both", "a third", "by click"],
)
def test_of_two_faces_the_wanted_one_is_taken(
    options: dict[str, int], prompts: str, sides: tuple[bool, bool], portrait: Frame
) -> None:
    masks = found("face", [two_faces(portrait)] * 3, prompts, **options)
    for mask in masks:
        assert (mask[:, :360].any(), mask[:, 360:].any()) == sides


@pytest.mark.parametrize("how", ["person", "face"])
def test_a_click_beside_everybody_is_refused(how: str, portrait: Frame) -> None:
    with pytest.raises(MaskError, match=f"no {how} at that place in frame 0"):
        found(how, [portrait] * 2, "+4,4")


PROMPTS = {
    "click": "+30,60",
    "box": "box 13,43,35,35",
    "click in the middle": "18: +84,78",
    "two clicks": "2: +36,62; 30: +120,90",
}


@pytest.mark.parametrize("prompts", PROMPTS.values(), ids=PROMPTS)
def test_a_moving_thing_is_tracked_from_one_hint(prompts: str) -> None:
    frames, true = zip(*(ball(index) for index in range(36)))
    overlaps = [overlap(*pair) for pair in zip(found("track", frames, prompts), true)]
    assert np.mean(overlaps) > 0.95
    assert min(overlaps) > 0.85


def test_what_is_hidden_gives_empty_masks_and_is_found_again() -> None:
    frames, true = zip(*(ball(index, hidden=range(16, 20)) for index in range(36)))
    masks = found("track", frames, "+30,60")
    assert not any(mask.any() for mask in masks[16:20])
    assert np.mean([overlap(*pair) for pair in zip(masks[22:], true[22:])]) > 0.9


def test_what_comes_out_from_behind_a_wall_is_marked_from_its_first_sight() -> None:
    wall, frames, true = slice(66, 112), [], []
    for index in range(36):
        frame, mask = ball(index)
        mask[:, wall], frame[:, wall] = 0, ball(index, hidden=range(99))[0][:, wall]
        frames.append(frame)
        true.append(mask)
    masks = found("track", frames, "+30,60")
    gone = [index for index, mask in enumerate(true) if not mask.any()]
    assert gone
    assert not any(masks[index].any() for index in gone)
    seen = [index for index, mask in enumerate(true) if (mask > 127).sum() > 60]
    assert min(overlap(masks[index], true[index]) for index in seen) > 0.7


def test_what_is_said_to_be_gone_stays_away_until_marked_again() -> None:
    frames, true = zip(*(ball(index) for index in range(32)))
    masks = found("track", frames, "+30,60; 5: gone; 20: +90,80")
    assert [bool(mask.any()) for mask in masks] == [index < 5 or index >= 20 for index in range(32)]
    assert overlap(masks[28], true[28]) > 0.9


def test_exact_masks_of_a_few_frames_are_followed(tmp_path: Path) -> None:
    frames, true = zip(*(ball(index) for index in range(10)))
    cv2.imwrite(str(tmp_path / "000004.png"), true[4])
    masks = found("track", frames, painted=str(tmp_path))
    assert np.mean([overlap(*pair) for pair in zip(masks, true)]) > 0.95


@pytest.mark.parametrize("kind", ["no folder", "no numbers", "another size"])
def test_painted_masks_that_cannot_be_used(kind: str, tmp_path: Path) -> None:
    folder = tmp_path / "none" if kind == "no folder" else tmp_path
    cv2.imwrite(str(tmp_path / ("mask.png" if kind == "no numbers" else "0001.png")), np.zeros((9, 9), np.uint8))
    with pytest.raises(MaskError, match="folder" if kind != "another size" else "160x120"):
        found("track", [ball(0)[0]] * 3, painted=str(folder))


def test_a_colour_is_keyed_and_light_and_dark() -> None:
    frame = np.zeros((40, 60, 3), np.uint8)
    frame[:, :20], frame[:, 20:40] = (0, 255, 0), (250, 250, 250)
    columns = {
        key: found("key", [frame], key=key)[0][20, [10, 30, 50]].tolist() for key in ("#00ff00", "light", "dark")
    }
    assert columns == {
        "#00ff00": [255, 0, 0],
        "light": [255 if columns["light"][0] else 0, 255, 0],
        "dark": [0, 0, 255],
    }
    with pytest.raises(MaskError, match="not a colour"):
        found("key", [frame], key="green")


def touching(index: int) -> tuple[Frame, Mask, Mask]:
    """The ball, which rolls past a smaller thing of its colours that moves too, and that one's mask."""
    frame, mask = ball(index, (200, 120))
    other = np.zeros_like(mask)
    left = 70 + round(0.8 * index)
    cv2.rectangle(other, (left, 88), (left + 16, 108), (255,), -1)
    other[mask > 0] = 0
    frame[other > 0] = (200, 45, 50)
    return frame, mask, other


def test_what_it_touches_is_hardly_taken_along() -> None:
    frames, true, others = zip(*(touching(index) for index in range(45)))
    touch = [bool((cv2.dilate(one, np.ones((3, 3))) & other).any()) for one, other in zip(true, others)]
    masks = found("track", frames, "+30,60")
    assert sum(touch) > 5, "the test wants both to touch"
    assert min(overlap(*pair) for pair in zip(masks, true)) > 0.7
    assert min(overlap(*pair) for pair in zip(masks[38:], true[38:])) > 0.85


def thrown(index: int) -> tuple[Frame, Mask]:
    """The ball, which from frame 10 on has been 50 pixels to the right, past a smaller thing of its colours that stays."""
    frame, mask = ball(0, (200, 120), range(1))
    place = np.zeros_like(mask)
    cv2.rectangle(place, (30, 58), (52, 80), (255,), -1)
    across = np.where((np.arange(120) // 5 % 2)[:, None, None] > 0, (220, 60, 40), (180, 30, 60))
    frame[place > 0] = np.broadcast_to(across, frame.shape)[place > 0]
    x = 30 + index + 50 * (index >= 10)
    cv2.circle(mask, (x, 60), 16, (255,), -1, cv2.LINE_AA)
    stripes = np.where(((np.arange(200) - x) // 5 % 2)[None, :, None] > 0, (220, 60, 40), (180, 30, 60))
    soft = mask[..., None] / 255
    return np.clip(frame * (1 - soft) + stripes * soft, 0, 255).astype(np.uint8), mask


def test_what_jumps_farther_than_the_flow_sees_is_found_by_its_colours_and_area() -> None:
    frames, true = zip(*(thrown(index) for index in range(20)))
    masks = found("track", frames, "+30,60")
    assert min(overlap(*pair) for pair in zip(masks, true)) > 0.75


def test_sam_is_asked_again_in_every_frame_with_what_was_tracked(predictor: Predictor) -> None:
    frames, true = zip(*(ball(index) for index in range(24)))
    masks = found("sam", frames, "0: +30,60 -100,20")
    assert predictor.asked[0]["point_coords"].tolist() == [[30, 60], [100, 20]]
    assert predictor.asked[0]["point_labels"].tolist() == [1, 0]
    for index, (asked, mask) in enumerate(zip(predictor.asked, masks)):
        assert abs(asked["box"] - (14 + 3 * index, 44 + index, 47 + 3 * index, 77 + index)).max() <= 3
        assert asked["mask_input"].shape == (1, 256, 256)
        assert overlap(mask, true[index]) > 0.7  # its own answer: the box around the ball


def test_sams_answer_does_not_count_when_it_has_taken_something_else(
    predictor: Predictor, monkeypatch: pytest.MonkeyPatch
) -> None:
    frames, true = zip(*(ball(index) for index in range(16)))
    monkeypatch.setattr(
        predictor, "predict", lambda **_: (np.full((1, 120, 160), 9.0, np.float32), np.array([1.0]), None)
    )
    assert all(overlap(*pair) > 0.9 for pair in zip(found("sam", frames, "+30,60"), true))


def test_a_rembg_model_is_opened_by_name_and_clothing_asks_for_its_garment(rembg: list[Any], tmp_path: Path) -> None:
    found("rembg", [ball(0)[0]], model="u2net")
    found("clothing", [ball(0)[0]], clothing="lower")
    (tmp_path / "own.onnx").write_bytes(b"model")
    found("rembg", [ball(0)[0]], model="dis_custom", checkpoint=str(tmp_path / "own.onnx"))
    assert [session.name for session in rembg] == ["u2net", "u2net_cloth_seg", "dis_custom"]
    assert rembg[1].options == {"cloth_category": "lower"}
    assert rembg[2].options == {"model_path": str(tmp_path / "own.onnx")}


@pytest.mark.parametrize(
    ("model", "words"),
    [
        ("nope", "u2net_cloth_seg"),
        ("sam", "no model 'sam'"),
        ("silueta", "no network"),
        ("dis_custom", "--mask.checkpoint"),
    ],
)
def test_rembg_models_that_cannot_be_had(model: str, words: str, rembg: list[Any]) -> None:
    with pytest.raises(MaskError, match=words):
        open_segmenter("rembg", Options(model=model))


class Fetched(Progress):
    """What was said of a download; it is cancelled as soon as `enough` MB are there."""

    def __init__(self, enough: int = 100) -> None:
        super().__init__()
        self.said, self.enough = [], enough

    def show(self, text: str, done: int, total: int) -> None:
        self.said.append((text, done, total))
        if done >= self.enough:
            self.cancel()


@pytest.mark.parametrize("enough", [100, 1], ids=["to its end", "stopped"])
def test_the_download_of_a_model_is_shown_in_mb_and_can_be_stopped(
    enough: int, rembg: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    chunks = []

    def retrieve(url: str, known_hash: str, progressbar: Any) -> None:
        progressbar.total = 3 * 2**20 + 5
        for _ in range(6):
            chunks.append(2**19)
            progressbar.update(2**19)
        progressbar.reset()
        progressbar.update(progressbar.total)
        progressbar.close()

    plain = sys.modules["rembg"].new_session
    monkeypatch.setattr(sys.modules["pooch"], "retrieve", retrieve)

    def downloading(name: str, **options: Any) -> Any:
        sys.modules["pooch"].retrieve("https://", "md5:0", progressbar=True)
        return plain(name, **options)

    monkeypatch.setattr(sys.modules["rembg"], "new_session", downloading)
    progress = Fetched(enough)
    if enough == 100:
        open_segmenter("rembg", Options(model="u2net"), progress)
        assert progress.said == [("downloading u2net (MB)", done, 3) for done in (0, 1, 2, 3)]
    else:
        with pytest.raises(Cancelled):
            open_segmenter("clothing", Options(), progress)
        assert len(chunks) == 3, "it stops in the middle"
    assert sys.modules["pooch"].retrieve is retrieve


MISSING = {"rembg": "onnxruntime", "clothing": "onnxruntime", "sam": "torch"}


@pytest.mark.parametrize("how", MISSING)
def test_a_package_that_is_not_installed_is_named(how: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    known = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == MISSING[how] else known(name))
    (tmp_path / "sam.pth").write_bytes(b"")
    with pytest.raises(MaskError, match=f"is off: .*{MISSING[how]}.* not installed; do pip install"):
        open_segmenter(cast(How, how), Options(checkpoint=str(tmp_path / "sam.pth")))


def test_what_a_way_lacks_is_one_sentence_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    there = {"torch", "torchvision", "onnxruntime"}
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: object() if name in there else None)
    assert lacking("sam") == (
        "Finding masks with sam is off: segment_anything is not installed; do pip install 'vidpaint[sam]' "
        '(in a WebUI: pip install --no-deps "segment-anything>=1.0,<2").'
    )
    assert "pymatting, pooch, rembg are not installed" in lacking("clothing")
    assert lacking("person") == lacking("track") == ""


def test_a_sam_checkpoint_that_is_not_there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with pytest.raises(MaskError, match="is not a file"):
        open_segmenter("sam", Options(checkpoint=str(tmp_path / "no.pth")))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(MaskError, match="models/sam"):
        open_segmenter("sam", Options())


@pytest.mark.parametrize("kind", ["code", "damaged", "another model", "half a model"])
def test_sam_checkpoints_that_are_none(kind: str, tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    pytest.importorskip("segment_anything")
    file, ran = tmp_path / "sam.pth", tmp_path / "ran"
    if kind == "code":
        torch.save({"x": _Bomb(ran)}, file)
    elif kind == "damaged":
        file.write_bytes(b"PK\3\4 no zip")
    else:
        name = "image_encoder.patch_embed.proj.bias" if kind == "half a model" else "weight"
        torch.save({name: torch.zeros(768)}, file)
    with pytest.raises(MaskError, match="SAM"):
        sam.load_predictor(file)
    assert not ran.exists()


class _Bomb:
    def __init__(self, file: Path) -> None:
        self.file = file

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.file,)


BROKEN = {"missing": None, "truncated": 9000, "of another kind": b"GIF89a" * 100, "empty": b""}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("content", BROKEN.values(), ids=BROKEN)
def test_a_network_that_is_damaged_is_named(content: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    good = (shipped.FOLDER / "person-near.tflite").read_bytes()
    if content is not None:
        (tmp_path / "person-near.tflite").write_bytes(good[:content] if isinstance(content, int) else content)
    monkeypatch.setattr(shipped, "FOLDER", tmp_path)
    with pytest.raises(MaskError, match="install Video Inpaint again"):
        shipped.run("person-near", 256, np.zeros((8, 8, 3), np.uint8))


def test_prompts_are_read() -> None:
    text = "40: box 10, 20,30,40 +12 , 25; 0: +120,80 -300,40; 90: gone"
    assert parse_prompts(text) == (
        Prompt(0, ((120, 80),), ((300, 40),)),
        Prompt(40, ((12, 25),), (), Box(10, 20, 30, 40)),
        Prompt(90, gone=True),
    )
    assert parse_prompts(" +1,2+3,4 ") == (Prompt(0, ((1, 2), (3, 4))),)
    assert parse_prompts("") == ()
    assert [prompt.frame for prompt in in_shot(parse_prompts(text), 10, 90)] == [30]


WRONG = {
    "x: +1,2": "not a frame number",
    "0: +1": r"\+1' is not",
    "0: -1,2": "only what it is not",
    "0: gone +1,2": "gone and marked",
    "3: +1,2; 3: +4,5": "frame 3 is there twice",
    "box 1,2,3,4 box 1,2,3,4": "two boxes",
    "0: +50,10": "point 50,10 at frame 0 lies outside",
    "0: box 40,20,20,5": "does not lie inside",
    "0: box 4,2,0,5": "does not lie inside",
    "9: +1,2": "no frame 9",
}


@pytest.mark.parametrize(("text", "words"), WRONG.items(), ids=WRONG)
def test_prompts_that_make_no_sense(text: str, words: str) -> None:
    with pytest.raises(MaskError, match=words):
        check_prompts(parse_prompts(text), 9, 50, 40)
