"""The checks of what estimators are given: which forms of X, targets and weights each takes."""

from __future__ import annotations

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils import check_array, check_consistent_length
from sklearn.utils.validation import _check_y

from .input.constraints import DTYPES
from .input.missing_targets import IGNORE, filled, unknown_in
from .input.plain_input import (
    SPARSE_FORMATS,
    is_plain_input,
    is_plain_target,
    takes_plain_input,
    validated,
)
from .input.row_weights import checked_row_weights, has_row_weights
from .input.sample_weights import checked_weights
from .input.target_axes import lengths_of_targets, rows_of, with_axes
from .input.targets import flattened


class InputChecksMixin(BaseEstimator):
    """Methods that check input; a base class of `BaseNetwork`, whose subclasses change some."""

    def _checked_weights(self, sample_weight, X, y, dtype=None):
        """Checks the weights of samples, or of each row that samples have targets for."""
        if hasattr(self, "output_shape_") and has_row_weights(sample_weight):
            return checked_row_weights(self, sample_weight, X, y, dtype)
        return checked_weights(sample_weight, X, dtype)

    def _target_axes(self, X, reset):
        """The axes of a sample's targets; most estimators have targets of whole samples."""
        return ()

    def _one_column(self, y):
        """Converts checked targets of a single column to those of no column."""
        return y if hasattr(self, "output_shape_") else flattened(y)

    def _validated(self, X, y, reset, dtypes=None, **options):
        """Checks X and y; a y with axes becomes (n, rows) or (n, rows, K)."""
        dtypes = dtypes or DTYPES[self.dtype]
        axes = () if y is None else self._target_axes(X, reset)
        if reset:
            self.__dict__.pop("output_shape_", None)
        if axes:
            if reset:
                self.output_shape_ = axes
            return self._validated_axes(X, y, reset, dtypes, **options)
        unknown = None
        if self.missing_targets == IGNORE:
            y, unknown = unknown_in(y)
        if unknown is not None:
            whole = filled(y, unknown, self._spare_targets())
            X, y = self._checked(X, whole, reset, dtypes, **options)
            return X, self._with_unknown(y, unknown)
        return self._checked(X, y, reset, dtypes, **options)

    def _validated_axes(self, X, y, reset, dtypes, **options):
        """`_validated` for a network whose samples have a target for each of their rows."""
        ends = lengths_of_targets(y)
        y = with_axes(self, y, self._target_axes(X, reset))
        X = self._as_rows(X, reset)
        dtypes = (*dtypes, *self._integers_of(X, reset))
        if not (takes_plain_input if reset else is_plain_input)(self, X, dtypes):
            X = self._converted(X, dtype=dtypes, reset=reset)
        check_consistent_length(X, y)
        y = self._in_steps_of(X, y, ends, reset)
        rows, unknown = rows_of(self, y), None
        if self.missing_targets == IGNORE:
            rows, unknown = unknown_in(rows)
        if unknown is not None:
            rows = filled(rows, unknown, self._spare_targets())
        rows = _check_y(rows, multi_output=True, estimator=self, **options)
        if unknown is not None:
            rows = self._with_unknown(rows, unknown)
        rows = flattened(rows)
        return X, rows.reshape(*y.shape[:2], *rows.shape[1:])

    def _in_steps_of(self, X, y, ends, reset):
        """Targets (n, rows) of which those of X's padding are any valid ones."""
        return y

    def _as_rows(self, X, reset):
        """Gives each sample of X a row; of most estimators X must have them."""
        return X

    def _check_single(self, X, y, reset):
        """Refuses targets with axes where samples have none; most leave this to scikit-learn."""

    def _integers_of(self, X, reset):
        """The types of integers that X may keep; training and predictions convert rows."""
        return ()

    def _type_for(self, X):
        """The type of a new network for checked X."""
        return X.dtype

    def _checked(self, X, y, reset, dtypes, **options):
        X, given = self._as_rows(X, reset), X
        self._check_single(given, y, reset)
        dtypes = (*dtypes, *self._integers_of(X, reset))
        is_plain = takes_plain_input if reset else is_plain_input
        if is_plain_target(y, X) and is_plain(self, X, dtypes):
            return X, y
        options |= {"multi_output": True, "dtype": dtypes, "reset": reset}
        return self._converted(X, y, **options)

    def _converted(self, X, y="no_validation", **options):
        """X, or X and y, that scikit-learn has checked and converted."""
        return validated(self, X, y, **options)

    def _in_type(self, X, dtype, **options):
        """Checked X in the network's type; check_array refuses values that overflow in it."""
        with np.errstate(over="ignore"):
            return check_array(
                X,
                accept_sparse=list(SPARSE_FORMATS),
                dtype=dtype,
                estimator=self,
                input_name="X",
                **options,
            )
