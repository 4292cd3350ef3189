"""Series of unequal lengths against PyTorch's packed sequences: answers, and fifty steps."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

# Without the peer the module ends above, so these imports cannot come first.
from cases.padded_series import padded, series_of_lengths
from oracles.parity import fit_quietly
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from fusednn import NetworkClassifier, export_torch
from fusednn.layers import GRU, LSTM, RNN
from fusednn.optimizers import Adam

pytestmark = pytest.mark.peers
torch.set_num_threads(1)
LENGTHS = (9, 2, 1, 5, 4, 3, 6, 7, 3, 9, 1, 2, 8, 8, 5, 1, 9, 4, 4, 2, 7)
LABELS = np.arange(21) % 3
PASSES, BATCH = 17, 8  # 51 steps; the last batch of each pass has five samples
TOLERANCE = {"float64": 1e-9, "float32": 1e-4}
CASES = {
    "stacked LSTM": (
        [LSTM(6, return_sequences=True), LSTM(6)],
        lambda: [nn.LSTM(3, 6, num_layers=2)],
    ),
    "both directions": (
        [
            GRU(5, return_sequences=True, bidirectional=True),
            LSTM(4, return_sequences=True, bidirectional=True),
            RNN(3, bidirectional=True),
        ],
        lambda: [
            nn.GRU(3, 5, bidirectional=True),
            nn.LSTM(10, 4, bidirectional=True),
            nn.RNN(8, 3, bidirectional=True),
        ],
    ),
    "GRU": ([GRU(17)], lambda: [nn.GRU(3, 17)]),
}


class Packed(nn.Module):
    """Recurrences over packed sequences, and a dense layer on the last states of the last."""

    def __init__(self, recurrences, width):
        super().__init__()
        self.recurrences = nn.ModuleList(recurrences)
        self.last = nn.Linear(width, 3)
        for name, bias in self.named_parameters():
            if "bias_hh" in name and not isinstance(self.owner(name), nn.GRU):
                bias.requires_grad_(False)  # our gates have one bias

    def owner(self, name):
        return self.recurrences[int(name.split(".")[1])]

    def forward(self, x, lengths):
        packed = pack_padded_sequence(x, lengths, batch_first=False, enforce_sorted=False)
        for recurrence in self.recurrences:
            packed, states = recurrence(packed)
        states = states[0] if isinstance(states, tuple) else states
        directions = 1 + self.recurrences[-1].bidirectional
        return self.last(torch.cat(list(states[-directions:]), dim=1))

    def silence(self):
        """Leaves the biases of a GRU's r and z one gradient."""
        for name, bias in self.named_parameters():
            if "bias_hh" in name and bias.grad is not None:
                bias.grad[: 2 * len(bias) // 3] = 0


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("name", CASES)
def test_fifty_steps(name, dtype):
    layers, modules = CASES[name]
    series = series_of_lengths(LENGTHS, dtype=dtype)
    model = NetworkClassifier(
        layers,
        solver=Adam(epsilon=1e-3),
        learning_rate_init=0.01,
        **{"alpha": 0.0, "batch_size": BATCH, "max_iter": PASSES, "shuffle": False},
        **{"warm_start": True, "random_state": 0, "tol": 1e-300},
    ).initialize(series, LABELS)
    theirs = Packed(modules(), model.get_weights()[-1][0].shape[0]).to(getattr(torch, dtype))
    names = list(theirs.state_dict())

    def ours():
        arrays = export_torch(model, theirs.state_dict())
        return {key: torch.as_tensor(np.array(array)) for key, array in arrays.items()}

    theirs.load_state_dict(ours())
    x = torch.from_numpy(np.nan_to_num(padded(series))).movedim(0, 1)
    lengths, y = torch.tensor(LENGTHS), torch.from_numpy(LABELS)
    with torch.no_grad():
        first = theirs(x, lengths).numpy()
    bound = TOLERANCE[dtype] * abs(first).max()
    np.testing.assert_allclose(model.predict_logits(series), first, rtol=0, atol=bound)
    judge = torch.optim.Adam(theirs.parameters(), lr=0.01, eps=1e-3)
    for _ in range(PASSES):
        for start in range(0, len(y), BATCH):
            rows = slice(start, start + BATCH)
            judge.zero_grad()
            logits = theirs(x[:, rows], lengths[rows])
            nn.functional.cross_entropy(logits, y[rows]).backward()
            theirs.silence()
            judge.step()
    fit_quietly(model, series, LABELS)
    found, expected = ours(), theirs.state_dict()
    for key in names:
        bound = TOLERANCE[dtype] * max(1e-3, float(abs(expected[key]).max()))
        np.testing.assert_allclose(found[key], expected[key], rtol=0, atol=bound, err_msg=key)
    with torch.no_grad():
        last = theirs(x, lengths).numpy()
    assert abs(last - first).max() > 0.1
    bound = TOLERANCE[dtype] * abs(last).max()
    np.testing.assert_allclose(model.predict_logits(padded(series)), last, rtol=0, atol=bound)


def test_states_of_each_step():
    """Steps behind a series' end are zeros, as PyTorch pads them."""
    layers, modules = CASES["both directions"]
    series = series_of_lengths(LENGTHS)
    model = NetworkClassifier(layers, random_state=0).initialize(series, LABELS)
    theirs = Packed(modules(), 6).double()
    arrays = export_torch(model, theirs.state_dict())
    theirs.load_state_dict({key: torch.as_tensor(np.array(one)) for key, one in arrays.items()})
    x = torch.from_numpy(np.nan_to_num(padded(series))).movedim(0, 1)
    packed = pack_padded_sequence(x, torch.tensor(LENGTHS), enforce_sorted=False)
    with torch.no_grad():
        for number, recurrence in enumerate(theirs.recurrences[:2]):
            packed, _ = recurrence(packed)
            expected = pad_packed_sequence(packed)[0].movedim(0, 1).numpy()
            found = model.hidden_activations(series, number)
            np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12)
