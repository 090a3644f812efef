"""Filters that a person writes down: what is allowed, what is refused, and how they fail."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from media import Recipe, make, picture

from lib_vidpaint.chains import Chain
from lib_vidpaint.clip import open_clip
from lib_vidpaint.errors import SettingsError, VideoError
from lib_vidpaint.filters import ALLOWED, parsed, split, tried
from lib_vidpaint.model import Color
from lib_vidpaint.planes import Planes, from_frame, to_frame


def test_filters_stand_in_a_row() -> None:
    assert parsed(" eq=contrast=1.1:gamma=0.9, hflip ,unsharp=5:5:-0.5") == (
        ("eq", "contrast=1.1:gamma=0.9"), ("hflip", ""), ("unsharp", "5:5:-0.5"),
    )  # fmt: skip
    assert parsed("") == ()


REFUSED = {
    "reads a file": "movie=/etc/passwd",
    "reads a table": "lut3d=file=a.cube",
    "writes text of a file": "drawtext=textfile=/etc/passwd",
    "a file as an option": "eq=file=/etc/passwd",
    "writes to a file": "metadata=print:file=x",
    "an expression that never ends": "eq=contrast='while(1,1)'",
    "a second input": "[1:v]overlay",
    "a label": "hflip[out]",
    "an escape": r"eq=contrast=1\,2",
    "a command file": "sendcmd=f=x",
    "no name": "=1",
    "a size without end": "scale=100000:100000",
}


@pytest.mark.parametrize("text", REFUSED.values(), ids=REFUSED)
def test_what_could_read_or_run_anything_is_refused(text: str) -> None:
    with pytest.raises(SettingsError, match=r"assemble\.filters"):
        parsed(text)


def test_no_allowed_filter_names_a_file() -> None:
    assert not {"movie", "lut3d", "curves", "drawtext", "subtitles", "selectivecolor", "metadata", "deshake"} & {
        *ALLOWED
    }
    assert sorted(ALLOWED) == list(ALLOWED)


def test_raw_text_is_only_split() -> None:
    assert split(r"curves=psfile='a,b.acv', drawtext=text=x\,y", "assemble.raw") == (
        ("curves", "psfile='a,b.acv'"), ("drawtext", r"text=x\,y"),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("steps", "words"),
    [
        ((("nosuchfilter", ""),), "no filter 'nosuchfilter'"),
        ((("unsharp", "lx=1000"),), "unsharp"),
        ((("crop", "w=33:h=33:exact=1"),), "both sides must be even"),
        ((("select", "0"),), "no picture back"),
    ],
    ids=["missing", "wrong option", "odd size", "nothing"],
)
def test_filters_are_tried_before_the_run(steps: Any, words: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=words):
        tried(steps, open_clip(make(Recipe(frames=2), tmp_path)), "assemble.filters")


def test_the_size_that_filters_make_is_known_before(tmp_path: Path) -> None:
    assert tried((("transpose", ""),), open_clip(make(Recipe(frames=2), tmp_path)), "x") == (48, 64)


def test_a_filter_that_looks_ahead_gives_every_frame_in_the_end() -> None:
    chain = Chain((("tmix", "frames=3"), ("deflicker", "size=5")), (64, 48), "yuv420p", Color(1, 1, 1), Fraction(1, 25))
    found: list[Any] = []
    for index in range(9):
        frame = to_frame(picture("yuv420p", (64, 48), index), "yuv420p")
        frame.pts = index
        found += chain.push(frame)
    found += chain.rest()
    assert [frame.pts for frame in found] == list(range(9))


def test_filters_in_rgb_leave_the_colours_where_they_are() -> None:
    """The frame's matrix is known to the conversion there and back."""
    for matrix in (1, 5, 9):
        planes = picture("yuv444p", (64, 48), 0)
        planes = Planes(planes.format, tuple(np.full_like(a, code) for a, code in zip(planes.arrays, (120, 110, 150))))
        chain = Chain((("format", "gbrp"), ("format", "yuv444p")), (64, 48), "yuv444p", Color(matrix), Fraction(1, 25))
        frame = to_frame(planes, "yuv444p")
        frame.pts = 0
        (back,) = chain.push(frame)
        off = [abs(a.astype(int) - b).mean() for a, b in zip(planes.arrays, from_frame(back).arrays)]
        assert max(off) <= 1


def test_a_chain_says_what_failed() -> None:
    with pytest.raises(VideoError, match="no filter 'eqq'"):
        Chain((("eqq", ""),), (64, 48), "yuv420p", Color(), Fraction(1, 25))
