"""A video that is shown turned: what people see and give is upright, what is written lies as the source does."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from fakes import Recorder
from media import Recipe, make

from lib_vidpaint import session, viewing
from lib_vidpaint.clip import open_clip
from lib_vidpaint.groups import read_groups
from lib_vidpaint.items import frame_file, keyframe_file, keyframe_white, read_keyframe
from lib_vidpaint.model import Frame
from lib_vidpaint.orientation import shown_size, upright
from lib_vidpaint.pictures import decode_grey, decode_picture, encode_png
from lib_vidpaint.planes import view
from lib_vidpaint.project import Folder

BOX = "mask.path", "box:16,24,24,30"


@pytest.fixture(params=[90, 180, -90], ids=["left", "over", "right"])
def turned(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    source = make(Recipe(size=(96, 64), frames=4, rotation=request.param), tmp_path)
    values = {"source.path": str(source), BOX[0]: BOX[1], "keyframes.how": "shots", "extract.frames": "png"}
    session.run(tmp_path / "p", values, engine=Recorder(), until="keyframes")
    return tmp_path / "p"


def shown(folder: Path, index: int) -> Frame:
    (source,) = [path for path in folder.parent.glob("*") if path.is_file()]
    clip = open_clip(source)
    return upright(view(clip.frame(index), clip.info.color), clip.info.rotation)


def test_pictures_for_people_are_upright(turned: Path) -> None:
    (group,) = read_groups(Folder(turned))
    info = viewing.source_info(turned)
    assert shown_size(info) == shown(turned, 0).shape[1::-1]
    for file, index in ((frame_file(3, "png"), 3), (keyframe_file(group.key), group.key)):
        assert (decode_picture((turned / file).read_bytes(), file) == shown(turned, index)).all()
    white = decode_grey((turned / keyframe_white(group.key)).read_bytes(), "white", shown_size(info))
    left, top, right, bottom = 16, 24, 40, 54
    assert np.count_nonzero(white) == 24 * 30
    assert white[top:bottom, left:right].min() == 255
    assert (upright(read_keyframe(Folder(turned), group.key, info), info.rotation) == shown(turned, group.key)).all()


@pytest.mark.parametrize("where", ["frames", "keyframes"])
def test_a_picture_painted_upright_is_what_the_engine_sees(turned: Path, where: str) -> None:
    (group,) = read_groups(Folder(turned))
    file = frame_file(group.key, "png") if where == "frames" else keyframe_file(group.key)
    picture = decode_picture((turned / file).read_bytes(), file)
    cv2.rectangle(picture, (18, 26), (23, 31), (255, 0, 255), -1)
    (turned / file).write_bytes(encode_png(picture))
    engine = Recorder()
    session.run(turned, {"inpaint.crop": "frame"}, engine=engine, until="inpaint")
    seen = engine.jobs[0].crop
    height, width = picture.shape[:2]
    assert (seen[:height, :width] == picture).all() or (seen[-height:, -width:] == picture).all()
    assert np.abs(seen.astype(int) - np.array([255, 0, 255])).max(axis=2).min() == 0
