"""Faces in one picture: where they are (BlazeFace) and the points of their outline (Face Mesh), both by MediaPipe.

Bazarevsky et al., "BlazeFace" (2019); Kartynnik et al., "Real-time Facial Surface Geometry" (2019).
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ..model import Box, Frame
from .shipped import cut, run, sigmoid

Points = NDArray[np.float32]
"""float32 (n, 2): x and y in pixels."""

SURE = 0.6
"""Below this probability it is no face."""
FINDER_SIDE, MESH_SIDE = 128, 192
ROOM = 1.5
"""The mesh looks at a square this many times the face."""
# Of the 468 points of the mesh: the outline, from the top of the forehead clockwise; the outer corners of the eyes.
OUTLINE = (
    10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377,
    152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109,
)  # fmt: skip
TOP, CHIN = OUTLINE.index(10), OUTLINE.index(152)
EYES = 33, 263
# Seen from the side the far half of the outline lies behind the cheek, which then is what one sees: a third of all points.
KEPT = [*OUTLINE, *range(0, 468, 3)]


@dataclass(frozen=True)
class Pose:
    """Where the mesh has to look: a square with this centre, side and turn (radians), in pixels."""

    x: float
    y: float
    side: float
    turn: float

    def to(self, side: int) -> NDArray[np.float64]:
        """The 2x3 matrix from the picture to a square of `side` pixels."""
        scale = side / self.side
        cos, sin = np.cos(self.turn) * scale, np.sin(self.turn) * scale
        shift = side / 2 - cos * self.x - sin * self.y, side / 2 + sin * self.x - cos * self.y
        return np.array([[cos, sin, shift[0]], [-sin, cos, shift[1]]])

    @property
    def box(self) -> tuple[float, float, float, float]:
        """The upright square around it: left, top, right, bottom."""
        half = self.side / 2 * (abs(np.cos(self.turn)) + abs(np.sin(self.turn)))
        return self.x - half, self.y - half, self.x + half, self.y + half


def find_faces(picture: Frame) -> list[Pose]:
    """Where faces are in a picture: those of a twelfth of its shorter side and more.

    It is looked at whole, then in squares along its longer side, so that a group of people is seen large enough.
    """
    height, width = picture.shape[:2]
    side = min(height, width)
    squares = -(-2 * (max(height, width) - side) // side)
    boxes = [Box(0, 0, width, height)]
    for number in range(squares + 1 if squares else 0):
        along = round(number * (max(height, width) - side) / squares)
        boxes.append(Box(along, 0, side, side) if width > height else Box(0, along, side, side))
    poses: list[Pose] = []
    for box in boxes:
        for pose in (shifted(found, box) for found in _in_square(picture[box.slices])):
            if not any(np.hypot(pose.x - one.x, pose.y - one.y) < 0.3 * max(pose.side, one.side) for one in poses):
                poses.append(pose)
    return poses


def _in_square(picture: Frame) -> list[Pose]:
    """The faces that the network sees in a picture made to fit its square, the surest first."""
    height, width = picture.shape[:2]
    scale = FINDER_SIDE / max(height, width)
    shift = (FINDER_SIDE - scale * width) / 2, (FINDER_SIDE - scale * height) / 2
    logits, found = run(
        "face-finder",
        FINDER_SIDE,
        cut(picture, np.array([[scale, 0, shift[0]], [0, scale, shift[1]]]), FINDER_SIDE),
        True,
    )
    sure = sigmoid(logits[0, :, 0])
    values = found[0].reshape(-1, 8, 2)
    places = values.copy()
    places += _ANCHORS[:, None]
    places[:, 1] -= _ANCHORS
    poses, taken = [], []
    for index in np.argsort(-sure):
        if sure[index] < SURE:
            break
        if any(np.hypot(*(places[index, 0] - places[one, 0])) < 0.5 * places[one, 1, 0] for one in taken):
            continue
        taken.append(index)
        centre, (right, left) = (places[index, 0] - shift) / scale, (places[index, 2:4] - shift) / scale
        turn = float(np.arctan2(left[1] - right[1], left[0] - right[0]))
        poses.append(Pose(float(centre[0]), float(centre[1]), ROOM * float(max(places[index, 1])) / scale, turn))
    return poses


def outline(picture: Frame, pose: Pose) -> tuple[Points, Pose] | None:
    """Points of a face in the picture (first the 36 of OUTLINE; the hull of all is the face), and where to look for it in
    the next; None when there is none."""
    to = pose.to(MESH_SIDE)
    sure, mesh = run("face-points", MESH_SIDE, cut(picture, to, MESH_SIDE))
    if sigmoid(sure).item() < SURE:
        return None
    back = cv2.invertAffineTransform(to)
    points = (mesh.reshape(-1, 3)[:, :2] @ back[:, :2].T + back[:, 2]).astype(np.float32)
    right, left = points[EYES[0]], points[EYES[1]]
    turn = float(np.arctan2(left[1] - right[1], left[0] - right[0]))
    cos, sin = np.cos(turn), np.sin(turn)
    turned = points @ np.array([[cos, -sin], [sin, cos]], np.float32)
    low, high = turned.min(axis=0), turned.max(axis=0)
    x, y = np.array([[cos, -sin], [sin, cos]]) @ ((low + high) / 2)
    return points[KEPT], Pose(float(x), float(y), ROOM * float(max(high - low)), turn)


def shifted(pose: Pose, box: Box, scale: float = 1.0) -> Pose:
    """A pose found in the part `box` of a picture, in that picture; `scale` = its pixels per pixel of the part."""
    return Pose(pose.x * scale + box.x, pose.y * scale + box.y, pose.side * scale, pose.turn)


def _anchors() -> Points:
    grids = []
    for cells, each in ((16, 2), (8, 6)):
        places = (np.arange(cells) + 0.5) * FINDER_SIDE / cells
        grids.append(np.stack(np.meshgrid(places, places), axis=-1).reshape(-1, 2).repeat(each, axis=0))
    return np.concatenate(grids).astype(np.float32)


_ANCHORS = _anchors()
