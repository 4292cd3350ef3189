"""Binds dense layers and embeddings to kernels, by the form of their weights and by the data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from fusednn.graph.calls import Call
from fusednn.graph.gradients import (
    Both,
    Given,
    Gradient,
    Lookups,
    Partials,
    PerPosition,
    Runs,
    Sum,
    Sums,
    TokenLookups,
)
from fusednn.kernels.ops.attention import positions
from fusednn.kernels.ops.products import dense_partials, embedding, mirrored, tied, tokens
from fusednn.kernels.ops.updates import update
from fusednn.plan.layout.far_blocks import FarBlocks, far_blocks
from fusednn.plan.layout.forms import Column, Form, Panels, Product
from fusednn.plan.layout.rounded_weights import Integers
from fusednn.plan.layout.taps import GroupedTaps, Taps
from fusednn.plan.layout.turned_panels import TurnedPanels
from fusednn.plan.memory.buffers import Block

from .data import DenseRows
from .look_ups import tokens_read
from .lowering import Lowering


def dense_forward(lowering: Lowering, call: Call) -> list[np.ndarray]:
    """out = max(x w + b, floor), with w in its form, or row-major in a plain lowering."""
    given = call.given
    w, form = lowering.values(given["w"]), lowering.form(given["w"])
    assert isinstance(form, Product)
    b = given["b"]
    operands = {
        "out": lowering.blocks[call.out["out"]],
        "w": w,
        "b": lowering.zeros(given["w"].width) if b is None else lowering.values(b),
        "floor": float(given["floor"]),
        **form.forward_operands(lowering.plain),
    }
    kernel = form.forward_op
    if lowering.plain:
        assert isinstance(form, Panels)
        kernel = form.plain_op
    if isinstance(form, Integers):
        operands |= rounded_rows(lowering, form, w, lowering.rows * call.out["out"].positions)
    if given["x"] is lowering.graph.x:
        return lowering.source.product(lowering, kernel, operands)
    return [lowering.program.record(kernel, {**operands, "x": lowering.blocks[given["x"]]})]


def rounded_rows(lowering: Lowering, form: Integers, w: np.ndarray, rows: int) -> dict[str, Any]:
    """Operands for integer weights: their factors and sums, and memory for rounded rows."""
    panels, factors, sums = form.parts(w)
    stride = form.words + -form.words % 16  # a multiple of 64 bytes
    memory = lowering.memory
    return {
        "w": panels,
        "factors": factors,
        "sums": sums,
        "rounded": memory.borrow(rows * stride, np.int32),
        "rounded_stride": stride,
        "zeros": memory.borrow(rows, np.int32),
        "scales": memory.borrow(rows, np.float32),
    }


def dense_backward(lowering: Lowering, call: Call) -> list[np.ndarray]:
    """dx = dz w^T, with the copy of w^T that the update writes, or w itself if there is none."""
    w = call.given["w"]
    form, copy = lowering.form(w), lowering.transposed(w)
    assert isinstance(form, Panels)
    operands = {
        "dx": lowering.blocks[call.out["dx"]],
        "dz": lowering.blocks[call.given["dz"]],
        "w_transposed": lowering.values(w) if copy is None else copy,
        "zeros": lowering.zeros(form.padded_in),
        **form.backward_operands(),
    }
    return [lowering.program.record(form.backward_op, operands)]


def dense_turned(lowering: Lowering, call: Call) -> list[np.ndarray]:
    """out = x w^T + b, by the op of a backward pass: the bias is where its sums begin."""
    w = call.given["w"]
    form = lowering.form(w)
    assert type(form) is Panels
    operands = {
        "dx": lowering.blocks[call.out["out"]],
        "dz": lowering.blocks[call.given["x"]],
        "w_transposed": lowering.transposed(w),
        "zeros": lowering.values(call.given["b"]),
        **form.backward_operands(),
    }
    return [lowering.program.record(form.backward_op, operands)]


def sum_dense(lowering: Lowering, call: Call) -> list[np.ndarray]:
    """The gradients of weights and biases, for each chunk of samples."""
    form, dw = lowering.form(call.given["w"]), call.out["dw"]
    assert type(form) in (Panels, TurnedPanels)
    assert isinstance(form, Panels)
    chunks = -(-lowering.rows // lowering.program.chunk)
    lowering.derive_values(dw, lowering.memory.borrow(chunks * form.count, lowering.dtype))
    x, dz = (lowering.blocks[call.given[name]] for name in ("x", "dz"))
    operands = {
        "x": x.by_sample,
        "dz": dz.by_sample,
        "dw": lowering.values(dw),
        "db": lowering.values(call.out["db"]),
        "dw_chunk": form.count,
        "lengths": lowering.lengths(call),
        "rows": x.positions,
        "x_row": x.stride,
        "dz_row": dz.stride,
        "fan_in": form.fan_in,
        "columns": form.padded_out,
    }
    return [lowering.program.record(dense_partials.dense_partials, operands)]


class GradientOp(NamedTuple):
    """The op that updates a parameter, and the operands that it gets the gradient from.

    `tasks` are the bounds and costs of its tasks; None: one for each tile of the form.
    """

    op: object
    operands: dict[str, Any]
    tasks: Sequence[tuple[int, int, float]] | None = None


def gradient_op(lowering: Lowering, number: int, gradient: Gradient) -> GradientOp:
    """The update of a parameter from its gradient, after the calls have been lowered."""
    form = lowering.forms[number]
    match gradient:
        case Sum(None, dz):
            ones, block = np.ones(1, lowering.dtype), lowering.blocks[dz]
            operands = {"ones": ones, "dz": block, "zeros": lowering.zeros(block.width)}
            operands["lengths"] = lowering.lengths_of(dz)
            return GradientOp(update.update_bias, operands)
        case Sum(x, dz, Runs() as found):
            assert x is not None
            assert type(form) is Panels
            operands = _runs(lowering, form, lowering.blocks[x], lowering.blocks[dz], found)
            lengths = lowering.lengths_of(dz)
            assert lengths is None or found.per_sample == 1
            operands |= {"lengths": lengths, "steps": dz.positions}
            return GradientOp(form.runs_op, operands, list(_blocks_of(form).tasks()))
        case Sum(x, dz):
            assert x is not None
            assert isinstance(form, Panels)
            width = max(form.padded_in, form.padded_out)
            read = {"dz": lowering.blocks[dz], "zeros": lowering.zeros(width)}
            read |= (
                {"lengths": lengths} if (lengths := lowering.lengths_of(dz)) is not None else {}
            )
            if x is lowering.graph.x:
                return GradientOp(*lowering.source.gradient(lowering, form, read))
            return GradientOp(form.update_op, {"x": lowering.blocks[x], **read})
        case Partials(partials) if type(form) in (Column, Panels, TurnedPanels, Taps, GroupedTaps):
            operands = {"partials": lowering.values(partials), "chunk": form.count}
            return GradientOp(form.partials_op, operands)
        case Given(values):
            return GradientOp(update.apply_bias, {"gradient": lowering.values(values)})
        case Lookups(_, column, dz, first):
            assert isinstance(lowering.source, DenseRows)
            read = lowering.source.read(lowering.orders["own"])
            sort = {**read, "column": column, "count": form.shape[0]}
            return _lookups(lowering, form, embedding.sort_codes, sort, lowering.blocks[dz], first)
        case TokenLookups(_, dz, left_out):
            sort = {
                **tokens_read(lowering, form.shape[0]),
                "left_out": -1 if left_out is None else left_out,
            }
            return _lookups(lowering, form, tokens.sort_tokens, sort, lowering.blocks[dz], 0)
        case Both(product, lookups):
            whole, part = (gradient_op(lowering, number, one) for one in (product, lookups))
            more = {"dout": part.operands["dz"], "count": form.shape[0]}
            more |= {name: part.operands[name] for name in ("starts", "entry_rows")}
            return GradientOp(tied.UPDATES[whole.op], {**whole.operands, **more})
        case Sums(own, Sum(dz, x)):
            whole = gradient_op(lowering, number, own)
            assert type(form) is Panels
            assert whole.op is form.update_op
            assert x is not None
            assert dz is not None
            assert lowering.lengths_of(x) is None
            rows = {"turned_x": lowering.blocks[x], "turned_dz": lowering.blocks[dz]}
            more = {name: block._replace(positions=1) for name, block in rows.items()}
            more["turned_rows"] = x.positions
            return GradientOp(mirrored.update_mirrored, {**whole.operands, **more})
        case PerPosition(dz):
            operands = {"dz": lowering.blocks[dz], "steps": dz.positions}
            operands |= {"lengths": lowering.lengths_of(dz)}
            return GradientOp(positions.update_positions, operands)
    raise TypeError(f"there is no update for {gradient}")


def _blocks_of(form: Panels) -> FarBlocks:
    return far_blocks(form.fan_in, form.padded_out, form.dtype)


def _runs(lowering: Lowering, form: Panels, x: Block, dz: Block, runs: Runs) -> dict[str, Any]:
    """The operands of `update_runs`, strides in elements."""
    assert runs.rows_of_x() <= x.positions
    assert runs.rows_of_dz() <= dz.positions
    assert form.fan_in == len(runs.taps) * x.width
    blocks = _blocks_of(form)
    operands = {
        "block_rows": blocks.rows,
        "block_columns": blocks.columns,
        "zeros": lowering.zeros(form.padded_out),
        "taps": np.array(runs.taps, np.int64) * x.stride,
        "tap_size": x.width,
        "runs": runs.per_sample,
        "length": runs.length,
    }
    for name, block, walk in (("x", x, runs.x), ("dz", dz, runs.dz)):
        operands |= {
            name: block.values[walk.first * block.stride :],
            f"{name}_sample": block.positions * block.stride,
            f"{name}_run": walk.run * block.stride,
            f"{name}_row": walk.row * block.stride,
        }
    return operands


def _lookups(
    lowering: Lowering, form: Form, kernel, sort: dict[str, Any], dz: Block, first: int
) -> GradientOp:
    """The update of a table, after a record that sorts the rows of dz by their codes."""
    count, size = form.shape
    found = {
        "starts": lowering.memory.borrow(count + 1, np.int64),
        "entry_rows": lowering.memory.borrow(lowering.rows * dz.positions, np.int32),
    }
    lowering.before.append(lowering.program.record(kernel, {**sort, **found}))
    operands = {"dz": dz, "vector_size": size, "vector_column": first, **found}
    return GradientOp(embedding.update_table, operands)
