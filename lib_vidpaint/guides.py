"""What a keyframe is shown of another one that was painted before it: which candidate of it, and in what form.

guides.json keeps what each round of candidates was shown. It stays so as long as that picture is there unchanged: that a
person chooses another candidate of one keyframe, or has it painted again, does not repaint all that came after it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from .agreement import Sketch, disagreement
from .crops import Crop
from .groups import candidate_file, read_selection
from .items import Alphas, Item, KeyCrops, KeyframePicture, keyframe_file, read_alpha, read_keyframe
from .model import Box, Frame, Mask, to_json
from .orientation import upright
from .patching import MARGIN, LayerTake
from .pixels import pixel_format
from .planes import seen_color, view
from .propagation import KeyLayer, carry
from .ranking import Batch, Scores, best_sequence, looked_at
from .regions import read_regions
from .selection import wanted

if TYPE_CHECKING:
    from .pipeline import Run

GUIDES = "guides.json"
NONE = -1
FOLLOWED = 24
"""Frames between two keyframes along which motion is followed at the most; of more, so many evenly spread."""


@dataclass(frozen=True)
class Guide:
    """What the candidates of keyframe `key` from number `first` on were shown: candidate `number` of keyframe `other`, whose
    file was `content` (other -1: nothing). `way` is how keyframes were ordered and shown to each other."""

    key: int
    first: int
    way: str
    other: int = NONE
    number: int = 0
    content: str = ""


class Guides:
    """Finds and remembers the guide of every round."""

    def __init__(self, run: Run, crops: KeyCrops) -> None:
        settings = run.settings.inpaint
        self._run, self._crops, self._selection = run, crops, read_selection(run.project)
        self._way = f"{settings.order} {settings.shown} {settings.sheet}"
        known = run.project.records(GUIDES, Guide) if run.project.path(GUIDES).exists() else ()
        self._known = {(guide.key, guide.first): guide for guide in known if guide.way == self._way}
        self._best: dict[int, int] = {}

    def of(self, key: int, first: int, other: int | None) -> Guide | None:
        """The guide of a round of keyframe `key`: the one it was painted with, else what is in force for `other` now."""
        known = self._known.get((key, first))
        if known and known.content == self._content(known.other, known.number):
            return known if known.other != NONE else None
        if other is None:
            self._keep(Guide(key, first, self._way))
            return None
        found = self._in_force(other)
        if found is None:
            return None
        guide = Guide(key, first, self._way, *found, self._content(*found))
        self._keep(guide)
        return guide

    def _content(self, other: int, number: int) -> str:
        return "" if other == NONE else self._run.ledger.content(candidate_file(other, number))

    def _keep(self, guide: Guide) -> None:
        self._known[guide.key, guide.first] = guide
        text = json.dumps(to_json([one for _, one in sorted(self._known.items())]))
        self._run.build(Item((GUIDES,), (), (text,)), lambda path: path.write_text(text, encoding="utf-8"))

    def _in_force(self, key: int) -> tuple[int, int] | None:
        """The keyframe and candidate that stand for `key`: a person's choice, else the best; where it has none, its guide."""
        choice = self._selection.get(key)
        if not (choice and choice.drop):
            if choice and choice.candidate is not None and self._content(key, choice.candidate):
                return key, choice.candidate
            asked = wanted(choice, self._run.settings.inpaint.candidates)
            numbers = [number for number in asked if self._content(key, number)]
            if numbers:
                if key not in self._best:
                    self._best[key] = self._ranked(key, numbers)
                return key, self._best[key]
        before = next((guide for (other, _), guide in sorted(self._known.items()) if other == key), None)
        return (before.other, before.number) if before and self._content(before.other, before.number) else None

    def _ranked(self, key: int, numbers: Sequence[int]) -> int:
        """The best of a keyframe's candidates, by themselves and beside what they were shown."""
        if len(numbers) == 1:
            return numbers[0]
        scores, sketch = self._looked(key, numbers)
        among = disagreement(sketch, sketch)
        assert among is not None
        batches = [Batch(key, tuple(numbers), scores, among)]
        guide = self._known.get((key, numbers[0]))
        if guide and guide.other != NONE:
            _, shown = self._looked(guide.other, [guide.number])
            batches.insert(0, Batch(NONE, (0,), (Scores(),), np.zeros((1, 1)), disagreement(shown, sketch)))
        return next(rank.number for rank in best_sequence(batches) if rank.best and rank.key == key)

    def _looked(self, key: int, numbers: Sequence[int]) -> tuple[tuple[Scores, ...], Sketch]:
        crop = self._crops[key]
        source = KeyframePicture(key, crop.box).load(self._run)
        (region,) = Alphas(key, key + 1, crop.box).load(self._run)
        pictures = [laid_in(self._run, key, number, crop, crop.box).edited for number in numbers]
        found = tuple(looked_at(source, picture, region) for picture in pictures)
        return found, Sketch.of(source, region, pictures)


def laid_in(run: Run, key: int, number: int, crop: Crop, box: Box) -> KeyLayer:
    """A keyframe with one of its candidates laid in, inside `box`, as stage 7 uses it."""
    return LayerTake(key, number, crop, box, run.settings.inpaint.undoes_cast(run.engine_name, number)).load(run)


@dataclass(frozen=True)
class Edited:
    """Take: the keyframe that a guide shows with its edit, as an engine gets its crop, and the mask there; upright."""

    guide: Guide
    crop: Crop

    def key(self, run: Run) -> str:
        return f"{self.guide.other} {self.guide.content}{self.crop}"

    def load(self, run: Run) -> tuple[Frame, Mask]:
        info = run.clip.info
        layer = laid_in(run, self.guide.other, self.guide.number, self.crop, Box(0, 0, info.width, info.height))
        edited, mask = (self.crop.seen(picture) for picture in (layer.edited, layer.mask))
        return upright(np.asarray(edited, np.uint8), info.rotation), upright(mask, info.rotation)


@dataclass(frozen=True)
class Carried:
    """Take: a keyframe's crop with `strength` of the edit that its guide shows, moved along with the picture to it.

    What travels is the difference to the source, so that the keyframe keeps its own detail.
    """

    index: int
    crop: Crop
    guide: Guide
    shown: Crop
    strength: float

    def key(self, run: Run) -> str:
        """Not the masks on the way: one that is mended there must not repaint what a person has already approved."""
        own = run.ledger.content(keyframe_file(self.index))
        return f"{own}{self.crop}{self.guide.other} {self.guide.content}{self.shown}{self.strength}"

    def load(self, run: Run) -> Frame:
        info, other = run.clip.info, self.guide.other
        regions = read_regions(run.project)
        span = range(min(self.index, other), max(self.index, other) + 1)
        box = regions.box(span).grown(MARGIN, info.width, info.height)
        box = box.aligned(*pixel_format(info.pixel_format).steps, info.width, info.height)
        indices = _between(span, run.settings.keyframes.longest)
        frames = {}
        for index, planes in zip(span, run.source_reader.read(span.start, span.stop)):
            if index in indices:
                frames[index] = view(planes.crop(box), seen_color(info))
        masks = [read_alpha(run, index)[box.slices] for index in indices]
        layer = laid_in(run, other, self.guide.number, self.shown, box)
        moved = list(carry(list(frames.values()), masks, indices, [layer], "surface", mode="difference"))
        picture = moved[indices.index(self.index)]
        source = frames[self.index].astype(np.float32)
        whole = read_keyframe(run.project, self.index, info).copy()
        change = self.strength * (picture - source)
        whole[box.slices] = np.clip(np.rint(whole[box.slices] + change), 0, 255)
        return upright(np.asarray(self.crop.seen(whole), np.uint8), info.rotation)


def _between(span: range, longest: int) -> list[int]:
    """The frames along which motion is followed: far keyframes are compared directly, as stage 7 does it."""
    if len(span) - 1 > longest:
        return [span[0], span[-1]]
    count = min(len(span), FOLLOWED)
    return sorted({span[round(at)] for at in np.linspace(0, len(span) - 1, count)})
