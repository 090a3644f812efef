"""Schedules by label."""

from __future__ import annotations

from types import SimpleNamespace

schedulers = [SimpleNamespace(name=label.lower(), label=label) for label in ("Automatic", "Karras", "Uniform")]
