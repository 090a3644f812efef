"""`python -m lib_vidpaint.docs` writes docs/settings.md, docs/stages.md and docs/modules.md from what the code declares."""

from __future__ import annotations

import ast
import importlib
import sys
from pathlib import Path

from . import settings
from .stages import PRESETS, STAGES, Settings

PACKAGE = Path(__file__).parent
FOLDER = PACKAGE.parent / "docs"
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


def modules_page() -> str:
    """What every module is for, in its own first sentence, folder by folder, as Markdown."""
    lines = [MADE, "# Modules", "", "Where to look for what. Who may import whom is written in tests/test_imports.py."]
    sources = sorted(PACKAGE.rglob("*.py"), key=lambda path: (path.parent.as_posix(), path.name))
    folder = None
    for path in sources:
        text, _, _ = (ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or "").partition("\n")
        if path.parent != folder:
            folder = path.parent
            lines += ["", f"## {folder.relative_to(PACKAGE.parent).as_posix()}/", ""]
        lines.append(f"- `{path.stem}` {text}")
    return "\n".join(lines) + "\n"


PAGES = {"settings.md": settings_page, "stages.md": stages_page, "modules.md": modules_page}


def main() -> None:
    """Write all pages."""
    FOLDER.mkdir(exist_ok=True)
    for name, page in PAGES.items():
        (FOLDER / name).write_text(page(), encoding="utf-8", newline="\n")
        sys.stdout.write(f"docs/{name}\n")


if __name__ == "__main__":
    main()
