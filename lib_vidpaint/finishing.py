"""What the settings make of the copies for people: how each frame is corrected, filtered and timed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from .dropping import held_frames
from .encode import share_info
from .enhancing import WHOLE, CubeTake, Look, cube_in_force, enhanced_frame, has_cube, read_light
from .enlarging import layers_of
from .errors import SettingsError
from .filters import tried
from .groups import LIGHT, PATCHES
from .items import File, Item
from .light import Curve
from .patching import patches_in_force
from .planes import Planes
from .regions import REGION
from .render import Edited
from .settings import get, shown, walk
from .sharing import Finish

if TYPE_CHECKING:
    from .pipeline import Run

MAKERS = "", "assemble", "smooth", "package"
"""The ends of runs that make copies; '' is the last stage."""
LEAST = 32
"""Pixels that minterpolate needs on either side: two of its blocks."""


def check_copies(run: Run, until: str) -> None:
    """Refuse what the copies for people cannot be made with before a run up to the stage `until` paints for them.

    Raises SettingsError.
    """
    if until not in MAKERS:
        return
    smooth, shared = run.settings.smooth, share_info(run.clip.info)
    _ = run.settings.assemble.rate  # it is read from text
    for part in ("refine", "smooth"):
        if models := get(run.settings, f"{part}.models").strip():
            layers_of(models, f"{part}.models")
    width, height = filtered_size(run) or (shared.width, shared.height)
    if smooth.on and smooth.how == "minterpolate" and min(width, height) < LEAST:
        raise SettingsError(
            f"smooth.how: minterpolate needs pictures of at least {LEAST}x{LEAST} and would get {width}x{height}: "
            "set smooth.how to flow."
        )


def filtered_size(run: Run) -> tuple[int, int] | None:
    """The (width, height) that the filters make of a picture, tried on the first; None without filters. Raises SettingsError."""
    settings = run.settings.assemble
    where = "assemble.raw" if settings.raw else "assemble.filters"
    return tried(settings.steps, run.clip, where) if settings.steps else None


def frame_look(run: Run) -> Look:
    """The corrections that every pixel of the copies gets; none where they stay in the region."""
    settings = run.settings.enhance
    return replace(settings.look, lut=has_cube(run)) if settings.scope == "frame" else Look()


def finish(run: Run) -> Finish:
    """What the share copy has beyond the master; filters are tried on the first frame. Raises SettingsError."""
    settings, look, info = run.settings.assemble, frame_look(run), run.clip.info
    automatic = run.settings.enhance.scope == "frame" and run.project.path(LIGHT).exists()
    lights = read_light(run) if automatic else []
    table = cube_in_force(run) if look.lut else None

    def correct(frame: Edited) -> Planes:
        light = lights[frame.index] if lights else Curve()
        return enhanced_frame(frame.source, frame.result, info, look, light, table)

    rate = settings.rate
    # What was removed is filled with surroundings: they move as one, and the region does not move with them.
    apart = run.settings.composite.carry != "background"
    return Finish(
        settings.crf, settings.codec, Fraction(str(settings.speed)), settings.sound == "keep", rate,
        between=settings.between, apart=apart, cuts=cuts(run) if rate and settings.between != "nearest" else (),
        steps=settings.steps, size=filtered_size(run),
        correct=None if look.neutral and not lights else correct, held=held_frames(run),
    )  # fmt: skip


def copy_item(run: Run, file: str, *values: Any) -> Item:
    """A copy for people, made from all that it has beyond the master, and from `values`."""
    settings, look, patches = run.settings.assemble, frame_look(run), patches_in_force(run.project)
    takes = (File(REGION), File(PATCHES), *(File(patch.file) for patch in patches))
    light = (File(LIGHT),) if run.settings.enhance.scope == "frame" else ()
    how, held = replace(settings, master="auto", share=True), sorted(held_frames(run))
    return Item((file,), (*takes, *light, CubeTake(look.lut)), (how, look, run.source_digest, *values, *held))


def ended_by(run: Run, file: str, names: Sequence[str]) -> tuple[str, ...]:
    """What touches every pixel or every time of the copy `file`, in phrases: of the settings `names`, and corrections of the
    whole frame; the master has none of it."""
    settings, names = run.settings, [*names]
    if settings.enhance.scope == "frame":
        names += [f"enhance.{name}" for name in (*WHOLE, "lut")]
    on = [leaf for leaf in walk(type(settings)) if leaf.path in names and get(settings, leaf.path) != leaf.default]
    said = [f"{leaf.path} = {shown(get(settings, leaf.path))}" for leaf in on if not leaf.knob.path]
    said += ["enhance.lut"] if "enhance.lut" in names and has_cube(run) else []
    said += [f"the frame before held for {len(held)} frames"] if (held := held_frames(run)) else []
    return tuple(f"{words} in {file} (the master is exact)" for words in said)


def cuts(run: Run) -> tuple[int, ...]:
    """The source's timestamps at which a shot begins, the first one left out."""
    return tuple(run.clip.pts[frame] for frame in run.survey.cuts if frame)


def frame_rate(text: str, where: str) -> Fraction | None:
    """A rate that a person wrote, None for nothing. Raises SettingsError naming the setting `where`."""
    if not text.strip():
        return None
    try:
        rate = Fraction(text)
    except (ValueError, ZeroDivisionError):
        rate = Fraction(0)
    if not 1 <= rate <= 240:
        raise SettingsError(f"{where}: {text!r} is not a frame rate from 1 to 240 such as 30 or 24000/1001.")
    return rate
