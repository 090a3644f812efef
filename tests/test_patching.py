from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from fakes import Recorder
from media import Recipe, make

from lib_vidpaint import session
from lib_vidpaint.items import read_alpha
from lib_vidpaint.model import VideoInfo
from lib_vidpaint.patching import make_patch, patches_in_force, preview_frame
from lib_vidpaint.planes import RGB_COLOR, Planes, planes_of, view
from lib_vidpaint.propagation import KeyLayer
from lib_vidpaint.stages.composite import CompositeSettings
from lib_vidpaint.transfer import Setting

INFO = VideoInfo(96, 64, "yuv420p", "h264", "mp4", Fraction(25), Fraction(1, 12800), RGB_COLOR)
MASK = cv2.circle(np.zeros((64, 96), np.uint8), (40, 32), 20, 255, -1)
HARD = CompositeSettings(feather=0)


def source() -> Planes:
    rough = np.random.default_rng(2).integers(0, 256, (64, 96, 3)).astype(np.uint8)
    return planes_of(cv2.GaussianBlur(rough, (0, 0), 3))


def composed(settings: CompositeSettings, edited: np.ndarray, index: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """The source's picture and a preview's, of a clip that stands still."""
    planes = source()
    frame = view(planes, INFO.color)
    layers = [KeyLayer(at, frame, np.where(MASK[..., None] > 0, edited, frame).astype(np.uint8), MASK) for at in (0, 2)]
    return frame, view(preview_frame(planes, MASK, layers, index, INFO, settings), INFO.color)


INNER = cv2.erode(MASK, np.ones((7, 7), np.uint8)) > 0


@pytest.mark.parametrize("opacity", [0.0, 0.3, 1.0])
def test_opacity_is_the_share_of_the_edit(opacity: float) -> None:
    frame, shown = composed(replace(HARD, opacity=opacity), np.full((64, 96, 3), 180, np.uint8))
    wanted = (1 - opacity) * frame + opacity * 180.0
    assert np.abs(shown - wanted)[INNER].mean() < 2


def test_a_layer_is_multiplied() -> None:
    frame, shown = composed(replace(HARD, blend="multiply"), np.full((64, 96, 3), 128, np.uint8))
    assert np.abs(shown - frame * (128 / 255))[INNER].mean() < 2


def test_a_preview_is_the_patch_where_nothing_moves() -> None:
    edited = np.full((64, 96, 3), 180, np.uint8)
    before, after = (composed(HARD, edited, at)[1] for at in (0, 1))
    assert np.abs(before.astype(int) - after)[INNER].max() <= 1


def test_a_patch_leaves_out_the_frames_before_it() -> None:
    planes = source()
    frame = view(planes, INFO.color)
    layer = KeyLayer(0, frame, 255 - frame, MASK)
    clips = [make_patch([planes] * 4, [MASK] * 4, [layer], 0, start, INFO, HARD) for start in (0, 3)]
    assert len(clips[1]) < len(clips[0])


def test_a_4k_clip_is_carried_by_motion_found_on_a_smaller_copy(tmp_path: Path) -> None:
    source = make(Recipe(size=(3840, 2160), frames=3, options={"preset": "ultrafast"}), tmp_path)
    values = {"source.path": str(source), "mask.path": "ellipse:1000,400,1600,1200", "keyframes.how": "shots"}
    few = {"inpaint.batch_count": 1, "inpaint.batch_size": 1}
    session.run(tmp_path / "p", values | few, preset="clothes", until="composite", engine=Recorder())
    with session.opened(tmp_path / "p") as run:
        (patch,) = patches_in_force(run.project)
        alpha = read_alpha(run, 0)[patch.box.slices]
    assert alpha.shape[0] > 1200
    assert Setting.of([alpha]).step > 2
    with av.open(str(tmp_path / "p" / patch.file)) as file:
        shown = [frame.to_ndarray(format="rgb24") for frame in file.decode(video=0)]
    assert [frame.shape[:2] for frame in shown] == [alpha.shape] * 3
    middle = [frame[alpha.shape[0] // 2, alpha.shape[1] // 2].astype(int) for frame in shown]
    assert np.ptp(middle, axis=0).max() < 12


def test_the_colours_of_an_untagged_film_are_those_of_its_size_not_of_the_patchs() -> None:
    """Whole frames of 1280 pixels are read as BT.709, and so is a part of one: what was painted keeps its colour."""
    info = replace(INFO, width=1280, height=720, color=replace(INFO.color, matrix=2))
    planes, red = source(), np.full((64, 96, 3), (200, 60, 40), np.uint8)
    seen = replace(info.color, matrix=1)
    frame = view(planes, seen)
    layers = [KeyLayer(at, frame, np.where(MASK[..., None] > 0, red, frame).astype(np.uint8), MASK) for at in (0, 2)]
    how = replace(HARD, carry="paste")
    shown = view(preview_frame(planes, MASK, layers, 1, info, how), seen)
    assert np.abs(shown.astype(int) - red)[INNER].mean() <= 1
