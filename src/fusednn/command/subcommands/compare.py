"""Times scikit-learn's fit with the same options, and compares the two in a table."""

from __future__ import annotations

import time
from contextlib import AbstractContextManager, nullcontext
from importlib import import_module
from typing import NamedTuple

from fusednn.command.data.datasets import Dataset
from fusednn.command.terminal.watch import interruptible
from fusednn.command.training.settings import Settings

MOST_SECONDS = 60.0


class Run(NamedTuple):
    """Time and score of one library's fit."""

    library: str
    epochs: int
    seconds: float
    samples: int
    score: float

    @property
    def samples_per_second(self) -> float:
        """Training samples per second, over all epochs."""
        return self.epochs * self.samples / self.seconds


class SklearnTimer:
    """
    Times scikit-learn's network on a data set.

    Parameters
    ----------
    data : Dataset
    settings : Settings
    jobs : int or None
        A positive number limits the BLAS threads.
    """

    def __init__(self, data: Dataset, settings: Settings, jobs: int | None):
        from sklearn.neural_network import MLPClassifier, MLPRegressor

        kind = MLPClassifier if data.classify else MLPRegressor
        self._data, self._jobs = data, jobs
        self._model = kind(**settings.parameters())

    def run(self, epochs: int) -> Run:
        """Times the whole fit, or as many epochs as a minute allows.

        Parameters
        ----------
        epochs : int
            The expected number of epochs.

        Returns
        -------
        Run
        """
        print("scikit-learn with the same options", end="", flush=True)
        limit = self._model.max_iter
        first = self._timed(1)
        expected = first.seconds * epochs
        if expected <= MOST_SECONDS:
            print(f", about {expected:.0f} s" if expected >= 2 else "", flush=True)
            return self._timed(limit)
        fewer = max(1, int(MOST_SECONDS / first.seconds))
        print(f", {fewer} of {epochs} epochs (all would take {expected:.0f} s)", flush=True)
        return first if fewer == 1 else self._timed(fewer)

    def _timed(self, epochs: int) -> Run:
        data = self._data
        model = self._model.set_params(max_iter=epochs)
        with _blas_threads(self._jobs), interruptible():
            start = time.perf_counter()
            model.fit(data.X_train, data.y_train)
            seconds = time.perf_counter() - start
            score = float(model.score(data.X_test, data.y_test))
        return Run("scikit-learn", model.n_iter_, seconds, len(data.y_train), score)


def _blas_threads(jobs: int | None) -> AbstractContextManager:
    """Limits BLAS to the threads that the user allowed. scikit-learn requires threadpoolctl."""
    if jobs is None or jobs < 1:
        return nullcontext()
    return import_module("threadpoolctl").threadpool_limits(jobs)


def table(score_name: str, own: Run, peer: Run) -> str:
    """
    Format two runs as a table.

    Parameters
    ----------
    score_name : str
    own, peer : Run

    Returns
    -------
    str
        Several lines, the first of them empty.
    """
    line = "{:<14}{:>8}{:>10}{:>12}{:>12}{:>10}".format
    lines = ["", line("", "epochs", "seconds", "ms/epoch", "samples/s", score_name)]
    for run in (own, peer):
        lines.append(
            line(
                run.library,
                run.epochs,
                f"{run.seconds:.2f}",
                f"{1e3 * run.seconds / run.epochs:.1f}",
                f"{run.samples_per_second:,.0f}",
                f"{run.score:.4f}",
            )
        )
    ratio = own.samples_per_second / peer.samples_per_second
    lines.append(f"scikit-learn takes {ratio:.1f} times as long per epoch")
    if own.epochs != peer.epochs:
        lines.append("(the scores are after different numbers of epochs)")
    return "\n".join(lines)
