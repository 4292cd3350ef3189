"""What stands between a predictor's methods and the compiled calls: memory, checks, threads."""

from __future__ import annotations

import os
from collections.abc import Iterable

import numpy as np
from numpy import empty, ndarray  # looked up in every call

from fusednn.kernels import answer as calls
from fusednn.plan.answers import ANSWERS
from fusednn.plan.buffers import aligned_zeros
from fusednn.plan.data import CsrRows, DenseRows
from fusednn.plan.inference import BLOCK_ROWS, lower_inference
from fusednn.plan.layers.dense import Dense
from fusednn.plan.layers.embedding import Embedding
from fusednn.plan.network import Network
from fusednn.plan.resident import Resident
from fusednn.training.jobs import FLOPS_PER_THREAD, choose_jobs
from fusednn.training.team import run_all

from . import checks

BRIEF_FLOPS = 2_000_000
"""Shorter calls, up to some 20 us, keep the interpreter's lock: handing it over takes as long."""

OPERATIONS_PER_COLUMN = 20
"""What a normalisation and an activation do with a number, about."""

DENSE_BYTES = 1 << 25
"""How much of sparse rows is made dense at a time, for networks that begin with another layer."""

_running: list[None] = []
"""An entry for each long call that runs now; lists need no lock for that."""
if hasattr(os, "register_at_fork"):  # the calls of other threads do not go on in a child
    os.register_at_fork(after_in_child=_running.clear)


class Answering:
    """A network that answers, in some ways.

    Parameters
    ----------
    network : Network
        As `plan.folding` leaves it.
    arrays : iterable of ndarray
        Its parameters, gone through once and packed one by one.
    dtype : dtype
        float32 or float64.
    answers : sequence of str
        The ways, keys of `plan.answers.ANSWERS`; calls name them by their place.
    flops : int
        What a row costs, about, in operations of floats.
    n_jobs : int or None
        As of `Predictor`.
    names, features
        As of `Model`; for the checks.
    """

    def __init__(
        self,
        network: Network,
        arrays: Iterable[np.ndarray],
        dtype: np.dtype,
        answers: tuple[str, ...],
        *,
        flops: int,
        n_jobs: int | None,
        names: tuple[str, str],
        features: tuple[str, ...] | None,
    ):
        self.dtype, self.n_jobs = dtype, n_jobs
        self._network, self._answers, self._flops = network, answers, flops
        self._names, self._features, self._inputs = names, features, network.inputs
        self._forms = network.forms(dtype)
        self._parameters = [
            _packed(form, array) for form, array in zip(self._forms, arrays, strict=True)
        ]
        found = [ANSWERS[name] for name in answers]
        self._shapes = [(one.columns(network), np.dtype(one.dtype or dtype)) for one in found]
        self.brief_rows = BRIEF_FLOPS // flops
        first = network.ops[0]
        self._embedding = first if isinstance(first, Embedding) else None
        self._reads_sparse = isinstance(first, Dense)
        later = network._replace(ops=network.ops[1:])
        self._later_flops = operations(later) if later.ops else 0
        self._free: list[Resident] = []
        self._free_sparse: list[Resident] = []

    def arrays(self) -> list[np.ndarray]:
        """The parameters, unpacked."""
        return [_unpacked(*both) for both in zip(self._forms, self._parameters, strict=True)]

    def answer(self, kind, X, out, validate):
        """Writes what the network answers for X in one of its ways, as `Predictor` says."""
        dtype = self.dtype
        if not (
            type(X) is ndarray
            and (X.dtype is dtype or X.dtype == dtype)
            and (flags := X.flags).c_contiguous
            and flags.aligned
            and X.ndim == 2
        ):
            if checks.is_sparse(X):
                return self._answer_sparse(kind, X, out, validate)
            X = checks.converted(X, self.dtype, self._names, self._features)
        rows = len(X)
        columns, kept = self._shapes[kind]
        if out is None:
            out = empty((rows, columns), kept)
        else:
            checks.check_out(out, (rows, columns), kept)
            if np.may_share_memory(X, out):
                X = X.copy()
        if validate and self._embedding is not None and X.shape[1] == self._inputs:
            checks.check_codes(X, self._embedding.columns, self._embedding.categories)
        if rows > self.brief_rows:
            status = self._answer_many(kind, X, out, validate)
        else:
            try:
                resident = self._free.pop()
            except IndexError:  # as many calls as never before run at once
                resident = self._resident()
            answer, words = resident.ways[kind]
            status = answer(words, X, out, validate)
            self._free.append(resident)
        if status or not rows:
            self._refuse(status, X)
        return out

    def _answer_many(self, kind, X, out, validate):
        """The same by several threads, if that pays, while others run."""
        _running.append(None)
        try:
            workers = self._choose_workers(len(X), len(X) * self._flops)
            if workers > 1:
                if X.shape[1] != self._inputs:
                    return calls.WRONG_COLUMNS
                if validate and not np.isfinite(X).all():
                    return calls.NOT_FINITE
                return self._answer_together(kind, DenseRows(X, self.dtype), out, workers)
            return self._answer_apart(kind, X, out, validate)
        finally:
            _running.pop()

    def _choose_workers(self, rows, flops):
        if flops < 2 * FLOPS_PER_THREAD:
            return 1
        workers = min(choose_jobs(self.n_jobs, flops, FLOPS_PER_THREAD), -(-rows // BLOCK_ROWS))
        if self.n_jobs is None:  # who calls from many threads has them at work already
            workers //= len(_running)
        return workers

    def _answer_apart(self, kind, X, out, validate):
        try:
            resident = self._free.pop()
        except IndexError:
            resident = self._resident()
        answer = calls.ready(calls.answer_apart, self.dtype, out.dtype)
        status = answer(resident.ways[kind][1], X, out, validate)
        self._free.append(resident)
        return status

    def _answer_together(self, kind, source, out, workers):
        program, _ = lower_inference(
            self._network,
            self._parameters,
            source,
            self.dtype,
            workers=workers,
            answer=self._answers[kind],
            emitted=out,
        )
        for refresh in program.refresh:
            refresh()
        run_all(program)
        return calls.DONE

    def _answer_sparse(self, kind, X, out, validate):
        """`answer` for the rows of a sparse matrix."""
        X = checks.sparse_rows(X)
        with np.errstate(over="ignore"):  # what the type cannot hold is refused as infinite
            source = CsrRows.of(X, self.dtype)
        rows, width = source.shape
        if width != self._inputs:
            raise checks.refuse_columns(source, self._inputs, self._names)
        if not rows:
            raise checks.refuse_empty(source, self._names)
        if validate and not np.isfinite(source.values).all():
            raise checks.refuse_values(source.values, self._names)
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
        step = max(BLOCK_ROWS, DENSE_BYTES // (width * self.dtype.itemsize))
        for first in range(0, rows, step):
            part = slice(first, first + step)
            self.answer(kind, source.dense(part), out[part], validate)
        return out

    def _answer_csr(self, kind, source: CsrRows, out):
        """Writes the answers of a network whose first layer reads CSR."""
        rows, width = len(out), self._network.ops[0].fan_out
        flops = rows * self._later_flops + 2 * int(source.pointers[-1]) * width
        is_brief = flops <= BRIEF_FLOPS
        _running.append(None)
        try:
            workers = 1 if is_brief else self._choose_workers(rows, flops)
            if workers > 1:
                status = self._answer_together(kind, source, out, workers)
            else:
                try:
                    resident = self._free_sparse.pop()
                except IndexError:
                    resident = self._resident(is_sparse=True)
                resident.take(source)
                answer, words = resident.ways[kind]
                if not is_brief:
                    answer = calls.ready(calls.answer_apart, self.dtype, out.dtype)
                status = answer(words, empty((rows, 1), self.dtype), out, False)
                self._free_sparse.append(resident)
        finally:
            _running.pop()
        if status:
            self._refuse(status, source)

    def _resident(self, is_sparse=False) -> Resident:
        return Resident(self._network, self._parameters, self.dtype, self._answers, is_sparse)

    def _refuse(self, status, X):
        if status == calls.WRONG_COLUMNS:
            raise checks.refuse_columns(X, self._inputs, self._names)
        if not X.shape[0]:
            raise checks.refuse_empty(X, self._names)
        if status == calls.NOT_FINITE:
            raise checks.refuse_values(X, self._names)
        raise RuntimeError("a compiled operation of the network failed")


def operations(network: Network) -> int:
    """What a dense row costs, about, in operations of floats."""
    products = 2 * sum(a * b for a, b in network.products())
    return products + OPERATIONS_PER_COLUMN * sum(network.widths())


def _packed(form, array: np.ndarray) -> np.ndarray:
    if array.shape != form.shape:
        raise ValueError(f"an array of shape {array.shape} where {form.shape} is expected")
    flat = aligned_zeros(form.count, form.dtype)
    form.pack(flat, array)
    return flat


def _unpacked(form, flat: np.ndarray) -> np.ndarray:
    array = np.empty(form.shape, form.dtype)
    form.unpack(array, flat)
    return array
