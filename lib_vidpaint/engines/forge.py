"""What Forge does differently: the checkpoint is an option that stays, and painting belongs to the main thread."""

# pyright: reportMissingImports=false
from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from threading import current_thread, main_thread
from typing import Any

from modules_forge import main_thread as host_thread
from modules_forge.main_entry import (
    checkpoint_change,
    module_list,
    modules_change,
    refresh_model_loading_parameters,
    refresh_models,
)

KEYS = ("sd_model_checkpoint", "forge_additional_modules")


class Forge:
    """Changes Forge's models for a run and puts the user's back. All calls are made under the queue lock.

    Forge unloads everything at a call that overrides the checkpoint, so the options themselves change until the run ends.
    What is set and was not set here was chosen by the user, meanwhile perhaps: that is what comes back.
    """

    def __init__(self, options: Any) -> None:
        self._options = options  # the host's `opts`, whose `data` it may replace
        self._users: dict[str, Any] = {}
        self._ours: dict[str, Any] = {}

    def module_names(self) -> list[str]:
        """The VAEs and text encoders by file name."""
        return list(module_list)

    def refresh(self) -> None:
        """Look for checkpoints, VAEs and text encoders that came since."""
        refresh_models()

    def switch(self, checkpoint: str, vae: str) -> None:
        """Have this checkpoint loaded with the next picture, and this VAE unless it is '' (the user's)."""
        now = self._set()
        if now != self._ours:
            self._users = now
        modules = list(self._users.get(KEYS[1]) or [])
        if vae:
            modules = [one for one in modules if Path(one).parent.name != "VAE"] + [vae]
        changed = checkpoint_change(checkpoint, save=False, refresh=False)
        if modules_change(modules, save=False, refresh=False) or changed:
            refresh_model_loading_parameters()
        self._ours = self._set()

    def put_back(self) -> None:
        """The user's checkpoint and modules again, unless the user has chosen others meanwhile."""
        if self._ours and self._set() == self._ours != self._users:
            for key in KEYS:
                self._options.data.pop(key, None)
            self._options.data.update(self._users)
            refresh_model_loading_parameters()
        self._ours = {}

    def process(self, work: Callable[[Any], Any], p: Any) -> Any:
        """`work(p)` in the main thread, where Forge keeps its models moving quicker. Raises what it raised."""
        if current_thread() is main_thread():
            return work(p)
        result = host_thread.run_and_wait_result(work, p)
        if result is None and host_thread.last_exception is not None:
            raise host_thread.last_exception
        return result

    def _set(self) -> dict[str, Any]:
        return {key: self._options.data[key] for key in KEYS if key in self._options.data}
