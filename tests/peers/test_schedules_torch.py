"""Schedules against `torch.optim.lr_scheduler`: the rates, and trajectories under them."""

from math import cos, log2, pi

import numpy as np
import pytest
from cases import peer_cases

torch = pytest.importorskip("torch")

# Without the peer the module ends above, so these imports cannot come first.
from oracles.torch_network import TorchNetwork
from running.sessions import assert_near, by_kind, open_session
from torch.optim import lr_scheduler

from fusednn.optimizers import SGD, AdamW, NAdam
from fusednn.schedules import (
    Cosine,
    CosLog,
    Cyclic,
    Exponential,
    FlatCosine,
    OneCycle,
    ReduceOnPlateau,
    Step,
    WarmUp,
)
from fusednn.training.optimizer_state import OptimizerState, rule_of

pytestmark = pytest.mark.peers
torch.set_num_threads(1)

STEPS, RATE = 60, 0.01


def one_cycle(o, **more):
    return lr_scheduler.OneCycleLR(o, max_lr=RATE, total_steps=STEPS, cycle_momentum=False, **more)


def cyclic(o):
    return lr_scheduler.CyclicLR(o, 0.1 * RATE, RATE, 8, cycle_momentum=False)


def warmed_up(o):
    first = lr_scheduler.LinearLR(o, start_factor=0.1, total_iters=9)
    then = lr_scheduler.CosineAnnealingLR(o, T_max=STEPS - 10)
    return lr_scheduler.SequentialLR(o, [first, then], milestones=[10])


def flat_cosine(o):
    half = STEPS // 2
    flat = lr_scheduler.ConstantLR(o, factor=1.0)
    then = lr_scheduler.CosineAnnealingLR(o, T_max=STEPS - half)
    return lr_scheduler.SequentialLR(o, [flat, then], milestones=[half])


def coslog(o):
    def factor(step):  # pytabkit's formula
        return 0.5 * (1 - cos(2 * pi * log2(1 + (2**4 - 1) * step / STEPS)))

    return lr_scheduler.LambdaLR(o, factor)


SCHEDULES = [
    (Step(7, 0.5), lambda o: lr_scheduler.StepLR(o, 7, 0.5)),
    (Exponential(0.9), lambda o: lr_scheduler.ExponentialLR(o, 0.9)),
    (Cosine(), lambda o: lr_scheduler.CosineAnnealingLR(o, STEPS)),
    (Cosine(0.2), lambda o: lr_scheduler.CosineAnnealingLR(o, STEPS, eta_min=0.2 * RATE)),
    (OneCycle(final=4e-6), one_cycle),  # where PyTorch's is a factor of the first rate
    (OneCycle(0.5, 0.1, 0.01), lambda o: one_cycle(
        o, pct_start=0.5, div_factor=10, final_div_factor=10)),
    (Cyclic(0.1, 8), cyclic),
    (WarmUp(5), lambda o: lr_scheduler.LinearLR(o, start_factor=0.2, total_iters=4)),
    (WarmUp(10, then=Cosine()), warmed_up),
    (FlatCosine(), flat_cosine),
    (CosLog(), coslog),
]  # fmt: skip
each_schedule = pytest.mark.parametrize(
    ("ours", "theirs"), SCHEDULES, ids=lambda x: getattr(x, "__name__", str(x))[:40]
)


def rates_of(make):
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=RATE)
    scheduler, rates = make(optimizer), []
    for _ in range(STEPS):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return np.array(rates)


@each_schedule
@pytest.mark.filterwarnings("ignore")  # PyTorch's SequentialLR trips over its own deprecations
def test_rates(ours, theirs):
    found = RATE * ours.factors(np.arange(STEPS, dtype=float), STEPS)
    np.testing.assert_allclose(found, rates_of(theirs), rtol=1e-9, atol=1e-12)


def test_a_plateau():
    losses = np.random.RandomState(0).normal(1, 0.2, 200) + np.linspace(1, 0, 200)
    losses[40:60] = np.nan
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=RATE)
    judge = lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.5, patience=3, eps=0)
    state = OptimizerState(SGD(), rule_of(SGD()), RATE, ReduceOnPlateau(0.5, 3), 0.5)
    for loss in losses.tolist():
        assert state.rates(2, [0]).tolist() == [optimizer.param_groups[0]["lr"]] * 2
        state.note_loss(loss)
        judge.step(loss)
    assert state.learning_rate < RATE / 100


@pytest.mark.parametrize("solver", [SGD(0.9), SGD(0.9, nesterov=True), AdamW(), NAdam()], ids=str)
@each_schedule
@pytest.mark.filterwarnings("ignore")
def test_trajectory(solver, ours, theirs):
    """With momentum too, where it matters that the rate is outside the velocity."""
    torch.set_default_dtype(torch.float64)
    try:
        X, t, parameters = peer_cases.problem("softmax", "float64")
        network = TorchNetwork("tanh", "softmax", *parameters)
        options = {"momentum": 0.9, "nesterov": solver.nesterov} if type(solver) is SGD else {}
        judge = getattr(torch.optim, type(solver).__name__)(
            [{"params": network.coefs}, {"params": network.intercepts, "weight_decay": 0.0}],
            lr=RATE, **options,
        )  # fmt: skip
        scheduler = theirs(judge)
        for _ in range(STEPS):
            judge.zero_grad()
            network.objective(X, t).backward()
            judge.step()
            scheduler.step()
    finally:
        torch.set_default_dtype(torch.float32)
    state = OptimizerState(solver, rule_of(solver), RATE, ours, 0.5)
    state.total = STEPS
    with open_session(X, t, parameters, loss="softmax", rule=state.rule) as session:
        for _ in range(STEPS):
            session.run_passes(state.rates(1, [0]))
        found = by_kind(session.parameters())
    assert_near(found, network.arrays(), solver, "float64")
