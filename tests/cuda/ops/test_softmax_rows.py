"""The softmax cross-entropy of more columns and rows than a tile has: the bits of the CPU."""

import numpy as np
import pytest
from fusednn.kernels import records
from fusednn.kernels.losses import LOSSES, bounds
from fusednn.kernels.ops import next_tokens, output
from fusednn.kernels.ops.products import tokens
from running.blocks import block_of
from running.op_cases import SAMPLES, Case, always, run
from running.simulated_ops import run_simulated

CLASSES = 150
"""More than the 128 columns of a tile of 32 rows."""
STEPS = 3 * SAMPLES


def logits_and_operands(make, rows, positions):
    """What both losses have, of logits that the gradient overwrites."""
    z = make.rows(4 * make.values(rows, CLASSES))
    losses = np.full(rows // positions, make.fill)
    block = z.block._replace(positions=positions)
    operands = {
        "dlogits": block._replace(width=z.padded), "logits": block, "losses": losses,
        "constants": np.array(bounds(make.dtype), make.dtype),
        "function": (LOSSES["softmax"].function, "loss"),
    }  # fmt: skip
    found = {"dz": always(z.rows[:, : z.padded]), "losses": always(losses)}
    return operands, found


def classes(make):
    """A row for each sample, with weights."""
    operands, found = logits_and_operands(make, SAMPLES, 1)
    targets = make.random.randint(CLASSES, size=(SAMPLES, 1)).astype(make.dtype)
    operands |= {"targets": make.data(targets), "weights": abs(make.values(SAMPLES))}
    splits = ([(0, SAMPLES)],)
    settings = {records.SCALE: 0.3}
    return Case(output.loss_gradient, operands, found, {}, splits, settings=settings, scratch=9999)


def steps(make):
    """Two samples of more rows than a tile has."""
    operands, found = logits_and_operands(make, 2 * STEPS, STEPS)
    codes = make.random.randint(CLASSES, size=2 * STEPS + 1).astype(np.uint8)
    operands |= {
        "codes": block_of(codes[1:, np.newaxis]), "kind": 1 + tokens.INTEGERS.index("uint8"),
        "row_losses": np.full(2 * STEPS, make.fill),
    }  # fmt: skip
    splits, settings = ([(0, 2 * STEPS)],), {records.SCALE: 0.3}
    op = next_tokens.next_token_loss
    return Case(op, operands, found, {}, splits, settings=settings, scratch=9999)


@pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])
@pytest.mark.parametrize(("case", "threads"), [(classes, 32), (steps, 64)])
def test_bits(case, threads, dtype):
    _, want = run(case, dtype, np.nan)
    _, found = run_simulated(case, dtype, np.nan, blocks=2, threads=threads)
    for name, array in want.items():
        assert np.isfinite(array).all(), name
        assert found[name].tobytes() == array.tobytes(), name
