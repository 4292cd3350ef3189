"""Unknown targets (NaN, None, NA), which `missing_targets="ignore"` allows.

scikit-learn's checks refuse unknown targets. So `filled` replaces each one by a known target of
its column before the checks. After them, real targets are NaN again, and labels become a masked
array. Encoded targets are NaN.
"""

from __future__ import annotations

import numpy as np
from scipy.sparse import issparse
from sklearn.metrics import r2_score

from .label_columns import columns_of
from .labels import Labels
from .sample_weights import present

IGNORE = "ignore"


def unknown_in(y):
    """Finds the unknown targets.

    Returns
    -------
    y : array-like or ndarray
        An array if some targets are unknown, otherwise the argument.
    mask : ndarray of bool, of the shape of y, or None
        True for unknown targets. None if all are known, or y is not a vector or table of numbers
        or objects.
    """
    if y is None or issparse(y) or isinstance(y, str):
        return y, None
    with np.errstate(invalid="ignore"):
        try:
            array = np.asarray(y)
        except ValueError:  # rows of several lengths; scikit-learn's checks raise the error
            return y, None
    if array.dtype.kind == "U" and isinstance(y, list | tuple):  # NumPy made NaN the word "nan"
        array = np.asarray(y, object)
    if array.ndim not in (1, 2) or array.dtype.kind not in "fO":
        return y, None
    mask = _are_unknown(array)
    if not mask.any():
        return y, None
    if not isinstance(y, np.ndarray):  # a null turned the integers of `array` into floats
        array = _objects(y)
        mask = _are_unknown(array)
    return array, mask


def _objects(y):
    """Converts lists, frames and tables to an array of objects, without changing the values."""
    if hasattr(y, "get_columns"):  # a polars DataFrame
        return np.stack([_objects(column) for column in y.get_columns()], axis=1)
    if not hasattr(y, "to_pylist"):  # lists, pandas, or a polars Series, which has null_count
        return np.asarray(y.to_list() if hasattr(y, "null_count") else y, object)
    if hasattr(y, "column_names"):  # a pyarrow Table
        return np.stack([_objects(column) for column in y.columns], axis=1)
    return np.asarray(y.to_pylist(), object)


def _are_unknown(array):
    if array.dtype.kind == "f":
        return np.isnan(array)
    found = [value is None or _is_nan(value) for value in array.flat]
    return np.array(found, bool).reshape(array.shape)


def _is_nan(value):
    """Whether a value is NaN, NaT or NA: none of them equals itself."""
    try:
        return bool(value != value)
    except TypeError:  # pandas.NA has no truth value
        return True
    except ValueError:  # an array
        return False


def filled(y, mask, spares):
    """Replaces unknown targets by the first known target of their column.

    Parameters
    ----------
    y : ndarray of shape (n_samples,) or (n_samples, n_columns)
    mask : ndarray of bool, of the shape of y
        True for unknown targets.
    spares : sequence
        For each column the value to use if all its targets are unknown; 0 where it has no entry.
    """
    columns, masks = y.reshape(len(y), -1), mask.reshape(len(y), -1)
    whole = columns.copy()
    for number, (column, unknown) in enumerate(zip(columns.T, masks.T, strict=True)):
        spare = spares[number] if number < len(spares) else 0
        if whole.dtype != object and not isinstance(spare, _NUMBERS):  # a class of an earlier fit
            spare = 0
        whole[unknown, number] = spare if unknown.all() else column[unknown.argmin()]
    return _numbers(whole).reshape(y.shape)


_BOOLS = (bool, np.bool_)
_INTEGERS = (int, np.integer, *_BOOLS)
_NUMBERS = (float, np.floating, *_INTEGERS)


def _numbers(values):
    """Converts objects that are all numbers to bool, int64, uint64 or float64.

    Returns the objects unchanged if no such type keeps different integers different.
    """
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
    """Whether `number`, the float of `value`, equals it; checked for integers only."""
    return not isinstance(value, _INTEGERS) or int(value) == number.item()


def known(y):
    """Labels without their mask; unknown ones have the value that `filled` put there."""
    return np.ma.getdata(y) if isinstance(y, np.ma.MaskedArray) else y


def as_given(y):
    """Labels in the user's form, unknown ones as NaN, or None if floats cannot hold the labels."""
    if not isinstance(y, np.ma.MaskedArray):
        return y
    labels, kind, mark = known(y), object, None
    if labels.dtype.kind in "fiub" and (labels.astype(float) == labels.astype(object)).all():
        kind, mark = float, np.nan
    return np.where(np.ma.getmaskarray(y), mark, labels.astype(kind))


def check_columns(targets) -> None:
    """Raises ValueError if all encoded targets of a column are unknown."""
    empty = np.isnan(targets).reshape(-1, targets.shape[-1]).all(axis=0)
    if empty.any():
        where = f"Column {empty.argmax()} of y" if len(empty) > 1 else "y"
        raise ValueError(f"{where} has no known target: leave it out.")


def known_rows(estimator, X, y, targets, weights, name="y"):
    """Removes the rows whose targets are all unknown.

    Parameters
    ----------
    estimator : estimator
    X : array or sparse matrix
    y : ndarray
        The user's targets, checked.
    targets : ndarray of shape (n_samples, columns) or (n_samples, rows, columns)
        Encoded targets.
    weights : ndarray of shape (n_samples,) or (n_samples, rows), or None
    name : str
        The name of y in messages.

    Returns
    -------
    X, y, targets, weights
        The rows with a known target.
    shares : ndarray of shape (n_samples,) or (n_samples, rows), or None
        The share of each row's targets that is known; see `fusednn.plan.binding.loss.Target`. None
        if all are known.

    Raises
    ------
    ValueError
        If no target is known.
    """
    are_known = estimator.missing_targets != IGNORE and targets.ndim == 2
    if are_known or not np.isnan(targets).any():
        return X, y, targets, weights, None
    rows = ~np.isnan(targets).reshape(len(targets), -1).all(axis=1)
    if not rows.any():
        raise ValueError(f"{name} has no known target.")
    if not rows.all():
        X, y, targets = X[rows], y[rows], targets[rows]
        weights = None if weights is None else weights[rows]
    unknown = np.isnan(targets)
    if not unknown.any():
        return X, known(y), targets, weights, None
    return X, y, targets, weights, 1 - unknown.mean(axis=-1)


def known_r2(y, points, weights):
    """R^2 over the known targets: the mean over the columns with two known targets or more.

    Parameters
    ----------
    y : ndarray of shape (n_samples, n_targets)
        NaN where unknown.
    points : ndarray of shape (n_samples, n_targets)
        Predictions.
    weights : ndarray of shape (n_samples,) or None

    Returns
    -------
    float
        NaN without such a column.
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
    """Accuracy over the samples with a known label: all known labels must be predicted.

    Parameters
    ----------
    y : masked array of shape (n_samples,) or (n_samples, n_columns)
    predicted : ndarray of the same shape
    weights : ndarray of shape (n_samples,) or None

    Raises
    ------
    ValueError
        If no label is known.
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
    """Computes the weight of each row of labels; unknown labels count as factor 1."""
    weights = labels.sample_weight(class_weight, known(y))  # also checks class_weight
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
