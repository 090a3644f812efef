"""How well a removed object's background is carried between keyframes: `python -m benchmarks.removal --data FOLDER`.

A textured ball of its own motion is laid over real moving clips, so that what it hides is known. Every method but
cv2.inpaint, which sees one frame at a time, is given the true background at the keys. Figures are taken under the ball,
over frames that are no keys: PSNR from the pooled squared error, and the warping error over the true background's (1 =
as steady as the background itself; the change from frame to frame along the background's motion).
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from lib_vidpaint import flow
from lib_vidpaint.propagation import Carry, KeyLayer, carry

# Where the ball is in the first and in the last frame (shares of width and height), away from the clip's own subject.
WAYS = {
    "bmx": ((0.12, 0.35), (0.22, 0.45)),
    "tennis": ((0.85, 0.35), (0.75, 0.75)),
    "bunny": ((0.80, 0.75), (0.65, 0.60)),
    "carphone": ((0.18, 0.45), (0.14, 0.60)),
}
KEY_EVERY = 10


@dataclass(frozen=True)
class Case:
    """The true frames, the same with the ball before them, and the ball's masks."""

    clip: str
    truth: list[np.ndarray]
    frames: list[np.ndarray]
    masks: list[np.ndarray]

    @property
    def keys(self) -> list[KeyLayer]:
        return [
            KeyLayer(i, self.frames[i], self.truth[i], self.masks[i]) for i in range(0, len(self.frames), KEY_EVERY)
        ]


def cases(folder: Path | None) -> Iterator[Case]:
    """A picture under a pan and a zoom that brightens; the stored clips if a folder is given."""
    yield _behind_a_ball("made up", _panned(), ((0.3, 0.5), (0.6, 0.4)))
    if folder is None:
        return
    for name, way in WAYS.items():
        yield _behind_a_ball(name, list(np.load(folder / f"{name}.npz")["frames"]), way)


def _panned() -> list[np.ndarray]:
    from skimage import data

    picture = cv2.resize(data.coffee(), (600, 400), interpolation=cv2.INTER_AREA)
    frames = []
    for i in range(21):
        turn = cv2.getRotationMatrix2D((300, 200), 0.3 * i, 0.75 + 0.006 * i)
        turn[:, 2] += (-150 + 3.1 * i, -80 + 10 * np.sin(i / 6))
        moved = cv2.warpAffine(picture, turn, (320, 240), flags=cv2.INTER_AREA, borderMode=cv2.BORDER_REFLECT)
        frames.append(np.clip(moved * (0.9 + 0.1 * np.sin(i / 5)), 0, 255).astype(np.uint8))
    return frames


def _behind_a_ball(clip: str, truth: list[np.ndarray], way: tuple[tuple[float, float], ...]) -> Case:
    height, width = truth[0].shape[:2]
    radius = round(0.12 * height)
    noise = np.random.default_rng(5).integers(0, 256, (height, width, 3)).astype(np.uint8)
    skin = cv2.normalize(cv2.GaussianBlur(noise, (0, 0), 4), None, 20, 235, cv2.NORM_MINMAX)  # pyright: ignore
    frames, masks = [], []
    for done, picture in zip(np.linspace(0, 1, len(truth)), truth):
        centre = (1 - done) * np.array(way[0]) + done * np.array(way[1])
        x, y = (round(float(v)) for v in centre * (width, height))
        cover = cv2.circle(np.zeros((height, width), np.uint8), (x, y), radius, 255, -1, cv2.LINE_AA)
        masks.append(np.where(cover > 0, 255, 0).astype(np.uint8))
        share = cover[..., None] / np.float32(255)
        shown = share * np.roll(skin, (y, x), (0, 1)) + (1 - share) * picture
        frames.append(np.rint(shown).astype(np.uint8))
    return Case(clip, truth, frames, masks)


def each_frame_alone(case: Case) -> list[np.ndarray]:
    return [cv2.inpaint(f, m, 5, cv2.INPAINT_TELEA) for f, m in zip(case.frames, case.masks)]


def carried(how: Carry) -> Callable[[Case], list[np.ndarray]]:
    def method(case: Case) -> list[np.ndarray]:
        pictures = carry(case.frames, case.masks, range(len(case.frames)), case.keys, how)
        return [np.rint(x).astype(np.uint8) for x in pictures]

    return method


METHODS = {
    "cv2.inpaint": each_frame_alone,
    "paste": carried("paste"),
    "surface": carried("surface"),
    "background": carried("background"),
}


def scores(case: Case, result: list[np.ndarray]) -> tuple[float, float]:
    """PSNR and the warping error over the true background's."""
    squared = samples = 0.0
    changes = np.zeros(2)
    for i, (shown, true, mask) in enumerate(zip(result, case.truth, case.masks)):
        inside = mask > 0
        if i % KEY_EVERY:
            error = shown[inside].astype(np.float64) - true[inside]
            squared, samples = squared + (error**2).sum(), samples + error.size
        if i:
            back = flow.dense_flow(true, case.truth[i - 1])
            for row, pictures in enumerate((result, case.truth)):
                before = flow.warp(pictures[i - 1].astype(np.float32), back)
                changes[row] += np.abs(pictures[i] - before)[inside].mean()
    return 10 * np.log10(255**2 * samples / max(squared, 1e-9)), changes[0] / changes[1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, help="folder of clips (*.npz); without it only the made-up one")
    given = parser.parse_args()
    cv2.setNumThreads(1)
    print(f"{'clip':12}{'method':14}  PSNR  warping error  frames/s")
    for case in cases(given.data):
        for name, method in METHODS.items():
            start = time.perf_counter()
            result = method(case)
            speed = len(result) / (time.perf_counter() - start)
            quality, steadiness = scores(case, result)
            print(f"{case.clip:12}{name:14}{quality:6.2f}{steadiness:15.2f}{speed:10.1f}", flush=True)


if __name__ == "__main__":
    main()
