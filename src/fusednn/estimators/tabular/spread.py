"""Standard deviations of predictions, learned from residuals of held-out rows."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

MOST_GROUPS = 10
LEAST_ROWS = 50
"""Rows of a group, so that its deviation is known to a tenth."""


class Spread(NamedTuple):
    """
    The standard deviation of a prediction: a function of the prediction, linear between groups.

    Parameters
    ----------
    centres : ndarray of float64 of shape (n_groups,)
        Mean predictions of groups of held-out rows of about equal predictions; none is below the
        one before.
    deviations : ndarray of float64 of shape (n_groups,)
        Roots of the mean squared residuals of the groups.
    """

    centres: np.ndarray
    deviations: np.ndarray

    @classmethod
    def learned(cls, predicted: np.ndarray, truth: np.ndarray, weights=None) -> Spread:
        """
        Learn from held-out rows.

        Parameters
        ----------
        predicted, truth : ndarray of shape (n_rows,)
        weights : ndarray of shape (n_rows,) or None
        """
        order = np.argsort(predicted, kind="stable")
        count = min(MOST_GROUPS, max(1, len(order) // LEAST_ROWS))
        groups = np.array_split(order, count)
        own = np.ones(len(order)) if weights is None else weights
        squares = (predicted - truth) ** 2
        means = [np.average(predicted[rows], weights=own[rows]) for rows in groups]
        # means of equal predictions, such as clipped ones, differ in their last bits
        centres = np.maximum.accumulate(means)
        deviations = [np.sqrt(np.average(squares[rows], weights=own[rows])) for rows in groups]
        return cls(centres, np.array(deviations))

    def of(self, predicted: np.ndarray) -> np.ndarray:
        """The deviations of predictions of shape (n_rows,)."""
        return np.interp(predicted, self.centres, self.deviations)
