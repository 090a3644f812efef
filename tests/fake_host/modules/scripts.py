"""Always-on scripts, and the runner whose hooks see each picture before the overlay. What a script raises is only printed."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any


class PostprocessImageArgs:
    def __init__(self, image: Any) -> None:
        self.image = image


class PostSampleArgs:
    def __init__(self, samples: Any) -> None:
        self.samples = samples


class Script:
    """Brightens by its one value."""

    alwayson = True
    setup_for_ui_only = False
    args_from = 1
    args_to = 3

    def __init__(self, name: str = "Brighter", page_only: bool = False) -> None:
        self.name, self.setup_for_ui_only = name, page_only
        self.controls = [SimpleNamespace(value=False), SimpleNamespace(value=10)]

    def title(self) -> str:
        return self.name

    def setup(self, p: Any, *args: Any) -> None:
        if self.setup_for_ui_only:
            p.steps, p.sampler_name, p.seed = 20, "DPM++ 2M", -1

    def process(self, p: Any, *args: Any) -> None: ...

    def postprocess(self, p: Any, processed: Any, *args: Any) -> None: ...

    def postprocess_image(self, p: Any, pp: PostprocessImageArgs, enabled: bool, amount: int) -> None:
        if enabled:
            pp.image = pp.image.point(lambda value: min(255, value + amount))


class ScriptRunner:
    def __init__(self) -> None:
        self.scripts: list[Any] = []
        self.alwayson_scripts: list[Any] = []

    def _each(self, p: Any, call: Callable[[Any, Any], None]) -> None:
        for script in self.alwayson_scripts:
            call(script, p.script_args[script.args_from : script.args_to])

    def setup_scrips(self, p: Any, *, is_ui: bool = True) -> None:
        self._each(p, lambda s, args: None if s.setup_for_ui_only and not is_ui else s.setup(p, *args))

    def before_process(self, p: Any) -> None: ...

    def process(self, p: Any) -> None:
        self._each(p, lambda s, args: s.process(p, *args))

    def post_sample(self, p: Any, ps: PostSampleArgs) -> None: ...

    def postprocess(self, p: Any, processed: Any) -> None:
        self._each(p, lambda s, args: s.postprocess(p, processed, *args))

    def postprocess_image(self, p: Any, pp: PostprocessImageArgs) -> None:
        self._each(p, lambda s, args: s.postprocess_image(p, pp, *args))


scripts_img2img: ScriptRunner | None = ScriptRunner()
scripts_img2img.scripts = scripts_img2img.alwayson_scripts = [Script(), Script("Sampler", page_only=True)]
