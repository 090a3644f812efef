"""Settings are declared once, as fields of frozen dataclasses; everything else is a loop over `walk`.

A field made by `knob` carries its default, help and limits. From that come the CLI flags, `project.toml`, validation,
the fingerprint that decides what is redone, `docs/settings.md`, and the controls of the page.
"""

from __future__ import annotations

import dataclasses
import difflib
import json
import math
import re
import sys
import typing
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from functools import cache
from typing import Any, Literal, TypeVar

from .errors import ProjectError, SettingsError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib  # pyright: ignore[reportMissingImports]

S = TypeVar("S")
FORMAT_VERSION = 1


@dataclass(frozen=True)
class Knob:
    """What a person needs to know of one setting.

    A `local` one belongs to this machine: it is neither written into a project nor taken from one, which may be a
    stranger's. A `path` names a file, so it is local too. `label` is the name that the WebUI has for it, where that is
    not the field's own.
    """

    help: str
    low: float | None = None
    high: float | None = None
    step: float | None = None
    path: bool = False
    local: bool = False
    label: str = ""


def knob(
    default: Any,
    help: str,
    *,
    low: float | None = None,
    high: float | None = None,
    step: float | None = None,
    path: bool = False,
    local: bool = False,
    label: str = "",
) -> Any:
    """A dataclass field with its help and limits (both ends included)."""
    return field(default=default, metadata={"knob": Knob(help, low, high, step, path, path or local, label)})


@dataclass(frozen=True)
class Leaf:
    """One setting, found by `walk`: its dotted path, type, default, allowed words and its knob."""

    path: str
    kind: type
    default: Any
    choices: tuple[str, ...]
    knob: Knob

    @property
    def limits(self) -> str:
        """The allowed values in words: `0 to 1`, `on or off`, `auto, person`."""
        if self.choices:
            return ", ".join(self.choices)
        if self.kind is bool:
            return "on or off"
        if self.knob.low is not None and self.knob.high is not None:
            return f"{_number(self.knob.low)} to {_number(self.knob.high)}"
        if self.knob.low is not None:
            return f"{self.knob.low:g} or more"
        return "a path" if self.knob.path else "text"


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else f"{value:g}"


def walk(kind: type, prefix: str = "") -> Iterator[Leaf]:
    """Every leaf of a settings class, in the order of declaration."""
    return iter(_walked(kind, prefix))


@cache
def _walked(kind: type, prefix: str) -> tuple[Leaf, ...]:
    found: list[Leaf] = []
    hints = typing.get_type_hints(kind)
    for f in fields(kind):
        hint = hints[f.name]
        if is_dataclass(hint):
            found += walk(typing.cast(type, hint), f"{prefix}{f.name}.")
            continue
        choices = typing.get_args(hint) if typing.get_origin(hint) is Literal else ()
        found.append(Leaf(f"{prefix}{f.name}", str if choices else hint, f.default, choices, f.metadata["knob"]))
    return tuple(found)


@cache
def _known(kind: type) -> dict[str, Leaf]:
    """The leaves by path; a page asks for a hundred of them at once, and finding the types takes 2 ms each time."""
    return {found.path: found for found in walk(kind)}


def leaf(kind: type, path: str) -> Leaf:
    """The leaf at a dotted path. Raises SettingsError naming the nearest known ones."""
    known = _known(kind)
    if path in known:
        return known[path]
    near = difflib.get_close_matches(path, known, 1)
    hint = f"Did you mean {near[0]}?" if near else "`vidpaint settings` lists them all."
    raise SettingsError(f"There is no setting {path!r}. {hint}")


def get(settings: Any, path: str) -> Any:
    """The value at a dotted path."""
    for name in path.split("."):
        settings = getattr(settings, name)
    return settings


def put(settings: S, values: Mapping[str, Any]) -> S:
    """New settings with the values at these dotted paths, each checked. Raises SettingsError."""
    for path, value in values.items():
        checked = check(leaf(type(settings), path), value)
        settings = _replace(settings, path.split("."), checked)
    return settings


def _replace(settings: Any, names: list[str], value: Any) -> Any:
    if len(names) > 1:
        value = _replace(getattr(settings, names[0]), names[1:], value)
    return dataclasses.replace(settings, **{names[0]: value})


def check(known: Leaf, value: Any) -> Any:
    """The value as the setting's own type, or SettingsError saying what would be right."""
    wrong = SettingsError(f"{known.path}: {value!r} is not {_asked(known)}.")
    if known.kind is bool or isinstance(value, bool):
        if not (known.kind is bool and isinstance(value, bool)):
            raise wrong
        return value
    if known.kind in (int, float):
        if not isinstance(value, (int, float)) or (isinstance(value, float) and not math.isfinite(value)):
            raise wrong
        if known.kind is int and value != int(value):
            raise wrong
        low, high = known.knob.low, known.knob.high
        if (low is not None and value < low) or (high is not None and value > high):
            raise wrong
        return known.kind(value)
    if not isinstance(value, str) or (known.choices and value not in known.choices):
        raise wrong
    if not known.knob.path and re.search("[\ud800-\udfff]", value):
        raise wrong
    return value


def _asked(known: Leaf) -> str:
    if known.choices:
        return f"one of {known.limits}"
    if known.kind is bool:
        return known.limits
    if known.kind in (int, float):
        noun = "a whole number" if known.kind is int else "a number"
        bounds = "" if known.limits == "text" else f" of {known.limits}"
        return noun + (f" from {known.limits}" if known.knob.high is not None else bounds)
    return "text"


def parse(known: Leaf, text: str) -> Any:
    """The value that a person wrote as text (a flag's argument). Raises SettingsError."""
    word = text.strip().lower()
    if known.kind is bool:
        words = {
            "on": True,
            "true": True,
            "yes": True,
            "1": True,
            "off": False,
            "false": False,
            "no": False,
            "0": False,
        }
        return check(known, words.get(word, text))
    if known.kind in (int, float):
        try:
            return check(known, float(text) if known.kind is float or "." in text else int(text))
        except ValueError:
            return check(known, text)
    return check(known, text)


def shown(value: Any) -> str:
    """A value as a person writes it, the way back from `parse`."""
    if isinstance(value, bool):
        return "on" if value else "off"
    return f"{value:g}" if isinstance(value, float) else str(value)


def changed(settings: Any) -> dict[str, Any]:
    """The leaves that differ from their defaults, by dotted path; those of this machine are left out."""
    return {
        known.path: get(settings, known.path)
        for known in walk(type(settings))
        if not known.knob.local and get(settings, known.path) != known.default
    }


def to_toml(settings: Any) -> str:
    """The text of `project.toml`: only what differs from the defaults."""
    lines, table = [f"version = {FORMAT_VERSION}"], ""
    for path, value in changed(settings).items():
        section, name = path.rsplit(".", 1)
        if section != table:
            lines += ["", f"[{section}]"]
            table = section
        lines.append(f"{name} = {_toml_value(value)}")
    return "\n".join(lines) + "\n"


def _toml_value(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def from_toml(settings: S, text: str, where: str) -> S:
    """Settings with what `text` says laid over them. `where` names the file in errors.

    Raises ProjectError when the text is not TOML or comes from a newer version, SettingsError for a wrong entry.
    """
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ProjectError(
            f"{where} is damaged ({error}): mend that line, or delete the file to use the defaults."
        ) from None
    version = data.pop("version", FORMAT_VERSION)
    if not isinstance(version, int) or version > FORMAT_VERSION:
        raise ProjectError(
            f"{where} is of version {version!r}; this program reads up to {FORMAT_VERSION}: update Video Inpaint to open it."
        )
    try:
        values = dict(_flatten(data))
        for path in values:
            if leaf(type(settings), path).knob.local:
                raise SettingsError(f"{path} belongs to one machine: give it on the command line, not in a project.")
        return put(settings, values)
    except SettingsError as error:
        raise SettingsError(f"{where}: {error}") from None


def _flatten(data: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in data.items():
        if isinstance(value, dict):
            yield from _flatten(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value
