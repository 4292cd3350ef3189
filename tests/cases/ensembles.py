"""Ensembles of raw tables made by hand: a small frame, its preparation, and a few networks."""

import warnings
from functools import cache

import numpy as np
import pandas as pd

from fusednn import NetworkClassifier, NetworkRegressor, freeze
from fusednn.layers import (
    Dense,
    Embedding,
    ParametricActivation,
    Periodic,
    PiecewiseLinear,
    Scale,
)
from fusednn.losses import Quantile
from fusednn.serving.ensembles.ensemble import Ensemble, Member
from fusednn.serving.ensembles.targets import Classes, Quantities, Spread
from fusednn.tables.frames.in_memory import table_of
from fusednn.tables.preparing.learning import learned_preparation

ROWS = 200
CITIES = [f"cité {number}" for number in range(12)]
SHORT = {"max_iter": 4, "random_state": 0, "n_jobs": 1, "dtype": "float32", "batch_size": 32}
SHARES = (0.1, 0.5, 0.9)


def people(rows=ROWS, seed=0, dates=False):
    """Numbers, some missing and some huge; texts, some missing; booleans; perhaps dates."""
    rng = np.random.default_rng(seed)
    age = rng.integers(18, 90, rows).astype(float)
    age[rng.random(rows) < 0.1] = np.nan
    frame = pd.DataFrame(
        {
            "age": age,
            "income": rng.standard_cauchy(rows) * 1e4,
            "gain": np.where(rng.random(rows) < 0.95, 0.0, rng.exponential(1e3, rows)),
            "time": 1.6e9 + rng.integers(0, 10**6, rows),
            "colour": rng.choice(np.array(["red", "green", 'b"l\\e?', None], object), rows),
            "sex": rng.choice(np.array(["f", "m"], object), rows),
            "city": rng.choice(np.array([*CITIES, None], object), rows),
            "member": rng.random(rows) < 0.5,
            "grade": rng.integers(1, 5, rows),
            "same": 7,
        }
    )
    if dates:
        days = pd.Timestamp("2023-11-05") + pd.to_timedelta(rng.integers(0, 400, rows), unit="D")
        frame["day"] = pd.Series(days).where(rng.random(rows) < 0.9)
    return frame


def odd_people():
    """Rows of unseen and missing categories, missing and extreme numbers, and plain ones."""
    frame = people(40, seed=1)
    frame.loc[:5, "colour"] = ["black", "", None, "red", "Red", "é"]
    frame.loc[:5, "city"] = ["cité 3", "Atlantis", None, "", "cité 11", "cité"]
    frame.loc[:5, "sex"] = [None, "x", "f", "m", "", "F"]
    frame.loc[:5, "age"] = [np.nan, -1e300, 1e300, 0.0, -0.0, 1e-300]
    frame.loc[:5, "gain"] = [np.nan, np.nan, 1e12, -5.0, 0.0, 3.0]
    frame.loc[:5, "grade"] = [9, 1, 2, 3, 4, 0]
    return frame


def preparation_of(frame, **options):
    """Grades are categories, cities become codes."""
    return learned_preparation(table_of(frame), categorical=[8], most_flags=8, **options)


def layer_lists(preparation):
    """The layers of three members: periodic, piecewise-linear, and plain."""
    values = len(preparation.names)
    codes = list(range(values, values + len(preparation.code_names)))
    first = [Embedding(codes, preparation.code_counts, 3)] if codes else []
    numbers = [int(at) for at in np.flatnonzero(preparation.are_numbers)]
    hidden = [Scale(rate_factor=6.0), Dense(12), ParametricActivation("selu"), Dense(6, "mish")]
    if not numbers:
        return [[*first, *hidden]] * 3
    return [
        [*first, Periodic(5, 3, columns=numbers), *hidden],
        [*first, PiecewiseLinear(4, columns=numbers), Dense(9, "relu")],
        [*first, PiecewiseLinear(3, 2, columns=numbers[:2]), *hidden],
    ]


def matrix_of(preparation, frame, dtype="float32"):
    """The columns that members read."""
    values, codes = preparation.inputs(table_of(frame), dtype)
    return np.hstack([values, codes]).astype(dtype)


def fitted(kind, preparation, X, y, **options):
    """Networks of all lists of layers, which have hardly been trained."""
    found = []
    for number, layers in enumerate(layer_lists(preparation)):
        estimator = kind(layers=layers, **{**SHORT, **options, "random_state": number})
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found.append(estimator.fit(X, y))
    return found


def members_of(networks, weights=(0.5, 0.2, 0.3)):
    models = [freeze(network).model() for network in networks]
    return tuple(Member(*both) for both in zip(models, weights, strict=True))


def dtype_of(name):
    return "float64" if "float64" in name else "float32"


@cache
def made(name):
    """An ensemble, and the networks that it was made of, by name."""
    frame = people(dates="dates" in name)
    preparation = preparation_of(frame, scale_flags="scaled" in name)
    dtype = dtype_of(name)
    X = matrix_of(preparation, frame, dtype)
    rng = np.random.default_rng(2)
    score = X[:, 0] + X[:, 2] + 0.3 * rng.normal(size=len(X))
    if name.startswith(("two", "three")):
        labels = np.array(["no", "yes"]) if name.startswith("two") else np.array([3, 5, 9])
        y = np.digitize(score, [-0.5, 0.7][: len(labels) - 1])
        networks = fitted(NetworkClassifier, preparation, X, y, dtype=dtype)
        target = Classes(labels)
        return Ensemble(preparation, members_of(networks), target, "TabularClassifier"), networks
    if name.startswith("several"):
        y = np.stack([score, -(score**2)], axis=1)
        networks = fitted(NetworkRegressor, preparation, X, y)
        spreads = Spread((1.0, 2.5), (0.3, 0.5)), Spread((1e6,), (40.0,))
        target = Quantities((3.0, 1e6), (2.0, 5e3), (0.0, 9.9e5), (5.0, 1.1e6), spreads=spreads)
    elif name.startswith("quantiles"):
        networks = fitted(NetworkRegressor, preparation, X, score, loss=Quantile(SHARES))
        target = Quantities((3.0,), (2.0,), (0.0,), (5.0,), SHARES)
    else:
        networks = fitted(NetworkRegressor, preparation, X, score, dtype=dtype)
        column = name.startswith("column")
        spread = Spread((9.99e5, 1e6, 1e6, 1.002e6), (10.0, 20.0, 30.0, 5.0))
        target = Quantities(
            (1e6,), (2e3,), (9.97e5,), (1.003e6,), column=column, spreads=(spread,)
        )
    return Ensemble(preparation, members_of(networks), target, "TabularRegressor"), networks


NAMES = (
    *(
        "two",
        "three",
        "three scaled",
        "two float64",
        "value float64",
        "value",
        "value with dates",
        "column",
    ),
    *("several", "quantiles"),
)


def expected(name, frame):
    """What the ensemble answers, written out: the estimators' own answers, in NumPy."""
    ensemble, networks = made(name)
    X = matrix_of(ensemble.preparation, frame, dtype_of(name))
    weights = [member.weight for member in ensemble.members]
    target = ensemble.target
    if isinstance(target, Classes):
        parts = [network.predict_proba(X).astype(float) for network in networks]
        p = sum(w * part for w, part in zip(weights, parts, strict=True))
        return p / p.sum(axis=1, keepdims=True)
    parts = [network.predict(X).astype(float) for network in networks]
    total = sum(w * part for w, part in zip(weights, parts, strict=True))
    if target.quantiles:
        found = np.sort(target.means[0] + target.factors[0] * total, axis=1)
        return np.clip(found, target.least[0], target.most[0])
    found = np.clip(
        target.means + np.array(target.factors) * total.reshape(len(X), -1),
        target.least,
        target.most,
    )
    return found if found.shape[1] > 1 or target.column else found[:, 0]
