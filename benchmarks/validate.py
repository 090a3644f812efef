"""How well damaged groups are found and mended: `python -m benchmarks.validate [--data FOLDER]`.

A good edit is what the program makes of a simulated painter's candidates (`benchmarks.painting`): eight for every fourth
frame, without their colour cast, ranked. Then one thing is damaged on purpose: a keyframe with another colour, another
texture, shifted by 3 pixels, blurred, or of another size; a single broken frame of a patch; a flash; a keyframe left out,
so that a group is twice too long. Counted are damaged groups that are found, and groups flagged whose frames the damage did
not touch. Leaving a keyframe out counts as damage where the truth says that it is: where it costs more than 1 dB and the
group ends more than 1 dB below the clip's median group. What it costs is printed, too: with keyframes that differ in quality,
as samples do, most of it is whether the one left out happened to be a good one.

`--repair` runs whole projects with two spoiled keyframes and `validate.repair` on auto, `--speed` times a 1080p clip whose
mask covers 15 %. Limits were chosen with seed 1 in view; other seeds are held.
"""

from __future__ import annotations

import argparse
import logging
import math
import tempfile
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path

import cv2
import numpy as np

from benchmarks import painting, propagation
from lib_vidpaint import mending, session
from lib_vidpaint.agreement import Sketch
from lib_vidpaint.engines import InpaintJob, Painted, Sampling
from lib_vidpaint.groups import read_groups
from lib_vidpaint.judging import judge
from lib_vidpaint.likeness import Unlike, typical, unlike
from lib_vidpaint.measures import FrameMeasures, Validator
from lib_vidpaint.model import Frame, Verdict
from lib_vidpaint.patching import patches_in_force
from lib_vidpaint.planes import view
from lib_vidpaint.project import Folder
from lib_vidpaint.propagation import KeyLayer, carry
from lib_vidpaint.ranking import best_sequence
from lib_vidpaint.regions import REGION
from lib_vidpaint.render import edited_frames
from lib_vidpaint.ring import without_cast

EVERY, CANDIDATES = 4, 8
OF_KEYS = ("colour", "texture", "shift", "blur", "size")
OF_FRAMES = ("broken", "flash")
HARM = 1.0
"""dB that a group twice too long must lose, and lie below the clip's median group, to count as damaged."""


def spoilt(kind: str, picture: np.ndarray, mask: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A painted picture, RGB uint8 (H, W, 3), damaged inside its mask."""
    given, (height, width) = picture.astype(np.float32), mask.shape
    x, y, wide, high = cv2.boundingRect(mask)
    if kind == "colour":
        way = rng.normal(size=3)
        made = given + 22 * way / np.abs(way).mean()
    elif kind == "texture":
        made = given + 25 * painting._broad(rng, height, width, 3, 24)
    elif kind == "blur":
        made = cv2.GaussianBlur(given, (0, 0), max(2.0, 0.03 * np.count_nonzero(mask) ** 0.5))
    elif kind == "broken":
        side = max(4, round(np.count_nonzero(mask) ** 0.5 / 6))
        made = given.copy()
        for top, left in np.ndindex(-(-height // side), -(-width // side)):
            block = made[top * side :, left * side :][:side, :side]
            if rng.random() < 0.5:
                block[:] = block.mean(axis=(0, 1))
    elif kind == "flash":
        made = given + 30
    else:
        turn = cv2.getRotationMatrix2D((x + wide / 2, y + high / 2), 0, float(rng.choice([0.87, 1.15])))
        if kind == "shift":
            angle = rng.uniform(0, 2 * np.pi)
            turn = np.array([[1, 0, 3 * np.cos(angle)], [0, 1, 3 * np.sin(angle)]])
        made = cv2.warpAffine(given, turn, (width, height), borderMode=cv2.BORDER_REFLECT)
    made = np.clip(np.rint(made), 0, 255).astype(np.uint8)
    return np.where(mask[..., None] > 0, made, picture)


@dataclass
class Edited:
    """A clip with its edit carried: keyframes, the frames of every group, and what groups twice too long lost, in dB."""

    case: propagation.Case
    keys: list[KeyLayer]
    groups: list[list[Frame]]
    lost: list[float] = field(default_factory=list)

    def spans(self) -> list[range]:
        starts = [key.index for key in self.keys]
        return [range(a, b) for a, b in zip(starts, [*starts[1:], len(self.case.frames)])]

    def verdicts(self) -> list[Verdict]:
        """What the stage says of it."""
        measures: dict[int, list[FrameMeasures]] = {}
        validator = Validator()
        for key, span, frames in zip(self.keys, self.spans(), self.groups):
            pictures = zip(span, frames)
            measures[key.index] = [
                validator.add(i, self.case.frames[i], frame, self.case.masks[i]) for i, frame in pictures
            ]
        return judge(measures, None, self.strangers())

    def strangers(self) -> dict[int, Unlike]:
        sketches = [Sketch.of(k.frame, k.mask, [frames[0]]) for k, frames in zip(self.keys, self.groups)]
        seen: dict[int, list[Unlike]] = {key.index: [] for key in self.keys}
        for step in (1, 2):
            for a, b in zip(range(len(sketches)), range(step, len(sketches))):
                if found := unlike(sketches[a], sketches[b]):
                    seen[self.keys[a].index].append(found)
                    seen[self.keys[b].index].append(found.turned)
        return {key: typical(found) for key, found in seen.items() if len(found) > 1}

    def psnr(self, at: int) -> float:
        """Against the true edit, inside the mask, over one group."""
        return masked_psnr(
            ((frame, self.case.truth[i], self.case.masks[i]) for i, frame in zip(self.spans()[at], self.groups[at]))
        )


def masked_psnr(frames: object) -> float:
    squared = samples = 0.0
    for result, truth, mask in frames:  # pyright: ignore[reportGeneralTypeIssues]
        error = result[mask > 0].astype(np.float64) - truth[mask > 0]
        squared, samples = squared + float((error**2).sum()), samples + error.size
    return 10 * math.log10(255**2 * samples / max(squared, 1e-9)) if samples else math.inf


def good(case: propagation.Case, seed: int) -> Edited:
    """The clip with an edit as the program makes it."""
    rng, found, painter = np.random.default_rng(seed), [], painting.Painter()
    at = range(0, len(case.frames) - 1, EVERY)
    for index in at:
        box = painting._around(case.masks[index])
        source, truth, mask = (x[index][box] for x in (case.frames, case.truth, case.masks))
        pictures, broken = painter.paint(source, truth, CANDIDATES, rng)
        found.append(painting.Key(source, truth, mask, [without_cast(source, p, mask) for p in pictures], broken))
    best = [rank.number for rank in best_sequence(painting.batches(found)) if rank.best]
    keys = []
    for index, one, number in zip(at, found, best):
        edited, inside = case.frames[index].copy(), one.mask > 0
        edited[painting._around(case.masks[index])][inside] = one.candidates[number][inside]
        keys.append(KeyLayer(index, case.frames[index], edited, case.masks[index]))
    made = Edited(case, keys, [])
    made.groups = [_carried(made, n) for n in range(len(keys))]
    return made


def _carried(edit: Edited, at: int) -> list[Frame]:
    """The frames of one group, carried from its keyframe and the next as stage 7 does."""
    keys, span, case = edit.keys[at : at + 2], edit.spans()[at], edit.case
    seen = range(span.start, keys[1].index + 1) if len(keys) > 1 else span
    frames, masks = ([row[i] for i in seen] for row in (case.frames, case.masks))
    pictures = [np.rint(x).astype(np.uint8) for x in carry(frames, masks, seen, keys, "surface")]
    return pictures[: len(span)]


def twice_too_long(edit: Edited, at: int) -> tuple[Edited, float, float]:
    """The edit without the keyframe after group `at`; the dB that its frames lose, and by how many dB they lie below the
    clip's median group."""
    keys, groups = edit.keys, edit.groups
    long = Edited(edit.case, [*keys[: at + 1], *keys[at + 2 :]], [*groups[: at + 1], *groups[at + 2 :]])
    long.groups[at] = _carried(long, at)
    before = masked_psnr(
        (frame, edit.case.truth[i], edit.case.masks[i])
        for n in (at, at + 1) for i, frame in zip(edit.spans()[n], groups[n])
    )  # fmt: skip
    after, usual = long.psnr(at), float(np.median([edit.psnr(n) for n in range(len(groups))]))
    return long, before - after, usual - after


def damaged(edit: Edited, kind: str, at: int, rng: np.random.Generator) -> tuple[Edited, set[int], set[int]]:
    """The edit with group `at` damaged; the keys of the damaged groups, and of all whose frames that touches."""
    keys, groups = list(edit.keys), list(edit.groups)
    made = Edited(edit.case, keys, groups)
    if kind == "long":
        long, lost, below = twice_too_long(edit, at)
        edit.lost.append(lost)
        return long, {keys[at].index} if min(lost, below) > HARM else set(), {keys[at].index}
    if kind in OF_FRAMES:
        frames, which = list(groups[at]), int(rng.integers(len(groups[at])))
        frames[which] = spoilt(kind, frames[which], edit.case.masks[edit.spans()[at][which]], rng)
        groups[at] = frames
        return made, {keys[at].index}, {keys[at].index}
    keys[at] = replace(keys[at], edited=spoilt(kind, keys[at].edited, keys[at].mask, rng))
    beside = {at, max(at - 1, 0)}
    for n in beside:
        groups[n] = _carried(made, n)
    return made, {keys[at].index}, {keys[n].index for n in beside}


def detection(cases: Sequence[propagation.Case], seeds: Sequence[int]) -> None:
    """How many damaged groups are found, and how many untouched ones are flagged."""
    kinds = (*OF_KEYS, *OF_FRAMES, "long")
    total, lost = Counter[str](), list[float]()
    print(
        f"{'clip':12}{'edit':8}{'seed':>5}" + "".join(f"{kind:>10}" for kind in kinds) + "     false alarms  undamaged"
    )
    for case in cases:
        for seed in seeds:
            edit, rng, row = good(case, seed), np.random.default_rng(seed + 100), Counter[str]()
            row["groups"], row["flagged"] = len(edit.keys), sum(bool(v.broken) for v in edit.verdicts())
            for kind in kinds:
                for at in range(len(edit.keys) - (kind == "long")):
                    made, bad, touched = damaged(edit, kind, at, rng)
                    flagged = {verdict.key for verdict in made.verdicts() if verdict.broken}
                    row[kind], row[f"{kind} found"] = row[kind] + len(bad), row[f"{kind} found"] + len(bad & flagged)
                    row["good"] += len({key.index for key in made.keys} - touched)
                    row["false"] += len(flagged - touched)
            total.update(row)
            lost += edit.lost
            print(f"{case.clip:12}{case.edit:8}{seed:5}{_counts(row, kinds)}", flush=True)
    print(f"{'all':25}{_counts(total, kinds)}")
    bad, found = (sum(total[f"{kind}{word}"] for kind in kinds) for word in ("", " found"))
    print(
        f"found {found} of {bad} ({found / bad:.1%}); false alarms {total['false'] / total['good']:.2%} of untouched groups"
    )
    print(
        f"groups twice too long: {np.mean(lost):+.2f} dB lost on average, {sum(x < 0 for x in lost)} of {len(lost)} gained, "
        f"{sum(x > HARM for x in lost)} lost more than {HARM:g} dB, {total['long']} of these end that far below the clip's median"
    )


def _counts(row: Mapping[str, int], kinds: Sequence[str]) -> str:
    cells = "".join(f"{row[f'{kind} found']:>6}/{row[kind]:<3}" for kind in kinds)
    return f"{cells}{row['false']:>8}/{row['good']:<6}{row['flagged']:>6}/{row['groups']}"


def null_edits(cases: Sequence[propagation.Case]) -> None:
    """The source itself as the result, judged as an edit of the subject and as a removal."""
    flagged = 0
    for case in cases:
        for beside in (False, True):
            at, validator = range(0, len(case.frames), EVERY), Validator(beside)
            pairs = zip(case.frames, case.masks)
            seen = [validator.add(i, frame, frame, mask) for i, (frame, mask) in enumerate(pairs)]
            keys = [KeyLayer(i, case.frames[i], case.frames[i], case.masks[i]) for i in at]
            groups = [list(case.frames[i : i + EVERY]) for i in at]
            strangers = {} if beside else Edited(case, keys, groups).strangers()
            found = judge({i: seen[i : i + EVERY] for i in at}, None, strangers)
            flagged += sum(bool(verdict.broken) for verdict in found)
    print(f"null edits: {flagged} groups flagged in {len(cases)} clips, as edits and as removals")


class Scripted:
    """An engine that paints whatever `picture` makes; `painted` counts the images."""

    name, multiple = "scripted", 8

    def __init__(self) -> None:
        self.painted, self._seen = 0, list[bytes]()

    def picture(self, job: InpaintJob, place: int, seed: int) -> Frame:
        """What is painted in a crop, the `place`-th that this engine ever saw, for a seed."""
        raise NotImplementedError

    def names(self, kind: str) -> list[str]:
        return []

    def prepared(self, sampling: Sampling | None = None) -> AbstractContextManager[tuple[str, ...]]:
        return nullcontext(())

    def inpaint(self, job: InpaintJob) -> list[Painted]:
        look = job.crop.tobytes()
        if look not in self._seen:
            self._seen.append(look)
        self.painted += len(job.seeds)
        return [Painted(self.picture(job, self._seen.index(look), seed), seed) for seed in job.seeds]

    def upscale(self, frame: Frame, model: str, scale: float) -> Frame:
        raise NotImplementedError


class Simulated(Scripted):
    """Gives the true edit of what it sees with the faults of `painting.Painter`; in keyframes named by their place in `bad`,
    the first `bad_seeds` candidates are spoilt, all in the same way."""

    def __init__(self, bad: Mapping[int, str] | None = None, bad_seeds: int = 5) -> None:
        super().__init__()
        self.bad, self.bad_seeds = bad or {}, bad_seeds

    def picture(self, job: InpaintJob, place: int, seed: int) -> Frame:
        rng = np.random.default_rng([seed, place])
        truth = np.where(job.mask[..., None] > 0, true_edit(job.crop), job.crop)
        (made,), _ = painting.Painter(broken_every=0).paint(job.crop, truth, 1, rng)
        made = without_cast(job.crop, made, job.mask)
        if place in self.bad and seed <= self.bad_seeds:
            made = spoilt(self.bad[place], made, job.mask, np.random.default_rng(place))
        return made


def true_edit(picture: Frame) -> Frame:
    """Smoother and warmer, as an edit that takes years off; a function of each frame alone."""
    return propagation._tinted(cv2.bilateralFilter(picture, 9, 40, 5))


def repair(cases: Sequence[propagation.Case], folder: Path) -> None:
    """Projects with two spoiled keyframes: PSNR of their spans without damage, damaged, and repaired, and what it cost."""
    kinds = ("colour", "texture", "shift", "blur", "size")
    print(
        f"{'clip':12}{'spoilt':20}{'candidates':>11}{'undamaged':>11}{'damaged':>9}{'repaired':>10}{'more images':>13}  repairs"
    )
    for n, case in enumerate(cases):
        for how, seeds in (("most", 5), ("all", CANDIDATES)):
            bad = {1: kinds[n % 5], 4: kinds[(n + 2) % 5]}
            clip = folder / f"{case.clip}-{how}"
            reference = _project(case, clip / "reference", Simulated())
            spoilt_run = _project(case, clip / "spoilt", engine := Simulated(bad, seeds))
            before, spans = engine.painted, _spans(clip / "spoilt", bad)
            mended_run = _project(case, clip / "spoilt", engine, {"validate.repair": "auto"})
            figures = [_span_psnr(case, frames, spans) for frames in (reference, spoilt_run, mended_run)]
            more = (engine.painted - before) / before
            with session.opened(clip / "spoilt") as run:
                done = mending.history(run).repairs
            words = "; ".join(f"{r.key} {r.action} {r.outcome}" for r in done)
            print(
                f"{case.clip:12}{' '.join(bad.values()):20}{f'{how} bad':>11}{figures[0]:11.2f}{figures[1]:9.2f}{figures[2]:10.2f}"
                f"{more:13.1%}  {words}", flush=True,
            )  # fmt: skip


def _project(
    case: propagation.Case, folder: Path, engine: Simulated, values: Mapping[str, object] | None = None
) -> list[Frame]:
    """The finished frames of a project on the clip."""
    source, masks = folder.parent / "frames", folder.parent / "masks"
    for where, pictures in ((source, case.frames), (masks, case.masks)):
        where.mkdir(parents=True, exist_ok=True)
        for i, picture in enumerate(pictures):
            cv2.imwrite(str(where / f"{i:06d}.png"), picture[..., ::-1] if picture.ndim == 3 else picture)
    given = {
        "source.path": str(source), "mask.path": str(masks), "keyframes.how": "every", "keyframes.longest": EVERY,
        "composite.feather": 0.0, "inpaint.cast": "keep", **(values or {}),
    }  # fmt: skip
    session.run(folder, given, until="validate", engine=engine)  # pyright: ignore[reportArgumentType]
    project = Folder(folder)
    with session.opened(folder) as run:
        found = edited_frames(run.clip, patches_in_force(project), folder, project.path(REGION))
        return [view(frame.result, run.clip.info.color) for frame in found]


def _spans(folder: Path, places: Mapping[int, str]) -> list[range]:
    """The frames that the keyframes at these places reach."""
    keys = [group.key for group in read_groups(Folder(folder))]
    return [range(keys[place - 1] + 1, keys[place + 1]) for place in places]


def _span_psnr(case: propagation.Case, frames: Sequence[Frame], spans: Sequence[range]) -> float:
    return masked_psnr((frames[i], true_edit(case.frames[i]), case.masks[i]) for span in spans for i in span)


def speed() -> None:
    """Frames a second of measuring a 1080p clip whose mask covers 15 %, alone and with two groups side by side."""
    case = list(propagation.made_up())[1]
    factor = float(np.sqrt(0.15 * 1920 * 1080 / np.mean([np.count_nonzero(m) for m in case.masks])))
    frames, truth = (
        [propagation._enlarged(x, factor, cv2.INTER_CUBIC) for x in row[:12]] for row in (case.frames, case.truth)
    )
    masks = [propagation._enlarged(x, factor, cv2.INTER_NEAREST) for x in case.masks[:12]]

    def measured(beside: bool) -> None:
        validator = Validator(beside)
        for i, (frame, edited, mask) in enumerate(zip(frames, truth, masks)):
            validator.add(i, frame, edited, mask)

    for beside in (False, True):
        start = time.thread_time()
        measured(beside)
        own = len(frames) / (time.thread_time() - start)
        start = time.perf_counter()
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(measured, [beside, beside]))
        both = 2 * len(frames) / (time.perf_counter() - start)
        words = "removal" if beside else "edit"
        print(
            f"{words}, region {masks[0].shape[1]}x{masks[0].shape[0]}: {own:.1f} frames per processor second, ", end=""
        )
        print(f"{both:.1f} frames/s on two threads")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, help="folder of clips (*.npz) to use beside the made-up one")
    parser.add_argument("--clips", default="", help="clips, comma-separated; all if left out")
    parser.add_argument("--edits", default="E2,E3", help="edits of the stored clips, comma-separated")
    parser.add_argument("--seeds", default="1", help="seeds of the painter, comma-separated")
    parser.add_argument(
        "--repair", action="store_true", help="only run projects with spoiled keyframes and repair them"
    )
    parser.add_argument("--speed", action="store_true", help="only time it")
    given = parser.parse_args()
    cv2.setNumThreads(1)
    logging.disable(logging.WARNING)
    if given.speed:
        speed()
        return
    wanted, edits = ([x for x in text.split(",") if x] for text in (given.clips, given.edits))
    cases = list(propagation.made_up())
    if given.data:
        cases += [case for case in propagation.cases(given.data, [], edits) if not case.given]
    cases = [case for case in cases if not wanted or case.clip in wanted]
    if given.repair:
        with tempfile.TemporaryDirectory() as folder:
            repair(list({case.clip: case for case in cases}.values()), Path(folder))
        return
    detection(cases, [int(seed) for seed in given.seeds.split(",")])
    null_edits(cases)


if __name__ == "__main__":
    main()
