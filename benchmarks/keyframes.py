"""How well keyframes are chosen, rule by rule at equal numbers of them: `python -m benchmarks.keyframes`.

Every clip has frames, masks and the true edit of every frame. A rule chooses keyframes, the true edit is given there and
carried over the rest (`surface`), and what is reported is the PSNR against the truth over all frames, inside the mask. A
rule that has no number to set is tuned by its longest group until it gives that number. The clips are in two halves:
constants were chosen on the first. Then: how the predicted error of groups ranks against the measured one (Spearman),
and how many frames a second planning takes.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from lib_vidpaint.footage import Footage, segmented
from lib_vidpaint.keyframing import KeyframeSettings, choose
from lib_vidpaint.model import Frame, Mask
from lib_vidpaint.motion import region_box
from lib_vidpaint.placement import predicted
from lib_vidpaint.prediction import prices
from lib_vidpaint.propagation import KeyLayer, carry
from lib_vidpaint.segments import Segment, groups

RULES = ("predicted", "uniform", "every", "seed", "ssim")
COUNTS = (2, 3, 4, 6)
FIRST_HALF = ("carphone", "bunny", "synface", "pauses")
MARGIN = 24


@dataclass(frozen=True)
class Clip:
    """Frames and masks of one shot, and the true edit of every frame by the edit's name."""

    name: str
    frames: Sequence[Frame]
    masks: Sequence[Mask]
    truths: dict[str, Sequence[Frame]]

    @cached_property
    def footage(self) -> Footage:
        def frames() -> Iterator[tuple[Frame, Mask]]:
            return zip(self.frames, self.masks)

        sides = [max(box.width, box.height) for mask in self.masks if (box := region_box(mask))]
        segments, sides = segmented((0,), [True] * len(self.frames), sides)
        found = [prices(((n, *pair) for n, pair in enumerate(frames())), side) for side in sides]
        return Footage(frames, len(self.frames), segments, found)

    def keys(self, rule: str, count: int) -> tuple[int, ...]:
        """The keyframes of a rule that gives `count` of them; () when it cannot."""
        length = len(self.frames)
        if rule == "predicted":
            return tuple(sorted(choose(self.footage, KeyframeSettings(count=count, longest=length)).reasons))
        for longest in range(length, 0, -1):
            found = choose(self.footage, KeyframeSettings(rule, longest=longest)).reasons  # pyright: ignore[reportArgumentType]
            if len(found) == count:
                return tuple(sorted(found))
        return ()

    def squared(self, edit: str, keys: Sequence[int]) -> np.ndarray:
        """(squared error, samples) of every frame inside its mask, with the true edit given at the keys; kept."""
        known = self.__dict__.setdefault("_squared", {})
        if (edit, tuple(keys)) not in known:
            box = region_box(np.max(self.masks, axis=0))
            assert box
            cut = box.grown(MARGIN, self.frames[0].shape[1], self.frames[0].shape[0]).slices
            frames, masks = ([x[cut] for x in row] for row in (self.frames, self.masks))
            truth = [np.where(m[..., None] > 0, t[cut], f) for f, m, t in zip(frames, masks, self.truths[edit])]
            layers = [KeyLayer(k, frames[k], truth[k], masks[k]) for k in keys]
            carried = carry(frames, masks, range(len(frames)), layers, "surface")
            errors = [(c - t.astype(np.float32))[m > 0] for c, t, m in zip(carried, truth, masks)]
            known[edit, tuple(keys)] = np.array([(float((e**2).sum()), e.size) for e in errors])
        return known[edit, tuple(keys)]


def psnr(squared: np.ndarray) -> float:
    return float(10 * np.log10(255**2 * squared[:, 1].sum() / max(squared[:, 0].sum(), 1e-9)))


def stored(folder: Path) -> Iterator[Clip]:
    for path in sorted(folder.glob("*.npz")):
        data = np.load(path)
        truths = {edit: data[f"truth_{edit}"] for edit in ("E2", "E3") if f"truth_{edit}" in data}
        yield Clip(path.stem, list(data["frames"]), list(data["masks"]), {e: list(t) for e, t in truths.items()})


def made_up() -> Iterator[Clip]:
    """A portrait that rests, turns quickly and rests again, and one that speeds up while the light changes."""
    still, turn = np.zeros(14), np.linspace(0, 1, 9)
    yield _portrait("pauses", np.concatenate([still, turn, still + 1, 1 - turn, still]), light=0.0)
    yield _portrait("faster", np.linspace(0, 1, 40) ** 3 * 2.5, light=0.25)


def _portrait(name: str, way: np.ndarray, light: float) -> Clip:
    from skimage import data

    face = cv2.resize(data.astronaut()[0:256, 96:352], (132, 132), interpolation=cv2.INTER_AREA)
    back = cv2.resize(data.coffee(), (240, 180), interpolation=cv2.INTER_AREA)
    pattern = np.random.default_rng(5).normal(size=(132, 132, 3)).astype(np.float32)
    pattern = 170 * cv2.GaussianBlur(pattern, (0, 0), 3)
    smooth = cv2.bilateralFilter(face, 9, 60, 5)
    kinds = {"": face, "smooth": smooth, "pattern": np.clip(face + pattern, 0, 255).astype(np.uint8)}
    oval = cv2.ellipse(np.zeros((132, 132), np.uint8), (66, 60), (39, 52), 0, 0, 360, 255, -1)
    grid = np.stack(np.meshgrid(np.arange(132), np.arange(132)), axis=-1).astype(np.float32)
    rows: dict[str, list[Frame]] = {kind: [] for kind in kinds}
    masks = []
    for n, at in enumerate(way):
        bulge = np.exp(-(((grid - (66, 85)) / 22) ** 2).sum(axis=-1))[..., None] * (0, 5 * np.sin(9 * at))
        place = cv2.getRotationMatrix2D((66, 66), 30 * float(at), 1 + 0.12 * float(np.sin(4 * at)))
        place[:, 2] += (20 + 60 * (at % 1.3), 25)
        cover = cv2.warpAffine(oval, place, (240, 180))[..., None] / 255.0
        bright = 1 + light * np.sin(n / 5)
        for kind, picture in kinds.items():
            bent = cv2.remap(picture, (grid + bulge).astype(np.float32), np.empty(0), cv2.INTER_LINEAR)
            laid = bright * (
                cover * cv2.warpAffine(bent, place, (240, 180), flags=cv2.INTER_CUBIC) + (1 - cover) * back
            )
            rows[kind].append(np.clip(laid, 0, 255).astype(np.uint8))
        masks.append((cover[..., 0] > 0.5).astype(np.uint8) * np.uint8(255))
    return Clip(name, rows.pop(""), masks, dict(rows))


def table(clips: Sequence[Clip], counts: Sequence[int]) -> None:
    print(f"{'clip':10}{'edit':9}{'keys':>5}" + "".join(f"{rule:>11}" for rule in RULES))
    found: dict[tuple[bool, int], list[list[float]]] = {}
    for clip in clips:
        chosen = {(rule, count): clip.keys(rule, count) for count in counts for rule in RULES}
        for edit in clip.truths:
            for count in counts:
                keys = [chosen[rule, count] for rule in RULES]
                row = [psnr(clip.squared(edit, k)) if k else float("nan") for k in keys]
                found.setdefault((clip.name in FIRST_HALF, count), []).append(row)
                print(f"{clip.name:10}{edit:9}{count:5}{_numbers(row)}", flush=True)
    for half in (True, False):
        rows = [row for (first, _), part in found.items() if first == half for row in part]
        for count in counts:
            if (half, count) in found:
                print(
                    f"{'against it, ' + ('first half' if half else 'held half'):23}{count:>3}{_numbers(_means(found[half, count]))}"
                )
        if rows:
            print(f"{'against it, ' + ('first half' if half else 'held half'):23}{'all':>3}{_numbers(_means(rows))}")


def _means(rows: Sequence[Sequence[float]]) -> list[float]:
    """How far every rule is above `predicted`, in dB, on average over the cases in which it gives that number."""
    above = np.array(rows) - np.array(rows)[:, :1]
    return [
        float(np.mean(column[np.isfinite(column)])) if np.isfinite(column).any() else float("nan") for column in above.T
    ]


def _numbers(row: Sequence[float]) -> str:
    return "".join(f"{value:11.2f}" for value in row)


def honesty(clips: Sequence[Clip], counts: Sequence[int]) -> None:
    """Spearman's rank correlation of predicted and measured error over the groups of all rules."""
    from scipy.stats import spearmanr

    def rank(found: Sequence[tuple[float, float]]) -> float:
        result: Any = spearmanr(*np.transpose(found))
        return float(result.statistic)

    pairs: dict[str, list[tuple[float, float]]] = {}
    for clip in clips:
        for keys in {clip.keys(rule, count) for rule in RULES for count in counts} - {()}:
            expected = predicted(clip.footage.prices[0], keys)
            for edit in clip.truths:
                squared = clip.squared(edit, keys)
                for group, error in zip(groups([Segment(0, len(clip.frames), 0, keys)]), expected):
                    part = squared[group.start : group.stop].sum(axis=0)
                    if np.isfinite(error):
                        pairs.setdefault(f"{clip.name} {edit}", []).append((error, float(np.sqrt(part[0] / part[1]))))
    print("\npredicted against measured error over groups, rank correlation")
    for name, found in pairs.items():
        print(f"{name:19}{rank(found):8.2f}   {len(found)} groups")
    for half in (True, False):
        found = [pair for name, part in pairs.items() if (name.split()[0] in FIRST_HALF) == half for pair in part]
        if found:
            print(f"{'first half, all' if half else 'held half, all':19}{rank(found):8.2f}")


def speed() -> None:
    """Frames a second of choosing keyframes from a 480x270 proxy with a region of 15 %, without reading the file."""
    clip = next(iter(made_up()))
    frames = [np.asarray(cv2.resize(f, (480, 270)), np.uint8) for f in clip.frames]
    masks = [np.where(cv2.resize(m, (480, 270)) > 127, 255, 0).astype(np.uint8) for m in clip.masks]
    large = Clip("speed", frames * 4, masks * 4, {})
    start = time.perf_counter()
    count = len(choose(large.footage, KeyframeSettings()).reasons)
    taken = time.perf_counter() - start
    print(
        f"\nplanning: {len(large.frames) / taken:.0f} frames a second ({count} keyframes for {len(large.frames)} frames)"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, help="folder of clips (*.npz) to use beside the made-up ones")
    parser.add_argument("--clips", default="", help="clips, comma-separated; all if left out")
    parser.add_argument("--counts", default=",".join(map(str, COUNTS)), help="numbers of keyframes, comma-separated")
    given = parser.parse_args()
    cv2.setNumThreads(1)
    wanted = [name for name in given.clips.split(",") if name]
    found = [*(stored(given.data) if given.data else ()), *made_up()]
    clips = [clip for clip in found if not wanted or clip.name in wanted]
    counts = [int(count) for count in given.counts.split(",")]
    table(clips, counts)
    honesty(clips, counts)
    speed()


if __name__ == "__main__":
    main()
