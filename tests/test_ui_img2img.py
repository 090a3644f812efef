"""The way to and from the WebUI's img2img tab, with stand-ins for its components."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from projects import edit

from lib_vidpaint import selection, viewing
from lib_vidpaint.errors import ProjectError, SettingsError
from lib_vidpaint.groups import read_groups
from lib_vidpaint.model import Repaint
from lib_vidpaint.project import Folder

pytest.importorskip("gradio", reason="the page needs gradio: pip install 'vidpaint[ui]'")

from lib_vidpaint.ui.img2img import PLACES, VALUES, Img2Img
from lib_vidpaint.ui.workspaces import Workspace

EVERY = dict.fromkeys((*PLACES, *VALUES, "img2img_styles"), object())


@pytest.fixture
def space(finished: Path, footage: dict[str, Path], tmp_path: Path) -> Workspace:
    shutil.copytree(finished, tmp_path / "project")
    edit(tmp_path / "project", footage, {"inpaint.prompt": "a hat", "inpaint.resize": 2.0}, until="select")
    return Workspace(tmp_path)


def test_it_is_off_where_the_host_has_other_components() -> None:
    assert Img2Img(EVERY, lambda sent: sent).ready
    assert not Img2Img({PLACES[0]: object()}, lambda sent: sent).ready


def test_picture_mask_and_values_are_sent(space: Workspace) -> None:
    key = read_groups(Folder(space.project))[0].key
    way = Img2Img(EVERY, lambda sent: sent)
    selection.redo(Folder(space.project), key, Repaint(denoise=0.5, seed=9))
    picture, mask, *values = way.sent(space, key)
    width, height = viewing.crop(space.project, key).size(0)
    assert picture.size == mask.size == (width, height)
    assert mask.getextrema()[0][1] == 255
    sent = dict(zip(way.filled[2:], (value["value"] for value in values)))
    assert sent["img2img_prompt"] == "a hat"
    assert (sent["img2img_denoising_strength"], sent["img2img_seed"]) == (0.5, 9)
    assert (sent["img2img_width"] % 8, sent["img2img_height"] % 8) == (0, 0)
    assert sent["img2img_width"] == pytest.approx(2 * width, abs=4)


def test_what_img2img_made_is_taken_back(space: Workspace) -> None:
    key = read_groups(Folder(space.project))[0].key
    width, height = viewing.crop(space.project, key).size(0)
    made = Image.fromarray(np.full((2 * height, 2 * width, 3), 200, np.uint8))
    Img2Img(EVERY, lambda sent: made).took(space, key, [[{"name": "x.png", "is_file": True}, None]])
    assert viewing.gallery(space.project)[0].candidate == -1


def refuse(sent: Any) -> Any:
    raise AssertionError("trying to open image file outside of allowed directories")


@pytest.mark.parametrize(
    ("read", "sent", "error", "words"),
    [
        (lambda sent: sent, [], SettingsError, "shows no picture yet"),
        (lambda sent: sent, None, SettingsError, "shows no picture yet"),
        (refuse, [[{"name": "/etc/passwd", "is_file": True}]], SettingsError, "cannot be read"),
        (lambda sent: Image.new("RGB", (90, 10)), [["x"]], ProjectError, "It must show"),
    ],
    ids=["nothing", "no gallery", "a path made up", "another shape"],
)
def test_what_cannot_be_taken_is_refused(read: Any, sent: Any, error: type, words: str, space: Workspace) -> None:
    key = read_groups(Folder(space.project))[0].key
    with pytest.raises(error, match=words):
        Img2Img(EVERY, read).took(space, key, sent)
    assert not (space.project / "own").exists()
