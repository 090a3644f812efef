"""The streamed render: source planes with patches laid over them, inside the frozen region and nowhere else."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from .clip import Clip, read_planes_of
from .encode import Encoding, Writer, master_encoding, share_encoding, share_info, share_planes
from .errors import ProjectError
from .groups import Patch
from .model import Mask
from .planes import Planes, splice
from .progress import Progress
from .regions import read_region


@dataclass(frozen=True)
class Edited:
    """One frame of the render: its timestamp in the source, the source's planes, the finished ones, and the region."""

    index: int
    pts: int
    source: Planes
    result: Planes
    region: Mask


def edited_frames(clip: Clip, patches: Sequence[Patch], folder: Path, region: Path, start: int = 0) -> Iterator[Edited]:
    """Every frame of the clip from `start` on with its patch laid in, one at a time.

    From 0 the source is read once in order, without asking for its frame table. Raises ProjectError when a patch or the
    region has fewer frames than it must.
    """
    waiting = deque(patch for patch in patches if patch.stop > start)
    current: Patch | None = None
    frames: Iterator[Planes] = iter(())
    regions = read_region(region, start)
    source_frames = zip(clip.pts[start:], clip.frames(start)) if start else clip.scan()
    for index, (pts, source) in enumerate(source_frames, start):
        mask = next(regions, None)
        if mask is None:
            raise ProjectError(f"{region} ends at frame {index}: delete it to have it made again.")
        if waiting and waiting[0].start <= index:
            current = waiting.popleft()
            frames = islice(read_planes_of(folder / current.file), index - current.start, None)
        result = source
        if current and index < current.stop:
            patch = next(frames, None)
            if patch is None:
                raise ProjectError(f"{current.file} ends before frame {current.stop}: delete it to have it made again.")
            result = source.copy()
            splice(result, patch, mask[current.box.slices], current.box)
        yield Edited(index, pts, source, result, mask)


@dataclass(frozen=True)
class Rendered:
    """What a render left behind of the source, as phrases, and how its master was encoded."""

    frames: int
    encoding: Encoding | None
    not_kept: tuple[str, ...]


def render(
    clip: Clip,
    frames: Iterable[Edited],
    master: Path | None,
    share: Path | None,
    crf: float,
    progress: Progress,
    total: int,
) -> Rendered:
    """Write the exact master and the share copy in one pass; either may be None.

    A span begins at 0; otherwise timestamps are the source's.
    """
    start = clip.pts[0] if clip.span else 0
    encoding = master_encoding(clip.info, clip) if master else None
    with ExitStack() as stack:
        exact = copy = None
        if master and encoding:
            exact = stack.enter_context(Writer(master, clip.info, encoding, audio_from=clip, start_pts=start))
        if share:
            info = share_info(clip.info)
            copy = stack.enter_context(
                Writer(share, info, share_encoding(clip.info, crf), audio_from=clip, start_pts=start)
            )
        count = 0
        for frame in frames:
            if exact:
                exact.write(frame.result, frame.pts)
            if copy:
                copy.write(share_planes(frame.result, clip.info), frame.pts)
            count += 1
            progress.step("rendering", count, total)
    return Rendered(count, encoding, exact.not_kept if exact else ())
