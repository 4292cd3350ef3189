"""The warning of a validation set that was not scaled as the training data: when, and when not."""

import warnings

import numpy as np
import pytest
import sklearn
from scipy import sparse
from sklearn import datasets
from sklearn.model_selection import TimeSeriesSplit, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MaxAbsScaler, MinMaxScaler, RobustScaler, StandardScaler

from fusednn import MLPClassifier, MLPRegressor, NetworkClassifier, NetworkRegressor
from fusednn.estimators.fitting.validation_scale import warn_of_other_scale
from fusednn.layers import Dense, Embedding

WORDS = "columns of X_val lie far outside those of X: scale X_val as X is scaled"
rng = np.random.default_rng(0)
TABLES = {
    name: getattr(datasets, f"load_{name}")(return_X_y=True)[0]
    for name in ("iris", "wine", "breast_cancer", "digits", "diabetes")
}
ODD = {
    "heavy tails": rng.standard_cauchy((300, 60)),
    "skewed": rng.lognormal(0, 3, (300, 60)),
    "rare counts": rng.poisson(0.02, (300, 90)).astype(float),
    "one-hot": np.eye(50)[rng.integers(50, size=300)],
    "constant": np.tile([0.0, 7.0], (300, 1)),
    "hardly constant": np.tile([0.0, 7.0], (300, 1)) + 1e-9 * rng.normal(size=(300, 2)),
}
FORMS = [np.asarray, sparse.csr_matrix, sparse.csc_array]
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def columns_warned_of(X, X_val, model=None, **given):
    """How many columns the fit's warnings name; 0 without one."""
    model = (
        MLPRegressor(hidden_layer_sizes=(2,), max_iter=1, random_state=0)
        if model is None
        else model
    )
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model.fit(X, np.arange(X.shape[0]) % 3, X_val=X_val, y_val=np.arange(X_val.shape[0]) % 3)
    found = [str(one.message) for one in caught if WORDS in str(one.message)]
    assert all(str(one.filename) == __file__ for one in caught if WORDS in str(one.message))
    assert len(found) <= 1
    return int(found[0].split()[0]) if found else 0


@pytest.mark.parametrize("name", [*TABLES, *ODD])
def test_parts_of_one_table_are_alike(name):
    X = {**TABLES, **ODD}[name]
    for share in (0.03, 0.25, 0.9):
        parts = train_test_split(X, test_size=share, random_state=0)
        for form in FORMS[:2]:
            assert columns_warned_of(*map(form, parts)) == 0


def test_drift_is_no_scale():
    """Neither a time that goes on, however long the past is, nor a slow walk is one."""
    X = np.c_[np.arange(600.0), rng.normal(size=(600, 5)).cumsum(axis=0) / 30]
    for past, future in TimeSeriesSplit(4).split(X):
        assert columns_warned_of(X[past], X[future]) == 0


@pytest.mark.parametrize("name", TABLES)
@pytest.mark.parametrize("scaler", [StandardScaler(), MinMaxScaler(), RobustScaler()], ids=repr)
def test_one_of_the_two_is_scaled(name, scaler):
    X, X_val = train_test_split(TABLES[name], random_state=0)
    scaled = scaler.fit(X).transform(X)
    # whose columns deviate by 0.05 from 0: as they are they lie within the scaled
    within = name == "diabetes"
    assert (columns_warned_of(scaled, X_val) > 0) is not within
    assert columns_warned_of(scaled, scaler.transform(X_val)) == 0
    if within:
        assert columns_warned_of(X, scaler.transform(X_val)) > 0


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_columns_are_counted(form, dtype):
    """By the plain rule, whatever the container holds: zeros count in sparse matrices too."""
    X = rng.uniform(-1, 1, (90, 6))
    X_val = rng.uniform(-1, 1, (40, 6))
    X[:, 4] = X[:, 5] = 3
    X_val[:21, 1] = 5  # more than half
    X_val[:20, 2] = 5
    X_val[:, 3] *= 100
    X_val[:, 4] = 9  # nothing is known of the scale of a constant
    model = MLPClassifier((2,), max_iter=1, random_state=0, dtype=dtype)
    assert columns_warned_of(form(X), form(X_val), model) == 2
    X[:, 0] += 10
    X_val[:, 0] = 0  # so is implicit
    assert columns_warned_of(form(X), form(X_val), model) == 3
    assert columns_warned_of(form(X[:4]), form(X_val), model) == 0
    assert columns_warned_of(form(X), form(X_val[:4]), model) == 0


def test_extremes_do_not_overflow():
    X = np.resize([-1e308, 1e308], (20, 1))
    model = MLPRegressor(hidden_layer_sizes=(2,), max_iter=1).fit(X / 1e308, np.arange(20))
    network = model._network()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warn_of_other_scale(network, X, X)
    with pytest.warns(UserWarning, match=WORDS):
        warn_of_other_scale(network, X / 1e300, X)


@pytest.mark.parametrize("cls", [NetworkClassifier, NetworkRegressor])
def test_codes_have_no_scale(cls):
    X = np.c_[rng.normal(size=60), np.arange(60) % 2]
    X_val = np.c_[rng.normal(size=30), np.full(30, 7)]
    model = cls([Embedding([1], [8], 2), Dense(2)], max_iter=1, random_state=0)
    assert columns_warned_of(X, X_val, model) == 0
    assert columns_warned_of(X, X_val + np.array([1000, 0]), model) == 1
    assert columns_warned_of(X, X_val, cls([Dense(2)], max_iter=1, random_state=0)) == 1


@pytest.mark.parametrize("scaler", [StandardScaler(), MaxAbsScaler()], ids=repr)
def test_in_a_pipeline(scaler):
    X, y = datasets.load_wine(return_X_y=True)
    X_train, X_val, y_train, y_val = train_test_split(X, y, random_state=0)
    with sklearn.config_context(enable_metadata_routing=True):
        model = MLPClassifier((4,), max_iter=2, random_state=0)
        model.set_fit_request(X_val=True, y_val=True)
        given = {"X_val": X_val, "y_val": y_val}
        with pytest.warns(UserWarning, match=rf"of the 13 {WORDS}.*transform_input="):
            make_pipeline(scaler, model).fit(X_train, y_train, **given)
        with warnings.catch_warnings():
            warnings.simplefilter("error", UserWarning)
            warnings.simplefilter("ignore", sklearn.exceptions.ConvergenceWarning)
            make_pipeline(scaler, model, transform_input=["X_val"]).fit(X_train, y_train, **given)
