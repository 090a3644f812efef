"""What enhancement does to a picture: one `Look` put together from the settings, and applied to a patch or a whole frame."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from .blending import feather
from .clip import read_planes_of
from .encode import lossless_bytes
from .errors import SettingsError
from .grading import Floats, Grade, curve, denoised, dense, looked_up, read_cube, sharpened, through
from .grain import Grain, grain, grainy, noise
from .groups import LIGHT
from .light import Curve
from .model import Box, Frame, Mask, VideoInfo
from .patching import FEATHER_LINES, bare
from .planes import Planes, apply_edit, seen_color, splice, view

if TYPE_CHECKING:
    from .pipeline import Run

LUT = "lut"
RIM = 6
"""Width of the band inside the region, in pixels of a picture 360 lines high, whose colour is matched."""
Scope = Literal["region", "frame"]
WHOLE = "levels", "brightness", "exposure", "lift", "gamma", "gain", "sharpen", "denoise", "overlay"
"""Settings of stage enhance that the scope speaks of, besides the table of colours."""


@dataclass(frozen=True)
class Look:
    """Corrections that are the same for every frame; what is at its default does nothing."""

    grade: Grade = Grade()
    sharpen: float = 0.0
    denoise: float = 0.0
    lut: bool = False
    overlay: float = 0.0

    @property
    def neutral(self) -> bool:
        return self == Look()


def has_cube(run: Run) -> bool:
    """Whether there is a table of colours: one that is named here, or was when the project lay elsewhere."""
    known = run.ledger.inputs.get(LUT)
    return bool(run.settings.enhance.lut or (known and known.content))


def cube_in_force(run: Run) -> NDArray[np.uint8] | None:
    """The dense table of the .cube file, None without one. Raises SettingsError where it is not named on this machine."""
    if not has_cube(run):
        return None
    if not run.settings.enhance.lut:
        raise SettingsError(
            f"Which table of colours? This project was made with {run.ledger.inputs[LUT].name}: name it again with "
            "--enhance.lut, or leave it out with --enhance.lut ''."
        )
    return cube(run.settings.enhance.lut)


@dataclass(frozen=True)
class CubeTake:
    """Take: the dense table in force, where it is wanted."""

    wanted: bool

    def key(self, run: Run) -> str:
        path = run.settings.enhance.lut
        content = run.project.input_digest(LUT, path) if path else run.ledger.inputs[LUT].content if self.wanted else ""
        return content if self.wanted else ""

    def load(self, run: Run) -> NDArray[np.uint8] | None:
        return cube_in_force(run) if self.wanted else None


def read_light(run: Run) -> list[Curve]:
    """The automatic correction of every frame, as light.csv has it."""
    with run.project.path(LIGHT).open(encoding="utf-8", newline="") as file:
        return [Curve(*(float(row[name]) for name in ("from_black", "gain", "gamma"))) for row in csv.DictReader(file)]


_cubes: dict[tuple[str, int], NDArray[np.uint8]] = {}


def cube(path: str) -> NDArray[np.uint8]:
    """The dense table of a .cube file; the last one is kept. Raises SettingsError."""
    file = Path(path)
    try:
        known = str(file), file.stat().st_mtime_ns
        if known not in _cubes:
            made = dense(read_cube(file.read_text(encoding="utf-8", errors="replace"), file.name))
            _cubes.clear()
            _cubes[known] = made
    except OSError as error:
        raise SettingsError(f"enhance.lut: {path} cannot be read ({error.strerror}).") from None
    return _cubes[known]


def looked(picture: Frame, look: Look, light: Curve, table: NDArray[np.uint8] | None, lines: int) -> Floats:
    """The picture (RGB uint8) with everything but the overlay done to it; `table` is a dense LUT."""
    found: NDArray[Any] = picture
    if look.denoise:
        found = denoised(found, look.denoise)
    if light != Curve():
        found = through(found, light.table())
    if look.grade != Grade():
        found = through(found, curve(look.grade))
    if table is not None:
        found = looked_up(found, table)
    if look.sharpen:
        found = sharpened(found, look.sharpen, lines)
    return np.clip(np.asarray(found, np.float32), 0, 255)


def enhanced_frame(
    source: Planes, result: Planes, info: VideoInfo, look: Look, light: Curve, table: NDArray[np.uint8] | None
) -> Planes:
    """A whole finished frame, enhanced; `source` is what the overlay shows through."""
    before = view(result, seen_color(info))
    after = looked(before, look, light, table, info.lines)
    if look.overlay:
        after += (view(source, seen_color(info)) - after) * np.float32(look.overlay)
    return apply_edit(result, seen_color(info), before, after, np.ones(before.shape[:2], np.float32))


def enhanced_patch(
    patch: bytes,
    sources: list[Planes],
    alphas: list[Mask],
    table: NDArray[np.uint8] | None,
    start: int,
    info: VideoInfo,
    look: Look,
    lights: Sequence[Curve],
    offsets: Sequence[Sequence[float]],
    grains: Sequence[Grain],
    rim: float,
) -> bytes:
    """A patch, enhanced inside the region: frame n of it gets lights[n], offsets[n] (levels of red, green and blue to add)
    and noise. `rim` as in `composite.feather`."""

    def finished() -> Any:
        for at, (planes, source, alpha) in enumerate(zip(read_planes_of(patch), sources, alphas, strict=True)):
            whole = laid(source, planes, alpha)
            before = view(whole, seen_color(info))
            shown = feather(alpha, rim * info.lines / FEATHER_LINES) * (alpha / np.float32(255))
            weight = shown.astype(np.float32)
            shifted = np.clip(before + np.array(offsets[at], np.float32), 0, 255) if any(offsets[at]) else before
            after = looked(np.rint(shifted).astype(np.uint8), look, lights[at], table, info.lines)
            after = np.asarray(before + (after - before) * weight[..., None], np.float32)
            if look.overlay:
                after += (view(source, seen_color(info)) - after) * np.float32(look.overlay)
            made = apply_edit(whole, seen_color(info), before, after, np.ones_like(weight))
            yield bare(grainy(made, grains, weight, start + at) if grains else made, alpha)

    return lossless_bytes(finished(), info, info.fps)


def laid(source: Planes, patch: Planes, alpha: Mask) -> Planes:
    """The finished picture of a patch's box: the source with the patch inside the region."""
    whole = source.copy()
    splice(whole, patch, alpha, Box(0, 0, alpha.shape[1], alpha.shape[0]))
    return whole


def rim_offset(source: Frame, result: Frame, alpha: Mask, lines: int, removed: bool) -> list[float]:
    """How much brighter the edit is than it should be along the inside of the region's border: [red, green, blue] levels.

    It is compared with the source at the same place; where something was `removed`, with the source just outside.
    """
    width = max(2, round(RIM * lines / FEATHER_LINES))
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * width + 1, 2 * width + 1))
    inside = (alpha > 0).astype(np.uint8)
    inner, outer = inside - cv2.erode(inside, disc), cv2.dilate(inside, disc) - inside
    ours, theirs = inner, outer if removed else inner
    if not ours.any() or not theirs.any():
        return [0.0, 0.0, 0.0]
    return [round(a - b, 3) for a, b in zip(cv2.mean(result, ours)[:3], cv2.mean(source, theirs)[:3])]


def grains_of(source: Planes, beside: Planes, result: Planes, alpha: Mask) -> tuple[list[Grain], list[Grain]]:
    """The noise of the source, and that of the result inside the region, component by component (alpha left out).

    `beside` is the frame after or before: what is the same there is texture, or noise that stands still, and not counted.
    """
    found = []
    count = len(source.format.components.replace("a", ""))
    for array, next_to, other in list(zip(source.arrays, beside.arrays, result.arrays))[:count]:
        inside = np.asarray(cv2.resize(alpha, array.shape[::-1], interpolation=cv2.INTER_NEAREST), np.uint8)
        lively = noise(array.astype(np.float32) - next_to) / float(np.sqrt(2))
        theirs = grain(array)
        theirs = replace(theirs, deviation=round(min(theirs.deviation, lively), 3))
        found.append((theirs, Grain(round(noise(other, inside), 3))))
    return [pair[0] for pair in found], [pair[1] for pair in found]


def middle(samples: Sequence[Sequence[Grain]]) -> list[Grain]:
    """The median noise of several places, component by component; places where nothing was found do not count."""
    medians = []
    for grains in zip(*samples):
        known = sorted(grains, key=lambda found: found.deviation)
        known = [found for found in known if found.deviation > 0] or [Grain()]
        medians.append(known[len(known) // 2])
    return medians
