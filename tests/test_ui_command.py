"""`vidpaint ui` where gradio is not installed."""

from __future__ import annotations

import importlib.util

import pytest

from lib_vidpaint.cli import main


def test_a_missing_gradio_is_a_sentence(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert main(["ui"]) == 2
    assert "pip install 'vidpaint[ui]'" in capsys.readouterr().err
