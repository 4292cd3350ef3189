"""A progress bar: on a terminal one line that is rewritten, elsewhere a few plain lines."""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Callable
from typing import TextIO

BAR_WIDTH = 30
PLAIN_LINES = 5
SECONDS_BETWEEN_UPDATES = 0.1


class ProgressBar:
    """
    Shows the progress of a loop, a message and the time left.

    Parameters
    ----------
    label : str
    total : int
        The largest number of steps.
    stream : text file, default=None
        None: standard output.
    clock : callable, default=time.perf_counter
    """

    def __init__(
        self,
        label: str,
        total: int,
        stream: TextIO | None = None,
        clock: Callable[[], float] = time.perf_counter,
    ):
        self._label, self._total, self._clock = label, total, clock
        self._stream = sys.stdout if stream is None else stream
        self._rewrites = self._stream.isatty() and os.environ.get("TERM") != "dumb"
        self._start, self._shown_at, self._written = clock(), -1.0, 0
        self._line, self._last, self._done = "", "", 0

    def update(self, done: int, message: str) -> None:
        """Shows that `done` steps are done."""
        elapsed = self._clock() - self._start
        filled = BAR_WIDTH * done // self._total
        bar = "#" * filled + "." * (BAR_WIDTH - filled)
        self._line = f"{self._label} [{bar}] {done}/{self._total}  {message}  {elapsed:.1f} s"
        if not self._due(done, elapsed):
            return
        self._shown_at, self._done = elapsed, done
        if done < self._total:
            left = elapsed / done * (self._total - done)
            self._write(f"{self._line}, {left:.{0 if left >= 10 else 1}f} s left")
        else:
            self._write(self._line)

    def finish(self) -> None:
        """Shows the last state, if there is one, and ends the line."""
        if not self._line:
            return
        if self._last != self._line:
            self._write(self._line)
        if self._rewrites:
            self._stream.write("\n")
        self._stream.flush()

    def _due(self, done: int, elapsed: float) -> bool:
        if self._rewrites:
            often = self._shown_at >= 0 and elapsed - self._shown_at < SECONDS_BETWEEN_UPDATES
            return done == self._total or not often
        steps = max(1, self._total // PLAIN_LINES)
        further = done // steps > self._done // steps
        return done == self._total or (further and done + steps <= self._total)

    def _write(self, line: str) -> None:
        self._last = line
        if not self._rewrites:
            self._stream.write(line + "\n")
        else:
            line = line[: shutil.get_terminal_size().columns - 1]
            self._stream.write("\r" + line.ljust(self._written))
            self._written = len(line)
        self._stream.flush()
