"""The generated pages say what the code says."""

from __future__ import annotations

import pytest

from lib_vidpaint import docs, settings
from lib_vidpaint.stages import STAGES, Settings


@pytest.mark.parametrize("name", docs.PAGES)
def test_a_page_is_as_it_would_be_written_now(name: str) -> None:
    written = (docs.FOLDER / name).read_text(encoding="utf-8")
    assert written == docs.PAGES[name](), f"docs/{name} is stale: run `python -m lib_vidpaint.docs`"


def test_every_setting_and_stage_has_its_place() -> None:
    table = docs.settings_page()
    assert all(f"| `{leaf.path}` |" in table for leaf in settings.walk(Settings))
    pages = docs.stages_page()
    assert all(f"## {number} {stage.name}\n" in pages for number, stage in enumerate(STAGES, 1))
    assert "None" not in pages


@pytest.mark.parametrize("leaf", list(settings.walk(Settings)), ids=lambda leaf: leaf.path)
def test_a_value_that_is_shown_can_be_typed(leaf: settings.Leaf) -> None:
    assert settings.parse(leaf, settings.shown(leaf.default)) == leaf.default
