"""Stage 4, keyframes: which frames are painted, and which frames each of them serves.

Reads the proxy and the region, no full-size frame but the keyframes. Writes scores.csv and keyframes/plot.png (why each
was chosen), groups.json, and for every keyframe its picture and alpha white (keyframes/frame/, keyframes/white/), which
may be edited: the engine paints on what lies there.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..clip import read_planes_of
from ..groups import GROUPS, read_groups
from ..items import Alphas, File, Item, SourceFrame, frame_file, keyframe_file, keyframe_white, white_file
from ..keyframing import groups, score, scores_csv, scores_plot
from ..model import Box, Color, Frame, Mask, to_json
from ..pictures import decode_picture, encode_png
from ..planes import Planes, view
from ..regions import REGION_SMALL, alpha_white, read_regions
from ..settings import knob
from ..shots import ShotDetector
from ..survey import PROXY

if TYPE_CHECKING:
    from ..pipeline import Run

SCORES, PLOT = "scores.csv", "keyframes/plot.png"


@dataclass(frozen=True)
class KeyframeSettings:
    movement: float = knob(
        0.5, "More makes smaller groups: movement needs less to ask for a keyframe.", low=0, high=1, step=0.01
    )
    convergence: float = knob(0.5, "What asks for a keyframe: 0 only motion, 1 only colour.", low=0, high=1, step=0.01)
    longest: int = knob(
        10, "Most frames in a group, wherever something changes.", low=1, high=1000, step=1, label="Longest group"
    )


def keyframes(run: Run) -> None:
    """Choose keyframes and lay out their pictures."""
    settings, regions = run.settings.keyframes, read_regions(run.project)
    shown = [box is not None for box in regions.boxes]

    def frames() -> Iterator[tuple[Frame, Mask]]:
        small = (planes.arrays[0] for planes in read_planes_of(run.project.path(REGION_SMALL)))
        for count, pair in enumerate(zip(run.survey.frames(), small, strict=True), 1):
            yield pair
            run.progress.step("comparing frames", count, len(shown))

    def write(table: Path, plot: Path, grouping: Path) -> None:
        cuts = ShotDetector(run.clip.info.fps)
        scores = score(frames, cuts, settings.movement, settings.convergence, settings.longest, shown)
        made = groups(scores, shown)
        table.write_text(scores_csv(scores), encoding="utf-8")
        plot.write_bytes(scores_plot(scores, made))
        grouping.write_text(json.dumps(to_json(made)), encoding="utf-8")

    run.build(Item((SCORES, PLOT, GROUPS), (File(PROXY), File(REGION_SMALL)), (settings,)), write)
    _lay_out(run)


def _lay_out(run: Run) -> None:
    info, gamma = run.clip.info, run.settings.mask.gamma
    whole = Box(0, 0, info.width, info.height)
    pictures, whites = [], []
    keys = tuple(group.key for group in read_groups(run.project))
    for key in keys:
        edited = [f for kind in ("png", "jpg") if run.ledger.touched(f := frame_file(key, kind))]
        takes = (File(edited[0]),) if edited else (SourceFrame(key, keys),)
        more = (edited[0], (info.width, info.height)) if edited else ()
        pictures.append(Item((keyframe_file(key),), takes, (info.color, *more)))
        whites.append(Item((keyframe_white(key),), (File(white_file(key)), Alphas(key, key + 1, whole)), (gamma,)))
    run.each(pictures, key_picture, "keyframes")
    run.each(whites, key_white, "keyframes, white")
    run.sweep("keyframes/frame", {item.makes[0] for item in pictures})
    run.sweep("keyframes/white", {item.makes[0] for item in whites})


def key_picture(source: bytes | Planes, color: Color, *edited: Any) -> bytes:
    """The PNG of a keyframe: of the source, or of the picture (its name and size in `edited`) that a person changed."""
    if isinstance(source, bytes):
        return encode_png(decode_picture(source, *edited))
    return encode_png(view(source, color))


def key_white(given: bytes | None, alphas: list[Mask], gamma: float) -> bytes:
    """The PNG of a keyframe's alpha white: the one in white/, or alpha pushed to white."""
    return given or encode_png(alpha_white(alphas[0], gamma))
