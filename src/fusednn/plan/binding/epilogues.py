"""Binds what follows an op on its output: activations, their derivatives, dropout, noise."""

from __future__ import annotations

import numpy as np

from fusednn.graph.calls import Call
from fusednn.kernels.activations import ACTIVATIONS, multiply_slopes
from fusednn.kernels.ops.pointwise import activate as kernels
from fusednn.kernels.ops.pointwise import noise as random
from fusednn.kernels.ops.pointwise.parametric import parametric_forward

from .lowering import Lowering

SELU_LIMIT = -1.7580993408473766
"""The limit of SELU at minus infinity, by which alpha dropout replaces dropped outputs."""


def _constants(lowering: Lowering, call: Call) -> np.ndarray:
    """An activation's constants; never empty, since its address is taken."""
    found = call.given["constants"] or ACTIVATIONS[call.given["activation"]].constants
    return np.array([*found, 0.0], lowering.dtype)


def activate(lowering: Lowering, call: Call) -> list[np.ndarray]:
    row = ACTIVATIONS[call.given["activation"]]
    slopes = call.out.get("slopes")
    operands = {
        "out": lowering.blocks[call.out["out"]],
        "slopes": None if slopes is None else lowering.blocks[slopes].values,
        "constants": _constants(lowering, call),
        "function": (row.forward, "activation") if slopes is None else (row.slopes, "slopes"),
    }
    return [lowering.program.record(kernels.activate, operands)]


def parametric(lowering: Lowering, call: Call) -> list[np.ndarray]:
    """An activation in learned shares; the way back needs its slopes and what it adds to x."""
    row, slopes = ACTIVATIONS[call.given["activation"]], call.out.get("slopes")
    operands = {
        "out": lowering.blocks[call.out["out"]],
        "x": lowering.blocks[call.given["x"]],
        "share": lowering.values(call.given["share"]),
        "constants": _constants(lowering, call),
        "function": (row.forward, "activation"),
    }
    if slopes is not None:
        operands |= {name: lowering.blocks[call.out[name]] for name in ("slopes", "excess")}
        if row.slopes is None:
            operands["derivative"] = (row.backward, "derivative")
        else:
            operands["function"] = (row.slopes, "slopes")
    return [lowering.program.record(parametric_forward, operands)]


def differentiate(lowering: Lowering, call: Call) -> list[np.ndarray]:
    given = call.given
    operands = {
        "dx": lowering.blocks[call.out["dx"]],
        "out": lowering.blocks[given["out"]].values,
        "constants": _constants(lowering, call),
        "function": (ACTIVATIONS[given["activation"]].backward, "derivative"),
    }
    return [lowering.program.record(kernels.differentiate, operands)]


def multiply(lowering: Lowering, call: Call) -> list[np.ndarray]:
    operands = {
        "dx": lowering.blocks[call.out["out"]],
        "out": lowering.blocks[call.given["factor"]].values,
        "constants": np.zeros(1, lowering.dtype),
        "function": (multiply_slopes, "derivative"),
    }
    return [lowering.program.record(kernels.differentiate, operands)]


def dropout(lowering: Lowering, call: Call) -> list[np.ndarray]:
    given, has_slopes = call.given, call.given["slopes"] is not None
    kept = 1 - given["rate"]
    factor, low, high = 1 / kept, 0.0, 0.0
    if given["alpha"]:
        factor = (kept + SELU_LIMIT**2 * kept * given["rate"]) ** -0.5
        high = -factor * SELU_LIMIT * given["rate"]
        low = high + factor * SELU_LIMIT
    backward = ACTIVATIONS[given["activation"]].backward
    operands = {
        "out": lowering.blocks[call.out["out"]],
        "slopes": lowering.blocks[call.out["dropped_slopes"]].values,
        "has_slopes": has_slopes,
        "key": lowering.key,
        "layer": given["stream"],
        "dropped": round(given["rate"] * 2**32),
        "factor": factor,
        "derivative": (backward, "derivative") if given.get("derivative") else None,
        "derivative_constants": _constants(lowering, call),
        "low": low,
        "high": high,
        "by_channel": given["by_channel"],
    }
    return [lowering.program.record(random.dropout, operands)]


def noise(lowering: Lowering, call: Call) -> list[np.ndarray]:
    operands = {
        "out": lowering.blocks[call.out["out"]],
        "key": lowering.key,
        "layer": call.given["stream"],
        "deviation": call.given["deviation"],
    }
    return [lowering.program.record(random.gaussian_noise, operands)]
