"""Parked threads, which wait a while for the next call: a brief call is not worth starting one.

First they listen for some 60 us, so that calls that follow one another find them awake: this takes
a core's time, but no wait for the system or for the interpreter's lock. Then they block.

No caller waits for such a thread to begin: the caller does what the thread has not begun, and a
thread that begins late finds nothing to do. So threads are joined only before a fork.
"""

from __future__ import annotations

import os
import threading
from contextlib import suppress
from queue import Empty, SimpleQueue

import numpy as np

from fusednn.kernels import listening
from fusednn.plan.memory.buffers import address_of

PARKED_SECONDS = 1.0
"""A thread without work for so long ends."""

_parked: list[Helper] = []


class Helper:
    """A thread that helps with calls, one after the other."""

    def __init__(self) -> None:
        self._work: SimpleQueue = SimpleQueue()
        self._box = np.zeros(listening.WIDTH, np.int64)
        self._kept: object = None
        self._thread = threading.Thread(target=self._run, name="fusednn-parked", daemon=True)
        self._thread.start()

    def run(self, function: int, words: np.ndarray, shared: np.ndarray, alive: object) -> None:
        """Runs a function with two arrays, unless the thread has not begun what came before.

        Parameters
        ----------
        function : int
            The address of a compiled function of the role "share".
        words, shared : ndarray of int64
        alive : object
            Kept alive, as the arrays are, until the function returns.
        """
        kept = self._kept
        # the thread may still be at work with what was kept before
        self._kept = kept, words, shared, alive
        if listening.ready_ring()(self._box, function, words, shared):
            self._kept = words, shared, alive
            return
        self._kept = kept
        if not self._work.qsize():  # else it has no core, and would begin this too late as well
            self._work.put((function, words, shared, alive))

    def end(self) -> None:
        """Ends the thread after the work given to it, and waits for that."""
        self._work.put(None)
        self._thread.join()

    def _run(self) -> None:
        listen = listening.ready_listen()
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
            function, words, shared, _ = work
            self._box[listening.FUNCTION] = function
            self._box[listening.WORDS], self._box[listening.SHARED] = map(
                address_of, (words, shared)
            )
            self._box[listening.STATE] = listening.CALLED
            listen(self._box)
            del work, words, shared, _  # and what they keep alive


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
        while len(self.helpers) < self._count and (helper := _taken()):
            self.helpers.append(helper)
        if len(self.helpers) < self._count:
            with suppress(RuntimeError):  # can't start new thread
                for _ in range(self._count - len(self.helpers)):
                    self.helpers.append(Helper())
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
