"""The threads that run a plan: the only place where threads are made.

Helpers are Python threads that live for one fit or one large predict. Between compiled calls
they block on a lock. Nothing can strand one: everything is compiled and allocated before they
start, they report ready before anyone enters the kernel, whoever fails to enter raises the
abort word, which waiting polls, and the launcher joins them on its way out.
"""

from __future__ import annotations

import os
import sys
import threading

import numpy as np

from fusednn.kernels import records
from fusednn.kernels.engine import DONE, run_steps
from fusednn.plan.program import Program

READY_SECONDS = 5.0

# Half a megaflop is some 5 us of one core: below that a barrier costs more than it saves.
FLOPS_PER_WORKER = 1_000_000


def available_cpus() -> int:
    """CPUs this process may use: affinity and container quota, as joblib counts them."""
    import joblib

    return joblib.cpu_count()


def choose_jobs(n_jobs: int | None, flops: float) -> int:
    """Threads for a plan.

    Parameters
    ----------
    n_jobs : int or None
        A positive number is obeyed, even above the CPUs; -1 is all CPUs, -2 all but one, and so
        on; None chooses.
    flops : float
        Floating-point operations between two barriers; few of them take few threads.

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
    wanted = max(1, int(flops // FLOPS_PER_WORKER))
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
    """One thread beside the launcher's."""

    def __init__(self, program: Program, worker: int):
        self._program, self._worker = program, worker
        self._go, self._done, self.ready = (threading.Semaphore(0) for _ in range(3))
        self._steps: tuple[int, int] | None = None
        self._thread = threading.Thread(target=self._run, name=f"fusednn-{worker}", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        self.ready.release()
        while True:
            self._go.acquire()
            if self._steps is None:
                return
            finished = False
            try:
                finished = run_steps(self._program.words, self._worker, *self._steps) == DONE
            finally:
                if not finished:
                    self._program.sync[records.ABORT] = 1
                self._done.release()

    def start(self, first: int, last: int) -> None:
        self._steps = first, last
        self._go.release()

    def wait(self) -> None:
        self._done.acquire()

    def dismiss(self) -> None:
        self._steps = None
        self._go.release()

    def join(self) -> None:
        self._thread.join()


class Team:
    """Runs a program's steps with its number of workers; a context manager.

    Fewer threads than asked for are used where the system refuses to start more.
    """

    def __init__(self, program: Program):
        self._program = program
        self._helpers: list[_Helper] = []

    def __enter__(self) -> Team:
        self._compile()
        try:
            for worker in range(1, self._program.workers):
                helper = _Helper(self._program, worker)
                if not helper.ready.acquire(timeout=READY_SECONDS):
                    helper.dismiss()
                    break
                self._helpers.append(helper)
        except RuntimeError:  # can't start new thread
            pass
        return self

    def __exit__(self, *exception) -> None:
        for helper in self._helpers:
            helper.dismiss()
        for helper in self._helpers:
            helper.join()
        self._helpers = []

    def _compile(self) -> None:
        """Compiles the engine before any thread needs it, by running no steps."""
        run_steps(self._program.words, 0, 0, 0)

    def run(self, first: int, last: int) -> None:
        """Runs steps [first, last).

        Raises
        ------
        KeyboardInterrupt
            After the steps, or before any of them changed a parameter.
        RuntimeError
            If an op of the plan reported an error.
        """
        program = self._program
        program.sync[:] = 0
        started = 0
        status = None
        try:
            for helper in self._helpers:
                helper.start(first, last)
                started += 1
            status = run_steps(program.words, 0, first, last)
        finally:
            if status != DONE:
                program.sync[records.ABORT] = 1
            for helper in self._helpers[:started]:
                helper.wait()
        if status != DONE or program.sync[records.ABORT]:
            raise RuntimeError("a compiled operation of the network failed")


def run_all(program: Program) -> None:
    """Runs all steps of a program once."""
    steps = len(program.steps)
    if program.workers == 1:
        program.sync[:] = 0
        run_steps(program.words, 0, np.int64(0), np.int64(steps))
        return
    with Team(program) as team:
        team.run(0, steps)
