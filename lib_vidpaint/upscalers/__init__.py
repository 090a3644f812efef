"""Upscalers of a person's own: weights in files, run by torch (through spandrel) or by ncnn, and Lanczos, always there.

A network takes a tile and gives one that is a whole number of times as large; here pictures are cut into tiles that fit
into memory, and brought to exactly the size that was asked for.
"""

from __future__ import annotations

import difflib
import importlib
import importlib.util
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from ..crops import resized
from ..enlarging import FAVOURITE, LANCZOS
from ..errors import EngineError
from ..model import Frame
from ..segmenters.places import in_models
from .tiles import tiled

FOLDERS = "upscalers", "RealESRGAN", "ESRGAN", "DAT", "SwinIR"
"""Subfolders of a `models` folder that hold upscalers."""
PASSES = 3
"""Of a network until the picture is large enough, as in the WebUI."""
KINDS = {".pth": "torch", ".pt": "torch", ".safetensors": "torch", ".param": "ncnn"}
NEEDS = {"torch": ("torch", "spandrel"), "ncnn": ("ncnn",)}
EXTRAS = {"torch": "upscale", "ncnn": "ncnn"}
USUAL = {
    "realesrganx4plus": FAVOURITE,
    "realesrganx4plusanime6b": "R-ESRGAN 4x+ Anime6B",
    "realesrganx2plus": "R-ESRGAN 2x+",
    "realesrgeneralx4v3": "R-ESRGAN General 4xV3",
    "realesranimevideov3": "R-ESRGAN AnimeVideo",
}
"""How the WebUI calls well-known weights, by the letters of their file's name."""

Network = Callable[[Frame], Frame]


@dataclass(frozen=True)
class Weights:
    """One upscaler by the name that people know it by, its file, and what runs it: `torch` or `ncnn`."""

    name: str
    file: Path
    kind: str

    @property
    def missing(self) -> list[str]:
        """The packages that it needs and that are not installed."""
        return [package for package in NEEDS[self.kind] if importlib.util.find_spec(package) is None]


def found(place: str = "") -> list[Weights]:
    """The upscalers in `place` (a file, a folder of them, or a WebUI's `models` folder) and in the `models` folders around us.

    Of two with one name the one that can be run here comes first. Raises EngineError where `place` does not exist.
    """
    named = Path(place) if place else None
    if named and not named.exists():
        raise EngineError(
            f"{place} does not exist: refine.weights is a file with an upscaler's weights, or a folder of them."
        )
    roots = [named, *(named / folder for folder in FOLDERS)] if named else []
    roots += [path for folder in FOLDERS for path in in_models(folder)]
    weights = [Weights(name_of(file), file, KINDS[file.suffix.lower()]) for root in roots for file in _files(root)]
    first: dict[str, Weights] = {}
    for one in sorted(weights, key=lambda one: bool(one.missing)):
        first.setdefault(one.name, one)
    return list(first.values())


def _files(root: Path) -> Iterator[Path]:
    for file in [root] if root.is_file() else sorted(root.glob("*")):
        whole = file.suffix.lower() != ".param" or file.with_suffix(".bin").is_file()
        if file.suffix.lower() in KINDS and file.is_file() and whole:
            yield file


def name_of(file: Path) -> str:
    """What the upscaler in a file is called: as in the WebUI, or as its file."""
    letters = "".join(letter for letter in file.stem.lower() if letter.isalnum())
    return USUAL.get(letters, file.stem)


class Upscalers:
    """The upscalers of one place. Weights are read once; what was read stays until the object goes."""

    def __init__(self, place: str = "") -> None:
        self._place = place
        self._networks: dict[str, Network] = {}

    def names(self) -> list[str]:
        """Those that can be used here."""
        return [LANCZOS, *(one.name for one in found(self._place) if not one.missing)]

    def upscale(self, frame: Frame, model: str, scale: float) -> Frame:
        """The picture at `scale` times its size, rounded to whole pixels.

        Raises EngineError for an upscaler that is not there, cannot be read or needs more memory than there is.
        """
        size = max(1, round(frame.shape[1] * scale)), max(1, round(frame.shape[0] * scale))
        if model == LANCZOS:
            return resized(frame, size) if frame.shape[1::-1] != size else frame.copy()
        network, larger = self._network(model), frame
        for _ in range(PASSES):
            before, larger = larger.shape, tiled(network, larger, model)
            if larger.shape == before or (larger.shape[1] >= size[0] and larger.shape[0] >= size[1]):
                break
        return resized(larger, size)

    def _network(self, model: str) -> Network:
        if model not in self._networks:
            weights = self._known(model)
            module = importlib.import_module(f".{weights.kind}_weights", __package__)
            self._networks[model] = module.open_network(weights.file)
        return self._networks[model]

    def _known(self, model: str) -> Weights:
        known = {one.name: one for one in found(self._place)}
        if model not in known:
            near = difflib.get_close_matches(model, known, 3, 0.5)
            there = f"near it are {', '.join(near)}" if near else f"there are {', '.join([LANCZOS, *known])}"
            raise EngineError(
                f"There is no upscaler {model!r}; {there}. Put its weights into a folder and name that with --refine.weights."
            )
        if lacking := known[model].missing:
            raise EngineError(
                f"The upscaler {model} needs the package {' and '.join(lacking)}, which is not installed: "
                f"pip install 'vidpaint[{EXTRAS[known[model].kind]}]'."
            )
        return known[model]


def report(place: str = "") -> list[tuple[str, str]]:
    """(name, why it cannot be used here) of every upscaler there is; '' where it can."""
    why = {one.name: f"needs the package {' and '.join(one.missing)}" if one.missing else "" for one in found(place)}
    return [(LANCZOS, ""), *why.items()]
