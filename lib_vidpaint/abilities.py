"""What this machine can do: engines, upscalers and ways to find masks, and for what is missing, why."""

from __future__ import annotations

import importlib.util
import sys
from dataclasses import dataclass

import av

from . import upscalers
from .engines import MULTIPLES, open_engine
from .errors import VidpaintError
from .painting import InpaintSettings

SEGMENTERS = {"person": (), "face": (), "track": (), "key": (), "rembg": ("rembg",), "clothing": ("rembg",)}
"""Packages that the ways of mask.how need besides our own."""
ENCODERS = ("libx264", "libx265", "ffv1", "prores_ks")
BEFORE = ("source", "mask", "extract", "prepare", "keyframes")
"""Where a run may stop without an engine."""
NEEDS = {"diffusers": ("torch", "diffusers", "transformers")}


@dataclass(frozen=True)
class Ability:
    """One thing to choose, the setting it belongs to, and why it cannot be used here ('': it can)."""

    setting: str
    name: str
    why_not: str = ""


def abilities(weights: str = "") -> list[Ability]:
    """Everything that can be chosen where it depends on the machine; `weights` is refine.weights."""
    found = [Ability("inpaint.engine", name, _engine(name)) for name in MULTIPLES]
    try:
        found += [Ability("refine.models", name, why) for name, why in upscalers.report(weights)]
    except VidpaintError as error:
        found.append(Ability("refine.weights", weights, str(error)))
    if upscalers.FAVOURITE not in {one.name for one in found}:
        why = "put RealESRGAN_x4plus.pth into models/RealESRGAN, or name its folder with --refine.weights"
        found.append(Ability("refine.models", upscalers.FAVOURITE, why))
    for kind, packages in upscalers.NEEDS.items():
        endings = " ".join(ending for ending, by in upscalers.KINDS.items() if by == kind)
        found.append(Ability("refine.weights", endings, _lacking(packages)))
    found += [Ability("mask.how", name, _lacking(packages)) for name, packages in SEGMENTERS.items()]
    found.append(Ability("mask.how", "sam", _sam()))
    return [*found, *(Ability("encoder", name, _encoder(name)) for name in ENCODERS)]


def check_engine(settings: InpaintSettings, until: str) -> None:
    """Raises EngineError where a run up to stage `until` will stop at painting because diffusers lacks something: a new
    project should be told before its masks are made. Other engines cannot lack anything by themselves."""
    if settings.engine == "diffusers" and until not in BEFORE:
        with open_engine(settings.spec).prepared(settings.sampling):
            pass


def _engine(name: str) -> str:
    if name == "webui" and "modules.shared" not in sys.modules:
        return "paints inside a running Stable Diffusion WebUI, in its tab"
    return _lacking(NEEDS.get(name, ()))


def _sam() -> str:
    from .segmenters.sam import checkpoint

    if lacking := _lacking(("torch", "torchvision", "segment_anything")):
        return lacking
    try:
        checkpoint("")
    except VidpaintError as error:
        return str(error)
    return ""


def _encoder(name: str) -> str:
    try:
        av.Codec(name, "w")
    except ValueError:
        return "the FFmpeg inside the package av was built without it"
    return ""


def _lacking(packages: tuple[str, ...]) -> str:
    missing = [package for package in packages if importlib.util.find_spec(package) is None]
    return f"needs the package {' and '.join(missing)}" if missing else ""
