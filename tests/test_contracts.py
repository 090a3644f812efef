"""What every stage promises: it makes what its docstring says, only once, and stopping it is always safe."""

from __future__ import annotations

import importlib
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fakes import Recorder, Steps
from projects import copied, decoded, edit, hashes, records, remade, stamps

from lib_vidpaint import pipeline, session, settings
from lib_vidpaint.errors import Cancelled, EngineError
from lib_vidpaint.settings import Leaf
from lib_vidpaint.stages import STAGES, Settings

Footage = dict[str, Path]
# Made only for a clip whose sound MP4 cannot hold, or for a user who brings an alpha white.
SELDOM = {
    "master.mkv", "white/000042.png", "found/000042.mp4",
    "described/000042.txt", "sheets.json", "guides.json", "previews/000042.png",
    "segments/face-000042.mp4", "large/000042.mp4", "large.mp4", "smooth/000042.mp4",
    "prepared/", "prepared/source.mp4", "prepared/mask.mp4", "prepared/white.mp4", "prepared/larger/000042.mp4", "white/",
    "repairs.json", "repairs.csv", "overrides.json",
}  # fmt: skip
# A video's source may have a span but no rate of its own; fps is for folders of pictures.
KNOBS = [leaf for leaf in settings.walk(Settings) if not leaf.knob.path and leaf.path != "source.span"]


@pytest.fixture(scope="module")
def everything(footage: Footage, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with every option on and one group that validation drops."""
    folder = tmp_path_factory.mktemp("everything") / "project"
    values = {
        "extract.frames": "png", "validate.drop": True, "enhance.match": 0.5, "enhance.levels": 0.5,
        "refine.patch": True, "refine.painted": 0.5, "refine.models": "Lanczos", "smooth.factor": 2,
        "package.side_by_side": True, "package.wipe": True, "package.layer": "png",
    }  # fmt: skip
    edit(folder, footage, values)
    verdicts = json.loads((folder / "verdicts.json").read_text())
    verdicts[1]["decision"] = "drop"
    (folder / "verdicts.json").write_text(json.dumps(verdicts))
    edit(folder, footage, values)
    return folder


@pytest.mark.parametrize("stage", STAGES, ids=lambda stage: stage.name)
def test_a_stage_writes_what_its_docstring_declares(stage: pipeline.Stage, everything: Path) -> None:
    text = importlib.import_module(f"lib_vidpaint.stages.{stage.name}").__doc__ or ""
    written = re.sub(r"\s+", " ", text).partition("Writes")[2]
    declared = set(re.findall(r"[\w-]+(?:/[\w-]+)*(?:/|\.(?:png|jpg|mp4|mkv|json|csv|txt))", written))
    made = {re.sub(r"\d{6}", "000042", line["file"]) for line in records(everything) if line["stage"] == stage.name}
    made = {re.sub(r"/\d\d\.png", "/03.png", file).removeprefix("package/") for file in made}
    there = made | {f"{folder}/" for file in made for folder in map(str, Path(file).parents)}
    assert declared - there - SELDOM == set(), "declared, but not made"
    if stage.name != "package":
        assert {file for file in made if file not in declared and f"{Path(file).parent}/" not in declared} == set()


def test_an_alpha_white_of_the_user_is_laid_out_and_can_be_taken_back(footage: Footage, tmp_path: Path) -> None:
    white = {"mask.white": str(footage["still"])}
    edit(tmp_path, footage, white, until="inpaint")
    assert len(list((tmp_path / "white").glob("*.png"))) == 14
    edit(tmp_path, footage, {"mask.white": ""}, until="inpaint")
    assert list((tmp_path / "white").glob("*.png")) == []
    edit(tmp_path / "without", footage, until="inpaint")
    assert hashes(tmp_path / "keyframes") == hashes(tmp_path / "without" / "keyframes")


def test_a_second_run_makes_nothing(everything: Path, footage: Footage) -> None:
    before = stamps(everything)
    edit(everything, footage)
    assert remade(before, everything) == set()


def test_every_due_stage_can_run_again_and_makes_nothing(finished: Path, footage: Footage, tmp_path: Path) -> None:
    """Even when every stage looks at its files again, nothing is made twice."""
    copy = copied(finished, tmp_path / "copy")
    lines = (copy / "made.jsonl").read_text().splitlines(keepends=True)
    (copy / "made.jsonl").write_text("".join(line for line in lines if '"finished"' not in line))
    before = stamps(copy)
    edit(copy, footage)
    assert remade(before, copy) == set()


def test_stopped_in_the_middle_of_every_task_it_ends_like_an_unbroken_run(
    finished: Path, footage: Footage, tmp_path: Path
) -> None:
    broken, counting = tmp_path / "broken", Steps()
    edit(tmp_path / "counted", footage, progress=counting)
    assert len(counting.count) > 10
    for text, steps in counting.count.items():
        with pytest.raises(Cancelled):
            edit(broken, footage, progress=Steps((text, (steps + 1) // 2)))
        assert not list(broken.rglob("*.vidpaint-part")), text
    edit(broken, footage)
    assert hashes(broken) == hashes(finished)
    assert decoded(broken / "master.mp4") == decoded(finished / "master.mp4")


def test_what_was_finished_before_a_stop_is_kept(footage: Footage, tmp_path: Path) -> None:
    project, counting = tmp_path / "p", Steps()
    edit(tmp_path / "counted", footage, progress=counting)
    for text, steps in counting.count.items():
        if steps < 2 or text in (
            "reading the source",
            "region",
            "sheets",
            "comparing frames",
            "rendering",
            "comparison",
        ):
            continue
        with pytest.raises(Cancelled):
            edit(project, footage, progress=Steps((text, steps // 2)))
        before = stamps(project)
        again = Steps((text, steps - steps // 2))
        with pytest.raises(Cancelled):
            edit(project, footage, progress=again)
        assert before.keys() - {".lock"} <= stamps(project).keys()
        assert not remade(before, project) & before.keys(), text


def another(leaf: Leaf) -> Any:
    """A value of the leaf that is not its default."""
    if leaf.choices:
        return next((choice for choice in leaf.choices if choice != leaf.default), None)
    if leaf.kind is bool:
        return not leaf.default
    if leaf.kind in (int, float):
        return leaf.kind(leaf.knob.low if leaf.default != leaf.knob.low else leaf.knob.high)
    return "24" if leaf.path in ("source.fps", "keyframes.add", "keyframes.remove") else "something else"


@pytest.mark.parametrize("leaf", [leaf for leaf in KNOBS if another(leaf) is not None], ids=lambda leaf: leaf.path)
def test_changing_a_knob_makes_its_stages_due_and_no_others(leaf: Leaf, footage: Footage, finished: Path) -> None:
    given = {"source.path": str(footage["source"]), "mask.path": str(footage["mask"])}
    with session.opened(finished, given) as run:
        now = settings.get(run.settings, leaf.path)
        assert not any(pipeline.explain(run, STAGES).values())
    value = another(leaf) if another(leaf) != now else leaf.default
    with session.opened(finished, {**given, leaf.path: value}) as run:
        direct = {stage.name for stage in STAGES if pipeline.reasons(run, stage)}
        found = pipeline.explain(run, STAGES)
    section = leaf.path.split(".")[0]
    assert direct == {stage.name for stage in STAGES if section in stage.uses}
    assert f"{leaf.path} was {now!r}, is {value!r}" in found[next(s.name for s in STAGES if section in s.uses)]
    first = min(number for number, stage in enumerate(STAGES) if stage.name in direct)
    assert not any(found[stage.name] for stage in STAGES[:first])
    for stage in STAGES:
        assert bool(found[stage.name]) == (stage.name in direct or any(found[name] for name in stage.needs))


def breaking(fail_on: int = 0, cancel_on: int = 0, wrong_size: bool = False) -> Callable[[], Recorder]:
    return lambda: Recorder(fail_on=fail_on, cancel_on=cancel_on, wrong_size=wrong_size)


@pytest.mark.parametrize(
    ("engine", "error", "words"),
    [
        (breaking(fail_on=2), EngineError, "told to fail"),
        (breaking(cancel_on=2), Cancelled, None),
        (breaking(wrong_size=True), EngineError, "asked for was"),
    ],
    ids=["fails", "cancels", "wrong size"],
)
def test_an_engine_that_breaks_off(
    engine: Callable[[], Recorder], error: type[Exception], words: str, footage: Footage, tmp_path: Path
) -> None:
    folder, recorder = tmp_path / "p", engine()
    with pytest.raises(error, match=words):
        edit(folder, footage, engine=recorder)
    painted = [line["file"] for line in records(folder) if line["stage"] == "inpaint"]
    assert len(painted) == 2 * max(0, len(recorder.jobs) - 1)
    before, calm = stamps(folder), Recorder()
    edit(folder, footage, engine=calm)
    assert not remade(before, folder) & set(painted)
    keys = len(json.loads((folder / "groups.json").read_text()))
    assert len(calm.jobs) == keys - len(painted) // 2


def test_inpaint_asks_for_what_the_settings_say(footage: Footage, tmp_path: Path) -> None:
    recorder = Recorder()
    values = {"inpaint.seed": 50, "inpaint.batch_count": 2, "inpaint.prompt": "a red bow", "inpaint.denoise": 0.4}
    edit(tmp_path / "p", footage, values, engine=recorder, until="inpaint")
    keys = len(json.loads((tmp_path / "p" / "groups.json").read_text()))
    assert [job.seeds for job in recorder.jobs] == [(50, 51), (52, 53)] * keys
    for job in recorder.jobs:
        assert (job.prompt, job.denoise, job.content) == ("a red bow", 0.4, "fill")
        assert job.crop.shape[:2] == job.mask.shape
        assert not any(side % recorder.multiple for side in job.mask.shape)
        assert job.mask.max() == 255
