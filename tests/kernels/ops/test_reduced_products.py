"""Products with weights in bfloat16 and in integers, against NumPy; the same bits in all forms."""

import numpy as np
import pytest
from fusednn.kernels import reduced
from fusednn.kernels._jit import entry
from fusednn.kernels.gemm import multiply_panels
from fusednn.kernels.intrinsics import integers
from fusednn.kernels.intrinsics.integers import DOT, OFFSET
from fusednn.kernels.intrinsics.pointers import data
from fusednn.kernels.intrinsics.shapes import SHAPE
from fusednn.kernels.ops.products import reduced as ops
from running.blocks import block_of
from running.one_op import run_op

from fusednn.plan.layout.forms import Panels
from fusednn.plan.layout.rounded_weights import Halves, Integers, rounded_integers
from fusednn.plan.memory.buffers import aligned_zeros, padded

F32 = np.float32
NR = SHAPE.panel(4)
WIDTHS = (1, NR // 2, NR // 2 + 1, NR, NR + 1, 4 * NR, 4 * NR + 3, 5 * NR + NR // 2)
DEPTHS = (1, 2, 3, 4, 5, 17, 64)
ROWS = (1, 2, 5, SHAPE.rows, 2 * SHAPE.rows + 7)
LOWEST = F32(-np.inf)
needs_dot = pytest.mark.skipif(DOT is None, reason="this shape has no product of integers here")


@entry
def run_halves(c, a, lda, b, init, M, K, N, floor):
    reduced.multiply_halves(
        data(c), c.shape[1], data(a), lda, data(b), data(init), 0, M, K, N, floor
    )


@entry
def run_panels(c, a, lda, b, init, M, K, N, floor):
    multiply_panels(
        data(c), c.shape[1], data(a), lda, data(b), K, data(init), 0, M, K, N, floor, LOWEST
    )


@entry
def run_quantise(q, zeros, scales, x, n):
    reduced.quantise_row(data(q), data(zeros), data(scales), data(x), n)


@entry
def run_integers(c, x, ldx, q, zeros, scales, w, sums, factors, bias, M, I, N, floor):
    reduced.multiply_integers(
        data(c), c.shape[1], data(x), ldx, data(q), q.shape[1], data(zeros), data(scales), data(w),
        data(sums), data(factors), data(bias), M, I, N, floor,
    )  # fmt: skip


def packed(form, w):
    flat = aligned_zeros(form.count, F32)
    form.pack(flat, w)
    return flat


def unpacked(form, flat):
    w = np.empty(form.shape, F32)
    form.unpack(w, flat)
    return w


def bias_of(random, columns, integer=False):
    bias = aligned_zeros(padded(columns, F32), F32)
    bias[:columns] = random.integers(-9, 9, columns) if integer else random.normal(size=columns)
    return bias


class Integral:
    """A product of integers, as the kernels take it."""

    def __init__(self, w, bias):
        self.form = Integers(*w.shape)
        panels, self.factors, self.sums = self.form.parts(packed(self.form, w))
        self.panels = panels.view(np.int32)
        self.bias = bias

    def __call__(self, x, floor=LOWEST):
        M, I = x.shape
        N = self.form.padded_out
        out = np.full((M, N + 5), np.nan, F32)
        q = np.full((M, self.form.words + 3), -1, np.int32)
        zeros, scales = np.zeros(M, np.int32), np.zeros(M, F32)
        run_integers(
            out, x, I, q, zeros, scales, self.panels, self.sums, self.factors, self.bias, M, I, N,
            floor,
        )  # fmt: skip
        assert np.isnan(out[:, N:]).all()
        return out[:, : self.form.shape[1]]


# -- bfloat16 --------------------------------------------------------------------------------


@pytest.mark.parametrize("N", WIDTHS)
@pytest.mark.parametrize("floor", [LOWEST, F32(0)])
def test_halves_have_the_bits_of_their_weights_in_float32(N, floor):
    random = np.random.default_rng(N)
    for K in DEPTHS:
        w = random.normal(size=(K, N)).astype(F32)
        form, plain = Halves(K, N), Panels(K, N, F32)
        words, bias = packed(form, w), bias_of(random, N)
        wide = packed(plain, unpacked(form, words))
        for M in ROWS:
            a = random.normal(size=(M, K + 2)).astype(F32)
            ours, theirs = (np.full((M, plain.padded_out + 5), np.nan, F32) for _ in range(2))
            run_halves(ours, a, K + 2, words, bias, M, K, plain.padded_out, floor)
            run_panels(theirs, a, K + 2, wide, bias, M, K, plain.padded_out, floor)
            np.testing.assert_array_equal(ours, theirs)
            np.testing.assert_array_equal(np.signbit(ours), np.signbit(theirs))
            assert np.isnan(ours[:, plain.padded_out :]).all()


def test_halves_of_many_rows_have_the_same_bits_in_blocks():
    random = np.random.default_rng(0)
    K, N, M = 3 * reduced.BLOCK_ELEMENTS // (4 * SHAPE.rows), 3, 2 * SHAPE.rows + 1
    w, a = random.normal(size=(K, N)).astype(F32), random.normal(size=(M, K)).astype(F32)
    words, bias = packed(Halves(K, N), w), bias_of(random, N)
    columns = padded(N, F32)
    together, alone = (np.empty((M, columns), F32) for _ in range(2))
    run_halves(together, a, K, words, bias, M, K, columns, LOWEST)
    for row in range(M):
        run_halves(alone[row : row + 1], a[row], K, words, bias, 1, K, columns, LOWEST)
    np.testing.assert_array_equal(together, alone)


# -- rows as integers ------------------------------------------------------------------------


def quantised(x):
    """A row's integers, zero and scale; the integers without their offset."""
    words = np.full(-(-len(x) // 4) + 1, -1, np.int32)
    zeros, scales = np.zeros(1, np.int32), np.zeros(1, F32)
    run_quantise(words, zeros, scales, x, len(x))
    assert (words.view(np.uint8)[len(x) :] == 255).all()
    q = words.view(np.uint8)[: len(x)].astype(int)
    return (q ^ OFFSET), int(zeros[0]) + OFFSET, scales[0]


def assert_near(x):
    q, zero, scale = quantised(x)
    low, high = min(0, x.min()), max(0, x.max())
    np.testing.assert_allclose(scale, (high - low) / 255, rtol=1e-6)
    assert 0 <= zero <= 255
    away = abs((q - zero) * float(scale) - x)
    # half a step, and half of one more at the ends, where the zero was rounded
    inside = (q > 0) & (q < 255)
    assert (away[inside] <= scale * 0.50002).all()
    assert (away <= scale * 1.00002).all()
    assert ((q - zero)[x == 0] == 0).all()


@pytest.mark.parametrize("n", [1, 2, 3, 15, 16, 17, 63, 64, 65, 200])
@pytest.mark.parametrize("shift", [-9, -0.7, 0, 0.7, 9])
def test_bits_of_rows_are_near(n, shift):
    random = np.random.default_rng(n)
    for size in (1e-20, 1, 1e20):
        assert_near(((random.normal(size=n) + shift) * size).astype(F32))
        assert_near((np.maximum(random.normal(size=n) + shift, 0) * size).astype(F32))


def test_bits_of_every_end_stay_in_a_byte():
    """Zeros that fall between two integers: both ends must not leave the byte."""
    for low in np.arange(0, 255.25, 0.25):
        for size in (1, 1 / 3, np.pi):
            x = np.array([-low, 0, 255 - low], F32) * F32(size)
            q, zero, _ = quantised(x)
            assert q[0] <= 1
            assert q[2] >= 254
            assert q[1] == zero


def test_bits_of_rows_round_to_even():
    x = np.array([0, 0.5, 1.5, 2.5, 3.5, 254.5, 255], F32)
    q, zero, scale = quantised(x)
    assert (zero, scale) == (0, 1)
    np.testing.assert_array_equal(q, [0, 0, 2, 2, 4, 254, 255])


@pytest.mark.parametrize("x", [[0.0], [-0.0, 0.0], [1e-31, -1e-31], [1e-45]])
def test_bits_of_rows_of_nothing(x):
    q, zero, scale = quantised(np.array(x, F32))
    assert (zero, scale) == (0, 0)
    assert not q.any()


@pytest.mark.parametrize("at", [0, 3, 16, 36])
@pytest.mark.filterwarnings("ignore:invalid value", "ignore:overflow")  # of the twins
@pytest.mark.parametrize("odd", [np.nan, -np.nan, np.inf, -np.inf])
def test_bits_of_rows_that_are_not_finite(odd, at):
    x = np.ones(37, F32)
    x[at] = odd
    assert np.isnan(quantised(x)[2])
    assert np.isnan(quantised(np.array([3e38, -3e38], F32))[2])


# -- integers --------------------------------------------------------------------------------


@needs_dot
@pytest.mark.parametrize("N", WIDTHS)
def test_forms_of_integers_are_exact(N):
    random = np.random.default_rng(N)
    for K in (2, *DEPTHS[1:]):
        w = random.integers(-127, 128, (K, N)).astype(F32)
        w[0] = 127 * random.choice([-1, 1], N)  # the factor of each column is 1
        product = Integral(w, bias_of(random, N, integer=True))
        for M in ROWS:
            low = random.integers(0, 256, (M, 1))
            x = (random.integers(0, 256, (M, K)) - low).astype(F32)
            x[:, :1], x[:, 1:2] = -low, 255 - low  # so is the scale of each row
            expected = x @ w + product.bias[:N]
            np.testing.assert_array_equal(product(x), expected)
            np.testing.assert_array_equal(product(x, F32(0)), np.maximum(expected, 0))


@needs_dot
@pytest.mark.parametrize("N", WIDTHS)
def test_integers_of_any_rows_and_weights(N):
    random = np.random.default_rng(N)
    for K in DEPTHS:
        w = random.normal(size=(K, N)).astype(F32)
        product = Integral(w, bias_of(random, N))
        whole, factors = rounded_integers(w)
        x = random.normal(size=(19, K)).astype(F32)
        ours = product(x)
        for row in range(19):
            q, zero, scale = quantised(x[row])
            total = ((q - zero) @ whole.astype(int)).astype(F32)
            expected = total * (factors * scale).astype(float) + product.bias[:N]
            np.testing.assert_allclose(ours[row], expected, rtol=3e-7, atol=1e-6)
            np.testing.assert_array_equal(product(x[row : row + 1])[0], ours[row])


@needs_dot
def test_bits_of_the_largest_sums():
    K = 4 * integers.MOST_WORDS
    w = np.full((K, 2), 127, F32) * [1, -1]
    x = np.full((SHAPE.rows + 1, K), 255, F32)
    expected = np.array([[1, -1]], F32) * F32(K * 255 * 127)
    np.testing.assert_array_equal(
        Integral(w, bias_of(np.random.default_rng(0), 2) * 0)(x), np.repeat(expected, len(x), 0)
    )


@needs_dot
@pytest.mark.filterwarnings("ignore:invalid value")  # of the twins
def test_rows_that_are_not_finite_stay_visible():
    product = Integral(np.ones((5, 3), F32), bias_of(np.random.default_rng(0), 3))
    x = np.ones((4, 5), F32)
    x[2, 3] = np.nan
    assert np.isnan(product(x, F32(0))[2]).all()
    assert np.isfinite(product(x)[[0, 1, 3]]).all()


# -- the ops ---------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [Halves, pytest.param(Integers, marks=needs_dot)])
def test_ops_work_on_their_rows(kind):
    random = np.random.default_rng(0)
    rows, K, N = 11, 6, NR + 3
    w, x = random.normal(size=(K, N)).astype(F32), random.normal(size=(rows, K)).astype(F32)
    form, bias = kind(K, N), bias_of(random, N)
    flat = packed(form, w)
    out = np.full((rows, form.padded_out), np.nan, F32)
    operands = {
        "out": block_of(out), "x": block_of(x), "w": flat, "b": bias, "fan_in": K,
        "fan_out": form.padded_out, "floor": 0.0,
    }  # fmt: skip
    op = ops.half_forward
    rounded = np.zeros((rows, 16), np.int32)
    zeros, scales = np.zeros(rows, np.int32), np.zeros(rows, F32)
    if kind is Integers:
        op = ops.integer_forward
        operands["w"], operands["factors"], operands["sums"] = form.parts(flat)
        operands |= {"rounded": rounded, "rounded_stride": 16, "zeros": zeros, "scales": scales}
    run_op(op, operands, [(2, 7), (7, 8)], F32)
    assert np.isnan(out[[0, 1, 8, 9, 10]]).all()
    expected = np.maximum(x @ w + bias[:N], 0)
    # half a step of what is rounded: weights, and for integers rows too
    w_error, x_error = abs(w) * 2.0**-8, np.zeros((rows, 1))
    if kind is Integers:
        w_error = np.broadcast_to(abs(w).max(axis=0) / 127 * 0.51, w.shape)
        spread = np.maximum(x, 0).max(axis=1) - np.minimum(x, 0).min(axis=1)
        x_error = 0.51 * spread[:, np.newaxis] / 255
    bound = abs(x) @ w_error + x_error * (abs(w) + w_error).sum(axis=0) + 1e-5
    assert (abs(out[:, :N] - expected) <= bound)[2:8].all()
    np.testing.assert_array_equal(out[2:8, N:], 0)
