"""The ledger: what was made from what, and which files a person touched."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from lib_vidpaint.errors import ProjectError
from lib_vidpaint.ledger import Finished, Input, Ledger, Made, digest

FILE = "alpha/000001.png"


def opened(folder: Path) -> Ledger:
    return Ledger(folder, writable=True)


def make(ledger: Ledger, folder: Path, text: str, recipe: str, rename: bool = True) -> None:
    """What the pipeline does for one file; without `rename` it was killed just before the last step."""
    part, path = folder / "x.part", folder / FILE
    path.parent.mkdir(exist_ok=True)
    part.write_text(text)
    ledger.record(FILE, "mask", recipe, part)
    if rename:
        os.replace(part, path)


def fresh(ledger: Ledger, recipe: str) -> bool:
    return ledger.fresh(FILE, "mask", recipe)


def test_a_file_is_fresh_for_its_own_recipe_only(tmp_path: Path) -> None:
    ledger = opened(tmp_path)
    assert not fresh(ledger, "r1")
    make(ledger, tmp_path, "one", "r1")
    assert fresh(ledger, "r1")
    assert not fresh(ledger, "r2")
    assert not ledger.touched(FILE)


def test_it_is_remembered_in_the_next_run(tmp_path: Path) -> None:
    ledger = opened(tmp_path)
    make(ledger, tmp_path, "one", "r1")
    ledger.add(Finished("mask", {"mask.grow": 1.5}, {"source": "abc"}))
    ledger.add(Input("source", "clip.mp4", "listing", "content"))
    ledger.close()
    again = opened(tmp_path)
    assert fresh(again, "r1")
    assert again.finished["mask"].settings == {"mask.grow": 1.5}
    assert again.inputs["source"].name == "clip.mp4"


def test_a_missing_file_is_not_fresh(tmp_path: Path) -> None:
    ledger = opened(tmp_path)
    make(ledger, tmp_path, "one", "r1")
    (tmp_path / FILE).unlink()
    assert not fresh(ledger, "r1")
    assert not ledger.touched(FILE)


def test_a_hand_changed_file_is_used_until_its_recipe_changes(tmp_path: Path) -> None:
    ledger = opened(tmp_path)
    make(ledger, tmp_path, "one", "r1")
    (tmp_path / FILE).write_text("mine")
    assert ledger.touched(FILE)
    assert fresh(ledger, "r1")
    assert not fresh(ledger, "r2")


def test_a_file_put_there_by_a_person_is_taken_for_its_stage(tmp_path: Path) -> None:
    (tmp_path / "alpha").mkdir()
    (tmp_path / FILE).write_text("mine")
    ledger = opened(tmp_path)
    assert fresh(ledger, "r1")
    assert ledger.touched(FILE)
    assert ledger.made[FILE].stage == "mask"


@pytest.mark.parametrize("before", ["", "old"], ids=["new file", "replaced file"])
def test_killed_between_the_line_and_the_file(before: str, tmp_path: Path) -> None:
    ledger = opened(tmp_path)
    if before:
        make(ledger, tmp_path, before, "r1")
    make(ledger, tmp_path, "new", "r2", rename=False)
    ledger.close()
    again = opened(tmp_path)
    assert not fresh(again, "r2")
    assert not again.touched(FILE), "our own older file is no person's work"
    make(again, tmp_path, "new", "r2")
    assert fresh(again, "r2")


def test_a_torn_last_line_is_ignored_and_cleaned_away(tmp_path: Path) -> None:
    ledger = opened(tmp_path)
    make(ledger, tmp_path, "one", "r1")
    ledger.close()
    with (tmp_path / "made.jsonl").open("ab") as file:
        file.write(b'{"file": "alpha/00')
    assert fresh(Ledger(tmp_path, writable=False), "r1")
    opened(tmp_path).close()
    assert all(json.loads(line) for line in (tmp_path / "made.jsonl").read_text().splitlines())


def test_opening_compacts(tmp_path: Path) -> None:
    ledger = opened(tmp_path)
    for number in range(5):
        make(ledger, tmp_path, str(number), f"r{number}")
    ledger.close()
    opened(tmp_path).close()
    lines = (tmp_path / "made.jsonl").read_text().splitlines()
    assert [json.loads(line).get("recipe") for line in lines] == [None, "r4"]


def test_a_ledger_that_is_read_writes_nothing(tmp_path: Path) -> None:
    opened(tmp_path).close()
    before = (tmp_path / "made.jsonl").read_bytes()
    ledger = Ledger(tmp_path, writable=False)
    ledger.add(Made(FILE, "mask", "r1"))
    ledger.close()
    assert (tmp_path / "made.jsonl").read_bytes() == before


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("{not json", "made.jsonl line 2 is damaged"),
        ('"text"', "made.jsonl line 2 is damaged"),
        ("\xff\xfe", "made.jsonl line 2 is damaged"),
        ('{"file": "a", "stage": "mask"}', "recipe is missing"),
        ('{"file": "a", "stage": "mask", "recipe": "r", "size": "big"}', "made.jsonl line 2.size: expected int"),
        ('{"file": "a", "stage": "mask", "recipe": "r", "colour": 1}', "there is no 'colour'"),
        ('{"file": "/etc/passwd", "stage": "mask", "recipe": "r"}', "Do not open projects you do not trust"),
        ('{"file": "../x", "stage": "mask", "recipe": "r"}', "Do not open projects you do not trust"),
        ('{"file": "a\\\\b", "stage": "mask", "recipe": "r"}', "Do not open projects you do not trust"),
        ('{"version": 2}', "update Video Inpaint"),
    ],
    ids=["json", "kind", "bytes", "missing", "type", "unknown", "absolute", "dots", "backslash", "newer"],
)
def test_damage_is_refused_in_a_sentence(line: str, words: str, tmp_path: Path) -> None:
    text = '{"version": 1}\n' + line + "\n"
    (tmp_path / "made.jsonl").write_bytes(text.encode("latin-1"))
    with pytest.raises(ProjectError) as caught:
        opened(tmp_path)
    assert words in str(caught.value)
    assert (tmp_path / "made.jsonl").read_bytes() == text.encode("latin-1")


def test_digest_is_of_bytes_and_utf8(tmp_path: Path) -> None:
    assert digest("ü") == digest("ü".encode())
    assert len(digest(b"")) == 32
