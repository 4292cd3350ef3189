"""`max_time`, levels of `verbose`, and optimizers that are kept or not."""

import time
import warnings

import numpy as np
import pytest
from cases.validated_fits import LABELS, TRAIN, VAL, X, new
from oracles.parity import assert_same_bits, fit_quietly, parameters
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning

rng = np.random.RandomState(1)
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.mark.timeout(60)  # a limit that is not kept would go on for hours
@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
def test_max_time(solver):
    limit = 0.1 if solver == "lbfgs" else 0.3  # which may converge
    model = new("multiclass", solver=solver, max_iter=10**6, tol=0, max_time=limit)
    model.set_params(n_iter_no_change=10**6, max_fun=10**9, alpha=1e-9)
    big = np.tile(X, (40, 1)) + rng.normal(size=(9600, 6))
    y = rng.randint(3, size=9600)
    fit_quietly(clone(model).set_params(max_iter=1), big, y)  # compiles
    with pytest.warns(ConvergenceWarning, match=r"Maximum time \(\S+ s\) reached"):
        model.fit(big, y)
    assert 0 < model.n_iter_ < 10**6
    assert all(np.isfinite(part).all() for part in parameters(model))


def test_a_pass_that_ends_late_counts():
    model = new("multiclass", max_time=1e-9, batch_size=240)
    with pytest.warns(ConvergenceWarning, match="Maximum time"):
        model.fit(X, LABELS)
    assert_same_bits(model, new("multiclass", max_iter=1, batch_size=240).fit(X, LABELS))
    assert model.t_ == 240


def test_a_pass_cut_short_counts_its_steps():
    """With batches of one row the first slice is one step."""
    model = new("multiclass", max_time=1e-9, batch_size=1).fit(X, LABELS)
    assert 0 < model._optimizer.t < 240
    assert model.loss_curve_ == []


def test_a_limit_is_forgotten_with_its_estimator():
    classes = [0, 1, 2]
    new("multiclass", max_time=0.02).partial_fit(X, LABELS, classes=classes)
    time.sleep(0.03)
    assert new("multiclass").partial_fit(X, LABELS, classes=classes).t_ == 240


def test_the_optimizer_of_another_solver_is_not_kept():
    options = {"warm_start": True, "warm_start_optimizer": True}
    model = new("multiclass", **options).fit(X, LABELS).set_params(solver="sgd").fit(X, LABELS)
    assert model._optimizer.solver == "sgd"


def test_max_time_is_not_reached():
    model = new("multiclass", max_time=1000.0).fit(X, LABELS)
    assert_same_bits(model, new("multiclass").fit(X, LABELS))


@pytest.mark.parametrize("options", [{}, {"solver": "sgd", "learning_rate": "adaptive"}], ids=str)
def test_a_warm_start_that_keeps_the_optimizer(options):
    """Twice three passes are six, where nothing is shuffled."""
    options = {"shuffle": False, "warm_start": True, **options}
    keeping = new("multiclass", max_iter=3, warm_start_optimizer=True, **options)
    keeping.fit(X, LABELS).fit(X, LABELS)
    whole = new("multiclass", max_iter=6, **options).fit(X, LABELS)
    for one, other in zip(parameters(keeping), parameters(whole), strict=True):
        np.testing.assert_array_equal(one, other)
    forgetting = new("multiclass", max_iter=3, **options).fit(X, LABELS).fit(X, LABELS)
    assert not np.array_equal(forgetting.coefs_[0], whole.coefs_[0])


def test_verbose_levels(capsys):
    lines = []
    for verbose in (0, 1, 2):
        model = new("multiclass", verbose=verbose, max_iter=2)
        model.fit(X[TRAIN], LABELS[TRAIN], X_val=X[VAL], y_val=LABELS[VAL])
        lines.append(capsys.readouterr().out.splitlines())
    assert lines[0] == []
    assert [line.split()[0] for line in lines[1]] == ["Iteration", "Validation"] * 2
    assert [line for line in lines[2] if line in lines[1]] == lines[1]
    more = [line.split(":")[0] for line in lines[2] if line not in lines[1]]
    assert more == ["Validation loss", "Learning rate"] * 2


def test_no_warning_about_what_is_new():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", ConvergenceWarning)
        new("multiclass", class_weight="balanced", scoring="loss", early_stopping=True).fit(
            X, LABELS
        )
