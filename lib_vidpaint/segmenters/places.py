"""Where a person's models lie: in the WebUI that this is an extension of, or where they are told."""

from __future__ import annotations

from pathlib import Path


def models_folders() -> list[Path]:
    """The `models` folders to look in: of the WebUI around us, if any, and of the folder that was started from."""
    around = [parent.parent for parent in Path(__file__).resolve().parents if parent.name == "extensions"]
    roots = [*around, Path.cwd()]
    known = [root / "models" for root in roots]
    return [*known, *(root / "extensions" / "sd-webui-segment-anything" / "models" for root in roots)]


def in_models(folder: str) -> list[Path]:
    """Those of the models' subfolders with this name that exist."""
    return list(dict.fromkeys(path for models in models_folders() if (path := models / folder).is_dir()))
