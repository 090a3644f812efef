"""Resume: a killed run goes on where it was, and a change redoes only what depends on it."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from projects import FEW, ROOT, copied, decoded, edit, files, hashes, records, remade, stamps

from lib_vidpaint import session
from lib_vidpaint.ledger import digest_file
from lib_vidpaint.model import Group, from_json

Footage = dict[str, Path]
KILLS = int(os.environ.get("VIDPAINT_KILLS", "6"))
# From the start of Python to the end of a run, in seconds, on two shared cores.
LONGEST_RUN = 1.6


def start(folder: Path, footage: Footage) -> subprocess.Popen[bytes]:
    line = ["run", footage["source"], "-o", folder, "--mask", footage["mask"], "--preset", "remove"]
    line += [word for path, value in FEW.items() for word in (f"--{path}", value)]
    nothing = subprocess.DEVNULL
    return subprocess.Popen(
        [sys.executable, "-m", "lib_vidpaint", *map(str, line)], cwd=ROOT, stdout=nothing, stderr=nothing
    )


def whole_items(reference: Path, folder: Path) -> set[str]:
    """The files of every piece of work that is on disk in `folder` as its records say."""
    together = defaultdict(set)
    for line in records(reference):
        together[line["recipe"]].add(line["file"])
    if not (folder / "made.jsonl").exists():
        return set()
    lines = (folder / "made.jsonl").read_bytes().split(b"\n")[:-1]
    contents = {line["file"]: line["content"] for line in map(json.loads, lines) if "file" in line}

    def there(file: str) -> bool:
        return (folder / file).exists() and contents.get(file) == digest_file(folder / file)

    return {file for group in together.values() if all(map(there, group)) for file in group}


def test_killed_at_any_moment_it_goes_on(finished: Path, footage: Footage, tmp_path: Path) -> None:
    chance = random.Random(KILLS)
    folder, moments = tmp_path / "p", []
    for number in range(KILLS):
        if number % 6 == 0:
            folder = tmp_path / f"p{number}"
        process, moment = start(folder, footage), chance.uniform(0.2, LONGEST_RUN)
        time.sleep(moment)
        process.kill()
        process.wait()
        moments.append(round(moment, 3))
        kept = whole_items(finished, folder)
        before = stamps(folder)
        if number % 6 == 5 or number == KILLS - 1:
            assert start(folder, footage).wait(timeout=60) == 0, moments
            assert not remade(before, folder) & kept, moments
            assert hashes(folder) == hashes(finished), moments
            assert decoded(folder / "master.mp4") == decoded(finished / "master.mp4")
            assert not [name for name in files(folder) if name.endswith(".vidpaint-part")]
        elif number % 2:
            edit(folder, footage, until="composite")
            assert not remade(before, folder) & kept, moments


@pytest.fixture
def project(finished: Path, footage: Footage, tmp_path: Path) -> Path:
    """A copy of the finished project that knows where its source is."""
    folder = copied(finished, tmp_path / "project")
    edit(folder, footage)
    return folder


def groups_of(project: Path) -> tuple[Group, ...]:
    return from_json(tuple[Group, ...], json.loads((project / "groups.json").read_text()))


def kinds(made: set[str]) -> set[str]:
    """The first part of every name: which kinds of things were made again."""
    return {name.split("/")[0] for name in made}


RENDERED = {"render.json", "master.mp4", "share.mp4", "package"}
MEASURED = {"measures", "report.csv", "verdicts.json", "validate.png", "filled.json"}
REDONE: dict[str, tuple[dict[str, Any], set[str]]] = {
    "package.comparison": ({"package.comparison": False}, {"project.toml", "package"}),
    "assemble.crf": ({"assemble.crf": 30.0}, {"project.toml", "share.mp4", "package"}),
    "validate.z": ({"validate.z": 9.0}, {"project.toml", "report.csv", "verdicts.json", "validate.png", "package"}),
    "composite.feather": (
        {"composite.feather": 6.0},
        {"project.toml", "patches", "patches.json", *MEASURED, *RENDERED},
    ),
    "inpaint.prompt": ({"inpaint.prompt": "a bow"}, {"project.toml", "candidates", "package"}),
    "extract.frames": (
        {"extract.frames": "png"},
        {"project.toml", "frames", "white", "keyframes", "sheets", "package"},
    ),
}


@pytest.mark.parametrize(("values", "allowed"), REDONE.values(), ids=REDONE)
def test_a_knob_redoes_only_what_depends_on_it(values: dict[str, Any], allowed: set[str], project: Path) -> None:
    before = stamps(project)
    session.run(project, values)
    made = remade(before, project)
    assert made
    assert kinds(made) <= allowed
    again = stamps(project)
    session.run(project, {})
    assert remade(again, project) == set()


def test_one_hand_edited_mask_redoes_its_group_and_the_render(project: Path) -> None:
    groups = groups_of(project)
    frame = next(i for group in groups[1:] for i in range(group.start, group.stop) if i != group.key)
    path = project / "alpha" / f"{frame:06d}.png"
    alpha = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    assert alpha is not None
    alpha[30:34, 34:38] = 0
    cv2.imwrite(str(path), alpha)
    mine, before = path.read_bytes(), stamps(project)
    session.run(project, {})
    made = remade(before, project)
    assert path.read_bytes() == mine
    touching = {
        f"patches/{group.key:06d}.mp4"
        for before_it, group in zip((groups[0], *groups), groups)
        if min(before_it.key, group.start) <= frame < group.stop
    }
    patches = {name for name in made if name.startswith("patches/")}
    assert f"patches/{next(g.key for g in groups if g.start <= frame < g.stop):06d}.mp4" in patches
    assert patches <= touching
    assert "master.mp4" in made
    assert not kinds(made) & {"alpha", "candidates"}
    assert session.verify(project, Path(_source(project))).exact


def _source(project: Path) -> str:
    with session.opened(project) as run:
        return run.settings.source.path


def test_a_retouched_candidate_redoes_the_groups_that_show_it(project: Path) -> None:
    groups = groups_of(project)
    chosen = {c["key"]: c["candidate"] for c in json.loads((project / "choices.json").read_text())}
    selection = [{"key": groups[1].key, "candidate": chosen.get(groups[1].key, 0)}]
    (project / "selection.json").write_text(json.dumps(selection))
    session.run(project, {})
    path = project / "candidates" / f"{groups[1].key:06d}" / f"{selection[0]['candidate']:02d}.png"
    picture = cv2.imread(str(path))
    assert picture is not None
    cv2.imwrite(str(path), 255 - picture)
    mine, before = path.read_bytes(), stamps(project)
    session.run(project, {})
    made = remade(before, project)
    assert path.read_bytes() == mine
    patches = {name for name in made if name.startswith("patches/")}
    assert f"patches/{groups[1].key:06d}.mp4" in patches
    assert patches <= {f"patches/{group.key:06d}.mp4" for group in groups[:3]}
    assert "master.mp4" in made
    assert "candidates" not in kinds(made)


def test_an_edited_keyframe_picture_is_painted_on_and_kept_aside_when_due(project: Path) -> None:
    key = groups_of(project)[0].key
    path = project / "keyframes" / "frame" / f"{key:06d}.png"
    cv2.imwrite(str(path), np.full((64, 96, 3), (0, 0, 255), np.uint8))
    mine, before = path.read_bytes(), stamps(project)
    session.run(project, {})
    made = remade(before, project)
    assert path.read_bytes() == mine
    assert {name for name in made if name.startswith("candidates/")} == {
        f"candidates/{key:06d}/0{n}.png" for n in (0, 1)
    }
    assert kinds(made).isdisjoint({"alpha", "groups.json", "keyframes"})


def test_redo_paints_new_candidates_and_drop_shows_no_edit_of_its_own(project: Path) -> None:
    first, second = groups_of(project)[:2]
    before = stamps(project)
    (project / "selection.json").write_text(
        json.dumps([{"key": first.key, "redo": 1}, {"key": second.key, "drop": True}])
    )
    session.run(project, {})
    made = remade(before, project)
    assert {name for name in made if name.startswith("candidates/")} == {
        f"candidates/{first.key:06d}/0{number}.png" for number in (2, 3)
    }
    choices = {choice["key"]: choice for choice in json.loads((project / "choices.json").read_text())}
    assert choices[first.key]["candidate"] in (2, 3)
    assert choices[second.key]["drop"] is True
    assert "master.mp4" in made
    (project / "selection.json").unlink()
    session.run(project, {})
    assert decoded(project / "master.mp4")[1] == decoded(Path(_source(project)))[1]


def test_dropping_everything_gives_the_source_back(project: Path) -> None:
    drop = [{"key": group.key, "drop": True} for group in groups_of(project)]
    (project / "selection.json").write_text(json.dumps(drop))
    session.run(project, {})
    assert decoded(project / "master.mp4") == decoded(Path(_source(project)))


def test_what_is_switched_off_does_not_stay_behind(project: Path) -> None:
    session.run(project, {"assemble.master": "off", "assemble.share": False, "package.comparison": False})
    left = {
        name for name in files(project) if name.endswith(("master.mp4", "share.mp4", "comparison.mp4", "receipt.txt"))
    }
    assert left == set()
    assert [text for _, text in session.results(project) if text in ("master", "result")] == []
    session.run(project, {"assemble.master": "auto", "assemble.share": True, "package.comparison": True})
    assert (project / "package" / "receipt.txt").exists()


def test_a_file_that_was_deleted_is_made_again(finished: Path, project: Path) -> None:
    for name in ("alpha/000003.png", "region.mp4", "patches.json", "master.mp4", "package/receipt.txt", "proxy.mp4"):
        (project / name).unlink()
    session.run(project, {})
    assert hashes(project).keys() == hashes(finished).keys()
    assert decoded(project / "master.mp4") == decoded(finished / "master.mp4")


def test_a_hand_changed_file_goes_to_kept_before_it_is_replaced(project: Path) -> None:
    path = project / "alpha" / "000003.png"
    mine = path.read_bytes() + b" "
    path.write_bytes(mine)
    with session.opened(project) as run:
        source, mask = run.settings.source.path, run.settings.mask.path
    session.run(project, {"source.path": source, "mask.path": mask, "mask.grow": 1.0})
    assert (project / "kept" / "alpha" / "000003-1.png").read_bytes() == mine
    assert path.read_bytes() != mine
