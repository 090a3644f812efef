"""What the stages between keyframes and render hand on: groups, choices, and where the patches lie."""

from __future__ import annotations

from dataclasses import dataclass, field

from .atomic import inside
from .errors import ProjectError
from .model import Box, Choice, Group
from .project import Folder

CHOSEN = "keyframes/chosen.json"
SCORES = "scores.csv"
CURVE = "keyframes/curve.csv"
PREDICTED = "keyframes/predicted.csv"
PRICES = "keyframes/prices.npz"
PATH = "keyframes/path.csv"
GROUPS = "groups.json"
SELECTION = "selection.json"
CHOICES = "choices.json"
RANKS = "candidates.csv"
PATCHES = "patches.json"
REFINED = "refined.json"
FILLED = "filled.json"
REFILLED = "refilled.json"
ENHANCED = "enhanced.json"
LIGHT = "light.csv"
VERDICTS = "verdicts.json"
DROPPED = "dropped.json"
REPAIRS = "repairs.json"
OVERRIDES = "overrides.json"
RENDER = "render.json"
SHARE = "share.mp4"
SMOOTH = "smooth.mp4"
LARGE = "large.mp4"
SMOOTHED = "smooth.json"
DELIVERY = "delivery.json"


@dataclass(frozen=True)
class Patch:
    """A group's finished picture, or a piece of a long group's: frames [start, stop) of `file`, at `box` of the video."""

    key: int
    start: int
    stop: int
    box: Box
    file: str


@dataclass(frozen=True)
class Render:
    """What assemble made: the master's file ('' = none), how it is encoded, what of the source it does not hold, what its
    metadata says of the edit, and what the share copy has that touches every pixel."""

    master: str = ""
    encoding: str = ""
    not_kept: tuple[str, ...] = ()
    note: str = ""
    ended_by: tuple[str, ...] = ()


@dataclass(frozen=True)
class Smoothed:
    """What the copy with in-between frames has that touches every pixel or time."""

    ended_by: tuple[str, ...] = ()


@dataclass(frozen=True)
class Delivery:
    """What a package was made from: the source's name and digest, the span of it, and the rate of a picture folder."""

    source: str
    digest: str
    span: str = ""
    fps: str = "25"


def patch_file(start: int, folder: str = "patches") -> str:
    return f"{folder}/{start:06d}.mp4"


def candidate_file(key: int, index: int) -> str:
    """Where a candidate lies; below 0 are pictures of a person's own, which no stage writes."""
    return f"own/{key:06d}/{-index:02d}.png" if index < 0 else f"candidates/{key:06d}/{index:02d}.png"


def read_groups(project: Folder) -> tuple[Group, ...]:
    return project.records(GROUPS, Group)


def read_choices(project: Folder) -> dict[int, Choice]:
    """The choice in force for every group, by its key."""
    return {choice.key: choice for choice in project.records(CHOICES, Choice)}


def read_dropped(project: Folder) -> tuple[int, ...]:
    """The keys of the groups that validation dropped."""
    return project.records(DROPPED, int) if project.path(DROPPED).exists() else ()


@dataclass(frozen=True)
class Overrides:
    """What repairs ask of the stages before validation: more keyframes, decisions on groups that no person decided on, and
    by how many levels the colours of a painted keyframe are to be moved, by its frame number."""

    add: tuple[int, ...] = ()
    choices: tuple[Choice, ...] = ()
    tones: dict[int, tuple[float, float, float]] = field(default_factory=dict)


def read_overrides(project: Folder) -> Overrides:
    """What repairs ask for, nothing where there are none."""
    return project.record(OVERRIDES, Overrides) if project.path(OVERRIDES).exists() else Overrides()


def read_selection(project: Folder) -> dict[int, Choice]:
    """What was decided, by the group's key: by a person, else by a repair."""
    return {choice.key: choice for choice in read_overrides(project).choices} | read_decided(project)


def read_decided(project: Folder) -> dict[int, Choice]:
    """What a person decided, by the group's key; nothing when there is no selection.json."""
    if not project.path(SELECTION).exists():
        return {}
    decided: dict[int, Choice] = {}
    for choice in project.records(SELECTION, Choice):
        key = choice.key
        if key in decided:
            raise ProjectError(f"{SELECTION} speaks of keyframe {key} twice: leave one of the two.")
        decided[key] = choice
        if choice.redo < 0 or (choice.first or 0) < 0:
            raise ProjectError(f"{SELECTION}: keyframe {key}: redo and first count from 0.")
    return decided


def read_render(project: Folder) -> Render:
    """What assemble made, nothing before it has run."""
    if not project.path(RENDER).exists():
        return Render()
    made = project.record(RENDER, Render)
    if made.master:
        inside(made.master, RENDER)
    return made


def read_smoothed(project: Folder) -> Smoothed:
    """What is said of the copy with in-between frames; nothing where there is none."""
    return project.record(SMOOTHED, Smoothed) if project.path(SMOOTHED).exists() else Smoothed()
