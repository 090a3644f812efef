"""Engines paint crops. This is the contract; one file per engine beside it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

from ..crops import resized
from ..errors import EngineError
from ..model import Frame, Mask

Content = Literal["fill", "original", "latent noise", "latent nothing"]
Reference = Literal["off", "reference", "ip-adapter", "colour"]
Device = Literal["auto", "cpu", "cuda", "mps"]
Precision = Literal["auto", "half", "full"]
Memory = Literal["auto", "slices", "offload"]
MULTIPLES = {
    "builtin": 1,
    "diffusers": 64,
    "webui": 64,
}  # of a crop's sides, by engine; a project can be finished where its engine is not

SEES_DONORS = {"builtin"}  # engines that look at `InpaintJob.donors`; for others none are read


@dataclass(frozen=True)
class Sampling:
    """How an engine with a diffusion model paints; the words and ranges are the WebUI's. Other engines take no notice.

    resize 0 brings the crop to the size that the checkpoint was trained on, 1 leaves its scale. `vae` and `refiner` ''
    mean what the host uses now and none. `scripts` is JSON as the WebUI's API takes `alwayson_scripts`; `styles` are the
    names of prompt styles with ; between them. `reference` is how a job's reference is shown to the model; `upscaler`
    enlarges what was painted smaller than its crop.
    """

    sampler: str = "DPM++ 2M"
    scheduler: str = "Automatic"
    steps: int = 20
    cfg_scale: float = 7.0
    mask_blur: int = 4
    resize: float = 0.0
    checkpoint: str = "auto"
    vae: str = ""
    refiner: str = ""
    refiner_switch_at: float = 0.8
    scripts: str = ""
    styles: str = ""
    reference: Reference = "off"
    reference_weight: float = 1.0
    upscaler: str = "Lanczos"


def _go_on() -> None:
    """What a job is told that nobody can stop."""


@dataclass(frozen=True, eq=False)
class InpaintJob:
    """Everything one call needs: `count` pictures of `crop` with the white of `mask` repainted.

    crop RGB uint8 (H, W, 3); mask uint8 (H, W), 255 = repaint; sides are multiples of the engine's `multiple`.
    Picture i is painted with `seeds[i]`. denoise 0 to 1 is how far the result may leave the original. `donors` are up
    to 12 (crop, mask) pairs from other moments of the shot, of the crop's size. `reference` is a finished picture that the
    result should be like, RGB of any size, for an engine that was told how to show it. `check` raises Cancelled once the user
    wants no more of it; an engine that works in steps calls it after each.
    """

    crop: Frame
    mask: Mask
    seeds: tuple[int, ...]
    prompt: str = ""
    negative_prompt: str = ""
    denoise: float = 1.0
    content: Content = "original"
    donors: tuple[tuple[Frame, Mask], ...] = ()
    sampling: Sampling = Sampling()
    reference: Frame | None = None
    check: Callable[[], None] = _go_on


@dataclass(frozen=True, eq=False)
class Painted:
    """One result: a picture of the crop's size, the seed that repeats it, and the parameters as the WebUI writes them."""

    picture: Frame
    seed: int
    infotext: str = ""


@dataclass(frozen=True, eq=False)
class Glimpse:
    """A look at a batch that is being painted: the sampling step it is at, and a preview, RGB uint8 (H, W, 3), if any."""

    step: int
    steps: int
    picture: Frame | None = None


class Engine(Protocol):
    """Paints crops and upscales. Frames are RGB uint8; a painted result has its crop's size, an upscaled one `scale`
    times it. Pixels outside the mask may come back different: the caller composites. A picture that was interrupted
    half-way is never given back. Raises EngineError, Cancelled, or Skipped when only this job was given up."""

    name: str
    multiple: int

    def names(self, kind: str) -> list[str]:
        """What there is to choose from: kind is `checkpoint`, `vae`, `sampler`, `scheduler`, `style`, `script`,
        `upscaler`, `face restorer` or `reference`."""
        ...

    def prepared(self, sampling: Sampling | None = None) -> AbstractContextManager[tuple[str, ...]]:
        """Around many jobs: models stay loaded in between and what the user had set is put back at the end.

        With `sampling`, every name in it is checked before anything is painted. Gives sentences that the user should
        see. Raises EngineError.
        """
        ...

    def inpaint(self, job: InpaintJob) -> list[Painted]: ...

    def upscale(self, frame: Frame, model: str, scale: float) -> Frame:
        """`model` is one of names("upscaler"), or one of names("face restorer"), which draws faces anew at `scale` 1."""
        ...


@runtime_checkable
class Describer(Protocol):
    """An engine that can also say what a picture shows."""

    def describe(self, picture: Frame, how: Literal["clip", "deepbooru"]) -> str:
        """The words of a prompt for an RGB picture. Raises EngineError where the model for it is missing."""
        ...


@dataclass(frozen=True)
class EngineSpec:
    """Which engine, with which options; small enough to send to another process."""

    name: str
    options: tuple[tuple[str, str], ...] = ()

    def using(self, **options: str) -> EngineSpec:
        """The same engine with these options as well."""
        return EngineSpec(self.name, (*self.options, *options.items()))


def open_engine(spec: EngineSpec) -> Engine:
    """The engine of this spec, for one run. Raises EngineError for an unknown name or where it cannot work."""
    if spec.name == "builtin":
        from .builtin import Builtin

        return Builtin(dict(spec.options).get("weights", ""))
    if spec.name == "diffusers":
        from .diffusers import Diffusers

        return Diffusers(dict(spec.options))
    if spec.name == "webui":
        if "modules.shared" not in sys.modules:
            raise EngineError(
                "The engine webui paints inside a running Stable Diffusion WebUI: use the Video Inpaint tab there, or set "
                "inpaint.engine to builtin, or to diffusers, which paints with checkpoints of yours."
            )
        from .webui import WebUI

        return WebUI()
    raise EngineError(f"There is no engine {spec.name!r}; there are {', '.join(MULTIPLES)}.")


def paint(engine: Engine, job: InpaintJob) -> list[Painted]:
    """`engine.inpaint`, with what came back held against the contract. Raises EngineError when it is broken."""
    painted = engine.inpaint(job)
    if len(painted) != len(job.seeds):
        raise EngineError(
            f"The engine {engine.name} gave {len(painted)} pictures where {len(job.seeds)} were asked for."
        )
    for one in painted:
        if one.picture.shape != job.crop.shape or one.picture.dtype != job.crop.dtype:
            raise EngineError(
                f"The engine {engine.name} gave a picture of {one.picture.shape} {one.picture.dtype}, "
                f"asked for was {job.crop.shape} {job.crop.dtype}."
            )
    return painted


def fitted(engine: Engine, picture: Frame, size: tuple[int, int], upscaler: str) -> Frame:
    """A painted picture at `size` (width, height): enlarged by `upscaler`, reduced by area. Raises EngineError."""
    scale = max(size[0] / picture.shape[1], size[1] / picture.shape[0])
    if scale > 1 and upscaler != "Lanczos":
        picture = engine.upscale(picture, upscaler, scale)
    return resized(picture, size)
