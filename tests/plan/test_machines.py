"""The compiled engine against the interpreter of the same graph, for every op."""

import numpy as np
import pytest
from cases.augmented_networks import AUGMENTED
from cases.op_networks import CASES, code_columns, parameters_for
from fusednn.kernels.records import MIX, STREAM
from oracles.interpreter import Run

from fusednn.estimators.unlabelled.lists import paired
from fusednn.graph.layers.latent import Latent
from fusednn.graph.network import Network
from fusednn.layers import Dense
from fusednn.plan.binding.data import source_of
from fusednn.plan.binding.loss import Target
from fusednn.plan.inference import lower_outputs
from fusednn.plan.layout.choosing import forms_of
from fusednn.plan.layout.parameters import ParameterLayout
from fusednn.plan.memory import spans
from fusednn.plan.updating.rule import Rule
from fusednn.training.predict import input_gradient
from fusednn.training.session import Session
from fusednn.training.threads.team import run_all

SAMPLES = 41
DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])
EVERY = pytest.mark.parametrize("network", CASES.values(), ids=CASES)
BOUNDS = {np.float32: {"rtol": 2e-4, "atol": 2e-5}, np.float64: {"rtol": 1e-9, "atol": 1e-11}}


def draw(network, dtype, **kind):
    """Data, targets and parameters that the type holds exactly."""
    rng = np.random.default_rng(0)
    X, t = rng.normal(size=(SAMPLES, 6)), rng.normal(size=(SAMPLES, *network.out_shape))
    codes = code_columns(network)
    X[:, codes] = rng.integers(4, size=(SAMPLES, len(codes)))
    parameters = parameters_for(network.graph(**kind), rng)
    return X.astype(dtype), t.astype(dtype), [array.astype(dtype) for array in parameters], rng


def mean_error(t, orders):
    """The squared error of the samples that an order names, a mean over outputs, and the gradient
    of the sum; both over all rows of all samples.
    """

    def of_loss(logits, name):
        rows = SAMPLES * t[0, ..., 0].size
        d = (logits - t[orders[name]]) / rows
        return (d * d * rows).mean(axis=-1).reshape(SAMPLES, -1).sum(axis=1, keepdims=True) / 2, d

    return of_loss


def assert_close(found, expected, dtype):
    scale = max(1.0, np.abs(expected).max(initial=0.0))
    np.testing.assert_allclose(found / scale, expected / scale, **BOUNDS[dtype])


def target_of(t):
    """The targets (n, *axes, C) as a plan takes them."""
    return Target(t if t.ndim == 2 else t.reshape(len(t), -1, t.shape[-1]), None)


@pytest.mark.thinned
@DTYPES
@EVERY
@pytest.mark.parametrize(("jobs", "inputs"), [(1, False), (2, False), (2, True)])
def test_gradients(network, dtype, jobs, inputs):
    check_gradients(network, dtype, jobs, inputs)


@pytest.mark.parametrize("near", [1, 4096], ids=["one", "few"])
@pytest.mark.parametrize(
    "network", [pytest.param(one, id=name) for name, one in CASES.items() if one.positions > 1]
)
def test_gradients_in_small_steps(network, near, monkeypatch):
    """Loops over one sample or a few: elsewhere all samples of a chunk are near."""
    monkeypatch.setattr(spans, "STEP_BYTES", near)
    check_gradients(network, np.float64, 2, True)


@DTYPES
def test_gradients_of_an_autoencoder(dtype):
    """As `VariationalAutoencoder` builds it: the loss has a share of the divergence."""
    lists = [Dense(5, "tanh"), Dense(4)], [Dense(5, "relu"), Dense(6)]
    pair = paired(("encoder", "decoder"), *lists, (6,), latent=Latent(2, 0.5, 1 / 6))
    check_gradients(Network(pair.built.ops, "squared_error"), dtype, 2, True)


def check_gradients(network, dtype, jobs, inputs):
    """Those of the loss by the parameters and by the data."""
    X, t, parameters, rng = draw(network, dtype, trains=True)
    order = rng.permutation(SAMPLES)
    session = Session(
        *(network, X, target_of(t), Rule(None, inputs=inputs)),
        batch=SAMPLES, order=order, l2=0.0, n_jobs=jobs,
    )  # fmt: skip
    session.load(parameters)
    with session:
        loss = session.run_gradient(1.0)
    graph, orders = network.graph(trains=True, wants_dx=inputs), {"own": order}
    run = Run(graph, parameters, X, mean_error(t.astype(float), orders), orders, scale=1 / SAMPLES)
    assert_close(np.array(loss), run.losses.sum(), dtype)
    found = session.plan.layout.unpack(session.plan.gradient)
    for expected, ours in zip(run.gradients(), found, strict=True):
        if expected is not None:
            assert_close(ours, expected, dtype)
    if inputs:
        assert_close(session.plan.dx, run.dx, dtype)


@pytest.mark.thinned
@DTYPES
@EVERY
@pytest.mark.parametrize(("of", "jobs"), [(-1, 1), (0, 2)])
def test_gradients_of_outputs(network, dtype, of, jobs):
    X, _, parameters, _ = draw(network, dtype)
    run = Run(network.graph(wants_dx=True), parameters, X, of=of)
    found = input_gradient(network, parameters, X, picked=of, n_jobs=jobs)
    assert found.dtype == dtype
    assert_close(found, run.dx, dtype)


def check_a_step(network, **options):
    """A step of SGD at rate 1 moves each parameter by its gradient times its factor of the rate;
    and the running statistics."""
    X, t, parameters, rng = draw(network, np.float64, trains=True)
    order = rng.permutation(SAMPLES)
    rule = Rule("sgd", (0.0,), **options)
    session = Session(network, X, target_of(t), rule, batch=SAMPLES, order=order, l2=0.0, n_jobs=1)
    session.load(parameters)
    session.begin(7, 0)
    with session:
        session.run_passes(np.ones(1))
    shares, mixed = session.plan.program.settings[0], bool(rule.mixup)
    orders = {"own": order, "partners": session.plan.partners[:SAMPLES]}
    graph = network.graph(trains=True, noisy=True, mixed=mixed, augmentation=rule.augmentation)
    run = Run(
        graph, parameters, X, mean_error(t, orders), orders,
        mix=shares[MIX] if mixed else 1.0, seed=7, step=int(shares[STREAM]), scale=1 / SAMPLES,
    )  # fmt: skip
    for (parameter, array), before, after, gradient in zip(
        graph.parameters, parameters, session.parameters(), run.gradients(), strict=True
    ):
        if gradient is None:
            assert_close(after, run.values[array], np.float64)
        elif parameter.largest == np.inf:
            assert_close(before - after, parameter.rate * gradient, np.float64)


@pytest.mark.parametrize(
    ("network", "mixup"),
    [
        pytest.param(network, mixup, id=f"{name}-{mixup}")
        for name, network in CASES.items()
        for mixup in (0.0, 0.4)
        if not (mixup and code_columns(network))  # codes are not mixed
    ],
)
def test_steps_with_noise(network, mixup):
    check_a_step(network, mixup=mixup)


@pytest.mark.parametrize("mixup", [0.0, 0.4])
@pytest.mark.parametrize(("network", "augmentation"), AUGMENTED.values(), ids=AUGMENTED)
def test_steps_with_augmented_samples(network, augmentation, mixup):
    check_a_step(network, augmentation=augmentation, mixup=mixup)


@pytest.mark.thinned
@DTYPES
@EVERY
def test_outputs_of_every_op(network, dtype):
    X, _, parameters, _ = draw(network, dtype)
    graph, run = network.graph(), Run(network.graph(), parameters, X)
    layout = ParameterLayout(forms_of(network, dtype), dtype)
    flat = layout.pack(parameters)
    program, arrays = lower_outputs(
        network, layout.views(flat), source_of(X, dtype), np.dtype(dtype)
    )
    for refresh in program.refresh:
        refresh()
    run_all(program)
    for array, found in zip(graph.outputs, arrays, strict=True):
        assert_close(found, run.values[array].reshape(SAMPLES, -1), dtype)
