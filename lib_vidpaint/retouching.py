"""Frames retouched by hand in another program: given out, taken back, and spread to their neighbours.

retouched/000042.png is a frame as it stood, upright, retouched/before/000042.png the same untouched. What differs between
the two, inside the region, becomes part of the patch; a picture without the second is held against the frame as it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

from .atomic import write_bytes
from .blending import Floats, blurred
from .errors import ProjectError
from .flow import Chain, confidence, flow_input, warp
from .groups import Patch
from .items import read_alpha
from .model import Box, Color, Frame, Mask
from .orientation import as_stored, upright
from .patching import patches_carried
from .pictures import decode_picture, decoded, encode_png
from .planes import Planes, apply_edit, view
from .regions import REGION
from .render import edited_frames

if TYPE_CHECKING:
    from .pipeline import Run

FOLDER = "retouched"
NAME = re.compile(r"(\d{6})\.png")
ROUNDING = 2
"""Codes by which a picture may differ and still count as unchanged: programs convert colours when they save."""
HEALING = 3
"""Pixels around a spot that it is filled from."""
RIM = 2.0
"""How soft the border of a spread spot is, in pixels."""


def retouched_file(index: int) -> str:
    return f"{FOLDER}/{index:06d}.png"


def before_file(index: int) -> str:
    return f"{FOLDER}/before/{index:06d}.png"


@dataclass(frozen=True, eq=False)
class Retouched:
    """A retouched frame inside a patch's box: its picture (RGB, as it is stored) and where it was changed (bool)."""

    index: int
    picture: Frame
    changed: NDArray[np.bool_]


@dataclass(frozen=True)
class RetouchedTake:
    """Take: a retouched frame inside `box`; `patches` are what it stands on."""

    index: int
    box: Box
    patches: tuple[Patch, ...]

    def key(self, run: Run) -> str:
        files = retouched_file(self.index), before_file(self.index)
        return f"{[run.ledger.content(file) for file in files]}{self.box}"

    def load(self, run: Run) -> Retouched:
        picture, changed = read_retouched(run, self.index, self.patches)
        outside = changed & (read_alpha(run, self.index) == 0)
        if outside.any():
            run.note(
                f"{retouched_file(self.index)} also changes {int(outside.sum())} pixels outside the region; they stay the "
                "source's. To change them, widen the mask there first (mask.grow, or a stroke on that frame)."
            )
        cut = self.box.slices
        return Retouched(self.index, picture[cut].copy(), (changed & ~outside)[cut].copy())


def changed_by_hand(run: Run) -> list[int]:
    """The frames whose picture in retouched/ is no longer as it was given out, rising."""
    names = (NAME.fullmatch(file.name) for file in sorted(run.project.path(FOLDER).glob("*.png")))
    content = run.ledger.content
    return [
        n for n in (int(name[1]) for name in names if name) if content(retouched_file(n)) != content(before_file(n))
    ]


def edited_by_hand(run: Run, patches: Sequence[Patch]) -> list[int]:
    """The frames that a person has retouched, rising. Files that cannot be used are said to the user."""
    for file in sorted(run.project.path(FOLDER).glob("*")):
        if not file.is_dir() and not NAME.fullmatch(file.name):
            run.note(f"{FOLDER}/{file.name} is not used: a retouched frame is called as here, {retouched_file(42)}.")
    found = []
    for index in changed_by_hand(run):
        if any(patch.start <= index < patch.stop for patch in patches):
            found.append(index)
        else:
            run.note(f"{retouched_file(index)} is not used: nothing is edited in frame {index} now.")
    return found


def read_retouched(run: Run, index: int, patches: Sequence[Patch]) -> tuple[Frame, NDArray[np.bool_]]:
    """(picture, where it was changed) of a whole retouched frame as it is stored. Raises ProjectError."""
    info, before = run.clip.info, run.project.path(before_file(index))
    shown = (info.height, info.width) if info.rotation % 180 else (info.width, info.height)
    if before.exists():
        reference = decode_picture(before.read_bytes(), before_file(index), shown)
    else:
        reference = upright(_as_it_stands(run, index, patches), info.rotation)
    picture = opened(run.project.path(retouched_file(index)).read_bytes(), retouched_file(index), reference)
    changed = np.abs(picture.astype(np.int16) - reference).max(axis=2) > ROUNDING
    return as_stored(picture, info.rotation), as_stored(changed, info.rotation)


def opened(data: bytes, file: str, below: Frame) -> Frame:
    """The RGB of a retouched picture, 8 or 16 bits, over `below` where it is transparent. Raises ProjectError."""
    picture = decoded(data, cv2.IMREAD_UNCHANGED)
    if picture is None:
        raise ProjectError(
            f"{file} is not a readable picture, or was only half written: save it again as PNG, or delete it to do without "
            "the retouching."
        )
    if picture.shape[:2] != below.shape[:2]:
        raise ProjectError(
            f"{file} is {picture.shape[1]}x{picture.shape[0]}, the frame is {below.shape[1]}x{below.shape[0]}: save it at "
            "that size."
        )
    if picture.ndim == 2 or picture.shape[2] < 3:
        raise ProjectError(f"{file} is a grey picture: save it in colour (RGB).")
    if picture.dtype == np.uint16:
        picture = np.rint(picture / 257).astype(np.uint8)
    colour = np.ascontiguousarray(picture[..., 2::-1])
    if picture.shape[2] == 3:
        return colour
    weight = picture[..., 3:].astype(np.float32) / 255
    return np.rint(below + (colour.astype(np.float32) - below) * weight).astype(np.uint8)


def _as_it_stands(run: Run, index: int, patches: Sequence[Patch]) -> Frame:
    frames = edited_frames(run.clip, patches, run.project.folder, run.project.path(REGION), index)
    with closing(frames):
        return view(next(frames).result, run.clip.info.color)


def give_out(run: Run, indices: Sequence[int]) -> list[Path]:
    """Write frames as they stand to retouched/, where they are taken back from; one that is there already stays.

    Raises ProjectError, before anything is written, for a frame without an edit.
    """
    patches = patches_carried(run.project)
    for index in indices:
        _check(run, index, patches)
    paths = []
    for index in indices:
        path, before = run.project.path(retouched_file(index)), run.project.path(before_file(index))
        if not path.exists():
            data = encode_png(upright(_as_it_stands(run, index, patches), run.clip.info.rotation))
            before.parent.mkdir(parents=True, exist_ok=True)
            write_bytes(before, data)
            write_bytes(path, data)
        paths.append(path)
    return paths


def _check(run: Run, index: int, patches: Sequence[Patch]) -> None:
    if not 0 <= index < len(run.clip):
        raise ProjectError(f"There is no frame {index}: the video has frames 0 to {len(run.clip) - 1}.")
    if not any(patch.start <= index < patch.stop for patch in patches):
        raise ProjectError(f"Nothing is edited in frame {index}, so there is nothing to retouch in it.")


def heal(run: Run, index: int, spot: Mask) -> Path:
    """Fill what is marked in a frame (uint8 as it is stored, 255 = heal) from its surroundings, by cv2.inpaint (Telea 2004), in
    its picture in retouched/, which is given out for it. Raises ProjectError for a spot outside the region."""
    (path,), info = give_out(run, [index]), run.clip.info
    spot = np.where(read_alpha(run, index) > 0, spot, 0).astype(np.uint8)
    if not (spot > 127).any():
        raise ProjectError(f"What was painted lies outside the region of frame {index}, which stays as it is.")
    shown = (info.height, info.width) if info.rotation % 180 else (info.width, info.height)
    picture = decode_picture(path.read_bytes(), retouched_file(index), shown)
    hole = (upright(spot, info.rotation) > 127).astype(np.uint8)
    write_bytes(path, encode_png(np.asarray(cv2.inpaint(picture, hole, HEALING, cv2.INPAINT_TELEA), np.uint8)))
    return path


def take_away(run: Run, index: int) -> None:
    """Forget a frame's retouching; what a person changed goes to kept/."""
    file, before = retouched_file(index), run.project.path(before_file(index))
    if run.project.path(file).exists():
        run.project.keep(file)
    before.unlink(missing_ok=True)


def laid(
    made: Mapping[int, Planes], alphas: Mapping[int, Mask], retouched: Sequence[Retouched], color: Color, spread: int
) -> dict[int, Planes]:
    """The frames with their retouched spots: in retouched frames as they were given, in up to `spread` frames to either side
    along the motion, fainter from half of them on, where it is to be trusted.

    made: the finished planes of a patch by frame, alphas their masks.
    """
    views = {index: view(planes, color) for index, planes in made.items()} if spread else {}
    result, by_hand = dict(made), {one.index for one in retouched}
    for one in retouched:
        for step in (-1, 1) if spread else ():
            frames = [index for n in range(1, spread + 1) if (index := one.index + step * n) in made]
            for index, picture, weight in _followed(one, frames, views, alphas, spread):
                if index not in by_hand:
                    before = view(result[index], color)
                    result[index] = apply_edit(result[index], color, before, picture, weight)
    for one in retouched:
        before = view(made[one.index], color)
        edited = apply_edit(made[one.index], color, before, one.picture, one.changed.astype(np.float32))
        result[one.index] = _only(one.changed, edited, made[one.index])
    return result


def _only(changed: NDArray[np.bool_], retouched: Planes, before: Planes) -> Planes:
    """The samples that a changed pixel lies in, retouched, and all others as before: a chroma edit is sharpened beyond its
    border, by up to 23 codes beside a red spot."""
    arrays = []
    for new, old in zip(retouched.arrays, before.arrays):
        share = cv2.resize(changed.astype(np.float32), new.shape[::-1], interpolation=cv2.INTER_AREA)
        arrays.append(np.where(share > 0, new, old))
    return replace(before, arrays=tuple(arrays))


def _followed(
    one: Retouched, frames: Sequence[int], views: Mapping[int, Frame], alphas: Mapping[int, Mask], spread: int
) -> Iterator[tuple[int, Frame, Floats]]:
    """(frame, picture, weight) of the spot in each of the frames, which lead away from the retouched one."""
    spot = cv2.dilate(one.changed.astype(np.float32), np.ones((5, 5)))
    spot = blurred(np.asarray(spot, np.float32), RIM)
    start = one.index, flow_input(views[one.index], alphas[one.index])
    rest = ((index, flow_input(views[index], alphas[index])) for index in frames)
    for index, (there, back) in zip(frames, Chain()(start, rest)):
        unlike = cv2.absdiff(views[index], warp(views[one.index], there)).mean(axis=2, dtype=np.float32)
        sure = confidence(there, back, unlike)
        far = abs(index - one.index)
        fade = min(1.0, 2 * (1 - far / (spread + 1)))
        weight = np.asarray(warp(spot, there) * sure * np.float32(fade), np.float32)
        yield index, np.asarray(warp(one.picture, there, cubic=True), np.uint8), weight
