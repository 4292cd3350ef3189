"""Refused input: scikit-learn's own classes say how, with the same arguments."""

import re

import numpy as np
import pytest
from fusednn.kernels.activations import ACTIVATIONS
from parity import CLASSES, FITTED, outcome, parameters
from scipy import sparse
from sklearn.linear_model import PoissonRegressor

from fusednn.optimizers import NAMED, Adam

RNG = np.random.RandomState(0)
X = RNG.normal(size=(40, 3))
LABELS = np.arange(40) % 3
VALUES = X[:, 0] - X[:, 1]
GOOD = {"classifier": LABELS, "regressor": VALUES}
LABELLED = {"classifier": {"classes": [0, 1, 2]}, "regressor": {}}


def changed(array, at, value, dtype=None):
    array = np.array(array, dtype)
    array[at] = value
    return array


# name: X and y of a call that is refused, or that only warns; y None is the right one
DATA = {
    "X 1-D": (X[:, 0], None),
    "X 3-D": (X[:, :, None], None),
    "X 0-D": (np.array(3.0), None),
    "X scalar": (3.0, None),
    "X None": (None, None),
    "X text": ("text", None),
    "X strings": (np.full((40, 3), "a"), None),
    "X objects": (np.full((40, 3), "a", object), None),
    "X object numbers": (X.astype(object), None),
    "X ragged": ([[1.0, 2.0], [3.0]] * 20, None),
    "X dict": ({"a": 1}, None),
    "X complex": (X + 1j, None),
    "X empty": (np.empty((0, 3)), np.empty(0)),
    "X no features": (np.empty((40, 0)), None),
    "X no rows": (np.empty((0, 3)), None),
    "X NaN first": (changed(X, (0, 0), np.nan), None),
    "X NaN middle": (changed(X, (20, 1), np.nan), None),
    "X NaN last": (changed(X, (-1, -1), np.nan), None),
    "X infinite": (changed(X, (7, 2), np.inf), None),
    "X minus infinite": (changed(X, (39, 2), -np.inf), None),
    "X float32 NaN": (changed(X, (39, 2), np.nan, np.float32), None),
    "X float32 infinite": (changed(X, (39, 2), np.inf, np.float32), None),
    "X float16 infinite": (changed(X, (39, 2), np.inf, np.float16), None),
    "X longdouble too large": (changed(X, (3, 2), np.longdouble("1e400"), np.longdouble), None),
    "X sparse NaN": (sparse.csr_matrix(changed(X, (39, 2), np.nan)), None),
    "X sparse infinite": (sparse.csc_matrix(changed(X, (0, 0), np.inf)), None),
    "X sparse complex": (sparse.csr_matrix(X + 1j), None),
    "X sparse COO": (sparse.coo_matrix(X), None),
    "X sparse no rows": (sparse.csr_matrix((0, 3)), None),
    "y None": (X, "none"),
    "y short": (X, LABELS[:-1]),
    "y long": (X, np.r_[LABELS, 0]),
    "y scalar": (X, 1),
    "y empty": (X, np.empty(0)),
    "y 3-D": (X, LABELS[:, None, None]),
    "y column": (X, LABELS[:, None]),
    "y NaN": (X, changed(VALUES, 5, np.nan)),
    "y infinite": (X, changed(VALUES, 39, np.inf)),
    "y complex": (X, VALUES + 1j),
    "y strings": (X, np.array(["a", "b"] * 20)),
    "y objects": (X, np.array(["a", 1] * 20, object)),
    "y object numbers": (X, VALUES.astype(object)),
    "y None inside": (X, np.array([None, "a"] * 20, object)),
    "y fractions": (X, VALUES),
    "y one class": (X, np.zeros(40, int)),
    "y constant": (X, np.full(40, 1.5)),
    "y sparse": (X, sparse.csr_matrix(LABELS[:, None])),
    "y continuous multioutput": (X, np.c_[VALUES, VALUES]),
    "y one label column": (X, np.c_[np.ones(40, int), np.arange(40) % 2]),
    "y no columns": (X, np.empty((40, 0))),
    "one sample": (X[:1], [1.0]),
    "two samples": (X[:2], [0, 1]),
    "X list of lists": (X.tolist(), None),
    "y bool": (X, LABELS > 1),
    "y negative": (X, -LABELS),
}  # fmt: skip


def both(kind, call, **params):
    """Outcomes of the same call on both classes; `call` gets an estimator and its targets."""
    outcomes = []
    for cls in CLASSES[kind]:
        estimator = cls(**{"hidden_layer_sizes": (4,), "max_iter": 2, **params})
        outcomes.append(outcome(lambda e=estimator: call(e)))
    return outcomes


def assert_alike(theirs, ours):
    if theirs.error is not None and theirs.error[0] == "UFuncTypeError":
        # scikit-learn stumbled in its arithmetic over what its checks let through
        assert ours.error is not None
        assert ours.error[0] in ("TypeError", "ValueError")
        return
    assert ordered(ours.error) == ordered(theirs.error)
    # some of NumPy's own warnings on the way to a refusal may be missing
    earned = [w for w in theirs.warnings if w[0] != "RuntimeWarning"]
    assert ours.warnings in (theirs.warnings, earned)


def ordered(error):
    """The same with the members of a printed set in order: a set has none."""
    return error and (
        error[0],
        re.sub(r"{(.*?)}", lambda m: str(sorted(m[1].split(", "))), error[1]),
    )


def target(kind, y):
    return GOOD[kind] if y is None else None if isinstance(y, str) else y


KINDS = pytest.mark.parametrize("kind", CLASSES)


@KINDS
@pytest.mark.parametrize("name", DATA)
def test_fit(kind, name):
    data, y = DATA[name]
    assert_alike(*both(kind, lambda e: e.fit(data, target(kind, y)), random_state=0))


@KINDS
@pytest.mark.parametrize("name", DATA)
def test_partial_fit(kind, name):
    data, y = DATA[name]
    y = target(kind, y)
    assert_alike(*both(kind, lambda e: e.partial_fit(data, y, **LABELLED[kind]), random_state=0))


@KINDS
@pytest.mark.parametrize("name", [name for name in DATA if name[0] == "X" and "long" not in name])
@pytest.mark.parametrize("method", ["predict", "predict_proba"])
def test_predict(kind, method, name):
    if not hasattr(CLASSES[kind][1], method):
        method = "predict"

    def call(estimator):
        outcome(lambda: estimator.fit(X, GOOD[kind]))
        return getattr(estimator, method)(DATA[name][0])

    assert_alike(*both(kind, call, random_state=0))


@KINDS
@pytest.mark.parametrize("features", [1, 2, 4])
@pytest.mark.parametrize("method", ["predict", "predict_proba", "score", "partial_fit"])
def test_features_that_do_not_match(kind, method, features):
    other = np.ones((40, features))

    def call(estimator):
        outcome(lambda: estimator.fit(X, GOOD[kind]))
        arguments = (GOOD[kind],) if method in ("score", "partial_fit") else ()
        return getattr(estimator, method)(other, *arguments)

    assert_alike(*both(kind, call, random_state=0))


@KINDS
@pytest.mark.parametrize("method", ["predict", "predict_proba", "predict_log_proba", "score"])
def test_not_fitted(kind, method):
    if not hasattr(CLASSES[kind][1], method):
        method = "predict"
    arguments = (GOOD[kind],) if method == "score" else ()
    assert_alike(*both(kind, lambda e: getattr(e, method)(X, *arguments)))


OPTIONS = [
    ("hidden_layer_sizes", (0,)),
    ("hidden_layer_sizes", (3, -1)),
    ("hidden_layer_sizes", 0),
    ("hidden_layer_sizes", -4),
    ("hidden_layer_sizes", "many"),
    ("hidden_layer_sizes", None),
    ("hidden_layer_sizes", np.array([3, 0])),
    ("alpha", -1),
    ("alpha", "0.1"),
    ("batch_size", 0),
    ("batch_size", -3),
    ("batch_size", "all"),
    ("batch_size", 41),
    ("batch_size", 1.5),
    ("learning_rate_init", 0),
    ("learning_rate_init", -1e-3),
    ("power_t", -1),
    ("max_iter", 0),
    ("max_iter", 2.5),
    ("shuffle", "yes"),
    ("random_state", "seed"),
    ("random_state", -1),
    ("tol", -1e-3),
    ("verbose", "loud"),
    ("warm_start", "yes"),
    ("momentum", 1.1),
    ("momentum", -0.1),
    ("nesterovs_momentum", "yes"),
    ("early_stopping", "yes"),
    ("validation_fraction", 1.0),
    ("validation_fraction", -0.1),
    ("beta_1", 1.0),
    ("beta_2", -0.1),
    ("epsilon", 0),
    ("n_iter_no_change", 0),
    ("n_iter_no_change", 1.5),
    ("max_fun", 0),
]


@KINDS
@pytest.mark.parametrize(("name", "value"), OPTIONS, ids=str)
def test_options(kind, name, value):
    params = {"random_state": 0, name: value}
    assert_alike(*both(kind, lambda e: e.fit(X, GOOD[kind]), **params))


@KINDS
@pytest.mark.parametrize("value", ["sine", None])
def test_activation(kind, value):
    """In scikit-learn's words, but the names are those of our table."""
    theirs, ours = both(kind, lambda e: e.fit(X, GOOD[kind]), random_state=0, activation=value)
    names = re.search(r"\{.*\}", ours.error[1])[0]
    assert set(re.findall(r"'(\w+)'", names)) == set(ACTIVATIONS)
    assert ours.error[1].replace(names, "{}") == re.sub(r"\{.*\}", "{}", theirs.error[1])
    assert ours.error[0] == theirs.error[0]


@KINDS
@pytest.mark.parametrize(
    ("name", "value"),
    [("dtype", "float16"), ("dtype", None), ("n_jobs", 1.5), ("solver", None), ("solver", Adam)],
)
def test_options_of_our_own(kind, name, value):
    error = outcome(lambda: CLASSES[kind][1](**{name: value}).fit(X, GOOD[kind])).error
    assert error[0] == "InvalidParameterError"
    assert error[1].startswith(f"The '{name}' parameter of {CLASSES[kind][1].__name__} must be")


@KINDS
def test_an_unknown_learning_rate(kind):
    """scikit-learn's words, but for what else may be given."""
    theirs, ours = both(kind, lambda e: e.fit(X, GOOD[kind]), learning_rate="cosine")
    more = ", an instance of 'fusednn.schedules.Schedule' or a callable. Got"
    assert ordered(ours.error) == ordered(
        (theirs.error[0], theirs.error[1].replace(". Got", more))
    )


@KINDS
def test_an_unknown_solver(kind):
    """scikit-learn's words, but for the list of names."""
    theirs, ours = both(kind, lambda e: e.fit(X, GOOD[kind]), solver="momentum")
    assert ours.error[0] == theirs.error[0]
    words, names = ours.error[1].split(" a str among ")
    assert words == theirs.error[1].split(" a str among ")[0]
    assert names.endswith(
        "or an instance of 'fusednn.optimizers.Optimizer'. Got 'momentum' instead."
    )
    for name in ("lbfgs", "sgd", "adam", *NAMED):
        assert repr(name) in names


def test_unknown_loss():
    theirs, ours = both("regressor", lambda e: e.fit(X, VALUES), loss="hinge")
    assert ours.error[0] == theirs.error[0] == "InvalidParameterError"
    assert ours.error[1].startswith("The 'loss' parameter of MLPRegressor must be a str among {")
    assert ours.error[1].endswith("Got 'hinge' instead.")


def test_poisson_targets_of_zero():
    y = np.zeros(40)
    assert_alike(*both("regressor", lambda e: e.fit(X, y), loss="poisson", random_state=0))


def test_negative_poisson_targets():
    """scikit-learn's networks learn NaN of them, its GLM refuses them."""
    y = changed(np.ones(40), 3, -1)
    ours = both("regressor", lambda e: e.fit(X, y), loss="poisson")[1].error
    with pytest.raises(ValueError, match="out of the valid range") as theirs:
        PoissonRegressor().fit(X, y)
    assert ours == (
        "ValueError",
        str(theirs.value).replace("HalfPoissonLoss", "Poisson")
        + " It takes y >= 0, got -1 in float64.",
    )


WEIGHTS = {
    "short": np.ones(39),
    "2-D": np.ones((40, 1)),
    "NaN": changed(np.ones(40), 3, np.nan),
    "infinite": changed(np.ones(40), 3, np.inf),
    "strings": np.full(40, "a"),
    "complex": np.ones(40) + 1j,
    "scalar": 2.0,
    "zero": np.zeros(40),
    "all but one zero": changed(np.zeros(40), 3, 1),
    "negative": changed(np.ones(40), 3, -1),
}


@KINDS
@pytest.mark.parametrize("name", WEIGHTS)
@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_sample_weights(kind, solver, name):
    params = {"random_state": 0, "solver": solver}
    theirs, ours = both(kind, lambda e: e.fit(X, GOOD[kind], WEIGHTS[name]), **params)
    assert_alike(theirs, ours)


@KINDS
@pytest.mark.parametrize("solver", ["adam", "sgd"])
def test_a_batch_whose_weights_are_all_zero(kind, solver):
    """scikit-learn stumbles in its middle; ours has no gradient there (test_zero_weights.py)."""
    weights = np.repeat([1.0, 0.0], 20)
    params = {"batch_size": 10, "shuffle": False, "solver": solver}
    theirs, ours = both(kind, lambda e: e.fit(X, GOOD[kind], weights), **params)
    assert theirs.error == ("ZeroDivisionError", "Weights sum to zero, can't be normalized")
    assert ours.error is None
    assert all(np.isfinite(w).all() for w in parameters(ours.value))


@KINDS
@pytest.mark.parametrize("fraction", [0.0, 0.02, 0.025, 0.05, 0.99])
@pytest.mark.parametrize("rows", [2, 4, 40])
def test_early_stopping_with_few_samples(kind, rows, fraction):
    params = {"early_stopping": True, "validation_fraction": fraction, "random_state": 0}
    y = np.arange(rows) % 2
    assert_alike(*both(kind, lambda e: e.fit(X[:rows], y), **params))


def test_early_stopping_with_a_class_of_one_sample():
    y = changed(np.zeros(40, int), 0, 1)
    assert_alike(*both("classifier", lambda e: e.fit(X, y), early_stopping=True, random_state=0))


@KINDS
@pytest.mark.parametrize("params", [{"early_stopping": True}, {"solver": "lbfgs"}], ids=str)
def test_partial_fit_is_not_for_all(kind, params):
    def call(e):
        return e.partial_fit(X, GOOD[kind], **LABELLED[kind])

    params = {"random_state": 0, **params}
    assert_alike(*both(kind, call, **params))
    theirs, ours = (hasattr(cls(**params), "partial_fit") for cls in CLASSES[kind])
    assert theirs == ours


PARTIAL = {
    "no classes": lambda e: e.partial_fit(X, LABELS),
    "unseen in the first call": lambda e: e.partial_fit(X, LABELS, classes=[0, 1]),
    "unseen later": lambda e: e.partial_fit(X, LABELS, classes=[0, 1, 2]).partial_fit(
        X, LABELS + 1
    ),
    "other classes": lambda e: e.partial_fit(X, LABELS, classes=[0, 1, 2]).partial_fit(
        X, LABELS, classes=[0, 1, 2, 3]
    ),
    "strings later": lambda e: e.partial_fit(X, LABELS, classes=[0, 1, 2]).partial_fit(
        X, LABELS.astype(str)
    ),
    "multilabel later": lambda e: e.partial_fit(X, LABELS, classes=[0, 1, 2]).partial_fit(
        X, np.eye(3, dtype=int)[LABELS]
    ),
    "warm start": lambda e: (
        e.set_params(warm_start=True)
        .partial_fit(X, LABELS, classes=[0, 1, 2])
        .partial_fit(X, LABELS % 2)
    ),
    "one class": lambda e: e.partial_fit(X, np.zeros(40), classes=[0]),
}


@pytest.mark.parametrize("name", PARTIAL)
def test_labels_of_partial_fit(name):
    assert_alike(*both("classifier", PARTIAL[name], random_state=0))


@pytest.mark.parametrize("y", [LABELS % 2, LABELS + 1, LABELS.astype(str), LABELS == 0], ids=str)
def test_warm_start_with_other_classes(y):
    def call(estimator):
        outcome(lambda: estimator.fit(X, LABELS))
        return estimator.fit(X, y)

    assert_alike(*both("classifier", call, warm_start=True, random_state=0))


def snapshot(estimator):
    found = {name: getattr(estimator, name) for name in FITTED if hasattr(estimator, name)}
    found["weights"] = [w.copy() for w in parameters(estimator)]
    if hasattr(estimator, "classes_"):
        found["classes_"] = estimator.classes_
    found["loss_curve_"] = list(estimator.loss_curve_)
    return found


def unchanged(one, other):
    return {name for name in one if repr(one[name]) == repr(other.get(name))}


REFUSED = [
    "X NaN last",
    "X infinite",
    "X 1-D",
    "X complex",
    "X strings",
    "y short",
    "y NaN",
    "y None",
]


@KINDS
@pytest.mark.parametrize("name", REFUSED)
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_a_fitted_estimator_stays(kind, method, name):
    """What scikit-learn leaves as it was, ours does too: weights above all."""
    data, y = DATA[name]
    kept = []
    for cls in CLASSES[kind]:
        estimator = cls((4,), max_iter=2) if kind == "classifier" else cls(max_iter=2)
        outcome(lambda e=estimator: e.fit(X, GOOD[kind]))
        before = snapshot(estimator)
        told = outcome(lambda e=estimator: getattr(e, method)(data, target(kind, y)))
        assert told.error is not None
        kept.append(unchanged(before, snapshot(estimator)))
        if "weights" in kept[-1]:
            assert estimator.predict(X).shape == (40,)
    assert kept[1] >= kept[0] >= {"weights"}


@KINDS
@pytest.mark.parametrize("params", [{"activation": "huh"}, {"hidden_layer_sizes": (0,)}], ids=str)
def test_a_fitted_estimator_stays_after_a_refused_option(kind, params):
    estimator = CLASSES[kind][1](hidden_layer_sizes=(4,), max_iter=2)
    outcome(lambda: estimator.fit(X, GOOD[kind]))
    before = snapshot(estimator)
    assert outcome(lambda: estimator.set_params(**params).fit(X, GOOD[kind])).error is not None
    after = snapshot(estimator)
    assert unchanged(before, after) == set(before)


DIVERGING = {
    "sgd rate": ({"solver": "sgd", "learning_rate_init": 1e10}, 1.0, 1.0),
    "sgd huge X": ({"solver": "sgd", "max_iter": 20}, 1e200, 1.0),
    "sgd huge y": ({"solver": "sgd", "max_iter": 20}, 1.0, 1e200),
    "partial": ({"solver": "sgd", "learning_rate_init": 1e10}, 1.0, 1.0),
}


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
@pytest.mark.parametrize("name", DIVERGING)
def test_a_diverging_regression(name, method):
    """scikit-learn's message; the last finite weights stay and can predict."""
    params, scale_X, scale_y = DIVERGING[name]
    params = {"activation": "identity", "random_state": 0, "max_iter": 20, **params}
    pair = []
    for cls in CLASSES["regressor"]:
        estimator = cls(hidden_layer_sizes=(4,), batch_size=5, **params)
        calls = 1 if method == "fit" else 20
        for _ in range(calls):
            told = outcome(lambda e=estimator: getattr(e, method)(X * scale_X, VALUES * scale_y))
            if told.error is not None:
                break
        pair.append(told)
    assert pair[1].error == pair[0].error
    assert pair[1].error[1].startswith("Solver produced non-finite parameter weights")
    assert pair[1].warnings == []
    assert all(np.isfinite(w).all() for w in parameters(estimator))
    assert len(estimator.loss_curve_) == estimator.n_iter_ or method == "partial_fit"


def test_a_diverging_classification():
    params = {"solver": "sgd", "learning_rate_init": 1e200, "alpha": 1e200, "max_iter": 20}
    theirs, ours = both("classifier", lambda e: e.fit(X, LABELS), random_state=0, **params)
    assert ours.error == theirs.error
    assert ours.error[1].startswith("Solver produced non-finite")


@pytest.mark.parametrize("rate", [0.3, 10.0])
def test_early_stopping_of_what_diverges(rate):
    """scikit-learn goes on with scores of NaN, then brings the best weights back, if need be the
    first ones; ours ends at once, and the first ones are none that were trained."""
    params = {"solver": "sgd", "learning_rate_init": rate, "activation": "identity"}
    params = {**params, "early_stopping": True, "max_iter": 30, "batch_size": 5}
    fits = []

    def call(estimator):
        fits.append(estimator)
        return estimator.fit(X, VALUES)

    theirs, ours = both("regressor", call, random_state=0, **params)
    assert theirs.error is None
    scores = fits[0].validation_scores_
    assert len(scores) == 30
    good = int(np.isfinite(scores).sum())
    assert np.isnan(scores[good:]).all()
    if not good:
        assert ours.error[1].startswith("Solver produced non-finite parameter weights")
        return
    assert ours.error is None
    assert [warned[0] for warned in ours.warnings] == ["ConvergenceWarning"]
    assert f"stopped being finite after pass {good}" in ours.warnings[0][1]
    assert fits[1].n_iter_ == len(fits[1].loss_curve_) == good
    np.testing.assert_allclose(fits[1].validation_scores_, scores[:good], rtol=1e-9)
    for one, other in zip(*map(parameters, fits), strict=True):
        assert np.isfinite(other).all()
        np.testing.assert_allclose(other, one, rtol=1e-9, atol=1e-12)


@KINDS
def test_a_fit_after_a_diverging_one(kind):
    """Nothing of a failed fit reaches the next one."""
    cls = CLASSES[kind][1]
    estimator = cls(hidden_layer_sizes=(4,), random_state=0, max_iter=5)
    diverging = {"solver": "sgd", "learning_rate_init": 1e200, "alpha": 1e200}
    estimator.set_params(**diverging)
    assert outcome(lambda: estimator.fit(X, GOOD[kind])).error is not None
    estimator.set_params(solver="adam", learning_rate_init=1e-3, alpha=1e-4)
    fresh = cls(hidden_layer_sizes=(4,), random_state=0, max_iter=5)
    for each in (estimator, fresh):
        assert outcome(lambda e=each: e.fit(X, GOOD[kind])).error is None
    for one, other in zip(parameters(estimator), parameters(fresh), strict=True):
        np.testing.assert_array_equal(one, other)


@KINDS
@pytest.mark.parametrize("where", ["fit", "predict"])
def test_values_too_large_for_float32(kind, where):
    large = changed(X, (39, 2), 1e39)  # finite in float64
    estimator = CLASSES[kind][1](hidden_layer_sizes=(4,), dtype="float32", max_iter=2)
    if where == "predict":
        outcome(lambda: estimator.fit(X, GOOD[kind]))
        told = outcome(lambda: estimator.predict(large))
    else:
        told = outcome(lambda: estimator.fit(large, GOOD[kind]))
    message = "Input X contains infinity or a value too large for dtype('float32')."
    assert told.error == ("ValueError", message)
    assert told.warnings == []


@KINDS
def test_values_too_large_for_float64(kind):
    """scikit-learn predicts these in extended precision; ours has no such network."""
    large = changed(X, (39, 2), np.longdouble("1e400"), np.longdouble)
    estimator = CLASSES[kind][1](hidden_layer_sizes=(4,), max_iter=2)
    outcome(lambda: estimator.fit(X, GOOD[kind]))
    told = outcome(lambda: estimator.predict(large))
    message = "Input X contains infinity or a value too large for dtype('float64')."
    assert told.error == ("ValueError", message)
    assert told.warnings == []
