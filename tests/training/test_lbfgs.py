"""L-BFGS and the limit of time: it ends between two evaluations, with the best it knows."""

import numpy as np
import pytest
from oracles.parity import fit_quietly, parameters

from fusednn import MLPClassifier, MLPRegressor
from fusednn.training.session import Session

rng = np.random.RandomState(0)
X = 10 * rng.normal(size=(60, 4))  # so that the first line search takes several steps
TARGETS = {
    "classifier": (X[:, 0] > 0) * 1 + (X[:, 1] > 5),
    "regressor": X[:, 0] * X[:, 1],
}


def new(kind, **params):
    cls = MLPClassifier if kind == "classifier" else MLPRegressor
    params = {"hidden_layer_sizes": (6,), "max_time": 1000.0, "random_state": 0, **params}
    return cls(solver="lbfgs", max_iter=40, tol=1e-9, **params)


@pytest.fixture
def evaluations(monkeypatch):
    """The losses evaluated; with `.most` set it is late once there are so many."""

    class Losses(list):
        most = np.inf

    losses, run = Losses(), Session.run_gradient

    def evaluate(session, factor):
        losses.append(run(session, factor))
        return losses[-1]

    monkeypatch.setattr(Session, "run_gradient", evaluate)
    monkeypatch.setattr(Session, "is_late", lambda session: len(losses) >= losses.most)
    return losses


@pytest.mark.parametrize("kind", TARGETS)
def test_it_ends_within_an_iteration(evaluations, kind):
    y, iterations = TARGETS[kind], []
    for most in range(1, 13):
        evaluations.clear()
        evaluations.most = most
        model = new(kind)
        with pytest.warns(UserWarning, match=r"Maximum time \(1000.0 s\) reached"):
            model.fit(X, y)
        losses = list(evaluations)
        assert len(losses) == most
        assert model.loss_ == min(losses)
        assert model.loss_and_gradient(X, y)[0] == pytest.approx(min(losses), rel=1e-12)
        iterations.append(model.n_iter_)
    assert iterations[0] == 0
    assert iterations == sorted(iterations)
    assert len(set(iterations)) < len(iterations)  # some ends are within an iteration


@pytest.mark.parametrize("kind", TARGETS)
def test_one_that_is_in_time_is_not_touched(evaluations, kind):
    y = TARGETS[kind]
    limited, free = (fit_quietly(new(kind, max_time=limit), X, y) for limit in (1000.0, None))
    assert limited.n_iter_ == free.n_iter_ > 1
    for one, other in zip(parameters(limited), parameters(free), strict=True):
        np.testing.assert_array_equal(one, other)


def test_it_ends_within_an_evaluation_of_much_data():
    """20,000 rows are evaluated in blocks; what is not whole does not count."""
    big = np.tile(X, (334, 1))
    y = np.tile(TARGETS["classifier"], 334)
    model = new("classifier", max_time=1e-9, n_jobs=1)
    with pytest.warns(UserWarning, match="Maximum time"):
        model.fit(big, y)
    first = np.random.RandomState(0).uniform(-1, 1, (4, 6)) * np.sqrt(6 / 10)
    np.testing.assert_allclose(model.coefs_[0], first, rtol=1e-12)
    assert model.n_iter_ == 0
    assert model.predict(big).shape == y.shape
