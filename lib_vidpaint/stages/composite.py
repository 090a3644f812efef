"""Stage 7, composite: carry every chosen picture over the frames of its group.

Reads the source, alpha/, the chosen candidates. Writes patches/000042.mp4, one lossless clip per group (a few for a long
one, each named after its first frame) in the source's own pixel format: the finished picture of the group's box; and
patches.json, which says where each lies. What of a patch is used is up to the region alone. Where validation dropped a
group, that and what else has to be made otherwise lies in filled/000042.mp4 and filled.json, which take the place of patches;
these stay what is judged.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ..blending import Blend
from ..dropping import Fill, make_patches, say_unfilled
from ..groups import CHOICES, FILLED, PATCHES, read_choices, read_dropped, read_groups
from ..items import File, Item
from ..model import Choice, to_json
from ..patching import Plan, laid_over, patch_plans
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
    fill: Fill = knob(
        "carry",
        "What shows where a group was dropped. carry: its neighbours' edit, along the motion. dissolve: inside the mask, the "
        "picture before it goes over into the one after it. hold: copies for people show the frame before it for longer, sound "
        "and length stay; the exact master has every frame, so there it is as with carry.",
        label="Where a group was dropped",
    )


def composite(run: Run) -> None:
    """Make the patch of every group."""
    choices = read_choices(run.project)
    own = [key for key, choice in sorted(choices.items()) if not choice.drop]
    plans = patch_plans(run, read_groups(run.project), own, choices)
    made = make_patches(run, plans, own, [plan.patch for plan in plans], "carrying the edit")
    run.sweep("patches", {patch.file for patch in made})
    records = json.dumps(to_json(made))
    run.build(Item((PATCHES,), (File(CHOICES),), (records,)), lambda path: path.write_text(records, encoding="utf-8"))
    _fill(run, plans, own, choices)
    # The reader of the finished frames has patches open that later rounds make anew.
    run.edited_reader(())


def _fill(run: Run, usual: Sequence[Plan], own: Sequence[int], choices: Mapping[int, Choice]) -> None:
    """Make what takes the place of patches where validation dropped groups."""
    dropped = {*read_dropped(run.project)}
    left = [key for key in own if key not in dropped]
    plans = patch_plans(run, read_groups(run.project), left, choices, "filled")
    say_unfilled(run, plans)
    before = {plan.patch.start: plan for plan in usual}
    gaps = dropped and run.settings.composite.fill == "dissolve"
    new = [
        plan for plan in plans
        if plan.layers != before[plan.patch.start].layers or (gaps and plan.patch.key not in left)
    ]  # fmt: skip
    patches = laid_over((plan.patch for plan in usual), (plan.patch for plan in new))
    made = make_patches(run, new, left, patches, "filling dropped groups")
    run.sweep("filled", {patch.file for patch in made})
    gone = before.keys() - {plan.patch.start for plan in plans}
    records = json.dumps(to_json([*made, *(replace(before[start].patch, file="") for start in sorted(gone))]))
    run.build(Item((FILLED,), (File(CHOICES),), (records,)), lambda path: path.write_text(records, encoding="utf-8"))
