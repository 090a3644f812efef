"""Controls made from Settings: one for every knob, so that a new knob appears on the page by itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import fields
from functools import cache
from typing import Any

import gradio as gr

from ..engines import Sampling
from ..settings import Leaf, check, get, walk
from ..stages import Settings

NAMED = {
    "inpaint.sampler": "sampler",
    "inpaint.scheduler": "scheduler",
    "inpaint.checkpoint": "checkpoint",
    "inpaint.refiner": "checkpoint",
    "inpaint.vae": "vae",
}
"""Knobs whose value is one of the names that an engine has, with the kind of name."""
OF_DIFFUSION = {
    *(f"inpaint.{f.name}" for f in fields(Sampling)),
    "inpaint.engine", "inpaint.prompt", "inpaint.negative_prompt", "inpaint.denoise", "inpaint.masked_content",
}  # fmt: skip
"""Knobs that mean nothing to the built-in engine."""
LINES = {"inpaint.prompt": 3, "inpaint.negative_prompt": 2}


@cache
def labels() -> dict[str, str]:
    """The label of every knob by its path; unique, because the WebUI stores a control's values under its label."""
    leaves = list(walk(Settings))
    names = {leaf.path: leaf.knob.label or leaf.path.split(".")[1].replace("_", " ").capitalize() for leaf in leaves}
    taken = Counter(names.values())
    return {
        path: name if taken[name] == 1 else f"{path.split('.')[0].capitalize()}: {name.lower()}"
        for path, name in names.items()
    }


def elem_id(path: str) -> str:
    return "vidpaint_" + path.replace(".", "_")


def control(leaf: Leaf, value: Any, names: Sequence[str] = (), visible: bool = True) -> Any:
    """The gradio control of one knob. `names` are the words to choose from where an engine knows them."""
    label = labels()[leaf.path]
    named = leaf.knob.help.lower().startswith(f"{label}: ".lower())
    text = leaf.knob.help[len(label) + 2 :] if named else leaf.knob.help
    text = None if text.rstrip(".") == label else text[:1].upper() + text[1:]
    common = {"label": label, "info": text, "elem_id": elem_id(leaf.path), "visible": visible}
    if leaf.kind is bool:
        return gr.Checkbox(value=value, **common)
    if leaf.choices:
        return gr.Dropdown(choices=list(leaf.choices), value=value, **common)
    if names:
        known = list(dict.fromkeys([value, *names]))
        return gr.Dropdown(choices=known, value=value, allow_custom_value=True, **common)
    knob = leaf.knob
    if leaf.kind in (int, float) and knob.low is not None and knob.high is not None and knob.high <= 10000:
        return gr.Slider(minimum=knob.low, maximum=knob.high, step=knob.step or _step(leaf), value=value, **common)
    if leaf.kind in (int, float):
        return gr.Number(value=value, precision=0 if leaf.kind is int else None, **common)
    return gr.Textbox(value=value, lines=LINES.get(leaf.path, 1), max_lines=LINES.get(leaf.path, 1) + 3, **common)


def _step(leaf: Leaf) -> float:
    if leaf.kind is int:
        return 1
    assert leaf.knob.low is not None
    assert leaf.knob.high is not None
    return 0.01 if leaf.knob.high - leaf.knob.low <= 5 else 0.1


class Form:
    """The controls of the page by their dotted path, in the order in which handlers receive their values."""

    def __init__(self, defaults: Settings, engine: str, names: Callable[[str], Sequence[str]]) -> None:
        self.defaults, self.engine, self._names = defaults, engine, names
        self.controls: dict[str, Any] = {}
        self._leaves = {leaf.path: leaf for leaf in walk(Settings)}

    def add(self, *paths: str) -> None:
        """Make the controls of these knobs, or of whole sections, here; those made before are left out."""
        for leaf in self._leaves.values():
            if leaf.path in self.controls or not ({leaf.path, leaf.path.split(".")[0]} & set(paths)):
                continue
            names = self._names(NAMED[leaf.path]) if leaf.path in NAMED else ()
            self.controls[leaf.path] = control(leaf, get(self.defaults, leaf.path), names, self.shown(leaf.path))

    def shown(self, path: str) -> bool:
        """Whether a knob means something to the page's engine."""
        return not (self.engine == "builtin" and path in OF_DIFFUSION)

    def values(self, given: Sequence[Any]) -> dict[str, Any]:
        """What the controls hold, by path, each checked here on the server. Raises SettingsError."""
        sent = zip(self.controls, given, strict=True)
        return {path: check(self._leaves[path], "" if value is None else value) for path, value in sent}
