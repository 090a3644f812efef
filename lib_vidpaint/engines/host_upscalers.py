"""The WebUI's own upscalers and face restorers. The caller holds its queue; what fails in silence there is an error here."""

# pyright: reportMissingImports=false
from __future__ import annotations

from typing import Any

import numpy as np
from modules import shared
from PIL import Image

from ..errors import Cancelled, EngineError
from ..model import Frame
from .checkpoints import one_of

PASSES = 3  # of an upscaler until the picture is large enough, as in the host


def upscalers() -> dict[str, Any]:
    """The host's upscalers by name."""
    return {one.name: one for one in shared.sd_upscalers if one.name != "None"}


def face_restorers() -> dict[str, Any]:
    """GFPGAN, CodeFormer and what else restores faces in this host, by name."""
    return {one.name(): one for one in shared.face_restorers}


def upscaled(frame: Frame, model: str, scale: float) -> Frame:
    """The picture at exactly `scale` times its size, or with its faces drawn anew. Raises EngineError, Cancelled."""
    if model in face_restorers():
        return restored(face_restorers()[model], frame)
    upscaler = upscalers()[one_of("upscaler", model, upscalers())]
    size = (round(frame.shape[1] * scale), round(frame.shape[0] * scale))
    picture = Image.fromarray(frame)
    for _ in range(PASSES):
        larger = enlarged(upscaler, picture, scale)
        grown, picture = larger.size != picture.size, larger
        if not grown or (picture.width >= size[0] and picture.height >= size[1]):
            break
    exact = picture if picture.size == size else picture.resize(size, Image.Resampling.LANCZOS)
    return np.array(exact.convert("RGB"), np.uint8)


def enlarged(upscaler: Any, picture: Image.Image, scale: float) -> Image.Image:
    """One pass of an upscaler of the host. Raises EngineError where the host goes on with the picture as it was."""
    upscaler.scaler.scale = scale  # what Lanczos and Nearest read
    try:
        larger = upscaler.scaler.do_upscale(picture, upscaler.data_path)
    except Exception as error:
        raise EngineError(f"The upscaler {upscaler.name} failed: {said(error)}") from error
    if shared.state.interrupted:
        raise Cancelled
    if larger is picture:
        raise EngineError(f"The upscaler {upscaler.name} could not be loaded: the WebUI's console says why.")
    return larger


def restored(restorer: Any, frame: Frame) -> Frame:
    """The picture with its faces drawn anew. Raises EngineError where the host goes on with the picture as it was."""
    try:
        made = restorer.restore(frame)
    except Exception as error:
        raise EngineError(f"The face restorer {restorer.name()} failed: {said(error)}") from error
    if made is frame:
        raise EngineError(f"The face restorer {restorer.name()} could not be loaded: the WebUI's console says why.")
    return np.ascontiguousarray(made).clip(0, 255).astype(np.uint8)


def said(error: Exception) -> str:
    """What an exception of the host says, in one line."""
    return str(error).partition("\n")[0] or type(error).__name__
