"""What a person can set of stage 5: what keyframes are painted with, and what they are shown of each other."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Literal

from .engines import Content, Device, EngineSpec, Memory, Precision, Reference, Sampling
from .model import Repaint
from .settings import knob, put
from .sheets import Sheet


@dataclass(frozen=True)
class InpaintSettings:
    engine: Literal["builtin", "diffusers", "webui"] = knob(
        "builtin",
        "What paints the keyframes. builtin removes what the mask covers; diffusers paints with Stable Diffusion checkpoints of "
        "yours; webui with the WebUI it runs in.",
    )
    prompt: str = knob(
        "",
        "What should be there instead. The engine diffusers reads some 50 words of it (what it leaves out is told), and "
        "weights such as (hat:1.2) as they are written.",
    )
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
    crop: Literal["stabilised", "frame"] = knob(
        "stabilised",
        "What the engine sees. stabilised: the region with some surroundings, by a window that follows it smoothly, so that "
        "the subject stays in the same place of every keyframe's crop. frame: always the whole picture.",
        label="Crop",
    )
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
    models: str = knob(
        "",
        "Engine diffusers: the folder where your checkpoints lie, as .safetensors files or in diffusers' layout; a WebUI's "
        "models folder brings its LoRAs and VAEs too.",
        path=True, label="Folder of models",
    )  # fmt: skip
    device: Device = knob(
        "auto", "Engine diffusers: what computes. auto takes the graphics card if PyTorch sees one.", local=True
    )
    precision: Precision = knob(
        "auto", "Engine diffusers: half takes half the memory; auto is half on CUDA and full elsewhere.", local=True
    )
    memory: Memory = knob(
        "auto",
        "Engine diffusers: slices and, more so, offload (parts wait in main memory) need less memory and more time.",
        local=True, label="Saving memory",
    )  # fmt: skip
    upscaler: str = knob(
        Sampling.upscaler,
        "What enlarges a crop that was painted smaller than it is in the frame: Lanczos, or one of the engine's upscalers.",
        label="Upscaler of small crops",
    )
    same_seed: bool = knob(
        True,
        "All keyframes begin with the same noise, so that what lies in the same place of their crops is painted alike; off: "
        "each has seeds of its own.",
        label="Same seed for all keyframes",
    )
    order: Literal["time", "anchor"] = knob(
        "time",
        "Which keyframe is painted first. anchor: the one that explains most of its shot, then outward both ways. It matters "
        "where a keyframe is shown what was painted before it (carry, sheet, reference, match).",
        label="Order of painting",
    )
    shown: Literal["previous", "first"] = knob(
        "previous",
        "Which keyframe the next one is shown, by carry, sheet, reference and match: the one painted before it in its shot, or "
        "always the first. The edit that you chose for it counts, else the best ranked one.",
        label="Keyframe that is shown",
    )
    carry: float = knob(
        0.0,
        "How much of the edit of the keyframe painted before, moved along with the picture, the next one starts from; 0 = none. "
        "Keyframes become more alike. What is carried goes through the model's VAE a second time, which costs some fine detail.",
        low=0, high=1, step=0.05, label="Carry the edit on",
    )  # fmt: skip
    sheet: Sheet = knob(
        "off",
        "Paint several keyframes of a shot together as one picture, columns x rows, so that they come out alike; from the second "
        "sheet on, one cell shows a keyframe that is painted already. A sheet takes the time and memory of a large picture.",
        label="Sheet",
    )
    reference: Reference = knob(
        Sampling.reference,
        "Show the model the edit of another keyframe through ControlNet, where the WebUI has it: reference (reference-only), "
        "ip-adapter, or colour (T2I-Adapter).",
        label="Reference",
    )
    reference_weight: float = knob(
        Sampling.reference_weight, "How much the reference counts.", low=0, high=2, step=0.05, label="Reference weight"
    )
    interrogate: Literal["off", "clip", "deepbooru"] = knob(
        "off",
        "Have the WebUI say what a keyframe shows and put that before the prompt. It is kept in described/, where you may edit it.",
        label="Interrogate",
    )
    interrogate_each: bool = knob(
        False, "Ask for every keyframe; off: once, for all of them.", label="Interrogate every keyframe"
    )
    match: Literal["off", "source", "neighbour"] = knob(
        "off",
        "Give candidates the colours (the histogram inside the mask) of the source, or of the keyframe that they were shown. It "
        "counts when a candidate is painted.",
        label="Match colours to",
    )
    preview_steps: int = knob(
        6,
        "Sampling steps of a preview, which paints every keyframe once.",
        low=1,
        high=150,
        step=1,
        label="Preview steps",
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
    def in_turn(self) -> bool:
        """Whether a keyframe is shown what was painted for another one, so that they must be painted one after the other."""
        return self.carry > 0 or self.sheet != "off" or self.reference != "off" or self.match == "neighbour"

    @property
    def spec(self) -> EngineSpec:
        """The engine that these settings ask for."""
        own = ("models", "device", "precision", "memory") if self.engine == "diffusers" else ()
        return EngineSpec(self.engine, tuple((name, getattr(self, name)) for name in own))

    @property
    def sampling(self) -> Sampling:
        """What a diffusion engine is told besides the picture."""
        return Sampling(**{f.name: getattr(self, f.name) for f in fields(Sampling)})


def painted_with(settings: InpaintSettings, paint: Repaint) -> InpaintSettings:
    """The settings with what one keyframe is painted with laid over them. Raises SettingsError for a value out of range."""
    given = {f.name: value for f in fields(paint) if (value := getattr(paint, f.name)) is not None}
    return put(settings, given)
