"""A finished picture shown to the model through ControlNet, where the WebUI has it: the extension's and Forge's own.

Both take their units as the API does, as dicts among the arguments of the always-on script "ControlNet"; which modules
and models there are is asked of the part that each offers to other extensions.
"""

from __future__ import annotations

import base64
import sys
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from ..errors import EngineError
from ..model import Frame
from ..pictures import encode_png
from . import Reference

SCRIPT = "controlnet"
OFFERED = (
    ("lib_controlnet.global_state", "get_all_preprocessor_names", "get_all_controlnet_names"),
    ("internal_controlnet.external_code", "get_modules", "get_models"),
    ("scripts.external_code", "get_modules", "get_models"),
)
"""Where Forge and the extension (new, old) say what they have: module, and its functions for modules and models."""
NEEDS: dict[Reference, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "reference": (("reference_only",), ()),
    "ip-adapter": (
        ("ip-adapter-auto", "ip-adapter_clip_sd15", "clip-vit-h (ipadapter)", "ip-adapter"),
        ("ip-adapter", "ip_adapter"),
    ),
    "colour": (("t2ia_color_grid",), ("t2iadapter_color", "t2i-adapter_color", "t2iadapter-color")),
}
"""The module that shows a reference in each way, the best one first, and the model that it works with, by parts of names."""


@dataclass(frozen=True)
class Shown:
    """How a reference is shown: ControlNet's module and model by their own names."""

    module: str
    model: str = "None"

    def unit(self, picture: Frame, weight: float) -> dict[str, Any]:
        """A unit as ControlNet's API takes it."""
        image = base64.b64encode(encode_png(picture)).decode()
        return {
            "enabled": True, "module": self.module, "model": self.model, "weight": weight, "image": image,
            "pixel_perfect": True, "save_detected_map": False,
        }  # fmt: skip


def available(scripts: Collection[str]) -> list[Reference]:
    """The ways that work in this host, whose always-on scripts these are."""
    found: list[Reference] = []
    for kind in NEEDS:
        try:
            way(kind, scripts)
        except EngineError:
            continue
        found.append(kind)
    return found


def way(kind: Reference, scripts: Collection[str]) -> Shown:
    """How this host shows a reference of a kind. Raises EngineError where ControlNet, a module or a model is missing."""
    if SCRIPT not in scripts:
        raise EngineError(
            "inpaint.reference needs the WebUI's ControlNet extension, and there is none: install it, or set "
            "inpaint.reference to off."
        )
    modules, models = _offered()
    wanted, works_with = NEEDS[kind]
    module = _first(wanted, modules)
    if not module:
        raise EngineError(
            f"This WebUI's ControlNet has no module {wanted[0]}, which inpaint.reference {kind} needs: get a newer one, or "
            "set inpaint.reference to off."
        )
    model = _first(works_with, models) if works_with else "None"
    if not model:
        raise EngineError(
            f"inpaint.reference {kind} needs a ControlNet model with {works_with[0]} in its name: put one among the WebUI's "
            "ControlNet models, or choose reference, which needs none."
        )
    return Shown(module, model)


def _offered() -> tuple[list[str], list[str]]:
    """The modules and the models that this host's ControlNet has."""
    for name, *functions in OFFERED:
        part = sys.modules.get(name)
        if part and all(hasattr(part, function) for function in functions):
            modules, models = (getattr(part, function) for function in functions)
            named = [] if name == OFFERED[0][0] else [True]  # the extension calls its modules otherwise unless asked so
            return list(modules(*named)), list(models())
    raise EngineError(
        "This WebUI's ControlNet is of a version that is not known here: update it or Video Inpaint, or set "
        "inpaint.reference to off."
    )


def _first(wanted: tuple[str, ...], names: Collection[str]) -> str:
    """The first name that has one of the wanted parts in it, in their order; '' for none."""
    return next((name for part in wanted for name in names if part in name.lower()), "")
