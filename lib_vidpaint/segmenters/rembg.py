"""What stands before the background, by any model of the rembg package, frame by frame."""

from __future__ import annotations

import importlib
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import MaskError
from ..model import Frame, Mask
from ..requirements import lacking
from . import Options, Shot
from .places import in_models

CUSTOM = ("u2net_custom", "dis_custom", "ben_custom")
_lock = threading.Lock()


class Rembg:
    """The mask of one rembg session; with matting its fine edges are worked out by pymatting."""

    seconds = 0.8
    uses: tuple[str, ...] = ("model", "matting")

    def __init__(self, options: Options) -> None:
        self.files = {"checkpoint": options.checkpoint} if options.model in CUSTOM and options.checkpoint else {}
        self.matting = options.matting
        self.session = open_session(options.model, options.checkpoint)

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


def open_it(options: Options) -> Rembg:
    return Rembg(options)


def open_session(name: str, file: str = "") -> Any:
    """A rembg session by name. A model that is not there is downloaded by rembg, which checks it.

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
    with _lock, _Home():
        try:
            extra = {"model_path": file} if name in CUSTOM else {}
            return importlib.import_module("rembg").new_session(name, **extra)
        except (Exception, SystemExit) as error:  # network, disk, checksum and onnxruntime each have their own kinds
            home = os.environ.get("U2NET_HOME", str(Path.home() / ".u2net"))
            where = file or str(Path(home) / f"{name}.onnx")
            reason = (str(error).strip() or type(error).__name__).splitlines()[0][:120]
            raise MaskError(
                f"The rembg model {name} cannot be opened or downloaded ({reason}): put its file at {where}."
            ) from error


class _Home:
    """Has rembg look in the WebUI's models/u2net meanwhile, where one exists and the user has named no other place."""

    def __enter__(self) -> None:
        folders = [] if "U2NET_HOME" in os.environ else in_models("u2net")
        self._set = bool(folders)
        if folders:
            os.environ["U2NET_HOME"] = str(folders[0])

    def __exit__(self, *_: object) -> None:
        if self._set:
            os.environ.pop("U2NET_HOME", None)
