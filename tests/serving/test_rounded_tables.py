"""Tables of tokens that are also the output's weights, rounded with these."""

import pickle

import numpy as np
import pytest
from cases.small_language_models import CODES
from fusednn.kernels.intrinsics.integers import DOT

import fusednn
from fusednn import LanguageModel, freeze
from fusednn.layers import GRU, Dense, TokenEmbedding, presets
from fusednn.text import CharTokenizer

CONTEXT = 12
KINDS = [
    "bfloat16",
    pytest.param(
        "int8", marks=pytest.mark.skipif(DOT is None, reason="no product of integers here")
    ),
]
both = pytest.mark.parametrize("weights", KINDS)
LISTS = {
    "attention": presets.decoder(20, blocks=2, heads=2),
    "recurrence": [TokenEmbedding(13), GRU(13, return_sequences=True)],
    "few": [TokenEmbedding(6), Dense(6, "tanh")],
}
lists = pytest.mark.parametrize("name", LISTS)


def model_of(name, count=101):
    """Weights as drawn, but vectors of some size; some columns of the last panel are padding."""
    layers = list(LISTS[name])
    layers[0] = TokenEmbedding(layers[0].size, count=count)
    model = LanguageModel(layers, CONTEXT, random_state=0, dtype="float32").initialize(CODES)
    model._arrays[0] *= 20
    return model


def windows(count=101, rows=40):
    return np.random.RandomState(1).randint(count, size=(rows, CONTEXT))


def in_halves(table):
    """Each number rounded to the nearest of 8 bits, ties to even."""
    bits = table.view(np.uint32).astype(np.uint64)
    low, rest = bits >> 16, bits & 0xFFFF
    up = (rest > 0x8000) | ((rest == 0x8000) & (low % 2 == 1))
    return ((low + up) << 16).astype(np.uint32).view(np.float32)


def check_integers(found, table):
    """Each vector is integers from -127 to 127 times a factor, and near its own."""
    factors = abs(found).max(axis=1, keepdims=True) / 127
    np.testing.assert_allclose(found / factors, np.rint(found / factors), atol=1e-4)
    assert (abs(found - table) <= 0.501 * factors).all()


@both
@lists
@pytest.mark.parametrize("count", [9, 40, 101])
def test_the_table_is_rounded_once_for_both(name, count, weights):
    model = model_of(name, count)
    exact, reduced = freeze(model), freeze(model, weights=weights)
    [table, *_], [ours, *_] = exact.model().arrays, reduced.model().arrays
    if weights == "bfloat16":
        np.testing.assert_array_equal(ours, in_halves(table))
    else:
        check_integers(ours, table)
    back = freeze(reduced)  # the same weights, in float32, and no rounded rows
    X = windows(count)
    spread = abs(back(X)).max()
    tolerance = 1e-5 if weights == "bfloat16" else 0.05
    np.testing.assert_allclose(reduced(X), back(X), atol=tolerance * spread)
    assert 0 < abs(reduced(X) - exact(X)).max() < 0.1 * spread


@both
@lists
def test_bits_of_windows_groups_streams_and_copies(name, weights, tmp_path):
    predictor, X = freeze(model_of(name), weights=weights), windows()
    whole = predictor(X)
    for rows in (1, 7):
        some = [predictor(X[at : at + rows]) for at in range(0, len(X), rows)]
        np.testing.assert_array_equal(np.concatenate(some), whole)
    stream = predictor.stream()
    for t, code in enumerate(X[0]):
        np.testing.assert_array_equal(stream.step(code), whole[0, t])
    stream.reset()
    np.testing.assert_array_equal(stream.steps(X[1]), whole[1])
    predictor.save(tmp_path / "model.st")
    for other in (
        pickle.loads(pickle.dumps(predictor)),
        freeze(predictor, weights=weights),
        fusednn.load(tmp_path / "model.st", weights=weights),
    ):
        np.testing.assert_array_equal(other(X), whole)


@both
def test_it_takes_less_memory(weights):
    model = model_of("attention", 4096)
    sizes = [
        freeze(model, weights=kind)._answering._parameters[0].nbytes for kind in (None, weights)
    ]
    assert sizes[1] < (0.51 if weights == "bfloat16" else 0.36) * sizes[0]


@both
def test_generation_with_rounded_weights(weights):
    """A trained model writes what it has learned, and what its rounded predictor says."""
    text = "the cat sat on the mat. " * 40
    model = LanguageModel(
        presets.decoder(16, blocks=1, heads=2), 32, tokenizer=CharTokenizer(), max_iter=40,
        learning_rate_init=0.02, batch_size=8, random_state=1,
    ).fit(text)  # fmt: skip
    written = model.generate("the cat ", 16, temperature=0, weights=weights)
    assert ("the cat " + written) in text
    pieces = model.iter_generate("the ", 30, 3.0, random_state=0, weights=weights)
    stream, random = freeze(model, weights=weights).stream(), np.random.RandomState(0)
    logits, expected = stream.steps(model.tokenizer_.encode("the "))[-1], []
    for _ in range(30):
        shares = np.exp((logits - logits.max()).astype(float) / 3)
        shares[0] = 0
        sums = np.cumsum(shares / shares.sum())
        expected.append(int(np.searchsorted(sums, random.random_sample() * sums[-1], "right")))
        logits = stream.step(expected[-1])
    assert "".join(pieces) == model.tokenizer_.decode(expected)
    with pytest.raises(ValueError, match="weights must be None or one of 'bfloat16', 'int8'"):
        model.generate("the ", 1, weights="int4")
