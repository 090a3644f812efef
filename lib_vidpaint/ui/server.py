"""The page without a WebUI around it: `vidpaint ui`."""

from __future__ import annotations

import os
import tempfile
import threading
from pathlib import Path

from .. import jobs
from . import compat
from .app import build
from .workspaces import Access


def serve(
    root: Path, port: int | None = None, listen: bool = False, roots: tuple[Path, ...] = ()
) -> tuple[str, object]:
    """Start the page in threads of its own; gives its URL and the gradio page, whose `close` ends it.

    `listen`: let other computers in; then path boxes work only below `roots`.
    """
    root = Path(os.path.abspath(root))
    allowed: list[str] = []

    def allow(folder: Path) -> None:
        if str(folder) not in allowed:
            allowed.append(str(folder))
            page.allowed_paths = allowed

    page = build(root, Access(listen, roots), allow, script=True)
    empty = Path(tempfile.mkdtemp(prefix="vidpaint-empty-"))
    url = compat.launch(page, "0.0.0.0" if listen else "127.0.0.1", port, empty)  # noqa: S104
    page.allowed_paths = allowed
    return url, page


def serve_until_interrupted(page: object) -> None:
    """Wait for Ctrl-C, then stop all jobs and the page; what is finished is kept."""
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        pass
    finally:
        jobs.stop_all()
        page.close()  # pyright: ignore[reportAttributeAccessIssue]
