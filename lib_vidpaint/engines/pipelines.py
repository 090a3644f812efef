"""A checkpoint as diffusers runs it: loaded onto a device, told what to paint, and let go again.

Pictures are encoded here, by the mean of what the VAE says of them, so that chance comes from the seeds alone; noise is drawn
on the CPU, one generator for each picture. So a seed gives the same picture in every batch and, but for rounding, on every
device.
"""

# pyright: reportMissingImports=false
from __future__ import annotations

import importlib
import importlib.util
import re
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image

from ..crops import resized
from ..errors import EngineError
from ..filling import Taste, smooth_fill
from ..model import Frame, Mask
from . import Device, InpaintJob, Memory, Precision
from .models import Model, description
from .samplers import make

NEEDED = ("torch", "diffusers", "transformers")
LORA = re.compile(r"<lora:([^:>]+)(?::([-+.\d]+))?[^>]*>")
LACK = re.compile(r"out of memory|not enough memory|can't allocate memory", re.IGNORECASE)


@dataclass(frozen=True)
class Machine:
    """What paints: the device, the precision (half on CUDA and full elsewhere by itself), and how memory is saved."""

    device: Device = "auto"
    precision: Precision = "auto"
    memory: Memory = "auto"


def needs(*packages: str) -> None:
    """Raises EngineError when one of these packages is not installed."""
    lacking = [package for package in packages if importlib.util.find_spec(package) is None]
    if lacking:
        raise EngineError(
            f"The engine diffusers needs {', '.join(lacking)}, not installed here: pip install 'vidpaint[diffusers]'."
        )


def device_of(asked: Device) -> str:
    """The device in torch's words. Raises EngineError for one that this machine does not have."""
    import torch

    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if asked == "auto":
        return next(device for device, usable in there.items() if usable)
    if not there[asked]:
        usable = ", ".join(device for device, usable in there.items() if usable)
        raise EngineError(
            f"inpaint.device is {asked}, but the PyTorch of this machine ({torch.__version__}) sees none: it has {usable}. "
            "Set it to auto, or install a PyTorch for your graphics card (pytorch.org)."
        )
    return asked


def lacks_memory(error: BaseException) -> bool:
    """Whether this is one of the ways in which torch says that memory did not suffice."""
    return isinstance(error, (MemoryError, RuntimeError)) and bool(
        isinstance(error, MemoryError) or LACK.search(str(error))
    )


class Pipeline:
    """A loaded checkpoint. Raises EngineError when it cannot be loaded."""

    def __init__(self, model: Model, machine: Machine, vae: Path | None = None) -> None:
        needs(*NEEDED)
        import torch

        self.model, self.machine = model, machine
        self.device = device_of(machine.device)
        half = torch.bfloat16 if self.device == "cpu" else torch.float16
        wants_half = machine.precision == "half" or (machine.precision == "auto" and self.device == "cuda")
        self.dtype = half if wants_half else torch.float32
        self.pipe = _loaded(model, self.dtype, vae)
        self._settle()
        self._config = self.pipe.scheduler.config
        self._loras: dict[Path, str] = {}

    def _settle(self) -> None:
        pipe, saving = self.pipe, self.machine.memory
        pipe.set_progress_bar_config(disable=True)
        if saving != "auto":
            pipe.enable_attention_slicing()
            pipe.vae.enable_slicing()
            pipe.vae.enable_tiling()
        if saving == "offload" and self.device != "cpu":
            needs("accelerate")
            pipe.enable_model_cpu_offload(device=self.device)
        else:
            pipe.to(self.device)

    @property
    def cell(self) -> int:
        """The pixels along a side of one place of the latent picture."""
        return self.pipe.vae_scale_factor

    def sample_with(self, sampler: str, scheduler: str) -> None:
        """Use this sampler and schedule type from now on. Raises EngineError."""
        self.pipe.scheduler = make(self._config, sampler, scheduler)

    def wear(self, loras: Sequence[tuple[Path, float]]) -> None:
        """Have these LoRA files, and no others, change the model, each with its weight. Raises EngineError."""
        if loras:
            needs("peft")
        for path, _ in loras:
            if path not in self._loras:
                name = f"file{len(self._loras)}"
                try:
                    self.pipe.load_lora_weights(str(path.parent), weight_name=path.name, adapter_name=name)
                except Exception as error:
                    raise EngineError(f"The LoRA {path.stem} does not fit {self.model.name}: {said(error)}.") from error
                self._loras[path] = name
        if loras:
            self.pipe.enable_lora()
            self.pipe.set_adapters([self._loras[path] for path, _ in loras], [weight for _, weight in loras])
        elif self._loras:
            self.pipe.disable_lora()

    def unread(self, prompt: str) -> str:
        """The end of a prompt that is longer than the model reads (75 tokens, some 50 words); '' when all of it is read."""
        tokenizer = self.pipe.tokenizer
        tokens = tokenizer(prompt, truncation=False).input_ids
        return tokenizer.decode(tokens[tokenizer.model_max_length - 1 : -1]).strip()

    def encoded(self, picture: Frame) -> Any:
        """The latent picture (1, 4, H / cell, W / cell) of RGB uint8 (H, W, 3), scaled as the model wants it."""
        import torch

        vae, pipe = self.pipe.vae, self.pipe
        widened = vae.dtype == torch.float16 and vae.config.force_upcast
        with torch.no_grad():
            if widened:
                vae.to(torch.float32)
            pixels = pipe.image_processor.preprocess(Image.fromarray(picture))
            latents = vae.encode(pixels.to(self.device, vae.dtype)).latent_dist.mode() * vae.config.scaling_factor
            if widened:
                vae.to(self.dtype)
        return latents.to(self.dtype)

    def painted(
        self,
        prepared: Prepared,
        job: InpaintJob,
        seeds: Sequence[int],
        steps: tuple[int, float],
        at: Callable[[int], None],
    ) -> list[Frame]:
        """One picture for every seed; `at(step)` is called after each step and may raise. `steps`: how many, and the strength.

        Raises EngineError for a picture that is not finite, and what torch raises where memory does not suffice.
        """
        import torch

        height, width = prepared.mask.shape
        generators = [torch.Generator("cpu").manual_seed(seed) for seed in seeds]
        start = prepared.start.repeat(len(seeds), 1, 1, 1)
        if job.content == "latent noise":
            noise = torch.cat([torch.randn(1, *start.shape[1:], generator=one) for one in generators])
            cells = torch.from_numpy(prepared.cells)[None, None].to(self.device)
            start = torch.where(cells, noise.to(start), start)
        begins = {"latents": self._noisy(start, steps[0], generators)} if steps[1] == 1 else {}

        def after(pipe: Any, step: int, moment: Any, tensors: dict[str, Any]) -> dict[str, Any]:
            at(step + 1)
            return tensors

        try:
            result = self.pipe(
                **begins,
                prompt=[job.prompt] * len(seeds), negative_prompt=[job.negative_prompt] * len(seeds),
                image=start, masked_image_latents=prepared.hidden, mask_image=Image.fromarray(prepared.mask),
                width=width, height=height, num_inference_steps=steps[0], strength=steps[1],
                guidance_scale=job.sampling.cfg_scale, generator=generators, output_type="np", callback_on_step_end=after,
            ).images  # fmt: skip
        finally:
            self.pipe.maybe_free_model_hooks()
        if not np.isfinite(result).all():
            raise EngineError(
                f"{self.model.name} painted what is no picture: half precision is too coarse for it, set inpaint.precision to full."
            )
        return [np.rint(np.clip(picture, 0, 1) * 255).astype(np.uint8) for picture in result]

    def _noisy(self, start: Any, steps: int, generators: Sequence[Any]) -> Any:
        """What full strength begins with, as in the WebUI: `start` under as much noise as there is. diffusers would begin with
        noise alone, and a model asked to fill a hole then knows less of the light around it."""
        import torch

        scheduler = self.pipe.scheduler
        scheduler.set_timesteps(steps, device=self.device)
        noise = torch.cat([torch.randn(1, *start.shape[1:], generator=one) for one in generators]).to(start)
        return (
            scheduler.add_noise(start, noise, scheduler.timesteps[:1].repeat(len(start))) / scheduler.init_noise_sigma
        )

    def close(self) -> None:
        """Let go of the device's memory."""
        import gc

        import torch

        del self.pipe
        gc.collect()
        if self.device == "cuda":
            torch.cuda.empty_cache()


@dataclass(frozen=True, eq=False)
class Prepared:
    """A crop as the model takes it: the mask in whole cells, 255 = repaint; which cells are repainted, bool; the latent
    picture to start from; and that of the crop without what the mask hides."""

    mask: Mask
    cells: np.ndarray
    start: Any
    hidden: Any


def prepare(pipeline: Pipeline, job: InpaintJob, size: tuple[int, int]) -> Prepared:
    """The job's crop at `size` (width, height), with what the mask covers filled as `job.content` says."""
    crop, white = resized(job.crop, size), resized(job.mask, size)
    if job.sampling.mask_blur:
        white = np.asarray(cv2.GaussianBlur(white, (0, 0), job.sampling.mask_blur), np.uint8)
    cells, mask = whole_cells(white, pipeline.cell)
    grey = np.where(mask[..., None] > 0, np.uint8(127), crop)
    if job.content == "fill":
        crop = np.clip(np.rint(smooth_fill(crop.astype(np.float32), mask > 0, Taste(()))), 0, 255).astype(np.uint8)
    start = pipeline.encoded(crop)
    if job.content == "latent nothing":
        import torch

        start = torch.where(torch.from_numpy(cells)[None, None].to(start.device), torch.zeros_like(start), start)
    return Prepared(mask, cells, start, pipeline.encoded(grey))


def whole_cells(white: Mask, cell: int) -> tuple[np.ndarray, Mask]:
    """(cells, mask): every cell that has some white in it, small (bool) and as a mask of the picture's size.

    A cell at the rim that was left alone would keep what is to be changed; what is painted too much is cut away later.
    """
    height, width = white.shape
    cells = np.asarray((white >= 128).reshape(height // cell, cell, width // cell, cell).max(axis=(1, 3)))
    return cells, np.where(cells.repeat(cell, 0).repeat(cell, 1), 255, 0).astype(np.uint8)


def _loaded(model: Model, dtype: Any, vae: Path | None) -> Any:
    transformers: Any = importlib.import_module("transformers")
    transformers.logging.set_verbosity_error()  # importing diffusers would tell of video models that lack torchvision
    diffusers: Any = importlib.import_module("diffusers")
    diffusers.utils.logging.set_verbosity_error()
    diffusers.utils.logging.disable_progress_bar()
    options: dict[str, Any] = {"torch_dtype": dtype, "local_files_only": True}
    if model.family == "sdxl":
        kind, extra = diffusers.StableDiffusionXLInpaintPipeline, {"add_watermarker": False}
    else:
        kind, extra = (
            diffusers.StableDiffusionInpaintPipeline,
            {"safety_checker": None, "requires_safety_checker": False},
        )
    described = model.path if model.path.is_dir() else description(model)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore", FutureWarning
            )  # `torch_dtype` has another name in new versions, and both work
            return _read(kind, model, described, options, extra, vae)
    except Exception as error:
        if lacks_memory(error):
            raise EngineError(f"There is not enough memory to load {model.name}: close other programs.") from error
        raise EngineError(f"{model.name} could not be loaded: {said(error)}.") from error


def _read(
    kind: Any, model: Model, described: Path, options: dict[str, Any], extra: dict[str, Any], vae: Path | None
) -> Any:
    diffusers: Any = importlib.import_module("diffusers")
    if vae:
        own = diffusers.AutoencoderKL.from_single_file(str(vae), config=str(described), subfolder="vae", **options)
        extra = {**extra, "vae": own}
    if model.path.is_dir():
        return kind.from_pretrained(str(model.path), use_safetensors=True, **options, **extra)
    return kind.from_single_file(str(model.path), config=str(described), **options, **extra)


def said(error: BaseException) -> str:
    """What an exception of torch or diffusers says, in one line without its full stop."""
    return (str(error).strip().partition("\n")[0] or type(error).__name__)[:300].rstrip(".")
