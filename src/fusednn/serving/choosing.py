"""Selects the columns that a network reads; values in other columns are not checked."""

from __future__ import annotations

import numpy as np

from fusednn.plan.binding.data import checked_csr

from . import checks, refusals
from .calls import Answering
from .model import Columns


class Choosing:
    """Selects columns of X, and answers for them.

    Parameters
    ----------
    answering : Answering
        Answers for the chosen columns; it has no names of columns.
    columns : Columns
    names, features
        See `Model`.
    """

    def __init__(
        self,
        answering: Answering,
        columns: Columns,
        names: tuple[str, str],
        features: tuple[str, ...] | None,
    ):
        self._answering, self._columns = answering, columns
        self._names, self._features = names, features
        self._chosen = np.array(columns.chosen, np.intp)

    def answer(self, kind, X, out, validate):
        """See `Answering.answer`."""
        dtype, inputs = self._answering.dtype, self._columns.inputs
        is_sparse = checks.is_sparse(X)
        if is_sparse:
            X = checked_csr(checks.sparse_rows(X))  # SciPy does not check indices when it selects
        elif not (type(X) is np.ndarray and X.dtype in (dtype, np.uint8) and X.ndim == 2):
            X = checks.converted(X, dtype, self._names, self._features, self._columns)
        if X.shape[1] != inputs:
            raise refusals.refuse_columns(X, inputs, self._names)
        X = X[:, self._chosen] if is_sparse else X.take(self._chosen, axis=1)
        return self._answering.answer(kind, X, out, validate)
