"""What is common to networks that train at the same time: the bar, the deadline, the end."""

from __future__ import annotations

import time
from threading import Lock

from fusednn.training.progress_bar import ProgressBar


class Work:
    """
    The work of a fit, which threads share.

    Parameters
    ----------
    epochs : int
        Those of all networks.
    deadline : float or None
        As `time.perf_counter` counts.
    verbose : bool
        Whether to show a bar.
    """

    def __init__(self, epochs: int, deadline: float | None = None, verbose: bool = False):
        self._deadline, self._stopped = deadline, False
        self._lock, self._done = Lock(), 0
        self._bar = ProgressBar("training", max(1, epochs)) if verbose else None

    @property
    def is_over(self) -> bool:
        """Whether nothing more should begin."""
        return self.ends_within(0.0)

    def ends_within(self, seconds: float) -> bool:
        """Whether there is no time for work of so many seconds."""
        late = self._deadline is not None and time.perf_counter() + seconds >= self._deadline
        return self._stopped or late

    @property
    def is_stopped(self) -> bool:
        """Whether something else than the deadline has ended the work."""
        return self._stopped

    def stop(self) -> None:
        """End all networks after their present epoch."""
        self._stopped = True

    def advance(self, epochs: int, message: str) -> None:
        """Count epochs as done."""
        with self._lock:
            self._done += epochs
            if self._bar is not None and self._done:
                self._bar.update(self._done, message)

    def close(self) -> None:
        """End the bar's line."""
        if self._bar is not None:
            self._bar.finish()


class Passes:
    """
    Watches the epochs of one network, a `training.progress.Watcher`.

    Parameters
    ----------
    work : Work
    epochs : int
        The last one; a fit that a watcher ends there does not warn that it has not converged.

    Attributes
    ----------
    seconds : float
        The time of the last epoch.
    are_cut : bool
        Whether the network had further epochs when the work ended.
    """

    def __init__(self, work: Work, epochs: int):
        self._work, self._left = work, epochs
        self._message, self._start, self.seconds = "", 0.0, 0.0
        self.are_cut = False

    def begin(self) -> None:
        """Note the time."""
        self._start = time.perf_counter()

    def end(self, progress, parameters) -> bool:
        """Show the bar; whether this is the last epoch."""
        self.seconds = time.perf_counter() - self._start
        self._left -= 1
        self._message = f"loss {progress.loss:.4f}"
        if progress.validation_loss_curve:
            self._message += f", held out {progress.validation_loss_curve[-1]:.4f}"
        self._work.advance(1, self._message)
        self.are_cut = self._left > 0 and self._work.ends_within(self.seconds)
        return self._left <= 0 or self.are_cut

    def close(self) -> None:
        """Count the epochs that a network did not need."""
        if self._left > 0:
            self._work.advance(self._left, self._message)
