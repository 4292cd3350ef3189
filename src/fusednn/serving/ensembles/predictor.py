"""An ensemble prepared for predictions: raw tables in, labels, probabilities or values out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from numbers import Integral
from typing import TYPE_CHECKING, Any, Literal, overload

import numpy as np
from numpy.typing import NDArray

from fusednn.tables.errors import TableError, in_python
from fusednn.tables.frames.in_memory import table_of
from fusednn.tables.table import Table

from .averaging import Averaging
from .ensemble import Ensemble, Member, check_weights, fitting_member
from .one_by_one import OneByOne
from .targets import Classes, Quantities
from .writing import save_ensemble

if TYPE_CHECKING:
    from fusednn.serving.types import FilePath, RoundedWeights


class TabularPredictor:
    """A fitted model of raw tables, ready for calls; `fusednn.freeze` and `fusednn.load` make it.

    It takes what the estimator took: frames of pandas and polars, arrays, lists of dicts and lists
    of rows, and besides one row as a dict, which is quickest. Several threads may call it at the
    same time. A row has the same answer, to the bit, alone and among other rows.

    Parameters
    ----------
    ensemble : Ensemble
    n_jobs : int or None
        Threads for many rows. A number: exactly this many, or fewer if there are few rows. -1: all
        CPUs. None: as many as make the call faster.
    weights : {"bfloat16", "int8"} or None
        The type to which weights are rounded; see `fusednn.freeze`.

    Attributes
    ----------
    classes_ : ndarray
        Classes of a classifier, the same as the estimator's.
    n_features_in_ : int
        The number of columns of a table.
    feature_names_in_ : ndarray of str
        If the estimator was fitted to named columns.
    dtype : dtype
        Type of the networks. Answers are float64.
    n_jobs : int or None
    notes : dict
        The notes given to `save`; empty by default.
    weights : str or None

    Raises
    ------
    ValueError
        If `n_jobs` or `weights` is invalid, or a member does not fit the ensemble.

    Examples
    --------
    >>> from fusednn import TabularClassifier, freeze
    >>> rows = [{"age": 20 + i, "town": "Rome" if i % 3 else "Oslo"} for i in range(60)]
    >>> y = ["old" if row["age"] > 50 else "young" for row in rows]
    >>> predictor = freeze(TabularClassifier("fast", random_state=0).fit(rows, y))
    >>> predictor.predict({"age": 75, "town": "Paris"}).tolist()
    ['old']
    >>> predictor
    <TabularPredictor of TabularClassifier: 2 columns, 1 network, 2 classes>
    """

    classes_: NDArray[Any]
    n_features_in_: int
    feature_names_in_: np.ndarray
    dtype: np.dtype
    n_jobs: int | None
    notes: dict[str, Any]
    weights: RoundedWeights | None

    def __init__(
        self,
        ensemble: Ensemble,
        n_jobs: int | None = None,
        weights: RoundedWeights | None = None,
    ) -> None:
        if n_jobs is not None and (not isinstance(n_jobs, Integral) or n_jobs == 0):
            raise ValueError(f"n_jobs must be None or an integer that is not 0; got {n_jobs!r}.")
        preparation, members, target = ensemble[:3]
        check_weights([member.weight for member in members])
        members = tuple(
            member._replace(
                model=fitting_member(member.model, preparation, target, f"members[{number}]")
            )
            for number, member in enumerate(members)
        )
        self._preparation, self._target, self._name = preparation, target, ensemble.name
        self.n_jobs, self.weights, self.notes = n_jobs, weights, dict(ensemble.notes or {})
        self.n_features_in_ = len(preparation.features)
        if preparation.named:
            self.feature_names_in_ = np.array(preparation.columns, object)
        if isinstance(target, Classes):
            self.classes_ = target.labels
        self._averaging = Averaging(preparation, members, target.outputs, n_jobs, weights)
        self.dtype = self._averaging.dtype
        self._rows = OneByOne(preparation, self.dtype)

    # -- answers -------------------------------------------------------------------------

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

    def answers(self, table: Table, unseen: Counter[str] | None = None) -> NDArray[np.float64]:
        """Probabilities or values of a table that has been read from a file.

        Parameters
        ----------
        table : Table
            It may have further columns.
        unseen : Counter, optional
            Adds the number of rows of an unseen category for each column.

        Returns
        -------
        ndarray

        Raises
        ------
        TableError
            See `Preparation.inputs`.
        """
        matched = self._preparation.matched(table, ignore_others=True, unseen=unseen)
        sums = self._averaging.of_table(matched)
        if isinstance(self._target, Quantities):
            return self._target.values(sums)
        return self._target.probabilities(sums)

    def _sums(self, X: Any) -> NDArray[np.float64]:
        """The weighted sums of the members' outputs."""
        is_row = isinstance(X, Mapping)
        inputs = self._rows.inputs([X] if is_row else X)
        if inputs is not None:
            return self._averaging.of_inputs(inputs)
        try:
            return self._averaging.of_table(
                self._preparation.matched(table_of([X] if is_row else X))
            )
        except TableError as error:
            raise ValueError(f"{in_python(error)}.") from None

    # -- what it is ----------------------------------------------------------------------

    def ensemble(self) -> Ensemble:
        """The ensemble, with new arrays; rounded weights are in float32.

        Returns
        -------
        Ensemble
        """
        members = tuple(map(Member, self._averaging.models(), self._averaging.weights))
        return Ensemble(self._preparation, members, self._target, self._name, self.notes)

    def save(self, path: FilePath, notes: dict[str, Any] | None = None) -> None:
        """Writes a file that `fusednn.load` reads: safetensors, with a plan in the header.

        An existing file is replaced once the new one is complete. Rounded weights are written in
        float32; `load` with the same `weights` gives the same predictor.

        Parameters
        ----------
        path : str, bytes or os.PathLike
        notes : dict, optional
            Values that JSON can express. The file's header stores them, and the loaded predictor
            has them as `notes`. None: the predictor's own notes.

        Raises
        ------
        ValueError
            If JSON cannot express `notes`, or a class is not a number, bool or string.
        OSError
            If the file cannot be written.
        """
        ensemble = self.ensemble()
        save_ensemble(ensemble if notes is None else ensemble._replace(notes=notes), path)

    def __reduce__(self):
        return TabularPredictor, (self.ensemble(), self.n_jobs, self.weights)

    def __repr__(self):
        target, members = self._target, len(self._averaging.weights)
        what = (
            f"{len(target.labels)} classes"
            if isinstance(target, Classes)
            else f"{target.outputs} number{'s' * (target.outputs > 1)}"
        )
        kept = f", weights {self.weights}" if self.weights else ""
        return (
            f"<TabularPredictor of {self._name}: {self.n_features_in_} columns, {members}"
            f" network{'s' * (members > 1)}, {what}{kept}>"
        )
