"""Binds what counts the steps of padded series, and those of windows, to kernels."""

from __future__ import annotations

import numpy as np

from fusednn.graph.calls import Call
from fusednn.kernels.ops import lengths as kernels

from .data import DenseRows
from .lowering import Lowering


def count_steps(lowering: Lowering, call: Call) -> list[np.ndarray]:
    """The steps of the data's series, whose features are rows if they are `turned`."""
    steps, source = call.given["steps"], lowering.source
    if not isinstance(source, DenseRows) or source.in_bytes:
        raise TypeError("series of unequal lengths need dense floating-point data")
    features = lowering.graph.x.width // steps
    operands = {
        "counts": lowering.values(call.out["counts"]),
        **source.read(lowering.orders[call.given["order"]]),
        "steps": steps,
        "features": features,
        "step": 1 if call.given["turned"] else features,
        "feature": steps if call.given["turned"] else 1,
    }
    return [lowering.program.record(kernels.count_steps, operands)]


def window_lengths(lowering: Lowering, call: Call) -> list[np.ndarray]:
    """The steps of windows, which the plan of windows writes before each pass."""
    operands = {"counts": lowering.values(call.out["counts"]), "steps": lowering.orders["steps"]}
    return [lowering.program.record(kernels.window_lengths, operands)]


def change_lengths(lowering: Lowering, call: Call) -> list[np.ndarray]:
    arrays = {"counts": call.out["counts"], "lengths": call.given["lengths"]}
    operands = dict(call.given) | {n: lowering.values(array) for n, array in arrays.items()}
    return [lowering.program.record(kernels.change_lengths, operands)]


def longer(lowering: Lowering, call: Call) -> list[np.ndarray]:
    arrays = {**call.out, **call.given}
    operands = {name: lowering.values(array) for name, array in arrays.items()}
    return [lowering.program.record(kernels.longer, operands)]
