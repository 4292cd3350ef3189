"""Logits, hidden activations, gradients and the diagram of a fitted estimator."""

import numpy as np
import pytest
from cases.validated_fits import KINDS, LABELS, TARGETS, WEIGHTS, X, data_loss, forward, new
from oracles.parity import CLASSES, parameters
from scipy import sparse
from sklearn.exceptions import NotFittedError

from fusednn import MLPRegressor

rng = np.random.RandomState(1)
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@KINDS
@pytest.mark.parametrize("rows", [1, 64, 240])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_logits_and_hidden_activations(kind, rows, dtype):
    model = new(kind).fit(X.astype(dtype), TARGETS[kind])
    tolerance = 1e-12 if dtype == np.float64 else 1e-5
    data = X[:rows].astype(dtype)
    for form in (np.asarray, sparse.csr_array):
        logits = model.predict_logits(form(data))
        assert logits.dtype == dtype
        np.testing.assert_allclose(logits, forward(model, data), rtol=tolerance, atol=tolerance)
        for layer in (-2, -1, 0, np.int64(1)):
            found = model.hidden_activations(form(data), layer)
            expected = forward(model, data, layer % 2)
            np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance)
    np.testing.assert_array_equal(model.hidden_activations(data), found)


@pytest.mark.parametrize("rows", [3, 100])
def test_a_hidden_layer_of_one_unit(rows):
    model = new("binary", hidden_layer_sizes=(4, 1, 3)).fit(X, TARGETS["binary"])
    for layer in range(3):
        np.testing.assert_allclose(
            model.hidden_activations(X[:rows], layer), forward(model, X[:rows], layer), atol=1e-12
        )


def test_refused_looks():
    model = new("binary")
    for call in (model.predict_logits, model.hidden_activations):
        with pytest.raises(NotFittedError):
            call(X)
    with pytest.raises(NotFittedError):
        model.loss_and_gradient(X, TARGETS["binary"])
    model.fit(X, TARGETS["binary"])
    for layer in (2, -3):
        with pytest.raises(ValueError, match=r"layer must be in \[-2, 2\)"):
            model.hidden_activations(X, layer)
    with pytest.raises(TypeError):
        model.hidden_activations(X, 0.5)
    with pytest.raises(ValueError, match="labels that are not"):
        model.loss_and_gradient(X, TARGETS["binary"] + 1)
    with pytest.raises(ValueError, match="X has 5 features"):
        model.predict_logits(X[:, 1:])


@KINDS
@pytest.mark.parametrize("weighted", [False, True])
def test_the_gradient_is_that_of_the_loss(kind, weighted):
    y, weights = TARGETS[kind], WEIGHTS if weighted else None
    model = new(kind, alpha=0.3, activation="tanh").fit(X, y)
    before = [part.copy() for part in parameters(model)]
    loss, *gradients = model.loss_and_gradient(X, y, weights)
    for one, other in zip(parameters(model), before, strict=True):
        np.testing.assert_array_equal(one, other)
    parts = [*gradients[0], *gradients[1]]
    step = 1e-6
    for part, gradient in zip([*model.coefs_, *model.intercepts_], parts, strict=True):
        assert part.shape == gradient.shape
        at = tuple(rng.randint(size) for size in part.shape)
        kept, values = part[at], []
        for sign in (1, -1):
            part[at] = kept + sign * step
            values.append(model.loss_and_gradient(X, y, weights)[0])
        part[at] = kept
        assert (values[0] - values[1]) / (2 * step) == pytest.approx(gradient[at], abs=1e-7)
    if kind != "outputs":
        total = len(X) if weights is None else weights.sum()
        squares = sum((w**2).sum() for w in model.coefs_)
        z = model.predict_logits(X)
        expected = data_loss(kind, z, y, weights) + 0.5 * 0.3 * squares / total
        assert loss == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize("kind", ["binary", "multiclass", "multilabel"])
def test_log_probabilities_of_extreme_logits(kind):
    model = new(kind).fit(X, TARGETS[kind])
    np.testing.assert_allclose(
        model.predict_log_proba(X), np.log(model.predict_proba(X)), rtol=1e-9, atol=1e-12
    )
    model.coefs_[-1] *= 1e5
    found = model.predict_log_proba(X)
    assert np.isfinite(found).all()
    assert found.min() < -1000
    assert found.shape == model.predict_proba(X).shape
    assert (found <= 0).all()


@pytest.mark.parametrize("kind", CLASSES)
def test_html_has_the_layers(kind):
    model = CLASSES[kind][1]((8, 5)) if kind == "classifier" else MLPRegressor("poisson", (8, 5))
    assert "fusednn-layers" not in model._repr_html_()
    y = LABELS if kind == "classifier" else TARGETS["poisson"]
    text = model.set_params(max_iter=1).fit(X, y)._repr_html_()
    outputs, function = (3, "softmax") if kind == "classifier" else (1, "exp")
    total = 7 * 8 + 9 * 5 + 6 * outputs
    for expected in ("6 × 8 + 8", f">{total:,}<", f">{function}<", ">hidden 1<"):
        assert expected in text
