"""Every error a user can meet. A message says what is wrong, where, and what to do about it."""

from __future__ import annotations


class VidpaintError(Exception):
    """Something the user can mend. Its text is one or two clear sentences, shown as it is."""


class SettingsError(VidpaintError):
    """A setting is unknown, of the wrong kind or out of its range."""


class ProjectError(VidpaintError):
    """The project folder is damaged, locked, too new, or cannot be written."""


class VideoError(VidpaintError):
    """A video or picture cannot be read, is not one, or cannot be written."""


class MaskError(VidpaintError):
    """A mask does not fit the source or marks nothing."""


class EngineError(VidpaintError):
    """The engine is missing something or gave back what it must not."""


class Cancelled(Exception):
    """The user stopped the work. Everything finished is kept."""


class Skipped(Cancelled):
    """The user gave up on this one piece of work; the rest goes on."""


class WaitingForPerson(Exception):
    """A stage cannot go on before a person has decided something; the text says what."""


class Again(Exception):
    """A stage changed what earlier ones are to heed: they must look again, then it."""
