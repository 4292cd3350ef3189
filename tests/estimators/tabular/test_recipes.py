"""Recipes become networks: layers, rates of RealMLP, edges, epochs."""

import numpy as np
import pandas as pd
import pytest

from fusednn import TabularClassifier
from fusednn.estimators.tabular.answers import ClassTarget, QuantityTarget
from fusednn.estimators.tabular.columns import Columns
from fusednn.estimators.tabular.metrics import metric_of
from fusednn.estimators.tabular.presets import PRESETS
from fusednn.estimators.tabular.reading import matrix
from fusednn.estimators.tabular.recipes import Recipe, network_of
from fusednn.layers import (
    Dense,
    Dropout,
    Embedding,
    Output,
    ParametricActivation,
    Periodic,
    PiecewiseLinear,
    Scale,
)
from fusednn.schedules import FlatCosine
from fusednn.tables.frames.in_memory import table_of
from fusednn.tables.frames.targets import Quantities
from fusednn.tables.preparing.bins import bin_edges
from fusednn.tables.preparing.learning import learned_preparation

RNG = np.random.RandomState(0)
ROWS = 300
FRAME = pd.DataFrame(
    {
        "number": RNG.normal(size=ROWS),
        "code": RNG.choice([f"w{i}" for i in range(20)], ROWS),
        "flag": RNG.choice(["a", "b", "c"], ROWS),
        "spiky": np.where(RNG.rand(ROWS) < 0.95, 0.0, RNG.exponential(size=ROWS)),
        "pair": RNG.choice([1.5, 2.5], ROWS),
    }
)
TABLE = table_of(FRAME)
PREPARATION = learned_preparation(TABLE)
X = matrix(PREPARATION, TABLE)
COLUMNS = Columns.of(PREPARATION)
TARGETS = {
    "binary": (ClassTarget(np.array([0, 1])), (FRAME["number"] > 0).to_numpy().astype(int)),
    "classes": (ClassTarget(np.arange(3)), RNG.randint(3, size=ROWS)),
    "quantities": (
        QuantityTarget.learned(Quantities(FRAME["number"].to_numpy(), ()), None, ()),
        RNG.normal(size=(ROWS, 1)),
    ),
}
ENCODINGS = ["plain", "pbld", "plr", "quantile", "tree"]


def network(recipe, task="classes"):
    target, y = TARGETS[task]
    metric = metric_of("rmse" if task == "quantities" else "log_loss", target)
    return network_of(recipe, COLUMNS, target, metric, X, y, 5, 0), y


def initialized(recipe, task="classes"):
    model, y = network(recipe, task)
    return model.initialize(X, y[:, 0] if y.ndim == 2 else y)


def layers_of(model, kind):
    return [one for one in model.layers if isinstance(one, kind)]


def test_columns_are_numbers_flags_and_codes():
    assert COLUMNS.numbers == (0, 4, 5)
    assert COLUMNS.values == 6
    assert COLUMNS.counts == (21,)
    assert X.shape == (ROWS, 7)
    assert X.dtype == np.float32


@pytest.mark.parametrize("task", TARGETS)
@pytest.mark.parametrize("size", [None, 6])
@pytest.mark.parametrize("encoding", ENCODINGS)
def test_rates_are_realmlps(encoding, size, task):
    """Those of table A.1 of the paper, with pytabkit's squared factor in the decay of a step."""
    lr = 0.2 if task == "quantities" else 0.04
    model = initialized(Recipe("", encoding, size=size, widths=(24, 12), rate=lr), task)
    assert model.learning_rate_init == lr
    *hidden, output = layers_of(model, (Dense, Output))
    assert isinstance(output, Output)
    for one in (*hidden, output):
        assert one.parametrization == "ntk"
        assert one.init == "data"
        assert one.bias_rate_factor == 0.1
    twice = 2 if task == "binary" else 1
    assert [one.rate_factor for one in (*hidden, output)] == [1, 1, twice]
    for one in model.layers:
        if not hasattr(one, "decay_factor"):
            continue
        if isinstance(one, PiecewiseLinear) and not size:
            continue  # it has nothing to train
        rate = model.learning_rate_init * one.rate_factor
        decay = rate * model.solver.weight_decay * one.decay_factor
        if isinstance(one, (Dense, Embedding, Output)):
            assert decay == pytest.approx(lr * 0.02)
        elif isinstance(one, Scale):
            assert rate == pytest.approx(6 * lr)
            assert decay == pytest.approx(36 * lr * 0.02)
        elif isinstance(one, (Periodic, ParametricActivation, PiecewiseLinear)):
            assert rate == pytest.approx(0.1 * lr)
            assert decay == pytest.approx(0.01 * lr * 0.02)
    assert model.solver.decay_schedule == FlatCosine()
    assert {one.schedule for one in layers_of(model, Dropout)} == {FlatCosine()}


def test_rates_without_tangent_parametrisation_are_the_recipes():
    recipe = Recipe("", "quantile", tangent=False, rate=0.002, scale_rate=0)
    model, _ = network(recipe)
    assert model.learning_rate_init == 0.002
    assert {one.rate_factor for one in layers_of(model, Dense)} == {1.0}
    assert {one.decay_factor for one in layers_of(model, Dense)} == {1.0}
    assert not layers_of(model, (Scale, Output))


@pytest.mark.parametrize("task", TARGETS)
@pytest.mark.parametrize("encoding", ["quantile", "tree"])
def test_edges_are_those_of_the_columns(encoding, task):
    model, y = network(Recipe("", encoding, bins=8), task)
    [layer] = layers_of(model, PiecewiseLinear)
    assert layer.columns == (0, 4)  # column 5 has two values
    for place, found in zip(layer.columns, layer.edges, strict=True):
        target = y if encoding == "tree" else None
        expected = bin_edges(X[:, place], 8, target, classify=task != "quantities")
        np.testing.assert_allclose(found, expected, rtol=1e-6)
        assert (np.diff(np.float32(found)) > 0).all()
    if encoding == "quantile":  # the column is 0 in 95 of 100 rows
        assert len(layer.edges[1]) == 9


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_a_table_of_flags_alone_has_no_encoding():
    columns, target = Columns((), 2, ()), TARGETS["binary"][0]
    flags = RNG.randint(2, size=(ROWS, 2)).astype(np.float32)
    for encoding in ENCODINGS:
        recipe = Recipe("", encoding, widths=(8,))
        metric = metric_of("log_loss", target)
        y = flags[:, 0].astype(int)
        model = network_of(recipe, columns, target, metric, flags, y, 30, 0)
        assert not layers_of(model, (Periodic, PiecewiseLinear))
        model.n_iter_no_change = 10
        assert model.fit(flags, y, X_val=flags, y_val=y).score(flags, y) == 1


def test_epochs_follow_from_rows():
    recipe = Recipe("", epochs=200, passes=1.2e6, least_epochs=24)
    found = [recipe.epochs_for(rows) for rows in (100, 6000, 12_000, 80_000, 200_000, 10**6)]
    assert found == [200, 200, 100, 24, 10, 4]
    assert Recipe("").epochs_for(10**6) == 256
    assert Recipe("", epochs=8, passes=1.0).epochs_for(100) == 8


def test_families_of_a_preset_have_names_of_their_own():
    for preset in PRESETS.values():
        for target, _ in TARGETS.values():
            recipes = preset.recipes(target)
            names = [one.family for one in recipes]
            assert len(set(names)) == len(names)


@pytest.mark.parametrize(("preset", "known"), [("default", [8, 4]), ("fast", [1, 1])])
def test_folds_follow_from_rows(preset, known):
    for target, _ in TARGETS.values():
        found = [PRESETS[preset].fitting(rows, target).n_folds for rows in (2000, 2001)]
        assert found == known
        asked = TabularClassifier(preset, n_folds=3)._preset()
        assert {asked.fitting(rows, target).n_folds for rows in (2000, 2001)} == {3}


@pytest.mark.parametrize("task", ["binary", "classes"])
def test_networks_of_large_tables_are_narrow(task):
    target, _ = TARGETS[task]
    small, large = (PRESETS["default"].fitting(n, target) for n in (100_000, 100_001))
    widest = [max(max(one.widths, default=0) for one in own.classes) for own in (small, large)]
    assert widest == [256, 128]
    assert len(large.classes) == len(small.classes) - 1


def test_fast_is_one_network_but_for_few_quantities():
    for task, (target, _) in TARGETS.items():
        found = [len(PRESETS["fast"].fitting(n, target).classes) for n in (100, 10_000, 10_001)]
        assert found == ([3, 3, 1] if task == "quantities" else [1, 1, 1])


def test_batches_follow_from_rows():
    recipe = Recipe("", small_batch=64)
    assert [recipe.batch_for(rows) for rows in (10, 1024, 1025)] == [10, 64, 256]
    steps = recipe._replace(least_steps=4)
    assert [steps.batch_for(rows) for rows in (5, 10, 48, 100, 1024)] == [5, 8, 12, 25, 64]


def test_few_epochs_have_no_valleys():
    """The first cycles of CosLog would end within one epoch."""
    target, y = TARGETS["binary"]
    known = COLUMNS, target, metric_of("log_loss", target), X, y
    recipe = Recipe("", valleys=True)
    found = [network_of(recipe, *known, epochs, 0).n_iter_no_change for epochs in (15, 16)]
    assert found == [np.inf, "cycle"]
    assert network_of(Recipe(""), *known, 100, 0).n_iter_no_change == np.inf
