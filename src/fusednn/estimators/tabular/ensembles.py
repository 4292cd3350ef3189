"""Trains an ensemble: folds, networks, outputs for held-out rows, weights of families."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from .answers import ClassTarget, Target, outputs_of
from .budget import ROWS, TRIAL_EPOCHS, TooShort, check_whole, within
from .columns import Columns
from .data import Data, Rows
from .folds import NEVER
from .members import Job, Trained, Trainer, threads_of, train
from .metrics import Metric
from .neighbours import SECONDS, Neighbours
from .passes import Work
from .presets import Preset
from .sharpening import LEAST_SHARPENED, power_of, sharpen, sharpened
from .weighing import greedy_weights

MOST_JUDGED = 50_000
"""Weights are chosen by at most so many held-out rows."""


class Fitted(NamedTuple):
    """
    A trained ensemble.

    Parameters
    ----------
    members : list of Trained
        The networks of weight above 0.
    weights : ndarray of float64 of shape (n_members,)
        They sum to 1.
    outputs : ndarray of float64 of shape (n_judged, n_outputs)
        The weighted outputs for the rows that judged, each from networks that have not seen it;
        corrected, if there are neighbours, without a row's own residual.
    judges : Rows
        These rows.
    places : ndarray of int of shape (n_judged,)
        Their places in the training data or the validation set.
    folds : ndarray of int of shape (n_judged,)
        The fold of each.
    history : list of dict
        For each network what it is and took.
    neighbours : Neighbours or None
        What corrects outputs.
    """

    members: list[Trained]
    weights: np.ndarray
    outputs: np.ndarray
    judges: Rows
    places: np.ndarray
    folds: np.ndarray
    history: list[dict[str, Any]]
    neighbours: Neighbours | None = None


class Plan(NamedTuple):
    """
    What is to be trained.

    Parameters
    ----------
    preset : Preset
        With the numbers of folds and of networks that the user asked for.
    columns : Columns
    target : ClassTarget or QuantityTarget
    metric : Metric
    data : Data
    device : {"cpu", "cuda", "auto"}
    """

    preset: Preset
    columns: Columns
    target: Target
    metric: Metric
    data: Data
    device: str = "cpu"

    def jobs(self, random_state: np.random.RandomState) -> list[Job]:
        """The networks to train, family after family."""
        folds = self.data.folds
        # with a validation set as many networks as with folds
        places = [*range(self.preset.n_folds)]
        if self.data.judge is None:
            places = np.unique(folds[folds >= 0]).tolist()
        jobs = []
        for recipe in self.preset.recipes(self.target):
            for _ in range(self.preset.n_ensemble):
                for fold in places:
                    rows = int(np.count_nonzero(folds != fold))
                    seed = int(random_state.randint(2**31))
                    jobs.append(Job(recipe, fold, seed, recipe.epochs_for(rows)))
        return jobs

    def fitted(
        self,
        jobs: Sequence[Job],
        n_jobs: int | None,
        verbose: bool,
        start: float,
        limit: float | None,
    ) -> Fitted:
        """
        Train networks, and weigh their families.

        Parameters
        ----------
        jobs : sequence of Job
        n_jobs : int or None
        verbose : bool
        start : float
            When the fit began, as `time.perf_counter` counts.
        limit : float or None
            Its seconds.

        Raises
        ------
        ValueError
            If the time is too short for one epoch.
        KeyboardInterrupt
            After Ctrl-C, unless a family has a network for each fold: see `check_whole`.
        """
        if limit is not None:
            jobs = self._within(jobs, n_jobs, start, limit)
        deadline = None if limit is None else start + limit
        work = Work(sum(job.epochs for job in jobs), deadline, verbose)
        known = self.columns, self.target, self.metric
        trainer = Trainer(*known, self.data, work, self.device)
        try:
            found = train(trainer, jobs, n_jobs)
        finally:
            work.close()
        if work.is_stopped:
            check_whole(found, jobs)
        if not found:
            assert limit is not None
            raise TooShort(limit, time.perf_counter() - start)
        fitted = self._weighed(found)
        if work.ends_within(SECONDS * len(fitted.places)):
            return fitted
        return self._corrected(fitted, n_jobs)

    def _corrected(self, fitted: Fitted, n_jobs: int | None) -> Fitted:
        """The ensemble with a correction, if that is asked for, possible and of use."""
        has_quantiles = getattr(self.target, "quantiles", ())
        if not self.preset.corrects or isinstance(self.target, ClassTarget) or has_quantiles:
            return fitted
        if self.data.judge is not None:
            return fitted  # a validation set stays one: none of its rows answers for others
        rows, known = fitted.judges, (self.columns, self.target, self.metric)
        found = Neighbours.learned(*known, rows, fitted.outputs, n_jobs)
        if found is None:
            return fitted
        correction = found.correction(rows.X, n_jobs, np.arange(len(rows.X)))
        return fitted._replace(outputs=fitted.outputs + correction, neighbours=found)

    def _within(
        self, jobs: Sequence[Job], n_jobs: int | None, start: float, limit: float
    ) -> list[Job]:
        """The networks and epochs for which there is time, by a trial of each family."""
        threads = threads_of(n_jobs)
        paces: dict[str, float] = {}
        for job in jobs:
            if job.recipe.family in paces:
                continue
            used = time.perf_counter() - start
            if paces and used > limit / 2:
                break  # there is no time for further families
            if used > limit:
                raise TooShort(limit, used)
            paces[job.recipe.family] = self._pace(job)
        left = limit - (time.perf_counter() - start)
        jobs = [job for job in jobs if job.recipe.family in paces]
        least = paces[jobs[0].recipe.family]
        if left < least:
            raise TooShort(limit, limit - left + least)
        return within(jobs, paces, left, threads)

    def _pace(self, job: Job) -> float:
        """Seconds of an epoch of a network, by a trial with few rows."""
        own, judge = self.data.for_fold(job.fold)
        step = -(-len(own.X) // ROWS)
        by_class = isinstance(self.target, ClassTarget)
        own, judge = (rows.take(rows.some(step, by_class)) for rows in (own, judge))
        never = np.full(len(own.X), NEVER)
        data = Data(own, never, judge, own.weights, self.data.factors)
        known = self.columns, self.target, self.metric
        trainer = Trainer(*known, data, Work(0), self.device)
        found = train(trainer, [job._replace(epochs=TRIAL_EPOCHS)], 1)
        if trainer.work.is_stopped:
            raise KeyboardInterrupt
        return step * found[0].pace

    @property
    def _may_sharpen(self) -> bool:
        """Whether probabilities are less sharp, or sharper, than those that rows teach."""
        return self.metric.is_smoothed or self.data.factors is not None

    def _weighed(self, found: Sequence[Trained]) -> Fitted:
        families: dict[str, list[Trained]] = {}
        for one in found:
            families.setdefault(one.job.recipe.family, []).append(one)
        folds = {name: {one.job.fold for one in members} for name, members in families.items()}
        most = max(folds.values(), key=len)
        whole = [members for name, members in families.items() if folds[name] >= most]
        judges, places, of_rows = self.data.judges(most)
        outputs = [self._held_out(members, of_rows) for members in whole]
        for place, members in enumerate(whole):
            if self._may_sharpen and len(places) >= LEAST_SHARPENED:
                power = power_of(outputs[place], judges.y, judges.weights)
                outputs[place] = sharpened(outputs[place], power)
                for one in members:
                    sharpen(one.network, power)
        by_class = isinstance(self.target, ClassTarget)
        some = judges.some(-(-len(places) // MOST_JUDGED), by_class)
        sample = judges.take(some)

        def loss(mixed: np.ndarray) -> float:
            return self.metric.loss(self.target, sample.y, mixed, sample.weights)

        shares = greedy_weights([own[some] for own in outputs], loss)
        weights = {
            id(one): share / len(members)
            for share, members in zip(shares, whole, strict=True)
            for one in members
        }
        members = [one for one in found if weights.get(id(one), 0) > 0]
        mixed = np.zeros_like(outputs[0])
        for share, own in zip(shares, outputs, strict=True):  # BLAS has other bits by threads
            mixed += share * own
        return Fitted(
            members,
            np.array([weights[id(one)] for one in members]),
            mixed,
            *(judges, places, of_rows),
            [_record(one, weights.get(id(one), 0.0)) for one in found],
        )

    def _held_out(self, members: Sequence[Trained], folds: np.ndarray) -> np.ndarray:
        """A family's mean outputs for the rows that judge, which have these folds."""
        total = np.zeros((len(folds), members[0].outputs.shape[1]))
        times = np.zeros(len(folds))
        for one in members:
            rows = self.rows_of(one, folds)
            total[rows] += one.outputs
            times[rows] += 1
        total /= times[:, np.newaxis]
        return total

    def rows_of(self, one: Trained, folds: np.ndarray) -> slice | np.ndarray:
        """Those of the rows of these folds that judge a network."""
        return slice(None) if self.data.judge is not None else folds == one.job.fold

    def loss_of(
        self, fitted: Fitted, rows: np.ndarray, n_jobs: int | None
    ) -> Callable[[np.ndarray], float]:
        """
        What is to be small of an ensemble, as a function of the inputs of rows that judge it.

        It differs from the metric itself by its sign at most, so differences have its unit.

        Parameters
        ----------
        fitted : Fitted
        rows : ndarray of int
            Which of the rows that judge.
        n_jobs : int or None
        """
        judges, folds = fitted.judges.take(rows), fitted.folds[rows]

        def loss(X: np.ndarray) -> float:
            mixed = np.zeros((len(X), fitted.outputs.shape[1]))
            total = np.zeros(len(X))
            for one, weight in zip(fitted.members, fitted.weights, strict=True):
                own = self.rows_of(one, folds)
                if not len(folds[own]):
                    continue  # of many folds a sample may have none
                mixed[own] += weight * outputs_of(self.target, one.network, X[own])
                total[own] += weight
            mixed /= total[:, np.newaxis]
            if fitted.neighbours is not None:
                mixed += fitted.neighbours.correction(X, n_jobs, rows)
            value = self.metric.value(self.target, judges.y, mixed, judges.weights)
            return self.metric.sign * value

        return loss


def _record(one: Trained, weight: float) -> dict[str, Any]:
    return {
        "family": one.job.recipe.family,
        "fold": one.job.fold,
        "epochs": one.epochs,
        "best_epoch": one.best,
        "seconds": one.seconds,
        "score": one.score,
        "weight": float(weight),
    }
