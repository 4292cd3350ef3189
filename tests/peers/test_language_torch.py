"""Language models with tied weights against the same network in PyTorch."""

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

# Without the peer the module ends above, so these imports cannot come first.
from cases.small_language_models import CODES, fitted
from oracles.torch_attention import Block
from running.nested_weights import flat, leaves
from torch import nn
from torch.nn import functional as F

from fusednn import LanguageModel, export_torch, import_torch, layers
from fusednn.layers import presets
from fusednn.optimizers import AdamW
from fusednn.training.drawn_windows import DrawnWindows

pytestmark = pytest.mark.peers
torch.set_num_threads(1)
CONTEXT, STEPS, BATCH = 11, 50, 4
TOLERANCE = {"float64": (1e-9, 1e-8), "float32": (2e-5, 2e-3)}


class Decoder(nn.Module):
    """`presets.decoder` of two blocks; the table is the output's weights too."""

    def __init__(self, width, count):
        super().__init__()
        self.table = nn.Embedding(count, width)
        spec = presets.decoder(width, blocks=1, heads=2)[2]
        self.blocks = nn.Sequential(*[Block(spec, width, F.gelu, rotary=True) for _ in range(2)])
        self.norm = nn.LayerNorm(width, eps=1e-5)
        self.head = nn.Linear(width, count, bias=False)
        self.head.weight = self.table.weight

    def forward(self, codes):
        return self.head(self.norm(self.blocks(self.table(codes))))

    def loss(self, windows):
        logits = self(windows[:, :-1])
        return F.cross_entropy(logits.flatten(0, 1), windows[:, 1:].flatten())


@pytest.fixture(params=TOLERANCE)
def pair(request):
    """A model that is initialized, its twin, and their type."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(getattr(torch, request.param))
    ours = LanguageModel(
        presets.decoder(20, blocks=2, heads=2), CONTEXT, solver=AdamW(weight_decay=0.1),
        batch_size=BATCH, steps_per_epoch=STEPS, max_iter=1, learning_rate_init=0.01,
        clip_norm=0.5, random_state=0, dtype=request.param,
    ).initialize(CODES)  # fmt: skip
    theirs = Decoder(20, 9)
    copy_to(theirs, ours.get_weights())
    yield ours, theirs, request.param
    torch.set_default_dtype(before)


def parameters_of(module):
    """In our order; the head has none of its own."""
    return list(module.parameters())


def copy_to(module, weights):
    with torch.no_grad():
        for mine, array in zip(parameters_of(module), leaves(weights), strict=True):
            mine.copy_(torch.tensor(array))


def windows_at(places):
    codes = torch.tensor(CODES.astype(np.int64))
    return torch.stack([codes[place : place + CONTEXT + 1] for place in places])


def test_losses_and_all_gradients(pair):
    ours, theirs, dtype = pair
    loss, gradient = ours.loss_and_gradient(CODES)
    expected = theirs.loss(windows_at(range(0, len(CODES) - CONTEXT, CONTEXT)))
    expected.backward()
    assert loss == pytest.approx(expected.item(), rel=TOLERANCE[dtype][0])
    for mine, other in zip(leaves(gradient), parameters_of(theirs), strict=True):
        scale = other.grad.abs().max()
        difference = np.abs(mine - other.grad.numpy()).max() / float(scale)
        assert difference < 10 * TOLERANCE[dtype][0]


def test_fifty_steps(pair):
    """AdamW with clipping, over the same windows."""
    ours, theirs, dtype = pair
    draws = DrawnWindows(ours._seed, 0, len(CODES) - CONTEXT, CONTEXT)
    fitted(ours.set_params(warm_start=True), CODES)
    order = np.zeros(STEPS * BATCH, np.int64)
    draws.shuffle(order)
    matrices = [one for one in parameters_of(theirs) if one.ndim > 1]
    vectors = [one for one in parameters_of(theirs) if one.ndim == 1]
    groups = [{"params": matrices}, {"params": vectors, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=0.01, weight_decay=0.1)
    losses = []
    for places in order.reshape(STEPS, BATCH):
        loss = theirs.loss(windows_at(places))
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(theirs.parameters(), 0.5)
        optimizer.step()
        losses.append(loss.item())
    assert ours.loss_ == pytest.approx(np.mean(losses), rel=TOLERANCE[dtype][1])
    found = np.concatenate([one.detach().numpy().ravel() for one in parameters_of(theirs)])
    np.testing.assert_allclose(
        flat(ours.get_weights()), found, atol=TOLERANCE[dtype][1], rtol=TOLERANCE[dtype][1]
    )


class Encoded(nn.Module):
    """`EXCHANGED`, whose modules PyTorch has: a table, layers, and a head with its weight."""

    def __init__(self, name, count):
        super().__init__()
        self.table = nn.Embedding(count, 12)
        if name == "attention":
            block = nn.TransformerEncoderLayer(12, 2, 24, 0.0, F.gelu, 1e-5, True, True)
            self.layers = nn.ModuleList([block, nn.LayerNorm(12, eps=1e-5)])
        else:
            self.layers = nn.ModuleList([nn.LSTM(12, 10, batch_first=True), nn.Linear(10, 12)])
        self.head = nn.Linear(12, count, bias=False)
        self.head.weight = self.table.weight

    def forward(self, codes):
        x, steps = self.table(codes), codes.shape[1]
        for layer in self.layers:
            if isinstance(layer, nn.TransformerEncoderLayer):
                x = layer(x, torch.triu(torch.full((steps, steps), -torch.inf), 1), is_causal=True)
            elif isinstance(layer, nn.LSTM):
                x = layer(x)[0]
            else:
                x = layer(x)
        return self.head(x)


EXCHANGED = {
    "attention": [
        layers.TokenEmbedding(12),
        layers.TransformerBlock(2, units=24, causal=True),
        layers.LayerNorm(),
    ],
    "recurrence": [
        layers.TokenEmbedding(12),
        layers.LSTM(10, return_sequences=True),
        layers.Dense(12),
    ],
}


@pytest.mark.parametrize("name", EXCHANGED)
def test_weights_of_a_shared_parameter_to_and_from_pytorch(name):
    """It has two keys in PyTorch and one array here; a step changes both there."""
    ours = LanguageModel(EXCHANGED[name], CONTEXT, random_state=0).initialize(CODES)
    theirs = Encoded(name, 9)
    optimizer = torch.optim.SGD(theirs.parameters(), 0.1)
    codes = torch.tensor(CODES[: 5 * CONTEXT].astype(np.int64)).reshape(5, CONTEXT)
    F.cross_entropy(theirs(codes).flatten(0, 1), codes.flatten()).backward()
    optimizer.step()
    import_torch(ours, theirs)
    np.testing.assert_allclose(
        ours.predict_logits(codes.numpy()), theirs(codes).detach(), atol=2e-5
    )
    state = theirs.state_dict()
    given = export_torch(ours, state)
    assert list(given) == list(state)
    for key, array in given.items():
        if "bias_" not in key:  # of an LSTM the sum of both counts
            np.testing.assert_array_equal(array, state[key])
    fresh = Encoded(name, 9)
    fresh.load_state_dict({key: torch.as_tensor(array) for key, array in given.items()})
    assert fresh.head.weight is fresh.table.weight
    np.testing.assert_allclose(fresh(codes).detach(), theirs(codes).detach(), atol=2e-6)

    del given["head.weight"]  # as programs do that write a shared tensor once
    before = ours.get_weights()[0][0]
    given["table.weight"] = given["table.weight"] * 2
    import_torch(ours, given)
    np.testing.assert_array_equal(ours.get_weights()[0][0], before * 2)
    assert list(export_torch(ours, given)) == list(given)
    given["head.weight"] = given["table.weight"] + 1
    with pytest.raises(ValueError, match=r"output layer received 'head\.weight', which is not"):
        import_torch(ours, given)
    with pytest.raises(ValueError, match="the output layer has no 'bias'"):
        import_torch(ours, {**state, "head.bias": np.zeros(9)})
    np.testing.assert_array_equal(ours.get_weights()[0][0], before * 2)


def test_keys_of_a_sequence_with_a_shared_parameter():
    """Exported without keys, it is the state of an `nn.Sequential`."""
    specs = [layers.TokenEmbedding(8), layers.Dense(8, "tanh")]
    model = LanguageModel(specs, CONTEXT, random_state=0).initialize(CODES)
    module = nn.Sequential(
        nn.Embedding(9, 8), nn.Linear(8, 8), nn.Tanh(), nn.Linear(8, 9, bias=False)
    )
    module[3].weight = module[0].weight
    given = {key: torch.as_tensor(array) for key, array in export_torch(model).items()}
    module.load_state_dict(given)
    codes = torch.tensor(CODES[:CONTEXT].astype(np.int64))[None]
    np.testing.assert_allclose(
        model.predict_logits(codes.numpy()), module(codes).detach(), atol=1e-6
    )


@pytest.mark.parametrize("falls", [False, True])
def test_the_twin_of_the_example(falls, monkeypatch, capsys):
    """Both trainings of `examples/shakespeare.py` have the same losses."""
    folder = Path(__file__).resolve().parents[2] / "examples"
    monkeypatch.syspath_prepend(folder)
    import shakespeare

    sizes = shakespeare.Sizes(12, 0.0, 20, 4, 0.01, falls, 16, 2, 2)
    shakespeare.run(
        "to be, or not to be. " * 30, "or not to be, to be. " * 5, sizes, 1, torch=True
    )
    lines = capsys.readouterr().out.splitlines()
    ours, theirs = (
        [float(line.split(word)[1].split(",")[0]) for line in lines]
        for word in ("held out ", "PyTorch ")
    )
    np.testing.assert_allclose(ours, theirs, atol=2e-3)
    torch.set_num_threads(1)
