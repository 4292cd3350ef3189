"""Binds recurrences to kernels, whose rows are samples and begin with the first step."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from fusednn.graph.arrays import Array
from fusednn.graph.trace import Call, Graph
from fusednn.kernels.ops.recurrence import gru, join, lstm, rnn
from fusednn.kernels.ops.recurrence.walk import BLOCK
from fusednn.plan.layout.forms import Panels
from fusednn.plan.memory.buffers import padded

from .lowering import Lowering

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
    lowering: Lowering, call: Call, kernel, arrays: Mapping[str, Array], **more: Any
) -> list[np.ndarray]:
    """The record of a direction: the rows of `arrays`, and sizes."""
    operands: dict[str, Any] = {"units": call.given["w"].shape[0], **more}
    for name, array in arrays.items():
        block = lowering.blocks[array]
        step = block.stride if block.positions > 1 else 0
        operands |= {name: block.by_sample, f"{name}_step": step}
    operands["steps"] = max(lowering.blocks[array].positions for array in arrays.values())
    operands["reverse"] = call.given["reverse"]
    return [lowering.program.record(kernel, operands)]


def _forward(lowering: Lowering, call: Call, kernel, arrays, **more) -> list[np.ndarray]:
    form = lowering.form(call.given["w"])
    assert isinstance(form, Panels)
    given = {"w": lowering.values(call.given["w"]), "columns": form.padded_out}
    return _bound(lowering, call, kernel, arrays, **given, **more)


def _cell_rows(lowering: Lowering, call: Call) -> dict[str, Any]:
    """What the ways forward of LSTM and GRU have besides: zeros before the first step."""
    count = padded(call.given["w"].shape[1], lowering.dtype)
    width = padded(call.given["w"].shape[0], lowering.dtype)
    return {"zeros": lowering.zeros(count), "padded_units": width}


def rnn_forward(lowering: Lowering, call: Call) -> list[np.ndarray]:
    return _forward(lowering, call, rnn.rnn_forward, call.out, rectified=call.given["rectified"])


def lstm_forward(lowering: Lowering, call: Call) -> list[np.ndarray]:
    return _forward(lowering, call, lstm.lstm_forward, call.out, **_cell_rows(lowering, call))


def gru_forward(lowering: Lowering, call: Call) -> list[np.ndarray]:
    more = {"b": lowering.values(call.given["b"]), **_cell_rows(lowering, call)}
    return _forward(lowering, call, gru.gru_forward, call.out, **more)


def _backward(lowering: Lowering, call: Call, kernel, arrays, **more) -> list[np.ndarray]:
    form, w = lowering.form(call.given["w"]), lowering.transposed(call.given["w"])
    assert isinstance(form, Panels)
    dout = lowering.blocks[call.given["dout"]].part(call.given["first"], form.fan_in)
    every = call.given["sequences"]
    given = {
        "w_transposed": w,
        "zeros": lowering.zeros(max(form.padded_in, form.padded_out)),
        "columns": form.padded_out,
        "padded_units": form.padded_in,
        "dout": dout.by_sample,
        "dout_step": dout.stride if every else 0,
        "every_step": every,
    }
    return _bound(lowering, call, kernel, {**call.out, **arrays}, **given, **more)


def rnn_backward(lowering: Lowering, call: Call) -> list[np.ndarray]:
    arrays = {"states": call.given["states"]}
    return _backward(lowering, call, rnn.rnn_backward, arrays, rectified=call.given["rectified"])


def lstm_backward(lowering: Lowering, call: Call) -> list[np.ndarray]:
    arrays = {name: call.given[name] for name in ("cells", "squashed")}
    return _backward(lowering, call, lstm.lstm_backward, arrays)


def gru_backward(lowering: Lowering, call: Call) -> list[np.ndarray]:
    return _backward(lowering, call, gru.gru_backward, {"states": call.given["states"]})


def join_states(lowering: Lowering, call: Call) -> list[np.ndarray]:
    """A record for each direction; the last clears the padding."""
    out = lowering.blocks[call.out["out"]]
    states = [array for name in ("states", "other") if (array := call.given[name]) is not None]
    records = []
    for number, array in enumerate(states):
        rows, units = lowering.blocks[array], array.width
        steps = rows.positions
        is_last = number == len(states) - 1
        operands = {
            "out": out.part(number * units, units).by_sample,
            "states": rows.by_sample,
            "units": units,
            "cleared": padded(out.width, lowering.dtype) - out.width if is_last else 0,
            "rows": steps if call.given["sequences"] else 1,
            "out_step": out.stride,
            "states_step": rows.stride,
            "first": 0 if call.given["sequences"] or number else steps - 1,
        }
        records.append(lowering.program.record(join.join_states, operands))
    return records
