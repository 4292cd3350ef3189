"""Whole trajectories of every optimizer in plain NumPy, from the equations of the papers."""

import numpy as np
import pytest
from every_part import OPTIMIZERS
from oracles import reference
from oracles.reference_network import loss_and_gradient
from running.sessions import (
    STABLE_RATE,
    assert_near,
    assert_same_bits,
    by_kind,
    open_session,
    random_network,
    random_targets,
)

from fusednn.optimizers import SGD, Adagrad, Adam, AdamW, Lion, NAdam, RMSprop
from fusednn.training.optimizer_state import OptimizerState, rule_of

STEPS = 51
ROWS = 31
BATCHES = {"whole": (ROWS, 4096), "mini-batches": (12, 4096), "blocks": (12, 8)}
"""Rows of a batch, of which the last has fewer, and of a block."""

each_optimizer = pytest.mark.parametrize("solver", OPTIMIZERS.values(), ids=OPTIMIZERS)
each_batch = pytest.mark.parametrize("batches", BATCHES)


def rates_of(solver, t):
    """Rate, second rate and factor of epsilon in step t."""
    if isinstance(solver, SGD | RMSprop | Adagrad | Lion):
        return STABLE_RATE, 0.0, 1.0
    root = np.sqrt(1 - solver.beta_2**t)
    if not isinstance(solver, NAdam):
        return STABLE_RATE * root / (1 - solver.beta_1**t), 0.0, root
    mu = [solver.beta_1 * (1 - 0.5 * 0.96 ** (i * solver.momentum_decay)) for i in range(t + 2)]
    rate = STABLE_RATE * root * (1 - mu[t]) / (1 - np.prod(mu[1 : t + 1]))
    return rate, STABLE_RATE * root * mu[t + 1] / (1 - np.prod(mu[1:])), root


def by_the_equations(solver, X, t, parameters, batch, weights, l2):
    """Coefficients and intercepts after STEPS steps, and the mean loss of each pass."""
    rule = rule_of(solver)
    step, decay = getattr(reference, rule.optimizer), getattr(solver, "weight_decay", None)
    groups = [[part.astype(float) for part in group] for group in parameters]
    states = [[[np.zeros_like(part)] * 3 for part in group] for group in groups]
    starts, losses = [*range(0, len(X), batch)], []
    l2 = l2 if decay is None else 0.0
    for number in range(STEPS):
        rows = slice(starts[number % len(starts)], starts[number % len(starts)] + batch)
        # the L2 term is in the gradient here, where the optimizers' steps do not add it
        value, *gradients = loss_and_gradient(
            "tanh", "softmax", *groups, X[rows], t[rows], weights[rows], l2
        )
        losses.append(value * len(X[rows]) / len(X))
        for group, state, gradient, shrinks in zip(
            groups, states, gradients, (True, False), strict=True
        ):
            for at, g in enumerate(gradient):
                share = STABLE_RATE * decay if shrinks and decay else 0.0
                group[at], *state[at] = step(
                    group[at], g, *state[at], share, rates_of(solver, number + 1), rule.constants
                )
    return [*groups[0], *groups[1]], np.reshape(losses, (-1, len(starts))).sum(axis=1)


def by_the_engine(solver, X, t, parameters, batch, weights, l2, **more):
    """The same by `run_passes`, pass by pass; losses are those of the passes."""
    state = OptimizerState(solver, rule_of(solver), STABLE_RATE, "constant", 0.5)
    with open_session(
        X, t, parameters, loss="softmax", rule=state.rule, batch=batch, weights=weights, l2=l2,
        **more,
    ) as session:  # fmt: skip
        losses = []
        while state.t < STEPS:
            losses += session.run_passes(state.rates(session.batches, [0])).tolist()
        return by_kind(session.parameters()), losses


def problem(monkeypatch, batches, dtype, sizes=(7, 12, 5, 6)):
    batch, block = BATCHES[batches]
    monkeypatch.setattr("fusednn.plan.memory.sizes.BLOCK_LIMIT", block)
    random = np.random.RandomState(1)
    X = random.normal(size=(ROWS, sizes[0])).astype(dtype)
    X[X < -0.7] = 0
    weights = random.uniform(0.5, 2, ROWS).astype(dtype)
    t = random_targets("softmax", ROWS, sizes[-1], dtype)
    return X, t, random_network(list(sizes), dtype), batch, weights


@pytest.mark.thinned
@each_optimizer
@each_batch
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("outputs", [6, 3])
def test_weights_and_losses(monkeypatch, solver, batches, dtype, outputs):
    """With sample weights and an L2 term; three outputs are weights by vectors, not panels."""
    X, t, parameters, batch, weights = problem(monkeypatch, batches, dtype, (7, 12, 5, outputs))
    found, losses = by_the_engine(solver, X, t, parameters, batch, weights, l2=0.4)
    doubles = X.astype(float), t, parameters, batch, weights.astype(float)
    expected, expected_losses = by_the_equations(solver, *doubles, l2=0.4)
    assert_near(found, expected, solver, dtype)
    np.testing.assert_allclose(losses, expected_losses, rtol=1e-12 if dtype == "float64" else 1e-5)


@pytest.mark.parametrize("solver", [AdamW(), Lion(weight_decay=0.3)], ids=str)
@each_batch
def test_decoupled_decay_is_not_in_the_loss(monkeypatch, solver, batches):
    """Whatever the L2 term is, weights and losses have the same bits."""
    arguments = problem(monkeypatch, batches, "float64")
    without, losses = by_the_engine(solver, *arguments, l2=0.0)
    found, others = by_the_engine(solver, *arguments, l2=1e3)
    assert_same_bits(without, found)
    assert losses == others


@pytest.mark.parametrize("solver", [AdamW(weight_decay=0.5), Lion(weight_decay=0.5)], ids=str)
@each_batch
def test_weights_without_gradient_decay_once_a_step(monkeypatch, solver, batches):
    """Features that are always zero: nothing but the decay, in panels' tiles and in blocks."""
    X, t, parameters, batch, weights = problem(monkeypatch, batches, "float64")
    X[:] = 0
    found, _ = by_the_engine(solver, X, t, parameters, batch, weights, l2=0.0)
    np.testing.assert_allclose(
        found[0], parameters[0][0] * (1 - 0.5 * STABLE_RATE) ** STEPS, rtol=1e-12
    )


def test_steps_in_parts_have_the_same_settings():
    """One step at a time, many at once, and after steps were taken back."""
    for solver in (NAdam(), AdamW(), Adam(amsgrad=True), Lion(), RMSprop()):
        one, many, back = (OptimizerState(solver, rule_of(solver), 0.1, "constant", 0.5)
                           for _ in range(3))  # fmt: skip
        whole = many.rates(30, [0])
        np.testing.assert_array_equal(
            whole, np.concatenate([one.rates(3, [0]) for _ in range(10)])
        )
        back.rates(7, [0, 0])
        back.t = 12
        np.testing.assert_array_equal(whole[12:], back.rates(9, [0, 0]))
