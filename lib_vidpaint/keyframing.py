"""Which frames become keyframes: the rules by name, and their settings.

A rule is one function of the footage and the settings; to add one, write it and give it a line in `RULES` and a name in
`How`. `predicted` places keyframes where the frames between are served best (`prediction.py`, `placement.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from . import lastkey, spacing
from .footage import Footage, Picked
from .handpicking import frame_numbers
from .placement import WORTH, Budget, budget, group_losses
from .segments import Segment
from .settings import knob

How = Literal["predicted", "uniform", "seed", "every", "shots", "ssim", "file"]
LISTED = "keyframes.txt"


@dataclass(frozen=True)
class KeyframeSettings:
    how: How = knob(
        "predicted",
        "How keyframes are chosen. predicted: where they serve the frames between them best. uniform, every: evenly spread, or "
        "every so many frames, by the longest group. seed: where colour or motion goes too far from the last keyframe. ssim: "
        "where structure does. shots: one for each shot. file: the frame numbers in the project's keyframes.txt.",
    )
    quality: float = knob(
        85.0,
        "predicted: keyframes are added until this much of the region is expected to be carried well, in percent, as long "
        "as each of them still helps enough.",
        low=0, high=100, step=1,
    )  # fmt: skip
    count: int = knob(
        0, "predicted: choose this many keyframes in all; 0 = as many as quality asks for.",
        low=0, high=100000, step=1, label="Number of keyframes",
    )  # fmt: skip
    longest: int = knob(
        20, "Most frames from one keyframe to the next, wherever something changes.",
        low=1, high=1000, step=1, label="Longest group",
    )  # fmt: skip
    shortest: int = knob(
        1, "Fewest frames from one keyframe to the next (predicted, seed, ssim).",
        low=1, high=1000, step=1, label="Shortest group",
    )  # fmt: skip
    movement: float = knob(
        0.5,
        "seed, ssim: more makes smaller groups; less change is enough to ask for a keyframe.",
        low=0,
        high=1,
        step=0.01,
    )
    convergence: float = knob(
        0.5, "seed: what asks for a keyframe: 0 only motion, 1 only colour.", low=0, high=1, step=0.01
    )
    add: str = knob(
        "", "Frames that are keyframes whatever the rule says, such as 12, 40. All others stay where they are.",
        label="Keyframes added by hand",
    )  # fmt: skip
    remove: str = knob(
        "", "Frames that are no keyframes whatever the rule says, such as 12, 40. All others stay where they are.",
        label="Keyframes removed by hand",
    )  # fmt: skip

    def __post_init__(self) -> None:
        """Raises SettingsError for lists that hold something else than frame numbers."""
        _ = self.added, self.removed

    @property
    def added(self) -> tuple[int, ...]:
        return frame_numbers(self.add, "keyframes.add")

    @property
    def removed(self) -> tuple[int, ...]:
        return frame_numbers(self.remove, "keyframes.remove")


Rule = Callable[[Footage, KeyframeSettings], Picked]


def predicted(footage: Footage, settings: KeyframeSettings) -> Picked:
    """Keyframes where the predicted loss of all other frames is least: as many as are asked for, or as quality takes."""
    found = budget_of(footage, settings)
    return Picked(dict.fromkeys(found.keys(settings.count or found.enough(settings.quality)), "predicted"))


def budget_of(footage: Footage, settings: KeyframeSettings) -> Budget:
    """What every number of keyframes would give."""
    return budget(footage.prices, settings.longest, min(settings.shortest, settings.longest), settings.count)


RULES: dict[str, Rule] = {
    "predicted": predicted,
    "uniform": lambda footage, s: spacing.uniform(footage, s.longest),
    "seed": lambda footage, s: lastkey.seed(footage, s.movement, s.convergence, s.longest, s.shortest),
    "every": lambda footage, s: spacing.every(footage, s.longest),
    "shots": lambda footage, s: spacing.shots(footage),
    "ssim": lambda footage, s: lastkey.ssim(footage, s.movement, s.longest, s.shortest),
    "file": lambda footage, s: spacing.listed(footage),
}


def choose(footage: Footage, settings: KeyframeSettings) -> Picked:
    """The keyframes that the chosen rule picks. Raises SettingsError for a list that does not fit the clip."""
    return RULES[settings.how](footage, settings)


def unmoved(footage: Footage, picked: Picked, before: Sequence[Segment]) -> Picked:
    """The keyframes there were, unless those just picked save `WORTH` frames of loss: the old ones may be painted already.

    Without this, a mask corrected by four pixels moved a keyframe by one frame, and all its candidates were painted anew.
    """
    if [(s.start, s.stop) for s in before] != [(s.start, s.stop) for s in footage.segments]:
        return picked
    old = [list(segment.keys) for segment in before]
    new = [sorted(k for k in picked.reasons if s.start <= k < s.stop) for s in footage.segments]
    if not all(old) or _loss(footage, old) >= _loss(footage, new) + WORTH:
        return picked
    return replace(picked, reasons={key: picked.reasons.get(key, "stays") for keys in old for key in keys})


def _loss(footage: Footage, keys: Sequence[Sequence[int]]) -> float:
    return sum(sum(group_losses(found, own)) for found, own in zip(footage.prices, keys, strict=True))
