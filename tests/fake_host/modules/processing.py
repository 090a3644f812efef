"""img2img that paints each seed's colour into the mask, with the real one's traps: see HOST's list in each docstring."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from PIL import Image

from modules import scripts, sd_models, sd_samplers, sd_vae, shared

calls: list[Any] = []
outputs: list[str] = []
at_step: list[Callable[[int], None]] = []


@dataclass(repr=False)
class StableDiffusionProcessing:
    prompt: Any = ""
    negative_prompt: Any = ""
    styles: list[str] | None = None
    seed: Any = -1
    sampler_name: str | None = None
    scheduler: str | None = None
    batch_size: int = 1
    n_iter: int = 1
    steps: int = 50
    cfg_scale: float = 7.0
    width: int = 512
    height: int = 512
    restore_faces: bool | None = None
    tiling: bool | None = None
    do_not_save_samples: bool = False
    do_not_save_grid: bool = False
    denoising_strength: float | None = None
    override_settings: dict[str, Any] | None = None
    override_settings_restore_afterwards: bool = True
    refiner_checkpoint: str | None = None
    refiner_switch_at: float | None = None
    is_api: bool = field(default=False, init=False)
    _scripts: Any = field(default=None, init=False)
    _script_args: Any = field(default=None, init=False)
    all_seeds: list[int] = field(default_factory=list, init=False)

    def _setup(self) -> None:
        if self._scripts is not None and self._script_args:
            self._scripts.setup_scrips(self, is_ui=not self.is_api)

    @property
    def scripts(self) -> Any:
        return self._scripts

    @scripts.setter
    def scripts(self, value: Any) -> None:
        self._scripts = value
        self._setup()

    @property
    def script_args(self) -> Any:
        return self._script_args

    @script_args.setter
    def script_args(self, value: Any) -> None:
        self._script_args = value
        self._setup()

    def close(self) -> None: ...


@dataclass(repr=False)
class StableDiffusionProcessingImg2Img(StableDiffusionProcessing):
    init_images: list[Any] | None = None
    resize_mode: int = 0
    denoising_strength: float | None = 0.75
    mask: Any = None
    mask_blur: int | None = None
    inpainting_fill: int = 0
    inpaint_full_res: bool = True
    inpaint_full_res_padding: int = 0
    inpainting_mask_invert: int = 0

    def __post_init__(self) -> None:
        self.image_mask, self.mask = self.mask, None
        self.override_settings = self.override_settings or {}


class Processed:
    def __init__(self, p: Any, images_list: list[Any], infotexts: list[str] | None = None) -> None:
        self.images, self.infotexts, self.index_of_first_image = images_list, infotexts or [], 0
        self.all_seeds = p.all_seeds


def process_images(p: Any) -> Any:
    """Puts back only those overridden options that it had a value of, and paints on with what it does not know."""
    p.scripts.before_process(p)
    stored = {key: shared.opts.data[key] for key in p.override_settings if key in shared.opts.data}
    try:
        if p.override_settings.get("sd_model_checkpoint") not in sd_models.checkpoint_aliases:
            p.override_settings.pop("sd_model_checkpoint", None)
            sd_models.reload_model_weights()
        for key, value in p.override_settings.items():
            shared.opts.set(key, value, is_api=True, run_callbacks=False)
            if key == "sd_model_checkpoint":
                sd_models.reload_model_weights()
            if key == "sd_vae":
                sd_vae.reload_vae_weights()
        sd_samplers.fix_p_invalid_sampler_and_scheduler(p)
        return process_images_inner(p)
    finally:
        for key, value in stored.items():
            setattr(shared.opts, key, value)
            if key == "sd_vae":
                sd_vae.reload_vae_weights()


def process_images_inner(p: Any) -> Any:
    """Interrupted before it starts it gives nothing, and half-way a half-done picture. It writes the last prompt."""
    calls.append(p)
    assert p.batch_size == len(p.seed)
    p.all_seeds = p.seed
    shown = shared.prompt_styles.apply_styles_to_prompt(p.prompt, p.styles or [])
    p.all_negative_prompts = [shared.prompt_styles.apply_negative_styles_to_prompt(p.negative_prompt, p.styles or [])]
    p.scripts.process(p)
    if not shared.cmd_opts.no_prompt_history:
        outputs.append("params.txt")
    if shared.opts.save_init_img:
        outputs.append("init image")
    if not p.do_not_save_samples:
        outputs.append("sample")
    latents = _encode(p)
    shared.state.skipped = False
    images, infotexts = [], []
    if not (shared.state.interrupted or shared.state.stopping_generation):
        done = _sample(p)
        ps = scripts.PostSampleArgs(latents)
        p.scripts.post_sample(p, ps)
        ready = getattr(ps.samples, "already_decoded", False)
        for sample, seed in zip(ps.samples, p.all_seeds):
            pp = scripts.PostprocessImageArgs(_shown(sample) if ready else _decode(p, sample, seed, done))
            p.scripts.postprocess_image(p, pp)
            overlaid = p.init_images[0].copy()
            overlaid.paste(pp.image, (0, 0), p.image_mask)
            images.append(overlaid)
            infotexts.append(
                f"{shown}\nSteps: {p.steps}, Sampler: {p.sampler_name}, Seed: {seed}, Size: {p.width}x{p.height}"
            )
    done = Processed(p, images, infotexts=infotexts or ["nothing"])
    p.scripts.postprocess(p, done)  # a call that fails comes not so far
    return done


def _encode(p: Any) -> list[np.ndarray]:
    """Sides are floored to 8, a blank mask with `only masked` takes the whole picture, and the noise is nobody's seed's."""
    size = (p.width // 8 * 8, p.height // 8 * 8)
    if p.inpaint_full_res and p.image_mask.getbbox() is None:
        p.image_mask = Image.new("L", p.image_mask.size, 255)
    picture = np.asarray(p.init_images[0].resize(size), np.int32)
    return [picture + torch.randint(-1, 2, picture.shape) for _ in p.seed]


def _sample(p: Any) -> float:
    """The part of the steps that were taken before somebody pressed a button."""
    shared.state.sampling_steps = p.steps
    for step in range(p.steps):
        shared.state.sampling_step, shared.state.current_latent = step, p.init_images[0]
        for look in at_step:
            look(step)
        if shared.state.interrupted or shared.state.skipped:
            return step / p.steps
    return 1.0


class DecodedSamples(list):
    already_decoded = True


def _shown(sample: np.ndarray) -> Image.Image:
    """A sample that was decoded before it came here: (3, height, width) from -1 to 1."""
    return Image.fromarray(((sample + 1) * 127.5).astype(np.uint8).transpose(1, 2, 0))


def _decode(p: Any, picture: np.ndarray, seed: int, done: float) -> Image.Image:
    mask = np.asarray(p.image_mask.resize(picture.shape[1::-1]), np.float32)[..., None] / 255
    color = np.random.default_rng(seed).integers(20, 235, 3)
    mixed = picture + mask.round() * done * max(0.1, p.denoising_strength) * (color - picture)
    return Image.fromarray(np.clip(mixed, 0, 255).astype(np.uint8))
