"""Controls made from Settings: one for every knob, so that a new knob appears on the page by itself."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Sequence
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
    "inpaint.styles": "style",
    "inpaint.upscaler": "upscaler",
    "refine.faces": "face restorer",
}
"""Knobs whose value is one of the names that an engine has, with the kind of name."""
OF_DIFFUSION = {
    *(f"inpaint.{f.name}" for f in fields(Sampling)),
    "inpaint.engine", "inpaint.prompt", "inpaint.negative_prompt", "inpaint.denoise", "inpaint.masked_content",
    "inpaint.same_seed", "inpaint.order", "inpaint.shown", "inpaint.carry", "inpaint.sheet", "inpaint.interrogate",
    "inpaint.interrogate_each", "inpaint.match", "inpaint.preview_steps",
}  # fmt: skip
"""Knobs that mean nothing to the built-in engine."""
SEVERAL = {"inpaint.styles"}
"""Knobs that hold several names, with ; between them."""
OF_DIFFUSERS = {"inpaint.models", "inpaint.device", "inpaint.precision", "inpaint.memory"}
"""Knobs that mean something to the engine diffusers alone."""
OF_WEBUI = {
    "inpaint.styles", "inpaint.refiner", "inpaint.refiner_switch_at", "inpaint.scripts", "inpaint.interrogate",
    "inpaint.interrogate_each",
}  # fmt: skip
"""Knobs that ask for what the WebUI alone has."""
FLAG_ONLY = {"assemble.raw"}
"""Knobs without a control: a page may be open to others, and filters may be unchecked."""
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


def worded(text: str) -> str:
    """A sentence with the labels of controls where it names knobs as the command line does: `--assemble.master on`."""

    def label(found: re.Match[str]) -> str:
        return f"“{labels()[found[1]]}”" if found[1] in labels() else found[0]

    return re.sub(r"(?<![\w./])(?:--)?([a-z]+\.[a-z_]+)(?!\.?\w|/)", label, text)


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
    if leaf.path in SEVERAL and visible:
        common["info"] = (text or "").partition(";")[0] + "."  # here a list holds them, and no text
        return gr.Dropdown(choices=list(names), value=parts(value), multiselect=True, **common)
    if names:
        known = list(dict.fromkeys([value, *names]))
        return gr.Dropdown(choices=known, value=value, allow_custom_value=True, **common)
    knob = leaf.knob
    if leaf.kind in (int, float) and knob.low is not None and knob.high is not None and knob.high <= 10000:
        return gr.Slider(minimum=knob.low, maximum=knob.high, step=knob.step or _step(leaf), value=value, **common)
    if leaf.kind in (int, float):
        return gr.Number(value=value, precision=0 if leaf.kind is int else None, **common)
    return gr.Textbox(value=value, lines=LINES.get(leaf.path, 1), max_lines=LINES.get(leaf.path, 1) + 3, **common)


def parts(text: str) -> list[str]:
    """The names in a knob that holds several."""
    return [name.strip() for name in text.split(";") if name.strip()]


def _step(leaf: Leaf) -> float:
    if leaf.kind is int:
        return 1
    assert leaf.knob.low is not None
    assert leaf.knob.high is not None
    return 0.01 if leaf.knob.high - leaf.knob.low <= 5 else 0.1


class Form:
    """The controls of the page by their dotted path, in the order in which handlers receive their values.

    The WebUI stores what a control begins with, except for those in `elsewhere`, which its own settings page decides.
    """

    def __init__(
        self, defaults: Settings, engine: str, names: Callable[[str], Sequence[str]], elsewhere: Collection[str] = ()
    ) -> None:
        self.defaults, self.engine, self._names, self._elsewhere = defaults, engine, names, elsewhere
        self.controls: dict[str, Any] = {}
        self._leaves = {leaf.path: leaf for leaf in walk(Settings)}

    def add(self, *paths: str) -> None:
        """Make the controls of these knobs, or of whole sections, here; those made before are left out, and so are FLAG_ONLY."""
        for leaf in self._leaves.values():
            if leaf.path in {*self.controls, *FLAG_ONLY} or not ({leaf.path, leaf.path.split(".")[0]} & set(paths)):
                continue
            made = control(leaf, get(self.defaults, leaf.path), self.names(leaf.path), self.shown(leaf.path))
            made.do_not_save_to_config = leaf.path in self._elsewhere
            self.controls[leaf.path] = made

    def names(self, path: str) -> Sequence[str]:
        """The names that the engine has now for a knob; empty for most."""
        return self._names(NAMED[path]) if path in NAMED else ()

    def shown(self, path: str) -> bool:
        """Whether a knob means something to the page's engine."""
        useless = {
            "builtin": OF_DIFFUSION | OF_DIFFUSERS,
            "diffusers": OF_WEBUI,
            "webui": OF_DIFFUSERS,
        }
        return path not in useless[self.engine]

    def values(self, given: Sequence[Any]) -> dict[str, Any]:
        """What the controls hold, by path, each checked here on the server. Raises SettingsError."""
        sent = zip(self.controls, given, strict=True)
        return {path: check(self._leaves[path], _one(value)) for path, value in sent}

    def held(self, path: str, value: Any) -> Any:
        """The inverse of `values`: what the control of a knob must hold to show this value."""
        return parts(value) if getattr(self.controls[path], "multiselect", False) else value


def _one(value: Any) -> Any:
    if isinstance(value, list):
        return ";".join(str(one).replace(";", "") for one in value)
    return "" if value is None else value
