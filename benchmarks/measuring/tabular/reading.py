"""Reads tables of `FUSEDNN_DATA` as pandas frames.

Columns are as a person would read them: numbers, strings, booleans, dates, missing values.
Targets of classes are 0 to K - 1, in the order of the sorted labels, since not every peer takes
others.
"""

import os
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import sklearn.datasets


class Table(NamedTuple):
    """A table and its task.

    Attributes
    ----------
    frame : DataFrame
        The inputs, one row for each sample.
    target : ndarray of shape (n,)
        float64, or classes in int64.
    task : {"binary", "classes", "numbers"}
    own : int or None
        The first so many rows are the table's own training part, the others its test part.
    """

    frame: pd.DataFrame
    target: np.ndarray
    task: str
    own: int | None = None


def folder():
    """The folder of all sets; ends the program with a sentence where there is none."""
    root = Path(os.environ.get("FUSEDNN_DATA", ""))
    if "FUSEDNN_DATA" not in os.environ or not (root / "california-housing").is_dir():
        sys.exit("set FUSEDNN_DATA to the folder that holds california-housing/ and other tables")
    return root


def read(path, **options):
    """A file of that folder, by the options of `pandas.read_csv`."""
    return pd.read_csv(folder() / path, **options)


def of_classes(frame, target, own=None):
    """A table whose target are labels."""
    labels, codes = np.unique(np.asarray(target).astype(str), return_inverse=True)
    return Table(frame, codes.astype(np.int64), "binary" if len(labels) == 2 else "classes", own)


def of_numbers(frame, target):
    """A table whose target are numbers."""
    return Table(frame, np.asarray(target, np.float64), "numbers")


def named(frame):
    """Names for the columns of a file without a header."""
    return frame.set_axis([f"x{place}" for place in range(frame.shape[1])], axis=1)


def of_scikit_learn(name):
    """One of scikit-learn's own tables."""
    found = getattr(sklearn.datasets, f"load_{name}")(as_frame=True)
    whole = found.target.dtype.kind == "i"
    return (of_classes if whole else of_numbers)(found.data, found.target)
