"""Standard deviations of predictions, learned from residuals of held-out rows."""

from __future__ import annotations

import numpy as np

from fusednn.serving.ensembles.targets import Spread

MOST_GROUPS = 10
LEAST_ROWS = 50
"""Rows of a group, so that its deviation is known to a tenth."""


def learned_spread(
    predicted: np.ndarray, truth: np.ndarray, weights: np.ndarray | None = None
) -> Spread:
    """
    Learn the deviation of a prediction from held-out rows.

    Its numbers are mean predictions of groups of rows of about equal predictions, and the roots of
    the groups' mean squared residuals.

    Parameters
    ----------
    predicted, truth : ndarray of shape (n_rows,)
    weights : ndarray of shape (n_rows,) or None, default=None
    """
    order = np.argsort(predicted, kind="stable")
    count = min(MOST_GROUPS, max(1, len(order) // LEAST_ROWS))
    groups = np.array_split(order, count)
    own = np.ones(len(order)) if weights is None else weights
    squares = (predicted - truth) ** 2
    means = [np.average(predicted[rows], weights=own[rows]) for rows in groups]
    # means of equal predictions, such as clipped ones, differ in their last bits
    centers = np.maximum.accumulate(means)
    deviations = [np.sqrt(np.average(squares[rows], weights=own[rows])) for rows in groups]
    return Spread(tuple(centers.tolist()), tuple(map(float, deviations)))
