"""Stage 10, assemble: the one streamed render.

Reads the source and the patches. Writes master.mp4 (exact: every sample outside the region, every timestamp and every
audio packet is the source's; master.mkv where MP4 cannot hold the sound) and share.mp4, the copy for people; and
render.json, what could not be kept.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from ..atomic import free_bytes
from ..clip import Clip
from ..encode import master_encoding
from ..errors import ProjectError
from ..groups import PATCHES, RENDER, SHARE, Render
from ..items import File, Item
from ..model import to_json
from ..patching import patches_in_force
from ..regions import REGION
from ..render import edited_frames, render
from ..settings import knob
from ..sizes import master_bytes, words

if TYPE_CHECKING:
    from ..pipeline import Run

SPARE = 200 << 20
MASTERS = "master.mp4", "master.mkv"


@dataclass(frozen=True)
class AssembleSettings:
    master: Literal["auto", "on", "off"] = knob(
        "auto", "The exact master: 10 to 30 times the size of a web video. auto = when the disk has room for it."
    )
    share: bool = knob(True, "The copy for people: H.264, plays everywhere.")
    crf: float = knob(18.0, "Quality of the copy for people; less is better and larger.", low=0, high=51)


def assemble(run: Run) -> None:
    """Render the master and the share copy."""
    settings, clip = run.settings.assemble, run.clip
    patches = patches_in_force(run.project)
    takes = (File(REGION), File(PATCHES), *(File(patch.file) for patch in patches))

    def write(facts: Path, *videos: Path) -> None:
        exact = videos[0] if master else None
        copy = videos[-1] if settings.share else None
        frames = edited_frames(clip, patches, run.project.folder, run.project.path(REGION))
        done = render(clip, frames, exact, copy, settings.crf, run.progress, len(clip))
        if done.not_kept:
            run.note("Not kept in the master: " + ", ".join(done.not_kept) + ".")
        how = done.encoding.reason if done.encoding else ""
        facts.write_text(json.dumps(to_json(Render(master, how, done.not_kept))), encoding="utf-8")

    def item() -> Item:
        videos = [name for name in (master, SHARE if settings.share else "") if name]
        return Item((RENDER, *videos), takes, (settings, run.source_digest))

    master = "" if settings.master == "off" else master_name(clip)
    if master and run.due(item(), write) and not _fits(run, settings.master == "on"):
        master = ""
    run.build(item(), write)
    run.drop({*MASTERS, SHARE}.difference(item().makes))


def master_name(clip: Clip) -> str:
    """The master's file: MP4, or Matroska where MP4 cannot hold the sound."""
    return "master.mkv" if master_encoding(clip.info, clip).container == "matroska" else "master.mp4"


def _fits(run: Run, asked: bool) -> bool:
    """Whether the disk has room for the master, said to the user. Raises ProjectError when it was `asked` for and has not."""
    need, free = master_bytes(run.clip), free_bytes(run.project.folder)
    sizes = f"The exact master needs about {words(need)}, {words(free)} are free"
    if free > need + SPARE:
        run.progress.note(sizes + ".")
        return True
    if asked:
        raise ProjectError(f"{sizes}: free some space, or set assemble.master to off.")
    run.note(f"{sizes}: it is left out. Free some space and run again, or use `vidpaint render` on another disk.")
    return False
