"""Unknown targets as containers hold them, the types of what is known, and refusals."""

import numpy as np
import pandas as pd
import polars
import pyarrow
import pytest
from cases.missing_targets import (
    IDS,
    IGNORE,
    PAIRS,
    PART,
    PART_BITS,
    PART_NAMES,
    SMALL,
    TARGETS,
    X,
    each_kind,
)
from oracles.parity import assert_same_bits
from sklearn.base import clone

from fusednn import MLPClassifier, MLPRegressor, NetworkClassifier
from fusednn.estimators.deployment.warmup import rehearsals
from fusednn.layers import Dense

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.mark.parametrize("known", [[3, 5], [False, True]])
def test_whole_numbers_and_bools_stay_what_they_are(known):
    y = np.array([None, *known] * 20, object)
    model = MLPClassifier(**IGNORE).fit(X[:60], y)
    assert model.classes_.dtype == np.array(known).dtype
    assert model.predict(X).dtype == np.array(known).dtype
    assert_same_bits(model, clone(model).fit(X[:60][y != None], np.array(known * 20)))  # noqa: E711 - element by element


def test_containers():
    """What pandas and lists have for an unknown value is one."""
    one = MLPRegressor(**IGNORE).fit(X, PART)
    table = pd.DataFrame(PART)
    lists = [[None if np.isnan(value) else value for value in row] for row in PART]
    for y in (table, table.convert_dtypes(), table.astype("Float64"), lists, PART.astype(object)):
        assert_same_bits(one, clone(one).fit(X, y))
        assert one.score(X, y) == one.score(X, PART)
    one = MLPClassifier(**IGNORE).fit(X, PART_NAMES)
    table = pd.DataFrame(PART_NAMES)
    lists = [[np.nan if value is None else value for value in row] for row in PART_NAMES]
    for y in (
        table,
        table.astype("string"),
        table.fillna(np.nan),
        lists,
        table.astype("category"),
    ):
        assert_same_bits(one, clone(one).fit(X, y))
        assert one.score(X, y) == one.score(X, PART_NAMES)
    one = MLPClassifier(**IGNORE).fit(X, PART_BITS)
    for y in (pd.DataFrame(PART_BITS).astype("Int64"), PART_BITS.astype(object)):
        assert_same_bits(one, clone(one).fit(X, y))


@each_kind
def test_refusals(kind):
    cls, full, part = TARGETS[kind]
    empty = part.copy()
    empty[:, 1] = None if kind == "words" else np.nan
    model = cls(**IGNORE)
    before = dict(vars(model))
    for call, words in (
        (lambda m: m.fit(X, empty), "Column 1 of y has no known target"),
        (
            lambda m: m.fit(
                X,
                part,
                X_val=X[:9],
                y_val=full[:9] * np.nan if kind != "words" else np.full((9, 3), None),
            ),
            "y_val has no known target",
        ),
        (lambda m: m.fit(X[:9], part), "inconsistent numbers of samples"),
        (
            lambda m: m.set_params(missing_targets="drop").fit(X, part),
            "'missing_targets' parameter",
        ),
    ):
        with pytest.raises(ValueError, match=words):
            call(model)
        model.set_params(missing_targets="ignore")
        assert vars(model) == before
    with pytest.raises(ValueError, match=r"NaN|None|all words or all whole numbers"):
        cls(**SMALL).fit(X, part)
    model.fit(X, part)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        model.score(X, part[:9])
    with pytest.raises(ValueError, match=r"columns|of shape"):
        model.score(X, part[:, :2])
    if kind == "regression":
        with pytest.raises(ValueError, match="infinity"):
            model.fit(X, np.where(PART > 2, np.inf, PART))
        with pytest.raises(ValueError, match="out of the valid range"):
            MLPRegressor("gamma", **IGNORE).fit(X, PART - 1)


@pytest.mark.parametrize("cls", [MLPRegressor, MLPClassifier, NetworkClassifier])
def test_rehearsals_know_of_unknown_targets(cls, monkeypatch):
    """So that `fusednn.warmup` compiles what leaves them out."""
    seen, fit = [], cls.fit
    monkeypatch.setattr(cls, "fit", lambda self, X, y: (seen.append(y), fit(self, X, y))[1])
    for given in ({"missing_targets": "ignore"}, {}):
        seen.clear()
        for _, run in rehearsals(cls(dtype="float32", **given)):
            run()
        assert any(np.isnan(y).any() for y in seen) is bool(given)
    if cls is NetworkClassifier:
        layers = [Dense(3, "softmax")]
        for _, run in rehearsals(cls(layers, dtype="float32", missing_targets="ignore")):
            run()


COLUMNS = {"a": IDS, "b": IDS[::-1]}
INTEGERS = {
    "objects": lambda: np.array(IDS, object),
    "list": lambda: IDS,
    "list with NaN": lambda: [np.nan if value is None else value for value in IDS],
    "pandas": lambda: pd.Series(IDS, dtype="Int64"),
    "polars": lambda: polars.Series(IDS),
    "pyarrow": lambda: pyarrow.array(IDS),
    "pyarrow in chunks": lambda: pyarrow.chunked_array([IDS[:9], IDS[9:]]),
    "two of objects": lambda: PAIRS,
    "two of pandas": lambda: pd.DataFrame({k: pd.array(v, "Int64") for k, v in COLUMNS.items()}),
    "two of polars": lambda: polars.DataFrame(COLUMNS),
    "two of pyarrow": lambda: pyarrow.table(COLUMNS),
}


@pytest.mark.parametrize("form", INTEGERS)
def test_integers_stay_what_they_are(form):
    """Whatever floats would make of them; the oracle is the numbers of the labels."""
    rows, ids = X[:60], INTEGERS[form]()
    small = [[np.nan if v is None else v - 2**60 for v in column] for column in COLUMNS.values()]
    small = np.array(small).T if "two" in form else np.array(small[0])
    model, other = MLPClassifier(**IGNORE).fit(rows, ids), MLPClassifier(**IGNORE).fit(rows, small)
    assert_same_bits(model, other)
    classes = model.classes_ if isinstance(model.classes_, list) else [model.classes_]
    for found in classes:
        assert found.dtype == np.int64
        assert found.tolist() == [2**60, 2**60 + 1, 2**60 + 2]
    np.testing.assert_array_equal(model.predict(rows) - 2**60, other.predict(rows))
    assert 0 < model.score(rows, ids) == other.score(rows, small)
    in_parts = MLPClassifier(**IGNORE).partial_fit(rows[:30], ids[:30], classes=model.classes_)
    own = [np.arange(3.0)] * 2 if "two" in form else np.arange(3.0)
    other = MLPClassifier(**IGNORE).partial_fit(rows[:30], small[:30], classes=own)
    assert_same_bits(in_parts, other)


@pytest.mark.parametrize("values", [[0, 1, 2], [False, True, True], [2**63, 2**64 - 1, 0]])
def test_a_null_leaves_the_type_of_labels(values):
    whole, part = polars.Series(values * 20), polars.Series([*values * 20, None])
    known, unknown = (MLPClassifier(**IGNORE).fit(X[: len(y)], y).classes_ for y in (whole, part))
    assert known.dtype.kind == unknown.dtype.kind
    assert known.tolist() == unknown.tolist()
