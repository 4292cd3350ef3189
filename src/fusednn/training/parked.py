"""Parked threads, which wait a while for the next call: a brief call is not worth starting one.

No caller waits for such a thread to begin: the caller does what the thread has not begun, and a
thread that begins late finds nothing to do. So threads are joined only before a fork.
"""

from __future__ import annotations

import os
import threading
from contextlib import suppress
from queue import Empty, SimpleQueue

PARKED_SECONDS = 1.0
"""A thread without work for so long ends."""

_parked: list[Helper] = []


class Helper:
    """A thread that runs the functions given to it, one after the other."""

    def __init__(self) -> None:
        self._work: SimpleQueue = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="fusednn-parked", daemon=True)
        self._thread.start()

    def run(self, function, arguments: tuple, alive: object) -> None:
        """Calls a function, which must not raise, and keeps `alive` until it returns."""
        self._work.put((function, arguments, alive))

    def end(self) -> None:
        """Ends the thread after the work given to it, and waits for that."""
        self._work.put(None)
        self._thread.join()

    def _run(self) -> None:
        while True:
            try:
                work = self._work.get(timeout=PARKED_SECONDS)
            except Empty:
                try:
                    _parked.remove(self)  # atomic, as `pop` is: no crew takes it from now on
                except ValueError:  # a crew has just taken it
                    continue
                return
            if work is None:
                return
            work[0](*work[1])
            del work  # and what it keeps alive


class Crew:
    """A context manager that takes parked threads, and starts those that are missing.

    There are fewer than asked for if the system refuses to start more.

    Parameters
    ----------
    count : int

    Attributes
    ----------
    helpers : list of Helper
    """

    def __init__(self, count: int):
        self._count = count
        self.helpers: list[Helper] = []

    def __enter__(self) -> Crew:
        with suppress(RuntimeError):  # can't start new thread
            for _ in range(self._count):
                self.helpers.append(_taken() or Helper())
        return self

    def __exit__(self, *exception) -> None:
        _parked.extend(self.helpers)


def end_parked() -> None:
    """Ends the threads that are parked."""
    while helper := _taken():
        helper.end()


def _taken() -> Helper | None:
    try:
        return _parked.pop()
    except IndexError:
        return None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=end_parked, after_in_child=_parked.clear)
