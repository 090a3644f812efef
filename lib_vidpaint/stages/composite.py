"""Stage 7, composite: carry every chosen picture over the frames of its group.

Reads the source, alpha/, the chosen candidates. Writes patches/000042.mp4, one lossless clip per group (a few for a long
one, each named after its first frame) in the source's own pixel format: the finished picture of the group's box; and
patches.json, which says where each lies. What of a patch is used is up to the region alone.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..blending import Blend
from ..groups import PATCHES, read_choices, read_groups
from ..items import File, Item
from ..model import to_json
from ..patching import make_patch, patch_plans
from ..propagation import Carry
from ..settings import knob
from ..transfer import Mode

if TYPE_CHECKING:
    from ..pipeline import Run


@dataclass(frozen=True)
class CompositeSettings:
    carry: Carry = knob(
        "surface",
        "How an edit rides: on the subject (age, clothes), on the background (removal), or pasted where it was painted.",
    )
    mode: Mode = knob(
        "auto",
        "What travels on the subject: the difference to the keyframe (keeps each frame's own detail), the painted pixels "
        "(keeps the painted detail), or auto: whichever fits, place by place.",
        label="Carried as",
    )
    blend: Blend = knob(
        "normal",
        "How the carried picture is laid over the source, as layers of an image editor are.",
        label="Blend mode",
    )
    opacity: float = knob(1.0, "How strongly the edit shows over the source.", low=0, high=1, step=0.01)
    feather: float = knob(4.0, "Soft rim inside the mask, in pixels of a picture 360 lines high.", low=0, high=100)
    crossfade: int = knob(
        0, "Frames over which one keyframe hands over to the next; 0 = the whole way.", low=0, high=1000, step=1
    )
    harmonise: bool = knob(
        False, "Make neighbouring keyframes agree in light and colour first (changes what you approved)."
    )


def composite(run: Run) -> None:
    """Make the patch of every group."""
    choices = read_choices(run.project)
    active = [key for key, choice in sorted(choices.items()) if not choice.drop]
    plans = patch_plans(run, read_groups(run.project), active, choices)
    run.each([plan.item(run) for plan in plans], make_patch, "carrying the edit")
    run.sweep("patches", {plan.patch.file for plan in plans})
    records = json.dumps(to_json([plan.patch for plan in plans]))
    run.build(
        Item((PATCHES,), (File("choices.json"),), (records,)), lambda path: path.write_text(records, encoding="utf-8")
    )
