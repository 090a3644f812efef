from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from fakes import Recorder
from projects import copied, edit, hashes, remade, stamps, vidpaint

from lib_vidpaint import session
from lib_vidpaint.errors import ProjectError, SettingsError
from lib_vidpaint.handpicking import frame_numbers, handpicked, toggled
from lib_vidpaint.segments import Segment, groups
from lib_vidpaint.stages import Settings

CLIP = (Segment(0, 20, 0, (0, 10)), Segment(20, 22, 1, (20,)), Segment(25, 40, 2, (25, 30, 35)))


def keys(add: tuple[int, ...] = (), remove: tuple[int, ...] = ()) -> list[int]:
    return [key for segment in handpicked(CLIP, add, remove, 45) for key in segment.keys]


@pytest.mark.parametrize(
    ("text", "numbers"),
    [("", ()), ("12, 40", (12, 40)), ("40 12;12\n7", (7, 12, 40)), (" , ", ()), ("000042", (42,))],
    ids=repr,
)
def test_numbers_are_read_from_text(text: str, numbers: tuple[int, ...]) -> None:
    assert frame_numbers(text, "keyframes.add") == numbers


@pytest.mark.parametrize("text", ["a", "1-3", "-4", "1.5", "1,x", "\u0663", "9" * 5000, "0x3"], ids=lambda t: t[:9])
@pytest.mark.parametrize("name", ["add", "remove"])
def test_what_is_no_number_is_refused_when_it_is_set(name: str, text: str) -> None:
    with pytest.raises(SettingsError, match=f"keyframes.{name}: .* is not a frame number; write them like 12, 40"):
        session.changed_settings(Settings(), {f"keyframes.{name}": text})


@pytest.mark.parametrize(
    ("add", "remove", "expected"),
    [
        ((), (), [0, 10, 20, 25, 30, 35]),
        ((12, 39), (), [0, 10, 12, 20, 25, 30, 35, 39]),
        ((), (10, 30), [0, 20, 25, 35]),
        ((), (0,), [10, 20, 25, 30, 35]),
        ((21,), (20,), [0, 10, 21, 25, 30, 35]),
        ((10,), (7, 23), [0, 10, 20, 25, 30, 35]),
    ],
    ids=["nothing", "add", "remove", "the first", "instead", "what is so already"],
)
def test_all_other_keyframes_stay(add: tuple[int, ...], remove: tuple[int, ...], expected: list[int]) -> None:
    assert keys(add, remove) == expected


def test_a_segment_without_its_first_keyframe_is_served_by_the_next() -> None:
    made = groups(handpicked(CLIP, (), (0, 25, 30), 45))
    assert [(g.start, g.key, g.stop) for g in made] == [(0, 10, 20), (20, 20, 22), (25, 35, 40)]


@pytest.mark.parametrize(
    ("add", "remove", "sentence"),
    [
        ((45,), (), r"keyframes.add: there is no frame 45; they go from 0 to 44\."),
        ((), (99,), r"keyframes.remove: there is no frame 99; they go from 0 to 44\."),
        ((23,), (), r"keyframes.add: frame 23 shows nothing of the region"),
        ((10,), (10,), r"Frame 10 is in keyframes.add and in keyframes.remove"),
        ((), (20,), r"leaves frames 20 to 21 without a keyframe: keep one of 20"),
        ((), (0, 10, 20, 25, 30, 35), r"leaves frames 0 to 19 without a keyframe: keep one of 0, 10"),
    ],
    ids=["beyond the clip", "remove beyond", "no region", "both", "the only one", "all"],
)
def test_what_cannot_be_is_refused(add: tuple[int, ...], remove: tuple[int, ...], sentence: str) -> None:
    with pytest.raises(SettingsError, match=sentence):
        keys(add, remove)


@pytest.mark.parametrize(
    ("add", "remove", "frame", "expected"),
    [
        ("", "", 12, ("12", "")),
        ("12", "", 12, ("", "")),
        ("", "", 10, ("", "10")),
        ("", "10", 10, ("", "")),
        ("40, 12", "30", 3, ("3, 12, 40", "30")),
        ("10", "", 10, ("", "10")),
        ("", "13", 13, ("13", "")),
    ],
    ids=["add", "take back", "remove", "put back", "others stay", "in both rule and add", "removed in vain"],
)
def test_a_click_toggles_one_frame(add: str, remove: str, frame: int, expected: tuple[str, str]) -> None:
    assert toggled(add, remove, {0, 10, 30}, frame) == expected


def test_one_more_keyframe_paints_one_more_and_takes_back_nothing(footage: dict[str, Path], tmp_path: Path) -> None:
    project, engine = tmp_path / "p", Recorder()
    edit(project, footage, engine=engine)
    before, first, jobs = stamps(project), hashes(project), len(engine.jobs)
    chosen = [group["key"] for group in json.loads((project / "groups.json").read_text())]
    frame = next(n for n in range(1, 14) if n not in chosen)
    values = session.toggled_keyframe(project, frame)
    assert values == {"keyframes.add": str(frame), "keyframes.remove": ""}
    edit(project, footage, values, engine=engine)
    made = remade(before, project)
    painted = {f"candidates/{frame:06d}/00.png", f"candidates/{frame:06d}/01.png"}
    assert {file for file in made if file.startswith("candidates/")} == painted
    assert len(engine.jobs) == jobs + 1
    assert {"scores.csv", "keyframes/prices.npz"}.isdisjoint(made)
    assert {"groups.json", "keyframes/plot.png", f"keyframes/frame/{frame:06d}.png"} <= made
    back = session.toggled_keyframe(project, frame)
    assert back == {"keyframes.add": "", "keyframes.remove": ""}
    edit(project, footage, back, engine=engine)
    now = {file: content for file, content in hashes(project).items() if file not in painted}
    assert {
        file for file in first | now if now.get(file) != first.get(file) and not file.startswith("package/")
    } == set()
    edit(project, footage, values, engine=engine, until="inpaint")
    assert len(engine.jobs) == jobs + 1, "painted twice"


def test_a_wrong_frame_is_one_sentence(finished: Path, footage: dict[str, Path], tmp_path: Path, capsys: Any) -> None:
    project = copied(finished, tmp_path / "p")
    assert vidpaint("run", footage["source"], "-o", project, "--keyframes.add", "14") == 2
    assert "keyframes.add: there is no frame 14; they go from 0 to 13." in capsys.readouterr().err
    assert vidpaint("run", footage["source"], "-o", project, "--keyframes.add", "", "--until", "keyframes") == 0


def test_there_is_nothing_to_toggle_before_keyframes_were_chosen(footage: dict[str, Path], tmp_path: Path) -> None:
    edit(tmp_path / "p", footage, until="mask")
    with pytest.raises(ProjectError, match=r"chosen\.json cannot be read"):
        session.toggled_keyframe(tmp_path / "p", 3)
