"""Networks on the engine itself, below the estimators: gradients and passes for tests."""

from itertools import pairwise

import numpy as np
from cases.dense_networks import dense_network
from fusednn.kernels.losses import LOSSES

from fusednn.optimizers import Lion
from fusednn.plan.training import Rule, Target
from fusednn.training.session import Session

STORED = Rule(None)
"""The gradient is left in memory."""


def random_network(sizes, dtype, seed=0):
    """Coefficients and intercepts of some size."""
    random = np.random.RandomState(seed)
    pairs = list(pairwise(sizes))
    coefs = [(random.normal(size=p) / np.sqrt(p[0])).astype(dtype) for p in pairs]
    return coefs, [(random.normal(size=out) / 3).astype(dtype) for _, out in pairs]


def in_order(coefs, intercepts):
    """The parameters of dense layers as a network counts them."""
    return [array for pair in zip(coefs, intercepts, strict=True) for array in pair]


def by_kind(arrays):
    """The same the other way: all coefficients, then all intercepts."""
    return [*arrays[::2], *arrays[1::2]]


def random_targets(loss, samples, columns, dtype, seed=0):
    """Targets that the loss takes, of so many columns, or classes."""
    random = np.random.RandomState(seed)
    if LOSSES[loss].class_targets:
        return random.randint(columns, size=(samples, 1)).astype(dtype)
    t = random.uniform(0.1, 0.9, (samples, columns))
    return (t.round() if LOSSES[loss].targets == "binary" else t).astype(dtype)


def sizes_for(loss, sizes):
    """The sizes with as many outputs as the last, of targets, needs."""
    return [*sizes[:-1], sizes[-1] * LOSSES[loss].outputs_of_target()]


def open_session(X, t, parameters, *, activation="tanh", loss="squared_error", weights=None,
                 rule=STORED, batch=None, order=None, l2=0.0, n_jobs=1):  # fmt: skip
    """A session with its parameters loaded; a context manager."""
    coefs, intercepts = parameters
    sizes = [len(coefs[0]), *(w.shape[1] for w in coefs)]
    order = np.arange(len(t)) if order is None else np.array(order)
    session = Session(
        dense_network(sizes, activation, loss),
        X,
        Target(t, weights),
        rule,
        batch=batch or len(order),
        order=order,
        l2=l2,
        n_jobs=n_jobs,
    )
    session.load(in_order(coefs, intercepts))
    return session


def gradient(*args, loss="squared_error", **kwargs):
    """The loss that is minimised, and its gradients by coefficients and by intercepts."""
    with open_session(*args, loss=loss, **kwargs) as session:
        outputs = session.network.outputs
        value = session.run_gradient(outputs if LOSSES[loss].per_output else 1)
        found = session.plan.layout.unpack(session.plan.gradient)
        return value, found[::2], found[1::2]


def train(*args, passes=1, rate=0.05, seed=None, **kwargs):
    """Losses of some passes, shuffled unless there is no seed, then all parameters.

    `rate` is one for all passes, or one for each.
    """
    random = None if seed is None else np.random.RandomState(seed)
    with open_session(*args, **kwargs) as session:
        losses = []
        for step_size in np.broadcast_to(rate, passes):
            if random is not None:
                session.shuffle(random, 1)
            losses.append(session.run_passes(np.full(session.batches, step_size))[0])
        return [np.array(losses), *by_kind(session.parameters())]


def assert_same_bits(ours, others):
    """Two lists of arrays that must not differ in a bit."""
    for one, other in zip(ours, others, strict=True):
        assert one.dtype == other.dtype
        assert one.tobytes() == other.tobytes()


STABLE_RATE = 0.002
"""Learning rate of trajectories that are compared step by step.

At 0.01 some are unstable in any library: a step of NAdam with beta 1 = 0.8 multiplies an
error along one direction by -1.9, since 0.01 times the curvature over the root of the second
moment is 4.8 there and NAdam's bound is 3.4. Moving PyTorch's own gradients by 1e-16 then moves
its weights by 1e-11 after fifty steps, and float32 is off by 2e-2. RMSprop with alpha = 0.9 is
unstable once its weights are near a minimum, as the second moment shrinks with the gradient.
"""


def assert_near(ours, others, solver, dtype):
    """Parameters after some fifty steps: to 1e-11 of a tensor's largest, or 1e-5 in float32.

    In float32 a gradient that is nearly zero may round to another sign, and a step of Lion is its
    sign: there 1e-4 is asked, and of one element in fifty nothing.
    """
    by_sign = dtype == "float32" and isinstance(solver, Lion)
    tolerance = 1e-4 if by_sign else {"float64": 1e-11, "float32": 1e-5}[dtype]
    far = []
    for one, other in zip(ours, others, strict=True):
        assert one.dtype == dtype
        assert np.isfinite(one).all()
        far += (abs(one - other) > tolerance * abs(other).max()).ravel().tolist()
    assert np.mean(far) <= (0.02 if by_sign else 0)
