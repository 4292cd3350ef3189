"""Recurrences against PyTorch's own modules: answers, gradients, and weights from and to them."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

# Without the peer the module ends above, so these imports cannot come first.
from oracles.parity import fit_quietly
from oracles.torch_layers import gradient_of, read, sequence_of, write
from running.nested_weights import flat, leaves
from torch import nn

from fusednn import NetworkRegressor, export_torch, import_torch
from fusednn.layers import GRU, LSTM, RNN, Conv1D, Dense, Dropout, Flatten, LayerNorm, Residual

pytestmark = pytest.mark.peers
torch.set_num_threads(1)
SAMPLES, STEPS, CHANNELS = 40, 11, 3
KINDS = {"RNN": nn.RNN, "LSTM": nn.LSTM, "GRU": nn.GRU}


def states(kind, *sizes, sequences=False, **options):
    """A recurrence that puts out its states, of samples (n, T, C), or (n, C, T) before windows."""

    class States(KINDS[kind]):
        def forward(self, x):
            out, _ = super().forward(x)
            if sequences:
                return out
            units = self.hidden_size
            return torch.cat([out[:, -1, :units], out[:, 0, units:]], dim=1)

    return States(*sizes, batch_first=True, **options)


class Turn(nn.Module):
    """Moves the channels from first to last, or back."""

    def forward(self, x):
        return x.movedim(1, 2)


PAIRS = {  # our layers, PyTorch's, and whether those begin with channels first
    "RNN": ([RNN(5)], lambda: [states("RNN", 3, 5)], False),
    "ReLU": (
        [RNN(5, "relu", bidirectional=True), Dense(4, "tanh")],
        lambda: [
            states("RNN", 3, 5, bidirectional=True, nonlinearity="relu"),
            *(nn.Linear(10, 4), nn.Tanh()),
        ],
        False,
    ),
    "LSTM": ([LSTM(17)], lambda: [states("LSTM", 3, 17)], False),
    "GRU": ([GRU(17)], lambda: [states("GRU", 3, 17)], False),
    "several layers in both directions": (
        [
            LSTM(6, return_sequences=True, bidirectional=True),
            LSTM(6, return_sequences=True, bidirectional=True),
            *(LayerNorm(), Dropout(0.1), GRU(4, bidirectional=True)),
        ],
        lambda: [
            states("LSTM", 3, 6, sequences=True, bidirectional=True, num_layers=2),
            *(nn.LayerNorm(12), nn.Dropout(0.1), states("GRU", 12, 4, bidirectional=True)),
        ],
        False,
    ),
    "all states": (
        [GRU(4, return_sequences=True), Flatten(), Dense(5, "relu")],
        lambda: [
            states("GRU", 3, 4, sequences=True),
            *(nn.Flatten(), nn.Linear(STEPS * 4, 5), nn.ReLU()),
        ],
        False,
    ),
    "behind a convolution": (
        [Conv1D(4, 3, "relu"), LSTM(5, return_sequences=True), Flatten()],
        lambda: [
            *(nn.Conv1d(3, 4, 3, padding="same"), nn.ReLU(), Turn()),
            *(states("LSTM", 4, 5, sequences=True), nn.Flatten()),
        ],
        True,
    ),
    "before a convolution": (
        [GRU(4, return_sequences=True), Conv1D(2, 3), Flatten(), Dense(5)],
        lambda: [
            *(Turn(), states("GRU", 3, 4, sequences=True), Turn()),
            *(nn.Conv1d(4, 2, 3, padding="same"), nn.Flatten(), nn.Linear(2 * STEPS, 5)),
        ],
        True,
    ),
}
EVERY = pytest.mark.parametrize("name", PAIRS)
DTYPES = pytest.mark.parametrize("dtype", ["float64", "float32"])
TOLERANCE = {"float64": 1e-9, "float32": 1e-5}


def data():
    random = np.random.RandomState(0)
    return random.normal(size=(SAMPLES, STEPS, CHANNELS)), random.normal(size=(SAMPLES, 2))


def theirs(name, dtype):
    modules = PAIRS[name][1]
    with torch.random.fork_rng():
        torch.manual_seed(1)
        found = nn.Sequential(*modules())
        found.append(nn.Linear(found(as_theirs(name, "float32")).shape[1], 2))
    return found.to(getattr(torch, dtype)).eval()


def as_theirs(name, dtype):
    X, _ = data()
    moved = np.moveaxis(X, -1, 1) if PAIRS[name][2] else X
    return torch.from_numpy(np.ascontiguousarray(moved, dtype))


def answers(name, module, dtype):
    with torch.no_grad():
        return module(as_theirs(name, dtype)).numpy()


def check_close(found, expected, dtype):
    bound = TOLERANCE[dtype] * max(1, abs(expected).max())
    np.testing.assert_allclose(found, expected, rtol=0, atol=bound)


@DTYPES
@EVERY
def test_import(name, dtype):
    """Both biases of PyTorch count."""
    X, y = data()
    model = NetworkRegressor(PAIRS[name][0], dtype=dtype).initialize(X, y)
    module = theirs(name, dtype)
    import_torch(model, module.state_dict())
    check_close(model.predict(X), answers(name, module, dtype), dtype)


@DTYPES
@EVERY
def test_export(name, dtype):
    X, y = data()
    model = NetworkRegressor(PAIRS[name][0], dtype=dtype, max_iter=2, random_state=0)
    fit_quietly(model, X, y)
    module = theirs(name, dtype)
    arrays = export_torch(model, module.state_dict())
    module.load_state_dict({key: torch.as_tensor(array) for key, array in arrays.items()})
    check_close(model.predict(X), answers(name, module, dtype), dtype)


def test_a_state_dict_that_does_not_fit_changes_nothing():
    X, y = data()
    model = NetworkRegressor([LSTM(5)]).initialize(X, y)
    before = model.predict(X)
    entries = theirs("LSTM", "float64").state_dict()
    with pytest.raises(ValueError, match=r"layers\[0\] \(LSTM\) expected 'weight_ih_l0'"):
        import_torch(model, entries)
    np.testing.assert_array_equal(model.predict(X), before)


@DTYPES
@EVERY
def test_gradients(name, dtype):
    """Gradients of the mean loss by every weight, and by the samples."""
    X, y = data()
    specs = [*PAIRS[name][0], Dense(2)]
    model = NetworkRegressor(PAIRS[name][0], dtype=dtype, alpha=0.0, random_state=0)
    model.initialize(X, y)
    value, gradient = model.loss_and_gradient(X, y)
    torch.set_default_dtype(getattr(torch, dtype))
    try:
        sequence = sequence_of(specs, STEPS, CHANNELS)
        with torch.no_grad():
            write(specs, sequence, model.get_weights())
        inputs = torch.from_numpy(X.astype(dtype)).requires_grad_()
        logits = sequence(inputs)
        loss = ((logits - torch.from_numpy(y.astype(dtype))) ** 2).sum() / 2 / len(y)
        loss.backward()
        found = [one.numpy() for one in leaves(read(specs, sequence, gradient_of))]
    finally:
        torch.set_default_dtype(torch.float32)
    assert value == pytest.approx(loss.item(), rel=10 * TOLERANCE[dtype])
    check_close(flat(gradient), flat(found), dtype)
    inputs.grad = None
    sequence(inputs)[:, 0].sum().backward()
    check_close(model.input_gradient(X, 0), inputs.grad.numpy(), dtype)


def test_a_residual_of_recurrences():
    """A block has a module for each branch."""
    X, y = data()
    model = NetworkRegressor([Residual([LSTM(3, return_sequences=True)]), GRU(4)])
    arrays = export_torch(model.initialize(X, y))
    assert [key for key in arrays if key.endswith("weight_ih_l0")] == [
        "0.layers.0.weight_ih_l0",
        "1.weight_ih_l0",
    ]
    assert arrays["1.bias_hh_l0"].shape == (12,)
    assert not arrays["1.bias_hh_l0"][:8].any()
