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

from fusednn import LanguageModel
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
