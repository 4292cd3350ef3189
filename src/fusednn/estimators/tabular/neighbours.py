"""Targets of the nearest training rows as further inputs of networks."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np

from fusednn.tables.preparing.scaling import Scale
from fusednn.training.threads.jobs import FLOPS_PER_THREAD, choose_jobs

from .answers import ClassTarget, Target
from .columns import Columns

MOST_ROWS = 16_384
"""Rows among which neighbours are searched: for a row of 60 columns about 60 us of a core."""
MOST_FLAGS = 128
"""Codes count in distances if they have at most so many flags in all."""
BLOCK = 1024
"""Rows for which a thread searches at a time."""
SPARE = 3
"""So many times the neighbours that count are found; of two folds half of them are left out."""
SOFT = 1e-3
"""A neighbour's weight is one over its distance and this share of the median one."""


class Near(NamedTuple):
    """
    The nearest training rows of some rows, the nearest first.

    Parameters
    ----------
    distances : ndarray of float64 of shape (n_rows, n_near)
    places : ndarray of int of shape (n_rows, n_near)
        -1: there is none.
    """

    distances: np.ndarray
    places: np.ndarray


class Neighbours(NamedTuple):
    """
    Training rows whose targets are inputs of other rows.

    The inputs of a row for a fold are means of the targets of the nearest rows outside this fold,
    weighted by closeness; the nearest row's own targets; and the mean distance.

    Parameters
    ----------
    most : int
        The rows whose targets count.
    columns : Columns
    index : NearestNeighbors
        scikit-learn's, of the rows that are searched.
    n_jobs : int or None
        Threads that search.
    kept : ndarray of int of shape (n_searched,)
        Their numbers among the training rows, ascending.
    targets : ndarray of float64 of shape (n_searched, n_targets)
        Theirs, standardised, or flags of classes.
    folds : ndarray of int of shape (n_searched,)
    soft : float
        Added to distances.
    scale : Scale
        Of mean distances.
    """

    most: int
    columns: Columns
    index: Any
    n_jobs: int | None
    kept: np.ndarray
    targets: np.ndarray
    folds: np.ndarray
    soft: float
    scale: Scale

    @classmethod
    def learned(
        cls,
        most: int,
        columns: Columns,
        target: Target,
        X: np.ndarray,
        y: np.ndarray,
        folds: np.ndarray,
        random_state: np.random.RandomState,
        n_jobs: int | None,
    ) -> tuple[Neighbours, Near]:
        """
        Index training rows, of many some drawn at random, and find those nearest to each row.

        No row is its own neighbour.
        """
        from sklearn.neighbors import NearestNeighbors

        if isinstance(target, ClassTarget):
            y = np.eye(len(target.labels))[y]
            y = y[:, 1:] if y.shape[1] == 2 else y
        kept = np.arange(len(X))
        if len(X) > MOST_ROWS:
            kept = np.sort(random_state.choice(len(X), MOST_ROWS, replace=False))
        index = NearestNeighbors(n_jobs=1).fit(_space(X[kept], columns))
        none = 1.0, Scale(0.0, 1.0)
        found = cls(most, columns, index, n_jobs, kept, y[kept], folds[kept], *none)
        near = found._without_selves(found.near(X))
        soft = SOFT * float(np.median(near.distances)) + 1e-9
        scale = Scale.learned(near.distances[:, :most].mean(axis=1))
        return found._replace(soft=soft, scale=scale), near

    def near(self, X: np.ndarray) -> Near:
        """
        The training rows nearest to rows, more than `most`, since folds leave some out.

        Rows of equal distance are in the order of their places. Which of them are found would
        depend on OpenMP's threads, so threads of our own search for blocks of rows.
        """
        from threadpoolctl import ThreadpoolController

        wanted = min(SPARE * self.most + 1, len(self.targets))
        distances, places = np.empty((len(X), wanted)), np.empty((len(X), wanted), np.intp)
        pools = ThreadpoolController()

        def search(first: int) -> None:
            rows = slice(first, first + BLOCK)
            with pools.limit(limits=1, user_api="openmp"):  # of this thread
                found = self.index.kneighbors(_space(X[rows], self.columns), wanted)
            order = np.lexsort(found[::-1], axis=1)
            distances[rows], places[rows] = (np.take_along_axis(one, order, 1) for one in found)

        firsts = range(0, len(X), BLOCK)
        work = 2.0 * len(X) * len(self.targets) * X.shape[1]
        threads = min(choose_jobs(self.n_jobs, work, FLOPS_PER_THREAD), len(firsts))
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(search, firsts))  # raises the first block's error
        return Near(distances, places)

    def _without_selves(self, near: Near) -> Near:
        """Leaves each row's own place out, or the last one, if it is not among the places."""
        own = self.kept[near.places] == np.arange(len(near.places))[:, np.newaxis]
        own[~own.any(axis=1), -1] = True
        shape = len(own), own.shape[1] - 1
        return Near(near.distances[~own].reshape(shape), near.places[~own].reshape(shape))

    def inputs(self, near: Near, fold: int) -> np.ndarray:
        """The inputs of rows for a fold, float32 of shape (n_rows, 2 n_targets + 1)."""
        known = self.folds[near.places] != fold
        known &= np.cumsum(known, axis=1) <= self.most
        weights = known / (near.distances + self.soft)
        total = weights.sum(axis=1, keepdims=True)
        lost = total[:, 0] == 0  # all of the nearest rows are of this fold
        total[lost] = 1
        weights /= total
        targets = self.targets[near.places]
        means = (weights[:, :, np.newaxis] * targets).sum(axis=1)
        nearest = targets[np.arange(len(known)), known.argmax(axis=1)]
        means[lost] = nearest[lost] = self.targets[self.folds != fold].mean(axis=0)
        distance = (known * near.distances).sum(axis=1) / np.maximum(known.sum(axis=1), 1)
        distance[lost] = self.scale.center
        distance = self.scale.applied(distance)[:, np.newaxis]
        return np.hstack([means, nearest, distance]).astype(np.float32)


def _space(X: np.ndarray, columns: Columns) -> np.ndarray:
    """Values, and flags of codes if they are few."""
    values = X[:, : columns.values]
    if sum(columns.counts) > MOST_FLAGS or not columns.counts:
        return np.ascontiguousarray(values)
    parts = [values]
    for place, count in enumerate(columns.counts):
        parts.append(np.eye(count, dtype=np.float32)[X[:, columns.values + place].astype(int)])
    return np.hstack(parts)
