"""Shared libraries: NumPy alone calls them, and they answer as estimators do."""

import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from cases.saved_models import fit_quietly, others
from oracles.parity import outcome, run_python
from running.c_programs import COMPILERS, assert_close, needs_compiler
from sklearn.datasets import load_iris
from sklearn.neural_network import MLPClassifier as TheirClassifier
from sklearn.neural_network import MLPRegressor as TheirRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, RobustScaler, StandardScaler

from fusednn import (
    CompiledPredictor,
    MLPClassifier,
    MLPRegressor,
    NetworkClassifier,
    NetworkRegressor,
    export_library,
    freeze,
)
from fusednn.export.c.library import about
from fusednn.layers import (
    Activation,
    AvgPool2D,
    BatchNorm,
    Conv2D,
    Dense,
    Embedding,
    GlobalMaxPool,
    LayerNorm,
    MaxPool2D,
    Reshape,
    Residual,
)
from fusednn.losses import Quantile

pytestmark = [
    needs_compiler,
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
]

FEW = {"max_iter": 4, "random_state": 0}
FAR = np.float32(100)
IMAGES = [
    *(Reshape(8, 8, 1), Conv2D(6, 3), BatchNorm(), Activation("relu"), MaxPool2D(3, 2, 1)),
    *(Residual([Conv2D(6, (3, 2), "tanh")]), AvgPool2D(2, 1), GlobalMaxPool(), Dense(12, "relu")),
]
BLOCK = Residual([Dense(20), BatchNorm(), Activation("silu"), Dense(20)])


def classifiers(X, y):
    """Fitted to the digits."""
    words = np.array([f"№ {digit}" for digit in y])
    several = np.stack([y, y % 3], axis=1)
    names = np.array(["even", "odd"], object)[y % 2]
    single = X.astype(np.float32)
    return {
        "ours": MLPClassifier((40, 20), **FEW).fit(single, words),
        "theirs": TheirClassifier((40,), activation="tanh", **FEW).fit(X, y),
        "two classes": MLPClassifier((9,), activation="gelu", **FEW).fit(single, names),
        "several labels": MLPClassifier((9,), **FEW).fit(X, several > 1),
        "columns": MLPClassifier((20,), activation="mish", **FEW).fit(single, several),
        "layers": NetworkClassifier(
            [BatchNorm(), Dense(20, "elu"), BLOCK, LayerNorm()], standardize=True, **FEW
        ).fit(single, 10.0 * y),
        "images": NetworkClassifier(IMAGES, **FEW).fit(single, y),
        "scaled": make_pipeline(MinMaxScaler(clip=True), TheirClassifier((20,), **FEW)).fit(X, y),
        "far": make_pipeline(StandardScaler(), MLPClassifier((20,), **FEW)).fit(single + FAR, y),
    }


def regressors(X, y):
    """Fitted to the diabetes data, and the rows that each takes."""
    few = {**FEW, "hidden_layer_sizes": (20,)}
    codes = np.column_stack([X[:, :3], np.digitize(X[:, 3], [-1, 0, 1])])
    layers = [Embedding([3]), Dense(8, "tanh")]
    return {
        "ours": (MLPRegressor(activation="softplus", **few).fit(X, y), X),
        "theirs": (TheirRegressor(activation="logistic", **few).fit(X, y), X),
        "two": (MLPRegressor(**few).fit(X, np.stack([y, -y], axis=1)), X),
        "counts": (MLPRegressor(loss="poisson", **few).fit(X, np.exp(y)), X),
        "gaussian": (MLPRegressor(loss="gaussian", **few).fit(X, y), X),
        "quantiles": (MLPRegressor(Quantile((0.1, 0.5, 0.9)), **few).fit(X, y), X),
        "scaled": (make_pipeline(RobustScaler(), MLPRegressor(**few)).fit(X, y), X),
        "codes": (NetworkRegressor(layers, **FEW).fit(codes, y), codes),
    }


def exported(estimator, folder, number=0, **options):
    path = folder / f"net{number}.so"
    export_library(estimator, path, compiler=COMPILERS[number % len(COMPILERS)], **options)
    return CompiledPredictor(path)


def test_classifiers_of_the_digits(digits, tmp_path):
    X, y = digits
    single = X.astype(np.float32)
    for number, (name, estimator) in enumerate(classifiers(X, y).items()):
        called, rows = (
            exported(estimator, tmp_path, number),
            (single + FAR) if name == "far" else X,
        )
        frozen = freeze(estimator)
        assert called.n_features_in_ == 64
        assert called.dtype == frozen.dtype
        expected, actual = estimator.predict_proba(rows), called.predict_proba(rows)
        if name == "columns":
            expected, actual = np.hstack(expected), np.hstack(actual)
            for one, other in zip(called.classes_, estimator.classes_, strict=True):
                np.testing.assert_array_equal(one, other)
        else:
            np.testing.assert_array_equal(called.classes_, estimator.classes_)
            assert called.classes_.dtype == estimator.classes_.dtype
        tolerance = 1e-5 if called.dtype == np.float32 else 1e-12
        assert_close(actual, expected.astype(called.dtype), tolerance, name)
        assert_close(called(rows), frozen(rows), tolerance, name)
        # rows whose two largest probabilities differ by no more than rounding do not count
        labels, found = estimator.predict(rows), called.predict(rows)
        assert found.shape == labels.shape
        assert (found == labels).mean() > 0.999, name
        np.testing.assert_array_equal(called.predict(rows), frozen.predict(rows), name)


@pytest.mark.long
def test_regressors_of_diabetes(diabetes, tmp_path):
    X, y = diabetes
    for number, (name, (estimator, rows)) in enumerate(regressors(X, y).items()):
        called = exported(estimator, tmp_path, number)
        expected = estimator.predict(rows)
        assert_close(called.predict(rows), expected.astype(called.dtype), 1e-12, name)
        assert_close(called(rows), freeze(estimator)(rows), 1e-12, name)
        assert not hasattr(called, "classes_")
        with pytest.raises(AttributeError, match="is a regressor: it has no predict_proba"):
            called.predict_proba(rows)


NEW = {
    "codes apart",
    "twice",
    "a column back",
    "gaussian back",
    "gaussian column back",
    "expm1",
    "exp",
    "square",
}
"""What only a library of the second format tells of."""
WHOLES = [name if name in NEW else pytest.param(name, marks=pytest.mark.long) for name in others()]


@pytest.mark.parametrize("name", WHOLES)
def test_what_holds_a_network(name, tmp_path):
    estimator, X, y = others()[name]
    frozen = freeze(fit_quietly(estimator, X, y))
    assert about(frozen.model(), "net")["format"] == (2 if name in NEW else 1)
    called = exported(estimator, tmp_path, native=False)
    tolerance = 1e-5 if called.dtype == np.float32 else 1e-12
    assert called.n_features_in_ == frozen.n_features_in_ == X.shape[1]
    assert_close(called(X), frozen(X), tolerance)
    if hasattr(frozen, "classes_"):
        np.testing.assert_array_equal(called.predict(X), frozen.predict(X))
    else:
        assert_close(called.predict(X), estimator.predict(X).astype(called.dtype), tolerance)
        assert_close(called.predict(X[3]), frozen.predict(X[3]), tolerance)
    if name.startswith("gaussian"):
        for found, expected in zip(
            called.predict(X, return_std=True), frozen.predict(X, return_std=True), strict=True
        ):
            assert_close(found, expected, tolerance)
    if name == "codes apart":  # NaN and words in columns that nobody reads, but in no other
        odd = X.astype(object)
        odd[:, 0], odd[0, 2] = np.nan, "a word"
        for rows in (odd, np.where(np.arange(6) == 3, np.nan, X)):
            np.testing.assert_array_equal(called(rows), called(X))
            np.testing.assert_array_equal(frozen(rows), frozen(X))
        for predictor in (called, frozen):
            with pytest.raises(ValueError, match="contains NaN"):
                predictor(np.where(np.arange(6) == 1, np.nan, X))
            with pytest.raises(ValueError, match="contains infinity"):
                predictor(np.where(np.arange(6) == 1, np.inf, rows))
            with pytest.raises(ValueError, match="expecting 6 features"):
                predictor(X[:, :3])


ALONE = """
import sys
from fusednn import CompiledPredictor
called = CompiledPredictor(sys.argv[1])
print(called.predict_proba([[1.0, 2.0, 3.0, 4.0]]).tolist(), called.predict([1, 2, 3, 4]).tolist())
try:
    called([[1.0, float("nan"), 3.0, 4.0]])
except ValueError as error:
    print("NaN" in str(error))
print(sorted({name.split(".")[0] for name in sys.modules} & {
    "numba", "llvmlite", "scipy", "sklearn", "joblib", "threadpoolctl", "pandas"}))
"""


@pytest.fixture(scope="module")
def iris(tmp_path_factory):
    """A network on iris with names, its library, and the rows."""
    frame, y = load_iris(return_X_y=True, as_frame=True)
    X = frame.astype(np.float32)
    estimator = MLPClassifier((10,), **FEW).fit(X, np.array(["a", "b", "c"])[y])
    path = tmp_path_factory.mktemp("iris") / "iris.so"
    export_library(estimator, path)
    return estimator, path, X


IMAGE = np.random.default_rng(0).normal(size=(12, 9, 7, 3)).astype(np.float32)


def images(X, path):
    """A network of samples like these, and its library."""
    model = NetworkClassifier([Conv2D(3, 3, stride=3), GlobalMaxPool()], random_state=0)
    model.initialize(X, np.arange(12) % 3)
    export_library(model, path)
    return model, CompiledPredictor(path)


@pytest.mark.parametrize("X", [IMAGE, IMAGE[..., 0]], ids=["colours", "grey"])
def test_samples_with_axes(X, tmp_path):
    """The library knows the axes of the fit, and takes the forms that the predictor takes."""
    model, called = images(X, tmp_path / "net.so")
    frozen = freeze(model)
    assert_close(called(X), frozen(X), 1e-5)
    for same in (X.reshape(12, -1), X.astype(float), X.tolist(), np.asfortranarray(X)):
        np.testing.assert_array_equal(called(same), called(X))
    for sample in (X[0], X[0].tolist(), X[0].ravel(), np.asfortranarray(X[0])):
        np.testing.assert_array_equal(called(sample), called(X[:1]))
    for wrong in (X[:, :5], X[0, :5], X[..., np.newaxis, np.newaxis], X[:0]):
        theirs, ours = outcome(lambda x=wrong: frozen(x)), outcome(lambda x=wrong: called(x))
        assert ours.error is not None
        assert ours.error == theirs.error


def test_libraries_without_axes(tmp_path, monkeypatch):
    """Those of earlier versions take any axes of as many elements."""
    full = about
    monkeypatch.setattr(
        "fusednn.export.c.library.about",
        lambda *of: {key: value for key, value in full(*of).items() if key != "axes"},
    )
    _, called = images(IMAGE, tmp_path / "net.so")
    np.testing.assert_array_equal(called(IMAGE), called(IMAGE.reshape(12, -1)))
    with pytest.raises(ValueError, match="dim 4"):
        called(IMAGE[:, :5])


def test_numpy_is_all_it_needs(iris):
    estimator, path, _ = iris
    row = np.array([[1, 2, 3, 4]], np.float32)
    answers, works, modules = run_python(ALONE, path, options=("-W", "error")).splitlines()
    values, labels = eval(answers.replace("] [", "], ["))
    np.testing.assert_allclose(values, freeze(estimator).predict_proba(row), rtol=0, atol=1e-6)
    assert labels == freeze(estimator).predict(row).tolist()
    assert (works, modules) == ("True", "[]")


BAD = {
    "columns": np.ones((2, 3), np.float32),
    "a vector too long": np.ones(5),
    "no rows": np.empty((0, 4), np.float32),
    "NaN": np.array([[1, np.nan, 2, 3]], np.float32),
    "infinity": np.array([[1, np.inf, 2, 3]], np.float32),
    "too large": [[1, 2, 3, 1e300]],
    "a number": 3.0,
    "three dimensions": np.ones((2, 2, 4)),
    "complex": np.ones((2, 4), complex),
    "text": [["a", "b", "c", "d"]],
    "ragged": [[1, 2], [3]],
}


@pytest.mark.parametrize("name", BAD)
def test_refuses_in_the_words_of_the_predictor(name, iris):
    estimator, path, _ = iris
    called, frozen = CompiledPredictor(path), freeze(estimator)
    for method in ("__call__", "predict", "predict_proba"):
        theirs = outcome(lambda m=method: getattr(frozen, m)(BAD[name]))
        ours = outcome(lambda m=method: getattr(called, m)(BAD[name]))
        assert ours.error is not None
        assert ours.error == theirs.error


def test_other_columns_are_refused(iris):
    _, path, X = iris
    called = CompiledPredictor(path)
    np.testing.assert_array_equal(called.feature_names_in_, X.columns)
    np.testing.assert_array_equal(called(X), called(X.to_numpy()))
    with pytest.raises(ValueError, match="feature names should match"):
        called(X[X.columns[::-1]])


def test_inputs_of_all_kinds(iris):
    _, path, frame = iris
    called, X = CompiledPredictor(path), frame.to_numpy()
    expected = called(X)
    assert called(X[0]).shape == (1, 3)
    np.testing.assert_array_equal(called(X[0]), called(X[:1]))
    fixed = X.copy()
    fixed.flags.writeable = False
    for same in (X.tolist(), X.astype(float), np.asfortranarray(X), fixed, X.astype(">f4")):
        np.testing.assert_array_equal(called(same), expected)
    np.testing.assert_array_equal(called(np.repeat(X, 2, axis=0)[::2]), expected)
    alone = np.concatenate([called(row) for row in X])
    assert_close(alone, expected, 1e-6)


def test_out_and_validate(iris):
    _, path, frame = iris
    called, X = CompiledPredictor(path), frame.to_numpy()
    numbers, out = np.empty((150, 1), np.int64), np.empty((150, 3), np.float32)
    labels = called.predict(X, out=numbers)
    np.testing.assert_array_equal(called.classes_[numbers[:, 0]], labels)
    assert called(X, out=out) is out
    np.testing.assert_array_equal(out, called(X))
    assert called.predict_proba(X, out=out) is out
    memory = np.empty(150 * 4 + 8, np.float32)
    rows, answers = memory[:600].reshape(150, 4), memory[8:458].reshape(150, 3)
    rows[:] = X
    np.testing.assert_array_equal(called(rows, out=answers), called(X))
    with pytest.raises(ValueError, match="out must be of shape"):
        called(X[:2], out=out)
    with pytest.raises(ValueError, match="C-contiguous, writeable NumPy array of float32"):
        called(X, out=out.astype(float))
    odd = X.copy()
    odd[3, 1] = np.nan
    unseen = called(odd, validate=False)
    assert np.isnan(unseen[3]).all()
    np.testing.assert_array_equal(np.delete(unseen, 3, 0), np.delete(called(X), 3, 0))


def test_threads(iris):
    _, path, frame = iris
    called, X = CompiledPredictor(path), np.tile(frame.to_numpy(), (20, 1))
    expected = called.predict_proba(X)
    starts = np.random.default_rng(0).integers(0, 2900, 400)

    def work(start):
        return called.predict_proba(X[start : start + 100])

    with ThreadPoolExecutor(8) as pool:
        for start, found in zip(starts, pool.map(work, starts), strict=True):
            assert_close(found, expected[start : start + 100], 1e-6)


def test_pickles_by_its_path(iris):
    _, path, frame = iris
    called = CompiledPredictor(path)
    again = pickle.loads(pickle.dumps(called))
    assert repr(again) == repr(called) == "<CompiledPredictor of MLPClassifier: 4-10-3, float32>"
    np.testing.assert_array_equal(again(frame), called(frame))
