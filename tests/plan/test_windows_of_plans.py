"""Training in windows beside the interpreter of the windows' graphs, in poisoned memory."""

from itertools import pairwise

import numpy as np
import pytest
from cases.op_networks import parameters_for
from oracles.interpreter import Run
from running.poison import poison

from fusednn.graph.in_windows import in_windows
from fusednn.graph.layers.dense import Dense
from fusednn.graph.layers.layer_norm import LayerNorm
from fusednn.graph.layers.recurrent import Recurrent
from fusednn.graph.layers.reshape import Reshape
from fusednn.graph.layers.residual import Residual
from fusednn.graph.network import Network
from fusednn.plan.binding.activations import epilogue
from fusednn.plan.binding.loss import Target
from fusednn.plan.updating.rule import Rule
from fusednn.training.session import Session

SAMPLES, BATCH, STEPS, CHANNELS, RATE = 11, 4, 10, 2, 0.3
ENDS = {
    "each step": (Recurrent(17, 4, "gru", sequences=True), Dense(4, 2)),
    "label": (Recurrent(17, 4, "gru"), Dense(4, 2)),
    "label, RNN": (Recurrent(17, 3, "tanh", after=epilogue("selu")), Dense(3, 2)),
    "each step, RNN": (Recurrent(17, 3, "relu", sequences=True), LayerNorm(3), Dense(3, 2)),
}


def network_of(end, steps=STEPS):
    ops = Recurrent(CHANNELS, 17, "lstm", sequences=True, after=epilogue("tanh", dropout=0.3))
    residual = Residual((Recurrent(17, 17, "tanh", sequences=True), Dense(17, 17)))
    first = Reshape((steps, CHANNELS))
    return Network((first, ops, residual, *ENDS[end]), "squared_error")


def interpreted(network, parameters, X, t, window, order, steps_of_update):
    """A pass of gradient descent, window by window; the steps number the dropout."""
    each = t.ndim > 2
    parameters = [array.astype(float) for array in parameters]
    edges = [*range(0, STEPS, window), STEPS]
    if not each:  # the last window has all its steps
        edges = [STEPS - edge for edge in reversed(edges)]
    step = 0
    for first in range(0, SAMPLES, BATCH):
        rows, left = order[first : first + BATCH], None
        for start, stop in pairwise(edges):
            part = network._replace(ops=in_windows(network.ops, stop - start))
            graph = part.graph(trains=True, noisy=True)
            wanted = t[rows][:, start:stop] if each else t[rows]
            count = wanted[..., 0].size

            def of_loss(logits, name, wanted=wanted, count=count):
                d = (logits - wanted).reshape(logits.shape) / count
                return (d * d * count).reshape(len(d), -1).sum(axis=1, keepdims=True), d

            run = Run(
                graph, parameters, X[rows][:, start:stop].reshape(len(rows), -1), of_loss,
                seed=7, step=step, carried=left, continues=start > 0,
            )  # fmt: skip
            left = run.left
            is_judged = each or stop == STEPS
            step += steps_of_update if is_judged else 1
            if is_judged:
                parameters = [
                    array if one is None else array - RATE * one
                    for array, one in zip(parameters, run.gradients(), strict=True)
                ]
    return parameters


@pytest.mark.parametrize(
    ("window", "clipped", "jobs"), [(4, False, 2), (4, True, 1), (5, True, 2), (5, False, 1)]
)
@pytest.mark.parametrize("end", ENDS)
def test_a_pass_is_that_of_the_interpreter(end, window, clipped, jobs):
    rng, network = np.random.default_rng(0), network_of(end)
    X = rng.normal(size=(SAMPLES, STEPS, CHANNELS))
    t = rng.normal(size=(SAMPLES, STEPS, 2) if "each" in end else (SAMPLES, 2))
    parameters = parameters_for(network.graph(trains=True), rng)
    order = rng.permutation(SAMPLES)
    rule = Rule("sgd", (0.0,), window=window, clip_norm=1e6 if clipped else np.inf)
    session = Session(
        network, X.reshape(SAMPLES, -1), Target(t, None), rule, batch=BATCH, order=order, l2=0.0,
        n_jobs=jobs,
    )  # fmt: skip
    session.load(parameters)
    session.begin(7, 0)
    assert poison(session.plan.memory)
    with session:
        losses = session.run_passes(np.full(session.batches, RATE))
    assert np.isfinite(losses).all()
    want = interpreted(network, parameters, X, t, window, order, 1 + clipped)
    for ours, expected in zip(session.parameters(), want, strict=True):
        np.testing.assert_allclose(ours, expected, rtol=1e-9, atol=1e-10)


LENGTHS = (10, 3, 7, 1, 10, 2, 9, 4, 10, 5, 8)


def interpreted_series(network, parameters, X, t, window, order):
    """The same over series of LENGTHS, whose windows are put together sample by sample.

    Those of steps begin with the series; those of a label end with it.
    """
    each, lengths = t.ndim > 2, np.array(LENGTHS)
    parameters = [array.astype(float) for array in parameters]
    sizes = [stop - start for start, stop in pairwise([*range(0, STEPS, window), STEPS])]
    sizes = sizes if each else sizes[::-1]
    step = 0
    for first in range(0, SAMPLES, BATCH):
        rows, left = order[first : first + BATCH], None
        for number, size in enumerate(sizes):
            starts = np.full(len(rows), number * window)
            counts = np.clip(lengths[rows] - starts, 0, size)
            if not each:
                stops = lengths[rows] - (len(sizes) - 1 - number) * window
                starts, counts = np.maximum(stops - window, 0), np.clip(stops, 0, size)
            part = network._replace(ops=in_windows(network.ops, size))
            graph = part.graph(trains=True, noisy=True, ragged=True, windowed=True)
            own = np.arange(size) < counts[:, np.newaxis]
            wanted = t[rows]
            if each:
                cut = starts[:, np.newaxis] + np.arange(size)
                wanted = t[rows[:, np.newaxis], np.minimum(cut, STEPS - 1)]
            total = max(1, own.sum()) if each else len(rows)

            def of_loss(logits, name, wanted=wanted, total=total, own=own, each=each):
                d = (logits - wanted).reshape(logits.shape) / total
                d = d * own[..., np.newaxis] if each else d
                return (d * d).reshape(len(d), -1).sum(axis=1, keepdims=True), d

            windows = [X[row, at : at + size] for row, at in zip(rows, starts, strict=True)]
            run = Run(
                graph, parameters, np.reshape(windows, (len(rows), -1)), of_loss,
                orders={"own": np.arange(len(rows)), "steps": counts}, seed=7, step=step,
                carried=left, continues=number > 0,
            )  # fmt: skip
            left = run.left
            step += 1
            if each or number == len(sizes) - 1:
                parameters = [
                    array if one is None else array - RATE * one
                    for array, one in zip(parameters, run.gradients(), strict=True)
                ]
    return parameters


@pytest.mark.parametrize(("window", "jobs"), [(4, 2), (5, 1), (3, 1), (1, 1)])
@pytest.mark.parametrize("end", ENDS)
def test_a_pass_over_unequal_lengths_is_that_of_the_interpreter(end, window, jobs):
    rng, network = np.random.default_rng(0), network_of(end)
    X = rng.normal(size=(SAMPLES, STEPS, CHANNELS))
    t = rng.normal(size=(SAMPLES, STEPS, 2) if "each" in end else (SAMPLES, 2))
    behind = np.arange(STEPS) >= np.array(LENGTHS)[:, np.newaxis]
    X[behind] = np.nan
    target = Target(t, None)
    if "each" in end:
        target = Target(
            np.where(behind[..., np.newaxis], np.nan, t), None, (~behind).astype(float)
        )
    parameters = parameters_for(network.graph(trains=True), rng)
    rule = Rule("sgd", (0.0,), window=window, ragged=True)
    session = Session(
        network, X.reshape(SAMPLES, -1), target, rule, batch=BATCH, order=rng.permutation(SAMPLES),
        l2=0.0, n_jobs=jobs,
    )  # fmt: skip
    session.load(parameters)
    session.begin(7, 0)
    assert poison(session.plan.memory)
    with session:
        losses = session.run_passes(np.full(session.batches, RATE))
    assert np.isfinite(losses).all()
    want = interpreted_series(network, parameters, X, t, window, session.orders[0])
    for ours, expected in zip(session.parameters(), want, strict=True):
        np.testing.assert_allclose(ours, expected, rtol=1e-9, atol=1e-10)
