"""Whole frames drawn larger by upscalers: the copy for people at 2 or 4 times the size, and the input before it is painted.

An upscaler takes seconds for a frame, so each frame is kept in a file of its own until all are there and the video is
written from them: a stopped run goes on at the next frame.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .clip import read_planes_of
from .encode import Writer, lossless_bytes, share_encoding, share_info, share_planes
from .enlarging import larger_info, larger_planes, layers_of, resolved
from .finishing import copy_item, finish, frame_look
from .groups import LARGE, Patch
from .items import Item, Take
from .model import VideoInfo
from .patching import patches_in_force
from .planes import Planes
from .pools import Here
from .regions import REGION
from .render import Edited

if TYPE_CHECKING:
    from .pipeline import Run

FOLDER = "large"


@dataclass(frozen=True)
class CopyFrame:
    """Take: one frame of the copies for people, before filters and at the source's size."""

    index: int
    patches: tuple[Patch, ...]
    correct: Callable[[Edited], Planes] | None = field(repr=False)

    def key(self, run: Run) -> str:
        made = [run.ledger.content(p.file) for p in self.patches if p.start <= self.index < p.stop]
        return f"{run.source_digest}{run.ledger.content(REGION)}{made}{self.index}"

    def load(self, run: Run) -> Planes:
        frame = next(run.edited_reader(self.patches).read(self.index, self.index + 1))
        return share_planes((self.correct(frame) if self.correct else frame.result).copy(), run.clip.info)


@dataclass(frozen=True)
class OneFrame:
    """Take: the only one of a list of frames."""

    frames: Take

    def key(self, run: Run) -> str:
        return self.frames.key(run)

    def load(self, run: Run) -> Planes:
        (planes,) = self.frames.load(run)
        return planes


def drawn_larger(
    run: Run, takes: Sequence[Take], info: VideoInfo, scale: float, models: str, folder: str, *values: Any
) -> list[str]:
    """Draw frames of a video like `info` larger, each into a lossless file in `folder`; gives the files, in order.

    Those that are there already, made from the same takes and values, stay. models: a list as in refine.models. Says where
    there is no upscaler to speak of; raises SettingsError and EngineError.
    """
    larger = larger_info(info, scale)
    with run.engine.prepared():
        layers, said = resolved(layers_of(models, "models"), run.engine.names("upscaler"))
        if said:
            run.note(said)

        def enlarge(planes: Planes, *_: object) -> bytes:
            return lossless_bytes([larger_planes(planes, info, larger, run.engine.upscale, layers)], larger, larger.fps)

        files = [f"{folder}/{index:06d}.mp4" for index in range(len(takes))]
        told = (layers, scale, run.engine_name, *values)
        items = [Item((file,), (take,), told) for file, take in zip(files, takes)]
        run.each(items, enlarge, "enlarging", Here())
    return files


def large_copy(run: Run, note: str) -> None:
    """Make large.mp4 where it is asked for (refine.frame above 1), else remove it."""
    settings = run.settings.refine
    if settings.frame <= 1:
        run.drop({LARGE})
        run.sweep(FOLDER, ())
        return

    def write(path: Path) -> None:
        info, patches, how = share_info(run.clip.info), tuple(patches_in_force(run.project)), finish(run)
        takes = [CopyFrame(index, patches, how.correct) for index in range(len(run.clip))]
        files = drawn_larger(run, takes, info, settings.frame, settings.models, FOLDER, frame_look(run))
        _join(run, path, files, settings.frame, note)

    run.build(copy_item(run, LARGE, note, settings.models, settings.frame, run.engine_name), write)
    run.sweep(FOLDER, ())


def _join(run: Run, path: Path, files: Sequence[str], scale: float, note: str) -> None:
    """Write the copy from its frames, with the source's times and sound."""
    clip, settings = run.clip, run.settings.assemble
    larger = larger_info(share_info(clip.info), scale)
    encoding = replace(share_encoding(larger, settings.crf, settings.codec), sound=settings.sound == "keep")
    start = clip.pts[0] if clip.span else 0
    with Writer(path, larger, encoding, audio_from=clip, start_pts=start, note=note) as writer:
        for done, (pts, file) in enumerate(zip(clip.pts, files), 1):
            writer.write(next(read_planes_of(run.project.path(file))), pts)
            run.progress.step("writing the large copy", done, len(files))
