"""The models in a person's folder: checkpoints as single files or in diffusers' layout, LoRA files and VAEs, by name.

The folder may be a WebUI's `models` (then its Stable-diffusion, Lora and VAE are looked into) or one of the user's own. What
a file holds is read from its header; nothing of a model is loaded here, and nothing is ever downloaded.
"""

from __future__ import annotations

import importlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from ..atomic import quoted
from ..errors import EngineError
from .checkpoints import AUTO, FAVOURITE, FIRST_LAYER, header, letters, one_of

Family = Literal["sd1", "sd2", "sdxl"]
INDEX = "model_index.json"
PLACES = {"checkpoint": ("Stable-diffusion", "checkpoints"), "lora": ("Lora", "loras"), "vae": ("VAE", "vae")}
ELSEWHERE = {place.lower() for kind in ("lora", "vae") for place in PLACES[kind]} | {
    "embeddings",
    "controlnet",
    "esrgan",
}
# Where diffusers' own description of a model lies on the hub, of a few MB; with 9 channels, and without.
HUB: dict[Family, tuple[str, str]] = {
    "sd1": ("stable-diffusion-v1-5/stable-diffusion-inpainting", "stable-diffusion-v1-5/stable-diffusion-v1-5"),
    "sd2": ("stabilityai/stable-diffusion-2-inpainting", "stabilityai/stable-diffusion-2-1"),
    "sdxl": ("diffusers/stable-diffusion-xl-1.0-inpainting-0.1", "stabilityai/stable-diffusion-xl-base-1.0"),
}
WHO = "The folder of inpaint.models"


@dataclass(frozen=True)
class Model:
    """A checkpoint: `path` is a single file or a folder in diffusers' layout, `inpainting` whether its UNet takes the
    mask and the masked picture, `native` the side of the pictures it was trained on."""

    name: str
    path: Path
    family: Family
    inpainting: bool
    native: int


class Library:
    """What lies in one folder. Raises EngineError when there is no such folder."""

    def __init__(self, folder: str) -> None:
        if not folder:
            raise EngineError(
                "The engine diffusers paints with checkpoints of yours: say where they lie with inpaint.models, a folder of "
                ".safetensors files or models in diffusers' layout (a WebUI's models folder will do)."
            )
        self.folder = Path(folder).expanduser()
        if self.folder.suffix == ".safetensors" or (self.folder / INDEX).is_file():
            raise EngineError(
                f"inpaint.models names the folder that models lie in: give {quoted(self.folder.parent)}, and "
                f"{self.folder.name} as inpaint.checkpoint."
            )
        if not self.folder.is_dir():
            raise EngineError(f"inpaint.models: there is no folder {quoted(self.folder)}.")

    def files(self, kind: str) -> dict[str, Path]:
        """The paths of a kind (`checkpoint`, `lora` or `vae`) by name; names of LoRAs are without suffix, as prompts have them."""
        roots = [self.folder / place for place in PLACES[kind] if (self.folder / place).is_dir()]
        if kind == "checkpoint" and not roots:
            roots = [self.folder]
        found = {}
        for root in roots:
            for path in _models_in(root, layouts=kind == "checkpoint"):
                name = path.relative_to(root).as_posix() if kind != "lora" else path.stem
                found.setdefault(name, path)
        return dict(sorted(found.items(), key=lambda one: one[0].lower()))

    def checkpoint(self, asked: str) -> Model:
        """The checkpoint of this name, with or without its suffix. `auto`: objectiveReality's, else the first one made for
        inpainting, else the first that can be used at all.

        Raises EngineError for an unknown one, a damaged file, or a model of another kind.
        """
        known = self.files("checkpoint")
        if not known:
            raise EngineError(f"There is no checkpoint in {quoted(self.folder)}: .safetensors files are looked for.")
        if asked != AUTO:
            name = asked if asked in known else f"{asked}.safetensors"
            name = name if name in known else one_of("checkpoint", asked, known, WHO)
            return read_model(name, known[name])
        usable, problem = [], EngineError("")
        for name, path in known.items():
            try:
                usable.append(read_model(name, path))
            except EngineError as error:
                problem = error
        if not usable:
            raise problem
        return min(usable, key=lambda one: (not one.inpainting, FAVOURITE not in letters(one.name)))

    def file(self, kind: str, asked: str) -> Path:
        """The LoRA or VAE file of this name. Raises EngineError."""
        known = self.files(kind)
        return known[one_of({"lora": "LoRA", "vae": "VAE"}[kind], asked, known, WHO)]


def _models_in(root: Path, layouts: bool) -> Iterator[Path]:
    """The .safetensors files below a folder and, with `layouts`, the folders in diffusers' layout."""
    for place, folders, names in os.walk(root):
        path = Path(place)
        if INDEX in names:
            folders.clear()
            if layouts and not path.with_name(path.name + ".safetensors").is_file():  # else it only describes that file
                yield path
            continue
        folders[:] = sorted(one for one in folders if not layouts or one.lower() not in ELSEWHERE)
        yield from (path / name for name in sorted(names) if name.lower().endswith(".safetensors"))


def read_model(name: str, path: Path) -> Model:
    """What a checkpoint is. Raises EngineError when it is damaged or none that this engine can paint with."""
    return _of_folder(name, path) if path.is_dir() else _of_file(name, path)


def _of_file(name: str, path: Path) -> Model:
    table = header(path)
    if table is None:
        raise EngineError(f"{path.name} is damaged, or no .safetensors file: download it again.")
    ends = [entry["data_offsets"][1] for entry in table.values() if "data_offsets" in entry]
    with path.open("rb") as file:
        start = 8 + int.from_bytes(file.read(8), "little")
    if path.stat().st_size < start + max(ends, default=0):
        raise EngineError(
            f"{path.name} is cut off ({path.stat().st_size} of {start + max(ends)} bytes): download it again."
        )
    family = _family(table)
    channels = table.get(FIRST_LAYER, {}).get("shape", [0, 0])[1]
    if family is None or channels not in (4, 9):
        raise EngineError(
            f"{path.name} is no whole checkpoint of Stable Diffusion 1, 2 or XL, which is what the engine diffusers paints with: "
            "choose another one with inpaint.checkpoint."
        )
    return Model(name, path, family, channels == 9, 1024 if family == "sdxl" else 512)


def _family(table: dict[str, Any]) -> Family | None:
    begins: tuple[tuple[str, Family], ...] = (
        ("conditioner.embedders.1.", "sdxl"), ("cond_stage_model.model.", "sd2"), ("cond_stage_model.transformer.", "sd1"),
    )  # fmt: skip
    return next((family for start, family in begins if any(key.startswith(start) for key in table)), None)


def _of_folder(name: str, path: Path) -> Model:
    try:
        index, unet, vae = (
            json.loads((path / file).read_text(encoding="utf-8"))
            for file in (INDEX, "unet/config.json", "vae/config.json")
        )
        channels, side = unet["in_channels"], unet["sample_size"] * 2 ** (len(vae["block_out_channels"]) - 1)
    except (OSError, ValueError, KeyError, TypeError):
        index, channels, side = {}, 0, 0
    if "text_encoder" not in index or channels not in (4, 9) or not _has_weights(path / "unet"):
        raise EngineError(
            f"{quoted(path)} is no whole model of Stable Diffusion 1, 2 or XL in diffusers' layout: choose another one with "
            "inpaint.checkpoint."
        )
    family: Family = "sdxl" if "text_encoder_2" in index else "sd1" if unet["cross_attention_dim"] != 1024 else "sd2"
    return Model(name, path, family, channels == 9, int(side))


def _has_weights(part: Path) -> bool:
    return any(part.glob("*.safetensors"))


def description(model: Model) -> Path:
    """The folder in diffusers' layout that describes a single file: beside it and named like it, or in the hub's cache.

    Raises EngineError that says how to get it.
    """
    beside = model.path.with_suffix("")
    if (beside / INDEX).is_file():
        return beside
    repository = HUB[model.family][0 if model.inpainting else 1]
    hub: Any = importlib.import_module("huggingface_hub")
    try:
        cached = Path(hub.snapshot_download(repository, local_files_only=True))
        if (cached / INDEX).is_file() and any((cached / "tokenizer").iterdir()):
            return cached
    except OSError:
        pass
    command = (
        'python -c "import huggingface_hub as hub; hub.snapshot_download('
        f"'{repository}', allow_patterns=['*.json', '*.txt'], local_dir={beside.as_posix()!r})\""
    )
    raise EngineError(
        f"{model.path.name} holds weights alone: its description and vocabulary (3 MB from the Hugging Face hub) are needed once, and "
        f"nothing is downloaded by itself. This gets them: {command}"
    )
