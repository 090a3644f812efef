from __future__ import annotations

import cv2
import numpy as np
import pytest

from lib_vidpaint.model import Frame, Mask
from lib_vidpaint.ranking import seam_score

SIZE = (80, 100)


def disc(radius: int = 20) -> Mask:
    return np.asarray(cv2.circle(np.zeros(SIZE, np.uint8), (50, 40), radius, 255, -1), np.uint8)


def flat(level: int) -> Frame:
    return np.full((*SIZE, 3), level, np.uint8)


@pytest.mark.parametrize("step", [0, 12, 60])
def test_the_score_is_the_step_across_the_rim_in_levels(step: int) -> None:
    assert seam_score(flat(100), flat(100 + step), disc()) == pytest.approx(step, abs=0.01)


def test_what_lies_far_from_the_rim_does_not_count() -> None:
    source, painted = flat(100), flat(100)
    source[:4], painted[36:44, 46:54] = 255, 0
    assert seam_score(source, painted, disc()) == pytest.approx(0, abs=0.01)


def test_a_candidate_that_fits_scores_less() -> None:
    ramp = np.repeat(np.linspace(60, 160, SIZE[1]).astype(np.uint8)[None, :, None], SIZE[0], 0).repeat(3, 2)
    assert seam_score(ramp, ramp, disc()) < 3 < seam_score(ramp, flat(110), disc())


@pytest.mark.parametrize("level", [0, 255], ids=["empty", "full"])
def test_without_a_rim_there_is_no_seam(level: int) -> None:
    assert seam_score(flat(0), flat(255), np.full(SIZE, level, np.uint8)) == 0


def test_the_pictures_border_is_no_rim() -> None:
    region = np.zeros(SIZE, np.uint8)
    region[:, :50] = 255
    source, painted = flat(100), flat(100)
    painted[:, :20] = 200
    assert seam_score(source, painted, region) == pytest.approx(0, abs=0.01)
