"""How many threads are worth it: CPUs, what joblib allots, and the work there is."""

from __future__ import annotations

import os
import sys
from functools import cache

FLOPS_PER_WORKER = 200_000
"""Work of a stage that may be worth one more worker: some 1 us of a core, a barrier's cost."""

FLOPS_PER_THREAD = 30_000_000
"""Work that is worth starting a thread for one call: 150 us, in which a core does this much."""


def available_cpus() -> int:
    """CPUs this process may use: affinity and container quota, as joblib counts them."""
    affinity = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 0
    return _count_cpus(affinity, os.environ.get("LOKY_MAX_CPU_COUNT"))


@cache
def _count_cpus(affinity: int, limit: str | None) -> int:
    """joblib's count, once per state of what may change: it takes 40 us."""
    import joblib

    return joblib.cpu_count()


def choose_jobs(n_jobs: int | None, flops: float, per_worker: float = FLOPS_PER_WORKER) -> int:
    """Threads for a plan.

    Parameters
    ----------
    n_jobs : int or None
        A positive number is obeyed, even above the CPUs; -1 is all CPUs, -2 all but one, and so
        on; None chooses. Free-threaded builds of Python get one thread whatever it is.
    flops : float
        Floating-point operations to share out; few of them take few threads.
    per_worker : float
        Operations that are worth one more worker.

    Returns
    -------
    int
        At least 1.
    """
    if not getattr(sys, "_is_gil_enabled", lambda: True)():
        return 1  # Numba's free-threaded builds are experimental
    if n_jobs is not None:
        n_jobs = int(n_jobs)
        return n_jobs if n_jobs > 0 else max(1, available_cpus() + 1 + n_jobs)
    wanted = max(1, int(flops // per_worker))
    return min(wanted, _allotted()) if wanted > 1 else 1


def _allotted() -> int:
    """CPUs for this caller: inside a joblib worker what joblib allots, else one."""
    from joblib.parallel import get_active_backend

    backend, _ = get_active_backend()
    if getattr(backend, "nesting_level", 0):
        try:
            return max(1, int(os.environ.get("OMP_NUM_THREADS", "1")))
        except ValueError:
            return 1
    return available_cpus()
