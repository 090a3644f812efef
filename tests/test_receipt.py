from __future__ import annotations

from dataclasses import replace

import pytest

from lib_vidpaint.model import from_json, to_json
from lib_vidpaint.receipt import Receipt
from lib_vidpaint.verify import Check

CHECK = Check(14, 0, -1, 900, 0.12, timestamps_equal=True, audio_equal=None, decoder="FFmpeg 7.1")


def made(check: Check = CHECK) -> Receipt:
    return Receipt("master.mp4", "clip.mp4", "H.264, lossless", check)


def test_a_receipt_says_the_promise_and_no_more_than_there_is() -> None:
    text = made().text()
    assert "master.mp4 against clip.mp4: Nothing outside the region changed." in text
    assert "samples changed inside        900" in text
    assert "audio packets                 none" in text
    assert not [title for title in ("warning", "worst frame", "ends the guarantee", "not kept") if title in text]


@pytest.mark.parametrize(
    ("name", "title"),
    [("warnings", "warning"), ("not_kept", "not kept in the master"), ("ended_by", "ends the guarantee")],
)
def test_every_phrase_has_a_line(name: str, title: str) -> None:
    phrases = ("the first, with a comma", "the second")
    lines = replace(made(), **{name: phrases}).text().splitlines()
    assert lines[-2:] == [f"  {title}: {phrase}" for phrase in phrases]


def test_a_broken_promise_names_the_frame() -> None:
    broken = made(replace(CHECK, changed_outside=3, changed_outside_worst_frame=7))
    assert not broken.exact
    assert "THE PROMISE IS BROKEN" in broken.text()
    assert "worst frame                   7" in broken.text()


def test_it_comes_back_from_json_whole() -> None:
    receipt = replace(made(), warnings=("haze",), ended_by=("enhance.contrast",))
    assert from_json(Receipt, to_json(receipt)) == receipt
