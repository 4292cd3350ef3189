"""The rows of a fit: those that a network trains on, and those that judge it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Rows(NamedTuple):
    """
    Prepared rows.

    Parameters
    ----------
    X : ndarray of float32 of shape (n_rows, n_inputs)
    y : ndarray of shape (n_rows,) or (n_rows, n_targets)
        Encoded.
    weights : ndarray of shape (n_rows,) or None
    """

    X: np.ndarray
    y: np.ndarray
    weights: np.ndarray | None

    def take(self, rows: np.ndarray | slice) -> Rows:
        """The chosen rows."""
        weights = None if self.weights is None else self.weights[rows]
        return Rows(self.X[rows], self.y[rows], weights)

    def some(self, step: int, by_class: bool) -> np.ndarray:
        """The numbers of one in `step` rows, of the heaviest, and perhaps of one of each class."""
        found = np.arange(0, len(self.X), step)
        if self.weights is not None:
            found = np.union1d(found, self.weights.argmax())
        return np.union1d(found, np.unique(self.y, return_index=True)[1]) if by_class else found


class Data(NamedTuple):
    """
    All rows of a fit.

    Parameters
    ----------
    own : Rows
        The training data, with the weights that they have where they judge.
    folds : ndarray of int of shape (n_rows,)
        The fold that each of them judges; -1 for none.
    judge : Rows or None
        A validation set, which judges all networks.
    weights : ndarray of shape (n_rows,) or None
        Those of training.
    factors : ndarray of shape (n_classes,) or None, default=None
        Factors of classes that weights of training lack, so outputs get them; see `shifting`.
    """

    own: Rows
    folds: np.ndarray
    judge: Rows | None
    weights: np.ndarray | None
    factors: np.ndarray | None = None

    def for_fold(self, fold: int) -> tuple[Rows, Rows]:
        """The rows that a network trains on, and those that judge it."""
        own = self.own._replace(weights=self.weights)
        if self.judge is not None:
            return own, self.judge
        held = self.folds == fold
        return own.take(~held), self.own.take(held)

    def without_factors(self, fold: int) -> np.ndarray | None:
        """The weights of the rows that judge a network, without factors of classes."""
        if self.judge is not None or self.weights is None:
            return None
        return self.weights[self.folds == fold]

    def judges(self, folds: set[int]) -> tuple[Rows, np.ndarray, np.ndarray]:
        """The rows that judge these folds, their places, and the fold of each."""
        if self.judge is not None:
            count = len(self.judge.X)
            return self.judge, np.arange(count), np.zeros(count, int)
        places = np.flatnonzero(np.isin(self.folds, [*folds]))
        return self.own.take(places), places, self.folds[places]
