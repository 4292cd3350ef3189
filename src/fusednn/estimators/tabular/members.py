"""Trains the networks of an ensemble, several at a time in threads."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Any, NamedTuple

import numpy as np

from fusednn.training.threads.jobs import choose_jobs

from .answers import Target, outputs_of
from .columns import Columns
from .data import Data
from .metrics import Metric
from .passes import Passes, Work
from .recipes import Recipe, network_of
from .shifting import shift

MUCH = 1e15
"""Floating-point operations that are worth all threads."""


class Job(NamedTuple):
    """
    A network to train.

    Parameters
    ----------
    recipe : Recipe
    fold : int
    seed, epochs : int
    """

    recipe: Recipe
    fold: int
    seed: int
    epochs: int


class Trained(NamedTuple):
    """
    A trained network.

    Parameters
    ----------
    job : Job
    network : NetworkClassifier or NetworkRegressor
    outputs : ndarray of float64 of shape (n_held_out, n_outputs)
        For the rows that judged it.
    best, epochs : int
        The epoch whose weights were kept, counted from 1, and the last one.
    seconds, pace : float
        All, and those of the last epoch.
    score : float
        The metric on the rows that judged it.
    """

    job: Job
    network: Any
    outputs: np.ndarray
    best: int
    epochs: int
    seconds: float
    pace: float
    score: float


class Trainer(NamedTuple):
    """
    What all networks of a fit share.

    Parameters
    ----------
    columns : Columns
    target : ClassTarget or QuantityTarget
    metric : Metric
    data : Data
    work : Work
    device : {"cpu", "cuda", "auto"}
        Where they are trained; all answer on the CPU.
    """

    columns: Columns
    target: Target
    metric: Metric
    data: Data
    work: Work
    device: str = "cpu"

    def trained(self, job: Job, n_jobs: int = 1) -> Trained | None:
        """Train one network; None if there is no time left to begin, or an interrupt cuts it."""
        if self.work.is_over:
            return None
        start = time.perf_counter()
        own, judge = self.data.for_fold(job.fold)
        known = self.columns, self.target, self.metric
        network = network_of(job.recipe, *known, own.X, own.y, job.epochs, job.seed)
        network.n_jobs, network.device = n_jobs, self.device
        network._watcher = passes = Passes(self.work, job.epochs)
        network._prepared_alike = True
        factors, weights = self.data.factors, judge.weights
        if factors is not None:
            network.scoring = self.metric.scoring(self.target, factors)
            if self.metric.by_loss:  # the loss of outputs without factors
                weights = self.data.without_factors(job.fold)
        network.fit(
            own.X,
            _flat(own.y),
            _scaled(own.weights),
            X_val=judge.X,
            y_val=_flat(judge.y),
            sample_weight_val=_scaled(weights),
        )
        if passes.are_cut and self.work.is_stopped:
            return None
        passes.close()
        del network._watcher, network._prepared_alike
        network.__dict__.pop("_optimizer", None)  # its moments are twice the weights
        if factors is not None:
            shift(network, factors)
        outputs = outputs_of(self.target, network, judge.X)
        network.device = "cpu"  # a call of several networks would send the weights of each
        score = self.metric.value(self.target, judge.y, outputs, judge.weights)
        scores = np.array(network.validation_scores_)
        best = 0
        if np.isfinite(scores).any():  # the last of equal ones, as `best_epoch` says
            best = len(scores) - int(np.nanargmax(scores[::-1]))
        seconds = time.perf_counter() - start
        return Trained(
            job, network, outputs, best, network.n_iter_, seconds, passes.seconds, score
        )


def threads_of(n_jobs: int | None) -> int:
    """The threads for work that is worth many."""
    return choose_jobs(n_jobs, MUCH)


def train(trainer: Trainer, jobs: Sequence[Job], n_jobs: int | None) -> list[Trained]:
    """
    Train networks, the first ones first, and return those for which there was time, in order.

    The threads only wait for the compiled code, so Ctrl-C reaches the caller. It stops the work,
    and the networks that are ready by then are returned.
    """
    threads = threads_of(n_jobs)
    side_by_side = max(1, min(threads, len(jobs)))
    each = threads // side_by_side
    pool = ThreadPoolExecutor(side_by_side)
    futures = [pool.submit(trainer.trained, job, each) for job in jobs]
    try:
        done, _ = wait(futures, return_when="FIRST_EXCEPTION")
        for future in done:
            future.result()  # raises what ended it
    except KeyboardInterrupt:
        trainer.work.stop()
    except BaseException:
        trainer.work.stop()
        raise
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
    found = [future.result() for future in futures if not future.cancelled()]
    return [one for one in found if one is not None]


def _flat(y: np.ndarray) -> np.ndarray:
    return y[:, 0] if y.ndim == 2 and y.shape[1] == 1 else y


def _scaled(weights: np.ndarray | None) -> np.ndarray | None:
    """Weights of mean 1, so that float32 holds them."""
    return None if weights is None else weights / weights.mean()
