"""Redoes only what changed: `Run` is what a stage sees, `catch_up` runs the stages, `reasons` says why one is due."""

from __future__ import annotations

import logging
import os
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from . import fixes
from . import settings as settings_module
from .atomic import explained, quoted, writing
from .clip import Clip, open_clip
from .engines import MULTIPLES, Engine, open_engine
from .errors import SettingsError
from .groups import Patch
from .items import GIVEN, File, Item
from .ledger import Finished, Ledger, digest
from .memory import give_back
from .planes import Planes
from .pools import Here, Pool, ahead
from .progress import Progress
from .project import Project
from .regions import REGION
from .render import Edited, edited_frames
from .survey import SourceSettings, Survey, survey

if TYPE_CHECKING:
    from .stages import Settings

log = logging.getLogger(__name__)
T = TypeVar("T")


class Reader(Generic[T]):
    """Things asked for by rising index, read once from front to back; a far jump or a step back opens anew.

    The last one given is remembered, so a span may begin where the one before it ended, or one earlier.
    """

    NEAR = 250

    def __init__(self, open_at: Callable[[int], Iterator[T]]) -> None:
        self._open_at, self._at = open_at, 0
        self._frames: Iterator[T] | None = None
        self._last: T | None = None

    def read(self, start: int, stop: int) -> Iterator[T]:
        """Those with start <= index < stop."""
        if self._last is not None and start == self._at - 1:
            yield self._last
            start += 1
        if self._frames is None or not self._at <= start <= self._at + self.NEAR:
            self._frames, self._at = self._open_at(start), start
        while self._at < stop:
            frame = next(self._frames)
            self._at, self._last = self._at + 1, frame
            if self._at > start:
                yield frame


class Run:
    """One pass of the pipeline over a project: everything that a stage may use.

    `only`: paint no keyframe but this one, or the first where this is none. `preview`: paint each once, quickly, and stop.
    """

    def __init__(
        self, project: Project, settings: Settings, progress: Progress | None = None, pool: Pool | None = None,
        engine: Engine | None = None, only: int | None = None, preview: bool = False,
    ) -> None:  # fmt: skip
        self.project, self.settings, self.only, self.preview = project, settings, only, preview
        self.progress, self.pool = progress or Progress(), pool or Here()
        self.stage = "source"
        self.chosen: dict[str, str] = {}  # files that a person chose: where in kept/ one went when it was made anew
        self._engine = engine
        self._picked: tuple[tuple[int, ...], Iterator[Planes]] | None = None
        self._edited: tuple[tuple[Patch, ...], Reader[Edited]] | None = None

    @property
    def ledger(self) -> Ledger:
        return self.project.ledger

    @cached_property
    def source_digest(self) -> str:
        source = self._source()
        content = self.project.input_digest("source", source.path, self.progress)
        return f"{content} {source.span} {source.fps if Path(source.path).is_dir() else ''}"

    @cached_property
    def survey(self) -> Survey:
        """The frame table and the proxy; made by one decode of the source the first time anybody asks."""
        return survey(self)

    @cached_property
    def clip(self) -> Clip:
        """The source with its frame table."""
        return self.survey.source.with_table(self.survey.pts)

    def open_source(self) -> Clip:
        """The source before it was surveyed."""
        source = self._source()
        return open_clip(source.path, source.frame_rate, source.times)

    def _source(self) -> SourceSettings:
        """Which video and what of it. Raises SettingsError where nobody said on this machine where it lies."""
        if not self.settings.source.path:
            raise SettingsError(
                "Which video? This project was made elsewhere: open the video in a new one, or name it again, "
                f"`vidpaint run VIDEO -o {quoted(self.project.folder)}`."
            )
        return self.settings.source

    @cached_property
    def source_reader(self) -> Reader[Planes]:
        return Reader(self.clip.frames)

    def picked(self, index: int, among: tuple[int, ...]) -> Planes:
        """One frame of the source; when they are asked for one after the other, all of `among` are read in one go."""
        if self._picked is None or index not in self._picked[0]:
            left = among[among.index(index) :]
            self._picked = left, ahead(self.clip.pick(left), 2)
        left, frames = self._picked
        at = left.index(index)
        self._picked = left[at + 1 :], frames
        return next(islice(frames, at, None))

    def edited_reader(self, patches: tuple[Patch, ...]) -> Reader[Edited]:
        """The finished frames with these patches; the same reader for as long as the patches are the same."""
        if self._edited is None or self._edited[0] != patches:
            region, folder = self.project.path(REGION), self.project.folder
            opened = Reader(lambda start: edited_frames(self.clip, patches, folder, region, start))
            self._edited = (patches, opened)
        return self._edited[1]

    @cached_property
    def engine(self) -> Engine:
        return self._engine or open_engine(self.settings.inpaint.spec.using(weights=self.settings.refine.weights))

    @property
    def engine_name(self) -> str:
        """What the engine is called; known without opening it, as a project can be finished where its engine is not."""
        return self._engine.name if self._engine else self.settings.inpaint.engine

    @property
    def multiple(self) -> int:
        """What the sides of the engine's crops are multiples of; known without opening it."""
        return self._engine.multiple if self._engine else MULTIPLES[self.settings.inpaint.engine]

    def note(self, text: str) -> None:
        """Say one sentence to the user and the log."""
        log.warning(text)
        self.progress.note(text)

    def each(
        self, items: Iterable[Item], work: Callable[..., Any], text: str = "", pool: Pool | None = None,
        span: tuple[int, int] = (0, 0),
    ) -> None:  # fmt: skip
        """Make every item that is not fresh: read its takes here, work in the pool, write its files atomically.

        `work` returns the bytes of the file, or a sequence of them in the order of `makes`, of which only those that are
        not fresh are written; with None the item stays due. `span`: where these items begin among how many (0: they are all).
        """
        items = list(items)
        recipes = [(item, recipe) for item in items if (recipe := self._stale(item, work))]
        jobs = (([take.load(self) for take in item.takes], item.values) for item, _ in recipes)
        results = (pool or self.pool).map(lambda job: work(*job[0], *job[1]), jobs)
        fresh = len(items) - len(recipes)
        self.progress.check()
        with closing(results):
            for done, ((item, recipe), result) in enumerate(zip(recipes, results), 1):
                contents = [result] if isinstance(result, bytes) else result
                for file, content in zip(item.makes, contents, strict=True) if contents is not None else ():
                    if not self.ledger.fresh(file, self.stage, recipe):
                        self._store(
                            file, recipe, lambda part, content=content: part.write_bytes(content), digest(content)
                        )
                self.progress.step(text or self.stage, span[0] + fresh + done, span[1] or len(items))

    def build(self, item: Item, write: Callable[..., None]) -> bool:
        """Make one item whose files are streamed: `write(*paths)` fills them. Returns whether it had to."""
        return self.build_due((item,), write)

    def build_due(self, items: Sequence[Item], write: Callable[..., None]) -> bool:
        """`build` for several items at once: `write` gets the paths of all their files, None for those of fresh items."""
        due = [(file, recipe) for item in items if (recipe := self._stale(item, write)) for file in item.makes]
        if not due:
            return False
        self.progress.check()
        self._build(due, {}, lambda parts: write(*(parts.get(file) for item in items for file in item.makes)))
        return True

    def due(self, item: Item, work: Callable[..., Any]) -> bool:
        """Whether `each` or `build` would make this item anew."""
        return bool(self._stale(item, work))

    def link(self, file: str, to: str) -> None:
        """Have the content of one project file under a second name; a hard link where the disk allows it."""
        content = self.ledger.content(file)
        item = Item((to,), (File(file),))
        if recipe := self._stale(item, self.link):
            self._store(to, recipe, lambda part: _link(self.project.path(file), part), content)

    def _build(
        self, due: Sequence[tuple[str, str]], parts: dict[str, Path], write: Callable[[dict[str, Path]], None]
    ) -> None:
        if not due:
            write(parts)
            return
        file, recipe = due[0]
        self._store(file, recipe, lambda part: self._build(due[1:], {**parts, file: part}, write))

    def _store(self, file: str, recipe: str, fill: Callable[[Path], Any], content: str = "") -> None:
        path = self.project.path(file)
        with writing(path) as part:
            fill(part)
            if self.ledger.touched(file):
                self.note(f"{file} was changed by hand and is due again: yours is now {self.project.keep(file)}.")
            elif file in self.chosen and path.exists():
                self.chosen[file] = self.project.keep(file).name
            self.ledger.record(file, self.stage, recipe, part, content)

    def _stale(self, item: Item, work: Callable[..., Any]) -> str:
        """The recipe of an item that must be made, '' for one that is fresh."""
        recipe = digest(repr((name_of(work), [take.key(self) for take in item.takes], item.values)))
        fresh = [self.ledger.fresh(file, self.stage, recipe) for file in item.makes]
        return "" if all(fresh) else recipe

    def sweep(self, folder: str, wanted: Iterable[str]) -> None:
        """Remove files of ours in `folder` that are no longer wanted; a hand-changed one goes to kept/."""
        there = (f"{folder}/{path.name}" for path in sorted(self.project.path(folder).glob("*")) if not path.is_dir())
        self.drop(set(there).difference(wanted))

    def drop(self, files: Iterable[str]) -> None:
        """Remove these files of ours where they exist; a hand-changed one goes to kept/."""
        for file in sorted(files):
            path = self.project.path(file)
            if self.ledger.touched(file):
                self.project.keep(file)
                continue
            try:
                path.unlink(missing_ok=True)
            except OSError as error:
                raise explained(error, path) from error


def _link(path: Path, to: Path) -> None:
    to.unlink(missing_ok=True)
    try:
        os.link(path, to)
    except OSError:
        shutil.copyfile(path, to)


def name_of(work: Callable[..., Any]) -> str:
    """What a work function is called in recipes."""
    return f"{work.__module__}.{work.__qualname__}"


@dataclass(frozen=True)
class Stage:
    """A step of the work: its name is its settings field, TOML table, CLI prefix and section of the page.

    `uses` names the settings sections whose change makes it due, `needs` the stages whose results it reads.
    A stage that is asked for nothing passes its input on.
    """

    name: str
    about: str
    work: Callable[[Run], None]
    uses: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    inputs: tuple[str, ...] = ()


def used_settings(run: Run, stage: Stage) -> dict[str, Any]:
    """The values that a stage depends on, by dotted path."""
    return {
        leaf.path: settings_module.get(run.settings, leaf.path)
        for leaf in settings_module.walk(type(run.settings))
        if leaf.path.split(".")[0] in stage.uses and not leaf.knob.path
    }


def used_inputs(run: Run, stage: Stage) -> dict[str, str]:
    """The contents that a stage depends on: the user's files, hand-edited files and the results of other stages."""
    found = {"source": run.source_digest}
    if stage.name == "mask" and (painted := fixes.listing(run)):
        found["fixes"] = painted
    for name, path in GIVEN.get(stage.name, {}).items():
        if given := settings_module.get(run.settings, path):
            found[name] = run.project.input_digest(name, given)
        elif name in run.ledger.inputs:
            found[name] = run.ledger.inputs[name].content
    for file in stage.inputs:
        found[file] = run.ledger.content(file)
    for needed in (stage.name, *stage.needs):
        files = sorted(file for file, made in run.ledger.made.items() if made.stage == needed)
        found |= {file: run.ledger.content(file) for file in files if run.ledger.touched(file)}
        ours = [(file, run.ledger.content(file)) for file in files if file not in found]
        found[f"results of {needed}"] = digest(repr([pair for pair in ours if pair[1]]))
    return found


def reasons(run: Run, stage: Stage) -> list[str]:
    """Why a stage is due when all before it are up to date, in sentences; empty when it need not run."""
    last = run.ledger.finished.get(stage.name)
    if last is None:
        return ["it has not run to its end yet"]
    found = []
    for path, value in used_settings(run, stage).items():
        before = last.settings.get(path, settings_module.leaf(type(run.settings), path).default)  # a knob may be new
        if before != value:
            found.append(f"{path} was {before!r}, is {value!r}")
    now = used_inputs(run, stage)
    return found + [f"{name} changed" for name in {**last.inputs, **now} if last.inputs.get(name) != now.get(name)]


def explain(run: Run, stages: tuple[Stage, ...]) -> dict[str, list[str]]:
    """For every stage, why the next run would look at it again; an empty list when it would not."""
    found: dict[str, list[str]] = {}
    for stage in stages:
        due = [name for name in stage.needs if found[name]]
        # What a stage that is due will change anyway needs no reason of its own.
        own = [why for why in reasons(run, stage) if not due or not why.endswith(" changed")]
        found[stage.name] = own + ([f"{', '.join(due)} {'is' if len(due) == 1 else 'are'} due"] if due else [])
    return found


def catch_up(run: Run, stages: tuple[Stage, ...], until: str = "") -> None:
    """Run every stage that is due, in order, up to and including `until` (default: all)."""
    log.info("%d frames", len(run.survey.pts))
    for stage in stages:
        run.stage = stage.name
        if why := reasons(run, stage):
            log.info("%s: %s", stage.name, "; ".join(why))
            begun = time.monotonic()
            stage.work(run)
            give_back()
            log.info("%s took %.1f s", stage.name, time.monotonic() - begun)
            run.ledger.add(Finished(stage.name, used_settings(run, stage), used_inputs(run, stage)))
        if stage.name == until:
            break
