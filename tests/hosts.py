"""The fake WebUI as this process's own `modules`, and checkpoints to choose from."""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

FAKE = Path(__file__).parent / "fake_host"
PARTS = (
    "shared",
    "call_queue",
    "progress",
    "scripts",
    "sd_models",
    "sd_samplers",
    "sd_schedulers",
    "sd_vae",
    "modelloader",
    "upscaler",
    "processing",
    "deepbooru",
)
OURS = tuple(f"lib_vidpaint.engines.{name}" for name in ("webui", "turns", "forge", "host_upscalers", "host_words"))


@contextmanager
def running(forge: bool = False) -> Iterator[Any]:
    """A freshly started host; its modules by name. It has one checkpoint, `plain.ckpt`, when `add_checkpoint` says no more."""
    before = dict(sys.modules)
    _forget()
    folders = [str(FAKE), *([str(FAKE / "forge")] if forge else [])]
    sys.path[:0] = folders
    try:
        host = SimpleNamespace(**{name: importlib.import_module(f"modules.{name}") for name in PARTS})
        if forge:
            host.main_entry = importlib.import_module("modules_forge.main_entry")
            host.main_thread = importlib.import_module("modules_forge.main_thread")
        host.sd_models.files.append(Path("plain.ckpt"))
        host.sd_models.list_models()
        yield host
    finally:
        del sys.path[: len(folders)]
        _forget()
        sys.modules.update({name: module for name, module in before.items() if name not in sys.modules})


def _forget() -> None:
    for name in list(sys.modules):
        if name.split(".")[0] in ("modules", "modules_forge", "torch") or name in OURS:
            del sys.modules[name]
            if name in OURS:
                vars(sys.modules["lib_vidpaint.engines"]).pop(name.rpartition(".")[2], None)


def checkpoint(
    folder: Path, name: str, channels: int = 4, kind: str = "cond_stage_model.transformer.text_model"
) -> Path:
    """A .safetensors file that has nothing but a header: an SD 1 model of that many input channels, or another `kind`."""
    header = {
        "model.diffusion_model.input_blocks.0.0.weight": {
            "dtype": "F16",
            "shape": [320, channels, 3, 3],
            "data_offsets": [0, 0],
        },
        f"{kind}.weight": {"dtype": "F16", "shape": [1], "data_offsets": [0, 0]},
    }
    data = json.dumps(header).encode()
    path = folder / name
    path.write_bytes(len(data).to_bytes(8, "little") + data)
    return path
