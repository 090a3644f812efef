"""What the mask of one frame will be by settings that are still being tried, before the clip is run over.

Nothing here changes a project. Masks are uint8 (H, W) of the proxy's size, as the source is stored; 255 = may change.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from . import session
from .errors import MaskError
from .finding import found_file, shot_of
from .fixes import NOTHING, Painted, apply, carried, fix_file, fixed_frames, over, read_fix
from .items import SOFT_FLOOR
from .model import Box, Frame, Mask, VideoInfo
from .orientation import as_stored, upright
from .planes import view
from .project import Folder
from .regions import REGION_FACTS, REGION_SMALL, Regions, bounding_box, read_regions
from .requirements import lacking
from .segmenters import Options, Segmenter, open_segmenter
from .segmenters.clothing import MODEL as CLOTHING
from .segmenters.given import Given, open_given
from .segmenters.prompts import parse_prompts
from .segmenters.rembg import CUSTOM, model_file
from .segmenters.sam import checkpoint
from .shaping import Shape, combine, shape
from .stages.mask import LOSSY_FLOOR, MaskSettings
from .survey import FRAMES, proxy_info, read_cuts, read_table
from .viewing import TINT, WIDEST, look, reduced, small_frame, source_info

SLOW = "rembg", "clothing", "sam"
"""Ways to find masks that take seconds a frame, may download a model first, and are tried only when asked to."""
FOLLOWED = "track", "sam"
"""Ways that follow what was marked: in a frame without a mark they show nothing before the clip is run."""
WINDOW = 16
"""So many frames show a tracker what moves: it compares a frame with those up to 15 away."""
LONGEST = 3000
"""A mask video of more frames is not decoded only to look at it."""
FOUND_BY = ("how", "prompts", *(field.name for field in fields(Options)))


@dataclass(frozen=True, eq=False)
class Sketch:
    """The mask that the settings would make of a frame; None where only a run can tell, and `says` why."""

    mask: Mask | None
    says: str = ""


@dataclass(frozen=True)
class Extent:
    """How much of a frame may change: its share, 0 to 1, and the box around it in the picture as it is shown."""

    share: float
    box: Box | None


def missing(how: str, named: bool = False) -> str:
    """What is not there for a way to find masks, as a sentence; '' when it can be used. `named`: with a model file."""
    if off := lacking(how):
        return off
    if how == "sam" and not named:
        try:
            checkpoint("")
        except MaskError as error:
            return str(error)
    return ""


def sketch(folder: Path, index: int, settings: MaskSettings, asked: bool = False) -> Sketch:
    """The mask of one frame by these settings, with what was painted on it. Slow ways are tried only when `asked`.

    Takes what a last run found where that is still true; else one frame is segmented. Raises MaskError or VideoError for
    what a run would refuse too.
    """
    small, masks, floor, says = proxy_info(source_info(folder)), [], settings.floor or SOFT_FLOOR, ""
    if settings.how != "given":
        found = _found(folder, index, settings, asked)
        if found.mask is None:
            return found
        masks, says = [found.mask], found.says
    if settings.path:
        given = _opened(settings.path, source_info(folder), _stamp(Path(settings.path)))
        own = _given(given, folder, index, settings.missing)
        if own.mask is None:
            return own
        masks.append(own.mask)
        floor = settings.floor or (LOSSY_FLOOR if given.lossy else SOFT_FLOOR)
    painted, reached = _painted(folder, index, small, settings.spread)
    says = says or reached
    if not masks:
        says = (
            "Strokes mend a mask: choose above what they belong to." if any(one is not None for one in painted) else ""
        )
        return Sketch(apply(np.zeros((small.height, small.width), np.uint8), *painted), says)
    steps = Shape(
        settings.invert, floor, settings.specks, settings.holes, settings.hull, settings.grow, settings.feather
    )
    return Sketch(apply(shape(combine(masks, settings.combine), steps, small.lines), *painted), says)


def _found(folder: Path, index: int, settings: MaskSettings, asked: bool) -> Sketch:
    """What the way to find masks finds in one frame."""
    if off := missing(settings.how, bool(settings.checkpoint)):
        return Sketch(None, off)
    if (kept := _kept(folder, index, settings)) is not None:
        return Sketch(kept)
    prompts = parse_prompts(settings.prompts)
    if settings.how in FOLLOWED and not any(prompt.frame == index for prompt in prompts):
        if not prompts:
            return Sketch(None, "Click on what should change: it is followed from there.")
        near = min(prompts, key=lambda prompt: abs(prompt.frame - index)).frame
        return Sketch(None, f"What you marked in frame {near} is followed to this frame when you press Take this mask.")
    if settings.how in SLOW and not asked:
        return Sketch(None, "Press Try on this frame to see what is found; that takes a few seconds.")
    if absent := _to_download(settings):
        return Sketch(
            None, f"The model {absent} is not on this machine: Take this mask downloads it first, which is shown."
        )
    mask = segmented(folder, index, settings)
    return Sketch(mask, "" if mask.any() else "Nothing is found in this frame.")


def _to_download(settings: MaskSettings) -> str:
    """The model that a run would have to download first; '' for none."""
    model = {"rembg": settings.model, "clothing": CLOTHING}.get(settings.how, "")
    return "" if not model or model in CUSTOM or model_file(model).exists() else model


def segmented(folder: Path, index: int, settings: MaskSettings) -> Mask:
    """One frame of the source through the settings' segmenter."""
    options = Options(**{name.name: getattr(settings, name.name) for name in fields(Options)})
    return _segmented(folder, _stamp(folder / FRAMES), index, settings.how, settings.prompts, options)


@lru_cache(maxsize=64)
def _segmented(folder: Path, stamp: int, index: int, how: Any, prompts: str, options: Options) -> Mask:
    with session.opened(folder) as run:
        info, small = source_info(folder), proxy_info(source_info(folder))
        table = read_table(folder / FRAMES)
        stop = min(index + (WINDOW if how in FOLLOWED else 1), len(table))
        stop = min(stop, *(cut for cut in read_cuts(folder / FRAMES) if cut > index), len(table))
        shot = shot_of(run, index, stop, parse_prompts(prompts))
        wanted = tuple(prompt for prompt in shot.prompts if prompt.frame == 0)
        mask = next(_segmenter(how, options).masks(replace(shot, prompts=wanted)))
    return _reduced(as_stored(mask, info.rotation), small)


@lru_cache(maxsize=1)
def _segmenter(how: Any, options: Options) -> Segmenter:
    """Kept, because opening one of the large models takes seconds."""
    return open_segmenter(how, options)


def _kept(folder: Path, index: int, settings: MaskSettings) -> Mask | None:
    """What a run found in this frame with these settings; None when it did not."""
    known = last_settings(folder)
    if any(known.get(f"mask.{name}", getattr(settings, name)) != getattr(settings, name) for name in FOUND_BY):
        return None
    if not known:
        return None
    start = max(first for first in read_cuts(folder / FRAMES) if first <= index)
    file = folder / found_file(start)
    if not file.exists():
        return None
    frame = small_frame(file, index - start, len(read_table(folder / FRAMES)))
    return _reduced(frame.arrays[0], proxy_info(source_info(folder)))


def last_settings(folder: Path) -> dict[str, Any]:
    """The settings that the project's masks were made with, by dotted path, paths not among them; {} before that."""
    return _last_settings(folder, _stamp(folder / "made.jsonl"))


@lru_cache(maxsize=8)
def _last_settings(folder: Path, stamp: int) -> dict[str, Any]:
    with session.opened(folder) as run:
        last = run.ledger.finished.get("mask")
        return dict(last.settings) if last else {}


def _given(given: Given, folder: Path, index: int, missing: str) -> Sketch:
    """The user's own mask of one frame."""
    info, small = source_info(folder), proxy_info(source_info(folder))
    if given.still is not None:
        return Sketch(_reduced(given.still, small))
    if len(read_table(folder / FRAMES)) > LONGEST:
        return Sketch(None, "The masks of a long video are shown after you press Take this mask.")
    assert given.clip
    place = given.places(len(read_table(folder / FRAMES)), len(given.clip), missing)[index]
    if place is None:
        return Sketch(np.zeros((small.height, small.width), np.uint8))
    return Sketch(_reduced(given.at(place, info), small))


@lru_cache(maxsize=2)
def _opened(path: str, info: VideoInfo, stamp: int) -> Given:
    return open_given(path, info)


def _painted(folder: Path, index: int, small: VideoInfo, spread: int) -> tuple[Painted, str]:
    """What was painted on a frame and what reaches it from those around, at the proxy's size; and a word on the latter."""
    info, found = source_info(folder), NOTHING
    near = [fixed for fixed in fixed_frames(Folder(folder)) if abs(fixed - index) <= spread]
    for fixed in sorted(near, key=lambda fixed: -abs(fixed - index)):
        if fixed == index:
            add, erase = read_fix(Folder(folder), index, (info.width, info.height))
            mine = None if add is None else _reduced(add, small), None if erase is None else _reduced(erase, small)
        else:
            mine = _carried(
                folder, *(_stamp(folder / fix_file(fixed, kind)) for kind in ("add", "erase")), fixed, index
            )
        found = over(found, mine)
    others = [str(fixed) for fixed in near if fixed != index]
    seen = others and any(stroke is not None and stroke.any() for stroke in found)
    return found, f"With what you painted on frame {', '.join(others)}, carried here." if seen else ""


@lru_cache(maxsize=256)
def _carried(folder: Path, added: int, erased: int, fixed: int, index: int) -> Painted:
    """What was painted on the frame `fixed` as it will lie on another one."""
    with session.opened(folder) as run:
        steps = list(carried(run, fixed, index))
    return steps[-1] if len(steps) == abs(index - fixed) else NOTHING


def _reduced(mask: Mask, small: VideoInfo) -> Mask:
    return np.asarray(cv2.resize(mask, (small.width, small.height), interpolation=cv2.INTER_AREA), np.uint8)


def taken(folder: Path, settings: MaskSettings) -> bool:
    """Whether the frozen region was made with these settings, and nothing was painted since."""
    facts = folder / REGION_FACTS
    if not facts.exists():
        return False
    known, made = last_settings(folder), _stamp(facts)
    mine = {f"mask.{field.name}": getattr(settings, field.name) for field in fields(MaskSettings)}
    painted = [path.stat().st_mtime_ns for path in (folder / "fixes").glob("*.png")]
    painted += [(folder / "fixes").stat().st_mtime_ns] if (folder / "fixes").exists() else []
    return (
        all(known.get(path, value) == value for path, value in mine.items())
        and _paths(folder, settings) and made >= max(painted, default=0)
    )  # fmt: skip


def _paths(folder: Path, settings: MaskSettings) -> bool:
    then = look(folder).settings.mask
    return all(getattr(then, name) == getattr(settings, name) for name in ("path", "white", "checkpoint", "painted"))


def frozen(folder: Path, index: int) -> Mask | None:
    """The region that the last run froze for a frame; None before the first."""
    if not (folder / REGION_SMALL).exists():
        return None
    return small_frame(folder / REGION_SMALL, index, len(read_table(folder / FRAMES))).arrays[0]


def frozen_extent(folder: Path, index: int) -> Extent:
    """How much of a frame may change by the last run, exactly."""
    regions, info = _regions(folder, _stamp(folder / REGION_FACTS)), source_info(folder)
    box = regions.boxes[index]
    if box is None or not info.rotation:
        return Extent(regions.shares[index], box)
    mask = np.zeros((info.height, info.width), np.uint8)
    mask[box.slices] = 255
    return Extent(regions.shares[index], bounding_box(upright(mask, info.rotation)))


def extent(mask: Mask, info: VideoInfo) -> Extent:
    """How much a mask of the proxy's size lets change, about."""
    shown = upright(mask, info.rotation)
    small, across = bounding_box(shown), info.lines / shown.shape[0]
    box = small and Box(*(round(side * across) for side in (small.x, small.y, small.width, small.height)))
    return Extent(float(np.count_nonzero(mask)) / mask.size, box)


@lru_cache(maxsize=4)
def _regions(folder: Path, stamp: int) -> Regions:
    return read_regions(Folder(folder))


def tint(mask: Mask, rotation: int) -> bytes:
    """A PNG to lay over a frame: red under the mask, its outline white, clear elsewhere; turned as the frame is shown."""
    shown = upright(mask, rotation)
    layer = np.zeros((*shown.shape, 4), np.uint8)
    layer[..., :3] = TINT[::-1]
    layer[..., 3] = shown // 5 * 2
    lines, _ = cv2.findContours((shown > 127).astype(np.uint8), cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
    cv2.drawContours(layer, lines, -1, (255, 255, 255, 255), 1)
    return cv2.imencode(".png", layer)[1].tobytes()


def sharp(folder: Path, index: int) -> Frame:
    """One frame of the source as it is shown, at most WIDEST wide."""
    with session.opened(folder) as run:
        clip = run.open_source().with_table(read_table(folder / FRAMES))
        return reduced(upright(view(clip.frame(index), clip.info.color), clip.info.rotation), WIDEST)


def colour_at(folder: Path, index: int, x: int, y: int) -> str:
    """The colour around a point of a frame as it is shown, as #rrggbb."""
    picture = sharp(folder, index)
    info = source_info(folder)
    scale = picture.shape[0] / info.lines
    column, row = round(x * scale), round(y * scale)
    around = picture[max(0, row - 2) : row + 3, max(0, column - 2) : column + 3]
    return "#{:02x}{:02x}{:02x}".format(*np.median(around.reshape(-1, 3), axis=0).astype(int))


def _stamp(file: Path) -> int:
    try:
        return file.stat().st_mtime_ns
    except (OSError, ValueError):
        return 0
