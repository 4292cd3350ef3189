"""Convolutions, their transposes and upsampling by the interpreter; bits, padding, groups."""

import numpy as np
import pytest
from cases.random_windows import KINDS, Case, random_case
from fusednn.kernels._jit import JIT
from oracles.interpreter import Run
from running.poison import poison

from fusednn.graph.windows import Windows
from fusednn.layers import ConvTranspose1D
from fusednn.plan.training import Rule

DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])
EVERY = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
EACH_PRODUCT = pytest.mark.parametrize("kind", KINDS[:2], ids=lambda kind: kind.__name__)
GROUPS = {
    "one": (1, (3, 5)),
    "depthwise": (17, (1, 1)),
    "depthwise, more filters": (5, (1, 3)),
    "pairs": (2, (17, 3)),
    "wide": (2, (3, 35)),
    "single filters": (3, (5, 1)),
}
"""Groups, and the channels and filters of one."""
EACH_GROUP = pytest.mark.parametrize("groups", GROUPS.values(), ids=GROUPS)
SEEDS = range(12 if JIT else 5)
LARGEST = 10 if JIT else 6


def check(case):
    """Compares outputs and gradients with the interpreter's."""
    t = case.t.astype(float)

    def of_loss(logits, name):
        d = (logits - t) / len(t)
        return (d * d).sum(axis=1)[:, np.newaxis], d

    graph = case.network.graph(trains=True, wants_dx=True)
    run = Run(graph, case.parameters, case.X, of_loss)
    case.check([run.logits, *run.gradients(), run.dx])


def poisoned(session):
    """Fills what a step has to write before it may read it."""
    assert poison(session.plan.memory) > 5


@pytest.mark.thinned
@DTYPES
@EVERY
@pytest.mark.parametrize("seed", SEEDS)
def test_random_sizes(seed, kind, dtype):
    check(random_case(kind, seed, dtype, largest=LARGEST))


@pytest.mark.thinned
@DTYPES
@EACH_GROUP
@pytest.mark.parametrize("seed", SEEDS[:4])
@EACH_PRODUCT
def test_groups(kind, seed, groups, dtype):
    check(random_case(kind, seed, dtype, *groups, largest=LARGEST))


@pytest.mark.thinned
@DTYPES
@EACH_GROUP
@EVERY
def test_threads_and_poisoned_memory_change_no_bit(kind, groups, dtype):
    for seed in SEEDS[:3]:
        case = random_case(kind, seed, dtype, *groups, largest=LARGEST)
        plain = case.ours()
        for other in (case.ours(n_jobs=2), case.ours(prepare=poisoned)):
            for one, another in zip(plain, other, strict=True):
                assert one.tobytes() == another.tobytes()


@pytest.mark.thinned
@DTYPES
@EACH_GROUP
@EACH_PRODUCT
def test_rows_are_predicted_alike_alone(kind, groups, dtype):
    for seed in SEEDS[:3]:
        case = random_case(kind, seed, dtype, *groups, largest=LARGEST)
        whole = case.outputs(case.X)
        alone = [case.outputs(case.X[row : row + 1]) for row in range(len(case.X))]
        assert np.concatenate(alone).tobytes() == whole.tobytes()


@pytest.mark.thinned
@DTYPES
@EACH_GROUP
@EACH_PRODUCT
def test_padding_columns_stay_zero(kind, groups, dtype):
    """So a column's norm, decay and the gradients of the next step see the weights alone."""
    case = random_case(kind, 1, dtype, *groups, largest=LARGEST)
    session = case.session(rule=Rule("adam", (0.9, 0.999, 1e-8)), batch=7)
    session.begin(1, 0)
    with session:
        for _ in range(3):
            poisoned(session)
            session.run_passes(np.full(session.batches, 0.1))
    layout, before = session.plan.layout, session.plan.parameters
    after = np.zeros_like(before)
    layout.pack(layout.unpack(before), after)
    assert np.isfinite(before).all()
    assert before.tobytes() == after.tobytes()


@pytest.mark.thinned
@DTYPES
@EACH_GROUP
@EACH_PRODUCT
def test_bounds_of_columns(kind, groups, dtype):
    """The bound is on the weights of each filter."""
    case = random_case(kind, 2, dtype, *groups, largest=LARGEST)
    bounded = case.op._replace(max_norm=0.25)
    case = Case(bounded, case.shape, samples=9, dtype=dtype, behind_data=True)
    with case.session(rule=Rule("sgd", (0.0,))) as session:
        session.run_passes(np.full(session.batches, 1e-6))
        found = session.parameters()[0]
    before = case.parameters[0]
    norms = np.linalg.norm(before.reshape(-1, before.shape[-1]), axis=0)
    wanted = before * np.minimum(1, 0.25 / norms)
    np.testing.assert_allclose(found, wanted, atol=1e-4)
    assert (norms > 0.25).any()


@pytest.mark.parametrize(
    ("options", "wanted"),
    [
        ({"stride": 2, "padding": 1}, 7),
        ({"stride": 2, "padding": 1, "output_padding": 1}, 8),
        ({"stride": 2, "padding": (1, 0)}, 8),
        ({"stride": 3, "padding": "same"}, 12),
        ({"dilation": 2}, 8),
    ],
    ids=str,
)
def test_sizes_of_a_transposed_convolution(options, wanted):
    """PyTorch's sizes for four inputs and three taps."""
    assert ConvTranspose1D(1, 3, **options).sizes_from((4,)) == (wanted,)


def test_they_are_not_taken_for_each_other():
    """Graphs are cached by their ops, and one of each has the same fields."""
    windows = Windows((4, 5), (2, 2), (1, 1), ((1, 0), (1, 0)), (1, 1))
    for kind in KINDS[:2]:
        check(Case(kind(3, 3, windows), (4, 5, 3), behind_data=True))
