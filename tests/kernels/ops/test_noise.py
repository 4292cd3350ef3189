"""Dropout and noise by plain NumPy with a Philox in Python; masks are fair, noise is normal."""

import numpy as np
import pytest
from cases.dense_networks import dense_network
from fusednn.kernels import records
from fusednn.kernels._jit import JIT
from fusednn.kernels.activations import ACTIVATIONS
from fusednn.kernels.ops.pointwise import noise
from oracles.reference_layers import dropout_mask, gaussian_noise
from oracles.reference_network import ACTIVATIONS as PLAIN
from oracles.reference_network import LOSSES
from running.blocks import block_of
from running.sessions import by_kind, in_order, random_network, random_targets
from scipy import sparse, stats

from fusednn.plan.binding.program import Program, Task
from fusednn.plan.training import Rule, Target
from fusednn.training.session import Session
from fusednn.training.threads.team import run_all

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
    session.load(in_order(coefs, intercepts))
    session.begin(SEED, 0)
    return session, coefs, intercepts, t


@pytest.mark.thinned
@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("form", [np.asarray, sparse.csr_matrix])
def test_steps(activation, dtype, form):
    data = X.astype(dtype)
    session, coefs, intercepts, t = open_session(activation, dtype, X=form(data))
    with session:
        losses = [session.run_passes(np.full(session.batches, RATE))[0] for _ in range(2)]
        ours = by_kind(session.parameters())
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
    for one, other in zip(ours, [*coefs, *intercepts], strict=True):
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


def run_rows(
    op, operands, out, width, *, task=0, workers=1, first=0, seed=SEED, step=0, varied=((),)
):
    """An op by hand on columns of `out`, a batch from row `first` on, in tasks of so many rows.

    `varied` has a row for each step, the first of which is `step`.
    """
    rows, stride = out.shape
    program = Program(out.dtype, workers, stride + 3)
    shared = {"out": block_of(out, width), "key": np.array([seed, 0], np.int64)}
    chain, task = [program.record(op, {**shared, **operands})], task or rows
    kind = records.ROWS_OF_WORKER if first else records.ROWS_OF_BATCH
    starts = range(first, first + rows, task)
    program.set_stages([([Task(chain, lo, lo + task, kind) for lo in starts], None)])
    program.n_varied = len(varied[0])
    program.set_steps(np.array([[0, first + rows, 0, 1]] * len(varied)))
    program.settings[:, records.STREAM] = step + np.arange(len(varied))
    program.varied[:] = varied
    run_all(program)
    return out


def drop(out, slopes, rate, more=None, **options):
    """Dropout by hand, plain where nothing else is said; slopes are those of some activation."""
    operands = {
        "slopes": slopes, "has_slopes": 1, "layer": 3, "dropped": round(rate * 2**32),
        "factor": 1 / (1 - rate), "low": 0.0, "high": 0.0,
        "derivative_constants": np.zeros(1, out.dtype),
    }  # fmt: skip
    operands |= more or {}
    return run_rows(noise.dropout, operands, out, out.shape[1] - 2, step=2, **options)


def alpha_operands(rate):
    """Alpha dropout's: Klambauer et al. put in the least output, scale all and move all."""
    least = -1.0507009873554805 * 1.6732632423543772
    a = ((1 - rate) * (1 + rate * least**2)) ** -0.5
    return {"factor": a, "low": a * least * (1 - rate), "high": -a * least * rate}


both_dtypes = pytest.mark.parametrize("dtype", [np.float32, np.float64])
each_width = pytest.mark.parametrize("width", [1, 3, 8, 17])


@pytest.mark.thinned
@both_dtypes
@each_width
@pytest.mark.parametrize("alpha", [False, True])
def test_dropout_by_hand(dtype, width, alpha):
    rate, random = 0.4, np.random.RandomState(0)
    before, slopes = random.normal(size=(2, 9, width + 2)).astype(dtype)
    before[0] = -0.0
    more = alpha_operands(rate) if alpha else {}
    out, slopes_after = before.copy(), slopes.copy()
    drop(out, slopes_after, rate, more)
    kept = dropout_mask(rate, 9, width, seed=SEED, step=2, layer=3) > 0
    factor = np.where(kept, more.get("factor", 1 / (1 - rate)), 0).astype(dtype)
    want = before[:, :width] * factor
    if alpha:
        want += np.where(kept, more["high"], more["low"]).astype(dtype)
    assert out[:, :width].tobytes() == want.tobytes()  # of zeros the sign too
    assert out[:, width:].tobytes() == before[:, width:].tobytes()
    np.testing.assert_array_equal(slopes_after[:, :width], slopes[:, :width] * factor)
    np.testing.assert_array_equal(slopes_after[:, width:], slopes[:, width:])


@both_dtypes
@pytest.mark.parametrize("alpha", [False, True])
def test_dropout_that_varies(dtype, alpha):
    """Two steps, of other shares than the record has; what they read begins at a second column."""
    before = np.random.RandomState(0).normal(size=(9, 11)).astype(dtype)
    out, slopes, rows, want = before.copy(), np.ones_like(before), [], before[:, :9]
    for step, rate in enumerate((0.3, 0.6)):
        more = alpha_operands(rate) if alpha else {"factor": 1 / (1 - rate), "low": 0, "high": 0}
        rows.append((7.0, round(rate * 2**32), more["factor"], more["low"], more["high"]))
        kept = dropout_mask(rate, 9, 9, seed=SEED, step=2 + step, layer=3) > 0
        want = want * np.where(kept, more["factor"], 0).astype(dtype)
        want += np.where(kept, more["high"], more["low"]).astype(dtype)
    drop(out, slopes, 0.9, {"varied": 2}, varied=rows)
    np.testing.assert_array_equal(out[:, :9], want)
    np.testing.assert_array_equal(out[:, 9:], before[:, 9:])


@pytest.mark.parametrize("rate", [0.05, 0.3, 0.7])
def test_alpha_dropout_keeps_mean_and_variance(rate):
    """The input is standard normal; the bounds are five standard deviations."""
    x = np.random.RandomState(0).normal(size=(1000, 402) if JIT else (60, 102))
    out = drop(x.copy(), np.ones_like(x), rate, alpha_operands(rate))[:, :-2]
    fourth = ((out - out.mean()) ** 4).mean()
    assert abs(out.mean()) <= 5 / np.sqrt(out.size)
    assert abs(out.var() - 1) <= 5 * np.sqrt((fourth - 1) / out.size)


def add_noise(out, width, *, deviation=1.0, layer=3, column=0, **options):
    operands = {"layer": layer, "deviation": deviation, "varied": column}
    return run_rows(noise.gaussian_noise, operands, out, width, **options)


@both_dtypes
@each_width
def test_gaussian_noise(dtype, width):
    before = np.random.RandomState(0).normal(size=(9, width + 2)).astype(dtype)
    out = add_noise(before.copy(), width, deviation=0.3, step=5)
    want = gaussian_noise(9, width, seed=SEED, step=5, layer=3)
    tolerance = 100 * np.finfo(dtype).eps
    np.testing.assert_allclose(
        out[:, :width], before[:, :width] + 0.3 * want, rtol=0, atol=tolerance
    )
    np.testing.assert_array_equal(out[:, width:], before[:, width:])


@both_dtypes
def test_noise_that_varies(dtype):
    out = add_noise(np.zeros((9, 7), dtype), 7, column=2, varied=((9.0, 0.3), (9.0, 0.0)), step=5)
    want = 0.3 * gaussian_noise(9, 7, seed=SEED, step=5, layer=3)
    np.testing.assert_allclose(out, want, rtol=0, atol=100 * np.finfo(dtype).eps)


@both_dtypes
def test_tasks_and_workers_change_no_bit(dtype):
    whole = add_noise(np.zeros((13, 11), dtype), 11)
    for task, workers in ((4, 1), (1, 3), (5, 2)):
        split = add_noise(np.zeros((13, 11), dtype), 11, task=task, workers=workers)
        assert split.tobytes() == whole.tobytes()
    # rows 5 to 13 of the batch in the first rows of a worker's own
    assert add_noise(np.zeros((8, 11), dtype), 11, first=5).tobytes() == whole[5:].tobytes()


@both_dtypes
def test_noise_is_normal_and_independent(dtype):
    """Moments within five standard deviations, a Kolmogorov-Smirnov test, no correlation."""
    shape = (700, 600) if JIT else (60, 60)
    draws = np.array(
        [
            add_noise(np.zeros(shape, dtype), shape[1], seed=seed, step=step, layer=layer)
            for seed, step, layer in [(1, 0, 0), (1, 1, 0), (1, 0, 1), (2, 0, 0)]
        ],
        float,
    )
    n, flat = draws[0].size, draws.reshape(4, -1)
    for draw in flat:
        assert abs(draw.mean()) <= 5 / np.sqrt(n)
        assert abs(draw.var() - 1) <= 5 * np.sqrt(2 / n)
        assert abs(stats.skew(draw)) <= 5 * np.sqrt(6 / n)
        assert abs(stats.kurtosis(draw)) <= 5 * np.sqrt(24 / n)
        assert stats.kstest(draw, "norm").pvalue > 1e-3
    assert np.all(abs(np.corrcoef(flat) - np.eye(4)) <= 5 / np.sqrt(n))
    one, size = draws[0], abs(draws[0])  # columns of a pair have the same radius
    for values in (one, size, one**2):
        for step in (1, shape[1] // 4, shape[1] // 2):
            for other in (np.roll(values, step, axis=0), np.roll(values, step, axis=1)):
                assert abs(np.corrcoef(values.ravel(), other.ravel())[0, 1]) <= 5 / np.sqrt(n)
