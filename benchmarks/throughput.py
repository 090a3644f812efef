"""Speed, memory and disk beside the limits they cannot beat: `python -m benchmarks.throughput`.

A 1080p clip is made on the spot (H.264, a portrait drifting over a picture of coffee, with grain), its region is 15 % of the
picture and moves along, groups have 10 frames, and painting is a flat tint, so that what is timed is the handling of frames.
Every stage stands beside what nothing can do without: decoding the source, or decoding it and encoding the same outputs
with the same settings. Stage and limit take turns and the middle of three is
reported (the share copy, which takes long, is made once). Ends with 1 when a target is missed.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext, suppress
from dataclasses import dataclass, replace
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
from lib_vidpaint.engines import InpaintJob, Painted, Sampling
from lib_vidpaint.groups import read_groups
from lib_vidpaint.model import Color, Frame, Mask, VideoInfo
from lib_vidpaint.pictures import encode_png
from lib_vidpaint.pipeline import Run, catch_up
from lib_vidpaint.planes import Planes, from_frame, planes_of, to_frame
from lib_vidpaint.pools import Threads
from lib_vidpaint.progress import Progress
from lib_vidpaint.project import Project
from lib_vidpaint.regions import read_regions
from lib_vidpaint.stages import STAGES, Settings

WIDTH, HEIGHT, FPS = 1920, 1080, Fraction(25)
OVAL = 272, 364  # half axes: 15 % of the picture
ROUNDS = 3
CRF = 18.0
SOURCE = Encoding("libx264", "yuv420p", "mp4", (("crf", "20"), ("preset", "veryfast")), "the benchmark's clip")
INFO = VideoInfo(WIDTH, HEIGHT, "yuv420p", "h264", "mp4", FPS, 1 / FPS, Color(6, 6, 6))
OTHERS = "yuv420p10le", "yuv422p"
"""Pixel formats whose render has to keep the same ratios."""
BOUND_MEMORY = 1.5e9
SMALL = 0.25


class Tint:
    """An engine that costs nothing: everything in the mask a little redder."""

    name, multiple = "tint", 8

    def names(self, kind: str) -> list[str]:
        return []

    def prepared(self, sampling: Sampling | None = None) -> AbstractContextManager[tuple[str, ...]]:
        return nullcontext(())

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
        x, y = 700 + 60 * np.sin(beat / 3) + 8 * np.sin(beat * 11), 160 + 60 * np.sin(beat / 5)
        left, top = int(100 + 90 * np.sin(beat / 4)), int(60 + 50 * np.cos(beat / 4))
        frame = back[top : top + HEIGHT, left : left + WIDTH].copy()
        place = np.array([[1, 0, x], [0, 1, y]])
        cv2.warpAffine(face, place, (WIDTH, HEIGHT), dst=frame, borderMode=cv2.BORDER_TRANSPARENT)
        down, right = (index * 13) % 64, (index * 29) % 64
        frame = cv2.add(frame, grain[down : down + HEIGHT, right : right + WIDTH], dtype=cv2.CV_8U)
        mask = np.zeros((HEIGHT, WIDTH), np.uint8)
        cv2.ellipse(mask, (round(x) + OVAL[1], round(y) + OVAL[1]), OVAL, 0, 0, 360, 255, -1, cv2.LINE_AA)
        yield np.asarray(frame, np.uint8), mask


def film(folder: Path, frames: int, pixels: str = "yuv420p") -> tuple[Path, Path]:
    """The clip and its mask video, `frames` long."""
    source, mask = folder / f"source-{frames}-{pixels}.mp4", folder / f"mask-{frames}-{pixels}.mp4"
    matte_info, info = gray_info(WIDTH, HEIGHT, FPS), replace(INFO, pixel_format=pixels)
    encoding = replace(SOURCE, pixel_format=pixels)
    with Writer(source, info, encoding) as video, Writer(mask, matte_info, gray_encoding()) as matte:
        for index, (frame, inside) in enumerate(shots(frames)):
            video.write(as_format(planes_of(frame), pixels), index)
            matte.write(gray_planes(inside), index)
    return source, mask


def as_format(planes: Planes, pixels: str) -> Planes:
    """The picture in another pixel format, by way of libswscale."""
    return (
        planes
        if planes.format.name == pixels
        else from_frame(to_frame(planes, planes.format.name).reformat(format=pixels))
    )


@contextmanager
def project(folder: Path, source: Path, mask: Path, **values: Any) -> Iterator[Run]:
    """A run over a new project, or over the one that is there."""
    settings = session.changed_settings(
        Settings(),
        {
            "source.path": str(source), "mask.path": str(mask), "keyframes.longest": 10, "keyframes.movement": 0.0,
            "inpaint.batch_count": 1, "inpaint.batch_size": 1, "composite.carry": "paste", "assemble.master": "on",
            "assemble.share": False, "assemble.crf": CRF, **values,
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
            for writer, name in zip(writers, outputs):
                writer.write(as_format(planes, "yuv420p") if name == "share" else planes, pts)


def take_masks(mask: Path, folder: Path) -> None:
    """Decode the mask video and write every mask as PNG."""
    folder.mkdir(exist_ok=True)
    for index, planes in enumerate(read_planes_of(mask)):
        (folder / f"{index:06d}.png").write_bytes(encode_png(np.asarray(planes.arrays[0], np.uint8)))


@dataclass(frozen=True)
class Row:
    """One line of the table: seconds of the work and of its limit; `most` and `at_least` bound their ratio."""

    what: str
    frames: int
    seconds: float
    limit: str = ""
    least: float = 0.0
    most: float = 0.0
    at_least: float = 0.0

    @property
    def ok(self) -> bool:
        times = self.seconds / self.least if self.least else 0.0
        return times >= self.at_least and (not self.most or times <= self.most)

    def __str__(self) -> str:
        line = f"{self.what:36}{self.frames / self.seconds:8.1f}"
        if self.limit:
            line += f"   {self.limit:30}{self.frames / self.least:8.1f}{self.seconds / self.least:8.2f}"
        if self.most or self.at_least:
            line += f"  {'<=' if self.most else '>='} {self.most or self.at_least:.2f}  {'ok' if self.ok else 'MISSED'}"
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
    later = [sum(times) for times in zip(*(seconds[name] for name in ("extract", "keyframes")))]
    whole = [sum(times) for times in zip(later, seconds["survey"])]
    shutil.rmtree(folder / "masks")
    return [
        Row("reading the source", frames, middle["survey"], "decode", middle["decode"]),
        Row("mask", frames, middle["mask"], "decode masks, write PNG", middle["masks"]),
        Row("extract", frames, middle["extract"]),
        Row("keyframes", frames, middle["keyframes"]),
        Row("extract + keyframes", frames, statistics.median(later), "decode", middle["decode"], 2.0),
        Row("reading + extract + keyframes", frames, statistics.median(whole), "decode", middle["decode"], 2.0),
    ]


def painting(folder: Path, source: Path, mask: Path, frames: int) -> list[Row]:
    """From painting to enhancement, once, in folder/project. What reads the source cannot beat decoding it."""
    rows, least = [], timed(lambda: decode(source))
    with project(folder / "project", source, mask) as run:
        for name in ("inpaint", "select", "composite", "refine", "validate", "enhance"):
            taken = timed(lambda name=name: catch_up(run, STAGES, name))
            reads = name in ("composite", "validate")
            rows.append(Row(name, frames, taken, "decode", least) if reads else Row(name, frames, taken))
    return rows


def rendering(folder: Path, source: Path, mask: Path, frames: int) -> list[Row]:
    """The render of the project's patches: the master alone, and with the share copy."""
    return [rendered(folder, "project", source, mask, frames, share) for share in (False, True)]


def rendered(folder: Path, name: str, source: Path, mask: Path, frames: int, share: bool) -> Row:
    """The render of the patches of the project `name`, beside decoding and encoding the same outputs."""
    info = open_clip(source).info
    outputs = {"master": master_encoding(info)} | ({"share": share_encoding(info, CRF)} if share else {})
    taken: list[float] = []
    least: list[float] = []
    for _ in range(1 if share else ROUNDS):
        least.append(timed(lambda: encode_again(source, folder, outputs)))
        for file in ("render.json", "master.mp4", "share.mp4"):
            (folder / name / file).unlink(missing_ok=True)
        with project(folder / name, source, mask, **{"assemble.share": share}) as run:
            taken.append(timed(lambda run=run: catch_up(run, STAGES, "assemble")))
    kind = "" if info.pixel_format == "yuv420p" else f", {info.pixel_format}"
    what = "assemble: " + " + ".join(outputs) + kind
    return Row(what, frames, statistics.median(taken), "decode + encode the same", statistics.median(least), 1.25)


def rendering_others(folder: Path, source: Path, mask: Path, frames: int) -> list[Row]:
    """The same for 10 bits and for 4:2:2, on clips of at most 60 frames."""
    rows, frames = [], min(frames, 60)
    for pixels in OTHERS:
        source, mask = film(folder, frames, pixels)
        with project(folder / pixels, source, mask) as run:
            catch_up(run, STAGES, "enhance")
        rows += [rendered(folder, pixels, source, mask, frames, share) for share in (False, True)]
    return rows


def packaging(folder: Path, source: Path, mask: Path, frames: int) -> list[Row]:
    """The package of the project with its share copy, once; its receipt decodes the source and the master."""
    with project(folder / "project", source, mask, **{"assemble.share": True}) as run:
        catch_up(run, STAGES, "assemble")
        least = timed(lambda: decode(source)) + timed(lambda: decode(folder / "project" / "master.mp4"))
        taken = timed(lambda: catch_up(run, STAGES, "package"))
    return [Row("package", frames, taken, "decode source and master", least)]


JOB = (
    "mask", "extract", "keyframes", "select", "composite", "refine", "validate", "enhance", "assemble: master + share",
    "package",
)  # fmt: skip


def whole_job(rows: Sequence[Row]) -> list[str]:
    """The job without painting beside the sum of its limits, and what each stage takes of it."""
    found = {row.what: row for row in rows}
    parts = [row for row in (found["reading the source"], *(found[name] for name in JOB)) if row.seconds > 0]
    total = sum(row.seconds for row in parts)
    # Extract and keyframes share a limit: what both read is decoded once.
    least = sum(row.least for row in parts) + found["extract + keyframes"].least
    shares = ", ".join(f"{row.what} {row.seconds / total:.0%}" for row in parts)
    frames = parts[0].frames
    return [
        f"the whole job without painting: {total:.1f} s, {frames / total:.1f} frames/s, "
        f"{total / least:.2f} times the sum of its limits ({least:.1f} s)",
        f"  {shares}",
    ]


def small_delivery(package: Path) -> tuple[str, bool]:
    """What the package takes without its master beside that, in words, and whether that is little enough."""
    sizes = {path: path.stat().st_size for path in package.rglob("*") if path.is_file()}
    master = sizes.pop(package / "master.mp4")
    share = sum(sizes.values()) / master
    largest = sorted(sizes.items(), key=lambda pair: -pair[1])[:4]
    patches = sum(size for path, size in sizes.items() if path.parent.name == "patches")
    parts = ", ".join(f"{path.name} {size / master:.1%}" for path, size in largest if path.parent == package)
    fine = share <= SMALL
    words = f"package without its master: {share:.1%} of it (<= {SMALL:.0%}; patches {patches / master:.1%}, {parts})"
    return f"{words}  {'ok' if fine else 'MISSED'}", fine


def through_pictures(folder: Path, source: Path, mask: Path, frames: int) -> list[Row]:
    """The job as it is done with folders of PNG: ffmpeg extracts every frame, a loop lays the patches over, ffmpeg
    encodes; ours beside it. Both write the same lossless H.264, and the loop the quickest PNG that OpenCV has.
    """
    import imageio_ffmpeg

    whole, done, layers = folder / "whole", folder / "done", folder / "layers"

    def ffmpeg(*options: str | Path) -> None:
        subprocess.run([imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-y", *options], check=True)

    def theirs() -> None:
        ffmpeg("-i", source, "-fps_mode", "passthrough", "-start_number", "0", whole / "%06d.png")
        for index in range(frames):
            frame, layer = (_png(folder / f"{index:06d}.png") for folder in (whole, layers))
            cv2.copyTo(layer[..., :3], layer[..., 3], frame)
            cv2.imwrite(str(done / f"{index:06d}.png"), frame)
        encoding = master_encoding(open_clip(source).info)
        options = [part for name, value in encoding.options for part in (f"-{name}", value)]
        target = ("-c:v", encoding.codec, *options, "-pix_fmt", encoding.pixel_format, folder / "pictures.mp4")
        ffmpeg("-framerate", str(FPS), "-start_number", "0", "-i", done / "%06d.png", *target)

    def ours() -> None:
        for name in ("render.json", "master.mp4", "share.mp4", "frames.csv", "proxy.mp4"):
            (folder / "project" / name).unlink(missing_ok=True)
        with project(folder / "project", source, mask, **{"assemble.share": False}) as run:
            assert run.survey
            catch_up(run, STAGES, "assemble")

    for path in (whole, done, layers):
        path.mkdir()
    for index, inside in enumerate(read_planes_of(mask)):
        grey = np.asarray(inside.arrays[0], np.uint8)
        cv2.imwrite(str(layers / f"{index:06d}.png"), cv2.merge([grey // 2, grey // 3, grey // 4, grey]))
    mine, peer = timed(ours), timed(theirs)
    for path in (whole, done, layers):
        shutil.rmtree(path)
    return [Row("the job through PNG folders", frames, peer, "ours: read, splice, encode", mine, at_least=6.0)]


def _png(path: Path) -> Any:
    return cv2.imread(str(path), cv2.IMREAD_UNCHANGED)


EXTRAS: dict[str, dict[str, Any]] = {
    "smooth copy": {"smooth.factor": 2},
    "large copy": {"refine.frame": 2.0, "refine.models": "Lanczos"},
    "smooth copy, enlarged": {"smooth.factor": 2, "smooth.scale": 2.0, "smooth.models": "Lanczos"},
    "prepared input": {"prepare.factor": 2},
}
"""What is off by default and touches every pixel."""
PLAIN = "plain"
LONGER = {PLAIN: 10}
"""How many times as long a clip is whose memory is compared; for what takes long, 4 times."""


def memory(folder: Path, source: Path, mask: Path, extra: str) -> float:
    """The most memory, in bytes, that a process running the whole project needs; `extra`: with that of EXTRAS, or PLAIN."""
    import psutil

    command = [sys.executable, "-m", "benchmarks.throughput", "--run", str(folder), str(source), str(mask), extra]
    most = 0
    with subprocess.Popen(command) as child:
        watched = psutil.Process(child.pid)
        while child.poll() is None:
            with suppress(psutil.Error):
                most = max(most, watched.memory_info().rss)
            time.sleep(0.02)
    if child.returncode:
        raise SystemExit(f"The run of {source.name} ended with {child.returncode}.")
    return float(most)


def flat_memory(folder: Path, length: int, what: str) -> tuple[str, bool]:
    """The peak memory for a clip and one several times as long, in words, and whether it is as little as it must be."""
    lengths, name = (length, LONGER.get(what, 4) * length), what.replace(" ", "-").replace(",", "")
    most = []
    for frames in lengths:
        at = folder / f"memory-{name}-{frames}"
        most.append(memory(at, *film(folder, frames), what))
        shutil.rmtree(at)
    fine = most[1] <= 1.1 * most[0] and most[1] < BOUND_MEMORY
    words = (
        f"peak memory, {what}: {most[0] / 1e6:.0f} MB for {lengths[0]} frames, {most[1] / 1e6:.0f} MB for "
        f"{lengths[1]} ({most[1] / most[0]:.2f} times; <= 1.10 and < {BOUND_MEMORY / 1e6:.0f} MB)"
    )
    return f"{words}  {'ok' if fine else 'MISSED'}", fine


def run_through(folder: Path, source: Path, mask: Path, extra: str) -> None:
    """The whole project at its default settings, the engine apart; `extra`: with that of EXTRAS."""
    values = {"source.path": str(source), "mask.path": str(mask), "inpaint.batch_count": 1, "inpaint.batch_size": 1}
    session.run(folder, {**values, **EXTRAS.get(extra, {})}, engine=Tint())


def sizes(folder: Path, frames: int) -> list[str]:
    """Megabytes per minute of what a project holds; a file with two names counts once."""
    found: dict[int, tuple[str, int]] = {}
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        stat = path.stat()
        found.setdefault(stat.st_ino or id(path), (path.relative_to(folder).parts[0], stat.st_size))
    total: dict[str, int] = {}
    for name, size in found.values():
        total[name] = total.get(name, 0) + size
    minutes = frames / FPS / 60
    largest = sorted(total.items(), key=lambda pair: -pair[1])[:8]
    parts = ", ".join(f"{name} {size / minutes / 1e6:.0f}" for name, size in largest)
    return [f"project size per minute of 1080p: {sum(total.values()) / minutes / 1e6:.0f} MB ({parts})"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=250, help="length of the clip whose stages are timed")
    parser.add_argument("--length", type=int, default=80, help="shorter length of the memory checks")
    parser.add_argument(
        "--quick", action="store_true", help="leave out the memory checks, which run ten whole projects"
    )
    parser.add_argument("--memory", choices=(PLAIN, *EXTRAS), help="this memory check and nothing else")
    parser.add_argument("--run", nargs=4, metavar=("PROJECT", "SOURCE", "MASK", "EXTRA"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    cv2.setNumThreads(1)
    if given.run:
        folder, source, mask = map(Path, given.run[:3])
        run_through(folder, source, mask, given.run[3])
        return
    with tempfile.TemporaryDirectory(prefix="throughput-") as name:
        missed = 0 if given.memory else report(Path(name), given.frames)
        checks = (given.memory,) if given.memory else () if given.quick else (PLAIN, *EXTRAS)
        for what in checks:
            words, fine = flat_memory(Path(name), given.length, what)
            missed += not fine
            print(words, flush=True)
    raise SystemExit(1 if missed else 0)


def report(folder: Path, frames: int) -> int:
    """Prints all speeds and sizes; returns how many targets were missed."""
    source, mask = film(folder, frames)
    with project(folder / "warm", *film(folder, 12)) as run:
        catch_up(run, STAGES, "keyframes")
    print(HEAD)
    missed = 0
    rows: list[Row] = []
    for part in (reading, painting, rendering, packaging, rendering_others, through_pictures):
        for row in part(folder, source, mask, frames):
            rows.append(row)
            print(row, flush=True)
            missed += not row.ok
        if part is packaging:
            words, fine = small_delivery(folder / "project" / "package")
            print(words, flush=True)
            missed += not fine
    print(*whole_job(rows), sep="\n", flush=True)
    with project(folder / "project", source, mask) as run:
        print(
            f"{len(read_groups(run.project))} groups in {frames} frames, region {read_regions(run.project).share:.1%}"
        )
    print(*sizes(folder / "project", frames), sep="\n", flush=True)
    return missed


if __name__ == "__main__":
    main()
