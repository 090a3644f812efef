"""Masks that are found for a whole project: kept before shaping, resumed shot by shot, announced when they take long."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from fakes import Steps
from projects import remade, stamps, vidpaint

from lib_vidpaint import finding, session
from lib_vidpaint.errors import Cancelled, MaskError
from lib_vidpaint.finding import estimate
from lib_vidpaint.model import VideoInfo

GREEN, FRAMES = (40, 200, 60), 24


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A green disc on grey; from frame 12 on another shot: the disc elsewhere on bright noise."""
    folder = tmp_path_factory.mktemp("discs")
    rng = np.random.default_rng(1)
    grounds = [np.full((64, 96, 3), 70, np.uint8), rng.integers(150, 255, (64, 96, 3)).astype(np.uint8)]
    for index in range(FRAMES):
        late = index >= FRAMES // 2
        frame = grounds[late].copy()
        cv2.circle(frame, (20 + index, 44 if late else 24), 12, GREEN, -1)
        cv2.imwrite(str(folder / f"{index:04d}.png"), frame[..., ::-1])
    return folder


def keyed(project: Path, clip: Path, progress: Steps | None = None, **more: Any) -> None:
    values = {"mask.how": "key", "mask.key": "#28c83c", **{f"mask.{name}": value for name, value in more.items()}}
    session.run(project, {"source.path": str(clip), **values}, until="mask", progress=progress)


def alpha(project: Path, index: int) -> np.ndarray:
    return cv2.imread(str(project / f"alpha/{index:06d}.png"), cv2.IMREAD_GRAYSCALE)


def test_shaping_again_finds_nothing_again(clip: Path, tmp_path: Path) -> None:
    keyed(tmp_path / "p", clip)
    assert alpha(tmp_path / "p", 5)[24, 25] == 255
    assert alpha(tmp_path / "p", 20)[44, 40] == 255
    assert {path.name for path in (tmp_path / "p/found").iterdir()} == {"000000.mp4", "000012.mp4"}
    before = stamps(tmp_path / "p")
    keyed(tmp_path / "p", clip, grow=3.0, clothing="full", part="head")
    assert {name.partition("/")[0] for name in remade(before, tmp_path / "p")} & {"alpha", "found"} == {"alpha"}
    keyed(tmp_path / "p", clip, grow=3.0, tolerance=30.0)
    assert "found/000000.mp4" in remade(before, tmp_path / "p")


def test_a_stopped_run_goes_on_at_the_next_shot(clip: Path, tmp_path: Path) -> None:
    with pytest.raises(Cancelled):
        keyed(tmp_path / "p", clip, Steps(("finding masks", 15)))
    before = stamps(tmp_path / "p")
    assert "found/000000.mp4" in before
    assert "found/000012.mp4" not in before
    keyed(tmp_path / "p", clip)
    assert "found/000000.mp4" not in remade(before, tmp_path / "p")


def test_nothing_is_tracked_over_a_cut(clip: Path, tmp_path: Path) -> None:
    values = {"source.path": str(clip), "mask.how": "track", "mask.prompts": "+22,24"}
    session.run(tmp_path / "p", values, until="mask")
    assert [bool(alpha(tmp_path / "p", index).any()) for index in (0, 11, 12, 23)] == [True, True, False, False]


COMBINED = {"intersect": (255, 0, 0), "add": (255, 255, 255), "subtract": (0, 255, 0)}


@pytest.mark.parametrize("how", COMBINED)
def test_a_found_mask_is_combined_with_one_of_the_users(how: str, clip: Path, tmp_path: Path) -> None:
    keyed(tmp_path / "p", clip, path="box:0,0,20,64", combine=how)
    both, only_found, only_given = COMBINED[how]
    mask = alpha(tmp_path / "p", 0)
    assert (mask[24, 14], mask[24, 27], mask[60, 4]) == (both, only_found, only_given)


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (("--mask.how", "face"), "found nothing in any frame"),
        (("--mask.how", "track"), "mask.prompts"),
        (("--mask.how", "track", "--mask.prompts", "0: +200,5"), "outside the picture, which is 96x64"),
        (("--mask.how", "track", "--mask.prompts", "99: +5,5"), "frames 0 to 23"),
    ],
    ids=["no face", "no prompt", "a click outside", "no such frame"],
)
def test_masks_that_cannot_be_found(
    more: tuple[str, ...], words: str, clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert vidpaint("run", clip, "-o", tmp_path / "p", "--until", "mask", *more) == 2
    assert words in capsys.readouterr().err


def test_long_work_is_announced_at_once(clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hours = VideoInfo(1920, 1080, "yuv420p", "h264", "mp4", Fraction(25), Fraction(1, 25))
    assert estimate(10 * 3600 * 25, hours, 0.035) == pytest.approx(70875)
    monkeypatch.setattr(finding, "PROMISE", 0.01)
    progress = Steps()
    keyed(tmp_path / "p", clip, progress)
    assert any("Finding masks in 24 frames takes about" in note for note in progress.notes)


def test_masks_of_the_wrong_size_are_refused(clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Wrong:
        seconds, uses, files = 0.0, (), {}

        def masks(self, shot: object) -> Any:
            yield np.zeros((3, 3), np.uint8)

    monkeypatch.setattr(finding, "open_segmenter", lambda *_: Wrong())
    with pytest.raises(MaskError, match="another size"):
        keyed(tmp_path / "p", clip)


def test_an_ellipse_is_a_mask(clip: Path, tmp_path: Path) -> None:
    session.run(tmp_path / "p", {"source.path": str(clip), "mask.path": "ellipse:10,8,40,20"}, until="mask")
    mask = alpha(tmp_path / "p", 0)
    assert (mask[18, 30], mask[18, 12], mask[9, 12], mask[40, 30]) == (255, 255, 0, 0)
    assert np.count_nonzero(mask > 127) == pytest.approx(np.pi * 20 * 10, rel=0.03)
