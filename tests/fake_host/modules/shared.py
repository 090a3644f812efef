"""Options (nearly none are in `data` on a fresh install), the state that buttons change, the list of upscalers."""

from __future__ import annotations

import time
from types import SimpleNamespace
from typing import Any


class Options:
    """`opts.name` is the value in `data` or else the default."""

    def __init__(self, defaults: dict[str, Any]) -> None:
        self.__dict__["data"], self.__dict__["defaults"] = {}, defaults

    def __getattr__(self, item: str) -> Any:
        return self.data[item] if item in self.data else self.defaults[item]

    def __setattr__(self, key: str, value: Any) -> None:
        self.data[key] = value

    def set(self, key: str, value: Any, is_api: bool = False, run_callbacks: bool = True) -> bool:
        self.data[key] = value
        return True

    def get_default(self, key: str) -> Any:
        return self.defaults.get(key)


class State:
    skipped = False
    interrupted = False
    stopping_generation = False
    job = ""
    job_count = 0
    sampling_step = 0
    time_start: float | None = None

    def skip(self) -> None:
        self.skipped = True

    def interrupt(self) -> None:
        self.interrupted = True

    def stop_generating(self) -> None:
        self.stopping_generation = True

    def begin(self, job: str = "(unknown)") -> None:
        self.skipped = self.interrupted = self.stopping_generation = False
        self.job_count, self.sampling_step, self.time_start, self.job = -1, 0, time.time(), job

    def end(self) -> None:
        """The flags stay up."""
        assert self.time_start is not None
        self.job, self.job_count = "", 0


opts = Options(
    {
        "sd_model_checkpoint": None,
        "sd_checkpoint_hash": "",
        "sd_vae": "Automatic",
        "forge_additional_modules": [],
        "save_init_img": False,
        "overlay_inpaint": True,
        "return_mask": False,
    }
)
state = State()
cmd_opts = SimpleNamespace(no_prompt_history=False)
total_tqdm = SimpleNamespace(clear=lambda: None)
sd_upscalers: list[Any] = []
