"""Products and updates on a simulated GPU: the bits of the CPU, in several blocks."""

import fusednn.kernels.cuda.ops.products.dense
import fusednn.kernels.cuda.ops.products.narrow_dense
import fusednn.kernels.cuda.ops.products.partials
import fusednn.kernels.cuda.ops.updates.average
import fusednn.kernels.cuda.ops.updates.clip
import fusednn.kernels.cuda.ops.updates.column_norms
import fusednn.kernels.cuda.ops.updates.unit_norms
import fusednn.kernels.cuda.ops.updates.update  # noqa: F401 - these fill the table
import numpy as np
import pytest
from cases.ops import of_products, of_updates
from fusednn.kernels import records
from fusednn.kernels.cuda.twins import TWINS
from fusednn.kernels.ops.updates.adjust import adjust
from fusednn.kernels.optimizers import OPTIMIZERS
from running.gpu_cases import assert_same_bits
from running.op_cases import Memory

CASES = [
    case
    for case in (*of_products.CASES, *of_updates.CASES)
    if case(Memory(np.float32, 0.0)).op in TWINS
]
DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])
STEPPED = [of_updates.update_weights, of_updates.update_narrow, of_updates.apply_decaying]


def named(case):
    return getattr(case, "__name__", None)


def test_ops_of_this_file():
    assert {case.__name__ for case in CASES} >= {
        *("dense_forward", "plain_forward", "dense_backward", "narrow_forward", "narrow_backward"),
        *("update_weights", "update_narrow", "update_bias", "update_decaying", "update_partials"),
        *("update_vector_partials", "update_decaying_partials", "apply_gradient", "apply_narrow"),
        *("apply_bias", "apply_decaying", "average_weights", "gradient_squares", "clip_factor"),
        *("clip_gradient", "bound_columns", "bound_vectors", "normalise_columns"),
        *("normalise_vectors", "differentiate_columns", "differentiate_vectors"),
    }


@DTYPES
@pytest.mark.parametrize("case", CASES, ids=named)
@pytest.mark.parametrize(("blocks", "threads"), [(2, 64), (1, 96)])
def test_bits(case, dtype, blocks, threads):
    assert_same_bits(case, dtype, blocks, threads)


@DTYPES
@pytest.mark.parametrize("case", STEPPED, ids=named)
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_every_optimizer(case, dtype, optimizer):
    """States that are not zero, and shared where an optimizer has fewer than three."""

    def edit(case):
        random, given = np.random.RandomState(1), case.operands
        states = OPTIMIZERS[optimizer].states
        for number in range(states):
            given[f"state_{number + 1}"][:] = random.uniform(0.1, 2, given["parameters"].shape)
        for number in range(states, 3):
            given[f"state_{number + 1}"] = given[f"state_{states}"]
        constants = np.array([0.9, 0.99, 1e-3, 0.0])
        if OPTIMIZERS[optimizer].epsilon is not None:
            constants[OPTIMIZERS[optimizer].epsilon] = 1e-3
        given.update(step=(OPTIMIZERS[optimizer].step, "step"), constants=constants)
        kept = [f"state_{number + 1}" for number in range(states)]
        found = {name: (lambda program, name=name: given[name].copy()) for name in kept}
        settings = {records.EPSILON_FACTOR: 0.7, records.SECOND_RATE: 0.02}
        return case._replace(found={**case.found, **found}, settings={**case.settings, **settings})

    assert_same_bits(case, dtype, 2, 64, edit)


@DTYPES
@pytest.mark.parametrize("copied", [True, False], ids=["copied", "not-copied"])
@pytest.mark.parametrize("case", [*STEPPED, of_updates.apply_bias], ids=named)
def test_factors_and_absolute_values(case, dtype, copied):
    """A layer's factors, the L1 term, and the sums of absolute values for the totals."""

    def edit(case):
        more = {"factors": np.array([0.5, 3.0, 0.25, 2.0]), "adjust": (adjust, "adjust")}
        found = dict(case.found)
        if "squares_out" in case.operands:
            absolutes = np.full(len(case.operands["squares_out"]), np.nan)
            more["absolutes_out"] = absolutes
            found["squares"] = lambda program: case.operands["squares_out"].copy()
            found["absolutes"] = lambda program: absolutes.copy()
        if not copied:
            found.pop("transposed", None)
            more["transposed"] = None
        return case._replace(
            operands={**case.operands, **more},
            found=found,
            settings={**case.settings, records.L1: 0.03},
        )

    assert_same_bits(case, dtype, 2, 64, edit)


@DTYPES
def test_no_l1_term_sums_nothing(dtype):
    """Without `adjust` the sums of absolute values are zero."""

    def edit(case):
        absolutes = np.full(len(case.operands["squares_out"]), np.nan)
        found = {**case.found, "absolutes": lambda program: absolutes.copy()}
        return case._replace(operands={**case.operands, "absolutes_out": absolutes}, found=found)

    for case in STEPPED:
        assert_same_bits(case, dtype, 2, 64, edit)


@DTYPES
@pytest.mark.parametrize(
    "case",
    [of_updates.update_weights, of_updates.update_narrow, of_updates.update_bias],
    ids=named,
)
@pytest.mark.parametrize("counts", [[2, 0, 3, 1, 3, 3, 2], [0, 0, 0, 0, 0, 0, 0]])
def test_rows_of_series(case, dtype, counts):
    """A sum over the rows that each sample has, or over none."""

    def edit(case):
        lengths = np.array(counts, np.int64)
        given = {**case.operands, "lengths": lengths}
        for name in {"x", "dz"} & given.keys():
            given[name] = given[name]._replace(positions=3)
        return case._replace(operands=given)

    assert_same_bits(case, dtype, 2, 64, edit, samples=7)
