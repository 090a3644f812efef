"""Stage 10, assemble: the one streamed render.

Reads the source and the patches, and what enhance found for whole frames. Writes master.mp4 (exact: every sample outside
the region, every timestamp and every audio packet is the source's; master.mkv where MP4 cannot hold the sound) and
share.mp4, the copy for people; and render.json, what could not be kept; with `refine.frame` large.mp4, the share copy larger,
drawn by upscalers frame by frame in large/000042.mp4, which are removed when it is there. Speed, frame rate, filters and
corrections of the whole frame are for copies alone, and the receipt names them.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from ..atomic import free_bytes
from ..chains import Step
from ..clip import Clip
from ..encode import ShareCodec, master_encoding
from ..errors import ProjectError
from ..filters import parsed, split
from ..finishing import copy_item, ended_by, finish, frame_rate
from ..groups import LARGE, PATCHES, RENDER, SHARE, Render, read_render
from ..items import File, Item
from ..large import enlarged_copy
from ..model import to_json
from ..patching import patches_in_force
from ..provenance import statement
from ..regions import REGION, read_regions
from ..render import edited_frames, render
from ..settings import knob
from ..sizes import master_bytes, most_bytes, words
from ..timing import Between

if TYPE_CHECKING:
    from ..pipeline import Run

SPARE = 200 << 20
MASTERS = "master.mp4", "master.mkv"
TOUCHING = "assemble.speed", "assemble.fps", "assemble.filters", "assemble.raw"
"""Settings of this stage that touch every pixel or every time of the share copy."""


@dataclass(frozen=True)
class AssembleSettings:
    master: Literal["auto", "on", "off"] = knob(
        "auto", "The exact master: 10 to 30 times the size of a web video. auto = when the disk has room for it."
    )
    share: bool = knob(True, "The copy for people: it plays everywhere.")
    codec: ShareCodec = knob(
        "h264", "How the copy for people is encoded: H.264 plays everywhere, H.265 is smaller and plays in many places."
    )
    crf: float = knob(18.0, "Quality of the copy for people; less is better and larger.", low=0, high=51)
    speed: float = knob(
        1.0,
        "How many times as fast the copy for people is shown; 0.95 is a little slower.",
        low=0.25,
        high=4,
        step=0.05,
    )
    sound: Literal["keep", "drop"] = knob("keep", "Sound of the copy for people; at another speed it keeps its pitch.")
    fps: str = knob(
        "", "Frames per second of the copy for people, such as 30 or 24000/1001; empty = every frame at its own time.",
        label="Constant frame rate",
    )  # fmt: skip
    between: Between = knob(
        "nearest",
        "Where the constant rate falls between two frames: the nearer one, both mixed (blend), or what moves put where it is "
        "by then (flow: slow, smooth).",
    )
    filters: str = knob(
        "", "FFmpeg's filters for the copy for people, in a row, such as: unsharp=5:5:0.8, vignette. Those that read files "
        "are refused.",
    )  # fmt: skip
    raw: str = knob("", "The same unchecked, on this computer only.", local=True, label="Unchecked filters")

    @property
    def rate(self) -> Fraction | None:
        """`fps` as a number, None where frames keep their times. Raises SettingsError."""
        return frame_rate(self.fps, "assemble.fps")

    @property
    def steps(self) -> tuple[Step, ...]:
        """All filters, in order. Raises SettingsError."""
        return parsed(self.filters) + split(self.raw, "assemble.raw")


def assemble(run: Run) -> None:
    """Render the master and the share copy, in one pass where both are due."""
    settings, clip = run.settings.assemble, run.clip
    patches = patches_in_force(run.project)
    takes = (File(REGION), File(PATCHES), *(File(patch.file) for patch in patches))
    note = statement(run.engine_name, patches, read_regions(run.project))
    ended = ended_by(run, SHARE, TOUCHING) if settings.share else ()
    ended += ended_by(run, LARGE, ("refine.frame", *TOUCHING)) if run.settings.refine.frame > 1 else ()

    def exact() -> list[Item]:
        facts = Item((RENDER,), takes, (master, run.source_digest, note, ended))
        return [facts, *([Item((master,), takes, (run.source_digest, note))] if master else [])]

    def write(*parts: Path | None) -> None:
        part = dict(zip(files, parts))
        found = replace(read_render(run.project) if master else Render(), note=note, ended_by=ended)
        if part.get(master) or part.get(SHARE):
            frames = edited_frames(clip, patches, run.project.folder, run.project.path(REGION))
            how = finish(run) if part.get(SHARE) else None
            done = render(clip, frames, part.get(master), part.get(SHARE), run.progress, len(clip), how, note)
            if done.not_kept:
                run.note("Not kept in the master: " + ", ".join(done.not_kept) + ".")
            if done.encoding:
                found = Render(master, done.encoding.reason, done.not_kept, note, ended)
        if facts := part[RENDER]:
            facts.write_text(json.dumps(to_json(found)), encoding="utf-8")

    master = "" if settings.master == "off" else master_name(clip)
    if master and run.due(exact()[1], write) and not _fits(run, settings.master == "on"):
        master = ""
    items = [*exact(), *([copy_item(run, SHARE, note)] if settings.share else [])]
    files = [file for item in items for file in item.makes]
    run.build_due(items, write)
    run.drop({*MASTERS, SHARE}.difference(files))
    _enlarge(run, note)


def _enlarge(run: Run, note: str) -> None:
    """Make large.mp4 where it is asked for, else remove it."""
    refine = run.settings.refine
    if refine.frame <= 1:
        run.drop({LARGE})
        run.sweep(LARGE.partition(".")[0], ())
        return
    item = copy_item(run, LARGE, note, refine.models, refine.frame, run.engine_name)
    enlarged_copy(run, item, finish, refine.frame, refine.models, note)


def master_name(clip: Clip) -> str:
    """The master's file: MP4, or Matroska where MP4 cannot hold the sound."""
    return "master.mkv" if master_encoding(clip.info, clip).container == "matroska" else "master.mp4"


def _fits(run: Run, asked: bool) -> bool:
    """Whether the disk has room for the master, said to the user. Raises ProjectError when it was `asked` for and has not.

    What the master needs is measured only where it matters: that takes as long as rendering 15 frames.
    """
    most, free = most_bytes(run.clip), free_bytes(run.project.folder)
    enough = free > most + SPARE
    need, how = (most, "less than") if enough else (master_bytes(run.clip), "about")
    sizes = f"The exact master needs {how} {words(need)}, {words(free)} are free"
    if free > need + SPARE:
        run.progress.note(sizes + ".")
        return True
    if asked:
        raise ProjectError(f"{sizes}: free some space, or set assemble.master to off.")
    run.note(
        f"{sizes}: it is left out. Free some space and run again with --assemble.master on, "
        "or use `vidpaint render` on another disk."
    )
    return False
