"""Answers a predictor's calls: checks input, chooses threads and calls compiled functions."""

from __future__ import annotations

import os
from collections.abc import Iterable

import numpy as np
from numpy import empty, ndarray  # looked up in every call

from fusednn.graph.layers.dense import Dense
from fusednn.graph.layers.embedding import Embedding
from fusednn.graph.layers.reshape import Reshape
from fusednn.graph.network import Network
from fusednn.kernels import answer as calls
from fusednn.plan.binding.data import CsrRows
from fusednn.plan.binding.outputs import ANSWERS
from fusednn.plan.inference import least_rows
from fusednn.plan.layout.choosing import forms_of
from fusednn.plan.memory.buffers import address_of, aligned_zeros
from fusednn.plan.memory.sizes import ANSWER_ROWS
from fusednn.plan.prepared_call import Resident, block_rows
from fusednn.training.jobs import FLOPS_PER_THREAD, choose_jobs
from fusednn.training.parked import Crew

from . import checks

BRIEF_FLOPS = 2_000_000
"""Shorter calls, up to some 20 us, keep the interpreter's lock: releasing it takes as long."""

OPERATIONS_PER_COLUMN = 20
"""Approximate operations of a normalisation and an activation for one number."""

DENSE_BYTES = 1 << 25
"""Bytes of sparse rows made dense at a time, for networks whose first layer is not dense."""

_running: list[None] = []
"""An entry for each long call in progress. Appending to and popping from a list need no lock."""
if hasattr(os, "register_at_fork"):  # calls of other threads do not continue in a child process
    os.register_at_fork(after_in_child=_running.clear)


class Answering:
    """A network that computes several kinds of answers.

    Parameters
    ----------
    network : Network
        Folded by `plan.folding`.
    arrays : iterable of ndarray
        The parameters, iterated once and packed one by one.
    dtype : dtype
        float32 or float64.
    answers : sequence of str
        The kinds of answers, keys of `plan.binding.outputs.ANSWERS`; calls give an index.
    flops : int
        Approximate floating-point operations per row.
    n_jobs : int or None
        See `Predictor`.
    names, features
        See `Model`; used by the checks.
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
        self._forms = forms_of(network, dtype)
        self._parameters = [
            _packed(form, array) for form, array in zip(self._forms, arrays, strict=True)
        ]
        found = [ANSWERS[name] for name in answers]
        self._shapes = [(one.columns(network), np.dtype(one.dtype or dtype)) for one in found]
        self.brief_rows = BRIEF_FLOPS // flops
        block = block_rows(network, dtype)
        self._claimed_rows = max(block, self.brief_rows // block * block)
        first = network.ops[0]
        self._embedding = first if isinstance(first, Embedding) else None
        # X may have the axes that the first op gives samples
        self._sample_axes = None
        if isinstance(first, Reshape) and not first.channels_first:
            self._sample_axes = first.shape
        self._reads_sparse = isinstance(first, Dense) and not first.storage
        later = network._replace(ops=network.ops[1:])
        self._later_flops = operations(later) if self._reads_sparse and later.ops else 0
        self._free: list[Resident] = []
        self._free_sparse: list[Resident] = []

    def arrays(self) -> list[np.ndarray]:
        """The parameters, unpacked."""
        return [_unpacked(*both) for both in zip(self._forms, self._parameters, strict=True)]

    def answer(self, kind, X, out, validate):
        """Computes one kind of answers for X; for the parameters see `Predictor`."""
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
            X = checks.converted(
                X, self.dtype, self._names, self._features, axes=self._sample_axes
            )
        rows = len(X)
        columns, kept = self._shapes[kind]
        if fresh := out is None:
            out = empty((rows, columns), kept)
        else:
            checks.check_out(out, (rows, columns), kept)
            if np.may_share_memory(X, out):
                X = X.copy()
        if validate and self._embedding is not None and X.shape[1] == self._inputs:
            checks.check_codes(X, self._embedding.columns, self._embedding.categories)
        if rows > self.brief_rows:
            status = self._answer_many(kind, X, out, validate, fresh)
        else:
            try:
                resident = self._free.pop()
            except IndexError:  # more calls run at once than ever before
                resident = self._resident()
            answer, words = resident.calls[kind]
            status = answer(words, X, out, validate)
            self._free.append(resident)
        if status or not rows:
            self._refuse(status, X)
        return out

    def _answer_many(self, kind, X, out, validate, fresh):
        """`answer` for many rows: releases the lock, and may use several threads."""
        _running.append(None)
        try:
            workers = self._choose_workers(len(X), len(X) * self._flops)
            if workers > 1:
                if X.shape[1] != self._inputs:
                    return calls.WRONG_COLUMNS
                check = calls.CHECKED if validate else calls.UNCHECKED
                if validate and not fresh:  # refused rows must not change the caller's array
                    if status := self._share(kind, X, out, workers, calls.ONLY_CHECKED):
                        return status
                    check = calls.UNCHECKED
                return self._share(kind, X, out, workers, check)
            return self._answer_without_gil(kind, X, out, validate)
        finally:
            _running.pop()

    def _choose_workers(self, rows, flops):
        if flops < 2 * FLOPS_PER_THREAD:
            return 1
        most = -(-rows // least_rows(self._network))
        workers = min(choose_jobs(self.n_jobs, flops, FLOPS_PER_THREAD), most)
        if self.n_jobs is None:  # calls from several threads already use several cores
            workers //= len(_running)
        return workers

    def _answer_without_gil(self, kind, X, out, validate):
        resident = self._taken(None)
        answer = calls.ready(calls.answer_without_gil, self.dtype, out.dtype)
        status = answer(resident.calls[kind][1], X, out, validate)
        self._free.append(resident)
        return status

    def _share(self, kind, X, out, workers, check=calls.UNCHECKED, source=None):
        """Computes answers by several threads, each with a resident, which claim blocks of rows.

        Sparse rows are in `source`.
        """
        if len(X) != len(out):  # another thread may have resized X since `out` was made
            return calls.FAILED
        residents = [self._taken(source) for _ in range(workers)]
        shared = np.zeros(calls.SHARED_WIDTH, np.int64)
        shared[calls.SAMPLES], shared[calls.STEP] = len(out), self._claimed_rows
        shared[calls.X], shared[calls.ANSWERS] = address_of(X), address_of(out)
        shared[calls.CHECK] = check
        share, like = calls.ready_share(self.dtype), self.dtype.type(0)
        # keeps the memory alive for a helper that still works after an interrupt
        alive = [X, out, source, *residents]
        with Crew(workers - 1) as crew:
            try:
                for helper, resident in zip(crew.helpers, residents[1:], strict=False):
                    helper.run(share, (resident.calls[kind][1], shared, like, False), alive)
                status = share(residents[0].calls[kind][1], shared, like, True)
            finally:
                shared[calls.NEXT] = len(out)
        alive.clear()
        (self._free if source is None else self._free_sparse).extend(residents)
        return status

    def _taken(self, source):
        """Takes a free resident or makes one, and gives it the sparse rows of `source`, if any."""
        try:
            resident = (self._free if source is None else self._free_sparse).pop()
        except IndexError:
            resident = self._resident(is_sparse=source is not None)
        if source is not None:
            resident.take(source)
        return resident

    def _answer_sparse(self, kind, X, out, validate):
        """`answer` for the rows of a sparse matrix."""
        X = checks.sparse_rows(X)
        with np.errstate(over="ignore"):  # too large values become infinite and are refused
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
        step = max(ANSWER_ROWS, DENSE_BYTES // (width * self.dtype.itemsize))
        for first in range(0, rows, step):
            part = slice(first, first + step)
            self.answer(kind, source.dense(part), out[part], validate)
        return out

    def _answer_csr(self, kind, source: CsrRows, out):
        """Computes answers to CSR rows by a network whose first layer reads CSR."""
        rows, width = len(out), self._network.ops[0].fan_out
        flops = rows * self._later_flops + 2 * int(source.pointers[-1]) * width
        nothing, is_brief = empty((rows, 1), self.dtype), flops <= BRIEF_FLOPS
        _running.append(None)
        try:
            workers = 1 if is_brief else self._choose_workers(rows, flops)
            if workers > 1:
                status = self._share(kind, nothing, out, workers, source=source)
            else:
                resident = self._taken(source)
                answer, words = resident.calls[kind]
                if not is_brief:
                    answer = calls.ready(calls.answer_without_gil, self.dtype, out.dtype)
                status = answer(words, nothing, out, False)
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
    """Approximate floating-point operations per dense row."""
    columns = sum(rows * width for rows, width in network.arrays())
    return 2 * network.work() + OPERATIONS_PER_COLUMN * columns


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
