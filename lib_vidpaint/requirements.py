"""What the package needs beside a WebUI, and which feature each part gives. Standard library only: install.py reads it."""

from __future__ import annotations

import importlib.util
import sys
from dataclasses import dataclass


@dataclass(frozen=True)
class Requirement:
    """A package by the name it is imported by, what pip is asked for, and what does not work without it.

    `alone`: installed without what it declares, because that would change the host.
    """

    module: str
    spec: str
    gives: str
    alone: bool = False

    @property
    def missing(self) -> bool:
        """Whether nothing of that import name is there, whichever package brings it."""
        try:
            return importlib.util.find_spec(self.module) is None
        except (ImportError, ValueError):
            return True


# Never asked for, as installing them changes what the host pins; they only have to be there.
OF_THE_HOST = (
    Requirement("numpy", "numpy>=1.26,<3", "everything"),
    Requirement("cv2", "opencv-python>=4.8,<5", "everything"),
    Requirement("PIL", "pillow>=9.5", "everything"),
    Requirement("matplotlib", "matplotlib>=3.7", "the plot of the keyframes"),
)
ADDED = (
    Requirement("av", "av>=17.1,<19", "reading and writing video"),
    Requirement("scenedetect", "scenedetect>=0.7,<0.8", "finding shot cuts"),
    *((Requirement("tomli", "tomli>=2", "reading project.toml"),) if sys.version_info < (3, 11) else ()),
)


REMBG = (
    Requirement("onnxruntime", "onnxruntime>=1.16,<1.27", "what rembg finds"),
    Requirement("pymatting", "pymatting>=1.1.8,<1.2", "what rembg finds"),
    Requirement("pooch", "pooch>=1.6,<2", "what rembg finds"),
    Requirement("rembg", "rembg>=2.0.57,<2.0.70", "what rembg finds", alone=True),
)
SAM = (
    Requirement("torch", "torch>=2.0", "what SAM finds"),
    Requirement("torchvision", "torchvision>=0.15", "what SAM finds"),
    Requirement("segment_anything", "segment-anything>=1.0,<2", "what SAM finds", alone=True),
)
FINDING = {"rembg": REMBG, "clothing": REMBG, "sam": SAM}
"""What some ways to find masks need: without it they are off, each with a sentence, and everything else works."""
OPTIONAL = tuple(one for one in (*REMBG, *SAM) if not one.module.startswith("torch"))  # torch is the host's own


def lacking(how: str) -> str:
    """A sentence that says why a way to find masks is off and how to have it; '' when nothing it needs is missing."""
    absent = missing(FINDING.get(how, ()))
    if not absent:
        return ""
    extra = "sam" if how == "sam" else "rembg"
    # The host brings its own torch.
    asked = " ".join(f'"{one.spec}"' for one in absent if not one.alone and not one.module.startswith("torch"))
    alone = " ".join(f'"{one.spec}"' for one in absent if one.alone)
    steps = [f"pip install {specs}" for specs in (asked, f"--no-deps {alone}" if alone else "") if specs]
    host = f" (in a WebUI: {', then '.join(steps)})" if steps else ""
    names = ", ".join(one.module for one in absent)
    return (
        f"Finding masks with {how} is off: {names} {'is' if len(absent) == 1 else 'are'} not installed; "
        f"do pip install 'vidpaint[{extra}]'{host}."
    )


def missing(requirements: tuple[Requirement, ...] = ADDED) -> list[Requirement]:
    """Those that are not there; nothing is imported to find out."""
    return [one for one in requirements if one.missing]


def turned_off() -> list[str]:
    """A sentence for every feature that is off because its package is not there."""
    lacking = missing(OF_THE_HOST + ADDED)
    return [
        f"{one.gives[0].upper()}{one.gives[1:]} is off: the package {one.spec} is not installed." for one in lacking
    ]
