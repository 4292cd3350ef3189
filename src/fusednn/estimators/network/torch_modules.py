"""The parameters of a network as PyTorch's modules have them: names, shapes and orders."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from itertools import count
from typing import NamedTuple

import numpy as np

from fusednn import layers as specs
from fusednn.graph.layers.batch_norm import BatchNorm
from fusednn.graph.layers.chain import Chain
from fusednn.graph.layers.convolution import Convolution
from fusednn.graph.layers.dense import Dense
from fusednn.graph.layers.embedding import Embedding
from fusednn.graph.layers.epilogue import NOTHING
from fusednn.graph.layers.layer import shapes_along
from fusednn.graph.layers.recurrent import Recurrent
from fusednn.graph.layers.residual import Residual
from fusednn.graph.layers.tied import Mirrored, Tied
from fusednn.graph.layers.transposed_convolution import TransposedConvolution
from fusednn.graph.layers.untrained import Identity

from .built_layers import BuiltLayer, BuiltLayers
from .channel_orders import Order, has_windows, orders_along

NORMED = ("parametrizations.weight.original0", "parametrizations.weight.original1")
"""Norms and directions of `torch.nn.utils.parametrizations.weight_norm`."""

NAMES = {
    "weights": "weight",
    "biases": "bias",
    "scale": "weight",
    "shift": "bias",
    "mean": "running_mean",
    "variance": "running_var",
    "slopes": "weight",
    "table": "weight",
    "vectors": "weight",
}
"""PyTorch's name of a parameter."""

IN, OUT = "self_attn", "self_attn.out_proj"
PARTS: dict[bool, tuple[str, ...]] = {
    True: ("norm1", IN, OUT, "norm2", "linear1", "linear2"),
    False: (IN, OUT, "norm1", "linear1", "linear2", "norm2"),
}
"""The names in `nn.TransformerEncoderLayer` of a block's parts, in our order, by `norm_first`."""

ORDER = (IN, OUT, "linear1", "linear2", "norm1", "norm2")
"""The same in PyTorch's order."""

COUNTER = "num_batches_tracked"
"""What `BatchNorm` has besides; only its momentum of None reads it."""


class Entry(NamedTuple):
    """A parameter and its tensor in PyTorch.

    Parameters
    ----------
    name : str
        The last part of the key.
    number : int
        Which of the network's arrays.
    elements : ndarray of int
        In the tensor's shape: which element of the array is there.
    added : int
        So many first elements of the tensor are added to those of the array, which another tensor
        holds; this one is then 0 there.
    rest : int or None
        Which of the network's arrays holds the elements behind those.
    """

    name: str
    number: int
    elements: np.ndarray
    added: int = 0
    rest: int | None = None


class Module(NamedTuple):
    """A module of PyTorch with parameters.

    Parameters
    ----------
    place : str
        The layer's position and class, for messages.
    prefix : str
        The first part of the keys.
    entries : tuple of Entry
        In PyTorch's order.
    counts : bool
        Whether it counts batches.
    tied : bool
        Whether its parameter is that of an earlier module. Some programs write it once.
    """

    place: str
    prefix: str
    entries: tuple[Entry, ...]
    counts: bool = False
    tied: bool = False


def modules_of(built: BuiltLayers) -> list[Module]:
    """PyTorch's modules with parameters for a network, in order.

    Raises
    ------
    ValueError
        If a reshaping has no equal where channels come first.
    """
    shape = (built.ops[0].fan_in,)
    return list(_along(built, "layers", "", shape, count(), None, None, has_windows(built.ops)))


def _along(
    built: BuiltLayers, where: str, prefix: str, shape, numbers, entering, leaving, moves: bool
) -> Iterator[Module]:
    """The modules of a list; `numbers` counts the network's arrays."""
    ops, places = built.ops, _places(built, where)
    orders: list[Order] = [None] * (len(ops) + 1)
    if moves:
        orders = orders_along(ops, shape, partial(_no_equal, places), entering, leaving)
    shapes, position = shapes_along(ops, shape), 0
    for number, piece in enumerate(built.pieces):
        around = orders[number], orders[number + 1]
        name = f"{prefix}{position}"
        if isinstance(piece.op, Residual):
            branches = {"layers": piece.inner, "shortcut": piece.shortcut}
            for key, branch in branches.items():
                if branch is not None:
                    at, inside = f"{places[number]}.{key}", f"{name}.{key}."
                    yield from _along(branch, at, inside, shapes[number], numbers, *around, moves)
        else:
            shared = None
            if isinstance(piece.op, Mirrored):
                before = ops[: piece.op.of]
                shared = sum(len(op.parameters()) for op in before)
            yield from _own(piece, places[number], name, numbers, *around, shared)
        position += _modules_in(piece)


def _places(built: BuiltLayers, where: str) -> list[str]:
    """The position of each piece in the user's list."""
    found = {home: f"{where}[{number}]" for number, home in reversed([*enumerate(built.homes)])}
    if where == "layers":
        found[len(built.pieces) - 1] = "the output layer"
    return [found.get(number, where) for number in range(len(built.pieces))]


def _no_equal(places: list[str], number: int) -> ValueError:
    return ValueError(
        f"{places[number]} has no equal in PyTorch, whose channels come first: it reads the"
        " elements of a sample in another order."
    )


def _modules_in(piece: BuiltLayer) -> int:
    """How many modules of an `nn.Sequential` a layer is, with its activation and its dropout."""
    after = piece.op.after
    beside = (after.activation != NOTHING.activation) + (after.dropout > 0)
    if piece.spec is None or isinstance(piece.op, Identity):
        return beside
    # a global pool is nn.AdaptiveAvgPool2d(1) and nn.Flatten()
    return beside + 1 + isinstance(piece.spec, specs.GlobalAvgPool | specs.GlobalMaxPool)


def _own(
    piece: BuiltLayer, place: str, prefix: str, numbers, before: Order, after: Order,
    shared: int | None = None,
) -> Iterator[Module]:  # fmt: skip
    """The modules of a layer; `shared` is the number of the weights that an earlier one has."""
    op = piece.op
    if isinstance(op, Tied):  # its weight (O, I) is the table of the first op, array 0
        elements = np.arange(op.fan_out * op.fan_in).reshape(op.fan_out, op.fan_in)
        yield Module(place, prefix, (Entry("weight", 0, elements),), tied=True)
        return
    place = f"{place} ({type(piece.spec).__name__})"
    if isinstance(op, Chain):
        yield from _attentive(piece, place, prefix, numbers)
        return
    if isinstance(op, Recurrent):
        yield Module(place, prefix, tuple(_recurrent_entries(op, numbers)))
        return
    entries = []
    if shared is not None:
        turned = np.arange(op.fan_in * op.fan_out).reshape(op.fan_out, op.fan_in).T
        entries.append(_entry(op, "weight", shared, turned, before, after))
    for parameter in op.parameters():
        number = next(numbers)
        if piece.spec is None or not parameter.shown:
            continue
        elements = np.arange(np.prod(parameter.shape, dtype=int)).reshape(parameter.shape)
        name = NAMES.get(parameter.name, parameter.name)
        entries.append(_entry(op, name, number, elements, before, after))
    if isinstance(op, Embedding):
        for entry in entries:
            yield Module(place, f"{prefix}.{entry.name}", (entry._replace(name="weight"),))
    elif entries:
        # a parametrised weight comes behind the bias
        ordered = sorted(
            entries, key=lambda entry: (entry.name in NORMED, entry.name in NORMED[1:])
        )
        yield Module(place, prefix, tuple(ordered), isinstance(op, BatchNorm))


def _attentive(piece: BuiltLayer, place: str, prefix: str, numbers) -> Iterator[Module]:
    """`nn.MultiheadAttention` or `nn.TransformerEncoderLayer`, which have modules inside."""
    assert piece.inner is not None
    names: tuple[str, ...] = (IN, OUT)
    is_block = isinstance(piece.spec, specs.TransformerBlock)
    if isinstance(piece.spec, specs.TransformerBlock):
        names = PARTS[piece.spec.norm_first]
    found = {}
    for name, part in zip(names, _leaves(piece.inner), strict=True):
        inside = prefix + (f".{name}" if is_block else name.removeprefix(IN))
        [module] = _own(part, place, inside, numbers, None, None)
        if name == IN:
            entries = [entry._replace(name=f"in_proj_{entry.name}") for entry in module.entries]
            module = module._replace(entries=tuple(entries))
        found[name] = module._replace(place=place)
    yield from (found[name] for name in ORDER if name in found)


def _leaves(built: BuiltLayers) -> Iterator[BuiltLayer]:
    """The layers with parameters inside a description, at whatever depth, in order."""
    for piece in built.pieces:
        if piece.inner is not None:
            yield from _leaves(piece.inner)
        elif piece.op.parameters():
            yield piece


def _recurrent_entries(op: Recurrent, numbers) -> Iterator[Entry]:
    """PyTorch has two biases; but for those of a GRU's n, only their sum matters."""
    for suffix in ("_l0", "_l0_reverse")[: op.directions]:
        for name, rows in (("weight_ih", op.fan_in), ("weight_hh", op.units)):
            elements = np.arange(rows * op.columns).reshape(rows, op.columns).T
            yield Entry(f"{name}{suffix}", next(numbers), elements)
        number, every = next(numbers), np.arange(op.columns)
        yield Entry(f"bias_ih{suffix}", number, every)
        if op.cell == "gru":
            yield Entry(f"bias_hh{suffix}", number, every, 2 * op.units, next(numbers))
        else:
            yield Entry(f"bias_hh{suffix}", number, every, op.columns)


def _entry(op, name: str, number: int, elements, before: Order, after: Order) -> Entry:
    if elements.ndim == 1 and after is not None:
        elements = elements[after]
    match op:
        case Dense() | Mirrored() if elements.ndim == 2:
            rows = elements if before is None else elements[before]
            elements = (rows if after is None else rows[:, after]).T
            name = NORMED[1] if getattr(op, "weight_norm", False) else name
        case Dense() if name == "lengths":
            name, elements = NORMED[0], elements[:, np.newaxis]
        case Convolution() if elements.ndim > 1:
            elements = np.moveaxis(elements, (-1, -2), (0, 1))
        case TransposedConvolution() if elements.ndim > 1:
            *kernel, inputs, _ = elements.shape
            parts = elements.reshape(*kernel, inputs, op.groups, -1)
            moved = np.moveaxis(parts, (-2, -3, -1), (0, 1, 2))
            elements = moved.reshape(op.fan_in, -1, *kernel)
    return Entry(name, number, elements)
