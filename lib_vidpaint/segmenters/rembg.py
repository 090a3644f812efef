"""What stands before the background, by any model of the rembg package, frame by frame."""

from __future__ import annotations

import importlib
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import Cancelled, MaskError
from ..model import Frame, Mask
from ..progress import Progress
from ..requirements import lacking
from . import Options, Shot
from .places import in_models

CUSTOM = ("u2net_custom", "dis_custom", "ben_custom")
_lock = threading.Lock()


class Rembg:
    """The mask of one rembg session; with matting its fine edges are worked out by pymatting."""

    seconds = 0.8
    uses: tuple[str, ...] = ("model", "matting")

    def __init__(self, options: Options, progress: Progress) -> None:
        self.files = {"checkpoint": options.checkpoint} if options.model in CUSTOM and options.checkpoint else {}
        self.matting = options.matting
        self.session = open_session(options.model, options.checkpoint, progress)

    def masks(self, shot: Shot) -> Iterator[Mask]:
        for picture in shot.full(0, shot.count):
            yield self.mask(picture.crop(shot.whole))

    def mask(self, frame: Frame) -> Mask:
        """The mask of one RGB picture."""
        from PIL import Image

        picture = Image.fromarray(np.ascontiguousarray(frame))
        if not self.matting:
            return np.array(self.session.predict(picture)[0].convert("L"))
        cut = importlib.import_module("rembg").remove(picture, alpha_matting=True, session=self.session)
        return np.array(cut.getchannel("A"))


def open_it(options: Options, progress: Progress) -> Rembg:
    return Rembg(options, progress)


def model_file(name: str) -> Path:
    """Where rembg keeps the file of a model, and puts it when it is downloaded."""
    if "U2NET_HOME" not in os.environ and (folders := in_models("u2net")):
        return folders[0] / f"{name}.onnx"
    known = os.environ.get("U2NET_HOME") or os.path.join(os.environ.get("XDG_DATA_HOME", "~"), ".u2net")
    return Path(known).expanduser() / f"{name}.onnx"


def open_session(name: str, file: str = "", progress: Progress | None = None) -> Any:
    """A rembg session by name. A model that is not there is downloaded by rembg, which checks it, as `progress` shows.

    Raises MaskError when the package is missing, the name unknown, or the model cannot be had.
    """
    if off := lacking("rembg"):
        raise MaskError(off)
    sessions = importlib.import_module("rembg.sessions")
    names = sorted(set(sessions.sessions_names) - {"sam"})
    if name not in names:
        raise MaskError(f"mask.model: rembg has no model {name!r}; it has {', '.join(names)}.")
    if name in CUSTOM and not Path(file).is_file():
        raise MaskError(f"mask.model {name} needs your own model: give its .onnx file with --mask.checkpoint.")
    with _lock, _home(), _reported(name, progress or Progress()):
        try:
            extra = {"model_path": file} if name in CUSTOM else {}
            return importlib.import_module("rembg").new_session(name, **extra)
        except Cancelled:
            raise
        except (Exception, SystemExit) as error:  # network, disk, checksum and onnxruntime each have their own kinds
            where = file or model_file(name)
            reason = (str(error).strip() or type(error).__name__).splitlines()[0][:120]
            raise MaskError(
                f"The rembg model {name} cannot be opened or downloaded ({reason}): put its file at {where}."
            ) from error


@contextmanager
def _home() -> Iterator[None]:
    """Has rembg look in the WebUI's models/u2net meanwhile, where one exists and the user has named no other place."""
    folders = [] if "U2NET_HOME" in os.environ else in_models("u2net")
    if folders:
        os.environ["U2NET_HOME"] = str(folders[0])
    try:
        yield
    finally:
        if folders:
            os.environ.pop("U2NET_HOME", None)


@contextmanager
def _reported(name: str, progress: Progress) -> Iterator[None]:
    """Has what pooch downloads for rembg meanwhile reported, and stopped when the work is."""
    pooch: Any = importlib.import_module("pooch")
    plain = pooch.retrieve
    pooch.retrieve = lambda *given, **named: plain(*given, **{**named, "progressbar": Download(name, progress)})
    try:
        yield
    finally:
        pooch.retrieve = plain


class Download:
    """A download as pooch tells of it, shown in MB: pooch sets `total`, in bytes, and calls the rest."""

    def __init__(self, name: str, progress: Progress) -> None:
        self.total = self.done = 0
        self._text, self._progress, self._shown = f"downloading {name} (MB)", progress, -1

    def update(self, size: int) -> None:
        self._progress.check()
        self.done += size
        if self.done >> 20 != self._shown:
            self._shown = self.done >> 20
            self._progress.step(self._text, self._shown, max(self.total >> 20, self._shown))

    def reset(self) -> None:
        self.done = 0

    def close(self) -> None:
        """All is there."""
