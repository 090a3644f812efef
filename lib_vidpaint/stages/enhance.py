"""Stage 12, enhance: colour, light, detail and grain.

Reads the source and the patches. With `enhance.scope` = region all of it happens inside the region, and the master stays
exact: the patches are made anew. With frame, what has that scope is done to every pixel of the share copy while it is
written, and the receipt says so; matching and grain are about the patch alone and stay inside. Writes, where something is
on, light.csv (black, mean and white of every frame and the correction it gets), rims/000042.json (how far each frame of a
patch is from its surroundings), enhanced/000042.mp4 and enhanced.json, which take the place of patches. Automatic light is
found for a whole shot and smoothed, never frame by frame. It runs before assemble, so that there is only one render.
"""

from __future__ import annotations

import csv
import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import chain, pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from ..clip import read_planes_of
from ..enhancing import (
    CubeTake,
    Look,
    Scope,
    enhanced_patch,
    grains_of,
    has_cube,
    laid,
    middle,
    read_light,
    rim_offset,
)
from ..grading import Grade, triple
from ..grain import Grain, lacking
from ..groups import ENHANCED, GROUPS, LIGHT, Patch, read_groups
from ..items import Alphas, File, Item, SourceFrames, Take
from ..light import Curve, curves, joined, light, smooth
from ..model import Mask, VideoInfo, to_json
from ..patching import patches_carried
from ..planes import Planes, view
from ..settings import knob

if TYPE_CHECKING:
    from ..pipeline import Run

SAMPLES = 6
"""Patches whose noise is measured, spread over the clip."""


@dataclass(frozen=True)
class EnhanceSettings:
    scope: Scope = knob(
        "region",
        "Where colour, light and detail are changed: in the region (everything else stays exact), or in the whole frame of "
        "the share copy (which is then no longer the source outside the region).",
    )
    match: float = knob(
        0.0, "Bring the edit's colour at the region's border to its surroundings; smoothed over the shot.",
        low=0, high=1, step=0.05, label="Match colour",
    )  # fmt: skip
    grain: Literal["auto", "on", "off"] = knob(
        "auto", "Give the edit the source's noise. auto = when the source is noisy and the edit is not.",
        label="Match grain",
    )  # fmt: skip
    levels: float = knob(
        0.0, "Spread the shot's tones from black to white; 1 = fully.", low=0, high=1, step=0.05, label="Auto levels"
    )
    brightness: float = knob(
        0.0, "Bring the shot to a usual brightness; 1 = fully.", low=0, high=1, step=0.05, label="Auto brightness"
    )
    exposure: float = knob(
        0.0, "Even out slow changes of light within a shot; flashes stay.", low=0, high=1, step=0.05,
        label="Auto exposure",
    )  # fmt: skip
    lift: str = knob("0", "Raise (above 0) or lower the dark tones: one number, or red, green, blue.")
    gamma: str = knob("1", "Brighten (above 1) or darken the middle tones: one number, or red, green, blue.")
    gain: str = knob("1", "Scale the bright tones: one number, or red, green, blue.")
    sharpen: float = knob(0.0, "Add fine detail.", low=0, high=3, step=0.05)
    denoise: float = knob(0.0, "Take noise away, edges kept.", low=0, high=1, step=0.05, label="Smooth noise")
    lut: str = knob("", "A .cube table of colours to send the picture through.", path=True)
    overlay: float = knob(
        0.0, "Let the original show through at this opacity.", low=0, high=1, step=0.05, label="Original on top"
    )

    @property
    def look(self) -> Look:
        """What is the same for every frame, the table of colours apart. Raises SettingsError."""
        grade = Grade(
            triple(self.lift, "enhance.lift", -1, 1),
            triple(self.gamma, "enhance.gamma", 0.1, 10),
            triple(self.gain, "enhance.gain", 0, 4),
        )
        return Look(grade, self.sharpen, self.denoise, overlay=self.overlay)

    @property
    def automatic(self) -> bool:
        return any((self.levels, self.brightness, self.exposure))


def enhance(run: Run) -> None:
    """Measure the light, and make the patches anew that something is done to."""
    settings, patches = run.settings.enhance, patches_carried(run.project)
    look, made = replace(settings.look, lut=has_cube(run)), [LIGHT] if settings.automatic else []
    if settings.automatic:
        strengths = settings.levels, settings.brightness, settings.exposure
        run.build(
            Item((LIGHT,), (File(GROUPS),), (run.source_digest, strengths)),
            lambda path: _measure_light(run, path, *strengths),
        )
    inside = settings.scope == "region"
    grains = _grains(run, patches) if settings.grain != "off" else ()
    offsets = _offsets(run, patches) if settings.match else {}
    here = look if inside else Look()
    due = grains or offsets or not here.neutral or (inside and settings.automatic)
    new = [replace(patch, file=f"enhanced/{patch.start:06d}.mp4") for patch in patches] if due else []
    lights = read_light(run) if inside and settings.automatic else []
    items = []
    for patch, to in zip(patches, new):
        takes = _taken(patch, CubeTake(here.lut))
        frames = range(patch.start, patch.stop)
        own = tuple(lights[i] for i in frames) if lights else (Curve(),) * len(frames)
        shifts = tuple(offsets.get(i, (0.0, 0.0, 0.0)) for i in frames)
        values = (patch.start, run.clip.info, here, own, shifts, grains, run.settings.composite.feather)
        items.append(Item((to.file,), takes, values))
    run.each(items, enhanced_patch, "enhancing")
    run.sweep("enhanced", {patch.file for patch in new})
    if new:
        records = json.dumps(to_json(new))
        run.build(Item((ENHANCED,), (), (records,)), lambda path: path.write_text(records, encoding="utf-8"))
        made.append(ENHANCED)
    run.drop({LIGHT, ENHANCED}.difference(made))
    if not settings.match:
        run.sweep("rims", ())


def _taken(patch: Patch, *more: CubeTake) -> tuple[Take, ...]:
    span = patch.start, patch.stop, patch.box
    return File(patch.file), SourceFrames(*span), Alphas(*span), *more


def _shots(run: Run) -> list[range]:
    """The frames of every shot that has a group; what lies between two shots' groups belongs to the first."""
    begins = {group.shot: group.start for group in reversed(read_groups(run.project))}
    starts = [0, *sorted(begins.values())[1:], len(run.clip)]
    return [range(a, b) for a, b in pairwise(starts)]


def _measure_light(run: Run, path: Path, levels: float, brightness: float, exposure: float) -> None:
    fps = float(run.clip.info.fps)
    lights = [light(picture) for picture in run.survey.frames()]
    found = chain.from_iterable(
        curves(lights[s.start : s.stop], fps, levels, brightness, exposure) for s in joined(_shots(run), lights, fps)
    )
    rows = [
        [i, seen.black, seen.mean, seen.white, c.black, c.gain, c.gamma]
        for i, (seen, c) in enumerate(zip(lights, found))
    ]
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(["frame", "black", "mean", "white", "from_black", "gain", "gamma"])
        table.writerows([round(value, 5) for value in row] for row in rows)
        run.progress.step("light", len(lights), len(lights))


def _grains(run: Run, patches: Sequence[Patch]) -> tuple[Grain, ...]:
    """The noise that all patches get, from a few of them."""
    settings = run.settings.enhance
    count = min(SAMPLES, len(patches))
    chosen = [patches[round(i * (len(patches) - 1) / max(1, count - 1))] for i in range(count)]
    sources, results = [], []
    for patch in {p.start: p for p in chosen}.values():
        at = (patch.start + patch.stop) // 2
        whole = run.clip.frame(at).crop(patch.box)
        beside = run.clip.frame(at + 1 if at + 1 < len(run.clip) else max(at - 1, 0)).crop(patch.box)
        (alpha,) = Alphas(at, at + 1, patch.box).load(run)
        planes = next(p for i, p in enumerate(read_planes_of(run.project.path(patch.file)), patch.start) if i == at)
        theirs, ours = grains_of(whole, beside, laid(whole, planes, alpha), alpha)
        sources.append(theirs)
        results.append(ours)
    bits = run.clip.frame(0).format.bits
    return lacking(middle(sources), middle(results), bits, settings.grain == "on")


def rims(patch: bytes, sources: list[Planes], alphas: list[Mask], info: VideoInfo, removed: bool) -> bytes:
    """How far each frame of a patch is from its surroundings in colour, as JSON."""
    found = []
    for planes, source, alpha in zip(read_planes_of(patch), sources, alphas, strict=True):
        pair = view(source, info.color), view(laid(source, planes, alpha), info.color)
        found.append(rim_offset(*pair, alpha, info.lines, removed))
    return json.dumps(found).encode()


def _offsets(run: Run, patches: Sequence[Patch]) -> dict[int, tuple[float, float, float]]:
    """What to add to red, green and blue of every frame, smoothed over the shot."""
    settings, info = run.settings.enhance, run.clip.info
    values = (info, run.settings.composite.carry == "background")
    items = [Item((f"rims/{patch.start:06d}.json",), _taken(patch), values) for patch in patches]
    run.each(items, rims, "matching colour")
    run.sweep("rims", {item.makes[0] for item in items})
    found = {}
    for patch, item in zip(patches, items):
        rows = run.project.record(item.makes[0], tuple[tuple[float, float, float], ...])  # pyright: ignore[reportArgumentType]
        found |= dict(zip(range(patch.start, patch.stop), rows))
    shots: dict[int, list[int]] = defaultdict(list)
    for shot, frames in enumerate(_shots(run)):
        shots[shot] = [frame for frame in frames if frame in found]
    smoothed: dict[int, tuple[float, float, float]] = {}
    for frames in shots.values():
        if frames:
            columns = [smooth(np.array([found[f][c] for f in frames]), float(info.fps)) for c in range(3)]
            for frame, shift in zip(frames, -settings.match * np.stack(columns, axis=1)):
                smoothed[frame] = (round(float(shift[0]), 2), round(float(shift[1]), 2), round(float(shift[2]), 2))
    return smoothed
