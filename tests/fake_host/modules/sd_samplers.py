"""Samplers by name; a name that is not known becomes another in silence."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

all_samplers = [SimpleNamespace(name=name) for name in ("DPM++ 2M", "Euler a", "Euler", "DDIM")]
hidden = {"DDIM"}


def visible_sampler_names() -> list[str]:
    return [one.name for one in all_samplers if one.name not in hidden]


def fix_p_invalid_sampler_and_scheduler(p: Any) -> None:
    from modules import sd_schedulers

    if p.sampler_name not in [one.name for one in all_samplers]:
        p.sampler_name = all_samplers[0].name
    if p.scheduler not in [one.label for one in sd_schedulers.schedulers]:
        p.scheduler = sd_schedulers.schedulers[0].label
