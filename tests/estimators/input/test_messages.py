"""Every message that users and their tests match on: the call that earns it in scikit-learn does
here, word for word."""

import re

import numpy as np
import pandas as pd
import pytest
from oracles.parity import CLASSES, Outcome, outcome
from scipy import sparse

rng = np.random.RandomState(0)
X = rng.normal(size=(40, 3))
LABELS = np.arange(40) % 3
Y = {"classifier": LABELS, "regressor": X[:, 0] - X[:, 1]}
BOTH, CLASSIFIER, REGRESSOR = ("classifier", "regressor"), ("classifier",), ("regressor",)
ADAPTIVE = {"solver": "sgd", "learning_rate": "adaptive", "tol": 10.0, "n_iter_no_change": 1}


class Interrupting(np.random.RandomState):
    """Ctrl-C in the third shuffle."""

    shuffles = 0

    def shuffle(self, order):
        self.shuffles += 1
        if self.shuffles == 3:
            raise KeyboardInterrupt
        super().shuffle(order)


def fit(estimator, y):
    estimator.fit(X, y)


def few(estimator, y):
    estimator.fit(X[:4], y[:4] % 2)


def partial_fit(estimator, y):
    estimator.partial_fit(X, y)


def first_partial_fit(estimator, y):
    estimator.partial_fit(X, y, classes=[0, 1, 2])


def unseen_first(estimator, y):
    estimator.partial_fit(X, y, classes=[0, 1])


def unseen_later(estimator, y):
    first_partial_fit(estimator, y)
    estimator.partial_fit(X, y + 1)


def fewer_classes(estimator, y):
    estimator.fit(X, y)
    estimator.fit(X, y % 2)


def interrupted(estimator, y):
    estimator.set_params(random_state=Interrupting(0)).fit(X, y)


# what is told, by which kinds, in which call, with which parameters
TOLD = [
    (
        "Stochastic Optimizer: Maximum iterations (3) reached and the optimization hasn't"
        " converged yet.",
        BOTH, fit, {},
    ),
    ("REACHED LIMIT", BOTH, fit, {"solver": "lbfgs"}),
    (
        "EXCEEDS LIMIT",
        BOTH, fit, {"solver": "lbfgs", "max_fun": 3, "max_iter": 200},
    ),
    (
        "Got `batch_size` less than 1 or larger than sample size. It is going to be clipped",
        BOTH, fit, {"batch_size": 41},
    ),
    ("Training interrupted by user.", BOTH, interrupted, {}),
    ("Training interrupted by user.", BOTH, interrupted, {"early_stopping": True}),
    ("hidden_layer_sizes must be > 0, got [0].", BOTH, fit, {"hidden_layer_sizes": (0,)}),
    ("hidden_layer_sizes must be > 0, got [4, -1].", BOTH, fit, {"hidden_layer_sizes": [4, -1]}),
    (
        "Solver produced non-finite parameter weights. The input data may contain large values"
        " and need to be preprocessed.",
        BOTH, fit,
        {"solver": "sgd", "learning_rate_init": 1e200, "alpha": 1e200, "max_iter": 20},
    ),
    (
        "partial_fit does not support early_stopping=True",
        REGRESSOR, partial_fit, {"early_stopping": True},
    ),
    (
        "partial_fit does not support early_stopping=True",
        CLASSIFIER, first_partial_fit, {"early_stopping": True},
    ),
    (
        "The validation set is too small. Increase 'validation_fraction' or the size of your"
        " dataset.",
        REGRESSOR, few, {"early_stopping": True},
    ),
    (
        "The least populated classes in y have only 1 member",
        CLASSIFIER, few, {"early_stopping": True},
    ),
    (
        "warm_start can only be used where `y` has the same classes as in the previous call to"
        " fit. Previously got [0 1 2], `y` has [0 1]",
        CLASSIFIER, fewer_classes, {"warm_start": True},
    ),
    (
        "`y` has classes not in `self.classes_`. `self.classes_` has [0 1]. 'y' has [0 1 2].",
        CLASSIFIER, unseen_first, {},
    ),
    (
        "`y` has classes not in `self.classes_`. `self.classes_` has [0 1 2]. 'y' has [1 2 3].",
        CLASSIFIER, unseen_later, {},
    ),
    (
        "classes must be passed on the first call to partial_fit.",
        CLASSIFIER, partial_fit, {},
    ),
    ("Iteration 3, loss = ", BOTH, fit, {"verbose": True}),
    ("Validation score: ", BOTH, fit, {"verbose": True, "early_stopping": True}),
    (
        "Training loss did not improve more than tol=10.000000 for 1 consecutive epochs."
        " Stopping.",
        BOTH, fit, {"verbose": True, "tol": 10.0, "n_iter_no_change": 1, "max_iter": 9},
    ),
    (
        "Validation score did not improve more than tol=10.000000 for 1 consecutive epochs."
        " Stopping.",
        BOTH, fit,
        {"verbose": True, "early_stopping": True, "validation_fraction": 0.3, "tol": 10.0,
         "n_iter_no_change": 1, "max_iter": 9},
    ),
    (
        "Training loss did not improve more than tol=10.000000 for 1 consecutive epochs. Setting"
        " learning rate to 0.000200",
        BOTH, fit, {"verbose": True, "max_iter": 9, **ADAPTIVE},
    ),
    (
        "Training loss did not improve more than tol=10.000000 for 1 consecutive epochs. Learning"
        " rate too small. Stopping.",
        BOTH, fit, {"verbose": True, "max_iter": 40, **ADAPTIVE},
    ),
]  # fmt: skip
CASES = [(*told, kind) for told in TOLD for kind in told[1]]


def pair_of(kind, call, **params) -> list[Outcome]:
    """What the same call of a new estimator of theirs, and of ours, does."""
    params = {"hidden_layer_sizes": (4,), "max_iter": 3, "random_state": 0, **params}
    pair = [cls(**params) for cls in CLASSES[kind]]
    return [outcome(lambda e=estimator: call(e)) for estimator in pair]


@pytest.mark.parametrize(
    ("text", "call", "params", "kind"),
    [(text, call, params, kind) for text, _, call, params, kind in CASES],
    ids=[f"{case[0][:40]}-{case[-1]}" for case in CASES],
)
def test_a_message(text, call, params, kind):
    theirs, ours = pair_of(kind, lambda e: call(e, Y[kind]), **params)
    assert text in f"{theirs.error} {theirs.warnings} {theirs.printed}".replace('\\"', '"')
    assert ours.error == theirs.error
    assert ours.printed == theirs.printed
    # a fit that diverges ends at once: without NumPy's warnings, or one of the last pass
    diverged = ours.error and "non-finite" in ours.error[1]
    assert ours.warnings == ([] if diverged else theirs.warnings)


def test_partial_fit_says_why_it_is_missing():
    causes = []
    for cls in CLASSES["classifier"]:
        with pytest.raises(AttributeError) as caught:
            _ = cls(solver="lbfgs").partial_fit
        causes.append((str(caught.value), str(caught.value.__cause__)))
    assert causes[0] == causes[1]
    assert causes[1][1] == (
        "partial_fit is only available for stochastic optimizers. lbfgs is not stochastic."
    )


FORMS = {
    "float64": np.asarray,
    "float32": lambda X: X.astype(np.float32),
    "csr": sparse.csr_matrix,
    "csc_array": sparse.csc_array,
    "pandas": pd.DataFrame,
    "list": lambda X: X.tolist(),
}
METHODS = ["fit", "partial_fit", "predict", "score"]
CALLS = [
    *((kind, method) for kind in BOTH for method in METHODS),
    ("classifier", "predict_proba"),
    ("classifier", "predict_log_proba"),
]


@pytest.mark.thinned
@pytest.mark.parametrize(("kind", "method"), CALLS)
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("network", [np.float64, np.float32])
def test_not_a_number_and_infinity(kind, form, bad, method, network):
    """Refused by name, whether or not the estimator is fitted and in what precision."""
    table = X.copy()
    table[17, 1] = bad
    y = (Y[kind],) if method in ("fit", "partial_fit", "score") else ()

    def call(estimator):
        outcome(lambda: estimator.fit(X.astype(network), Y[kind]))
        return getattr(estimator, method)(FORMS[form](table), *y)

    theirs, ours = pair_of(kind, call)
    assert ours.error == theirs.error
    assert theirs.error[0] == "ValueError"
    if np.isnan(bad):
        name = CLASSES[kind][1].__name__
        assert f"Input X contains NaN.\n{name} does not accept missing values" in ours.error[1]
    else:
        assert "Input X contains infinity or a value too large" in ours.error[1]


def test_a_subclass_is_named():
    class Network(CLASSES["classifier"][1]):
        pass

    model = Network((4,), max_iter=1)
    for told in (
        outcome(lambda: model.fit(X * np.nan, LABELS)),
        outcome(lambda: model.fit(X, LABELS).predict(X * np.nan)),
    ):
        assert re.search(r"contains NaN\.\nNetwork does not accept", told.error[1])
