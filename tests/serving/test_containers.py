"""Rows in every shape that users hold them: estimators and predictors answer them alike."""

import os
import re

import numpy as np
import pandas as pd
import pytest
from cases.containers import BOOLS, DENSE, NAMED, REFUSED, SPARSE, frame, names_of, table
from oracles.parity import outcome
from scipy import sparse

from fusednn import CompiledPredictor, MLPClassifier, export_library, freeze, load
from fusednn.export.c.library import found_compiler

pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.filterwarnings("ignore:X has feature names:UserWarning"),
]

# small whole numbers: every type holds them exactly
X = np.random.RandomState(0).randint(0, 5, size=(40, 6)).astype(float)
Y = (X.sum(axis=1) % 3).astype(int)
DTYPES = "float32", "float64"


def has_compiler():
    try:
        return bool(found_compiler())
    except RuntimeError:
        return False


KINDS = "estimator", "frozen", "loaded", "compiled"


def kinds_of(model, folder):
    """An estimator and its predictors."""
    path = os.path.join(folder, "model")
    model.save(path)
    found = {"estimator": model, "frozen": freeze(model), "loaded": load(path)}
    if has_compiler():
        export_library(model, path + ".so", native=False)
        found["compiled"] = CompiledPredictor(path + ".so")
    return found


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """A model of each type, fitted to columns without names."""
    options = {"max_iter": 3, "random_state": 0}
    return {
        dtype: kinds_of(
            MLPClassifier((5,), dtype=dtype, **options).fit(X, Y), tmp_path_factory.mktemp(dtype)
        )
        for dtype in DTYPES
    }


@pytest.fixture(scope="module")
def named(tmp_path_factory):
    model = MLPClassifier((5,), max_iter=3, random_state=0).fit(frame(X), Y)
    return kinds_of(model, tmp_path_factory.mktemp("named"))


def kind_of(models, kind):
    if kind not in models:
        pytest.skip("no C compiler")
    return models[kind]


def check_answers(model, rows, expected=X):
    """Those of a plain array, and `rows` are as they were."""
    for method in (model.predict, model.predict_proba):
        np.testing.assert_array_equal(method(rows), method(expected), strict=True)


@pytest.mark.parametrize("form", DENSE)
def test_dense_rows(plain, form):
    for models in plain.values():
        for model in models.values():
            check_answers(model, DENSE[form](X))
            check_answers(model, DENSE[form](X[:1]), X[:1])


@pytest.mark.parametrize("form", BOOLS)
def test_bools(plain, form):
    for model in plain["float32"].values():
        check_answers(model, BOOLS[form](X), (X > 2).astype(float))


@pytest.mark.parametrize("dtype", DTYPES)
def test_predictors_have_the_bits_of_the_estimator(plain, dtype):
    """So they have for all that the tests above compare with plain arrays."""
    for rows in (X, X[:1], sparse.csr_array(X)):
        for method in ("predict", "predict_proba"):
            expected = getattr(plain[dtype]["estimator"], method)(rows)
            for kind in ("frozen", "loaded"):
                found = getattr(plain[dtype][kind], method)(rows)
                np.testing.assert_array_equal(found, expected, strict=True)


@pytest.mark.parametrize("form", REFUSED)
def test_refused_rows(plain, form):
    """In scikit-learn's words."""
    told = {
        kind: outcome(lambda model=model: model.predict(REFUSED[form](X))).error
        for kind, model in plain["float64"].items()
    }
    assert told["estimator"] is not None
    for error in told.values():
        assert without_address(error) == without_address(told["estimator"])


def without_address(error):
    return error and (error[0], re.sub("0x[0-9a-f]+", "", error[1]))


@pytest.mark.parametrize("kind", KINDS[1:])
@pytest.mark.parametrize("form", NAMED)
def test_names_of_columns(named, kind, form):
    """Predictors compare the names that a table has, and take one without names silently."""
    model = kind_of(named, kind)
    assert model.feature_names_in_.tolist() == names_of(X)
    rows = NAMED[form](X)
    check_answers(model, rows)
    check_answers(model, pd.DataFrame(X))  # numbers are no names
    names = names_of(X)
    for wrong in (names[::-1], names[:-1]):
        other = rows.select(wrong) if hasattr(rows, "select") else rows[wrong]
        ours = outcome(lambda other=other: model.predict(other)).error
        theirs = outcome(lambda other=other: named["estimator"].predict(other)).error
        assert "feature names should match" in theirs[1]
        assert ours == theirs


@pytest.mark.parametrize("kind", KINDS[1:])
def test_names_of_record_batches(named, kind):
    model, [batch] = kind_of(named, kind), table(X).to_batches()
    check_answers(model, batch)
    with pytest.raises(ValueError, match="feature names should match"):
        model.predict(batch.select(names_of(X)[::-1]))


def test_compiled_predictors_refuse_sparse_rows(plain):
    model = kind_of(plain["float32"], "compiled")
    for form in SPARSE.values():
        with pytest.raises(TypeError, match=r"toarray\(\).*fusednn\.freeze or fusednn\.load"):
            model.predict(form(X))
