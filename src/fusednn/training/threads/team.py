"""The threads that run a plan.

Helpers are Python threads that live for one fit or one large predict of an estimator; predictors
have others (`parked`). Between compiled calls they block on a queue. No helper can block for ever:
everything is compiled and allocated before they start. A stage waits for its tasks and not for
workers, so a helper that wakes late finds less to do, or no work. The abort word ends all workers
at the next stage, and the launcher joins the helpers at its end, whatever interrupts it.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterable
from queue import Empty, SimpleQueue
from typing import NamedTuple

import numpy as np

from fusednn.kernels import records
from fusednn.kernels.engine import DONE, run_steps
from fusednn.plan.binding.program import Program


class _Work(NamedTuple):
    """Steps [first, last) of a program."""

    program: Program
    first: int
    last: int


class _Helper:
    """One thread beside the launcher's.

    Its queues are C code: an interrupt leaves none of their locks held. An item put into `_work`
    comes out of `_done` when it is done.
    """

    def __init__(self, worker: int):
        self._worker = worker
        self._work: SimpleQueue = SimpleQueue()
        self._done: SimpleQueue = SimpleQueue()
        self.failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name=f"fusednn-{worker}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def _run(self) -> None:
        while (work := self._work.get()) is not None:
            if isinstance(work, _Work):
                try:
                    run_steps(work.program.words, self._worker, work.first, work.last)
                except BaseException as failure:  # the launcher raises it
                    self.failure = failure
                    work.program.sync[records.ABORT] = 1
            self._done.put(work)

    def run(self, work: _Work) -> None:
        self._work.put(work)

    def wait(self, interrupted: bool) -> None:
        """Takes back work that the thread has not begun, or waits until it is done.

        After an interrupt it is unknown what the queues hold: then it sends a fence through both.
        """
        taken = False
        with contextlib.suppress(Empty):
            while True:
                self._work.get_nowait()
                taken = True
        if interrupted:
            fence = object()
            self._work.put(fence)
            while self._done.get() is not fence:
                pass
        elif not taken:
            self._done.get()

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
        Its workers are the number of threads; `run` accepts others with as many workers too.
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

    def push(self, arrays: Iterable[np.ndarray]) -> None:
        """Does nothing: threads read the arrays themselves."""

    def pull(self, arrays: Iterable[np.ndarray]) -> None:
        """Does nothing: threads write the arrays themselves."""

    def copy(self, targets: Iterable[np.ndarray], sources: Iterable[np.ndarray]) -> None:
        """Overwrites arrays with others."""
        for target, source in zip(targets, sources, strict=True):
            target[:] = source

    def is_finite(self, array: np.ndarray) -> bool:
        """Whether an array is finite."""
        return bool(np.isfinite(array).all())

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
        helpers = self._helpers if together else []
        status = None
        try:
            for helper in helpers:
                helper.run(_Work(program, first, last))
            status = run_steps(program.words, 0, first, last)
        finally:
            if status != DONE:
                program.sync[records.ABORT] = 1
            _wait(helpers, interrupted=status is None)
        if status != DONE or program.sync[records.ABORT]:
            failures = [helper.failure for helper in self._helpers if helper.failure]
            raise RuntimeError("a compiled operation of the network failed") from (
                failures[0] if failures else None
            )


def _wait(helpers: list[_Helper], interrupted: bool) -> None:
    """Waits for the helpers in spite of interrupts; raises the last interrupt."""
    interrupt = None
    for helper in helpers:
        while True:
            try:
                helper.wait(interrupted or interrupt is not None)
                break
            except KeyboardInterrupt as caught:
                interrupt = caught
    if interrupt is not None:
        raise interrupt


def run_all(program: Program) -> None:
    """Runs all steps of a program once."""
    with Team(program) as team:
        team.run(0, len(program.steps))
