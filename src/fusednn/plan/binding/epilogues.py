"""Binds what follows an op on its output: activations, their derivatives, dropout, noise."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fusednn.graph.calls import Call, Varied
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
    dropped, factor, low, high = mask_values(given["rate"], given["alpha"])
    backward = ACTIVATIONS[given["activation"]].backward
    operands = {
        "out": lowering.blocks[call.out["out"]],
        "slopes": lowering.blocks[call.out["dropped_slopes"]].values,
        "has_slopes": has_slopes,
        "key": lowering.key,
        "layer": given["stream"],
        "dropped": dropped,
        "factor": factor,
        "derivative": (backward, "derivative") if given.get("derivative") else None,
        "derivative_constants": _constants(lowering, call),
        "low": low,
        "high": high,
        "by_channel": given["by_channel"],
        "varied": column_of(lowering.graph.varied, given["varied"]),
    }
    return [lowering.program.record(random.dropout, operands)]


def noise(lowering: Lowering, call: Call) -> list[np.ndarray]:
    operands = {
        "out": lowering.blocks[call.out["out"]],
        "key": lowering.key,
        "layer": call.given["stream"],
        "deviation": call.given["deviation"],
        "varied": column_of(lowering.graph.varied, call.given["varied"]),
    }
    return [lowering.program.record(random.gaussian_noise, operands)]


# -- noise that varies from step to step -------------------------------------------------------


def mask_values(rate: float, alpha: bool) -> tuple[int, float, float, float]:
    """How a share of values is dropped: rate 2^32, the factor of the others, and what is added to
    dropped ones and to the others (`kernels.ops.pointwise.noise`)."""
    kept = 1 - rate
    factor, low, high = 1 / kept, 0.0, 0.0
    if alpha:
        factor = (kept + SELU_LIMIT**2 * kept * rate) ** -0.5
        high = -factor * SELU_LIMIT * rate
        low = high + factor * SELU_LIMIT
    return round(rate * 2**32), factor, low, high


def width_of(varied: Varied) -> int:
    """The columns of one."""
    return 1 if varied.kind == "noise" else 4


def columns_of(varied: Sequence[Varied]) -> int:
    """The columns of all."""
    return sum(map(width_of, varied))


def column_of(varied: Sequence[Varied], number: int | None) -> int | None:
    """The first column of one by its number, counted from 1; None of none."""
    return None if number is None else 1 + columns_of(varied[:number])


def values_of(varied: Varied, factor: float) -> tuple[float, ...]:
    """Its columns in a step with this factor.

    Raises
    ------
    ValueError
        If all values would be dropped.
    """
    amount = varied.amount * factor
    if varied.kind == "noise":
        return (amount,)
    if amount >= 1:
        raise ValueError(
            f"factors of {varied.schedule!r} must keep a dropout of {varied.amount:g} below 1, got"
            f" {factor:g}."
        )
    return mask_values(amount, varied.kind == "alpha")
