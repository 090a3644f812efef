"""What a picture shows, in the words of the WebUI's own interrogators. The caller holds its queue."""

# pyright: reportMissingImports=false
from __future__ import annotations

from typing import Literal

from modules import shared
from PIL import Image

from ..errors import Cancelled, EngineError
from ..model import Frame
from .host_upscalers import said

FAILED = "<error>"
"""What the host ends its words with where CLIP failed; it only prints why."""
TITLES = {"clip": "CLIP", "deepbooru": "DeepBooru"}


def words_for(picture: Frame, how: Literal["clip", "deepbooru"]) -> str:
    """The words of CLIP (with BLIP) or DeepBooru. Raises EngineError where their models cannot be had, Cancelled."""
    image = Image.fromarray(picture)
    try:
        if how == "deepbooru":
            from modules import deepbooru

            words = deepbooru.model.tag(image)
        else:
            words = shared.interrogator.interrogate(image)
    except Exception as error:
        raise EngineError(_missing(how, said(error))) from error
    if shared.state.interrupted:
        raise Cancelled
    if FAILED in words:
        raise EngineError(_missing(how, "the WebUI's console says why"))
    return words


def _missing(how: str, why: str) -> str:
    return (
        f"The WebUI could not say what the keyframe shows ({why}): {TITLES[how]} needs its model, which the WebUI gets from "
        "the internet when Interrogate is first pressed in img2img. Or set inpaint.interrogate to off."
    )
