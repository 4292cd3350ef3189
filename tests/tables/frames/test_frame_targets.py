"""Targets in memory: labels as they came, quantities, and what is refused."""

import datetime as dt

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy.sparse import csr_matrix

from fusednn.tables.errors import TableError
from fusednn.tables.frames.targets import class_labels, quantities

LABELS = {
    "bool": (np.array([True, False, True]), [False, True], "b"),
    "list of bool": ([True, False], [False, True], "b"),
    "integers": (np.array([3, -1, 3], np.int8), [-1, 3], "i"),
    "column": (np.array([[3], [1]]), [1, 3], "i"),
    "list": ([2, 1, 1], [1, 2], "i"),
    "beyond float64": ([2**60 + 1, 2**60], [2**60, 2**60 + 1], "i"),
    "whole floats": (np.array([2.0, 1.0]), [1.0, 2.0], "f"),
    "texts": (np.array(["none", "NA", "none"]), ["NA", "none"], "O"),
    "digits": (["01", "1"], ["01", "1"], "O"),
    "list of texts": (["b", "a"], ["a", "b"], "O"),
    "series": (pd.Series(["b", "a"], index=[5, 5]), ["a", "b"], "O"),
    "frame": (pd.DataFrame({"y": ["b", "a"]}), ["a", "b"], "O"),
    "category": (pd.Series(["b", "a"], dtype="category"), ["a", "b"], "O"),
    "unused category": (pd.Series(pd.Categorical(["b", "a"], list("cba"))), ["a", "b"], "O"),
    "integer category": (pd.Series([10, 9], dtype="category"), [9, 10], "i"),
    "float category": (pd.Series([10.0, 9.0], dtype="category"), [9, 10], "f"),
    "category in a frame": (pd.DataFrame({"y": [9, 8]}, dtype="category"), [8, 9], "i"),
    "bool category": (pd.Series([True, False], dtype="category"), [False, True], "b"),
    "nullable": (pd.Series([10, 9], dtype="Int64"), [9, 10], "i"),
    "boolean": (pd.Series([True, False], dtype="boolean"), [False, True], "b"),
    "polars": (pl.Series(["b", "a"]), ["a", "b"], "O"),
    "polars frame": (pl.DataFrame({"y": [10, 9]}), [9, 10], "i"),
    "enum": (pl.Series(["b", "a"], dtype=pl.Enum(["b", "a"])), ["a", "b"], "O"),
}


@pytest.mark.parametrize("name", LABELS)
def test_labels_keep_their_type(name):
    y, labels, kind = LABELS[name]
    found = class_labels(y, len(y))
    assert found.labels.dtype.kind == kind
    assert found.labels.tolist() == labels
    given = y.to_numpy() if hasattr(y, "to_numpy") else np.asarray(y)
    assert found.labels[found.places].tolist() == given.ravel().tolist()


QUANTITIES = {
    "list": ([1, 2.5], [1, 2.5], ()),
    "bool": (np.array([True, False]), [1, 0], ()),
    "integers": (np.array([1, 2], np.uint8), [1, 2], ()),
    "column": (np.array([[1.5], [2]]), [1.5, 2], ()),
    "two": (np.array([[1, 2], [3, 4]]), [[1, 2], [3, 4]], ("0", "1")),
    "list of rows": ([[1, 2], [3, 4]], [[1, 2], [3, 4]], ("0", "1")),
    "series": (pd.Series([1, 2], name="price", dtype="Int64"), [1, 2], ("price",)),
    "frame": (pd.DataFrame({"a": [1, 2], "b": [0.5, 1]}), [[1, 0.5], [2, 1]], ("a", "b")),
    "frame of one": (pd.DataFrame({"a": [1, 2]}), [1, 2], ("a",)),
    "polars": (pl.DataFrame({"a": [1, 2], "b": [0.5, 1]}), [[1, 0.5], [2, 1]], ("a", "b")),
    "decimal": (pl.Series("p", [1, 2]).cast(pl.Decimal(9, 2)), [1, 2], ("p",)),
}


@pytest.mark.parametrize("name", QUANTITIES)
def test_quantities(name):
    y, values, names = QUANTITIES[name]
    found = quantities(y, len(y))
    assert found.values.dtype == np.float64
    np.testing.assert_array_equal(found.values, values)
    assert found.names == names


REFUSED_LABELS = {
    "missing": (pd.Series(["a", None, "b", None], name="job"),
                "the target 'job' is missing in row 2 (2 in all): leave such rows out"),
    "NaN": ([0, float("nan")], "y is missing in row 2 (1 in all): leave such rows out"),
    "NA": (pd.Series([True, pd.NA], dtype="boolean"), "y is missing in row 2 (1 in all): leave"
           " such rows out"),
    "missing category": (pd.Series([1, None], dtype="category"), "y is missing in row 2 (1 in"
                         " all): leave such rows out"),
    "one class": (["a", "a"], "y has one class only, a: give rows of at least two classes"),
    "not whole": ([0.5, 1], "Unknown label type: y has 0.5, which is not a whole number: fit a"
                  " regressor, or make texts of the labels"),
    "infinite": ([np.inf, 1], "Unknown label type: y has inf, which is not a whole number: fit a"
                 " regressor, or make texts of the labels"),
    "several types": ([1, "a"], "y has values of several types, which are no labels: make texts of"
                      " them"),
    "dates": (pd.Series([dt.date(2024, 1, 1)]), "y has dates, which are no labels: make texts of"
              " them"),
    "two columns": (np.ones((3, 2)), "y has 2 columns: give one column of labels, and a classifier"
                    " for each"),
    "no rows": ([], "y has no values: give a target for each row of X"),
    "none": (None, "requires y to be passed, but the target y is None: give a target for each row"
             " of X"),
    "a set": ({1, 2}, "y is {1, 2}, of type set: give an array, a list or a series with a target"
              " for each row of X"),
    "sparse": (csr_matrix(np.ones((2, 1))), "y is sparse: give y.toarray()"),
    "one word": ("yes", "y is 'yes', of type str: give an array, a list or a series with a target"
                 " for each row of X"),
    "one number": (1, "y is 1, of type int: give an array, a list or a series with a target for"
                   " each row of X"),
    "ragged": ([[1, 2], [3]], "y has rows of several lengths: give rows of one length"),
    "three axes": (np.zeros((1, 1, 1)), "y has 3 axes: give one column, or one for each target"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED_LABELS)
def test_refused_labels(name):
    y, message = REFUSED_LABELS[name]
    with pytest.raises(TableError) as caught:
        class_labels(y)
    assert str(caught.value) == message


REFUSED_QUANTITIES = {
    "missing": (pd.DataFrame({"a": [1, 2], "b": [1, None]}), "the target 'b' is missing in row 2"
                " (1 in all): leave such rows out"),
    "words": (["1", "2"], "y has '1', which is no number: give numbers, or fit a classifier"),
    "dates": (pd.Series([dt.date(2024, 1, 1)], name="d"), "the target 'd' has"
              " '2024-01-01T00:00:00.000000', which is no number: give numbers, or fit a"
              " classifier"),
    "infinite": ([1, 2, -np.inf], "y contains infinity, in row 3: leave such rows out"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED_QUANTITIES)
def test_refused_quantities(name):
    y, message = REFUSED_QUANTITIES[name]
    with pytest.raises(TableError) as caught:
        quantities(y)
    assert str(caught.value) == message


@pytest.mark.parametrize("read", [class_labels, quantities])
def test_another_number_of_rows(read):
    with pytest.raises(TableError, match=r"^y has 2 rows and X has 3: give one target for each"):
        read([1, 2], 3)
