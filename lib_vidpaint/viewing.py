"""What a page shows of a project: facts, single frames, keyframes, failures and files. Nothing here changes a project.

Pictures are RGB uint8 the way a player shows them (rotation applied), at most WIDEST pixels wide.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np

from . import session
from .atomic import PART, free_bytes
from .clip import Clip, open_clip
from .crops import Crop
from .errors import ProjectError
from .groups import CHOSEN, PATH, VERDICTS, candidate_file, read_groups, read_selection
from .handpicking import handpicked
from .items import KeyCrops, keyframe_file, read_keyframe
from .ledger import NAME as LEDGER
from .ledger import Input
from .model import Box, Frame, Verdict, VideoInfo, from_json
from .orientation import as_stored, upright
from .patching import patches_in_force
from .pictures import decode_picture
from .planes import Planes, view
from .project import SETTINGS, Folder
from .regions import REGION, REGION_FACTS, Regions, read_regions
from .render import edited_frames
from .segments import Segment
from .selection import Picks, wanted
from .selection import gallery as picks_of
from .settings import put
from .sizes import master_bytes
from .stages import Settings
from .stages.inpaint import PACE
from .survey import FRAMES, PROXY, proxy_info, read_table

WIDEST = 1280
TINT = np.array([255, 64, 64], np.float32)


@dataclass(frozen=True)
class Facts:
    """What is known of a project's source once it was read. Sizes are as shown; master and free are bytes."""

    name: str
    info: VideoInfo
    width: int
    height: int
    frames: int
    seconds: float
    master: int
    free: int


def was_read(folder: Path) -> bool:
    """Whether the source was read once, so that there are frames to look at."""
    return (folder / FRAMES).exists() and (folder / PROXY).exists()


def facts(folder: Path) -> Facts:
    """The facts of a source that was read. Encodes a few frames to tell the master's size: 0.1 to 1 s."""
    clip = _source(folder)
    width, height = _shown_size(clip.info)
    seconds = float((clip.pts[-1] - clip.pts[0]) * clip.info.time_base + 1 / clip.info.fps)
    return Facts(clip.path.name, clip.info, width, height, len(clip), seconds, master_bytes(clip), free_bytes(folder))


def _source(folder: Path) -> Clip:
    if not was_read(folder):
        raise ProjectError("The video was not read yet: open it first.")
    with session.opened(folder) as run:
        return run.open_source().with_table(read_table(folder / FRAMES))


def _shown_size(info: VideoInfo) -> tuple[int, int]:
    return (info.height, info.width) if info.rotation % 180 else (info.width, info.height)


def small_frame(path: Path, index: int, count: int) -> Planes:
    """Frame `index` of a file that we made ourselves at a constant rate, without reading all before it."""
    clip = open_clip(path)
    step = round(1 / (clip.info.fps * clip.info.time_base))
    return clip.with_table(range(0, count * step, step)).frame(index)


def before_after(folder: Path, index: int) -> tuple[Frame, Frame]:
    """One frame of the source and of the result with the patches in force, at most WIDEST wide."""
    clip = _source(folder)
    index = min(max(index, 0), len(clip) - 1)
    project = Folder(folder)
    with closing(edited_frames(clip, patches_in_force(project), project.folder, project.path(REGION), index)) as frames:  # pyright: ignore[reportArgumentType]
        frame = next(frames)
    pair = [
        reduced(upright(view(p, clip.info.color), clip.info.rotation), WIDEST) for p in (frame.source, frame.result)
    ]
    return pair[0], pair[1]


def reduced(picture: Frame, widest: int) -> Frame:
    """The picture at most `widest` pixels wide or high; never enlarged."""
    scale = widest / max(picture.shape[:2])
    if scale >= 1:
        return picture
    size = max(1, round(picture.shape[1] * scale)), max(1, round(picture.shape[0] * scale))
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)


def gallery(folder: Path) -> list[Picks]:
    """Every keyframe with its candidates and what was decided."""
    return picks_of(Folder(folder), look(folder).settings.inpaint.candidates)


def keyframe(folder: Path, key: int, widest: int) -> Frame:
    """The whole source frame of a keyframe, as its file shows it: upright."""
    file = keyframe_file(key)
    return reduced(decode_picture((folder / file).read_bytes(), file), widest)


def rotation(folder: Path) -> int:
    """How far the source is turned when it is shown, in degrees counter-clockwise."""
    return source_info(folder).rotation


def original(folder: Path, key: int, widest: int) -> Frame:
    """What the engine saw of a keyframe: its crop, upright, the same part that its candidates show."""
    info = source_info(folder)
    picture = read_keyframe(Folder(folder), key, info)
    return reduced(upright(crop(folder, key).cut(picture), info.rotation), widest)


def candidate(folder: Path, key: int, index: int, widest: int) -> Frame:
    """One candidate as the engine painted it; of a person's own picture the same part of the frame."""
    file = candidate_file(key, index)
    picture = decode_picture((folder / file).read_bytes(), file)
    if index < 0:
        rotation = source_info(folder).rotation
        picture = upright(crop(folder, key).cut(as_stored(picture, rotation)), rotation)
    return reduced(picture, widest)


def small_picture(file: Path, widest: int) -> Frame:
    """A PNG of the project, at most `widest` pixels wide or high."""
    return reduced(decode_picture(file.read_bytes(), file.name), widest)


@dataclass(frozen=True)
class Failure:
    """A group that validation found wrong: its frames [start, stop) and the measures that broke their limits."""

    key: int
    start: int
    stop: int
    broken: tuple[str, ...]


def failures(folder: Path) -> list[Failure] | None:
    """The groups that failed, None when nothing was validated yet."""
    project = Folder(folder)
    if not project.path(VERDICTS).exists():
        return None
    spans = {group.key: group for group in read_groups(project)}
    bad = [v for v in project.records(VERDICTS, Verdict) if v.decision == "drop" and v.key in spans]
    return [Failure(v.key, spans[v.key].start, spans[v.key].stop, v.broken) for v in bad]


FOR_PEOPLE = "master", "share", "comparison", "receipt.txt"


def sizes_of(folder: Path) -> dict[str, int]:
    """What lies in the package, by file name, in bytes; what people look for comes first."""
    files = [file for file in sorted((folder / "package").glob("*")) if file.is_file() and file.suffix != PART]
    files.sort(key=lambda file: [file.name.startswith(name) for name in FOR_PEOPLE], reverse=True)
    return {file.name: file.stat().st_size for file in files}


@dataclass(frozen=True)
class Look:
    """What hardly ever changes in a project: opening one with 10,000 files for every look takes 0.3 s."""

    settings: Settings
    multiple: int


def look(folder: Path) -> Look:
    """The settings on the disk, and what the sides of the engine's crops are multiples of."""
    return _look(folder, _stamp(folder / SETTINGS))


@lru_cache(maxsize=16)
def _look(folder: Path, stamp: int) -> Look:
    with session.opened(folder) as run:
        return Look(run.settings, run.multiple)


def length(folder: Path) -> int:
    """How many frames the source has."""
    return len(read_table(folder / FRAMES))


def source_info(folder: Path) -> VideoInfo:
    """The source's facts that its file tells at once."""
    return _source_info(folder, _stamp(folder / FRAMES))


@lru_cache(maxsize=16)
def _source_info(folder: Path, stamp: int) -> VideoInfo:
    with session.opened(folder) as run:
        return run.open_source().info


def crop(folder: Path, key: int) -> Crop:
    """The part of a keyframe that the engine sees. Raises ProjectError for a frame that is no keyframe."""
    if key not in {group.key for group in read_groups(Folder(folder))}:
        raise ProjectError(f"Frame {key} is no keyframe now: reload the page.")
    stamps = (_stamp(folder / file) for file in (SETTINGS, REGION_FACTS, PATH))
    return _crops(folder, *stamps)[key]


def shows_region(folder: Path, key: int, box: Box | None) -> bool:
    """Whether a candidate that shows this box of the frame (None: the keyframe's crop) shows all of the region."""
    region = _regions(folder, _stamp(folder / REGION_FACTS)).boxes[key]
    return box is None or region is None or box.union(region) == box


@lru_cache(maxsize=4)
def _crops(folder: Path, *stamps: int) -> KeyCrops:
    found = look(folder)
    return KeyCrops(Folder(folder), source_info(folder), found.settings.inpaint, found.multiple)


@lru_cache(maxsize=4)
def _regions(folder: Path, stamp: int) -> Regions:
    return read_regions(Folder(folder))


def _stamp(file: Path) -> int:
    return file.stat().st_mtime_ns if file.exists() else 0


@dataclass(frozen=True)
class Remaining:
    """What is still to be painted: images, and seconds for each as the last painting took (None: nothing was painted yet)."""

    keyframes: int
    frames: int
    images: int
    seconds: float | None
    region_share: float
    warnings: tuple[str, ...]


def remaining(folder: Path) -> Remaining:
    """What is still to be painted, by the settings and choices that are on the disk. Nothing is painted to find out."""
    project, asked = Folder(folder), look(folder).settings.inpaint
    regions, decided = _regions(folder, _stamp(folder / REGION_FACTS)), read_selection(project)
    picks = gallery(folder)
    images = sum(
        not (folder / candidate_file(pick.group.key, number)).exists()
        for pick in picks
        for number in wanted(decided.get(pick.group.key), asked.candidates)
    )
    frames = sum(pick.group.stop - pick.group.start for pick in picks)
    return Remaining(len(picks), frames, images, _pace(folder), regions.share, regions.warnings)


def _pace(folder: Path) -> float | None:
    """What `stages.inpaint.keep_pace` wrote last, without reading the ledger's other lines."""
    data = (folder / LEDGER).read_bytes() if (folder / LEDGER).exists() else b""
    at = data.rfind(b'{"input": "%s"' % PACE.encode())
    line = data[at:].partition(b"\n")[0]
    try:
        return float(from_json(Input, json.loads(line)).content) if at >= 0 else None
    except (ValueError, ProjectError):
        return None


def toggled(folder: Path, frame: int, given: Mapping[str, str]) -> dict[str, str]:
    """`session.toggled_keyframe` with the two settings as given. Raises SettingsError for a frame that may not be one."""
    values = session.toggled_keyframe(folder, frame, given)
    asked = put(look(folder).settings, values).keyframes
    frames = len(read_table(folder / FRAMES))
    handpicked(Folder(folder).records(CHOSEN, Segment), asked.added, asked.removed, frames)
    return values


def source_frame(folder: Path, index: int) -> Frame:
    """One proxy frame as it is shown, with nothing drawn on it."""
    info = source_info(folder)
    return upright(
        view(small_frame(folder / PROXY, index, len(read_table(folder / FRAMES))), proxy_info(info).color),
        info.rotation,
    )
