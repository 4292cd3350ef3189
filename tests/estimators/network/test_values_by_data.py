"""First values by the data: deviations of 1 along the network, and biases at random samples."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from running.nested_weights import leaves
from scipy import sparse, special

from fusednn import (
    GAN,
    Autoencoder,
    LanguageModel,
    NetworkClassifier,
    NetworkRegressor,
    VariationalAutoencoder,
)
from fusednn.layers import (
    LSTM,
    BatchNorm,
    Conv1D,
    Conv2D,
    ConvTranspose1D,
    Dense,
    Dropout,
    Embedding,
    Flatten,
    GlobalAvgPool,
    ParametricActivation,
    Periodic,
    PiecewiseLinear,
    Reshape,
    Residual,
    Scale,
    TokenEmbedding,
)

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

rng = np.random.RandomState(0)
X = 5 * rng.normal(size=(70, 6)) + 3
X[:, 5] = np.arange(70) % 4
LABELS = np.arange(70) % 3


def data(units, *given, **options):
    return Dense(units, *given, init="data", **options)


def selu(x):
    return 1.0507009873554805 * np.where(x > 0, x, 1.6732632423543772 * np.expm1(np.minimum(x, 0)))


# -- the formulas --------------------------------------------------------------------------------


def written_out(random_state, sums):
    """Factors and biases as RealMLP has them, unit by unit."""
    rows = random_state.randint(len(sums), size=(5, sums.shape[1]))
    shares = random_state.exponential(size=(5, sums.shape[1]))
    factors, biases = [], []
    for unit in range(sums.shape[1]):
        own = sums[:, unit]
        factor = 1 / np.sqrt(np.mean((own - own.mean()) ** 2))
        share = shares[:, unit] / shares[:, unit].sum()
        factors.append(factor)
        biases.append(-(factor * own[rows[:, unit]]) @ share)
    return np.array(factors), np.array(biases)


def test_networks_begin_as_realmlps_do():
    """All weights are drawn first; then one pass of the samples scales them, the output's too."""
    layers = [data(9, "selu"), data(8, "tanh"), data(3, "softmax")]
    model = NetworkClassifier(layers, dtype="float64", random_state=3).initialize(X, LABELS)
    state, h = np.random.RandomState(3), X
    drawn = [state.normal(size=size) for size in ((6, 9), (9, 8), (8, 3))]
    for (w, b), first, f in zip(
        model.get_weights(), drawn, (selu, np.tanh, special.softmax), strict=True
    ):
        factors, biases = written_out(state, h @ first)
        assert_allclose(w, first * factors, rtol=1e-10)
        assert_allclose(b, biases, rtol=1e-9, atol=1e-12)
        h = f(h @ w + b)
    assert_allclose(model.predict_proba(X), special.softmax(model_logits(model), axis=1))


def model_logits(model):
    h = X
    *hidden, (w, b) = model.get_weights()
    for (v, c), f in zip(hidden, (selu, np.tanh), strict=True):
        h = f(h @ v + c)
    return h @ w + b


def test_biases_are_at_random_samples():
    """So each unit is 0 within the samples, as He's and LeCun's need not be."""
    far = X + 1000
    model = NetworkRegressor([data(400)], dtype="float64", random_state=0).initialize(far, LABELS)
    sums = model.hidden_activations(far)
    assert (sums.min(axis=0) < 0).all()
    assert (sums.max(axis=0) > 0).all()
    # shares that are uniform over those with the sum 1 have squares of 1 / 15 on average
    assert sums.mean(axis=0).var() == pytest.approx(1 / 3, rel=0.2)


# -- behind other layers -------------------------------------------------------------------------

BEFORE = {
    "data": [],
    "codes": [Embedding([5], size=3)],
    "periodic": [Periodic(8, 3, 0.3), Scale()],
    "codes and bins": [Embedding([5], size=2), PiecewiseLinear(6, columns=range(5)), Dropout(0.4)],
    "embedded bins": [PiecewiseLinear(6, 4)],
    "a hidden layer": [data(30), ParametricActivation("mish"), Dropout(0.5)],
    "an ordinary layer": [Dense(30, "relu")],
    "a block": [data(6, "tanh"), Residual([data(6, "tanh"), data(6)], shortcut=[data(6)])],
    "a convolution": [Reshape(3, 2), Conv1D(5, 2, "relu", init="data"), Flatten()],
    "a recurrence": [Reshape(3, 2), LSTM(4)],
    "the scaling of data": [data(30, "relu")],
    "the scaling of data behind codes": [Embedding([5], size=3), data(30, "relu")],
}
SCALED = "the scaling of data", "the scaling of data behind codes"


@pytest.mark.parametrize("name", BEFORE)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_deviations_are_one_behind(name, dtype):
    layers = [*BEFORE[name], data(12)]
    standardize = name in SCALED
    model = NetworkClassifier(layers, dtype=dtype, standardize=standardize, random_state=1)
    sums = model.initialize(X, LABELS).hidden_activations(X)
    assert_allclose(sums.std(axis=0), 1, rtol=1e-5 if dtype == "float32" else 1e-12)


def test_layers_inside_a_block_see_what_comes_before_them():
    layers = [Dense(6, "relu"), Residual([data(5), data(6, bias=False)], shortcut=[data(6)])]
    model = NetworkRegressor(layers, dtype="float64", random_state=1).initialize(X, LABELS)
    (w, b), (first, second, beside), _ = model.get_weights()
    h = np.maximum(X @ w + b, 0)
    assert_allclose((h @ first[0]).std(axis=0), 1)
    assert_allclose(((h @ first[0] + first[1]) @ second[0]).std(axis=0), 1)
    assert_allclose((h @ beside[0]).std(axis=0), 1)
    assert len(second) == 1
    assert (beside[1] != 0).all()


IMAGES = rng.normal(size=(80, 6, 5, 2)) + 2


@pytest.mark.parametrize(
    "layers",
    [
        [Conv2D(4, 3, init="data")],
        [Conv2D(4, 3, padding="valid", groups=2, init="data")],
        [Reshape(12, 5), Dense(7, init="data")],
        [Reshape(12, 5), ConvTranspose1D(3, 2, stride=2, init="data")],
    ],
)
def test_units_of_rows_have_a_deviation_over_all_of_them(layers):
    y = np.zeros(80)
    model = NetworkRegressor([*layers, Flatten()], dtype="float64", random_state=1).initialize(
        IMAGES, y
    )
    sums = model.hidden_activations(IMAGES, len(layers) - 1)
    units = model.get_weights()[len(layers) - 1][1].size
    assert_allclose(sums.reshape(-1, units).std(axis=0), 1)


def test_weight_normalised_layers_have_it_in_their_norms():
    model = NetworkRegressor([data(5, weight_norm=True)], dtype="float64", random_state=0)
    (v, b, g), _ = model.initialize(X, LABELS).get_weights()
    assert_allclose(g, np.linalg.norm(v, axis=0))
    assert_allclose((X @ v + b).std(axis=0), 1)


# -- which samples -------------------------------------------------------------------------------


def test_samples_without_weight_do_not_count():
    weight = np.arange(70) < 40
    kept, other = X.copy(), X.copy()
    other[40:] *= 100
    options = {"max_iter": 1, "random_state": 0, "learning_rate_init": 1e-300, "dtype": "float64"}
    found = [
        NetworkRegressor([data(5)], **options).fit(values, LABELS, sample_weight=weight)
        for values in (kept, other)
    ]
    assert_array_equal(*(model.get_weights()[0][0] for model in found))
    sums = found[0].hidden_activations(X[:40])
    assert_allclose(sums.std(axis=0), 1)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_threads_change_no_bit_and_seeds_do(dtype):
    many = np.random.RandomState(1).normal(size=(20_000, 6)).astype(dtype)
    layers = [Periodic(4, 3), data(30, "selu"), data(20, "selu")]
    found = [
        NetworkRegressor(layers, random_state=seed, n_jobs=jobs).initialize(many, many[:, 0])
        for seed, jobs in ((0, 1), (0, 2), (1, 1))
    ]
    first, second, third = (leaves(model.get_weights()) for model in found)
    for one, same, other in zip(first, second, third, strict=True):
        assert_array_equal(one, same)
        assert one.size == 1 or (one != other).any()
    # of more than 8,192 samples these are a part
    w, b = found[0].get_weights()[1]
    sums = found[0].hidden_activations(many, 0).astype(float) @ w + b
    assert_allclose(sums.std(axis=0), 1, rtol=0.05)


def test_sparse_data_and_bytes():
    codes = rng.poisson(0.7, size=(60, 8)).astype(float)
    options = {"dtype": "float64", "random_state": 0}
    dense = NetworkRegressor([data(5)], **options).initialize(codes, codes[:, 0])
    thin = NetworkRegressor([data(5)], **options).initialize(sparse.csr_array(codes), codes[:, 0])
    for one, other in zip(dense.get_weights()[0], thin.get_weights()[0], strict=True):
        assert_allclose(one, other, rtol=1e-12)
    read = NetworkRegressor([data(5)], random_state=0).initialize(
        codes.astype(np.uint8), codes[:, 0]
    )
    assert_allclose(read.hidden_activations(codes).std(axis=0), 1, rtol=1e-5)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_units_that_do_not_vary_keep_finite_weights(dtype):
    values = np.ones((20, 4), dtype)
    values[:, 0] = 1e30
    model = NetworkRegressor([data(50), data(8)], random_state=0).initialize(values, LABELS[:20])
    w, b = model.get_weights()[0]
    assert w.std() == pytest.approx(4**-0.5, rel=0.2)
    assert_array_equal(b, np.zeros(50))
    huge = np.where(np.arange(80).reshape(20, 4) % 3, 1e300, -1e300)
    model = NetworkRegressor([data(50), data(8)], random_state=0).initialize(huge, LABELS[:20])
    assert all(np.isfinite(array).all() for layer in model.get_weights() for array in layer)


# -- other estimators and refusals ---------------------------------------------------------------


@pytest.mark.parametrize("kind", [Autoencoder, VariationalAutoencoder])
def test_autoencoders_follow_their_data(kind):
    encoder, decoder = [data(5, "tanh"), data(4)], [data(5, "tanh"), data(6)]
    model = kind(encoder, decoder, random_state=0, dtype="float64").initialize(X)
    w, b = model.get_weights()[0]
    assert_allclose((X @ w + b).std(axis=0), 1)
    if kind is Autoencoder:
        assert_allclose(model.inverse_transform(model.transform(X)).std(axis=0), 1)


def test_networks_without_samples_are_refused():
    with pytest.raises(ValueError, match=r"Dense.*which a game has not got"):
        GAN([data(8), Dense(6)], [Dense(8)]).fit(X)
    model = LanguageModel([TokenEmbedding(4), data(4)], context=4)
    with pytest.raises(ValueError, match=r"Dense.*which a language model has not got"):
        model.fit(np.arange(30) % 7)
    assert not hasattr(model, "layers_")


def test_padding_is_refused_where_it_would_count():
    series = [rng.normal(size=(length, 2)) for length in (5, 3, 4, 6, 2, 5)]
    y = np.arange(6.0)
    with pytest.raises(ValueError, match=r"Dense\(.*series of unequal lengths"):
        NetworkRegressor([data(3), GlobalAvgPool()]).fit(series, y)
    model = NetworkRegressor([LSTM(3), data(4)], dtype="float64").initialize(series, y)
    assert_allclose(model.hidden_activations(series).std(axis=0), 1)


def test_statistics_of_norms_are_their_first():
    """As in predictions: BatchNorm passes values on before it has seen a batch."""
    model = NetworkRegressor([BatchNorm(), data(5)], dtype="float64").initialize(X, LABELS)
    assert_allclose(model.hidden_activations(X).std(axis=0), 1)


def test_a_fit_that_goes_on_keeps_its_values():
    options = {"learning_rate_init": 1e-300, "random_state": 0}
    model = NetworkRegressor([data(5)], **options).partial_fit(X, LABELS)
    before = model.get_weights()
    model.partial_fit(100 * X, LABELS)
    assert_array_equal(before[0][0], model.get_weights()[0][0])


def test_perceptrons_have_no_such_name():
    from fusednn import MLPRegressor

    with pytest.raises(ValueError, match="'init' parameter"):
        MLPRegressor(init="data").fit(X, LABELS)
