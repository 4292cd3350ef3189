"""Corrects quantities by the residuals of near rows that networks have not seen."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from fusednn.training.threads.jobs import FLOPS_PER_THREAD, choose_jobs

from .answers import QuantityTarget
from .columns import Columns
from .data import Rows
from .metrics import Metric

COUNTS = 4, 8, 16, 32
POWERS = 0, 1, 2
MOST_ROWS = 50_000
"""Rows that are searched."""
AXES = 10
"""Distances are along so many principal axes of the prepared rows: of 26 columns of diamonds this
takes a quarter of the time, and corrects as well; of many independent ones a thirtieth."""
AXES_ROWS = 5000
"""Rows that the axes are learned from."""
MOST_FLAGS = 128
"""Codes count in distances if they have at most so many flags in all."""
MOST_FLAGS_ALONE = 1024
"""So many, where there is nothing but codes; with more of them there are no distances."""
INEXACT = 1.0
"""Rows found may be farther than the nearest ones by this share, which halves the time and changed
the errors of three tables by 0.1 %."""
SOFT = 1e-3
"""A row's weight falls with its distance and this share of the median one."""
LEAST_GAIN = 2e-3
"""The share of the loss that corrections must save, or training rows would be kept for nothing."""
BY_CHANCE = 5.0
"""Over the number of rows: what the best of the corrections rarely saves where there is nothing to
find."""
MOST_CHOOSING = 20_000
"""Rows by which a correction is chosen."""
BLOCK = 8192
"""Rows that are searched for at a time."""
SECONDS = 5e-5
"""The most for a row in a fit."""
OPERATIONS = 2_000_000
"""What a core computes in the 10 us of a search."""


class Neighbours(NamedTuple):
    """
    Rows whose residuals correct other rows.

    A correction is a share of the mean of the residuals of the nearest rows, weighted by
    (distance + soft)^-power and by the weights of rows.

    Parameters
    ----------
    columns : Columns
    axes : ndarray of float64 of shape (n_values, n_axes)
        The principal axes of values, and of flags of codes if they are few.
    tree : cKDTree
        SciPy's, of the rows that are searched: a row finds the same ones whatever the threads and
        the other rows.
    numbers : ndarray of int of shape (n_searched,)
        Their numbers among the rows of `learned`, ascending.
    residuals : ndarray of float64 of shape (n_searched, n_targets)
        What the outputs of networks that have not seen a row lack, in the targets' deviations.
    weights : ndarray of float64 of shape (n_searched,)
        Those of rows, with mean 1.
    soft : float
    most, power : int
        How many rows count, and how their weights fall with distance.
    shares : ndarray of float64 of shape (n_targets,)
        From 0 to 1.
    """

    columns: Columns
    axes: np.ndarray
    tree: Any
    numbers: np.ndarray
    residuals: np.ndarray
    weights: np.ndarray
    soft: float
    most: int
    power: int
    shares: np.ndarray

    @classmethod
    def learned(
        cls,
        columns: Columns,
        target: QuantityTarget,
        metric: Metric,
        rows: Rows,
        outputs: np.ndarray,
        n_jobs: int | None,
    ) -> Neighbours | None:
        """
        Choose how many rows count, and how much, each row without its own residual.

        Parameters
        ----------
        columns : Columns
        target : QuantityTarget
            Without quantiles.
        metric : Metric
            What is to become better.
        rows : Rows
        outputs : ndarray of float64 of shape (n_rows, n_targets)
            Those of networks that have not seen a row.
        n_jobs : int or None

        Returns
        -------
        Neighbours or None
            None if no correction saves enough.
        """
        from scipy.spatial import cKDTree

        weights = np.ones(len(rows.X)) if rows.weights is None else rows.weights
        weights = weights / weights.mean()
        residuals = rows.y - outputs
        numbers = _spread(len(rows.X), MOST_ROWS)
        counts = [count for count in COUNTS if count < len(numbers)]
        flags = sum(columns.counts)
        if not counts or not (columns.values or 0 < flags <= MOST_FLAGS_ALONE):
            return None
        varies = np.less(target.lowest, target.highest)  # others are clipped to their one value
        axes = _axes(rows.X, columns)
        tree = cKDTree(_along(axes, rows.X[numbers], columns))
        known = numbers, residuals[numbers], weights[numbers]
        none = np.zeros(residuals.shape[1])
        found = cls(columns, axes, tree, *known, 1.0, counts[-1], 0, none)
        some = _spread(len(rows.X), MOST_CHOOSING)
        distances, places = found._near(rows.X[some], n_jobs, some)
        found = found._replace(soft=SOFT * float(np.median(distances)) + 1e-9)
        few, mixed, lacking = rows.take(some), outputs[some], residuals[some]

        def loss(outputs: np.ndarray) -> float:
            return metric.loss(target, few.y, outputs, few.weights)

        before = loss(mixed)
        gain = max(LEAST_GAIN, BY_CHANCE / len(some))
        least = before - gain * abs(before)
        best = None
        for count in counts:
            for power in POWERS:
                tried = found._replace(most=count, power=power)
                means = tried._means(distances, places)
                shares = varies * _shares(means, lacking, weights[some], gain)
                own = loss(mixed + shares * means)
                if own < least:
                    least, best = own, tried._replace(shares=shares)
        return best

    def correction(
        self, X: np.ndarray, n_jobs: int | None, own: np.ndarray | None = None
    ) -> np.ndarray:
        """
        What outputs for rows lack.

        Parameters
        ----------
        X : ndarray of float32 of shape (n_rows, n_inputs)
        n_jobs : int or None
        own : ndarray of int of shape (n_rows,) or None, default=None
            The numbers of these rows among those of `learned`; their own residuals do not count.

        Returns
        -------
        ndarray of float64 of shape (n_rows, n_targets)
        """
        found = np.empty((len(X), len(self.shares)))
        for start in range(0, len(X), BLOCK):
            part = slice(start, start + BLOCK)
            near = self._near(X[part], n_jobs, None if own is None else own[part])
            found[part] = self.shares * self._means(*near)
        return found

    def _near(
        self, X: np.ndarray, n_jobs: int | None, own: np.ndarray | None
    ) -> tuple[np.ndarray, np.ndarray]:
        """The distances and places of the rows nearest to rows, without themselves."""
        count = self.most + (own is not None)
        workers = choose_jobs(n_jobs, OPERATIONS * len(X), FLOPS_PER_THREAD)
        points = _along(self.axes, X, self.columns)
        distances, places = self.tree.query(points, count, INEXACT, workers=workers)
        if own is None:
            return distances, places
        selves = self.numbers[places] == own[:, np.newaxis]
        selves[~selves.any(axis=1), -1] = True
        shape = len(X), self.most
        return distances[~selves].reshape(shape), places[~selves].reshape(shape)

    def _means(self, distances: np.ndarray, places: np.ndarray) -> np.ndarray:
        """Weighted means of residuals, summed in order, so with the same bits for any rows."""
        found = np.zeros((len(places), self.residuals.shape[1]))
        total = np.zeros((len(places), 1))
        for near in range(self.most):
            place = places[:, near]
            weights = self.weights[place] / (distances[:, near] + self.soft) ** self.power
            found += weights[:, np.newaxis] * self.residuals[place]
            total += weights[:, np.newaxis]
        return found / np.maximum(total, np.finfo(float).tiny)


def _shares(means: np.ndarray, lacking: np.ndarray, weights: np.ndarray, gain: float):
    """Those of least squares, 0 for targets whose error falls by less than a share of it."""
    parts = means * lacking, means**2, lacking**2
    product, square, error = (np.average(own, axis=0, weights=weights) for own in parts)
    shares = np.clip(product / np.where(square > 0, square, 1), 0, 1)
    shares[shares * (2 * product - shares * square) < 2 * gain * error] = 0
    return shares


def _spread(count: int, most: int) -> np.ndarray:
    """The numbers below a count, or so many of them at about equal distances."""
    few = min(count, most)
    return np.arange(few) * count // max(1, few)


def _axes(X: np.ndarray, columns: Columns) -> np.ndarray:
    """Principal axes of values, and of flags of codes if they are few."""
    from sklearn.decomposition import PCA

    X = X[_spread(len(X), AXES_ROWS)].astype(float)
    parts = [X[:, : columns.values]]
    if not columns.values or sum(columns.counts) <= MOST_FLAGS:
        for place, count in enumerate(columns.counts):
            parts.append(np.eye(count)[X[:, columns.values + place].astype(int)])
    space = np.hstack(parts)
    with np.errstate(invalid="ignore"):  # equal rows have no shares of variance
        return PCA(min(AXES, *space.shape), random_state=0).fit(space).components_.T


def _along(axes: np.ndarray, X: np.ndarray, columns: Columns) -> np.ndarray:
    """Places along axes, summed in order, so with the same bits for any rows."""
    found = np.zeros((len(X), axes.shape[1]))
    for place in range(columns.values):
        found += X[:, place, np.newaxis] * axes[place]
    at = columns.values
    if at < len(axes):
        for place, count in enumerate(columns.counts, columns.values):
            found += axes[at + X[:, place].astype(int)]
            at += count
    return found
