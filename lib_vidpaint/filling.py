"""Filling a hole from aligned donors: each place from the donor that the others agree with, seams where they differ least.

Costs are in codes 0..255. The labels are found on a small picture by iterated conditional modes (Besag 1986) on
the energy of photomontage (Agarwala et al. 2004); the joint is a blend of two bands (Burt and Adelson 1983).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from .alignment import Aligned
from .blending import Floats, blurred, masked_mean
from .model import Box, Frame, Mask

LABEL_SIDE = 96
"""Longest side of the picture on which donors are chosen."""
MARGIN = 8
"""Pixels around the hole that are filled with it, so that joints end outside."""
BEST_FIT = 2.5
"""What the misfit of the best donor counts for: in a clean clip half a code more tells a wrong donor, in a noisy one not."""
UNLIKE = 30.0
"""Codes beyond which two donors only count as different."""
ROUNDS = 4
STRANGE = 6.0
"""Codes by which donors may differ from each other before that speaks for making up."""
UNSEEN = 1e3
NEIGHBOURS = ((0, 1), (0, -1), (1, 0), (-1, 0))


@dataclass(frozen=True)
class Taste:
    """How one candidate differs from the next: what counts in the choice among donors, and how the rest is filled.

    `donors` are the numbers of those it may use. `agreement` and `fit` weigh what the other donors show and how well one
    fits around the hole; `order` costs each donor that many codes more than the one before it.
    """

    donors: tuple[int, ...]
    agreement: float = 1.0
    fit: float = 1.0
    order: float = 0.25
    method: int = cv2.INPAINT_TELEA
    radius: int = 3


class Choices:
    """What is compared once for all candidates, inside the hole's `box`: the donors, then as one more what is made up
    from around the hole; each in two bands and reduced, and how far each is from each other one.

    Making up is good where the hole is thin or its surroundings are smooth: its misfit is their texture, and more with
    the depth. So it wins where no donor really fits, as in smoke and spray.
    """

    def __init__(self, crop: Frame, mask: Mask, donors: Sequence[Aligned]) -> None:
        height, width = mask.shape
        self.box = Box(*cv2.boundingRect(mask)).grown(MARGIN, width, height)
        cut = self.box.slices
        scale = min(1.0, LABEL_SIDE / max(self.box.width, self.box.height))
        self.size = max(1, round(self.box.width * scale)), max(1, round(self.box.height * scale))
        made_up = smooth_fill(crop.astype(np.float32), mask > 0, Taste(()))
        pictures = [*(d.picture[cut] for d in donors), made_up[cut]]
        self.broad = [blurred(picture, 4.0) for picture in pictures]
        self.detail = [picture - broad for picture, broad in zip(pictures, self.broad)]
        self.shows = [*(d.seen[cut] for d in donors), np.ones(self.box_shape, np.float32)]
        self.seen = np.stack([self._small(shows) > 0.99 for shows in self.shows])
        misfits = [*(d.misfit[cut] for d in donors), misfit_made_up(crop, mask)[cut]]
        weight = BEST_FIT / (min(d.error for d in donors) + 0.4)
        self.misfit = weight * np.stack([self._small(misfit) for misfit in misfits])
        small = [self._small(picture) for picture in pictures]
        self.far = np.zeros((len(small), len(small), *self.size[::-1]), np.float32)
        for a in range(len(small)):
            for b in range(a):
                apart = np.minimum(blurred(np.abs(small[a] - small[b]).mean(axis=2), 1.0), UNLIKE)
                self.far[a, b] = self.far[b, a] = apart

    @property
    def donors(self) -> int:
        return len(self.shows) - 1

    @property
    def box_shape(self) -> tuple[int, int]:
        return self.box.height, self.box.width

    def _small(self, values: Floats) -> Floats:
        return np.asarray(cv2.resize(values, self.size, interpolation=cv2.INTER_AREA), np.float32)

    def labels(self, taste: Taste) -> NDArray[np.intp]:
        """Which one to use at each place of the small picture: a position in `taste.donors`, or their number for what is
        made up."""
        used = [*taste.donors, self.donors]
        seen, far = self.seen[used], self.far[np.ix_(used, used)]
        company = np.einsum("abyx,byx->ayx", far[:, :-1], seen[:-1].astype(np.float32))
        company /= np.maximum(seen[:-1].sum(axis=0), 1)
        company[-1] = np.minimum(np.where(seen[:-1], company[:-1], UNLIKE).min(axis=0), STRANGE)
        cost = taste.agreement * np.stack([blurred(one, 1.5) for one in company]) + taste.fit * self.misfit[used]
        cost += taste.order * np.arange(len(used))[:, None, None]
        return _settled(np.where(seen, cost, UNSEEN).astype(np.float32), far)


def misfit_made_up(crop: Frame, mask: Mask) -> Floats:
    """How far what is made up will be from the truth, in codes: the texture around, more the deeper inside the hole."""
    outside = (mask == 0).astype(np.float32)
    grey = cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY).astype(np.float32)
    texture = np.abs(grey - masked_mean(grey, outside, 6.0)) * outside
    weight = masked_mean(outside, np.ones_like(outside), 12.0)
    around = masked_mean(texture, outside, 12.0) + masked_mean(texture, outside, 40.0) * (weight < 0.02)
    depth = cv2.distanceTransform((mask > 0).astype(np.uint8), cv2.DIST_L2, 5)
    return (around * (0.35 + depth / 24) + 0.02 * depth).astype(np.float32)


def _settled(cost: Floats, far: Floats) -> NDArray[np.intp]:
    """The labels of least `cost` (N, H, W) whose joints lie where `far` (N, N, H, W) says that both sides are alike."""
    label = cost.argmin(axis=0)
    y, x = np.indices(label.shape)
    beside = [(np.clip(y + dy, 0, y.max()), np.clip(x + dx, 0, x.max())) for dy, dx in NEIGHBOURS]
    number = np.arange(len(cost))[:, None]
    for turn in range(2 * ROUNDS):
        ours = np.nonzero((x + y + turn) % 2 == 0)
        joint = cost[(slice(None), *ours)]
        for ny, nx in ((ny[ours], nx[ours]) for ny, nx in beside):
            theirs = label[ny, nx]
            joint += far[(slice(None), theirs, *ours)] + far[:, theirs, ny, nx] + (number != theirs)
        label[ours] = joint.argmin(axis=0)
    return label


@dataclass(frozen=True, eq=False)
class Montage:
    """The content of the hole's box: picture float32 (H, W, 3); copied, where a donor shows what is there; unseen, where
    no donor shows the place at all (both bool (H, W))."""

    picture: Floats
    copied: NDArray[np.bool_]
    unseen: NDArray[np.bool_]


def montage(choices: Choices, taste: Taste) -> Montage:
    """The hole put together as `taste` likes it: broad light is blended over a wide joint, detail over a narrow one."""
    label, shape = choices.labels(taste), choices.box_shape
    used = [*taste.donors, choices.donors]
    sums = [np.zeros((*shape, 3), np.float32) for _ in range(2)]
    totals = [np.full(shape, 1e-6, np.float32) for _ in range(2)]
    made_up = np.zeros(shape, np.float32)
    for position in np.unique(label):
        number, mine = used[position], (label == position).astype(np.float32)
        for band, (content, sigma) in enumerate(((choices.broad, 3.0), (choices.detail, 0.6))):
            share = cv2.resize(blurred(mine, sigma), shape[::-1], interpolation=cv2.INTER_LINEAR)
            share = (np.asarray(share, np.float32) + 1e-4) * choices.shows[number]
            sums[band] += share[..., None] * content[number]
            totals[band] += share
        if number == choices.donors:
            made_up = share
    picture = sums[0] / totals[0][..., None] + sums[1] / totals[1][..., None]
    shown = np.max([choices.shows[i] for i in taste.donors], axis=0) > 0.99
    return Montage(picture, shown & (made_up < 0.5 * totals[1]), ~shown)


def smooth_fill(picture: Floats, hole: NDArray[np.bool_], taste: Taste) -> Floats:
    """The picture with what nobody ever saw made up from around it (`cv2.inpaint`), large holes on a smaller copy."""
    if not hole.any() or hole.all():
        return picture
    depth = float(cv2.distanceTransform(hole.astype(np.uint8), cv2.DIST_L2, 5).max())
    scale = min(1.0, 16 / depth)
    size = max(8, round(picture.shape[1] * scale)), max(8, round(picture.shape[0] * scale))
    known = (~hole).astype(np.float32)
    share = np.asarray(cv2.resize(known, size, interpolation=cv2.INTER_AREA), np.float32)
    mean = np.asarray(cv2.resize(picture * known[..., None], size, interpolation=cv2.INTER_AREA), np.float32)
    small = np.clip(np.rint(mean / np.maximum(share, 1e-3)[..., None]), 0, 255).astype(np.uint8)
    inner = (share < 0.5).astype(np.uint8)
    if inner.all() or not inner.any():
        inner, scale = hole.astype(np.uint8), 1.0
        small = np.clip(np.rint(picture), 0, 255).astype(np.uint8)
    filled = cv2.inpaint(small, inner, taste.radius, taste.method)
    fine = cv2.resize(filled.astype(np.float32), picture.shape[1::-1], interpolation=cv2.INTER_CUBIC)
    return np.where(hole[..., None], fine, picture).astype(np.float32)


def grain(picture: Floats) -> Floats:
    """The finest detail of a picture: what is left of its luma over its own median of 3x3 neighbours' mean."""
    luma = picture.mean(axis=2)
    return np.asarray(luma - cv2.blur(luma, (3, 3)), np.float32)


def with_grain(filled: Floats, crop: Frame, mask: Mask, made_up: NDArray[np.bool_], seed: int) -> Floats:
    """The filled picture with as much grain where it was made up as there is around the hole, the same for a seed."""
    near = (cv2.dilate(mask, np.ones((25, 25), np.uint8)) > 0) & (mask == 0)
    if not near.any() or not made_up.any():
        return filled
    around = np.abs(grain(crop.astype(np.float32))[near])
    # The median looks at flat places: edges are few. Mean of 9 takes 1/9 off the variance; the rest is a normal's MAD.
    deviation = float(np.median(around)) / 0.6745 / np.sqrt(8 / 9)
    noise = np.random.default_rng(seed).normal(0, min(deviation, 8.0), mask.shape).astype(np.float32)
    return filled + (noise * made_up)[..., None]
