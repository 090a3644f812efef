"""An edit that sits on the subject, carried from painted keyframes to one frame and adapted to that frame's own light and detail.

Two ways of carrying are mixed per place by what the edit did to the key's fine detail: where it kept it (age, colour) the
frame's own detail stays and only the difference travels, where it replaced it (a pattern) the painted pixels travel.
Working copies ("small") are at most `WORKING` pixels: motion, confidence and every wide average live there.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from . import flow
from .blending import Floats, blurred, masked_mean
from .model import Frame, Mask

# 745x916 is halved once: six flows a frame took .14 s there, and would take four times that at full size.
WORKING = 240_000
BINS = 12


@dataclass(frozen=True)
class Setting:
    """The size of things in a clip: `scale` 1 is a mask some 110 pixels across, `step` the shrinking of working copies."""

    scale: float
    step: int

    @classmethod
    def of(cls, masks: Sequence[Mask]) -> Setting:
        areas = [np.count_nonzero(m) for m in masks]
        height, width = masks[0].shape
        step = 1
        while height * width / step**2 > WORKING:
            step *= 2
        return cls(max(0.7, math.sqrt(np.median([a for a in areas if a] or [0])) / 110), step)

    @property
    def small(self) -> float:
        """`scale` in pixels of the working copy."""
        return max(0.7, self.scale / self.step)


@dataclass(frozen=True)
class View:
    """A frame's working copy: colours (h, w, 3), mask 0..1, its light at 10 scale, detail above that, and flow input."""

    colour: Floats
    mask: Floats
    base: Floats
    raised: Floats
    grey: Floats
    searched: NDArray[np.uint8]

    @classmethod
    def of(cls, frame: Frame, mask: Mask, setting: Setting) -> View:
        small, inside = shrunk(frame, setting.step), shrunk((mask > 0).astype(np.float32), setting.step)
        inside = (inside >= 0.5).astype(np.float32)
        colour = small.astype(np.float32)
        raised = colour - masked_mean(colour, inside, 10 * setting.small)
        base = masked_mean(colour, inside, 2 * setting.small)
        grey = np.asarray(cv2.cvtColor(colour, cv2.COLOR_RGB2GRAY), np.float32)
        searched = flow.flow_input(small, inside.astype(np.uint8), setting.small)
        return cls(colour, inside, base, raised, grey, searched)


@dataclass(frozen=True)
class Layer:
    """A painted key made ready to travel: `rest` = edit - gain * frame (H, W, 3) and `gain` in one (H, W, 4) picture."""

    view: View
    travelling: Floats
    gain: float
    change: Floats
    table: Floats

    @classmethod
    def of(cls, frame: Frame, edited: Frame | Floats, mask: Mask, setting: Setting) -> Layer:
        """A key's layer. `edited` is float32 or uint8 (H, W, 3), `mask` (H, W) with at least one pixel above 0."""
        inside, scale = (mask > 0).astype(np.float32), setting.scale
        source, painted = frame.astype(np.float32), np.asarray(edited, np.float32)
        gain = detail_gain(source, painted, inside, scale)
        source, painted = (_extended(x, inside, scale) for x in (source, painted))
        travelling = np.dstack([painted - gain[..., None] * source, gain])
        view = View.of(frame, mask, setting)
        difference = shrunk((painted - source) * inside[..., None], setting.step)
        smooth = masked_mean(difference, view.mask, 2 * setting.small)
        chosen = view.mask > 0
        mean = smooth[chosen].mean(axis=0) if chosen.any() else np.zeros(3, np.float32)
        gained = float(gain[inside > 0].mean())
        return cls(view, travelling, gained, mean, colour_table(view.base[chosen], smooth[chosen], mean))


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
        moved = flow.warp(np.dstack([key.raised, key.grey]), there)
        unlike = np.abs(blurred(view.raised - moved[..., :3], scale)).mean(axis=2)
        trust = flow.confidence(there, back, unlike, scale)
        trust *= (flow.warp(key.mask, there) > 0.5) * view.mask
        here, gone = (masked_mean(grey, trust, 10 * scale) for grey in (view.grey, moved[..., 3]))
        return cls(layer, there, trust, np.clip((here + 8) / (gone + 8), 0.5, 2))


def detail_gain(source: Floats, painted: Floats, inside: Floats, scale: float) -> Floats:
    """How much of the source's fine detail an edit kept, per place: 1 all of it, 0 none; (H, W), at most 1.3.

    Where nothing was changed it is exactly 1, elsewhere a flat place counts as half.
    """
    fine, kept = (x - masked_mean(x, inside, 2 * scale) for x in (source, painted))
    together = masked_mean((fine * kept).sum(axis=2), inside, 8 * scale)
    alone = masked_mean((fine * fine).sum(axis=2), inside, 8 * scale)
    changed = masked_mean(((painted - source) ** 2).mean(axis=2), inside, 8 * scale)
    return np.clip((together + 6 + 6 * np.exp(-changed)) / (alone + 12), 0, 1.3).astype(np.float32)


def colour_table(colours: Floats, changes: Floats, mean: Floats) -> Floats:
    """The mean change of each colour, float32 (12, 12, 12, 3); colours (N, 3) 0..255, changes (N, 3).

    Empty bins take their neighbours' change, in the end the `mean`.
    """
    size = BINS**3
    sums = np.zeros((size, 4))
    values = np.column_stack([changes, np.ones(len(changes), np.float32)])
    for index, weight in _corners(colours):
        for channel in range(4):
            sums[:, channel] += np.bincount(index, weight * values[:, channel], size)
    grid = sums.reshape(BINS, BINS, BINS, 4)
    mixed = np.zeros_like(grid)
    for bins, share in ((0.5, 1.0), (1.5, 0.05), (4.0, 0.002)):
        mixed += share * _blurred_grid(grid, bins)
    return ((mixed[..., :3] + 1e-6 * mean) / (mixed[..., 3:] + 1e-6)).astype(np.float32)


def looked_up(table: Floats, colours: Floats) -> Floats:
    """The changes a colour table holds for colours (N, 3), between its bins linearly."""
    flat = table.reshape(-1, 3)
    out = np.zeros((len(colours), 3), np.float32)
    for index, weight in _corners(colours):
        out += weight[:, None] * flat[index]
    return out


def _corners(colours: Floats) -> list[tuple[NDArray[np.intp], Floats]]:
    """For each colour its eight neighbouring bins and their linear weights."""
    place = np.clip(colours * (BINS - 1) / 255, 0, BINS - 1.001)
    low = place.astype(np.intp)
    part = (place - low).astype(np.float32)
    pairs = []
    for corner in range(8):
        up = np.array([corner >> 2 & 1, corner >> 1 & 1, corner & 1])
        index = ((low + up) * (BINS * BINS, BINS, 1)).sum(axis=1)
        pairs.append((index, np.where(up, part, 1 - part).prod(axis=1)))
    return pairs


def _blurred_grid(grid: NDArray[np.float64], bins: float) -> NDArray[np.float64]:
    away = np.arange(BINS)[:, None] - np.arange(BINS)
    kernel = np.exp(-(away**2) / (2 * bins**2))
    for axis in range(3):
        grid = np.moveaxis(np.tensordot(kernel, grid, (1, axis)), 0, axis)
    return grid


def _extended(image: Floats, inside: Floats, scale: float) -> Floats:
    """The picture with the mask's colours continued a little beyond its rim, for an interpolation that reaches out."""
    reach = 3 * max(1.0, scale)
    spread = masked_mean(image, inside, reach)
    near = (inside == 0) & (blurred(inside, reach) > 1e-2)
    return np.where(near[..., None], spread, image)


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


def carried(frame: Frame, view: View, links: Sequence[Link], shares: Sequence[float], setting: Setting) -> Floats:
    """The frame with the edit of one or two keys on it, float32 (H, W, 3) 0..255; only what is inside its mask counts.

    `shares` say how much each key should count where both are seen equally well, and add up to 1.
    """
    height, width = frame.shape[:2]
    source = frame.astype(np.float32)
    total = np.zeros((height, width), np.float32)
    sums = np.zeros((height, width, 4), np.float32)
    for link, share in zip(links, shares):
        if share <= 0:
            continue
        weight = grown(share * (link.trust + 1e-4), height, width)
        moved = flow.warp(link.layer.travelling, flow.resized(link.flow, height, width), cubic=True)
        ratio = grown(link.ratio, height, width)
        moved[..., :3] *= ratio[..., None]
        sums += weight[..., None] * moved
        total += weight
    sums /= total[..., None]
    gain = np.clip(sums[..., 3:], 0, 1.3)
    result = sums[..., :3] + gain * source
    return _with_fallback(result, gain[..., 0], source, view, links, shares, setting)


def _with_fallback(
    result: Floats,
    gain: Floats,
    source: Floats,
    view: View,
    links: Sequence[Link],
    shares: Sequence[float],
    setting: Setting,
) -> Floats:
    """`result`, and where no key is seen reliably the frame's own detail under the colour change learnt elsewhere."""
    height, width = result.shape[:2]
    trust = np.max([link.trust for link, share in zip(links, shares) if share > 0], axis=0)
    doubt = (view.mask > 0) & (trust < 0.12)
    if not doubt.any():
        return result
    scale = setting.small
    difference = shrunk(result - source, setting.step)
    seen = view.mask * np.clip(trust, 1e-3, 1)
    change = masked_mean(difference, seen, 2 * scale)
    reliable = view.mask * trust**2
    filled = _learnt_change(change, reliable, view, links, shares, scale)
    kept = sum(share * link.layer.gain for link, share in zip(links, shares))
    own = (blurred(shrunk(gain, setting.step) * reliable, 8 * scale) + 1e-3 * kept) / (
        blurred(reliable, 8 * scale) + 1e-3
    )
    low = (1 - own)[..., None] * view.base + filled
    at = np.clip((trust - 0.01) / 0.11, 0, 1)
    sure = grown(np.where(view.mask > 0, at * at * (3 - 2 * at), 0).astype(np.float32), height, width)[..., None]
    fallback = grown(own, height, width)[..., None] * source + grown(low, height, width)
    return sure * result + (1 - sure) * fallback


def _learnt_change(
    change: Floats, reliable: Floats, view: View, links: Sequence[Link], shares: Sequence[float], scale: float
) -> Floats:
    """The colour change for places no key shows: from sure places near by and from like colours, whichever fits better."""
    mean = sum(share * link.layer.change for link, share in zip(links, shares))
    chosen = view.mask > 0
    over = reliable[..., None]
    close, wide = (blurred(np.dstack([change * over, reliable]), sigma * scale) for sigma in (5, 16))
    everywhere = np.append((change * over).mean(axis=(0, 1)), reliable.mean())
    mixed = close + 0.1 * wide + 0.002 * everywhere
    spread = (mixed[..., :3] + 1e-5 * mean) / (mixed[..., 3:] + 1e-5)
    colours = view.base[chosen]
    learnt = sum(share * looked_up(link.layer.table, colours) for link, share in zip(links, shares) if share > 0)
    target, weight, placed = change[chosen], reliable[chosen], spread[chosen]
    by_colour, by_place = (
        float((weight * ((guess - target) ** 2).mean(axis=1)).sum() / (weight.sum() + 1e-6)) + 1
        for guess in (learnt, placed)
    )
    near = np.clip(wide[..., 3][chosen] / 0.3, 0.05, 1)
    part = (1 / by_colour) / (1 / by_colour + near / by_place)
    out = spread.astype(np.float32)
    out[chosen] += part[:, None] * (learnt - placed)
    return out
