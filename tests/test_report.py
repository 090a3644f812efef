"""The report: what it gathers, and a page that holds nothing but what we put there."""

from __future__ import annotations

import json
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from lib_vidpaint.judging import Limits
from lib_vidpaint.model import from_json, to_json
from lib_vidpaint.receipt import Receipt
from lib_vidpaint.report import Bad, GroupReport, Report, bad_frames, stage_seconds, worst_of
from lib_vidpaint.report_page import page
from lib_vidpaint.verify import Check

EVIL = "<script>alert(1)</script>\"'&"
CHECK = Check(14, 0, -1, 900, 0.12, timestamps_equal=True, audio_equal=None, decoder=EVIL)
GROUP = GroupReport(3, 0, 14, 0, "ranked", 1, "7", EVIL, EVIL, {0: 1.5, 1: 0.5}, {"seam": 20.0}, ("seam",))
REPORT = Report(
    EVIL, "0.1", EVIL, "abc", {EVIL: EVIL}, {"inpaint.prompt": EVIL}, (GROUP,), (0.1,) * 14, (0.5,) * 14,
    (Bad(4, 3, 1.2, "warp_ratio"),), {"mask": 0.5}, Receipt(EVIL, EVIL, EVIL, CHECK, (EVIL,), (EVIL,), (EVIL,)),
)  # fmt: skip
JPEG = b"\xff\xd8\xff"


class Seen(HTMLParser):
    """The tags, addresses and text of a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.addresses: list[str] = []
        self.attributes: set[str] = set()
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href", "action")]

    def handle_data(self, data: str) -> None:
        self.text += data


def test_what_a_user_wrote_is_text_wherever_it_stands() -> None:
    seen = Seen(page(REPORT, {3: JPEG}, {4: JPEG}))
    assert "script" not in seen.tags
    assert not [name for name in seen.attributes if name.startswith("on")]
    assert seen.text.count("<script>alert(1)</script>\"'&") >= 10


def test_the_page_needs_nothing_but_itself() -> None:
    seen = Seen(page(REPORT, {3: JPEG}, {4: JPEG}))
    assert len(seen.addresses) == 2
    assert all(address.startswith("data:image/jpeg;base64,") for address in seen.addresses)
    assert not seen.tags & {"link", "iframe"}


def test_it_is_drawn_in_light_and_dark() -> None:
    assert "prefers-color-scheme:dark" in page(REPORT, {}, {})


def test_a_project_without_master_groups_or_measures_has_a_page() -> None:
    bare = replace(REPORT, receipt=None, groups=(), shares=(), badness=(), worst=(), settings={}, seconds={})
    text = Seen(page(bare, {}, {})).text
    assert "No master was made" in text
    assert "None is near a limit." in text


def test_a_broken_promise_is_said_first() -> None:
    assert REPORT.receipt
    broken = replace(REPORT, receipt=replace(REPORT.receipt, check=replace(CHECK, changed_outside=3)))
    assert 'class="bad">THE PROMISE IS BROKEN.' in page(broken, {}, {})


TABLE = """key,index,warp_ratio,motion,colour,seam,sharpness,decision,broken
0,0,,,,4.0000,1.0000,keep,
0,1,2.5600,0.0000,0.0000,8.0000,0.6250,keep,
9,9,,,,-3.0000,1.0000,keep,
"""


def test_the_worst_measure_of_a_frame_is_the_farthest_from_its_limit() -> None:
    found = bad_frames(TABLE, Limits())
    assert [(bad.frame, bad.measure) for bad in found] == [(0, "seam"), (1, "warp_ratio"), (9, "seam")]
    assert found[1].times == pytest.approx(2.0, abs=0.01)
    assert [bad.times for bad in bad_frames(TABLE, Limits(warp_ratio=99, sharpness=99))] == [0.25, 0.5, 0.0]


def test_the_worst_frames_are_one_a_group_and_near_a_limit() -> None:
    found = [Bad(0, 0, 0.6, "seam"), Bad(1, 0, 3.0, "seam"), Bad(9, 9, 0.1, "seam"), Bad(20, 20, 4.0, "seam")]
    assert [bad.frame for bad in worst_of(found)] == [20, 1]


def test_times_of_several_runs_add_up() -> None:
    log = "2026 INFO mask took 1.5 s\n2026 INFO mask: due\n2026 INFO mask took 2.0 s\n2026 INFO inpaint took 0.1 s\n"
    assert stage_seconds(log) == {"mask": 3.5, "inpaint": 0.1}


def test_the_report_of_a_project(finished: Path) -> None:
    data = json.loads((finished / "package/report.json").read_text())
    report = from_json(Report, data)
    assert to_json(report) == data
    assert report.receipt
    assert report.receipt.exact
    groups = json.loads((finished / "groups.json").read_text())
    assert [group.key for group in report.groups] == [group["key"] for group in groups]
    assert all(group.candidate in group.scores and group.seed for group in report.groups)
    assert len(report.shares) == len(report.badness) == 14
    assert {"mask", "inpaint", "assemble"} <= report.seconds.keys()
    assert "frames 0-13 of 14" in report.statement
    html = Seen((finished / "package/report.html").read_text())
    assert "Nothing outside the region changed." in html.text
    assert len([address for address in html.addresses if address.startswith("data:")]) >= len(groups)
