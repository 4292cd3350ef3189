"""The interpreter's own gradients are those of differences of its losses, for every layer."""

import numpy as np
import pytest
from cases.op_networks import CASES, code_columns, parameters_for
from cases.series_networks import SERIES, padded_series
from oracles.interpreter import Run

from fusednn.plan.lengths import lengths_behind

SAMPLES = 8


def quadratic(t):
    """Half the squared distance of the logits from t (B, ...), which the orders pick from."""

    def of_loss(logits, samples):
        d = logits - t[samples].reshape(logits.shape)
        return (d**2).reshape(len(d), -1).sum(axis=1)[:, np.newaxis] / 2, d

    return of_loss


def data_for(network, rng):
    """Samples, and the columns that have derivatives."""
    X, columns = rng.normal(size=(SAMPLES, 6)), np.arange(6)
    codes = code_columns(network)
    X[:, codes] = rng.integers(4, size=(SAMPLES, len(codes)))
    columns = np.delete(columns, codes)
    return X, columns


@pytest.mark.thinned
@pytest.mark.parametrize("mixed", [False, True], ids=["alone", "mixed"])
@pytest.mark.parametrize("network", CASES.values(), ids=CASES)
def test_gradients_are_differences(network, mixed):
    rng = np.random.default_rng(0)
    wants_dx = not mixed
    graph = network.graph(trains=True, noisy=True, mixed=mixed, wants_dx=wants_dx)
    X, columns = data_for(network, rng)
    t = rng.normal(size=(SAMPLES, *network.out_shape))
    parameters = parameters_for(graph, rng)
    orders = {"own": rng.permutation(SAMPLES), "partners": rng.permutation(SAMPLES)}

    def run(X=X):
        of_loss = quadratic(t)
        return Run(
            graph, parameters, X, lambda z, name: of_loss(z, orders[name]), orders, mix=0.3, step=2
        )

    def difference(array, place, moved=X):
        step, before = 1e-5, array[place]
        ends = []
        for array[place] in (before + step, before - step):
            ends.append(run(moved).losses.sum())
        array[place] = before
        return (ends[0] - ends[1]) / (2 * step)

    found = run()
    for number, gradient in enumerate(found.gradients()):
        trained = graph.parameters[number][0].trained
        assert (gradient is not None) == trained
        if trained:
            for _ in range(3):
                place = tuple(rng.integers(size) for size in gradient.shape)
                expected = difference(parameters[number], place)
                if getattr(graph.gradients.get(number), "left_out", None) == place[0]:
                    expected = 0.0
                assert gradient[place] == pytest.approx(expected, rel=1e-5, abs=1e-6)
    if wants_dx:
        moved = X.copy()
        for _ in range(5 if len(columns) else 0):
            row, column = rng.integers(SAMPLES), rng.choice(columns)
            expected = difference(moved, (orders["own"][row], column), moved)
            dx = found.dx.reshape(SAMPLES, -1)[row, column]
            assert dx == pytest.approx(expected, rel=1e-5, abs=1e-6)
        assert not np.delete(found.dx, columns, axis=1).any()


@pytest.mark.thinned
@pytest.mark.parametrize("of", [-1, 0])
@pytest.mark.parametrize("network", CASES.values(), ids=CASES)
def test_gradients_of_outputs_are_differences(network, of):
    rng = np.random.default_rng(0)
    graph, answers = network.graph(wants_dx=True), network.graph()
    assert not graph.gradients
    X, columns = data_for(network, rng)
    parameters = parameters_for(graph, rng)
    found = Run(graph, parameters, X, of=of)
    rows = found.logits.reshape(SAMPLES, -1, network.outputs)
    picked = np.zeros(rows.shape)
    if of < 0:
        np.put_along_axis(picked, rows.argmax(axis=2)[..., np.newaxis], 1, axis=2)
    else:
        picked[:, 0, of] = 1

    def output(X):
        rows = Run(answers, parameters, X).logits.reshape(picked.shape)
        return (rows * picked).sum(axis=(1, 2))

    for column in columns:
        step = 1e-6 * (np.arange(6) == column)
        expected = (output(X + step) - output(X - step)) / 2e-6
        np.testing.assert_allclose(found.dx[:, column], expected, rtol=1e-5, atol=1e-6)
    assert not np.delete(found.dx, columns, axis=1).any()


@pytest.mark.parametrize("network", SERIES.values(), ids=SERIES)
def test_gradients_of_padded_series_are_differences(network):
    rng = np.random.default_rng(0)
    X, counts = padded_series(network, SAMPLES, rng)
    graph = network.graph(trains=True, noisy=True, wants_dx=True, ragged=True)
    parameters, orders = parameters_for(graph, rng), {"own": rng.permutation(SAMPLES)}
    t = rng.normal(size=(SAMPLES, *network.out_shape))
    if t.ndim > 2:  # as the logits of the padding, which do not count
        t[lengths_behind(counts, network)[:, np.newaxis] <= np.arange(t.shape[1])] = 0

    def run(X=X):
        return Run(graph, parameters, X, lambda z, name: quadratic(t)(z, orders[name]), orders)

    def difference(array, place, moved=X):
        before, ends = array[place], []
        for array[place] in (before + 1e-6, before - 1e-6):
            ends.append(run(moved).losses.sum())
        array[place] = before
        return (ends[0] - ends[1]) / 2e-6

    found = run()
    for number, gradient in enumerate(found.gradients()):
        for _ in range(2 * (gradient is not None)):
            place = tuple(rng.integers(size) for size in gradient.shape)
            expected = difference(parameters[number], place)
            if getattr(graph.gradients.get(number), "left_out", None) == place[0]:
                expected = 0.0
            assert gradient[place] == pytest.approx(expected, rel=1e-5, abs=1e-6)
    if code_columns(network):
        assert not found.dx.any()
        return
    moved, dx = X.copy(), found.dx.reshape(SAMPLES, -1)
    places = np.argwhere(~np.isnan(X[orders["own"]]))
    for row, column in rng.permutation(places)[:5]:
        expected = difference(moved, (orders["own"][row], column), moved)
        assert dx[row, column] == pytest.approx(expected, rel=1e-5, abs=1e-6)
    assert not dx[np.isnan(X[orders["own"]])].any()
