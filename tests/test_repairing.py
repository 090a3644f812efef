"""Which repair comes next, and whether it helped: plain records, no pictures."""

from __future__ import annotations

import csv
import io
from dataclasses import replace

import pytest

from lib_vidpaint.groups import Overrides
from lib_vidpaint.model import Choice, Group, Repaint, Verdict
from lib_vidpaint.repairing import Action, Clip, Repair, overrides, proposed, repairs_csv, settled

GROUPS = tuple(Group(key, key, key + 10) for key in range(0, 60, 10))


def clip(*broken: tuple[int, str, float], **more: object) -> Clip:
    """Six groups, of which these (key, measure, value) fail."""
    verdicts = {group.key: Verdict(group.key, {}) for group in GROUPS}
    verdicts |= {key: Verdict(key, {name: value}, (name,), "drop") for key, name, value in broken}
    known = {
        "ranked": {group.key: (2, 0, 1) for group in GROUPS}, "used": {group.key: 0 for group in GROUPS},
        "free": {group.key: 8 for group in GROUPS}, "casts": {20: (12.0, 0.0, -9.0)}, "worst": {20: 25},
        "left": 10, "denoise": 0.4,
    }  # fmt: skip
    return Clip(GROUPS, verdicts, **{**known, **more})  # pyright: ignore[reportArgumentType]


def course(*broken: tuple[int, str, float], **more: object) -> list[Repair]:
    """All that is tried, one after the other, where nothing helps."""
    found, now = [], clip(*broken, **more)
    while new := proposed(found, now):
        found += settled(new, now)
        now = replace(now, left=now.left - sum(repair.images for repair in new))
    return found


def test_all_means_come_in_their_order_and_come_to_an_end() -> None:
    tried = course((20, "tone", 20.0))
    assert [repair.action for repair in tried] == ["blend", "candidate", "candidate", "repaint", "drop"]
    assert {repair.outcome for repair in tried} == {"undone"}
    assert tried[0].tone == (-12.0, 0.0, 9.0)
    assert [repair.choice.candidate for repair in tried[1:3] if repair.choice] == [2, 1]
    assert tried[3].choice == Choice(20, redo=1, first=8, count=5, paint=Repaint(denoise=0.28), by="repair")
    assert tried[4].choice == Choice(20, 0, drop=True, by="repair")


@pytest.mark.parametrize(
    ("action", "more", "dropped"),
    [
        ("repaint", {"outvoted": [20]}, True),
        ("candidate", {"outvoted": [20]}, True),
        ("keyframe", {"outvoted": [20]}, False),
        ("repaint", {"outvoted": [30]}, False),
        ("repaint", {"outvoted": [20], "decided": {20}}, False),
    ],
    ids=["painted again", "another candidate", "not mended by a picture", "not outvoted", "a person decided"],
)
def test_a_mended_group_that_its_neighbours_outvote_is_dropped(
    action: Action, more: dict[str, object], dropped: bool
) -> None:
    mended = Repair(20, action, 10, 40, "kept", before=2.0, after=0.0)
    found = proposed((mended,), clip(**more))
    assert [(repair.key, repair.action, repair.images) for repair in found] == [(20, "drop", 0)] * dropped
    assert settled(found, clip(**more))[:1] == tuple(replace(one, outcome="kept", after=0.0) for one in found)
    assert proposed((mended, *settled(found, clip(**more))), clip(**more)) == ()


def test_a_fault_away_from_the_keyframe_asks_for_another_keyframe() -> None:
    tried = course((20, "flicker", 20.0))
    assert [repair.action for repair in tried][:2] == ["keyframe", "candidate"]
    assert (tried[0].frame, tried[0].images) == (25, 5)


@pytest.mark.parametrize(
    ("more", "left_out"),
    [
        ({"left": 1}, {"repaint"}),
        ({"repaints": False}, {"repaint"}),
        ({"casts": {20: (1.0, 1.0, 0.0)}}, {"blend"}),
        ({"casts": {20: (30.0, 1.0, 0.0)}}, {"blend"}),
        ({"ranked": {}}, {"candidate"}),
        ({"decided": {20}}, {"blend", "candidate", "repaint", "drop"}),
    ],
    ids=["no budget", "same again", "faint cast", "garish cast", "no candidates", "a person decided"],
)
def test_what_cannot_be_done_is_left_out(more: dict[str, object], left_out: set[str]) -> None:
    everything = {"blend", "candidate", "repaint", "drop"}
    assert {repair.action for repair in course((20, "tone", 20.0), **more)} == everything - left_out


def test_a_keyframe_that_a_person_removed_does_not_come_back() -> None:
    assert "keyframe" not in {repair.action for repair in course((20, "flicker", 20.0), removed=(25,))}


def test_the_only_keyframe_of_a_shot_is_not_dropped() -> None:
    alone = replace(clip((20, "tone", 20.0)), groups=(replace(GROUPS[2], shot=7),))
    found: list[Repair] = []
    while new := proposed(found, alone):
        found += settled(new, alone)
    assert "drop" not in {repair.action for repair in found}


def test_repairs_of_one_round_lie_apart_and_the_worst_comes_first() -> None:
    now = clip((10, "tone", 9.0), (20, "tone", 30.0), (50, "tone", 9.0))
    assert [repair.key for repair in proposed((), now)] == [20, 50]


def test_where_an_undone_repair_still_shows_nothing_is_tried_yet() -> None:
    now = clip((20, "tone", 30.0), (30, "seam", 40.0), (50, "tone", 9.0))
    shown = Repair(20, "candidate", 10, 40, "undone")
    assert [repair.key for repair in proposed((shown,), now)] == [20, 50]
    assert [repair.key for repair in proposed((shown,), now, [shown])] == [50]


def test_a_repair_is_kept_where_it_helped() -> None:
    (repair,) = proposed((), clip((20, "tone", 24.0)))
    assert repair.before == pytest.approx(4 / 3, abs=0.001)
    assert [r.outcome for r in settled([repair], clip(casts={20: (1.0, 0.0, -1.0)}))] == ["kept"]
    assert [r.outcome for r in settled([repair], clip())] == ["undone"], "the colours are still far off"
    assert [r.outcome for r in settled([repair], clip((20, "tone", 23.0)))] == ["undone"]
    assert [r.outcome for r in settled([repair], clip((10, "tone", 24.0)))] == ["undone"]
    assert [r.after for r in settled([repair], clip((20, "tone", 12.0)))] == [pytest.approx(2 / 3, abs=0.001)]


def test_only_what_is_in_force_reaches_other_stages() -> None:
    drop = Repair(10, "drop", 0, 20, "kept", choice=Choice(10, drop=True, by="repair"))
    key = Repair(20, "keyframe", 10, 40, "trying", images=2, frame=25)
    gone = Repair(30, "keyframe", 20, 50, "undone", images=2, frame=35)
    tone = Repair(40, "blend", 30, 60, "kept", tone=(1.0, 2.0, 3.0))
    found = overrides([drop, key, gone, tone])
    new = Choice(25, count=2, by="repair")
    assert found == Overrides((25,), (Choice(10, drop=True, by="repair"), new), {40: (1.0, 2.0, 3.0)})
    assert overrides([drop, key], removed=(25, 10)) == Overrides()
    assert overrides([replace(tone, key=10), drop]).tones == {}


def test_the_table_has_a_line_for_every_repair() -> None:
    tried = course((20, "tone", 20.0))
    rows = list(csv.DictReader(io.StringIO(repairs_csv(tried))))
    assert [row["outcome"] for row in rows] == ["undone"] * 5
    assert rows[3]["text"] == "keyframe 20: paint it again with denoise 0.28"
