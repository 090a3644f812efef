"""Work for Forge's main thread; what it raises is kept aside and None comes back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

last_exception: Exception | None = None
ran: list[str] = []


def run_and_wait_result(func: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    global last_exception
    ran.append(func.__name__)
    try:
        result, last_exception = func(*args, **kwargs), None
    except Exception as error:
        result, last_exception = None, error
    return result
