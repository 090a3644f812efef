"""Filters of FFmpeg that a person writes down: parsed here, and only those that read no file and run no program.

A text is filters in a row, separated by commas: `eq=contrast=1.1, unsharp=5:5:0.8`. Branches are not possible.
"""

from __future__ import annotations

import re

from .chains import Chain, Step
from .clip import Clip
from .encode import share_info, share_planes
from .errors import SettingsError, VideoError
from .planes import to_frame

ALLOWED = (
    "atadenoise", "avgblur", "bilateral", "boxblur", "bwdif", "cas", "chromanr", "chromashift", "colorbalance",
    "colorchannelmixer", "colorcontrast", "colorcorrect", "colorlevels", "colortemperature", "crop", "dctdnoiz", "deband",
    "deblock", "deflicker", "dilation", "drawbox", "drawgrid", "edgedetect", "eq", "erosion", "exposure", "fftdnoiz", "gblur",
    "gradfun", "grayworld", "hflip", "histeq", "hqdn3d", "hue", "huesaturation", "limiter", "lumakey", "median", "monochrome",
    "negate", "nlmeans", "noise", "normalize", "owdenoise", "pixelize", "removegrain", "rgbashift", "sab",
    "smartblur", "sobel", "swapuv", "tmix", "transpose", "unsharp", "vaguedenoiser", "vflip", "vibrance",
    "vignette", "yadif", "yaepblur",
)  # fmt: skip
"""No option of these names a file or asks for more memory than a few pictures."""
_OPTIONS = re.compile(r"[\w.+\-=: ]*")


def parsed(text: str, where: str = "assemble.filters") -> tuple[Step, ...]:
    """The filters in a text that may come from anybody. Raises SettingsError for what is not on the list, and for options
    with more than names, numbers and words: expressions can run for ever."""
    steps = split(text, where)
    for name, options in steps:
        if name not in ALLOWED:
            raise SettingsError(f"{where}: the filter {name!r} is not one of those allowed here: {', '.join(ALLOWED)}.")
        if not _OPTIONS.fullmatch(options):
            raise SettingsError(
                f"{where}: {name}={options} has more than names and numbers; write it like eq=contrast=1.1."
            )
    return steps


def split(text: str, where: str) -> tuple[Step, ...]:
    """The filters in a text as (name, options), unchecked; commas in quotes or after a backslash belong to the options."""
    parts = re.findall(r"(?:\\.|'[^']*'|[^,\\'])+", text)
    steps = [part.strip().partition("=")[::2] for part in parts if part.strip()]
    for name, _ in steps:
        if not re.fullmatch(r"\w+", name):
            raise SettingsError(
                f"{where}: {name!r} is not the name of a filter; filters stand in a row, with commas between."
            )
    return tuple((name, options) for name, options in steps)


def tried(steps: tuple[Step, ...], clip: Clip, where: str) -> tuple[int, int]:
    """The (width, height) that the filters make of the clip's pictures, found by sending the first one through.

    Raises SettingsError when they refuse it, give nothing back, or a size that 4:2:0 cannot have.
    """
    info = share_info(clip.info)
    try:
        chain = Chain((*steps, ("format", "yuv420p")), (info.width, info.height), "yuv420p", info.color, info.time_base)
        frame = to_frame(share_planes(clip.frame(0), clip.info), "yuv420p")
        frame.pts = 0
        found = [*chain.push(frame), *chain.rest()]
    except VideoError as error:
        raise SettingsError(f"{where}: {error}") from None
    if not found:
        raise SettingsError(f"{where}: the filters give no picture back.")
    width, height = found[0].width, found[0].height
    if width % 2 or height % 2:
        raise SettingsError(f"{where}: the filters make pictures of {width}x{height}; both sides must be even.")
    return width, height
