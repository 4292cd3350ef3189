"""Every op alone: values by plain NumPy, memory that is no value, and any division into tasks.

A new op fails `test_all_ops_have_a_case` until a module of `cases/ops/` has a case for it.
"""

import numpy as np
import pytest
from cases.declared_ops import OPS, name_of
from cases.ops.every_case import CASES
from running.blocks import assert_close
from running.op_cases import Memory, run

TOLERANCE = {np.float32: 2e-5, np.float64: 1e-12}
"""A share of the largest value, or of 1."""
DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])
EVERY = pytest.mark.parametrize(
    ("case", "dtype"),
    [
        pytest.param(case, dtype, id=f"{name}-{dtype.__name__}")
        for name, case in CASES.items()
        for dtype in (np.float32, np.float64)
        if dtype in getattr(case, "dtypes", [dtype])
    ],
)


def test_all_ops_have_a_case():
    """One for each, at least; each op by its module and name."""
    found = {name_of(case(Memory(np.float32, np.nan)).op) for case in CASES.values()}
    assert found == set(OPS)


@EVERY
def test_values(case, dtype):
    made, found = run(case, dtype, np.nan)
    assert found.keys() == made.want.keys()
    for name, array in found.items():
        assert_close(array.astype(float), np.asarray(made.want[name], float), TOLERANCE[dtype])


@pytest.mark.thinned
@EVERY
def test_what_is_no_value_changes_no_bit(case, dtype):
    """NaN in it, or 7; and what an op clears is zero, with nothing written behind it."""
    results = []
    for fill in (np.nan, 7.0):
        made, found = run(case, dtype, fill)
        results.append(found)
        for rows in made.zeros:
            np.testing.assert_array_equal(rows.rows[:, rows.width : rows.padded], 0)
            np.testing.assert_array_equal(rows.rows[:, rows.padded :], fill)
    for name, array in results[0].items():
        assert np.isfinite(array).all()
        assert array.tobytes() == results[1][name].tobytes(), name


@pytest.mark.thinned
@EVERY
@pytest.mark.parametrize("workers", [1, 3])
def test_tasks_and_workers_change_no_bit(case, dtype, workers):
    _, whole = run(case, dtype, np.nan)
    made, parts = run(case, dtype, np.nan, 1, workers)
    assert made.splits[0] != made.splits[1]
    for name, array in whole.items():
        assert array.tobytes() == parts[name].tobytes(), name
