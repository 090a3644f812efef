"""Edits that were painted smaller than they are shown, drawn anew at full size: by upscalers, per segment, without flicker."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from .blending import Floats, blurred, feather
from .crops import resized
from .encode import lossless_bytes
from .enlarging import Layers, Upscale, enlarged
from .flow import confidence, dense_flow, warp
from .groups import Patch
from .model import Box, Frame, Mask, VideoInfo
from .patching import FEATHER_LINES, bare
from .pictures import decode_picture
from .planes import Planes, apply_edit, seen_color, view
from .regions import bounding_box
from .retouching import Retouched, laid

if TYPE_CHECKING:
    from .pipeline import Run

Detail = Literal["add", "replace"]
Change = NDArray[np.int16]
"""What drawing anew changed, RGB (H, W, 3) in codes."""
AROUND = 16
"""Pixels around the region that an upscaler sees, of the picture as it was painted."""
LEAST = 16
"""A picture with a side below this is not reduced and drawn anew: there is nothing in it to draw."""
NEARBY = 3.0
"""Deviation of the window in which detail is compared, in pixels of the picture as it was painted."""
MEMORY = 0.8
"""The most of its change that a frame takes over from its neighbour."""


@dataclass(frozen=True)
class Drawn:
    """Take: a frame of a patch as it was drawn anew and the box it shows, None where it was not (`there`)."""

    index: int
    patch: Patch
    there: bool

    def key(self, run: Run) -> str:
        return f"{run.ledger.content(redrawn_file(self.index, self.patch))}{self.patch.box}" if self.there else ""

    def load(self, run: Run) -> tuple[Frame, Box] | None:
        if not self.there:
            return None
        file, box = redrawn_file(self.index, self.patch), self.patch.box
        return decode_picture(run.project.path(file).read_bytes(), file, (box.width, box.height)), box


def redrawn_file(index: int, patch: Patch) -> str:
    """Where a frame of a patch lies as it is drawn anew."""
    return f"redrawn/{_kind(patch)}{index:06d}.png"


def refined_file(patch: Patch) -> str:
    """Where a patch lies when it is refined."""
    return f"refined/{_kind(patch)}{patch.start:06d}.mp4"


def _kind(patch: Patch) -> str:
    return "filled-" if patch.file.startswith("filled/") else ""


@dataclass(frozen=True)
class Redraw:
    """How pictures are drawn anew. share: how large they were painted, of the size they are shown at; at 1 there is nothing to
    enlarge. layers: the upscalers, which add finer detail or replace the picture; parts: those of each segment, whose borders
    are `join` pixels soft. faces: the engine's face restorer, which shows to the degree of `visibility`, 0 to 1."""

    share: float
    layers: Layers = ()
    detail: Detail = "replace"
    parts: tuple[Layers, ...] = ()
    join: float = 0.0
    faces: str = ""
    visibility: float = 1.0


def redrawn(picture: Frame, alpha: Mask, masks: Sequence[Mask], how: Redraw, upscale: Upscale) -> Frame:
    """The picture (RGB uint8) with what is in the mask drawn anew; outside it may differ too: the caller composites.

    masks: where each of `how.parts` is, uint8 of the picture's size.
    """
    region = bounding_box(alpha)
    if region is None:
        return picture
    height, width = picture.shape[:2]
    seen = region.grown(round(AROUND / how.share), width, height)
    made, part = picture.copy(), picture[seen.slices]
    if how.share < 1:
        part = _enlarged(part, upscale, how)
        for mask, own in zip(masks, how.parts):
            part = _joined(part, picture[seen.slices], mask[seen.slices], upscale, replace(how, layers=own))
    if how.faces:
        restored = upscale(np.ascontiguousarray(part), how.faces, 1.0)
        part = np.rint(part + (restored.astype(np.float32) - part) * np.float32(how.visibility)).astype(np.uint8)
    made[seen.slices] = part
    return made


def _enlarged(part: Frame, upscale: Upscale, how: Redraw) -> Frame:
    """The part as large as it was painted, and back."""
    height, width = part.shape[:2]
    size = max(1, round(width * how.share)), max(1, round(height * how.share))
    if min(size) < LEAST:
        return part
    part = np.ascontiguousarray(part)
    made = enlarged(upscale, resized(part, size), (width, height), how.layers)
    return finer(part, made, size) if how.detail == "add" else made


def finer(part: Frame, drawn: Frame, size: tuple[int, int]) -> Frame:
    """The part with that detail of `drawn` added which a picture of `size` (width, height) cannot hold, less of it where there
    is such detail already.

    What was painted stays: upscalers clean up. On a face painted at half size Real-ESRGAN x4plus alone took away pores
    that were there, 33.8 to 30.5 dB against the edit painted in full; so it is 34.2 dB, and a fifth sharper.
    """
    own, new = _fine(part, size), _fine(drawn, size)
    reach = NEARBY * part.shape[1] / size[0]
    amounts = [blurred(np.abs(fine).mean(axis=2), reach) for fine in (own, new)]
    weight = amounts[1] / (amounts[0] + amounts[1] + 1e-3)
    return np.rint(np.clip(part + weight[..., None] * new, 0, 255)).astype(np.uint8)


def _fine(picture: Frame, size: tuple[int, int]) -> Floats:
    """What is lost when the picture is reduced to `size`."""
    return picture - resized(resized(picture, size), picture.shape[1::-1]).astype(np.float32)


def _joined(below: Frame, part: Frame, mask: Mask, upscale: Upscale, how: Redraw) -> Frame:
    weight = blurred(mask.astype(np.float32) / 255, how.join / 2)
    box = bounding_box((weight > 1 / 255).astype(np.uint8))
    if box is None:
        return below
    box = box.grown(round(AROUND / how.share), part.shape[1], part.shape[0])
    own, cut = _enlarged(part[box.slices], upscale, how), box.slices
    joined = below.copy()
    joined[cut] = np.rint(below[cut] + (own.astype(np.float32) - below[cut]) * weight[cut][..., None])
    return joined


def calmed(
    pictures: Sequence[Frame], alphas: Sequence[Mask], changes: Sequence[Change], strength: float
) -> list[Change]:
    """The changes of neighbouring frames brought nearer to each other along the motion of `pictures`, seen in the masks.

    An upscaler draws every frame as if there were no other. Each frame takes over up to `MEMORY` * strength (0 to 1) of
    its neighbour's change where the flow is to be trusted, once from the frame before and once from the one after, and
    gets the mean of both: a recursive filter without delay.
    """
    if strength <= 0 or len(pictures) < 2:
        return list(changes)
    flows = [
        (dense_flow(b, a, mb, ma), dense_flow(a, b, ma, mb))
        for a, b, ma, mb in zip(pictures, pictures[1:], alphas, alphas[1:])
    ]
    back = [_trusted(to, fro, b, a) for (to, fro), a, b in zip(flows, pictures, pictures[1:])]
    ahead = [_trusted(fro, to, a, b) for (to, fro), a, b in zip(flows, pictures, pictures[1:])]
    share = np.float32(MEMORY * strength)
    forward = _followed(changes, [to for to, _ in flows], back, share)
    backward = _followed(changes[::-1], [fro for _, fro in flows[::-1]], ahead[::-1], share)[::-1]
    return [np.rint((a.astype(np.float32) + b) / 2).astype(np.int16) for a, b in zip(forward, backward)]


def _trusted(there: NDArray, back: NDArray, here: Frame, other: Frame) -> NDArray:
    unlike = cv2.absdiff(here, warp(other, there)).mean(axis=2, dtype=np.float32)
    return confidence(there, back, unlike)


def _followed(
    changes: Sequence[Change], flows: Sequence[NDArray], trust: Sequence[NDArray], share: np.float32
) -> list[Change]:
    found = [changes[0]]
    for now, flow, sure in zip(changes[1:], flows, trust):
        before = warp(found[-1].astype(np.float32), flow)
        found.append(np.rint(now + (before - now) * (share * sure)[..., None]).astype(np.int16))
    return found


def refined_patch(
    frames: list[tuple[Planes, Planes, Mask]],
    alphas: list[Mask],
    drawn: list[tuple[Frame, Box] | None],
    retouched: Sequence[Retouched],
    spread: int,
    inner: range,
    first: int,
    box: Box,
    info: VideoInfo,
    strength: float,
    rim: float,
) -> bytes:
    """A patch with what was drawn anew, calmed, and with retouched frames.

    frames: source and result planes and region inside `box`, from frame `first` on, some before and after those of the patch,
    `inner`; alphas: their masks; drawn: their pictures drawn anew and where these lie (None: as carried). `strength` is
    that of `calmed`, `spread` that of `laid`; `rim` as in `composite.feather`.
    """
    color = seen_color(info)
    pictures = [view(result, color) for _, result, _ in frames]
    changes = [_change(picture, one, box) for picture, one in zip(pictures, drawn)]
    if any(drawn):
        changes = calmed(pictures, alphas, changes, strength)

    def finished(index: int) -> Planes:
        at = index - first
        whole, alpha = frames[at][1], alphas[at]
        if drawn[at]:
            shown = feather(alpha, rim * info.lines / FEATHER_LINES) * (alpha / np.float32(255))
            after = np.clip(pictures[at] + changes[at].astype(np.float32), 0, 255)
            whole = apply_edit(whole, color, pictures[at], after, shown.astype(np.float32))
        return whole

    masks = {index: alphas[index - first] for index in inner}
    made = laid({index: finished(index) for index in inner}, masks, retouched, color, spread)
    return lossless_bytes((bare(made[index], masks[index]) for index in inner), info, info.fps)


def _change(picture: Frame, drawn: tuple[Frame, Box] | None, box: Box) -> Change:
    change = np.zeros(picture.shape, np.int16)
    if drawn:
        other, lies = drawn
        x, y = max(box.x, lies.x), max(box.y, lies.y)
        shared = Box(x, y, min(box.right, lies.right) - x, min(box.bottom, lies.bottom) - y)
        if shared.width > 0 and shared.height > 0:
            here = Box(shared.x - box.x, shared.y - box.y, shared.width, shared.height).slices
            there = Box(shared.x - lies.x, shared.y - lies.y, shared.width, shared.height).slices
            change[here] = other[there].astype(np.int16) - picture[here]
    return change
