"""Upscalers in ncnn's format, a .param and a .bin beside each other, as Upscayl and Real-ESRGAN's programs have them."""

from __future__ import annotations

import ctypes.util
import importlib
import os
from pathlib import Path

import numpy as np

from ..errors import EngineError
from ..model import Frame
from . import Network


def open_network(file: Path) -> Network:
    """The network of `file`, a .param with its .bin beside it, on the GPU where Vulkan is. Raises EngineError."""
    ncnn = importlib.import_module("ncnn")
    net, weights = ncnn.Net(), file.with_suffix(".bin")
    # Asked without a Vulkan library, ncnn prints eight lines of complaint.
    vulkan = ctypes.util.find_library("vulkan-1" if os.name == "nt" else "vulkan")
    net.opt.use_vulkan_compute = bool(vulkan and ncnn.get_gpu_count() > 0)
    if net.load_param(str(file)) or net.load_model(str(weights)):
        raise EngineError(f"{file} with {weights.name} is damaged, or no network in ncnn's format: download it again.")
    given, asked = net.input_names(), net.output_names()
    if len(given) != 1 or len(asked) != 1:
        raise EngineError(f"{file} is no upscaler: its network has {len(given)} inputs and {len(asked)} outputs.")

    def network(tile: Frame) -> Frame:
        values = np.ascontiguousarray(tile.transpose(2, 0, 1), np.float32) / 255
        extractor = net.create_extractor()
        extractor.input(given[0], ncnn.Mat(values))
        failed, made = extractor.extract(asked[0])
        if failed:
            raise MemoryError if failed == -100 else EngineError(f"{file} could not be run (ncnn says {failed}).")
        picture = np.array(made).transpose(1, 2, 0)
        return np.rint(np.clip(picture, 0, 1) * 255).astype(np.uint8)

    return network
