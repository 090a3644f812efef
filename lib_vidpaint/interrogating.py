"""What keyframes show, asked of the engine once and kept in described/, where a person may write something better."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from .engines import Describer
from .errors import EngineError
from .items import Item, KeyCrops, KeyframeCrop
from .model import Frame

if TYPE_CHECKING:
    from .painting import InpaintSettings
    from .pipeline import Run

ONCE = "described/all.txt"


def described_file(key: int) -> str:
    return f"described/{key:06d}.txt"


def described(run: Run, settings: InpaintSettings, keys: Sequence[int], crops: KeyCrops) -> dict[int, str]:
    """What goes before the prompt of each keyframe, '' without `inpaint.interrogate`. Raises EngineError.

    What was asked for once stays for all keyframes, also for those that come later.
    """
    how = settings.interrogate
    if how == "off" or not keys:
        return dict.fromkeys(keys, "")

    def told(picture: Frame, how: str) -> bytes:
        if not isinstance(run.engine, Describer):
            raise EngineError(
                f"The engine {run.engine_name} cannot say what a picture shows: set inpaint.interrogate to off."
            )
        return run.engine.describe(picture, how).encode()  # pyright: ignore[reportArgumentType]

    if settings.interrogate_each:
        items = [Item((described_file(key),), (KeyframeCrop(key, crops[key]),), (how,)) for key in keys]
        run.each(items, told, "describing")
        return {key: _read(run, described_file(key)) for key in keys}
    first = KeyframeCrop(keys[0], crops[keys[0]])
    run.build(Item((ONCE,), (), (how,)), lambda path: path.write_bytes(told(first.load(run), how)))
    return dict.fromkeys(keys, _read(run, ONCE))


def _read(run: Run, file: str) -> str:
    return " ".join(run.project.path(file).read_text(encoding="utf-8", errors="replace").split())


def prefixed(words: str, prompt: str) -> str:
    """The prompt with what was described before it."""
    return ", ".join(part for part in (words, prompt) if part)
