"""Engines paint crops. This is the contract; one file per engine beside it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Literal, Protocol

from ..errors import EngineError
from ..model import Frame, Mask

Content = Literal["fill", "original"]


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


@dataclass(frozen=True, eq=False)
class Painted:
    """One result: a picture of the crop's size, the seed that repeats it, and the parameters as the WebUI writes them."""

    picture: Frame
    seed: int
    infotext: str = ""


class Engine(Protocol):
    """Paints crops and upscales. Frames are RGB uint8; a painted result has its crop's size, an upscaled one `scale`
    times it. Pixels outside the mask may come back different: the caller composites. Raises EngineError, Cancelled."""

    name: str
    multiple: int

    def names(self, kind: str) -> list[str]:
        """What there is to choose from: kind is `checkpoint`, `sampler`, `scheduler` or `upscaler`."""
        ...

    def inpaint(self, job: InpaintJob) -> list[Painted]: ...

    def upscale(self, frame: Frame, model: str, scale: float) -> Frame: ...


@dataclass(frozen=True)
class EngineSpec:
    """Which engine, with which options; small enough to send to another process."""

    name: str
    options: tuple[tuple[str, str], ...] = ()


@cache
def open_engine(spec: EngineSpec) -> Engine:
    """The engine of this spec, one per process. Raises EngineError for an unknown name."""
    if spec.name == "builtin":
        from .builtin import Builtin

        return Builtin()
    raise EngineError(f"There is no engine {spec.name!r}: the one that is always here is builtin.")


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
