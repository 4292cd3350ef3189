"""Converts a network's ops to JSON values, and names their parameters."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from fusednn.graph.layers.chain import Chain
from fusednn.graph.layers.dense import Dense
from fusednn.graph.layers.latent import Latent
from fusednn.graph.layers.layer import Layer
from fusednn.graph.layers.residual import Residual
from fusednn.graph.layers.tied import Mirrored
from fusednn.graph.layers.untrained import GaussianNoise
from fusednn.graph.parameters import Parameter

from .fields import Refused
from .op_fields import FILE_NAMES, OPS, PERHAPS_OPS, POSITIONS, SHORTCUT_SINCE, SINCE, fields_of

TRAINING_ONLY = GaussianNoise | Latent | Mirrored
"""Folding removes these ops, and `weight_norm`."""


def written_ops(ops: tuple[Layer, ...], version: int) -> list[dict[str, Any]]:
    """Converts ops to JSON values.

    Parameters
    ----------
    ops : tuple of Layer
    version : int
        A version of the format that supports them.

    Raises
    ------
    KeyError
        If the tables lack an op.
    """
    return _written(ops, version, last=ops[-1], bare=True)


def _written(
    ops: tuple[Layer, ...], version: int, last: Layer | None, bare: bool
) -> list[dict[str, Any]]:
    """`bare`: no trained op comes before; `last`: the op that yields the logits."""
    found = []
    for op in ops:
        value: dict[str, Any] = {"op": FILE_NAMES[type(op)]}
        for name, kind in fields_of(type(op), version).items():
            part = getattr(op, name)
            is_chain = kind in (OPS, PERHAPS_OPS)
            value[name] = _written(part, version, None, bare) if is_chain else kind.write(part)
        if isinstance(op, Dense):
            value |= zip(POSITIONS, (bare, op is last), strict=True)
        bare = bare and not any(parameter.trained for parameter in op.parameters())
        found.append(value)
    return found


def has_training_ops(ops: tuple[Layer, ...]) -> bool:
    """Whether there are ops or settings that folding would have removed."""
    return any(
        isinstance(op, TRAINING_ONLY)
        or (isinstance(op, Dense) and op.weight_norm)
        or (isinstance(op, Residual | Chain) and has_training_ops(op.ops))
        for op in ops
    )


def version_of_ops(ops: tuple[Layer, ...]) -> int:
    """The first version of the format that supports all of the ops."""
    return max(map(_version_of, ops))


def _version_of(op: Layer) -> int:
    if not isinstance(op, Residual):
        return SINCE.get(type(op), 1)
    return max(version_of_ops(op.ops), SHORTCUT_SINCE if op.shortcut else 1)


def named_parameters(
    ops: tuple[Layer, ...], where: str = "ops"
) -> Iterator[tuple[str, Parameter]]:
    """Yields the parameters with names such as `ops.0.weights`, in the order of the ops."""
    for at, op in enumerate(ops):
        if isinstance(op, Residual):
            yield from named_parameters(op.inner, f"{where}.{at}.inner")
            yield from named_parameters(op.shortcut, f"{where}.{at}.shortcut")
            continue
        if isinstance(op, Chain):
            yield from named_parameters(op.inner, f"{where}.{at}.inner")
            continue
        for parameter in op.parameters():
            yield f"{where}.{at}.{parameter.name}", parameter


def check_values(name: str, parameter: Parameter, array: np.ndarray) -> None:
    """Refuses values that a parameter cannot have."""
    if not parameter.finite:  # may be infinite
        if np.isnan(array).any():
            raise Refused(f"tensor {name!r} holds NaN")
    elif not np.isfinite(array).all():
        raise Refused(f"tensor {name!r} holds NaN or infinity")
    if array.min(initial=np.inf) < parameter.least:
        raise Refused(f"tensor {name!r} holds a {parameter.name} below {parameter.least:g}")
