"""Checkpoints by title and alias; which one is loaded. A load writes one option, and the other unless told not to."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from modules import shared

checkpoints_list: dict[str, Any] = {}
checkpoint_aliases: dict[str, Any] = {}
files: list[Path] = []
loads: list[str] = []
loaded: list[Any] = []


class CheckpointInfo:
    def __init__(self, filename: str) -> None:
        self.filename, self.name, self.title = filename, Path(filename).name, Path(filename).name
        self.name_for_extra, self.sha256 = Path(filename).stem, "0" * 64

    def register(self) -> None:
        checkpoints_list[self.title] = self
        for alias in (self.name, self.title, self.name_for_extra):
            checkpoint_aliases[alias] = self


def list_models() -> None:
    checkpoints_list.clear()
    checkpoint_aliases.clear()
    for file in files:
        CheckpointInfo(str(file)).register()


def select_checkpoint() -> Any:
    """The user's, or the first there is."""
    return checkpoint_aliases.get(shared.opts.sd_model_checkpoint) or next(iter(checkpoints_list.values()))


class SkipWritingToConfig:
    skip = False
    previous = False

    def __enter__(self) -> SkipWritingToConfig:
        self.previous, SkipWritingToConfig.skip = SkipWritingToConfig.skip, True
        return self

    def __exit__(self, exc_type: object, exc_value: object, exc_traceback: object) -> None:
        SkipWritingToConfig.skip = self.previous


def reload_model_weights(sd_model: Any = None, info: Any = None, forced_reload: bool = False) -> None:
    wanted = info or select_checkpoint()
    if loaded and loaded[0].filename == wanted.filename:
        return
    loads.append(wanted.name)
    loaded[:] = [wanted]
    if not SkipWritingToConfig.skip:
        shared.opts.data["sd_model_checkpoint"] = wanted.title
    shared.opts.data["sd_checkpoint_hash"] = wanted.sha256
