"""run.log: everything that the package logs while a project is worked on."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from .errors import VidpaintError
from .project import LOG, Project


class _LogFile(logging.FileHandler):
    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802
        """On a full disk the work itself says so; a log that cannot be written is no reason for more."""


@contextmanager
def logged(project: Project) -> Iterator[None]:
    """Have everything the package logs written to the project's run.log meanwhile."""
    package = logging.getLogger(__package__)
    handler = _LogFile(project.path(LOG), encoding="utf-8", delay=True)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    level = package.level
    package.addHandler(handler)
    package.setLevel(logging.INFO)
    try:
        yield
    except VidpaintError as error:
        package.error("%s", error)
        raise
    finally:
        package.removeHandler(handler)
        package.setLevel(level)
        handler.close()
