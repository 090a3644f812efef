"""Which checkpoint paints: reading from a file's header whether it is an inpainting model, and the `auto` rule."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import EngineError

AUTO = "auto"
FAVOURITE = "objectivereality"
HEADER_LIMIT = 64 << 20
FIRST_LAYER = "model.diffusion_model.input_blocks.0.0.weight"


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint by the name its host knows it by, and its file."""

    name: str
    file: Path


def choose(asked: str, known: Sequence[Checkpoint], current: Checkpoint | None) -> tuple[Checkpoint, str]:
    """The checkpoint to paint with and a warning for the person ('' when there is none).

    `auto` takes the best of: the objectiveReality inpainting model, the current one if it is made for inpainting, any
    other SD 1.5 inpainting model, the current one with a warning. Raises EngineError for an unknown name or none at all.
    """
    if asked != AUTO:
        names = [one.name for one in known]
        return known[names.index(one_of("checkpoint", asked, names))], ""
    favourites = [one for one in known if FAVOURITE in letters(one.name) and "inpaint" in letters(one.name)]
    if favourites:
        return favourites[0], ""
    if current and for_inpainting(current.file):
        return current, ""
    others = [one for one in known if for_inpainting(one.file, only_sd1=True)]
    if others:
        return others[0], ""
    if current is None:
        raise EngineError("The WebUI has no checkpoint: put one into its models/Stable-diffusion folder.")
    return current, (
        f"{current.name} is not made for inpainting, so edits may not meet their surroundings well: an SD 1.5 inpainting "
        "checkpoint such as objectiveReality Inpainting (civitai.com), put into models/Stable-diffusion, is used by itself."
    )


def one_of(kind: str, asked: str, known: Iterable[str], where: str = "The WebUI") -> str:
    """`asked` if it is known `where`. Raises EngineError that names what comes near: a host would take another in silence."""
    names = list(known)
    if asked in names:
        return asked
    near = difflib.get_close_matches(asked, names, 3, 0.5) or [name for name in names if asked.lower() in name.lower()]
    hint = f"near it are {', '.join(near[:3])}" if near else f"there are {', '.join(names[:12]) or 'none'}"
    raise EngineError(f"{where} has no {kind} {asked!r}: {hint}.")


def for_inpainting(file: Path, only_sd1: bool = False) -> bool:
    """Whether the first layer of this checkpoint takes 9 channels: latents, mask and masked latents.

    A `.ckpt` is a pickle, which is not opened here: its name decides.
    """
    table = header(file)
    if table is None:
        return "inpaint" in file.stem.lower() and not (only_sd1 and "xl" in file.stem.lower())
    if only_sd1 and not any(name.startswith("cond_stage_model.transformer.") for name in table):
        return False
    return table.get(FIRST_LAYER, {}).get("shape", [0, 0])[1:2] == [9]


def native_size(file: Path) -> int:
    """The side in pixels of the pictures that a model of this file was trained on: 1024 for SDXL, else 512."""
    table = header(file)
    sdxl = "xl" in file.stem.lower() if table is None else any(name.startswith("conditioner.") for name in table)
    return 1024 if sdxl else 512


def header(file: Path) -> dict[str, dict[str, list[int]]] | None:
    """The table of a .safetensors file (its length in 8 bytes, then JSON), None when it is not one."""
    if file.suffix.lower() != ".safetensors":
        return None
    try:
        with file.open("rb") as data:
            length = int.from_bytes(data.read(8), "little")
            return json.loads(data.read(length)) if length <= HEADER_LIMIT else None
    except (OSError, ValueError):
        return None


def letters(name: str) -> str:
    """The letters and digits of a name, small."""
    return re.sub("[^a-z0-9]", "", name.lower())
