"""An edit that sits on the subject, carried from painted keyframes to one frame and adapted to that frame's own light and detail.

Two ways of carrying are mixed per place by what the edit did to the key's fine detail: where it kept it (age, colour) the
frame's own detail stays and only the difference travels, where it replaced it (a pattern) the painted pixels travel.
Working copies ("small") are at most `WORKING` pixels: motion, confidence and every wide average live there.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from . import flow
from .blending import Floats, blurred, masked_mean
from .colour_tables import colour_table, looked_up
from .model import Box, Frame, Mask
from .motion import region_box

# A smoothing edit on real skin and cloth lost .6 dB at half size and .5 more at a third; half takes a quarter of the time.
WORKING = 240_000
# How many places a colour table is learnt from, how many tell whether colour or place foretells a change better, and how
# pixels of a mask are laid out for cv2.
LEARNT = 30_000
SAMPLES = 4000
ROW = 1024
# What is smaller than a mask of some 80 pixels is looked at as closely as that.
SMALLEST = 0.7
# How far a key's colours are continued beyond its mask, in pixels at scale 1.
RIM = 3
Mode = Literal["auto", "difference", "pixels"]


@dataclass(frozen=True)
class Setting:
    """The size of things in a clip: `scale` 1 is a mask some 110 pixels across, `step` the shrinking of working copies."""

    scale: float
    step: int

    @classmethod
    def of(cls, masks: Sequence[Mask]) -> Setting:
        areas = [np.count_nonzero(m) for m in masks]
        height, width = masks[0].shape
        step = math.ceil(math.sqrt(height * width / WORKING))
        return cls(max(SMALLEST, math.sqrt(np.median([a for a in areas if a] or [0])) / 110), step)

    @property
    def small(self) -> float:
        """`scale` in pixels of the working copy."""
        return max(SMALLEST, self.scale / self.step)


@dataclass(frozen=True)
class View:
    """A frame's working copy, small enough to be kept for a whole span: colours, 1 inside the mask, flow input (uint8),
    and detail above the mean at 10 scale (float16)."""

    colour: Frame
    inside: Mask
    searched: NDArray[np.uint8]
    detail: NDArray[np.float16]

    @classmethod
    def of(cls, frame: Frame, mask: Mask, setting: Setting) -> View:
        small = shrunk(frame, setting.step)
        inside = (shrunk((mask > 0).astype(np.float32), setting.step) >= 0.5).astype(np.uint8)
        colour = small.astype(np.float32)
        raised = colour - masked_mean(colour, inside.astype(np.float32), 10 * setting.small)
        searched = flow.flow_input(small, inside, setting.small)
        return cls(small, inside, searched, raised.astype(np.float16))

    @property
    def mask(self) -> Floats:
        return self.inside.astype(np.float32)

    @property
    def grey(self) -> Floats:
        return cv2.cvtColor(self.colour, cv2.COLOR_RGB2GRAY).astype(np.float32)

    @property
    def raised(self) -> Floats:
        return self.detail.astype(np.float32)

    def base(self, setting: Setting) -> Floats:
        """The colours without fine detail."""
        return masked_mean(self.colour.astype(np.float32), self.mask, 2 * setting.small)


@dataclass(frozen=True)
class Layer:
    """A painted key made ready to travel: `rest` = edit - gain * frame (H, W, 3) and `gain` in one (H, W, 4) picture."""

    view: View
    travelling: Floats
    gain: float
    change: Floats
    table: Floats

    @classmethod
    def of(cls, frame: Frame, edited: Frame | Floats, mask: Mask, setting: Setting, mode: Mode = "auto") -> Layer:
        """A key's layer. `edited` is float32 or uint8 (H, W, 3), `mask` (H, W) with at least one pixel above 0.

        `mode`: the difference to the frame travels everywhere, the painted pixels do, or what fits place by place.
        """
        height, width = mask.shape
        reach = math.ceil(RIM * max(1.0, setting.scale))
        box = (region_box(mask) or Box(0, 0, width, height)).grown(2 * reach, width, height).slices
        inside = (mask[box] > 0).astype(np.float32)
        source, painted = frame[box].astype(np.float32), np.asarray(edited[box], np.float32)
        if mode == "auto":
            gain = detail_gain(source, painted, inside, setting.scale)
        else:
            gain = np.full(inside.shape, float(mode == "difference"), np.float32)
        gained = float(gain[inside > 0].mean())
        source, painted = (_extended(x, inside, reach) for x in (source, painted))
        travelling = np.zeros((height, width, 4), np.float32)
        travelling[box] = cv2.merge([painted - gain[..., None] * source, gain])
        change = np.zeros((height, width, 3), np.float32)
        cv2.copyTo(painted - source, mask[box], change[box])
        view = View.of(frame, mask, setting)
        smooth = masked_mean(shrunk(change, setting.step), view.mask, 2 * setting.small)
        mean = np.array(cv2.mean(smooth, view.inside)[:3], np.float32)
        colours, changes = (_taken(x, _some(view.inside, LEARNT)) for x in (view.base(setting), smooth))
        return cls(view, travelling, gained, mean, colour_table(colours, changes, mean))


@dataclass(frozen=True)
class Link:
    """The way from a frame to one of its keys: flow (h, w, 2) on working copies, confidence, brightness ratio."""

    layer: Layer
    flow: Floats
    trust: Floats
    ratio: Floats

    @classmethod
    def of(cls, view: View, layer: Layer, there: Floats, back: Floats, setting: Setting) -> Link:
        scale = setting.small
        key = layer.view
        moved = flow.warp(np.asarray(cv2.merge([key.raised, key.grey])), there)
        unlike = over_channels(np.abs(blurred(view.raised - moved[..., :3], scale)))
        trust = flow.confidence(there, back, unlike, scale)
        trust *= (flow.warp(key.mask, there) > 0.5) * view.inside
        here, gone = (masked_mean(grey, trust, 10 * scale) for grey in (view.grey, moved[..., 3]))
        return cls(layer, there, trust, np.clip((here + 8) / (gone + 8), 0.5, 2))


def detail_gain(source: Floats, painted: Floats, inside: Floats, scale: float) -> Floats:
    """How much of the source's fine detail an edit kept, per place: 1 all of it, 0 none; (H, W), at most 1.3.

    Where nothing was changed it is exactly 1, elsewhere a flat place counts as half.
    """
    fine, kept = (x - masked_mean(x, inside, 2 * scale) for x in (source, painted))
    together = masked_mean(3 * over_channels(fine * kept), inside, 8 * scale)
    alone = masked_mean(3 * over_channels(fine * fine), inside, 8 * scale)
    changed = masked_mean(over_channels((painted - source) ** 2), inside, 8 * scale)
    return np.clip((together + 6 + 6 * np.exp(-changed)) / (alone + 12), 0, 1.3).astype(np.float32)


def _extended(image: Floats, inside: Floats, reach: float) -> Floats:
    """The picture with the mask's colours continued a little beyond its rim, for an interpolation that reaches out."""
    spread = masked_mean(image, inside, reach)
    near = (inside == 0) & (blurred(inside, reach) > 1e-2)
    return np.asarray(cv2.copyTo(spread, near.astype(np.uint8), image.copy()), np.float32)


def shrunk(image: NDArray, step: int) -> NDArray:
    """The picture at 1/step of its size, rounded up, by averaging."""
    if step == 1:
        return image
    height, width = image.shape[:2]
    return cv2.resize(image, (-(-width // step), -(-height // step)), interpolation=cv2.INTER_AREA)


def grown(image: Floats, height: int, width: int) -> Floats:
    """A working copy back at full size."""
    if image.shape[:2] == (height, width):
        return image
    return np.asarray(cv2.resize(image, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)


def over_channels(image: Floats) -> Floats:
    """The mean of the three channels, float32 (H, W); numpy's own takes ten times as long."""
    return np.asarray(cv2.transform(image, np.full((1, 3), 1 / 3, np.float32)), np.float32)


def carried(
    frame: Frame, mask: Mask, view: View, links: Sequence[Link], shares: Sequence[float], setting: Setting
) -> Floats:
    """The frame with the edit of one or two keys on it inside its mask, float32 (H, W, 3) 0..255.

    `shares` say how much each key should count where both are seen equally well, and add up to 1.
    """
    source = frame.astype(np.float32)
    places = np.flatnonzero(mask)
    if not len(places):
        return source
    used = [(link, share) for link, share in zip(links, shares) if share > 0]
    at = _places(places, mask.shape[1])
    spots = _spots(at, mask.shape, view.inside.shape)
    weights = [share * (link.trust + np.float32(1e-4)) for link, share in used]
    total = np.sum(weights, axis=0)
    sums = np.zeros((spots.size // 2, 4), np.float32)
    for (link, _), weight in zip(used, weights):
        weight /= total
        lit = weight * link.ratio
        ends = _sampled(link.flow * setting.step, spots)
        ends[: len(places)] += at
        moved = flow.fetched(link.layer.travelling, ends.reshape(spots.shape)).reshape(sums.shape)
        counted = np.asarray(cv2.merge([lit, lit, lit, weight]), np.float32)
        sums += cv2.multiply(moved, _sampled(counted, spots))
    rest, gain = sums[: len(places), :3], np.clip(sums[: len(places), 3:], 0, 1.3)
    here = _taken(source, places)
    result = rest + gain * here
    pixels = source.reshape(-1, 3)
    pixels[places] = np.clip(result, 0, 255)
    trust = np.max([link.trust for link, _ in used], axis=0)
    doubt = (view.inside > 0) & (trust < 0.12)
    if doubt.any():
        whole = np.zeros(mask.shape, np.float32)
        whole.reshape(-1)[places] = gain[:, 0]
        sure, low, own = _fallback(source, frame, whole, view, used, trust, doubt, setting)
        kept = _sampled(sure, spots)[: len(places)]
        unsure = np.flatnonzero(kept < 1)
        kept, spots = kept[unsure, None], _spots(at[unsure], mask.shape, own.shape)
        guess = _sampled(np.dstack([low, own]), spots)[: len(unsure)]
        guess = guess[:, 3:] * here[unsure] + guess[:, :3]
        pixels[places[unsure]] = np.clip(kept * result[unsure] + (1 - kept) * guess, 0, 255)
    return source


def _some(inside: Mask, most: int) -> NDArray[np.intp]:
    """Flat positions inside a mask, thinned evenly to between `most` and twice as many."""
    known = np.flatnonzero(inside)
    return known[:: max(1, len(known) // most)]


def _taken(image: Floats, places: NDArray[np.intp]) -> Floats:
    """The pixels at flat positions: (N,) of an (H, W) picture, (N, C) of an (H, W, C) one."""
    return image.reshape(-1, *image.shape[2:]).take(places, axis=0)


def _places(flat: NDArray[np.intp], width: int) -> Floats:
    """Flat positions of a picture as (x, y), float32 (N, 2)."""
    spots = np.empty((len(flat), 2), np.float32)
    rows = flat // width
    spots[:, 0], spots[:, 1] = flat - rows * width, rows
    return spots


def _spots(places: Floats, size: tuple[int, ...], small: tuple[int, ...]) -> Floats:
    """Where positions (x, y) of a picture lie in its working copy: (rows, ROW, 2), filled up with zeros."""
    spots = np.zeros((-(-len(places) // ROW) * ROW, 2), np.float32)
    factor = np.array((small[1] / size[1], small[0] / size[0]), np.float32)
    spots[: len(places)] = (places + 0.5) * factor - 0.5
    return spots.reshape(-1, ROW, 2)


def _sampled(image: Floats, spots: Floats) -> Floats:
    """What a working copy shows at `_spots`, between its pixels linearly: (N,) or (N, C)."""
    found = flow.fetched(image, spots, cv2.INTER_LINEAR)
    return found.reshape(-1, *image.shape[2:])


def _fallback(
    result: Floats,
    frame: Frame,
    gain: Floats,
    view: View,
    used: Sequence[tuple[Link, float]],
    trust: Floats,
    doubt: NDArray[np.bool_],
    setting: Setting,
) -> tuple[Floats, Floats, Floats]:
    """For places no key shows reliably: the frame's own detail under the colour change learnt elsewhere.

    How far the result is to be kept (0..1, a working copy), and a colour and a gain for colour + gain * frame: smaller
    ones where things are large, since what is guessed is soft.
    """
    coarse = max(1, int(setting.small / SMALLEST))
    few, thin = (slice(None, None, step) for step in (coarse, setting.step * coarse))
    scale, inside, seen = setting.small / coarse, view.inside[few, few], trust[few, few]
    wide = np.asarray(cv2.dilate(doubt.astype(np.uint8), np.ones((coarse, coarse))), np.uint8)
    doubtful = (wide[few, few] & inside) > 0
    mask = inside.astype(np.float32)
    base = masked_mean(view.colour[few, few].astype(np.float32), mask, 2 * scale)
    difference = result[thin, thin] - frame[thin, thin]
    change = masked_mean(difference, mask * np.clip(seen, 1e-3, 1), 2 * scale)
    reliable = mask * seen**2
    filled = _learnt_change(change, reliable, base, doubtful, inside, used, scale)
    kept = sum(share * link.layer.gain for link, share in used)
    near = blurred(np.dstack([gain[thin, thin] * reliable, reliable]), 8 * scale)
    own = (near[..., 0] + 1e-3 * kept) / (near[..., 1] + 1e-3)
    at = np.clip((trust - 0.01) / 0.11, 0, 1)
    sure = np.where(view.inside > 0, at * at * (3 - 2 * at), 1).astype(np.float32)
    return sure, (1 - own)[..., None] * base + filled, own


def _learnt_change(
    change: Floats,
    reliable: Floats,
    base: Floats,
    doubt: NDArray[np.bool_],
    inside: Mask,
    used: Sequence[tuple[Link, float]],
    scale: float,
) -> Floats:
    """The colour change for doubtful places: from sure places near by and from like colours, whichever fits better."""
    mean = sum(share * link.layer.change for link, share in used)
    weighed = np.dstack([change * reliable[..., None], reliable])
    close, wide = (blurred(weighed, sigma * scale) for sigma in (5, 16))
    everywhere = np.array(cv2.mean(weighed), np.float32)
    mixed = close + 0.1 * wide + 0.002 * everywhere
    spread = (mixed[..., :3] + 1e-5 * mean) / (mixed[..., 3:] + 1e-5)
    table = np.sum([share * link.layer.table for link, share in used], axis=0)
    known = _some(inside, SAMPLES)
    placed, target, weight = (_taken(x, known) for x in (spread, change, reliable))
    by_colour, by_place = (
        float((weight @ (guess - target) ** 2).sum() / 3 / (weight.sum() + 1e-6)) + 1
        for guess in (looked_up(table, _taken(base, known)), placed)
    )
    near = np.clip(wide[..., 3][doubt] / 0.3, 0.05, 1)
    part = (1 / by_colour) / (1 / by_colour + near / by_place)
    spread[doubt] += part[:, None] * (looked_up(table, base[doubt]) - spread[doubt])
    return spread
