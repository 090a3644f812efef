"""Stage 5, inpaint: several candidates for every keyframe.

Reads keyframes/ and selection.json (a keyframe to be redone gets new seeds). Writes candidates/000042/03.png: the crop as
the engine painted it, upright, with its seed and parameters in the PNG as the WebUI writes them. Candidates are kept
when keyframes move away and are used again when they come back.
"""

from __future__ import annotations

import io
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Literal

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from ..crops import Crop
from ..engines import Content, InpaintJob, Painted, Sampling, paint
from ..errors import EngineError, Skipped, WaitingForPerson
from ..groups import candidate_file, read_groups, read_selection
from ..items import Item, KeyframeCrop, WhiteCrop, key_crop
from ..model import Frame, Mask
from ..pools import Here
from ..regions import read_regions
from ..settings import knob

if TYPE_CHECKING:
    from ..pipeline import Run


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

    @property
    def candidates(self) -> int:
        """Candidates for each keyframe."""
        return self.batch_count * self.batch_size

    @property
    def sampling(self) -> Sampling:
        """What a diffusion engine is told besides the picture."""
        return Sampling(**{f.name: getattr(self, f.name) for f in fields(Sampling)})


def inpaint(run: Run) -> None:
    """Paint the candidates of every keyframe."""
    settings, regions, info = run.settings.inpaint, read_regions(run.project), run.clip.info
    selection, items, skipped = read_selection(run.project), [], []
    if info.color.hdr:
        raise EngineError(
            f"{run.clip.path.name} is an HDR video (PQ or HLG), and painting in HDR is not possible yet: "
            "convert it to SDR first, or stop before painting with --until keyframes."
        )
    if run.engine_name == "builtin" and run.settings.composite.carry == "surface":
        run.note(
            "The built-in engine can only remove what the mask covers: `--preset remove` carries that over properly."
        )
    for group in read_groups(run.project):
        crop = key_crop(regions, group.key, info, settings, run.multiple)
        redo = selection[group.key].redo if group.key in selection else 0
        takes = (KeyframeCrop(group.key, crop), WhiteCrop(group.key, crop))
        for batch in range(settings.batch_count):
            indices = [redo * settings.candidates + batch * settings.batch_size + i for i in range(settings.batch_size)]
            seeds = tuple((settings.seed + index) % 2**32 for index in indices)
            values = (
                run.engine_name,
                seeds,
                settings.prompt,
                settings.negative_prompt,
                settings.denoise,
                settings.masked_content,
                settings.sampling,
            )
            items.append(Item(tuple(candidate_file(group.key, i) for i in indices), takes, (crop, *values)))

    def candidates(picture: Frame, white: Mask, crop: Crop, name: str, *values: object) -> list[bytes] | None:
        seeds, prompt, negative, denoise, content, sampling = values
        job = InpaintJob(picture, white, seeds, prompt, negative, denoise, content, sampling=sampling)  # pyright: ignore[reportArgumentType]
        try:
            return [candidate_png(painted) for painted in paint(run.engine, job)]
        except Skipped:
            skipped.append(seeds)
            return None

    if not any(run.due(item, candidates) for item in items):
        return
    with run.engine.prepared(settings.sampling) as warnings:
        for warning in warnings:
            run.note(warning)
        run.each(items, candidates, "painting", Here())
    if skipped:
        raise WaitingForPerson(
            f"{len(skipped)} of {len(items)} batches were skipped, so their keyframes lack candidates: run again to paint them."
        )


def candidate_png(painted: Painted) -> bytes:
    """The PNG of a candidate with its parameters in the text chunk that the WebUI reads."""
    text, data = PngInfo(), io.BytesIO()
    text.add_text("parameters", painted.infotext or f"Seed: {painted.seed}")
    Image.fromarray(painted.picture).save(data, "PNG", pnginfo=text, compress_level=1)
    return data.getvalue()
