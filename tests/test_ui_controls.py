"""The page's controls and folders, without a browser."""

from __future__ import annotations

import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import numpy as np
import pytest

from lib_vidpaint import jobs
from lib_vidpaint.engines import Glimpse
from lib_vidpaint.errors import EngineError, ProjectError, SettingsError
from lib_vidpaint.jobs import Job
from lib_vidpaint.settings import get, walk
from lib_vidpaint.stages import Settings

gr = pytest.importorskip("gradio", reason="the page needs gradio: pip install 'vidpaint[ui]'")
from lib_vidpaint.ui import compat, controls, standing  # noqa: E402
from lib_vidpaint.ui.app import Frame  # noqa: E402
from lib_vidpaint.ui.page import Host, Page  # noqa: E402
from lib_vidpaint.ui.server import painting_with  # noqa: E402
from lib_vidpaint.ui.workspaces import Access, Workspace, Workspaces  # noqa: E402


def form(engine: str = "webui") -> controls.Form:
    with gr.Blocks():
        made = controls.Form(Settings(), engine, lambda kind: [f"first {kind}", f"second {kind}"])
        made.add(*(leaf.path for leaf in walk(Settings)))
    return made


def test_every_knob_has_a_control_with_its_own_label_and_id() -> None:
    made = form().controls
    assert list(made) == [leaf.path for leaf in walk(Settings) if leaf.path not in controls.FLAG_ONLY]
    assert len({control.label for control in made.values()}) == len(made)
    assert made["inpaint.denoise"].label == "Denoising strength"
    assert made["keyframes.movement"].elem_id == "vidpaint_keyframes_movement"


@pytest.mark.parametrize(
    ("engine", "unused"),
    [
        ("builtin", {"inpaint.prompt", "inpaint.models", "inpaint.styles"}),
        ("diffusers", {"inpaint.styles", "inpaint.refiner", "inpaint.scripts"}),
        ("webui", {"inpaint.models", "inpaint.device", "inpaint.precision", "inpaint.memory"}),
    ],
)
def test_knobs_that_an_engine_has_no_use_for_are_hidden(engine: str, unused: set[str]) -> None:
    made = form(engine).controls
    watched = {"inpaint.prompt", "mask.grow", *controls.OF_DIFFUSERS, *controls.OF_WEBUI}
    hidden = {path for path in watched if not made[path].visible}
    assert unused <= hidden
    assert hidden.isdisjoint({"mask.grow", "inpaint.prompt"} if engine != "builtin" else {"mask.grow"})


def test_the_page_paints_with_a_folder_of_checkpoints(tmp_path: Path) -> None:
    (tmp_path / "own.safetensors").write_bytes(b"")
    host = painting_with(tmp_path)
    assert (host.engine, list(host.names("checkpoint"))) == ("diffusers", ["own.safetensors"])
    assert host.defaults == {"inpaint.models": str(tmp_path)}
    with pytest.raises(EngineError, match="no folder"):
        painting_with(tmp_path / "missing")


def test_the_controls_hold_the_defaults() -> None:
    made = form()
    assert made.values([control.value for control in made.controls.values()]) == {
        leaf.path: leaf.default for leaf in walk(Settings) if leaf.path not in controls.FLAG_ONLY
    }


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("inpaint.denoise", 5),
        ("inpaint.denoise", "many"),
        ("inpaint.batch_count", 0),
        ("inpaint.batch_count", None),
        ("mask.missing", "guess"),
        ("assemble.share", "yes"),
        ("inpaint.seed", float("nan")),
    ],
)
def test_what_no_slider_allows_is_refused_on_the_server(path: str, value: object) -> None:
    made = form()
    given = {p: get(Settings(), p) for p in made.controls} | {path: value}
    with pytest.raises(SettingsError, match=path):
        made.values(list(given.values()))


def test_the_built_in_engine_hides_what_means_nothing_to_it() -> None:
    made = form("builtin").controls
    assert not made["inpaint.sampler"].visible
    assert made["inpaint.batch_count"].visible


@pytest.fixture
def spaces(tmp_path: Path) -> Workspaces:
    allowed: list[Path] = []
    return Workspaces(tmp_path / "projects", allowed.append)


@pytest.mark.parametrize(
    "title",
    [
        "",
        "..",
        "../x",
        "x · 2026-01-01 00:00:00 · 01234567",
        "x · 2026-01-01 00:00:00 · ../../..",
        "20260101-000000-01234567",
    ],
)
def test_only_projects_that_we_made_open(title: str, spaces: Workspaces) -> None:
    made = spaces.create("clip.mp4")
    assert spaces.open(made.title) == made
    with pytest.raises(ProjectError):
        spaces.open(title)


def test_a_deleted_project_stays_away(spaces: Workspaces, tmp_path: Path) -> None:
    """A view that was still at work on a picture of it leaves nothing in its place."""
    made = spaces.create("clip.mp4")
    (tmp_path / "frame.png").write_bytes(b"x")
    assert not spaces.deleted(made.title)

    def late() -> bytes:
        shutil.rmtree(made.folder)
        return b"picture"

    with pytest.raises(ProjectError):
        made.made("frame", tmp_path / "frame.png", ".jpg", late)
    assert not made.folder.exists()
    assert spaces.deleted(made.title)
    assert not spaces.deleted("x")


def test_a_hidden_root_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match="hidden"):
        Workspaces(tmp_path / ".projects", lambda folder: None).create("clip.mp4")


def test_links_in_served_are_removed_before_it_is_served(spaces: Workspaces, tmp_path: Path) -> None:
    made = spaces.create("clip.mp4")
    (tmp_path / "secret").write_text("s")
    (made.served / "x.jpg").symlink_to(tmp_path / "secret")
    (made.served / ".hidden").write_text("s")
    spaces.open(made.title)
    assert os.listdir(made.served) == []


def test_a_served_folder_that_is_a_link_is_not_opened(spaces: Workspaces, tmp_path: Path) -> None:
    made = spaces.create("clip.mp4")
    made.served.rmdir()
    made.served.symlink_to(tmp_path)
    with pytest.raises(ProjectError, match="links"):
        spaces.open(made.title)


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("my clip (1).mp4", "my clip (1).mp4"),
        ("../../etc/passwd", "passwd"),
        (".hidden.mp4", "hidden.mp4"),
        ("CON.mp4", "_CON.mp4"),
        ("a<b>.mp4", "a_b_.mp4"),
        ("...", "video"),
    ],
)
def test_uploads_get_safe_names(name: str, kept: str, spaces: Workspaces, tmp_path: Path) -> None:
    made = spaces.create("x")
    (tmp_path / "upload").write_bytes(b"v")
    text = made.take(tmp_path / "upload", name)
    assert text == f"uploaded: {kept}"
    assert made.given(text, Access(reachable=True)) == str(made.input / kept)
    assert made.shown(str(made.input / kept)) == text


@pytest.mark.parametrize("text", ["uploaded: ../title.txt", "uploaded: .x", "uploaded: nothing.mp4"])
def test_an_upload_names_only_what_was_uploaded(text: str, spaces: Workspaces) -> None:
    with pytest.raises(SettingsError):
        spaces.create("x").given(text, Access())


def test_paths_are_refused_when_others_can_reach_the_page(tmp_path: Path) -> None:
    inside, outside = tmp_path / "media", tmp_path / "private"
    for folder in (inside, outside):
        folder.mkdir()
        (folder / "v.mp4").write_bytes(b"v")
    (inside / "link.mp4").symlink_to(outside / "v.mp4")
    (inside / ".dot.mp4").write_bytes(b"v")
    assert Access().check(str(outside / "v.mp4")) == outside / "v.mp4"
    access = Access(reachable=True, roots=(inside,))
    assert access.check(str(inside / "v.mp4")) == inside / "v.mp4"
    for bad in (outside / "v.mp4", inside / ".." / "private" / "v.mp4", inside / "link.mp4", inside / ".dot.mp4"):
        with pytest.raises(SettingsError, match="upload"):
            access.check(str(bad))
    with pytest.raises(SettingsError):
        Access(reachable=True).check(str(inside / "v.mp4"))


def test_videos_are_linked_not_copied_and_old_links_go(spaces: Workspaces) -> None:
    made = spaces.create("x")
    made.project.mkdir()
    video = made.project / "share.mp4"
    video.write_bytes(b"one")
    first = made.publish(video)
    assert first.samefile(video)
    (made.project / "new").write_bytes(b"longer")
    os.replace(made.project / "new", video)
    second = made.publish(video)
    assert second.samefile(video)
    assert os.listdir(made.served) == [second.name]


def test_pictures_are_made_once(spaces: Workspaces, tmp_path: Path) -> None:
    made, calls = spaces.create("x"), []
    (tmp_path / "from").write_bytes(b"1")

    def make() -> np.ndarray:
        calls.append(1)
        return np.zeros((4, 4, 3), np.uint8)

    assert made.picture("key-000001", tmp_path / "from", make) == made.picture("key-000001", tmp_path / "from", make)
    assert len(calls) == 1


def test_two_views_may_ask_for_the_same_pictures_at_once(spaces: Workspaces, tmp_path: Path) -> None:
    """When a job ends, Inpaint and Select both show its candidates."""
    made, calls, names = spaces.create("x"), [], [f"candidate-{key:06d}-00" for key in range(200)]
    (tmp_path / "from").write_bytes(b"1")
    together = Barrier(4, timeout=10)

    def view(_: int) -> list[Path]:
        found = []
        for name in names:
            together.wait()
            found.append(made.made(name, tmp_path / "from", ".jpg", lambda name=name: calls.append(name) or b"picture"))
            made.prune("candidate-", keep=3)
        return found

    with ThreadPoolExecutor(4) as pool:
        first, *others = pool.map(view, range(4))
    assert [other == first for other in others] == [True] * 3
    assert sorted(calls) == names, "each is made once"
    assert len(os.listdir(made.served)) == 3


def test_two_views_may_link_the_same_video_at_once(spaces: Workspaces) -> None:
    made, together = spaces.create("x"), Barrier(4, timeout=10)
    made.project.mkdir()
    videos = [made.project / f"{number}.mp4" for number in range(100)]
    for video in videos:
        video.write_bytes(b"one")

    def view(_: int) -> bool:
        return all(together.wait() >= 0 and made.publish(video).samefile(video) for video in videos)

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(view, range(4))) == [True] * 4


@pytest.mark.parametrize(
    ("shown", "seen", "expected"),
    [
        ("old", ["old", "old"], "now"),
        ("now", ["now", "now"], "now"),
        ("now", ["now", "old"], "now+"),
        ("now+", ["now", "old"], "now"),
        ("now+", ["now", "now+"], "now+"),
        ("now", ["old", ""], "now+"),
    ],
)
def test_what_a_part_of_the_page_missed_it_is_told_again(shown: str, seen: list[str], expected: str) -> None:
    assert standing.renewed("now", shown, seen) == expected


def test_a_poll_while_something_is_painted(spaces: Workspaces, monkeypatch: pytest.MonkeyPatch) -> None:
    made, job = spaces.create("x"), Job(Path("x"), "")
    monkeypatch.setattr(jobs, "of", lambda folder: job)
    page = Page(spaces, Access(), form(), Host(glimpse=lambda thread: Glimpse(1, 4)))
    given = [control.value for control in page.form.controls.values()]
    progress, _, version, beat = Frame(page).poll(made.title, "", "old", "old", *given)
    assert "step 2 of 4" in progress
    assert Frame(page).poll(made.title, version, version, "old", *given)[2] == version + "+"
    assert beat


def test_an_upload_must_come_from_gradio(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "gradio"))
    (tmp_path / "gradio").mkdir()
    (tmp_path / "gradio" / "v.mp4").write_bytes(b"v")
    (tmp_path / "other").write_bytes(b"v")
    (tmp_path / "gradio" / "link").symlink_to(tmp_path / "other")
    assert compat.uploaded(str(tmp_path / "gradio" / "v.mp4")).name == "v.mp4"
    for bad in ("other", "gradio/../other", "gradio/link", "gradio/none"):
        with pytest.raises(ValueError, match=r"other|none"):
            compat.uploaded(str(tmp_path / bad))


def test_titles_and_order(spaces: Workspaces) -> None:
    made = spaces.create("clip.mp4")
    assert [space.id for space in spaces.all()] == [made.id]
    assert made.title.startswith("clip.mp4 · ")
    assert isinstance(spaces.open(made.title), Workspace)


def test_sentences_name_controls_as_the_page_does() -> None:
    assert controls.worded("run again with --inpaint.steps 5") == "run again with “Sampling steps” 5"
    assert controls.worded("inpaint.steps: 0 is not a whole number") == "“Sampling steps”: 0 is not a whole number"
    for text in ("see a/mask.path", "alpha.png is missing", "the file mask.path.png", "e.g. this"):
        assert controls.worded(text) == text


def test_several_styles_are_one_knob() -> None:
    made = form()
    given = {path: control.value for path, control in made.controls.items()} | {
        "inpaint.styles": ["Winter", "Old film"]
    }
    assert made.values(list(given.values()))["inpaint.styles"] == "Winter;Old film"
    assert made.held("inpaint.styles", "Winter; Old film") == ["Winter", "Old film"]
    assert made.held("inpaint.prompt", "a;b") == "a;b"
