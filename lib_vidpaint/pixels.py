"""Pixel formats: which samples a frame of FFmpeg holds, and where in its buffers they lie."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

import av
import numpy as np
from av.video.plane import VideoPlane
from numpy.typing import NDArray

from .errors import VideoError

Samples = NDArray[Any]  # uint8 or uint16

# Which component each sample of a packed pixel holds; "0" is padding.
_PACKED = {
    **{name: name for name in ("rgba", "bgra", "argb", "abgr", "rgb0", "bgr0", "0rgb", "0bgr")},
    **{name: name[:3] for name in ("rgb24", "bgr24", "rgb48le", "rgb48be", "bgr48le", "bgr48be")},
    **{name: name[:4] for name in ("rgba64le", "rgba64be", "bgra64le", "bgra64be")},
    **dict.fromkeys(("ya8", "ya16le", "ya16be"), "ya"),
    "yuyv422": "yuyv",
    "uyvy422": "uyvy",
    "yvyu422": "yvyu",
}
# Semi-planar formats: which chroma comes first in the second plane.
_SEMIPLANAR = {
    **dict.fromkeys(("nv12", "nv16", "nv24", "nv20le", "nv20be"), "uv"),
    **dict.fromkeys(("nv21", "nv42"), "vu"),
    **{f"p{kind}{bits}{end}": "uv" for kind in "024" for bits in ("10", "12", "16") for end in ("le", "be")},
}
_ORDER = {"yuv": "yuva", "rgb": "rgba", "gray": "ya"}


@dataclass(frozen=True)
class PixelFormat:
    """One of FFmpeg's pixel formats: its family, bits of a sample, chroma shifts (log2) and whether it has alpha."""

    name: str
    family: Literal["yuv", "rgb", "gray"]
    bits: int
    shift_x: int
    shift_y: int
    alpha: bool
    full_range: bool = False

    @property
    def steps(self) -> tuple[int, int]:
        """(x, y): boxes must lie on multiples of these to cut whole chroma samples."""
        return 1 << self.shift_x, 1 << self.shift_y

    @property
    def dtype(self) -> type[np.uint8] | type[np.uint16]:
        return np.uint8 if self.bits <= 8 else np.uint16

    @property
    def components(self) -> str:
        """One letter for each array of `Planes`: yuv[a], rgb[a] or y[a]."""
        colors = _ORDER[self.family][: 1 if self.family == "gray" else 3]
        return colors + ("a" if self.alpha else "")

    def shifts(self, component: int) -> tuple[int, int]:
        """(x, y) log2 subsampling of that component."""
        return (self.shift_x, self.shift_y) if self.components[component] in "uv" else (0, 0)

    def shape(self, component: int, width: int, height: int) -> tuple[int, int]:
        """(rows, columns) of that component in a picture of width x height."""
        x, y = self.shifts(component)
        return -(-height >> y), -(-width >> x)


@cache
def pixel_format(name: str) -> PixelFormat:
    """The description of FFmpeg's pixel format `name`. Raises VideoError for one we cannot carry exactly."""
    try:
        found = av.VideoFormat(name)
    except ValueError:
        raise VideoError(f"There is no pixel format named {name}.") from None
    if name == "pal8":
        return PixelFormat(name, "rgb", 8, 0, 0, True)
    if name in ("monob", "monow"):
        return PixelFormat(name, "gray", 8, 0, 0, False)
    parts = found.components
    bits = max((p.bits for p in parts), default=0)
    known = found.is_planar or name in _PACKED or name in _SEMIPLANAR or name.startswith("gray")
    strange = found.is_bayer or found.is_bit_stream or any(word in name for word in ("f16", "f32", "msb", "xyz"))
    if strange or not known or not 8 <= bits <= 16:
        raise VideoError(
            f"The pixel format {name} cannot be carried sample for sample: convert the video first, "
            "for instance to yuv444p10le or gbrp16le with FFmpeg's -pix_fmt."
        )
    family = "rgb" if found.is_rgb else "gray" if len(parts) < 3 else "yuv"
    shift_x, shift_y = 17 - found.chroma_width(1 << 16).bit_length(), 17 - found.chroma_height(1 << 16).bit_length()
    return PixelFormat(name, family, bits, shift_x, shift_y, len(parts) in (2, 4), name.startswith("yuvj"))


def read_samples(frame: av.VideoFrame, fmt: PixelFormat) -> tuple[Samples, ...]:
    """The frame's components as 2-D arrays in native byte order: read-only views where possible, else lossless copies."""
    if fmt.name == "pal8":
        return _unpack_palette(frame)
    if fmt.name in ("monob", "monow"):
        return (_unpack_bits(frame),)
    low = _low_bits(fmt)
    views = [v >> low if low else v for v in _views(frame, fmt)]
    arrays = tuple(v.astype(fmt.dtype, copy=False) for v in views)
    for array in arrays:
        array.flags.writeable = False
    return arrays


def write_samples(frame: av.VideoFrame, fmt: PixelFormat, arrays: tuple[Samples, ...]) -> None:
    """Puts components into a frame of that format; padding becomes white, so that equal samples give equal files."""
    low = _low_bits(fmt)
    for target, array in zip(_views(frame, fmt), arrays):
        target[...] = array << low if low else array
    order = _PACKED.get(fmt.name, "")
    if "0" in order:
        _rows(frame.planes[0])[:, order.index("0") : 4 * frame.width : 4] = 255


def _low_bits(fmt: PixelFormat) -> int:
    """How many unused low bits a sample has: p010 and its like keep theirs in the high ones."""
    return 16 - fmt.bits if fmt.name in _SEMIPLANAR and fmt.name.startswith("p") else 0


def _views(frame: av.VideoFrame, fmt: PixelFormat) -> list[NDArray]:
    """Writable views of a frame's components in the frame's own byte order."""
    dtype = np.dtype(fmt.dtype).newbyteorder(">" if fmt.name.endswith("be") else "<")
    rows = [_rows(plane) for plane in frame.planes]
    lines = [r[:, : r.shape[1] // dtype.itemsize * dtype.itemsize].view(dtype) for r in rows]
    views = []
    for i, letter in enumerate(fmt.components):
        height, width = fmt.shape(i, frame.width, frame.height)
        if fmt.name in _PACKED:
            order = _PACKED[fmt.name]
            line, first, step = lines[0], order.index(letter), len(order) // order.count(letter)
        elif fmt.name in _SEMIPLANAR and letter in "uv":
            line, first, step = lines[1], _SEMIPLANAR[fmt.name].index(letter), 2
        else:
            line, first, step = lines[frame.format.components[i].plane], 0, 1
        views.append(line[:height, first::step][:, :width])
    return views


def _rows(plane: VideoPlane) -> NDArray[np.uint8]:
    """A plane's bytes, one line a row; a negative line size means that the picture is stored upside down."""
    rows = np.frombuffer(memoryview(plane), np.uint8).reshape(plane.height, -1)
    return rows if plane.line_size > 0 else rows[::-1]


def _unpack_palette(frame: av.VideoFrame) -> tuple[NDArray[np.uint8], ...]:
    index = _rows(frame.planes[0])[:, : frame.width]
    palette = np.frombuffer(memoryview(frame.planes[1]), np.uint32)
    return tuple((palette >> shift).astype(np.uint8)[index] for shift in (16, 8, 0, 24))


def _unpack_bits(frame: av.VideoFrame) -> NDArray[np.uint8]:
    bits = np.unpackbits(_rows(frame.planes[0]), axis=1)[:, : frame.width]
    return (bits ^ (frame.format.name == "monow")).astype(np.uint8) * np.uint8(255)
