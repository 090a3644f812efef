"""How many masks damaged on purpose are found, and how many good ones are doubted: `python -m benchmarks.mask_checks`.

Good masks are those of made-up clips, and with `--clip VIDEO MASKS` or `--data FOLDER` (npz with frames and masks) of
real ones. At a random place in every 25 frames one is damaged, twice one alone, then two and three in a row: shifted by a quarter of
its box (`slightly` by a tenth), emptied, inverted, swapped for one of another moment (mirrored where none differs), torn by a
straight cut that leaves 40 to 70 % of it, pierced by a hole of a sixth of its area. A false alarm is a doubted frame
that is not damaged.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np

from lib_vidpaint.clip import open_clip
from lib_vidpaint.mask_checks import Doubt, Pair, doubts_in, measures
from lib_vidpaint.planes import view
from lib_vidpaint.segmenters.given import open_given
from lib_vidpaint.shots import ShotDetector
from lib_vidpaint.survey import PROXY_WIDTH

FPS, FLOOR, EVERY = 25, 32, 25
Damage = Callable[[np.ndarray, Sequence[np.ndarray], np.random.Generator], np.ndarray]


def portrait(count: int = 60) -> Iterator[Pair]:
    """A face that drifts, turns and breathes before a picture of coffee."""
    from skimage import data

    face = cv2.resize(data.astronaut()[0:256, 96:352], (176, 176), interpolation=cv2.INTER_AREA)
    back = cv2.resize(data.coffee(), (320, 240), interpolation=cv2.INTER_AREA)
    oval = cv2.ellipse(np.zeros((176, 176), np.uint8), (88, 80), (52, 70), 0, 0, 360, (255,), -1)
    for i in range(count):
        turn = cv2.getRotationMatrix2D((88, 80), 8 * np.sin(i / 6), 1 + 0.06 * np.sin(i / 4))
        turn[:, 2] += (50 + 60 * np.sin(i / 20), 30 + 8 * np.sin(i / 5))
        mask = cv2.warpAffine(oval, turn, (320, 240))
        frame = np.where(mask[..., None] > 127, cv2.warpAffine(face, turn, (320, 240)), back)
        yield frame.astype(np.uint8), np.asarray(mask, np.uint8)


def walker(count: int = 60) -> Iterator[Pair]:
    """A striped figure that walks with swinging limbs, comes in at the left and goes out at the right, under a hand camera."""
    rng = np.random.default_rng(3)
    ground = cv2.GaussianBlur(rng.integers(0, 256, (300, 400, 3), np.uint8), (0, 0), 2)
    ground = np.clip((ground - ground.mean()) * 4 + 128, 0, 255)
    stripes = np.tile(np.repeat(rng.integers(0, 256, (40, 3), np.uint8), 8, axis=0)[:, None], (1, 320, 1))
    for i in range(count):
        x, shake = round(-60 + 440 * i / (count - 1)), (20 + round(6 * np.sin(i / 3)), 20 + round(5 * np.cos(i / 4)))
        mask = np.zeros((240, 320), np.uint8)
        cv2.ellipse(mask, (x, 60), (16, 20), 0, 0, 360, (255,), -1)
        cv2.ellipse(mask, (x, 120), (24, 44), 0, 0, 360, (255,), -1)
        for side in (-1, 1):
            swing = 0.6 * side * np.sin(i / 3)
            for (y, length), width in (((155, 70), 16), ((95, 55), 11)):
                end = round(x + length * np.sin(swing)), round(y + length * np.cos(swing))
                cv2.line(mask, (x, y), end, (255,), width, cv2.LINE_AA)
        frame = ground[shake[1] : shake[1] + 240, shake[0] : shake[0] + 320]
        figure = np.roll(stripes[:240], x, axis=1)
        noisy = np.where(mask[..., None] > 127, figure, frame) + rng.normal(0, 4, frame.shape)
        yield np.clip(noisy, 0, 255).astype(np.uint8), mask


def filmed(video: Path, masks: Path) -> Iterator[Pair]:
    """A clip with masks of its own, as small as a proxy."""
    clip = open_clip(video)
    given = open_given(str(masks), clip.info)
    for (_, planes), mask in zip(clip.scan(), given.read(clip.info)):
        frame = view(planes, clip.info.color)
        size = PROXY_WIDTH, round(frame.shape[0] * PROXY_WIDTH / frame.shape[1])
        mask = np.where(mask < FLOOR, 0, mask).astype(np.uint8)
        frame, mask = (cv2.resize(picture, size, interpolation=cv2.INTER_AREA) for picture in (frame, mask))
        yield np.asarray(frame, np.uint8), np.asarray(mask, np.uint8)


def _overlap(a: np.ndarray, b: np.ndarray) -> float:
    return np.count_nonzero((a > 127) & (b > 127)) / max(np.count_nonzero((a > 127) | (b > 127)), 1)


def shifted(share: float) -> Damage:
    def damage(mask: np.ndarray, masks: Sequence[np.ndarray], rng: np.random.Generator) -> np.ndarray:
        angle, (_, _, width, height) = rng.uniform(0, 2 * np.pi), cv2.boundingRect(mask)
        way = np.array([[1, 0, share * width * np.cos(angle)], [0, 1, share * height * np.sin(angle)]])
        return np.asarray(cv2.warpAffine(mask, way, mask.shape[::-1]))

    return damage


def swapped(mask: np.ndarray, masks: Sequence[np.ndarray], rng: np.random.Generator) -> np.ndarray:
    others = [other for other in masks if _overlap(mask, other) < 0.6]
    return others[rng.integers(len(others))] if others else np.asarray(cv2.flip(mask, 1))


def torn(mask: np.ndarray, _: Sequence[np.ndarray], rng: np.random.Generator) -> np.ndarray:
    y, x = np.mgrid[: mask.shape[0], : mask.shape[1]]
    angle = rng.uniform(0, 2 * np.pi)
    along = x * np.cos(angle) + y * np.sin(angle)
    return np.where(along < np.quantile(along[mask > 127], rng.uniform(0.3, 0.6)), 0, mask).astype(np.uint8)


def pierced(mask: np.ndarray, _: Sequence[np.ndarray], rng: np.random.Generator) -> np.ndarray:
    depth = cv2.distanceTransform((mask > 127).astype(np.uint8), cv2.DIST_L2, 3)
    y, x = np.unravel_index(int(np.argmax(depth)), depth.shape)
    reach = min(np.sqrt(np.count_nonzero(mask > 127) / 6 / np.pi), 0.9 * float(depth.max()))
    return np.asarray(cv2.circle(mask.copy(), (int(x), int(y)), round(reach), (0,), -1))


KINDS: dict[str, Damage] = {
    "shifted": shifted(0.25),
    "emptied": lambda mask, masks, rng: np.zeros_like(mask),
    "inverted": lambda mask, masks, rng: 255 - mask,
    "swapped": swapped,
    "torn": torn,
    "slightly": shifted(0.1),
    "pierced": pierced,
}


def doubted(clip: Sequence[Pair]) -> list[Doubt]:
    shots = ShotDetector(FPS)
    for frame, _ in clip:
        shots.add(frame)
    return doubts_in(list(measures(clip)), shots.starts, FPS)


def damaged(clip: Sequence[Pair], kind: Damage, row: int, seed: int) -> tuple[list[Pair], set[int]]:
    """The clip with some masks damaged, and the numbers of those."""
    rng = np.random.default_rng(seed)
    masks = [mask for _, mask in clip]
    starts = range(0, max(len(clip) - EVERY, 0) + 1, EVERY)
    rows = [range(start, start + row) for start in (first + int(rng.integers(1, EVERY - 10)) for first in starts)]
    bad = {i for frames in rows for i in frames if np.count_nonzero(masks[i]) > 100}
    return [(f, kind(m, masks, rng) if i in bad else m) for i, (f, m) in enumerate(clip)], bad


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clip", nargs=2, type=Path, action="append", default=[], metavar=("VIDEO", "MASKS"))
    parser.add_argument("--data", type=Path, help="folder of clips (*.npz)")
    given = parser.parse_args()
    cv2.setNumThreads(1)
    clips = {"portrait": list(portrait()), "walker": list(walker()), "cut": [*portrait(30), *walker(30)]}
    for path in sorted(given.data.glob("*.npz")) if given.data else []:
        data = np.load(path)
        clips[path.stem] = [(f, (255 * (m > 0)).astype(np.uint8)) for f, m in zip(data["frames"], data["masks"])]
    clips |= {video.stem: list(filmed(video, masks)) for video, masks in given.clip}
    found, all_, alarms, good = Counter(), Counter(), 0, 0
    print(f"{'clip':12}{'frames':>7}  doubted as they are   found of damaged: {', '.join(KINDS)}")
    for name, clip in clips.items():
        clean = doubted(clip)
        alarms, good = alarms + len(clean), good + len(clip)
        figures = []
        for kind, damage in KINDS.items():
            hits = count = 0
            for row in (1, 1, 2, 3):
                changed, bad = damaged(clip, damage, row, len(figures) * 10 + row + hits)
                doubts = {doubt.frame for doubt in doubted(changed)}
                hits, count = hits + len(doubts & bad), count + len(bad)
                alarms, good = alarms + len(doubts - bad), good + len(clip) - len(bad)
            found[kind], all_[kind] = found[kind] + hits, all_[kind] + count
            figures.append(f"{hits}/{count}")
        print(
            f"{name:12}{len(clip):7}  {[f'{d.frame} {d.reason}' for d in clean]!s:20}  {'  '.join(figures)}", flush=True
        )
    print("found:", ", ".join(f"{kind} {found[kind] / all_[kind]:.1%}" for kind in KINDS))
    asked = list(KINDS)[:5]
    print(f"the first five: {sum(found[k] for k in asked) / sum(all_[k] for k in asked):.1%}; ", end="")
    print(f"false alarms: {alarms / good:.2%} of good frames")


if __name__ == "__main__":
    main()
