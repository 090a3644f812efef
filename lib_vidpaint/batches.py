"""What an engine is given for every batch of candidates: which keyframes together, in which order, shown what of others."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from .anchoring import painting_order
from .crops import Crop
from .donations import Donated, DonorFrames
from .donors import Lenders
from .engines import Content, Sampling
from .errors import ProjectError, SettingsError
from .groups import SELECTION, candidate_file
from .guides import Carried, Edited, Guide, Guides
from .interrogating import prefixed
from .items import Item, KeyCrops, KeyframeCrop, Several, Take, WhiteCrop
from .model import Choice, Group, Repaint, to_json
from .painting import InpaintSettings, painted_with
from .prediction import Prices
from .selection import AS_SET, wanted
from .sheets import Unit, grid, units

if TYPE_CHECKING:
    from .pipeline import Run

SHEETS = "sheets.json"
APART = 1000
"""Seeds from one frame to the next where keyframes have seeds of their own."""


def preview_file(key: int) -> str:
    return f"previews/{key:06d}.png"


@dataclass(frozen=True)
class Told:
    """What a batch is painted with. `crops` are those of the keyframes in it, after `before` cells that show others; the
    sheet has `columns` x `rows` cells."""

    crops: tuple[Crop, ...]
    engine: str
    seeds: tuple[int, ...]
    prompt: str
    negative_prompt: str
    denoise: float
    content: Content
    sampling: Sampling
    paint: Repaint = AS_SET
    columns: int = 1
    rows: int = 1
    before: int = 0
    match: str = "off"


@dataclass(frozen=True)
class Batches:
    """Makes the items of `units`. By key: `words` go before the prompts, `plans` are the donors', `selection` is a person's."""

    run: Run
    settings: InpaintSettings
    groups: Sequence[Group]
    crops: KeyCrops
    plans: Mapping[int, Lenders]
    frames: DonorFrames
    words: Mapping[int, str]
    selection: Mapping[int, Choice]

    def units(self, found: Sequence[Prices]) -> list[Unit]:
        """All that is to be painted, in order. A keyframe that is painted again is so by itself, beside what it is shown."""
        settings, selection = self.settings, self.selection
        shots = painting_order(self.groups, found, settings.order)
        known = self._known_sheets()
        planned = [units(shot, settings.sheet, known) for shot in shots]
        self._keep_sheets([unit for shot in planned for unit in shot])
        made: list[Unit] = []
        for shot, row in zip(planned, shots):
            again = {key for key, _ in row if (choice := selection.get(key)) and (choice.redo or choice.first)}
            first = row[0][0]
            shown = [replace(unit, other=self._shown(unit, first, shots[0][0][0])) for unit in shot]
            if settings.sheet != "off":
                extra = [Unit((key,), other) for key, other in row if key in again]
                shown += [replace(unit, other=self._shown(unit, first, shots[0][0][0])) for unit in extra]
            made += shown
        return made

    def _shown(self, unit: Unit, shot: int, clip: int) -> int | None:
        """The keyframe that a unit is shown: with `shown` first, its shot's first one, or the clip's."""
        if self.settings.shown == "previous":
            return unit.other
        return next((key for key in (shot, clip) if key not in unit.keys), None)

    def _known_sheets(self) -> Sequence[Unit]:
        if self.settings.sheet == "off" or not self.run.project.path(SHEETS).exists():
            return ()
        return self.run.project.record(SHEETS, dict[str, tuple[Unit, ...]]).get(self._way, ())

    def _keep_sheets(self, made: Sequence[Unit]) -> None:
        if self.settings.sheet != "off":
            text = json.dumps(to_json({self._way: made}))
            self.run.build(Item((SHEETS,), (), (text,)), lambda path: path.write_text(text, encoding="utf-8"))

    @property
    def _way(self) -> str:
        return f"{self.settings.sheet} {self.settings.order}"

    def items(self, unit: Unit, guides: Guides | None = None) -> list[Item]:
        """The batches of one unit; `guides` say what it is shown."""
        settings, (key, *_) = self.settings, unit.keys
        choices = [choice for one in unit.keys if (choice := self.selection.get(one))]
        choice = choices[0] if len(unit.keys) == 1 and choices else None
        special, numbers = choice.paint if choice else AS_SET, wanted(choice, settings.candidates)
        if len(choices) == len(unit.keys) and not any(len(wanted(one, 1)) for one in choices):
            return []
        asked = _asked(settings, choice)
        guide = guides.of(key, numbers.start, unit.other) if guides and numbers else None
        takes, told = self._takes(unit, guide), self._told(unit, guide, asked, special)
        shift = 0 if special.seed is None else -numbers.start  # a seed of its own is that of the round's first
        shift += 0 if settings.same_seed else APART * key
        made = []
        for at in range(0, len(numbers), settings.batch_size):
            indices = numbers[at : at + settings.batch_size]
            seeds = tuple((asked.seed + index + shift) % 2**32 for index in indices)
            files = tuple(candidate_file(one, index) for index in indices for one in unit.keys)
            made.append(Item(files, takes, (replace(told, seeds=seeds),)))
        return made

    def preview(self, key: int) -> Item:
        """One quick picture of a keyframe by itself, with the first seed."""
        choice, unit = self.selection.get(key), Unit((key,))
        asked = _asked(self.settings, choice)
        told = self._told(unit, None, asked, choice.paint if choice else AS_SET)
        quick = replace(told.sampling, steps=self.settings.preview_steps)
        seed = (asked.seed + (0 if self.settings.same_seed else APART * key)) % 2**32
        told = replace(told, seeds=(seed,), sampling=quick, columns=1, rows=1)
        return Item((preview_file(key),), self._takes(unit, None), (told,))

    def _takes(self, unit: Unit, guide: Guide | None) -> tuple[Take, ...]:
        pairs = [(key, self.crops[key]) for key in unit.keys]
        sources = Several(tuple(KeyframeCrop(*pair) for pair in pairs))
        whites = Several(tuple(WhiteCrop(*pair) for pair in pairs))
        plan = self.plans.get(unit.keys[0], Lenders(unit.keys[0]))
        donated = Donated(self.frames, plan, pairs[0][1])
        starts, shown = Several(()), Several(())
        if guide:
            other = self.crops[guide.other]
            shown = Several((Edited(guide, other),))
            if self.settings.carry > 0 and self._one_shot(unit.keys[0], guide.other):
                moved = (Carried(*pair, guide, other, self.settings.carry) for pair in pairs)
                starts = Several(tuple(moved))
        return sources, whites, donated, starts, shown

    def _told(self, unit: Unit, guide: Guide | None, asked: InpaintSettings, special: Repaint) -> Told:
        settings, key = self.settings, unit.keys[0]
        columns, rows = grid(settings.sheet)
        before = int(columns * rows > 1 and guide is not None and self._one_shot(key, guide.other))
        prompt = prefixed(self.words.get(key, ""), asked.prompt)
        crops = tuple(self.crops[one] for one in unit.keys)
        match = settings.match if guide or settings.match == "source" else "off"
        return Told(
            crops, self.run.engine_name, (), prompt, asked.negative_prompt, asked.denoise, settings.masked_content,
            settings.sampling, special, columns, rows, before, match,
        )  # fmt: skip

    def _one_shot(self, key: int, other: int) -> bool:
        shots = [group.shot for group in self.groups if group.key in (key, other)]
        return len(shots) == 2 and shots[0] == shots[1]


def _asked(settings: InpaintSettings, choice: Choice | None) -> InpaintSettings:
    try:
        return painted_with(settings, choice.paint) if choice else settings
    except SettingsError as error:
        raise ProjectError(f"{SELECTION}: keyframe {choice.key if choice else ''}: {error}") from None


def unshared(settings: InpaintSettings) -> InpaintSettings:
    """The settings for an engine that looks at the video itself: it has no use for what other keyframes were given."""
    plain: dict[str, Any] = {"carry": 0.0, "sheet": "off", "match": "off", "order": "time", "interrogate": "off"}
    return replace(settings, reference="off", **plain)
