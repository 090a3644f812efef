"""Tiny made-up source files. `SOURCES[name](folder)` writes one and returns its path."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

import av
import numpy as np

from lib_vidpaint.model import Mask
from lib_vidpaint.pixels import pixel_format
from lib_vidpaint.planes import Planes, component_regions, to_frame


@dataclass(frozen=True)
class Recipe:
    """How a source is made. `times` are seconds of the frames (None: regular); `audio` names encoders."""

    file: str = "clip.mp4"
    codec: str = "libx264"
    pixels: str = "yuv420p"
    size: tuple[int, int] = (64, 48)
    frames: int = 14
    times: Callable[[int], Fraction] | None = None
    ticks: int = 12800
    options: dict[str, str] = field(default_factory=dict)
    tags: tuple[int, int, int] = (2, 2, 2)
    full: bool = False
    sar: Fraction = Fraction(1)
    rotation: int = 0
    interlaced: bool = False
    audio: Sequence[str] = ()
    audio_start: Fraction = Fraction(0)
    chapters: bool = False
    container_options: dict[str, str] = field(default_factory=dict)


def picture(pixels: str, size: tuple[int, int], index: int, seed: int = 7) -> Planes:
    """A moving pattern with some noise, in legal codes, different in every frame."""
    fmt = pixel_format(pixels)
    rng = np.random.default_rng(seed * 1000 + index)
    arrays = []
    for component in range(len(fmt.components)):
        rows, columns = fmt.shape(component, *size)
        y, x = np.mgrid[:rows, :columns]
        wave = np.sin((x + 3 * index) / (9 + component)) + np.cos((y - index) / (7 + component))
        code = (128 + 36 * wave + rng.normal(0, 4, wave.shape)) * 2 ** (fmt.bits - 8)
        arrays.append(np.clip(code, 20 << (fmt.bits - 8), 230 << (fmt.bits - 8)).astype(fmt.dtype))
    return Planes(fmt, tuple(arrays))


def make(recipe: Recipe, folder: Path) -> Path:
    """Writes the source and returns its path."""
    path = folder / recipe.file
    with av.open(str(path), "w", options=recipe.container_options) as file:
        video = _video(file, recipe)
        sounds = [_sound(file, codec) for codec in recipe.audio]
        if recipe.chapters:
            tb = Fraction(1, 1000)
            file.set_chapters([{"id": 1, "start": 0, "end": 300, "time_base": tb, "metadata": {"title": "One"}}])
        file.metadata["title"] = "A title"
        file.start_encoding()
        packets = [p for i in range(recipe.frames) for p in video.encode(_frame(recipe, i))] + video.encode(None)
        seconds = Fraction(recipe.frames, 25) + Fraction(1, 10)
        for number, stream in enumerate(sounds):
            packets += _sing(stream, 330 * (number + 1), seconds, recipe.audio_start)
        for packet in sorted(packets, key=lambda p: p.dts * p.time_base):
            file.mux(packet)
    return path


def folder_of_pictures(codec: str, pixels: str, suffix: str, folder: Path) -> Path:
    """A folder of 11 numbered pictures, named so that only natural sorting puts 10 after 9."""
    path = folder / f"pictures-{pixels}"
    path.mkdir()
    for index in range(11):
        encoder: Any = av.CodecContext.create(codec, "w")
        encoder.width, encoder.height, encoder.pix_fmt, encoder.time_base = 64, 48, pixels, Fraction(1, 25)
        encoder.options = {"strict": "unofficial"}
        frame = to_frame(picture(pixels, (64, 48), index), pixels)
        frame.pts = 0
        data = b"".join(bytes(p) for p in [*encoder.encode(frame), *encoder.encode(None)])
        (path / f"shot {index}{suffix}").write_bytes(data)
    return path


def folder_with_palette(folder: Path) -> Path:
    """A folder of PNGs of 16 colours."""
    path = folder / "palette"
    path.mkdir()
    colors = np.zeros((256, 4), np.uint8)
    colors[:16] = np.random.default_rng(3).integers(0, 256, (16, 4))
    colors[:, 0] = 255
    for index in range(6):
        image = picture("gray", (64, 48), index).arrays[0] // 16
        encoder: Any = av.CodecContext.create("png", "w")
        encoder.width, encoder.height, encoder.pix_fmt, encoder.time_base = 64, 48, "pal8", Fraction(1, 25)
        frame = av.VideoFrame.from_ndarray((image, colors), format="pal8")
        data = b"".join(bytes(p) for p in [*encoder.encode(frame), *encoder.encode(None)])
        (path / f"{index}.png").write_bytes(data)
    return path


def cut_in_the_middle(folder: Path) -> Path:
    """An MP4 whose header promises 40 frames and whose data ends before."""
    whole = make(Recipe(file="whole.mp4", frames=40, container_options={"movflags": "faststart"}), folder)
    data = whole.read_bytes()
    path = folder / "cut.mp4"
    path.write_bytes(data[: len(data) * 6 // 10])
    whole.unlink()
    return path


def _video(file: Any, recipe: Recipe) -> Any:
    width, height = recipe.size
    ticks = Fraction(1, recipe.ticks)
    options = {"preset": "veryfast", "crf": "20"} if recipe.codec == "libx264" else {}
    if recipe.interlaced:
        options |= {"flags": "+ildct+ilme", "field_order": "tt"}
    options |= recipe.options
    stream = file.add_stream(recipe.codec, rate=25, options=options, width=width, height=height, time_base=ticks)
    context = stream.codec_context
    context.pix_fmt = recipe.pixels
    context.thread_count = 1
    context.colorspace, context.color_primaries, context.color_trc = recipe.tags
    if recipe.full:
        context.color_range = 2
    context.sample_aspect_ratio = recipe.sar
    if recipe.rotation:
        stream.set_display_rotation(recipe.rotation)
    return stream


def _frame(recipe: Recipe, index: int) -> av.VideoFrame:
    frame = to_frame(picture(recipe.pixels, recipe.size, index), recipe.pixels)
    time = recipe.times(index) if recipe.times else Fraction(index, 25)
    frame.pts = round(time * recipe.ticks)
    frame.time_base = Fraction(1, recipe.ticks)
    return frame


def _sound(file: Any, codec: str) -> Any:
    rate = 48000 if codec == "libopus" else 44100
    layout = "mono" if codec == "pcm_s16le" else "stereo"
    options = {"strict": "experimental"} if codec == "vorbis" else {}
    return file.add_stream(codec, rate=rate, layout=layout, options=options)


def _sing(stream: Any, pitch: int, seconds: Fraction, start: Fraction) -> list[av.Packet]:
    context = stream.codec_context
    rate, step = context.rate, context.frame_size or 1024
    adapt = av.AudioResampler(format=context.format.name, layout=context.layout.name, rate=rate)
    packets = []
    for first in range(0, int(seconds * rate), step):
        wave = 0.3 * np.sin(2 * np.pi * pitch * np.arange(first, first + step) / rate)
        frame = av.AudioFrame.from_ndarray(wave.astype(np.float32)[None], format="fltp", layout="mono")
        frame.rate, frame.pts, frame.time_base = rate, first + round(start * rate), Fraction(1, rate)
        packets += [p for part in adapt.resample(frame) for p in stream.encode(part)]
    return packets + stream.encode(None)


def _uneven(index: int) -> Fraction:
    return Fraction(index * 40 + (index * index * 7) % 23, 1000)


_OPEN_GOP = {"x264-params": "open-gop=1:keyint=8:min-keyint=8:bframes=3:b-adapt=0:scenecut=0"}
_RECIPES = {
    "h264": Recipe(),
    "h264-601": Recipe(tags=(6, 6, 6)),
    "h264-709": Recipe(tags=(1, 1, 1)),
    "h264-2020-10bit": Recipe(pixels="yuv420p10le", tags=(9, 9, 14)),
    "h264-full": Recipe(pixels="yuvj420p", full=True, tags=(5, 1, 6)),
    "h264-422": Recipe(pixels="yuv422p"),
    "h264-422-10bit": Recipe(pixels="yuv422p10le"),
    "h264-444": Recipe(pixels="yuv444p", size=(35, 27)),
    "h264-444-10bit": Recipe(pixels="yuv444p10le"),
    "h264-odd": Recipe(pixels="yuv420p", size=(70, 50)),
    "h264-sar": Recipe(sar=Fraction(4, 3)),
    "h264-interlaced": Recipe(interlaced=True, size=(64, 64)),
    "h264-rotated": Recipe(rotation=90),
    "h264-open-gop": Recipe(options=_OPEN_GOP, frames=30),
    "h264-mkv": Recipe(file="clip.mkv", ticks=1000, audio=("aac",)),
    "h264-mov-pcm": Recipe(file="clip.mov", audio=("pcm_s16le",)),
    "vfr": Recipe(times=_uneven, ticks=1000, audio=("aac",)),
    "ntsc": Recipe(times=lambda i: Fraction(1001 * i, 30000), ticks=30000),
    "late-video": Recipe(times=lambda i: Fraction(i, 25) + Fraction(7, 100), audio=("aac",)),
    "late-audio": Recipe(audio=("libmp3lame",), audio_start=Fraction(123, 1000)),
    "two-audio": Recipe(audio=("aac", "libmp3lame"), chapters=True),
    "edit-list": Recipe(times=lambda i: Fraction(i - 5, 25), frames=20, audio=("aac",)),
    "mpegts": Recipe(file="clip.ts", ticks=90000, audio=("aac",)),
    "vp9-odd": Recipe(file="clip.webm", codec="libvpx-vp9", size=(35, 27), ticks=1000, audio=("libopus",)),
    "vorbis": Recipe(file="clip.webm", codec="libvpx-vp9", ticks=1000, audio=("vorbis",)),
    "mjpeg-avi": Recipe(file="clip.avi", codec="mjpeg", pixels="yuvj422p", ticks=25, audio=("pcm_s16le",)),
    "mpeg4-avi": Recipe(file="clip.avi", codec="mpeg4", ticks=25, options={"bf": "2"}),
    "prores-4444": Recipe(file="clip.mov", codec="prores_ks", pixels="yuva444p10le"),
    **{
        f"ffv1-{name}": Recipe(file="clip.mkv", codec="ffv1", pixels=name, size=(35, 27), ticks=1000, frames=6)
        for name in (
            "bgr0",
            "bgra",
            "gbrp10le",
            "gbrap16le",
            "yuv444p12le",
            "gray",
            "gray16le",
            "ya8",
            "yuv410p",
            "yuv440p",
        )
    },
}
SOURCES: dict[str, Callable[[Path], Path]] = {
    **{name: partial(make, recipe) for name, recipe in _RECIPES.items()},
    "cut": cut_in_the_middle,
    "png-rgb24": partial(folder_of_pictures, "png", "rgb24", ".png"),
    "png-rgb48be": partial(folder_of_pictures, "png", "rgb48be", ".png"),
    "png-ya16be": partial(folder_of_pictures, "png", "ya16be", ".png"),
    "png-pal8": folder_with_palette,
    "jpeg-yuvj420p": partial(folder_of_pictures, "mjpeg", "yuvj420p", ".jpg"),
}


def changed_outside(a: Planes, b: Planes, region: Mask | None) -> int:
    """How many samples differ between two pictures of one format and do not belong to the region (None: no region)."""
    differ = [x != y for x, y in zip(a.arrays, b.arrays, strict=True)]
    if region is not None:
        differ = [d & ~inside for d, inside in zip(differ, component_regions(region, a.format))]
    return sum(int(np.count_nonzero(d)) for d in differ)
