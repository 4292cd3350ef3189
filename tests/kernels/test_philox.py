"""Philox gives its authors' known answers, and its loops are packed."""

import re

import numpy as np
import pytest
from fusednn.kernels import library
from fusednn.kernels._jit import JIT, OPTIONS, kernel
from fusednn.kernels.intrinsics.pointers import data
from fusednn.kernels.ops.pointwise.noise import draw_mask, dropout
from fusednn.kernels.philox import philox, uniform
from numba import types
from numba.core.ccallback import CFunc

KNOWN = [  # of the Random123 library: counter, key, words
    ("00000000 00000000 00000000 00000000", "00000000 00000000",
     "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
    ("ffffffff ffffffff ffffffff ffffffff", "ffffffff ffffffff",
     "408f276d 41c83b0e a20bc7c6 6d5451fd"),
    ("243f6a88 85a308d3 13198a2e 03707344", "a4093822 299f31d0",
     "d16cfe09 94fdcceb 5001e420 24126ea1"),
]  # fmt: skip


def words(text):
    return [np.uint64(int(word, 16)) for word in text.split()]


@kernel
def run_philox(c0, c1, c2, c3, k0, k1):
    return philox(c0, c1, c2, c3, k0, k1)


@pytest.mark.parametrize(("counter", "key", "expected"), KNOWN)
def test_known_answers(counter, key, expected):
    assert list(run_philox(*words(counter), *words(key))) == words(expected)


@kernel
def run_mask(mask, O, sample, row, step, layer, key, dropped, factor):
    draw_mask(
        data(mask), O, np.uint64(sample), np.uint64(row), np.uint64(step), np.uint64(layer),
        data(key), np.uint64(dropped), factor,
    )  # fmt: skip


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("O", [1, 2, 3, 4, 5, 17, 256])
def test_a_mask_is_one_quarter_after_the_other(dtype, O):
    quarter = -(-O // 4)
    mask, key = np.full(4 * quarter + 1, np.nan, dtype), np.array([7, 11])
    run_mask(mask, O, 5, 9, 3, 2, key, 1 << 30, dtype(1.5))
    counters = [tuple(map(np.uint64, (9 * quarter + q, 5, 3, 2, 7, 11))) for q in range(quarter)]
    drawn = np.array([run_philox(*counter) for counter in counters], np.uint64).T.ravel()
    expected = np.where(drawn < np.uint64(1 << 30), 0, 1.5)
    np.testing.assert_array_equal(mask[:-1], expected)
    assert np.isnan(mask[-1])


@kernel
def run_uniform(word, like):
    return uniform(word, like)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("word", [0, 1, 12345, 2**31, 2**32 - 129, 2**32 - 1])
def test_words_as_numbers(dtype, word):
    got = run_uniform(np.uint64(word), dtype(0))
    assert got == dtype((word + 0.5) / 2**32)
    assert 0 < got < 1 or (dtype is np.float32 and word == 2**32 - 1)


@pytest.mark.skipif(not JIT, reason="the JIT is off")
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_rounds_are_packed(dtype):
    element = getattr(types, dtype)
    arguments = library.ROLES["op"](types.CPointer(element), element)
    native = CFunc(
        library._named(dropout.py_func, dtype), (arguments, types.int64), {}, dict(OPTIONS)
    )
    native.compile()
    products = re.findall(r"mul (?:nuw |nsw )*<(\d+) x i64>", native.inspect_llvm())
    assert max(map(int, products), default=0) >= 2
