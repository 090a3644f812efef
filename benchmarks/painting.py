"""How well candidates are chosen and corrected: `python -m benchmarks.painting [--data FOLDER]`.

A simulated painter knows the true edit of every keyframe and gives it with the faults of independent samples of a
diffusion model: a gain and an offset for each colour, a broad stain, a bend of 1 to 2 pixels, noise, and every fourth one
broken. Figures are PSNR against the true edit inside the mask, from the squared error pooled over the clip's keyframes.
Choosing for each keyframe alone is given twice: "by own numbers" (seam, sharpness, faults), and "each by itself", where
its candidates are also held against each other. The last two columns know the truth, of the neighbours or of the keyframe.

`--crops-only`: how still the subject lies in the stabilised crop. On the made-up clip its true place is known; masks
tremble by some pixels at each side. Given is what is left of the window's way against the subject's after the smooth part
(a polynomial of degree 3 over time), and how many frames had their mask cut, which must be 0.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np

from benchmarks import propagation
from lib_vidpaint.agreement import Sketch, disagreement
from lib_vidpaint.framing import Windows, path, rows_of
from lib_vidpaint.model import Box
from lib_vidpaint.pictures import decode_picture, encode_png
from lib_vidpaint.ranking import Batch, best_sequence, looked_at
from lib_vidpaint.ring import gain_and_offset, without_cast

WAYS = (
    "random", "random unbroken", "least seam", "by own numbers", "each by itself", "sequence", "by neighbours",
    "best there is",
)  # fmt: skip
KINDS = ("black", "grey", "fried", "unchanged", "other", "blurred", "displaced")


@dataclass(frozen=True)
class Painter:
    """Paints a known edit as a diffusion model might. Deviations: of the gain, the offset in levels, the noise in levels;
    the stain's deviation in levels and the bend's largest way in pixels are drawn anew from their spans for every sample.
    """

    gain: float = 0.06
    offset: float = 4.0
    noise: float = 1.5
    stain: tuple[float, float] = (1.0, 6.0)
    bend: tuple[float, float] = (1.0, 2.0)
    broken_every: int = 4

    def paint(
        self, source: np.ndarray, truth: np.ndarray, count: int, rng: np.random.Generator
    ) -> tuple[list[np.ndarray], list[bool]]:
        """`count` candidates of the crop `truth`, RGB uint8 (H, W, 3) that is `source` outside the mask; which are broken."""
        pictures, first = [], int(rng.integers(self.broken_every or 1))
        broken = [bool(self.broken_every) and (first + n) % self.broken_every == 0 for n in range(count)]
        for bad in broken:
            picture = _spoilt(source, truth, str(rng.choice(KINDS)), rng) if bad else truth.astype(np.float32)
            pictures.append(self.sampled(picture, *self.cast(rng), rng))
        return pictures, broken

    def cast(self, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """A sample's gain and offset, (3,) each: what they have in common for all colours, and half as much for each."""
        return tuple(
            middle + size * (rng.normal() + 0.5 * rng.normal(size=3)) / 1.25**0.5
            for middle, size in ((1, self.gain), (0, self.offset))
        )  # pyright: ignore[reportReturnType]

    def sampled(
        self, picture: np.ndarray, gain: np.ndarray, offset: np.ndarray, rng: np.random.Generator
    ) -> np.ndarray:
        """A whole picture, float32 (H, W, 3), with a sample's faults."""
        height, width = picture.shape[:2]
        bend = _broad(rng, height, width, 2, 8)
        ends = bend * rng.uniform(*self.bend) / np.abs(bend).max() + _grid(height, width)
        bent = cv2.remap(picture, ends.astype(np.float32), np.empty(0), cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT)
        stain = rng.uniform(*self.stain) * _broad(rng, height, width, 3, 5)
        noise = rng.normal(0, self.noise, picture.shape)
        return np.clip(np.rint(bent * gain + offset + stain + noise), 0, 255).astype(np.uint8)


def _spoilt(source: np.ndarray, truth: np.ndarray, kind: str, rng: np.random.Generator) -> np.ndarray:
    """What a sample that went wrong shows before its other faults."""
    picture, (height, width) = truth.astype(np.float32), truth.shape[:2]
    if kind == "black":
        return np.zeros_like(picture)
    if kind == "grey":
        return np.full_like(picture, 128)
    if kind == "fried":
        return np.clip((picture - 128) * 3 + 128, 0, 255)
    if kind == "unchanged":
        return source.astype(np.float32)
    if kind == "other":
        return np.clip(128 + 50 * _broad(rng, height, width, 3, 16), 0, 255).astype(np.float32)
    if kind == "blurred":
        return cv2.GaussianBlur(picture, (0, 0), 0.05 * max(height, width))
    return np.roll(picture, (height // 8, width // 6), (0, 1))


def _broad(rng: np.random.Generator, height: int, width: int, channels: int, parts: int) -> np.ndarray:
    """A smooth random field of deviation 1, float32 (H, W, channels), with some `parts` hills along its longer side."""
    field = rng.normal(size=(height, width, channels)).astype(np.float32)
    field = cv2.GaussianBlur(field, (0, 0), max(height, width) / parts / 2, borderType=cv2.BORDER_REFLECT)
    return (field - field.mean(axis=(0, 1))) / field.std()


def _grid(height: int, width: int) -> np.ndarray:
    return np.stack(np.meshgrid(np.arange(width), np.arange(height)), axis=-1).astype(np.float32)


@dataclass(frozen=True)
class Key:
    """A keyframe's crop: source, true edit, mask, and what the painter made of it."""

    source: np.ndarray
    truth: np.ndarray
    mask: np.ndarray
    candidates: list[np.ndarray]
    broken: list[bool]

    def squared(self, picture: np.ndarray) -> float:
        """Mean squared error inside the mask."""
        inside = self.mask > 0
        return float(((picture[inside].astype(np.float64) - self.truth[inside]) ** 2).mean())


def painted(case: propagation.Case, painter: Painter, count: int, every: int, seed: int, uncast: bool) -> list[Key]:
    """Every so many frames of a clip as keyframes with `count` candidates each; `uncast`: their colour cast undone."""
    rng, keys = np.random.default_rng(seed), []
    for at in range(0, len(case.frames), every):
        box = _around(case.masks[at])
        source, truth, mask = (x[at][box] for x in (case.frames, case.truth, case.masks))
        pictures, broken = painter.paint(source, truth, count, rng)
        if uncast:
            pictures = [without_cast(source, picture, mask) for picture in pictures]
        keys.append(Key(source, truth, mask, pictures, broken))
    return keys


def _around(mask: np.ndarray, context: float = 0.25) -> tuple[slice, slice]:
    x, y, width, height = cv2.boundingRect(mask)
    margin = round(context * max(width, height))
    return slice(max(0, y - margin), y + height + margin), slice(max(0, x - margin), x + width + margin)


def clips(folder: Path | None) -> Iterator[propagation.Case]:
    """The made-up portrait with two edits; with a folder, the stored clips with theirs."""
    yield from propagation.made_up()
    if folder:
        yield from (case for case in propagation.cases(folder, [], ["E1", "E2", "E3"]) if not case.given)


def batches(keys: Sequence[Key]) -> list[Batch]:
    """The keyframes as the ranking sees them."""
    sketches = [Sketch.of(key.source, key.mask, key.candidates) for key in keys]
    made = []
    for at, (key, sketch) in enumerate(zip(keys, sketches)):
        scores = tuple(looked_at(key.source, one, key.mask) for one in key.candidates)
        among, onward = disagreement(sketch, sketch), None
        if at + 1 < len(keys):
            onward = disagreement(sketch, sketches[at + 1])
        assert among is not None
        made.append(Batch(at, tuple(range(len(scores))), scores, among, onward))
    return made


def chosen(keys: Sequence[Key], rng: np.random.Generator) -> dict[str, list[int]]:
    """What each way of choosing takes, keyframe by keyframe."""
    found = batches(keys)
    ranks = best_sequence(found)
    alone = [best_sequence([replace(batch, onward=None)]) for batch in found]
    lone = [best_sequence([replace(batch, among=np.zeros_like(batch.among), onward=None)]) for batch in found]
    return {
        "random": [int(rng.integers(len(key.candidates))) for key in keys],
        "random unbroken": [int(rng.choice(np.flatnonzero(~np.array(key.broken)))) for key in keys],
        "least seam": [int(np.argmin([scores.seam for scores in batch.scores])) for batch in found],
        "by own numbers": [next(rank.number for rank in row if rank.best) for row in lone],
        "each by itself": [next(rank.number for rank in row if rank.best) for row in alone],
        "sequence": [rank.number for rank in ranks if rank.best],
        "by neighbours": _by_neighbours(keys),
        "best there is": [int(np.argmin([key.squared(one) for one in key.candidates])) for key in keys],
    }


def _by_neighbours(keys: Sequence[Key]) -> list[int]:
    """The candidates nearest to the true edits of the neighbouring keyframes: the most that these can tell."""
    known = [Sketch.of(key.source, key.mask, [key.truth]) for key in keys]
    picks = []
    for at, key in enumerate(keys):
        own, costs = Sketch.of(key.source, key.mask, key.candidates), np.zeros(len(key.candidates))
        for other in known[max(0, at - 1) : at] + known[at + 1 : at + 2]:
            if (apart := disagreement(own, other)) is not None:
                costs += apart[:, 0]
        picks.append(int(costs.argmin()))
    return picks


def rings(cases: Sequence[propagation.Case], seeds: Sequence[int], every: int) -> None:
    """How much of the painter's gain and offset the ring removes, as a share of what they change inside the mask (rms)."""
    kinds = {
        "noise, bend 1": Painter(stain=(0, 0), bend=(1, 1), broken_every=0),
        "noise, bend 1-2": Painter(stain=(0, 0), broken_every=0),
        "and stains": Painter(broken_every=0),
    }
    print(f"\n{'removed, %':20}" + "".join(f"{kind:>17}" for kind in kinds))
    total: dict[str, list[float]] = {kind: [] for kind in kinds}
    for case in cases:
        for kind, painter in kinds.items():
            cast = left = 0.0
            for seed in seeds:
                rng = np.random.default_rng(seed)
                for at in range(0, len(case.frames), every):
                    box = _around(case.masks[at])
                    source, truth, mask = (x[at][box] for x in (case.frames, case.truth, case.masks))
                    gain, offset = painter.cast(rng)
                    picture = painter.sampled(truth.astype(np.float32), gain, offset, rng)
                    seen, added = gain_and_offset(source, picture, mask)
                    inside = truth[mask > 0].astype(np.float64)
                    cast += float(((gain * inside + offset - inside) ** 2).mean())
                    left += float((((gain * inside + offset - added) / seen - inside) ** 2).mean())
            total[kind].append(100 * (1 - (left / cast) ** 0.5))
        print(f"{case.clip:12}{case.edit:8}" + "".join(f"{total[kind][-1]:17.1f}" for kind in kinds), flush=True)
    print(f"{'mean':20}" + "".join(f"{np.mean(total[kind]):17.1f}" for kind in kinds))


def boxes_of(masks: Sequence[np.ndarray], tremor: float, rng: np.random.Generator) -> list[Box | None]:
    """The masks' boxes, each side off by a normal deviation of `tremor` pixels, inside the picture."""
    height, width = masks[0].shape
    found: list[Box | None] = []
    for mask in masks:
        x, y, wide, high = cv2.boundingRect(mask)
        if not wide:
            found.append(None)
            continue
        left, top, right, bottom = np.rint(np.array([x, y, x + wide, y + high]) + rng.normal(0, tremor, 4)).astype(int)
        left, top = min(max(left, 0), width - 1), min(max(top, 0), height - 1)
        found.append(Box(left, top, max(1, min(right, width) - left), max(1, min(bottom, height) - top)))
    return found


def left_over(way: np.ndarray) -> float:
    """What a way (n, 2) has beside its smooth part, rms of both axes in pixels."""
    at = np.linspace(-1, 1, len(way))
    smooth = np.stack([np.polyval(np.polyfit(at, column, min(3, len(way) - 1)), at) for column in way.T], axis=1)
    return float(np.sqrt(((way - smooth) ** 2).sum(axis=1).mean()))


def stability(cases: Sequence[propagation.Case], seeds: Sequence[int], multiple: int = 64) -> None:
    """How far windows and bare boxes tremble about the subject, and how many frames had their mask cut."""
    print(f"\n{'crop':20}{'tremor, px':>12}{'window, px':>12}{'box, px':>12}{'masks cut':>12}{'crop / region':>16}")
    for case in {case.clip: case for case in cases}.values():
        known = case.clip == "made up"
        height, width = case.masks[0].shape
        at = np.arange(len(case.masks))
        truth = np.stack([2.3 * at, 8 * np.sin(at / 5)], axis=1) if known else np.zeros((len(at), 2))
        for tremor in (0.0, 1.0, 2.0) if known else (0.0,):
            sums, cut = np.zeros(3), 0
            for seed in seeds:
                boxes = boxes_of(case.masks, tremor, np.random.default_rng(seed))
                made = path(boxes, [(0, len(boxes))], 25, None)
                found = Windows(made, boxes, (width, height), 0.25, 64, multiple)
                bare = rows_of([box for box in boxes if box])
                middles = found.corners + found.sizes / 2, bare[:, :2] + bare[:, 2:] / 2
                sums[:2] += [left_over(middle - truth[made.frames]) ** 2 if known else np.nan for middle in middles]
                sums[2] += float((found.sizes.prod(axis=1) / bare[:, 2:].prod(axis=1)).mean())
                for index in made.frames.tolist():
                    box, seen = boxes[index], found.crop(index).box
                    cut += box is not None and seen.union(box) != seen
            window, bare_box = np.sqrt(sums[:2] / len(seeds))
            row = f"{case.clip:20}{tremor:12.0f}{window:12.2f}{bare_box:12.2f}{cut:12d}{sums[2] / len(seeds):16.2f}"
            print(row, flush=True)


def speed(size: int = 512, count: int = 8) -> None:
    """Seconds a keyframe for reading and ranking its candidates, as stage 6 does it, on two threads."""
    rng = np.random.default_rng(1)
    picture = np.clip(128 + 40 * _broad(rng, size, size, 3, 60), 0, 255).astype(np.uint8)
    mask = np.zeros((size, size), np.uint8)
    cv2.circle(mask, (size // 2, size // 2), size // 3, 255, -1)
    pictures = [encode_png(one) for one in Painter().paint(picture, 255 - picture, count, rng)[0]]

    def looked(_: int) -> bytes:
        seen = [without_cast(picture, decode_picture(data, ""), mask) for data in pictures]
        for one in seen:
            looked_at(picture, one, mask)
        return encode_png(Sketch.of(picture, mask, seen).tiles())

    def compared(data: bytes) -> None:
        one, other = (Sketch.of_tiles(decode_picture(data, "")) for _ in range(2))
        disagreement(one, one)
        disagreement(one, other)

    start, total = time.perf_counter(), 20
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(compared, pool.map(looked, range(total))))
    matrix = rng.uniform(0, 100, (count, count))
    batch = Batch(0, tuple(range(count)), (looked_at(picture, picture, mask),) * count, matrix, matrix)
    best_sequence([batch] * 199 + [replace(batch, onward=None)])
    print(f"\nranking {count} candidates of {size}x{size}: {(time.perf_counter() - start) / total:.2f} s a keyframe")


def psnr(squared: Sequence[float]) -> float:
    return float(10 * np.log10(255**2 / np.mean(squared)))


def table(
    cases: Sequence[propagation.Case], painter: Painter, seeds: Sequence[int], count: int, every: int, uncast: bool
) -> None:
    """PSNR of every way of choosing, and how often it took an unbroken candidate."""
    print("\ncandidates " + ("without their colour cast" if uncast else "as painted"))
    print(f"{'clip':12}{'edit':8}" + "".join(f"{way:>17}" for way in WAYS))
    total: dict[str, list[float]] = {way: [] for way in WAYS}
    whole: dict[str, list[bool]] = {way: [] for way in WAYS}
    for case in cases:
        row: dict[str, list[float]] = {way: [] for way in WAYS}
        for seed in seeds:
            keys = painted(case, painter, count, every, seed, uncast)
            for way, picks in chosen(keys, np.random.default_rng(seed)).items():
                row[way] += [key.squared(key.candidates[pick]) for key, pick in zip(keys, picks)]
                whole[way] += [not key.broken[pick] for key, pick in zip(keys, picks)]
        for way, squared in row.items():
            total[way].append(psnr(squared))
        print(f"{case.clip:12}{case.edit:8}" + "".join(f"{total[way][-1]:17.2f}" for way in WAYS), flush=True)
    print(f"{'mean':20}" + "".join(f"{np.mean(total[way]):17.2f}" for way in WAYS))
    print(f"{'unbroken, %':20}" + "".join(f"{100 * np.mean(whole[way]):17.2f}" for way in WAYS))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, help="folder of clips (*.npz) to use beside the made-up one")
    parser.add_argument("--clips", default="", help="clips, comma-separated; all if left out")
    parser.add_argument("--seeds", default="1,2,3", help="seeds of the painter, comma-separated")
    parser.add_argument("--count", type=int, default=8, help="candidates for each keyframe")
    parser.add_argument("--every", type=int, default=5, help="frames from one keyframe to the next")
    parser.add_argument("--crops-only", action="store_true", help="only how still the crop is")
    parser.add_argument("--rings-only", action="store_true", help="only how much of gain and offset is removed")
    given = parser.parse_args()
    cv2.setNumThreads(1)
    wanted = [name for name in given.clips.split(",") if name]
    cases = [case for case in clips(given.data) if not wanted or case.clip in wanted]
    seeds = [int(seed) for seed in given.seeds.split(",")]
    stability(cases, seeds)
    if given.crops_only:
        return
    if not given.rings_only:
        for uncast in (False, True):
            table(cases, Painter(), seeds, given.count, given.every, uncast)
        speed()
    rings(cases, seeds, given.every)


if __name__ == "__main__":
    main()
