"""Dropout: steps by plain NumPy with masks of a Philox in Python; masks are fair."""

import numpy as np
import pytest
from fusednn.kernels.activations import ACTIVATIONS
from reference import dropout_mask
from reference_network import ACTIVATIONS as PLAIN
from reference_network import LOSSES
from scipy import sparse
from sessions import random_network, random_targets

from fusednn.plan.network import dense_network
from fusednn.plan.training import Rule, Target
from fusednn.training.session import Session

X = np.random.RandomState(0).normal(size=(23, 6))
SIZES, RATES, RATE, SEED, BATCH = [6, 21, 18, 3], (0.4, 0.25), 0.1, 1234, 9


def plain_step(activation, coefs, intercepts, X, t, l2, step):
    """One step of gradient descent in plain NumPy, in place."""
    forward, derivative = PLAIN[activation]
    x, zs, outputs, masks = X, [None], [X], []
    for layer, (w, b) in enumerate(zip(coefs[:-1], intercepts[:-1], strict=True)):
        zs.append(x @ w + b)
        x = forward(zs[-1])
        masks.append(dropout_mask(RATES[layer], *x.shape, seed=SEED, step=step, layer=layer))
        outputs.append(x)
        x = x * masks[-1]
    values, dz = LOSSES["softmax"](x @ coefs[-1] + intercepts[-1], t)
    loss = values.mean() + l2 / 2 * sum((w**2).sum() for w in coefs) / len(X)
    dz = dz / len(X)
    for layer in reversed(range(len(coefs))):
        x = outputs[layer] * (masks[layer - 1] if layer else 1)
        d_w, d_b = x.T @ dz + l2 / len(X) * coefs[layer], dz.sum(axis=0)
        if layer:
            dz = dz @ coefs[layer].T * masks[layer - 1] * derivative(zs[layer])
        coefs[layer] -= RATE * d_w
        intercepts[layer] -= RATE * d_b
    return loss


def open_session(activation, dtype, *, X=X, batch=BATCH, n_jobs=1):
    coefs, intercepts = random_network(SIZES, dtype)
    t = random_targets("softmax", X.shape[0], 3, dtype)
    session = Session(
        dense_network(SIZES, activation, "softmax", dropout=RATES), X, Target(t, None),
        Rule("sgd", (0.0,)), batch=batch, order=np.arange(len(t)), l2=0.3, n_jobs=n_jobs,
    )  # fmt: skip
    session.load(coefs, intercepts)
    session.seed(SEED, 0)
    return session, coefs, intercepts, t


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("form", [np.asarray, sparse.csr_matrix])
def test_steps(activation, dtype, form):
    data = X.astype(dtype)
    session, coefs, intercepts, t = open_session(activation, dtype, X=form(data))
    with session:
        losses = [session.run_passes(np.full(session.batches, RATE))[0] for _ in range(2)]
        ours = session.parameters()
    coefs = [w.astype(float) for w in coefs]
    intercepts = [b.astype(float) for b in intercepts]
    expected, step = [], 0
    for _ in range(2):
        total = 0.0
        for start in range(0, len(t), BATCH):
            rows = slice(start, start + BATCH)
            part = data[rows].astype(float)
            total += len(part) * plain_step(
                activation, coefs, intercepts, part, t[rows], 0.3, step
            )
            step += 1
        expected.append(total / len(t))
    tolerance = 1e-4 if dtype is np.float32 else 1e-12
    np.testing.assert_allclose(losses, expected, rtol=tolerance)
    for one, other in zip([*ours[0], *ours[1]], [*coefs, *intercepts], strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=tolerance * max(1, abs(other).max()))


@pytest.mark.parametrize("rate", [0.05, 0.5, 0.9])
def test_masks_are_fair_and_independent(rate):
    """Shares within five standard deviations, over all, by row, by column and between masks."""
    masks = np.array(
        [
            dropout_mask(rate, 120, 96, seed=seed, step=step, layer=layer) > 0
            for seed, step, layer in [(1, 0, 0), (1, 1, 0), (1, 0, 1), (2, 0, 0)]
        ]
    )
    kept = 1 - rate
    for axes in ((0, 1, 2), (1, 2), (0, 1), (0, 2)):
        count = np.prod([masks.shape[axis] for axis in axes])
        off = abs(masks.mean(axis=axes) - kept)
        assert np.all(off <= 5 * np.sqrt(rate * kept / count))
    for one in range(4):
        for other in range(one):
            both = (masks[one] & masks[other]).mean()
            share = kept**2
            assert abs(both - share) <= 5 * np.sqrt(share * (1 - share) / masks[0].size)
