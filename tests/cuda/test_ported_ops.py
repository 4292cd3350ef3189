"""Ops of the CPU that run as they stand on a GPU: a thread has a row, in any order."""

import numpy as np
import pytest
from cases.ops.every_case import CASES
from fusednn.kernels.cuda.ops.ported import PORTED
from fusednn.kernels.cuda.twins import THREAD, every_twin
from running.op_cases import Memory, run

OP_OF = {name: case(Memory(np.float32, np.nan)).op for name, case in CASES.items()}
MINE = [name for name, op in OP_OF.items() if op in PORTED]


def test_all_have_a_case_and_a_twin():
    assert {OP_OF[name] for name in MINE} == set(PORTED)
    alone = {op for op, twin in every_twin().items() if twin.spread == THREAD}
    assert alone <= set(PORTED)
    assert set(PORTED) <= every_twin().keys()


@pytest.mark.parametrize("name", MINE)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_rows_one_by_one_from_the_last_give_the_same_bits(name, dtype):
    """What a thread runs is [row, row + 1), before or after any other."""
    case = CASES[name]
    if dtype not in getattr(case, "dtypes", [dtype]):
        return

    def by_rows(make):
        made = case(make)
        rows = [(row, row + 1) for lo, hi in made.splits[0] for row in range(lo, hi)]
        assert len(rows) > 1
        return made._replace(splits=(rows[::-1],))

    _, want = run(case, dtype, np.nan)
    _, found = run(by_rows, dtype, np.nan)
    for key, array in want.items():
        assert found[key].tobytes() == array.tobytes(), key
