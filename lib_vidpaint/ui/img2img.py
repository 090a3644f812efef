"""A way to and from the WebUI's own img2img tab: a keyframe's part and its mask go there, a picture comes back."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from PIL import Image

from .. import handmade, viewing
from ..candidates import read_label
from ..crops import working_size
from ..errors import SettingsError
from ..groups import candidate_file, read_selection
from ..project import Folder
from ..stages.inpaint import painted_with
from .compat import update
from .workspaces import Workspace

PLACES = ("img_inpaint_base", "img_inpaint_mask", "img2img_gallery")
"""Without these of the host's components there is no way."""
VALUES = (
    "img2img_prompt",
    "img2img_neg_prompt",
    "img2img_denoising_strength",
    "img2img_seed",
    "img2img_width",
    "img2img_height",
)
NATIVE, MULTIPLE = 512, 8


class Img2Img:
    """The host's components by their element id, and `read`, which opens what its gallery sends.

    `read` refuses what is not a picture of the host's own.
    """

    def __init__(self, components: Mapping[str, Any], read: Callable[[Any], Any]) -> None:
        self.read = read
        self.parts = {name: part for name, part in components.items() if name in (*PLACES, *VALUES)}

    @property
    def ready(self) -> bool:
        """Whether this host has the places that a picture goes to and comes from."""
        return all(name in self.parts for name in PLACES)

    @property
    def filled(self) -> list[str]:
        """The element ids of what `sent` fills, in its order."""
        return [*PLACES[:2], *(name for name in VALUES if name in self.parts)]

    def sent(self, space: Workspace, key: int) -> tuple[Any, ...]:
        """The picture, the mask and the values of a keyframe for the host's components."""
        folder = space.work
        settings = viewing.look(folder).settings.inpaint
        crop, info = viewing.crop(folder, key), viewing.source_info(folder)
        picture = handmade.picture_of(Folder(folder), key, crop, info)
        mask = handmade.mask_of(Folder(folder), key, crop, info)
        choice = read_selection(Folder(folder)).get(key)
        asked = painted_with(settings, choice.paint) if choice else settings
        seed = str(asked.seed)
        if choice and choice.candidate is not None:
            seed = read_label(folder / candidate_file(key, choice.candidate)).seed or seed
        wide, high = working_size(*crop.size(info.rotation), asked.resize, NATIVE, MULTIPLE)
        values: dict[str, Any] = dict(
            zip(VALUES, (asked.prompt, asked.negative_prompt, asked.denoise, int(seed), wide, high))
        )
        pictures = Image.fromarray(picture), Image.fromarray(mask).convert("RGB")
        return (*pictures, *(update(value=values[name]) for name in self.filled[2:]))

    def took(self, space: Workspace, key: int, gallery: Any) -> None:
        """Make the picture that img2img shows a keyframe's chosen candidate. Raises VidpaintError."""
        sent = gallery[0] if isinstance(gallery, list) and gallery else gallery
        if not sent:
            raise SettingsError("img2img shows no picture yet: Generate one there first.")
        if isinstance(sent, dict) and isinstance(sent.get("image"), dict):  # gradio 4; `read` knows the words of 3
            sent = {"name": str(sent["image"].get("path", "")), "is_file": True}
        try:
            picture = self.read(sent)
        except Exception:
            raise SettingsError("The picture of img2img cannot be read: save it and upload it below.") from None
        data, folder = io.BytesIO(), space.work
        Image.fromarray(np.asarray(picture.convert("RGB"))).save(data, "PNG", compress_level=1)
        handmade.take_back(Folder(folder), key, viewing.crop(folder, key), viewing.source_info(folder), data.getvalue())
