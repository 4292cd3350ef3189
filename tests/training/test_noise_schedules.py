"""Dropout and noise whose strength varies from step to step, and decay that does."""

import copy
import pickle
from dataclasses import dataclass

import numpy as np
import pytest
from fusednn.kernels import records
from oracles.parity import fit_quietly
from running.nested_weights import flat

from fusednn import GAN, NetworkClassifier, NetworkRegressor, freeze
from fusednn.layers import (
    LSTM,
    Activation,
    AlphaDropout,
    Conv1D,
    Dense,
    Dropout,
    Flatten,
    GaussianNoise,
    Reshape,
    Residual,
)
from fusednn.optimizers import SGD, AdamW, Lion
from fusednn.schedules import Cosine, CosLog, FlatCosine, ReduceOnPlateau, Schedule, Step
from fusednn.training.optimizer_state import OptimizerState, rule_of

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

random = np.random.RandomState(0)
X = random.normal(size=(90, 6))
LABELS = (X[:, 0] * X[:, 1] > 0) + (X[:, 2] > 0)
ONES = Step(1, 1.0)
SMALL = {"max_iter": 4, "batch_size": 16, "random_state": 0}
KINDS = {
    "dropout": lambda schedule: [Dense(9, "relu"), Dropout(0.4, schedule=schedule)],
    "alone": lambda schedule: [Dropout(0.4, schedule=schedule), Dense(9)],
    "channels": lambda schedule: [
        *(Reshape(3, 2), Conv1D(4, 2, "tanh"), Dropout(0.4, "channel", schedule), Flatten()),
    ],
    "alpha": lambda schedule: [Dense(9, "selu"), AlphaDropout(0.2, schedule)],
    "noise": lambda schedule: [GaussianNoise(0.5, schedule), Dense(9, "tanh")],
    "several": lambda schedule: [
        *(Dense(9), Activation("gelu"), Dropout(0.1, schedule=Cosine()), GaussianNoise(0.1)),
        Residual([Dropout(0.3), Dense(9, "relu"), AlphaDropout(0.2, schedule)]),
        GaussianNoise(0.2, schedule),
    ],
    "recurrent": lambda schedule: [
        *(Reshape(3, 2), LSTM(5, return_sequences=True), Dropout(0.3, schedule=schedule)),
        LSTM(4),
    ],
}
EVERY = pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)


def fit(layers, **options):
    return fit_quietly(NetworkClassifier(layers, **{**SMALL, **options}), X, LABELS)


def bits(model):
    return flat(model.get_weights()).tobytes()


@dataclass(frozen=True)
class Given(Schedule):
    found: tuple

    def __post_init__(self):
        pass

    def factors(self, steps, total):
        return np.array(self.found)[steps.astype(int)]


@EVERY
def test_factors_of_one(kind):
    plain = fit(kind(None))
    assert bits(fit(kind(ONES))) == bits(plain) != bits(fit(kind(FlatCosine())))


HALVES = Given((0.5,) * 1000)


@pytest.mark.parametrize("options", [{"accumulate": 3}, {"mixup": 0.3}, {"batch_size": 9000}])
def test_blocks_of_a_batch_have_its_rate(options):
    """A batch in blocks, or of mixed samples, as one of constant noise."""
    many, y = np.tile(X, (100, 1)), np.tile(LABELS, 100)
    options = {**SMALL, "batch_size": 1000, "max_iter": 2, **options}
    layers = [Dense(9, "relu"), Dropout(0.4, schedule=HALVES)], [Dense(9, "relu"), Dropout(0.2)]
    models = [fit_quietly(NetworkClassifier(one, **options), many, y) for one in layers]
    assert bits(models[0]) == bits(models[1])


def test_windows_of_series_have_rates():
    """A step is a window of the batch, where each window updates the weights."""
    series, y = X.reshape(15, 36, 1), X.reshape(15, 36)
    models = [
        fit_quietly(
            NetworkRegressor(
                [LSTM(4, return_sequences=True), noise], window=10, random_state=0, max_iter=3,
                batch_size=5, n_jobs=n_jobs,
            ),
            series, y,
        )
        for noise in (Dropout(0.4, schedule=HALVES), Dropout(0.2), Dropout(0.4, schedule=CosLog()))
        for n_jobs in (1, 2)
    ]  # fmt: skip
    found = [bits(model) for model in models]
    assert found[0] == found[1] == found[2] == found[3]
    assert found[4] == found[5] != found[0]


@EVERY
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_nothing_else_changes_bits(kind, dtype, capsys):
    """Threads, passes run one by one, accumulated blocks of one batch."""
    one = fit(kind(FlatCosine()), dtype=dtype, n_jobs=1)
    assert bits(fit(kind(FlatCosine()), dtype=dtype, n_jobs=2)) == bits(one)
    assert bits(fit(kind(FlatCosine()), dtype=dtype, n_jobs=3, verbose=True)) == bits(one)
    assert bits(fit_quietly(copy.deepcopy(one), X, LABELS)) == bits(one)
    capsys.readouterr()


ROWS = 40


def seen(layer, factors):
    """What the output layer receives in each of some calls of `partial_fit` on a matrix of ones.

    A step of gradient descent from weights of 0 towards the identity leaves it in these.
    """
    data = np.ones((ROWS, 300))
    model = NetworkRegressor(
        [layer(Given(factors))], solver=SGD(), learning_rate_init=ROWS, batch_size=ROWS,
        random_state=0, shuffle=False, max_iter=len(factors),
    ).initialize(data, np.eye(ROWS))  # fmt: skip
    blank = [[np.zeros_like(part) for part in layer] for layer in model.get_weights()]
    found = []
    for _ in factors:
        model.set_weights(blank).partial_fit(data, np.eye(ROWS))
        found.append(model.get_weights()[-1][0].T)
    return found


def test_shares_that_are_dropped():
    factors = 0.0, 1.0, 0.5, 0.25
    for factor, found in zip(
        factors, seen(lambda one: Dropout(0.8, schedule=one), factors), strict=True
    ):
        share, dropped = 0.8 * factor, abs(found) < 1e-12
        deviation = np.sqrt(share * (1 - share) / found.size)
        assert abs(dropped.mean() - share) <= 5 * deviation
        np.testing.assert_allclose(found[~dropped], 1 / (1 - share), rtol=1e-12)


def test_deviations_of_noise():
    factors = 0.0, 1.0, 0.5, 3.0
    for factor, found in zip(
        factors, seen(lambda one: GaussianNoise(0.2, one), factors), strict=True
    ):
        assert (found - 1).std() == pytest.approx(0.2 * factor, rel=0.05)


def test_alpha_dropout_keeps_its_limit():
    limit = -1.0507009873554805 * 1.6732632423543772
    for factor, found in zip(
        (0.0, 1.0, 0.5), seen(lambda one: AlphaDropout(0.4, one), (0.0, 1.0, 0.5)), strict=True
    ):
        rate = 0.4 * factor
        kept = 1 - rate
        a = (kept + limit**2 * kept * rate) ** -0.5
        values = a * limit * kept, a - a * rate * limit  # of dropped elements, of the others
        expected = values[1:] if factor == 0 else values
        np.testing.assert_allclose(np.unique(found.round(12)), np.sort(expected), rtol=1e-9)


@EVERY
def test_a_training_with_a_pause(kind, tmp_path):
    """`warm_start_optimizer` goes on where the fit ended, from a file too, at the last factor."""
    whole = fit(kind(CosLog(2)), warm_start=True, warm_start_optimizer=True)
    path = tmp_path / "model"
    whole.save(path)
    loaded = NetworkClassifier.load(path)
    assert loaded.layers == whole.layers
    later = [fit_quietly(one, X, LABELS) for one in (whole, loaded)]
    assert bits(later[0]) == bits(later[1])


def test_predictors_know_nothing_of_it():
    """A schedule of one's own is not in them, so they can be unpickled without it."""
    for kind in KINDS.values():
        model = fit(kind(Given((0.5,) * 100)))
        predictor = freeze(model)
        assert b"Given" not in pickle.dumps(predictor)
        np.testing.assert_array_equal(predictor.predict(X), model.predict(X))


def test_refused():
    for layer in (Dropout, AlphaDropout, GaussianNoise):
        for value in (ReduceOnPlateau(), "flat_cos", 0.5, lambda number: 1.0):
            name = f"schedule of {layer.__name__} must be None or a schedule of steps"
            with pytest.raises(ValueError, match=name):
                layer(0.1, schedule=value)
    with pytest.raises(ValueError, match=r"must keep a dropout of 0\.5 below 1, got 2"):
        fit([Dense(5), Dropout(0.5, schedule=Given((2.0,) * 100))])
    for solver in (AdamW, Lion):
        with pytest.raises(ValueError, match=f"decay_schedule of {solver.__name__} must be"):
            solver(decay_schedule=ReduceOnPlateau())
    noisy = [Dense(5, "relu"), Residual([Dropout(0.1, schedule=ONES)]), Dense(6)]
    with pytest.raises(ValueError, match=r"generator\[1\] .* noise has no schedule in a GAN"):
        GAN(generator=noisy, max_iter=1).fit(X)


# -- decay -----------------------------------------------------------------------------------


@pytest.mark.parametrize("solver", [AdamW, Lion])
def test_factors_of_decay(solver):
    """Ones and zeros are decay and no decay, to the bit; others in between."""

    def trained(decay, schedule=None, **options):
        own = solver(weight_decay=decay, decay_schedule=schedule)
        return bits(fit([Dense(9, "tanh")], solver=own, learning_rate_init=0.01, **options))

    assert trained(5.0, ONES) == trained(5.0)
    assert trained(5.0, Step(10**6, 0.0)) == trained(5.0)
    assert trained(5.0, Given((0.0,) * 100)) == trained(0.0)
    assert trained(5.0, Given((0.5,) * 100)) == trained(2.5)
    assert trained(5.0, FlatCosine(), n_jobs=2) == trained(5.0, FlatCosine(), n_jobs=1)
    assert trained(5.0, FlatCosine()) not in (trained(5.0), trained(0.0))


@pytest.mark.parametrize("solver", [AdamW, Lion])
def test_decay_has_both_schedules(solver):
    """The share that a step takes is rate times decay, each by its factors, in parts too."""
    description = solver(weight_decay=0.3, decay_schedule=FlatCosine())
    state = OptimizerState(description, rule_of(description), 0.1, CosLog(), 0.5)
    state.total, steps = 24, np.arange(24.0)
    found = np.vstack([state.rates(4, [0] * passes) for passes in (1, 3, 2)])[:, records.DECAY]
    expected = 0.1 * CosLog().factors(steps, 24) * 0.3 * FlatCosine().factors(steps, 24)
    np.testing.assert_allclose(found, expected, rtol=1e-12)
