"""`warmup` of estimators of raw tables: fits of other tables then compile nothing."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
from sklearn.pipeline import make_pipeline

from fusednn import TabularClassifier, TabularRegressor, warmup
from fusednn.estimators.deployment.warmup import rehearsals
from fusednn.estimators.tabular.presets import PRESETS

WARM = "import fusednn; from fusednn import *; fusednn.warmup(eval(__import__('sys').argv[1]))"
USE = """
import json, sys, warnings
import numpy as np
import pandas as pd
from fusednn import TabularClassifier, TabularRegressor, freeze
from fusednn.kernels._cache import statistics

warnings.simplefilter("ignore")
rng = np.random.default_rng(0)
X = rng.normal(size=(10_500, 6))
frame = pd.DataFrame(X[:300], columns=list("abcdef"))
frame["day"] = pd.Timestamp("2024-01-01") + pd.to_timedelta(np.arange(300) % 50, unit="D")
frame["city"] = [f"city {i % 70}" for i in range(300)]
frame["sex"] = np.where(X[:300, 0] > 0, "f", None)
model = eval(sys.argv[1])
counts = (2, 3, 17) if hasattr(model, "predict_proba") else (1, 3)
for table in (frame, frame[["city"]], frame[["a"]], frame[["sex", "a"]], X):
    for count in counts:
        y = rng.integers(0, count, len(table)) if len(counts) == 3 else (
            rng.normal(size=(len(table), count)))
        for weights in (None, rng.random(len(table))):
            model.set_params(n_folds=2, time_limit=2, n_jobs=2).fit(table, y, weights)
            predictor = freeze(model)
            for some in (table[:1], table[:200]):
                model.predict(some), predictor.predict(some)
print(json.dumps(statistics()))
"""


def start(code, *arguments, folder):
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("FUSEDNN_", "NUMBA_"))}
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        capture_output=True,
        text=True,
        env={**kept, "FUSEDNN_CACHE_DIR": str(folder)},
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


@pytest.mark.long
@pytest.mark.parametrize(
    "estimator", ["TabularClassifier('fast')", "TabularRegressor('fast', metric='mae')"]
)
def test_other_tables_compile_nothing_afterwards(estimator, tmp_path):
    start(WARM, estimator, folder=tmp_path)
    found = json.loads(start(USE, estimator, folder=tmp_path))
    assert found["hits"] > 0
    assert found["misses"] == found["failures"] == 0


@pytest.mark.parametrize("kind", [TabularClassifier, TabularRegressor])
def test_each_family_is_tried(kind):
    model = kind("default", n_folds=3, time_limit=1e-9, importances=True)
    before = dict(vars(model))
    names = [name for name, _ in rehearsals(make_pipeline(model))]
    recipes = PRESETS["default"].classes if model._classify else PRESETS["default"].quantities
    assert len(names) == 2 * len(recipes)
    for recipe in recipes:
        told = f"{kind.__name__} default {recipe.family} "
        assert sum(name.startswith(told) for name in names) == 2
    assert vars(model) == before


def test_the_function_leaves_the_estimator_as_it_was():
    X, y = np.arange(60.0).reshape(20, 3), np.arange(20) % 2
    model = TabularClassifier("fast", metric="f1", class_weight={0: 2}, random_state=0).fit(X, y)
    before, p = dict(vars(model)), model.predict_proba(X)
    assert set(warmup(model)) == {"compiled", "loaded", "kept"}
    assert vars(model) == before
    np.testing.assert_array_equal(model.predict_proba(X), p)
    assert warmup(model)["compiled"] == 0


def test_sparse_tables_are_refused():
    with pytest.raises(ValueError, match="TabularRegressor takes tables, which are not sparse"):
        warmup(TabularRegressor("fast"), sparse=True)
