from __future__ import annotations

import av
import cv2
import numpy as np
import pytest
from media import changed_outside, picture

from lib_vidpaint.errors import VideoError
from lib_vidpaint.model import Box, Color
from lib_vidpaint.pixels import pixel_format
from lib_vidpaint.planes import (
    Planes,
    apply_edit,
    component_regions,
    from_frame,
    matrix_of,
    quick_view,
    splice,
    to_frame,
    view,
)


def _carried(name: str) -> bool:
    try:
        pixel_format(name)
    except VideoError:
        return False
    return True


NAMES = sorted(name for name in av.video.format.names if _carried(name))
WRITABLE = [name for name in NAMES if name not in ("pal8", "monob", "monow")]
KR_KB = {1: (0.2126, 0.0722), 4: (0.3, 0.11), 6: (0.299, 0.114), 7: (0.212, 0.087), 9: (0.2627, 0.0593)}


def noise(name: str, width: int = 36, height: int = 27) -> Planes:
    fmt = pixel_format(name)
    rng = np.random.default_rng(len(name))
    shapes = [fmt.shape(i, width, height) for i in range(len(fmt.components))]
    return Planes(fmt, tuple(rng.integers(0, 1 << fmt.bits, shape).astype(fmt.dtype) for shape in shapes))


def equal(a: Planes, b: Planes) -> bool:
    return all(np.array_equal(x, y) for x, y in zip(a.arrays, b.arrays, strict=True))


@pytest.mark.parametrize("name", WRITABLE)
def test_samples_survive_a_frame(name: str) -> None:
    planes = noise(name)
    read = from_frame(to_frame(planes, name))
    assert equal(planes, read)
    assert {a.dtype for a in read.arrays} == {np.dtype(planes.format.dtype)}
    assert all(a.dtype.isnative for a in read.arrays)


@pytest.mark.parametrize("name", WRITABLE)
def test_null_edit_changes_no_sample(name: str) -> None:
    planes = noise(name)
    seen = view(planes, Color(full_range=planes.format.full_range))
    edited = apply_edit(planes, Color(), seen, seen, np.ones(seen.shape[:2], np.float32))
    assert equal(planes, edited)
    nothing = apply_edit(planes, Color(), seen, 255 - seen, np.zeros(seen.shape[:2], np.float32))
    assert equal(planes, nothing)


def test_decoded_samples_cannot_be_changed_by_mistake() -> None:
    planes = from_frame(to_frame(noise("yuv420p"), "yuv420p"))
    with pytest.raises(ValueError, match="read-only"):
        planes.arrays[0][0, 0] = 1
    planes.copy().arrays[0][0, 0] = 1


@pytest.mark.parametrize(
    "name", ["bayer_rggb8", "gbrpf32le", "xyz12le", "cuda", "rgb565le", "gray32le", "yuv444p10msble"]
)
def test_formats_we_cannot_carry_are_refused_by_name(name: str) -> None:
    if name not in av.video.format.names:
        pytest.skip(f"this FFmpeg has no {name}")
    with pytest.raises(VideoError, match=f"{name} cannot be carried sample for sample"):
        pixel_format(name)


def test_to_frame_refuses_a_lossy_format() -> None:
    for name in ("yuv420p", "gbrp10le", "yuv444p", "gray", "yuva422p10le"):
        with pytest.raises(VideoError, match="unchanged"):
            to_frame(noise("yuv422p10le"), name)


def reference(planes: Planes, matrix: int, full: bool) -> np.ndarray:
    """RGB as floats, with plain loops: left-sited chroma, linear between its samples."""
    fmt = planes.format
    peak = (1 << fmt.bits) - 1
    if fmt.family == "rgb":
        return np.stack([a.astype(float) * 255 / peak for a in planes.arrays[:3]], -1)
    unit = 1 << (fmt.bits - 8)
    black, luma, chroma = (0, peak, peak) if full else (16 * unit, 219 * unit, 224 * unit)
    y = (planes.arrays[0].astype(float) - black) / luma
    if fmt.family == "gray":
        return np.repeat(y[..., None] * 255, 3, -1)
    cb, cr = (_at_luma(a.astype(float), planes) - (128 * unit) for a in planes.arrays[1:3])
    cb, cr = cb / chroma, cr / chroma
    kr, kb = KR_KB[matrix]
    red, blue = y + 2 * (1 - kr) * cr, y + 2 * (1 - kb) * cb
    green = (y - kr * red - kb * blue) / (1 - kr - kb)
    return np.stack([red, green, blue], -1) * 255


def _at_luma(chroma: np.ndarray, planes: Planes) -> np.ndarray:
    step_x, step_y = planes.format.steps
    rows = np.clip((np.arange(planes.height) + 0.5) / step_y - 0.5, 0, chroma.shape[0] - 1)
    columns = np.clip(np.arange(planes.width) / step_x, 0, chroma.shape[1] - 1)
    tall = np.stack([np.interp(rows, np.arange(chroma.shape[0]), column) for column in chroma.T], 1)
    return np.stack([np.interp(columns, np.arange(chroma.shape[1]), row) for row in tall])


@pytest.mark.parametrize("full", [False, True], ids=["limited", "full"])
@pytest.mark.parametrize("matrix", KR_KB)
@pytest.mark.parametrize(
    "name", ["yuv420p", "yuv422p10le", "yuv444p", "yuv444p16le", "yuv410p", "nv12", "gray10le", "gbrp12le"]
)
def test_view_is_within_one_code_of_a_float_conversion(name: str, matrix: int, full: bool) -> None:
    planes = noise(name, 35, 27)
    expected = np.clip(reference(planes, matrix, full), 0, 255)
    assert np.abs(view(planes, Color(matrix=matrix, full_range=full)) - expected).max() <= 1


@pytest.mark.parametrize("name", ["yuv420p", "yuv422p", "yuv444p"])
def test_quick_view_is_what_view_shows_but_for_two_codes(name: str) -> None:
    fmt, rng = pixel_format(name), np.random.default_rng(4)
    noise = [rng.uniform(0, 255, fmt.shape(i, 96, 64)) for i in range(3)]
    planes = Planes(fmt, tuple(cv2.GaussianBlur(part, (0, 0), 2).astype(np.uint8) for part in noise))
    exact, quick = view(planes, Color(matrix=1), "center"), quick_view(planes, Color(matrix=1))
    assert np.abs(exact.astype(int) - quick).max() <= 2


def test_view_of_identity_matrix_is_the_planes_themselves() -> None:
    planes = noise("yuv444p")
    seen = view(planes, Color(matrix=0, full_range=True))
    assert np.array_equal(seen, np.stack([planes.arrays[2], planes.arrays[0], planes.arrays[1]], -1))


def test_nonlinear_matrix_is_refused() -> None:
    with pytest.raises(VideoError, match="matrix 14"):
        view(noise("yuv420p10le"), Color(matrix=14))


@pytest.mark.parametrize(
    ("width", "height", "expected"), [(1280, 534, 1), (1024, 577, 1), (1024, 576, 6), (720, 480, 6)], ids=str
)
def test_untagged_matrix_follows_the_size(width: int, height: int, expected: int) -> None:
    assert matrix_of(Color(), width, height) == expected
    assert matrix_of(Color(matrix=9), width, height) == 9


# A code of 8-bit limited YCbCr is 255/219 of grey and 1.77 * 255/224 of blue: half of both rounds to at most 2.
@pytest.mark.parametrize(
    ("name", "off"),
    [("yuv444p", 2), ("yuvj444p", 2), ("yuv444p10le", 1), ("yuv420p", 2), ("yuv420p10le", 1), ("yuv422p12le", 1), ("bgra", 0),
     ("gbrp16le", 0), ("rgb48le", 0)],
)  # fmt: skip
@pytest.mark.parametrize("color", [Color(), Color(matrix=1), Color(matrix=9)], ids=["untagged", "709", "2020"])
def test_flat_edit_lands_on_the_asked_colour(name: str, off: int, color: Color) -> None:
    planes = picture(name, (40, 30), 0)
    middle = 1 << (planes.format.bits - 1)
    # A quarter of the contrast: every pixel lies in the RGB gamut, where the view does not clip it.
    quiet = Planes(planes.format, tuple((a // 4 + middle - middle // 4).astype(a.dtype) for a in planes.arrays))
    before = view(quiet, color)
    after = np.full_like(before, 0)
    after[:] = (180, 120, 90)
    edited = view(apply_edit(quiet, color, before, after, np.ones(before.shape[:2], np.float32)), color)
    inner = edited[6:-6, 6:-6].astype(int)
    # Chroma that varies within a cell cannot be levelled fully by one sample a cell.
    slack = 0 if quiet.format.steps == (1, 1) else 2
    assert np.abs(inner - (180, 120, 90)).max() <= off + slack


def test_half_alpha_goes_half_the_way() -> None:
    planes = picture("gbrp16le", (20, 20), 0)
    before = view(planes, Color())
    after = np.full_like(before, 255)
    half = apply_edit(planes, Color(), before.astype(np.float32), after, np.full((20, 20), 0.5, np.float32))
    assert np.abs(view(half, Color()) - (before / 2 + 127.5)).max() <= 1


def test_grey_fill_leaves_no_chroma_of_what_was_below() -> None:
    fmt = pixel_format("yuv420p")
    planes = Planes(fmt, tuple(np.full(fmt.shape(i, 64, 64), 120, np.uint8) for i in range(3)))
    for plane, low, high in zip(planes.arrays[1:], (90, 160), (170, 100)):
        plane[:] = low
        plane[8:24, 8:24] = high
    before = view(planes, Color())
    grey = np.full_like(before, 128)
    edited = apply_edit(planes, Color(), before, grey, np.ones((64, 64), np.float32))
    left = max(np.abs(a[2:-2, 2:-2].astype(int) - 128).max() for a in edited.arrays[1:])
    assert left <= 5, "the plain cell average leaves 28 of these 80 codes at the edges"


def test_edit_is_clipped_to_the_codes_that_exist() -> None:
    planes = noise("yuv420p10le")
    before = view(planes, Color())
    white = np.full(before.shape, 2000, np.float32)
    edited = apply_edit(planes, Color(), before, white, np.ones(before.shape[:2], np.float32))
    assert edited.arrays[0].max() == 1023


def test_alpha_component_is_never_touched() -> None:
    planes = noise("yuva444p10le")
    before = view(planes, Color())
    edited = apply_edit(planes, Color(), before, 255 - before, np.ones(before.shape[:2], np.float32))
    assert np.array_equal(planes.arrays[3], edited.arrays[3])
    assert not component_regions(np.full((27, 36), 255, np.uint8), planes.format)[3].any()


@pytest.mark.parametrize("name", ["yuv420p", "yuv422p", "yuv440p", "yuv410p", "yuv411p", "yuv444p"])
def test_chroma_belongs_only_with_its_whole_cell(name: str) -> None:
    fmt = pixel_format(name)
    region = (np.random.default_rng(1).random((27, 35)) < 0.9).astype(np.uint8) * 255
    chroma = component_regions(region, fmt)[1]
    step_x, step_y = fmt.steps
    for row, column in np.ndindex(chroma.shape):
        cell = region[row * step_y : (row + 1) * step_y, column * step_x : (column + 1) * step_x]
        assert chroma[row, column] == bool(cell.all())


@pytest.mark.parametrize("name", ["yuv420p", "yuv410p", "yuva444p10le", "rgba", "gray", "nv12"])
@pytest.mark.parametrize("seed", range(4))
def test_splice_changes_the_region_and_nothing_else(name: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    planes = noise(name, 35, 27)
    region = (rng.random((27, 35)) < 0.7).astype(np.uint8) * 255
    x, y = rng.integers(0, 30), rng.integers(0, 22)
    box = Box(int(x), int(y), int(rng.integers(1, 36 - x)), int(rng.integers(1, 28 - y))).aligned(
        *planes.format.steps, 35, 27
    )
    patch = Planes(
        planes.format, tuple(np.invert(a) & ((1 << planes.format.bits) - 1) for a in planes.crop(box).arrays)
    )
    target = planes.copy()
    splice(target, patch, region[box.slices], box)
    inside = np.zeros_like(region)
    inside[box.slices] = region[box.slices]
    assert changed_outside(planes, target, inside) == 0
    expected = [np.count_nonzero(r) for r in component_regions(inside, planes.format)]
    assert changed_outside(planes, target, None) == sum(expected)


@pytest.mark.parametrize(
    "box",
    [Box(1, 0, 4, 4), Box(0, 1, 4, 4), Box(0, 0, 5, 4), Box(0, 0, 4, 5), Box(-2, 0, 4, 4), Box(0, 0, 40, 4)],
    ids=str,
)
def test_boxes_that_cut_chroma_are_refused(box: Box) -> None:
    planes = noise("yuv420p", 35, 27)
    with pytest.raises(VideoError, match="whole chroma samples"):
        planes.crop(box)
    with pytest.raises(VideoError, match="whole chroma samples"):
        splice(planes.copy(), planes, np.zeros((box.height, box.width), np.uint8), box)


def test_crop_may_end_at_an_odd_border() -> None:
    crop = noise("yuv420p", 35, 27).crop(Box(30, 20, 5, 7))
    assert [a.shape for a in crop.arrays] == [(7, 5), (4, 3), (4, 3)]


def test_splice_refuses_another_depth_or_size() -> None:
    planes = noise("yuv420p").copy()
    box, region = Box(0, 0, 4, 4), np.full((4, 4), 255, np.uint8)
    with pytest.raises(VideoError, match="does not fit a video"):
        splice(planes, noise("yuv420p10le").crop(box), region, box)
    with pytest.raises(VideoError, match="does not fit a video"):
        splice(planes, noise("yuv444p").crop(box), region, box)
    with pytest.raises(VideoError, match="does not fit its box"):
        splice(planes, noise("yuv420p").crop(Box(0, 0, 6, 4)), region, box)
