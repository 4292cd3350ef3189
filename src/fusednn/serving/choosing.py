"""A choice of columns before a network answers: of what is not chosen nothing is looked at."""

from __future__ import annotations

import numpy as np

from fusednn.plan.binding.data import checked_csr

from . import checks
from .calls import Answering
from .model import Columns


class Choosing:
    """What answers for the chosen columns of X, behind the choice.

    Parameters
    ----------
    answering : Answering
        The network's, which knows nothing of the other columns nor of names.
    columns : Columns
    names, features
        As of `Model`.
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
        """As `Answering.answer`."""
        dtype, inputs = self._answering.dtype, self._columns.inputs
        is_sparse = checks.is_sparse(X)
        if is_sparse:
            X = checked_csr(checks.sparse_rows(X))  # SciPy's choice trusts its indices
        elif not (type(X) is np.ndarray and X.dtype == dtype and X.ndim == 2):
            X = checks.converted(X, dtype, self._names, self._features, self._columns)
        if X.shape[1] != inputs:
            raise checks.refuse_columns(X, inputs, self._names)
        X = X[:, self._chosen] if is_sparse else X.take(self._chosen, axis=1)
        return self._answering.answer(kind, X, out, validate)
