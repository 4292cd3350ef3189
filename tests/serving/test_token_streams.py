"""Streams of tokens and of causal attention: bits, windows that slide, several steps at once."""

import copy
import pickle

import numpy as np
import pytest
from cases.op_models import made
from cases.step_networks import CHANNELS, MOST, STEPPED, attending, ops_of
from fusednn.kernels.intrinsics.integers import DOT

from fusednn import NetworkClassifier, NetworkRegressor, freeze
from fusednn.graph.layers.dense import Dense
from fusednn.graph.layers.reshape import Reshape
from fusednn.layers import (
    GRU,
    LSTM,
    MultiHeadAttention,
    PositionalEncoding,
    TokenEmbedding,
    TransformerBlock,
)
from fusednn.layers import Dense as DenseLayer
from fusednn.serving.model import VALUES, Head
from fusednn.serving.predictor import Predictor

RANDOM = np.random.RandomState(0)
HEAD, COUNT, STEPS = Head(VALUES, "identity"), 7, 9
X = RANDOM.randint(0, COUNT, size=(20, STEPS))
both_types = pytest.mark.parametrize("dtype", [np.float32, np.float64])


def frozen(*layers, padding=None, **options):
    """A predictor of the next token, with weights as drawn."""
    first = TokenEmbedding(12, count=COUNT, padding=padding)
    model = NetworkClassifier([first, *layers], random_state=0)
    return freeze(model.initialize(X, X), **options)


def raw_steps(predictor, codes):
    """The logits of all steps of a series by the predictor."""
    return predictor(codes[np.newaxis])[0]


ATTENTIVE = {
    "learned": [PositionalEncoding(), TransformerBlock(2, causal=True)],
    "sinusoidal": [PositionalEncoding("sinusoidal"), TransformerBlock(3, causal=True)],
    "rotary": [
        PositionalEncoding("rotary"),
        TransformerBlock(2, causal=True, kv_heads=1, norm="rms", activation="swiglu"),
        TransformerBlock(2, causal=True, norm_first=False, dropout=0.1, bias=False),
    ],
    "none": [MultiHeadAttention(4, causal=True), LSTM(5, return_sequences=True)],
    "recurrent": [GRU(6, return_sequences=True)],
}


@pytest.mark.parametrize("layers", ATTENTIVE.values(), ids=ATTENTIVE)
def test_each_token_has_the_bits_of_the_whole(layers):
    predictor = frozen(*layers)
    stream = predictor.stream()
    assert stream.n_features_in_ == 1
    for codes in X[:2]:
        stream.reset()
        found = [stream.step(code) for code in codes.tolist()]
        np.testing.assert_array_equal(found, raw_steps(predictor, codes))
        for end in range(1, STEPS):
            np.testing.assert_array_equal(found[end - 1], raw_steps(predictor, codes[:end])[-1])


@pytest.mark.parametrize("weights", ["bfloat16", "int8"][: 1 + (DOT is not None)])
def test_rounded_weights_of_attention_have_the_bits_of_the_whole(weights):
    predictor = frozen(*ATTENTIVE["rotary"], weights=weights)
    stream, codes = predictor.stream(), RANDOM.randint(0, COUNT, size=40)
    found = np.array([stream.step(code) for code in codes])
    np.testing.assert_array_equal(found[:STEPS], raw_steps(predictor, codes[:STEPS]))
    np.testing.assert_array_equal(found, predictor.stream().steps(codes))


def windowed(dtype, steps, base, key_heads=2):
    """A network with one layer of attention, over so many steps."""
    ops = Reshape((steps, CHANNELS)), Dense(3, 8), *attending(8, 6, 4, key_heads, base)
    return Predictor(made((*ops, Dense(8, 4)), HEAD, dtype))


@both_types
@pytest.mark.parametrize("base", [0.0, 100.0])
@pytest.mark.parametrize("steps", [1, 2, 5, 16, 19])
def test_behind_the_fitted_steps_it_slides(dtype, base, steps):
    """Over several moves of the caches: the answers of the predictor for the last steps alone."""
    wholes = {count: windowed(dtype, count, base) for count in range(1, steps + 1)}
    series = RANDOM.normal(size=(4 * steps + 3, CHANNELS)).astype(dtype)
    stream = wholes[steps].stream()
    for end, x in enumerate(series, 1):
        window = series[max(0, end - steps) : end]
        found, want = stream.step(x), wholes[len(window)](window.reshape(1, -1))
        np.testing.assert_array_equal(found, want.reshape(len(window), -1)[-1])


@pytest.mark.parametrize("kind", ["learned", "sinusoidal"])
def test_tables_of_positions_end(kind):
    """One sentence, which names the layer; reset begins again."""
    stream = frozen(*ATTENTIVE[kind]).stream()
    first = [stream.step(code) for code in X[0]]
    for call in (stream.step, stream.predict, lambda code: stream.steps([code, code])):
        with pytest.raises(
            ValueError, match=f"the network's PositionalEncoding has positions of {STEPS};"
        ):
            call(1)
    stream.reset()
    with pytest.raises(ValueError, match="has taken 0 steps and cannot take 10 more"):
        stream.steps([0] * (STEPS + 1))
    np.testing.assert_array_equal(first, stream.steps(X[0]))


@both_types
@pytest.mark.thinned
@pytest.mark.parametrize("name", STEPPED)
@pytest.mark.parametrize("counts", [(70, 1, 33), (3, 40, 64)])
def test_several_steps_have_the_bits_of_one_after_the_other(name, dtype, counts):
    """Also where attention slides, and between single steps."""
    most = 200 if name == "learned positions" else MOST
    ops = ops_of(name, MOST)
    if name == "learned positions":
        ops = *ops[:2], ops[2]._replace(steps=most), *ops[3:]
    predictor = Predictor(made(ops, HEAD, dtype))
    one, several = predictor.stream(), predictor.stream()
    for count in counts:
        series = RANDOM.normal(size=(count, CHANNELS)).astype(dtype)
        want = [one.step(x) for x in series]
        np.testing.assert_array_equal(several.steps(series), want)
        np.testing.assert_array_equal(several.step(series[0]), one.step(series[0]))


def test_several_tokens_at_once():
    predictor = frozen(*ATTENTIVE["rotary"])
    codes = RANDOM.randint(0, COUNT, size=75)
    one, several = predictor.stream(), predictor.stream()
    want = np.array([one.step(code) for code in codes])
    found = several.steps(codes[:40]), several.steps(codes[40:].tolist())
    np.testing.assert_array_equal(np.concatenate(found), want)
    assert several.steps([]).shape == (0, COUNT)
    several.reset()
    np.testing.assert_array_equal(several.steps(codes.astype(float)), want)


@pytest.mark.parametrize(
    "copied", [copy.copy, copy.deepcopy, lambda one: pickle.loads(pickle.dumps(one))]
)
@pytest.mark.parametrize("kind", ["rotary", "learned"])
def test_a_copy_goes_on_from_there(copied, kind):
    stream = frozen(*ATTENTIVE[kind]).stream()
    stream.steps(X[0, :4])
    other, again = copied(stream), copied(stream)
    other.steps(X[1, :5])
    for code in X[0, 4:]:
        np.testing.assert_array_equal(stream.step(code), again.step(code))
    if kind == "learned":
        with pytest.raises(ValueError, match="PositionalEncoding has positions"):
            again.step(0)


def test_codes_that_are_no_tokens_leave_the_states():
    predictor = frozen(GRU(4, return_sequences=True), padding=0)
    stream = predictor.stream()
    stream.step(3)
    untouched = copy.copy(stream)
    for code, words in (
        (COUNT, f"whole numbers from 0 to {COUNT - 1}; found {COUNT}"),
        (-1, "found -1"),
        (1.5, "found 1.5"),
        (np.nan, "contains NaN"),
        (0, "0 is the padding of layers"),
    ):
        for call in (stream.step, stream.predict, lambda code: stream.steps([2, code])):
            with pytest.raises(ValueError, match=words):
                call(code)
    for code, words in (
        ([1, 2], r"int64 of shape \(2,\)"),
        ("a", r"<U1 of shape \(\)"),
        (1 << 100, "object"),
    ):
        with pytest.raises(ValueError, match=f"A step of this stream is a code; got {words}"):
            stream.step(code)
    with pytest.raises(ValueError, match=r"are codes \(n_steps,\); got int64 of shape \(2, 2\)"):
        stream.steps([[1, 2], [3, 4]])
    np.testing.assert_array_equal(stream.step(2), untouched.step(np.array([2.0])))


def test_rows_of_other_sizes_are_refused():
    X = RANDOM.normal(size=(20, 5, 2))
    stream = freeze(
        NetworkRegressor([DenseLayer(4), GRU(3)], random_state=0).initialize(X, X[:, 0, 0])
    ).stream()
    for wrong, words in (
        (X[0, 0], r"are \(n_steps, 2\); got X of shape \(2,\)"),
        (X[0, :, :1], "got X of shape"),
        (np.where(X[0] == X[0, 3, 0], np.nan, X[0]), "contains NaN"),
    ):
        with pytest.raises(ValueError, match=words):
            stream.steps(wrong)
    assert stream.steps(X[0]).shape == (5, 1)


def test_a_classifier_answers_as_its_predictor():
    predictor = frozen(*ATTENTIVE["rotary"])
    for ask in ("predict", "predict_proba", "__call__"):
        stream = predictor.stream()
        found = [getattr(stream, ask)(code)[0] for code in X[3].tolist()]
        np.testing.assert_array_equal(found, getattr(predictor, ask)(X[3:4])[0])
