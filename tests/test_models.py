"""Finding checkpoints, LoRAs and VAEs in a person's folder, and the engine diffusers around a stand-in for its pipeline."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from tiny_models import save_header, sd

from lib_vidpaint.abilities import check_engine
from lib_vidpaint.engines import EngineSpec, InpaintJob, Sampling, diffusers, open_engine, paint, samplers
from lib_vidpaint.engines.models import Library, description, read_model
from lib_vidpaint.engines.pipelines import LORA, lacks_memory, whole_cells
from lib_vidpaint.errors import EngineError
from lib_vidpaint.model import Frame
from lib_vidpaint.painting import InpaintSettings

XL = "conditioner.embedders.1.model.x"


def folder_model(path: Path, channels: int = 9, **index: Any) -> Path:
    """A folder in diffusers' layout, as far as anybody looks before it is loaded."""
    import json

    parts = {
        "model_index.json": {"unet": ["diffusers", "U"], "text_encoder": ["transformers", "T"], **index},
        "unet/config.json": {"in_channels": channels, "sample_size": 64, "cross_attention_dim": 768},
        "vae/config.json": {"block_out_channels": [128, 256, 512, 512]},
    }
    for name, content in parts.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_text(json.dumps(content), encoding="utf-8")
    save_header(path / "unet" / "diffusion_pytorch_model.safetensors", {})
    return path


@pytest.mark.parametrize(
    ("table", "family", "inpainting", "native"),
    [
        (sd(9), "sd1", True, 512),
        (sd(4), "sd1", False, 512),
        (sd(9, "cond_stage_model.model.x"), "sd2", True, 512),
        (sd(4, XL), "sdxl", False, 1024),
    ],
    ids=["SD 1 inpainting", "SD 1", "SD 2 inpainting", "SDXL"],
)
def test_a_file_is_known_by_its_header(table: dict, family: str, inpainting: bool, native: int, tmp_path: Path) -> None:
    model = read_model("a", save_header(tmp_path / "a.safetensors", table))
    assert (model.family, model.inpainting, model.native) == (family, inpainting, native)


def test_a_folder_is_known_by_its_configuration(tmp_path: Path) -> None:
    assert read_model("a", folder_model(tmp_path / "a")).inpainting
    xl = read_model("b", folder_model(tmp_path / "b", 4, text_encoder_2=["transformers", "T"]))
    assert (xl.family, xl.inpainting, xl.native) == ("sdxl", False, 512)


def broken(path: Path) -> Path:
    path.write_bytes(b"this is no model at all, but some text in a file")
    return path


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda path: save_header(path, sd(size=1000), 900), r"cut off \(\d+ of \d+ bytes\): download it again"),
        (broken, "is damaged, or no .safetensors file"),
        (lambda path: save_header(path, {"double_blocks.0.x": {"shape": [1]}}), "no whole checkpoint of Stable Diffusion 1, 2 or XL"),
        (lambda path: save_header(path, sd(5)), "no whole checkpoint"),
        (lambda path: save_header(path, sd(4, "conditioner.embedders.0.model.x")), "no whole checkpoint"),
    ],
    ids=["cut off", "damaged", "another architecture", "a model of depth", "the XL refiner"],
)  # fmt: skip
def test_what_cannot_be_painted_with_is_a_sentence(make: Any, words: str, tmp_path: Path) -> None:
    make(tmp_path / "a.safetensors")
    with pytest.raises(EngineError, match=words):
        Library(str(tmp_path)).checkpoint("a")


def test_a_folder_without_weights_is_a_sentence(tmp_path: Path) -> None:
    path = folder_model(tmp_path / "a")
    next(path.glob("unet/*.safetensors")).unlink()
    with pytest.raises(EngineError, match=r"is no whole model .* in diffusers' layout"):
        Library(str(tmp_path)).checkpoint("a")


def test_a_webuis_folder(tmp_path: Path) -> None:
    for name in ("Stable-diffusion/real/v1.5.safetensors", "Stable-diffusion/b.safetensors", "other.safetensors"):
        save_header(tmp_path / name, sd())
    save_header(tmp_path / "Lora" / "people" / "old.safetensors", {})
    save_header(tmp_path / "VAE" / "clear.safetensors", {})
    library = Library(str(tmp_path))
    assert [*library.files("checkpoint")] == ["b.safetensors", "real/v1.5.safetensors"]
    assert [*library.files("lora")] == ["old"]
    assert library.file("vae", "clear.safetensors") == tmp_path / "VAE" / "clear.safetensors"
    assert library.checkpoint("real/v1.5").path.name == "v1.5.safetensors"


def test_a_folder_of_ones_own(tmp_path: Path) -> None:
    save_header(tmp_path / "a.safetensors", sd())
    folder_model(tmp_path / "a")  # beside the file of its name: its description
    folder_model(tmp_path / "b")
    save_header(tmp_path / "loras" / "old.safetensors", {})
    assert [*Library(str(tmp_path)).files("checkpoint")] == ["a.safetensors", "b"]
    assert [*Library(str(tmp_path)).files("lora")] == ["old"]


@pytest.mark.parametrize(
    ("files", "chosen"),
    [
        ({"a": 4, "b": 9, "objectivereality_v1Inpainting": 9}, "objectivereality_v1Inpainting.safetensors"),
        ({"a": 4, "b": 9}, "b.safetensors"),
        ({"a": 4, "c": 5}, "a.safetensors"),
    ],
    ids=["the favourite", "made for inpainting", "any"],
)
def test_auto_takes_what_suits_best(files: dict[str, int], chosen: str, tmp_path: Path) -> None:
    for name, channels in files.items():
        save_header(tmp_path / f"{name}.safetensors", sd(channels))
    assert Library(str(tmp_path)).checkpoint("auto").name == chosen


def test_names_and_folders_that_are_not_there(tmp_path: Path) -> None:
    save_header(tmp_path / "a.safetensors", sd())
    for folder, asked, words in (
        ("", "auto", "say where they lie with inpaint.models"),
        (str(tmp_path / "nowhere"), "auto", "there is no folder"),
        (str(tmp_path / "a.safetensors"), "auto", "names the folder that models lie in: give .*, and a.safetensors as"),
        (str(tmp_path), "b", "folder of inpaint.models has no checkpoint 'b': there are a.safetensors"),
    ):
        with pytest.raises(EngineError, match=words):
            Library(folder).checkpoint(asked)
    (tmp_path / "empty").mkdir()
    with pytest.raises(EngineError, match="There is no checkpoint in"):
        Library(str(tmp_path / "empty")).checkpoint("auto")


def test_a_file_without_its_description_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is downloaded: what the hub's cache lacks is told."""
    asked = []

    def nothing(repository: str, local_files_only: bool) -> str:
        asked.append((repository, local_files_only))
        raise FileNotFoundError

    monkeypatch.setitem(sys.modules, "huggingface_hub", SimpleNamespace(snapshot_download=nothing))
    model = read_model("a", save_header(tmp_path / "a.safetensors", sd()))
    with pytest.raises(
        EngineError, match=r"holds weights alone: .* nothing is downloaded by itself. This gets them: python -c"
    ):
        description(model)
    assert asked == [("stable-diffusion-v1-5/stable-diffusion-inpainting", True)]
    folder_model(tmp_path / "a")
    assert description(model) == tmp_path / "a"


def test_every_cell_with_some_white_is_painted() -> None:
    white = np.zeros((64, 32), np.uint8)
    white[20, 9] = 255
    cells, mask = whole_cells(white, 8)
    assert cells.shape == (8, 4)
    assert np.argwhere(cells).tolist() == [[2, 1]]
    assert (mask[16:24, 8:16] == 255).all()
    assert mask.sum() == 64 * 255


def test_loras_in_a_prompt() -> None:
    assert LORA.findall("a <lora:old man:0.6> with <lora:hat>") == [("old man", "0.6"), ("hat", "")]


@pytest.mark.parametrize(
    ("denoise", "steps", "taken"), [(1.0, 20, 20), (0.3, 20, 7), (0.99, 20, 19), (0.01, 20, 1), (0.5, 1, 1)], ids=str
)
def test_steps_are_as_many_as_the_webui_takes(denoise: float, steps: int, taken: int) -> None:
    job = InpaintJob(np.zeros((8, 8, 3), np.uint8), np.zeros((8, 8), np.uint8), (1,), sampling=Sampling(steps=steps))
    count, strength = diffusers.steps_of(replace(job, denoise=denoise))
    assert int(count * strength) == taken
    assert (strength == 1) == (denoise == 1)


def test_running_out_of_memory_is_known_from_what_torch_says() -> None:
    for text in (
        "CUDA out of memory. Tried",
        "MPS backend out of memory",
        "DefaultCPUAllocator: can't allocate memory",
    ):
        assert lacks_memory(RuntimeError(text))
    assert not lacks_memory(RuntimeError("sizes do not match"))


class Plain:
    """In the place of a loaded model: paints a seed's own grey."""

    device = "cpu"
    loaded: list[str] = []  # noqa: RUF012

    def __init__(self, model: Any, machine: Any, vae: Path | None) -> None:
        self.loaded.append(model.name)
        self.worn: list[Any] = []

    def sample_with(self, sampler: str, scheduler: str) -> None: ...

    def wear(self, loras: Sequence[tuple[Path, float]]) -> None:
        self.worn = list(loras)

    def unread(self, prompt: str) -> str:
        return prompt[80:]

    def painted(self, prepared: Any, job: InpaintJob, seeds: Sequence[int], steps: Any, at: Any) -> list[Frame]:
        at(1)
        return [np.full((prepared[1], prepared[0], 3), seed % 200, np.uint8) for seed in seeds]

    def close(self) -> None:
        self.loaded.append("closed")


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> diffusers.Diffusers:
    monkeypatch.setattr(diffusers, "Pipeline", Plain)
    monkeypatch.setattr(diffusers, "prepare", lambda pipeline, job, size: size)
    monkeypatch.setattr(diffusers, "needs", lambda *packages: None)
    monkeypatch.setattr(diffusers, "device_of", lambda asked: "cpu")
    monkeypatch.setattr(diffusers, "description", lambda model: model.path)
    monkeypatch.setattr(Plain, "loaded", [])
    save_header(tmp_path / "a.safetensors", sd(4))
    save_header(tmp_path / "Lora" / "old.safetensors", {})
    made = open_engine(EngineSpec("diffusers", (("models", str(tmp_path)),)))
    assert isinstance(made, diffusers.Diffusers)
    return made


def job(*seeds: int, **changed: Any) -> InpaintJob:
    return replace(
        InpaintJob(np.zeros((128, 192, 3), np.uint8), np.full((128, 192), 255, np.uint8), seeds or (1,), "a hat"),
        **changed,
    )


def test_the_engine_paints_crops_in_the_models_size(engine: diffusers.Diffusers) -> None:
    made = paint(engine, job(3, 4))
    assert [one.picture[0, 0, 0] for one in made] == [3, 4]
    assert made[0].infotext == (
        "a hat\nSteps: 20, Sampler: DPM++ 2M, Schedule type: Karras, CFG scale: 7, Seed: 3, Size: 640x448, Model: a, "
        "Denoising strength: 1, Mask blur: 4, Masked content: original"
    )


def test_what_a_long_prompt_leaves_unread_is_told(
    engine: diffusers.Diffusers, caplog: pytest.LogCaptureFixture
) -> None:
    with engine.prepared(Sampling()), caplog.at_level("WARNING"):
        infotexts = [engine.inpaint(job(prompt="x" * 80 + "a red scarf"))[0].infotext for _ in range(2)]
    assert all(text.endswith(", Prompt not read from: a red scarf") for text in infotexts)
    assert [record.getMessage() for record in caplog.records] == [
        "the prompt is longer than a.safetensors reads; left out: a red scarf"
    ]


def test_a_file_without_its_description_is_refused_before_masks_are_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nothing(repository: str, local_files_only: bool) -> str:
        raise OSError("not in the cache")

    monkeypatch.setitem(sys.modules, "huggingface_hub", SimpleNamespace(snapshot_download=nothing))
    monkeypatch.setattr(diffusers, "needs", lambda *packages: None)
    monkeypatch.setattr(diffusers, "device_of", lambda asked: "cpu")
    save_header(tmp_path / "a.safetensors", sd())
    settings = InpaintSettings(engine="diffusers", models=str(tmp_path))
    check_engine(settings, "keyframes")
    with pytest.raises(EngineError, match="holds weights alone"):
        check_engine(settings, "")


def test_the_model_stays_loaded_while_prepared(engine: diffusers.Diffusers) -> None:
    with engine.prepared(Sampling()) as warnings:
        engine.inpaint(job(prompt="a <lora:old:0.5> hat"))
        assert engine._pipeline
        assert [(path.stem, weight) for path, weight in engine._pipeline.worn] == [("old", 0.5)]  # pyright: ignore
        engine.inpaint(job())
        assert engine._pipeline.worn == []  # pyright: ignore
    assert Plain.loaded == ["a.safetensors", "closed"]
    assert "a.safetensors is not made for inpainting" in warnings[0]


@pytest.mark.parametrize(
    "changed", [{"denoise": 0.0}, {"mask": np.zeros((128, 192), np.uint8)}], ids=["denoise", "mask"]
)
def test_nothing_to_paint_loads_nothing(changed: dict, engine: diffusers.Diffusers) -> None:
    assert np.array_equal(engine.inpaint(job(**changed))[0].picture, job().crop)
    assert Plain.loaded == []


@pytest.mark.parametrize(
    ("sampling", "words"),
    [
        ({"sampler": "DPM adaptive"}, "The engine diffusers has no sampler 'DPM adaptive'"),
        ({"scheduler": "Polyexponential"}, "has no schedule type 'Polyexponential': near it are Exponential"),
        ({"checkpoint": "b"}, "has no checkpoint 'b'"),
        ({"vae": "b"}, "has no VAE 'b': there are none"),
        ({"refiner": "b"}, "has no refiner: leave inpaint.refiner empty"),
        ({"scripts": "{}"}, "has no always-on scripts"),
        ({"styles": "b"}, "has no prompt styles"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_what_there_is_not_is_told_before_anything_is_painted(
    sampling: dict, words: str, engine: diffusers.Diffusers
) -> None:
    with pytest.raises(EngineError, match=words), engine.prepared(Sampling(**sampling)):
        pass
    assert Plain.loaded == []


def test_names(engine: diffusers.Diffusers) -> None:
    assert engine.names("checkpoint") == ["a.safetensors"]
    assert engine.names("sampler") == [*samplers.SAMPLERS]
    assert engine.names("scheduler")[0] == "Automatic"
    assert engine.names("lora") == ["old"]
    assert engine.names("style") == []
    assert open_engine(EngineSpec("diffusers")).names("checkpoint") == []


def test_packages_that_are_missing_are_told(tmp_path: Path) -> None:
    from lib_vidpaint.engines.pipelines import needs

    with pytest.raises(
        EngineError, match=r"needs no_such_package, not installed here: pip install 'vidpaint\[diffusers\]'"
    ):
        needs("no_such_package", "numpy")
