"""The small networks that come with the package (networks/, Apache-2.0), run by OpenCV: nothing to download."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ..errors import MaskError
from ..model import Frame

FOLDER = Path(__file__).parent / "networks"

_local = threading.local()


def run(name: str, side: int, picture: Frame, shift: bool = False) -> list[NDArray[np.float32]]:
    """The outputs of the network `name`.tflite for an RGB picture, made side x side; input 0..1, with `shift` -1..1.

    A network that runs cannot be shared, so every thread has its own. Raises MaskError when the file is missing or no
    such network.
    """
    if picture.shape[:2] != (side, side):
        picture = np.asarray(cv2.resize(picture, (side, side), interpolation=cv2.INTER_AREA), np.uint8)
    values = picture.astype(np.float32) / (127.5 if shift else 255.0) - (1.0 if shift else 0.0)
    net = _network(FOLDER / f"{name}.tflite")
    try:
        net.setInput(np.ascontiguousarray(values.transpose(2, 0, 1)[None]))
        return [np.asarray(part, np.float32) for part in net.forward(net.getUnconnectedOutLayersNames())]
    except cv2.error as error:
        raise _unusable(FOLDER / f"{name}.tflite") from error


def _network(path: Path) -> Any:
    known = _local.__dict__.setdefault("networks", {})
    if path not in known:
        if not path.is_file():
            raise MaskError(f"{path} is missing: install Video Inpaint again, its network {path.name} belongs to it.")
        try:
            known[path] = cv2.dnn.readNetFromTFLite(np.frombuffer(path.read_bytes(), np.uint8))
        except (cv2.error, AttributeError) as error:
            raise _unusable(path) from error
    return known[path]


def _unusable(path: Path) -> MaskError:
    return MaskError(
        f"OpenCV {cv2.__version__} cannot run {path}: is the file whole? It needs OpenCV 4.8 to 4.14; install Video Inpaint again."
    )


def sigmoid(values: NDArray[Any]) -> NDArray[np.float32]:
    """1 / (1 + exp(-x)), float32."""
    return (1 / (1 + np.exp(-np.clip(values, -30, 30)))).astype(np.float32)


def cut(picture: Frame, to: NDArray[np.float64], side: int) -> Frame:
    """The part of a picture that the 2x3 matrix `to` maps on a square, black beyond the picture's border."""
    while np.hypot(to[0, 0], to[1, 0]) <= 0.5 and min(picture.shape[:2]) > 1:
        picture = np.asarray(cv2.resize(picture, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA), np.uint8)
        to = to * (2, 2, 1)
    return np.asarray(cv2.warpAffine(picture, to, (side, side)), np.uint8)
