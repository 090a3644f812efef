"""What a person can ask for, in one place: the command line and the pages are thin ways to call a Session."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2

from . import mending, pipeline
from . import settings as settings_module
from .abilities import check_engine
from .atomic import free_bytes, writing
from .clip import open_clip
from .engines import Engine
from .errors import MaskError, ProjectError, SettingsError, VideoError
from .finishing import check_copies
from .groups import (
    CHOSEN,
    CURVE,
    DELIVERY,
    PATCHES,
    PREDICTED,
    Delivery,
    candidate_file,
    read_groups,
    read_render,
    read_selection,
)
from .handpicking import toggled
from .keyplots import clip_error, read_curve, read_predicted
from .ledger import Input
from .logs import logged
from .model import Group, Mask
from .pacing import seconds_per_image
from .patching import patches_in_force
from .pools import Pool, Threads
from .preparing import OWN, UNPREPARED, handed_on, worked_on
from .preparing import PROJECT as PREPARED
from .progress import Progress
from .project import SETTINGS, Folder, Project, digest_given, is_project
from .project import seconds_at_work as seconds_at_work
from .receipt import Receipt, receipt
from .regions import REGION, read_regions
from .render import edited_frames
from .render import render as render_frames
from .retouching import give_out, take_away
from .retouching import heal as heal_spot
from .segmenters.given import open_given
from .segments import Segment
from .selection import wanted
from .sizes import master_bytes
from .stages import PRESETS, STAGES, Settings
from .stages.assemble import master_name
from .stages.inpaint import keep_pace, pace
from .survey import SourceSettings
from .workplan import WorkPlan

log = logging.getLogger(__name__)
SOURCE = "source"
PREPARE_FIRST = "prepare is due"


@dataclass(frozen=True)
class StageState:
    """One line of `status`: state is `done` or `due`, with the reasons for `due`."""

    name: str
    state: str
    about: str
    reasons: tuple[str, ...] = ()


def changed_settings(settings: Settings, values: Mapping[str, Any], preset: str = "") -> Settings:
    """New settings: the preset's values first, then `values` (dotted paths) over them. Raises SettingsError.

    What another preset had set is put back to its default; what a person set to something else stays.
    """
    if not preset:
        return settings_module.put(settings, values)
    if preset not in PRESETS:
        raise SettingsError(f"There is no preset {preset!r}; there are {', '.join(PRESETS)}.")
    others = {(path, value) for other in PRESETS.values() for path, value in other.items()}
    left = {path for path, value in others if settings_module.get(settings, path) == value}
    back = {path: settings_module.leaf(Settings, path).default for path in left}
    return settings_module.put(settings, {**back, **PRESETS[preset], **values})


def run(
    folder: Path,
    values: Mapping[str, Any],
    *,
    preset: str = "",
    until: str = "",
    progress: Progress | None = None,
    pool: Pool | None = None,
    engine: Engine | None = None,
    only: int | None = None,
    preview: bool = False,
) -> None:
    """Begin or continue the project in `folder` with these settings laid over its own, up to the stage `until`.

    `until` "source" only reads the video, so that a person can look at it before there is a mask. With `only`, one
    keyframe is painted (that one, or the first where it is none), and the rest waits for the next run. With `preview`, every
    keyframe is painted once with few steps into previews/, and no more.
    A new project whose source or mask is refused leaves nothing behind. Raises VidpaintError, WaitingForPerson, Cancelled.
    """
    _check_stage(until)
    if not is_project(folder):
        first = changed_settings(Settings(), values, preset)
        _check_inputs(first)
        if engine is None:
            check_engine(first.inpaint, until)
    with Project(folder) as project:
        try:
            with logged(project), _one_opencv_thread():
                settings = changed_settings(project.read_settings(Settings()), values, preset)
                work = pipeline.Run(project, settings, progress, pool or Threads(), engine, only, preview)
                log.info("run of %s with %s", work.source_digest, settings_module.changed(settings))
                project.write_settings(settings)
                for path, name in (("mask.white", "white"), ("enhance.lut", "lut")):
                    if values.get(path) == "" and name in project.ledger.inputs:
                        project.ledger.add(Input(name, "", "", ""))
                ahead = settings.prepare.on and until not in (SOURCE, *UNPREPARED)
                if until == SOURCE:
                    _ = work.survey
                elif ahead:
                    pipeline.catch_up(work, STAGES, UNPREPARED[-1])
                else:
                    check_copies(work, until)
                    mending.rounds(work, lambda: pipeline.catch_up(work, STAGES, until))
        except (SettingsError, MaskError, VideoError):
            if project.created and not project.ledger.finished:
                project.discard()
            raise
    if ahead:
        given = handed_on(project.folder, settings)
        run(
            project.path(PREPARED), given, until=until, progress=progress, pool=pool, engine=engine, only=only,
            preview=preview,
        )  # fmt: skip


@contextmanager
def opened(folder: Path, values: Mapping[str, Any] | None = None) -> Iterator[pipeline.Run]:
    """A project to look at; nothing in it is changed."""
    with Project(folder, writable=False) as project:
        settings = settings_module.put(project.read_settings(Settings()), values or {})
        yield pipeline.Run(project, settings)


def status(folder: Path, values: Mapping[str, Any] | None = None) -> list[StageState]:
    """Where every stage stands, with these settings laid over the project's own; after stage prepare in the project it made."""
    found, inner = _status(folder, values), worked_on(folder)
    later: dict[str, StageState] = {}
    if any(state.name == UNPREPARED[-1] and state.state == "due" for state in found):
        with opened(folder, values) as run:
            if run.settings.prepare.on or inner != folder:
                later = {stage.name: StageState(stage.name, "due", stage.about, (PREPARE_FIRST,)) for stage in STAGES}
    elif inner != folder:
        shared = {path: value for path, value in (values or {}).items() if path.split(".")[0] not in OWN}
        later = {state.name: state for state in status(inner, shared)}
    return [later.get(state.name, state) if state.name not in UNPREPARED else state for state in found]


def _status(folder: Path, values: Mapping[str, Any] | None) -> list[StageState]:
    with opened(folder, values) as run:
        found = pipeline.explain(run, STAGES)
    states = []
    for stage in STAGES:
        state = "due" if found[stage.name] else "done"
        states.append(StageState(stage.name, state, stage.about, tuple(found[stage.name])))
    return states


def explain(folder: Path, stage: str = "") -> list[StageState]:
    """Why stages are due: all of them, or the one asked for."""
    _check_stage(stage)
    return [state for state in status(folder) if stage in ("", state.name)]


RESULTS = (
    ("share.mp4", "result"),
    ("smooth.mp4", "result with in-between frames"),
    ("large.mp4", "result, larger"),
    ("package/comparison.mp4", "before and after"),
    ("package/receipt.txt", "receipt"),
    ("sheets/original.jpg", "contact sheet"),
    ("keyframes/plot.png", "keyframes"),
)


def results(folder: Path) -> list[tuple[str, str]]:
    """(file, what it is) of what a person will want to look at, as far as it was made."""
    inner = worked_on(folder)
    with Project(inner, writable=False) as project:
        made, before = read_render(project).master, inner.relative_to(folder)
        found = [(file, text) for file, text in ((made, "master"), *RESULTS) if file and project.path(file).exists()]
    return [((before / file).as_posix(), text) for file, text in found]


def toggled_keyframe(folder: Path, frame: int, values: Mapping[str, Any] | None = None) -> dict[str, str]:
    """The values of keyframes.add and keyframes.remove that make a frame a keyframe, or none any more when it is one.

    `values` are settings laid over the project's own. Raises ProjectError before keyframes were chosen.
    """
    with opened(folder, values) as run:
        settings, found = run.settings.keyframes, run.project.records(CHOSEN, Segment)
    chosen = {key for segment in found for key in segment.keys}
    add, remove = toggled(settings.add, settings.remove, chosen, frame)
    return {"keyframes.add": add, "keyframes.remove": remove}


def plan(folder: Path, progress: Progress | None = None, engine: Engine | None = None) -> WorkPlan:
    """Choose keyframes if that is still to do, and count what comes after. Where nothing
    was painted in this way yet, a keyframe is painted to time it, and dropped."""
    run(folder, {}, until="keyframes", progress=progress, engine=engine)
    folder = worked_on(folder)
    with opened(folder) as found:
        groups, regions, info = read_groups(found.project), read_regions(found.project), found.clip.info
        settings = found.settings.inpaint
        decided = read_selection(found.project)
        images = sum(
            not found.project.path(candidate_file(group.key, index)).exists()
            for group in groups
            for index in wanted(decided.get(group.key), settings.candidates)
        )
        each = pace(found) or 0.0
        if images and not each:
            with Project(folder) as project, _one_opencv_thread():
                work = pipeline.Run(project, found.settings, progress, engine=engine)
                each = seconds_per_image(work, groups[0].key)
                keep_pace(work, each)
        return WorkPlan(
            len(found.clip), float(len(found.clip) / info.fps), regions.share, len(groups), images, each,
            master_bytes(found.clip), free_bytes(folder), regions.warnings, *_outlook(found.project, groups),
            settings.candidates,
        )  # fmt: skip


def _outlook(project: Folder, groups: Sequence[Group]) -> tuple[float, tuple[tuple[int, float], ...]]:
    """The predicted error of the clip, in percent, and that of the best placement of any number of keyframes."""
    errors = read_predicted(project.path(PREDICTED).read_text(encoding="utf-8"))
    curve = read_curve(project.path(CURVE).read_text(encoding="utf-8"))
    return clip_error(groups, [errors.get(group.key, float("nan")) for group in groups]), tuple(curve.items())


def retouch(folder: Path, frames: Sequence[int]) -> list[Path]:
    """Give frames out as they stand, to be retouched in any program: their files in retouched/. The next run takes back what
    was changed. Raises ProjectError, before anything is written, for a frame that has no edit."""
    with opened(worked_on(folder)) as run:
        if not run.project.path(PATCHES).exists():
            raise ProjectError(f"{folder} has no edit to retouch yet: run it up to composite first.")
        return give_out(run, frames)


def heal(folder: Path, frame: int, spot: Mask) -> Path:
    """Fill a spot (uint8 of the source's size as it is stored, 255 = heal) of a frame from its surroundings, as if it had been
    retouched in another program; gives its file in retouched/. Raises ProjectError."""
    with opened(folder) as run:
        return heal_spot(run, frame, spot)


def unretouch(folder: Path, frame: int) -> None:
    """Do without the retouching of a frame; its file goes to kept/."""
    with opened(folder) as run:
        take_away(run, frame)


def verify(folder: Path, source: Path, progress: Progress | None = None) -> Receipt:
    """Check the master in a project's or a package's folder against the source."""
    made, delivery = _delivered(folder)
    _check_source(source, delivery, progress)
    return receipt(made, source, SourceSettings(span=delivery.span).times, progress or Progress())


def render(package: Path, source: Path, output: Path, progress: Progress | None = None) -> None:
    """Write the master of a package (or project) again, from its patches and the source."""
    made, delivery = _delivered(package)
    _check_source(source, delivery, progress)
    if output.exists():
        raise VideoError(f"{output} exists already: write to another file with -o.")
    asked = SourceSettings(span=delivery.span, fps=delivery.fps)
    clip = open_clip(source, asked.frame_rate, asked.times)
    suffix = Path(master_name(clip)).suffix
    if output.suffix.lower() != suffix:
        raise VideoError(
            f"The master of {source.name} is {suffix[1:]} inside: name it {output.with_suffix(suffix).name}."
        )
    frames = edited_frames(clip, patches_in_force(made), made.folder, made.path(REGION))
    with writing(output) as part:
        render_frames(clip, frames, part, None, progress or Progress(), 0, note=read_render(made).note)


def _check_source(source: Path, delivery: Delivery, progress: Progress | None) -> None:
    """Raises VideoError or ProjectError when `source` is not the video that the delivery was made from."""
    if not source.exists():
        raise VideoError(f"{source} does not exist.")
    found = digest_given(source, progress)
    if found != delivery.digest:
        raise ProjectError(
            f"{source.name} is not the video this was made from: that was {delivery.source} ({delivery.digest}), this is {found}."
        )


def _delivered(folder: Path) -> tuple[Folder, Delivery]:
    """A project or a package to read, and what it was made from."""
    folder = worked_on(folder)
    if is_project(folder):
        with Project(folder, writable=False) as project:
            settings = project.read_settings(Settings()).source
            if "source" not in project.ledger.inputs:
                raise ProjectError(f"{folder} has nothing to verify or render yet: run it first.")
            source = project.ledger.inputs["source"]
            return project, Delivery(source.name, source.content, settings.span, settings.fps)
    package = Folder(folder)
    if not package.path(DELIVERY).exists():
        raise ProjectError(f"{folder} is neither a project nor a package: it has no {SETTINGS} and no {DELIVERY}.")
    return package, package.record(DELIVERY, Delivery)


def _check_stage(name: str) -> None:
    names = [stage.name for stage in STAGES]
    if name not in ("", SOURCE, *names):
        raise SettingsError(f"There is no stage {name!r}; there are {', '.join(names)}.")


def _check_inputs(settings: Settings) -> None:
    """Refuse a source or mask that cannot be opened before a new project's folder is made."""
    if not settings.source.path:
        raise SettingsError("Which video? Give its path: `vidpaint run VIDEO -o PROJECT`.")
    source = open_clip(settings.source.path, settings.source.frame_rate, settings.source.times)
    for path in (settings.mask.path, settings.mask.white):
        if path:
            open_given(path, source.info, None)


@contextmanager
def _one_opencv_thread() -> Iterator[None]:
    """The pool runs items side by side: threads inside OpenCV as well would only get in each other's way."""
    before = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(before)
