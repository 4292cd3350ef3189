"""How many threads to use: by the CPUs, the limits of the environment, and the work."""

from __future__ import annotations

import os
import re
import sys
from functools import cache

FLOPS_PER_WORKER = 200_000
"""Work of a stage that may be worth one more worker: some 1 us of a core, a barrier's cost."""

FLOPS_PER_THREAD = 30_000_000
"""Work that is worth starting a thread for one call: it takes 150 us, in which a core does this
much."""

FLOPS_PER_HELPER = 5_000_000
"""Work of a predictor's call that is worth one more of its parked threads. They are at work in
1 us after a call just before, else in some 40 us, in which a core does this much."""


def available_cpus() -> int:
    """CPUs this process may use: affinity and container quota, as joblib counts them."""
    affinity = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 0
    return _count_cpus(affinity, os.environ.get("LOKY_MAX_CPU_COUNT"))


@cache
def _count_cpus(affinity: int, limit: str | None) -> int:
    """joblib's count, which takes 40 us, cached by what may change it."""
    import joblib

    return joblib.cpu_count()


def choose_jobs(n_jobs: int | None, flops: float, per_worker: float = FLOPS_PER_WORKER) -> int:
    """Threads for a plan.

    Parameters
    ----------
    n_jobs : int or None
        A positive number is used as it is, even above the CPUs; -1 is all CPUs, -2 all but one,
        and so on. None chooses by the work, at most `OMP_NUM_THREADS` if it is set, else one
        within tasks of joblib's and Dask's workers, else all CPUs. Free-threaded builds of Python
        always get one thread.
    flops : float
        Floating-point operations of the work; little work gets few threads.
    per_worker : float
        Operations that are worth one more worker.

    Returns
    -------
    int
        At least 1.
    """
    if hasattr(sys, "_is_gil_enabled") and not sys._is_gil_enabled():
        return 1  # Numba's free-threaded builds are experimental
    if n_jobs is not None:
        n_jobs = int(n_jobs)
        return n_jobs if n_jobs > 0 else max(1, available_cpus() + 1 + n_jobs)
    wanted = max(1, int(flops // per_worker))
    return min(wanted, _allotted()) if wanted > 1 else 1


def _allotted() -> int:
    """The most threads for this caller: `OMP_NUM_THREADS` if set, one within a task, all CPUs."""
    given = _openmp_threads(os.environ.get("OMP_NUM_THREADS"))
    if given:
        return given
    return 1 if _in_joblib_task() or _in_dask_task() else available_cpus()


@cache
def _openmp_threads(text: str | None) -> int:
    """The number for the outermost level in OMP_NUM_THREADS; 0 if OpenMP would not accept it."""
    found = re.match(r"\s*\+?([0-9]+)\s*(,|$)", text or "")
    return int(found[1]) if found else 0


def _in_joblib_task() -> bool:
    parallel = sys.modules.get("joblib.parallel")  # an import would take 2 us
    if parallel is None:
        return False
    local = getattr(parallel, "_backend", None)  # set by contexts and in tasks
    if local is not None and not vars(local):  # a fifth of the time of the public function
        return False
    return bool(getattr(parallel.get_active_backend()[0], "nesting_level", 0))


def _in_dask_task() -> bool:
    """Whether this is a task of a Dask worker, which runs as many at once as it has threads."""
    distributed = sys.modules.get("distributed")
    if distributed is None:
        return False
    try:
        distributed.get_worker()
    except (ValueError, AttributeError):  # not in a task; or another thread is importing Dask
        return False
    return True
