"""Samplers and schedule types of diffusers by the names that the WebUI has for them."""

from __future__ import annotations

import importlib
import inspect
from typing import Any

from ..errors import EngineError
from .checkpoints import one_of

WHO = "The engine diffusers"
# Name: the class in diffusers, what it is made with, and the schedule type that Automatic stands for (as in the WebUI).
SAMPLERS: dict[str, tuple[str, dict[str, Any], str]] = {
    "DPM++ 2M": ("DPMSolverMultistepScheduler", {"algorithm_type": "dpmsolver++"}, "Karras"),
    "DPM++ 2M SDE": ("DPMSolverMultistepScheduler", {"algorithm_type": "sde-dpmsolver++"}, "Exponential"),
    "Euler a": ("EulerAncestralDiscreteScheduler", {}, "Uniform"),
    "Euler": ("EulerDiscreteScheduler", {}, "Uniform"),
    "LMS": ("LMSDiscreteScheduler", {}, "Uniform"),
    "Heun": ("HeunDiscreteScheduler", {}, "Uniform"),
    "DPM2": ("KDPM2DiscreteScheduler", {}, "Karras"),
    "DPM2 a": ("KDPM2AncestralDiscreteScheduler", {}, "Karras"),
    "DDIM": ("DDIMScheduler", {}, "DDIM"),
    "UniPC": ("UniPCMultistepScheduler", {}, "Uniform"),
    "LCM": ("LCMScheduler", {}, "DDIM"),
}
AUTOMATIC = "Automatic"
SCHEDULES: dict[str, dict[str, Any]] = {
    "Uniform": {"timestep_spacing": "linspace"},
    "Karras": {"use_karras_sigmas": True},
    "Exponential": {"use_exponential_sigmas": True},
    "SGM Uniform": {"timestep_spacing": "trailing"},
    "DDIM": {"timestep_spacing": "leading"},
    "Beta": {"use_beta_sigmas": True},
}
SIGMAS = {"use_karras_sigmas": False, "use_exponential_sigmas": False, "use_beta_sigmas": False}


def names(kind: str) -> list[str]:
    """The samplers or schedule types there are; kind is `sampler` or `scheduler`."""
    return [*SAMPLERS] if kind == "sampler" else [AUTOMATIC, *SCHEDULES]


def schedule_type(sampler: str, scheduler: str) -> str:
    """The schedule type that is meant, Automatic resolved. Raises EngineError for a name that is unknown."""
    one_of("sampler", sampler, SAMPLERS, WHO)
    one_of("schedule type", scheduler, names("scheduler"), WHO)
    return SAMPLERS[sampler][2] if scheduler == AUTOMATIC else scheduler


def make(config: Any, sampler: str, scheduler: str) -> Any:
    """The diffusers scheduler of these names for a model whose own scheduler has this `config`.

    Raises EngineError for an unknown name, or a schedule type that this sampler does not have.
    """
    diffusers: Any = importlib.import_module("diffusers")
    wanted = SCHEDULES[schedule_type(sampler, scheduler)]
    name, options, _ = SAMPLERS[sampler]
    kind = getattr(diffusers, name)
    known = inspect.signature(kind.__init__).parameters
    if not wanted.keys() <= known.keys():
        own = [title for title, flags in SCHEDULES.items() if flags.keys() <= known.keys()]
        raise EngineError(
            f"The sampler {sampler} has no schedule type {scheduler!r} here: choose {AUTOMATIC} or one of {', '.join(own)}."
        )
    usual = {flag: value for flag, value in SIGMAS.items() if flag in known}
    return kind.from_config(config, **{**usual, **options, **wanted})
