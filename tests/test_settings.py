"""Settings: one declaration, and everything that is made from it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import settings as trials
from hypothesis import strategies as st

from lib_vidpaint import settings
from lib_vidpaint.errors import ProjectError, SettingsError
from lib_vidpaint.settings import Leaf, knob
from lib_vidpaint.stages import PRESETS, STAGES, Settings

LEAVES = {leaf.path: leaf for leaf in settings.walk(Settings)}


@dataclass(frozen=True)
class Paint:
    color: Literal["red", "blue"] = knob("red", "Colour.")
    layers: int = knob(2, "Layers.", low=1, high=9, step=1)
    thickness: float = knob(0.5, "Thickness.", low=0, high=1)
    dry: bool = knob(False, "Wait until it is dry.")
    name: str = knob("", "A name.")
    picture: str = knob("", "A picture.", path=True)


@dataclass(frozen=True)
class House:
    paint: Paint = Paint()


def test_walk_gives_every_leaf_with_dotted_path_and_limits() -> None:
    found = {leaf.path: leaf.limits for leaf in settings.walk(House)}
    assert found == {
        "paint.color": "red, blue",
        "paint.layers": "1 to 9",
        "paint.thickness": "0 to 1",
        "paint.dry": "on or off",
        "paint.name": "text",
        "paint.picture": "a path",
    }


def test_put_gives_new_settings_and_leaves_the_old_alone() -> None:
    old = House()
    new = settings.put(old, {"paint.layers": 3, "paint.dry": True})
    assert (new.paint.layers, new.paint.dry, new.paint.color) == (3, True, "red")
    assert old == House()


@pytest.mark.parametrize(
    ("path", "value", "sentence"),
    [
        ("paint.layers", 10, "paint.layers: 10 is not a whole number from 1 to 9"),
        ("paint.layers", 2.5, "2.5 is not a whole number"),
        ("paint.layers", True, "True is not a whole number"),
        ("paint.layers", 10**400, "is not a whole number from 1 to 9"),
        ("paint.thickness", 2, "paint.thickness: 2 is not a number from 0 to 1"),
        ("paint.thickness", float("nan"), "nan is not a number"),
        ("paint.thickness", float("inf"), "inf is not a number"),
        ("paint.thickness", "thick", "'thick' is not a number"),
        ("paint.dry", 1, "1 is not on or off"),
        ("paint.color", "green", "'green' is not one of red, blue"),
        ("paint.name", 5, "5 is not text"),
        ("paint.name", "broken \udcff", "is not text"),
        ("paint.colour", "red", "no setting 'paint.colour'. Did you mean paint.color?"),
        ("zzz", 1, "vidpaint settings"),
    ],
)
def test_put_refuses_in_a_sentence(path: str, value: Any, sentence: str) -> None:
    with pytest.raises(SettingsError) as caught:
        settings.put(House(), {path: value})
    assert sentence in str(caught.value)


@pytest.mark.parametrize(
    ("path", "text", "value"),
    [
        ("paint.layers", "3", 3),
        ("paint.layers", "3.0", 3),
        ("paint.thickness", "1", 1.0),
        ("paint.thickness", "1e-2", 0.01),
        ("paint.dry", "ON", True),
        ("paint.dry", "no", False),
        ("paint.name", " a b ", " a b "),
    ],
)
def test_parse_reads_what_a_person_types(path: str, text: str, value: Any) -> None:
    found = settings.parse(settings.leaf(House, path), text)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("path", "text"),
    [("paint.layers", "two"), ("paint.layers", "9" * 5000), ("paint.thickness", "nan"), ("paint.dry", "maybe")],
)
def test_parse_refuses(path: str, text: str) -> None:
    with pytest.raises(SettingsError):
        settings.parse(settings.leaf(House, path), text)


def test_toml_holds_only_what_differs_and_no_path() -> None:
    changed = settings.put(House(), {"paint.layers": 4, "paint.picture": "/somewhere/secret.png"})
    assert settings.to_toml(changed) == "version = 1\n\n[paint]\nlayers = 4\n"


def other_values(leaf: Leaf) -> st.SearchStrategy[Any]:
    """Every value that a leaf may have."""
    if leaf.choices:
        return st.sampled_from(leaf.choices)
    if leaf.kind is bool:
        return st.booleans()
    if leaf.kind is int:
        return st.integers(int(leaf.knob.low or 0), int(leaf.knob.high or 0))
    if leaf.kind is float:
        return st.floats(leaf.knob.low, leaf.knob.high, allow_nan=False)
    if leaf.path in ("keyframes.add", "keyframes.remove"):
        return st.lists(st.integers(0, 999999)).map(lambda numbers: ", ".join(map(str, numbers)))
    return st.text()


@trials(deadline=None)
@given(st.fixed_dictionaries({}, optional={p: other_values(leaf) for p, leaf in LEAVES.items() if not leaf.knob.local}))
def test_toml_round_trip(values: dict[str, Any]) -> None:
    changed = settings.put(Settings(), values)
    assert settings.from_toml(Settings(), settings.to_toml(changed), "project.toml") == changed


@pytest.mark.parametrize(
    ("text", "kind", "sentence"),
    [
        ("[paint\n", ProjectError, "project.toml is damaged"),
        ("version = 99\n", ProjectError, "update Video Inpaint"),
        ("[paint]\nlayers = 99\n", SettingsError, "project.toml: paint.layers: 99 is not"),
        ("[paint]\nlayer = 2\n", SettingsError, "Did you mean paint.layers?"),
        ("paint = 3\n", SettingsError, "no setting 'paint'"),
        ('[paint]\npicture = "/etc/passwd"\n', SettingsError, "belongs to one machine"),
        ("[paint]\nname = [1]\n", SettingsError, "is not text"),
    ],
    ids=["broken", "newer", "range", "unknown", "section", "path", "list"],
)
def test_project_toml_is_checked(text: str, kind: type[Exception], sentence: str) -> None:
    with pytest.raises(kind) as caught:
        settings.from_toml(House(), text, "project.toml")
    assert sentence in str(caught.value)


@pytest.mark.parametrize("leaf", LEAVES.values(), ids=LEAVES)
def test_every_knob_is_whole(leaf: Leaf) -> None:
    assert settings.check(leaf, leaf.default) == leaf.default
    assert leaf.knob.help.endswith(".")
    assert leaf.path.split(".")[0] in {"source", *(stage.name for stage in STAGES)}
    if leaf.kind in (int, float):
        assert leaf.knob.low is not None
        assert leaf.knob.high is not None


@pytest.mark.parametrize("name", PRESETS)
def test_presets_set_known_knobs_to_allowed_values(name: str) -> None:
    assert settings.changed(settings.put(Settings(), PRESETS[name]))
