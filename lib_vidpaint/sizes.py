"""How large a render will be, said before it is made."""

from __future__ import annotations

from .clip import Clip
from .encode import lossless_bytes
from .pixels import pixel_format
from .pools import Threads

SAMPLES, RUN = 3, 2
WORST = 2
"""How many times the size of its samples a master can be at the most: pure noise takes 1.60 times (8 bits 4:2:0)."""


def master_bytes(clip: Clip) -> int:
    """The master's size to expect: a few short runs of frames are encoded in memory and scaled to the clip's length.

    Runs begin at the source's keyframes: with those far apart, three exact places cost up to 750 decoded frames.
    """
    count = len(clip)
    run = min(RUN, count)
    starts = sorted({(count - run) * i // max(SAMPLES - 1, 1) for i in range(SAMPLES)})
    sizes = Threads().map(lambda start: len(lossless_bytes(clip.near(start, run), clip.info, clip.info.fps)), starts)
    return round(sum(sizes) / (len(starts) * run) * count)


def most_bytes(clip: Clip) -> int:
    """More than the master can need, whatever it shows; known without a look at the pictures."""
    info, fmt = clip.info, pixel_format(clip.info.pixel_format)
    shapes = [fmt.shape(index, info.width, info.height) for index in range(len(fmt.components))]
    return WORST * len(clip) * (fmt.bits + 7) // 8 * sum(rows * columns for rows, columns in shapes)


def words(size: float) -> str:
    """A number of bytes for people: `1.3 GB`."""
    for unit in ("bytes", "KB", "MB", "GB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "bytes" or size >= 100 else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"
