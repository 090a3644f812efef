"""Stage 5, inpaint: several candidates for every keyframe.

Reads keyframes/, selection.json (a keyframe to be redone gets new seeds, and the prompts, denoise and seed that are
given there), and for an engine that looks at them the donors: up to 12 other moments of the shot that show what the
region hides. Writes donors.json, which says what those are, and candidates/000042/03.png: the crop as the engine
painted it, upright, with its seed and parameters in the PNG as the WebUI writes them. Candidates are kept when
keyframes move away and are used again when they come back. Where the settings ask for it also described/000042.txt (what
the engine says a keyframe shows), sheets.json (which keyframes are painted together), guides.json (which candidate a
keyframe was shown) and previews/000042.png (a quick picture of every keyframe, which is no candidate).
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from ..batches import Batches, Told, unshared
from ..candidates import candidate_png
from ..donations import DonorFrames, lenders, tell_unseen
from ..engines import SEES_DONORS, InpaintJob, Painted, fitted, paint
from ..errors import EngineError, Skipped, WaitingForPerson
from ..groups import PRICES, candidate_file, read_groups, read_selection
from ..guides import Guides
from ..interrogating import described
from ..items import Item, KeyCrops
from ..ledger import Input, digest
from ..matching import matched
from ..model import Frame, Group, Mask
from ..painting import InpaintSettings, painted_with
from ..pools import Here, Threads
from ..prediction import unpacked
from ..sheets import cut_apart, joined

if TYPE_CHECKING:
    from ..pipeline import Run

__all__ = ["PACE", "InpaintSettings", "inpaint", "keep_pace", "pace", "painted_with"]
PACE = "pace"
Donors = tuple[tuple[Frame, Mask], ...]


def pace(run: Run) -> float | None:
    """Seconds that a picture took when this project was last painted in the way it is set now, None when it never was."""
    known = run.ledger.inputs.get(PACE)
    return float(known.content) if known and known.listing == _way(run) else None


def keep_pace(run: Run, seconds: float) -> None:
    """Put down how long a picture takes, for those who want to know before the next painting."""
    run.ledger.add(Input(PACE, "seconds per image", _way(run), f"{seconds:.4f}"))


def _way(run: Run) -> str:
    return digest(repr((run.engine_name, run.settings.inpaint.sampling)))


def inpaint(run: Run) -> None:
    """Paint the candidates of every keyframe."""
    if run.clip.info.color.hdr:
        raise EngineError(
            f"{run.clip.path.name} is an HDR video (PQ or HLG), and painting in HDR is not possible yet: "
            "convert it to SDR first, or go no further than the keyframes."
        )
    if run.engine_name == "builtin" and run.settings.composite.carry == "surface":
        run.note(
            "The built-in engine can only remove what the mask covers: the preset remove carries that over properly."
        )
    groups = read_groups(run.project)
    asked = groups if run.only is None else [next((g for g in groups if g.key == run.only), groups[0])]
    painter = _Painter(run)
    if run.preview:
        painter.previews(groups)
    run.chosen = {
        candidate_file(key, choice.candidate): ""
        for key, choice in read_selection(run.project).items()
        if choice.by == "person" and choice.candidate is not None and choice.candidate >= 0
    }
    try:
        batches = painter.candidates(groups, asked)
    finally:
        if kept := sum(map(bool, run.chosen.values())):
            run.note(
                f"Of the candidates you had chosen {kept} were painted anew, as settings or masks changed: the pictures that "
                "you chose are in kept/candidates. Copied back over the new ones in candidates/ they count again."
            )
    if painter.skipped:
        raise WaitingForPerson(
            f"{painter.skipped} of {batches} batches were skipped, so their keyframes lack candidates: run again to paint "
            "them."
        )
    if len(asked) < len(groups):
        raise WaitingForPerson(
            f"Keyframe {asked[0].key} is painted, the other {len(groups) - 1} wait: the next run paints them too."
        )


class _Painter:
    """The engine at work on one run; `skipped` counts the batches that the user gave up."""

    def __init__(self, run: Run) -> None:
        self.run, self.skipped = run, 0
        self.donated = run.engine_name in SEES_DONORS
        self.settings = unshared(run.settings.inpaint) if self.donated else run.settings.inpaint
        self.plans = lenders(run) if self.donated else {}
        self._spent: list[float] = []

    def candidates(self, groups: Sequence[Group], asked: Sequence[Group]) -> int:
        """Paint the candidates of the groups that are asked for; gives how many batches these are."""
        batches, keys = self._batches(groups, asked), {group.key for group in asked}
        found = unpacked(self.run.project.path(PRICES).read_bytes()) if self.settings.order == "anchor" else ()
        units = [unit for unit in batches.units(found) if keys & set(unit.keys)]
        if not self.settings.in_turn:
            items = [item for unit in units for item in batches.items(unit)]
            with self._prepared() as prepare:
                self._paint(items, prepare)
            return len(items)
        guides, count = Guides(self.run, batches.crops), 0
        with self._prepared() as prepare:
            for done, unit in enumerate(units):
                items = batches.items(unit, guides)
                count += len(items)
                self._paint(items, prepare, (done * len(items), len(units) * len(items)))
        return count

    def previews(self, groups: Sequence[Group]) -> None:
        """Paint every keyframe once with few steps. Raises WaitingForPerson: what they show decides what comes next."""
        batches = self._batches(groups, groups)
        items = [batches.preview(group.key) for group in groups]
        with self._prepared() as prepare:
            self._paint(items, prepare)
        self.run.sweep("previews", [file for item in items for file in item.makes])
        raise WaitingForPerson(
            f"{len(items)} previews lie in previews/, one for each keyframe with {self.settings.preview_steps} steps: when "
            "prompt and denoise are right, paint the candidates."
        )

    def _batches(self, groups: Sequence[Group], asked: Sequence[Group]) -> Batches:
        run, settings = self.run, self.settings
        crops = KeyCrops(run.project, run.clip.info, settings, run.multiple)
        words = described(run, settings, [group.key for group in asked], crops)
        frames, selection = DonorFrames(tuple(self.plans.values())), read_selection(run.project)
        return Batches(run, settings, groups, crops, self.plans, frames, words, selection)

    @contextmanager
    def _prepared(self) -> Iterator[ExitStack]:
        """A place for the engine to be made ready in as soon as there is something to paint."""
        with ExitStack() as prepare:
            try:
                yield prepare
            finally:
                if self._spent:
                    keep_pace(self.run, sum(self._spent) / len(self._spent))
        self._ready = False

    _ready = False

    def _paint(self, items: Sequence[Item], prepare: ExitStack, span: tuple[int, int] = (0, 0)) -> None:
        run = self.run
        if not any(run.due(item, self.painted) for item in items):
            return
        if not self._ready:
            tell_unseen(run, self.plans)
            for warning in prepare.enter_context(run.engine.prepared(items[0].values[0].sampling)):
                run.note(warning)
            self._check_reference()
            self._ready = True
        run.each(items, self.painted, "painting", Threads(1) if self.donated else Here(), span)  # read on meanwhile

    def _check_reference(self) -> None:
        kind, engine = self.settings.reference, self.run.engine
        if kind != "off" and kind not in engine.names("reference"):
            raise EngineError(
                f"The engine {engine.name} cannot be shown a reference in the way {kind}: set inpaint.reference to off, or "
                "paint in a WebUI that has ControlNet."
            )

    def painted(
        self, sources: list[Frame], whites: list[Mask], donors: Donors, starts: list[Frame], shown: list, told: Told
    ) -> list[bytes] | None:
        """The PNGs of one batch: for every seed one of every keyframe in it. None when the user skipped it."""
        job = self._job(sources, whites, donors, starts, shown, told)
        try:
            begun = time.perf_counter()
            made = paint(self.run.engine, job)
            self._spent.append((time.perf_counter() - begun) / (len(made) * len(sources)))
            return [png for one in made for png in self._taken_apart(one, sources, whites, shown, told)]
        except Skipped:
            self.skipped += 1
            return None

    def _job(
        self, sources: list[Frame], whites: list[Mask], donors: Donors, starts: list[Frame], shown: list, told: Told
    ) -> InpaintJob:
        pictures, masks = starts or sources, whites
        if told.before:
            picture, mask = shown[0]
            pictures, masks = [picture, *pictures], [mask * 0, *masks]
        like = shown[0][0] if shown and told.sampling.reference != "off" else None
        return InpaintJob(
            joined(pictures, told.columns, told.rows), joined(masks, told.columns, told.rows), told.seeds, told.prompt,
            told.negative_prompt, told.denoise, told.content, donors, told.sampling, like, self.run.progress.check,
        )  # fmt: skip

    def _taken_apart(
        self, one: Painted, sources: list[Frame], whites: list[Mask], shown: list, told: Told
    ) -> Iterator[bytes]:
        """The candidates that one painted picture shows, each at the size that its crop has in the frame."""
        cells, rotation = cut_apart(one.picture, told.columns, told.rows)[told.before :], self.run.clip.info.rotation
        for cell, source, white, crop in zip(cells, sources, whites, told.crops):
            if told.match == "source":
                cell = matched(cell, source, white, source, white)
            elif told.match == "neighbour":
                cell = matched(cell, source, white, *shown[0])
            cell = fitted(self.run.engine, cell, crop.size(rotation), told.sampling.upscaler)
            yield candidate_png(replace(one, picture=cell), crop, told.paint)
