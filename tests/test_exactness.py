"""The promise, through the whole program: every kind of source is edited for real, and nothing else changes."""

from __future__ import annotations

from pathlib import Path

import media
import pytest

from lib_vidpaint import session
from lib_vidpaint.clip import open_clip
from lib_vidpaint.verify import verify

ONE = {"inpaint.batch_count": 1, "inpaint.batch_size": 1, "package.comparison": False, "extract.sheets": False}


@pytest.mark.parametrize("name", media.SOURCES)
def test_an_edit_changes_the_region_and_nothing_else(name: str, tmp_path: Path) -> None:
    source = media.SOURCES[name](tmp_path)
    info = open_clip(source).info
    width, height = (info.width, info.height) if info.rotation % 180 == 0 else (info.height, info.width)
    box = f"box:{width // 4},{height // 4},{width // 2},{height // 2}"
    project = tmp_path / "project"
    session.run(project, {"source.path": str(source), "mask.path": box, **ONE}, preset="remove")

    found = session.verify(project, source)
    assert found.exact, found.text()
    assert found.check.changed_outside == 0
    assert found.check.changed_inside > 0
    assert found.not_kept == ()

    again = tmp_path / f"again{Path(found.master).suffix}"
    session.render(project / "package", source, again)
    same = verify(project / found.master, again, project / "region.mp4")
    assert (same.changed_outside, same.changed_inside, same.timestamps_equal) == (0, 0, True)
