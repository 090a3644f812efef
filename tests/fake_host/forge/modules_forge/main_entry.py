"""Forge's models are options that stay; a change of them unloads what is loaded."""

from __future__ import annotations

import os

from modules import shared

module_list = {
    "soft.vae.safetensors": "/models/VAE/soft.vae.safetensors",
    "t5.safetensors": "/models/text_encoder/t5.safetensors",
}
refreshed: list[tuple[str, ...]] = []


def checkpoint_change(ckpt_name: str, save: bool = True, refresh: bool = True) -> bool:
    if ckpt_name == shared.opts.data.get("sd_model_checkpoint", ""):
        return False
    shared.opts.set("sd_model_checkpoint", ckpt_name)
    if refresh:
        refresh_model_loading_parameters()
    return True


def modules_change(module_values: list[str], save: bool = True, refresh: bool = True) -> bool:
    modules = [module_list[os.path.basename(v)] for v in module_values if os.path.basename(v) in module_list]
    if sorted(modules) == sorted(shared.opts.data.get("forge_additional_modules", [])):
        return False
    shared.opts.set("forge_additional_modules", modules)
    if refresh:
        refresh_model_loading_parameters()
    return True


def refresh_model_loading_parameters() -> None:
    refreshed.append((shared.opts.sd_model_checkpoint, *shared.opts.forge_additional_modules))


def refresh_models() -> None:
    from modules import sd_models

    sd_models.list_models()
