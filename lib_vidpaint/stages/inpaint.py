"""Stage 5, inpaint: several candidates for every keyframe.

Reads keyframes/, selection.json (a keyframe to be redone gets new seeds, and the prompts, denoise and seed that are
given there), and for an engine that looks at them the donors: up to 12 other moments of the shot that show what the
region hides. Writes donors.json, which says what those are, and candidates/000042/03.png: the crop as the engine
painted it, upright, with its seed and parameters in the PNG as the WebUI writes them. Candidates are kept when
keyframes move away and are used again when they come back.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Literal

from ..candidates import candidate_png
from ..crops import Crop
from ..donations import Donated, DonorFrames, lenders, tell_unseen
from ..donors import Lenders
from ..engines import SEES_DONORS, Content, InpaintJob, Sampling, paint
from ..errors import EngineError, ProjectError, SettingsError, Skipped, WaitingForPerson
from ..groups import SELECTION, candidate_file, read_groups, read_selection
from ..items import Item, KeyframeCrop, WhiteCrop, key_crop
from ..ledger import Input, digest
from ..model import Choice, Frame, Group, Mask, Repaint
from ..pools import Here, Threads
from ..regions import read_regions
from ..selection import AS_SET, wanted
from ..settings import knob, put

PACE = "pace"

if TYPE_CHECKING:
    from ..pipeline import Run

Donors = tuple[tuple[Frame, Mask], ...]


@dataclass(frozen=True)
class InpaintSettings:
    engine: Literal["builtin", "webui"] = knob(
        "builtin",
        "What paints the keyframes. builtin removes what the mask covers; webui paints with the WebUI it runs in.",
    )
    prompt: str = knob("", "What should be there instead.")
    negative_prompt: str = knob("", "What should not be there.")
    sampler: str = knob(Sampling.sampler, "Sampling method, by the WebUI's name.", label="Sampling method")
    scheduler: str = knob(Sampling.scheduler, "Schedule type, by the WebUI's name.", label="Schedule type")
    steps: int = knob(Sampling.steps, "Sampling steps.", low=1, high=150, step=1, label="Sampling steps")
    cfg_scale: float = knob(
        Sampling.cfg_scale,
        "CFG scale: how strictly the prompt is followed.",
        low=1,
        high=30,
        step=0.5,
        label="CFG Scale",
    )
    denoise: float = knob(
        0.3,
        "Denoising strength: how far a candidate may leave the original.",
        low=0,
        high=1,
        step=0.01,
        label="Denoising strength",
    )
    batch_count: int = knob(4, "Batches of candidates for each keyframe.", low=1, high=100, step=1)
    batch_size: int = knob(2, "Candidates painted at once.", low=1, high=16, step=1)
    seed: int = knob(1, "Seed of the first candidate; the next ones count up.", low=0, high=2**32 - 1, step=1)
    mask_blur: int = knob(Sampling.mask_blur, "Mask blur that the WebUI adds, in pixels.", low=0, high=64, step=1)
    masked_content: Content = knob("original", "What the engine starts from inside the mask.")
    context: float = knob(
        0.25,
        "How much of the surroundings the engine sees, in parts of the region's size.",
        low=0,
        high=4,
        label="Only masked padding",
    )
    smallest: int = knob(
        64, "Least size of the crop that the engine sees, in pixels.", low=16, high=4096, step=8, label="Smallest crop"
    )
    resize: float = knob(
        Sampling.resize,
        "How large the crop is painted: 1 at its own scale, 2 twice as large, 0 as large as the checkpoint is used to.",
        low=0, high=4, step=0.05,
    )  # fmt: skip
    checkpoint: str = knob(
        Sampling.checkpoint, "Checkpoint that paints; auto takes the WebUI's best one for inpainting."
    )
    vae: str = knob(Sampling.vae, "VAE; empty leaves the one that the WebUI uses.", label="VAE")
    refiner: str = knob(Sampling.refiner, "Checkpoint that takes over for the last steps; empty for none.")
    refiner_switch_at: float = knob(
        Sampling.refiner_switch_at,
        "The part of the steps after which the refiner takes over.",
        low=0.01,
        high=1,
        step=0.01,
        label="Switch refiner at",
    )
    scripts: str = knob(
        Sampling.scripts,
        'Always-on scripts that run along, as the WebUI\'s API takes them: {"soft inpainting": {"args": [true]}}.',
        local=True,
    )
    styles: str = knob(
        Sampling.styles,
        "Prompt styles of the WebUI, which add their text to both prompts; several names have ; between them.",
    )
    cast: Literal["auto", "undo", "keep"] = knob(
        "auto",
        "A diffusion model often paints a whole picture a little lighter or redder. undo: measure that beside the mask, where "
        "nothing was to change, and take it back. auto: undo, unless the engine is builtin, which has none.",
        label="Colour cast",
    )

    @property
    def candidates(self) -> int:
        """Candidates for each keyframe."""
        return self.batch_count * self.batch_size

    def undoes_cast(self, engine: str, candidate: int) -> bool:
        """Whether this candidate is used without its colour cast; a person's own picture is used as it was given."""
        return candidate >= 0 and (self.cast == "undo" or (self.cast == "auto" and engine != "builtin"))

    @property
    def sampling(self) -> Sampling:
        """What a diffusion engine is told besides the picture."""
        return Sampling(**{f.name: getattr(self, f.name) for f in fields(Sampling)})


def painted_with(settings: InpaintSettings, paint: Repaint) -> InpaintSettings:
    """The settings with what one keyframe is painted with laid over them. Raises SettingsError for a value out of range."""
    given = {f.name: value for f in fields(paint) if (value := getattr(paint, f.name)) is not None}
    return put(settings, given)


def _asked(settings: InpaintSettings, choice: Choice | None) -> InpaintSettings:
    try:
        return painted_with(settings, choice.paint) if choice else settings
    except SettingsError as error:
        raise ProjectError(f"{SELECTION}: keyframe {choice.key if choice else ''}: {error}") from None


def pace(run: Run) -> float | None:
    """Seconds that a picture took when this project was last painted in the way it is set now, None when it never was."""
    known = run.ledger.inputs.get(PACE)
    return float(known.content) if known and known.listing == _way(run) else None


def keep_pace(run: Run, seconds: float) -> None:
    """Put down how long a picture takes, for those who want to know before the next painting."""
    run.ledger.add(Input(PACE, "seconds per image", _way(run), f"{seconds:.4f}"))


def _way(run: Run) -> str:
    return digest(repr((run.engine_name, run.settings.inpaint.sampling)))


def _batches(run: Run, groups: Sequence[Group], plans: Mapping[int, Lenders]) -> list[Item]:
    """One item for every batch of candidates: what the engine is given for it."""
    settings, regions, selection = run.settings.inpaint, read_regions(run.project), read_selection(run.project)
    items, frames = [], DonorFrames(tuple(plans.values()))
    for group in groups:
        crop = key_crop(regions, group.key, run.clip.info, settings, run.multiple)
        choice = selection.get(group.key)
        special, numbers = choice.paint if choice else AS_SET, wanted(choice, settings.candidates)
        asked = _asked(settings, choice)
        shift = 0 if special.seed is None else -numbers.start  # a seed of its own is that of the round's first
        donated = Donated(frames, plans.get(group.key, Lenders(group.key)), crop)
        takes = (KeyframeCrop(group.key, crop), WhiteCrop(group.key, crop), donated)
        for at in range(0, len(numbers), settings.batch_size):
            indices = numbers[at : at + settings.batch_size]
            seeds = tuple((asked.seed + index + shift) % 2**32 for index in indices)
            values = (
                crop, run.engine_name, seeds, asked.prompt, asked.negative_prompt, asked.denoise,
                settings.masked_content, settings.sampling, special,
            )  # fmt: skip
            items.append(Item(tuple(candidate_file(group.key, i) for i in indices), takes, values))
    return items


def inpaint(run: Run) -> None:
    """Paint the candidates of every keyframe."""
    settings, skipped, spent = run.settings.inpaint, [], []
    if run.clip.info.color.hdr:
        raise EngineError(
            f"{run.clip.path.name} is an HDR video (PQ or HLG), and painting in HDR is not possible yet: "
            "convert it to SDR first, or go no further than the keyframes."
        )
    if run.engine_name == "builtin" and run.settings.composite.carry == "surface":
        run.note(
            "The built-in engine can only remove what the mask covers: the preset remove carries that over properly."
        )
    plans = lenders(run) if run.engine_name in SEES_DONORS else {}
    groups = read_groups(run.project)
    asked = groups if run.only is None else [next((g for g in groups if g.key == run.only), groups[0])]
    items = _batches(run, asked, plans)

    def candidates(
        picture: Frame, white: Mask, donors: Donors, crop: Crop, name: str, *values: object
    ) -> list[bytes] | None:
        seeds, prompt, negative, denoise, content, sampling, special = values
        job = InpaintJob(picture, white, seeds, prompt, negative, denoise, content, donors, sampling)  # pyright: ignore[reportArgumentType]
        try:
            begun = time.perf_counter()
            painted = paint(run.engine, job)
            spent.append((time.perf_counter() - begun) / len(painted))
            return [candidate_png(one, crop, special) for one in painted]  # pyright: ignore[reportArgumentType]
        except Skipped:
            skipped.append(seeds)
            return None

    if any(run.due(item, candidates) for item in items):
        tell_unseen(run, plans)
        with run.engine.prepared(settings.sampling) as warnings:
            for warning in warnings:
                run.note(warning)
            try:
                run.each(items, candidates, "painting", Threads(1) if plans else Here())  # read on meanwhile
            finally:
                if spent:
                    keep_pace(run, sum(spent) / len(spent))
    if skipped:
        raise WaitingForPerson(
            f"{len(skipped)} of {len(items)} batches were skipped, so their keyframes lack candidates: run again to paint them."
        )
    if len(asked) < len(groups):
        raise WaitingForPerson(
            f"Keyframe {asked[0].key} is painted, the other {len(groups) - 1} wait: the next run paints them too."
        )
