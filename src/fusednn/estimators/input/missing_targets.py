"""Unknown targets, NaN, None or NA, where `missing_targets="ignore"` lets them be.

On their way to the network targets have something known of their column in each unknown's place,
so that every check of scikit-learn's sees what it takes; real ones are NaN again after it, labels
a masked array. Encoded they are NaN.
"""

from __future__ import annotations

import numpy as np
from scipy.sparse import issparse
from sklearn.metrics import r2_score

from .labels import Labels, columns_of
from .sample_weights import present

IGNORE = "ignore"


def unknown_in(y):
    """Targets as an array, and which are unknown; None where none are, or y is no table of them.

    Returns
    -------
    y : array-like or ndarray
        As it is, where none are unknown.
    mask : ndarray of bool, of the shape of y, or None
    """
    if y is None or issparse(y) or isinstance(y, str):
        return y, None
    with np.errstate(invalid="ignore"):
        try:
            array = np.asarray(y)
        except ValueError:  # of rows of several lengths: scikit-learn says so
            return y, None
    if array.dtype.kind == "U" and isinstance(y, list | tuple):  # where NaN is the word "nan"
        array = np.asarray(y, object)
    if array.ndim not in (1, 2) or array.dtype.kind not in "fO":
        return y, None
    mask = _are_unknown(array)
    if not mask.any():
        return y, None
    if not isinstance(y, np.ndarray):  # integers with a null among them are floats in `array`
        array = _objects(y)
        mask = _are_unknown(array)
    return array, mask


def _objects(y):
    """Targets that are no array of NumPy's as one of objects, each as it is."""
    if hasattr(y, "get_columns"):  # a frame of polars
        return np.stack([_objects(column) for column in y.get_columns()], axis=1)
    if not hasattr(y, "to_pylist"):  # lists, Series of polars by theirs; pandas does it itself
        return np.asarray(y.to_list() if hasattr(y, "null_count") else y, object)
    if hasattr(y, "column_names"):  # a table of pyarrow
        return np.stack([_objects(column) for column in y.columns], axis=1)
    return np.asarray(y.to_pylist(), object)


def _are_unknown(array):
    if array.dtype.kind == "f":
        return np.isnan(array)
    found = [value is None or _is_nan(value) for value in array.flat]
    return np.array(found, bool).reshape(array.shape)


def _is_nan(value):
    """Whether it is a NaN, or what pandas and others have of their own: nothing equals itself."""
    try:
        return bool(value != value)
    except TypeError:  # pandas.NA answers neither yes nor no
        return True
    except ValueError:  # an array
        return False


def filled(y, mask, spares):
    """Targets with a known one of the column in the place of each unknown.

    Parameters
    ----------
    y, mask : ndarray
    spares : sequence
        What stands in a column that has no known one.
    """
    columns, masks = y.reshape(len(y), -1), mask.reshape(len(y), -1)
    whole = columns.copy()
    for number, (column, unknown) in enumerate(zip(columns.T, masks.T, strict=True)):
        spare = spares[number] if number < len(spares) else 0
        if whole.dtype != object and not isinstance(spare, _NUMBERS):  # of another y
            spare = 0
        whole[unknown, number] = spare if unknown.all() else column[unknown.argmin()]
    return _numbers(whole).reshape(y.shape)


_BOOLS = (bool, np.bool_)
_INTEGERS = (int, np.integer, *_BOOLS)
_NUMBERS = (float, np.floating, *_INTEGERS)


def _numbers(values):
    """Objects that are all numbers in a type of NumPy's that tells them apart; others as given."""
    if values.dtype != object or not all(isinstance(value, _NUMBERS) for value in values.flat):
        return values
    if all(isinstance(value, _BOOLS) for value in values.flat):
        return values.astype(bool)
    if all(isinstance(value, _INTEGERS) for value in values.flat):
        low, high = min(values.flat), max(values.flat)
        for dtype in (np.int64, np.uint64):
            if np.iinfo(dtype).min <= low and high <= np.iinfo(dtype).max:
                return values.astype(dtype)
        return values
    try:
        floats = values.astype(float)
    except OverflowError:
        return values
    return floats if all(map(_is_held, values.flat, floats.flat)) else values


def _is_held(value, number) -> bool:
    """Whether a float is the number that it was made of; of other floats it is near enough."""
    return not isinstance(value, _INTEGERS) or int(value) == number.item()


def known(y):
    """Labels without their mask: something known in the place of each unknown."""
    return np.ma.getdata(y) if isinstance(y, np.ma.MaskedArray) else y


def as_given(y):
    """Labels as a user has them; unknown are NaN, or None among what floats do not hold."""
    if not isinstance(y, np.ma.MaskedArray):
        return y
    labels, kind, mark = known(y), object, None
    if labels.dtype.kind in "fiub" and (labels.astype(float) == labels.astype(object)).all():
        kind, mark = float, np.nan
    return np.where(np.ma.getmaskarray(y), mark, labels.astype(kind))


def check_columns(targets) -> None:
    """Refuses a column of encoded targets that says nothing."""
    empty = np.isnan(targets).all(axis=0)
    if empty.any():
        where = f"Column {empty.argmax()} of y" if len(empty) > 1 else "y"
        raise ValueError(f"{where} has no known target: leave it out.")


def known_rows(estimator, X, y, targets, weights, name="y"):
    """All of these without the rows whose targets are all unknown: they are absent.

    Parameters
    ----------
    estimator : estimator
    X : array or sparse matrix
    y : ndarray
        As the user counts the targets.
    targets : ndarray of shape (n_samples, columns)
        Encoded.
    weights : ndarray or None
    name : str
        What messages call y.

    Returns
    -------
    X, y, targets, weights
    shares : ndarray or None
        What `fusednn.plan.binding.loss.Target` calls so.
    """
    if estimator.missing_targets != IGNORE or not np.isnan(targets).any():
        return X, y, targets, weights, None
    rows = ~np.isnan(targets).all(axis=1)
    if not rows.any():
        raise ValueError(f"{name} has no known target.")
    if not rows.all():
        X, y, targets = X[rows], y[rows], targets[rows]
        weights = None if weights is None else weights[rows]
    unknown = np.isnan(targets)
    if not unknown.any():
        return X, known(y), targets, weights, None
    return X, y, targets, weights, 1 - unknown.mean(axis=1)


def known_r2(y, points, weights):
    """R^2 over the known targets: the mean of those of the columns that have two or more.

    Parameters
    ----------
    y, points : ndarray of shape (n_samples, n_targets)
    weights : ndarray of shape (n_samples,) or None
    """
    scores, rows = [], present(weights)
    y, points, weights = y[rows], points[rows], None if weights is None else weights[rows]
    for truth, answers in zip(y.T, points.T, strict=True):
        rows = ~np.isnan(truth)
        if rows.sum() > 1:
            own = None if weights is None else weights[rows]
            scores.append(r2_score(truth[rows], answers[rows], sample_weight=own))
    return float(np.mean(scores)) if scores else float("nan")


def known_accuracy(y, predicted, weights):
    """The share of samples, of those with a known label, whose known labels are predicted.

    Parameters
    ----------
    y : masked array of shape (n_samples,) or (n_samples, n_columns)
    predicted : ndarray of the same shape
    weights : ndarray of shape (n_samples,) or None
    """
    rows = present(weights)
    y, predicted, weights = y[rows], predicted[rows], None if weights is None else weights[rows]
    unknown = np.ma.getmaskarray(y).reshape(len(y), -1)
    right = unknown | (predicted == known(y)).reshape(len(y), -1)
    rows = ~unknown.all(axis=1)
    if not rows.any():
        raise ValueError("y has no known target.")
    weights = None if weights is None else weights[rows]
    return float(np.average(right[rows].all(axis=1), weights=weights))


def class_weights(labels, class_weight, y):
    """The weight of each row of labels: of several, unknown ones have no part in the product."""
    weights = labels.sample_weight(class_weight, known(y))  # refuses what is not of its form
    if not isinstance(y, np.ma.MaskedArray):
        return weights
    weights, mask = np.ones(len(y)), np.ma.getmaskarray(y)
    parts = [np.array([0, 1])] * y.shape[1] if labels.is_multilabel else labels.classes
    for number, (classes, column) in enumerate(zip(parts, columns_of(known(y)), strict=True)):
        own = class_weight if isinstance(class_weight, str) else class_weight[number]
        rows = ~mask[:, number]
        if rows.any():
            weights[rows] *= Labels(classes).sample_weight(own, column[rows])
    return weights
