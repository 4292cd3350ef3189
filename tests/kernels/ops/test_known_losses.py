"""Loss and gradient where some targets are NaN, by a loop over the known ones."""

import numpy as np
import pytest
from cases.loss_arguments import constants_of, logits, targets
from fusednn.kernels import records
from fusednn.kernels.losses import LOSSES
from fusednn.kernels.ops import output
from oracles import reference
from running.blocks import block_of
from running.one_op import run_op

ROWS, STRIDE, PADDED = 75, 32, 17


def run(op, name, z, t, order, weights, divisor, tasks):
    """The op on these rows; the losses, and what it wrote of the gradient."""
    dtype, rows = z.dtype.type, np.full((len(order), STRIDE), 9, z.dtype)
    rows[:, : z.shape[1]] = z
    dz, values = np.full_like(rows, 7), np.full(len(order), 7.0)
    operands = {
        "dlogits": block_of(dz, PADDED),
        "losses": values,
        "logits": block_of(rows, z.shape[1]),
        "targets": block_of(t),
        "weights": weights,
        "constants": constants_of(name, dtype),
        "order": order,
        "function": (LOSSES[name].function, "loss"),
    }
    if op is output.known_loss_gradient:
        operands |= {"column_losses": np.zeros(len(order)), "divisor": divisor}
    run_op(op, operands, tasks, dtype, {records.SCALE: 0.25})
    assert (dz[:, PADDED:] == 7).all()
    assert (dz[tasks[0][0] : tasks[-1][1], z.shape[1] : PADDED] == 0).all()
    return values, dz[:, : z.shape[1]]


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("weighted", [False, True])
def test_unknown_targets_have_no_loss(name, dtype, weighted):
    random = np.random.RandomState(len(name))
    z, t = logits(name, (ROWS, 3), dtype, random, 1), targets(name, (ROWS, 3), dtype, random)
    unknown = random.uniform(size=t.shape) < 0.4
    unknown[:40, -1] = True  # a block of rows that knows nothing of a column
    unknown[70] = True
    t[unknown] = np.nan
    order = random.permutation(ROWS)
    weights = random.uniform(0.5, 2, ROWS).astype(dtype) if weighted else None
    constants = constants_of(name, dtype)
    function = getattr(reference, LOSSES[name].function.__name__)
    value, dz = reference.known_loss(
        function, z.astype(float), t[order].astype(float), constants[:-1].astype(float), 3
    )
    scale = np.ones(ROWS) if weights is None else weights[order].astype(float)
    tasks = [(2, 40), (40, 71)]
    ours, gradient = run(output.known_loss_gradient, name, z, t, order, weights, 3, tasks)
    rows, known = slice(2, 71), np.isfinite(t[order]).any(axis=1)
    allowed = 60 * np.finfo(dtype).eps
    np.testing.assert_allclose(ours[rows], (value * scale)[rows], rtol=allowed, atol=9 * allowed)
    np.testing.assert_allclose(
        gradient[rows], (0.25 * scale[:, np.newaxis] * dz)[rows], rtol=allowed, atol=9 * allowed
    )
    assert (gradient[rows][~known[rows]] == 0).all()
    assert (ours[rows][~known[rows]] == 0).all()
    assert (ours[[0, 1, -1]] == 7).all()
    assert (gradient[[0, 1, -1]] == 7).all()


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_where_all_are_known_it_has_the_bits_of_the_other(name, dtype):
    """But for the values of squared errors, which are divided later."""
    random = np.random.RandomState(5)
    z, t = logits(name, (ROWS, 3), dtype, random, 1), targets(name, (ROWS, 3), dtype, random)
    order, tasks = np.arange(ROWS), [(0, ROWS)]
    divisor = 3 if LOSSES[name].per_output else 1
    one, other = (
        run(op, name, z, t, order, None, divisor, tasks)
        for op in (output.loss_gradient, output.known_loss_gradient)
    )
    np.testing.assert_array_equal(one[1], other[1])
    np.testing.assert_allclose(one[0], other[0], rtol=1e-15 if divisor == 1 else 1e-6)
