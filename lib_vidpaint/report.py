"""What there is to say about a finished project, gathered as records: `report.json`, from which report.html is drawn."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from . import __version__
from . import settings as settings_module
from .candidates import read_label
from .groups import REPAIRS, VERDICTS, candidate_file, read_groups, read_render
from .judging import Limits, row_times
from .model import Verdict
from .project import LOG, Folder
from .ranking import Rank
from .receipt import Receipt
from .regions import read_regions
from .repairing import History, Repair
from .selection import Picks, gallery, ranks

if TYPE_CHECKING:
    from .pipeline import Run

RECEIPT = "package/receipt.json"
MEASURES = "report.csv"
WORST, NEAR = 6, 0.5


@dataclass(frozen=True)
class GroupReport:
    """One group: its frames [start, stop), how it was decided, the candidate used with its parameters, and how it scored.

    scores: seam scores of its candidates by number, less is better. measures and broken: what validation found.
    """

    key: int
    start: int
    stop: int
    shot: int
    decision: str
    candidate: int | None = None
    seed: str = ""
    parameters: str = ""
    special: str = ""
    scores: dict[int, float] = field(default_factory=dict)
    measures: dict[str, float] = field(default_factory=dict)
    broken: tuple[str, ...] = ()


@dataclass(frozen=True)
class Bad:
    """A frame that stands out: how many times the limit its worst measure has, and which that is."""

    frame: int
    key: int
    times: float
    measure: str


@dataclass(frozen=True)
class Report:
    """A finished project. `seconds` has the stages' times as the log has them, `shares` the region's share by frame and
    `badness` every frame's worst measure as a multiple of its limit (0: nothing was measured)."""

    statement: str
    version: str
    source: str
    source_digest: str
    facts: dict[str, str]
    settings: dict[str, Any]
    groups: tuple[GroupReport, ...]
    shares: tuple[float, ...]
    badness: tuple[float, ...]
    worst: tuple[Bad, ...]
    seconds: dict[str, float]
    receipt: Receipt | None = None
    repairs: tuple[Repair, ...] = ()


def gathered(run: Run) -> Report:
    """The report of a project that has been rendered."""
    project, made = run.project, read_render(run.project)
    verdicts = {verdict.key: verdict for verdict in project.records(VERDICTS, Verdict)}
    picks = gallery(project, run.settings.inpaint.candidates)
    ranked = ranks(project)
    shots = [_group(project, pick, verdicts.get(pick.group.key), ranked.get(pick.group.key, {})) for pick in picks]
    shares = read_regions(project).shares
    found = bad_frames(
        project.path(MEASURES).read_text(encoding="utf-8"), run.settings.validate.limits(run.settings.composite.carry)
    )
    by_frame = {bad.frame: bad.times for bad in found}
    source = run.ledger.inputs["source"]
    return Report(
        made.note, __version__, source.name, source.content, _facts(run, made.encoding),
        settings_module.changed(run.settings), tuple(shots), shares,
        tuple(round(by_frame.get(frame, 0.0), 3) for frame in range(len(shares))), tuple(worst_of(found)),
        stage_seconds(read_log(project)),
        project.record(RECEIPT, Receipt) if project.path(RECEIPT).exists() else None,
        project.record(REPAIRS, History).repairs if project.path(REPAIRS).exists() else (),
    )  # fmt: skip


def _group(project: Folder, pick: Picks, verdict: Verdict | None, ranked: Mapping[int, Rank]) -> GroupReport:
    group, number = pick.group, pick.candidate
    file = project.path(candidate_file(group.key, number)) if number is not None else None
    label = read_label(file) if file and file.exists() else None
    return GroupReport(
        group.key, group.start, group.stop, group.shot, pick.decision, number,
        label.seed if label else "", label.parameters if label else "", label.special if label else "",
        {number: rank.scores.seam for number, rank in ranked.items()},
        {name: round(value, 4) for name, value in verdict.measures.items()} if verdict else {},
        verdict.broken if verdict else (),
    )  # fmt: skip


def _facts(run: Run, encoding: str) -> dict[str, str]:
    info, clip = run.clip.info, run.clip
    seconds = float((clip.pts[-1] - clip.pts[0]) * info.time_base + 1 / info.fps)
    regions = read_regions(run.project)
    return {
        "picture": f"{info.width}x{info.height}, {info.pixel_format}, {info.codec} in {info.container}",
        "length": f"{len(clip)} frames, {seconds:.2f} s, {float(info.fps):g} frames per second",
        "part": run.settings.source.span or "the whole video",
        "sound": ", ".join(f"{track.codec} {track.rate} Hz" for track in info.audio) or "none",
        "region": f"{regions.share:.1%} of all pixels",
        "keyframes": str(len(read_groups(run.project))),
        "engine": run.engine_name,
        "master": encoding or "not made",
    }


def bad_frames(table: str, limits: Limits) -> list[Bad]:
    """How far every frame of report.csv is from its limits, in order of the frames."""
    found = []
    for row in csv.DictReader(io.StringIO(table)):
        times, worst = row_times(row, limits)
        if worst:
            found.append(Bad(int(row["index"]), int(row["key"]), round(times, 3), worst))
    return found


def worst_of(found: Sequence[Bad]) -> list[Bad]:
    """The worst frame of each of the WORST worst groups, the worst first; what is far from every limit is left out."""
    by_key: dict[int, Bad] = {}
    for bad in sorted(found, key=lambda bad: -bad.times):
        if bad.times >= NEAR:
            by_key.setdefault(bad.key, bad)
    return list(by_key.values())[:WORST]


def read_log(project: Folder) -> str:
    """The project's log, empty where somebody removed it."""
    path = project.path(LOG)
    return path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""


def stage_seconds(log: str) -> dict[str, float]:
    """How long every stage took in all, as the log says."""
    seconds: dict[str, float] = {}
    for name, took in re.findall(r" INFO (\w+) took ([\d.]+) s$", log, re.MULTILINE):
        seconds[name] = round(seconds.get(name, 0.0) + float(took), 1)
    return seconds


def differing(settings: Mapping[str, Any]) -> dict[str, str]:
    """Settings as a person writes them."""
    return {path: settings_module.shown(value) for path, value in settings.items()}
