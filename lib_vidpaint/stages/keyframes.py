"""Stage 4, keyframes: which frames are painted, and which frames each of them serves.

Reads the proxy and the region, no full-size frame but the keyframes; and keyframes.txt, a list of frames, where that is
the rule. Writes keyframes/prices.npz (what any keyframes would cost), keyframes/path.csv (where crops are cut, frame by
frame), scores.csv and keyframes/plot.png (why each was chosen by the rule), keyframes/curve.csv and keyframes/curve.png
(what more or fewer would give), keyframes/chosen.json (what the rule chose), groups.json (that, with what a person added
and removed), keyframes/predicted.csv (the error to expect in every group), and for every keyframe its picture and alpha
white (keyframes/frame/, keyframes/white/), which may be edited: the engine paints on what lies there. Once chosen,
keyframes stay while only masks are corrected.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import framing
from ..clip import read_planes_of
from ..errors import ProjectError
from ..footage import Footage, segmented
from ..groups import CHOSEN, CURVE, GROUPS, PATH, PREDICTED, PRICES, SCORES, read_groups, read_overrides
from ..handpicking import frame_numbers, handpicked
from ..items import Alphas, File, Item, SourceFrame, frame_file, keyframe_file, keyframe_white, white_file
from ..keyframing import LISTED, KeyframeSettings, budget_of, choose, unmoved
from ..keyplots import (
    curve_csv,
    curve_plot,
    predicted_csv,
    read_curve,
    read_keys,
    read_predicted,
    read_scores,
    scores_csv,
    scores_plot,
)
from ..model import Box, Color, Frame, Group, Mask, to_json
from ..orientation import shown_size, upright
from ..pictures import decode_grey, decode_picture, encode_png
from ..placement import predicted
from ..planes import Planes, view
from ..prediction import packed, prices, unpacked
from ..regions import REGION_FACTS, REGION_SMALL, alpha_white, read_regions
from ..segments import Segment, groups
from ..survey import PROXY, proxy_info

if TYPE_CHECKING:
    from ..pipeline import Run

__all__ = ["KeyframeSettings", "keyframes"]
PLOT, CURVE_PLOT = "keyframes/plot.png", "keyframes/curve.png"


def keyframes(run: Run) -> None:
    """Choose keyframes and lay out their pictures."""
    if run.clip.info.interlaced:
        run.note(
            "The video is interlaced: where something moves, its frames show two moments in combs, and an edit will too. For "
            "a better one, deinterlace the video first and give that."
        )
    settings = run.settings.keyframes
    seen = (File(PROXY), File(REGION_SMALL))
    # By hand, keyframes come and go without the rule being asked again, so that all others stay where they are.
    rule = replace(settings, add="", remove="")
    listed = (File(LISTED),) if settings.how == "file" else ()
    steps, lengths = _Steps(run), (settings.longest, settings.shortest, settings.count)
    run.build(Item((PRICES,), seen, (run.survey.cuts,)), steps.look)
    run.build(Item((PATH,), (File(REGION_FACTS), File(PRICES)), (run.source_digest,)), steps.frame)
    run.build(Item((SCORES,), (*seen, File(PRICES), *listed), (rule,)), steps.choose)
    run.build(Item((CHOSEN,), (File(PRICES), File(SCORES))), steps.keep)
    run.build(Item((CURVE,), (File(PRICES),), lengths), steps.curve)
    run.build(Item((GROUPS,), (File(CHOSEN),), (steps.added, settings.removed)), steps.group)
    run.build(Item((PREDICTED,), (File(PRICES), File(GROUPS))), steps.predict)
    plots = (
        (Item((PLOT,), (File(GROUPS), File(PREDICTED), File(SCORES))), steps.plot, steps.scores_png),
        (Item((CURVE_PLOT,), (File(GROUPS), File(PREDICTED), File(CURVE))), steps.plot_curve, steps.curve_png),
    )
    with ThreadPoolExecutor(1, thread_name_prefix="vidpaint-plot") as beside:
        steps.drawn.update((item.makes[0], beside.submit(draw)) for item, store, draw in plots if run.due(item, store))
        _lay_out(run)
    for item, store, _ in plots:
        run.build(item, store)


@dataclass(frozen=True)
class _Steps:
    """The steps to the groups, each writing its files: look, choose by the rule, add what was done by hand, draw."""

    run: Run
    drawn: dict[str, Future[bytes]] = field(default_factory=dict)
    """Plots that are drawn in a thread of their own, beside the pictures."""

    def frames(self) -> Iterator[tuple[Frame, Mask]]:
        small = (planes.arrays[0] for planes in read_planes_of(self.run.project.path(REGION_SMALL)))
        total = len(self.run.clip)
        for count, pair in enumerate(zip(self.run.survey.frames(), small, strict=True), 1):
            yield pair
            self.run.progress.step("comparing frames", count, total)

    def look(self, file: Path) -> None:
        boxes = read_regions(self.run.project).boxes
        smaller = proxy_info(self.run.clip.info).width / self.run.clip.info.width
        sides = [math.ceil(max(box.width, box.height) * smaller) if box else 0 for box in boxes]
        segments, sides = segmented(self.run.survey.cuts, [box is not None for box in boxes], sides)
        found, every = [], enumerate(self.frames())
        for segment, side in zip(segments, sides):
            own = ((n, *pair) for n, pair in islice(every, segment.stop - segment.start))
            found.append(prices(own, side))
        file.write_bytes(packed(found))

    def footage(self) -> Footage:
        found = unpacked(self.run.project.path(PRICES).read_bytes())
        segments = [Segment(p.start, p.stop, shot) for shot, p in enumerate(found)]
        return Footage(self.frames, len(self.run.clip), segments, found, self.listed())

    def listed(self) -> tuple[int, ...]:
        if self.run.settings.keyframes.how != "file":
            return ()
        path = self.run.project.path(LISTED)
        if not path.exists():
            raise ProjectError(f"keyframes.how is file: write the keyframes into {path}, such as 0 12 40.")
        return frame_numbers(path.read_text(encoding="utf-8-sig", errors="replace"), LISTED)

    def frame(self, file: Path) -> None:
        run, old = self.run, self.run.project.path(PATH)
        last = run.ledger.finished.get("keyframes")
        kept = old.exists() and last is not None and last.inputs["source"] == run.source_digest
        before = framing.read_path(old.read_text(encoding="utf-8"), PATH) if kept else None
        spans = [(found.start, found.stop) for found in unpacked(run.project.path(PRICES).read_bytes())]
        made = framing.path(read_regions(run.project).boxes, spans, float(run.clip.info.fps), before)
        file.write_text(made.csv(), encoding="utf-8")

    def choose(self, file: Path) -> None:
        footage, settings = self.footage(), self.run.settings.keyframes
        if settings.how == "predicted" and 0 < settings.count < (least := budget_of(footage, settings).least):
            self.run.note(
                f"keyframes.count is {settings.count}, but {least} are needed: every shot has its own, and no two are more "
                f"than {settings.longest} frames apart (keyframes.longest)."
            )
        picked = choose(footage, settings)
        if self.only_masks_changed():
            picked = unmoved(footage, picked, self.run.project.records(CHOSEN, Segment))
        file.write_text(scores_csv(footage, picked), encoding="utf-8")

    def only_masks_changed(self) -> bool:
        """Whether keyframes were chosen before, by the same rule in the same source."""
        last, settings = self.run.ledger.finished.get("keyframes"), self.run.settings.keyframes
        if last is None or settings.how == "file" or not self.run.project.path(CHOSEN).exists():
            return False
        rule = {f"keyframes.{name}": value for name, value in vars(settings).items() if name not in ("add", "remove")}
        return rule.items() <= last.settings.items() and last.inputs["source"] == self.run.source_digest

    def curve(self, file: Path) -> None:
        file.write_text(curve_csv(budget_of(self.footage(), self.run.settings.keyframes)), encoding="utf-8")

    def keep(self, file: Path) -> None:
        keys = read_keys(self.text(SCORES))
        chosen = [replace(s, keys=tuple(k for k in keys if s.start <= k < s.stop)) for s in self.footage().segments]
        file.write_text(json.dumps(to_json(chosen)), encoding="utf-8")

    @property
    def added(self) -> tuple[int, ...]:
        """Keyframes added by a person and by repairs."""
        return tuple(sorted({*self.run.settings.keyframes.added, *read_overrides(self.run.project).add}))

    def group(self, file: Path) -> None:
        chosen, settings = self.run.project.records(CHOSEN, Segment), self.run.settings.keyframes
        made = groups(handpicked(chosen, self.added, settings.removed, len(self.run.clip)))
        file.write_text(json.dumps(to_json(made)), encoding="utf-8")

    def predict(self, file: Path) -> None:
        made, errors = read_groups(self.run.project), []
        for found in self.footage().prices:
            errors += predicted(found, [group.key for group in made if found.start <= group.key < found.stop])
        file.write_text(predicted_csv(made, errors), encoding="utf-8")

    def scores_png(self) -> bytes:
        return scores_plot(read_scores(self.text(SCORES)), *self.expected())

    def curve_png(self) -> bytes:
        return curve_plot(read_curve(self.text(CURVE)), *self.expected())

    def plot(self, file: Path) -> None:
        file.write_bytes(self.drawn[PLOT].result())

    def plot_curve(self, file: Path) -> None:
        file.write_bytes(self.drawn[CURVE_PLOT].result())

    def expected(self) -> tuple[tuple[Group, ...], list[float]]:
        """The groups and their predicted errors, 0 to 1."""
        made, found = read_groups(self.run.project), read_predicted(self.text(PREDICTED))
        return made, [found.get(group.key, math.nan) / 100 for group in made]

    def text(self, file: str) -> str:
        return self.run.project.path(file).read_text(encoding="utf-8")


def _lay_out(run: Run) -> None:
    info, gamma = run.clip.info, run.settings.mask.gamma
    whole = Box(0, 0, info.width, info.height)
    turned = (info.rotation,) if info.rotation else ()
    pictures, whites = [], []
    keys = tuple(group.key for group in read_groups(run.project))
    for key in keys:
        edited = [f for kind in ("png", "jpg") if run.ledger.touched(f := frame_file(key, kind))]
        takes = (File(edited[0]),) if edited else (SourceFrame(key, keys),)
        more = (edited[0], shown_size(info)) if edited else ()
        pictures.append(Item((keyframe_file(key),), takes, (info.color, *turned, *more)))
        whites.append(
            Item((keyframe_white(key),), (File(white_file(key)), Alphas(key, key + 1, whole)), (gamma, *turned))
        )
    run.each(pictures, turned_picture if turned else key_picture, "keyframes")
    run.each(whites, turned_white if turned else key_white, "keyframes, white")
    run.sweep("keyframes/frame", {item.makes[0] for item in pictures})
    run.sweep("keyframes/white", {item.makes[0] for item in whites})


def key_picture(source: bytes | Planes, color: Color, *edited: Any) -> bytes:
    """The PNG of a keyframe: of the source, or of the picture (its name and size in `edited`) that a person changed."""
    if isinstance(source, bytes):
        return encode_png(decode_picture(source, *edited), packed=False)
    return encode_png(view(source, color), packed=False)


def turned_picture(source: bytes | Planes, color: Color, rotation: int, *edited: Any) -> bytes:
    """The same of a video that is shown turned: upright, as people edit it."""
    if isinstance(source, bytes):
        return key_picture(source, color, *edited)
    return encode_png(upright(view(source, color), rotation), packed=False)


def key_white(given: bytes | None, alphas: list[Mask], gamma: float) -> bytes:
    """The PNG of a keyframe's alpha white: the one in white/, or alpha pushed to white."""
    return given or encode_png(alpha_white(alphas[0], gamma))


def turned_white(given: bytes | None, alphas: list[Mask], gamma: float, rotation: int) -> bytes:
    """The same of a video that is shown turned: upright."""
    height, width = alphas[0].shape
    white = decode_grey(given, "white/", (width, height)) if given else alpha_white(alphas[0], gamma)
    return encode_png(upright(white, rotation))
