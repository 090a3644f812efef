"""`python -m lib_vidpaint.docs` writes docs/settings.md and docs/stages.md from the declarations in the code."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

from . import settings
from .stages import PRESETS, STAGES, Settings

FOLDER = Path(__file__).parents[1] / "docs"
MADE = "<!-- Made by `python -m lib_vidpaint.docs`; change the code instead. -->\n"


def settings_page() -> str:
    """Every setting in a table, section by section, and what the presets set, as Markdown."""
    lines = [MADE, "# Settings", ""]
    lines += ["Each is a flag of `vidpaint run` (`--mask.grow 4`) and, but for paths, an entry of `project.toml`."]
    section = ""
    for leaf in settings.walk(Settings):
        name = leaf.path.split(".")[0]
        if name != section:
            section = name
            lines += ["", f"## {section}", "", "| setting | default | values | |", "|---|---|---|---|"]
        lines.append(f"| `{leaf.path}` | {settings.shown(leaf.default)} | {leaf.limits} | {leaf.knob.help} |")
    lines += ["", "## Presets", ""]
    for preset, values in PRESETS.items():
        lines.append(
            f"- `--preset {preset}`: "
            + ", ".join(f"`{path}` {settings.shown(value)}" for path, value in values.items())
        )
    return "\n".join(lines) + "\n"


def stages_page() -> str:
    """Every stage with the text of its module, as Markdown."""
    lines = [MADE, "# Stages", ""]
    for number, stage in enumerate(STAGES, 1):
        lines += [f"## {number} {stage.name}", ""]
        _, _, text = (importlib.import_module(stage.work.__module__).__doc__ or "").partition("\n\n")
        lines += [stage.about[0].upper() + stage.about[1:] + ".", "", text.strip(), ""]
    return "\n".join(lines)


PAGES = {"settings.md": settings_page, "stages.md": stages_page}


def main() -> None:
    """Write all pages."""
    FOLDER.mkdir(exist_ok=True)
    for name, page in PAGES.items():
        (FOLDER / name).write_text(page(), encoding="utf-8", newline="\n")
        sys.stdout.write(f"docs/{name}\n")


if __name__ == "__main__":
    main()
