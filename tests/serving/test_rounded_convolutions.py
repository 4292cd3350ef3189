"""Convolutions with rounded weights: NumPy's answers with these weights, and the same bits."""

import pickle
from math import prod

import numpy as np
import pytest
from cases.window_networks import (
    convolution,
    grouped_ops,
    model_of,
    rows_for,
    single_ops,
    transpose,
)
from fusednn.kernels.intrinsics.integers import DOT
from oracles.interpreter import Run
from oracles.parity import fit_quietly
from running.c_programs import FAST, assert_close, needs_compiler, run_models

import fusednn
from fusednn import NetworkClassifier, freeze
from fusednn.graph.layers.convolution import Convolution
from fusednn.graph.layers.dense import Dense
from fusednn.graph.layers.reshape import Reshape
from fusednn.graph.layers.transposed_convolution import TransposedConvolution
from fusednn.layers import BatchNorm, Conv2D, GlobalAvgPool
from fusednn.serving.predictor import Predictor

KINDS = [
    "bfloat16",
    pytest.param(
        "int8", marks=pytest.mark.skipif(DOT is None, reason="no product of integers here")
    ),
]
weights = pytest.mark.parametrize("weights", KINDS)


def ended(shape, op):
    """An op in a network of few outputs, whose last weights are not rounded."""
    flat = prod(op.out_shape(shape))
    return [Reshape(shape), op, Reshape((flat,)), Dense(flat, 3)]


NETWORKS = {
    **{
        name: ops
        for name, ops in single_ops().items()
        if any(isinstance(op, Convolution | TransposedConvolution) for op in ops)
    },
    **{
        f"{name} by groups": ended((*op.windows.sizes, op.fan_in), op)
        for name, op in grouped_ops().items()
    },
    "many channels": ended((3, 4, 40), convolution((3, 4, 40), 70, (2, 2))),
    "many channels, transposed": ended((2, 3, 40), transpose((2, 3, 40), 70, (2, 2))),
}
EVERY = pytest.mark.parametrize("ops", NETWORKS.values(), ids=NETWORKS)
SOME = pytest.mark.parametrize(
    "name",
    ["every option", "transpose, every option", "depthwise by groups", "transpose, groups"],
)


def bfloat16(x):
    """Numbers rounded to 8 significant bits, ties to even, by arithmetic."""
    mantissa, exponent = np.frexp(x.astype(float))
    return np.ldexp(np.rint(mantissa * 256), exponent - 8)


@weights
@EVERY
def test_weights_are_the_nearest(ops, weights):
    """No step of a filter is nearer; biases and the last weights stay."""
    model = model_of(ops, np.float32)
    found = Predictor(model, 1, weights).model().arrays
    kept = len(found) - 2
    for number, (w, rounded) in enumerate(zip(model.arrays, found, strict=True)):
        if w.ndim < 3 or number >= kept:
            np.testing.assert_array_equal(rounded, w)
        elif weights == "bfloat16":
            np.testing.assert_array_equal(rounded, bfloat16(w))
        else:
            filters = w.shape[-1]
            largest = abs(w).reshape(-1, filters).max(axis=0).astype(float)
            assert (abs(rounded - w.astype(float)) <= largest / 254 * (1 + 2**-14)).all()
            steps = rounded.astype(float) / (largest / 127)
            assert abs(steps - np.rint(steps)).max() < 127 * 2**-14


@weights
@EVERY
def test_answers_are_numpys_with_these_weights(ops, weights):
    model, X = model_of(ops, np.float32), rows_for(ops, np.float32, 21)
    predictor = Predictor(model, 1, weights)
    rounded = predictor.model()
    oracle = Run(rounded.network.graph(), rounded.arrays, X).logits
    np.testing.assert_allclose(predictor(X), oracle, rtol=1e-5, atol=1e-5 * abs(oracle).max())
    exact = Run(rounded.network.graph(), model.arrays, X).logits
    assert abs(exact - oracle).max() > 1e-5 * abs(oracle).max()  # something was rounded


@weights
@EVERY
def test_bits_are_those_of_float32_with_these_weights(ops, weights):
    model, X = model_of(ops, np.float32), rows_for(ops, np.float32, 21)
    predictor = Predictor(model, 1, weights)
    np.testing.assert_array_equal(predictor(X), Predictor(predictor.model(), 1)(X))
    alone = [predictor(X[i : i + 1]) for i in range(len(X))]
    np.testing.assert_array_equal(predictor(X), np.concatenate(alone))
    both = Predictor(model, 2, weights)
    many = np.tile(X, (60, 1))
    np.testing.assert_array_equal(both(many), np.tile(predictor(X), (60, 1)))


@weights
@SOME
def test_pickles_files_and_freezing_again_keep_the_bits(name, weights, tmp_path):
    ops = NETWORKS[name]
    X = rows_for(ops, np.float32)
    once = Predictor(model_of(ops, np.float32), 1, weights)
    once.save(tmp_path / "model.safetensors")
    for other in (
        pickle.loads(pickle.dumps(once)),
        freeze(once, weights=weights),
        fusednn.load(tmp_path / "model.safetensors", weights=weights),
    ):
        assert other.weights == weights
        np.testing.assert_array_equal(other(X), once(X))
    plain = fusednn.load(tmp_path / "model.safetensors")  # these weights, in float32
    np.testing.assert_array_equal(plain(X), once(X))


@weights
def test_filters_of_zeros_and_what_is_not_finite(weights):
    shape = (3, 4, 5)
    ops = ended(shape, convolution(shape, 4, (2, 2)))
    model = model_of(ops, np.float32)
    model.arrays[0][..., 1] = 0
    model.arrays[0][0, 1, 2, 3] = np.nan
    found = Predictor(model, 1, weights).model().arrays[0]
    np.testing.assert_array_equal(found[..., 1], 0)
    assert np.isnan(found[0, 1, 2, 3])
    assert np.isfinite(found[..., :3]).all()


@weights
def test_networks_that_were_fitted(weights):
    """Float64 becomes float32; BatchNorm is folded before; other layers stay."""
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(90, 6, 5, 3)), np.arange(90) % 3
    X[y == 1, :3] += 1
    X[y == 2, :, 2:] -= 1
    layers = [Conv2D(9, 3), BatchNorm(), Conv2D(8, 3, "relu"), GlobalAvgPool()]
    model = NetworkClassifier(layers, max_iter=12, random_state=0, learning_rate_init=0.01)
    exact, reduced = freeze(fit_quietly(model, X, y)), freeze(model, weights=weights)
    assert reduced.dtype == np.float32
    assert 0 < abs(reduced.predict_proba(X) - exact.predict_proba(X)).max() < 0.05
    assert np.mean(reduced.predict(X) == exact.predict(X)) > 0.95


@needs_compiler
@weights
def test_c_has_these_weights(weights, tmp_path):
    models = {}
    for name in ("every option", "depthwise by groups"):
        ops = NETWORKS[name]
        predictor = Predictor(model_of(ops, np.float32), 1, weights)
        models[name.replace(" ", "_")] = predictor.model(), rows_for(ops, np.float32)
    found = run_models(tmp_path, models, "gcc", FAST)
    for name, (model, X) in models.items():
        for answers in found[name]:
            assert_close(answers.logits, Predictor(model)(X), 1e-5, name)
