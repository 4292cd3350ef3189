"""Recurrence over the steps of a series: RNN, LSTM and GRU, in one direction or both."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from math import prod
from typing import Any

from fusednn.graph.arrays import Array
from fusednn.graph.gradients import Runs, Sum, Walk
from fusednn.graph.linked_arrays import Carried
from fusednn.graph.parameters import DRAWN, Parameter
from fusednn.graph.trace import Trace

from .dense import differentiate_product
from .epilogue import NOTHING, Epilogue

TOGETHER = 16
"""Steps of x that a recurrence multiplies by its weights at once, in predictions of more."""

GATES = {"tanh": 1, "relu": 1, "lstm": 4, "gru": 3}
"""Columns of a unit's sums, by the name of the cell; the first two are plain recurrences."""


@dataclass(frozen=True)
class Recurrent:
    """A recurrence; with G = `GATES[cell]` the parameters of a direction are weights (I, G H),
    recurrent weights (H, G H), biases (G H,), and of a GRU recurrent biases (H,).

    Columns are in the order of PyTorch: i f g o of an LSTM, r z n of a GRU. The recurrent biases
    are those of n, which the reset gate multiplies.

    Parameters
    ----------
    fan_in : int
        Channels of the input.
    units : int
        H.
    cell : str
        Key of `GATES`.
    sequences : bool
        Whether it gives the state of each step, else the last one.
    both : bool
        Whether it also goes from the last step to the first, with parameters of its own; the
        states of both directions are then side by side, each direction's last one where only
        that is given.
    after : Epilogue
    rate, decay, bias_rate
        As in `Dense`.
    carried : bool
        Whether it begins with the states that the run before left; in one direction, and where
        there is no backward pass for one step.
    storage : str
        As in `Dense`, of both weights; with "int8" each state is rounded as a row of the input is.
    """

    fan_in: int
    units: int
    cell: str = "lstm"
    sequences: bool = False
    both: bool = False
    after: Epilogue = NOTHING
    rate: float = 1.0
    decay: float = 1.0
    carried: bool = False
    storage: str = ""
    bias_rate: float = 1.0

    @property
    def directions(self) -> int:
        return 1 + self.both

    @property
    def columns(self) -> int:
        """Columns of the sums of all units."""
        return GATES[self.cell] * self.units

    @property
    def fan_out(self) -> int:
        return self.directions * self.units

    def parameters(self) -> list[Parameter]:
        found = []
        for prefix in ("", "reverse_")[: self.directions]:
            weights, biases = (self.rate, self.decay), (self.rate * self.bias_rate, 0.0)
            for name, shape, factors in (
                ("weights", (self.fan_in, self.columns), weights),
                ("recurrent_weights", (self.units, self.columns), weights),
                ("biases", (self.columns,), biases),
                *[("recurrent_biases", (self.units,), biases)] * (self.cell == "gru"),
            ):
                found.append(Parameter(f"{prefix}{name}", shape, DRAWN, *factors))
        return found

    def out_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        if len(shape) != 2 or shape[1] != self.fan_in:
            raise ValueError(
                f"takes axes (steps, {self.fan_in}), but the op before it has {shape}"
            )
        return (shape[0], self.fan_out) if self.sequences else (self.fan_out,)

    def products(self, shape: tuple[int, ...]) -> list[tuple[int, int, int]]:
        rows = prod(shape[:-1])
        both = [(rows, self.fan_in, self.columns), (rows, self.units, self.columns)]
        return both * self.directions

    def joins_rows(self) -> bool:
        return False

    def is_random(self) -> bool:
        return self.after.dropout > 0

    def trace(self, trace: Trace, x: Array) -> Array:
        steps, parameters = x.shape[0], trace.take(self.parameters())
        each = len(parameters) // self.directions
        directions = [
            _Direction(trace, self, x, parameters[first : first + each], first > 0)
            for first in range(0, len(parameters), each)
        ]
        states, other = directions[0].states, directions[-1].states if self.both else None
        out = states
        if self.both or not self.sequences or states.positions > steps:
            out = Array((steps, self.fan_out) if self.sequences else (self.fan_out,))
            lengths = trace.lengths_of(x)
            trace.set_lengths(lengths, *[out] * self.sequences)
            trace.call(
                "join_states", {"out": out}, states=states, other=other,
                sequences=self.sequences, lengths=lengths, steps=steps,
            )  # fmt: skip
        trace.tape.append(partial(self._back, trace, x, directions))
        return self.after.trace(trace, out)

    def _back(
        self, trace: Trace, x: Array, directions: list[_Direction], dout: Array
    ) -> Array | None:
        total = None
        for number, direction in enumerate(directions):
            dx = direction.back(dout, number * self.units, self.sequences)
            if total is not None and dx is not None:
                both = Array(x.shape)
                trace.call("add_rows", {"out": both}, x=total, other=dx)
                dx = both
            total = dx
        return total


def _takes_parts(trace: Trace, op: Recurrent, x: Array) -> bool:
    """Whether x is multiplied for some steps at a time.

    Only in predictions of many steps, so that the sums stay in the cache. Threads that share a
    sample share a product of all steps. A plain recurrence writes its states over the sums;
    states that are carried on, and rounded weights, have kernels of their own.
    """
    if trace.goes_back or trace.is_shared or op.carried or op.storage:
        return False
    return op.cell in ("lstm", "gru") and x.shape[0] > TOGETHER


class _Direction:
    """A direction of a recurrence: its calls forward, and the arrays that the way back reads."""

    states: Array

    def __init__(self, trace: Trace, op: Recurrent, x: Array, parameters, reverse: bool):
        self.trace, self.op, self.x, self.reverse = trace, op, x, reverse
        self.w_x, self.w, self.b, *self.b_hidden = parameters
        self.steps, self.lengths = x.shape[0], trace.lengths_of(x)
        self._in_parts = _takes_parts(trace, op, x)
        z = None
        if not self._in_parts:
            z, given = self._rows(op.columns), {"floor": NOTHING.floor, "storage": op.storage}
            trace.call("dense", {"out": z}, x=x, w=self.w_x, b=self.b, **given)
        self._begun: list[tuple[Carried, Array]] = []
        getattr(self, f"_{op.cell}", self._rnn)(z)
        self._end_window()

    def _rows(self, width: int) -> Array:
        """An array with a row for each step."""
        found = Array((self.steps, width))
        self.trace.set_lengths(self.lengths, found)
        return found

    def _kept(self, width: int) -> Array:
        """An array that the way back reads; one row serves all steps if there is none."""
        return self._rows(width) if self.trace.goes_back else Array((width,))

    def _states(self, width: int, rows: Callable[[int], Array]) -> tuple[Array | None, Array]:
        """What the run before left, if it is carried on, and an array of `rows` of states.

        The way back reads the states before the first step too: they are in a row before it.
        """
        if not self.op.carried:
            return None, rows(width)
        carried = self.trace.carry(1, width)
        if not self.trace.goes_back:
            return carried
        begun, states = Array((self.steps + 1, width)), Array((self.steps + 1, width))
        self.trace.call("begin_window", {"out": begun}, before=carried.before)
        self._begun.append((carried, states))
        return begun, states

    def _end_window(self) -> None:
        """Leaves the last states for the next run."""
        for (before, after), states in self._begun:
            given = {"states": states, "before": before, "lengths": self.lengths}
            self.trace.call("end_window", {"out": after}, **given)

    def _gates(self) -> Array:
        """An array of the gates, which begin as the products of x."""
        if self._in_parts:
            return Array((TOGETHER, self.op.columns))
        return self._rows(self.op.columns)

    def _given(self, z: Array | None) -> dict[str, Any]:
        """What the ways forward of all cells read; without z they multiply x."""
        inputs: dict[str, Any] = {"z": z}
        if z is None:
            inputs |= {"x": self.x, "w_x": self.w_x, "b_x": self.b, "together": TOGETHER}
        return {
            **inputs,
            "w": self.w,
            "reverse": self.reverse,
            "lengths": self.lengths,
            "storage": self.op.storage,
        }

    def _rnn(self, z: Array | None) -> None:
        before, self.states = self._states(self.op.units, self._rows)
        given = {**self._given(z), "rectified": self.op.cell == "relu"}
        if before is None:
            self.trace.call("rnn_forward", {"states": self.states}, **given)
        else:
            written = {"states": self.states, "sums": self._rows(self.op.units)}
            self.trace.call("rnn_carried", written, before=before, **given)

    def _lstm(self, z: Array | None) -> None:
        units = self.op.units
        before, self.states = self._states(units, self._rows)
        cells_before, self.cells = self._states(units, self._kept)
        self.gates, self.squashed = self._gates(), self._kept(units)
        written = {
            "states": self.states,
            "gates": self.gates,
            "cells": self.cells,
            "squashed": self.squashed,
        }
        given = {**self._given(z), "before": before, "cells_before": cells_before}
        self.trace.call("lstm_forward", written, **given)

    def _gru(self, z: Array | None) -> None:
        before, self.states = self._states(self.op.units, self._rows)
        self.gates, self.hidden = self._gates(), self._kept(3 * self.op.units)
        written = {"states": self.states, "gates": self.gates, "hidden": self.hidden}
        [b] = self.b_hidden
        self.trace.call("gru_forward", written, before=before, b=b, **self._given(z))

    def back(self, dout: Array, first: int, sequences: bool) -> Array | None:
        """From the gradient by the output, whose columns from `first` on are its own, to dx."""
        trace, op = self.trace, self.op
        dz = dhidden = self._rows(op.columns)
        given = {
            "dout": dout,
            "w": self.w,
            "first": first,
            "sequences": sequences,
            "reverse": self.reverse,
            "lengths": self.lengths,
        }
        if op.cell == "lstm":
            given |= {"gates": self.gates, "cells": self.cells, "squashed": self.squashed}
            trace.call("lstm_backward", {"dz": dz}, **given)
        elif op.cell == "gru":
            dhidden, db = self._rows(op.columns), self._rows(op.units)
            given |= {"gates": self.gates, "hidden": self.hidden, "states": self.states}
            trace.call("gru_backward", {"dz": dz, "dhidden": dhidden, "db": db}, **given)
            trace.differentiate(self.b_hidden[0], Sum(None, db))
        else:
            given |= {"states": self.states, "rectified": op.cell == "relu"}
            trace.call("rnn_backward", {"dz": dz}, **given)
        differentiate_product(trace, self.w_x, self.b, self.x, dz)
        trace.differentiate(self.w, Sum(self.states, dhidden, self._pairs()))
        if not trace.needs_gradient(self.x):
            return None
        dx = Array(self.x.shape)
        trace.call("dense_backward", {"dx": dx}, dz=dz, w=self.w_x)
        return dx

    def _pairs(self) -> Runs:
        """Each state with the sums of the step behind it, in the direction."""
        if self.op.carried:  # the first of them is that before the first step
            return Runs(1, self.steps, Walk(0, 1), Walk(0, 1))
        now, behind = Walk(0, 1, 0), Walk(0, 1, 1)
        if self.reverse:
            now, behind = behind, now
        return Runs(1, self.steps - 1, now, behind)
