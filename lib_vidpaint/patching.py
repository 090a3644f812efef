"""A group's patch: what it is made from (`patch_plans`), how it is made (`make_patch`), and how it is read."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from .atomic import inside
from .blending import blended, feather
from .candidates import decode_candidate
from .crops import Crop
from .encode import lossless_bytes
from .groups import ENHANCED, FILLED, PATCHES, REFILLED, REFINED, Patch, candidate_file, patch_file, read_overrides
from .items import Alphas, Item, KeyCrops, KeyframePicture, SourceFrames, read_alpha
from .model import Box, Choice, Group, Mask, VideoInfo
from .pixels import pixel_format
from .planes import Planes, apply_edit, component_regions, seen_color, view
from .project import Folder
from .propagation import KeyLayer, carry
from .regions import Regions, read_regions
from .ring import without_cast

if TYPE_CHECKING:
    from .pipeline import Run
    from .stages.composite import CompositeSettings

MARGIN = 16
SURROUNDINGS = 64
"""The margin that `carry background` needs in a picture 720 lines high or less: it reads the motion there. On a fast pan 64
pixels instead of 16 took a removal from 25.3 to 35.7 dB."""
PIECE = 32
"""Frames in a patch at the most, if `keyframes.longest` is not more: a shot that stands still is one group however long it
is, and memory must not grow with it."""
FEATHER_LINES = 360


@dataclass(frozen=True)
class LayerTake:
    """Take: a chosen candidate laid into its keyframe, inside `box`, as a KeyLayer; `uncast`: without its colour cast;
    `tone`: levels added to its colours."""

    key_frame: int
    candidate: int
    crop: Crop
    box: Box
    uncast: bool = False
    tone: tuple[float, float, float] | None = None

    def key(self, run: Run) -> str:
        parts = KeyframePicture(self.key_frame, self.box), Alphas(self.key_frame, self.key_frame + 1, self.box)
        painted = run.ledger.content(candidate_file(self.key_frame, self.candidate))
        how = ("uncast" if self.uncast else "") + (f"{self.tone}" if self.tone else "")
        return f"{self.crop}{painted}{how}{[part.key(run) for part in parts]}"

    def load(self, run: Run) -> KeyLayer:
        info = run.clip.info
        whole = Box(0, 0, info.width, info.height)
        frame = KeyframePicture(self.key_frame, whole).load(run)
        alpha = read_alpha(run, self.key_frame)
        file = candidate_file(self.key_frame, self.candidate)
        data = run.project.path(file).read_bytes()
        edited, seen = frame.copy(), self.crop.box.slices
        painted = decode_candidate(data, self.key_frame, self.candidate, self.crop, info, frame[seen], alpha[seen])
        if self.uncast:
            painted = without_cast(frame[seen], painted, alpha[seen])
        inside = alpha[seen] > 0
        edited[seen][inside] = painted[inside] if self.tone is None else moved(painted[inside], self.tone)
        cut = self.box.slices
        return KeyLayer(self.key_frame, frame[cut].copy(), edited[cut].copy(), alpha[cut].copy())


def moved(colours: NDArray[np.uint8], tone: tuple[float, float, float]) -> NDArray[np.uint8]:
    """Colours, uint8 (..., 3), with so many levels added to each channel."""
    return np.clip(np.rint(colours + np.array(tone, np.float32)), 0, 255).astype(np.uint8)


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
    crops = KeyCrops(run.project, run.clip.info, run.settings.inpaint, run.multiple)
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
                plans.append(_plan(run, regions, crops, replace(group, start=start, stop=stop), chosen, folder))
    return plans


def _plan(run: Run, regions: Regions, crops: KeyCrops, piece: Group, chosen: Mapping[int, Choice], folder: str) -> Plan:
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
    box = around.grown(patch_margin(run), info.width, info.height).aligned(*steps, info.width, info.height)
    used = {key: choice.candidate or 0 for key, choice in chosen.items()}
    tones = read_overrides(run.project).tones
    layers = [
        LayerTake(k, n, crops[k], box, settings.undoes_cast(run.engine_name, n), tones.get(k)) for k, n in used.items()
    ]
    patch = Patch(piece.key, piece.start, piece.stop, box, patch_file(piece.start, folder))
    return Plan(patch, first, tuple(layers))


def patch_margin(run: Run) -> int:
    """How many pixels a patch has beyond the region."""
    if run.settings.composite.carry == "background":
        return round(SURROUNDINGS * max(1.0, run.clip.info.lines / 720))
    return MARGIN


def patches_refined(project: Folder) -> tuple[Patch, ...]:
    """The patches that validation judges, in order: as refined where stage refine had something to do, else as carried."""
    file = REFINED if project.path(REFINED).exists() else PATCHES
    found = project.records(file, Patch)
    for patch in found:
        inside(patch.file, file)
    return found


def patches_carried(project: Folder) -> list[Patch]:
    """The patches before enhancement, in order: what was filled in for groups that validation dropped takes their place."""
    file = REFILLED if project.path(REFILLED).exists() else FILLED
    shown = laid_over(patches_refined(project), project.records(file, Patch) if project.path(file).exists() else ())
    for patch in shown:
        inside(patch.file, file)
    return shown


def laid_over(patches: Iterable[Patch], filled: Iterable[Patch]) -> list[Patch]:
    """The patches, in order, with the filled ones in the place of theirs; where these have no file nothing is shown."""
    found = {patch.start: patch for patch in (*patches, *filled)}
    return [patch for _, patch in sorted(found.items()) if patch.file]


def patches_in_force(project: Folder) -> list[Patch]:
    """The patches to render, in order: enhanced ones where there are any, else as they were carried."""
    if not project.path(ENHANCED).exists():
        return patches_carried(project)
    shown = project.records(ENHANCED, Patch)
    for patch in shown:
        inside(patch.file, ENHANCED)
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
    pictures = _finished(planes, alphas, layers, first, info, settings)
    return lossless_bytes(islice(pictures, start - first, None), info, info.fps)


def preview_frame(
    planes: Planes, alpha: Mask, layers: list[KeyLayer], index: int, info: VideoInfo, settings: CompositeSettings
) -> Planes:
    """One frame `index` of a patch, from the keyframes around it alone: seen at once, before its group is carried.

    Motion is looked for directly between the frame and its keyframes instead of followed through all frames between, so
    that fast parts come out softer than in the patch. `planes`, `alpha` and `layers` are of the group's box.
    """
    return next(_finished([planes], [alpha], layers, index, info, settings))


def _finished(
    planes: list[Planes],
    alphas: list[Mask],
    layers: list[KeyLayer],
    first: int,
    info: VideoInfo,
    settings: CompositeSettings,
) -> Iterator[Planes]:
    color = seen_color(info)
    views = [view(p, color) for p in planes]
    carried = carry(
        views,
        alphas,
        range(first, first + len(planes)),
        layers,
        settings.carry,
        mode=settings.mode,
        crossfade=settings.crossfade,
        harmonise=settings.harmonise,
    )
    rim = settings.feather * info.lines / FEATHER_LINES
    for at, picture in enumerate(carried):
        weight = feather(alphas[at], rim) * (alphas[at] * np.float32(settings.opacity / 255))
        laid = blended(views[at], picture, settings.blend)
        yield bare(apply_edit(planes[at], color, views[at], laid, weight), alphas[at])


def bare(planes: Planes, alpha: Mask) -> Planes:
    """The patch with one code where its samples are never used, outside the mask: a fifth of the bytes where a box is
    mostly empty."""
    middle = 1 << (planes.format.bits - 1)
    for array, region in zip(planes.arrays, component_regions(alpha, planes.format)):
        array[~region] = middle
    return planes
