"""Gradients of every activation and loss against central differences and plain NumPy.

The tests run over the library's own tables: a new member is tested without an edit here, by
differences, and must be added to the plain NumPy network beside this file.
"""

from itertools import pairwise

import numpy as np
import pytest
from cases.dense_networks import dense_network
from fusednn.kernels.activations import ACTIVATIONS
from fusednn.kernels.losses import LOSSES
from oracles import reference_network
from running.sessions import in_order, random_targets, sizes_for
from scipy import sparse

from fusednn.plan.training import Rule, Target
from fusednn.training.session import Session

SAMPLES = 23
CASES = pytest.mark.parametrize(
    ("activation", "loss"),
    [(a, "softmax") for a in ACTIVATIONS]
    + [("tanh", loss) for loss in LOSSES if loss != "softmax"],
)


class Gradient:
    """Loss and gradient of one network on random data, by the engine."""

    def __init__(self, activation, loss, *, sizes=(5, 7, 4, 3), weighted=True, l2=0.3, form=None):
        rng = np.random.RandomState(1 + len(activation) + 10 * len(loss))  # far from any kink
        t = random_targets(loss, SAMPLES, sizes[-1], np.float64)
        sizes = sizes_for(loss, sizes)
        self.sizes, self.l2, self.dtype = sizes, l2, np.float64
        self.X = rng.normal(size=(SAMPLES, sizes[0]))
        self.X[rng.rand(*self.X.shape) < 0.3] = 0
        self.t = t
        self.weights = rng.uniform(0.1, 2, SAMPLES) if weighted else np.ones(SAMPLES)
        pairs = list(pairwise(sizes))
        self.coefs = [rng.normal(size=pair) / np.sqrt(pair[0]) for pair in pairs]
        self.intercepts = [rng.normal(size=out) / 3 for _, out in pairs]
        self.session = Session(
            dense_network(self.sizes, activation, loss),
            self.X if form is None else form(self.X),
            Target(t, self.weights if weighted else None),
            Rule(None),
            batch=SAMPLES,
            order=np.arange(SAMPLES),
            l2=l2,
            n_jobs=1,
        )
        # the loss of which the engine stores the gradient
        self.factor = sizes[-1] if LOSSES[loss].per_output else 1

    def __call__(self, coefs, intercepts):
        with self.session as session:
            session.plan.load(in_order(coefs, intercepts))
            value = session.run_gradient(self.factor)
            found = session.plan.layout.unpack(session.plan.gradient)
            return value, found[::2], found[1::2]

    def moved(self, step, d_coefs, d_intercepts):
        """The loss at some distance in a direction."""
        coefs = [w + step * d for w, d in zip(self.coefs, d_coefs, strict=True)]
        intercepts = [b + step * d for b, d in zip(self.intercepts, d_intercepts, strict=True)]
        return self(coefs, intercepts)[0]


def difference(gradient, direction, step=1e-5):
    return (gradient.moved(step, *direction) - gradient.moved(-step, *direction)) / (2 * step)


@CASES
def test_every_entry(activation, loss):
    gradient = Gradient(activation, loss)
    _, d_coefs, d_intercepts = gradient(gradient.coefs, gradient.intercepts)
    zeros = [np.zeros_like(w) for w in d_coefs], [np.zeros_like(b) for b in d_intercepts]
    for part, group in enumerate((d_coefs, d_intercepts)):
        for layer, analytic in enumerate(group):
            for at in np.ndindex(analytic.shape):
                direction = [d.copy() for d in zeros[0]], [d.copy() for d in zeros[1]]
                direction[part][layer][at] = 1
                numeric = difference(gradient, direction)
                assert analytic[at] == pytest.approx(numeric, rel=1e-6, abs=1e-8)


@pytest.mark.thinned
@pytest.mark.parametrize("sizes", [(1, 1), (1, 1, 1), (3, 65, 2), (70, 33, 17, 9), (9, 130)])
@pytest.mark.parametrize("weighted", [False, True])
@CASES
def test_random_directions(activation, loss, weighted, sizes):
    gradient = Gradient(activation, loss, sizes=sizes, weighted=weighted, l2=0.1 * weighted)
    _, d_coefs, d_intercepts = gradient(gradient.coefs, gradient.intercepts)
    rng = np.random.RandomState(0)
    for _ in range(3):
        direction = [
            [rng.normal(size=d.shape) / np.sqrt(d.size) for d in group]
            for group in (d_coefs, d_intercepts)
        ]
        analytic = sum(
            (d * g).sum()
            for ds, gs in zip(direction, (d_coefs, d_intercepts), strict=True)
            for d, g in zip(ds, gs, strict=True)
        )
        assert difference(gradient, direction) == pytest.approx(analytic, rel=1e-5, abs=1e-8)


@pytest.mark.thinned
@pytest.mark.parametrize("form", [None, sparse.csr_matrix], ids=["dense", "csr"])
@CASES
def test_against_plain_numpy(activation, loss, form):
    gradient = Gradient(activation, loss, sizes=(9, 35, 18, 4), form=form)
    expected = reference_network.loss_and_gradient(
        activation,
        loss,
        gradient.coefs,
        gradient.intercepts,
        gradient.X,
        gradient.t,
        gradient.weights,
        gradient.l2,
    )
    value, d_coefs, d_intercepts = gradient(gradient.coefs, gradient.intercepts)
    assert value == pytest.approx(expected[0], rel=1e-12)
    for one, other in zip(expected[1] + expected[2], d_coefs + d_intercepts, strict=True):
        np.testing.assert_allclose(other, one, rtol=1e-11, atol=1e-14)
