"""`vidpaint ui --models`: a keyframe painted by diffusers through the page, with a tiny model of random weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from driving import CHROMIUM, field, open_video, press, project_of, tab
from PIL import Image
from tiny_models import save_model

for package in ("gradio", "playwright.sync_api", "torch", "diffusers", "transformers", "accelerate"):
    pytest.importorskip(package, reason=f"{package} is not installed: nothing is painted by diffusers through the page")
pytestmark = pytest.mark.skipif(not Path(CHROMIUM).exists(), reason="needs /usr/bin/chromium")


@pytest.fixture(scope="module")
def flags(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    models = tmp_path_factory.mktemp("models")
    save_model(models / "inpaint")
    return ["--models", str(models)]


def test_a_keyframe_is_painted_and_chosen(page: Any, footage: dict[str, Path], folder: Path) -> None:
    open_video(page, footage["source"], footage["still"])
    press(page, "run_extract")
    tab(page, 3)
    for name, value in (
        ("prompt", "a red hat"),
        ("steps", 2),
        ("batch_count", 1),
        ("batch_size", 2),
        ("resize", 1),
        ("seed", 7),
    ):
        field(page, f"inpaint_{name}").fill(str(value))
        field(page, f"inpaint_{name}").press("Tab")
    press(page, "run_inpaint", 120)
    tab(page, 4)
    page.locator(".vidpaint-picker .vidpaint-candidates button[data-number='2']").click()
    page.wait_for_selector(".vidpaint-taken[data-number='2']")
    painted = sorted(project_of(folder).glob("candidates/*/*.png"))
    assert [path.name for path in painted[:2]] == ["00.png", "01.png"]
    with Image.open(painted[1]) as picture:
        assert picture.info["parameters"].startswith("a red hat\n")
        assert "Seed: 8," in picture.info["parameters"]
