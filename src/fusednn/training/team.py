"""The threads that run a plan: the only place where threads are made.

Helpers are Python threads that live for one fit or one large predict. Between compiled calls
they block on a queue. Nothing can strand one: everything is compiled and allocated before they
start, a stage waits for its tasks and not for workers, so one that wakes late finds less to do,
or finds its work taken back; the abort word ends everyone at the next stage, and the launcher
joins them on its way out, whatever interrupts it.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from functools import cache
from queue import Empty, SimpleQueue

from fusednn.kernels import records
from fusednn.kernels.engine import DONE, run_steps
from fusednn.plan.program import Program

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


class _Helper:
    """One thread beside the launcher's.

    Its queues are C code: an interrupt leaves no lock of theirs held.
    """

    def __init__(self, worker: int):
        self._worker = worker
        self._work: SimpleQueue = SimpleQueue()
        self._signals: SimpleQueue = SimpleQueue()
        self._given = self._done = 0
        self._returned: list[tuple] = []
        self.failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name=f"fusednn-{worker}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def _run(self) -> None:
        while (work := self._work.get()) is not None:
            program, first, last = work
            try:
                run_steps(program.words, self._worker, first, last)
            except BaseException as failure:  # the launcher raises it
                self.failure = failure
                program.sync[records.ABORT] = 1
            self._done += 1
            self._signals.put(None)

    def run(self, program: Program, first: int, last: int) -> None:
        self._work.put((program, first, last))
        self._given += 1  # last: interrupted in between, nobody waits for what was not given

    def wait(self) -> None:
        """Takes back what the thread has not begun, or waits until it has nothing to do."""
        with contextlib.suppress(Empty):  # one C call, which no interrupt divides
            self._returned.extend(iter(self._work.get_nowait, None))
        while self._given > self._done + len(self._returned):
            # A signal can be lost to an interrupt: the counts decide, the signal only wakes.
            with contextlib.suppress(Empty):
                self._signals.get(timeout=0.05)

    def dismiss(self) -> None:
        self._work.put(None)

    def join(self) -> None:
        if self._thread.ident is not None:
            self._thread.join()


class Team:
    """The launcher's thread and its helpers, as many as a program has workers.

    A context manager. Fewer threads than asked for are used where the system refuses to start
    more.

    Parameters
    ----------
    program : Program
        Whose workers are counted; `run` takes others of as many workers too.
    """

    def __init__(self, program: Program):
        self._program = program
        self._helpers: list[_Helper] = []

    def __enter__(self) -> Team:
        # Compiles the engine before any thread needs it, by running no steps.
        run_steps(self._program.words, 0, 0, 0)
        try:
            for worker in range(1, self._program.workers):
                self._helpers.append(_Helper(worker))
                self._helpers[-1].start()
        except RuntimeError:  # can't start new thread
            self._helpers.pop()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *exception) -> None:
        for helper in self._helpers:
            helper.dismiss()
        for helper in self._helpers:
            helper.join()
        self._helpers = []

    def run(
        self, first: int, last: int, program: Program | None = None, together: bool = True
    ) -> None:
        """Runs steps [first, last), all together or the launcher alone.

        Raises
        ------
        KeyboardInterrupt
            Between two stages: every parameter has been updated by whole steps.
        RuntimeError
            If an op of the plan, or a helper, failed.
        """
        program = program or self._program
        program.sync[:] = 0
        status = None
        try:
            for helper in self._helpers if together else ():
                helper.run(program, first, last)
            status = run_steps(program.words, 0, first, last)
        finally:
            if status != DONE:
                program.sync[records.ABORT] = 1
            self._wait()
        if status != DONE or program.sync[records.ABORT]:
            failures = [helper.failure for helper in self._helpers if helper.failure]
            raise RuntimeError("a compiled operation of the network failed") from (
                failures[0] if failures else None
            )

    def _wait(self) -> None:
        """Waits for the helpers, whatever interrupts come; raises the last of them."""
        interrupt = None
        for helper in self._helpers:
            while True:
                try:
                    helper.wait()
                    break
                except KeyboardInterrupt as caught:
                    interrupt = caught
        if interrupt is not None:
            raise interrupt


def run_all(program: Program) -> None:
    """Runs all steps of a program once."""
    with Team(program) as team:
        team.run(0, len(program.steps))
