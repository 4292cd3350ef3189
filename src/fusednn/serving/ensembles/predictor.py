"""An ensemble prepared for predictions: raw tables in, labels, probabilities or values out."""

from __future__ import annotations

from collections import Counter
from numbers import Integral
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fusednn.serving.on_device import check_device
from fusednn.serving.saving import Savable
from fusednn.tables.table import Table

from .answering import TabularAnswers
from .averaging import Averaging
from .ensemble import Ensemble, Member, check_weights, fitting_member
from .targets import Quantities
from .writing import save_ensemble

if TYPE_CHECKING:
    from fusednn.serving.types import Device, RoundedWeights


class TabularPredictor(Savable, TabularAnswers):
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
    device : {"cpu", "cuda", "auto"}
        Where the networks answer; see `fusednn.freeze`.

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
    device : str

    Raises
    ------
    ValueError
        If `n_jobs`, `weights` or `device` is invalid, or a member does not fit the ensemble.
    ImportError, RuntimeError
        If `device` is a GPU that cannot be used; the message says why.

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

    n_jobs: int | None
    notes: dict[str, Any]
    weights: RoundedWeights | None
    device: Device

    def __init__(
        self,
        ensemble: Ensemble,
        n_jobs: int | None = None,
        weights: RoundedWeights | None = None,
        device: Device = "cpu",
    ) -> None:
        check_device(device, weights)
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
        self.n_jobs, self.weights, self.notes = n_jobs, weights, dict(ensemble.notes or {})
        self.device = device
        given = preparation, members, target.outputs, n_jobs, weights, device
        self._averaging = Averaging(*given)
        self._know(preparation, target, ensemble.name, self._averaging.dtype)

    def _sums_of_inputs(self, inputs):
        return self._averaging.of_inputs(inputs)

    def _sums_of_table(self, matched):
        return self._averaging.of_table(matched)

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
        sums = self._sums_of_table(matched)
        if isinstance(self._target, Quantities):
            return self._target.values(sums)
        return self._target.probabilities(sums)

    # -- what it is ----------------------------------------------------------------------

    def ensemble(self) -> Ensemble:
        """The ensemble, with new arrays; rounded weights are in float32.

        Returns
        -------
        Ensemble
        """
        members = tuple(map(Member, self._averaging.models(), self._averaging.weights))
        return Ensemble(self._preparation, members, self._target, self._name, self.notes)

    def _write(self, path, notes):
        ensemble = self.ensemble()
        save_ensemble(ensemble if notes is None else ensemble._replace(notes=notes), path)

    def __reduce__(self):
        return TabularPredictor, (self.ensemble(), self.n_jobs, self.weights, self.device)

    def __repr__(self):
        kept = f", weights {self.weights}" if self.weights else ""
        return f"<{self._described(len(self._averaging.weights))}{kept}>"
