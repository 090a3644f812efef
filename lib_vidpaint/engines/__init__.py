"""Engines paint crops. This is the contract; one file per engine beside it."""

from __future__ import annotations

import sys
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Literal, Protocol

from ..errors import EngineError
from ..model import Frame, Mask

Content = Literal["fill", "original", "latent noise", "latent nothing"]
MULTIPLES = {
    "builtin": 1,
    "webui": 64,
}  # of a crop's sides, by engine; a project can be finished where its engine is not

SEES_DONORS = {"builtin"}  # engines that look at `InpaintJob.donors`; for others none are read


@dataclass(frozen=True)
class Sampling:
    """How an engine with a diffusion model paints; the words and ranges are the WebUI's. Other engines take no notice.

    resize 0 brings the crop to the size that the checkpoint was trained on, 1 leaves its scale. `vae` and `refiner` ''
    mean what the host uses now and none. `scripts` is JSON as the WebUI's API takes `alwayson_scripts`; `styles` are the
    names of prompt styles with ; between them.
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


@dataclass(frozen=True, eq=False)
class InpaintJob:
    """Everything one call needs: `count` pictures of `crop` with the white of `mask` repainted.

    crop RGB uint8 (H, W, 3); mask uint8 (H, W), 255 = repaint; sides are multiples of the engine's `multiple`.
    Picture i is painted with `seeds[i]`. denoise 0 to 1 is how far the result may leave the original. `donors` are up
    to 12 (crop, mask) pairs from other moments of the shot, of the crop's size.
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
        """What there is to choose from: kind is `checkpoint`, `vae`, `sampler`, `scheduler`, `style`, `script` or `upscaler`."""
        ...

    def prepared(self, sampling: Sampling | None = None) -> AbstractContextManager[tuple[str, ...]]:
        """Around many jobs: models stay loaded in between and what the user had set is put back at the end.

        With `sampling`, every name in it is checked before anything is painted. Gives sentences that the user should
        see. Raises EngineError.
        """
        ...

    def inpaint(self, job: InpaintJob) -> list[Painted]: ...

    def upscale(self, frame: Frame, model: str, scale: float) -> Frame: ...


@dataclass(frozen=True)
class EngineSpec:
    """Which engine, with which options; small enough to send to another process."""

    name: str
    options: tuple[tuple[str, str], ...] = ()


def open_engine(spec: EngineSpec) -> Engine:
    """The engine of this spec, for one run. Raises EngineError for an unknown name or where it cannot work."""
    if spec.name == "builtin":
        from .builtin import Builtin

        return Builtin()
    if spec.name == "webui":
        if "modules.shared" not in sys.modules:
            raise EngineError(
                "The engine webui paints inside a running Stable Diffusion WebUI: use the Video Inpaint tab there, or set "
                "inpaint.engine to builtin."
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
