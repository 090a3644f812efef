"""The engine diffusers painting with tiny random models: every kind, every option, and all that can be wrong with them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from projects import vidpaint
from tiny_models import SIDE, save_lora, save_model

from lib_vidpaint.engines import EngineSpec, InpaintJob, Sampling, open_engine, paint, pipelines, samplers
from lib_vidpaint.engines.diffusers import Diffusers
from lib_vidpaint.errors import Cancelled, EngineError

for package in ("torch", "diffusers", "transformers", "accelerate", "peft"):
    pytest.importorskip(package, reason=f"{package} is not installed: the engine is tried with a stand-in for it only")

FAST = Sampling(steps=3, cfg_scale=2, resize=1, sampler="Euler", checkpoint="inpaint")


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "all"
    save_model(folder / "inpaint")
    save_model(folder / "plain", channels=4)
    save_model(folder / "xl", sdxl=True)
    save_model(folder / "xl-plain", channels=4, sdxl=True)
    save_lora(folder / "Lora" / "bold.safetensors", folder / "inpaint")
    save_lora(folder / "Lora" / "too-wide.safetensors", folder / "xl")
    return folder


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing may ask the hub for anything, though nothing forbids it."""
    import socket

    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)

    def refuse(*_: Any) -> None:
        raise AssertionError("somebody wants to go online")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)


def engine(models: Path, **options: str) -> Diffusers:
    made = open_engine(EngineSpec("diffusers", (("models", str(models)), *options.items())))
    assert isinstance(made, Diffusers)
    return made


def job(*seeds: int, side: int = SIDE, **changed: Any) -> InpaintJob:
    rng = np.random.default_rng(1)
    crop = np.asarray(rng.integers(0, 256, (side // 8, side // 8, 3), np.uint8).repeat(8, 0).repeat(8, 1))
    mask = np.zeros((side, side), np.uint8)
    mask[side // 4 : -side // 4, side // 4 : -side // 4] = 255
    return replace(InpaintJob(crop, mask, seeds or (1,), "a hat", "a scarf", 0.75, sampling=FAST), **changed)


def pictures(found: Diffusers, asked: InpaintJob) -> list[np.ndarray]:
    return [one.picture for one in paint(found, asked)]


@pytest.mark.parametrize("checkpoint", ["inpaint", "plain", "xl", "xl-plain"])
@pytest.mark.parametrize("denoise", [0.3, 1.0])
def test_every_kind_of_model_paints(models: Path, checkpoint: str, denoise: float) -> None:
    found, sampling = engine(models), replace(FAST, checkpoint=checkpoint)
    with found.prepared(sampling) as warnings:
        asked = job(1, 2, sampling=sampling, denoise=denoise)
        made, again = pictures(found, asked), pictures(found, asked)
    assert bool(warnings) == ("plain" in checkpoint)
    assert not np.array_equal(*made)
    for one, other in zip(made, again):
        assert np.array_equal(one, other)
        assert (one != asked.crop)[asked.mask > 0].mean() > 0.5


def test_a_plain_model_starts_every_picture_from_the_crop_around_the_mask(models: Path) -> None:
    """Masked img2img. The random VAE mixes all of a picture, so it is seen before it is decoded."""
    found, sampling, ends = engine(models), replace(FAST, checkpoint="plain"), []
    with found.prepared(sampling):
        found.inpaint(job(sampling=sampling))
        assert found._pipeline
        vae = found._pipeline.pipe.vae
        decode = vae.decode
        vae.decode = lambda latents, *a, **k: ends.append(latents) or decode(latents, *a, **k)
        found.inpaint(job(1, 2, sampling=sampling))
    one, other = ends[0]
    assert (one[:, [0, 1, -2, -1]] == other[:, [0, 1, -2, -1]]).all()
    assert (one[:, 3:5, 3:5] != other[:, 3:5, 3:5]).all()


def test_a_seed_is_the_same_picture_in_every_batch(models: Path) -> None:
    found = engine(models)
    with found.prepared(FAST):
        together, alone = pictures(found, job(7, 8, 9)), pictures(found, job(9))
    assert np.abs(together[2].astype(int) - alone[0]).max() <= 1


@pytest.mark.parametrize("content", ["fill", "original", "latent noise", "latent nothing"])
def test_masked_content_counts_up_to_full_strength(models: Path, content: str) -> None:
    found = engine(models)
    with found.prepared(FAST):
        for denoise in (0.5, 1.0):
            made = pictures(found, job(content=content, denoise=denoise))[0]
            usual = pictures(
                found, job(content="latent nothing" if content == "original" else "original", denoise=denoise)
            )[0]
            assert not np.array_equal(made, usual), denoise


@pytest.mark.parametrize("sampler", samplers.SAMPLERS)
def test_every_sampler_paints_and_repeats(models: Path, sampler: str) -> None:
    found, asked = engine(models), job(1, 2, sampling=replace(FAST, sampler=sampler))
    with found.prepared(asked.sampling):
        first, second = pictures(found, asked), pictures(found, asked)
    assert all(np.array_equal(*pair) for pair in zip(first, second))
    assert all(picture.std() > 1 for picture in first)


def test_schedule_types_are_those_a_sampler_has(models: Path) -> None:
    found = engine(models)
    made = {}
    for scheduler in samplers.SCHEDULES:
        made[scheduler] = pictures(found, job(sampling=replace(FAST, scheduler=scheduler, steps=6)))[0].tobytes()
    assert len(set(made.values())) >= 5
    with pytest.raises(
        EngineError, match="Euler a has no schedule type 'Karras' here: choose Automatic or one of Uniform,"
    ):
        found.inpaint(job(sampling=replace(FAST, sampler="Euler a", scheduler="Karras")))


def test_prompts_cfg_and_sizes_count(models: Path) -> None:
    found = engine(models)
    base = pictures(found, job())[0]
    for changed in (
        {"prompt": "a dog"}, {"negative_prompt": "rain"}, {"denoise": 0.2}, {"sampling": replace(FAST, cfg_scale=9)},
        {"sampling": replace(FAST, resize=2)},
    ):  # fmt: skip
        assert not np.array_equal(pictures(found, job(**changed))[0], base), changed


def test_the_parameters_are_as_the_webui_writes_them(models: Path) -> None:
    one = engine(models).inpaint(job(5, content="fill", prompt="a {hat}", sampling=replace(FAST, sampler="DPM++ 2M")))[
        0
    ]
    assert one.infotext == (
        "a {hat}\nNegative prompt: a scarf\nSteps: 3, Sampler: DPM++ 2M, Schedule type: Karras, CFG scale: 2, Seed: 5, "
        "Size: 64x64, Model: inpaint, Denoising strength: 0.75, Mask blur: 4, Masked content: fill"
    )


def test_a_lora_changes_the_picture_and_goes_again(models: Path) -> None:
    found = engine(models)
    with found.prepared(FAST):
        plain = pictures(found, job())[0]
        bold, faint = (pictures(found, job(prompt=f"a hat <lora:bold:{weight}>"))[0] for weight in (1, 0.2))
        after = pictures(found, job())[0]
        with pytest.raises(EngineError, match="no LoRA 'blod': near it are bold"):
            found.inpaint(job(prompt="a hat <lora:blod>"))
        with pytest.raises(EngineError, match="The LoRA too-wide does not fit inpaint"):
            found.inpaint(job(prompt="a hat <lora:too-wide:1>"))
        assert np.array_equal(pictures(found, job())[0], plain)
    assert np.array_equal(plain, after)
    apart = [np.abs(one.astype(int) - plain).mean() for one in (bold, faint)]
    assert apart[0] > apart[1] > 0


def short_of_memory(most: int, calls: list[int]) -> Callable[..., Any]:
    """What takes the place of a pipeline's `painted`: it has memory for `most` pictures at once."""
    import torch

    original = pipelines.Pipeline.painted

    def painted(self: Any, prepared: Any, asked: Any, seeds: Any, *rest: Any) -> Any:
        calls.append(len(seeds))
        if len(seeds) > most:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
        return original(self, prepared, asked, seeds, *rest)

    return painted


def test_fewer_at_once_where_memory_does_not_suffice(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found, calls = engine(models), list[int]()
    with found.prepared(FAST):
        all_at_once = pictures(found, job(1, 2, 3, 4))
        monkeypatch.setattr(pipelines.Pipeline, "painted", short_of_memory(1, calls))
        one_by_one = pictures(found, job(1, 2, 3, 4))
        found.inpaint(job(5, 6))
    assert calls == [4, 2, 1, 1, 1, 1, 1, 1]
    assert all(np.abs(a.astype(int) - b).max() <= 1 for a, b in zip(all_at_once, one_by_one))


def test_no_memory_for_one_picture_is_a_sentence(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipelines.Pipeline, "painted", short_of_memory(0, []))
    with pytest.raises(EngineError, match=r"not enough memory on cpu for one picture of 64x64: set inpaint.memory"):
        engine(models).inpaint(job(1, 2))


def test_it_stops_at_the_next_step(models: Path) -> None:
    steps = 0

    def check() -> None:
        nonlocal steps
        steps += 1
        if steps == 2:
            raise Cancelled

    found = engine(models)
    with found.prepared(FAST), pytest.raises(Cancelled):
        found.inpaint(job(check=check, sampling=replace(FAST, steps=20)))
    assert steps == 2


@pytest.mark.parametrize("memory", ["slices", "offload"])
def test_saving_memory_paints_the_same(models: Path, memory: str) -> None:
    usual, saving = pictures(engine(models), job())[0], pictures(engine(models, memory=memory), job())[0]
    assert np.abs(usual.astype(int) - saving).max() <= 2


def test_half_precision_is_near(models: Path) -> None:
    full, half = pictures(engine(models), job())[0], pictures(engine(models, precision="half"), job())[0]
    assert 0 < np.abs(full.astype(int) - half).mean() < 10


def test_a_picture_that_is_none_is_a_sentence(models: Path) -> None:
    import torch

    found = engine(models)
    with found.prepared(FAST):
        found.inpaint(job())
        assert found._pipeline
        with torch.no_grad():
            found._pipeline.pipe.unet.conv_out.bias.fill_(float("nan"))
        with pytest.raises(EngineError, match=r"set inpaint\.precision to full"):
            found.inpaint(job())


def test_a_device_that_is_not_there_is_a_sentence(models: Path) -> None:
    import torch

    missing = next(
        (name for name, there in (("cuda", torch.cuda), ("mps", torch.backends.mps)) if not there.is_available()), ""
    )
    if not missing:
        pytest.skip("this machine has every device")
    with pytest.raises(EngineError, match=f"inpaint.device is {missing}, but the PyTorch of this machine"):
        engine(models, device=missing).inpaint(job())


def test_weights_that_do_not_fit_their_description_are_a_sentence(models: Path, tmp_path: Path) -> None:
    import shutil

    shutil.copytree(models / "inpaint", tmp_path / "broken")
    weights = next((tmp_path / "broken" / "unet").glob("*.safetensors"))
    weights.write_bytes(weights.read_bytes()[:-5000])
    with pytest.raises(EngineError, match="broken could not be loaded: "):
        engine(tmp_path).inpaint(job(sampling=replace(FAST, checkpoint="broken")))


def test_models_are_loaded_once_and_let_go(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loads = []
    original = pipelines._loaded
    monkeypatch.setattr(pipelines, "_loaded", lambda *a: loads.append(1) or original(*a))
    found = engine(models)
    with found.prepared(FAST):
        found.inpaint(job())
        found.inpaint(job(2))
        pipeline = found._pipeline
    assert len(loads) == 1
    assert found._pipeline is None
    assert not hasattr(pipeline, "pipe")


def test_a_clip_is_edited_from_the_command_line(
    models: Path, footage: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    project = tmp_path / "project"
    code = vidpaint(
        "run", footage["source"], "-o", project, "--mask", footage["mask"], "--preset", "clothes", "--inpaint.engine", "diffusers",
        "--inpaint.models", models, "--inpaint.checkpoint", "plain", "--inpaint.steps", 3, "--inpaint.prompt", "a red hat",
        "--keyframes.how", "uniform", "--keyframes.longest", 10, "--inpaint.batch_count", 1, "--inpaint.resize", 1,
    )  # fmt: skip
    said = capsys.readouterr()
    assert code == 0, said.err
    assert "plain is not made for inpainting" in said.err
    assert (project / "master.mp4").exists()
    assert vidpaint("verify", project, footage["source"]) == 0
    assert "models" not in (project / "project.toml").read_text()
