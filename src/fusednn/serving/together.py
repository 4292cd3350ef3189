"""A call by several threads: the caller's, and parked ones.

Nobody waits for a thread to begin. The shared words of a call are its own, so one that begins
after the call finds nothing to do. If the caller is interrupted, threads finish what they have
begun, in memory that is kept alive for them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from fusednn.kernels import answer as calls
from fusednn.kernels import listening
from fusednn.kernels.library import address
from fusednn.plan.binding.data import CsrRows
from fusednn.plan.memory.buffers import address_of
from fusednn.plan.prepared_call import Resident
from fusednn.training.threads.parked import Crew


def make_ready(dtype: np.dtype, out_dtypes: Iterable[np.dtype]) -> None:
    """Compiles what calls by several threads need, for rows and answers of these types."""
    calls.ready_share(dtype)
    calls.ready_cut(dtype)
    for out_dtype in out_dtypes:
        calls.ready(calls.prepare_cut, dtype, out_dtype)
    for helps in (calls.help_with_rows, calls.help_with_samples):
        address(helps, "share", dtype)
    listening.ready_listen()
    listening.ready_ring()


def share_rows(
    residents: Sequence[Resident],
    kind: int,
    X: np.ndarray,
    out: np.ndarray,
    step: int,
    check: int,
    dtype: np.dtype,
    source: CsrRows | None = None,
) -> int:
    """Answers rows by several threads, which claim `step` rows at a time; returns a status.

    Parameters
    ----------
    residents : sequence of Resident
        One for each thread.
    kind : int
        The kind of answers.
    X, out : ndarray
        As many rows and answers.
    step, check : int
        See `kernels.answer`.
    dtype : dtype
    source : CsrRows, optional
        The rows that the residents have taken.
    """
    shared = np.zeros(calls.SHARED_WIDTH, np.int64)
    shared[calls.SAMPLES], shared[calls.STEP], shared[calls.CHECK] = len(out), step, check
    shared[calls.X], shared[calls.ANSWERS] = address_of(X), address_of(out)
    share, like = calls.ready_share(dtype), dtype.type(0)
    alive = [X, out, source, *residents]
    with Crew(len(residents) - 1) as crew:
        try:
            for helper, resident in zip(crew.helpers, residents[1:], strict=False):
                words = resident.calls[kind][1]
                helper.run(resident.help, words, shared, alive)
            status = share(residents[0].calls[kind][1], shared, like, True)
        finally:
            shared[calls.NEXT] = len(out)
    alive.clear()
    return status


def share_samples(
    resident: Resident, words: np.ndarray, workers: int, dtype: np.dtype, alive: list
) -> int:
    """Answers the samples that a resident was given, together; returns a status.

    Parameters
    ----------
    resident : Resident
        The plan of so many workers.
    words : ndarray of int64
        The words of the kind of answers, which `prepare_cut` has made ready.
    workers : int
    dtype : dtype
    alive : list
        What is used until the call is over; emptied.
    """
    shared = np.zeros(calls.SHARED_WIDTH, np.int64)
    shared[calls.NEXT], shared[calls.SAMPLES] = 1, workers
    with Crew(workers - 1) as crew:
        try:
            for helper in crew.helpers:
                helper.run(resident.help, words, shared, alive)
            status = calls.ready_cut(dtype)(words, shared, dtype.type(0))
        finally:
            shared[calls.NEXT] = workers
    alive.clear()
    return status
