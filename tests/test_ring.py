"""A colour cast is measured beside the region and undone, and nothing else is taken for one."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import scenes
from fakes import Recorder
from projects import edit, remade, stamps

from lib_vidpaint.engines import InpaintJob, Painted
from lib_vidpaint.model import Frame, Mask
from lib_vidpaint.ring import gain_and_offset, without_cast
from lib_vidpaint.stages.inpaint import InpaintSettings

SOURCE = scenes.world(160, 120)
MASK = scenes.shot(1, radius=30).masks[0]
EDIT = np.where(MASK[..., None] > 0, 255 - SOURCE, SOURCE).astype(np.uint8)


def cast(picture: Frame, gain: object = 1.0, offset: object = 0.0) -> Frame:
    """The picture with a cast, noise, and a bend of a pixel."""
    moved = np.roll(picture, (0, 1), (0, 1)) * np.array(gain) + np.array(offset)
    noise = np.random.default_rng(1).normal(0, 2, picture.shape)
    return np.clip(np.rint(moved + noise), 0, 255).astype(np.uint8)


def off(picture: Frame, inside: Mask = MASK) -> float:
    """Root mean square of what differs from the true edit, broadly, inside the mask."""
    apart = cv2.blur(picture.astype(np.float32) - EDIT, (9, 9))[inside > 0]
    return float(np.sqrt((apart**2).mean()))


@pytest.mark.parametrize(("gain", "offset"), [(1.0, 14), (0.88, 0), (1.12, -9), ((0.95, 1, 1.06), (6, -5, 0))], ids=str)
def test_most_of_a_cast_is_undone(gain: object, offset: object) -> None:
    painted = cast(EDIT, gain, offset)
    found = gain_and_offset(SOURCE, painted, MASK)
    true = np.ones(3) * gain * EDIT[MASK > 0] + np.ones(3) * offset - EDIT[MASK > 0]  # pyright: ignore[reportOperatorIssue]
    left = (true + EDIT[MASK > 0] - found[1]) / found[0] - EDIT[MASK > 0]
    assert (left**2).mean() ** 0.5 < 0.2 * (true**2).mean() ** 0.5
    assert off(without_cast(SOURCE, painted, MASK)) < off(painted)


def test_a_picture_without_a_cast_stays() -> None:
    assert np.array_equal(without_cast(SOURCE, EDIT, MASK), EDIT)


def test_what_the_painter_spilled_beside_the_mask_is_no_cast() -> None:
    painted = cast(EDIT, 1.0, 10)
    painted[20:50, 100:130] = (255, 0, 0)
    assert gain_and_offset(SOURCE, painted, MASK)[1] == pytest.approx((10, 10, 10), abs=4)


@pytest.mark.parametrize(
    "painted",
    [np.full_like(SOURCE, 90), np.zeros_like(SOURCE), scenes.world(160, 120, seed=9), 255 - SOURCE],
    ids=["flat", "black", "another", "negative"],
)
def test_another_picture_is_left_alone(painted: Frame) -> None:
    assert np.array_equal(without_cast(SOURCE, painted, MASK), painted)


@pytest.mark.parametrize("level", [0, 255], ids=["empty", "full"])
def test_without_a_ring_nothing_is_done(level: int) -> None:
    painted = cast(EDIT, 1.1, 10)
    assert np.array_equal(without_cast(SOURCE, painted, np.full_like(MASK, level)), painted)


def test_an_even_ring_tells_the_shift_and_no_gain() -> None:
    source = np.full_like(SOURCE, 120)
    gain, offset = gain_and_offset(source, cast(source, 1.0, 12), MASK)
    assert gain * 120 + offset == pytest.approx((132, 132, 132), abs=1)
    assert gain == pytest.approx((1, 1, 1), abs=0.1)


@pytest.mark.parametrize(
    ("how", "engine", "candidate", "undone"),
    [
        ("auto", "webui", 0, True),
        ("auto", "builtin", 0, False),
        ("undo", "builtin", 0, True),
        ("keep", "webui", 0, False),
        ("undo", "webui", -1, False),
    ],
    ids=["diffusion", "builtin", "asked for", "kept", "a person's own"],
)
def test_whose_cast_is_undone(how: str, engine: str, candidate: int, undone: bool) -> None:
    settings = InpaintSettings(cast=how)  # pyright: ignore[reportArgumentType]
    assert settings.undoes_cast(engine, candidate) is undone


class Brighter(Recorder):
    """Gives the crop back, ten levels lighter all over."""

    def inpaint(self, job: InpaintJob) -> list[Painted]:
        self.jobs.append(job)
        return [Painted(np.clip(job.crop + 10.0, 0, 255).astype(np.uint8), seed) for seed in job.seeds]


def test_the_next_run_cuts_the_layers_anew_and_paints_nothing(footage: dict[str, Path], tmp_path: Path) -> None:
    values = {"inpaint.cast": "keep", "inpaint.context": 0.5}
    edit(tmp_path, footage, values, until="composite", engine=Brighter())
    before, engine = stamps(tmp_path), Brighter()
    edit(tmp_path, footage, {**values, "inpaint.cast": "undo"}, until="composite", engine=engine)
    assert not engine.jobs
    assert {name.split("/")[0] for name in remade(before, tmp_path)} >= {"scores", "patches"}
