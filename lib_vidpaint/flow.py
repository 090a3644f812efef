"""Dense optical flow that looks only at what is inside a mask, chained over many frames, and how far to trust it.

The flow itself is OpenCV's DIS (Kroeger et al., "Fast Optical Flow using Dense Inverse Search", 2016). Keyframe prediction
and validation look for their own flows: seen at 128 and 288 pixels these take .5 and 1.6 ms a frame, where carrying takes 40
for flows and 130 in all; keeping any for another stage would save about one percent.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping

import cv2
import numpy as np
from numpy.typing import NDArray

from .blending import Floats, blurred, masked_mean
from .model import Box, Frame, Mask

# DIS builds pyramids of 8-pixel patches; below this it fails or sees nothing.
SMALLEST = 32
# Pixels around a region that flow is looked for in: as far as `flow_input` spreads its colours.
ROOM = 16
# Regions of so few pixels are enlarged twice to follow them by fractions of a pixel: .3 dB on a smoothing edit, .2 on a
# tint, for half the speed. Three times was .15 dB better still there, but .4 worse on a painted pattern.
FINE = 40_000

# A picture with its frame number.
Numbered = tuple[int, NDArray[np.uint8]]

_local = threading.local()
# Positions come as one two-channel map, which OpenCV takes for both.
_NO_MAP = np.empty(0, np.float32)


def dense_flow(
    a: Frame, b: Frame, mask_a: Mask | None = None, mask_b: Mask | None = None, initial: Floats | None = None
) -> Floats:
    """The motion from `a` to `b`: b[y + v, x + u] shows what a[y, x] shows, for (u, v) = flow[y, x].

    Pictures are uint8 (H, W, 3) of one size, at least 8x8; the result is float32 (H, W, 2) in pixels. With masks only
    the motion inside them counts: what is outside does not pull at it. `initial` is a first guess to refine.
    """
    return refine(flow_input(a, mask_a), flow_input(b, mask_b), initial)


def flow_input(frame: Frame, mask: Mask | None = None, scale: float = 1.0) -> NDArray[np.uint8]:
    """The grey picture flow is looked for in: contrast evened out, and the mask's own colours spread beyond its rim.

    Evening and spreading gave +.7 dB on a smoothing edit and +2.6 dB on a painted pattern. `scale` is the size of
    things in the picture against a mask some 110 pixels across; it sets the width of the evening.
    """
    grey = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY).astype(np.float32)
    inside = np.ones_like(grey) if mask is None else (mask > 0).astype(np.float32)
    sigma = max(10.0, 11.25 * scale)
    mean = masked_mean(grey, inside, sigma)
    deviation = np.sqrt(masked_mean((grey - mean) ** 2, inside, sigma))
    even = 128 + 45 * (grey - mean) / (deviation + 6)
    if mask is not None:
        close = np.where(
            blurred(inside, 0.3 * sigma) > 0.05,
            masked_mean(even, inside, 0.3 * sigma),
            masked_mean(even, inside, 1.5 * sigma),
        )
        even = np.where(inside > 0, even, close)
    return np.clip(np.rint(even), 0, 255).astype(np.uint8)


def refine(a: NDArray[np.uint8], b: NDArray[np.uint8], initial: Floats | None = None, rough: bool = False) -> Floats:
    """The flow between two pictures made by `flow_input`, float32 (H, W, 2), starting from `initial` if given.

    `rough` refines `initial` at half the size only, in a quarter of the time; without one it leaves the flow unsmoothed,
    in two thirds of the time, which is as good to start from.
    """
    height, width = a.shape
    down, right = max(0, SMALLEST - height), max(0, SMALLEST - width)
    if down or right:
        around = ((0, down), (0, right))
        a, b = (np.pad(g, around, "edge") for g in (a, b))
        initial = None if initial is None else np.pad(initial, (*around, (0, 0)), "edge")
    if initial is None:
        searcher = _searcher("first" if rough else "plain")
        flow = searcher.calc(a, b, None)  # pyright: ignore[reportCallIssue, reportArgumentType]
    else:
        flow = _searcher("rough" if rough else "guided").calc(a, b, np.ascontiguousarray(initial, np.float32).copy())
    return np.asarray(flow, np.float32)[:height, :width]


def _searcher(kind: str) -> cv2.DISOpticalFlow:
    # A DIS object remembers an initial flow: a plain call after a guided one is off by up to 24 px. One each per thread.
    if not hasattr(_local, kind):
        dis = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
        dis.setFinestScale(1 if kind == "rough" else 0)
        dis.setGradientDescentIterations(8)
        dis.setVariationalRefinementIterations(0 if kind == "first" else 2)
        dis.setPatchSize(8)
        dis.setPatchStride(4)
        setattr(_local, kind, dis)
    return getattr(_local, kind)


def positions(flow: Floats) -> Floats:
    """Where each pixel's flow ends: float32 (H, W, 2), (x, y)."""
    height, width = flow.shape[:2]
    ends = flow.copy()
    ends[..., 0] += np.arange(width, dtype=np.float32)
    ends[..., 1] += np.arange(height, dtype=np.float32)[:, None]
    return ends


def warp(image: NDArray, flow: Floats, cubic: bool = False) -> NDArray:
    """The picture pulled back along the flow: result[y, x] = image[(y, x) + flow[y, x]], borders repeated.

    `image` is (H, W) or (H, W, up to 4), float32 or uint8, and keeps its type; linear unless `cubic`.
    """
    interpolation = cv2.INTER_CUBIC if cubic else cv2.INTER_LINEAR
    return cv2.remap(image, positions(flow), _NO_MAP, interpolation, borderMode=cv2.BORDER_REPLICATE)


def fetched(image: NDArray, ends: Floats, interpolation: int = cv2.INTER_CUBIC) -> NDArray:
    """What the picture (H, W) or (H, W, up to 4) shows at positions (h, w, 2), (x, y); borders repeated."""
    return cv2.remap(image, ends, _NO_MAP, interpolation, borderMode=cv2.BORDER_REPLICATE)


def chained(first: Floats, second: Floats) -> Floats:
    """The flow that goes along `first` and from there along `second`."""
    return first + warp(second, first)


def resized(flow: Floats, height: int, width: int) -> Floats:
    """The same motion for a picture of another size."""
    if flow.shape[:2] == (height, width):
        return flow
    factor = np.array([width / flow.shape[1], height / flow.shape[0]], np.float32)
    return cv2.resize(flow, (width, height), interpolation=cv2.INTER_LINEAR) * factor


def confidence(there: Floats, back: Floats, unlike: Floats | None = None, scale: float = 1.0) -> Floats:
    """How far to trust a flow, 0 to 1 per pixel, float32 (H, W): 0 where it leaves the picture.

    `there` and `back` are the flows of both directions: trusted is what comes back to where it started (Sundaram et
    al. 2010 scale the tolerance with the motion, so does this). `unlike` is the difference between the two pictures
    along the flow, in codes 0..255: 25 codes cost a factor e. `scale` as in `flow_input`.
    """
    height, width = there.shape[:2]
    unit = max(1.0, scale / 1.2)
    ends = positions(there)
    returned = fetched(back, ends, cv2.INTER_LINEAR)
    motion = _squared(there) + _squared(returned)
    exponent = _squared(there + returned) / (2 * unit**2 + 0.01 * motion)
    if unlike is not None:
        exponent += (unlike / 25) ** 2
    x, y = ends[..., 0], ends[..., 1]
    exponent[(x < 0) | (x > width - 1) | (y < 0) | (y > height - 1)] = np.inf
    return np.exp(-exponent).astype(np.float32)


def _squared(flow: Floats) -> Floats:
    return np.square(flow[..., 0]) + np.square(flow[..., 1])


class Chain:
    """Flows between neighbouring pictures of a row, prolonged to far ones; pictures are made by `flow_input`.

    Following a row once each way needs every neighbours' flow twice: it is kept (halved in size) for the second time.
    `boxes` says where in a picture, by its number, motion counts; it may still be filled while flows are followed.
    Without a box it counts everywhere.
    """

    def __init__(self, boxes: Mapping[int, Box] | None = None) -> None:
        self._boxes = {} if boxes is None else boxes
        self._steps: dict[tuple[int, int], NDArray[np.float16]] = {}

    def __call__(self, start: Numbered, following: Iterable[Numbered]) -> Iterator[tuple[Floats, Floats]]:
        """For each picture that follows `start`, in order: its flow to `start`, and the flow from `start` to it.

        Each flow begins as the one before it prolonged by one step, then is refined.
        """
        there = back = np.zeros((*start[1].shape, 2), np.float32)
        before = start
        for item in following:
            returning, going = self._step(item, before), self._step(before, item)
            if before is start:
                there, back = returning, going
            else:
                there = self._found(item, start, chained(returning, there))
                # It only says how far to trust `there`: refined in full it was worth .05 dB.
                back = self._found(start, item, chained(back, going), rough=True)
            yield there, back
            before = item

    def _step(self, a: Numbered, b: Numbered) -> Floats:
        known = self._steps.pop((a[0], b[0]), None)
        if known is not None:
            return known.astype(np.float32)
        found = self._found(a, b, rough=True)
        self._steps[a[0], b[0]] = found.astype(np.float16)
        return found

    def _found(self, a: Numbered, b: Numbered, initial: Floats | None = None, rough: bool = False) -> Floats:
        """The flow from `a` to `b`, looked for around their boxes and continued beyond them."""
        height, width = a[1].shape
        own = [self._boxes.get(index, Box(0, 0, width, height)) for index in (a[0], b[0])]
        box = own[0].union(own[1]).grown(ROOM, width, height)
        size = (box.width, box.height)
        if box.width * box.height <= FINE:
            size = (2 * box.width, 2 * box.height)
        seen, goal = (
            np.asarray(cv2.resize(picture[box.slices], size, interpolation=cv2.INTER_CUBIC), np.uint8)
            for picture in (a[1], b[1])
        )
        guess = None if initial is None else resized(initial[box.slices], size[1], size[0])
        flow = resized(refine(seen, goal, guess, rough), box.height, box.width)
        below, beside = height - box.bottom, width - box.right
        return np.asarray(cv2.copyMakeBorder(flow, box.y, below, box.x, beside, cv2.BORDER_REPLICATE), np.float32)
