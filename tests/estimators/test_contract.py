"""What scikit-learn's tools and users' scripts expect of an estimator."""

import inspect
import pickle

import numpy as np
import pytest
from cases.fitted_perceptrons import KINDS, OURS, features_and_targets, fitted
from oracles.parity import (
    CLASSES,
    assert_same_network,
    fit_pair,
    fit_quietly,
    parameters,
)
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.utils import get_tags

import fusednn


@pytest.fixture(scope="module")
def data():
    return features_and_targets()


# -- parameters ------------------------------------------------------------------------------


MORE = {
    "dtype": "auto",
    "n_jobs": None,
    "scoring": None,
    "max_time": None,
    "warm_start_optimizer": False,
    "init": "scikit-learn",
    "dropout": 0.0,
    "clip_norm": None,
    "clip_value": None,
    "standardize": False,
    "ema_decay": None,
    "accumulate": 1,
    "mixup": 0.0,
    "l1": 0.0,
    "normalization": None,
    "max_norm": None,
    "diagnose": False,
    "missing_targets": "error",
}
LAST = {"device": "cpu"}
MORE_OF = {
    "classifier": {**MORE, "class_weight": None, "loss": "log_loss", **LAST},
    "regressor": {**MORE, **LAST},
}


@KINDS
def test_signature_is_scikit_learns_and_more(kind):
    theirs, ours = (inspect.signature(cls).parameters for cls in CLASSES[kind])
    names, more = list(theirs), MORE_OF[kind]
    assert list(ours) == [*names, *more]
    for name in names:
        assert ours[name].default == theirs[name].default
        assert ours[name].kind == theirs[name].kind
    assert {name: ours[name].default for name in more} == more
    assert all(ours[name].kind is inspect.Parameter.KEYWORD_ONLY for name in more)


@KINDS
def test_public_methods_are_scikit_learns(kind):
    def untyped(function):  # scikit-learn has no annotations
        signature = inspect.signature(function)
        bare = [one.replace(annotation=one.empty) for one in signature.parameters.values()]
        return str(signature.replace(parameters=bare, return_annotation=signature.empty))

    def signatures(cls):
        return {
            name: untyped(getattr(cls, name))
            for name in dir(cls)
            if not name.startswith("_") and callable(getattr(cls, name))
        }

    theirs, ours = map(signatures, CLASSES[kind])
    callbacks = {"set_callbacks"} if hasattr(fusednn.MLPClassifier, "set_callbacks") else set()
    own = {"predict_logits", "hidden_activations", "input_gradient", "loss_and_gradient"}
    own |= {"save", "load"}
    if kind == "regressor":  # of metadata routing, since predict has a parameter
        own.add("set_predict_request")
    assert set(ours) == set(theirs) | own | callbacks
    if kind == "regressor":
        ours["predict"] = ours["predict"].replace(", return_std=False", "")
    for name in ("predict", "score", "partial_fit", "get_params", "set_params"):
        assert ours[name] == theirs[name]
    more = ", *, X_val=None, y_val=None, sample_weight_val=None)"
    assert ours["fit"] == theirs["fit"].replace(")", more)


@KINDS
def test_parameters_come_back(kind):
    given = {"hidden_layer_sizes": (3, 4), "alpha": 0.5, "dtype": "float32", "n_jobs": 2}
    estimator = OURS[kind](**given)
    params = estimator.get_params()
    assert {name: params[name] for name in given} == given
    assert clone(estimator).get_params() == params
    assert estimator.set_params(alpha=0.25) is estimator
    assert estimator.alpha == 0.25
    with pytest.raises(ValueError, match="Invalid parameter 'depth'"):
        estimator.set_params(depth=3)


@KINDS
def test_fit_changes_no_parameter(kind, data):
    estimator = OURS[kind](hidden_layer_sizes=[9], random_state=0, max_iter=2)
    before = dict(estimator.get_params())
    assert fit_quietly(estimator, data[0], data[1][kind]) is estimator
    assert estimator.get_params() == before
    assert estimator.hidden_layer_sizes == [9]


@KINDS
def test_repr_and_tags(kind):
    theirs, ours = (cls(alpha=0.5, hidden_layer_sizes=(3,)) for cls in CLASSES[kind])
    assert repr(ours) == repr(theirs)
    tags = get_tags(theirs)
    if kind == "classifier":  # scikit-learn's refuses several columns of classes
        tags.target_tags.multi_output = True
    assert get_tags(ours) == tags
    assert is_classifier(ours) == (kind == "classifier")
    assert is_regressor(ours) == (kind == "regressor")
    if kind == "classifier":
        assert ours.loss == theirs.loss == "log_loss"


# -- fitted attributes -----------------------------------------------------------------------


@KINDS
@pytest.mark.parametrize("params", [{}, {"early_stopping": True}, {"solver": "lbfgs"}], ids=str)
def test_fitted_attributes(kind, data, params):
    """Every public one of scikit-learn's, and no other."""
    expected, actual = fit_pair(
        kind, data[0], data[1][kind], hidden_layer_sizes=(4,), max_iter=5, **params
    )
    public = [
        sorted(n for n in vars(e) if n.endswith("_") and not n.startswith("_"))
        for e in (expected, actual)
    ]
    assert public[1] == public[0]
    assert isinstance(actual.coefs_, list)
    assert all(type(w) is np.ndarray and w.flags.owndata for w in parameters(actual))
    for name in ("n_iter_", "t_", "n_layers_", "n_outputs_", "n_features_in_"):
        assert type(getattr(actual, name)) is int


@KINDS
def test_early_stopping_keeps_the_best(kind, data):
    expected, actual = fit_pair(
        kind,
        data[0],
        data[1][kind],
        hidden_layer_sizes=(9,),
        early_stopping=True,
        max_iter=300,
        learning_rate_init=0.02,
        n_iter_no_change=5,
    )
    assert actual.n_iter_ < 300
    assert actual.best_loss_ is None
    assert actual.best_validation_score_ == max(actual.validation_scores_)
    assert len(actual.validation_scores_) == actual.n_iter_
    assert_same_network(expected, actual, 1e-9)


@KINDS
@pytest.mark.parametrize("dtype", ["auto", "float32", "float64"])
@pytest.mark.parametrize("given", [np.float32, np.float64, np.int64])
def test_dtype(kind, data, dtype, given):
    X = (data[0] * 10).astype(given)
    estimator = OURS[kind]((4,), max_iter=2, dtype=dtype) if kind == "classifier" else None
    estimator = estimator or OURS[kind](hidden_layer_sizes=(4,), max_iter=2, dtype=dtype)
    fit_quietly(estimator, X, data[1][kind])
    follows = np.float32 if given == np.float32 else np.float64
    expected = {"auto": follows, "float32": np.float32, "float64": np.float64}[dtype]
    assert {w.dtype for w in parameters(estimator)} == {np.dtype(expected)}
    if kind == "regressor":
        assert estimator.predict(X).dtype == expected
    else:
        assert estimator.predict_proba(X).dtype == expected
        assert estimator.predict_log_proba(X).dtype == expected
    assert estimator.score(X, data[1][kind]) <= 1


# -- prediction ------------------------------------------------------------------------------


@KINDS
def test_predict_changes_nothing(kind, data):
    estimator = fitted(kind, data)
    before = {name: pickle.dumps(value) for name, value in vars(estimator).items()}
    for n_jobs in (1, 2):
        estimator.set_params(n_jobs=n_jobs)
        before["n_jobs"] = pickle.dumps(n_jobs)
        for method in ("predict", "predict_proba", "predict_log_proba"):
            if hasattr(estimator, method):
                for rows in (1, 5, 160):
                    getattr(estimator, method)(data[0][:rows])
        estimator.score(data[0], data[1][kind])
        after = {name: pickle.dumps(value) for name, value in vars(estimator).items()}
        assert after == before


@KINDS
@pytest.mark.parametrize("rows", [1, 8, 9, 100])
def test_the_arrays_are_the_truth(kind, data, rows):
    """Users set coefs_, in any layout; predictions follow."""
    estimator, reference = fitted(kind, data), CLASSES[kind][0]
    theirs = fit_quietly(
        reference(hidden_layer_sizes=(9,), random_state=0, max_iter=8), data[0], data[1][kind]
    )
    for each in (estimator, theirs):
        each.coefs_[0] = np.asfortranarray(each.coefs_[0] * 2)
        each.coefs_[1][0] += 1
        each.intercepts_ = [b[::-1] for b in each.intercepts_]
    X = data[0][:rows]
    for method in ("predict", "predict_proba"):
        if hasattr(estimator, method):
            np.testing.assert_allclose(
                getattr(estimator, method)(X), getattr(theirs, method)(X), rtol=1e-9, atol=1e-12
            )


def test_arrays_set_before_partial_fit(data):
    """Weights that a user sets go on being trained, moments and all."""
    pair = []
    for cls in CLASSES["regressor"]:
        estimator = cls(hidden_layer_sizes=(4,), random_state=0)
        for _ in range(2):
            estimator.partial_fit(data[0], data[1]["regressor"])
            estimator.coefs_[0][:] *= 0.5
        estimator.partial_fit(data[0], data[1]["regressor"])
        pair.append(estimator)
    assert_same_network(*pair, 1e-9)


def test_weights_set_before_the_first_partial_fit(data):
    """What a user sets by hand is where training starts: nothing is drawn over it."""
    y, pair = data[1]["classifier"] > 0, []
    for cls in CLASSES["classifier"]:
        estimator = cls((2,), solver="sgd", momentum=0, random_state=1, batch_size=160)
        estimator.coefs_ = [np.full((5, 2), 0.1), np.full((2, 1), 0.2)]
        estimator.intercepts_ = [np.full(2, 0.1), np.ones(1)]
        estimator.n_features_in_, estimator.n_outputs_, estimator.n_layers_ = 5, 1, 3
        estimator.n_iter_ = estimator.t_ = estimator._no_improvement_count = 0
        estimator.out_activation_, estimator.loss_curve_ = "logistic", []
        estimator.best_loss_ = np.inf
        pair.append(estimator.partial_fit(data[0], y, classes=[False, True]))
    for one, other in zip(*map(parameters, pair), strict=True):
        np.testing.assert_allclose(other, one, rtol=1e-12)


def test_probabilities(data):
    X, y = data[0], data[1]["classifier"]
    for target in (y, y > 0, np.c_[y > 0, y > 1].astype(int)):
        expected, actual = fit_pair("classifier", X, target, hidden_layer_sizes=(5,), max_iter=5)
        for method in ("predict", "predict_proba", "predict_log_proba"):
            one, other = getattr(expected, method)(X), getattr(actual, method)(X)
            assert one.shape == other.shape
            np.testing.assert_allclose(other, one, rtol=1e-9)
        if target.ndim == 1:
            np.testing.assert_allclose(actual.predict_proba(X).sum(axis=1), 1, rtol=1e-12)


@KINDS
def test_an_empty_table_is_refused_and_one_row_is_not(kind, data):
    estimator = fitted(kind, data)
    with pytest.raises(ValueError, match=r"Found array with 0 sample\(s\)"):
        estimator.predict(data[0][:0])
    assert estimator.predict(data[0][:1]).shape == (1,)


def test_every_public_name_is_there():
    assert {"MLPClassifier", "MLPRegressor", "kernels", "show_versions"} <= set(fusednn.__all__)
    for name in fusednn.__all__:
        assert getattr(fusednn, name) is not None
    assert isinstance(fusednn.__version__, str)
    with pytest.raises(AttributeError, match="no attribute 'MLPTransformer'"):
        _ = fusednn.MLPTransformer
