"""The thirteen stages in their order, and all settings. One file per stage."""

from __future__ import annotations

from dataclasses import dataclass, fields

from ..groups import DROPPED, OVERRIDES
from ..keyframing import LISTED
from ..pipeline import Stage
from ..survey import SourceSettings
from .assemble import AssembleSettings, assemble
from .composite import CompositeSettings, composite
from .enhance import EnhanceSettings, enhance
from .extract import ExtractSettings, extract
from .inpaint import InpaintSettings, inpaint
from .keyframes import KeyframeSettings, keyframes
from .mask import MaskSettings, mask
from .package import PackageSettings, package
from .prepare import PrepareSettings, prepare
from .refine import RefineSettings, refine
from .select import SelectSettings, select
from .smooth import SmoothSettings, smooth
from .validate import ValidateSettings, validate


@dataclass(frozen=True)
class Settings:
    """Everything a person can set. A section is named after its stage."""

    source: SourceSettings = SourceSettings()
    mask: MaskSettings = MaskSettings()
    extract: ExtractSettings = ExtractSettings()
    prepare: PrepareSettings = PrepareSettings()
    keyframes: KeyframeSettings = KeyframeSettings()
    inpaint: InpaintSettings = InpaintSettings()
    select: SelectSettings = SelectSettings()
    composite: CompositeSettings = CompositeSettings()
    refine: RefineSettings = RefineSettings()
    validate: ValidateSettings = ValidateSettings()
    enhance: EnhanceSettings = EnhanceSettings()
    assemble: AssembleSettings = AssembleSettings()
    smooth: SmoothSettings = SmoothSettings()
    package: PackageSettings = PackageSettings()


SECTIONS = tuple(field.name for field in fields(Settings))
STAGES = (
    Stage("mask", "what may change in every frame", mask, uses=("source", "mask")),
    Stage("extract", "pictures for hands and eyes", extract, uses=("mask", "extract"), needs=("mask",)),
    Stage(
        "prepare", "a larger input or more frames for it, if asked for", prepare, uses=("mask", "prepare"), needs=("mask", "extract")
    ),
    Stage(
        "keyframes", "which frames are painted", keyframes,
        uses=("mask", "keyframes"), needs=("mask", "extract"), inputs=(LISTED, OVERRIDES),
    ),
    Stage(
        "inpaint", "candidates for every keyframe", inpaint,
        uses=("inpaint",), needs=("mask", "keyframes"), inputs=("selection.json", OVERRIDES),
    ),
    Stage(
        "select", "which candidate is used", select,
        uses=("inpaint", "select"), needs=("mask", "keyframes", "inpaint"), inputs=("selection.json", OVERRIDES),
    ),
    Stage(
        "composite", "the edit carried over every group", composite,
        uses=("inpaint", "composite"), needs=("mask", "keyframes", "inpaint", "select"), inputs=(OVERRIDES, DROPPED),
    ),
    Stage(
        "refine", "the edit at full size, and what was retouched", refine,
        uses=("mask", "inpaint", "composite", "refine"), needs=("mask", "keyframes", "inpaint", "select", "composite"),
        inputs=("retouched",),
    ),
    Stage(
        "validate", "does the result move and look as the source does", validate,
        uses=("inpaint", "composite", "validate"), needs=("mask", "keyframes", "inpaint", "select", "composite", "refine"),
        inputs=("selection.json", OVERRIDES),
    ),
    Stage(
        "enhance", "colour, light, detail and grain", enhance,
        uses=("composite", "enhance"), needs=("mask", "keyframes", "composite", "refine", "validate"),
    ),
    Stage(
        "assemble", "the master and the share copy", assemble,
        uses=("composite", "refine", "enhance", "assemble"), needs=("mask", "composite", "refine", "validate", "enhance"),
    ),
    Stage(
        "smooth", "a copy with in-between frames, if asked for", smooth,
        uses=("composite", "enhance", "assemble", "smooth"), needs=("mask", "composite", "refine", "validate", "enhance"),
    ),
    Stage(
        "package", "what people take away", package,
        uses=SECTIONS, needs=("mask", "composite", "refine", "validate", "enhance", "assemble", "smooth"),
    ),
)  # fmt: skip

PRESETS = {
    "age": {"inpaint.denoise": 0.35, "inpaint.masked_content": "original", "composite.carry": "surface"},
    "clothes": {
        "inpaint.denoise": 0.65, "inpaint.masked_content": "original", "composite.carry": "surface", "composite.feather": 1.5,
    },
    "remove": {
        "inpaint.denoise": 1.0, "inpaint.masked_content": "fill", "composite.carry": "background", "composite.feather": 1.5,
        "mask.grow": 4.0,
    },
}  # fmt: skip
