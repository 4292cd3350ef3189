"""`Autoencoder` and `VariationalAutoencoder` as scikit-learn's tools and users see them."""

import copy
import pickle

import numpy as np
import pytest
from oracles.parity import fit_quietly
from running.nested_weights import leaves
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import estimator_checks_generator

from fusednn import Autoencoder, VariationalAutoencoder, freeze, load
from fusednn.layers import (
    BatchNorm,
    Conv2D,
    ConvTranspose2D,
    Dense,
    Dropout,
    Embedding,
    Flatten,
    Reshape,
)
from fusednn.losses import Gaussian, Poisson

X = load_digits().data[:200] / 16
IMAGES = X.reshape(-1, 8, 8)
LISTS = [Dense(20, "relu"), Dense(5)], [Dense(20, "relu"), Dense(64)]
WAYS = (
    [Conv2D(4, 3, "relu", stride=2), Conv2D(2, 3, stride=2)],
    [ConvTranspose2D(4, 4, "relu", stride=2, padding=1),
     ConvTranspose2D(1, 4, "logistic", stride=2, padding=1)],
)  # fmt: skip
KINDS = pytest.mark.parametrize("kind", [Autoencoder, VariationalAutoencoder])
CHECKS = [
    pair
    for kind in (Autoencoder, VariationalAutoencoder)
    for pair in estimator_checks_generator(kind(max_iter=5), legacy=True)
]


def fitted(kind=Autoencoder, lists=LISTS, data=X, **options):
    return fit_quietly(kind(*lists, max_iter=3, random_state=0, **options), data)


def by_hand(layers, weights, rows):
    """What dense layers make of rows."""
    for layer, (w, b) in zip(layers, weights, strict=True):
        rows = rows @ w + b
        rows = np.maximum(rows, 0) if layer.activation == "relu" else rows
    return rows


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning")
@pytest.mark.parametrize(
    ("estimator", "check"), CHECKS, ids=lambda one: getattr(one, "func", one).__class__.__name__
)
def test_estimator_checks(estimator, check):
    check(estimator)


def test_answers_are_those_of_the_layers():
    model = fitted()
    weights = model.get_weights()
    codes = by_hand(LISTS[0], weights[:2], X)
    back = by_hand(LISTS[1], weights[2:], codes)
    np.testing.assert_allclose(model.transform(X), codes, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(model.inverse_transform(codes), back, rtol=1e-10, atol=1e-12)
    errors = -((X - back) ** 2).mean(axis=1)
    np.testing.assert_allclose(model.score_samples(X), errors, rtol=1e-10)
    assert model.score(X) == pytest.approx(errors.mean())
    assert list(model.get_feature_names_out()) == [f"autoencoder{n}" for n in range(5)]


def test_means_are_the_first_half_of_the_last_layer():
    model = fitted(VariationalAutoencoder, (LISTS[0][:1], LISTS[1]), latent=3)
    assert model.encoder_layers_ == (*LISTS[0][:1], Dense(6))
    codes = by_hand(model.encoder_layers_, model.get_weights()[:2], X)
    np.testing.assert_allclose(model.transform(X), codes[:, :3], rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(model.encoder_.predict(X), codes[:, :3], rtol=1e-10, atol=1e-12)


@KINDS
def test_training_gives_back_more(kind):
    model = fit_quietly(kind(max_iter=30, random_state=0), X)
    first = kind(random_state=0).initialize(X)
    assert model.score(X) > 0.6 * first.score(X)
    assert model.loss_curve_[-1] < 0.5 * model.loss_curve_[0]
    assert model.transform(X).shape == (200, 16)


@KINDS
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("data", [X, IMAGES], ids=["rows", "images"])
def test_frozen_halves_answer_as_the_estimator(kind, dtype, data):
    lists = (WAYS[0], WAYS[1]) if data.ndim == 3 else LISTS
    if kind is VariationalAutoencoder and data.ndim == 3:
        lists = WAYS[0], [Dense(8), Reshape(2, 2, 2), *WAYS[1]]
    model = fitted(kind, lists, data.astype(dtype))
    rows, close = data.astype(dtype), {"rtol": 1e-5, "atol": 1e-6}
    codes = model.transform(rows)
    assert codes.dtype == dtype
    np.testing.assert_allclose(model.encoder_.predict(rows), codes, **close)
    back = model.inverse_transform(codes)
    assert back.shape == data.shape
    flat = back.reshape(200, -1)
    np.testing.assert_allclose(model.decoder_.predict(codes.reshape(200, -1)), flat, **close)
    np.testing.assert_allclose(freeze(model).predict(rows), flat, **close)


@KINDS
def test_files_keep_what_training_needs(kind, tmp_path):
    model = fitted(kind)
    path = tmp_path / "model.safetensors"
    model.save(path)
    again = kind.load(path)
    np.testing.assert_array_equal(again.transform(X), model.transform(X))
    np.testing.assert_array_equal(load(path).predict(X), freeze(model).predict(X))
    for one in (model, again, other := pickle.loads(pickle.dumps(model))):
        one.partial_fit(X)
    np.testing.assert_array_equal(again.transform(X), model.transform(X))
    np.testing.assert_array_equal(other.transform(X), model.transform(X))
    model.encoder_.save(path)
    np.testing.assert_array_equal(load(path).predict(X), model.encoder_.predict(X))


@KINDS
def test_threads_change_no_bit(kind):
    one, two = (fitted(kind, n_jobs=jobs, batch_size=64).get_weights() for jobs in (1, 2))
    for ours, theirs in zip(leaves(one), leaves(two), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_noise_changes_training_and_no_answer():
    plain, noisy = fitted(), fitted(noise=0.5)
    assert noisy.loss_ > plain.loss_
    np.testing.assert_array_equal(noisy.transform(X), noisy.transform(X))
    weights = noisy.get_weights()
    np.testing.assert_allclose(noisy.transform(X), by_hand(LISTS[0], weights[:2], X), rtol=1e-9)


def test_validation_is_judged_by_the_loss():
    model = fitted(early_stopping=True)
    assert len(model.validation_scores_) == len(model.validation_loss_curve_) == 3
    model = fit_quietly(Autoencoder(*LISTS, max_iter=3), X, X_val=X[:20])
    assert len(model.validation_loss_curve_) == 3
    back = model.inverse_transform(model.transform(X[:20]))
    half = np.square(back - X[:20]).mean() / 2
    assert model.validation_loss_curve_[-1] == pytest.approx(half)


def test_stands_before_a_classifier():
    y = load_digits().target[:200]
    pipeline = make_pipeline(
        Autoencoder(*LISTS, max_iter=40, random_state=0), LogisticRegression()
    )
    search = GridSearchCV(pipeline, {"autoencoder__noise": [0.0, 0.1]}, cv=2)
    assert fit_quietly(search, X, y).best_score_ > 0.3


def test_bytes_and_sparse_rows():
    from scipy.sparse import csr_matrix

    whole = (X * 16).astype(np.uint8)
    model = fitted(data=whole)
    assert model.transform(whole).dtype == np.float32
    model = fitted(data=csr_matrix(X))
    np.testing.assert_allclose(model.transform(csr_matrix(X)), model.transform(X), rtol=1e-9)
    np.testing.assert_allclose(model.score_samples(csr_matrix(X)), model.score_samples(X))


def test_samples_of_the_variational_one():
    model = fitted(VariationalAutoencoder, data=IMAGES, lists=([Flatten(), Dense(9)], LISTS[1]))
    one, two = (model.sample(4, random_state=1) for _ in range(2))
    assert one.shape == (4, 8, 8)
    np.testing.assert_array_equal(one, two)
    numbers = np.random.RandomState(1).normal(size=(4, 16))
    np.testing.assert_array_equal(one, model.inverse_transform(numbers))
    with pytest.raises(ValueError, match="n_samples must be a positive integer, got 0"):
        model.sample(0)


def test_copies():
    model = fitted(noise=0.1, alpha=0.01)
    assert clone(model).get_params() == model.get_params()
    other = copy.deepcopy(model)
    other.set_weights([[0 * array for array in arrays] for arrays in model.get_weights()])
    assert not other.transform(X).any()
    assert model.transform(X).any()
    assert "ConvTranspose2D" in fitted(lists=WAYS, data=IMAGES)._repr_html_()


REFUSED = {
    "too few columns": (
        {"decoder": [Dense(4), Dense(5)]},
        r"decoder\[1\] is Dense.*it gives samples of 5 columns, but those of X have 64 columns",
    ),
    "other axes": ({"decoder": [Dense(9), Reshape(3, 3)]}, r"samples of axes \(3, 3\)"),
    "a reshape": ({"encoder": [Reshape(3, 3)]}, r"encoder\[0\] is Reshape"),
    "in the decoder": ({"decoder": [Reshape(9, 9)]}, r"decoder\[0\] is Reshape"),
    "no list": ({"encoder": Dense(3)}, "encoder"),
    "empty": ({"encoder": []}, "encoder must be a list of at least one layer"),
    "no layer": ({"encoder": [3]}, r"encoder\[0\] must be a layer"),
    "codes": ({"encoder": [Embedding([0])]}, "it reads codes"),
    "other outputs": ({"loss": Gaussian()}, "does not compare X"),
    "a link": ({"loss": Poisson()}, "does not compare X"),
    "noise": ({"noise": -1.0}, "noise"),
    "solver": ({"solver": "lbfgs"}, "solver"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_bad_parameters(name):
    options, message = REFUSED[name]
    model = Autoencoder(**options)
    with pytest.raises(ValueError, match=message):
        model.fit(X)
    with pytest.raises(NotFittedError):
        model.transform(X)


def test_bad_data():
    model = fitted(data=IMAGES, lists=([Flatten(), Dense(3)], LISTS[1]))
    with pytest.raises(ValueError, match=r"axes \(8, 9\)"):
        model.transform(np.zeros((3, 8, 9)))
    with pytest.raises(ValueError, match="codes of 4 numbers, but the decoder takes 3"):
        model.inverse_transform(np.zeros((3, 4)))
    with pytest.raises(ValueError, match="unequal lengths"):
        Autoencoder().fit([np.zeros((3, 2)), np.zeros((4, 2))])
    with pytest.raises(ValueError, match="NaN"):
        Autoencoder().fit(np.full((9, 3), np.nan))
    with pytest.raises(ValueError, match="NaN"):
        model.transform(np.full((9, 64), np.nan))
    assert not hasattr(Autoencoder(), "encoder_")


@KINDS
def test_batches_beyond_the_samples(kind):
    """`fit` refuses them; `partial_fit`, which may get what is left of a stream, has a warning."""
    model = kind(*LISTS, batch_size=300)
    with pytest.raises(ValueError, match=r"^batch_size=300 is more than the 200 samples\.$"):
        model.fit(X)
    assert not hasattr(model, "encoder_")
    with pytest.warns(UserWarning, match="batch_size"):
        model.partial_fit(X)


def test_other_layers_while_training_goes_on():
    model = fitted()
    model.set_params(decoder=[Dense(9), Dense(64)])
    with pytest.raises(ValueError, match="encoder, decoder and tied ask for"):
        model.partial_fit(X)
    model.set_params(decoder=[Dense(20, "relu"), Dropout(0.1), Dense(64)]).partial_fit(X)
    assert model.decoder_layers_[1] == Dropout(0.1)


def test_batch_norm_is_folded():
    lists = [Dense(9), BatchNorm(), Dense(3)], [Dense(9), BatchNorm(), Dense(64)]
    model = fitted(lists=lists)
    np.testing.assert_allclose(model.encoder_.predict(X), model.transform(X), atol=1e-10)


def test_a_diverging_fit_keeps_finite_weights():
    model = Autoencoder(*LISTS, solver="sgd", learning_rate_init=1e9, random_state=0)
    with pytest.raises(ValueError, match="became infinite or NaN"):
        model.fit(X)
