"""Converts the parameters of a network to users' lists by layer, and back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from fusednn.graph.layers.chain import Chain

from .built_layers import BuiltLayers, parts_of


def by_layer(built: BuiltLayers, arrays: Sequence[np.ndarray]) -> list:
    """Groups arrays by layer, in the order of the descriptions; residual blocks are nested, but
    what is inside one description is flat."""
    pieces = _split(built, iter(arrays))
    return [[] if home is None else pieces[home] for home in built.homes]


def _split(built: BuiltLayers, arrays: Iterator[np.ndarray]) -> list:
    found: list = []
    for piece in built.pieces:
        if piece.inner is not None:
            lists: list = []
            for part in parts_of(piece):
                inner = _split(part, arrays)
                lists += [[] if home is None else inner[home] for home in part.homes]
            found.append([*_leaves(lists)] if isinstance(piece.op, Chain) else lists)
            continue
        own = [(parameter, next(arrays)) for parameter in piece.op.parameters()]
        found.append([array for parameter, array in own if parameter.shown])
    return found


def _leaves(lists: list) -> Iterator[np.ndarray]:
    """The arrays of nested lists, in order."""
    for one in lists:
        if isinstance(one, list):
            yield from _leaves(one)
        else:
            yield one


def replaced(
    built: BuiltLayers, arrays: Sequence[np.ndarray], given: Sequence
) -> list[np.ndarray]:
    """Replaces a network's arrays by the user's arrays.

    Parameters
    ----------
    built : BuiltLayers
    arrays : sequence of ndarray
        The network's arrays, in the order of its ops.
    given : sequence
        The user's arrays, in the form of `by_layer`.

    Returns
    -------
    list of ndarray
        In the order of the ops, in the network's type.

    Raises
    ------
    ValueError
        If a number of arrays or a shape differs (the message names the position), a value is not
        finite, or a variance is negative.
    """
    present = by_layer(built, arrays)
    new = {id(old): array for old, array in _pairs("weights", present, given)}
    found = [new.get(id(array), array) for array in arrays]
    parameters = [parameter for op in built.ops for parameter in op.parameters()]
    for parameter, array in zip(parameters, found, strict=True):
        if array.min(initial=np.inf) < parameter.least:
            raise ValueError("The running variance of a BatchNorm must not be negative.")
    return found


def _pairs(where: str, present, given) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    if isinstance(present, np.ndarray):
        array = np.array(given, present.dtype)
        if array.shape != present.shape:
            raise ValueError(f"{where} must have the shape {present.shape}, got {array.shape}.")
        if not np.isfinite(array).all():
            raise ValueError(f"{where} contains NaN or infinity.")
        yield present, array
        return
    if not isinstance(given, list | tuple) or len(given) != len(present):
        found = len(given) if isinstance(given, list | tuple) else type(given).__name__
        raise ValueError(f"{where} must be a list of {len(present)}, got {found}.")
    for number, (old, new) in enumerate(zip(present, given, strict=True)):
        yield from _pairs(f"{where}[{number}]", old, new)
