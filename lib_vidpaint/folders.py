"""Folders of numbered pictures read as a video."""

from __future__ import annotations

import re
from collections.abc import Generator, Sequence
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
from av.error import FFmpegError

from .containers import color_of
from .errors import VideoError
from .model import VideoInfo
from .pixels import pixel_format

PICTURES = {".png": "png", ".jpg": "mjpeg", ".jpeg": "mjpeg"}
INNER = ("video_mask", "inv/inv_video_mask", "mask", "masks", "maskframes", "crop_mask")
"""Where other programs keep the masks in their own folders: EbSynth Utility, Mov2mov, Deforum and the like."""


class PictureFolder:
    """A folder of pictures, all of one size and format, in natural order; picture n is frame n. With `masks` it is those
    of `masks_in`, whatever their numbers."""

    origin = clock = Fraction(0)

    def __init__(self, path: Path, fps: Fraction, masks: bool = False):
        self.files = masks_in(path) if masks else pictures_in(path)
        if not self.files:
            raise VideoError(f"The folder {path} has no PNG or JPEG pictures.")
        numbers = numbers_of(self.files)
        steps = {b - a for a, b in pairwise(numbers)}
        if len(steps) > 1 and not masks:
            a, b = next((a, b) for a, b in pairwise(numbers) if b - a != min(steps))
            raise VideoError(f"The pictures in {path.name} go from number {a} to {b}: some are missing between.")
        frame = _picture(self.files[0])
        self.info = VideoInfo(
            frame.width,
            frame.height,
            pixel_format(frame.format.name).name,
            PICTURES[self.files[0].suffix.lower()],
            "pictures",
            fps,
            1 / fps,
            color_of(frame),
            rotation=frame.rotation,
        )

    def frames_from(
        self, pts: int | None, wanted: set[int] | None = None
    ) -> Generator[tuple[int, av.VideoFrame], None, None]:
        """(index, frame) from picture `pts` on, or of those `wanted`."""
        info = self.info
        for index in sorted(wanted) if wanted else range(max(0, pts or 0), len(self.files)):
            frame = _picture(self.files[index])
            if (frame.width, frame.height, frame.format.name) != (info.width, info.height, info.pixel_format):
                raise VideoError(
                    f"{self.files[index].name} is {frame.width}x{frame.height} {frame.format.name}, but the first picture "
                    f"is {info.width}x{info.height} {info.pixel_format}: all pictures of a folder must be alike."
                )
            yield index, frame


def pictures_in(folder: Path) -> list[Path]:
    """The PNG and JPEG files of a folder in natural order, hidden ones left out."""
    names = [p for p in folder.iterdir() if p.suffix.lower() in PICTURES and not p.name.startswith(".")]
    return sorted(names, key=lambda p: [int(t) if t.isdigit() else t for t in re.split(r"(\d+)", p.name)])


def masks_in(folder: Path) -> list[Path]:
    """The masks in a folder of another program: those of its folder of masks, when itself it has no pictures; of pictures
    that lie side by side (0042_mask.png, 0042_blend.png) those that are called mask."""
    found = next(
        (found for inner in ("", *INNER) if (folder / inner).is_dir() and (found := pictures_in(folder / inner))), []
    )
    return [path for path in found if "mask" in path.stem.lower()] or found


def numbers_of(files: Sequence[Path]) -> list[int]:
    """The number of each picture: the last one in its name that tells them apart; nothing when one has none."""
    found = [[int(number) for number in re.findall(r"\d+", path.stem)] for path in files]
    if not all(found):
        return []
    alike = len(set(map(len, found))) == 1
    telling = [at for at, numbers in enumerate(zip(*found)) if len(set(numbers)) > 1] if alike else []
    return [numbers[telling[-1] if telling else -1] for numbers in found]


def _picture(path: Path) -> av.VideoFrame:
    decoder: Any = av.CodecContext.create(PICTURES[path.suffix.lower()], "r")
    try:
        packet = av.Packet(path.read_bytes())
        frames = [*decoder.decode(packet), *decoder.decode(None)]
    except (FFmpegError, OSError) as error:
        raise VideoError(f"{path} cannot be read as a picture ({error.strerror}).") from None
    if len(frames) != 1:
        raise VideoError(f"{path} cannot be read as a picture.")
    return frames[0]
