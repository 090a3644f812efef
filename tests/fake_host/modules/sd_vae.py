"""VAEs by file name."""

from __future__ import annotations

from modules import shared

vae_dict = {"soft.vae.safetensors": "/models/VAE/soft.vae.safetensors"}
loads: list[str] = []


def reload_vae_weights() -> None:
    loads.append(shared.opts.sd_vae)


def refresh_vae_list() -> None: ...
