"""Runs estimators for the commands: progress, Ctrl-C, and warnings and errors in one line."""

from __future__ import annotations

import signal
import threading
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from math import inf

from fusednn.training.progress_bar import ProgressBar

from .errors import UserError, complain

INTERRUPTED = "Training interrupted by user."
LAST_EPOCH = "the optimization hasn't converged yet"
_pressed: list[int] = []
"""Interrupts that arrived since `interruptible` was entered."""

_held_from = [inf]
"""The time from which the first interrupt is only noted, as `time.perf_counter` counts."""


class EpochBar:
    """Updates a progress bar after each pass.

    Parameters
    ----------
    bar : ProgressBar
        Its total is the number of passes, or 100 if `most_seconds` is given.
    most_seconds : float, default=None
    """

    def __init__(self, bar: ProgressBar, most_seconds: float | None = None):
        self._bar, self._most, self._start = bar, most_seconds, time.perf_counter()

    def begin(self) -> None:
        """Ends the fit if Python lost an earlier interrupt."""
        if _pressed:
            raise KeyboardInterrupt

    def end(self, progress, parameters) -> bool:
        """Shows the losses after a pass; never asks the fit to stop."""
        message = f"loss {progress.loss:.4f}"
        if progress.validation_loss_curve:
            message += f", held out {progress.validation_loss_curve[-1]:.4f}"
        if self._most is None:
            self._bar.update(progress.n_iter, message)
            return False
        percent = int(100 * (time.perf_counter() - self._start) / self._most)
        self._bar.update(min(max(percent, 1), 100), f"epoch {progress.n_iter}, {message}")
        return False


class StepLines:
    """Prints a line after each epoch, and holds the first Ctrl-C back between epochs.

    A fit that the interrupt reaches behind its last epoch, or behind its time, would fail, and the
    estimator forget what it has learned.

    Parameters
    ----------
    steps : int
        Those of an epoch.
    start : float
        When the work began, as `time.perf_counter` counts.
    most_seconds : float, default=None
        Those after which the fit ends.
    """

    def __init__(self, steps: int, start: float, most_seconds: float | None = None):
        self._steps, self._start = steps, start
        self._most = inf if most_seconds is None else most_seconds
        self._end: float | None = None

    def begin(self) -> None:
        """Ends the fit if Python lost an earlier interrupt, or it was held back."""
        if self._end is None:
            self._end = time.perf_counter() + self._most
        _held_from[0] = self._end
        if _pressed:
            raise KeyboardInterrupt

    def end(self, progress, parameters) -> bool:
        """Prints steps, losses and seconds; never asks the fit to stop."""
        _held_from[0] = -inf
        line = f"step {progress.n_iter * self._steps}: loss {progress.loss:.4f}"
        if progress.validation_loss_curve:
            line += f", held out {progress.validation_loss_curve[-1]:.4f}"
        print(f"{line}, {time.perf_counter() - self._start:.1f} s", flush=True)
        return False


@contextmanager
def _noted_interrupts() -> Iterator[None]:
    """Records each interrupt, and raises KeyboardInterrupt, unless the first is held back.

    Python ignores an exception raised in the callback of a weak reference. Compiling runs many of
    them: about one press of Ctrl-C in twenty was lost while kernels were compiled.
    """
    _pressed.clear()
    _held_from[0] = inf
    is_main = threading.current_thread() is threading.main_thread()
    if not is_main or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield
        return

    def note(number, frame):
        _pressed.append(number)
        if len(_pressed) > 1 or time.perf_counter() < _held_from[0]:
            raise KeyboardInterrupt

    signal.signal(signal.SIGINT, note)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@contextmanager
def interruptible(keeps: bool = False) -> Iterator[list[int]]:
    """
    Run estimators inside a command.

    After Ctrl-C an estimator keeps its weights and warns; a command ends instead. The warning that
    the last epoch was reached is dropped. Every other warning is printed in one line.

    Parameters
    ----------
    keeps : bool, default=False
        Whether the command keeps what an interrupted fit has learned, and ends afterwards. A
        second Ctrl-C then ends it at once.

    Yields
    ------
    list
        It has an entry for each Ctrl-C.

    Raises
    ------
    KeyboardInterrupt
        After an interrupted fit, unless the command keeps what it has learned.
    UserError
        Instead of a ValueError, which an estimator raises for input that it refuses.
    """
    with _noted_interrupts(), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            yield _pressed
        except ValueError as error:
            raise UserError(str(error)) from error
    stopped = [one for one in caught if INTERRUPTED in str(one.message)]
    if (_pressed or stopped) and not keeps:
        raise KeyboardInterrupt
    for warning in caught:
        if warning not in stopped and LAST_EPOCH not in str(warning.message):
            complain(f"warning: {warning.message}")
