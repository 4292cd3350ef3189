"""`loss` of the regressor: what it learns, how `predict` answers, and that every way works."""

import pickle

import numpy as np
import pytest
from every_part import LOSSES
from fusednn.kernels.losses import LOSSES as LOSS_KERNELS
from oracles import reference_network
from oracles.parity import assert_same_bits, fit_quietly
from scipy import sparse
from sklearn.base import clone
from sklearn.metrics import mean_gamma_deviance, mean_pinball_loss, r2_score

from fusednn import MLPRegressor
from fusednn.estimators.deployment.warmup import rehearsals
from fusednn.losses import (
    REGRESSION,
    ClassificationLoss,
    Gamma,
    Gaussian,
    Poisson,
    Quantile,
    SquaredError,
)

rng = np.random.RandomState(0)
X = rng.normal(size=(400, 4))
Y = np.exp(0.4 * X[:, 0] * X[:, 1] + 0.5 * X[:, 2] + 0.2 * rng.normal(size=400))
SEVERAL = np.c_[Y, np.exp(X[:, 3] / 2), 1 + X[:, 0] ** 2]
WEIGHTS = rng.uniform(0.5, 2, len(X))
THREE = Quantile((0.1, 0.5, 0.9))
OTHERS = [
    loss
    for loss in LOSSES.values()
    if not (isinstance(loss, ClassificationLoss) or loss in REGRESSION.values())
]
"""Descriptions whose constants are not the defaults."""
LOSS_VALUES = [*REGRESSION, *OTHERS]
each_loss = pytest.mark.parametrize("loss", LOSS_VALUES, ids=str)
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def new(loss, **params):
    options = {"hidden_layer_sizes": (12, 7), "random_state": 0, "max_iter": 5, **params}
    return MLPRegressor(loss, **options)


def shape_of(loss, rows, targets):
    """The shape of predictions."""
    shape = (rows,) if targets == 1 else (rows, targets)
    return (*shape, 3) if loss == THREE else shape


@pytest.mark.thinned
@each_loss
@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
@pytest.mark.parametrize("y", [Y, SEVERAL], ids=["one target", "several"])
def test_solvers_and_shapes(loss, solver, y):
    model = new(loss, solver=solver, learning_rate_init=1e-3, max_iter=20).fit(X, y)
    per_target = {"gaussian": 2, THREE: 3, Gaussian(eps=1e-3): 2}.get(loss, 1)
    targets = y.size // len(y)
    assert model.n_outputs_ == targets * per_target == model.coefs_[-1].shape[1]
    for rows in (X, X[:3]):
        assert model.predict(rows).shape == shape_of(loss, len(rows), targets)
        assert model.predict_logits(rows).shape == (len(rows), model.n_outputs_)
    assert np.isfinite(model.score(X, y))
    first = new(loss, solver=solver, max_iter=1).fit(X, y)
    assert model.loss_ < first.loss_


@pytest.mark.thinned
@each_loss
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_bits(loss, dtype):
    """One thread and two, dense and CSR, one row and many."""
    Z = (X * (X > -1)).astype(dtype)
    one = new(loss, n_jobs=1).fit(Z, SEVERAL, WEIGHTS)
    assert_same_bits(one, new(loss, n_jobs=2).fit(Z, SEVERAL, WEIGHTS))
    assert_same_bits(one, new(loss, n_jobs=1).fit(sparse.csr_matrix(Z), SEVERAL, WEIGHTS))
    whole = one.predict(Z)
    assert whole.dtype == dtype
    for rows in (slice(5, 6), slice(9, 80)):
        np.testing.assert_array_equal(one.predict(Z[rows]), whole[rows])
    np.testing.assert_array_equal(one.predict(sparse.csr_matrix(Z)), whole)


@each_loss
def test_copies(loss):
    model = new(loss)
    assert model.get_params()["loss"] == loss
    assert clone(model).get_params() == model.get_params()
    model.fit(X, Y)
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.predict(X), model.predict(X))
    assert_same_bits(model, again)


@each_loss
def test_going_on(loss):
    """`partial_fit` and `warm_start` are steps of one fit."""
    options = {"shuffle": False, "tol": 0, "n_iter_no_change": np.inf}
    whole = new(loss, max_iter=4, **options).fit(X, SEVERAL)
    parts = new(loss, **options)
    for _ in range(4):
        parts.partial_fit(X, SEVERAL)
    warm = new(loss, max_iter=2, warm_start=True, warm_start_optimizer=True, **options)
    warm.fit(X, SEVERAL).fit(X, SEVERAL)
    for one in (parts, warm):
        np.testing.assert_array_equal(one.loss_curve_, whole.loss_curve_)
        for a, b in zip(one.coefs_, whole.coefs_, strict=True):
            np.testing.assert_array_equal(a, b)


@pytest.mark.thinned
@each_loss
@pytest.mark.parametrize("y", [Y, SEVERAL], ids=["one target", "several"])
def test_loss_and_gradient_and_validation(loss, y):
    """The validation loss is the plain loss; with weights, and judged by it."""
    model = new(loss, scoring="loss", early_stopping=True, max_iter=8, alpha=0.0)
    model.fit(X, y, X_val=X, y_val=y, sample_weight_val=WEIGHTS)
    value, coef_grads, _ = model.loss_and_gradient(X, y, WEIGHTS)
    best = min(model.validation_loss_curve_)
    per_output = model.n_outputs_ if loss == "squared_error" else 1
    assert value == pytest.approx(per_output * best, rel=1e-12)
    assert [g.shape for g in coef_grads] == [w.shape for w in model.coefs_]
    scores = [-loss for loss in model.validation_loss_curve_]
    np.testing.assert_array_equal(model.validation_scores_, scores)
    if loss in reference_network.LOSSES:
        expected = reference_network.LOSSES[loss](model.predict_logits(X), y.reshape(len(y), -1))
        assert value == pytest.approx(np.average(expected[0], weights=WEIGHTS), rel=1e-12)


@each_loss
def test_early_stopping_looks_at_one_value_for_each_target(loss):
    own = new(loss, early_stopping=True, max_iter=6).fit(X, SEVERAL, X_val=X, y_val=SEVERAL)
    assert own.score(X, SEVERAL) == pytest.approx(own.best_validation_score_, rel=1e-9)
    parts = new(loss, early_stopping=True, max_iter=6).fit(X, SEVERAL, WEIGHTS)
    assert np.isfinite(parts.validation_scores_).all()


def test_scores():
    model = new(THREE).fit(X, SEVERAL)
    assert model.score(X, SEVERAL, WEIGHTS) == pytest.approx(
        r2_score(SEVERAL, model.predict(X)[:, :, 1], sample_weight=WEIGHTS)
    )
    model = new("gaussian").fit(X, Y)
    assert model.score(X, Y) == r2_score(Y, model.predict(X))


def test_quantiles_are_those_of_the_data():
    model = new(THREE, max_iter=600, tol=0, learning_rate_init=0.005)
    predicted = fit_quietly(model, X, Y).predict(X)
    np.testing.assert_allclose(
        (predicted > Y[:, np.newaxis]).mean(axis=0), THREE.quantiles, atol=0.06
    )
    total = sum(
        mean_pinball_loss(Y, predicted[:, i], alpha=q) for i, q in enumerate(THREE.quantiles)
    )
    assert model.loss_and_gradient(X, Y)[0] == pytest.approx(total, rel=1e-3)


def test_gaussian_learns_the_spread():
    Z = rng.uniform(-1, 1, (3000, 1))
    spread = 0.1 + 0.4 * (Z[:, 0] > 0)
    y = np.sin(3 * Z[:, 0]) + spread * rng.normal(size=3000)
    model = new("gaussian", hidden_layer_sizes=(32, 32), max_iter=150, learning_rate_init=3e-3)
    mean, std = model.fit(Z, y).predict(Z, return_std=True)
    np.testing.assert_array_equal(mean, model.predict(Z))
    away = abs(Z[:, 0]) > 0.2
    assert np.median(abs(std / spread - 1)[away]) < 0.15
    assert np.sqrt(np.mean((mean - np.sin(3 * Z[:, 0])) ** 2)) < 0.1


def test_the_least_variance():
    model = new(Gaussian(eps=0.25)).fit(X, SEVERAL)
    model.coefs_[-1][:] = 0
    model.intercepts_[-1][:] = [0, -9, 0, 3, 0, 800]
    mean, std = model.predict(X, return_std=True)
    assert mean.shape == std.shape == SEVERAL.shape
    np.testing.assert_allclose(std[0], [0.5, np.exp(1.5), np.exp(400)], rtol=1e-12)


def test_gamma_is_half_the_deviance():
    model = new("gamma").fit(X, Y)
    assert model.out_activation_ == "exp"
    assert (model.predict(X) > 0).all()
    value, *_ = model.set_params(alpha=0.0).loss_and_gradient(X, Y, WEIGHTS)
    deviance = mean_gamma_deviance(Y, model.predict(X), sample_weight=WEIGHTS)
    assert value == pytest.approx(deviance / 2, rel=1e-9)


WRONG = [("gamma", 0.0), (Gamma(), -1.0), ("poisson", -1.0), (Poisson(), -1e-9)]
IN_FLOAT32 = [
    ("gamma", 1e-50),
    *((loss, 1e39) for loss in ("squared_error", "poisson", "gaussian", THREE)),
]


@pytest.mark.parametrize(
    ("loss", "bad", "dtype"),
    [
        *((*one, dtype) for one in WRONG for dtype in ("float32", "float64")),
        *((*one, "float32") for one in IN_FLOAT32),
    ],
    ids=str,
)
def test_targets_out_of_range(loss, bad, dtype):
    name = type(REGRESSION.get(loss, loss)).__name__
    words = rf"Some value\(s\) of y are out of the valid range of the loss '{name}'\."
    if bad == 1e39:
        words = r"Input y contains infinity or a value too large for dtype\('float32'\)\."
    wrong = Y.copy()
    wrong[7] = bad
    model = new(loss, dtype=dtype)
    before = dict(vars(model))
    with pytest.raises(ValueError, match=words):
        model.fit(X, wrong)
    assert vars(model) == before
    model.fit(X, Y)
    coefs = [w.copy() for w in model.coefs_]
    for call in (
        lambda: model.fit(X, Y, X_val=X, y_val=wrong),
        lambda: model.partial_fit(X, wrong),
        lambda: model.set_params(warm_start=True).fit(X, wrong),
        lambda: model.loss_and_gradient(X, wrong),
        lambda: clone(model).fit(X, np.c_[Y, wrong]),
        lambda: clone(model).set_params(solver="lbfgs").fit(X, wrong),
    ):
        with pytest.raises(ValueError, match=words):
            call()
    for one, other in zip(coefs, model.coefs_, strict=True):
        np.testing.assert_array_equal(one, other)


def test_targets_that_the_type_of_the_weights_cannot_hold():
    """Where X of another type goes on training them."""
    model = new("squared_error").fit(X.astype(np.float32), Y)
    with pytest.raises(ValueError, match="too large for dtype"):
        model.partial_fit(X, np.full(len(X), 1e39))


@pytest.mark.parametrize("loss", ["squared_error", THREE], ids=str)
def test_only_gaussian_has_a_spread(loss):
    with pytest.raises(ValueError, match="return_std=True needs loss='gaussian'"):
        new(loss).fit(X, Y).predict(X, return_std=True)


def test_another_loss_than_that_of_the_weights():
    model = new("squared_error", warm_start=True).fit(X, Y)
    model.set_params(loss="gaussian")
    with pytest.raises(ValueError, match="1 outputs are not 2 for each column of the targets"):
        model.predict(X)
    with pytest.raises(ValueError, match="The weights are of a network of layers"):
        model.fit(X, Y)
    with pytest.raises(ValueError, match="y must have 1 outputs"):
        new(THREE).fit(X, Y).loss_and_gradient(X, SEVERAL)


@pytest.mark.parametrize("loss", ["squared_error", "poisson"])
def test_a_name_is_its_description(loss):
    description = {"squared_error": SquaredError(), "poisson": Poisson()}[loss]
    assert_same_bits(new(loss).fit(X, SEVERAL), new(description).fit(X, SEVERAL))


def test_every_loss_of_real_targets_has_a_name():
    names = {name for name in LOSS_KERNELS if "softmax" not in name and "logistic" not in name}
    assert {loss.lowered()[0] for loss in REGRESSION.values()} == names == set(REGRESSION)


@each_loss
def test_it_can_be_rehearsed(loss):
    """What `fusednn.warmup` does, whatever targets a loss refuses."""
    for _, run in rehearsals(new(loss, dtype="float32")):
        run()
