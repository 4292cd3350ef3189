"""Samples with axes: what `Reshape` and `Flatten` give users, and what is refused."""

import numpy as np
import pytest
from scipy import sparse
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from fusednn import NetworkClassifier, NetworkRegressor, freeze, warmup
from fusednn.layers import (
    Activation,
    BatchNorm,
    Dense,
    Dropout,
    Embedding,
    Flatten,
    LayerNorm,
    PReLU,
    Reshape,
    Residual,
)

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

random = np.random.RandomState(0)
X = random.normal(size=(90, 12))
LABELS = np.arange(90) % 3
ROWS = [
    Reshape(4, 3),
    Dense(5, "relu"),
    BatchNorm(),
    Residual([LayerNorm(), Dense(5, "gelu"), Dropout(0.1)]),
    PReLU(),
    Flatten(),
]


def fitted(layers=ROWS, data=X, **options):
    options = {"max_iter": 3, "random_state": 0, "batch_size": 32} | options
    return NetworkClassifier(layers, **options).fit(data, LABELS)


def test_weights_are_those_of_a_row():
    model = fitted()
    first, dense, norm, *_, last, output = model.get_weights()
    assert first == last == []
    assert [part.shape for part in dense] == [(3, 5), (5,)]
    assert [part.shape for part in norm] == [(5,)] * 4
    assert [part.shape for part in output] == [(20, 3), (3,)]
    assert model.set_weights(model.get_weights()).layers_ == tuple(ROWS)
    assert "4 \u00d7 5" in model._repr_html_()


def test_a_dense_layer_on_rows_is_one_on_each():
    """Channels first are images behind one another; then each pixel has its channels."""
    images = X.reshape(-1, 3, 2, 2)
    layers = [Reshape(3, 2, 2, channels="first"), Dense(4, "tanh"), Flatten()]
    model = fitted(layers)
    w, b = model.get_weights()[1]
    expected = np.tanh(np.einsum("nchw,co->nhwo", images, w) + b)
    np.testing.assert_allclose(model.hidden_activations(X, 1), expected, atol=1e-12)
    np.testing.assert_array_equal(model.hidden_activations(X, 0), np.moveaxis(images, 1, -1))
    flat = model.hidden_activations(X, 1).reshape(len(X), -1)
    np.testing.assert_array_equal(model.hidden_activations(X, -1), flat)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_rows_that_are_answered_together_change_no_bit(dtype):
    model = fitted(dtype=dtype, standardize=True)
    data = np.tile(X, (40, 1)).astype(dtype)
    every = model.predict_proba(data)
    for n_jobs in (1, 2, 3):
        predictor = freeze(model, n_jobs=n_jobs)
        assert predictor.predict_proba(data).tobytes() == every.tobytes()
        for rows in (slice(1), slice(5, 12), slice(3, 300)):
            assert predictor.predict_proba(data[rows]).tobytes() == every[rows].tobytes()
            assert model.predict_proba(data[rows]).tobytes() == every[rows].tobytes()


def test_statistics_are_over_all_rows():
    model = fitted([Reshape(4, 3), BatchNorm(momentum=1.0), Flatten()], batch_size=90, max_iter=1)
    _, _, mean, variance = model.get_weights()[1]
    rows = X.reshape(-1, 3)
    np.testing.assert_allclose(mean, rows.mean(axis=0), atol=1e-12)
    np.testing.assert_allclose(variance, rows.var(axis=0, ddof=1), atol=1e-12)


def test_scaling_is_by_channel():
    far = X * np.tile([1, 20, 3], 4) + 5
    rows = far.reshape(-1, 3)
    model = fitted(data=far, standardize=True)
    np.testing.assert_allclose(model.feature_means_, rows.mean(axis=0))
    np.testing.assert_allclose(model.feature_factors_, 1 / rows.std(axis=0))
    scaled = ((rows - rows.mean(axis=0)) / rows.std(axis=0)).reshape(far.shape)
    same = fitted(data=scaled).predict_proba(scaled)
    np.testing.assert_allclose(model.predict_proba(far), same, atol=1e-9)
    np.testing.assert_allclose(freeze(model).predict_proba(far), same, atol=1e-9)


def test_a_scaler_in_a_pipeline_scales_each_column():
    far = X * np.arange(1, 13) + 5
    pipeline = make_pipeline(StandardScaler(), fitted(data=StandardScaler().fit_transform(far)))
    pipeline[0].fit(far)
    expected = pipeline.predict_proba(far)
    np.testing.assert_allclose(freeze(pipeline).predict_proba(far), expected, atol=1e-9)


def test_it_goes_on_batch_by_batch():
    model = NetworkClassifier(ROWS, random_state=0)
    for part in range(0, 90, 30):
        model.partial_fit(X[part : part + 30], LABELS[part : part + 30], classes=[0, 1, 2])
    assert model.t_ == 3 * 30
    before = model.get_weights()[1][0]
    model.set_params(warm_start=True, max_iter=2).fit(X, LABELS)
    assert (model.get_weights()[1][0] != before).any()


def test_a_diagnosis_has_units_of_all_rows():
    """A unit is dead if it is 0 in every row."""
    model = NetworkClassifier(ROWS, random_state=0, diagnose=True, warm_start=True)
    weights = model.initialize(X, LABELS).get_weights()
    weights[1][1][:2] = -100.0
    model.set_weights(weights).set_params(max_iter=1, learning_rate_init=1e-9)
    model.fit(X, LABELS)
    assert model.diagnosed_layers_[1] == "layers[1] Dense"
    assert model.activation_stats_[-1, 1, 2] == 2 / 5


def test_mixup_and_averages():
    model = fitted(mixup=0.3, ema_decay=0.9, clip_norm=1.0)
    assert np.isfinite(model.predict_proba(X)).all()


def test_a_dense_layer_on_rows_is_one_of_equal_blocks():
    layers = [Reshape(4, 3), Dense(2, "tanh"), Flatten()]
    y = X[:, :2] ** 2
    model = NetworkRegressor(layers, solver="lbfgs", random_state=0, max_iter=20).fit(X, y)
    w, b = model.get_weights()[1]
    flat = NetworkRegressor([Dense(8, "tanh")], random_state=0).initialize(X, y)
    whole = [np.kron(np.eye(4), w), np.tile(b, 4)]
    flat.set_weights([whole, model.get_weights()[-1]])
    np.testing.assert_allclose(flat.predict(X), model.predict(X), atol=1e-10)


@pytest.mark.parametrize(
    "layers",
    [
        ROWS,
        [Activation("tanh"), Flatten(), Reshape(4, 3), Flatten()],
        [Residual([Reshape(4, 3), Flatten()])],
        [Embedding([1], size=3), Reshape(4, 2), Flatten()],
    ],
    ids=lambda layers: repr(layers[0]),
)
def test_warmup_finds_data_of_their_size(layers):
    assert warmup(NetworkClassifier(layers, dtype="float64")).keys() >= {"compiled", "loaded"}


REFUSED = [
    (
        [Reshape(5, 2)],
        r"layers\[0\] is Reshape\(5, 2\): it received 12 columns and expected 10 el",
    ),
    (
        [Reshape(4, 3), Reshape(5, 2, channels="first")],
        r"layers\[1\] is Reshape\(5, 2, channels='first'\): it received axes \(4, 3\) .* 10 ",
    ),
    ([Reshape(4, 3)], r"layers\[0\] is Reshape\(4, 3\): its samples end .*\(4,\).* Flatten\(\)"),
    (
        [Reshape(4, 3), Dense(2, "relu")],
        r"layers\[1\] is Dense.*axes \(4,\).* put Flatten\(\) or a global pool behind",
    ),
    (
        [Reshape(4, 3), Dense(3, "softmax")],
        r"layers\[0\] is Reshape.* put Flatten\(\) or a global pool behind",
    ),
    ([Reshape(4, 3), Embedding([0])], r"layers\[1\] is Embedding.*must be the first"),
    (
        [Reshape(4, 3), Residual([Dense(2)]), Flatten()],
        r"layers\[1\] is Residual.*received axes \(4, 3\).*not axes \(4, 2\)",
    ),
    ([Residual([Reshape(4, 3)])], r"layers\[0\] is Residual.*12 columns .*not axes \(4, 3\)"),
]


@pytest.mark.parametrize(("layers", "words"), REFUSED)
def test_lists_that_do_not_fit(layers, words):
    model = NetworkClassifier(layers)
    before = vars(model).copy()
    with pytest.raises(ValueError, match=words):
        model.fit(X, LABELS)
    assert vars(model) == before


def test_sparse_rows_are_refused():
    with pytest.raises(ValueError, match="X is sparse, but the network begins with Reshape"):
        NetworkClassifier(ROWS).fit(sparse.csr_matrix(X), LABELS)
    predictor = freeze(fitted())
    found = predictor.predict_proba(sparse.csr_matrix(X))  # made dense, as before all such layers
    np.testing.assert_array_equal(found, predictor.predict_proba(X))


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Reshape(), "integers from 1, got"),
        (lambda: Reshape(4, 0), r"integers from 1, got \(4, 0\)"),
        (lambda: Reshape((4, 3)), r"got \(\(4, 3\),\); give them one by one, as in Reshape\(28,"),
        (lambda: Reshape(True, 3), "integers from 1"),
        (lambda: Reshape(4, 3, channels="middle"), "'last' or 'first', got 'middle'"),
        (lambda: Reshape(4, channels="first"), "another axis"),
    ],
)
def test_descriptions_that_no_network_could_have(make, words):
    with pytest.raises(ValueError, match=words):
        make()


def test_descriptions_compare_by_value():
    assert Reshape(4, np.int64(3)) == Reshape(4, 3) != Reshape(4, 3, channels="first")
    assert hash(Flatten()) == hash(Flatten())
    assert repr(Reshape(4, 3)) == "Reshape(4, 3)"
    assert repr(Flatten()) == "Flatten()"
