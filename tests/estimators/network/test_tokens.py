"""Embeddings of tokens, as users give them."""

import numpy as np
import pytest
from fusednn.kernels.ops.products.tokens import INTEGERS
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone

from fusednn import NetworkClassifier, NetworkRegressor, freeze, warmup
from fusednn.layers import GRU, Conv1D, Dense, Dropout, Flatten, GlobalAvgPool, TokenEmbedding
from fusednn.optimizers import SGD, AdamW, Lion
from fusednn.plan.binding.data import source_of

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

RANDOM = np.random.RandomState(0)
X = RANDOM.randint(1, 11, size=(80, 9))
Y = (X == 7).sum(axis=1)
LAYERS = [TokenEmbedding(6), GlobalAvgPool()]
QUICK = {"max_iter": 3, "batch_size": 16, "random_state": 0}


def test_a_sum_over_tokens_is_learned():
    model = NetworkRegressor(LAYERS, solver="lbfgs", max_iter=200, random_state=0).fit(X, Y)
    assert model.score(X, Y) > 0.99
    assert model.layers_[0].count == 11
    assert_allclose(model.hidden_activations(X, 0), model.get_weights()[0][0][X], rtol=1e-6)


@pytest.mark.parametrize("kind", [*INTEGERS, "list", "float32", "float64"])
def test_integers_of_any_type_make_the_same_float32_network(kind):
    """Fits, predictions of few and of many rows, and predictors."""
    data = X.tolist() if kind == "list" else X.astype(kind)
    model = NetworkRegressor([TokenEmbedding(6), GRU(4)], **QUICK).fit(data, Y)
    if kind == "float64":
        assert model.predict(data).dtype == np.float64
        model = clone(model).set_params(dtype="float32").fit(data, Y)
    expected = NetworkRegressor([TokenEmbedding(6), GRU(4)], **QUICK).fit(X, Y)
    assert model.predict(X).dtype == np.float32
    assert model.loss_curve_ == expected.loss_curve_
    many = data * 3 if kind == "list" else np.tile(data, (3, 1))
    assert_array_equal(model.predict(many), np.tile(expected.predict(X), 3))
    predictor = freeze(model)
    assert_array_equal(predictor.predict(data), expected.predict(X))
    assert_array_equal(
        model.partial_fit(data, Y).predict(X), expected.partial_fit(X, Y).predict(X)
    )


def test_float64_can_be_asked_for():
    assert NetworkRegressor(LAYERS, dtype="float64", **QUICK).fit(X, Y).predict(X).dtype == float


@pytest.mark.parametrize("kind", INTEGERS)
def test_integers_are_read_in_place(kind):
    """Rows of a wider array too."""
    data = np.pad(X.astype(kind), ((0, 0), (2, 3)))[:, 2:-3]
    network = NetworkRegressor(LAYERS, **QUICK).fit(X, Y)._network()
    assert source_of(data, np.float32, network).X is data
    model = NetworkRegressor(LAYERS, **QUICK).fit(data, Y)
    assert_array_equal(model.predict(data), model.predict(X))


@pytest.mark.parametrize("solver", ["adam", AdamW(weight_decay=0.3), SGD(0.9), Lion()], ids=str)
@pytest.mark.parametrize("options", [{}, {"clip_norm": 0.1}, {"accumulate": 2}], ids=str)
def test_the_vector_of_padding_stays_zero(solver, options):
    """Also where the code stands within a sample, or in a batch of several blocks."""
    data = X * (RANDOM.uniform(size=X.shape) < 0.7)
    data[:, -1] = 3
    layers = [TokenEmbedding(6, 15, padding=0), Dropout(0.1), Flatten(), Dense(5, "tanh")]
    model = NetworkRegressor(layers, solver=solver, alpha=0.1, **QUICK, **options)
    first = clone(model).initialize(data, Y).get_weights()[0][0]
    table = model.fit(data, Y).get_weights()[0][0]
    assert not first[0].any()
    assert not table[0].any()
    assert (table[1:11] != first[1:11]).all()
    _, gradient = model.loss_and_gradient(data, Y)
    assert not gradient[0][0][0].any()
    assert gradient[0][0][1:11].all()


WRONG = {
    "too large": (11, "found 11"),
    "negative": (-1, "found -1"),
    "not whole": (1.5, "found 1.5"),
}


@pytest.mark.parametrize(("value", "found"), WRONG.values(), ids=WRONG)
def test_wrong_tokens_are_refused(value, found):
    model = NetworkRegressor(LAYERS, **QUICK).fit(X, Y)
    predictor, before = freeze(model), model.predict(X)
    kinds = (X.dtype, np.int8, np.float32) if value != 1.5 else (np.float32, float)
    for kind in kinds:
        bad = X.astype(kind)
        bad[3, 2] = value
        words = rf"X holds tokens of layers\[0\], a TokenEmbedding: whole numbers .*10; {found}\."
        for call in (
            lambda bad=bad: model.predict(bad),
            lambda bad=bad: model.partial_fit(bad, Y),
            lambda bad=bad: model.fit(X, Y, X_val=bad, y_val=Y),
            lambda bad=bad: clone(model).set_params(layers=[TokenEmbedding(2, 11), *LAYERS[1:]])
            .fit(bad, Y),
            lambda bad=bad: predictor.predict(bad),
        ):  # fmt: skip
            with pytest.raises(ValueError, match=words):
                call()
    assert_array_equal(model.predict(X), before)


def test_not_a_number_is_refused():
    bad = X.astype(float)
    bad[3, 2] = np.nan
    with pytest.raises(ValueError, match="Input X contains NaN"):
        NetworkRegressor(LAYERS, **QUICK).fit(bad, Y)


def test_ids_are_no_tokens():
    data = np.resize([17, 12_000_000, 3], (40, 4))
    with pytest.raises(ValueError, match=r"X holds 3 distinct codes of a TokenEmbedding, layers"):
        NetworkRegressor(LAYERS, **QUICK).fit(data, np.arange(40.0))
    data[:] = 1 << 30
    with pytest.raises(ValueError, match=r"whole numbers from 0 to 16777215; found 1073741824"):
        NetworkRegressor(LAYERS, **QUICK).fit(data, np.arange(40.0))


REFUSED = {
    "axes": ([TokenEmbedding(2)], X.reshape(80, 3, 3), {}, r"axes \(3, 3\)"),
    "not first": ([Dense(3), TokenEmbedding(2, 3)], X, {}, "must be the first layer"),
    "mixup": (LAYERS, X, {"mixup": 0.2}, "mixup cannot mix codes"),
    "scaled": (LAYERS, X, {"standardize": True}, "cannot scale its tokens"),
    "no end": ([TokenEmbedding(2)], X, {}, r"put Flatten\(\) or a global pool"),
}


@pytest.mark.parametrize("case", REFUSED.values(), ids=REFUSED)
def test_what_does_not_fit_is_refused(case):
    layers, data, options, words = case
    model = NetworkRegressor(layers, **QUICK, **options)
    before = dict(vars(model))
    with pytest.raises(ValueError, match=rf"layers\[[01]\] is TokenEmbedding.*{words}"):
        model.fit(data, Y)
    assert vars(model) == before


def test_descriptions_refuse_what_no_table_has():
    for given, words in (
        ({"size": 0}, "size of TokenEmbedding must be an integer from 1"),
        ({"size": 2, "count": 0}, "count of TokenEmbedding must be an integer in"),
        ({"size": 2, "count": 1 << 25}, "count of TokenEmbedding must be an integer in"),
        ({"size": 2, "count": 5, "padding": 5}, r"padding .* in \[0, 5\)"),
        ({"size": 2, "padding": -1}, "padding of TokenEmbedding must be"),
    ):
        with pytest.raises(ValueError, match=words):
            TokenEmbedding(**given)


def test_everything_is_compiled_in_advance():
    layers = [TokenEmbedding(3, padding=0), Conv1D(2, 3, "relu"), GRU(2)]
    model = NetworkClassifier(layers, **QUICK)
    warmup(model)
    assert warmup(model)["compiled"] == 0
