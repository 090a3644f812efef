"""How well the built-in engine brings back what an object hides: `python -m benchmarks.engines --data CLIPS`.

A portrait is laid over real moving clips (tennis.mp4: a pan; juggle.mp4 with a slow push in; woman-running.mp4: hand-held
with parallax), so that the true background is known, and taken off again by the whole pipeline with its defaults. Without
--data, pictures of scikit-image take the clips' place. Figures are of the region: PSNR from the pooled squared error of
RGB, SSIM of luma (11x11, sigma 1.5), sharpness as mean gradient over the truth's, and the warping error along the true
background's flow, over its own. Beside it `cv2.inpaint` of every frame, and the pipeline whose engine sees no donors.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from pathlib import Path

import cv2
import numpy as np

from benchmarks.propagation import _gradient, _ssim
from lib_vidpaint import flow, session
from lib_vidpaint.clip import read_planes_of
from lib_vidpaint.encode import Encoding, Writer, gray_encoding, gray_info, gray_planes
from lib_vidpaint.engines import InpaintJob, Painted
from lib_vidpaint.engines.builtin import Builtin
from lib_vidpaint.model import Frame, Mask, VideoInfo
from lib_vidpaint.planes import RGB_COLOR, planes_of, view
from lib_vidpaint.regions import REGION, read_region

FRAMES, FPS = 48, Fraction(24)
CORES = 2
"""Among which the processor's time is shared out: whatever else the machine does then makes no difference."""
EXACT = Encoding("libx264", "yuv420p", "mp4", (("qp", "0"), ("preset", "ultrafast")), "the benchmark's footage")


@dataclass(frozen=True)
class Scene:
    """A background and the object's way over it: the object's middle at the first and last frame, in parts of the
    picture, and its height in parts of the picture's."""

    name: str
    frames: Callable[[Path | None], Iterator[Frame]]
    way: tuple[tuple[float, float], tuple[float, float]]
    height: float = 0.3


def clip(name: str, zoom: float = 0.0, start: int = 0) -> Callable[[Path | None], Iterator[Frame]]:
    """The frames from `start` on of a clip of the data folder, or of a picture under a moving camera; `zoom` pushes in by that."""

    def frames(folder: Path | None) -> Iterator[Frame]:
        pictures = _real(folder / name) if folder else _made_up(name)
        for index, picture in enumerate(islice(pictures, start, start + FRAMES)):
            yield _pushed_in(picture, 1 + zoom * index / FRAMES)

    return frames


def _real(path: Path) -> Iterator[Frame]:
    return (view(planes, RGB_COLOR) for planes in read_planes_of(path))


def _made_up(name: str) -> Iterator[Frame]:
    from skimage import data

    picture = {"tennis.mp4": data.coffee, "juggle.mp4": data.rocket}.get(name, data.chelsea)()
    picture = cv2.resize(picture, (800, 533), interpolation=cv2.INTER_AREA)
    noise = np.random.default_rng(3)
    for index in range(FRAMES):
        turn = cv2.getRotationMatrix2D((400, 266), 1.5 * np.sin(index / 7), 1.0)
        turn[:, 2] += (-40 - 2.5 * index if name == "tennis.mp4" else -160 + 6 * np.sin(index / 4), -90)
        frame = cv2.warpAffine(picture, turn, (480, 352), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT)
        yield np.clip(frame + noise.normal(0, 1.5, frame.shape), 0, 255).astype(np.uint8)


def _pushed_in(picture: Frame, scale: float) -> Frame:
    if scale == 1:
        return picture
    height, width = picture.shape[:2]
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), 0, scale)
    return np.asarray(cv2.warpAffine(picture, turn, (width, height), flags=cv2.INTER_CUBIC), np.uint8)


SCENES = (
    Scene("pan", clip("tennis.mp4", start=22), ((0.7, 0.25), (0.85, 0.5))),
    Scene("zoom", clip("juggle.mp4", 0.2), ((0.12, 0.35), (0.32, 0.6))),
    Scene("hand-held", clip("woman-running.mp4"), ((0.12, 0.25), (0.1, 0.55)), 0.22),
)


def covered(scene: Scene, pictures: Sequence[Frame]) -> Iterator[tuple[Frame, Mask]]:
    """The background with the object on it, and the object's mask."""
    from skimage import data

    height, width = pictures[0].shape[:2]
    side = round(scene.height * height)
    face = cv2.resize(data.astronaut()[10:250, 105:345], (side, side), interpolation=cv2.INTER_AREA)
    oval = np.zeros((side, side), np.uint8)
    cv2.ellipse(oval, (side // 2, side // 2), (round(0.4 * side), round(0.48 * side)), 0, 0, 360, 255, -1, cv2.LINE_AA)
    for index, picture in enumerate(pictures):
        done = index / (len(pictures) - 1)
        x, y = ((1 - done) * a + done * b for a, b in zip(*scene.way))
        turn = cv2.getRotationMatrix2D((side / 2, side / 2), 8 * np.sin(index / 5), 1)
        turn[:, 2] += (x * width - side / 2, y * height - side / 2 + 0.03 * height * np.sin(index / 3))
        over, mask = (cv2.warpAffine(p, turn, (width, height)) for p in (face, oval))
        share = mask[..., None].astype(np.float32) / 255
        yield np.rint(share * over + (1 - share) * picture).astype(np.uint8), np.asarray(mask, np.uint8)


class Blind(Builtin):
    """The built-in engine without what other moments show."""

    def inpaint(self, job: InpaintJob) -> list[Painted]:
        return super().inpaint(InpaintJob(job.crop, job.mask, job.seeds))


def edited(scene: Scene, pictures: Sequence[Frame], engine: Builtin, folder: Path) -> tuple[list[Frame], dict]:
    """The pipeline's result and facts of the run: keyframes, seconds for painting them on two cores, share ever seen."""
    height, width = pictures[0].shape[:2]
    info = VideoInfo(width, height, "yuv420p", "h264", "mp4", FPS, 1 / FPS, RGB_COLOR)
    with (
        Writer(folder / "source.mp4", info, EXACT) as film,
        Writer(folder / "mask.mp4", gray_info(width, height, FPS), gray_encoding()) as matte,
    ):
        for index, (frame, mask) in enumerate(covered(scene, pictures)):
            film.write(planes_of(frame), index)
            matte.write(gray_planes(mask), index)
    values = {"source.path": str(folder / "source.mp4"), "mask.path": str(folder / "mask.mp4")}
    project = folder / "project"
    session.run(project, values, preset="remove", until="keyframes", engine=engine)
    start = time.process_time()
    session.run(project, {}, until="inpaint", engine=engine)
    seconds = (time.process_time() - start) / CORES
    session.run(project, {}, until="assemble", engine=engine)
    plans = json.loads((project / "donors.json").read_text(encoding="utf-8"))
    seen = [plan.get("seen", 0.0) for plan in plans]
    facts = {"keys": len(plans), "seconds": seconds, "seen": float(np.mean(seen))}
    return [view(planes, RGB_COLOR) for planes in read_planes_of(project / "master.mp4")], facts


def scores(result: Sequence[Frame], truth: Sequence[Frame], regions: Sequence[Mask]) -> dict[str, float]:
    """PSNR, SSIM, sharpness and warping error inside the regions."""
    squared = samples = similar = pixels = 0.0
    edges, warping = np.zeros(2), np.zeros(2)
    for index, (frame, true, region) in enumerate(zip(result, truth, regions)):
        inside = region > 0
        error = frame[inside].astype(np.float64) - true[inside]
        squared, samples = squared + (error**2).sum(), samples + error.size
        luma, true_luma = (cv2.cvtColor(p, cv2.COLOR_RGB2GRAY).astype(np.float64) for p in (frame, true))
        similar, pixels = similar + _ssim(luma, true_luma)[inside].sum(), pixels + inside.sum()
        edges += [_gradient(luma)[inside].sum(), _gradient(true_luma)[inside].sum()]
        if index:
            back = flow.refine(flow.flow_input(true), flow.flow_input(truth[index - 1]))
            for which, row in enumerate((result, truth)):
                moved = flow.warp(row[index - 1].astype(np.float32), back)
                warping[which] += ((row[index] - moved)[inside] ** 2).sum()
    return {
        "PSNR": 10 * np.log10(255**2 * samples / max(squared, 1e-9)),
        "SSIM": similar / max(pixels, 1),
        "sharp": edges[0] / max(edges[1], 1e-9),
        "warp": warping[0] / max(warping[1], 1e-9),
    }


def per_frame(scene: Scene, pictures: Sequence[Frame], regions: Sequence[Mask]) -> list[Frame]:
    """Every frame by itself with OpenCV's inpainting (Telea 2004, radius 5)."""
    frames = (frame for frame, _ in covered(scene, pictures))
    return [np.asarray(cv2.inpaint(f, r, 5, cv2.INPAINT_TELEA), np.uint8) for f, r in zip(frames, regions)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, help="folder with the clips; without it pictures of scikit-image move")
    parser.add_argument("--scenes", nargs="+", choices=[s.name for s in SCENES], default=[s.name for s in SCENES])
    parser.add_argument("--keep", type=Path, help="folder to leave the projects in, to look at")
    given = parser.parse_args()
    print(f"{'scene':12}{'method':24}  PSNR   SSIM  sharp   warp   keys  keys/s  seen")
    for scene in [s for s in SCENES if s.name in given.scenes]:
        pictures = [view(planes_of(picture), RGB_COLOR) for picture in scene.frames(given.data)]
        for name, engine in (("pipeline", Builtin()), ("pipeline without donors", Blind())):
            with tempfile.TemporaryDirectory() as temporary:
                folder = (given.keep / f"{scene.name}-{name.split()[-1]}") if given.keep else Path(temporary)
                folder.mkdir(parents=True, exist_ok=True)
                result, facts = edited(scene, pictures, engine, folder)
                regions = [region.copy() for region in read_region(folder / "project" / REGION)]
            row = _figures(scores(result, pictures, regions))
            speed = facts["keys"] / facts["seconds"]
            print(f"{scene.name:12}{name:24}{row}  {facts['keys']:5d}  {speed:6.2f}  {facts['seen']:.2f}", flush=True)
        row = _figures(scores(per_frame(scene, pictures, regions), pictures, regions))
        print(f"{scene.name:12}{'cv2.inpaint each frame':24}{row}", flush=True)


def _figures(row: dict[str, float]) -> str:
    return f"{row['PSNR']:6.2f}  {row['SSIM']:.3f}  {row['sharp']:5.3f}  {row['warp']:5.2f}"


if __name__ == "__main__":
    main()
