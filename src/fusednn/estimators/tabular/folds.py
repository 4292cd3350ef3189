"""Which rows a network trains on, and which judge it."""

from __future__ import annotations

import numpy as np

NEVER = -1
"""The fold of rows that are in all training sets."""
HELD_OUT = 5
"""One in so many rows is held out if there is only one fold."""


def folds_of(
    count: int, rows: int, classes: np.ndarray | None, random_state: np.random.RandomState
) -> np.ndarray:
    """
    Assign rows to folds of nearly equal sizes, each with its share of every class.

    Parameters
    ----------
    count : int
        The folds; fewer if there are fewer rows. 1: fold 0 is a fifth of the rows, and the others
        are in no fold.
    rows : int
        Those that have a weight.
    classes : ndarray of int of shape (n_rows,) or None
        Places of class labels.
    random_state : RandomState

    Returns
    -------
    ndarray of int of shape (n_rows,)
        The fold that holds each row out; -1 for none. The only row of a class is in none, so each
        class is in every training set.

    Raises
    ------
    ValueError
        If no row can be held out.
    """
    order = random_state.permutation(rows)
    if classes is not None:
        times = np.bincount(classes)
        order = order[np.argsort(classes[order], kind="stable")]
        order = order[times[classes[order]] > 1]
        if not order.size:
            raise ValueError(
                f"each class of y has one row only ({rows} rows of a weight above 0): give two"
                " of a class at least."
            )
    folds = np.full(rows, NEVER)
    parts = min(HELD_OUT if count == 1 else count, order.size)
    # neighbours in this order are of one class, so each class is spread over the folds
    folds[order] = np.arange(order.size) % parts
    if count == 1:
        folds[folds > 0] = NEVER
    return folds
