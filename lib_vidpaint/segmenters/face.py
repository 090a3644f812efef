"""A face, with its neck, or a whole head: outlines from a mesh of points, averaged over neighbouring frames.

A first pass follows every face of the shot from where it is found; the wanted one is chosen, then drawn. The head adds
hair and ears by the person network, the neck adds skin below the jaw.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import cv2
import numpy as np

from ..appearance import Appearance, colour_bins
from ..blending import Floats
from ..errors import MaskError
from ..matting import guided, hardened
from ..model import Box, Frame, Mask
from ..pools import Threads
from ..progress import Progress
from . import Options, Picture, Shot
from .face_points import CHIN, TOP, Points, Pose, find_faces, outline, shifted
from .prompts import Prompt
from .shipped import run, sigmoid

EVERY = 5
"""A new face is looked for in every so many frames while others are followed."""
GAP = 0.4
"""A face that was lost for fewer seconds and comes back at its place is the same; its outline is filled in between."""
SIDE = 256


@dataclass(eq=False)
class Track:
    """One face over time: the points of its outline by frame, and where to look for it next (None: it is lost)."""

    points: dict[int, Points] = field(default_factory=dict)
    pose: Pose | None = None

    @property
    def size(self) -> float:
        """The sum of its areas: large and long seen is large."""
        return sum(float(np.prod(np.ptp(points, axis=0))) for points in self.points.values())


class Face:
    """Finds one face of a shot (Options.which, or the one that prompts mark), or all."""

    seconds = 0.03
    uses = ("which", "part")

    def __init__(self, options: Options) -> None:
        self.files: dict[str, str] = {}
        self.which, self.part = options.which, options.part

    def masks(self, shot: Shot) -> Iterator[Mask]:
        tracks = [filled(track) for track in chosen(follow_faces(shot), shot.prompts, self.which)]
        jobs = ((picture, [t[i] for t in tracks if i in t]) for i, picture in enumerate(shot.full(0, shot.count)))
        yield from Threads().map(lambda job: self._drawn(shot, *job), jobs)

    def _drawn(self, shot: Shot, picture: Picture, faces: list[Points]) -> Mask:
        mask = np.zeros((shot.height, shot.width), np.uint8)
        for points in faces:
            if self.part == "face":
                np.maximum(mask, _filled_outline(points, Box(0, 0, shot.width, shot.height)), out=mask)
                continue
            box = _around(points, shot)
            part = _wider(picture.crop(box), points - (box.x, box.y), self.part == "head")
            mask[box.slices] = np.maximum(mask[box.slices], part)
        return mask


def open_it(options: Options, progress: Progress) -> Face:
    return Face(options)


def follow_faces(shot: Shot) -> list[Track]:
    """Every face of the shot, followed from frame to frame by its points."""
    tracks: list[Track] = []
    gap = max(2, round(GAP * float(shot.fps)))
    for index, (small, picture) in enumerate(zip(shot.small(0, shot.count), shot.full(0, shot.count))):
        for track in tracks:
            if track.pose:
                _look_again(track, index, picture, shot)
        alive = [track for track in tracks if track.pose]
        if alive and index % EVERY:
            continue
        for pose in _search(small, picture, shot, thorough=not alive):
            if any(_covers(track.pose, pose) for track in alive if track.pose):
                continue
            track = next((one for one in tracks if not one.pose and _returns(one, pose, index - gap)), None) or Track()
            track.pose = pose
            _look_again(track, index, picture, shot)
            if track.pose:
                alive.append(track)
                tracks += [] if track in tracks else [track]
    return tracks


def _look_again(track: Track, index: int, picture: Picture, shot: Shot) -> None:
    assert track.pose
    box = _inside(track.pose, shot)
    found = box and outline(picture.crop(box), shifted(track.pose, Box(-box.x, -box.y, 0, 0)))
    if not (box and found):
        track.pose = None
        return
    track.points[index] = found[0] + np.array((box.x, box.y), np.float32)
    track.pose = shifted(found[1], box)


def _inside(pose: Pose, shot: Shot) -> Box | None:
    left, top, right, bottom = pose.box
    x, y = max(0, int(left)), max(0, int(top))
    width, height = min(shot.width, int(right) + 2) - x, min(shot.height, int(bottom) + 2) - y
    return Box(x, y, width, height) if width > 8 and height > 8 else None


def _search(small: Frame, picture: Picture, shot: Shot, thorough: bool) -> list[Pose]:
    """Faces in the whole picture; when there is none and it matters, at the top of every person."""
    scale = shot.width / small.shape[1]
    poses = [shifted(pose, Box(0, 0, 0, 0), scale) for pose in find_faces(small)]
    if poses or not thorough:
        return poses
    near = run("person-near", SIDE, small)[0][0, 0]
    _, _, facts, _ = cv2.connectedComponentsWithStats((near > 0.5).astype(np.uint8))
    for x, y, w, h, area in np.asarray(facts)[1:].tolist():
        if area < 100:
            continue
        wide, high = w * shot.width / SIDE, h * shot.height / SIDE
        side = round(max(min(wide * 1.2, high * 0.5), 32))
        left, top = round((x + w / 2) * shot.width / SIDE - side / 2), round(y * shot.height / SIDE - side * 0.2)
        box = Box(max(0, left), max(0, top), side, side)
        box = Box(box.x, box.y, min(side, shot.width - box.x), min(side, shot.height - box.y))
        if min(box.width, box.height) > 16:
            poses += [shifted(pose, box) for pose in find_faces(picture.crop(box))]
    return poses


def _covers(one: Pose, other: Pose) -> bool:
    return bool(np.hypot(one.x - other.x, one.y - other.y) < 0.4 * max(one.side, other.side))


def _returns(track: Track, pose: Pose, earliest: int) -> bool:
    last = max(track.points)
    centre = track.points[last].mean(axis=0)
    return last >= earliest and bool(np.hypot(*(centre - (pose.x, pose.y))) < 0.7 * pose.side)


def chosen(tracks: Sequence[Track], prompts: Sequence[Prompt], which: int) -> list[Track]:
    """The tracks that are wanted: those at the prompts, else the `which`-th by size, with those that never share a frame
    with it; 0 = all. Raises MaskError when a prompt marks no face."""
    wanted = [_at(tracks, prompt) for prompt in prompts if not prompt.gone]
    if wanted or which == 0:
        return list({id(one): one for one in (wanted or tracks)}.values())
    order = sorted(tracks, key=lambda track: -track.size)
    alone: list[Track] = order[which - 1 : which]
    if len(order) == 1 or which == 1:
        for track in order[1:]:
            if not any(track.points.keys() & other.points.keys() for other in order if other is not track):
                alone.append(track)
    return alone


def _at(tracks: Sequence[Track], prompt: Prompt) -> Track:
    points = list(prompt.inside)
    if prompt.box:
        points.append((prompt.box.x + prompt.box.width // 2, prompt.box.y + prompt.box.height // 2))
    for track in tracks:
        face = track.points.get(prompt.frame)
        if face is not None:
            hull = cv2.convexHull(face + 0.15 * (face - face.mean(axis=0)))
            if all(cv2.pointPolygonTest(hull, (float(x), float(y)), False) >= 0 for x, y in points):
                return track
    raise MaskError(
        f"mask.prompts: there is no face at that place in frame {prompt.frame}; try the frame's middle of the face."
    )


def filled(track: Track) -> dict[int, Points]:
    """The points of every frame from first to last, short gaps filled in, each averaged with its neighbours (1, 2, 1)."""
    known = sorted(track.points)
    whole = dict(track.points)
    for before, after in pairwise(known):
        for index in range(before + 1, after):
            share = (index - before) / (after - before)
            whole[index] = np.float32(1 - share) * track.points[before] + np.float32(share) * track.points[after]

    def steady(i: int, points: Points) -> Points:
        return ((whole.get(i - 1, points) + 2 * points + whole.get(i + 1, points)) / 4).astype(np.float32)

    return {i: steady(i, points) for i, points in sorted(whole.items())}


def _filled_outline(points: Points, box: Box) -> Mask:
    mask = np.zeros((box.height, box.width), np.uint8)
    hull = np.rint((cv2.convexHull(points) - (box.x, box.y)) * 16).astype(np.int32)
    cv2.fillConvexPoly(mask, hull, (255,), cv2.LINE_AA, 4)
    return mask


def _around(points: Points, shot: Shot) -> Box:
    """A box three faces wide and high: what the person network needs to see."""
    low, high = points.min(axis=0), points.max(axis=0)
    side = float(max(high - low))
    x, y = max(0, int(low[0] - side)), max(0, int(low[1] - side))
    right, bottom = min(shot.width, int(high[0] + side)), min(shot.height, int(high[1] + side))
    return Box(min(x, shot.width - 1), min(y, shot.height - 1), max(1, right - x), max(1, bottom - y))


def _wider(crop: Frame, points: Points, head: bool) -> Mask:
    """The mask of a head, or of face and neck, in a crop around it."""
    height, width = crop.shape[:2]
    scale = SIDE / max(height, width)
    size = max(8, round(width * scale)), max(8, round(height * scale))
    small = np.asarray(cv2.resize(crop, size, interpolation=cv2.INTER_AREA), np.uint8)
    face = points * (size[0] / width, size[1] / height)
    near = np.asarray(cv2.resize(run("person-near", SIDE, small)[0][0, 0], size), np.float32)
    hull = _filled_outline(face.astype(np.float32), Box(0, 0, *size)) / np.float32(255)
    if head:
        room, hair = _head_room(face, size)
        mask = _by_colour(near, small, np.maximum(hull, hair * (near > 0.9))) * room
    else:
        mask = near * _neck(small, face, size)
    mask = np.maximum(_joined(guided(mask, small), hull), hull)
    return hardened(np.asarray(cv2.resize(mask, (width, height), interpolation=cv2.INTER_CUBIC), np.float32))


def _by_colour(near: Floats, small: Frame, sure: Floats) -> Floats:
    """What the person network saw, corrected by the colours of what is surely the head and surely not a person: in
    close-ups the network takes much of the background along."""
    look, colours = Appearance(), colour_bins(small)
    still = np.zeros_like(colours)
    look.learn(colours, still, np.where(sure > 0.9, 1, np.where(near < 0.1, 0, 0.5)).astype(np.float32), 1.0)
    if not look.object.any():
        return near
    unsure = np.clip(near, 0.1, 0.9)
    odds = np.log(unsure / (1 - unsure)) + look.log_odds(colours, still)
    return guided(sigmoid(odds), small)


def _joined(mask: Floats, hull: Floats) -> Floats:
    """The mask without what is not joined to the face: background of a like colour, single strands of hair."""
    opened = cv2.morphologyEx((mask > 0.5).astype(np.uint8), cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    labels = cv2.connectedComponents(np.maximum(opened, (hull > 0.5).astype(np.uint8)))[1]
    ours = np.unique(labels[hull > 0.5])
    near = cv2.dilate(np.isin(labels, ours[ours > 0]).astype(np.uint8), np.ones((5, 5), np.uint8))
    return (mask * near).astype(np.float32)


def _axes(face: Points) -> tuple[Points, Points, float, float]:
    """The face's middle, its up direction, its height and its width across that."""
    up = face[TOP] - face[CHIN]
    high = float(np.hypot(*up)) or 1.0
    up = up / high
    across = np.array([up[1], -up[0]])
    sides = face @ across
    middle = (face[TOP] + face[CHIN]) / 2
    return middle + across * (sides.mean() - middle @ across), up, high, float(np.ptp(sides))


def _head_room(face: Points, size: tuple[int, int]) -> tuple[Floats, Floats]:
    """Where a head can be, an egg from the chin to well above the forehead, soft at its edge; and where its hair surely is."""
    above, beside, high, wide = _from_middle(face, size)
    radius = np.where(above > 0, high * 1.05, high * 0.62)
    egg = (above / radius) ** 2 + (beside / (0.5 * wide + 0.32 * high)) ** 2
    hair = (above > 0.45 * high) & (above < 0.75 * high) & (abs(beside) < 0.4 * wide)
    return np.clip((1.1 - egg) / 0.2, 0, 1).astype(np.float32), hair.astype(np.float32)


def _from_middle(face: Points, size: tuple[int, int]) -> tuple[Floats, Floats, float, float]:
    """For every pixel how far above and beside the face's middle it lies, along its own axes; its height and width."""
    middle, up, high, wide = _axes(face)
    x, y = np.meshgrid(np.arange(size[0], dtype=np.float32), np.arange(size[1], dtype=np.float32))
    above = (x - middle[0]) * up[0] + (y - middle[1]) * up[1]
    beside = (x - middle[0]) * up[1] - (y - middle[1]) * up[0]
    return above.astype(np.float32), beside.astype(np.float32), high, wide


def _neck(small: Frame, face: Points, size: tuple[int, int]) -> Floats:
    """Whether a pixel below the jaw has the colour of the face's skin, or of the skin in the shadow of the chin: 0 or 1."""
    above, beside, high, wide = _from_middle(face, size)
    lab = cv2.cvtColor(small, cv2.COLOR_RGB2LAB).astype(np.float32)
    inner = (above / high) ** 2 + (beside / wide) ** 2 < 0.12
    under = (above < -0.53 * high) & (above > -0.63 * high) & (abs(beside) < 0.15 * wide)
    if not inner.any():
        return np.zeros_like(above)
    skin = np.median(lab[inner], axis=0)
    close = np.exp(-_unlike(lab, skin, (40, 6, 7)))
    shadow = lab[under & (_unlike(lab, skin, (120, 16, 22)) < 1)]
    if len(shadow) > 8:
        close = np.maximum(close, np.exp(-_unlike(lab, np.median(shadow, axis=0), (30, 6, 8))))
    there = (above < 0) & (above > -0.95 * high) & (abs(beside) < 0.45 * wide)
    return (close * there > 0.25).astype(np.float32)


def _unlike(lab: Floats, centre: Floats, spread: tuple[float, float, float]) -> Floats:
    return (((lab - centre) / np.array(spread, np.float32)) ** 2).sum(axis=2) / 4
