"""Truncated backpropagation (`window=`) beside PyTorch's, with states that are detached."""

import warnings
from functools import partial

import numpy as np
import pytest

torch = pytest.importorskip("torch")

# Without the peer the module ends above, so these imports cannot come first.
from fusednn import NetworkRegressor, export_torch
from fusednn.layers import GRU, LSTM, RNN, Dense, LayerNorm

pytestmark = pytest.mark.peers
SAMPLES, BATCH, STEPS, CHANNELS, EPOCHS = 10, 4, 11, 3, 7
RANDOM = np.random.RandomState(0)
X = RANDOM.normal(size=(SAMPLES, STEPS, CHANNELS))
STACKS = {
    "LSTM": (
        [LSTM(6, return_sequences=True), LayerNorm(), LSTM(5)],
        lambda: [torch.nn.LSTM(3, 6, batch_first=True), torch.nn.LayerNorm(6),
                 torch.nn.LSTM(6, 5, batch_first=True), torch.nn.Linear(5, 1)],
    ),
    "GRU": (
        [Dense(4, "tanh"), GRU(6)],
        lambda: [torch.nn.Linear(3, 4), torch.nn.Tanh(), torch.nn.GRU(4, 6, batch_first=True),
                 torch.nn.Linear(6, 1)],
    ),
    "RNN": (
        [RNN(6, "relu", return_sequences=True), RNN(4)],
        lambda: [torch.nn.RNN(3, 6, nonlinearity="relu", batch_first=True),
                 torch.nn.RNN(6, 4, batch_first=True), torch.nn.Linear(4, 1)],
    ),
}  # fmt: skip
"""Layers with the last state as output; the test of targets per step makes it all states."""


def detached(state):
    return tuple(one.detach() for one in state) if isinstance(state, tuple) else state.detach()


class Truncated:
    """PyTorch's network, whose windows go on from detached states."""

    def __init__(self, modules, state, each):
        self.modules, self.each = torch.nn.ModuleList(modules).double(), each
        values = iter(state.values())
        with torch.no_grad():
            for name, parameter in self.modules.named_parameters():
                parameter.copy_(torch.tensor(next(values)))
                if "bias_hh" in name:
                    parameter.register_hook(partial(self._own, name))
        assert next(values, None) is None
        self.last = max(
            number for number, one in enumerate(modules) if isinstance(one, torch.nn.RNNBase)
        )

    def _own(self, name, gradient):
        """The gradient by a second bias: we have one, but for those of a GRU's n."""
        kept = torch.zeros_like(gradient)
        if isinstance(self.modules[int(name.split(".")[0])], torch.nn.GRU):
            kept[len(gradient) * 2 // 3 :] = 1
        return gradient * kept

    def forward(self, x, states):
        for number, module in enumerate(self.modules):
            if isinstance(module, torch.nn.RNNBase):
                x, state = module(x, states.get(number))
                states[number] = detached(state)
                if number == self.last and not self.each:
                    x = x[:, -1]
            else:
                x = module(x)
        return x[..., 0]

    def fit(self, y, window, clip):
        optimizer = torch.optim.Adam(self.modules.parameters(), lr=0.01)
        x, y = torch.tensor(X), torch.tensor(y)
        for _ in range(EPOCHS):
            for first in range(0, SAMPLES, BATCH):
                rows, states = slice(first, first + BATCH), {}
                for start in range(0, STEPS, window):
                    steps = slice(start, start + window)
                    output = self.forward(x[rows, steps], states)
                    if not self.each and start + window < STEPS:
                        continue
                    wanted = y[rows, steps] if self.each else y[rows]
                    loss = ((output - wanted) ** 2).mean() / 2
                    optimizer.zero_grad()
                    loss.backward()
                    if clip is not None:
                        torch.nn.utils.clip_grad_norm_(self.modules.parameters(), clip)
                    optimizer.step()
        return [parameter.detach().numpy() for parameter in self.modules.parameters()]


@pytest.mark.parametrize("clip", [None, 0.05])
@pytest.mark.parametrize("each", [False, True], ids=["label", "each step"])
@pytest.mark.parametrize("window", [4, 1, 11])
@pytest.mark.parametrize("name", STACKS)
def test_training_is_that_of_detached_states(name, window, each, clip):
    """Over 21 batches; 4 leaves a last window of three steps."""
    layers, modules = STACKS[name]
    if each:
        *others, last = layers
        layers = [*others, type(last)(**{**vars(last), "return_sequences": True})]
    y = RANDOM.normal(size=(SAMPLES, STEPS) if each else SAMPLES)
    model = NetworkRegressor(
        layers, learning_rate_init=0.01, max_iter=EPOCHS, batch_size=BATCH, shuffle=False,
        random_state=0, window=window, clip_norm=clip, tol=0,
    ).initialize(X, y)  # fmt: skip
    theirs = Truncated(modules(), export_torch(model), each)
    want = theirs.fit(y, window, clip)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.set_params(warm_start=True).fit(X, y)
    for ours, expected in zip(export_torch(model).values(), want, strict=True):
        np.testing.assert_allclose(ours, expected, rtol=1e-9, atol=1e-9)
