"""Where a result comes from, for those who get it: that a machine edited it, where, and from which files."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path

from .groups import Patch
from .ledger import Ledger
from .regions import Regions

NAMED = 4
"""Runs of frames that a statement names; of more it gives the number."""


def statement(engine: str, patches: Sequence[Patch], regions: Regions) -> str:
    """One sentence for people and metadata: that a machine made part of this video, in which frames and how much of them.

    It names no file and no person. Without patches it says that nothing was edited.
    """
    frames = sorted({frame for patch in patches for frame in range(patch.start, patch.stop) if regions.boxes[frame]})
    if not frames:
        return "Not edited (Video Inpaint)."
    how = "Edited by software without a generative model" if engine == "builtin" else "Edited by AI"
    most = max(regions.shares[frame] for frame in frames)
    mean = sum(regions.shares[frame] for frame in frames) / len(frames)
    where = f"inside a region of {mean:.1%} of the picture (at the most {most:.1%})"
    total = f"of {len(regions.boxes)} frames, counted from 0"
    return f"{how} (Video Inpaint, {engine}): frames {_runs(frames)} {total}, {where}; all else is the source's."


def _runs(frames: Sequence[int]) -> str:
    """Rising numbers in words: `0-13, 20-99`."""
    begins = [frames[0], *(b for a, b in pairwise(frames) if b != a + 1)]
    ends = [*(a for a, b in pairwise(frames) if b != a + 1), frames[-1]]
    runs = [f"{a}-{b}" for a, b in zip(begins, ends)]
    more = f" and {len(runs) - NAMED} more runs" if len(runs) > NAMED else ""
    return ", ".join(runs[:NAMED]) + more


def locations(package: Path, source: Path, project: Path) -> str:
    """The text of path.txt: where source and project lie, seen from the package where that needs no drive or root."""
    return "".join(
        f"{name}: {_seen_from(package, path)}\n" for name, path in (("source", source), ("project", project))
    )


def _seen_from(folder: Path, path: Path) -> str:
    try:
        shared = Path(os.path.commonpath([folder, path]))
    except ValueError:
        return str(path)
    return Path(os.path.relpath(path, folder)).as_posix() if shared != Path(shared.anchor) else str(path)


def without_folders(text: str, folders: Iterable[Path]) -> str:
    """A log without the names of these folders and of the user's home, so that it can be handed on."""
    named = sorted({str(folder) for folder in (*folders, Path.home()) if folder != Path(folder.anchor)}, key=len)
    for folder in reversed(named):
        text = text.replace(folder + os.sep, "")
    return text


def artifact_sums(ledger: Ledger) -> str:
    """A line for the source and for every file made of it, in the form that `b2sum -l 128 -c` reads in the project."""
    lines = (
        [f"{ledger.inputs['source'].content}  {ledger.inputs['source'].name}\n"] if "source" in ledger.inputs else []
    )
    names = sorted(file for file in ledger.made if not file.startswith("package/"))
    return "".join([*lines, *(f"{found}  {name}\n" for name in names if (found := ledger.content(name)))])
