"""The gradients of the graphs of games are differences of the losses."""

import numpy as np
import pytest
from cases.game_networks import FACTOR, GAMES, GRAPHS
from cases.op_networks import parameters_for
from oracles.interpreter import Run

from fusednn.graph.game import generator_graph
from fusednn.graph.network import Network

SAMPLES = 8
CLASSES = np.arange(SAMPLES) % 3


def of_loss(logits, order):
    """Half the squared distance from 1."""
    d = logits - 1.0
    return (d**2).sum(axis=1, keepdims=True) / 2, d


def drawn(graph, seed=0):
    rng = np.random.default_rng(seed)
    X, parameters = rng.normal(size=(SAMPLES, *graph.x.shape)), parameters_for(graph, rng)
    return X, parameters, rng


def run(graph, parameters, X):
    return Run(graph, parameters, X, of_loss, step=2, of=CLASSES, scale=0.3)


@pytest.mark.parametrize("graph", GRAPHS.values(), ids=GRAPHS)
def test_gradients_are_differences(graph):
    X, parameters, rng = drawn(graph)
    gradients = run(graph, parameters, X).gradients()
    assert len(graph.gradients) > 0
    for number, gradient in enumerate(gradients):
        for _ in range(4 * (gradient is not None)):
            place, ends = tuple(rng.integers(size) for size in gradient.shape), []
            before = parameters[number][place]
            for parameters[number][place] in (before + 1e-6, before - 1e-6):
                ends.append(run(graph, parameters, X).losses.sum())
            parameters[number][place] = before
            expected = (ends[0] - ends[1]) / 2e-6
            assert gradient[place] == pytest.approx(expected, rel=1e-5, abs=1e-6)


@pytest.mark.parametrize(("generator", "discriminator"), GAMES.values(), ids=GAMES)
def test_a_generator_learns_through_a_discriminator_that_stays(generator, discriminator):
    found = generator_graph(generator, discriminator)
    X, parameters, _ = drawn(found.graph)
    gradients = run(found.graph, parameters, X).gradients()
    own = [parameter.trained for parameter in Network(generator, None).parameters()]
    others = len(gradients) - len(own)
    assert [one is not None for one in gradients] == [*own, *[False] * others]


@pytest.mark.parametrize("name", ["plain", "one layer"])
def test_a_penalty_is_that_of_differences_of_outputs(name):
    """The derivatives of the output of each row's class, by the row."""
    graph, network = GRAPHS[f"penalty of {name}"], Network(GAMES[name][1], None)
    X, parameters, _ = drawn(graph)

    def outputs(moved):
        logits = Run(network.graph(), parameters, moved).logits
        return logits[np.arange(SAMPLES), CLASSES]

    moves = 1e-6 * np.eye(X.shape[1])
    slopes = [(outputs(X + move) - outputs(X - move)) / 2e-6 for move in moves]
    expected = 0.3 * FACTOR * (np.linalg.norm(slopes, axis=0) - 1) ** 2
    np.testing.assert_allclose(run(graph, parameters, X).losses[:, 0], expected, rtol=1e-6)
