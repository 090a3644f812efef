"""Where a new shot begins: PySceneDetect's AdaptiveDetector, fed frame by frame with small pictures.

It compares each frame's change with that of its neighbours, so a fast pan is not a cut; fades are not looked for.
"""

from __future__ import annotations

from fractions import Fraction

import cv2
import numpy as np

from .model import Frame

WIDTH = 160
"""Frames are compared at most this wide: 0.2 ms a frame instead of 0.5 at 480, and the same cuts on real clips."""
SHORTEST = Fraction(1, 4)
"""A shot lasts at least this many seconds: the second edge of a flash is no cut."""


class ShotDetector:
    """Finds cuts in frames given one after the other; `starts` has the first frame of every shot found so far.

    A cut is known `DELAY` frames later, because the frames behind it decide too; the last `DELAY` frames have none.
    """

    DELAY = 2

    def __init__(self, fps: Fraction | float) -> None:
        from scenedetect import FrameTimecode
        from scenedetect.detectors import AdaptiveDetector

        self.starts: list[int] = []
        self._count = 0
        self._timecode = lambda index: FrameTimecode(index, float(fps))
        self._detector = AdaptiveDetector(
            min_scene_len=max(1, round(SHORTEST * Fraction(fps))), window_width=self.DELAY
        )

    def add(self, frame: Frame) -> bool:
        """Whether this RGB frame made a cut known, which is then the last of `starts`."""
        if not self._count:
            self.starts.append(0)
        found = self._detector.process_frame(self._timecode(self._count), _small(frame))
        self._count += 1
        self.starts += [cut.frame_num for cut in found]
        return bool(found)


def _small(frame: Frame) -> Frame:
    height, width = frame.shape[:2]
    if width > WIDTH:
        size = WIDTH, max(1, round(height * WIDTH / width))
        frame = np.asarray(cv2.resize(frame, size, interpolation=cv2.INTER_AREA), np.uint8)
    return np.asarray(cv2.cvtColor(frame, cv2.COLOR_RGB2BGR), np.uint8)
