"""Short passes run several in a call: nobody can tell from the results."""

import numpy as np
import pytest
from oracles.parity import CLASSES, assert_same_bits, assert_same_network
from scipy import sparse

from fusednn import MLPClassifier, MLPRegressor
from fusednn.training.session import Session

rng = np.random.RandomState(0)
X = rng.normal(size=(90, 5))
X[rng.rand(*X.shape) < 0.3] = 0
LABELS = (X[:, 0] > 0) + (X[:, 1] > 0.2)
WEIGHTS = rng.uniform(0, 2, 90)
OPTIONS = [
    {},
    {"n_iter_no_change": 1},
    {"n_iter_no_change": np.inf, "max_iter": 37},
    {"max_iter": 1},
    {"batch_size": 40, "shuffle": False},
    {"solver": "sgd", "learning_rate": "invscaling", "learning_rate_init": 0.1},
    {"solver": "sgd", "learning_rate": "adaptive", "learning_rate_init": 0.5, "tol": 0.01},
    {"solver": "sgd", "learning_rate_init": 0.5, "tol": 0.02, "batch_size": 30},
    {"tol": 0.05, "n_iter_no_change": 3},
]
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.fixture
def calls(monkeypatch):
    """How many passes each call ran."""
    counts = []
    original = Session.run_passes

    def run_passes(self, rates):
        counts.append(len(rates) // self.batches)
        return original(self, rates)

    monkeypatch.setattr(Session, "run_passes", run_passes)
    return counts


@pytest.mark.parametrize("params", OPTIONS, ids=str)
@pytest.mark.parametrize("form", [np.asarray, sparse.csr_matrix])
@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["plain", "weighted"])
def test_one_at_a_time_gives_the_same_bits(calls, capsys, params, form, weights):
    """`verbose` asks for one at a time."""
    params = {"hidden_layer_sizes": (7,), "max_iter": 60, "random_state": 0, **params}
    together = MLPClassifier(**params).fit(form(X), LABELS, weights)
    assert max(calls) > 1 or params["max_iter"] == 1 or params.get("n_iter_no_change") == 1
    calls.clear()
    alone = MLPClassifier(verbose=True, **params).fit(form(X), LABELS, weights)
    assert set(calls) == {1}
    assert capsys.readouterr().out.count("Iteration") == together.n_iter_
    assert_same_bits(together, alone)
    for name in ("n_iter_", "t_", "loss_", "best_loss_", "loss_curve_"):
        assert getattr(together, name) == getattr(alone, name)
    assert together._optimizer.learning_rate == alone._optimizer.learning_rate


@pytest.mark.parametrize("verbose", [False, True])
def test_a_random_state_is_left_where_scikit_learn_leaves_it(verbose):
    after = []
    for cls in CLASSES["classifier"]:
        state = np.random.RandomState(3)
        model = cls((7,), random_state=state, max_iter=33, verbose=verbose, tol=1e-3)
        model.fit(X, LABELS)
        after.append(state.randint(2**31))
    assert after[0] == after[1]


@pytest.mark.parametrize("params", [{}, {"early_stopping": True}], ids=str)
def test_batches_without_weight_in_orders_that_do_not_run(params):
    """Weights that sum to zero in some unshuffled batch, in none that is trained on."""
    X = rng.normal(size=(400, 5))
    y, weights = (X[:, 0] > 0).astype(int), np.repeat([0.0, 1.0], 200)
    options = {"batch_size": 200, "max_iter": 3, "random_state": 0, **params}
    theirs, ours = (cls((7,), **options).fit(X, y, weights) for cls in CLASSES["classifier"])
    assert_same_network(theirs, ours, 1e-9)


@pytest.mark.parametrize("when", ["drawn", "run"])
def test_an_interrupt_takes_passes_back_that_were_not_told_of(monkeypatch, when):
    original = Session.run_passes

    def interrupted(self, rates):
        interrupted.calls += 1
        if interrupted.calls == 2 and when == "drawn":
            raise KeyboardInterrupt
        losses = original(self, rates)
        if interrupted.calls == 2:
            raise KeyboardInterrupt
        return losses

    interrupted.calls = 0
    params = {"hidden_layer_sizes": (7,), "random_state": 0, "tol": 0, "dropout": 0.2}
    with monkeypatch.context() as patch:
        patch.setattr(Session, "run_passes", interrupted)
        with pytest.warns(UserWarning, match="interrupted"):
            stopped = MLPClassifier(**params).fit(X, LABELS)
    assert 1 < stopped.n_iter_ == len(stopped.loss_curve_)
    whole = MLPClassifier(**params, max_iter=stopped.n_iter_).fit(X, LABELS)
    assert_same_bits(stopped, whole)
    assert stopped._optimizer.t == whole._optimizer.t


@pytest.mark.parametrize("dropout", [0.0, 0.3])
def test_a_diverging_fit_ends_with_the_last_finite_weights(capsys, dropout):
    models = []
    for verbose in (False, True):
        model = MLPRegressor(
            hidden_layer_sizes=(7,), solver="sgd", learning_rate_init=5.0, random_state=0,
            verbose=verbose, nesterovs_momentum=False, batch_size=90, dropout=dropout,
        )  # fmt: skip
        with np.errstate(all="ignore"), pytest.raises(ValueError, match="non-finite"):
            model.fit(X, X[:, 0] * 10)
        models.append(model)
    capsys.readouterr()
    assert 0 < models[0].n_iter_ == models[1].n_iter_ == len(models[0].loss_curve_)
    assert_same_bits(*models)
    assert all(np.isfinite(w).all() for w in models[0].coefs_)
    assert models[0]._optimizer.t == models[1]._optimizer.t
