"""What is seen of a mask: its frame with the mask as a layer over it, and the doubtful frames, as files in served/."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from .. import fixes, mask_checks, mask_view, viewing
from ..errors import MaskError
from ..ledger import digest
from ..mask_view import Extent
from ..model import Mask
from ..orientation import upright
from ..pictures import encode_jpeg
from ..project import Folder
from ..regions import REGION_FACTS
from ..stages.extract import outlined
from ..stages.mask import MaskSettings
from . import mask_editor
from .pictures import SMALL, Picture, Pictures
from .workspaces import Workspace


@dataclass(frozen=True)
class Seen:
    """A frame's picture and the mask over it as files in served/, and what is to be said about the mask."""

    base: Path
    layer: Path | None
    extent: Extent | None
    exact: bool
    says: str


def look(space: Workspace, index: int, settings: MaskSettings, asked: bool) -> Seen:
    """A frame at its full sharpness with the mask that the settings make of it. Raises VidpaintError."""
    folder, info = space.project, viewing.source_info(space.project)
    exact = mask_view.taken(folder, settings)
    found = (
        mask_view.Sketch(mask_view.frozen(folder, index)) if exact else mask_view.sketch(folder, index, settings, asked)
    )
    base = space.made(
        f"sharp-{index:06d}", folder / viewing.FRAMES, ".jpg", lambda: encode_jpeg(mask_view.sharp(folder, index))
    )
    space.prune("sharp-")
    if found.mask is None:
        return Seen(base, None, None, False, found.says)
    extent = mask_view.frozen_extent(folder, index) if exact else mask_view.extent(found.mask, info)
    return Seen(base, _layer(space, found.mask, info.rotation), extent, exact, found.says)


def quick(space: Workspace, index: int, path: str) -> Seen:
    """What can be shown of a frame at once: small, with the box that was drawn, or the region of the last run."""
    folder, info = space.project, viewing.source_info(space.project)
    frames = folder / viewing.FRAMES
    if space.drawn(f"sharp-{index:06d}", frames):
        base = space.made(f"sharp-{index:06d}", frames, ".jpg", bytes)
    else:
        base = space.picture(f"frame-{index:06d}", frames, lambda: viewing.source_frame(folder, index))
        space.prune("frame-")
    mask = None
    if path.startswith(("box:", "ellipse:")):
        try:
            mask = mask_view.sketch(folder, index, replace(MaskSettings(), path=path)).mask
        except MaskError:
            mask = None
    else:
        mask = mask_view.frozen(folder, index)
    return Seen(base, None if mask is None else _layer(space, mask, info.rotation), None, False, "")


def _layer(space: Workspace, mask: Mask, rotation: int) -> Path | None:
    if not mask.any():
        return None
    data = mask_view.tint(mask, rotation)
    layer = space.made(f"layer-{digest(data)}", space.project / viewing.FRAMES, ".png", lambda: data)
    space.prune("layer-")
    return layer


def stamps(space: Workspace) -> tuple[Any, ...]:
    """What changes when a run ends or something is painted on any frame: strokes reach those around."""
    painted = sorted((space.project / fixes.FOLDER).glob("*.png"))
    files = [*painted, space.project / REGION_FACTS]
    return tuple((file.name, file.stat().st_mtime_ns) for file in files if file.exists())


def doubts(space: Workspace) -> str:
    """The doubtful frames that the last run found; nothing before there was one."""
    folder = space.project
    checks = folder / mask_checks.CHECKS
    if not checks.exists() or not (folder / REGION_FACTS).exists():
        return ""
    found = mask_checks.doubts(Folder(folder))
    places, pictures = mask_editor.spans(found), Pictures(space)
    shown = places[: mask_editor.MOST]
    pictures.make(_doubt(folder, first) for first, _, _ in shown)
    cells = [(place, pictures.image(_doubt(folder, place[0]), f"frame {place[0]}")) for place in shown]
    return mask_editor.doubtful(cells, len(found), len(places), pictures.late)


def _doubt(folder: Path, index: int) -> Picture:
    """The thumbnail of a doubtful frame: dark where nothing may change, the mask outlined."""

    def make() -> bytes:
        picture, mask = viewing.source_frame(folder, index), mask_view.frozen(folder, index)
        mask = np.zeros(picture.shape[:2], np.uint8) if mask is None else upright(mask, viewing.rotation(folder))
        return encode_jpeg(viewing.reduced(outlined(picture, mask), 2 * SMALL))

    return Picture(f"doubt-{index:06d}", folder / mask_checks.CHECKS, make)
