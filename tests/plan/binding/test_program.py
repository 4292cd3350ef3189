"""Records hold what they are given; what an op does not take is refused by both names."""

import re

import numpy as np
import pytest
from cases.declared_ops import OPS, name_of
from fusednn.kernels import records
from fusednn.kernels._jit import kernel
from fusednn.kernels.intrinsics.shapes import SHAPE
from fusednn.kernels.library import address
from fusednn.kernels.operands import DECLARED
from fusednn.kernels.ops.pointwise import elementwise
from fusednn.kernels.ops.updates import clip
from fusednn.kernels.optimizers import OPTIMIZERS

from fusednn.plan.binding import program
from fusednn.plan.memory.buffers import Block

F32 = np.float32
FUNCTION = OPTIMIZERS["sgd"].step, "step"
each_op = pytest.mark.parametrize("op", [pytest.param(OPS[name], id=name[1]) for name in OPS])


def value_for(kind):
    """Something of a kind, in a float32 network."""
    element = F32 if kind.element is None or kind.element is object else kind.element
    match kind.name:
        case "rows":
            return Block(np.zeros(60, element), 20, 2 * SHAPE.lanes(4) - 1)
        case "array":
            return np.zeros(8, element)
        case "count":
            return 7
        case "number":
            return -0.1
        case "function":
            return FUNCTION
    raise AssertionError(kind)


def given_to(op, *, optional=True):
    """All that an op takes, or only what it needs."""
    kinds = DECLARED[op].kinds.items()
    return {
        name: value_for(kind)
        for name, kind in kinds
        if not kind.of and (optional or not kind.optional)
    }


def record_of(op, operands):
    made = program.Program(F32, 1, 1)
    return made.record(op, operands), made


def refused(op, operands, named):
    """The message, which names the op and the operand."""
    with pytest.raises(TypeError) as error:
        record_of(op, operands)
    assert re.search(rf"^{name_of(op)[1]} .*\b{named}\b", str(error.value)), str(error.value)
    return str(error.value)


@each_op
def test_all_it_takes(op):
    declared, given = DECLARED[op], given_to(op)
    record, _ = record_of(op, given)
    want = {
        records.OP: address(op, "op", np.dtype(F32)),
        records.POSITIONS: 1,
        records.LENGTHS: 0,
    }
    for operand, kind in declared.kinds.items():
        slot = getattr(declared, operand)
        value = given.get(operand)
        match kind.name:
            case "rows":
                want[slot] = value.values.ctypes.data
                want[getattr(declared, f"{operand}_stride")] = 20
            case "array":
                want[slot] = value.ctypes.data
            case "count":
                want[slot] = 7
            case "number":
                want[slot] = np.array(-0.1).view(np.int64)
            case "function":
                want[slot] = address(*FUNCTION, np.dtype(F32))
            case "width":
                want[slot] = given[kind.of].width
            case "padded":
                want[slot] = given[kind.of].width + 1
    assert want == dict(enumerate(record.tolist()))
    assert all(want[slot] for slot in range(len(record)) if slot != records.LENGTHS)


@each_op
def test_what_is_optional(op):
    """It may be left out or be None; the word is 0."""
    declared, given = DECLARED[op], given_to(op, optional=False)
    missing = [operand for operand, kind in declared.kinds.items() if kind.optional]
    bare, _ = record_of(op, given)
    for operand in missing:
        assert bare[getattr(declared, operand)] == 0
    same, _ = record_of(op, {**given, **dict.fromkeys(missing)})
    np.testing.assert_array_equal(same, bare)


@each_op
def test_what_is_missing(op):
    for operand in given_to(op, optional=False):
        given = given_to(op)
        del given[operand]
        assert "needs" in refused(op, given, operand)
        assert "needs" in refused(op, {**given, operand: None}, operand)


@each_op
def test_what_is_unknown(op):
    """A stride and a width come with the rows, so they are unknown too."""
    declared = DECLARED[op]
    follow = [field for field in declared._fields if field not in given_to(op)]
    for operand in ("biases", *follow):
        assert "has no operand" in refused(op, {**given_to(op), operand: 3}, operand)


WRONG = {
    "rows": [np.zeros((3, 20), F32), 7, (np.zeros(60, F32), 20, 7)],
    "array": [7, 0.5, [0.0] * 8, np.zeros(8, np.int16), Block(np.zeros(60, F32), 20, 7), FUNCTION],
    "count": [0.5, 7.0, "7", np.zeros(1, np.int64)],
    "number": [7, np.float32(0.5), "0.5", np.zeros(1)],
    "function": [OPTIMIZERS["sgd"].step, 7, np.zeros(8, F32)],
}


@each_op
def test_what_is_of_another_kind(op):
    for operand, kind in DECLARED[op].kinds.items():
        if kind.of:
            continue
        others = [*WRONG[kind.name]]
        if kind.name == "rows" and kind.element is None:
            others += [Block(np.zeros(60), 20, 7), Block([0.0] * 60, 20, 7)]
        if kind.name == "array":
            dtypes = {np.dtype(one) for one in (F32, float, np.int32, np.int64)}
            dtypes.remove(np.dtype(kind.element or F32))
            others += [np.zeros(8, dtype) for dtype in dtypes]
        for value in others:
            message = refused(op, {**given_to(op), operand: value}, operand)
            assert f" {kind.name}" in message
            if isinstance(value, np.ndarray):
                assert str(value.dtype) in message


@each_op
def test_positions_are_those_of_the_rows(op):
    given = given_to(op)
    blocks = [operand for operand, value in given.items() if isinstance(value, Block)]
    for operand in blocks:
        given[operand] = given[operand]._replace(positions=3)
    record, _ = record_of(op, given)
    assert record[records.POSITIONS] == (3 if blocks else 1)


def test_numbers_of_numpy():
    """Sizes and factors may be NumPy's scalars."""
    op = clip.clip_gradient
    given = given_to(op)
    plain, made = record_of(op, given)
    other = {"part": np.int64(7), "n_parts": np.int32(7), "norm": np.float64(-0.1)}
    np.testing.assert_array_equal(made.record(op, {**given, **other}), plain)


def test_arrays_stay_alive_and_can_be_found():
    """A record has addresses only; the program keeps what is there."""
    op = elementwise.copy_rows
    out, x = (Block(np.zeros(60, F32), 20, 7) for _ in range(2))
    record, made = record_of(op, {"out": out, "x": x.part(3, 4)})
    assert any(array is out.values for array in made._alive)
    [(place, offset)] = made.places_of(x.values)
    assert (place, offset) == (record[DECLARED[op].x :].ctypes.data, 12)


@kernel
def undeclared(record, frame, scratch, lo, hi):
    return 0


def test_no_record_of_an_op_that_is_not_declared():
    with pytest.raises(KeyError):
        record_of(undeclared, {})
