"""Networks given as layers: what fits, what is refused, weights layer by layer, the contract."""

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


def test_weights_layer_by_layer():
    model = NetworkClassifier(EVERY, max_iter=2, random_state=0).fit(X, DIGITS)
    weights = model.get_weights()
    assert len(weights) == len(EVERY) + 1
    shapes = [
        [np.shape(part) for part in layer] if number != 3 else None
        for number, layer in enumerate(weights)
    ]
    assert shapes[:3] == [[], [(64, 20), (20,)], []]
    assert shapes[4:7] == [[(20,)], [(20, 13), (13,)], [(13,)] * 4]
    norm, dense, inner = weights[3]
    assert [part.shape for part in norm] == [(20,), (20,)]
    assert [part.shape for part in dense] == [(20, 20), (20,)]
    assert [[part.shape for part in layer] for layer in inner] == [
        [(20, 9), (9,)], [(9,)], [(9, 20), (20,)],
    ]  # fmt: skip
    before = model.predict_proba(X)
    weights[0:1] = [[]]
    weights[1][0][:] = 0  # a copy
    np.testing.assert_array_equal(model.predict_proba(X), before)
    model.set_weights(weights)
    assert abs(model.predict_proba(X) - before).max() > 0.01
    weights[1][0] = np.ones((2, 2))
    with pytest.raises(ValueError, match=r"weights\[1\]\[0\] must have the shape \(64, 20\)"):
        model.set_weights(weights)
    with pytest.raises(ValueError, match="weights must be a list of 10, got 3"):
        model.set_weights(weights[:3])
    weights[1][0] = np.full((64, 20), np.nan)
    with pytest.raises(ValueError, match=r"weights\[1\]\[0\] contains NaN"):
        model.set_weights(weights)


def test_initialize_trains_nothing_and_training_goes_on_from_there():
    model = NetworkRegressor([Dense(5, "tanh")], random_state=0, max_iter=1, warm_start=True)
    model.initialize(X, X[:, 10])
    first = model.get_weights()
    assert model.n_iter_ == 0
    assert model.predict(X).shape == (len(X),)
    given = [[part + 1 for part in layer] for layer in first]
    model.set_params(learning_rate_init=1e-9).set_weights(given).fit(X, X[:, 10])
    for layer, wanted in zip(model.get_weights(), given, strict=True):
        for part, other in zip(layer, wanted, strict=True):
            np.testing.assert_allclose(part, other, atol=1e-7)
    again = NetworkRegressor([Dense(5, "tanh")], random_state=0).initialize(X, X[:, 10])
    np.testing.assert_array_equal(again.get_weights()[0][0], first[0][0])


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
def test_copies_answer_and_train_alike(copied):
    model = NetworkClassifier(EVERY, max_iter=2, random_state=0).fit(X, DIGITS)
    other = copied(model)
    np.testing.assert_array_equal(other.predict_proba(X), model.predict_proba(X))
    one, two = (m.partial_fit(X, DIGITS).predict_proba(X) for m in (model, other))
    np.testing.assert_array_equal(one, two)
    assert clone(model).get_params() == model.get_params()


def test_partial_fit_and_fit_agree():
    """Passes one by one with the order kept."""
    options = {"random_state": 0, "shuffle": False, "batch_size": 64}
    layers = [Dense(9), BatchNorm(), Activation("relu"), Dense(5, "tanh", weight_norm=True)]
    whole = NetworkClassifier(layers, max_iter=3, **options).fit(X, DIGITS)
    parts = NetworkClassifier(layers, **options)
    for _ in range(3):
        parts.partial_fit(X, DIGITS, classes=np.arange(10))
    np.testing.assert_array_equal(parts.predict_proba(X), whole.predict_proba(X))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("units", [3, 17, 40])
def test_normed_weights_are_loaded_with_the_bits_of_training(units, dtype):
    options = {"random_state": 0, "shuffle": False, "batch_size": 64, "dtype": dtype}
    layers = [Dense(units, "tanh", weight_norm=True), Dense(5, "tanh", weight_norm=True)]
    whole = NetworkClassifier(layers, max_iter=2, **options).fit(X, DIGITS)
    parts = NetworkClassifier(layers, **options)
    for _ in range(2):
        parts.partial_fit(X, DIGITS, classes=np.arange(10))
    for one, other in zip(parts.get_weights(), whole.get_weights(), strict=True):
        for part, wanted in zip(one, other, strict=True):
            np.testing.assert_array_equal(part, wanted)


def test_changed_layers_are_refused_while_training_goes_on():
    model = NetworkClassifier([Dense(6, "relu"), Dropout(0.2)], max_iter=2, warm_start=True)
    model.fit(X, DIGITS)
    model.set_params(layers=[Dense(6, "tanh"), Dropout(0.4)]).fit(X, DIGITS)  # the same weights
    with pytest.raises(ValueError, match="The weights are of the layers"):
        model.set_params(layers=[Dense(7, "relu")]).fit(X, DIGITS)


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


def test_embedding_of_codes():
    random = np.random.RandomState(0)
    codes = random.randint(0, [5, 12], size=(300, 2))
    data = np.column_stack([codes[:, 0], random.normal(size=300), codes[:, 1]])
    effect = random.normal(size=12)
    y = effect[codes[:, 1]] + (codes[:, 0] == 3) + 0.1 * data[:, 1]
    layers = [Embedding([0, 2], size=4), Dense(16, "relu")]
    model = NetworkRegressor(layers, max_iter=150, random_state=0, learning_rate_init=0.01)
    for scaled in (False, True):
        model.set_params(standardize=scaled).fit(data, y)
        assert model.score(data, y) > 0.95
        assert model.layers_[0].categories == (5, 12)
        assert [table.shape for table in model.get_weights()[0]] == [(5, 4), (12, 4)]
        for wrong in (12, -1, 0.5):
            bad = data.copy()
            bad[3, 2] = wrong
            with pytest.raises(ValueError, match=r"X\[:, 2\] holds codes.* from 0 to 11; found"):
                model.predict(bad)
            with pytest.raises(ValueError, match=r"X\[:, 2\] holds codes"):
                model.partial_fit(bad, y)
    with pytest.raises(ValueError, match="found 4"):
        clone(model).set_params(layers=[Embedding([0], categories=[4])]).fit(data, y)
    with pytest.raises(ValueError, match=r"X\[:, 1\] holds codes"):
        clone(model).set_params(layers=[Embedding([1])]).fit(data, y)
    with pytest.raises(ValueError, match="mixup cannot mix codes"):
        clone(model).set_params(mixup=0.2).fit(data, y)


IDS = np.array([17.0, 40_000_000.0, 3.0, 123_456.0])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("way", ["fit", "partial_fit", "initialize", "warm_start", "lbfgs"])
def test_ids_are_no_codes(way, dtype):
    """Four of them would have a table of gigabytes."""
    data, y = np.c_[X[:40, :2], np.resize(IDS, 40)], np.arange(40.0)
    model = NetworkRegressor([Embedding([2], size=50), Dense(3)], dtype=dtype, max_iter=1)
    model.set_params(warm_start=way == "warm_start", solver="lbfgs" if way == "lbfgs" else "adam")
    before = dict(vars(model))
    item = np.dtype(dtype).itemsize
    words = (
        r"X\[:, 2\] holds 4 distinct codes of an Embedding, the largest 40,000,000: its table"
        rf" would have 40,000,001 rows, and {2000 * item + 1:,} MB .*OrdinalEncoder"
        r".*categories=\.\.\."
    )
    with pytest.raises(ValueError, match=words):
        getattr(model, way if way in ("partial_fit", "initialize") else "fit")(data, y)
    assert vars(model) == before
    for wrong in (1e300, 1.7e308) if dtype == "float64" else (1e38,):
        with pytest.raises(ValueError, match="2 distinct codes"):
            model.fit(np.c_[data[:, :2], np.resize([0, wrong], 40)], y)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_codes_with_gaps():
    """Small tables may have any, large ones some, and any that the user states."""
    y = np.arange(200.0)

    def categories(codes, stated=None):
        data = np.c_[X[:200, :2], np.resize(codes, 200)]
        model = NetworkRegressor([Embedding([2], stated, size=1)], max_iter=1, random_state=0)
        return model.fit(data, y).layers_[0].categories

    assert categories([0, 500]) == (501,)
    assert categories([9999]) == (10_000,)
    spread = 60 * np.arange(200) + 60
    assert categories(spread) == (12_001,)
    assert categories([7, 123_456], [123_457]) == (123_457,)
    with pytest.raises(ValueError, match=r"1 distinct codes.*10,001 rows"):
        categories([10_000])
    model = NetworkRegressor([Embedding([2], size=1)], max_iter=1, random_state=0)
    model.fit(np.c_[X[:200, :2], np.arange(200)], y)
    data = np.c_[X[:200, :2], np.resize(IDS, 200)]
    for call in (
        lambda: model.fit(np.c_[X[:200, :2], np.arange(200)], y, X_val=data, y_val=y),
        lambda: model.partial_fit(data, y),
        lambda: model.predict(data),
    ):
        with pytest.raises(ValueError, match=r"integers from 0 to 199; found 4?[e.0-9+]+"):
            call()


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


def test_weights_stay_finite_with_averages():
    """Of a fit that diverges the last finite weights are kept, watched or not."""
    for option in ({}, {"max_time": 1e9}):
        model = NetworkRegressor([Dense(8)], solver="sgd", learning_rate_init=1e6)
        model.set_params(ema_decay=0.9, random_state=0, max_iter=20, **option)
        with pytest.raises(ValueError, match="non-finite"):
            model.fit(X, X[:, 20])
        assert all(np.isfinite(part).all() for layer in model.get_weights() for part in layer)


def test_looking_changes_nothing():
    model = NetworkRegressor([Dense(5, "relu")], max_iter=3, random_state=0).fit(X, X[:, 20])
    before = model.predict(X)
    model.set_params(layers=[Dense(5, "tanh")]).loss_and_gradient(X, X[:, 20])
    np.testing.assert_array_equal(model.predict(X), before)
    model.set_params(warm_start=True).fit(X, X[:, 20])
    assert model.layers_ == (Dense(5, "tanh"),)


def test_layers_without_parameters():
    layers = [Dropout(0.2), Dense(5, "relu"), Residual([Dropout(0.2)]), GaussianNoise()]
    model = NetworkRegressor(layers, max_iter=3, random_state=0).fit(X, X[:, 20])
    np.testing.assert_array_equal(model.hidden_activations(X, 0), X)
    w, b = model.get_weights()[1]
    hidden = np.maximum(X @ w + b, 0)
    np.testing.assert_allclose(model.hidden_activations(X), 2 * hidden, atol=1e-12)
    w, b = model.get_weights()[-1]
    np.testing.assert_allclose(model.predict(X), (2 * hidden @ w + b).ravel(), atol=1e-12)


def test_initialize_forgets_the_network_before():
    model = NetworkRegressor([Dense(5, "relu")], random_state=0, max_iter=3).fit(X, X[:, 20])
    fresh = NetworkRegressor([Dense(7, "relu")], random_state=0).initialize(X, X[:, 20])
    model.set_params(layers=[Dense(7, "relu")]).initialize(X, X[:, 20])
    one, two = (m.partial_fit(X, X[:, 20]).predict(X) for m in (model, fresh))
    np.testing.assert_array_equal(one, two)


def test_other_kinds_of_layers_are_refused_while_training_goes_on():
    pairs = [
        ([Dense(5), RMSNorm()], [Dense(5), PReLU()]),
        ([Dense(5)], [Dense(5, bias=False)]),
        ([Dense(5)], [Embedding([0]), Dense(5)]),
    ]
    data = np.column_stack([DIGITS, X[:, 20:24]])
    for first, second in pairs:
        model = NetworkRegressor(first, warm_start=True, max_iter=2).fit(data, X[:, 20])
        with pytest.raises(ValueError, match="The weights are of the layers"):
            model.set_params(layers=second).fit(data, X[:, 20])
    model = NetworkRegressor([Embedding([0]), Dense(5)], warm_start=True, max_iter=2)
    model.fit(data, X[:, 20])
    model.set_params(layers=[Embedding([0], rate_factor=0.5), Dense(5)]).fit(data, X[:, 20])
    assert model.layers_[0].categories == (10,)
    fewer = DIGITS < 5
    model.set_params(warm_start=False).fit(data[fewer], X[fewer, 20])
    assert model.layers_[0].categories == (5,)


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


def test_frozen_layers():
    """A factor of 0; not for L-BFGS, which has no rates."""
    layers = [Dense(6, "relu", rate_factor=0.0), BatchNorm(rate_factor=0.0), Dense(5, "relu")]
    for solver in ("adam", "adamw", "lion", SGD(0.9)):
        model = NetworkClassifier(layers, solver=solver, max_iter=3, warm_start=True, alpha=0.1)
        model.set_params(learning_rate_init=0.1, random_state=0)
        before = model.initialize(X, DIGITS).get_weights()
        after = model.fit(X, DIGITS).get_weights()
        for one, other in zip(
            [*before[0], *before[1][:2]], [*after[0], *after[1][:2]], strict=True
        ):
            np.testing.assert_array_equal(one, other)
        assert (before[2][0] != after[2][0]).any()
    with pytest.raises(ValueError, match="rate_factor is for solvers other than"):
        NetworkClassifier([Dense(6, rate_factor=0.0)], solver="lbfgs").fit(X, DIGITS)


def test_scaling_can_be_read():
    model = NetworkClassifier([Dense(5, "tanh")], standardize=True, max_iter=2).fit(X, DIGITS)
    (w, b), (last, c) = model.get_weights()
    scaled = (X - model.feature_means_) * model.feature_factors_
    expected = np.tanh(scaled @ w + b) @ last + c
    np.testing.assert_allclose(model.predict_logits(X), expected, atol=1e-12)
    with pytest.raises(ValueError, match="standardize cannot change"):
        model.set_params(standardize=False).partial_fit(X, DIGITS)
    assert not hasattr(model.fit(X, DIGITS), "feature_means_")


def test_variances_are_not_negative():
    model = NetworkClassifier([Residual([BatchNorm()])], max_iter=2).fit(X, DIGITS)
    weights = model.get_weights()
    weights[0][0][3][2] = -1
    with pytest.raises(ValueError, match="running variance of a BatchNorm must not be negative"):
        model.set_weights(weights)
