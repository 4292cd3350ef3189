"""Attention over series of unequal lengths against PyTorch's `src_key_padding_mask`."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

# Without the peer the module ends above, so these imports cannot come first.
from cases.padded_series import padded, series_of_lengths
from oracles.parity import fit_quietly
from torch import nn

from fusednn import NetworkClassifier, export_torch
from fusednn.layers import (
    Dense,
    GlobalAvgPool,
    MultiHeadAttention,
    PositionalEncoding,
    TransformerBlock,
)
from fusednn.optimizers import Adam

pytestmark = pytest.mark.peers
torch.set_num_threads(1)
LENGTHS = (19, 2, 1, 5, 4, 13, 6, 17, 3, 9, 1, 2, 18, 8, 5, 1, 9, 4, 14, 2, 7)
STEPS, WIDTH = max(LENGTHS), 24
LABELS = np.arange(21) % 3
PASSES, BATCH = 17, 8  # 51 steps; the last batch of each pass has five samples
RATE = 3e-3  # at 0.01 answers reach 50, and steps amplify what float32 leaves
TOLERANCE = {"float64": 1e-9, "float32": 5e-4}  # norms divide rounding errors by small deviations
LAYERS = [
    *(Dense(WIDTH), PositionalEncoding(), TransformerBlock(2, 17)),
    *(MultiHeadAttention(4, causal=True), GlobalAvgPool()),
]


class Masked(nn.Module):
    """The same of PyTorch's modules; the mean is over a series' own steps."""

    def __init__(self):
        super().__init__()
        self.first = nn.Linear(3, WIDTH)
        self.positions = nn.Embedding(STEPS, WIDTH)
        options = {"dropout": 0.0, "activation": "gelu", "norm_first": True, "batch_first": True}
        self.block = nn.TransformerEncoderLayer(WIDTH, 2, 17, **options)
        self.attention = nn.MultiheadAttention(WIDTH, 4, batch_first=True)
        self.last = nn.Linear(WIDTH, 3)

    def forward(self, x, lengths):
        own = torch.arange(STEPS) < lengths[:, None]
        x = self.first(x) + self.positions.weight
        x = self.block(x, src_key_padding_mask=~own)
        later = torch.triu(torch.ones(STEPS, STEPS, dtype=bool), 1)
        masks = {"key_padding_mask": ~own, "attn_mask": later}
        x = self.attention(x, x, x, need_weights=False, **masks)[0]
        mean = torch.where(own[..., None], x, 0).sum(dim=1) / lengths[:, None]
        return self.last(mean)


@pytest.mark.parametrize("dtype", TOLERANCE)
def test_fifty_steps(dtype):
    series = series_of_lengths(LENGTHS, dtype=dtype)
    model = NetworkClassifier(
        LAYERS,
        solver=Adam(epsilon=1e-3),
        learning_rate_init=RATE,
        **{"alpha": 0.0, "batch_size": BATCH, "max_iter": PASSES, "shuffle": False},
        **{"warm_start": True, "random_state": 0, "tol": 1e-300},
    ).initialize(series, LABELS)
    theirs = Masked().to(getattr(torch, dtype))

    def ours():
        arrays = export_torch(model, theirs.state_dict())
        return {key: torch.as_tensor(np.array(array)) for key, array in arrays.items()}

    def check_answers():
        with torch.no_grad():
            expected = theirs(x, lengths).numpy()
        bound = TOLERANCE[dtype] * abs(expected).max()
        np.testing.assert_allclose(model.predict_logits(series), expected, rtol=0, atol=bound)

    theirs.load_state_dict(ours())
    x = torch.from_numpy(np.nan_to_num(padded(series)))
    lengths, y = torch.tensor(LENGTHS), torch.from_numpy(LABELS)
    check_answers()
    judge = torch.optim.Adam(theirs.parameters(), lr=RATE, eps=1e-3)
    for _ in range(PASSES):
        for start in range(0, len(y), BATCH):
            rows = slice(start, start + BATCH)
            judge.zero_grad()
            nn.functional.cross_entropy(theirs(x[rows], lengths[rows]), y[rows]).backward()
            judge.step()
    fit_quietly(model, series, LABELS)
    found, expected = ours(), theirs.state_dict()
    for key, array in expected.items():
        bound = TOLERANCE[dtype] * max(1e-3, float(abs(array).max()))
        np.testing.assert_allclose(found[key], array, rtol=0, atol=bound, err_msg=key)
    check_answers()
