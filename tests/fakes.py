"""Test doubles: an engine that paints plain colours and remembers what it was asked, and progress that stops the work."""

from __future__ import annotations

from collections import Counter
from contextlib import AbstractContextManager, nullcontext

import numpy as np

from lib_vidpaint.engines import InpaintJob, Painted, Sampling
from lib_vidpaint.errors import Cancelled, EngineError
from lib_vidpaint.model import Frame
from lib_vidpaint.progress import Progress


class Recorder:
    """Paints every seed in a colour of its own. `jobs` are all calls so far; it fails or cancels on the n-th."""

    name = "recorder"

    def __init__(self, multiple: int = 8, fail_on: int = 0, cancel_on: int = 0, wrong_size: bool = False) -> None:
        self.multiple, self.fail_on, self.cancel_on, self.wrong_size = multiple, fail_on, cancel_on, wrong_size
        self.jobs: list[InpaintJob] = []
        self.described: list[Frame] = []

    def names(self, kind: str) -> list[str]:
        return {"upscaler": ["plain"], "reference": ["reference"]}.get(kind, [])

    def prepared(self, sampling: Sampling | None = None) -> AbstractContextManager[tuple[str, ...]]:
        return nullcontext(())

    def inpaint(self, job: InpaintJob) -> list[Painted]:
        self.jobs.append(job)
        if len(self.jobs) == self.fail_on:
            raise EngineError("The recorder was told to fail.")
        if len(self.jobs) == self.cancel_on:
            raise Cancelled
        height, width = job.crop.shape[:2]
        size = (height, width + 8 * self.wrong_size, 3)
        return [Painted(np.full(size, color(seed), np.uint8), seed, f"plain, Seed: {seed}") for seed in job.seeds]

    def describe(self, picture: Frame, how: str) -> str:
        self.described.append(picture)
        return f"{how} {len(self.described)}"

    def upscale(self, frame: Frame, model: str, scale: float) -> Frame:
        if model != "plain":
            raise EngineError(f"The recorder has no upscaler {model!r}.")
        return frame.repeat(int(scale), 0).repeat(int(scale), 1)


def color(seed: int) -> tuple[int, int, int]:
    """The RGB that the recorder paints for a seed."""
    return 40 + 60 * seed % 180, 60 + 37 * seed % 160, 200 - 53 * seed % 150


class Steps(Progress):
    """Counts the steps of every task; with `stop` = (task, n) the work is cancelled at that task's n-th step."""

    def __init__(self, stop: tuple[str, int] = ("", 0)) -> None:
        super().__init__()
        self.stop, self.count, self.notes = stop, Counter[str](), list[str]()

    def show(self, text: str, done: int, total: int) -> None:
        self.count[text] += 1
        if (text, self.count[text]) == self.stop:
            self.cancel()
            self.check()

    def note(self, text: str) -> None:
        self.notes.append(text)
