"""What RealMLP adds to training, against PyTorch's Adam stepped as pytabkit steps it.

Before each step of Adam a parameter is multiplied by 1 - rate decay, in which pytabkit has both of
its factors twice. Rates follow coslog, dropout and decay flat_cos; biases learn slowly and do not
decay.
"""

from math import cos, log2, pi

import numpy as np
import pytest

torch = pytest.importorskip("torch")

# Without PyTorch the module ends above, so these imports cannot come first.
from oracles.reference_layers import dropout_mask
from torch import nn

from fusednn.estimators.network.building import build
from fusednn.estimators.network.list_ends import divided
from fusednn.graph.network import Network
from fusednn.layers import Dense, Dropout, Output, Scale
from fusednn.optimizers import AdamW
from fusednn.plan.training import Target
from fusednn.schedules import CosLog, FlatCosine
from fusednn.training.optimizer_state import OptimizerState, rule_of
from fusednn.training.session import Session

pytestmark = pytest.mark.peers

PASSES, BATCH, SAMPLES, SEED = 8, 10, 40, 11
TOTAL = PASSES * SAMPLES // BATCH
RATE, DECAY, DROPPED, BETAS = 0.02, 0.3, 0.4, (0.9, 0.95)
SCALE, SLOW, LAST = 6.0, 0.1, 0.5
"""Factors of the rate: of the scaling layer, of biases, of the output layer."""

LAYERS = [
    Scale(rate_factor=SCALE, decay_factor=SCALE),
    Dense(9, "tanh", bias_rate_factor=SLOW),
    Dropout(DROPPED, schedule=FlatCosine()),
    Output(rate_factor=LAST, decay_factor=LAST, bias_rate_factor=SLOW),
]


def coslog4(t):
    return 0.5 * (1 - cos(2 * pi * log2(1 + 15 * t)))


def flat_cos(t):
    return 1.0 if t < 0.5 else 0.5 * (1 + cos(pi * (2 * t - 1)))


def problem(dtype):
    random = np.random.RandomState(0)
    X = random.normal(size=(SAMPLES, 5)).astype(dtype)
    t = (X[:, :2] * X[:, 2:4] + 0.1 * random.normal(size=(SAMPLES, 2))).astype(dtype)
    hidden, output = divided(LAYERS, 2, "identity")
    network = Network(build(hidden, output, (5,), scaled=False).ops, "squared_error")
    parameters = [random.normal(size=one.shape).astype(dtype) / 2 for one in network.parameters()]
    return X, t, network, parameters


def ours(dtype, jobs, several):
    """The parameters after all passes, in calls of one pass or of several."""
    X, t, network, parameters = problem(dtype)
    solver = AdamW(*BETAS, weight_decay=DECAY, decay_schedule=FlatCosine())
    state = OptimizerState(solver, rule_of(solver), RATE, CosLog(4), 0.5)
    state.total = TOTAL
    session = Session(
        *(network, X, Target(t, None), state.rule),
        batch=BATCH, order=np.arange(SAMPLES), l2=0.0, n_jobs=jobs, several=several,
    )  # fmt: skip
    session.load(parameters)
    session.begin(SEED, 0, passes=PASSES)
    with session:
        while state.t < TOTAL:
            passes = min(session.ahead, PASSES - state.passes)
            session.run_passes(state.rates(session.batches, [0] * passes))
        assert (session.ahead > 1) == several
        return session.parameters()


def theirs():
    X, t, _, parameters = problem("float64")
    X, t = torch.from_numpy(X), torch.from_numpy(t)
    scale, w, b, v, c = (nn.Parameter(torch.from_numpy(one.copy())) for one in parameters)
    rates = {scale: SCALE, w: 1.0, b: SLOW, v: LAST, c: LAST * SLOW}
    decays = {scale: SCALE, w: 1.0, b: 0.0, v: LAST, c: 0.0}
    judge = torch.optim.Adam([{"params": [one]} for one in rates], betas=BETAS)
    for step in range(TOTAL):
        now = step / TOTAL
        rows = slice(step * BATCH % SAMPLES, step * BATCH % SAMPLES + BATCH)
        rate = DROPPED * flat_cos(now)
        mask = dropout_mask(rate, BATCH, 9, seed=SEED, step=step, layer=0)
        z = (torch.tanh(X[rows] * scale @ w + b) * torch.from_numpy(mask)) @ v + c
        judge.zero_grad()
        (((z - t[rows]) ** 2).sum() / 2 / BATCH).backward()
        for group in judge.param_groups:
            [one] = group["params"]
            group["lr"] = RATE * coslog4(now) * rates[one]
            with torch.no_grad():
                one.mul_(1 - group["lr"] * DECAY * flat_cos(now) * decays[one])
        judge.step()
    return [one.detach().numpy() for one in (scale, w, b, v, c)]


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(("jobs", "several"), [(1, False), (2, False), (1, True)])
def test_trajectory(dtype, jobs, several):
    tolerance = {"rtol": 1e-9, "atol": 1e-11} if dtype == "float64" else {"atol": 2e-5}
    for found, expected in zip(ours(dtype, jobs, several), theirs(), strict=True):
        np.testing.assert_allclose(found, expected, **tolerance)
