"""Gives dense layers that have the weights of earlier ones weights of their own."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fusednn.graph.layers.dense import Dense
from fusednn.graph.layers.layer import Layer
from fusednn.graph.layers.tied import Mirrored


def untied(
    ops: tuple[Layer, ...], arrays: Sequence[np.ndarray]
) -> tuple[tuple[Layer, ...], list[np.ndarray]]:
    """The same function, in which each dense layer has weights of its own.

    Parameters
    ----------
    ops : tuple of Layer
    arrays : sequence of ndarray
        The parameters in the order of the ops.

    Returns
    -------
    ops, arrays
        As many ops; those without tied weights are the same, and their arrays are not copied.
    """
    found: list[Layer] = []
    parts: list[list[np.ndarray]] = []
    rest = iter(arrays)
    for op in ops:
        own = [next(rest) for _ in op.parameters()]
        if isinstance(op, Mirrored):
            own = [np.ascontiguousarray(parts[op.of][0].T), *own]
            op = Dense(op.fan_in, op.fan_out, op.after)
        found.append(op)
        parts.append(own)
    return tuple(found), [array for own in parts for array in own]
