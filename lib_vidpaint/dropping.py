"""What shows where a group was dropped and has no edit of its own: by a person, by a repair, or by validation.

carry: the edit of its neighbours in the shot, along the motion (`patching.patch_plans`). dissolve: the last finished picture
before the gap goes over into the first one after it, at their place. hold: in the copies for people the frame before stays;
the exact master, which has every frame of the source, shows what carry does.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from .finished import FinishedFrames, FinishedLayers
from .groups import Patch, read_choices, read_dropped, read_groups
from .items import Alphas, Item, SourceFrames
from .patching import Plan, make_patch, patch_margin
from .pixels import pixel_format
from .regions import read_regions

if TYPE_CHECKING:
    from .pipeline import Run

Fill = Literal["carry", "dissolve", "hold"]


def make_patches(
    run: Run, plans: Sequence[Plan], own: Collection[int], laid: Sequence[Patch], text: str
) -> list[Patch]:
    """Make the patches of `plans`, and give them. own: the keyframes whose edit counts; laid: all patches there will be, in
    order, those of the plans among them."""
    gaps = [plan for plan in plans if plan.patch.key not in own and run.settings.composite.fill == "dissolve"]
    usual = [plan for plan in plans if plan not in gaps]
    run.each([plan.item(run) for plan in usual], make_patch, text)
    good = tuple(patch for patch in laid if patch.key in own)
    filled = [_dissolved(run, plan.patch, good) for plan in gaps]
    run.each([item for _, item in filled], make_patch, "filling dropped groups")
    return sorted((*(plan.patch for plan in usual), *(patch for patch, _ in filled)), key=lambda patch: patch.start)


def _dissolved(run: Run, piece: Patch, good: tuple[Patch, ...]) -> tuple[Patch, Item]:
    """A gap's patch, from the last good frame before it and the first one after it in its shot, and how it is made."""
    info, shots = run.clip.info, {group.key: group.shot for group in read_groups(run.project)}
    beside = [patch for patch in good if shots[patch.key] == shots[piece.key]]
    before = [patch.stop - 1 for patch in beside if patch.stop <= piece.start][-1:]
    after = [patch.start for patch in beside if patch.start >= piece.stop][:1]
    ends = before + after
    regions, shown = read_regions(run.project), range(piece.start, piece.stop)
    around = regions.box(shown)
    for index in ends:
        around = around.union(regions.box(range(index, index + 1)))
    steps = pixel_format(info.pixel_format).steps
    box = around.grown(patch_margin(run), info.width, info.height).aligned(*steps, info.width, info.height)
    layers = FinishedLayers(tuple(FinishedFrames(index, index + 1, box, good) for index in ends))
    how = replace(
        run.settings.composite, carry="paste", crossfade=max(1, ends[-1] - ends[0]), blend="normal", opacity=1.0
    )
    takes = SourceFrames(shown.start, shown.stop, box), Alphas(shown.start, shown.stop, box), layers
    return replace(piece, box=box), Item((piece.file,), takes, (shown.start, shown.start, info, how))


def say_unfilled(run: Run, plans: Sequence[Plan]) -> None:
    """Say which frames show the original, where `plans` has no patch for a group: its whole shot was dropped."""
    filled = {plan.patch.key for plan in plans}
    bare = [group for group in read_groups(run.project) if group.key not in filled]
    if bare:
        frames = sum(group.stop - group.start for group in bare)
        run.note(
            f"{frames} frames, from frame {bare[0].start} on, show the original: every group of their shot is dropped, so there "
            "is no neighbour's edit to carry there."
        )


def held_frames(run: Run) -> frozenset[int]:
    """The frames at whose time the copies for people show the one before: those of dropped groups, but for a shot's first."""
    if run.settings.composite.fill != "hold":
        return frozenset()
    dropped = {key for key, choice in read_choices(run.project).items() if choice.drop} | {*read_dropped(run.project)}
    held, begun = set[int](), set[int]()
    for group in read_groups(run.project):
        if group.key not in dropped:
            begun.add(group.shot)
        elif group.shot in begun:
            held.update(range(group.start, group.stop))
    return frozenset(held)
