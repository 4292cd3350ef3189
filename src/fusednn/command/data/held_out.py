"""Rows to train on and rows to hold out."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from fusednn.command.terminal.errors import UserError

FEWEST_ROWS = 10
FEWEST_HELD_OUT = 2


def require_rows(rows: int, path: Path) -> None:
    """
    Refuse a table that is too short.

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
    Numbers of training and held-out rows.

    The classes' shares are kept where every class has enough rows; a class that would be held out
    as a whole is trained on instead.

    Parameters
    ----------
    y : ndarray of shape (n_rows,)
    classify : bool
    share : float
        Share of the rows to hold out; two rows at least, but for such classes.
    seed : int

    Returns
    -------
    train, held_out : ndarray of int

    Raises
    ------
    UserError
        If no row is left to train on.
    """
    from sklearn.model_selection import train_test_split

    counts = np.unique(y, return_counts=True)[1]
    held_out = max(int(np.ceil(share * len(y))), FEWEST_HELD_OUT)
    if held_out >= len(y):
        raise UserError(
            f"to hold out {held_out} of {len(y)} rows leaves none to train on: give a smaller"
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
