"""Nothing that is not a value is ever read: NaN in all other memory changes no bit."""

from itertools import pairwise

import numpy as np
import pytest
from cases.dense_networks import dense_network
from fusednn.kernels.losses import LOSSES
from running.poison import poison
from running.sessions import in_order, random_targets, sizes_for
from scipy import sparse

from fusednn.estimators.network.building import build
from fusednn.estimators.network.parameters import drawn
from fusednn.graph.layers.batch_norm import BatchNorm as Norm
from fusednn.graph.layers.dense import Dense as Linear
from fusednn.graph.network import Network
from fusednn.layers import (
    Activation,
    AlphaDropout,
    BatchNorm,
    Dense,
    Dropout,
    Embedding,
    Flatten,
    GaussianNoise,
    LayerNorm,
    PReLU,
    Reshape,
    Residual,
    RMSNorm,
)  # fmt: skip
from fusednn.plan import inference
from fusednn.plan.binding import data
from fusednn.plan.layout.choosing import forms_of
from fusednn.plan.layout.parameters import ParameterLayout
from fusednn.plan.training import Rule, Target
from fusednn.training.session import Session
from fusednn.training.threads.team import run_all

DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])


def draw(loss, sizes, dtype, rows):
    t = random_targets(loss, rows, sizes[-1], dtype)
    sizes = sizes_for(loss, sizes)
    rng = np.random.RandomState(1)
    X = rng.normal(size=(rows, sizes[0])).astype(dtype)
    X[X < 0] = 0
    pairs = list(pairwise(sizes))
    coefs = [(rng.normal(size=pair) / 2 / pair[0] ** 0.5).astype(dtype) for pair in pairs]
    return X, t, coefs, [(rng.normal(size=out) / 3).astype(dtype) for _, out in pairs]


def with_gaps(X):
    """The same values in rows that are further apart, NaN between them."""
    wide = np.full((len(X), X.shape[1] + 5), np.nan, X.dtype)
    wide[:, : X.shape[1]] = X
    return wide[:, : X.shape[1]]


def train(loss, activation, sizes, rule, batch, dtype, form, poisoned):
    rows = 70
    X, t, coefs, intercepts = draw(loss, sizes, dtype, rows)
    session = Session(
        dense_network(sizes_for(loss, sizes), activation, loss),
        {"dense": np.asarray, "gaps": with_gaps, "csr": sparse.csr_matrix}[form](X),
        Target(t, None),
        rule,
        batch=batch,
        order=np.random.RandomState(0).permutation(rows),
        l2=0.1,
        n_jobs=2,
    )
    session.load(in_order(coefs, intercepts))
    plan = session.plan
    if poisoned:
        assert poison(plan.memory) > 5
    with session:
        if rule.optimizer is None:
            value = np.array(session.run_gradient(1.0))
            dx = [] if plan.dx is None else [plan.dx]
            return [value, *plan.layout.unpack(plan.gradient), *dx]
        losses = [session.run_passes(np.full(session.batches, 0.01))[0] for _ in range(3)]
    return [np.array(losses), *session.parameters()]


@pytest.mark.thinned
@DTYPES
@pytest.mark.parametrize("form", ["dense", "gaps", "csr"])
@pytest.mark.parametrize(
    ("rule", "batch"),
    [
        (Rule("adam", (0.9, 0.999, 1e-8)), 27),
        (Rule("nesterov", (0.9,)), 70),
        (Rule(None), 70),
        (Rule(None, inputs=True), 70),
    ],
    ids=["adam", "nesterov", "gradient", "inputs"],
)
@pytest.mark.parametrize("sizes", [(1, 1, 1), (9, 5, 3), (37, 33, 18, 2), (65, 130, 17)], ids=str)
@pytest.mark.parametrize("activation", ["relu", "logistic", "gelu"])
@pytest.mark.parametrize("loss", ["softmax", "squared_error"])
def test_training(loss, activation, sizes, rule, batch, form, dtype):
    check_training(loss, activation, sizes, rule, batch, form, dtype)


@DTYPES
@pytest.mark.parametrize("loss", LOSSES)
def test_every_loss(loss, dtype):
    rule = Rule("adam", (0.9, 0.999, 1e-8))
    for sizes in ((9, 5, 3), (37, 33, 18, 6)):
        check_training(loss, "relu", sizes, rule, 27, "dense", dtype)


def check_training(loss, activation, sizes, rule, batch, form, dtype):
    if LOSSES[loss].class_targets and sizes[-1] == 1:
        sizes = (*sizes[:-1], 2)
    arguments = (loss, activation, sizes, rule, batch, dtype, form)
    clean, dirty = train(*arguments, False), train(*arguments, True)
    for one, other in zip(clean, dirty, strict=True):
        assert np.isfinite(one).all()
        assert one.tobytes() == other.tobytes()


@DTYPES
def test_blocks_of_a_large_batch(monkeypatch, dtype):
    """The stored gradient of a batch above the limit is written before it is added to."""
    monkeypatch.setattr("fusednn.plan.memory.sizes.BLOCK_LIMIT", 32)
    rule = Rule("adam", (0.9, 0.999, 1e-8))
    for form in ("dense", "gaps", "csr"):
        arguments = ("softmax", "relu", (9, 35, 3), rule, 70, dtype, form)
        for one, other in zip(train(*arguments, False), train(*arguments, True), strict=True):
            assert one.tobytes() == other.tobytes()


@DTYPES
@pytest.mark.parametrize("form", ["dense", "gaps", "csr"])
@pytest.mark.parametrize("sizes", [(5, 1), (9, 35, 18, 3), (37, 130, 17)], ids=str)
def test_gradients_of_outputs(sizes, form, dtype):
    X, _, coefs, intercepts = draw("squared_error", sizes, dtype, 150)
    make = {"dense": np.asarray, "gaps": with_gaps, "csr": sparse.csr_matrix}[form]
    network = dense_network(sizes, "tanh", "squared_error")
    layout = ParameterLayout(forms_of(network, dtype, wants_dx=True), dtype)
    arrays = in_order(coefs, intercepts)
    flat, copies = layout.pack(arrays), layout.pack_transposed(arrays)
    results = []
    for poisoned in (False, True):
        compiled, dx = inference.lower_input_gradient(
            *(network, layout.views(flat), layout.copies(copies)),
            *(data.source_of(make(X), dtype), np.dtype(dtype)),
            picked=-1,
        )
        if poisoned:
            dx[:] = np.nan
            assert poison(compiled.memory) > 2
        run_all(compiled)
        results.append(dx)
    assert np.isfinite(results[0]).all()
    assert results[0].tobytes() == results[1].tobytes()


@pytest.mark.thinned
@DTYPES
@pytest.mark.parametrize("form", ["dense", "gaps", "csr"])
@pytest.mark.parametrize("loss", LOSSES)
def test_inference(loss, form, dtype):
    sizes = (9, 35, 18, 3)
    X, _, coefs, intercepts = draw(loss, sizes, dtype, 150)
    make = {"dense": np.asarray, "gaps": with_gaps, "csr": sparse.csr_matrix}[form]
    sizes = sizes_for(loss, sizes)
    network = dense_network(sizes, "tanh", loss)
    layout = ParameterLayout(forms_of(network, dtype), dtype)
    flat = layout.pack(in_order(coefs, intercepts))
    results = []
    for poisoned in (False, True):
        compiled, outputs = inference.lower_inference(
            network,
            layout.views(flat),
            data.source_of(make(X), dtype),
            np.dtype(dtype),
        )
        if poisoned:
            outputs[:] = np.nan
            assert poison(compiled.memory) > 2
        run_all(compiled)
        results.append(outputs)
    assert np.isfinite(results[0]).all()
    assert results[0].tobytes() == results[1].tobytes()


@DTYPES
def test_what_is_prepared_lasts(dtype):
    """What follows from parameters alone is computed once for all runs."""
    network = Network((Norm(6), Linear(6, 3)), "softmax")
    rng, layout = np.random.RandomState(0), ParameterLayout(forms_of(network, dtype), dtype)
    views = layout.views(layout.pack([rng.uniform(1, 2, op.shape) for op in network.parameters()]))
    X = rng.normal(size=(20, 6)).astype(dtype)
    program, outputs = inference.lower_inference(
        network, views, data.source_of(X, dtype), np.dtype(dtype)
    )
    for refresh in program.refresh:
        refresh()
    run_all(program)
    first = outputs.tobytes()
    assert poison(program.memory) > 2
    run_all(program)
    assert np.isfinite(outputs).all()
    assert outputs.tobytes() == first


LISTS = [
    [Residual([Dense(4, "tanh"), Dense(5)]), Activation("gelu"), Dense(5, "silu")],
    [Dense(9), BatchNorm(), Activation("relu"), Dropout(0.2), Residual([LayerNorm(), Dense(9)])],
    [Dense(17, "gelu", weight_norm=True), RMSNorm(), PReLU(), GaussianNoise(0.1)],
    [Embedding([0, 2], categories=[4, 7], size=3), BatchNorm(), Residual([Dropout(0.1)])],
    [Residual([BatchNorm(), Dense(5, "selu"), AlphaDropout(0.1)]), Dense(3, "tanh", max_norm=0.5)],
    [Reshape(5, 1), Dense(3, "softplus"), BatchNorm(), Dropout(0.1), Flatten(), Dense(7)],
    [
        Flatten(),
        Dense(34, "sigmoid"),
        Reshape(17, 2, channels="first"),
        Residual([LayerNorm(), Dense(5, "tanh"), Dense(17), GaussianNoise(0.1)]),
        Reshape(2, 17, channels="first"),
        PReLU(),
        Dense(1, "sigmoid"),
        Flatten(),
    ],
]


@pytest.mark.thinned
@DTYPES
@pytest.mark.parametrize(
    "rule",
    [Rule("adam", (0.9, 0.999, 1e-8), average=0.9, l1=0.1), Rule(None), Rule(None, inputs=True)],
)
@pytest.mark.parametrize("scaled", [False, True])
@pytest.mark.parametrize("layers", LISTS, ids=lambda layers: type(layers[0]).__name__)
def test_layers(layers, scaled, rule, dtype):
    """The last batch is smaller, or joined where batches are normalised.

    Nor is there a NaN in the padding of what lasts, where no one would see it at first.
    """
    results = []
    for poisoned in (False, True):
        chain = build(layers, Dense(3), (5,), scaled=scaled)
        network, rng = Network(chain.ops, "softmax"), np.random.RandomState(0)
        X = rng.normal(size=(41, 5)).astype(dtype)
        X[:, [0, 2]] = rng.randint(4, size=(41, 2))
        t = rng.randint(3, size=(41, 1)).astype(dtype)
        batch = 10 if rule.optimizer else 41
        session = Session(
            network, X, Target(t, None), rule, batch=batch, order=np.arange(41), l2=0.1, n_jobs=2
        )
        plan = session.plan
        session.load(drawn(chain, rng, dtype))
        session.begin(1, 0)
        found = []
        with session:
            for _ in range(3):
                if poisoned:
                    assert poison(plan.memory) > 5
                if rule.optimizer is None:
                    found.append(np.array(session.run_gradient(1.0)))
                    found += [plan.dx.copy()] if rule.inputs else []
                else:
                    found.append(session.run_passes(np.full(session.batches, 0.01)))
        results.append([*found, *(kept for kept in plan.memory.kept if kept.dtype == dtype)])
    for one, other in zip(*results, strict=True):
        assert np.isfinite(one).all()
        assert one.tobytes() == other.tobytes()
