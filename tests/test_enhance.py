"""Enhancement: pure corrections, light that never flickers, grain; and the stage, inside the region or in the share copy."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from projects import copied, decoded, edit, files, remade, stamps

from lib_vidpaint import grading, session
from lib_vidpaint.clip import read_planes_of
from lib_vidpaint.encode import Writer, share_encoding
from lib_vidpaint.enhancing import rim_offset
from lib_vidpaint.errors import SettingsError
from lib_vidpaint.grain import Grain, grain, grainy, lacking, noise
from lib_vidpaint.light import Curve, Light, curves, joined, light
from lib_vidpaint.model import Color, VideoInfo
from lib_vidpaint.pixels import pixel_format
from lib_vidpaint.planes import Planes, planes_of

Footage = dict[str, Path]
RANDOM = np.random.default_rng(4)
PICTURE = RANDOM.integers(0, 256, (40, 60, 3)).astype(np.uint8)


def test_a_neutral_grade_changes_nothing() -> None:
    assert np.allclose(grading.through(PICTURE, grading.curve(grading.Grade())), PICTURE, atol=1e-3)


def test_lift_gamma_and_gain_move_dark_middle_and_bright_tones() -> None:
    dark, middle, bright = (
        grading.curve(grading.Grade(**{name: (value, value, value)})) - grading.curve(grading.Grade())
        for name, value in (("lift", 0.1), ("gamma", 1.3), ("gain", 1.2))
    )
    assert dark[0, 0] == pytest.approx(25.5, abs=0.01)
    assert dark[255, 0] == pytest.approx(0, abs=0.01)
    assert middle[[0, 255], 0] == pytest.approx([0, 0], abs=0.01)
    assert middle[128, 0] > 15
    assert bright[0, 0] == 0
    assert bright[128, 0] > 20


@pytest.mark.parametrize(
    ("text", "wanted"), [("1.1", (1.1, 1.1, 1.1)), ("1, 0.9 1.2", (1.0, 0.9, 1.2))], ids=["one", "three"]
)
def test_numbers_for_colours(text: str, wanted: Any) -> None:
    assert grading.triple(text, "enhance.gain", 0, 4) == wanted


@pytest.mark.parametrize("text", ["", "x", "1, 2", "5", "nan", "-1", "1 1 1 1"])
def test_other_numbers_are_refused(text: str) -> None:
    with pytest.raises(SettingsError, match=r"enhance\.gain"):
        grading.triple(text, "enhance.gain", 0, 4)


def cube(size: int, change: Any) -> str:
    codes = np.linspace(0, 1, size)
    rows = [change(np.array([r, g, b])) for b in codes for g in codes for r in codes]
    return f'TITLE "t"\n# note\nLUT_3D_SIZE {size}\n' + "".join(f"{r:f} {g:f} {b:f}\n" for r, g, b in rows)


def test_a_table_that_changes_nothing() -> None:
    table = grading.dense(grading.read_cube(cube(5, lambda rgb: rgb), "a.cube"))
    assert (grading.looked_up(PICTURE, table) == PICTURE).all()


def test_a_table_changes_colours_as_it_says() -> None:
    table = grading.dense(grading.read_cube(cube(9, lambda rgb: [rgb[2] * 0.5, rgb[0], rgb[1] ** 2]), "a.cube"))
    found, codes = grading.looked_up(PICTURE, table), PICTURE.astype(float)
    assert np.abs(found[..., 0] - codes[..., 2] * 0.5).max() <= 0.6
    assert np.abs(found[..., 1] - codes[..., 0]).max() <= 0.6
    assert np.abs(found[..., 2] - codes[..., 1] ** 2 / 255).max() <= 2


BROKEN = {
    "no table": "hello",
    "cut off": cube(3, lambda rgb: rgb)[:-30],
    "one-dimensional": "LUT_1D_SIZE 2\n0 0 0\n1 1 1\n",
    "too large": "LUT_3D_SIZE 999\n",
    "another domain": "DOMAIN_MAX 4 4 4\n" + cube(2, lambda rgb: rgb),
    "not a number": cube(2, lambda rgb: rgb).replace("1.000000 1.000000 1.000000", "1.0 1.0 1.0x"),
}


@pytest.mark.parametrize("text", BROKEN.values(), ids=BROKEN)
def test_a_broken_table_is_refused(text: str) -> None:
    with pytest.raises(SettingsError, match=r"a\.cube"):
        grading.read_cube(text, "a.cube")


def test_sharpening_and_denoising_do_what_they_say() -> None:
    noisy = np.full((60, 80, 3), 120.0, np.float32) + RANDOM.normal(0, 8, (60, 80, 3)).astype(np.float32)
    assert grading.denoised(noisy, 1).std() < 0.6 * noisy.std()
    assert grading.sharpened(noisy, 1, 1080).std() > 1.1 * noisy.std()
    assert (grading.denoised(noisy, 0) == noisy).all()
    assert (grading.sharpened(noisy, 0, 1080) == noisy).all()


# Light


def flickering(count: int = 120) -> list[Light]:
    """A shot of 4.8 s whose light rises by half, slowly, with a flash of two frames."""
    means = 0.3 * (1 + 0.5 * np.arange(count) / count)
    means[60:62] *= 1.8
    return [Light(0.1, float(mean), min(1.0, float(mean) * 2)) for mean in means]


@pytest.mark.parametrize("which", ["levels", "brightness", "exposure"])
def test_no_automatic_correction_flickers(which: str) -> None:
    lights = flickering()
    found = curves(lights, 25, **{which: 1.0})
    grey = np.array([curve.table()[110, 0] for curve in found])
    assert np.abs(np.diff(grey)).max() < 1.0, "of 255 levels from frame to frame"
    assert np.abs(np.diff(grey, 2)).max() < 0.1
    if which != "exposure":
        assert len(set(found)) == 1


def test_exposure_evens_out_slow_changes_and_keeps_a_flash() -> None:
    lights = flickering()
    means = np.array([found.mean for found in lights])
    after = means * [curve.gain for curve in curves(lights, 25, exposure=1.0)]
    calm = np.r_[after[10:58], after[64:110]]
    assert calm.max() / calm.min() < 1.06 < means[58] / means[10]
    assert after[60] / after[58] == pytest.approx(means[60] / means[58], rel=0.02)


def test_shots_are_told_apart_by_their_light() -> None:
    dark, bright, flash = Light(0, 0.2, 0.5), Light(0, 0.6, 1), Light(0, 0.9, 1)
    lights = [*[dark] * 30, flash, flash, *[dark] * 30, *[bright] * 30]
    shots = [range(30), range(30, 62), range(62, 92)]
    assert joined(shots, lights, 25) == [range(62), range(62, 92)]
    assert joined([], [], 25) == []


def test_levels_spread_tones_and_brightness_reaches_grey() -> None:
    lights = [Light(0.2, 0.3, 0.7)] * 5
    (first, *_) = curves(lights, 25, levels=1.0)
    assert first.table()[[51, 179], 0] == pytest.approx([0, 255], abs=2)
    (first, *_) = curves(lights, 25, brightness=1.0)
    assert first.table()[round(0.3 * 255), 0] / 255 == pytest.approx(0.46, abs=0.01)


@pytest.mark.parametrize("level", [0, 255], ids=["black", "white"])
def test_an_empty_picture_gets_no_wild_correction(level: int) -> None:
    seen = light(np.full((20, 20, 3), level, np.uint8))
    (curve,) = curves([seen], 25, 1.0, 1.0, 1.0)
    assert 0.25 <= curve.gain <= 4
    assert 0.5 <= curve.gamma <= 2
    assert np.isfinite(curve.table()).all()
    assert curves([], 25, 1.0) == []
    assert curves([seen], 25) == [Curve()]


# Grain


def noisy(deviation: float, shape: tuple[int, int] = (200, 300)) -> np.ndarray:
    ramp = np.tile(np.linspace(60, 190, shape[1]), (shape[0], 1))
    return np.clip(ramp + np.random.default_rng(1).normal(0, deviation, shape), 0, 255).round().astype(np.uint8)


@pytest.mark.parametrize("deviation", [1.0, 3.0, 8.0, 16.0])
def test_noise_is_measured(deviation: float) -> None:
    assert noise(noisy(deviation)) == pytest.approx(deviation, rel=0.08, abs=0.12)


def test_noise_is_measured_inside_alone_and_edges_are_none() -> None:
    samples, inside = noisy(6.0), np.zeros((200, 300), np.uint8)
    samples[50:150, 50:150] = 128
    inside[50:150, 50:150] = 255
    assert noise(samples, inside) < 0.2
    assert noise(samples, 255 - inside) == pytest.approx(6, rel=0.1)
    steps = np.repeat(np.tile([40, 200], 15), 10)[None].repeat(200, 0).astype(np.uint8)
    assert noise(steps) < 0.5
    assert noise(samples[:5, :5]) == 0


@pytest.mark.parametrize("blur", [0.0, 0.5, 0.7])
def test_added_noise_is_as_strong_and_as_coarse(blur: float) -> None:
    field = np.random.default_rng(2).normal(0, 14, (200, 300))
    wanted = 128 + (cv2.GaussianBlur(field, (0, 0), blur) if blur else field)
    source = grain(np.clip(wanted, 0, 255).round().astype(np.uint8))
    assert source.blur == blur
    smooth = Planes(pixel_format("gray"), (np.full((200, 300), 128, np.uint8),))
    made = grainy(smooth, [source], np.ones((200, 300), np.float32), 7).arrays[0]
    assert noise(made) == pytest.approx(source.deviation, rel=0.12)
    assert made.std() == pytest.approx(wanted.std(), rel=0.25)
    assert (grainy(smooth, [source], np.ones((200, 300), np.float32), 7).arrays[0] == made).all()
    assert (grainy(smooth, [source], np.ones((200, 300), np.float32), 8).arrays[0] != made).any()
    assert (grainy(smooth, [source], np.zeros((200, 300), np.float32), 7).arrays[0] == 128).all()


def test_grain_is_added_only_where_a_noisy_source_has_a_smooth_patch() -> None:
    def one(deviation: float) -> list[Grain]:
        return [Grain(deviation, 0.5)]

    assert lacking(one(4), one(0), 8) == (Grain(4, 0.5),)
    assert lacking(one(5), one(3), 8) == (Grain(4, 0.5),)
    assert lacking(one(4), one(3.5), 8) == ()
    assert lacking(one(0.5), one(0), 8) == ()
    assert lacking(one(2), one(0), 10) == (), "a half of 255 levels in 10 bits"
    assert lacking(one(0.5), one(0), 8, always=True) == (Grain(0.5, 0.5),)
    assert lacking([], [], 8) == ()


def test_the_rim_is_compared_with_the_right_thing() -> None:
    source, alpha = np.full((80, 80, 3), 100, np.uint8), np.zeros((80, 80), np.uint8)
    source[20:60, 20:60] = 50
    alpha[20:60, 20:60] = 255
    result = source.copy()
    result[20:60, 20:60] = (70, 60, 40)
    assert rim_offset(source, result, alpha, 360, removed=False) == [20, 10, -10]
    assert rim_offset(source, result, alpha, 360, removed=True) == [-30, -40, -60]
    assert rim_offset(source, result, np.zeros_like(alpha), 360, removed=True) == [0, 0, 0]


# The stage


@pytest.fixture
def project(finished: Path, footage: Footage, tmp_path: Path) -> Path:
    """A copy of the finished project that knows where its source is."""
    folder = copied(finished, tmp_path / "project")
    edit(folder, footage)
    return folder


KNOBS: dict[str, Any] = {
    "match": 1.0, "levels": 1.0, "brightness": 1.0, "exposure": 1.0, "lift": "0.1", "gamma": "1.4", "gain": "1, 0.8, 1.1",
    "sharpen": 2.0, "denoise": 1.0, "overlay": 0.4, "grain": "on", "lut": "",
}  # fmt: skip


def given(name: str, folder: Path) -> dict[str, Any]:
    if name != "lut":
        return {f"enhance.{name}": KNOBS[name]}
    (folder / "a.cube").write_text(cube(3, lambda rgb: rgb * [1, 0.7, 0.7]))
    return {"enhance.lut": str(folder / "a.cube")}


STEADY = [name for name in KNOBS if name != "exposure"]
"""The footage's light does not change, so that there is nothing for exposure to do."""


@pytest.mark.parametrize("name", STEADY)
def test_in_the_region_the_master_changes_there_alone(
    name: str, project: Path, footage: Footage, tmp_path: Path
) -> None:
    before = decoded(project / "master.mp4")
    session.run(project, {"enhance.grain": "off", **given(name, tmp_path)})
    found = session.verify(project, footage["source"])
    assert found.exact
    assert found.ended_by == ()
    assert decoded(project / "master.mp4") != before
    session.render(project / "package", footage["source"], tmp_path / "again.mp4")
    assert decoded(tmp_path / "again.mp4") == decoded(project / "master.mp4")
    back = KNOBS | {"lift": "0", "gamma": "1", "gain": "1", "grain": "off"}
    back = {key: 0.0 if isinstance(value, float) else value for key, value in back.items()}
    session.run(project, {f"enhance.{key}": value for key, value in back.items()})
    assert decoded(project / "master.mp4") == before
    assert not [file for file in files(project) if file.startswith(("enhanced", "rims", "light"))]


@pytest.mark.parametrize("name", [name for name in STEADY if name not in ("match", "grain")])
def test_in_the_frame_the_share_copy_changes_and_the_receipt_says_so(
    name: str, project: Path, footage: Footage, tmp_path: Path
) -> None:
    session.run(project, {"enhance.grain": "off"})
    share, before = decoded(project / "share.mp4"), stamps(project)
    session.run(project, {"enhance.scope": "frame", **given(name, tmp_path)})
    assert "master.mp4" not in remade(before, project)
    assert decoded(project / "share.mp4") != share
    found = session.verify(project, footage["source"])
    assert found.exact
    assert [phrase.partition(" ")[0] for phrase in found.ended_by] == [f"enhance.{name}"]


def test_off_nothing_is_made(finished: Path) -> None:
    assert not [file for file in files(finished) if "enhanced" in file or "rims" in file or "light.csv" in file]


def test_a_table_that_is_not_on_this_machine_is_asked_for(project: Path, footage: Footage, tmp_path: Path) -> None:
    session.run(project, given("lut", tmp_path))
    moved = (tmp_path / "project").rename(tmp_path / "moved")
    with pytest.raises(SettingsError, match=r"made with a\.cube: name it again"):
        edit(moved, footage, {"enhance.gamma": "1.2"})
    edit(moved, footage, {"enhance.lut": ""})
    assert session.verify(moved, footage["source"]).exact


def test_exposure_of_a_real_clip_evens_out_light_and_keeps_the_flash(tmp_path: Path) -> None:
    source, count, flash = tmp_path / "source.mp4", 75, (40, 41)
    info = VideoInfo(64, 48, "yuv420p", "h264", "mp4", Fraction(25), Fraction(1, 25), Color(6, 6, 6))
    with Writer(source, info, share_encoding(info, 12)) as writer:
        for index in range(count):
            factor = (1 + 0.5 * index / count) * (1.5 if index in flash else 1)
            picture = cv2.GaussianBlur(
                np.random.default_rng(3).integers(20, 120, (48, 64, 3)).astype(np.float32), (0, 0), 3
            )
            writer.write(planes_of(np.clip(picture * factor, 0, 255).astype(np.uint8)), index)
    values = {
        "source.path": str(source),
        "mask.path": "box:20,16,16,12",
        "enhance.scope": "frame",
        "enhance.exposure": 1.0,
    }
    session.run(tmp_path / "p", values, preset="remove")
    means = [
        [float(planes.arrays[0].mean()) - 16 for planes in read_planes_of(path)]
        for path in (source, tmp_path / "p/share.mp4")
    ]
    before, after = map(np.array, means)
    calm = np.r_[8:38, 44:68]
    assert after[calm].max() / after[calm].min() < 1.08
    assert before[calm].max() / before[calm].min() > 1.3
    assert after[40] / after[38] == pytest.approx(before[40] / before[38], rel=0.05)
    quiet = np.diff(after)[np.r_[8:37, 44:68]]
    assert np.abs(quiet).max() < np.abs(np.diff(before)).max() / 20
    assert session.verify(tmp_path / "p", source).exact


def test_a_table_that_changed_is_used_anew(project: Path, tmp_path: Path) -> None:
    session.run(project, {"enhance.scope": "frame", **given("lut", tmp_path)})
    share = decoded(project / "share.mp4")
    (tmp_path / "a.cube").write_text(cube(3, lambda rgb: rgb * [0.5, 1, 1]))
    session.run(project, {})
    assert decoded(project / "share.mp4") != share
    before = stamps(project)
    session.run(project, {})
    assert remade(before, project) == set()
