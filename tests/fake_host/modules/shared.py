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
    sampling_steps = 0
    textinfo: str | None = None
    current_latent: Any = None
    current_image: Any = None
    time_start: float | None = None

    def skip(self) -> None:
        self.skipped = True

    def interrupt(self) -> None:
        self.interrupted = True

    def stop_generating(self) -> None:
        self.stopping_generation = True

    def set_current_image(self) -> None:
        """Makes the preview of what is sampled now, in the thread that asks."""
        if self.current_latent is not None:
            self.current_image = self.current_latent

    def begin(self, job: str = "(unknown)") -> None:
        self.skipped = self.interrupted = self.stopping_generation = False
        self.job_count, self.sampling_step, self.time_start, self.job = -1, 0, time.time(), job
        self.current_latent = self.current_image = self.textinfo = None

    def end(self) -> None:
        """The flags stay up."""
        assert self.time_start is not None
        self.job, self.job_count = "", 0


class StyleDatabase:
    """Styles by name; one that is not known adds nothing in silence."""

    def __init__(self) -> None:
        self.styles = {"Old film": ("grainy", "sharp"), "Winter": ("{prompt}, snow", "")}

    def reload(self) -> None: ...

    def apply_styles_to_prompt(self, prompt: str, styles: list[str]) -> str:
        return self._applied(prompt, styles, 0)

    def apply_negative_styles_to_prompt(self, prompt: str, styles: list[str]) -> str:
        return self._applied(prompt, styles, 1)

    def _applied(self, prompt: str, styles: list[str], part: int) -> str:
        for text in (self.styles[name][part] for name in styles if name in self.styles):
            prompt = text.replace("{prompt}", prompt) if "{prompt}" in text else ", ".join(filter(None, (prompt, text)))
        return prompt


class InterrogateModels:
    """CLIP; without its model the words end in <error>, and only the console says why."""

    words = "a man in a hat, by nobody"

    def interrogate(self, pil_image: Any) -> str:
        state.begin(job="interrogate")
        state.end()
        return self.words


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
prompt_styles = StyleDatabase()
interrogator = InterrogateModels()
total_tqdm = SimpleNamespace(clear=lambda: None)
sd_upscalers: list[Any] = []
face_restorers: list[Any] = []
