"""Whole fits of tiny networks with attention by the twins of ops: the bits of the CPU."""

import numpy as np
import pytest
from running.host_device import opened_as_cuda
from running.simulated_device import SimulatedDevice

from fusednn import LanguageModel, NetworkClassifier
from fusednn.layers import (
    Dense,
    GlobalAvgPool,
    LayerNorm,
    MultiHeadAttention,
    PositionalEncoding,
    Residual,
    TokenEmbedding,
    TransformerBlock,
    presets,
)
from fusednn.text import CharTokenizer

RANDOM = np.random.default_rng(0)
SERIES = RANDOM.normal(size=(7, 5, 4)).astype(np.float32)
UNEQUAL = [series[: 1 + 3 * number % 5] for number, series in enumerate(SERIES)]
LONG = RANDOM.normal(size=(3, 37, 4)).astype(np.float32)
LABELS = np.arange(7) % 2
TEXT = ["one two three, one four. " * 3]
TINY = {"batch_size": 4, "max_iter": 1, "random_state": 0}
WRITER = {"context": 6, "tokenizer": CharTokenizer(), "steps_per_epoch": 2, **TINY}
ENCODER = [
    PositionalEncoding(),
    Residual([LayerNorm(), MultiHeadAttention(2, dropout=0.2)]),
    Residual([LayerNorm(), Dense(6, "gelu"), Dense(4)]),
    *(LayerNorm(), GlobalAvgPool()),
]
GATED = TransformerBlock(4, 8, "swiglu", causal=True, dropout=0.2, kv_heads=2, norm="rms")
FITS = {
    "an encoder": (NetworkClassifier(ENCODER, **TINY), SERIES, LABELS),
    "unequal series": (NetworkClassifier(ENCODER, **TINY), UNEQUAL, LABELS),
    "two panels": (
        NetworkClassifier(
            [MultiHeadAttention(2, True), GlobalAvgPool()], **TINY | {"batch_size": 3}
        ),
        *(LONG, LABELS[:3]),
    ),
    "a language model": (LanguageModel(presets.decoder(8, 1, 2), **WRITER), TEXT),
    "shared key heads, float64": (
        LanguageModel(
            [TokenEmbedding(8), PositionalEncoding(), GATED], tied=False, dtype="float64", **WRITER
        ),
        TEXT,
    ),
}


SHORT = ("an encoder",)


@pytest.mark.parametrize(
    ("model", "data"),
    [
        pytest.param(model, data, id=name, marks=() if name in SHORT else pytest.mark.long)
        for name, (model, *data) in FITS.items()
    ],
)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_bits_of_the_cpu(model, data):
    model.set_params(device="cpu").fit(*data)
    expected = [array.tobytes() for array in model._parameters()], model.loss_
    with opened_as_cuda(lambda: SimulatedDevice(blocks=3)) as devices:
        model.set_params(device="cuda").fit(*data)
    assert ([array.tobytes() for array in model._parameters()], model.loss_) == expected
    assert all(not device.others for device in devices)  # each op has a twin
