"""Memory of what is done, given back to the system."""

from __future__ import annotations

import ctypes
import sys


def give_back() -> None:
    """Have the allocator let go of what was freed, where it can be asked to (glibc): it keeps freed pictures for itself, after
    compositing 1080p 500 MB of them, which the engine beside us and the next stages could use."""
    if sys.platform != "linux":
        return
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
