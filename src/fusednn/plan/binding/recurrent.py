"""Binds recurrences to kernels, whose rows are samples and begin with the first step."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from fusednn.graph.arrays import Array
from fusednn.graph.calls import Call, Graph
from fusednn.kernels.ops.recurrence import gru, join, lstm, rnn, rounded, windows
from fusednn.kernels.ops.recurrence.walk import BLOCK
from fusednn.plan.layout.forms import Panels
from fusednn.plan.layout.rounded_weights import HALF, INTEGER, Integers, Words
from fusednn.plan.memory.buffers import Block, padded

from .lowering import Lowering
from .products import rounded_rows

FORWARD = {
    "": {"rnn": rnn.rnn_forward, "lstm": lstm.lstm_forward, "gru": gru.gru_forward},
    HALF: {"rnn": rounded.half_rnn, "lstm": rounded.half_lstm, "gru": rounded.half_gru},
    INTEGER: {
        "rnn": rounded.integer_rnn, "lstm": rounded.integer_lstm, "gru": rounded.integer_gru
    },
}  # fmt: skip
"""The kernels of the ways forward, by the storage of the weights."""

RECURRENCES = "rnn_forward", "lstm_forward", "gru_forward"
BACKWARD = "rnn_backward", "lstm_backward", "gru_backward"


def recurrent_elements(graph: Graph, dtype) -> int:
    """The elements of a worker's scratch that the recurrences of a graph need at most."""
    return max(
        (
            2 * BLOCK * padded(call.given["w"].shape[0], dtype)
            for call in graph.calls
            if call.op in BACKWARD
        ),
        default=0,
    )


def _bound(
    lowering: Lowering, call: Call, kernel, steps: int, arrays: Mapping[str, Array], **more: Any
) -> list[np.ndarray]:
    """The record of a direction: the rows of `arrays`, and sizes."""
    operands: dict[str, Any] = {"units": call.given["w"].shape[0], "steps": steps, **more}
    for name, array in arrays.items():
        block = lowering.blocks[array]
        step = block.stride if block.positions > 1 else 0
        if block.positions > steps:  # the first row is that before the first step
            block = block._replace(values=block.values[block.stride :])
        stride = lowering.blocks[array].by_sample.stride
        operands |= {name: Block(block.values, stride, block.width), f"{name}_step": step}
    operands |= {"reverse": call.given["reverse"], "lengths": lowering.lengths(call)}
    return [lowering.program.record(kernel, operands)]


def _forward(lowering: Lowering, call: Call, cell: str, arrays, **more) -> list[np.ndarray]:
    w, z = call.given["w"], call.given["z"]
    form, values = lowering.form(w), lowering.values(w)
    assert isinstance(form, Panels | Words)
    given = {
        "w": values,
        "zeros": lowering.zeros(form.padded_out),
        "columns": form.padded_out,
        "padded_units": padded(w.shape[0], lowering.dtype),
        "continues": call.given.get("before") is not None,
    }
    if isinstance(form, Integers):
        found = rounded_rows(lowering, form, values, lowering.rows)
        given |= {"column_sums": found.pop("sums"), "zero_points": found.pop("zeros"), **found}
    if z is None:
        x, w_x = call.given["x"], call.given["w_x"]
        arrays = {**arrays, "x": x, "made": call.out["gates"]}
        given |= {"w_x": lowering.values(w_x), "b_x": lowering.values(call.given["b_x"])}
        given |= {"fan_in": x.width, "together": call.given["together"]}
    steps = (call.given["x"] if z is None else z).positions
    kernel = FORWARD[call.given["storage"]][cell]
    return _bound(lowering, call, kernel, steps, arrays, **given, **more)


def rnn_forward(lowering: Lowering, call: Call) -> list[np.ndarray]:
    arrays = {"sums": call.out["states"], **call.out}
    return _forward(lowering, call, "rnn", arrays, rectified=call.given["rectified"])


def lstm_forward(lowering: Lowering, call: Call) -> list[np.ndarray]:
    return _forward(lowering, call, "lstm", _renamed(call.out, gates="sums"))


def gru_forward(lowering: Lowering, call: Call) -> list[np.ndarray]:
    arrays, b = _renamed(call.out, hidden="sums"), lowering.values(call.given["b"])
    return _forward(lowering, call, "gru", arrays, b=b)


def _renamed(arrays: Mapping[str, Array], **names: str) -> dict[str, Array]:
    """The arrays by the names of a kernel's operands."""
    return {names.get(name, name): array for name, array in arrays.items()}


def _backward(lowering: Lowering, call: Call, kernel, kept: str, **more) -> list[np.ndarray]:
    """`kept` names the arrays that it reads; the first may have a row before the first step."""
    form, w = lowering.form(call.given["w"]), lowering.transposed(call.given["w"])
    assert isinstance(form, Panels)
    dout = lowering.blocks[call.given["dout"]].part(call.given["first"], form.fan_in)
    every, steps = call.given["sequences"], call.out["dz"].positions
    names = kept.split()
    given = {
        "w_transposed": w,
        "zeros": lowering.zeros(max(form.padded_in, form.padded_out)),
        "depth": form.fan_out,
        "columns": form.padded_out,
        "padded_units": form.padded_in,
        "dout": dout.by_sample,
        "dout_step": dout.stride if every else 0,
        "every_step": every,
        "continues": call.given[names[0]].positions > steps,
    }
    sums = "dhidden" if "dhidden" in call.out else "dz"
    arrays = _renamed(call.out, **{sums: "dsums"}) | {name: call.given[name] for name in names}
    return _bound(lowering, call, kernel, steps, arrays, **given, **more)


def rnn_backward(lowering: Lowering, call: Call) -> list[np.ndarray]:
    rectified = call.given["rectified"]
    return _backward(lowering, call, rnn.rnn_backward, "states", rectified=rectified)


def lstm_backward(lowering: Lowering, call: Call) -> list[np.ndarray]:
    return _backward(lowering, call, lstm.lstm_backward, "cells squashed")


def gru_backward(lowering: Lowering, call: Call) -> list[np.ndarray]:
    return _backward(lowering, call, gru.gru_backward, "states")


def begin_window(lowering: Lowering, call: Call) -> list[np.ndarray]:
    out, before = lowering.blocks[call.out["out"]], lowering.blocks[call.given["before"]]
    operands = {"out": out.by_sample, "before": before}
    return [lowering.program.record(windows.begin_window, operands)]


def end_window(lowering: Lowering, call: Call) -> list[np.ndarray]:
    out, states = lowering.blocks[call.out["out"]], lowering.blocks[call.given["states"]]
    operands = {
        "out": out,
        "states": states.by_sample,
        "states_step": states.stride,
        "steps": states.positions - 1,
        "lengths": lowering.lengths(call),
    }
    return [lowering.program.record(windows.end_window, operands)]


def join_states(lowering: Lowering, call: Call) -> list[np.ndarray]:
    """A record for each direction; the last clears the padding."""
    out = lowering.blocks[call.out["out"]]
    states = [array for name in ("states", "other") if (array := call.given[name]) is not None]
    records = []
    for number, array in enumerate(states):
        rows, units = lowering.blocks[array], array.width
        before = rows.positions - call.given["steps"]  # whether the first row is before them
        values = rows.values[before * rows.stride :]
        is_last = number == len(states) - 1
        operands = {
            "out": out.part(number * units, units).by_sample,
            "states": Block(values, rows.by_sample.stride, units),
            "units": units,
            "cleared": padded(out.width, lowering.dtype) - out.width if is_last else 0,
            "rows": out.positions,
            "out_step": out.stride,
            "states_step": rows.stride,
            "last": not call.given["sequences"] and number == 0,
            "steps": rows.positions - before,
            "lengths": lowering.lengths(call),
        }
        records.append(lowering.program.record(join.join_states, operands))
    return records
