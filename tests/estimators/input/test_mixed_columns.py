"""Several columns of classes of which some are words and others numbers: each has classes of its
own. The oracle is the same fit on columns that are all words, in the same order of classes."""

import pickle

import numpy as np
import pandas as pd
import pytest
from oracles.parity import assert_same_bits

from fusednn import (
    CompiledPredictor,
    MLPClassifier,
    NetworkClassifier,
    export_c,
    export_library,
    export_onnx,
    freeze,
    load,
)

rng = np.random.default_rng(0)
X = rng.normal(size=(90, 4))
WORDS = np.array(["ant", "bee", "cow"])[np.digitize(X[:, 0], [-0.5, 0.5])]
SIZES = np.array([5, 9])[(X[:, 1] > 0).astype(int)]
FLAGS = X[:, 2] > 0
FRAME = pd.DataFrame({"word": WORDS, "size": SIZES, "flag": FLAGS})
Y = FRAME.to_numpy()
ALL_WORDS = np.c_[WORDS, SIZES.astype(str), FLAGS.astype(str)]
CLASSES = [["ant", "bee", "cow"], [5, 9], [False, True]]
VAL = slice(0, 30)
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
BOTH = pytest.mark.parametrize("cls", [MLPClassifier, NetworkClassifier])


def new(cls=MLPClassifier, **params):
    return cls(**{"max_iter": 4, "random_state": 0, **params})


@pytest.fixture(scope="module")
def fitted():
    return MLPClassifier((12,), max_iter=150, learning_rate_init=0.02, random_state=0).fit(X, Y)


def assert_answers(model, X, expected):
    """Labels in the types that they were given in."""
    found = model.predict(X)
    assert found.dtype == object
    np.testing.assert_array_equal(found.astype(str), expected.astype(str))
    assert [type(label) for label in found[0]] == [str, int, bool]


@BOTH
@pytest.mark.parametrize("given", [Y, FRAME], ids=["objects", "table"])
@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_fit(cls, given, solver):
    model = new(cls, solver=solver).fit(X, given)
    expected = new(cls, solver=solver).fit(X, ALL_WORDS)
    for ours, theirs in zip(model._parameters(), expected._parameters(), strict=True):
        assert np.array_equal(ours, theirs)
    for found, classes in zip(model.classes_, CLASSES, strict=True):
        assert found.tolist() == classes
    assert_answers(model, X, expected.predict(X))
    assert model.score(X, given) == expected.score(X, ALL_WORDS)


def test_it_learns(fitted):
    assert fitted.score(X, Y) == (fitted.predict(X) == Y).all(axis=1).mean() > 0.8
    assert fitted.score(X, FRAME, np.arange(90)) == fitted.score(X, Y, np.arange(90))


@BOTH
def test_a_validation_set(cls):
    params = {"early_stopping": True, "class_weight": "balanced"}
    model = new(cls, **params).fit(X, FRAME, X_val=X[VAL], y_val=FRAME[VAL])
    expected = new(cls, **params).fit(X, ALL_WORDS, X_val=X[VAL], y_val=ALL_WORDS[VAL])
    assert model.validation_scores_ == expected.validation_scores_
    assert model.validation_loss_curve_ == expected.validation_loss_curve_
    part = new(cls, **params).fit(X, Y).validation_scores_
    assert part == new(cls, **params).fit(X, ALL_WORDS).validation_scores_


def test_class_weights():
    each = [{"ant": 1, "bee": 2, "cow": 3}, {5: 1, 9: 0.5}, {False: 1, True: 2}]
    weights = np.array([[one[label] for one, label in zip(each, row, strict=True)] for row in Y])
    model = new(class_weight=each).fit(X, Y)
    assert_same_bits(model, new().fit(X, ALL_WORDS, weights.prod(axis=1)))


@BOTH
def test_partial_fit(cls):
    model = new(cls).partial_fit(X[:8], FRAME[:8], classes=CLASSES)
    expected = new(cls).partial_fit(
        X[:8], ALL_WORDS[:8], classes=[[str(label) for label in one] for one in CLASSES]
    )
    for rows in (slice(8, 50), slice(50, 90)):
        model.partial_fit(X[rows], Y[rows])
        expected.partial_fit(X[rows], ALL_WORDS[rows])
    for ours, theirs in zip(model._parameters(), expected._parameters(), strict=True):
        assert np.array_equal(ours, theirs)
    assert_answers(model, X, expected.predict(X))


def test_warm_start_and_pickles(fitted):
    copy = pickle.loads(pickle.dumps(fitted)).set_params(warm_start=True, max_iter=2)
    assert copy.fit(X, FRAME).n_iter_ == 2


def test_files(fitted, tmp_path):
    expected = fitted.predict(X)
    fitted.save(tmp_path / "a.safetensors")
    again = MLPClassifier.load(tmp_path / "a.safetensors")
    assert_answers(again, X, expected)
    again.partial_fit(X, Y)
    frozen = freeze(fitted)
    frozen.save(tmp_path / "b.safetensors")
    for predictor in (frozen, load(tmp_path / "b.safetensors")):
        assert_answers(predictor, X, expected)
        assert [part.tolist() for part in predictor.classes_] == CLASSES
    export_library(fitted, tmp_path / "c.so")
    assert_answers(CompiledPredictor(tmp_path / "c.so"), X, expected)
    export_c(fitted, tmp_path / "d.c")
    text = (tmp_path / "d.c").read_text()
    assert all(f'"{label}"' in text for one in CLASSES for label in one)


@pytest.mark.parametrize("form", [object, str])
def test_onnx_has_no_tensor_of_both(tmp_path, form):
    """NumPy would turn the numbers into words beside words of a fixed width."""
    pytest.importorskip("onnx")
    classes = [np.array(CLASSES[0], form), np.array([5, 9])]
    model = new().partial_fit(X, Y[:, :2], classes=classes)
    with pytest.raises(TypeError, match="all of one type"):
        export_onnx(model, tmp_path / "a.onnx")


def changed(column, value):
    y = Y.copy()
    y[3, column] = value
    return y


def column_of(values):
    y = np.empty((90, 2), object)
    y[:, 0], y[:, 1] = WORDS, values
    return y


REFUSED = {
    "a word among numbers": (changed(1, "x"), "Column 1 of y must have labels that are all"),
    "a number among words": (changed(0, 4), "Column 0 of y must have labels that are all"),
    "None": (changed(1, None), "Column 1 of y must have labels that are all"),
    "NaN": (changed(1, np.nan), "Input y contains NaN|Input contains NaN"),
    "fractions": (column_of(list(X[:, 0])), "Column 1 of y must .* whole numbers"),
    "pairs": (column_of([(1, 2)] * 90), "Column 1 of y must"),
    "dates": (column_of(list(pd.date_range("2020", periods=90))), "Column 1 of y must"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_columns_of_no_kind(fitted, name):
    y, words = REFUSED[name]
    for model in (new(), new().set_params(early_stopping=True)):
        with pytest.raises(ValueError, match=words):
            model.fit(X, y)
        assert not hasattr(model, "classes_")
    before = pickle.dumps(fitted)
    for call in (
        lambda: fitted.partial_fit(X, y),
        lambda: fitted.fit(X, Y, X_val=X, y_val=y),
    ):
        with pytest.raises(ValueError, match=rf"{words}|not of the kind"):
            call()
        assert pickle.dumps(fitted) == before


def test_other_labels_than_before(fitted):
    for y, words in (
        (Y[:, ::-1], "not of the kind"),
        (changed(1, 7), "classes not in"),
        (changed(0, "dog"), "classes not in"),
        (ALL_WORDS, "not of the kind"),
    ):
        with pytest.raises(ValueError, match=words):
            fitted.partial_fit(X, y)
    with pytest.raises(ValueError, match="classes must be a list"):
        new().partial_fit(X, FRAME, classes=["ant", "bee"])


def test_words_of_numpy(tmp_path):
    """As objects they are words like others, in files too."""
    y = Y.copy()
    y[:, 0] = [np.str_(word) for word in WORDS]
    for targets in (y, y[:, 0]):
        model = new().fit(X, targets)
        model.save(tmp_path / "model")
        freeze(model).save(tmp_path / "frozen")
        for other in (MLPClassifier.load(tmp_path / "model"), load(tmp_path / "frozen")):
            np.testing.assert_array_equal(other.predict(X), model.predict(X))


def test_integers_beside_floats():
    """Integers that floats do not hold are predicted as they are, in objects."""
    y = np.empty((90, 2), object)
    y[:, 0], y[:, 1] = [2**60 + int(value) for value in SIZES], [float(value) for value in FLAGS]
    model = new().fit(X, y)
    small = new().fit(X, np.c_[SIZES, FLAGS + 7.0])
    assert_same_bits(model, small)
    expected = [[2**60 + int(one), other - 7] for one, other in small.predict(X)]
    for predicted in (model.predict(X), freeze(model).predict(X)):
        assert predicted.dtype == object
        assert predicted.tolist() == expected


def test_integers_of_two_types():
    """Those of 64 bits with a sign and without are the same labels, far beyond floats too."""
    signed = 2**60 + SIZES
    unsigned = signed.astype(np.uint64)
    model = new().fit(X, unsigned)
    for y in (signed, unsigned):
        assert model.loss_and_gradient(X, y)[0] == new().fit(X, signed).loss_and_gradient(X, y)[0]
        scores = new().fit(X, unsigned, X_val=X, y_val=y).validation_scores_
        assert scores == new().fit(X, signed, X_val=X, y_val=signed).validation_scores_
    with pytest.raises(ValueError, match="classes not in"):
        model.partial_fit(X, signed + 1)
