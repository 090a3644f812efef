"""Upscalers as torch weights: spandrel finds out what network they belong to."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

from ..errors import EngineError
from ..model import Frame
from . import Network


def open_network(file: Path) -> Network:
    """The network with the weights in `file`, on the GPU where there is one.

    Only tensors are read from it, so a file made to run code does nothing. Raises EngineError for what is no upscaler of
    colour pictures.
    """
    torch, spandrel = importlib.import_module("torch"), importlib.import_module("spandrel")
    try:
        weights = _read(file, torch)
    except Exception as error:  # zipfile, pickle, safetensors and torch each have their own kinds
        raise EngineError(
            f"{file} is damaged, or holds more than weights and was not opened: download the upscaler again."
        ) from error
    try:
        model = spandrel.ModelLoader().load_from_state_dict(spandrel.canonicalize_state_dict(weights))
    except Exception as error:  # a network's own code meets weights it was not made for
        raise EngineError(
            f"{file} holds weights of no upscaler that is known here ({type(error).__name__})."
        ) from error
    if not isinstance(model, spandrel.ImageModelDescriptor) or (model.input_channels, model.output_channels) != (3, 3):
        raise EngineError(
            f"{file} is no upscaler of colour pictures: it belongs to a {model.architecture.name} network."
        )
    device = _device(torch)
    model.to(device).eval()
    if half := device == "cuda" and model.supports_half:
        model.model.half()
    kind = torch.float16 if half else torch.float32

    def network(tile: Frame) -> Frame:
        with torch.inference_mode():
            given = torch.from_numpy(tile).to(device).permute(2, 0, 1)[None].to(kind) / 255
            made = model(given)[0].permute(1, 2, 0).float().clamp(0, 1)
            return (made * 255).round().to(torch.uint8).cpu().numpy()

    return network


def _read(file: Path, torch: Any) -> dict[str, Any]:
    if file.suffix.lower() == ".safetensors":
        return importlib.import_module("safetensors.torch").load_file(file)
    return torch.load(file, map_location="cpu", weights_only=True)


def _device(torch: Any) -> str:
    if torch.cuda.is_available():
        return "cuda"
    mps = getattr(torch.backends, "mps", None)
    return "mps" if mps and mps.is_available() else "cpu"
