"""Ctrl-C while calls of a step are under way: it waits for the step's end."""

from __future__ import annotations

import signal
import threading
from types import FrameType
from typing import Any


class Deferred:
    """A context manager in which Ctrl-C is noted, and raised at the end.

    Another thread than the main one gets no signals, so there it does nothing.

    Attributes
    ----------
    noted : bool
        Whether Ctrl-C was pressed.
    """

    def __init__(self) -> None:
        self._given: tuple[int, FrameType | None] | None = None
        self._before: Any = None

    @property
    def noted(self) -> bool:
        return self._given is not None

    def __enter__(self) -> Deferred:
        if threading.current_thread() is threading.main_thread():
            handler = signal.getsignal(signal.SIGINT)
            if callable(handler):  # else Ctrl-C is ignored, or ends the process
                self._before = signal.signal(signal.SIGINT, self._note)
        return self

    def __exit__(self, *exception) -> None:
        if self._before is None:
            return
        signal.signal(signal.SIGINT, self._before)
        if self._given is not None:
            self._before(*self._given)

    def _note(self, number: int, frame: FrameType | None) -> None:
        self._given = number, frame
