"""Importances of columns, against permutations written out."""

import numpy as np
import pandas as pd
import pytest

from fusednn import TabularClassifier
from fusednn.estimators.tabular.importances import groups_of, importances_of
from fusednn.estimators.tabular.reading import matrix
from fusednn.tables.frames.in_memory import table_of
from fusednn.tables.preparing.learning import learned_preparation


def frame(rows=200):
    rng = np.random.RandomState(0)
    number = rng.normal(size=rows)
    number[:9] = np.nan
    return pd.DataFrame(
        {
            "number": number,
            "same": 1,
            "flags": rng.choice(list("abc"), rows),
            "day": pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.randint(900, size=rows), "D"),
            "codes": rng.choice([f"w{i}" for i in range(15)], rows),
            "sign": rng.choice(["x", "y"], rows),
        }
    )


def test_groups_are_the_inputs_of_each_column():
    table = table_of(frame())
    preparation = learned_preparation(table)
    groups = groups_of(preparation)
    inputs = [*preparation.names, *preparation.code_names]
    found = {
        name: [inputs[place] for place in group]
        for name, group in zip(preparation.columns, groups, strict=True)
    }
    assert found["number"] == ["number", "number missing"]
    assert found["same"] == []
    assert found["flags"] == ["flags=a", "flags=b", "flags=c"]
    assert found["codes"] == ["codes"]
    assert found["sign"] == ["sign=y"]
    assert "day: elapsed" in found["day"]
    assert sorted(place for group in groups for place in group) == [
        *range(matrix(preparation, table).shape[1])
    ]


def test_only_what_the_loss_reads_is_important():
    rng = np.random.RandomState(0)
    X = rng.normal(size=(4000, 4))
    y = 2 * X[:, 0] + X[:, 1] + X[:, 2]

    def loss(inputs):
        return float(((y - 2 * inputs[:, 0] - inputs[:, 1] - inputs[:, 2]) ** 2).mean())

    found = importances_of([[0], [1, 2], [3], []], X, loss, np.random.RandomState(1))
    np.testing.assert_allclose(found, [8, 4, 0, 0], rtol=0.08)  # twice the variances


def test_importances_that_no_fit_has_computed_say_how_to_get_them():
    model = TabularClassifier("fast", random_state=0)
    with pytest.raises(AttributeError, match="object has no attribute 'feature_imp"):
        model.feature_importances_  # noqa: B018 - the access is what raises
    X = np.random.RandomState(0).normal(size=(40, 2))
    model.fit(X, X[:, 0] > 0)
    assert not hasattr(model, "feature_importances_")
    with pytest.raises(AttributeError, match="set importances=True, and fit again"):
        model.feature_importances_  # noqa: B018 - the access is what raises
    model.set_params(importances=True).fit(X, X[:, 0] > 0)
    assert model.feature_importances_[0] > model.feature_importances_[1]
    model.set_params(importances=False).fit(X, X[:, 0] > 0)
    assert not hasattr(model, "feature_importances_")
