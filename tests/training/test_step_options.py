"""Options of a step, by plain NumPy or by what they equal: averages, blocks, bounds, mixup."""

import itertools

import numpy as np
import pytest
from fusednn.kernels import records
from oracles.reference_network import loss_and_gradient
from running.sessions import by_kind, open_session, random_network, random_targets
from sklearn.datasets import load_digits
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from fusednn import MLPClassifier, MLPRegressor, NetworkRegressor
from fusednn.layers import BatchNorm, Dense
from fusednn.optimizers import AdamW
from fusednn.plan.training import Rule

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

DIGITS, LABELS = load_digits(return_X_y=True)
DIGITS, LABELS = DIGITS[:300] / 16, LABELS[:300]
SIZES, RATE, L2, BATCH = [6, 21, 18, 3], 0.3, 0.2, 9
X = np.random.RandomState(0).normal(size=(23, 6))
DTYPES = pytest.mark.parametrize(("dtype", "tolerance"), [(np.float32, 2e-5), (np.float64, 1e-12)])


def flat(session):
    return by_kind(session.parameters())


def plain_passes(parameters, t, passes, share=None, partners=None, l1=0.0):
    """Losses of passes of gradient descent in plain NumPy, and the weights after every step."""
    coefs, intercepts = ([part.astype(float) for part in group] for group in parameters)
    losses, history = [], []

    def gradient(rows, targets, inputs):
        arguments = coefs, intercepts, inputs, targets, np.ones(len(inputs)), L2
        return loss_and_gradient("tanh", "softmax", *arguments)

    for turn in range(passes):
        total = 0.0
        for number, start in enumerate(range(0, len(X), BATCH)):
            rows = np.arange(start, min(start + BATCH, len(X)))
            inputs, own = X[rows], 1.0
            if share is not None:
                own = share[turn][number]
                inputs = own * X[rows] + (1 - own) * X[partners[turn][rows]]
            loss, *groups = gradient(rows, t[rows], inputs)
            steps = [own * d for group in groups for d in group]
            loss *= own
            if share is not None:
                other, *groups = gradient(rows, t[partners[turn][rows]], inputs)
                loss += (1 - own) * other
                others = [d for group in groups for d in group]
                steps = [a + (1 - own) * b for a, b in zip(steps, others, strict=True)]
            loss += l1 * sum(abs(w).sum() for w in coefs) / len(rows)
            for w, d in zip(coefs, steps, strict=False):
                d += l1 * np.sign(w) / len(rows)
            for part, d in zip([*coefs, *intercepts], steps, strict=True):
                part -= RATE * d
            total += loss * len(rows)
            history.append([part.copy() for part in [*coefs, *intercepts]])
        losses.append(total / len(X))
    return losses, history


@DTYPES
@pytest.mark.parametrize("clipped", [np.inf, 1e9])  # the second goes through memory
def test_mixup(dtype, tolerance, clipped):
    """With the shares and partners that the engine drew."""
    parameters = random_network(SIZES, dtype)
    t = random_targets("softmax", len(X), 3, dtype)
    rule = Rule("sgd", (0.0,), clip_norm=clipped, mixup=0.4)
    options = {"loss": "softmax", "rule": rule, "batch": BATCH, "l2": L2}
    shares, partners, losses = [], [], []
    with open_session(X.astype(dtype), t, parameters, **options) as session:
        session.begin(5, 0)
        for _ in range(3):
            losses.append(session.run_passes(np.full(session.batches, RATE))[0])
            drawn = session.plan.program.settings[:, records.MIX]
            shares.append(drawn[session._first_of_batch].copy())
            partners.append(session.plan.partners.copy())
        ours = flat(session)
    assert len({*np.concatenate(shares)}) == 9
    assert all(sorted(found) == list(range(len(X))) for found in partners)
    assert any((one != other).any() for one, other in itertools.pairwise(partners))
    expected, history = plain_passes(parameters, t, 3, shares, partners)
    np.testing.assert_allclose(losses, expected, rtol=tolerance)
    for one, other in zip(ours, history[-1], strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=tolerance * max(1, abs(other).max()))


def test_shares_of_mixup_are_of_a_beta_distribution():
    from scipy import stats

    t = random_targets("softmax", len(X), 3, np.float64)
    rule = Rule("sgd", (0.0,), mixup=0.4)
    options = {"loss": "softmax", "rule": rule, "batch": 1}
    drawn = []
    with open_session(X, t, random_network(SIZES, np.float64), **options) as session:
        session.begin(0, 0)
        for _ in range(40):
            session.run_passes(np.full(session.batches, 0.0))
            drawn += session.plan.program.settings[:, records.MIX].tolist()
    assert stats.kstest(drawn, stats.beta(0.4, 0.4).cdf).pvalue > 0.01


def test_mixup_of_a_fit_does_not_depend_on_how_passes_run():
    """Several passes in a call or one, threads, and a seed."""
    options = {"max_iter": 9, "mixup": 0.3, "dropout": 0.2, "n_iter_no_change": np.inf}
    base = MLPClassifier((6,), random_state=0, **options).fit(DIGITS[:40], LABELS[:40])
    told = MLPClassifier((6,), random_state=0, max_time=1e9, n_jobs=2, **options)
    told.fit(DIGITS[:40], LABELS[:40])
    np.testing.assert_array_equal(told.coefs_[0], base.coefs_[0])
    other = MLPClassifier((6,), random_state=1, **options).fit(DIGITS[:40], LABELS[:40])
    assert (other.coefs_[0] != base.coefs_[0]).any()


@DTYPES
@pytest.mark.parametrize("clipped", [np.inf, 1e9])
def test_averages(dtype, tolerance, clipped):
    """The mean of the weights after each step, with weights that fall off exponentially."""
    parameters = random_network(SIZES, dtype)
    t = random_targets("softmax", len(X), 3, dtype)
    decay = 0.8
    rule = Rule("sgd", (0.0,), clip_norm=clipped, average=decay)
    options = {"loss": "softmax", "rule": rule, "batch": BATCH, "l2": L2}
    with open_session(X.astype(dtype), t, parameters, **options) as session:
        for _ in range(3):
            session.run_passes(np.full(session.batches, RATE))
        ours, outputs = flat(session), session.evaluations.outputs(None).copy()
        trained = by_kind(session.trained())
    _, history = plain_passes(parameters, t, 3)
    weights = decay ** np.arange(len(history))[::-1]
    expected = [np.average(parts, axis=0, weights=weights) for parts in zip(*history, strict=True)]
    for found, wanted in ((ours, expected), (trained, history[-1])):
        for one, other in zip(found, wanted, strict=True):
            atol = tolerance * max(1, abs(other).max())
            np.testing.assert_allclose(one, other, rtol=0, atol=atol)
    hidden = X
    for w, b in zip(expected[:2], expected[3:5], strict=True):
        hidden = np.tanh(hidden @ w + b)
    logits = np.exp(hidden @ expected[2] + expected[5])
    np.testing.assert_allclose(outputs, logits / logits.sum(axis=1, keepdims=True), atol=2e-5)


@DTYPES
@pytest.mark.parametrize("clipped", [np.inf, 1e9])
@pytest.mark.parametrize("limit", [4096, 4])  # the second in blocks
def test_l1(dtype, tolerance, clipped, limit, monkeypatch):
    monkeypatch.setattr("fusednn.plan.memory.sizes.BLOCK_LIMIT", limit)
    parameters = random_network(SIZES, dtype)
    t = random_targets("softmax", len(X), 3, dtype)
    rule = Rule("sgd", (0.0,), clip_norm=clipped, l1=0.05)
    options = {"loss": "softmax", "rule": rule, "batch": BATCH, "l2": L2}
    with open_session(X.astype(dtype), t, parameters, **options) as session:
        losses = [session.run_passes(np.full(session.batches, RATE))[0] for _ in range(3)]
        ours = flat(session)
    expected, history = plain_passes(parameters, t, 3, l1=0.05)
    np.testing.assert_allclose(losses, expected, rtol=tolerance)
    for one, other in zip(ours, history[-1], strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=tolerance * max(1, abs(other).max()))


def test_l1_makes_weights_small():
    options = {"max_iter": 150, "random_state": 0, "learning_rate_init": 0.01, "tol": 0}
    small = [
        np.mean(abs(MLPClassifier((20,), l1=l1, **options).fit(DIGITS, LABELS).coefs_[0]) < 1e-2)
        for l1 in (0.0, 0.3)
    ]
    assert small[1] > 3 * small[0]


def test_averages_go_on():
    """In `partial_fit` training goes on from the weights themselves, unless others are set."""
    options = {"random_state": 0, "ema_decay": 0.9, "shuffle": False, "batch_size": 50}
    whole = MLPClassifier((9,), max_iter=4, **options).fit(DIGITS, LABELS)
    parts = MLPClassifier((9,), **options)
    for _ in range(4):
        parts.partial_fit(DIGITS, LABELS, classes=np.arange(10))
    np.testing.assert_array_equal(parts.coefs_[0], whole.coefs_[0])
    assert parts.loss_curve_ == whole.loss_curve_
    parts.coefs_ = [np.zeros_like(w) for w in parts.coefs_]
    parts.intercepts_ = [np.zeros_like(b) for b in parts.intercepts_]
    parts.set_params(learning_rate_init=0.001).partial_fit(DIGITS, LABELS)
    assert abs(parts.coefs_[0]).max() < 0.05


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("solver", ["sgd", "adam", AdamW(weight_decay=0.1)])
def test_accumulated_batches_are_a_larger_batch(solver, dtype):
    options = {"solver": solver, "max_iter": 4, "random_state": 0, "dtype": dtype, "alpha": 0.1}
    large = MLPClassifier((20, 9), batch_size=120, **options).fit(DIGITS, LABELS)
    small = MLPClassifier((20, 9), batch_size=40, accumulate=3, **options).fit(DIGITS, LABELS)
    tolerance = 1e-4 if dtype == "float32" else 1e-10
    np.testing.assert_allclose(small.loss_curve_, large.loss_curve_, rtol=tolerance)
    for one, other in zip(small.coefs_, large.coefs_, strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=tolerance)


def test_accumulated_batches_are_normalised_each_by_itself():
    layers = [Dense(9), BatchNorm(), Dense(4, "tanh")]
    options = {"max_iter": 1, "random_state": 0, "shuffle": False, "learning_rate_init": 1e-12}
    small = NetworkRegressor(layers, batch_size=40, accumulate=3, **options)
    small.fit(DIGITS[:121], DIGITS[:121, 20])  # blocks of 40, 40 and 41
    w, b = small.get_weights()[0]
    mean = np.zeros(9)
    for rows in (slice(0, 40), slice(40, 80), slice(80, 121)):
        mean = 0.9 * mean + 0.1 * (DIGITS[rows] @ w + b).mean(axis=0)
    np.testing.assert_allclose(small.get_weights()[1][2], mean, atol=1e-9)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_standardize_is_a_scaler_before_the_network(dtype):
    scale = np.random.RandomState(0).uniform(0.1, 30, 64)
    data = (DIGITS * scale + 10 * scale).astype(dtype)
    data[:, 5] = 3  # without any spread
    options = {"hidden_layer_sizes": (9, 8), "max_iter": 20, "random_state": 0}
    inside = MLPClassifier(standardize=True, **options).fit(data, LABELS)
    outside = make_pipeline(StandardScaler(), MLPClassifier(**options)).fit(data, LABELS)
    tolerance = 1e-3 if dtype == "float32" else 1e-9
    np.testing.assert_allclose(inside.loss_curve_, outside[-1].loss_curve_, rtol=tolerance)
    for rows in (3, 300):
        ours, theirs = (m.predict_proba(data[:rows]) for m in (inside, outside))
        np.testing.assert_allclose(ours, theirs, atol=tolerance)
    hidden = inside.hidden_activations(data)
    np.testing.assert_allclose(
        hidden, outside[-1].hidden_activations(outside[0].transform(data)), atol=10 * tolerance
    )
    loss = inside.loss_and_gradient(data, LABELS)[0]
    other = outside[-1].loss_and_gradient(outside[0].transform(data), LABELS)[0]
    assert loss == pytest.approx(other, rel=tolerance)
    with pytest.raises(ValueError, match="standardize cannot change"):
        inside.set_params(standardize=False).partial_fit(data, LABELS)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("solver", ["sgd", "adamw"])
def test_norms_stay_bounded(solver, dtype):
    options = {"solver": solver, "learning_rate_init": 0.05, "random_state": 0, "dtype": dtype}
    model = MLPRegressor(
        hidden_layer_sizes=(40, 21), max_norm=0.7, max_iter=20, n_jobs=2, **options
    )
    model.fit(DIGITS, LABELS / 10)
    lengths = np.concatenate([np.linalg.norm(w, axis=0) for w in model.coefs_])
    assert lengths.max() <= 0.7 * (1 + 1e-6)
    assert np.isclose(lengths, 0.7).sum() > 5
    free = MLPRegressor(hidden_layer_sizes=(40, 21), max_norm=1e9, max_iter=5, **options)
    plain = MLPRegressor(hidden_layer_sizes=(40, 21), max_iter=5, **options)
    for one, other in zip(
        free.fit(DIGITS, LABELS).coefs_, plain.fit(DIGITS, LABELS).coefs_, strict=True
    ):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    "option",
    [{"ema_decay": 0.9}, {"accumulate": 2}, {"max_norm": 1.0}, {"mixup": 0.2}, {"l1": 1.0}],
)
def test_not_for_lbfgs(option):
    with pytest.raises(ValueError, match=f"{next(iter(option))} is for solvers other than"):
        MLPClassifier(solver="lbfgs", **option).fit(DIGITS, LABELS)
