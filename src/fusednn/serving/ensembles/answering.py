"""What all predictors of raw tables have: answers for whatever holds a table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, overload

import numpy as np
from numpy.typing import NDArray

from fusednn.tables.errors import TableError, in_python
from fusednn.tables.frames.in_memory import table_of
from fusednn.tables.preparing.preparation import Matched, Preparation

from .one_by_one import OneByOne
from .targets import Classes, Quantities


class TabularAnswers:
    """Base class of `TabularPredictor` and `CompiledTabularPredictor`; not for direct use."""

    classes_: NDArray[Any]
    n_features_in_: int
    feature_names_in_: np.ndarray
    dtype: np.dtype
    _preparation: Preparation
    _target: Classes | Quantities
    _name: str

    def _know(
        self, preparation: Preparation, target: Classes | Quantities, name: str, dtype: np.dtype
    ) -> None:
        """Sets what follows from a preparation, a target, and the networks' type."""
        self._preparation, self._target, self._name = preparation, target, name
        self.n_features_in_ = len(preparation.features)
        if preparation.named:
            self.feature_names_in_ = np.array(preparation.columns, object)
        if isinstance(target, Classes):
            self.classes_ = target.labels
        self.dtype = dtype
        self._rows = OneByOne(preparation, dtype)

    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """Probabilities of the classes, in the order of `classes_`.

        Parameters
        ----------
        X : DataFrame of pandas or polars, ndarray, list of dict, list of lists, or dict
            A table with the columns of the fit: by name, in any order, or by position where
            either has no names. A dict is one row.

        Returns
        -------
        ndarray of float64 of shape (n_rows, n_classes)

        Raises
        ------
        AttributeError
            If this is a regressor.
        ValueError
            If X is no table, a column is missing, is one too many or has another type, or a number
            is infinite. The message names the column, and what to do.
        """
        if not isinstance(self._target, Classes):
            raise AttributeError(f"{self._name} is a regressor: it has no predict_proba")
        return self._target.probabilities(self._sums(X))

    @overload
    def predict(self, X: Any, return_std: Literal[False] = False) -> NDArray[Any]: ...

    @overload
    def predict(
        self, X: Any, return_std: Literal[True]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]: ...

    def predict(
        self, X: Any, return_std: bool = False
    ) -> NDArray[Any] | tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Predicts labels or values, the same as the estimator.

        Parameters
        ----------
        X : DataFrame of pandas or polars, ndarray, list of dict, list of lists, or dict
            See `predict_proba`.
        return_std : bool, default=False
            Whether to return the standard deviation too, of a regressor without quantiles.

        Returns
        -------
        ndarray
            Labels of shape (n_rows,), or values in the target's units: float64 of shape (n_rows,),
            (n_rows, n_targets) of several targets, and with a last axis for quantiles.
        std : ndarray of the same shape
            Only if `return_std`.

        Raises
        ------
        ValueError
            See `predict_proba`; also if there is no standard deviation.
        """
        target = self._target
        if return_std and not (isinstance(target, Quantities) and target.spreads):
            raise ValueError(
                "return_std=True needs a TabularRegressor without quantiles: predict without it."
            )
        if not isinstance(target, Quantities):
            return target.chosen(target.probabilities(self._sums(X)))
        values = target.values(self._sums(X))
        return (values, target.deviations(values)) if return_std else values

    def _sums(self, X: Any) -> NDArray[np.float64]:
        """The weighted sums of the members' outputs."""
        is_row = isinstance(X, Mapping)
        inputs = self._rows.inputs([X] if is_row else X)
        if inputs is not None:
            return self._sums_of_inputs(inputs)
        try:
            return self._sums_of_table(self._preparation.matched(table_of([X] if is_row else X)))
        except TableError as error:
            raise ValueError(f"{in_python(error)}.") from None

    def _sums_of_inputs(self, inputs: np.ndarray) -> NDArray[np.float64]:
        """The sums for rows that are prepared."""
        raise NotImplementedError

    def _sums_of_table(self, matched: Matched) -> NDArray[np.float64]:
        """The sums for all rows of a table; raises TableError."""
        raise NotImplementedError

    def _described(self, members: int) -> str:
        """What it is of, how many columns and networks it has, and what it answers."""
        target = self._target
        what = (
            f"{len(target.labels)} classes"
            if isinstance(target, Classes)
            else f"{target.outputs} number{'s' * (target.outputs > 1)}"
        )
        return (
            f"{type(self).__name__} of {self._name}: {self.n_features_in_} columns, {members}"
            f" network{'s' * (members > 1)}, {what}"
        )
