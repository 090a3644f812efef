"""Reading an upscaler's weights, which the host does for every picture."""

from __future__ import annotations

from typing import Any

reads: list[str] = []


def load_spandrel_model(
    path: str,
    *,
    device: str | None,
    prefer_half: bool = False,
    dtype: str | None = None,
    expected_architecture: str | None = None,
) -> Any:
    reads.append(path)
    if path == "missing.pth":
        raise FileNotFoundError(path)
    return int(path.removesuffix(".pth")[-1])
