"""Splits a table into training rows and held-out rows."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from fusednn.command.terminal.errors import UserError

FEWEST_ROWS = 10
FEWEST_HELD_OUT = 2


def require_rows(rows: int, path: Path) -> None:
    """
    Refuse a table of fewer than `FEWEST_ROWS` rows.

    Raises
    ------
    UserError
    """
    if rows < FEWEST_ROWS:
        raise UserError(
            f"{path} has {rows} row{'s' * (rows != 1)}; at least {FEWEST_ROWS} are needed"
        )


def split_rows(
    y: np.ndarray, classify: bool, share: float, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """
    Choose the training rows and the held-out rows.

    The split is stratified by class if every class has enough rows. If all rows of a class are
    drawn for holding out, they become training rows instead.

    Parameters
    ----------
    y : ndarray of shape (n_rows,)
    classify : bool
    share : float
        Fraction of the rows to hold out. At least two rows are drawn.
    seed : int

    Returns
    -------
    train, held_out : ndarray of int
        Row indices.

    Raises
    ------
    UserError
        If no row would be left to train on.
    """
    from sklearn.model_selection import train_test_split

    counts = np.unique(y, return_counts=True)[1]
    held_out = max(int(np.ceil(share * len(y))), FEWEST_HELD_OUT)
    if held_out >= len(y):
        raise UserError(
            f"holding out {held_out} of {len(y)} rows leaves none to train on: give a smaller"
            " --validation"
        )
    enough = counts.min() >= 2 and len(counts) <= min(held_out, len(y) - held_out)
    train, rest = train_test_split(
        np.arange(len(y)),
        test_size=held_out,
        random_state=seed,
        stratify=y if classify and enough else None,
    )
    if classify:
        lost = np.isin(y[rest], np.setdiff1d(y[rest], y[train]))
        train, rest = np.concatenate([train, rest[lost]]), rest[~lost]
    return train, rest
