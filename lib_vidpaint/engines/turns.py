"""Our turns at the WebUI: its queue, its buttons and its live preview, used as its own pages use them.

Every batch is a task of the host with an id of its own: other pages see it wait and run, and their work goes in between.
A button reaches the host only while it works for the job that the button belongs to.
"""

# pyright: reportMissingImports=false
from __future__ import annotations

import itertools
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from modules import progress, shared
from modules.call_queue import queue_lock

from ..errors import Cancelled
from ..model import Frame
from . import Glimpse

_numbers = itertools.count(1)
_given_up: weakref.WeakSet[threading.Thread] = weakref.WeakSet()
_working: threading.Thread | None = None


@contextmanager
def turn(title: str) -> Iterator[None]:
    """The host to this thread for one task, its buttons up before and after.

    Raises Cancelled when the thread was interrupted while it stood in the queue.
    """
    global _working
    state, task, thread = shared.state, f"task(video-inpaint-{next(_numbers)})", threading.current_thread()
    progress.add_task_to_queue(task)
    with queue_lock:
        progress.start_task(task)
        state.begin(job=title)
        state.textinfo, _working = title, thread
        try:
            if thread in _given_up:
                raise Cancelled
            yield
        finally:
            _working = None
            _given_up.discard(thread)
            shared.total_tqdm.clear()
            state.end()
            state.interrupted = state.skipped = state.stopping_generation = False
            progress.finish_task(task)


def interrupt(thread: threading.Thread) -> None:
    """End the sampling that this thread waits for at its next step; where it still stands in the queue, its next turn."""
    if _working is thread:
        shared.state.interrupt()
    else:
        _given_up.add(thread)


def skip(thread: threading.Thread) -> None:
    """Give up the batch that is sampled for this thread."""
    if _working is thread:
        shared.state.skip()


def glimpse(thread: threading.Thread) -> Glimpse | None:
    """How far the batch is that is sampled for this thread, None when it is not its turn.

    The picture is the host's live preview, as its settings have it: asking makes it, as when the host's own page asks.
    """
    if _working is not thread:
        return None
    state = shared.state
    state.set_current_image()
    preview = state.current_image
    picture: Frame | None = None if preview is None else np.asarray(preview.convert("RGB"), np.uint8)
    return Glimpse(state.sampling_step, state.sampling_steps, picture)
