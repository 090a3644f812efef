"""Freed memory goes back to the system."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from lib_vidpaint import memory


@pytest.mark.skipif(sys.platform != "linux", reason="only glibc can be asked")
def test_what_was_freed_is_given_back() -> None:
    psutil = pytest.importorskip("psutil")
    process = psutil.Process()
    # Pieces below the size that the allocator maps one by one, with others between them that stay.
    pieces = [np.ones(8000) for _ in range(4000)]
    kept = pieces[::50]
    full = process.memory_info().rss
    del pieces
    memory.give_back()
    assert process.memory_info().rss < full - 150e6
    assert len(kept) == 80


def test_elsewhere_nothing_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory.sys, "platform", "win32")
    monkeypatch.setattr(memory.ctypes, "CDLL", None)
    memory.give_back()
