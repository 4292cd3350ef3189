"""Series of unequal lengths: each has the bits that it has alone; gradients are their sums."""

import numpy as np
import pytest
from cases.op_networks import parameters_for
from cases.series_networks import (
    SERIES,
    alone,
    as_series,
    more_steps,
    padded_series,
    padded_to,
)
from fusednn.kernels.records import MIX, STREAM
from oracles.interpreter import Run
from running.poison import poison

from fusednn.plan.binding.data import source_of
from fusednn.plan.binding.loss import Target
from fusednn.plan.inference import lower_outputs
from fusednn.plan.layout.choosing import forms_of
from fusednn.plan.layout.parameters import ParameterLayout
from fusednn.plan.lengths import dealt, has_padding, lengths_of, without_padding
from fusednn.plan.updating.rule import Rule
from fusednn.training import predict as predictions
from fusednn.training.predict import input_gradient, predict
from fusednn.training.session import Session
from fusednn.training.threads.team import run_all

SAMPLES = 41
EVERY = pytest.mark.parametrize("network", SERIES.values(), ids=SERIES)


def draw(network, dtype=float):
    """Series, their steps, targets, and parameters that the type holds exactly."""
    rng = np.random.default_rng(0)
    X, counts = padded_series(network, SAMPLES, rng, dtype)
    parameters = parameters_for(network.graph(trains=True), rng)
    t = rng.normal(size=(SAMPLES, *network.out_shape)).astype(dtype)
    return X, counts, t, [array.astype(dtype) for array in parameters], rng


def assert_close(found, expected, share=1e-11):
    scale = max(1.0, np.abs(expected).max(initial=0.0))
    np.testing.assert_allclose(found / scale, expected / scale, rtol=share, atol=share)


@pytest.fixture
def poisoned(monkeypatch):
    """NaN in all memory that a prediction has to write before it may read it."""

    def run(program, *args):
        poison(program.memory)
        return run_all(program, *args)

    monkeypatch.setattr(predictions, "run_all", run)


@pytest.mark.thinned
@EVERY
@pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])
def test_each_series_has_the_bits_that_it_has_alone(network, dtype, poisoned):
    X, counts, _, parameters, rng = draw(network, dtype)
    whole = predict(network, parameters, X, n_jobs=1)
    assert np.isfinite(whole).all()
    for sample, steps in enumerate(counts):
        own, x = alone(network, X, sample, steps)
        assert not has_padding(x, network.ops[0])
        found = predict(own, parameters, x, n_jobs=1)[0]
        assert whole[sample, : len(found)].tobytes() == found.tobytes()
        assert not whole[sample, len(found) :].any()
    some = rng.permutation(SAMPLES)[:29]
    longer = padded_to(network, X[some], more_steps(network))
    found = predict(longer[0], parameters, longer[1], n_jobs=2)
    assert found[:, : whole.shape[1]].tobytes() == whole[some].tobytes()
    assert not found[:, whole.shape[1] :].any()
    longest_first = np.argsort(-counts)
    found = predict(network, parameters, X[longest_first], n_jobs=2)
    assert found.tobytes() == whole[longest_first].tobytes()


@EVERY
def test_gradients_of_outputs(network, poisoned):
    """Those by each series are as if it were alone, and 0 in the padding."""
    X, counts, _, parameters, _ = draw(network, np.float32)
    found = as_series(network, input_gradient(network, parameters, X, picked=0, n_jobs=2))
    for sample, steps in enumerate(counts):
        own, x = alone(network, X, sample, steps)
        dx = as_series(own, input_gradient(own, parameters, x, picked=0, n_jobs=1))
        np.testing.assert_array_equal(found[sample, :steps], dx[0])
        assert not found[sample, steps:].any()


@EVERY
def test_outputs_of_every_op(network):
    X, _, _, parameters, _ = draw(network)
    graph = network.graph(ragged=True)
    run, layout = Run(graph, parameters, X), ParameterLayout(forms_of(network, float), float)
    flat = layout.pack(parameters)
    program, arrays = lower_outputs(
        network, layout.views(flat), source_of(X, float), np.dtype(float), ragged=True
    )
    for refresh in program.refresh:
        refresh()
    poison(program.memory)
    run_all(program)
    for array, found in zip(graph.outputs, arrays, strict=True):
        assert_close(found, run.values[array].reshape(SAMPLES, -1))


def target_of(t, X, network):
    """The targets (n, *rows, C) as a plan takes them, unknown behind a series' own steps."""
    return without_padding(Target(t, None), X, network)


def mean_error(t, orders, rows):
    """The squared error of samples in an order, a mean over outputs; the gradient of the sum.

    Both are over so many rows; targets that are NaN do not count.
    """

    def of_loss(logits, name):
        d = np.nan_to_num((logits - t[orders[name]]) / rows)
        errors = (d * d * rows).mean(axis=-1).reshape(len(d), -1)
        return errors.sum(axis=1, keepdims=True) / 2, d

    return of_loss


def gradients_of(network, X, target, parameters, jobs, **rule):
    """The loss, its gradients, the gradient by the data, and the order of the samples."""
    rule = Rule(None, inputs=True, ragged=True, **rule)
    order = np.random.default_rng(1).permutation(len(X))
    given = {"batch": len(X), "order": order, "l2": 0.0, "n_jobs": jobs}
    session = Session(network, X, target, rule, **given)
    session.load(parameters)
    with session:
        poison(session.plan.memory)
        loss = session.run_gradient(1.0)
    found = session.plan.layout.unpack(session.plan.gradient)
    return loss, found, session.plan.dx.copy(), session.orders[0]


@EVERY
def test_gradients_of_the_loss(network):
    """The engine's are the interpreter's, and sums of those of each series alone."""
    X, counts, t, parameters, _ = draw(network)
    target = target_of(t, X, network)
    t, rows = target.values, np.isfinite(target.values[..., 0]).sum()
    loss, found, dx, order = gradients_of(network, X, target, parameters, 1)
    again = gradients_of(network, X, target, parameters, 2)
    for one, other in zip([dx, *found], [again[2], *again[1]], strict=True):
        assert one.tobytes() == other.tobytes()
    of_loss = mean_error(t, {"own": order}, rows)
    graph = network.graph(trains=True, wants_dx=True, ragged=True)
    run = Run(graph, parameters, X, of_loss, {"own": order})
    expected = run.gradients()
    assert_close(np.array(loss), run.losses.sum())
    assert_close(dx, run.dx)
    for one, ours in zip(expected, found, strict=True):
        if one is not None:
            assert_close(ours, one)
    if network.needs_batches():
        return
    sums = [0.0 if one is None else np.zeros(one.shape) for one in expected]
    for sample in order:
        own, x = alone(network, X, sample, counts[sample])
        own_t = t[sample : sample + 1]
        if len(own.out_shape) > 1:
            own_t = own_t[:, : own.out_shape[0]]
        of_loss = mean_error(own_t, {"own": np.arange(1)}, rows)
        of_own = Run(own.graph(trains=True), parameters, x, of_loss).gradients()
        both = zip(sums, of_own, strict=True)
        sums = [total if one is None else total + one for total, one in both]
    for total, one in zip(sums, expected, strict=True):
        if one is not None:
            assert_close(one, total)


@pytest.mark.thinned
@EVERY
@pytest.mark.parametrize("mixup", [0.0, 0.4])
def test_steps_with_noise(network, mixup):
    """A step of SGD at rate 1 moves each parameter by its gradient times its factor of the rate;
    masks are by position."""
    X, _, t, parameters, rng = draw(network)
    rule = Rule("sgd", (0.0,), ragged=True, mixup=mixup)
    given = {"batch": SAMPLES, "order": rng.permutation(SAMPLES), "l2": 0.0, "n_jobs": 2}
    target = target_of(t, X, network)
    t, rows = target.values, np.isfinite(target.values[..., 0]).sum()
    session = Session(network, X, target, rule, **given)
    session.load(parameters)
    session.begin(7, 0)
    with session:
        poison(session.plan.memory)
        session.run_passes(np.ones(1))
    shares = session.plan.program.settings[0]
    orders = {"own": session.orders[0], "partners": session.plan.partners[:SAMPLES]}
    graph = network.graph(trains=True, noisy=True, mixed=bool(mixup), ragged=True)
    run = Run(
        graph, parameters, X, mean_error(t, orders, rows), orders,
        mix=shares[MIX] if mixup else 1.0, seed=7, step=int(shares[STREAM]),
    )  # fmt: skip
    for (parameter, array), before, after, gradient in zip(
        graph.parameters, parameters, session.parameters(), run.gradients(), strict=True
    ):
        if gradient is None:
            assert_close(after, run.values[array])
        elif parameter.largest == np.inf:
            assert_close(before - after, parameter.rate * gradient)


@pytest.mark.parametrize("name", ["two GRUs", "groups"])
def test_blocks_of_a_batch(name):
    """Gradients that are added up block by block."""
    network = SERIES[name]
    X, _, t, parameters, _ = draw(network)
    target = Target(t, None)
    _, whole, _, _ = gradients_of(network, X, target, parameters, 1)
    _, found, _, _ = gradients_of(network, X, target, parameters, 2, block=8)
    for one, other in zip(whole, found, strict=True):
        assert_close(one, other)


def test_batches_keep_their_samples():
    """Each is the shuffle's, from the longest series to the shortest in each task's share."""
    network = SERIES["two GRUs"]
    rng = np.random.default_rng(0)
    X, counts = padded_series(network, 200, rng)
    t = np.zeros((200, network.outputs))
    given = {"batch": 90, "order": np.arange(200), "l2": 0.0, "n_jobs": 1}
    session = Session(network, X, Target(t, None), Rule("sgd", (0.0,), ragged=True), **given)
    np.testing.assert_array_equal(lengths_of(X, network.ops[0]), counts)
    session.shuffle(np.random.RandomState(3), 1)
    shuffled = np.arange(200)
    np.random.RandomState(3).shuffle(shuffled)
    for first in (0, 90, 180):
        batch = session.orders[0][first : first + 90]
        assert set(batch) == set(shuffled[first : first + 90])
        hands = np.split(counts[batch], np.flatnonzero(np.diff(counts[batch]) > 0) + 1)
        assert len(hands) <= -(-len(batch) // 32)
        assert np.ptp([hand.mean() for hand in hands]) < 1
    assert (np.sort(dealt(counts)) == np.arange(200)).all()


def test_what_does_not_fit():
    """A network that fixes the steps, and a first op without a time axis."""
    network = SERIES["convolutions"]
    with pytest.raises(ValueError, match="leaves no step"):
        network.with_steps(1)
    flat = network._replace(ops=network.ops[3:])
    with pytest.raises(ValueError, match="time axis"):
        flat.graph(ragged=True)


def test_classes_of_steps():
    """A loss of classes counts a series' own steps alone, with weights and without."""
    network = SERIES["a sequence at the end"]._replace(loss="softmax")
    X, counts, _, parameters, rng = draw(network)
    labels = rng.integers(3, size=(SAMPLES, 3, 1)).astype(float)
    weights = rng.uniform(size=(SAMPLES, 3))
    for own in (None, weights):
        target = without_padding(Target(labels, own), X, network)
        loss, *_ = gradients_of(network, X, target, parameters, 2)
        expected = total = 0.0
        for sample, steps in enumerate(counts):
            one, x = alone(network, X, sample, steps)
            p = predict(one, parameters, x).reshape(steps, 3)
            factor = np.ones(steps) if own is None else own[sample, :steps]
            places = labels[sample, :steps, 0].astype(int)
            expected -= (factor * np.log(p[np.arange(steps), places])).sum()
            total += factor.sum()
        assert loss == pytest.approx(expected / total)
