"""The streamed render: source planes with patches laid over them, inside the frozen region and nowhere else."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from .clip import Clip, read_planes_of
from .encode import Encoding, Writer, master_encoding
from .errors import ProjectError
from .groups import Patch
from .model import Box, Mask
from .planes import Planes, splice
from .pools import ahead
from .progress import Progress
from .regions import read_region
from .sharing import Finish, Share, corrected

Overlay = tuple[Mask, Box | None, Planes | None]
"""What lies over a frame: the region, and a patch with its box where there is one."""


@dataclass(frozen=True)
class Edited:
    """One frame of the render: its timestamp in the source, the source's planes, the finished ones, and the region."""

    index: int
    pts: int
    source: Planes
    result: Planes
    region: Mask


def edited_frames(
    clip: Clip, patches: Sequence[Patch], folder: Path, region: Path, start: int = 0
) -> Generator[Edited, None, None]:
    """Every frame of the clip from `start` on with its patch laid in, one at a time.

    From 0 the source is read once in order, without asking for its frame table. Raises ProjectError when a patch or the
    region has fewer frames than it must.
    """
    source_frames = zip(clip.pts[start:], clip.frames(start)) if start else clip.scan()
    with closing(ahead(_overlays(patches, folder, region, start))) as overlays:
        for index, (pts, source) in enumerate(source_frames, start):
            yield _laid(index, pts, source, next(overlays, None), region)


def edited_at(
    clip: Clip, patches: Sequence[Patch], folder: Path, region: Path, wanted: Sequence[int]
) -> Iterator[Edited]:
    """The frames with these rising indices, as `edited_frames` gives them; what lies between is not put together."""
    with closing(clip.pick(wanted)) as sources, closing(_overlays(patches, folder, region, wanted[0])) as overlays:
        every = enumerate(overlays, wanted[0])
        for index, source in zip(wanted, sources):
            overlay = next((overlay for at, overlay in every if at == index), None)
            yield _laid(index, clip.pts[index], source, overlay, region)


def _laid(index: int, pts: int, source: Planes, overlay: Overlay | None, region: Path) -> Edited:
    if overlay is None:
        raise ProjectError(f"{region} ends before frame {index}: delete it to have it made again.")
    mask, box, patch = overlay
    result = source
    if box and patch:
        result = source.copy()
        splice(result, patch, mask[box.slices], box)
    return Edited(index, pts, source, result, mask)


def _overlays(patches: Sequence[Patch], folder: Path, region: Path, start: int) -> Generator[Overlay, None, None]:
    """What lies over every frame from `start` on."""
    waiting = deque(patch for patch in patches if patch.stop > start)
    current: Patch | None = None
    frames: Iterator[Planes] = iter(())
    for index, mask in enumerate(read_region(region, start), start):
        if waiting and waiting[0].start <= index:
            current = waiting.popleft()
            frames = islice(read_planes_of(folder / current.file), index - current.start, None)
        if not current or index >= current.stop:
            yield mask, None, None
            continue
        patch = next(frames, None)
        if patch is None:
            raise ProjectError(f"{current.file} ends before frame {current.stop}: delete it to have it made again.")
        yield mask, current.box, patch


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
    progress: Progress,
    total: int,
    finish: Finish | None = None,
    note: str = "",
) -> Rendered:
    """Write the exact master and the share copy in one pass; either may be None. `note` goes into their metadata.

    finish: what the share copy has beyond the master. A span begins at 0; otherwise timestamps are the source's.
    """
    start, finish = clip.pts[0] if clip.span else 0, finish or Finish()
    encoding = master_encoding(clip.info, clip) if master else None
    with ExitStack() as stack:
        exact = copy = None
        if master and encoding:
            exact = Writer(master, clip.info, encoding, audio_from=clip, start_pts=start, note=note)
            stack.enter_context(exact)
        if share:
            copy = stack.enter_context(Share(share, clip, finish, start, note))
        count = 0
        for frame, picture in corrected(frames, finish if share else None):
            if exact:
                exact.write(frame.result, frame.pts)
            if copy:
                copy.write(picture, frame.pts, frame.region)
            count += 1
            progress.step("rendering", count, total)
    return Rendered(count, encoding, exact.not_kept if exact else ())
