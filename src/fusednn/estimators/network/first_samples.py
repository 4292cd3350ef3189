"""The samples that a new network is built for, of which its layers may learn."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np


class FirstSamples(NamedTuple):
    """Checked samples.

    Parameters
    ----------
    X : array or sparse matrix of shape (n_samples, elements)
    rows : slice or ndarray of bool
        Selects those to learn from: all that have a weight. Where layers learn from targets, a
        validation set that the fit splits off is left out.
    targets : ndarray or None
        Encoded, with a row for each sample of X; NaN where unknown. None without targets.
    weights : ndarray or None
        A weight for each sample of X.
    are_classes : bool
        Whether targets are flags of classes.
    """

    X: Any
    rows: slice | np.ndarray = slice(None)
    targets: np.ndarray | None = None
    weights: np.ndarray | None = None
    are_classes: bool = False

    def among(self, numbers: np.ndarray) -> FirstSamples:
        """The same, but to learn from no others than these."""
        chosen = np.zeros(self.X.shape[0], bool)
        chosen[numbers] = True
        return self._replace(rows=chosen if isinstance(self.rows, slice) else chosen & self.rows)

    def with_targets(self) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
        """The samples to learn from whose targets are all known.

        Returns
        -------
        numbers : ndarray of int
            Their places in X.
        targets : ndarray of shape (n, outputs), or (n,) of the numbers of classes
        weights : ndarray of shape (n,) or None

        Raises
        ------
        ValueError
            If there are none.
        """
        assert self.targets is not None
        numbers = np.arange(len(self.targets))[self.rows]
        targets = self.targets[numbers].reshape(len(numbers), -1)
        known = ~np.isnan(targets).any(axis=1)
        if not known.any():
            raise ValueError(
                "PiecewiseLinear with edges='tree' learns from y, but no sample has all of its"
                " targets: give targets, or take edges='quantile'."
            )
        weights = None if self.weights is None else self.weights[numbers[known]]
        targets = targets[known]
        if self.are_classes and (targets.sum(axis=1) == 1).all():
            targets = targets.argmax(axis=1)
        return numbers[known], targets, weights
