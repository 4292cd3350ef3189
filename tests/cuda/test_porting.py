"""Functions carried over to another machine, here Python: names, calls by address, closures."""

import types

import numpy as np
import pytest
from fusednn.kernels import maths
from fusednn.kernels._jit import kernel
from fusednn.kernels.cuda.compiling.porting import Porting
from fusednn.kernels.intrinsics.pointers import slot
from fusednn.kernels.intrinsics.sync import call
from fusednn.kernels.operands import COUNT, FUNCTION, maybe, operands

DECLARED = operands(size=COUNT, function=FUNCTION, more=maybe(FUNCTION))
VALUES = {}


@kernel
def halved(x):
    return x / 2


@kernel
def by_address(record, x):
    status = call(record, DECLARED.function, (x,))
    if record[DECLARED.more] != 0:
        status += call(record, DECLARED.more, (x, x))
    return status


def reads_slot(record):
    return slot(record, DECLARED.size, 0)


def through_module(x):
    return maths.exp(x), np.abs(x)


def meaning(value):
    """A machine whose `slot` gives its name, and whose `exp` is one more."""
    if value is slot:
        return lambda record, index, like: ("slot", index)
    return (lambda x: x + 1) if value is maths.exp else None


def carried(**functions):
    made = []

    def note(function):
        made.append(function.__name__)
        return function

    return Porting(meaning, note, functions), made


def test_intrinsics_get_their_meaning():
    port, made = carried()
    assert port(reads_slot)([0] * 9) == ("slot", DECLARED.size)
    assert made == ["reads_slot"]
    assert reads_slot.__globals__["slot"] is slot


def test_a_kernel_is_carried_over_once():
    port, made = carried()
    first = port(halved)
    assert isinstance(first, types.FunctionType)
    assert port(halved) is first
    assert (first(3.0), made) == (1.5, ["halved"])


def test_a_module_s_kernels_too_and_no_others():
    port, _ = carried()
    assert port(through_module)(-2.0) == (-1.0, 2.0)
    assert maths.exp is not port(through_module).__globals__["maths"].exp


@pytest.mark.parametrize(("more", "there", "want"), [(None, 0, 2.0), (None, 1, 2.0)])
def test_calls_by_address_become_calls(more, there, want):
    """A missing function is 0: the record's word says that it is not called."""
    port, made = carried(function=halved, more=more)
    record = np.zeros(DECLARED.size + 3, np.int64)
    record[DECLARED.more] = there
    assert port(by_address)(record, 4.0) == want
    assert made == ["halved", "by_address"]


def test_a_function_of_another_form_is_not_called():
    """One op calls its function in two ways, by what the record holds."""
    port, _ = carried(function=halved, more=halved)
    record = np.ones(DECLARED.size + 3, np.int64)
    assert port(by_address)(record, 4.0) == 2.0


def test_what_a_closure_holds_is_carried_over():
    def made(function):
        def inner(x):
            return function(x) + 1

        return inner

    port, names = carried()
    assert port(made(halved))(4.0) == 3.0
    assert names == ["halved", "inner"]
