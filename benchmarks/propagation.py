"""How well an edit is carried between keyframes, beside simple ways of doing it: `python -m benchmarks.propagation`.

Every clip has frames, masks and the true edit of every frame. A method sees the true edit (or, for an edit whose name
ends in j, a jittered one) at the keys only. Figures are taken inside the mask, over frames that are no keys: PSNR from
the pooled squared error, SSIM of luma (11x11, sigma 1.5), sharpness as mean gradient over the truth's, and samples
changed outside the mask, which must be 0. Flicker is the change of the error along the source's motion, where the
nearest key changes ("border") over elsewhere ("inside"). Constants were chosen with the clips in CHOSEN_ON in view; the
means of the others are printed by themselves ("held"). With every stored clip each mean stands beside its limit.

`--speed` times a 1080p clip whose mask covers 15 % beside the optical flow in it, and beside decoding and encoding.
"""

from __future__ import annotations

import argparse
import io
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import av
import cv2
import numpy as np

from benchmarks.propagation_limits import FAST, judged, line
from lib_vidpaint import flow
from lib_vidpaint.propagation import KeyLayer, carry

Pictures = Sequence[np.ndarray] | np.ndarray
MARGIN = 24
CHOSEN_ON = {"carphone", "synface", "tennis"}


@dataclass(frozen=True)
class Case:
    """One clip with one edit, cut to its masks' box: frames, masks, truth for every frame, keys."""

    clip: str
    edit: str
    frames: list[np.ndarray]
    masks: list[np.ndarray]
    truth: list[np.ndarray]
    keys: list[KeyLayer]
    given: Mapping[str, Pictures]

    @property
    def inner(self) -> list[int]:
        return [i for i in range(len(self.frames)) if i not in {k.index for k in self.keys}]

    def nearest(self, index: int) -> KeyLayer:
        return min(self.keys, key=lambda k: abs(k.index - index))


def cases(folder: Path, clips: Sequence[str], edits: Sequence[str]) -> Iterator[Case]:
    """The stored clips with the edits asked for; an edit E2j stands for its jittered keys of seeds 1 to 3."""
    for path in sorted(folder.glob("*.npz")):
        if clips and path.stem not in clips:
            continue
        data = np.load(path)
        for edit in edits:
            true = f"truth_{edit[:2]}"
            if true not in data:
                continue
            for suffix in ("1", "2", "3") if edit.endswith("j") else ("",):
                keys = data[f"keys_{edit}{suffix}"] if suffix else data[true][::10]
                yield _case(path.stem, edit + suffix, data["frames"], data["masks"], data[true], keys, {})
            if "ebsynth_start" in data:
                yield from _stored_peers(path.stem, edit, data)


def _stored_peers(clip: str, edit: str, data: np.lib.npyio.NpzFile) -> Iterator[Case]:
    """The shorter cut of a clip that EbSynth's stored results were made of."""
    given = {name[8:].split("_", 1)[1]: data[name] for name in data.files if name.startswith(f"ebsynth_{edit}_")}
    if not given:
        return

    def cut(name: str, length: int = 21) -> np.ndarray:
        return data[f"ebsynth_{name}"] if f"ebsynth_{name}" in data else data[name][:length]

    truth = cut(f"truth_{edit[:2]}")
    keys = data[f"ebsynth_keys_{edit}1"] if f"ebsynth_keys_{edit}1" in data else truth[::10]
    if edit.endswith("j") and f"ebsynth_keys_{edit}1" not in data:
        keys = data[f"keys_{edit}1"][:3]
    yield _case(f"{clip} (EbSynth's cut)", edit, cut("frames"), cut("masks"), truth, keys, given)


def _case(
    clip: str, edit: str, frames: Pictures, masks: Pictures, truth: Pictures, keys: Pictures, given: dict
) -> Case:
    box = _box(np.max(masks, axis=0))
    frames, masks = ([x[box] for x in row] for row in (frames, masks))

    def laid(pictures: Pictures, at: Sequence[int]) -> list[np.ndarray]:
        return [np.where(masks[i][..., None] > 0, p[box], frames[i]) for p, i in zip(pictures, at)]

    everywhere = range(len(frames))
    at = range(0, len(frames), 10)
    layers = [KeyLayer(i, frames[i], edited, masks[i]) for i, edited in zip(at, laid(keys, at))]
    stored = {name: laid(pictures, everywhere) for name, pictures in given.items()}
    return Case(clip, edit, frames, masks, laid(truth, everywhere), layers, stored)


def _box(mask: np.ndarray) -> tuple[slice, slice]:
    rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    low, left = (max(0, int(x[0]) - MARGIN) for x in (rows, columns))
    return slice(low, int(rows[-1]) + 1 + MARGIN), slice(left, int(columns[-1]) + 1 + MARGIN)


def made_up() -> Iterator[Case]:
    """A portrait that drifts, turns and breathes before a picture of coffee, with two edits; needs no files."""
    from skimage import data

    face = cv2.resize(data.astronaut()[0:256, 96:352], (176, 176), interpolation=cv2.INTER_AREA)
    back = cv2.resize(data.coffee(), (320, 240), interpolation=cv2.INTER_AREA)
    oval = cv2.ellipse(np.zeros((176, 176), np.uint8), (88, 80), (52, 70), 0, 0, 360, 255, -1)
    soft = cv2.GaussianBlur(oval.astype(np.float32) / 255, (0, 0), 1)[..., None]
    edits = {"tint": _tinted(face), "smooth": _tinted(cv2.bilateralFilter(face, 9, 60, 5))}
    rows: dict[str, list[np.ndarray]] = {name: [] for name in ("frames", "masks", *edits)}
    for i in range(21):
        turn = cv2.getRotationMatrix2D((88, 80), 8 * np.sin(i / 6), 1 + 0.06 * np.sin(i / 4))
        turn[:, 2] += (50 + 2.3 * i, 30 + 8 * np.sin(i / 5))
        whole = [cv2.warpAffine(x, turn, (320, 240), flags=cv2.INTER_CUBIC) for x in (face, *edits.values())]
        cover = np.clip(cv2.warpAffine(soft, turn, (320, 240)), 0, 1)[..., None]
        light = 1 + 0.08 * np.sin(i / 3)
        pictures = [np.clip(light * (cover * x + (1 - cover) * back), 0, 255).astype(np.uint8) for x in whole]
        for name, picture in zip(("frames", *edits), pictures):
            rows[name].append(picture)
        rows["masks"].append(np.where(cover[..., 0] > 0.02, 255, 0).astype(np.uint8))
    for edit in edits:
        yield _case("made up", edit, rows["frames"], rows["masks"], rows[edit], rows[edit][::10], {})


def _tinted(picture: np.ndarray) -> np.ndarray:
    return np.clip(255 * (picture / 255) ** 0.8 * (1.1, 1.0, 0.85), 0, 255).astype(np.uint8)


def ours(case: Case) -> list[np.ndarray]:
    pictures = carry(case.frames, case.masks, range(len(case.frames)), case.keys, "surface")
    return [np.rint(x).astype(np.uint8) for x in pictures]


def ours_harmonised(case: Case) -> list[np.ndarray]:
    pictures = carry(case.frames, case.masks, range(len(case.frames)), case.keys, "surface", harmonise=True)
    return [np.rint(x).astype(np.uint8) for x in pictures]


def peer(difference: bool, moving: bool) -> Callable[[Case], list[np.ndarray]]:
    """The nearest key's pixels or difference, at its place or along the flow."""

    def method(case: Case) -> list[np.ndarray]:
        return [_peer_frame(case, i, difference, moving) for i in range(len(case.frames))]

    return method


def _peer_frame(case: Case, index: int, difference: bool, moving: bool) -> np.ndarray:
    key, frame, mask = case.nearest(index), case.frames[index], case.masks[index]
    layer = key.edited.astype(np.float32) - (key.frame if difference else 0)
    if moving and index != key.index:
        layer = flow.warp(layer, flow.dense_flow(frame, key.frame, mask, key.mask), cubic=True)
    picture = np.clip(np.rint(layer + (frame if difference else 0)), 0, 255).astype(np.uint8)
    return np.where(mask[..., None] > 0, picture, frame)


METHODS: dict[str, Callable[[Case], list[np.ndarray]]] = {
    "paste the layer": peer(difference=False, moving=False),
    "paste the difference": peer(difference=True, moving=False),
    "warp pixels, one key": peer(difference=False, moving=True),
    "warp difference, one key": peer(difference=True, moving=True),
    "ours": ours,
    "ours, harmonised": ours_harmonised,
}


def scores(case: Case, result: Pictures) -> dict[str, float]:
    """PSNR, SSIM, sharpness, samples changed outside the mask, flicker at borders and inside."""
    squared = samples = similar = pixels = 0.0
    edges = np.zeros(2)
    for i in case.inner:
        inside = case.masks[i] > 0
        error = result[i][inside].astype(np.float64) - case.truth[i][inside]
        squared, samples = squared + (error**2).sum(), samples + error.size
        luma, true = (cv2.cvtColor(x, cv2.COLOR_RGB2GRAY).astype(np.float64) for x in (result[i], case.truth[i]))
        similar, pixels = similar + _ssim(luma, true)[inside].sum(), pixels + inside.sum()
        edges += [_gradient(x)[inside].sum() for x in (luma, true)]
    outside = sum(int(((r != f) & (m[..., None] == 0)).sum()) for r, f, m in zip(result, case.frames, case.masks))
    border, within = _flicker(case, result)
    return {
        "PSNR": 10 * np.log10(255**2 * samples / max(squared, 1e-9)),
        "SSIM": similar / max(pixels, 1),
        "sharp": edges[0] / max(edges[1], 1e-9),
        "outside": float(outside),
        "border": border,
        "inside": within,
    }


def _ssim(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    def mean(x: np.ndarray) -> np.ndarray:
        return cv2.GaussianBlur(x, (11, 11), 1.5)

    mean_a, mean_b = mean(a), mean(b)
    both = mean(a * b) - mean_a * mean_b
    spread = mean(a * a) - mean_a**2 + mean(b * b) - mean_b**2
    small, large = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    return (2 * mean_a * mean_b + small) * (2 * both + large) / ((mean_a**2 + mean_b**2 + small) * (spread + large))


def _gradient(luma: np.ndarray) -> np.ndarray:
    return np.hypot(cv2.Sobel(luma, cv2.CV_64F, 1, 0), cv2.Sobel(luma, cv2.CV_64F, 0, 1))


def _flicker(case: Case, result: Pictures) -> tuple[float, float]:
    at: dict[bool, list[float]] = {True: [0.0], False: [0.0]}
    errors = [r.astype(np.float32) - t for r, t in zip(result, case.truth)]
    for i in range(1, len(errors)):
        back = flow.dense_flow(case.frames[i], case.frames[i - 1], case.masks[i], case.masks[i - 1])
        inside = (case.masks[i] > 0) & (flow.warp(case.masks[i - 1], back) > 127)
        change = np.abs(errors[i] - flow.warp(errors[i - 1], back))[inside]
        at[case.nearest(i).index != case.nearest(i - 1).index].append(float(change.mean()) if change.size else 0.0)
    border, within = (sum(x) / max(len(x) - 1, 1) for x in (at[True], at[False]))
    return border, within


def table(cases: Iterator[Case], chosen: Sequence[str], limits: bool) -> None:
    rows: dict[tuple[str, str, str], list[dict[str, float]]] = {}
    single: dict[tuple[str, str], dict[str, dict[str, float]]] = {}
    print(f"{'clip':28}{'edit':8}{'method':26}  PSNR   SSIM  sharp  outside  border  inside  frames/s")
    for case in cases:
        edit = case.edit.rstrip("123") if "j" in case.edit else case.edit
        results = {f"EbSynth {name}": (pictures, 0.0) for name, pictures in case.given.items()}
        for name in chosen:
            start = time.perf_counter()
            pictures = METHODS[name](case)
            results[name] = pictures, (len(pictures) - len(case.keys)) / (time.perf_counter() - start)
        for name, (pictures, speed) in results.items():
            row = {**scores(case, pictures), "speed": speed}
            single.setdefault((f"{case.clip} {case.edit}", edit), {})[name] = row
            print(f"{case.clip:28}{case.edit:8}{name:26}{_figures(row)}", flush=True)
            if not case.given:
                for part in ("all", "chosen on" if case.clip in CHOSEN_ON else "held"):
                    rows.setdefault((f"mean, {part}", edit, name), []).append(row)
    means = {
        at: {key: float(np.mean([r[key] for r in found])) for key in found[0]} for at, found in sorted(rows.items())
    }
    for (part, edit, name), mean in means.items():
        print(f"{part:28}{edit:8}{name:26}{_figures(mean)}")
    if limits:
        print(*judged({at[1:]: mean for at, mean in means.items() if at[0] == "mean, all"}, single), sep="\n")


def _figures(row: dict[str, float]) -> str:
    return (
        f"{row['PSNR']:6.2f}  {row['SSIM']:.3f}  {row['sharp']:5.3f}  {row['outside']:7.0f}"
        f"  {row['border']:6.2f}  {row['inside']:6.2f}  {row['speed']:8.2f}"
    )


def speed() -> None:
    """Frames a second on a mask of 15 % of 1920x1080, and what it is made of; the least processor time of three runs."""
    case = list(made_up())[1]
    area = np.mean([np.count_nonzero(m) for m in case.masks])
    factor = np.sqrt(0.15 * 1920 * 1080 / area)
    frames, truth = ([_enlarged(x, factor, cv2.INTER_CUBIC) for x in row] for row in (case.frames, case.truth))
    masks = [_enlarged(x, factor, cv2.INTER_NEAREST) for x in case.masks]
    keys = [KeyLayer(k.index, frames[k.index], truth[k.index], masks[k.index]) for k in case.keys]
    big = Case(case.clip, case.edit, frames, masks, truth, keys, {})
    count, spent, refine = len(big.inner), [0.0], flow.refine

    def timed(*given: np.ndarray | None, **options: bool) -> np.ndarray:
        start = time.thread_time()
        found = refine(*given, **options)  # pyright: ignore[reportArgumentType]
        spent[0] += time.thread_time() - start
        return found

    def once() -> tuple[float, float]:
        spent[0], start = 0.0, time.thread_time()
        ours(big)
        return time.thread_time() - start, spent[0]

    flow.refine = timed
    total, searching = min(once() for _ in range(3))
    flow.refine = refine
    start = time.perf_counter()
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(ours, [big, big]))
    both = time.perf_counter() - start
    height, width = masks[0].shape
    print(
        f"1080p, mask 15 %, crop {width}x{height}: {count / total:.1f} frames/s ({1000 * total / count:.0f} ms a frame,"
    )
    print(
        f"of it optical flow {1000 * searching / count:.0f} ms); two groups on two threads {2 * count / both:.1f} frames/s"
    )
    whole = [_enlarged(f, 1, cv2.INTER_CUBIC, (1920, 1080)) for f in frames]
    print(f"decoding and lossless encoding of 1080p: {_coding(whole):.0f} ms a frame")
    print(line("frames/s of one core", count / total, *FAST))


def _enlarged(image: np.ndarray, factor: float, how: int, size: tuple[int, int] | None = None) -> np.ndarray:
    return np.asarray(cv2.resize(image, size, fx=factor, fy=factor, interpolation=how), np.uint8)


def _coding(frames: Sequence[np.ndarray]) -> float:
    """Milliseconds a frame to decode an H.264 file and encode it again with qp 0, one thread."""

    def encoded(pictures: Sequence[av.VideoFrame], **options: str) -> bytes:
        file = io.BytesIO()
        with av.open(file, "w", format="mp4") as out:
            stream = out.add_stream("libx264", 25, options={"threads": "1", "preset": "ultrafast", **options})
            stream.width, stream.height, stream.pix_fmt = 1920, 1080, "yuv420p"
            for picture in pictures:
                out.mux(stream.encode(picture))
            out.mux(stream.encode(None))
        return file.getvalue()

    given = encoded(
        [av.VideoFrame.from_ndarray(f, format="rgb24").reformat(format="yuv420p") for f in frames], crf="23"
    )
    start = time.process_time()
    with av.open(io.BytesIO(given)) as source:
        source.streams.video[0].thread_type = "NONE"
        encoded(list(source.decode(video=0)), qp="0")
    return 1000 * (time.process_time() - start) / len(frames)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, help="folder of clips (*.npz); without it a small one is made up")
    parser.add_argument("--edit", default="E1,E2,E3,E2j", help="edits, comma-separated")
    parser.add_argument("--clips", default="", help="clips, comma-separated; all if left out")
    parser.add_argument("--methods", nargs="+", choices=list(METHODS), default=list(METHODS))
    parser.add_argument("--speed", action="store_true", help="only time a 1080p clip")
    given = parser.parse_args()
    cv2.setNumThreads(1)
    if given.speed:
        speed()
        return
    clips = [c for c in given.clips.split(",") if c]
    stored = given.data and cases(given.data, clips, given.edit.split(","))
    table(stored or made_up(), given.methods, limits=bool(given.data and not clips))


if __name__ == "__main__":
    main()
