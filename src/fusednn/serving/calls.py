"""Answers a predictor's calls: checks input, and has the answers computed."""

from __future__ import annotations

import numpy as np
from numpy import empty, ndarray  # looked up in every call

from fusednn.kernels import answer as calls
from fusednn.plan.binding.data import CsrRows
from fusednn.plan.lengths import has_padding

from . import checks, refusals
from .any_length import AnyLength


class Answering(AnyLength):
    """A network that computes several kinds of answers to what users give; see `Computing`."""

    def answer(self, kind, X, out, validate):
        """Computes one kind of answers for X; for the parameters see `Predictor`."""
        dtype = self.dtype
        if (
            self._sample_axes
            and type(X) is ndarray
            and (X.ndim != 2 or X.shape[1] != self._inputs)
        ):
            X = self._without_axes(X)
        if not (
            type(X) is ndarray
            and (X.dtype is dtype or X.dtype == dtype)
            and (flags := X.flags).c_contiguous
            and flags.aligned
            and X.ndim == 2
        ):
            if checks.is_sparse(X):
                return self._answer_sparse(kind, X, out, validate)
            if self._in_parts(X, out):
                return self._answer_parts(kind, X, out, validate)
            given, X = (
                X,
                checks.converted(
                    *(X, dtype, self._names, self._features),
                    axes=self._sample_axes,
                    series=self._series,
                ),
            )
            if X.shape[1] != self._inputs and self._takes_steps(X, given):
                return self._answer_steps(kind, X, out, validate)
        rows = len(X)
        check = validate or self._reads is not None  # which finds padding too
        columns, kept = self._shapes[kind]
        if fresh := out is None:
            out = empty((rows, columns), kept)
        else:
            checks.check_out(out, (rows, columns), kept)
            if np.may_share_memory(X, out):
                X = X.copy()
        reads_all = X.shape[1] == self._inputs or self._tokens is not None
        if validate and self._check_codes is not None and reads_all:
            self._check_codes(X)
        if self._tokens is not None and has_padding(X, self._tokens):
            if validate and not np.isfinite(X).all():
                raise refusals.refuse_values(X, self._names)
            return self._answer_tokens(kind, X, out)
        if rows > self.brief_rows:
            status = self._answer_many(kind, X, out, check, fresh)
        else:
            try:
                resident = self._free.pop()
            except IndexError:  # more calls run at once than ever before
                resident = self._resident()
            answer, words = resident.calls[kind]
            status = answer(words, X, out, check)
            self._free.append(resident)
        if status or not rows:
            if status == calls.NOT_FINITE and self._reads is not None:
                return self._answer_series(kind, X, out, validate)
            if status == calls.WRONG_COLUMNS and self._takes_steps(X):
                return self._answer_steps(kind, X, None if fresh else out, validate)
            self._refuse(status, X)
        return out

    def _without_axes(self, X: ndarray) -> ndarray:
        """Samples with axes as rows, and one sample as a row; other arrays as they are."""
        if checks.is_sample(X.shape, self._sample_shapes, self._series):
            return X.reshape(1, X.size)
        if X.shape[1:] in self._sample_shapes:
            return X.reshape(len(X), self._inputs)
        return X

    def _in_parts(self, X, out):
        """Whether X has to be converted, and so many rows that a copy of all is worth avoiding.

        Values that may be refused are converted at once if the caller's `out` must not change.
        """
        return (
            type(X) is ndarray
            and X.dtype.kind in "fiu"
            and X.ndim > 1
            and len(X) > self._dense_rows
            and (out is None or (X.dtype == np.uint8 and self._check_codes is None))
        )

    def _answer_parts(self, kind, X, out, validate):
        """`answer` of X that is converted part by part; the bits are those of all at once."""
        columns, kept = self._shapes[kind]
        if out is None:
            out = empty((len(X), columns), kept)
        else:
            checks.check_out(out, (len(X), columns), kept)
            if np.may_share_memory(X, out):
                X = X.copy()
        for first in range(0, len(X), self._dense_rows):
            part = slice(first, first + self._dense_rows)
            self.answer(kind, X[part], out[part], validate)
        return out

    def _answer_sparse(self, kind, X, out, validate):
        """`answer` for the rows of a sparse matrix."""
        X = checks.sparse_rows(X)
        with np.errstate(over="ignore"):  # too large values become infinite and are refused
            source = CsrRows.of(X, self.dtype)
        rows, width = source.shape
        if width != self._inputs:
            raise refusals.refuse_columns(source, self._inputs, self._names)
        if not rows:
            raise refusals.refuse_empty(source, self._names)
        if validate and not np.isfinite(source.values).all():
            raise refusals.refuse_values(source.values, self._names)
        columns, kept = self._shapes[kind]
        if out is None:
            out = empty((rows, columns), kept)
        else:
            checks.check_out(out, (rows, columns), kept)
            if any(np.may_share_memory(part, out) for part in source.parts):
                source = source.copy()
        if self._reads_sparse:
            self._answer_csr(kind, source, out)
            return out
        for first in range(0, rows, self._dense_rows):
            part = slice(first, first + self._dense_rows)
            self.answer(kind, source.dense(part), out[part], validate)
        return out
