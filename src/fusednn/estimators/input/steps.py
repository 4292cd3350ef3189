"""The steps of series: which a network reads, whether they are free, and padding behind them."""

from __future__ import annotations

from math import prod

import numpy as np
from sklearn.utils import check_array, check_X_y

from fusednn import layers as specs
from fusednn.estimators.network.building import axes_read
from fusednn.estimators.network.first_layer import has_tokens
from fusednn.graph.time_axis import Series, free_series, series_of
from fusednn.serving.sequences import checked_lengths

from .plain_input import SPARSE_FORMATS, validated


def axes_of(estimator) -> tuple[int, ...]:
    """The axes of the samples that an estimator was fitted to."""
    axes = getattr(estimator, "input_shape_", (estimator.n_features_in_,))
    known = prod(size for size in axes if size is not None)
    return tuple(estimator.n_features_in_ // known if size is None else size for size in axes)


def free_steps(estimator) -> None:
    """Sets None for the steps in the `input_shape_` of a built network that does not fix them."""
    series = free_series(estimator._built_layers.ops)
    if series is None or series.are_tokens:
        return
    if axes_of(estimator) == series.axes(series.steps):
        estimator.input_shape_ = series.free_axes


def series_read(estimator, X, reset: bool) -> Series | None:
    """The series that a network reads X as, whose samples are rows; None if it reads no series."""
    if not reset:
        return series_of(estimator._built_layers.ops)
    shape, layers = X.shape if hasattr(X, "shape") else np.asarray(X).shape, estimator._specs()
    if len(shape) != 2 or not shape[1]:
        return None
    if has_tokens(layers):
        return Series(shape[1], 1, False, are_tokens=True, padding=layers[0].padding)
    read = axes_read(layers, getattr(estimator, "input_shape_", shape[1:]))
    if len(read) != 2:
        return None
    first = layers[0] if layers else None
    return Series(*read, isinstance(first, specs.Reshape) and first.channels == "first")


def least_steps(estimator, X, reset: bool) -> int:
    """The steps to which series of unequal lengths are padded, if none is longer."""
    if not reset:
        series = series_of(estimator._built_layers.ops)
        return series.steps if series else 0
    layers = estimator._specs()
    if has_tokens(layers):
        return 0
    first = layers[0] if layers else None
    features = np.shape(next(iter(X)))[1:] or (1,)
    if not isinstance(first, specs.Reshape) or first.channels != "last":
        return 0
    return first.shape[0] if first.shape[1:] == features else 0


def check_series(estimator, X: np.ndarray) -> None:
    """Refuses series of unequal lengths where the first layers take no series."""
    layers = estimator._specs()
    if not has_tokens(layers) and len(axes_read(layers, X.shape[1:])) != 2:
        what = f"layers[0] is {layers[0]!r}" if layers else "layers is empty"
        raise ValueError(f"X lists series of unequal lengths, but {what}: it takes no series.")


def padding_of(estimator, reset: bool) -> int | None:
    """The code that pads samples of tokens; None for series of numbers, which NaN pads.

    Raises
    ------
    ValueError
        If tokens have no padding.
    """
    layers = estimator._specs() if reset else estimator.layers_
    if not has_tokens(layers):
        return None
    if layers[0].padding is None:
        raise ValueError(
            f"X lists samples of unequal lengths, but layers[0] is {layers[0]!r}: it needs a"
            " `padding`."
        )
    return layers[0].padding


def check_columns(estimator, columns: int) -> None:
    """Refuses rows of other columns than those of the fit, unless they are series of one channel.

    Rows of series with axes may have other steps as well, but not one step, which would be taken
    for a sample with its axes.
    """
    known, series = estimator.n_features_in_, free_series(estimator._built_layers.ops)
    if columns == known or series is None or series.features == 1:
        return
    if not hasattr(estimator, "input_shape_") or columns == series.features:
        raise ValueError(
            f"X has {columns} features, but {type(estimator).__name__} is expecting {known}"
            " features as input."
        )


def converted_series(estimator, series: Series, X, y, **options):
    """X, or X and y, that scikit-learn has checked and converted; X is read as series.

    X may have padding, and other columns than those of the fit where no layer fixes the steps.
    """
    if not series.are_tokens:
        options["ensure_all_finite"] = "allow-nan"
    found = _converted(estimator, X, y, **options)
    X = found[0] if isinstance(found, tuple) else found
    if isinstance(X, np.ndarray) and X.dtype.kind == "f" and np.isnan(X).any():
        # refuses NaN that is no padding
        checked_lengths(X, series.features, series.channels_first)
    return found


def _converted(estimator, X, y, **options):
    if options["reset"] or not _has_other_steps(estimator, X):
        return validated(estimator, X, y, **options)
    del options["reset"]
    options["accept_sparse"] = list(SPARSE_FORMATS)
    with np.errstate(over="ignore"):
        if isinstance(y, str) and y == "no_validation":
            return check_array(X, input_name="X", estimator=estimator, **options)
        return check_X_y(X, y, estimator=estimator, **options)


def _has_other_steps(estimator, X) -> bool:
    """Whether the rows of X are series of other steps than those of the fit."""
    shape, series = np.shape(X), free_series(estimator._built_layers.ops)
    if series is None or len(shape) != 2 or hasattr(estimator, "feature_names_in_"):
        return False
    return shape[1] != estimator.n_features_in_ and shape[1] % series.features == 0 < shape[1]
