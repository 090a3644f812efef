"""What every engine promises, and how one that breaks its promise is caught."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import hosts
import numpy as np
import pytest
from fakes import Recorder
from tiny_models import save_model

from lib_vidpaint.engines import Engine, EngineSpec, InpaintJob, open_engine, paint
from lib_vidpaint.errors import EngineError
from lib_vidpaint.model import Frame, Mask

ENGINES: dict[str, Callable[[], Engine]] = {
    "builtin": lambda: open_engine(EngineSpec("builtin")),
    "recorder": Recorder,
}
RNG = np.random.default_rng(5)


def crop(width: int, height: int) -> Frame:
    return RNG.integers(0, 256, (height, width, 3), np.uint8)


def middle(width: int, height: int) -> Mask:
    mask = np.zeros((height, width), np.uint8)
    mask[height // 4 : -height // 4, width // 4 : -width // 4] = 255
    return mask


MASKS = {
    "middle": middle,
    "empty": lambda w, h: np.zeros((h, w), np.uint8),
    "full": lambda w, h: np.full((h, w), 255, np.uint8),
    "soft": lambda w, h: np.tile(np.linspace(0, 255, w).astype(np.uint8), (h, 1)),
}


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one tiny model for the engine diffusers."""
    for package in ("torch", "diffusers", "transformers"):
        pytest.importorskip(package, reason=f"{package} is not installed")
    folder = tmp_path_factory.mktemp("models")
    save_model(folder / "tiny")
    return folder


@pytest.fixture(params=[*ENGINES, "webui", "diffusers"])
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    if request.param in ENGINES:
        yield ENGINES[request.param]()
        return
    if request.param == "diffusers":
        yield open_engine(EngineSpec("diffusers", (("models", str(request.getfixturevalue("models"))),)))
        return
    with hosts.running():
        yield open_engine(EngineSpec("webui"))


@pytest.mark.parametrize("mask", MASKS.values(), ids=MASKS)
@pytest.mark.parametrize("size", [(64, 64), (72, 40), (33, 47)], ids=str)
def test_a_picture_of_the_crops_size_for_every_seed(
    engine: Engine, size: tuple[int, int], mask: Callable[[int, int], Mask]
) -> None:
    picture = crop(*size)
    before = picture.copy()
    painted = paint(engine, InpaintJob(picture, mask(*size), (3, 4, 2**32 - 1)))
    assert [one.seed for one in painted] == [3, 4, 2**32 - 1]
    for one in painted:
        assert (one.picture.shape, one.picture.dtype) == (picture.shape, np.uint8)
        assert not np.shares_memory(one.picture, picture)
        assert one.infotext
    assert np.array_equal(picture, before)


def test_a_seed_gives_the_same_picture_again(engine: Engine) -> None:
    job = InpaintJob(crop(64, 48), middle(64, 48), (11, 12))
    for one, other in zip(engine.inpaint(job), engine.inpaint(job)):
        assert np.array_equal(one.picture, other.picture)


def test_seeds_give_different_pictures(engine: Engine) -> None:
    one, other = engine.inpaint(InpaintJob(crop(64, 48), middle(64, 48), (11, 12)))
    assert not np.array_equal(one.picture, other.picture)


def test_the_hole_is_painted(engine: Engine) -> None:
    job = InpaintJob(crop(64, 48), middle(64, 48), (1,))
    assert (engine.inpaint(job)[0].picture != job.crop)[job.mask > 0].mean() > 0.5


@pytest.mark.parametrize("scale", [1, 2, 4])
def test_upscaling(engine: Engine, scale: int) -> None:
    for model in engine.names("upscaler"):
        assert engine.upscale(crop(33, 20), model, scale).shape == (20 * scale, 33 * scale, 3)
    with pytest.raises(EngineError, match="no upscaler 'nothing'"):
        engine.upscale(crop(8, 8), "nothing", scale)


@pytest.mark.parametrize("kind", ["checkpoint", "sampler", "scheduler", "upscaler"])
def test_names_are_a_list(engine: Engine, kind: str) -> None:
    assert isinstance(engine.names(kind), list)
    assert engine.multiple >= 1


def test_an_unknown_engine_is_a_sentence() -> None:
    with pytest.raises(EngineError, match="no engine 'magic'"):
        open_engine(EngineSpec("magic"))


def test_a_wrong_size_is_caught() -> None:
    with pytest.raises(
        EngineError, match=r"recorder gave a picture of \(48, 72, 3\) uint8, asked for was \(48, 64, 3\)"
    ):
        paint(Recorder(wrong_size=True), InpaintJob(crop(64, 48), middle(64, 48), (1,)))


def test_too_few_pictures_are_caught() -> None:
    recorder = Recorder()
    recorder.inpaint = lambda job: []  # type: ignore[method-assign]
    with pytest.raises(EngineError, match="gave 0 pictures where 2 were asked for"):
        paint(recorder, InpaintJob(crop(64, 48), middle(64, 48), (1, 2)))
