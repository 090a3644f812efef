"""Upscalers of one's own: found by name, cut into tiles, of exact size, and every way in which weights can be wrong."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import cv2
import numpy as np
import pytest
from projects import vidpaint

from lib_vidpaint import abilities, upscalers
from lib_vidpaint.errors import EngineError
from lib_vidpaint.model import Frame
from lib_vidpaint.upscalers import Upscalers, Weights, found, name_of
from lib_vidpaint.upscalers.tiles import MARGIN, SIDE, out_of_memory, tiled

FRAME = np.random.default_rng(8).integers(0, 256, (33, 20, 3), np.uint8)


def twice(tile: Frame) -> Frame:
    return tile.repeat(2, 0).repeat(2, 1)


def blurry(tile: Frame) -> Frame:
    """Twice as large, each pixel from its neighbours: joints between tiles would show."""
    return twice(np.asarray(cv2.GaussianBlur(tile, (9, 9), 0), np.uint8))


def test_tiles_join_without_a_seam() -> None:
    picture = np.random.default_rng(1).integers(0, 256, (SIDE + 40, 2 * SIDE + 3, 3), np.uint8)
    assert (tiled(blurry, picture, "blurry") == blurry(picture)).all()


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        RuntimeError("CUDA out of memory. Tried"),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried"),
    ],
    ids=["python", "cuda", "cpu"],
)
def test_out_of_memory_tiles_get_smaller(error: Exception) -> None:
    sides = []

    def tight(tile: Frame) -> Frame:
        sides.append(max(tile.shape))
        if max(tile.shape) > 100:
            raise error
        return twice(tile)

    picture = np.random.default_rng(1).integers(0, 256, (300, 200, 3), np.uint8)
    assert (tiled(tight, picture, "tight") == twice(picture)).all()
    assert max(sides[1:]) <= 64 + 2 * MARGIN


def test_memory_that_is_never_enough_is_a_sentence() -> None:
    def hungry(tile: Frame) -> Frame:
        raise MemoryError

    with pytest.raises(EngineError, match="upscaler hungry needs more memory than is free even for 32x32 pixels"):
        tiled(hungry, np.zeros((64, 64, 3), np.uint8), "hungry")


def test_a_network_that_fails_or_gives_another_shape_is_a_sentence() -> None:
    def broken(tile: Frame) -> Frame:
        raise ValueError("weights do not fit\nmore")

    with pytest.raises(EngineError, match=r"upscaler b failed: weights do not fit$"):
        tiled(broken, FRAME, "b")
    with pytest.raises(EngineError, match=r"it made \(33, 60, 3\) of a picture of 33x20"):
        tiled(lambda tile: tile.repeat(3, 1), FRAME, "b")
    assert not out_of_memory(ValueError("memory of an elephant"))


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("RealESRGAN_x4plus.pth", "R-ESRGAN 4x+"),
        ("realesrgan-x4plus.param", "R-ESRGAN 4x+"),
        ("realesr-animevideov3.pth", "R-ESRGAN AnimeVideo"),
        ("4x-UltraSharp.pth", "4x-UltraSharp"),
    ],
    ids=str,
)
def test_names_are_the_webuis(file: str, name: str) -> None:
    assert name_of(Path(file)) == name


def laid_out(folder: Path, *files: str) -> Path:
    for file in files:
        path = folder / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    return folder


def test_weights_are_found_in_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = laid_out(
        tmp_path / "own",
        "a.pth",
        "b.param",
        "b.bin",
        "half.param",
        "note.txt",
        "ESRGAN/c.safetensors",
        "Lora/d.safetensors",
    )
    laid_out(tmp_path / "host/models", "RealESRGAN/RealESRGAN_x4plus.pth", "ESRGAN/a.pth")
    monkeypatch.chdir(tmp_path / "host")
    assert [(one.name, one.kind) for one in sorted(found(str(own)), key=lambda one: one.name)] == [
        ("R-ESRGAN 4x+", "torch"), ("a", "torch"), ("b", "ncnn"), ("c", "torch"),
    ]  # fmt: skip
    assert {one.name: one.file for one in found(str(own))}["a"] == own / "a.pth"
    assert [one.name for one in found(str(own / "a.pth")) if one.file.parent == own] == ["a"]
    with pytest.raises(EngineError, match=r"nowhere does not exist: refine\.weights is"):
        found(str(tmp_path / "nowhere"))


def test_what_lacks_a_package_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    laid_out(tmp_path, "a.pth", "a.param", "a.bin")
    monkeypatch.setattr(Weights, "missing", property(lambda one: ["spandrel"] if one.kind == "torch" else ["ncnn"]))
    ours = Upscalers(str(tmp_path))
    assert ours.names() == ["Lanczos"]
    with pytest.raises(
        EngineError, match=r"upscaler a needs the package (ncnn|spandrel), which is not installed: pip install"
    ):
        ours.upscale(FRAME, "a", 2)
    monkeypatch.setattr(Weights, "missing", property(lambda one: ["spandrel"] if one.kind == "torch" else []))
    assert [one.kind for one in found(str(tmp_path))] == ["ncnn"], "the one that can be run"


@pytest.mark.parametrize("scale", [1, 1.3, 2, 4, 0.5])
def test_lanczos_is_of_exact_size(scale: float) -> None:
    made = Upscalers().upscale(FRAME, "Lanczos", scale)
    assert made.shape == (round(33 * scale), round(20 * scale), 3)
    assert not np.shares_memory(made, FRAME)


@pytest.mark.parametrize(("scale", "passes"), [(1, 1), (2, 1), (2.5, 2), (8, 3), (20, 3)], ids=str)
def test_a_network_runs_until_the_picture_is_large_enough(scale: float, passes: int, tmp_path: Path) -> None:
    laid_out(tmp_path, "a.pth")
    ours, calls = Upscalers(str(tmp_path)), []
    ours._networks["a"] = lambda tile: (calls.append(1), twice(tile))[1]
    assert ours.upscale(FRAME[:10, :9], "a", scale).shape == (round(10 * scale), round(9 * scale), 3)
    assert len(calls) == passes


def test_an_unknown_name_says_what_there_is(tmp_path: Path) -> None:
    laid_out(tmp_path, "4x-UltraSharp.pth")
    with pytest.raises(EngineError, match="no upscaler '4x-Ultrasharp'; near it are 4x-UltraSharp"):
        Upscalers(str(tmp_path)).upscale(FRAME, "4x-Ultrasharp", 2)
    with pytest.raises(EngineError, match="there are Lanczos, 4x-UltraSharp"):
        Upscalers(str(tmp_path)).upscale(FRAME, "zzz", 2)


# With the real packages, where they are

torch_only = pytest.mark.skipif(
    any(importlib.util.find_spec(name) is None for name in ("torch", "spandrel")),
    reason="torch or spandrel is not installed",
)
ncnn_only = pytest.mark.skipif(importlib.util.find_spec("ncnn") is None, reason="ncnn is not installed")


@pytest.fixture(autouse=True, scope="module")
def _torchvision_of_another_build() -> None:
    """Beside a torch without CUDA a torchvision built for it does not load; its Python part does, all that spandrel needs."""
    if importlib.util.find_spec("torch") is None or importlib.util.find_spec("torchvision") is None:
        return
    try:
        importlib.import_module("torchvision")
    except RuntimeError:
        for name in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
            del sys.modules[name]
        sys.modules["torchvision._meta_registrations"] = ModuleType("torchvision._meta_registrations")


def compact(folder: Path, name: str = "tiny.pth", **changes: Any) -> Path:
    """Random weights of Real-ESRGAN's compact network, as small as it goes: x4."""
    import torch
    from torch.nn import Conv2d, ModuleDict, PReLU, Sequential

    torch.manual_seed(1)
    layers = Conv2d(3, 8, 3, padding=1), PReLU(8), Conv2d(8, 8, 3, padding=1), PReLU(8), Conv2d(8, 48, 3, padding=1)
    torch.save({"params": ModuleDict({"body": Sequential(*layers)}).state_dict(), **changes}, folder / name)
    return folder / name


@torch_only
def test_real_esrgan_by_torch(tmp_path: Path) -> None:
    compact(tmp_path, "RealESRGAN_x4plus.pth")
    ours = Upscalers(str(tmp_path))
    assert ours.names()[:2] == ["Lanczos", "R-ESRGAN 4x+"]
    for scale in (1, 2, 4):
        made = ours.upscale(FRAME, "R-ESRGAN 4x+", scale)
        assert made.shape == (33 * scale, 20 * scale, 3)
        assert made.dtype == np.uint8
        assert (made == ours.upscale(FRAME, "R-ESRGAN 4x+", scale)).all()


@torch_only
def test_safetensors_too(tmp_path: Path) -> None:
    import torch
    from safetensors.torch import save_file

    weights = torch.load(compact(tmp_path), weights_only=True)["params"]
    save_file(weights, tmp_path / "other.safetensors")
    one, other = (Upscalers(str(tmp_path)).upscale(FRAME, name, 4) for name in ("tiny", "other"))
    assert (one == other).all()


class Evil:
    def __reduce__(self) -> Any:
        return (Path.touch, (Path("evil"),))


def spoiled(folder: Path, how: str) -> Path:
    import torch

    path = compact(folder)
    if how == "truncated":
        path.write_bytes(path.read_bytes()[:2000])
    elif how == "code":
        torch.save({"params": Evil()}, path)
    elif how == "something else":
        torch.save({"weight": torch.zeros(3)}, path)
    return path


@torch_only
@pytest.mark.parametrize(
    ("how", "words"),
    [
        ("truncated", "is damaged, or holds more than weights"),
        ("code", "is damaged, or holds more than weights"),
        ("something else", "holds weights of no upscaler that is known here"),
    ],
    ids=str,
)
def test_wrong_weights(how: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    spoiled(tmp_path, how)
    with pytest.raises(EngineError, match=words):
        Upscalers(str(tmp_path)).upscale(FRAME, "tiny", 2)
    assert not (tmp_path / "evil").exists()


NEAREST = """7767517
2 2
Input data 0 1 data
Interp output 1 1 data output 0=1 1=2.0 2=2.0
"""


@ncnn_only
def test_ncnn(tmp_path: Path) -> None:
    (tmp_path / "nearest.param").write_text(NEAREST)
    (tmp_path / "nearest.bin").write_bytes(b"")
    ours = Upscalers(str(tmp_path))
    assert "nearest" in ours.names()
    assert np.abs(ours.upscale(FRAME, "nearest", 2).astype(int) - twice(FRAME)).max() <= 1
    assert ours.upscale(FRAME, "nearest", 3).shape == (99, 60, 3)


@ncnn_only
def test_what_is_not_ncnns_is_refused(tmp_path: Path) -> None:
    laid_out(tmp_path, "a.param", "a.bin")
    with pytest.raises(EngineError, match="is damaged, or no network in ncnn's format"):
        Upscalers(str(tmp_path)).upscale(FRAME, "a", 2)


# What this machine can do


def test_every_choice_is_listed_with_why_not(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    found = {(one.setting, one.name): one.why_not for one in abilities.abilities()}
    assert found["inpaint.engine", "builtin"] == found["mask.how", "person"] == found["refine.models", "Lanczos"] == ""
    assert "inside a running Stable Diffusion WebUI" in found["inpaint.engine", "webui"]
    assert ("refine.models", upscalers.FAVOURITE) in found
    assert {("refine.weights", ".param"), ("refine.weights", ".pth .pt .safetensors")} <= found.keys()
    assert found["encoder", "libx264"] == found["encoder", "ffv1"] == ""
    assert {name for setting, name in found if setting == "mask.how"} == {
        "person",
        "face",
        "track",
        "key",
        "rembg",
        "clothing",
        "sam",
    }
    assert (
        "does not exist"
        in {one.name: one.why_not for one in abilities.abilities(str(tmp_path / "no"))}[str(tmp_path / "no")]
    )
    assert vidpaint("settings") == 0
    printed = capsys.readouterr().out
    assert "What this machine can do:" in printed
    assert "inpaint.engine   builtin                  yes" in printed


def test_an_encoder_that_is_not_there_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(abilities, "ENCODERS", ("libnothing",))
    assert [one.why_not for one in abilities.abilities() if one.setting == "encoder"] == [
        "the FFmpeg inside the package av was built without it"
    ]
