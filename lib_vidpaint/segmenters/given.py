"""Masks that the user brings: a video, a folder of pictures, one still picture for all frames, `box:x,y,w,h` or
`ellipse:x,y,w,h`.

White (or opaque, where the file has a real alpha channel) = change. Masks are given as the video is *shown*; what comes
out is uint8 (H, W) as the source is *stored*, both ends of the range used.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np

from ..clip import Clip, open_clip
from ..errors import MaskError
from ..folders import masks_in, numbers_of
from ..model import Mask, VideoInfo
from ..orientation import as_stored, upright
from ..pictures import decoded, mask_in
from ..planes import Planes, view
from ..progress import Progress

STILL = {".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff"}
LOSSLESS = {"png", "ffv1", "qtrle", "huffyuv", "utvideo", "rawvideo", "prores"}
DRAWN = "box:", "ellipse:"
HAZE_SHARE = 0.005


@dataclass(frozen=True)
class Given:
    """A user's masks, opened. `still` is the one mask for every frame, `clip` the moving ones; `numbers` are those in the
    names of masks that have gaps."""

    name: str
    lossy: bool
    still: Mask | None = None
    clip: Clip | None = None
    use_alpha: bool = False
    numbers: tuple[int, ...] = ()

    def places(self, frames: int, count: int, missing: str) -> list[int | None]:
        """For every frame the place of its mask among the `count` moving ones; None where nothing is masked. A frame
        without one has the last before it, or the first, where `missing` is hold."""
        own = self._own(frames) if self.numbers else {place: place for place in range(count)}
        found: list[int | None] = []
        held = 0 if missing == "hold" else None
        for frame in range(frames):
            place = own.get(frame, held)
            held = place if missing == "hold" else None
            found.append(place)
        return found

    def _own(self, frames: int) -> dict[int, int]:
        """The place of the mask of each frame that has one. Raises MaskError when they are no frames of the video."""
        first, last = self.numbers[0], self.numbers[-1]
        start = 0 if first == 0 else 1
        if first > 1 and last != frames:
            raise MaskError(
                f"The masks in {self.name} begin at number {first} and have gaps: is their first frame 0 or 1? "
                "Add its mask, black where nothing changes there."
            )
        if last - start >= frames:
            raise MaskError(f"{self.name} has a mask for frame {last - start}, but the video has {frames} frames.")
        return {number - start: place for place, number in enumerate(self.numbers)}

    def read(self, info: VideoInfo) -> Iterator[Mask]:
        """The moving masks in order, stored as the source is."""
        assert self.clip
        for _, planes in self.clip.scan():
            yield self._mask(planes, info)

    def at(self, index: int, info: VideoInfo) -> Mask:
        """One of the moving masks; the first time all are decoded, to know where each begins."""
        assert self.clip
        return self._mask(self.clip.frame(index), info)

    def _mask(self, planes: Planes, info: VideoInfo) -> Mask:
        assert self.clip
        return _fitted(_grey(planes, self.clip.info, self.use_alpha), self.clip.info.rotation, info, self.name)


@dataclass(frozen=True)
class Look:
    """What one pass over the masks found. Shares are of all pixels; `hazy` counts values between 1 and the floor."""

    count: int
    share: float
    fullest: float
    hazy: float
    border: float


def open_given(given: str, info: VideoInfo, span: tuple[Fraction, Fraction | None] | None = None) -> Given:
    """The masks at a path, or the box or ellipse given as text. Raises MaskError or VideoError when they cannot be read."""
    if given.startswith(DRAWN):
        return Given(given, lossy=False, still=_drawn(given, info))
    path = Path(given)
    if path.suffix.lower() in STILL and path.is_file():
        return Given(path.name, lossy=path.suffix.lower() in {".jpg", ".jpeg"}, still=_still(path, info))
    clip = open_clip(path, info.fps, span, masks=True)
    numbers = _numbers(path) if path.is_dir() else ()
    return Given(
        path.name, clip.info.codec not in LOSSLESS, clip=clip, use_alpha=_has_real_alpha(clip), numbers=numbers
    )


def _numbers(folder: Path) -> tuple[int, ...]:
    """The numbers of the masks in a folder when they leave out some, else none: they go to the frames in their order."""
    numbers = numbers_of(masks_in(folder))
    if len(set(numbers)) < len(numbers):
        raise MaskError(f"{folder.name} has several masks with one number: keep one for every frame.")
    return tuple(numbers) if any(b != a + 1 for a, b in pairwise(numbers)) else ()


def look(given: Given, info: VideoInfo, floor: int, invert: bool, progress: Progress | None = None) -> Look:
    """Count and measure the masks in one pass, without keeping any."""
    progress = progress or Progress()
    count, total, fullest, hazy, border = 0, 0.0, 0.0, 0.0, 0.0
    for mask in [given.still] if given.still is not None else given.read(info):
        mask = 255 - mask if invert else mask
        share = float(np.count_nonzero(mask >= floor)) / mask.size
        hazy += float(np.count_nonzero((mask > 0) & (mask < floor))) / mask.size
        edge = np.concatenate([mask[0], mask[-1], mask[:, 0], mask[:, -1]])
        border += float(np.mean(edge >= floor))
        count, total, fullest = count + 1, total + share, max(fullest, share)
        progress.step("looking at the masks", count, 0)
    parts = max(count, 1)
    return Look(count, total / parts, fullest, hazy / parts, border / parts)


def check(given: Given, found: Look, frames: int, missing: str) -> list[str]:
    """Sentences of warning about masks that can be used. Raises MaskError for those that cannot."""
    if found.fullest == 0:
        raise MaskError(f"{given.name} marks nothing: paint white what should change (or set mask.invert on).")
    if given.numbers and missing == "error":
        a, b = next((a, b) for a, b in pairwise(given.numbers) if b != a + 1)
        raise MaskError(
            f"The masks in {given.name} go from number {a} to {b}: give one for every frame, or set mask.missing to hold "
            "(repeat the last) or empty."
        )
    if given.clip and not given.numbers and found.count > frames:
        raise MaskError(
            f"{given.name} has {found.count} masks but the video has {frames} frames: cut it to the video's length."
        )
    if given.clip and found.count < frames and missing == "error":
        lacking = f"frame {frames - 1}" if found.count == frames - 1 else f"frames {found.count}-{frames - 1}"
        raise MaskError(
            f"{given.name} has {found.count} masks but the video has {frames} frames: "
            f"give a mask for {lacking} or set mask.missing to hold (repeat the last) or empty."
        )
    warnings = []
    if found.share > 0.995:
        warnings.append(f"{given.name} is white everywhere: the whole picture may change, nothing is protected.")
    elif found.share > 0.5 and found.border > 0.9:
        warnings.append(
            f"{given.name} looks inverted ({found.share:.0%} of the picture is white): if it is, set mask.invert on."
        )
    if found.hazy > HAZE_SHARE:
        warnings.append(
            f"{given.name} has haze: {found.hazy:.1%} of its pixels are nearly black but not black. "
            "They count as black (mask.floor); the region is what is above."
        )
    return warnings


def _has_real_alpha(clip: Clip) -> bool:
    """Whether any frame's alpha channel says something; an opaque one leaves the picture itself as the mask."""
    for _, planes in clip.scan():
        if not planes.format.alpha:
            return False
        if int(planes.arrays[-1].min()) < (1 << planes.format.bits) - 1:
            return True
    return False


def _grey(planes: Planes, info: VideoInfo, use_alpha: bool) -> Mask:
    fmt = planes.format
    if use_alpha:
        return _to_8_bits(planes.arrays[-1], fmt.bits)
    if fmt.family == "rgb":
        return np.asarray(cv2.cvtColor(view(planes, info.color), cv2.COLOR_RGB2GRAY), np.uint8)
    luma = _to_8_bits(planes.arrays[0], fmt.bits)
    if fmt.family == "gray" or info.color.full_range:
        return luma
    return np.asarray(cv2.convertScaleAbs(np.maximum(luma, 16) - 16, alpha=255 / 219), np.uint8)


def _to_8_bits(samples: np.ndarray, bits: int) -> Mask:
    return samples if bits == 8 else (samples >> (bits - 8)).astype(np.uint8)


def _fitted(mask: Mask, rotation: int, info: VideoInfo, name: str) -> Mask:
    """A mask as it is stored in its own file, as the source is stored. Raises MaskError for another size."""
    mask = as_stored(upright(mask, rotation), info.rotation)
    if mask.shape != (info.height, info.width):
        shown = upright(mask, info.rotation)
        asked = upright(np.empty((info.height, info.width), np.uint8), info.rotation)
        raise MaskError(
            f"{name} is {shown.shape[1]}x{shown.shape[0]}, the video is {asked.shape[1]}x{asked.shape[0]}: "
            "make the mask at the video's size."
        )
    return mask


def _still(path: Path, info: VideoInfo) -> Mask:
    try:
        picture = decoded(path.read_bytes(), cv2.IMREAD_UNCHANGED)
    except OSError as error:
        raise MaskError(f"{path} cannot be read ({error.strerror}): check who may read it.") from None
    if picture is None:
        raise MaskError(f"{path} is not a readable picture: save the mask as PNG again.")
    return _fitted(mask_in(picture), 0, info, path.name)


def _drawn(given: str, info: VideoInfo) -> Mask:
    found = re.fullmatch(r"(box|ellipse):(\d+),(\d+),(\d+),(\d+)", given.replace(" ", ""))
    if not found:
        kind = given.partition(":")[0]
        raise MaskError(f"{given!r} is not {kind}:x,y,width,height in whole pixels.")
    x, y, width, height = map(int, found.groups()[1:])
    shown = upright(np.zeros((info.height, info.width), np.uint8), info.rotation)
    if not (width and height and x + width <= shown.shape[1] and y + height <= shown.shape[0]):
        raise MaskError(f"{given} does not lie inside the video, which is {shown.shape[1]}x{shown.shape[0]}.")
    if found[1] == "box":
        shown[y : y + height, x : x + width] = 255
    else:
        centre, axes = (8 * (2 * x + width - 1), 8 * (2 * y + height - 1)), (8 * (width - 1), 8 * (height - 1))
        cv2.ellipse(shown, centre, axes, 0, 0, 360, (255,), -1, cv2.LINE_AA, 4)
    return as_stored(shown, info.rotation)
