"""Compares what an op's twin writes on a simulated GPU with what the CPU writes, bit for bit."""

import numpy as np
from running.op_cases import run
from running.simulated_ops import run_simulated


def assert_same_bits(case_of, dtype, blocks=2, threads=64):
    """A case by both; the memory that is no value holds NaN."""
    _, wanted = run(case_of, dtype, np.nan)
    _, found = run_simulated(case_of, dtype, np.nan, 0, blocks, threads)
    assert wanted
    assert found.keys() == wanted.keys()
    for name, array in wanted.items():
        np.testing.assert_array_equal(found[name], array, err_msg=name)
        assert found[name].tobytes() == array.tobytes(), name
