"""The neural tangent parametrisation of dense layers, against a module that has W itself."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

# Without PyTorch the module ends above, so these imports cannot come first.
from oracles.torch_pairs import BATCH, RATE, Pair, edges
from torch import nn

from fusednn.layers import Dense
from fusednn.optimizers import SGD, Adam, AdamW, RMSprop

pytestmark = pytest.mark.peers

PASSES, DECAY, EPSILON = 17, 0.1, 1e-3
SOLVERS = {
    "adamw": (
        AdamW(beta_2=0.95, epsilon=EPSILON, weight_decay=DECAY),
        lambda groups: torch.optim.AdamW(groups, betas=(0.9, 0.95), eps=EPSILON),
    ),
    "adam": (Adam(epsilon=EPSILON), lambda groups: torch.optim.Adam(groups, eps=EPSILON)),
    "sgd": (SGD(momentum=0.9), lambda groups: torch.optim.SGD(groups, momentum=0.9)),
    "rmsprop": (
        RMSprop(epsilon=EPSILON),
        lambda groups: torch.optim.RMSprop(groups, alpha=0.99, eps=EPSILON),
    ),
}


class Tangent(nn.Module):
    """x W / sqrt(I) + b (Jacot, Gabriel and Hongler, NeurIPS 2018)."""

    def __init__(self, w, b):
        super().__init__()
        self.fan_in = len(w)
        self.weights = nn.Parameter(torch.from_numpy(w.astype(float) * self.fan_in**0.5))
        self.biases = nn.Parameter(torch.from_numpy(b.astype(float)))

    def forward(self, x):
        return x @ self.weights / self.fan_in**0.5 + self.biases

    def groups(self, decays):
        """The weights decay under AdamW."""
        yield {"params": [self.weights], "lr": RATE, "weight_decay": DECAY * decays}
        yield {"params": [self.biases], "lr": RATE, "weight_decay": 0.0}


def tangent(units, activation):
    return Dense(units, activation, parametrization="ntk")


@pytest.mark.parametrize("name", SOLVERS)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_solvers_train_it_as_pytorchs_do(name, dtype):
    solver, make = SOLVERS[name]
    layers = [tangent(12, "tanh"), tangent(10, "softmax")]
    pair = Pair(layers, "classes", dtype, solver=solver, batch_size=BATCH)
    first, second = (Tangent(*arrays) for arrays in pair.ours.get_weights())
    pair.theirs = nn.Sequential(first, nn.Tanh(), second)
    judge = make([*first.groups(name == "adamw"), *second.groups(name == "adamw")])
    pair.fit(PASSES)
    for lo, hi in edges(0, len(pair.X), BATCH, False) * PASSES:
        judge.zero_grad()
        pair.objective(slice(lo, hi)).backward()
        judge.step()
    tolerance = 1e-9 if dtype == "float64" else 1e-4
    for ours, theirs in zip(pair.ours.get_weights(), (first, second), strict=True):
        weights = theirs.weights.detach().numpy() / theirs.fan_in**0.5
        found = weights, theirs.biases.detach().numpy()
        for one, other in zip(ours, found, strict=True):
            np.testing.assert_allclose(one, other, rtol=tolerance, atol=tolerance)
