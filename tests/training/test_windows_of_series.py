"""Training in windows of long series: bits, memory, options, and what is refused."""

import warnings

import numpy as np
import pytest

from fusednn import NetworkClassifier, NetworkRegressor
from fusednn.layers import (
    GRU,
    LSTM,
    RNN,
    BatchNorm,
    Conv1D,
    Dense,
    Dropout,
    Flatten,
    Periodic,
    PiecewiseLinear,
    Reshape,
    Residual,
    Scale,
    TokenEmbedding,
)
from fusednn.optimizers import SGD
from fusednn.plan.binding.data import source_of
from fusednn.plan.binding.loss import Target
from fusednn.plan.machines import ONE_THREAD
from fusednn.plan.training import TrainingPlan
from fusednn.plan.updating.rule import Rule

RANDOM = np.random.RandomState(0)
X = RANDOM.normal(size=(13, 10, 2)).astype(np.float32)
LAYERS = [
    *(Scale(), Periodic(3, 2), PiecewiseLinear(size=3, columns=[1], edges=[[-0.5, 0.0, 0.5]])),
    *(GRU(6, return_sequences=True), Dropout(0.2), Residual([RNN(6, return_sequences=True)])),
    *(BatchNorm(), LSTM(5)),
]
OPTIONS = {"max_iter": 3, "random_state": 0, "batch_size": 5}


def fitted(model, X, y, **more):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return model.fit(X, y, **more)


def weights_of(model):
    return np.concatenate([array.ravel() for array in model._parameters()])


@pytest.mark.parametrize("window", [3, 10, 99])
def test_bits_do_not_depend_on_threads_or_the_form_of_X(window):
    y = RANDOM.randint(3, size=13)
    found = [
        weights_of(fitted(NetworkClassifier(layers, window=window, n_jobs=jobs, **OPTIONS), x, y))
        for layers, x, jobs in (
            (LAYERS, X, 1),
            (LAYERS, X, 2),
            (LAYERS, np.asfortranarray(X), 1),
            (LAYERS, np.repeat(X, 2, axis=0)[::2], 2),
            ([Reshape(10, 2), *LAYERS], X.reshape(13, -1), 1),
        )
    ]
    for one in found[1:]:
        np.testing.assert_array_equal(one, found[0])


LENGTHS = (2, 10, 5, 4, 1, 8, 10, 7, 10, 3, 6, 9, 1)
TOKENS = [RANDOM.randint(1, 9, size=length) for length in LENGTHS]
SERIES = [row[:length] for row, length in zip(X, LENGTHS, strict=True)]
OF_TOKENS = [TokenEmbedding(3, 9, padding=0), *LAYERS[3:6], LSTM(5)]


@pytest.mark.parametrize("each", [False, True], ids=["label", "each step"])
@pytest.mark.parametrize("window", [1, 4])
@pytest.mark.parametrize("name", ["series", "tokens"])
def test_bits_of_unequal_lengths_do_not_depend_on_threads_or_the_form(name, window, each):
    filled = np.full((13, 10), 0), np.full((13, 10, 2), np.nan, np.float32)
    given, whole = (TOKENS, filled[0]) if name == "tokens" else (SERIES, filled[1])
    for row, one in zip(whole, given, strict=True):
        row[: len(one)] = one
    layers = OF_TOKENS if name == "tokens" else [*LAYERS[:6], LSTM(5)]
    y, targets = RANDOM.normal(size=13), [RANDOM.normal(size=length) for length in LENGTHS]
    if each:
        layers = [*layers[:-1], LSTM(5, return_sequences=True)]
    found = [
        weights_of(fitted(NetworkRegressor(layers, window=window, n_jobs=jobs, **OPTIONS), x, one))
        for x, jobs, one in (
            (given, 1, targets if each else y),
            (given, 2, targets if each else y),
            (whole, 1, targets if each else y),
        )
    ]
    assert np.isfinite(found[0]).all()
    for one in found[1:]:
        np.testing.assert_array_equal(one, found[0])


def test_windows_of_few_series_with_steps():
    """Behind the short series' ends windows have no step of any, and move nothing in plain SGD."""
    series = [np.concatenate([X[0], X[1]]), *SERIES[2:5], *SERIES[9:10]]
    y = [RANDOM.normal(size=len(one)) for one in series]
    options = {**OPTIONS, "batch_size": 1, "shuffle": False, "solver": SGD(momentum=0.0)}
    options |= {"max_iter": 1, "window": 3, "alpha": 0.0}
    layers = [GRU(4, return_sequences=True), Dense(3, "tanh")]
    model = fitted(NetworkRegressor(layers, **options), series, y)
    assert np.isfinite(weights_of(model)).all()
    first = fitted(NetworkRegressor(layers, **options), series[:1], y[:1])
    for x, t in zip(series[1:], y[1:], strict=True):
        fitted(first.set_params(warm_start=True), [x], [t])
    np.testing.assert_allclose(weights_of(model), weights_of(first), rtol=1e-5, atol=1e-7)


def test_a_window_of_all_steps_is_no_window():
    y = RANDOM.normal(size=13)
    plain, wide, cut = (
        weights_of(fitted(NetworkRegressor(LAYERS, window=window, **OPTIONS), X, y))
        for window in (None, 10, 5)
    )
    np.testing.assert_array_equal(plain, wide)
    assert (plain != cut).any()


def test_weights_of_windows():
    """A weight of each step: 0 as if the step had no target, at the mean's divisor too."""
    y, weights = RANDOM.normal(size=(13, 10)), np.ones((13, 10))
    weights[:, 7:] = 0
    unknown = np.where(weights == 0, np.nan, y)
    layers = [LSTM(5, return_sequences=True)]
    options = {**OPTIONS, "window": 4}
    weighted = fitted(NetworkRegressor(layers, **options), X, y, sample_weight=weights)
    missing = fitted(NetworkRegressor(layers, missing_targets="ignore", **options), X, unknown)
    np.testing.assert_allclose(weights_of(weighted), weights_of(missing), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(weighted.loss_curve_, missing.loss_curve_, rtol=1e-5)


def test_memory_does_not_grow_with_the_steps():
    def bytes_of(steps):
        ops = NetworkRegressor([LSTM(16), Dense(4)]).initialize(
            np.zeros((8, steps, 3), np.float32), np.zeros(8)
        )
        network = ops._network(ops._built())
        source = source_of(np.zeros((8, 3 * steps), np.float32), np.float32)
        target = Target(np.zeros((8, 1), np.float32), None)
        rule = Rule("adam", (0.9, 0.999, 1e-8), window=20)
        return TrainingPlan(
            network, source, target, rule, 8, np.arange(8), ONE_THREAD
        ).memory.bytes

    assert bytes_of(1000) == bytes_of(100)


@pytest.mark.parametrize(
    ("layers", "words"),
    [
        ([LSTM(3, bidirectional=True)], r"layers\[0\] is LSTM\(.*\): window=4 .* goes from the"),
        ([Conv1D(3, 2), GRU(2)], r"layers\[0\] is Conv1D.* reads several steps at once"),
        ([GRU(2, return_sequences=True), Flatten()], r"layers\[1\] is Flatten\(\): .* reads"),
        ([Dense(3, weight_norm=True), GRU(2)], r"layers\[0\] is Dense.* has normalised weights"),
        ([Residual([Conv1D(2, 3)]), GRU(2)], r"layers\[0\] is Residual.* reads several"),
    ],
)
def test_layers_without_windows_are_refused(layers, words):
    model = NetworkRegressor(layers, window=4, **OPTIONS)
    with pytest.raises(ValueError, match=words):
        model.fit(X, X[:, 0, 0])
    assert not hasattr(model, "n_features_in_")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"mixup": 0.1}, "window cannot be combined with mixup"),
        ({"accumulate": 2}, "window cannot be combined with accumulate"),
        ({"solver": "lbfgs"}, "window is for solvers other than 'lbfgs'"),
        ({"window": 0}, "'window' parameter"),
    ],
)
def test_options_without_windows_are_refused(options, words):
    with pytest.raises(ValueError, match=words):
        NetworkRegressor([GRU(2)], **{"window": 4, **OPTIONS, **options}).fit(X, X[:, 0, 0])


def test_batch_norm_needs_a_step_of_each_series():
    words = "window=4 cannot be combined with BatchNorm for series of unequal lengths"
    with pytest.raises(ValueError, match=words):
        NetworkRegressor([BatchNorm(), GRU(2)], window=4, **OPTIONS).fit(SERIES, X[:, 0, 0])


def test_rows_are_no_series():
    rows = X.reshape(13, -1)
    with pytest.raises(ValueError, match=r"window=4 needs series: X with axes"):
        NetworkRegressor([Dense(3)], window=4, **OPTIONS).fit(rows, rows[:, 0])
