"""Every op that has a twin, alone on a simulated GPU: the bits of the CPU."""

import numpy as np
import pytest
from cases.declared_ops import name_of
from cases.ops.every_case import CASES
from fusednn.kernels.cuda.twins import THREAD, every_twin
from fusednn.kernels.operands import DECLARED
from running.op_cases import Memory, run
from running.simulated_ops import run_simulated

BY_HAND = [  # but what begins a step, which is no op
    op for op, twin in every_twin().items() if twin.spread != THREAD and op in DECLARED
]
OP_OF = {name: case(Memory(np.float32, np.nan)).op for name, case in CASES.items()}
MINE = {name: case for name, case in CASES.items() if OP_OF[name] in BY_HAND}
SHAPES = (0, 3, 64), (1, 1, 256), (1, 5, 64)
"""One task or several of a launch, its blocks and their threads; five blocks are more than some
cases have work for."""

TRIED = [  # each type of a case in one shape; a third of them in the short run
    pytest.param(
        *(case, dtype, SHAPES[(number + (dtype is np.float64)) % 3]),
        id=f"{name}-{dtype.__name__}",
        marks=() if number % 3 == 0 else pytest.mark.long,
    )
    for number, (name, case) in enumerate(MINE.items())
    for dtype in (np.float32, np.float64)
    if dtype in getattr(case, "dtypes", [dtype])
]


def test_every_twin_has_a_case():
    assert {name_of(op) for op in BY_HAND} == {name_of(OP_OF[name]) for name in MINE}


@pytest.mark.parametrize("op", BY_HAND, ids=[".".join(name_of(op)) for op in BY_HAND])
def test_twins_take_what_the_op_takes(op):
    """Its arguments, and the functions of its record in their order, under its own name."""
    twin, kinds = every_twin()[op], DECLARED[op].kinds
    functions = [name for name, kind in kinds.items() if kind.name == "function"]
    for function in (twin.function, *(function for _, function in twin.others)):
        code = function.__code__
        names = code.co_varnames[: code.co_argcount]
        assert names == ("record", "frame", "scratch", "lo", "hi", *functions)
    assert twin.function.__name__ == op.py_func.__name__
    folder, _, _ = op.__module__.replace(".ops.", ".cuda.ops.").rpartition(".")
    assert twin.function.__module__.startswith(folder)


@pytest.mark.parametrize(("case", "dtype", "shape"), TRIED)
def test_bits(case, dtype, shape):
    split, blocks, threads = shape
    _, want = run(case, dtype, np.nan)
    _, found = run_simulated(case, dtype, np.nan, split, blocks, threads)
    assert found.keys() == want.keys()
    for name, array in want.items():
        np.testing.assert_array_equal(found[name], array, err_msg=name)
        assert found[name].tobytes() == array.tobytes(), name
