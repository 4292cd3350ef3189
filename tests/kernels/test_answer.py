"""Calls of a prepared network: all rows in blocks, what is refused, and every way to answer."""

import threading
import time

import numpy as np
import pytest
from cases.dense_networks import dense_network
from fusednn.kernels import answer as calls
from fusednn.kernels import listening
from oracles import reference
from running.sessions import in_order, random_network

from fusednn.plan.binding.outputs import ANSWERS
from fusednn.plan.layout.choosing import forms_of
from fusednn.plan.layout.parameters import ParameterLayout
from fusednn.plan.memory.buffers import address_of
from fusednn.plan.prepared_call import Resident, block_rows

both_dtypes = pytest.mark.parametrize("dtype", [np.float32, np.float64])
entries = pytest.mark.parametrize("entry", [calls.answer_with_gil, calls.answer_without_gil])
SIZES = [5, 17, 4]


def resident_of(loss, groups, dtype, answers, sizes=SIZES, **shared):
    network = dense_network(sizes, "tanh", loss, groups)
    matrices, vectors = random_network(sizes, dtype)
    layout = ParameterLayout(forms_of(network, dtype), dtype)
    flat = layout.pack(in_order(matrices, vectors))
    resident = Resident(network, layout.views(flat), dtype, answers, **shared)

    def logits(x):
        hidden = np.tanh(x.astype(float) @ matrices[0] + vectors[0])
        return hidden @ matrices[1] + vectors[1]

    return resident, network, logits


def rows_of(count, dtype):
    return np.random.RandomState(count).normal(size=(count, SIZES[0])).astype(dtype)


CASES = {
    "logits": ("softmax", (), lambda z: z),
    "outputs": ("softmax", (), reference.softmax_link),
    "both": ("logistic", (), lambda z: np.hstack([1 - reference.logistic_link(z)] * 2)),
    "largest": ("softmax", (), lambda z: z.argmax(axis=1)[:, np.newaxis]),
    "above half": ("logistic", (), lambda z: (z > 0).astype(int)),
}


@both_dtypes
@entries
@pytest.mark.parametrize("name", CASES)
def test_answers(name, entry, dtype):
    """One row, some, and more than the buffers hold; each time from the start."""
    loss, groups, want = CASES[name]
    sizes = [5, 17, 1] if name == "both" else SIZES
    resident, network, logits = resident_of(loss, groups, dtype, [name], sizes)
    whole = None
    for count in (2 * block_rows(network, dtype) + 3, 1, 7, 64):
        x = rows_of(131, dtype)[:count].copy()
        out = np.full((count, ANSWERS[name].columns(network)), -7, ANSWERS[name].dtype or dtype)
        assert entry(resident.calls[0][1], x, out, True) == calls.DONE
        expected = want(logits(x))
        if name == "both":
            expected[:, 1] = 1 - expected[:, 0]
        np.testing.assert_allclose(out, expected, rtol=0, atol=2e-5)
        whole = out if whole is None else whole
        np.testing.assert_array_equal(out, whole[:count])


@both_dtypes
@pytest.mark.parametrize("helpers", [0, 1, 3])
def test_samples_that_workers_share(helpers, dtype):
    """Alone, after a helper that did all work, and after helpers that came too late."""
    resident, _network, logits = resident_of(
        "softmax", (), dtype, ["logits"], workers=2, samples=3
    )
    prepare, words = resident.calls[0]
    for count in (3, 3):
        x, out = rows_of(count, dtype), np.full((count, 4), -7, dtype)
        assert prepare(words, x, out, True) == calls.DONE
        shared = np.zeros(calls.SHARED_WIDTH, np.int64)
        shared[calls.NEXT], shared[calls.SAMPLES] = 1, 2
        for _ in range(helpers):
            box = np.zeros(listening.WIDTH, np.int64)
            box[listening.STATE], box[listening.FUNCTION] = listening.CALLED, resident.help
            box[listening.WORDS], box[listening.SHARED] = map(address_of, (words, shared))
            listening.listen(box)
        answer = calls.ready_cut(np.dtype(dtype))
        assert answer(words, shared, np.dtype(dtype).type(0)) == calls.DONE
        assert shared[calls.BUSY] == 0
        np.testing.assert_allclose(out, logits(x), rtol=0, atol=2e-5)


@both_dtypes
def test_shared_samples_are_as_many_as_prepared(dtype):
    resident, *_ = resident_of("softmax", (), dtype, ["logits"], workers=2, samples=3)
    prepare, words = resident.calls[0]
    out = np.full((2, 4), 5, dtype)
    assert prepare(words, rows_of(2, dtype), out, True) == calls.FAILED
    x = np.full((3, 5), np.nan, dtype)
    assert prepare(words, x, np.full((3, 4), 5, dtype), True) == calls.NOT_FINITE
    np.testing.assert_array_equal(out, 5)


@both_dtypes
def test_groups_have_places_of_their_own(dtype):
    """A softmax for each group of columns, and the number of its largest."""
    resident, _network, logits = resident_of("softmax", (3, 1), dtype, ["outputs", "largest"])
    x = rows_of(9, dtype)
    out, numbers = np.empty((9, 4), dtype), np.empty((9, 2), np.int64)
    assert calls.answer_with_gil(resident.calls[0][1], x, out, False) == calls.DONE
    assert calls.answer_with_gil(resident.calls[1][1], x, numbers, False) == calls.DONE
    z = logits(x)
    want = np.hstack([reference.softmax_link(z[:, :3]), np.ones((9, 1))])
    np.testing.assert_allclose(out, want, rtol=0, atol=2e-5)
    np.testing.assert_array_equal(numbers, np.stack([z[:, :3].argmax(axis=1), np.zeros(9)], 1))


@both_dtypes
@entries
def test_refusals_write_nothing(entry, dtype):
    resident, _network, _ = resident_of("softmax", (), dtype, ["logits"])
    out = np.full((3, 4), 5, dtype)
    for value in (np.nan, np.inf, -np.inf):
        x = rows_of(3, dtype)
        x[1, 4] = value
        assert entry(resident.calls[0][1], x, out, True) == calls.NOT_FINITE
    assert entry(resident.calls[0][1], rows_of(3, dtype)[:, :4].copy(), out, True) == (
        calls.WRONG_COLUMNS
    )
    # as if another thread had resized x
    assert entry(resident.calls[0][1], rows_of(4, dtype), out, True) == calls.FAILED
    np.testing.assert_array_equal(out, 5)
    assert entry(resident.calls[0][1], np.full((3, 5), np.nan, dtype), out, False) == calls.DONE
    assert np.isnan(out).all()


def test_largest_numbers_are_finite():
    """Whose sum would overflow."""
    resident, *_ = resident_of("softmax", (), np.float32, ["outputs"])
    x = np.full((1, 5), np.finfo(np.float32).max, np.float32)
    out = np.empty((1, 4), np.float32)
    with np.errstate(over="ignore", invalid="ignore"):  # of the products, without the JIT
        assert calls.answer_with_gil(resident.calls[0][1], x, out, True) == calls.DONE


def shared_words(x, out, check, step):
    shared = np.zeros(calls.SHARED_WIDTH, np.int64)
    shared[calls.SAMPLES], shared[calls.STEP], shared[calls.CHECK] = len(x), step, check
    shared[calls.X], shared[calls.ANSWERS] = address_of(x), address_of(out)
    return shared


@both_dtypes
@pytest.mark.parametrize("threads", [1, 3])
def test_threads_that_share_rows(threads, dtype):
    """Each row is answered once, as by one call, and nobody is at work when it is over."""
    made = [resident_of("softmax", (), dtype, ["outputs"]) for _ in range(threads)]
    [words, *others] = [resident.calls[0][1] for resident, *_ in made]
    block = block_rows(made[0][1], dtype)
    x = np.tile(rows_of(131, dtype), (5, 1))[: 9 * block + 5]
    out, whole = np.full((2, len(x), 4), -7, dtype)
    assert calls.answer_with_gil(words, x, whole, True) == calls.DONE
    shared = shared_words(x, out, calls.CHECKED, 2 * block)
    share = calls.ready_share(np.dtype(dtype))
    helpers = [
        threading.Thread(target=share, args=(one, shared, dtype(0), False)) for one in others
    ]
    for helper in helpers:
        helper.start()
    assert share(words, shared, dtype(0), True) == calls.DONE
    assert shared[calls.BUSY] == 0
    np.testing.assert_array_equal(out, whole)
    out[:] = -7
    for helper in helpers:
        helper.join()
    assert (
        share(np.zeros_like(words), shared, dtype(0), True) == calls.DONE
    )  # too late: reads no words
    np.testing.assert_array_equal(out, -7)


@both_dtypes
def test_a_share_that_is_refused(dtype):
    """Rows are claimed no more, and where they are only checked nothing is written."""
    resident, network, _ = resident_of("softmax", (), dtype, ["logits"])
    block, share = block_rows(network, dtype), calls.ready_share(np.dtype(dtype))
    x = np.ones((6 * block, SIZES[0]), dtype)
    x[3 * block, 4] = np.nan
    for check, answered in ((calls.CHECKED, 2 * block), (calls.ONLY_CHECKED, 0)):
        out = np.full((len(x), 4), -7, dtype)
        shared = shared_words(x, out, check, 2 * block)
        assert share(resident.calls[0][1], shared, dtype(0), True) == calls.NOT_FINITE
        np.testing.assert_array_equal((out != -7).any(axis=1), np.arange(len(x)) < answered)
    shared = shared_words(x, out, calls.UNCHECKED, 2 * block)
    assert share(resident.calls[0][1], shared, dtype(0), True) == calls.DONE
    np.testing.assert_array_equal(np.isnan(out).any(axis=1), np.arange(len(x)) == 3 * block)


@both_dtypes
def test_a_share_waits_for_who_is_at_work(dtype):
    resident, network, _ = resident_of("softmax", (), dtype, ["outputs"])
    x = rows_of(5, dtype)
    out = np.zeros((len(x), 4), dtype)
    shared = shared_words(x, out, calls.CHECKED, block_rows(network, dtype))
    shared[calls.BUSY] = 1  # another thread, which ends once all rows are claimed
    began, found = threading.Event(), []

    def work():
        began.set()
        while shared[calls.NEXT] < len(x):
            time.sleep(0.001)
        found.append(int(shared[calls.BUSY]))
        time.sleep(0.02)
        shared[calls.BUSY] -= 1

    other = threading.Thread(target=work)
    other.start()
    began.wait()
    share = calls.ready_share(np.dtype(dtype))
    assert share(resident.calls[0][1], shared, dtype(0), True) == calls.DONE
    other.join()
    assert found[0] >= 1
    assert shared[calls.BUSY] == 0
