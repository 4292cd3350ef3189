"""Updates on a simulated GPU, with what `test_every_twin` leaves out: the bits of the CPU."""

import numpy as np
import pytest
from cases.ops import of_updates
from cases.ops.of_products import FAN_IN, FAN_OUT
from fusednn.kernels import records
from fusednn.kernels.ops.updates.adjust import adjust
from fusednn.kernels.optimizers import OPTIMIZERS
from running.op_cases import SAMPLES, update_case
from running.same_bits import assert_same_bits

from fusednn.plan.layout.forms import Column, Panels, Vectors
from fusednn.plan.memory.buffers import aligned_zeros

DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])
STEPPED = [of_updates.update_weights, of_updates.update_narrow, of_updates.apply_decaying]


def named(case):
    return getattr(case, "__name__", None)


@pytest.mark.thinned
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

    assert_same_bits(lambda make: edit(case(make)), dtype)


@pytest.mark.thinned
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

    assert_same_bits(lambda make: edit(case(make)), dtype)


@DTYPES
def test_no_l1_term_sums_nothing(dtype):
    """Without `adjust` the sums of absolute values are zero."""

    def edit(case):
        absolutes = np.full(len(case.operands["squares_out"]), np.nan)
        found = {**case.found, "absolutes": lambda program: absolutes.copy()}
        return case._replace(operands={**case.operands, "absolutes_out": absolutes}, found=found)

    for case in STEPPED:
        assert_same_bits(lambda make, case=case: edit(case(make)), dtype)


def of_series(form_of, counts):
    """A case of the update of a parameter from rows of series of three steps."""

    def case(make):
        form = form_of(make.dtype)
        dz = make.rows(make.values(3 * SAMPLES, form.shape[-1]), padding=0)
        operands = {
            "dz": dz.block._replace(positions=3), "zeros": aligned_zeros(512, make.dtype),
            "lengths": np.resize(counts, SAMPLES),
        }  # fmt: skip
        if len(form.shape) == 1:
            operands["ones"] = np.ones(1, make.dtype)
            return update_case(make, of_updates.update.update_bias, form, 0.0, operands)
        x = make.rows(make.values(3 * SAMPLES, form.shape[0]))
        operands["x"] = x.block._replace(positions=3)
        return update_case(make, form.update_op, form, 0.0, operands)

    return case


@DTYPES
@pytest.mark.parametrize("counts", [[2, 0, 3, 1, 3], [0]], ids=["some", "none"])
@pytest.mark.parametrize(
    "form",
    [
        lambda dtype: Panels(FAN_IN, FAN_OUT, dtype),
        lambda dtype: Vectors(FAN_IN, 3, dtype),
        lambda dtype: Column(FAN_OUT, dtype),
    ],
    ids=["panels", "vectors", "column"],
)
def test_rows_of_series(form, dtype, counts):
    """A sum over the rows that each sample has, or over none."""
    assert_same_bits(of_series(form, counts), dtype)
