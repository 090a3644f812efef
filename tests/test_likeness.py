from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import pytest
import scenes

from lib_vidpaint.agreement import Sketch
from lib_vidpaint.likeness import Unlike, outvoted, typical, unlike
from lib_vidpaint.model import Frame, Mask

SHOT = scenes.shot(8, pan=(-2.5, 0.0), disc=(50.0, 55.0, 2.5, 0.0), radius=26)


def warmer(frame: Frame) -> Frame:
    return np.clip(frame * np.array([1.1, 1.0, 0.9]) + 5, 0, 255).astype(np.uint8)


def sketch(at: int, edit: Callable[[Frame, Mask], Frame]) -> Sketch:
    return Sketch.of(SHOT.truth[at], SHOT.masks[at], [edit(warmer(SHOT.truth[at]), SHOT.masks[at])])


def apart(edit: Callable[[Frame, Mask], Frame]) -> Unlike:
    found = unlike(sketch(0, edit), sketch(4, lambda frame, _: frame))
    assert found is not None
    return found


def turned(frame: Frame, mask: Mask, scale: float = 1, x: float = 0) -> Frame:
    left, top, width, height = cv2.boundingRect(mask)
    turn = cv2.getRotationMatrix2D((left + width / 2, top + height / 2), 0, scale)
    turn[0, 2] += x
    return np.asarray(cv2.warpAffine(frame, turn, frame.shape[1::-1], borderMode=cv2.BORDER_REFLECT), np.uint8)


def test_the_same_edit_at_another_moment_is_not_strange() -> None:
    same = apart(lambda frame, _: frame)
    assert same.tone < 1.5
    assert same.texture < 5
    assert same.shift < 0.2
    assert same.size < 1
    assert same.focus < 0.1


@pytest.mark.parametrize(
    ("edit", "name", "least"),
    [
        (lambda frame, _: np.clip(frame + 20.0, 0, 255).astype(np.uint8), "tone", 15),
        (lambda frame, _: scenes.world(frame.shape[1], frame.shape[0], 5)[: frame.shape[0]], "texture", 10),
        (lambda frame, mask: turned(frame, mask, x=3), "shift", 2),
        (lambda frame, mask: turned(frame, mask, scale=1.15), "size", 5),
        (lambda frame, _: cv2.GaussianBlur(frame, (0, 0), 3), "focus", 0.3),
    ],
    ids=["colour", "texture", "shift", "size", "blur"],
)
def test_what_is_wrong_is_named(edit: Callable[[Frame, Mask], Frame], name: str, least: float) -> None:
    assert getattr(apart(edit), name) > least
    assert getattr(apart(lambda frame, _: frame), name) < least / 2


def test_a_cast_has_a_sign_and_turns_with_the_point_of_view() -> None:
    found = apart(lambda frame, _: np.clip(frame + np.array([20.0, 0, -20]), 0, 255).astype(np.uint8))
    assert found.cast == pytest.approx((20, 0, -20), abs=4)
    assert found.turned.cast == pytest.approx(tuple(-x for x in found.cast))


def test_nothing_is_said_where_nothing_can_be_followed() -> None:
    masks = [np.zeros((96, 96), np.uint8) for _ in range(2)]
    masks[0][:, :20] = masks[1][:, 70:] = 255
    sketches = [Sketch(scenes.world(96, 96, at), mask, (SHOT.frames[0],)) for at, mask in enumerate(masks)]
    assert unlike(*sketches) is None


def test_an_edit_like_half_of_its_neighbours_is_no_stranger() -> None:
    near, far = Unlike(1, 2, 0.1, 0.1, 0.01), Unlike(20, 20, 3, 9, 0.8)
    assert typical([far, near, far, near]) == near
    assert typical([far, near]) == near
    assert typical([far, far, far, near]) == far


def test_how_far_apart_is_a_mean_square() -> None:
    found = apart(lambda frame, _: np.clip(frame.astype(int) + 20, 0, 255).astype(np.uint8))
    assert found.apart == pytest.approx(400, rel=0.25)
    assert found.turned.apart == found.apart


@pytest.mark.parametrize(
    ("apart", "is_so"),
    [
        ((200, 200, 200), True),
        ((150, 140, 200), False),
        ((120, 120, 200), False),
        ((9, 9, 9), False),
        ((90, 90, 0), False),
    ],
    ids=[
        "errors of one size",
        "just below",
        "the neighbours are worse",
        "hardly any",
        "neighbours alike to the sample",
    ],
)
def test_an_edit_is_outvoted_by_two_that_agree(apart: tuple[float, float, float], is_so: bool) -> None:
    assert outvoted(*apart) == is_so
