"""Attention in estimators: what is refused, first values, bits of causal steps, memory."""

import re

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from oracles.parity import fit_quietly
from running.nested_weights import flat

from fusednn import NetworkClassifier, NetworkRegressor, freeze, warmup
from fusednn.graph import network as graphs
from fusednn.layers import (
    Dense,
    Flatten,
    GlobalAvgPool,
    LayerNorm,
    MultiHeadAttention,
    PositionalEncoding,
    Reshape,
    Residual,
    TransformerBlock,
    presets,
)
from fusednn.plan.binding.attention import attention_elements

RANDOM = np.random.RandomState(0)
SERIES, Y = RANDOM.normal(size=(20, 40, 3)), RANDOM.normal(size=20)
ROTARY = PositionalEncoding("rotary")

REFUSED = {
    "heads": (
        [Dense(10), GlobalAvgPool(), Reshape(2, 5), MultiHeadAttention(3)],
        "layers[3] is MultiHeadAttention(heads=3): it received samples of 5 channels and expected"
        " a multiple of its 3 heads.",
    ),
    "heads of a block": (
        [TransformerBlock(2)],
        "layers[0] is TransformerBlock(heads=2): it received samples of 3 channels and expected a"
        " multiple of its 2 heads.",
    ),
    "odd heads": (
        [ROTARY, Residual([MultiHeadAttention(1)])],
        "layers[1].layers[0] is MultiHeadAttention(heads=1): rotary positions turn pairs of"
        " columns, but its heads have 3 each.",
    ),
    "rotary for nothing": (
        [Dense(4), ROTARY, Flatten()],
        "layers[1] is PositionalEncoding(kind='rotary'): there is no attention behind it in the"
        " list.",
    ),
    "an activation": (
        [TransformerBlock(3, activation="relux")],
        "layers[0] is TransformerBlock(heads=3, activation='relux'): there is no activation"
        " 'relux'; expected one of ",
    ),
    "one row": (
        [Flatten(), MultiHeadAttention(1)],
        "layers[1] is MultiHeadAttention(heads=1): it received 120 columns and expected samples"
        " with axes (steps, channels); put Reshape(50, 16) or the like before it.",
    ),
    "an image": (
        [Reshape(8, 5, 3), PositionalEncoding()],
        "layers[1] is PositionalEncoding(): it received samples with axes (8, 5, 3) and expected"
        " samples with axes (steps, channels).",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_does_not_fit_is_refused_by_its_position(name):
    layers, words = REFUSED[name]
    model = NetworkRegressor(layers)
    with pytest.raises(ValueError, match="^" + re.escape(words)):
        model.fit(SERIES, Y)
    assert not hasattr(model, "layers_")


def test_columns_are_no_series():
    with pytest.raises(ValueError, match=r"layers\[1\] is TransformerBlock\(heads=2\): it rec"):
        NetworkRegressor([Dense(4), TransformerBlock(2)]).fit(SERIES[:, :, 0], Y)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: MultiHeadAttention(0), "heads of MultiHeadAttention must be an integer from 1"),
        (lambda: MultiHeadAttention(4, kv_heads=3), "must divide its heads, 4; got 3"),
        (lambda: MultiHeadAttention(4, dropout=1.0), r"dropout of .* must be a finite number in"),
        (lambda: TransformerBlock(4, causal=1), "causal of TransformerBlock must be True or"),
        (lambda: TransformerBlock(4, norm="batch"), "must be 'layer' or 'rms', got 'batch'"),
        (lambda: TransformerBlock(4, units=0), "units of TransformerBlock must be an integer"),
        (lambda: PositionalEncoding("relative"), "'sinusoidal' or 'rotary', got 'relative'"),
    ],
)
def test_descriptions_refuse_what_no_network_has(make, words):
    with pytest.raises(ValueError, match=words):
        make()


def test_first_values():
    """Those of PyTorch's input projection, as one matrix; biases 0, and small positions."""
    layers = [Dense(60), PositionalEncoding(), MultiHeadAttention(5), GlobalAvgPool()]
    model = NetworkRegressor(layers, random_state=0, dtype="float64").initialize(SERIES, Y)
    _, [table], [w, b, w_out, b_out], *_ = model.get_weights()
    bound = np.sqrt(6 / (60 + 180))
    assert w.shape == (60, 180)
    assert 0.98 * bound < abs(w).max() <= bound
    assert w.std() == pytest.approx(bound / np.sqrt(3), rel=0.03)
    assert w_out.std() == pytest.approx(np.sqrt(2 / 120), rel=0.05)
    assert table.shape == (40, 60)
    assert table.std() == pytest.approx(0.02, rel=0.05)
    assert not np.any([*b, *b_out])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("steps", [1, 25, 33])
def test_a_causal_step_depends_on_those_before_to_the_bit(dtype, steps):
    layers = [
        *(ROTARY, Dense(12)),
        TransformerBlock(2, 5, "swiglu", True, kv_heads=1, norm="rms"),
        Residual([LayerNorm(), MultiHeadAttention(3, True)]),
        GlobalAvgPool(),
    ]
    options = {"dtype": dtype, "random_state": 0}
    whole = NetworkRegressor(layers, **options).initialize(SERIES, Y)
    part = NetworkRegressor(layers, **options).initialize(SERIES[:, :steps], Y)
    part.set_weights(whole.get_weights())
    found = part.hidden_activations(SERIES[:, :steps], 3)
    assert_array_equal(found, whole.hidden_activations(SERIES, 3)[:, :steps])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_weights_that_are_computed_again_change_no_bit(monkeypatch, dtype):
    layers = [
        *(Dense(6), TransformerBlock(3, 4, "relu", True, dropout=0.3, kv_heads=1)),
        *(MultiHeadAttention(2, dropout=0.2), GlobalAvgPool()),
    ]

    def fitted(kept):
        monkeypatch.setattr("fusednn.graph.layers.attention.KEPT_STEPS", kept)
        graphs._graph.cache_clear()
        model = NetworkRegressor(layers, dtype=dtype, max_iter=3, batch_size=8, random_state=0)
        fit_quietly(model, SERIES, Y)
        [attends, *_] = [
            call for call in model._network().graph(trains=True).calls if call.op == "attend"
        ]
        assert ("weights" in attends.out) == (kept >= 40)
        return flat(model.get_weights())

    one, other = fitted(512), fitted(39)
    graphs._graph.cache_clear()
    assert one.tobytes() == other.tobytes()


def test_memory_grows_with_the_steps_not_with_their_square():
    def elements(steps):
        X = np.zeros((2, steps, 4), np.float32)
        model = NetworkRegressor([MultiHeadAttention(2), GlobalAvgPool()]).initialize(X, [0, 1])
        network = freeze(model).model().network
        graph = network.graph(trains=True)
        arrays = {array for call in graph.calls for array in call.arrays}
        own = attention_elements(graph, np.float32)
        return sum(array.positions * array.width for array in arrays) + own

    assert elements(2048) < 2.1 * elements(1024)


def test_tables_of_layers_and_names():
    layers = [Dense(8), ROTARY, TransformerBlock(2, dropout=0.1), GlobalAvgPool()]
    model = fit_quietly(NetworkClassifier(layers, max_iter=2), SERIES, np.arange(20) % 3)
    text = model._repr_html_()
    assert "TransformerBlock(heads=2, dropout=0.1)" in text
    assert "40 × 8" in text
    assert "872" in text  # 2 norms of 16, 216 + 72 of attention, 288 + 264 of feed
    [block] = [one for one in model.get_weights() if len(one) == 12]
    assert [array.shape for array in block] == [
        *((8,), (8,), (8, 24), (24,), (8, 8), (8,)),
        *((8,), (8,), (8, 32), (32,), (32, 8), (8,)),
    ]
    assert model.hidden_activations(SERIES, 2).shape == (20, 40, 8)


def test_a_preset_and_warmup():
    layers = presets.transformer(width=8, blocks=1, heads=2)
    warmup(NetworkClassifier(layers))
    X = SERIES.copy()
    labels = np.arange(20) % 2
    X[labels == 1, 10:20, 0] += 4  # somewhere in the middle
    model = NetworkClassifier(layers, max_iter=60, random_state=0, learning_rate_init=0.01)
    fit_quietly(model, X, labels)
    assert model.score(X, labels) == 1.0
