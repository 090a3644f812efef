"""What the Result tab shows of validation, without a browser."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from fakes import Recorder
from projects import copied, edit

from lib_vidpaint import checking

pytest.importorskip("gradio", reason="the page needs gradio: pip install 'vidpaint[ui]'")
from lib_vidpaint.ui import checks


@pytest.fixture
def project(finished: Path, footage: dict[str, Path], tmp_path: Path) -> Path:
    """A finished project in which the second group failed."""
    folder = copied(finished, tmp_path / "project")
    edit(folder, footage)
    verdicts = json.loads((folder / "verdicts.json").read_text())
    verdicts[1] |= {"decision": "drop", "broken": ["seam"]}
    (folder / "verdicts.json").write_text(json.dumps(verdicts))
    return folder


def test_the_timeline_marks_the_group_that_failed(project: Path) -> None:
    found = checking.checked(project)
    assert found
    assert (len(found.times), [group.key for group in found.failed]) == (14, [found.groups[1].key])
    text = checks.timeline(found, 3)
    assert text.count("<rect") == len(found.groups[::2]) + 1
    assert 'data-to="check"' in text
    assert f"{found.failed[0].start}–{found.failed[0].stop - 1}" in checks.jumps(found)


def test_a_span_plays_and_says_what_is_wrong_and_what_it_costs(project: Path) -> None:
    found = checking.checked(project)
    assert found
    group = found.failed[0]
    text = checks.span(found, group.start, "file=share.mp4")
    assert f"share.mp4#t={max(group.start - 2, 0) / found.fps:.3f}," in text
    assert "a seam at the mask" in text
    for verb in ("accept", "redo", "drop"):
        assert f'data-vidpaint="check:{verb}:{group.key}"' in text
    assert f"({found.images} images)" in text
    assert "press Render" in checks.span(found, group.start, "")


def test_nothing_is_shown_before_validation(footage: dict[str, Path], tmp_path: Path) -> None:
    edit(tmp_path / "p", footage, until="keyframes", engine=Recorder())
    assert checking.checked(tmp_path / "p") is None
