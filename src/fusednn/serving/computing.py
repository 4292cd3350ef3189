"""A network that computes answers to rows that have been checked, with one thread or several."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import numpy as np
from numpy import empty, ndarray

from fusednn.graph.layers.dense import Dense
from fusednn.graph.layers.embedding import Embedding
from fusednn.graph.layers.layer import Layer
from fusednn.graph.layers.token_embedding import TokenEmbedding
from fusednn.graph.network import Network
from fusednn.graph.time_axis import free_series
from fusednn.kernels import answer as calls
from fusednn.plan.answer_sizes import least_rows, row_bytes
from fusednn.plan.binding.data import CsrRows
from fusednn.plan.binding.outputs import ANSWERS
from fusednn.plan.layout.choosing import forms_of
from fusednn.plan.layout.parameters import packed, unpacked
from fusednn.plan.memory.sizes import ANSWER_ROWS
from fusednn.plan.prepared_call import Resident, block_rows
from fusednn.training.teams import ON_CPU
from fusednn.training.threads.jobs import FLOPS_PER_HELPER, choose_jobs

from . import checks, refusals
from .model import axes_of_samples
from .on_device import OnDevice
from .together import share_rows, share_samples

BRIEF_FLOPS = 2_000_000
"""Shorter calls, up to some 20 us, keep the interpreter's lock: releasing it takes as long."""

OPERATIONS_PER_COLUMN = 20
"""Approximate operations of a normalisation and an activation for one number."""

DENSE_BYTES = 1 << 25
"""Bytes of rows converted at a time: of other types, of rows that lie apart, of sparse rows for
networks whose first layer is not dense."""

FEW_SAMPLES, FEW_BYTES = 8, 1 << 24
"""Threads share the work on each of up to so many samples with pixels, if the outputs of all
layers take no more bytes. More they share by samples."""

_running: list[None] = []
"""An entry for each long call in progress. Appending to and popping from a list need no lock."""
if hasattr(os, "register_at_fork"):  # calls of other threads do not continue in a child process
    os.register_at_fork(after_in_child=_running.clear)


class Computing:
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
    names, features, axes
        See `Model`; used by the checks.
    device : {"cpu", "cuda", "auto"}
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
        axes: tuple[int, ...] | None,
        device: str = "cpu",
    ):
        self.dtype, self.n_jobs, self._answers = dtype, n_jobs, answers
        self._device = device
        self._names, self._features, self._axes = names, features, axes
        self._forms = forms_of(network, dtype)
        self._parameters = [
            packed(form, array) for form, array in zip(self._forms, arrays, strict=True)
        ]
        self._others: dict[int, Any] = {}
        self._is_ragged = False
        self._set_network(network, flops)

    def _set_network(self, network: Network, flops: int) -> None:
        """Sets the network, and what depends on the sizes of its samples."""
        dtype, axes = self.dtype, self._axes
        self._network, self._flops, self._inputs = network, flops, network.inputs
        self._series = series = free_series(network.ops)
        self._reads = None if series is None or series.are_tokens else series
        self._padded: Any | None = None
        found = [ANSWERS[name] for name in self._answers]
        self._shapes = [(one.width(network), np.dtype(one.dtype or dtype)) for one in found]
        self.brief_rows = BRIEF_FLOPS // flops
        self._dense_rows = max(ANSWER_ROWS, DENSE_BYTES // (self._inputs * dtype.itemsize))
        block = block_rows(network, dtype)
        few = max(1, min(FEW_SAMPLES, FEW_BYTES // row_bytes(network, dtype)))
        are_cut = network.positions > 1 and not _widens(network)
        self._few_samples = few if are_cut else 0
        self._claimed_rows = max(block, self.brief_rows // block * block)
        first = network.ops[0]
        self._check_codes = _check_of(first)
        self._tokens = first if isinstance(first, TokenEmbedding) else None
        self._sample_axes = axes_of_samples(network.ops, axes)
        self._sample_shapes = checks.shapes_of_a_sample(self._sample_axes)
        self._reads_sparse = isinstance(first, Dense) and not first.storage
        later = network._replace(ops=network.ops[1:])
        self._later_flops = operations(later) if self._reads_sparse and later.ops else 0
        self._on_device: OnDevice | None = None
        if self._device not in ON_CPU:
            given = network, self._parameters, dtype, self._answers, self._device
            self._on_device = OnDevice(*given)
            self.brief_rows, self._reads_sparse = 0, False
        self._free: list[Resident] = []
        self._free_sparse: list[Resident] = []
        self._free_cut: dict[tuple[int, int], list[Resident]] = defaultdict(list)

    @property
    def widths(self) -> list[int]:
        """The columns of each kind of answers."""
        return [columns for columns, _ in self._shapes]

    def arrays(self) -> list[np.ndarray]:
        """The parameters, unpacked."""
        return [unpacked(*both) for both in zip(self._forms, self._parameters, strict=True)]

    def step_call(self, ops: tuple[Layer, ...], before: Resident | None = None) -> Resident:
        """A new call of the network with the ops of one step, or of several.

        It shares the parameters, and with a call `before` what that keeps; then it answers with
        logits alone.
        """
        network, carried = self._network._replace(ops=ops), None
        answers = self._answers
        if before is not None:
            answers, carried = answers[:1], before.carried
        given = network, self._parameters, self.dtype, answers
        return Resident(*given, forms=self._forms, carried=carried)

    def _answer_many(self, kind, X, out, validate, fresh):
        """`answer` for many rows: releases the lock, and may use several threads, or a device."""
        if self._on_device is not None:
            return self._on_device.answer(kind, X, out, validate, self._is_ragged)
        _running.append(None)
        try:
            workers = self._choose_workers(len(X), len(X) * self._flops)
            if workers > 1:
                if X.shape[1] != self._inputs:
                    return calls.WRONG_COLUMNS
                if self._are_cut(len(X)):
                    return self._cut(kind, X, out, workers, validate)
                check = calls.CHECKED if validate else calls.UNCHECKED
                if validate and not fresh:  # refused rows must not change the caller's array
                    if status := self._share(kind, X, out, workers, calls.ONLY_CHECKED):
                        return status
                    check = calls.UNCHECKED
                return self._share(kind, X, out, workers, check)
            return self._answer_without_gil(kind, X, out, validate)
        finally:
            _running.pop()

    def _are_cut(self, rows):
        """Whether threads share the work on each of so many samples."""
        return rows <= self._few_samples

    def _choose_workers(self, rows, flops):
        if flops < 2 * FLOPS_PER_HELPER:
            return 1
        most = -(-rows // least_rows(self._network))
        if self._are_cut(rows):
            most = flops // FLOPS_PER_HELPER
        workers = min(choose_jobs(self.n_jobs, flops, FLOPS_PER_HELPER), most)
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
        fair = max(-(-len(out) // workers), least_rows(self._network))
        claims = -(-fair // self._claimed_rows)  # of each worker, if all are as fast
        step = -(-fair // claims)
        status = share_rows(residents, kind, X, out, step, check, self.dtype, source)
        (self._free if source is None else self._free_sparse).extend(residents)
        return status

    def _cut(self, kind, X, out, workers, check):
        """Computes answers to few rows by several threads, which share the work on each."""
        rows = len(out)
        free = self._free_cut[workers, rows]
        try:
            resident = free.pop()
        except IndexError:
            resident = self._resident(workers=workers, samples=rows)
        prepare, words = resident.calls[kind]
        status = prepare(words, X, out, check)
        if status == calls.DONE:
            status = share_samples(resident, words, workers, self.dtype, [X, out, resident])
        free.append(resident)
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

    def _resident(self, **options) -> Resident:
        given = self._network, self._parameters, self.dtype, self._answers
        return Resident(*given, ragged=self._is_ragged, **options)

    def _refuse(self, status, X):
        ops, names = self._network.ops, self._names
        if status == calls.WRONG_COLUMNS:
            raise refusals.refuse_columns(X, self._inputs, names, self._series)
        if status == calls.NOT_FINITE and X.shape[0]:
            raise refusals.refuse_values(X, names, ops)
        raise refusals.refuse_rows(X, names)


def _check_of(first: Layer) -> Callable[[ndarray], None] | None:
    """The function that refuses wrong codes, if the first op reads some."""
    if isinstance(first, Embedding):
        return partial(checks.check_codes, columns=first.columns, categories=first.categories)
    if isinstance(first, TokenEmbedding):
        return partial(checks.check_tokens, count=first.categories, padding=first.padding)
    return None


def _widens(network: Network) -> bool:
    """Whether some convolutions widen their weights, which tasks on one sample would do each."""
    calls = network.graph().calls
    return any(call.op.startswith("convolve") and call.given["storage"] for call in calls)


def operations(network: Network) -> int:
    """Approximate floating-point operations per dense row."""
    columns = sum(rows * width for rows, width in network.arrays())
    return 2 * network.work() + OPERATIONS_PER_COLUMN * columns
