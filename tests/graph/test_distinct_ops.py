"""Ops of two types are never equal, whatever their fields: graphs are cached by the ops."""

import pickle
from dataclasses import fields
from importlib import import_module
from itertools import permutations
from pathlib import Path

import pytest

from fusednn.graph import layers
from fusednn.graph.layers.convolution import Convolution
from fusednn.graph.layers.epilogue import NOTHING
from fusednn.graph.layers.transposed_convolution import TransposedConvolution
from fusednn.graph.network import Network
from fusednn.graph.windows import Windows

MODULES = [
    import_module(f"{layers.__name__}.{path.stem}")
    for path in sorted(Path(layers.__file__).parent.glob("[a-z]*.py"))
]
OPS = [
    found
    for module in MODULES
    for found in vars(module).values()
    if isinstance(found, type)
    and found.__module__ == module.__name__
    and {"trace", "out_shape"} <= {*dir(found)}
    and not getattr(found, "_is_protocol", False)
]


def names_of(op):
    return op._fields if hasattr(op, "_fields") else [field.name for field in fields(op)]


def test_all_ops_are_found():
    assert {"Dense", "Convolution", "PReLU", "Residual", "UpSampling"} <= {
        op.__name__ for op in OPS
    }


def made(op):
    """An op whose fields are numbers in their order, but for its epilogue, which none can be."""
    own = {name: number for number, name in enumerate(names_of(op))}
    return op(**own | ({"after": NOTHING} if "after" in own else {}))


@pytest.mark.parametrize("op", OPS)
def test_equal_fields_of_one_type_are_enough(op):
    assert made(op) == made(op)
    assert hash(made(op)) == hash(made(op))
    assert pickle.loads(pickle.dumps(made(op))) == made(op)


PAIRS = [
    (one, other)
    for one, other in permutations(OPS, 2)
    if len(names_of(one)) == len(names_of(other))
]


@pytest.mark.parametrize(("one", "other"), PAIRS)
def test_equal_fields_of_two_types_are_not(one, other):
    assert made(one) != made(other)
    assert not made(one) == made(other)  # noqa: SIM201 - the two operators are two methods
    assert len({made(one), made(other)}) == 2


def test_graphs_of_equal_fields_are_their_own():
    windows = Windows((4,), (1,), (1,), ((0, 0),), (1,))
    found = [
        {call.op for call in Network((op(3, 3, windows),), None, is_whole=False).graph().calls}
        for op in (Convolution, TransposedConvolution)
    ]
    assert ["convolve" in found[0], "convolve_transposed" in found[1]] == [True, True]
