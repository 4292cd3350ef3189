"""Training and test rows of a table, and parts of the training rows for choosing ideas.

Test rows judge what is finished. Whatever is chosen is chosen by `inner`, which knows only the
training rows.
"""

import numpy as np
from sklearn.model_selection import train_test_split

JUDGED = 2000
"""Rows that judge an inner split, at most; a quarter of the training rows where that is less."""


def split(table, seed):
    """Positions of training and test rows, both ascending.

    A fifth of the rows is the test part, a fifth of each class where there are any, by NumPy's
    `RandomState(seed)`. A table with parts of its own has those at every seed.

    Parameters
    ----------
    table : Table
    seed : int

    Returns
    -------
    train, test : ndarray of int
    """
    rows = np.arange(len(table.frame))
    if table.own is not None:
        return rows[: table.own], rows[table.own :]
    random = np.random.RandomState(seed)
    groups = [rows]
    if table.task != "numbers":
        groups = [np.flatnonzero(table.target == one) for one in np.unique(table.target)]
    drawn = [random.permutation(group)[: round(0.2 * len(group))] for group in groups]
    test = np.sort(np.concatenate(drawn))
    return np.setdiff1d(rows, test), test


def inner(table, repeat=0, rows=3000):
    """Positions of rows to train and to judge, both among the training rows of seed 0.

    Parameters
    ----------
    table : Table
    repeat : int, default=0
        Each gives another split; the small tables need several.
    rows : int, default=3000
        Rows to train, at most.

    Returns
    -------
    train, judged : ndarray of int
    """
    outer, _ = split(table, 0)
    judged = min(JUDGED, len(outer) // 4)
    train, judged = _apart(table, outer, 1000 + repeat, test_size=judged)
    if len(train) > rows:
        train, _ = _apart(table, train, 1000 + repeat, train_size=rows)
    return train, judged


def _apart(table, rows, seed, **sizes):
    classes = None if table.task == "numbers" else table.target[rows]
    return train_test_split(rows, random_state=seed, stratify=classes, **sizes)
