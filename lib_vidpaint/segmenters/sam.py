"""Segment Anything (Kirillov et al. 2023), prompted in every frame by the tracker.

The prompts are followed by tracking.py, which knows when the thing is hidden; in every frame what it found is given to
SAM as box, points and rough mask, and SAM's answer counts while both agree on what they see.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from ..blending import Floats
from ..errors import MaskError
from ..model import Mask
from ..plates import Plates
from ..progress import Progress
from ..requirements import lacking
from ..tracking import followed
from . import Options, Picture, Shot
from .places import in_models
from .prompts import Prompt
from .track import marks_of

AGREE = 0.5
"""SAM's mask counts when it overlaps the tracked one at least this much (J); else it has taken something else."""
SIDE = 256
"""SAM's rough masks are squares of this side."""
WIDTHS = {768: "vit_b", 1024: "vit_l", 1280: "vit_h"}


class Sam:
    """One SAM checkpoint."""

    seconds = 8.0
    uses: tuple[str, ...] = ()

    def __init__(self, options: Options) -> None:
        file = checkpoint(options.checkpoint)
        self.files = {"checkpoint": str(file)}
        self.predictor = load_predictor(file)

    def masks(self, shot: Shot) -> Iterator[Mask]:
        marks = marks_of(shot, {})
        if not any(marks.values()):
            yield from (np.zeros((shot.height, shot.width), np.uint8) for _ in range(shot.count))
            return
        prompts = {prompt.frame: prompt for prompt in shot.prompts}
        tracked = followed(Plates(shot.small, shot.count), marks)
        for index, (rough, picture) in enumerate(zip(tracked, shot.full(0, shot.count))):
            yield self._answer(picture, shot, rough, prompts.get(index))

    def _answer(self, picture: Picture, shot: Shot, rough: Floats, prompt: Prompt | None) -> Mask:
        tracked = np.asarray(cv2.resize(rough, (shot.width, shot.height)), np.float32)
        x, y, width, height = cv2.boundingRect((tracked > 0.5).astype(np.uint8))
        if not width:
            return np.zeros((shot.height, shot.width), np.uint8)
        self.predictor.set_image(np.ascontiguousarray(picture.crop(shot.whole)))
        points, labels = _points(tracked, prompt)
        box = prompt.box if prompt else None
        corners = (box.x, box.y, box.right, box.bottom) if box else (x, y, x + width, y + height)
        found, sure, _ = self.predictor.predict(
            point_coords=points, point_labels=labels, box=np.array(corners, np.float32), mask_input=_logits(tracked)[None],
            multimask_output=False, return_logits=True,
        )  # fmt: skip
        logits = np.asarray(found[int(np.argmax(sure))], np.float32)
        inside, before = logits > 0, tracked > 0.5
        agreed = (inside & before).sum() >= AGREE * (inside | before).sum()
        return np.rint((1 / (1 + np.exp(-np.clip(logits, -20, 20))) if agreed else tracked) * 255).astype(np.uint8)


def open_it(options: Options, progress: Progress) -> Sam:
    return Sam(options)


def checkpoint(path: str) -> Path:
    """The SAM checkpoint: the one named, else the first sam_*.pth in a models/sam folder. Raises MaskError."""
    if path:
        if not Path(path).is_file():
            raise MaskError(f"{path} is not a file: mask.checkpoint is a SAM checkpoint such as sam_vit_b_01ec64.pth.")
        return Path(path)
    found = [file for folder in in_models("sam") for file in sorted(folder.glob("*sam*.pth"))]
    if not found:
        raise MaskError(
            "There is no SAM checkpoint: put sam_vit_b_01ec64.pth into models/sam, or name it with --mask.checkpoint."
        )
    return found[0]


def load_predictor(file: Path) -> Any:
    """A SamPredictor with the weights in `file`, on the GPU where there is one.

    Only tensors are read from it, so a file made to run code does nothing. Raises MaskError.
    """
    if off := lacking("sam"):
        raise MaskError(off)
    torch, sam = (importlib.import_module(name) for name in ("torch", "segment_anything"))
    try:
        weights = torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:  # zipfile, pickle and torch each have their own kinds
        raise MaskError(
            f"{file} is damaged, or holds more than weights and was not opened: download the SAM checkpoint again."
        ) from error
    width = (
        getattr(weights.get("image_encoder.patch_embed.proj.bias"), "shape", (0,))[0]
        if isinstance(weights, dict)
        else 0
    )
    if width not in WIDTHS:
        raise MaskError(
            f"{file} is not a SAM checkpoint (ViT-B, L or H): the first segment-anything's are needed, not SAM 2's."
        )
    model = sam.sam_model_registry[WIDTHS[width]]()
    try:
        model.load_state_dict(weights)
    except RuntimeError as error:
        raise MaskError(f"{file} does not fit a SAM {WIDTHS[width]} model: download it again.") from error
    return sam.SamPredictor(model.to("cuda" if torch.cuda.is_available() else "cpu"))


def _points(tracked: Floats, prompt: Prompt | None) -> tuple[Floats, np.ndarray]:
    """The person's own points, else the innermost point of what was tracked."""
    if prompt and (prompt.inside or prompt.outside):
        points = np.array([*prompt.inside, *prompt.outside], np.float32)
        return points, np.array([1] * len(prompt.inside) + [0] * len(prompt.outside))
    depth = cv2.distanceTransform((tracked > 0.5).astype(np.uint8), cv2.DIST_L2, 5)
    y, x = np.unravel_index(int(depth.argmax()), depth.shape)
    return np.array([[x, y]], np.float32), np.array([1])


def _logits(tracked: Floats) -> Floats:
    """The tracked mask as SAM takes a rough one: logits on a square whose longer side is the picture's."""
    height, width = tracked.shape
    scale = SIDE / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    square = np.zeros((SIDE, SIDE), np.float32)
    square[: size[1], : size[0]] = cv2.resize(tracked, size, interpolation=cv2.INTER_AREA)
    return (16 * square - 8).astype(np.float32)
