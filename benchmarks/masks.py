"""How good the masks are that segmenters find: mean overlap (J), boundary (F), jumps of identity and speed.

    python -m benchmarks.masks                            made-up clips, whose masks are exact
    python -m benchmarks.masks VIDEO MASK_VIDEO           any clip with given masks, such as DAVIS'
    python -m benchmarks.masks --speed VIDEO              frames a second of person and face masks, from file to file

Trackers start from one box or click on the first frame, or from five. For comparison: the first mask carried along the optical
flow alone, the same with GrabCut in every frame, and the person network frame by frame without following anybody.
J and F as in DAVIS (Perazzi et al., 2016); a jump is a frame whose mask shares nothing with the true one.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from lib_vidpaint import session
from lib_vidpaint.clip import open_clip
from lib_vidpaint.finding import find
from lib_vidpaint.flow import warp
from lib_vidpaint.model import Box, Frame, Mask
from lib_vidpaint.pipeline import Run, catch_up
from lib_vidpaint.planes import view
from lib_vidpaint.plates import between
from lib_vidpaint.pools import Threads
from lib_vidpaint.project import Project
from lib_vidpaint.segmenters import How, Options, Shot, open_segmenter
from lib_vidpaint.segmenters.prompts import Prompt
from lib_vidpaint.stages import STAGES, Settings

WIDTH = 480
ROUNDS = 3


@dataclass(frozen=True)
class Case:
    """A clip with its true masks."""

    name: str
    frames: list[Frame]
    masks: list[Mask]


@dataclass(frozen=True)
class Whole:
    """A frame as segmenters see it."""

    frame: Frame

    def crop(self, box: Box) -> Frame:
        return self.frame[box.slices]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    cv2.setNumThreads(1)  # as in a run
    parser.add_argument("video", nargs="?", type=Path)
    parser.add_argument("masks", nargs="?", type=Path)
    parser.add_argument("--speed", type=Path, metavar="VIDEO")
    options = parser.parse_args()
    if options.speed:
        speeds(options.speed)
        return
    cases = [given(options.video, options.masks)] if options.video else made_up()
    print(f"{'clip':<12} {'way':<24} {'J':>6} {'F':>6} {'jumps':>6} {'fps':>6}")
    for case in cases:
        count = len(case.frames)
        five = [round((number + 0.5) * count / 5) for number in range(5)]
        ways: dict[str, Callable[[], Iterator[Mask]]] = {
            "flow alone": lambda case=case: carried(case, grab=False),
            "flow and GrabCut": lambda case=case: carried(case, grab=True),
            "track, one box": lambda case=case: found(case, "track", [0]),
            "track, five boxes": lambda case=case, five=five: found(case, "track", five),
            "track, one click": lambda case=case: found(case, "track", [0], click=True),
            "track, five clicks": lambda case=case, five=five: found(case, "track", five, click=True),
        }
        if options.video:
            ways["person, every one seen"] = partial(found, case, "person", [], Options(which=0))
            ways["person, followed"] = partial(found, case, "person", [])
            ways["face"] = partial(found, case, "face", [])
        for name, way in ways.items():
            begun = time.perf_counter()
            masks = list(way())
            fps = count / (time.perf_counter() - begun)
            overlaps = [overlap(a, b) for a, b in zip(masks, case.masks)]
            rims = [boundary(a, b) for a, b in zip(masks, case.masks)]
            jumps = sum(bool((mask > 127).any()) and share == 0 for mask, share in zip(masks, overlaps))
            print(f"{case.name:<12} {name:<24} {np.mean(overlaps):6.3f} {np.mean(rims):6.3f} {jumps:6} {fps:6.1f}")


def speeds(video: Path) -> None:
    """How fast the shipped networks find masks in a file, reading it and writing what is found included; and the whole
    stage, with its alpha pictures and its region."""
    for how, part in (("person", "face"), ("face", "face"), ("face", "face+neck"), ("face", "head")):
        finding, whole, cpus, frames = [], [], [], 0
        for _ in range(ROUNDS):
            values = {"source.path": str(video), "mask.how": how, "mask.part": part}
            with tempfile.TemporaryDirectory() as folder, Project(Path(folder) / "project") as project:
                run = Run(project, session.changed_settings(Settings(), values), pool=Threads())
                frames, run.stage = len(run.survey.pts), "mask"
                begun, cpu = time.perf_counter(), time.process_time()
                find(run)
                finding.append(time.perf_counter() - begun)
                cpus.append(time.process_time() - cpu)
                catch_up(run, STAGES, "mask")
                whole.append(time.perf_counter() - begun)
        rates = f"{frames / min(finding):6.1f} fps, {1000 * min(cpus) / frames:5.1f} cpu-ms a frame"
        print(
            f"{part if how == 'face' else how:<10} {rates}; the whole stage {frames / min(whole):6.1f} fps", flush=True
        )


def found(
    case: Case, how: How, keys: Sequence[int], options: Options | None = None, click: bool = False
) -> Iterator[Mask]:
    """What a segmenter finds, with a box around the true mask's largest part at the frames `keys`, or a click inside it."""
    boxes = ((key, largest(case.masks[key])) for key in keys)
    prompts = tuple(
        Prompt(key, inside=(innermost(case.masks[key], box),)) if click else Prompt(key, box=box) for key, box in boxes
    )
    return open_segmenter(how, options or Options()).masks(shot_of(case.frames, prompts))


def shot_of(frames: Sequence[Frame], prompts: tuple[Prompt, ...] = ()) -> Shot:
    """Frames in memory as a shot."""
    height, width = frames[0].shape[:2]
    wide = min(WIDTH, width)
    size = wide, round(height * wide / width)
    small = [np.asarray(cv2.resize(frame, size, interpolation=cv2.INTER_AREA), np.uint8) for frame in frames]
    return Shot(
        len(frames), width, height, Fraction(25),
        lambda start, stop: iter(small[start:stop]), lambda start, stop: map(Whole, frames[start:stop]), prompts,
    )  # fmt: skip


def carried(case: Case, grab: bool) -> Iterator[Mask]:
    """The first true mask carried along the flow, with `grab` settled by GrabCut in every frame."""
    mask = case.masks[0]
    yield mask
    greys = [np.asarray(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY), np.uint8) for frame in case.frames]
    for index in range(1, len(greys)):
        mask = warp(mask, between(greys[index], greys[index - 1]))
        mask = settled(case.frames[index], mask) if grab else mask
        yield mask


def settled(frame: Frame, mask: Mask) -> Mask:
    """The mask after GrabCut in a band around its rim."""
    inside = (mask > 127).astype(np.uint8)
    if not inside.any():
        return mask
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (21, 21))
    labels = np.where(cv2.dilate(inside, disc) > 0, np.where(inside > 0, cv2.GC_PR_FGD, cv2.GC_PR_BGD), cv2.GC_BGD)
    labels = labels.astype(np.uint8)
    cv2.grabCut(frame, labels, (0, 0, 1, 1), np.zeros((1, 65)), np.zeros((1, 65)), 2, cv2.GC_INIT_WITH_MASK)
    return ((labels & 1) * 255).astype(np.uint8)


def overlap(a: Mask, b: Mask) -> float:
    """J: what both masks share of what either covers; 1 when both are empty."""
    one, other = a > 127, b > 127
    either = np.count_nonzero(one | other)
    return float(np.count_nonzero(one & other) / either) if either else 1.0


def boundary(a: Mask, b: Mask) -> float:
    """F: harmonic mean of how much of each rim lies near the other, near being 0.8 % of the picture's diagonal."""
    reach = max(1, round(0.008 * float(np.hypot(*a.shape))))
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
    cross = np.ones((3, 3), np.uint8)
    rims = [
        np.asarray(cv2.morphologyEx((mask > 127).astype(np.uint8), cv2.MORPH_GRADIENT, cross), np.uint8)
        for mask in (a, b)
    ]
    if not (rims[0].any() and rims[1].any()):
        return float(rims[0].any() == rims[1].any())
    near = [
        float((rim & np.asarray(cv2.dilate(other, disc), np.uint8)).sum() / rim.sum())
        for rim, other in (rims, rims[::-1])
    ]
    return 2 * near[0] * near[1] / sum(near) if sum(near) else 0.0


def largest(mask: Mask) -> Box:
    """The box around the largest part of a mask."""
    facts = cv2.connectedComponentsWithStats((mask > 127).astype(np.uint8))[2]
    x, y, width, height, _ = (int(value) for value in facts[1 + int(np.argmax(facts[1:, cv2.CC_STAT_AREA]))])
    return Box(x, y, width, height)


def innermost(mask: Mask, box: Box) -> tuple[int, int]:
    """The point of a mask inside `box` that lies farthest from its rim."""
    depth = cv2.distanceTransform((mask[box.slices] > 127).astype(np.uint8), cv2.DIST_L2, 5)
    y, x = np.unravel_index(int(depth.argmax()), depth.shape)
    return box.x + int(x), box.y + int(y)


def given(video: Path, masks: Path) -> Case:
    """A clip and its masks from two files."""
    clip, true = open_clip(video), open_clip(masks)
    frames = [view(planes, clip.info.color) for _, planes in clip.scan()]
    return Case(video.stem, frames, [view(planes, true.info.color)[..., 1].copy() for _, planes in true.scan()])


def made_up(count: int = 60, size: tuple[int, int] = (320, 240)) -> list[Case]:
    """Textured things over textured ground: one that moves under a moving camera, one fixed to the ground, one that goes
    behind a post and comes back."""
    return [_scene(name, count, size, *moves) for name, moves in SCENES.items()]


# Camera pixels a frame, the thing's own (x, y) path over time 0..1, its growth, whether there is a post before it.
SCENES = {
    "moving": (1.5, lambda t: (80 + 150 * t, 120 + 50 * np.sin(5 * t)), 0.4, False),
    "fixed": (1.0, lambda t: (200 - 60 * t, 120), 0.0, False),
    "hidden": (0.0, lambda t: (40 + 240 * t, 120), 0.0, True),
}


def _scene(
    name: str,
    count: int,
    size: tuple[int, int],
    pan: float,
    path: Callable[[float], tuple[float, float]],
    growth: float,
    post: bool,
) -> Case:
    width, height = size
    rng = np.random.default_rng(5)
    ground = _cloth(rng, (height + 40, width + 200), (90, 120, 80), 50)
    skin = _cloth(rng, (240, 240), (190, 90, 60), 60)
    frames, masks = [], []
    for index in range(count):
        t = index / count
        shift = np.array([[1, 0, -pan * index - 10.4], [0, 1, -12 - 6 * np.sin(4 * t)]])
        frame = cv2.warpAffine(ground, shift, size)
        (x, y), turn, scale = path(t), 60 * t if name != "fixed" else 0.0, 1 + growth * t
        to = cv2.getRotationMatrix2D((120, 120), turn, scale) + np.array([[0, 0, x - 120], [0, 0, y - 120]])
        shape = np.zeros((240, 240), np.uint8)
        cv2.ellipse(shape, (120, 120), (34, 26), 0, 0, 360, (255,), -1, cv2.LINE_AA)
        cv2.ellipse(shape, (140, 96), (16, 22), 30, 0, 360, (255,), -1, cv2.LINE_AA)
        mask = np.asarray(cv2.warpAffine(shape, to, size), np.uint8)
        if post:
            mask[:, 140:220] = 0
        soft = mask[..., None] / 255.0
        frame = frame * (1 - soft) + cv2.warpAffine(skin, to, size) * soft
        frames.append(np.clip(frame + rng.normal(0, 2, frame.shape), 0, 255).astype(np.uint8))
        masks.append(mask)
    return Case(name, frames, masks)


def _cloth(rng: np.random.Generator, size: tuple[int, int], color: tuple[int, int, int], contrast: float) -> Frame:
    coarse = cv2.GaussianBlur(rng.normal(0, 1, (*size, 1)).astype(np.float32), (0, 0), 4)
    fine = cv2.GaussianBlur(rng.normal(0, 1, (*size, 3)).astype(np.float32), (0, 0), 1.5)
    pattern = coarse[..., None] / coarse.std() + 0.4 * fine / fine.std()
    return np.clip(np.array(color) + contrast / 2 * pattern, 0, 255).astype(np.uint8)


if __name__ == "__main__":
    main()
