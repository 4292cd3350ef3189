"""Data sets for `fusednn demo`: scikit-learn's digits, folders of idx files, and tables."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from fusednn.command.terminal.errors import UserError
from fusednn.tables.decimals import found_notation, may_be_numbers
from fusednn.tables.labelled import labelled_table
from fusednn.tables.learning import learned_encoding
from fusednn.tables.numbers import PLAIN
from fusednn.tables.reading.sources import STANDARD_INPUT
from fusednn.tables.reading.table_reader import read_table

from .held_out import require_rows, split_rows
from .idx import read_part
from .narration import notes_on_encoding, notes_on_reading, notes_on_target

TEST_SHARE = 0.25


@dataclass
class Dataset:
    """
    A training and a test part, scaled.

    Parameters
    ----------
    name : str
    X_train, X_test : ndarray of shape (n_samples, n_features)
    y_train, y_test : ndarray of shape (n_samples,)
        Labels, or a standardised quantity.
    classify : bool
    what : str
        What the samples are; printed.
    notes : list of str
        How the data were prepared; printed.
    """

    name: str
    X_train: np.ndarray
    X_test: np.ndarray
    y_train: np.ndarray
    y_test: np.ndarray
    classify: bool = True
    what: str = "rows"
    notes: list[str] = field(default_factory=list)

    @property
    def score_name(self) -> str:
        """Name of what an estimator's `score` returns."""
        return "accuracy" if self.classify else "R^2"


def load_digits(dtype: str, seed: int) -> Dataset:
    """
    Load scikit-learn's bundled images of digits, scaled to [0, 1].

    Parameters
    ----------
    dtype : {"float32", "float64"}
    seed : int
        Seed of the split.

    Returns
    -------
    Dataset
    """
    from sklearn import datasets

    X, y = datasets.load_digits(return_X_y=True)
    data = _split("digits", (X / 16).astype(dtype), y, seed)
    data.what = "images of 8 x 8"
    return data


def load(path: Path, target: str | None, dtype: str, seed: int) -> Dataset:
    """
    Read a folder of idx files, or a CSV or Parquet file.

    Parameters
    ----------
    path : Path
    target : str or None
        Name or number of the table's column to predict. None: the last column.
    dtype : {"float32", "float64"}
    seed : int
        Seed of the split, used where the data have no test part.

    Returns
    -------
    Dataset

    Raises
    ------
    UserError
        If the data cannot be read, or contain nothing to learn.
    """
    if path is STANDARD_INPUT:
        return _load_table(path, target, dtype, seed)
    try:
        if not path.exists():
            raise UserError(f"there is no file or folder {path}")
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}") from None
    if not path.is_dir():
        return _load_table(path, target, dtype, seed)
    if target is not None:
        raise UserError("--target is for tables; the target of idx files is always their labels")
    return _load_idx(path, dtype, seed)


def _load_idx(folder: Path, dtype: str, seed: int) -> Dataset:
    train = read_part(folder, "train")
    if train is None:
        raise UserError(
            f"{folder} has no train-images-idx3-ubyte[.gz] and train-labels-idx1-ubyte[.gz];"
            " give a folder that has them, or a CSV or Parquet file"
        )
    X, y = train
    if len(np.unique(y)) < 2 or X[0].size == 0:
        raise UserError(f"{folder} has no pixels, or labels of fewer than two classes")
    what = f"images of {' x '.join(str(size) for size in X.shape[1:])}"
    name = folder.resolve().name
    test = read_part(folder, "test")
    if test is None:
        require_rows(len(y), folder)
        data = _split(name, _pixels(X, dtype), y, seed)
        data.what = what
        return data
    if test[0].shape[1:] != X.shape[1:]:
        raise UserError(f"{folder}: training and test images differ in size")
    if len(test[1]) == 0:
        raise UserError(f"{folder} has no test images")
    return Dataset(name, _pixels(X, dtype), _pixels(test[0], dtype), y, test[1], what=what)


def _pixels(images: np.ndarray, dtype: str) -> np.ndarray:
    """Flattens each image to a row, and scales bytes to [0, 1]."""
    rows = images.reshape(len(images), -1).astype(dtype)
    if images.dtype == np.uint8:
        rows /= 255
    return rows


def _load_table(path: Path, target: str | None, dtype: str, seed: int) -> Dataset:
    table = read_table(path)
    table = table.read_as(found_notation(table, may_be_numbers(table), PLAIN))
    labelled = labelled_table(table, target, dtype=dtype)
    require_rows(len(labelled.y), path)
    table, y, classify = labelled.table, labelled.y, labelled.target.classify
    train, test = split_rows(y, classify, TEST_SHARE, seed)
    learned = learned_encoding(table, labelled.place, train)
    encoding = learned.encoding
    notes = [
        *notes_on_reading(table),
        *notes_on_target(labelled),
        *notes_on_encoding(learned, table),
    ]
    X = encoding.encode(table, "float64", holds=dtype)
    with np.errstate(all="ignore"):  # the estimator refuses what overflows
        _standardize(X, train, ~encoding.flags)
        X_train, X_test = (X[rows].astype(dtype) for rows in (train, test))
    y_train, y_test = y[train], y[test]
    if not classify:
        mean, deviation = y_train.mean(), y_train.std() or 1.0
        y_train, y_test = ((part - mean) / deviation for part in (y_train, y_test))
        notes.append("a quantity: the target is scaled to mean 0 and variance 1")
    return Dataset(path.name, X_train, X_test, y_train, y_test, classify, notes=notes)


def _split(name: str, X: np.ndarray, y: np.ndarray, seed: int) -> Dataset:
    """Splits labelled rows into a training and a test part."""
    train, test = split_rows(y, True, TEST_SHARE, seed)
    return Dataset(name, X[train], X[test], y[train], y[test])


def _standardize(X: np.ndarray, train: np.ndarray, chosen: np.ndarray) -> None:
    """Standardises the chosen columns by the training rows' means and standard deviations."""
    numbers = X[:, chosen]
    deviations = numbers[train].std(axis=0)
    scale = np.where(deviations > 0, deviations, 1.0)
    X[:, chosen] = (numbers - numbers[train].mean(axis=0)) / scale
