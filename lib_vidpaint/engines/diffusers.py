"""The engine for people without a WebUI: Stable Diffusion 1, 2 and XL by diffusers, from files on this machine alone.

A checkpoint made for inpainting is shown what surrounds the hole; any other one paints by masked img2img, with a warning.
Scripts, styles and a refiner are the WebUI's alone, and asking for one is an error.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..crops import working_size
from ..errors import Cancelled, EngineError
from ..model import Frame
from ..upscalers import Upscalers
from . import MULTIPLES, InpaintJob, Painted, Sampling, fitted, samplers
from .models import Library, Model, description
from .pipelines import LORA, NEEDED, Machine, Pipeline, device_of, lacks_memory, needs, prepare, said

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Plan:
    """A checked `Sampling`: its names exist."""

    sampling: Sampling
    model: Model
    schedule: str
    vae: Path | None


class Diffusers:
    """Paints with the checkpoints of a folder. One object serves one run; the model stays loaded while it is `prepared`."""

    name = "diffusers"
    multiple = MULTIPLES["diffusers"]

    def __init__(self, options: Mapping[str, str]) -> None:
        """`options`: models (the folder), device, precision and memory as in `Machine`, and weights (of upscalers)."""
        self._folder = options.get("models", "")
        self._machine = Machine(**{key: options[key] for key in ("device", "precision", "memory") if key in options})  # pyright: ignore[reportArgumentType]
        self._upscalers = Upscalers(options.get("weights", ""))
        self._plan: Plan | None = None
        self._pipeline: Pipeline | None = None
        self._most = 0
        self._told: set[str] = set()

    def names(self, kind: str) -> list[str]:
        if kind == "upscaler":
            return self._upscalers.names()
        if kind in ("sampler", "scheduler"):
            return samplers.names(kind)
        if kind in ("checkpoint", "vae", "lora") and self._folder:
            return list(Library(self._folder).files(kind))
        return []

    @contextmanager
    def prepared(self, sampling: Sampling | None = None) -> Iterator[tuple[str, ...]]:
        around = self._plan, self._pipeline
        self._plan = self._checked(sampling) if sampling else None
        try:
            yield self._warnings()
        finally:
            mine, (self._plan, self._pipeline) = self._pipeline, around
            if mine and mine is not self._pipeline:
                mine.close()

    def _checked(self, sampling: Sampling) -> Plan:
        for knob, what in (("refiner", "refiner"), ("scripts", "always-on scripts"), ("styles", "prompt styles")):
            if getattr(sampling, knob):
                raise EngineError(f"The engine diffusers has no {what}: leave inpaint.{knob} empty.")
        if sampling.reference not in ("off", "colour"):
            raise EngineError(
                f"The engine diffusers cannot show a reference by {sampling.reference}: set inpaint.reference to off or colour."
            )
        schedule = samplers.schedule_type(sampling.sampler, sampling.scheduler)
        library = Library(self._folder)
        vae = library.file("vae", sampling.vae) if sampling.vae else None
        needs(*NEEDED)
        device_of(self._machine.device)
        model = library.checkpoint(sampling.checkpoint)
        if model.path.is_file():
            description(model)
        return Plan(sampling, model, schedule, vae)

    def _warnings(self) -> tuple[str, ...]:
        if self._plan is None or self._plan.model.inpainting:
            return ()
        return (
            f"{self._plan.model.name} is not made for inpainting, so edits may not meet their surroundings well: with a checkpoint "
            "whose name says inpainting they do.",
        )

    def inpaint(self, job: InpaintJob) -> list[Painted]:
        if job.denoise <= 0 or not (job.mask >= 128).any():
            return [Painted(job.crop.copy(), seed, f"nothing to paint, Seed: {seed}") for seed in job.seeds]
        if self._plan is None or self._plan.sampling != job.sampling:
            with self.prepared(job.sampling):
                return self.inpaint(job)
        plan, sampling = self._plan, job.sampling
        if self._pipeline is None:
            self._pipeline = Pipeline(plan.model, self._machine, plan.vae)
        self._pipeline.sample_with(sampling.sampler, sampling.scheduler)
        job = replace(job, prompt=self._dressed(self._pipeline, job.prompt))
        unread = self._pipeline.unread(job.prompt)
        if unread and unread not in self._told:
            self._told.add(unread)
            log.warning("the prompt is longer than %s reads; left out: %s", plan.model.name, unread)
        height, width = job.mask.shape
        size = working_size(width, height, sampling.resize, plan.model.native, self.multiple)
        try:
            pictures = self._in_batches(self._pipeline, job, size)
        except (Cancelled, EngineError):
            raise
        except Exception as error:
            raise EngineError(f"diffusers could not paint: {said(error)}.") from error
        return [
            Painted(
                fitted(self, picture, (width, height), sampling.upscaler).copy(),
                seed,
                _infotext(plan, job, size, seed) + (f", Prompt not read from: {unread}" if unread else ""),
            )
            for picture, seed in zip(pictures, job.seeds)
        ]

    def _in_batches(self, pipeline: Pipeline, job: InpaintJob, size: tuple[int, int]) -> list[Frame]:
        """The pictures, fewer at a time from the moment on that memory does not suffice for all."""
        prepared, steps, done = prepare(pipeline, job, size), steps_of(job), []
        while len(done) < len(job.seeds):
            seeds = job.seeds[len(done) :][: self._most or None]
            try:
                done += pipeline.painted(prepared, job, seeds, steps, lambda step: job.check())
                continue
            except Exception as error:
                if not lacks_memory(error):
                    raise
            if len(seeds) == 1:  # outside the except: the traceback would hold on to the tensors
                raise EngineError(
                    f"There is not enough memory on {pipeline.device} for one picture of {size[0]}x{size[1]}: set inpaint.memory "
                    "to slices or offload, or inpaint.resize to less."
                )
            self._most = len(seeds) // 2
        return done

    def _dressed(self, pipeline: Pipeline, prompt: str) -> str:
        """The prompt without its `<lora:name:weight>`, which are put on."""
        found = LORA.findall(prompt)
        library = Library(self._folder)
        pipeline.wear([(library.file("lora", name), _weight(name, weight)) for name, weight in found])
        return LORA.sub("", prompt).strip()

    def upscale(self, frame: Frame, model: str, scale: float) -> Frame:
        return self._upscalers.upscale(frame, model, scale)


def _weight(name: str, text: str) -> float:
    try:
        return float(text or 1)
    except ValueError:
        raise EngineError(f"The weight of <lora:{name}:{text}> is not a number.") from None


def steps_of(job: InpaintJob) -> tuple[int, float]:
    """(steps, strength) that make diffusers take as many steps as the WebUI: a `denoise` part of them, one at least."""
    steps = job.sampling.steps
    if job.denoise >= 1:
        return steps, 1.0
    steps = max(2, steps)
    taken = min(int(job.denoise * steps) + 1, steps - 1)
    return steps, (taken + 0.5) / steps


def _infotext(plan: Plan, job: InpaintJob, size: tuple[int, int], seed: int) -> str:
    """The parameters as the WebUI writes them."""
    sampling = job.sampling
    parts: dict[str, Any] = {
        "Steps": sampling.steps, "Sampler": sampling.sampler, "Schedule type": plan.schedule,
        "CFG scale": f"{sampling.cfg_scale:g}", "Seed": seed, "Size": f"{size[0]}x{size[1]}", "Model": Path(plan.model.name).stem,
        "Denoising strength": f"{job.denoise:g}", "Mask blur": sampling.mask_blur, "Masked content": job.content,
    }  # fmt: skip
    if plan.vae:
        parts["VAE"] = plan.vae.name
    negative = f"Negative prompt: {job.negative_prompt}\n" if job.negative_prompt else ""
    return f"{job.prompt}\n{negative}" + ", ".join(f"{name}: {value}" for name, value in parts.items())
