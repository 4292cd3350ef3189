"""The neural tangent parametrisation is a dense layer's factors of rate and decay, under Adam."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

# Without PyTorch the module ends above, so these imports cannot come first.
from oracles.torch_pairs import BATCH, COLUMNS, RATE, Pair, edges
from torch import nn

from fusednn import NetworkRegressor
from fusednn.layers import Dense
from fusednn.optimizers import AdamW

pytestmark = pytest.mark.peers

PASSES, DECAY, LEAST = 17, 0.1, 1e-30


class Tangent(nn.Module):
    """x W / sqrt(I) + b (Jacot, Gabriel and Hongler, NeurIPS 2018)."""

    def __init__(self, w, b):
        super().__init__()
        self.fan_in = len(w)
        self.weights = nn.Parameter(torch.from_numpy(w * self.fan_in**0.5))
        self.biases = nn.Parameter(torch.from_numpy(b.copy()))

    def forward(self, x):
        return x @ self.weights / self.fan_in**0.5 + self.biases

    def groups(self):
        """The weights learn with the whole rate, and decay; the biases do as in a dense layer."""
        yield {"params": [self.weights], "lr": RATE, "weight_decay": DECAY}
        yield {"params": [self.biases], "lr": RATE * self.fan_in**-0.5, "weight_decay": 0.0}


def tangent(units, activation, fan_in):
    """The layer as docs/layers.md gives it."""
    factors = {"rate_factor": fan_in**-0.5, "decay_factor": fan_in**0.5}
    return Dense(units, activation, "lecun_normal", **factors)


def test_adamw_trains_it_by_factors():
    layers = [tangent(12, "tanh", COLUMNS), tangent(10, "softmax", 12)]
    solver = AdamW(beta_2=0.95, epsilon=LEAST, weight_decay=DECAY)
    options = {"solver": solver, "batch_size": BATCH}
    pair = Pair(layers, "classes", "float64", **options)
    first, second = (Tangent(*arrays) for arrays in pair.ours.get_weights())
    pair.theirs = nn.Sequential(first, nn.Tanh(), second)
    groups = [*first.groups(), *second.groups()]
    judge = torch.optim.AdamW(groups, betas=(0.9, 0.95), eps=LEAST)
    pair.fit(PASSES)
    for lo, hi in edges(0, len(pair.X), BATCH, False) * PASSES:
        judge.zero_grad()
        pair.objective(slice(lo, hi)).backward()
        judge.step()
    for ours, theirs in zip(pair.ours.get_weights(), (first, second), strict=True):
        weights = theirs.weights.detach().numpy() / theirs.fan_in**0.5
        np.testing.assert_allclose(ours[0], weights, rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose(ours[1], theirs.biases.detach().numpy(), rtol=1e-9, atol=1e-9)


def test_first_weights_have_its_variance():
    """W of variance 1 divided by the root of the fan-in."""
    X = np.zeros((4, 400))
    model = NetworkRegressor([tangent(500, "selu", 400)], random_state=0)
    weights = model.initialize(X, X[:, 0]).get_weights()[0][0]
    assert weights.std() * 400**0.5 == pytest.approx(1, rel=0.01)
