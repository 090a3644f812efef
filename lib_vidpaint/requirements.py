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


def missing(requirements: tuple[Requirement, ...] = ADDED) -> list[Requirement]:
    """Those that are not there; nothing is imported to find out."""
    return [one for one in requirements if one.missing]


def turned_off() -> list[str]:
    """A sentence for every feature that is off because its package is not there."""
    lacking = missing(OF_THE_HOST + ADDED)
    return [
        f"{one.gives[0].upper()}{one.gives[1:]} is off: the package {one.spec} is not installed." for one in lacking
    ]
