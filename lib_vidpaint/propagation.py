"""Carrying the painted keyframes over the frames between them (stage 7): pure functions on the crops of one group."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Literal

import cv2
import numpy as np

from . import flow, harmonising, surroundings, transfer
from .blending import Floats
from .model import Box, Frame, Mask
from .motion import region_box

Carry = Literal["surface", "background", "paste"]


@dataclass(frozen=True)
class KeyLayer:
    """A painted keyframe: its frame number, the source there, the same with the painted picture laid in, the region."""

    index: int
    frame: Frame
    edited: Frame
    mask: Mask


@dataclass(frozen=True)
class Span:
    """The frames between two neighbouring keys, either of which may be missing: positions in the sequences, in order."""

    left: KeyLayer | None
    right: KeyLayer | None
    members: list[int]

    @property
    def keys(self) -> list[KeyLayer]:
        return [k for k in (self.left, self.right) if k is not None]

    def shares(self, index: int, crossfade: int) -> list[float]:
        """How much each of `keys` counts at a frame number: linear from key to key, or within `crossfade` frames."""
        if self.left is None or self.right is None:
            return [1.0]
        distance = self.right.index - self.left.index
        done = (index - self.left.index) / distance
        if crossfade:
            done = min(max((index - self.left.index - distance / 2) / crossfade + 0.5, 0.0), 1.0)
        return [1 - done, done]


@dataclass(frozen=True)
class Crops:
    """One group's material: frames, masks and frame numbers, position by position."""

    frames: Sequence[Frame]
    masks: Sequence[Mask]
    indices: Sequence[int]


Way = Callable[[Sequence[int], Span], Iterator[Floats]]


def carry(
    frames: Sequence[Frame],
    masks: Sequence[Mask],
    indices: Sequence[int],
    keys: Sequence[KeyLayer],
    how: Carry,
    *,
    mode: transfer.Mode = "auto",
    crossfade: int = 0,
    harmonise: bool = False,
) -> Iterator[Floats]:
    """For each frame in order the finished picture, float32 (H, W, 3) RGB 0..255: edited inside its mask, itself outside.

    `frames` and `masks` are same-sized crops of one shot, at least 8x8, `indices` their frame numbers, rising; a
    sequence may read lazily, each frame is asked for up to three times. A frame uses its nearest key at or before it
    and at or after it; give all frames between two keys, since motion is followed from one to the next. A frame that is
    a key gets the key's picture. A frame with an empty mask, or without any key, comes back as it is.

    `surface`: the edit sits on the subject and moves with it. `background`: it stands in the surroundings and moves
    with them. `paste`: the nearest key's pixels at their place. Keys with an empty mask hold no edit and are passed
    over, except in `background`, where they show what is behind. `mode`: whether the difference to the key travels
    (`surface` only), the painted pixels, or for each place what fits it. `crossfade`: hand over from key to key within that
    many frames around the middle; 0 = along the whole way (`paste`: at once). `harmonise`: first make neighbouring keys
    agree in light and colour (`surface` only).
    """
    crops = Crops(frames, masks, indices)
    order = sorted((k for k in keys if how == "background" or k.mask.any()), key=lambda k: k.index)
    if how == "surface" and harmonise:
        order = _harmonised(crops, order, mode)
    if how == "surface":
        way: Way = _Surface(crops, order, crossfade, mode)
    else:
        way = _background(crops, crossfade) if how == "background" else _paste(crops, crossfade)
    if not order:
        yield from (frame.astype(np.float32) for frame in frames)
        return
    exact = {k.index: k.edited for k in order}
    for span in _spans(indices, order):
        inner = way([at for at in span.members if indices[at] not in exact], span)
        for at in span.members:
            known = exact.get(indices[at])
            yield next(inner) if known is None else _laid(known, frames[at], masks[at])


def _laid(picture: Frame | Floats, frame: Frame, mask: Mask) -> Floats:
    """The picture inside the mask, the frame elsewhere."""
    shown = frame.astype(np.float32)
    cv2.copyTo(np.clip(np.asarray(picture, np.float32), 0, 255), mask, shown)
    return shown


def _spans(indices: Sequence[int], keys: Sequence[KeyLayer]) -> Iterator[Span]:
    """The sequence cut at its keys; a frame that is a key belongs to the span it begins."""
    edges = [0, *(bisect_left(indices, k.index) for k in keys), len(indices)]
    for left, right, start, stop in zip([None, *keys], [*keys, None], edges, edges[1:]):
        if start < stop:
            yield Span(left, right, list(range(start, stop)))


class _Surface:
    """Carries along the subject's own motion: keys are made ready once, frames are looked at once per neighbouring key."""

    def __init__(self, crops: Crops, keys: Sequence[KeyLayer], crossfade: int, mode: transfer.Mode) -> None:
        self.crops, self.crossfade = crops, crossfade
        self.mode: transfer.Mode = mode
        self.setting = transfer.Setting.of([*crops.masks, *(k.mask for k in keys)])
        self._layers: dict[int, transfer.Layer] = {}
        self._views: dict[int, transfer.View] = {}
        self.boxes: dict[int, Box] = {}

    def __call__(self, members: Sequence[int], span: Span) -> Iterator[Floats]:
        self._layers = {k.index: self._layers.get(k.index) or self.layer(k) for k in span.keys}
        follow = flow.Chain(self.boxes)
        coming = list(self._links(span.right, members[::-1], follow)) if span.right else []
        going = self._links(span.left, members, follow) if span.left else None
        for at in members:
            links = ([next(going)] if going else []) + ([coming.pop()] if span.right else [])
            shares = [_heard(share) for share in span.shares(self.crops.indices[at], self.crossfade)]
            frame, mask, view = self.crops.frames[at], self.crops.masks[at], self._views.pop(at)
            yield transfer.carried(frame, mask, view, links, shares, self.setting)

    def layer(self, key: KeyLayer) -> transfer.Layer:
        layer = transfer.Layer.of(key.frame, key.edited, key.mask, self.setting, self.mode)
        self._locate(key.index, layer.view)
        return layer

    def view(self, at: int) -> transfer.View:
        if at not in self._views:
            self._views[at] = transfer.View.of(self.crops.frames[at], self.crops.masks[at], self.setting)
            self._locate(self.crops.indices[at], self._views[at])
        return self._views[at]

    def _locate(self, index: int, view: transfer.View) -> None:
        if box := region_box(view.inside):
            self.boxes[index] = box

    def _links(self, key: KeyLayer, members: Sequence[int], follow: flow.Chain) -> Iterator[transfer.Link]:
        layer = self._layers[key.index]
        waiting: deque[transfer.View] = deque()

        def searched() -> Iterator[flow.Numbered]:
            for at in members:
                waiting.append(self.view(at))
                yield self.crops.indices[at], waiting[-1].searched

        for there, back in follow((key.index, layer.view.searched), searched()):
            yield transfer.Link.of(waiting.popleft(), layer, there, back, self.setting)


def _heard(share: float) -> float:
    """A key's linear share bent so that a subject is handed over on the way to the middle and back, and not in the middle.

    In the middle flow is least sure, and errors change most from frame to frame. Against a linear share it is worth .12
    dB on jittered keys (harmonised), and flicker where the nearest key changes falls from 1.03 to 1.00 times that
    elsewhere. Against linear shares to the power .8 it is worth .05 dB there, .02 on clean keys, and costs .02 on painted
    patterns. Square roots flicker as little in the middle, but pulse at keys: 1.25 times on cloth, here 1.00.
    """
    return share + (6 * math.sin(2 * math.pi * share) - math.sin(4 * math.pi * share)) / (16 * math.pi)


def _harmonised(crops: Crops, keys: Sequence[KeyLayer], mode: transfer.Mode) -> list[KeyLayer]:
    """The keys with light and broad colour drawn together, each heard by its two neighbours on either side."""
    surface = _Surface(crops, keys, 0, mode)
    layers = [surface.layer(k) for k in keys]
    flows: dict[tuple[int, int], Floats] = {}
    for number, (here, following) in enumerate(pairwise(keys)):
        if following.index - here.index <= harmonising.EARSHOT:
            between = range(bisect_right(crops.indices, here.index), bisect_left(crops.indices, following.index))
            row = [(crops.indices[at], surface.view(at).searched) for at in between]
            row.append((following.index, layers[number + 1].view.searched))
            *_, last = flow.Chain(surface.boxes)((here.index, layers[number].view.searched), row)
            flows[number + 1, number], flows[number, number + 1] = last
    for a, b in [(n, n + 2) for n in range(len(keys) - 2) if keys[n + 2].index - keys[n].index <= harmonising.EARSHOT]:
        for start, end in ((a, b), (b, a)):
            guess = flow.chained(flows[start, a + 1], flows[a + 1, end])
            flows[start, end] = flow.refine(layers[start].view.searched, layers[end].view.searched, guess)
    return [_agreeing(number, keys[number], layers, flows, surface.setting) for number in range(len(keys))]


def _agreeing(
    number: int,
    key: KeyLayer,
    layers: Sequence[transfer.Layer],
    flows: dict[tuple[int, int], Floats],
    setting: transfer.Setting,
) -> KeyLayer:
    layer = layers[number]
    links = []
    for start, end in flows:
        if start == number:
            link = transfer.Link.of(layer.view, layers[end], flows[start, end], flows[end, start], setting)
            links.append((harmonising.VOICES[abs(end - start)], link))
    change = harmonising.correction(key.edited, layer, links, setting)
    return replace(key, edited=np.clip(key.edited + change, 0, 255))


def _background(crops: Crops, crossfade: int) -> Way:
    def ways(key: KeyLayer, members: Sequence[int]) -> list[surroundings.Matrix]:
        return surroundings.chain((key.frame, key.mask), ((crops.frames[at], crops.masks[at]) for at in members))

    def way(members: Sequence[int], span: Span) -> Iterator[Floats]:
        coming = ways(span.right, members[::-1]) if span.right else []
        going = iter(ways(span.left, members)) if span.left else None
        for at in members:
            both = ([next(going)] if going else []) + ([coming.pop()] if span.right else [])
            painted = [(k.edited, k.mask) for k in span.keys]
            shares = span.shares(crops.indices[at], crossfade)
            frame, mask = crops.frames[at], crops.masks[at]
            yield _laid(surroundings.filled(frame, mask, painted, both, shares), frame, mask)

    return way


def _paste(crops: Crops, crossfade: int) -> Way:
    def way(members: Sequence[int], span: Span) -> Iterator[Floats]:
        painted = np.stack([nearest_colours(k.edited, k.mask) for k in span.keys])
        for at in members:
            shares = span.shares(crops.indices[at], crossfade)
            if not crossfade and len(shares) == 2:
                shares = [1.0, 0.0] if shares[0] >= 0.5 else [0.0, 1.0]
            picture = np.einsum("k,kyxc->yxc", np.array(shares, np.float32), painted)
            yield _laid(picture, crops.frames[at], crops.masks[at])

    return way


def nearest_colours(picture: Frame, mask: Mask) -> Floats:
    """The picture inside the mask, and elsewhere the colour of the mask's nearest pixel, float32 (H, W, 3)."""
    outside = (mask == 0).astype(np.uint8)
    _, labels = cv2.distanceTransformWithLabels(outside, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    colours = np.zeros((int(labels.max()) + 1, 3), np.float32)
    colours[labels[outside == 0]] = picture[outside == 0]
    return colours[labels]
