"""The command line: exit codes, what it prints, and that every flag comes from a setting."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from conftest import FRAMES, SIZE, disc
from media import Recipe, make
from projects import FEW, ROOT, command, copied, decoded, remade, stamps, vidpaint

from lib_vidpaint import __version__, session, settings
from lib_vidpaint.errors import Cancelled
from lib_vidpaint.project import Project
from lib_vidpaint.regions import bounding_box
from lib_vidpaint.stages import PRESETS, STAGES, Settings
from lib_vidpaint.terminal import Terminal

Footage = dict[str, Path]
Capture = pytest.CaptureFixture[str]
QUICK = [word for path, value in FEW.items() for word in (f"--{path}", str(value))]


@pytest.fixture
def project(finished: Path, footage: Footage, tmp_path: Path) -> Path:
    """A finished project that knows where its source is."""
    folder = copied(finished, tmp_path / "project")
    assert vidpaint("run", footage["source"], "-o", folder, "--mask", footage["mask"], *QUICK) == 0
    return folder


def test_a_run_from_nothing(footage: Footage, tmp_path: Path) -> None:
    line = ("run", footage["source"], "-o", tmp_path / "p", "--mask", footage["mask"], "--preset", "remove", *QUICK)
    done = command(*line)
    assert done.returncode == 0, done.stderr
    assert f"master: {tmp_path / 'p' / 'master.mp4'}" in done.stdout
    assert "rendering: 14 of 14" in done.stderr
    assert "Traceback" not in done.stderr
    for printed in re.findall(r": (/.+)", done.stdout):
        assert Path(printed).exists()


def test_run_goes_on_with_a_project(project: Path, capsys: Capture) -> None:
    before = stamps(project)
    assert vidpaint("run", "-o", project) == 0
    assert remade(before, project) == set()
    assert "master: " in capsys.readouterr().out


def test_until_stops_after_a_stage(footage: Footage, tmp_path: Path) -> None:
    assert vidpaint("run", footage["source"], "-o", tmp_path, "--mask", "box:10,10,20,20", "--until", "keyframes") == 0
    assert (tmp_path / "groups.json").exists()
    assert not (tmp_path / "candidates").exists()


def test_a_span_is_cut_out(footage: Footage, tmp_path: Path) -> None:
    folder = tmp_path / "p"
    line = [
        "run",
        footage["source"],
        "-o",
        folder,
        "--mask",
        footage["mask"],
        "--span",
        "0:00.2-0:00.4",
        "--preset",
        "remove",
    ]
    assert vidpaint(*line, *QUICK) == 0
    assert len((folder / "frames.csv").read_text().splitlines()) == 1 + 5
    assert len(decoded(folder / "master.mp4")[0]) == 5
    assert vidpaint("verify", folder, footage["source"]) == 0
    # The mask of a span is the mask of those frames: frame 5's disc is 5 pixels to the right of frame 0's.
    assert json.loads((folder / "region.json").read_text())["boxes"][0]["x"] > 36 + 5 - 12 - 3


def test_a_span_takes_the_masks_of_its_own_frames_from_a_folder(tmp_path: Path) -> None:
    """Pictures have no clock: they go by the video's rate, here 50 frames a second."""
    source = make(Recipe(size=SIZE, times=lambda index: Fraction(index, 50)), tmp_path)
    (tmp_path / "masks").mkdir()
    for index in range(FRAMES):
        cv2.imwrite(str(tmp_path / "masks" / f"{index:03d}.png"), disc(index))
    line = ["run", source, "-o", tmp_path / "p", "--mask", tmp_path / "masks", "--span", "0.1-0.2", "--until", "mask"]
    assert vidpaint(*line) == 0
    boxes = json.loads((tmp_path / "p" / "region.json").read_text())["boxes"]
    assert [box["x"] - boxes[0]["x"] for box in boxes] == [0, 1, 2, 3, 4]
    found = bounding_box(np.where(disc(5) >= 8, 255, 0).astype(np.uint8))
    assert found
    assert boxes[0]["x"] == found.x


@pytest.mark.parametrize("preset", PRESETS)
def test_presets_come_before_flags(preset: str, footage: Footage, tmp_path: Path) -> None:
    line = [
        "run",
        footage["source"],
        "-o",
        tmp_path,
        "--mask",
        "box:10,10,20,20",
        "--until",
        "mask",
        "--preset",
        preset,
    ]
    assert vidpaint(*line, "--inpaint.denoise", "0.45") == 0
    with session.opened(tmp_path) as run:
        assert run.settings.inpaint.denoise == 0.45
        assert run.settings.composite.carry == PRESETS[preset]["composite.carry"]


def test_every_setting_is_a_flag_with_help(capsys: Capture) -> None:
    with pytest.raises(SystemExit) as stopped:
        vidpaint("run", "--help")
    assert stopped.value.code == 0
    text = re.sub(r"\s+", " ", capsys.readouterr().out)
    for leaf in settings.walk(Settings):
        if leaf.path != "source.path":
            assert f"--{leaf.path} " in text
            assert leaf.limits.split(",")[0] in text


def test_settings_lists_every_knob(capsys: Capture) -> None:
    assert vidpaint("settings") == 0
    out = capsys.readouterr().out
    for leaf in settings.walk(Settings):
        assert f"--{leaf.path} " in out
        assert leaf.knob.help in out


def test_version(capsys: Capture) -> None:
    with pytest.raises(SystemExit):
        vidpaint("--version")
    assert capsys.readouterr().out.strip() == __version__


def test_status_and_explain_of_a_finished_project(project: Path, capsys: Capture) -> None:
    before = stamps(project)
    assert vidpaint("status", project) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == [stage.name for stage in STAGES]
    assert {line.split()[1] for line in lines} == {"done"}
    assert vidpaint("explain", project, "composite") == 0
    assert capsys.readouterr().out.split() == ["composite", "up", "to", "date"]
    assert stamps(project) == before


def test_status_says_that_a_run_is_going(project: Path, capsys: Capture) -> None:
    with Project(project):
        os.utime(project / ".lock", (time.time() - 192, time.time() - 192))
        assert vidpaint("status", project) == 0
    first, *lines = capsys.readouterr().out.splitlines()
    assert re.fullmatch(r"A run is going, for 0:03:1\d now\.", first)
    assert len(lines) == len(STAGES)


def test_hints_can_be_pasted(
    footage: Footage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    folder = tmp_path / "Ann's film"

    def stopped(*_: Any, **__: Any) -> None:
        raise Cancelled

    assert vidpaint("status", folder) == 2
    monkeypatch.setattr(session, "run", stopped)
    assert vidpaint("run", footage["source"], "-o", folder) == 130
    hints = re.findall(r"`(vidpaint run .+?)`", capsys.readouterr().err)
    assert [shlex.split(hint)[-1] for hint in hints] == [str(folder), str(folder)]


SPANS = {
    "beyond the end": ("0:00.2-0:09", "source.span ends at 9 s, but clip.mp4 at 0.56 s"),
    "to the end": ("0:00.2-0:00.56", ""),
    "a frame more": ("0:00.2-0:00.6", ""),
    "open": ("0:00.2-", ""),
}


@pytest.mark.parametrize(("span", "words"), SPANS.values(), ids=SPANS)
def test_a_span_that_ends_after_the_video_is_told(
    span: str, words: str, footage: Footage, tmp_path: Path, capsys: Capture
) -> None:
    line = ["run", footage["source"], "-o", tmp_path / "p", "--mask", "box:10,10,20,20", "--until", "mask"]
    assert vidpaint(*line, "--span", span) == 0
    said = capsys.readouterr().err
    assert words in said
    assert ("source.span" in said) == bool(words)


def test_a_span_that_begins_after_the_video_is_refused(footage: Footage, tmp_path: Path, capsys: Capture) -> None:
    line = ["run", footage["source"], "-o", tmp_path / "p", "--mask", "box:10,10,20,20", "--span", "0:09-0:10"]
    assert vidpaint(*line) == 2
    assert "clip.mp4 has no frame in that span: it ends at 0.56 s." in capsys.readouterr().err


def test_explain_gives_the_reason(project: Path, capsys: Capture) -> None:
    text = (project / "project.toml").read_text()
    (project / "project.toml").write_text(text.replace("[keyframes]\n", "[keyframes]\nmovement = 0.9\n"))
    assert vidpaint("explain", project) == 0
    out = capsys.readouterr().out
    assert "keyframes.movement was 0.5, is 0.9" in out
    assert "keyframes is due" in out
    assert "extract    up to date" in out


def test_plan_says_what_is_to_come_and_paints_nothing(footage: Footage, tmp_path: Path, capsys: Capture) -> None:
    assert vidpaint("run", footage["source"], "-o", tmp_path, "--mask", footage["mask"], "--until", "mask", *QUICK) == 0
    assert vidpaint("plan", tmp_path) == 0
    out = capsys.readouterr().out
    keys = len(json.loads((tmp_path / "groups.json").read_text()))
    assert "frames      14 (0.6 s)" in out
    assert f"keyframes   {keys}" in out
    assert f"painting    {2 * keys} images" in out
    assert not (tmp_path / "candidates").exists()


def test_verify_prints_a_receipt_and_json(project: Path, footage: Footage, capsys: Capture) -> None:
    for folder in (project, project / "package"):
        assert vidpaint("verify", folder, footage["source"]) == 0
        assert "Nothing outside the region changed" in capsys.readouterr().out
    assert vidpaint("verify", project, footage["source"], "--json") == 0
    receipt = json.loads(capsys.readouterr().out)
    assert receipt["check"]["changed_outside"] == 0
    assert receipt["check"]["changed_inside"] > 0


def test_verify_refuses_another_source(project: Path, capsys: Capture) -> None:
    assert vidpaint("verify", project, project / "share.mp4") == 2
    assert "is not the video this was made from" in capsys.readouterr().err


def test_verify_says_when_the_promise_is_broken(project: Path, footage: Footage, capsys: Capture) -> None:
    shutil.copy(project / "share.mp4", project / "package" / "master.mp4")
    assert vidpaint("verify", project / "package", footage["source"]) == 2
    assert "THE PROMISE IS BROKEN" in capsys.readouterr().out


def test_a_new_preset_takes_back_what_the_last_one_set(project: Path, capsys: Capture) -> None:
    assert vidpaint("run", "-o", project, "--preset", "remove", "--composite.feather", "7", "--until", "mask") == 0
    assert vidpaint("run", "-o", project, "--preset", "age", "--until", "mask") == 0
    text = (project / "project.toml").read_text()
    assert "grow" not in text
    assert "feather = 7.0" in text


@pytest.mark.parametrize("where", ["", "package"], ids=["project", "package"])
def test_render_gives_the_master_back(where: str, project: Path, footage: Footage, tmp_path: Path) -> None:
    (project / "package" / "master.mp4").unlink()
    assert vidpaint("render", project / where, footage["source"], "-o", tmp_path / "again.mp4") == 0
    assert decoded(tmp_path / "again.mp4") == decoded(project / "master.mp4")
    assert (tmp_path / "again.mp4").read_bytes() == (project / "master.mp4").read_bytes()


def test_render_gives_back_a_master_with_a_dropped_group(project: Path, footage: Footage, tmp_path: Path) -> None:
    assert vidpaint("run", "-o", project, "--validate.drop", "on") == 0
    verdicts = json.loads((project / "verdicts.json").read_text())
    verdicts[1]["decision"] = "drop"
    (project / "verdicts.json").write_text(json.dumps(verdicts))
    assert vidpaint("run", "-o", project) == 0
    assert list((project / "filled").glob("*.mp4"))
    package = copied(project / "package", tmp_path / "alone")
    assert vidpaint("render", package, footage["source"], "-o", tmp_path / "again.mp4") == 0
    assert decoded(tmp_path / "again.mp4") == decoded(project / "master.mp4")


@pytest.mark.parametrize(
    ("output", "words"),
    [
        ("SOURCE", "exists already"),
        ("again.mkv", "name it again.mp4"),
        ("clip.mp4/a.mp4", "could not be written"),
    ],
    ids=["onto the source", "another container", "below a file"],
)
def test_render_refuses(
    output: str, words: str, project: Path, tmp_path: Path, capsys: Capture, footage: Footage
) -> None:
    source = tmp_path / "clip.mp4"
    source.write_bytes(footage["source"].read_bytes())
    before = source.read_bytes()
    target = source if output == "SOURCE" else tmp_path / output
    assert vidpaint("render", project, source, "-o", target) == 2
    assert words in capsys.readouterr().err
    assert source.read_bytes() == before


def test_render_refuses_another_source(project: Path, tmp_path: Path, capsys: Capture) -> None:
    assert vidpaint("render", project, project / "share.mp4", "-o", tmp_path / "a.mp4") == 2
    assert "is not the video this was made from" in capsys.readouterr().err
    assert not (tmp_path / "a.mp4").exists()


def test_waiting_for_a_person(project: Path, capsys: Capture) -> None:
    assert vidpaint("run", "-o", project, "--select.how", "person") == 3
    groups = json.loads((project / "groups.json").read_text())
    assert f"have no choice yet (the first is keyframe {groups[0]['key']})" in capsys.readouterr().err
    (project / "selection.json").write_text(json.dumps([{"key": group["key"], "candidate": 1} for group in groups]))
    assert vidpaint("run", "-o", project) == 0


def test_a_bug_is_told_as_one(project: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    def broken(*_: Any) -> None:
        raise KeyError("oops")

    monkeypatch.setattr(session, "status", broken)
    assert vidpaint("status", project) == 1
    assert "This is a mistake in Video Inpaint" in capsys.readouterr().err


def test_ctrl_c_stops_cleanly_and_says_how_to_go_on(footage: Footage, tmp_path: Path) -> None:
    folder = tmp_path / "p"
    line = [
        "run",
        str(footage["source"]),
        "-o",
        str(folder),
        "--mask",
        str(footage["mask"]),
        "--preset",
        "remove",
        *QUICK,
    ]
    process = subprocess.Popen(
        [sys.executable, "-m", "lib_vidpaint", *line],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    end = time.monotonic() + 30
    while not (folder / "alpha").exists() and time.monotonic() < end:
        time.sleep(0.005)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=30)
    assert process.returncode == 130, said
    assert "Stopping after this step" in said
    assert f"vidpaint run -o {folder}" in said
    assert "Traceback" not in said
    assert not list(folder.rglob("*.vidpaint-part"))
    assert vidpaint("run", "-o", folder) == 0


def test_a_note_of_several_rounds_is_said_once(capsys: pytest.CaptureFixture[str]) -> None:
    with Terminal() as progress:
        for text in ("look at it", "and at this", "look at it"):
            progress.note(text)
    assert capsys.readouterr().err.splitlines() == ["look at it", "and at this"]


def test_a_second_ctrl_c_ends_the_process_at_once(capsys: Capture) -> None:
    before = signal.getsignal(signal.SIGINT)
    with Terminal() as progress:
        signal.raise_signal(signal.SIGINT)
        with pytest.raises(Cancelled):
            progress.check()
        assert signal.getsignal(signal.SIGINT) == signal.SIG_DFL
    assert signal.getsignal(signal.SIGINT) == before
    assert "Ctrl-C again" in capsys.readouterr().err
