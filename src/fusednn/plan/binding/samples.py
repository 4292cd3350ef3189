"""Binds what comes from the data: samples, and the last steps of a stream."""

from __future__ import annotations

import numpy as np

from fusednn.graph.augmentation import Augmentation
from fusednn.graph.calls import Call
from fusednn.kernels.ops import augment as augment_ops
from fusednn.kernels.ops import history
from fusednn.kernels.ops import reshape as reshape_ops

from .data import DenseRows
from .lowering import Lowering


def gather(lowering: Lowering, call: Call) -> list[np.ndarray]:
    order, padded = lowering.orders[call.given["order"]], call.given["padded"]
    out = lowering.blocks[call.out["out"]]
    return [lowering.source.gather(lowering, out, order, padded=padded)]


def augment(lowering: Lowering, call: Call) -> list[np.ndarray]:
    asked: Augmentation = call.given["augmentation"]
    line = asked.width * asked.channels
    fill = asked.fill or (0.0,) * line
    lines = {len(fill), len(asked.deviations or fill)}
    if lowering.graph.x.width != asked.height * line or lines != {line}:
        raise ValueError(f"{asked} is not of samples of {lowering.graph.x.width} elements")
    operands = {
        "out": lowering.blocks[call.out["out"]],
        "x": lowering.blocks[call.given["x"]],
        "key": lowering.key,
        "moves": np.array([augment_ops.MOVES[name] for name, _ in asked.moves], np.int64),
        "amounts": np.array([amount for _, amount in asked.moves], np.float64),
        "holes": np.array(asked.holes, np.int64),
        "fill": np.array(fill, lowering.dtype),
        "deviations": np.array(asked.deviations, lowering.dtype) if asked.deviations else None,
        "n_moves": len(asked.moves),
        "n_holes": len(asked.holes),
        "height": asked.height,
        "columns": asked.width,
        "channels": asked.channels,
        "stream": call.given["stream"],
    }
    return [lowering.program.record(augment_ops.augment, operands)]


def reshape(lowering: Lowering, call: Call) -> list[np.ndarray]:
    """Its blocks have a row for each sample, since x and out differ in their rows per sample."""
    out, x, order = lowering.blocks[call.out["out"]], call.given["x"], None
    kernel = reshape_ops.reshape_rows
    if x is lowering.graph.x:
        assert isinstance(lowering.source, DenseRows)
        kernel, x, order = (
            reshape_ops.gather_reshaped,
            lowering.source.block,
            lowering.orders["own"],
        )
    else:
        x = lowering.blocks[x]
    operands = {
        "out": out.by_sample,
        "x": x.by_sample,
        "order": order,
        "rows": out.positions,
        "out_row": out.stride,
        "x_row": x.stride,
        "columns": call.given["columns"],
    }
    return [lowering.program.record(kernel, operands)]


def remember(lowering: Lowering, call: Call) -> list[np.ndarray]:
    out, ring, place = (lowering.blocks[call.out[name]] for name in ("out", "ring", "place"))
    operands = {
        "out": out.by_sample,
        "ring": ring.by_sample,
        "place": place,
        "x": lowering.blocks[call.given["x"]],
        "taps": out.positions,
        "dilation": call.given["dilation"],
        "length": ring.positions,
        "out_row": out.stride,
        "ring_row": ring.stride,
    }
    return [lowering.program.record(history.remember, operands)]
