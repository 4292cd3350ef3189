"""The interpreter's own gradients are those of differences of its losses, for every layer."""

import numpy as np
import pytest
from cases.op_networks import CASES, parameters_for, reads_codes
from oracles.interpreter import Run

SAMPLES = 20


def quadratic(t):
    """Half the squared distance of the logits from t (B, O), which the orders pick from."""

    def of_loss(logits, samples):
        d = logits - t[samples].reshape(logits.shape)
        return (d**2).reshape(len(d), -1).sum(axis=1)[:, np.newaxis] / 2, d

    return of_loss


def data_for(network, rng):
    """Samples, and the columns that have derivatives."""
    X, columns = rng.normal(size=(SAMPLES, 6)), np.arange(6)
    if reads_codes(network):
        X[:, [1, 3]] = rng.integers(4, size=(SAMPLES, 2))
        columns = np.delete(columns, [1, 3])
    return X, columns


@pytest.mark.parametrize("mixed", [False, True], ids=["alone", "mixed"])
@pytest.mark.parametrize("network", CASES.values(), ids=CASES)
def test_gradients_are_differences(network, mixed):
    rng = np.random.default_rng(0)
    wants_dx = not mixed
    graph = network.graph(trains=True, noisy=True, mixed=mixed, wants_dx=wants_dx)
    X, columns = data_for(network, rng)
    t = rng.normal(size=(SAMPLES, network.outputs))
    parameters = parameters_for(graph, rng)
    orders = {"own": rng.permutation(SAMPLES), "partners": rng.permutation(SAMPLES)}

    def run(X=X):
        of_loss = quadratic(t)
        return Run(
            graph, parameters, X, lambda z, name: of_loss(z, orders[name]), orders, mix=0.3, step=2
        )

    def difference(array, place, moved=X):
        step, before = 1e-6, array[place]
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
                assert gradient[place] == pytest.approx(expected, rel=1e-5, abs=1e-6)
    if wants_dx:
        moved = X.copy()
        for _ in range(5):
            row, column = rng.integers(SAMPLES), rng.choice(columns)
            expected = difference(moved, (orders["own"][row], column), moved)
            dx = found.dx.reshape(SAMPLES, -1)[row, column]
            assert dx == pytest.approx(expected, rel=1e-5, abs=1e-6)
        assert not np.delete(found.dx, columns, axis=1).any()


@pytest.mark.parametrize("of", [-1, 0])
@pytest.mark.parametrize("network", CASES.values(), ids=CASES)
def test_gradients_of_outputs_are_differences(network, of):
    rng = np.random.default_rng(0)
    graph, answers = network.graph(wants_dx=True), network.graph()
    assert not graph.gradients
    X, columns = data_for(network, rng)
    parameters = parameters_for(graph, rng)
    found = Run(graph, parameters, X, of=of)
    picked = found.logits.argmax(axis=1) if of < 0 else np.full(SAMPLES, of)

    def output(X):
        return Run(answers, parameters, X).logits[np.arange(SAMPLES), picked]

    for column in columns:
        step = 1e-6 * (np.arange(6) == column)
        expected = (output(X + step) - output(X - step)) / 2e-6
        np.testing.assert_allclose(found.dx[:, column], expected, rtol=1e-5, atol=1e-6)
    assert not np.delete(found.dx, columns, axis=1).any()
