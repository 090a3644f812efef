"""Any object, followed from clicks, boxes or exact masks on a few frames (tracking.py): no network, nothing to download."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from ..blending import Floats
from ..errors import MaskError
from ..follower import Mark
from ..matting import applied, edge_functions, hardened
from ..model import Box, Mask
from ..pictures import decoded, mask_in
from ..plates import Plates
from ..pools import Threads
from ..progress import Progress
from ..tracking import followed
from . import Options, Picture, Shot
from .prompts import Prompt


class Track:
    """Follows what prompts or painted masks mark; a shot without any is empty."""

    seconds = 0.12
    uses: tuple[str, ...] = ()

    def __init__(self, options: Options) -> None:
        self.files = {"painted": options.painted} if options.painted else {}
        self.painted = painted_masks(options.painted) if options.painted else {}

    def masks(self, shot: Shot) -> Iterator[Mask]:
        marks = marks_of(shot, self.painted)
        if not any(marks.values()):
            yield from (np.zeros((shot.height, shot.width), np.uint8) for _ in range(shot.count))
            return
        plates = Plates(shot.small, shot.count)
        found = followed(plates, marks)
        jobs = (
            (mask, plates.frame(i), picture) for i, (mask, picture) in enumerate(zip(found, shot.full(0, shot.count)))
        )
        yield from Threads().map(lambda job: enlarged(*job, shot), jobs)


def open_it(options: Options, progress: Progress) -> Track:
    return Track(options)


def marks_of(shot: Shot, painted: dict[int, Path]) -> dict[int, Mark | None]:
    """The shot's prompts and painted masks as marks on its small frames, by frame."""
    height, width = next(iter(shot.small(0, 1))).shape[:2]
    marks = {prompt.frame: _mark(prompt, width / shot.width, height / shot.height) for prompt in shot.prompts}
    for frame, path in painted.items():
        if shot.start <= frame < shot.start + shot.count:
            marks[frame - shot.start] = Mark(mask=_read(path, shot, (width, height)))
    return marks


def painted_masks(folder: str) -> dict[int, Path]:
    """The masks in a folder by the frame numbers at the end of their names. Raises MaskError when there are none."""
    path = Path(folder)
    if not path.is_dir():
        raise MaskError(
            f"{folder} is not a folder: mask.painted is a folder of masks of a few frames, named like 000042.png."
        )
    numbered = {p: re.search(r"(\d+)$", p.stem) for p in sorted(path.glob("*.png"))}
    found = {int(number[1]): p for p, number in numbered.items() if number}
    if not found:
        raise MaskError(f"{folder} is a folder without PNG masks named by frame, like 000042.png.")
    return found


def _mark(prompt: Prompt, across: float, down: float) -> Mark | None:
    if prompt.gone:
        return None
    box = prompt.box
    if box:
        left, top = int(box.x * across), int(box.y * down)
        box = Box(left, top, max(2, round(box.right * across) - left), max(2, round(box.bottom * down) - top))
    points = [tuple((int(x * across), int(y * down)) for x, y in group) for group in (prompt.inside, prompt.outside)]
    return Mark(points[0], points[1], box)


def _read(path: Path, shot: Shot, size: tuple[int, int]) -> Floats:
    picture = decoded(path.read_bytes(), cv2.IMREAD_UNCHANGED)
    if picture is None or picture.shape[:2] != (shot.height, shot.width):
        raise MaskError(f"{path} is not a PNG of {shot.width}x{shot.height}: paint the mask at the video's size.")
    small = cv2.resize(mask_in(picture), size, interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.float32) / 255


def enlarged(mask: Floats, small: np.ndarray, picture: Picture, shot: Shot) -> Mask:
    """A mask found on a small frame, at full size, with the edges that the full picture has."""
    whole = np.zeros((shot.height, shot.width), np.uint8)
    x, y, width, height = cv2.boundingRect((mask > 0.05).astype(np.uint8))
    if not width:
        return whole
    near = Box(x, y, width, height).grown(6, mask.shape[1], mask.shape[0])
    across, down = shot.width / mask.shape[1], shot.height / mask.shape[0]
    left, top = round(near.x * across), round(near.y * down)
    box = Box(left, top, round(near.right * across) - left, round(near.bottom * down) - top)
    functions = edge_functions(mask[near.slices], small[near.slices], radius=3)
    whole[box.slices] = hardened(applied(functions, picture.crop(box)))
    return whole
