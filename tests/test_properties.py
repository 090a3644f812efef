"""Properties that hold for any input: groups, crops, boxes, records."""

from __future__ import annotations

import itertools
import json
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lib_vidpaint.errors import ProjectError
from lib_vidpaint.footage import Footage, segmented
from lib_vidpaint.framing import Windows, alone
from lib_vidpaint.groups import Delivery, Patch, Render
from lib_vidpaint.lastkey import seed
from lib_vidpaint.ledger import Finished, Input, Made
from lib_vidpaint.model import AudioStream, Box, Choice, Color, Group, Verdict, VideoInfo, from_json, to_json
from lib_vidpaint.regions import Regions, bounding_box
from lib_vidpaint.segments import groups, segments

FEW = settings(max_examples=60, deadline=None)
sides = st.integers(1, 200)


@st.composite
def boxes(draw: st.DrawFn, width: int = 200, height: int = 200) -> Box:
    x, y = draw(st.integers(0, width - 1)), draw(st.integers(0, height - 1))
    return Box(x, y, draw(st.integers(1, width - x)), draw(st.integers(1, height - y)))


def holds(outer: Box, inner: Box) -> bool:
    return outer.x <= inner.x and outer.y <= inner.y and outer.right >= inner.right and outer.bottom >= inner.bottom


@FEW
@given(boxes(), boxes())
def test_union_is_the_least_box_that_holds_both(one: Box, other: Box) -> None:
    both = one.union(other)
    assert holds(both, one)
    assert holds(both, other)
    assert {both.x, both.right} <= {one.x, one.right, other.x, other.right}
    assert both == other.union(one)


@FEW
@given(boxes(), st.integers(0, 300), st.integers(1, 8), st.integers(1, 8))
def test_grown_and_aligned_boxes_stay_inside_and_hold_the_old(box: Box, by: int, step_x: int, step_y: int) -> None:
    picture = Box(0, 0, 200, 200)
    grown = box.grown(by, 200, 200)
    aligned = box.aligned(step_x, step_y, 200, 200)
    for larger in (grown, aligned):
        assert holds(larger, box)
        assert holds(picture, larger)
    assert aligned.x % step_x == aligned.y % step_y == 0
    assert aligned.right % step_x == 0 or aligned.right == 200
    assert box.grown(0, 200, 200) == box


@FEW
@given(boxes())
def test_slices_and_bounding_box_agree(box: Box) -> None:
    mask = np.zeros((200, 200), np.uint8)
    mask[box.slices] = 1
    assert bounding_box(mask) == box


@FEW
@given(st.data(), sides, sides, st.floats(0, 4), st.integers(16, 300), st.sampled_from([1, 8, 64]))
def test_a_crop_holds_its_region_inside_the_frame_in_multiples(
    data: st.DataObject, width: int, height: int, context: float, smallest: int, multiple: int
) -> None:
    region = data.draw(boxes(width, height))
    crop = Windows(alone(0, region), [region], (width, height), context, smallest, multiple).crop(0)
    assert holds(crop.box, region)
    assert holds(Box(0, 0, width, height), crop.box)
    picture = np.arange(width * height * 3, dtype=np.uint32).astype(np.uint8).reshape(height, width, 3)
    cut = crop.cut(picture)
    assert cut.shape[0] % multiple == cut.shape[1] % multiple == 0
    assert cut.shape[1] >= min(smallest, width)
    assert np.array_equal(crop.inner(cut), picture[crop.box.slices])


@st.composite
def shots_and_keys(draw: st.DrawFn) -> tuple[list[int], list[bool], list[int]]:
    count = draw(st.integers(1, 40))
    shown, cuts, keys = (draw(st.lists(st.booleans(), min_size=count, max_size=count)) for _ in range(3))
    shots = list(itertools.accumulate(int(cut) for cut in cuts))
    return shots, shown, [i for i in range(count) if keys[i]]


@FEW
@given(shots_and_keys())
def test_groups_hold_every_shown_frame_once(case: tuple[list[int], list[bool], list[int]]) -> None:
    shots, shown, keys = case
    made = groups(segments(shots, shown, keys))
    held = [i for group in made for i in range(group.start, group.stop)]
    assert held == [i for i, seen in enumerate(shown) if seen]
    assert {key for key in keys if shown[key]} <= {group.key for group in made}
    for group in made:
        assert group.start <= group.key < group.stop
        assert {shots[i] for i in range(group.start, group.stop)} == {group.shot}


@settings(max_examples=12, deadline=None)
@given(st.integers(1, 30), st.lists(st.integers(1, 29), max_size=3), st.floats(0, 1), st.integers(1, 8))
def test_a_still_clip_is_one_group_for_each_shot(count: int, cuts: list[int], movement: float, longest: int) -> None:
    frame = np.random.default_rng(1).integers(0, 256, (24, 32, 3), np.uint8)
    mask = np.zeros((24, 32), np.uint8)
    mask[6:18, 8:24] = 255
    starts = sorted({0, *(cut for cut in cuts if cut < count)})

    def frames() -> Any:
        return ((frame, mask) for _ in range(count))

    found, _ = segmented(starts, [True] * count)
    assert sorted(seed(Footage(frames, count, found), movement, 0.5, longest, 1).reasons) == starts


finite = st.floats(allow_nan=False, allow_infinity=False)
fractions = st.fractions(max_denominator=100000)
colors = st.builds(Color, *[st.integers(0, 20)] * 3, st.booleans())
RECORDS: list[st.SearchStrategy[Any]] = [
    st.builds(Group, *[st.integers()] * 4),
    st.builds(Choice, st.integers(), st.none() | st.integers(), st.integers(), st.booleans()),
    st.builds(
        Verdict, st.integers(), st.dictionaries(st.text(), finite), st.tuples(st.text()), st.sampled_from(["keep", "drop"])
    ),
    st.builds(Patch, st.integers(), st.integers(), st.integers(), boxes(), st.text()),
    st.builds(Render, st.text(), st.text(), st.tuples(st.text(), st.text())),
    st.builds(Delivery, *[st.text()] * 4),
    st.builds(Made, *[st.text()] * 5, st.integers(), st.integers()),
    st.builds(Finished, st.text(), st.dictionaries(st.text(), st.booleans() | finite), st.dictionaries(st.text(), st.text())),
    st.builds(Input, *[st.text()] * 4),
    st.builds(Regions, st.tuples(st.none() | boxes()), st.tuples(finite), st.tuples(st.text())),
    st.builds(
        VideoInfo, sides, sides, *[st.text()] * 3, fractions, fractions, colors, fractions, sides,
        st.sampled_from(["", "top", "bottom"]), st.tuples(st.builds(AudioStream, sides, st.text(), sides, sides)),
    ),
]  # fmt: skip


@FEW
@given(st.one_of(RECORDS))
def test_every_record_survives_json(record: Any) -> None:
    assert from_json(type(record), json.loads(json.dumps(to_json(record)))) == record


@pytest.mark.parametrize(
    ("kind", "data", "words"),
    [
        (Group, {"key": 1, "start": 0}, "stop is missing"),
        (Group, {"key": 1, "start": 0, "stop": 2, "colour": 3}, "there is no 'colour' here; known are key"),
        (Group, {"key": 1.5, "start": 0, "stop": 2}, "data.key: expected int, found 1.5"),
        (Group, {"key": True, "start": 0, "stop": 2}, "expected int, found True"),
        (Group, [1, 0, 2], "expected an object"),
        (Choice, {"key": 1, "candidate": "3"}, "data.candidate: expected int"),
        (Verdict, {"key": 1, "measures": {}, "decision": "maybe"}, "'maybe' is not one of 'keep', 'drop'"),
        (Verdict, {"key": 1, "measures": {"seam": "large"}}, "data.measures.seam: expected float"),
        (tuple[Group, ...], {"key": 1}, "expected a list"),
    ],
)
def test_wrong_records_are_refused_by_name(kind: Any, data: Any, words: str) -> None:
    with pytest.raises(ProjectError) as caught:
        from_json(kind, data)
    assert words in str(caught.value)


@pytest.mark.parametrize("text", ["1/0", "fast", None, [1]], ids=repr)
def test_broken_fractions_are_refused(text: object) -> None:
    with pytest.raises(ProjectError, match="fraction like 30000/1001"):
        from_json(Fraction, text)
