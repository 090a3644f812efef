"""Where the prepared input lies, what is said of it, and which project goes on from it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from .containers import open_media
from .project import is_project
from .settings import get, walk

SOURCES = "prepared/source.mp4", "prepared/source.mkv"
MASK, WHITE = "prepared/mask.mp4", "prepared/white.mp4"
LARGER = "prepared/larger"
PROJECT = "prepared/project"
MARK = "Prepared by Video Inpaint: "
UNPREPARED = "mask", "extract", "prepare"
"""The stages that work on the source as it is."""
OWN = "source", "mask", "prepare"
"""Sections of settings that the prepared project does not share."""


def statement(factor: int, fps: str, scale: float = 1.0) -> str:
    """The sentence in the prepared source's metadata."""
    done = [f"enlarged {scale:g} times"] if scale > 1 else []
    if fps.strip():
        done.append(f"brought to {fps.strip()} frames per second")
    elif factor > 1:
        done.append(f"given {factor} times as many frames")
    return f"{MARK}the input was {' and '.join(done)}, so it is not the original."


def ended_by(source: Path) -> tuple[str, ...]:
    """What the metadata of a source say of its preparation; nothing for an original."""
    if source.is_dir():
        return ()
    with open_media(source) as container:
        said = container.metadata.get("comment", "")
    return tuple(part for part in said.split("; ") if part.startswith(MARK))


def worked_on(folder: Path) -> Path:
    """The project in which the work goes on after stage prepare: `folder` itself unless its input was prepared."""
    made = any((folder / source).exists() for source in SOURCES)
    return folder / PROJECT if made and is_project(folder / PROJECT) else folder


def handed_on(folder: Path, settings: Any) -> dict[str, Any]:
    """The values that the prepared project in `folder` is run with, by dotted path."""
    leaves = [leaf for leaf in walk(type(settings)) if leaf.path.split(".")[0] not in OWN]
    values = {leaf.path: get(settings, leaf.path) for leaf in leaves}
    source = next(path for name in SOURCES if (path := folder / name).exists())
    white = folder / WHITE
    own = {
        "source.path": str(source),
        "mask.path": str(folder / MASK),
        "mask.white": str(white) if white.exists() else "",
    }
    return {**values, **own, "mask.gamma": settings.mask.gamma}
