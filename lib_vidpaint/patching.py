"""A group's patch: what it is made from (`patch_plans`), how it is made (`make_patch`), and how it is read."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from .atomic import inside
from .blending import feather
from .crops import Crop
from .encode import lossless_bytes
from .groups import FILLED, PATCHES, Patch, candidate_file, patch_file
from .items import Alphas, Item, KeyframePicture, SourceFrames, key_crop, read_alpha
from .model import Box, Choice, Group, Mask, VideoInfo
from .orientation import as_stored
from .pictures import decode_picture
from .pixels import pixel_format
from .planes import Planes, apply_edit, view
from .project import Folder
from .propagation import KeyLayer, carry
from .regions import Regions, read_regions

if TYPE_CHECKING:
    from .pipeline import Run
    from .stages.composite import CompositeSettings

MARGIN = 16
PIECE = 32
"""Frames in a patch at the most, if `keyframes.longest` is not more: a shot that stands still is one group however long it
is, and memory must not grow with it."""
FEATHER_LINES = 360


@dataclass(frozen=True)
class LayerTake:
    """Take: a chosen candidate laid into its keyframe, inside `box`, as a KeyLayer."""

    key_frame: int
    candidate: int
    crop: Crop
    box: Box

    def key(self, run: Run) -> str:
        parts = KeyframePicture(self.key_frame, self.box), Alphas(self.key_frame, self.key_frame + 1, self.box)
        painted = run.ledger.content(candidate_file(self.key_frame, self.candidate))
        return f"{self.crop}{painted}{[part.key(run) for part in parts]}"

    def load(self, run: Run) -> KeyLayer:
        info = run.clip.info
        whole = Box(0, 0, info.width, info.height)
        frame = KeyframePicture(self.key_frame, whole).load(run)
        alpha = read_alpha(run, self.key_frame)
        file = candidate_file(self.key_frame, self.candidate)
        shown = decode_picture(run.project.path(file).read_bytes(), file, self.crop.size(info.rotation))
        painted = self.crop.inner(as_stored(shown, info.rotation))
        edited = frame.copy()
        inside = alpha[self.crop.box.slices] > 0
        edited[self.crop.box.slices][inside] = painted[inside]
        cut = self.box.slices
        return KeyLayer(self.key_frame, frame[cut].copy(), edited[cut].copy(), alpha[cut].copy())


@dataclass(frozen=True)
class LayerTakes:
    """Take: several of them, as a list."""

    layers: tuple[LayerTake, ...]

    def key(self, run: Run) -> str:
        return str([layer.key(run) for layer in self.layers])

    def load(self, run: Run) -> list[KeyLayer]:
        return [layer.load(run) for layer in self.layers]


@dataclass(frozen=True)
class Plan:
    """What one patch is made from: the frames from `first` on, and the painted keyframes beside it."""

    patch: Patch
    first: int
    layers: tuple[LayerTake, ...]

    def item(self, run: Run) -> Item:
        frames = self.first, self.patch.stop
        takes = (SourceFrames(*frames, self.patch.box), Alphas(*frames, self.patch.box), LayerTakes(self.layers))
        return Item((self.patch.file,), takes, (self.first, self.patch.start, run.clip.info, run.settings.composite))


def patch_plans(
    run: Run, groups: Iterable[Group], active: Sequence[int], choices: Mapping[int, Choice], folder: str = "patches"
) -> list[Plan]:
    """How the patch of each group is made when only the keyframes in `active` (ascending) count.

    A group uses the active keyframes among its frames, the nearest one before unless it begins with one, and the nearest
    one after, all of its shot. Where its own keyframe is not active, the edit is so interpolated between the
    neighbours'; where the shot has none, there is no patch and the frames pass through.
    """
    regions, plans = read_regions(run.project), []
    groups, in_force = list(groups), set(active)
    by_shot: dict[int, list[int]] = defaultdict(list)
    for group in groups:
        if group.key in in_force:
            by_shot[group.shot].append(group.key)
    most = max(PIECE, run.settings.keyframes.longest)
    for group in groups:
        shot = by_shot[group.shot]
        for start in range(group.start, group.stop, most):
            stop = min(start + most, group.stop)
            inner, after = bisect_left(shot, start), bisect_left(shot, stop)
            keys = shot[max(0, inner - (start not in in_force)) : after + 1]
            if keys:
                chosen = {key: choices[key] for key in keys}
                plans.append(_plan(run, regions, replace(group, start=start, stop=stop), chosen, folder))
    return plans


def _plan(run: Run, regions: Regions, piece: Group, chosen: Mapping[int, Choice], folder: str) -> Plan:
    """The plan of one piece of a group from its chosen keyframes, in order.

    Motion is followed from the keyframe before it where that is near. Where it is far, nothing moved since (or a
    neighbour was dropped), and the keyframe is compared with the piece's first frame directly.
    """
    info, settings = run.clip.info, run.settings.inpaint
    first = min(piece.start, *chosen)
    if piece.start - first > run.settings.keyframes.longest:
        first = piece.start
    around = regions.box(range(first, piece.stop))
    for key in chosen:
        around = around.union(regions.box(range(key, key + 1)))
    steps = pixel_format(info.pixel_format).steps
    box = around.grown(MARGIN, info.width, info.height).aligned(*steps, info.width, info.height)
    crops = {key: key_crop(regions, key, info, settings, run.multiple) for key in chosen}
    layers = [LayerTake(key, choice.candidate or 0, crops[key], box) for key, choice in chosen.items()]
    patch = Patch(piece.key, piece.start, piece.stop, box, patch_file(piece.start, folder))
    return Plan(patch, first, tuple(layers))


def patches_in_force(project: Folder) -> list[Patch]:
    """The patches to render, in order: what validation filled in for dropped groups takes their place."""
    patches = {patch.start: patch for patch in project.records(PATCHES, Patch)}
    if project.path(FILLED).exists():
        patches |= {patch.start: patch for patch in project.records(FILLED, Patch)}
    shown = [patch for patch in patches.values() if patch.file]
    for patch in shown:
        inside(patch.file, PATCHES)
    return sorted(shown, key=lambda patch: patch.start)


def make_patch(
    planes: list[Planes],
    alphas: list[Mask],
    layers: list[KeyLayer],
    first: int,
    start: int,
    info: VideoInfo,
    settings: CompositeSettings,
) -> bytes:
    """The patch of a group as a lossless clip: frames `start` on, of which `planes` has those from `first` on."""
    views = [view(p, info.color) for p in planes]
    indices = range(first, first + len(planes))
    carried = carry(
        views, alphas, indices, layers, settings.carry, crossfade=settings.crossfade, harmonise=settings.harmonise
    )
    rim = settings.feather * info.lines / FEATHER_LINES

    def finished() -> Iterable[Planes]:
        for at, picture in enumerate(carried):
            if first + at >= start:
                weight = feather(alphas[at], rim) * (alphas[at] * np.float32(1 / 255))
                yield apply_edit(planes[at], info.color, views[at], picture, weight)

    return lossless_bytes(finished(), info, info.fps)
