"""Networks given as layers: what fits, what is refused, the contract."""

import copy
import pickle

import numpy as np
import pytest
from fusednn.kernels._cache import statistics
from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import load_diabetes, load_digits
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from fusednn import MLPClassifier, NetworkClassifier, NetworkRegressor, warmup
from fusednn.layers import (
    Activation,
    AlphaDropout,
    BatchNorm,
    Dense,
    Dropout,
    Embedding,
    GaussianNoise,
    LayerNorm,
    PReLU,
    Residual,
    RMSNorm,
)
from fusednn.optimizers import SGD

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X, DIGITS = load_digits(return_X_y=True)
X, DIGITS = X[:400] / 16, DIGITS[:400]
EVERY = [
    GaussianNoise(0.01),
    Dense(20, "selu"),
    AlphaDropout(0.05),
    Residual([LayerNorm(), Dense(20, "gelu"), Residual([Dense(9), PReLU(), Dense(20)])]),
    RMSNorm(),
    Dense(13, weight_norm=True, bias=False),
    BatchNorm(),
    Activation("leaky_relu", slope=0.2),
    Dropout(0.1),
]


@parametrize_with_checks([NetworkClassifier(), NetworkRegressor()])
def test_scikit_learns_checks(estimator, check):
    check(estimator)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_every_layer_learns(dtype):
    options = {"max_iter": 60, "random_state": 0, "learning_rate_init": 0.01, "batch_size": 32}
    model = NetworkClassifier(EVERY, dtype=dtype, **options)
    model.fit(X[:300], DIGITS[:300])
    assert model.score(X[300:], DIGITS[300:]) > 0.85
    assert model.predict_proba(X[:5]).dtype == dtype
    np.testing.assert_allclose(model.predict_proba(X).sum(axis=1), 1, rtol=1e-5)
    X_d, y = load_diabetes(return_X_y=True)
    regressor = NetworkRegressor(EVERY, dtype=dtype, **options)
    assert regressor.fit(X_d, y / 100).score(X_d, y / 100) > 0.3


def test_default_is_one_hidden_layer():
    model = NetworkClassifier(max_iter=2, random_state=0).fit(X, DIGITS)
    assert [[part.shape for part in layer] for layer in model.get_weights()] == [
        [(64, 100), (100,)],
        [(100, 10), (10,)],
    ]
    same = NetworkClassifier([Dense(100, "relu")], max_iter=2, random_state=0).fit(X, DIGITS)
    np.testing.assert_array_equal(same.predict_proba(X), model.predict_proba(X))


def test_ways_to_say_the_same():
    """An activation of a dense layer or behind it; an output layer that is spelled out."""
    lists = [
        [Dense(8, "relu"), Dropout(0.2)],
        [Dense(8), Activation("relu"), Dropout(0.2)],
        [Dense(8), Activation("relu"), Dropout(0.2), Activation("softmax")],
        [Dense(8), Activation("relu"), Dropout(0.2), Dense(10, "softmax")],
        [Dense(8), Activation("relu"), Dropout(0.2), Dense(10), Activation("softmax")],
        (Dense(8, "relu"), Dropout(0.2)),
    ]
    answers = [
        NetworkClassifier(layers, max_iter=3, random_state=0).fit(X, DIGITS).predict_proba(X)
        for layers in lists
    ]
    for answer in answers[1:]:
        np.testing.assert_array_equal(answer, answers[0])


def test_perceptron_is_a_way_to_write_a_list():
    """From the same weights, by the same optimizer."""
    options = {"max_iter": 5, "random_state": 3, "solver": SGD(0.9), "batch_size": 50}
    options |= {"learning_rate_init": 0.05, "alpha": 0.01}
    ours = NetworkClassifier([Dense(9, "tanh"), Dense(7, "tanh")], warm_start=True, **options)
    mlp = MLPClassifier((9, 7), "tanh", warm_start=True, **options)
    mlp.set_params(max_iter=1).fit(X, DIGITS).set_params(max_iter=5)
    ours.initialize(X, DIGITS)
    ours.set_weights([list(pair) for pair in zip(mlp.coefs_, mlp.intercepts_, strict=True)])
    ours.fit(X, DIGITS)
    mlp.fit(X, DIGITS)
    np.testing.assert_array_equal(ours.predict_proba(X), mlp.predict_proba(X))
    assert ours.loss_curve_[-5:] == mlp.loss_curve_[-5:]


# layers, and what the message says
REFUSED = [
    ([Dense(4), "relu"], r"layers\[1\] must be a layer of fusednn.layers.*'relu'"),
    ([Dense], r"layers\[0\] must be a layer of fusednn.layers, an instance, not the class"),
    ([Activation("softmax"), Dense(4)], r"layers\[0\] is Activation.*softmax is for the output"),
    ([Dense(4, "softmax"), Dense(4)], r"layers\[0\] is Dense.*softmax is for the output"),
    ([Dense(5, "softmax")], r"layers\[0\] is Dense.*must have 10 units"),
    ([Dense(4, "rleu")], r"layers\[0\] is Dense.*there is no activation 'rleu'; expected one of"),
    ([Dense(4, init="he")], r"layers\[0\] is Dense.*there is no initialisation 'he'"),
    ([Dense(4), Residual([Dense(5)])], r"layers\[1\] is Residual.*received 4 columns.*not 5"),
    ([Dense(4), Residual([])], r"layers\[1\] is Residual.*no layers inside"),
    (
        [Residual([Dense(4), Residual([Dense(3)]), Dense(64)])],
        r"layers\[0\]\.layers\[1\] is Residual.*received 4 columns.*not 3",
    ),
    ([Residual([Dense(64), Activation("softmax")])], r"layers\[0\]\.layers\[1\].*softmax"),
    ([Dense(4), Embedding([0])], r"layers\[1\] is Embedding.*must be the first"),
    ([Residual([Embedding([0])])], r"layers\[0\]\.layers\[0\] is Embedding.*must be the first"),
    ([Embedding([64])], r"layers\[0\] is Embedding.*received 64 columns.*at least 65"),
]


@pytest.mark.parametrize(("layers", "words"), REFUSED)
def test_lists_that_do_not_fit(layers, words):
    """An error at `fit`, which leaves the estimator unfitted."""
    model = NetworkClassifier(layers, max_iter=2)
    for call in (model.fit, model.initialize):
        before = vars(model).copy()
        with pytest.raises(ValueError, match=words):
            call(X, DIGITS)
        assert vars(model) == before


def test_softmax_needs_classes():
    with pytest.raises(ValueError, match=r"layers\[0\].*softmax does not fit.*'identity'"):
        NetworkRegressor([Dense(1, "softmax")]).fit(X, X[:, 20])
    with pytest.raises(ValueError, match=r"layers\[1\].*softmax does not fit.*'logistic'"):
        NetworkClassifier([Dense(4), Activation("softmax")]).fit(X, DIGITS > 4)


# of a description, what it does not take
VALUES = [
    (Dense, {"units": 0}, "units of Dense must be an integer from 1, got 0"),
    (Dense, {"units": 2.5}, "units of Dense"),
    (Dense, {"units": 3, "rate_factor": -1}, "rate_factor of Dense must be a finite number"),
    (Dense, {"units": 3, "max_norm": 0.0}, "max_norm of Dense"),
    (Dense, {"units": 3, "max_norm": 1.0, "weight_norm": True}, "cannot both be used"),
    (Dropout, {"rate": 1.0}, r"rate of Dropout must be a finite number in \[0, 1\)"),
    (AlphaDropout, {"rate": np.nan}, "rate of AlphaDropout"),
    (GaussianNoise, {"deviation": -0.1}, "deviation of GaussianNoise"),
    (BatchNorm, {"momentum": 1.5}, "momentum of BatchNorm"),
    (LayerNorm, {"epsilon": 0}, "epsilon of LayerNorm"),
    (Activation, {"name": "relu", "slope": 0.1}, "slope is for 'leaky_relu'"),
    (Residual, {"layers": Dense(3)}, "Residual takes a sequence of layers"),
    (Embedding, {"columns": []}, "columns of Embedding must not be empty"),
    (Embedding, {"columns": [1, 1]}, "columns of Embedding must be different"),
    (Embedding, {"columns": [0.5]}, "columns of Embedding must be integers from 0"),
    (Embedding, {"columns": [0], "categories": [3, 4]}, "as many as columns, got 2 and 1"),
]


@pytest.mark.parametrize(("kind", "values", "words"), VALUES)
def test_values_of_descriptions(kind, values, words):
    with pytest.raises(ValueError, match=words):
        kind(**values)


def test_descriptions_are_values():
    assert Residual([Dense(3)]) == Residual((Dense(3),))
    assert len({Dense(3), Dense(3), Dense(4)}) == 2
    assert repr(Residual([Dense(3, "relu"), Dropout()])) == (
        "Residual(layers=(Dense(units=3, activation='relu'), Dropout()))"
    )
    assert eval(repr(EVERY)) == EVERY
    with pytest.raises(AttributeError):
        Dense(3).units = 4


def test_last_batch_of_one_row_is_joined():
    """33 rows in batches of 8: the fifth would have no variance."""
    layers = [Dense(4), BatchNorm(), Activation("tanh")]
    model = NetworkRegressor(layers, batch_size=8, max_iter=1, random_state=0, shuffle=False)
    model.fit(X[:33], X[:33, 20])
    running = model.get_weights()[1][2:]
    assert all(np.isfinite(part).all() for part in running)
    assert model.t_ == 33
    seen = []

    class Watcher:
        def begin(self):
            pass

        def end(self, progress, parameters):
            seen.append(progress.t)
            return False

    model._watcher = Watcher()
    model.fit(X[:33], X[:33, 20])
    assert seen == [33]


def test_one_row_alone():
    layers = [Dense(4), BatchNorm(), Activation("tanh")]
    model = NetworkRegressor(layers, max_iter=2, random_state=0)
    with pytest.raises(ValueError, match="BatchNorm cannot be trained on 1 sample"):
        model.fit(X[:1], X[:1, 20])
    with pytest.raises(ValueError, match="BatchNorm needs batches of at least 2 samples"):
        clone(model).set_params(batch_size=1).fit(X, X[:, 20])
    model.fit(X, X[:, 20])
    with pytest.raises(ValueError, match="BatchNorm cannot be trained on 1 sample"):
        model.partial_fit(X[:1], X[:1, 20])
    both = model.predict(X[:2])
    np.testing.assert_allclose(model.predict(X[:1]), both[:1], rtol=1e-12)
    with pytest.raises(ValueError, match="BatchNorm is for solvers other than 'lbfgs'"):
        clone(model).set_params(solver="lbfgs").fit(X, X[:, 20])


def test_sparse_rows():
    rows = sparse.csr_matrix(X)
    dense, thin = (
        NetworkClassifier([Dense(9), BatchNorm(), PReLU()], max_iter=3, random_state=0).fit(
            data, DIGITS
        )
        for data in (X, rows)
    )
    np.testing.assert_allclose(thin.predict_proba(rows), dense.predict_proba(X), atol=1e-12)
    with pytest.raises(ValueError, match="begins with BatchNorm: it needs dense X"):
        NetworkClassifier([BatchNorm()]).fit(rows, DIGITS)
    with pytest.raises(ValueError, match="begins with standardize=True: it needs dense X"):
        NetworkClassifier(standardize=True).fit(rows, DIGITS)


def test_hidden_activations():
    model = NetworkClassifier(EVERY, max_iter=2, random_state=0).fit(X, DIGITS)
    assert model.hidden_activations(X, 1).shape == (400, 20)
    assert model.hidden_activations(X, -1).shape == (400, 13)
    last = model.hidden_activations(X)
    w, b = model.get_weights()[-1]
    np.testing.assert_allclose(last @ w + b, model.predict_logits(X), atol=1e-12)
    with pytest.raises(ValueError, match=r"layer must be in \[-9, 9\)"):
        model.hidden_activations(X, 9)


def test_inside_scikit_learn():
    pipeline = make_pipeline(
        StandardScaler(), NetworkClassifier(max_iter=40, batch_size=16, random_state=0)
    )
    lists = [[Dense(8, "relu")], [Dense(8), BatchNorm(), Activation("relu")]]
    search = GridSearchCV(pipeline, {"networkclassifier__layers": lists}, cv=2).fit(X, DIGITS)
    assert search.best_score_ > 0.6
    assert "Dense(units=8)" in repr(NetworkClassifier([Dense(8)]))
    model = NetworkClassifier([Dense(8), BatchNorm()], max_iter=2).fit(X, DIGITS)
    assert "BatchNorm()" in model._repr_html_()


def test_targets_outside_a_losss_domain():
    with pytest.raises(ValueError, match="out of the valid range of the loss 'Gamma'"):
        NetworkRegressor(loss="gamma").fit(X, X[:, 0] - 1)


@pytest.mark.parametrize("scaled", [False, True])
@pytest.mark.parametrize(
    ("name", "layer"), [("batch", BatchNorm()), ("layer", LayerNorm()), ("rms", RMSNorm())]
)
def test_normalised_perceptron_is_a_way_to_write_a_list(name, layer, scaled):
    options = {"max_iter": 4, "random_state": 0, "batch_size": 64, "standardize": scaled}
    options |= {"solver": SGD(0.9), "learning_rate_init": 0.05, "warm_start": True}
    mlp = MLPClassifier((9, 7), "tanh", normalization=name, dropout=0.1, **options, alpha=0)
    mlp.fit(X, DIGITS)
    layers = [Dense(9), layer, Activation("tanh"), Dropout(0.1)]
    layers += [Dense(7), layer, Activation("tanh"), Dropout(0.1)]
    ours = NetworkClassifier(layers, **options).initialize(X, DIGITS)
    dense = [list(pair) for pair in zip(mlp.coefs_, mlp.intercepts_, strict=True)]
    ours.set_weights([dense[0], mlp.norms_[0], [], [], dense[1], mlp.norms_[1], [], [], dense[2]])
    np.testing.assert_array_equal(ours.predict_proba(X), mlp.predict_proba(X))
    np.testing.assert_array_equal(ours.hidden_activations(X, 3), mlp.hidden_activations(X, 0))
    first, second = (model.fit(X, DIGITS).predict_proba(X) for model in (mlp, ours))
    np.testing.assert_array_equal(first, second)
    for model in (copy.deepcopy(mlp), pickle.loads(pickle.dumps(mlp))):
        np.testing.assert_array_equal(model.predict(X), mlp.predict(X))
        model.fit(X, DIGITS)
    with pytest.raises(ValueError, match="normalization cannot change"):
        mlp.set_params(normalization=None).fit(X, DIGITS)
    assert MLPClassifier((), normalization=name, max_iter=3).fit(X, DIGITS).norms_ == []


@pytest.mark.parametrize(
    "layers",
    [
        None,
        EVERY,
        [Embedding([2, 5]), Dense(3, "relu")],
        [Dropout(0.1), Residual([Dense(7), Residual([Dense(3), Dense(7)])])],
        [Dense(3, "relu"), Dense(6, "softmax")],
    ],
)
def test_warmup(layers):
    """Afterwards a fit compiles nothing."""
    warmup(NetworkClassifier(layers, dtype="float64"))
    before = statistics()
    data = np.column_stack([np.zeros(60)] * 7) if layers is not None else X[:60]
    classes = 6 if layers and layers[-1] == Dense(6, "softmax") else 3
    NetworkClassifier(layers, max_iter=2).fit(data, np.arange(60) % classes)
    assert statistics() == before


def test_sparse_rows_where_the_network_reads_dense_ones():
    rows = sparse.csr_matrix(X)
    models = [
        NetworkRegressor([LayerNorm(), Dense(5)], max_iter=2).fit(X, X[:, 20]),
        MLPClassifier((5,), standardize=True, max_iter=2).fit(X, DIGITS),
        NetworkRegressor([Embedding([0], categories=[99])], max_iter=2).fit(X * 0, X[:, 20]),
    ]
    for model in models:
        for call in (model.predict, lambda data, m=model: m.partial_fit(data, DIGITS)):
            with pytest.raises(ValueError, match="it needs dense X"):
                call(rows)


def test_mixup_with_weights_is_a_weighted_mean():
    weights = np.where(np.arange(len(X)) % 7, 0.01, 100.0)
    options = {"max_iter": 5, "random_state": 0, "batch_size": 3, "learning_rate_init": 1e-9}
    mixed = NetworkClassifier([Dense(5)], mixup=0.4, **options).fit(X, DIGITS, weights)
    plain = NetworkClassifier([Dense(5)], **options).fit(X, DIGITS, weights)
    assert mixed.loss_ == pytest.approx(plain.loss_, rel=0.1)
