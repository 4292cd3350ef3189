"""Answers a predictor's calls: checks input, chooses threads and calls compiled functions."""

from __future__ import annotations

import copy
import os
from collections import defaultdict
from collections.abc import Callable, Iterable
from functools import partial

import numpy as np
from numpy import empty, ndarray, zeros  # looked up in every call

from fusednn.graph.layers.dense import Dense
from fusednn.graph.layers.embedding import Embedding
from fusednn.graph.layers.layer import Layer
from fusednn.graph.layers.token_embedding import TokenEmbedding
from fusednn.graph.network import Network
from fusednn.graph.time_axis import Series, StepsError, free_series, network_for, ops_of_steps
from fusednn.kernels import answer as calls
from fusednn.plan.binding.data import CsrRows
from fusednn.plan.binding.outputs import ANSWERS
from fusednn.plan.inference import least_rows, row_bytes
from fusednn.plan.layout.choosing import forms_of
from fusednn.plan.layout.parameters import packed, unpacked
from fusednn.plan.lengths import has_padding, lengths_of, longest_first
from fusednn.plan.memory.sizes import ANSWER_ROWS
from fusednn.plan.prepared_call import Resident, block_rows
from fusednn.training.jobs import FLOPS_PER_HELPER, choose_jobs

from . import checks
from .model import axes_of_samples
from .sequences import checked_lengths, lengthened
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

MOST_OTHERS = 8
"""The most networks for series of other steps than the fit's that are kept ready. Making one
takes milliseconds; where there are as many, series of fewer steps than the fit's get padding."""

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
    names, features, axes
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
        axes: tuple[int, ...] | None,
    ):
        self.dtype, self.n_jobs, self._answers = dtype, n_jobs, answers
        self._names, self._features, self._axes = names, features, axes
        self._forms = forms_of(network, dtype)
        self._parameters = [
            packed(form, array) for form, array in zip(self._forms, arrays, strict=True)
        ]
        self._others: dict[int, Answering] = {}
        self._is_ragged = False
        self._set_network(network, flops)

    def _set_network(self, network: Network, flops: int) -> None:
        """Sets the network, and what depends on the sizes of its samples."""
        dtype, axes = self.dtype, self._axes
        self._network, self._flops, self._inputs = network, flops, network.inputs
        self._series = series = free_series(network.ops)
        self._reads = None if series is None or series.are_tokens else series
        self._padded: Answering | None = None
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

    def step_call(self, ops: tuple[Layer, ...]) -> Resident:
        """A new call of the network with the ops of one step; it shares the parameters."""
        network = self._network._replace(ops=ops)
        return Resident(network, self._parameters, self.dtype, self._answers, forms=self._forms)

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
                raise checks.refuse_values(X, self._names)
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

    def _takes_steps(self, X, given=None) -> bool:
        """Whether rows X of other columns are series of other steps.

        Several rows of as many columns as a step are no series of one step, unless what was
        given, if it had to be converted, had axes.
        """
        if self._series is None:
            return False
        columns, features = X.shape[1], self._series.features
        if columns == features > 1:
            return len(X) == 1 or checks.are_sequences(given) or np.ndim(given) > 2
        takes_rows = features == 1 or self._axes is not None
        return takes_rows and columns > 0 and columns % features == 0

    def _answer_steps(self, kind, X, out, validate):
        """`answer` for rows that are series of other steps."""
        series = self._series
        assert series is not None
        steps = X.shape[1] // series.features
        found = self._others.get(steps)
        if found is None:
            network, is_full = self._network_of(steps), len(self._others) >= MOST_OTHERS
            if is_full and steps < series.steps and series.may_be_padded:
                return self._answer_lengthened(kind, X, out, validate, network, series)
            found = self._of_steps(network)
            # one assignment, since calls of other threads may do the same
            kept = list(self._others.items())[1 - MOST_OTHERS :]
            self._others = dict([*kept, (steps, found)])
        return found.answer(kind, X, out, validate)

    def _answer_lengthened(self, kind, X, out, validate, network: Network, series: Series):
        """`answer` for rows of fewer steps, those of a network, with padding behind them."""
        columns = ANSWERS[self._answers[kind]].width(network)
        wide = self.answer(kind, lengthened(X, series), None, validate)
        found = np.ascontiguousarray(wide[:, :columns])
        if out is None:
            return found
        checks.check_out(out, found.shape, found.dtype)
        out[:] = found
        return out

    def _network_of(self, steps: int) -> Network:
        """The network for series of so many steps."""
        assert self._series is not None
        try:
            return network_for(self._network, steps * self._series.features)
        except StepsError as error:
            raise checks.refuse_steps(error, self._network.ops, steps) from None

    def _of_steps(self, network: Network) -> Answering:
        """The same for a network of other steps, with the same parameters."""
        found = copy.copy(self)
        found._axes, found._others = None, {}
        flops = self._flops * network.inputs // self._inputs
        found._set_network(network, max(1, flops))
        found._series = None  # it is given rows of these steps alone
        if (forms := forms_of(network, self.dtype)) != self._forms:
            found._forms = forms
            found._parameters = [
                packed(form, array) for form, array in zip(forms, self.arrays(), strict=True)
            ]
        return found

    def _answer_series(self, kind, X, out, validate):
        """`answer` for rows that are not finite: series with padding, or refused."""
        reads = self._reads
        assert reads is not None
        if not has_padding(X, self._network.ops[0]):
            if validate:
                checked_lengths(X, reads.features, reads.channels_first)
                raise checks.refuse_values(X, self._names)
            return self._in_padding().answer(kind, X, out, False)
        lengths = checked_lengths(X, reads.features, reads.channels_first)
        if np.isinf(X).any():
            raise checks.refuse_infinity(X)
        return self._answer_lengths(kind, X, lengths, out)

    def _answer_tokens(self, kind, X, out):
        """`answer` for tokens with padding, which have been checked; of other steps too."""
        assert self._tokens is not None
        if self._takes_steps(X) and X.shape[1] != self._inputs:
            return self._answer_steps(kind, X, out, False)
        return self._answer_lengths(kind, X, lengths_of(X, self._tokens), out)

    def _answer_lengths(self, kind, X, lengths, out):
        """`answer` for series of these lengths with padding, the longest first."""
        for steps in np.unique(lengths).tolist():
            try:
                ops_of_steps(self._network.ops, max(1, steps))
            except StepsError as error:
                raise checks.refuse_steps(error, self._network.ops, steps) from None
        order = longest_first(lengths)
        found = zeros(out.shape, out.dtype)  # answers to steps of padding stay 0
        out[order] = self._in_padding().answer(kind, X[order], found, False)
        return out

    def _in_padding(self) -> Answering:
        """The same for rows that are series with padding, without checks."""
        if self._padded is None:
            found = copy.copy(self)
            found._axes, found._others = None, {}
            found._set_network(self._network, self._flops)
            found._series = found._reads = found._tokens = None
            found._is_ragged, found._few_samples = True, 0
            self._padded = found
        return self._padded

    def _answer_many(self, kind, X, out, validate, fresh):
        """`answer` for many rows: releases the lock, and may use several threads."""
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
        for first in range(0, rows, self._dense_rows):
            part = slice(first, first + self._dense_rows)
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

    def _resident(self, **options) -> Resident:
        given = self._network, self._parameters, self.dtype, self._answers
        return Resident(*given, ragged=self._is_ragged, **options)

    def _refuse(self, status, X):
        if status == calls.WRONG_COLUMNS:
            raise checks.refuse_columns(X, self._inputs, self._names, self._series)
        if not X.shape[0]:
            raise checks.refuse_empty(X, self._names)
        if status == calls.NOT_FINITE:
            raise checks.refuse_values(X, self._names)
        raise RuntimeError("a compiled operation of the network failed")


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
