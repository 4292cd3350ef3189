"""Importances of a table's columns: what is lost if a column's values are mixed up."""

from __future__ import annotations

from collections.abc import Callable
from typing import Self, overload

import numpy as np

from fusednn.tables.preparing.features import Category
from fusednn.tables.preparing.preparation import Preparation

REPEATS = 3
MOST_ROWS = 5_000
"""Held-out rows that are used at most."""


class NotComputed:
    """Stands for `feature_importances_` in a class; what a fit has computed goes before it."""

    @overload
    def __get__(self, estimator: None, owner: type) -> Self: ...

    @overload
    def __get__(self, estimator: object, owner: type) -> np.ndarray: ...

    def __get__(self, estimator: object, owner: type) -> Self | np.ndarray:
        """Raises AttributeError for an estimator, so `hasattr` is false."""
        if estimator is None:
            return self
        if "members_" in vars(estimator):
            raise AttributeError(
                "feature_importances_ was not computed: set importances=True, and fit again."
            )
        raise AttributeError(f"{owner.__name__!r} object has no attribute 'feature_importances_'")


def groups_of(preparation: Preparation) -> list[list[int]]:
    """The inputs that each column of a table becomes."""
    groups, at = [], 0
    coded = len(preparation.names)
    for feature in preparation.features:
        width = len(feature.numbers) + len(feature.flags)
        group = [*range(at, at + width)]
        at += width
        if isinstance(feature, Category) and feature.becomes == "codes":
            group.append(coded)
            coded += 1
        groups.append(group)
    return groups


def importances_of(
    groups: list[list[int]],
    X: np.ndarray,
    loss: Callable[[np.ndarray], float],
    random_state: np.random.RandomState,
) -> np.ndarray:
    """
    The increase of a loss if the inputs of a column are permuted among rows.

    Parameters
    ----------
    groups : list of list of int
        See `groups_of`.
    X : ndarray of shape (n_rows, n_inputs)
    loss : callable
        From inputs like X to a number.
    random_state : RandomState

    Returns
    -------
    ndarray of float64 of shape (n_columns,)
        Means over repeats; 0 for a column without inputs.

    References
    ----------
    Breiman, "Random forests", Machine Learning 45, 2001, section 10.
    """
    before = loss(X)
    found = np.zeros(len(groups))
    for place, group in enumerate(groups):
        if not group:
            continue
        for _ in range(REPEATS):
            mixed = X.copy()
            mixed[:, group] = X[random_state.permutation(len(X))][:, group]
            found[place] += (loss(mixed) - before) / REPEATS
    return found
