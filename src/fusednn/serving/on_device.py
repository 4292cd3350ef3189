"""Answers of a predictor whose weights stay on a device."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from fusednn.graph.network import Network
from fusednn.kernels.answer import DONE, NOT_FINITE, WRONG_COLUMNS
from fusednn.plan.binding.data import DenseRows
from fusednn.plan.binding.program import Program
from fusednn.plan.inference import lower_inference
from fusednn.training.teams import (
    ON_CPU,
    check_name,
    check_program,
    machine_of,
    open_device,
    team_of,
)

if TYPE_CHECKING:
    from fusednn.training.cuda.device import Device

MOST_PLANS = 16
"""The most plans that are kept, each for a kind of answers and up to so many rows."""


def check_device(device: str, weights: str | None) -> None:
    """Refuses a device that a predictor cannot be on.

    Parameters
    ----------
    device : str
    weights : str or None
        The type of rounded weights.

    Raises
    ------
    ValueError
        If so.
    """
    check_name(device)
    if device not in ON_CPU and weights is not None:
        raise ValueError(f"weights={weights!r} are for the CPU; got device={device!r}.")


class _Plan(NamedTuple):
    """A program, the rows that it reads, and the answers that it writes."""

    program: Program
    X: np.ndarray
    answers: np.ndarray


def _open(unused: list[Device], name: str) -> Device:
    """A device that is open and unused, or a new one; of the calling thread."""
    if not unused:
        return open_device(name)
    device = unused.pop()
    device.take()
    return device


def _close_all(devices: list[Device]) -> None:
    """Closes devices."""
    for device in devices:
        device.close()


class OnDevice:
    """A network on a device; calls of several threads follow one another.

    Parameters
    ----------
    network : Network
    parameters : list of ndarray
        In the forms that plans of the network have.
    dtype : dtype
    answers : sequence of str
        Keys of `ANSWERS`.
    device : {"cuda"}

    Raises
    ------
    ImportError, RuntimeError
        If the device cannot be used, or has no kernels for the network.
    """

    def __init__(
        self, network: Network, parameters: list[np.ndarray], dtype: np.dtype,
        answers: Sequence[str], device: str,
    ):  # fmt: skip
        self._network, self._parameters, self._dtype = network, parameters, dtype
        self._answers, self._device = answers, device
        self._machine = machine_of(device, lambda: 1)
        self._lock = threading.Lock()
        self._plans: dict[tuple, _Plan] = {}
        self._team: Any = None
        # opened here, so that a device that cannot be used is refused before the first call
        self._unused = [open_device(device)]
        self._closing: Any = weakref.finalize(self, _close_all, self._unused)
        for kind in range(len(answers)):  # and what it has no kernels for
            check_program(self._lowered(kind, 1, False)[0], self._unused[0])

    def answer(self, kind: int, X: np.ndarray, out: np.ndarray, validate: bool, ragged: bool):
        """Writes one kind of answers to rows; the status of a call, as `kernels.answer` has it."""
        if X.shape[1] != self._network.inputs:
            return WRONG_COLUMNS
        if validate and not np.isfinite(X).all():
            return NOT_FINITE
        with self._lock:
            most, _ = self._machine.answer_rows(self._network, len(X), self._dtype)
            for first in range(0, len(X), most):
                part = slice(first, min(first + most, len(X)))
                out[part] = self._run(kind, X[part], ragged)
        return DONE

    def _run(self, kind: int, X: np.ndarray, ragged: bool) -> np.ndarray:
        """The answers to rows that one step has room for."""
        rows = 1 << max(0, len(X) - 1).bit_length()
        plan = self._plans.get((kind, rows, ragged))
        if plan is None:
            plan = self._planned(kind, rows, ragged)
        plan.X[: len(X)] = X
        self._team.take()
        self._team.push((plan.X,))
        if ragged:  # the padding of series is not written
            plan.answers.fill(0)
            self._team.push((plan.answers,))
        self._team.run(0, len(plan.program.steps), plan.program)
        self._team.pull((plan.answers,))
        return plan.answers[: len(X)]

    def _planned(self, kind: int, rows: int, ragged: bool) -> _Plan:
        """A new plan; the parameters have one copy on the device for all."""
        plan = self._lowered(kind, rows, ragged)
        for refresh in plan.program.refresh:
            refresh()
        if self._team is None or len(self._plans) >= MOST_PLANS:
            self._close()
            opening = partial(_open, self._unused)
            self._team = team_of(self._device, plan.program, opening).__enter__()
            self._closing = weakref.finalize(self, self._team.__exit__)
        self._plans[kind, rows, ragged] = plan
        return plan

    def _lowered(self, kind: int, rows: int, ragged: bool) -> _Plan:
        """A plan that the device does not know yet."""
        X = np.zeros((rows, self._network.inputs), self._dtype)
        program, answers = lower_inference(
            *(self._network, self._parameters, DenseRows(X, self._dtype), self._dtype),
            machine=self._machine,
            answer=self._answers[kind],
            ragged=ragged,
        )
        return _Plan(program, X, answers)

    def _close(self) -> None:
        """Gives up what the device holds."""
        self._plans.clear()
        if self._team is not None:
            self._closing()
            self._team = None
