"""Speed, memory and disk beside the limits they cannot beat: `python -m benchmarks.throughput`.

A 1080p clip is made on the spot (H.264, a portrait drifting over a picture of coffee, with grain), its region is 15 % of the
picture and moves along, groups have 10 frames, and painting is a flat tint, so that what is timed is the handling of frames.
Every stage stands beside what nothing can do without: decoding the source, or decoding it and encoding the same outputs
with the same settings. Stage and limit take turns and the middle of three is reported. Ends with 1 when a target is missed.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from lib_vidpaint import session
from lib_vidpaint.clip import open_clip, read_planes_of
from lib_vidpaint.encode import (
    Encoding,
    Writer,
    gray_encoding,
    gray_info,
    gray_planes,
    master_encoding,
    share_encoding,
    share_info,
)
from lib_vidpaint.engines import InpaintJob, Painted
from lib_vidpaint.items import encode_png
from lib_vidpaint.model import Color, Frame, Mask, VideoInfo
from lib_vidpaint.patching import patches_in_force
from lib_vidpaint.pipeline import Run, catch_up
from lib_vidpaint.planes import planes_of, view
from lib_vidpaint.pools import Threads
from lib_vidpaint.progress import Progress
from lib_vidpaint.project import Project
from lib_vidpaint.stages import STAGES, Settings

WIDTH, HEIGHT, FPS = 1920, 1080, Fraction(25)
OVAL = 272, 364  # half axes: 15 % of the picture
ROUNDS = 3
CRF = 18.0
SOURCE = Encoding("libx264", "yuv420p", "mp4", (("crf", "20"), ("preset", "veryfast")), "the benchmark's clip")
INFO = VideoInfo(WIDTH, HEIGHT, "yuv420p", "h264", "mp4", FPS, 1 / FPS, Color(6, 6, 6))
BOUND_MEMORY = 1.5e9


class Tint:
    """An engine that costs nothing: everything in the mask a little redder."""

    name, multiple = "tint", 8

    def names(self, kind: str) -> list[str]:
        return []

    def inpaint(self, job: InpaintJob) -> list[Painted]:
        red = cv2.add(job.crop, np.full_like(job.crop, (24, 8, 0)))
        return [Painted(np.asarray(red, np.uint8), seed) for seed in job.seeds]

    def upscale(self, frame: Frame, model: str, scale: float) -> Frame:
        return frame


def shots(frames: int) -> Iterator[tuple[Frame, Mask]]:
    """The footage: RGB frames and the oval around the portrait in each."""
    from skimage import data

    back = cv2.resize(data.coffee(), (WIDTH + 200, HEIGHT + 120), interpolation=cv2.INTER_CUBIC)
    face = cv2.resize(data.astronaut()[0:384, 64:448], (2 * OVAL[1], 2 * OVAL[1]), interpolation=cv2.INTER_CUBIC)
    grain = np.random.default_rng(1).normal(0, 3, (HEIGHT + 64, WIDTH + 64, 1)).astype(np.int16).repeat(3, axis=2)
    for index in range(frames):
        beat = 2 * np.pi * index / 50
        x, y = 600 + 350 * np.sin(beat / 3), 160 + 100 * np.sin(beat / 2)
        left, top = int(100 + 90 * np.sin(beat / 4)), int(60 + 50 * np.cos(beat / 4))
        frame = back[top : top + HEIGHT, left : left + WIDTH].copy()
        place = np.array([[1, 0, x], [0, 1, y]])
        cv2.warpAffine(face, place, (WIDTH, HEIGHT), dst=frame, borderMode=cv2.BORDER_TRANSPARENT)
        down, right = (index * 13) % 64, (index * 29) % 64
        frame = cv2.add(frame, grain[down : down + HEIGHT, right : right + WIDTH], dtype=cv2.CV_8U)
        mask = np.zeros((HEIGHT, WIDTH), np.uint8)
        cv2.ellipse(mask, (round(x) + OVAL[1], round(y) + OVAL[1]), OVAL, 0, 0, 360, 255, -1, cv2.LINE_AA)
        yield np.asarray(frame, np.uint8), mask


def film(folder: Path, frames: int) -> tuple[Path, Path]:
    """The clip and its mask video, `frames` long."""
    source, mask = folder / f"source-{frames}.mp4", folder / f"mask-{frames}.mp4"
    matte_info = gray_info(WIDTH, HEIGHT, FPS)
    with Writer(source, INFO, SOURCE) as video, Writer(mask, matte_info, gray_encoding()) as matte:
        for index, (frame, inside) in enumerate(shots(frames)):
            video.write(planes_of(frame), index)
            matte.write(gray_planes(inside), index)
    return source, mask


@contextmanager
def project(folder: Path, source: Path, mask: Path, **values: Any) -> Iterator[Run]:
    """A run over a new project, or over the one that is there."""
    settings = session.changed_settings(
        Settings(),
        {
            "source.path": str(source), "mask.path": str(mask), "keyframes.longest": 10, "keyframes.movement": 0.0, "inpaint.batch_count": 1,
            "inpaint.batch_size": 1, "composite.carry": "paste", "assemble.master": "on", "assemble.crf": CRF, **values,
        },
    )  # fmt: skip
    with Project(folder) as opened:
        opened.write_settings(settings)
        yield Run(opened, settings, Progress(), Threads(), Tint())


def decode(source: Path) -> None:
    for _ in open_clip(source).scan():
        pass


def encode_again(source: Path, folder: Path, outputs: Mapping[str, Encoding]) -> None:
    """Decode the source and encode every frame as it is: what a render of these outputs cannot do without."""
    clip = open_clip(source)
    with ExitStack() as stack:
        writers = []
        for name, encoding in outputs.items():
            info = share_info(clip.info) if name == "share" else clip.info
            writers.append(stack.enter_context(Writer(folder / f"limit-{name}.mp4", info, encoding, audio_from=clip)))
        for pts, planes in clip.scan():
            for writer in writers:
                writer.write(planes, pts)


def take_masks(mask: Path, folder: Path) -> None:
    """Decode the mask video and write every mask as PNG."""
    folder.mkdir(exist_ok=True)
    for index, planes in enumerate(read_planes_of(mask)):
        (folder / f"{index:06d}.png").write_bytes(encode_png(np.asarray(planes.arrays[0], np.uint8)))


@dataclass(frozen=True)
class Row:
    """One line of the table: seconds of the work and of its limit; `most` = how many times the limit it may take."""

    what: str
    frames: int
    seconds: float
    limit: str = ""
    least: float = 0.0
    most: float = 0.0

    @property
    def ok(self) -> bool:
        return not self.most or self.seconds <= self.most * self.least

    def __str__(self) -> str:
        line = f"{self.what:36}{self.frames / self.seconds:8.1f}"
        if self.limit:
            line += f"   {self.limit:30}{self.frames / self.least:8.1f}{self.seconds / self.least:8.2f}"
        if self.most:
            line += f"  <= {self.most:.2f}  {'ok' if self.ok else 'MISSED'}"
        return line


HEAD = f"{'stage':36}{'frames/s':>8}   {'limit it cannot beat':30}{'frames/s':>8}{'x limit':>8}  target"


def timed(work: Callable[[], Any]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def reading(folder: Path, source: Path, mask: Path, frames: int) -> list[Row]:
    """The stages up to keyframes, each round on a new project; the last one stays in folder/project."""
    seconds: dict[str, list[float]] = {}

    def note(name: str, work: Callable[[], Any]) -> None:
        seconds.setdefault(name, []).append(timed(work))

    for _ in range(ROUNDS):
        shutil.rmtree(folder / "project", ignore_errors=True)
        with project(folder / "project", source, mask) as run:
            note("decode", lambda: decode(source))
            note("survey", lambda: run.survey)
            for name in ("mask", "extract", "keyframes"):
                note(name, lambda name=name: catch_up(run, STAGES, name))
            note("masks", lambda: take_masks(mask, folder / "masks"))
    middle = {name: statistics.median(times) for name, times in seconds.items()}
    whole = [sum(times) for times in zip(*(seconds[name] for name in ("survey", "extract", "keyframes")))]
    shutil.rmtree(folder / "masks")
    return [
        Row("reading the source", frames, middle["survey"], "decode", middle["decode"]),
        Row("mask", frames, middle["mask"], "decode masks, write PNG", middle["masks"]),
        Row("extract", frames, middle["extract"]),
        Row("keyframes", frames, middle["keyframes"]),
        Row("reading + extract + keyframes", frames, statistics.median(whole), "decode", middle["decode"], 2.0),
    ]


def painting(folder: Path, source: Path, mask: Path, frames: int) -> list[Row]:
    """From painting to validation, once, in folder/project."""
    rows = []
    with project(folder / "project", source, mask) as run:
        for name in ("inpaint", "select", "composite", "validate"):
            rows.append(Row(name, frames, timed(lambda name=name: catch_up(run, STAGES, name))))
    return rows


def rendering(folder: Path, source: Path, mask: Path, frames: int) -> list[Row]:
    """The render of the project's patches: the master alone, and with the share copy."""
    info, rows = open_clip(source).info, []
    for share in (False, True):
        outputs = {"master": master_encoding(info)} | ({"share": share_encoding(info, CRF)} if share else {})
        taken: list[float] = []
        least: list[float] = []
        for _ in range(ROUNDS):
            least.append(timed(lambda outputs=outputs: encode_again(source, folder, outputs)))
            for name in ("render.json", "master.mp4", "share.mp4"):
                (folder / "project" / name).unlink(missing_ok=True)
            with project(folder / "project", source, mask, **{"assemble.share": share}) as run:
                taken.append(timed(lambda run=run: catch_up(run, STAGES, "assemble")))
        what = "assemble: " + " + ".join(outputs)
        rows.append(Row(what, frames, statistics.median(taken), "decode + encode the same", statistics.median(least), 1.3))
    return rows


def through_pictures(folder: Path, source: Path, mask: Path, frames: int) -> Row:
    """The job as it is done with folders of PNG: extract every frame, lay the patches over, encode; ours beside it.

    Both write the same lossless H.264; the folders get the quickest PNG compression there is in OpenCV, and threads.
    """
    def theirs() -> None:
        clip, pool = open_clip(source), Threads()
        color = clip.info.color
        whole, done = folder / "whole", folder / "done"
        for path in (whole, done):
            path.mkdir(exist_ok=True)

        def extract(job: tuple[int, Any]) -> None:
            (whole / f"{job[0]:06d}.png").write_bytes(encode_png(view(job[1], color)))

        def overlay(index: int) -> None:
            frame, layer = _png(whole / f"{index:06d}.png"), _png(layers / f"{index:06d}.png")
            cv2.copyTo(layer[..., :3], layer[..., 3], frame)
            (done / f"{index:06d}.png").write_bytes(_quick(frame))

        def read(index: int) -> Any:
            return planes_of(np.ascontiguousarray(_png(done / f"{index:06d}.png")[..., ::-1]))

        for _ in pool.map(extract, enumerate(planes for _, planes in clip.scan())):
            pass
        for _ in pool.map(overlay, range(frames)):
            pass
        with Writer(folder / "pictures.mp4", clip.info, master_encoding(clip.info), audio_from=clip) as writer:
            for index, planes in enumerate(pool.map(read, range(frames))):
                writer.write(planes, index * round(1 / clip.info.time_base / FPS))

    def ours() -> None:
        for name in ("render.json", "master.mp4", "share.mp4", "frames.csv", "proxy.mp4"):
            (folder / "project" / name).unlink(missing_ok=True)
        with project(folder / "project", source, mask, **{"assemble.share": False}) as run:
            assert run.survey
            catch_up(run, STAGES, "assemble")

    layers = folder / "layers"
    layers.mkdir()
    for index, inside in enumerate(read_planes_of(mask)):
        grey = np.asarray(inside.arrays[0], np.uint8)
        (layers / f"{index:06d}.png").write_bytes(_quick(cv2.merge([grey // 2, grey // 3, grey // 4, grey])))
    mine, peer = timed(ours), timed(theirs)
    for name in ("whole", "done", "layers"):
        shutil.rmtree(folder / name)
    return Row("the whole job through PNG folders", frames, peer, "ours: read, splice, encode", mine)


def _png(path: Path) -> Any:
    return cv2.imread(str(path), cv2.IMREAD_UNCHANGED)


def _quick(picture: Any) -> bytes:
    return cv2.imencode(".png", picture, [cv2.IMWRITE_PNG_COMPRESSION, 1])[1].tobytes()
