"""The page without a WebUI around it: `vidpaint ui`."""

from __future__ import annotations

import os
import tempfile
import threading
from pathlib import Path

from .. import jobs
from ..engines import EngineSpec, open_engine
from . import compat
from .app import build
from .page import Host
from .workspaces import Access


def serve(
    root: Path, port: int | None = None, listen: bool = False, roots: tuple[Path, ...] = (), models: Path | None = None
) -> tuple[str, object]:
    """Start the page in threads of its own; gives its URL and the gradio page, whose `close` ends it.

    `listen`: let other computers in; then path boxes work only below `roots`. With `models`, the folder of checkpoints,
    the engine diffusers paints. Raises EngineError where it is no such folder.
    """
    root = Path(os.path.abspath(root))
    allowed: list[str] = []

    def allow(folder: Path) -> None:
        if str(folder) not in allowed:
            allowed.append(str(folder))
            page.allowed_paths = allowed

    host = Host() if models is None else painting_with(models.absolute())
    page = build(root, Access(listen, roots if models is None else (*roots, models)), allow, host, script=True)
    empty = Path(tempfile.mkdtemp(prefix="vidpaint-empty-"))
    url = compat.launch(page, "0.0.0.0" if listen else "127.0.0.1", port, empty)  # noqa: S104
    page.allowed_paths = allowed
    return url, page


def painting_with(models: Path) -> Host:
    """The engine diffusers with the checkpoints of a folder. Raises EngineError."""
    engine = open_engine(EngineSpec("diffusers", (("models", str(models)),)))
    engine.names("checkpoint")
    return Host(engine.name, engine.names, defaults={"inpaint.models": str(models)})


def serve_until_interrupted(page: object) -> None:
    """Wait for Ctrl-C, then stop all jobs and the page; what is finished is kept."""
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        pass
    finally:
        jobs.stop_all()
        page.close()  # pyright: ignore[reportAttributeAccessIssue]
