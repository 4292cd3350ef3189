"""Fifty steps of each optimizer against PyTorch's, whatever the batches, blocks and threads."""

import pytest
from cases import peer_cases

torch = pytest.importorskip("torch")

# Without the peer the module ends above, so these imports cannot come first.
from every_part import OPTIMIZERS
from oracles.torch_descriptions import twin_of
from oracles.torch_network import TorchNetwork
from running.sessions import STABLE_RATE, assert_near, assert_same_bits, by_kind, open_session

from fusednn.training.optimizer_state import OptimizerState, rule_of

pytestmark = pytest.mark.peers
torch.set_num_threads(1)

STEPS = 50
TWINS = {name: twin_of(solver) for name, solver in OPTIMIZERS.items() if twin_of(solver)}
BATCHES = {"whole": (31, 4096), "mini-batches": (12, 4096), "blocks": (31, 8), "both": (12, 8)}
"""Rows of a batch, of which the last has fewer, and of a block."""
DTYPES = pytest.mark.parametrize("dtype", ["float64", "float32"])


@pytest.fixture(autouse=True)
def float64_scalars():
    """NAdam's product of momenta is in PyTorch's default type."""
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def ours(solver, X, t, parameters, batch, l2, n_jobs=1):
    """Parameters and moments after STEPS steps, pass by pass."""
    state = OptimizerState(solver, rule_of(solver), STABLE_RATE, "constant", 0.5)
    with open_session(
        X, t, parameters, loss="softmax", rule=state.rule, batch=batch, l2=l2, n_jobs=n_jobs
    ) as session:
        while state.t < STEPS:
            session.run_passes(state.rates(session.batches, [0]))
        found, *moments = (
            by_kind(arrays) for arrays in (session.parameters(), *session.moments())
        )
        return state.t, found, [array for moment in moments for array in moment]


def theirs(make, options, X, t, parameters, batch, l2, steps):
    """The same steps in PyTorch; intercepts do not decay."""
    network = TorchNetwork("tanh", "softmax", *parameters)
    coefs = {"params": network.coefs, "weight_decay": 0.0}
    judge = make(
        [coefs, {"params": network.intercepts, "weight_decay": 0.0}], lr=STABLE_RATE, **options
    )
    decoupled = judge.defaults["weight_decay"] if make is torch.optim.AdamW else None
    starts = [*range(0, len(X), batch)]
    for step in range(steps):
        start = starts[step % len(starts)]
        rows = slice(start, start + batch)
        judge.param_groups[0]["weight_decay"] = (
            l2 / len(X[rows]) if decoupled is None else decoupled
        )
        judge.zero_grad()
        network.objective(X[rows], t[rows]).backward()
        judge.step()
    return network.arrays()


def case(monkeypatch, batches, dtype):
    batch, block = BATCHES[batches]
    monkeypatch.setattr("fusednn.plan.memory.sizes.BLOCK_LIMIT", block)
    return (*peer_cases.problem("softmax", dtype), batch)


@DTYPES
@pytest.mark.parametrize("l2", [0.0, 0.4])
@pytest.mark.parametrize("batches", BATCHES)
@pytest.mark.parametrize("name", TWINS)
def test_trajectory(monkeypatch, name, batches, l2, dtype):
    """PyTorch computes in float64 for both types; its own NAdam in float32 is 3e-5 from that."""
    solver, (make, options) = OPTIMIZERS[name], TWINS[name]
    X, t, parameters, batch = case(monkeypatch, batches, dtype)
    steps, found, _ = ours(solver, X, t, parameters, batch, l2)
    parameters = [[part.astype(float) for part in group] for group in parameters]
    data = X.astype(float), t.astype(float)
    expected = theirs(make, options, *data, parameters, batch, l2, steps)
    assert_near(found, expected, solver, dtype)


@DTYPES
@pytest.mark.parametrize("batches", BATCHES)
@pytest.mark.parametrize("solver", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_two_threads(monkeypatch, solver, batches, dtype):
    *problem, batch = case(monkeypatch, batches, dtype)
    (_, *one), (_, *two) = (ours(solver, *problem, batch, 0.4, n_jobs=jobs) for jobs in (1, 2))
    for some, others in zip(one, two, strict=True):
        assert_same_bits(some, others)
