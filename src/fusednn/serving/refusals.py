"""The errors of predictors, whose words are scikit-learn's where it has such an error."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fusednn.graph.layers.layer import Layer
from fusednn.graph.layers.rescale import Rescale
from fusednn.graph.layers.reshape import Reshape
from fusednn.graph.layers.untrained import Standardize
from fusednn.graph.op_names import name_in
from fusednn.graph.time_axis import Series, StepsError

SEE = (
    "For supervised learning, you might want to consider sklearn.ensemble"
    ".HistGradientBoostingClassifier and Regressor which accept missing values encoded as NaNs"
    " natively. Alternatively, it is possible to preprocess the data, for instance by using an"
    " imputer transformer in a pipeline or drop samples with missing values. See"
    " https://scikit-learn.org/stable/modules/impute.html You can find a list of all estimators"
    " that handle NaN values at the following page: https://scikit-learn.org/stable/modules/"
    "impute.html#estimators-that-handle-nan-values"
)


def refuse_columns(
    X, inputs: int, names: tuple[str, str], series: Series | None = None
) -> ValueError:
    """The error for a wrong number of columns; `series` says what the network reads, if any."""
    more = "" if series is None or series.are_tokens else f", or series {series.free_text}"
    return ValueError(
        f"X has {X.shape[-1]} features, but {names[0]} is expecting {inputs} features as"
        f" input{more}."
    )


def refuse_steps(error: StepsError, ops, steps: int) -> ValueError:
    """The error for series of steps that an op does not take."""
    name = name_in(ops, ops[error.number])
    return ValueError(f"X has series of length {steps}, but {name} {error.why}.")


def refuse_rows(X, names: tuple[str, str]) -> Exception:
    """The error for rows that were not answered, though nothing is wrong with their numbers."""
    if not X.shape[0]:
        return refuse_empty(X, names)
    return RuntimeError("a compiled operation of the network failed")


def refuse_empty(X, names: tuple[str, str]) -> ValueError:
    """The error for no rows."""
    return ValueError(
        f"Found array with {X.shape[0]} sample(s) (shape={X.shape}) while a minimum of 1 is"
        f" required by {names[0]}."
    )


def refuse_values(X: np.ndarray, names: tuple[str, str], ops: Sequence[Layer] = ()) -> ValueError:
    """The error for NaN or infinity; `ops` are those of the network, where they may matter."""
    if not np.isnan(X).any():
        return refuse_infinity(X)
    reshape = _behind_scalers(ops) if ops else None
    if reshape is not None and np.isnan(X[:, -1]).any():
        return ValueError(
            f"X has series with padding, but the scaler before Reshape{reshape.shape} scales each"
            " of their steps by itself, so the predictor takes series of the fit's steps alone."
            " Fit with standardize=True in place of the scaler, or scale X first and freeze the"
            " network without it."
        )
    return ValueError(
        f"Input X contains NaN.\n{names[1]} does not accept missing values encoded as NaN"
        f" natively. {SEE}"
    )


def refuse_infinity(X: np.ndarray) -> ValueError:
    """The error for infinity."""
    return ValueError(f"Input X contains infinity or a value too large for dtype('{X.dtype}').")


def _behind_scalers(ops: Sequence[Layer]) -> Reshape | None:
    """The op that makes series of rows, if scalers of these come before it."""
    first = next((op for op in ops if not isinstance(op, Rescale | Standardize)), None)
    if first is ops[0] or not isinstance(first, Reshape) or len(first.shape) != 2:
        return None
    return first
