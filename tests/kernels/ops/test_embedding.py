"""Tables of vectors by plain NumPy: rows looked up, codes sorted, steps of optimizers."""

from itertools import pairwise
from typing import NamedTuple

import numpy as np
import pytest
from fusednn.kernels import records
from fusednn.kernels._jit import kernel
from fusednn.kernels.ops.products import embedding
from fusednn.kernels.optimizers import OPTIMIZERS
from oracles import reference, reference_layers
from running.blocks import block_of
from running.sessions import assert_same_bits

from fusednn.plan.binding.program import Program, Task
from fusednn.plan.memory.buffers import address_of, aligned_zeros, leading_dimension, padded
from fusednn.training.threads.team import run_all

both_dtypes = pytest.mark.parametrize("dtype", [np.float32, np.float64])
inf, nan = np.inf, np.nan

SAMPLES = 41
COUNTS, SIZES, COLUMNS = [150, 1, 7, 4], [17, 8, 3, 1], [2, 5, 0, 3]
"""For each table: codes, elements of a vector, column of the data. Column 1 is not read."""
PLAIN = np.array([4, 6, 4], np.int64)
PER_TASK = embedding.ROWS_PER_TASK


def make_data(dtype):
    """Columns of codes, some out of range or no number at all, and others of numbers.

    Only the even codes up to 120 of the first table appear.
    """
    random = np.random.RandomState(0)
    data = random.normal(size=(SAMPLES, 7))
    for count, column in zip(COUNTS, COLUMNS, strict=True):
        data[:, column] = random.randint(count, size=SAMPLES)
    data[:, 2] = 2 * random.randint(61, size=SAMPLES)
    data[3:12, 0] = [nan, -1, -1e30, 7, 1e30, inf, -inf, 2.4, 2.6]
    return data.astype(dtype)


def make_table(count, size, dtype, seed=0):
    """A table (COUNT, padded size), its padding zero, on whole cache lines."""
    stride = padded(size, dtype)
    table = aligned_zeros(count * stride, dtype).reshape(count, stride)
    table[:, :size] = np.random.RandomState(seed).normal(size=(count, size))
    return table


@kernel
def run_code_of(value, count):
    return embedding.code_of(value, count)


@both_dtypes
def test_codes_are_rounded_and_clamped(dtype):
    values = [
        0,
        -0.0,
        0.49,
        0.5,
        1.51,
        3.2,
        4,
        4.6,
        5,
        9,
        1e18,
        1e300,
        inf,
        -0.4,
        -0.6,
        -3,
        -inf,
        nan,
    ]
    with np.errstate(over="ignore"):
        values = np.array(values).astype(dtype)
    got = [run_code_of(value, 5) for value in values]
    assert got == [0, 0, 0, 1, 2, 3, 4, 4, 4, 4, 4, 4, 4, 0, 0, 0, 0, 0]
    assert got == [reference_layers.code_of(value, 5) for value in values]
    assert [run_code_of(value, 1) for value in values] == [0] * len(values)
    # the sum with a half is exact
    assert run_code_of(dtype(2**23 + 1), 2**30) == 2**23 + 1


class Steps(NamedTuple):
    """What a run of steps of `rows` samples each is, from the first sample on."""

    rows: list[int]
    rate: float = 0.1
    decay: float = 0.0


def run(program, stages, steps, stages_of=None):
    """Runs the stages on the steps; `stages_of` says which ones each step has, else all."""
    table = np.zeros((len(steps.rows), records.STEP_WIDTH), np.int64)
    table[:, records.START] = np.cumsum([0, *steps.rows[:-1]])
    table[:, records.SAMPLES] = steps.rows
    table[:, [records.FIRST_STAGE, records.LAST_STAGE]] = stages_of or (0, len(stages))
    program.set_stages(stages)
    program.set_steps(table)
    program.settings[:, records.RATE] = steps.rate
    program.settings[:, records.EPSILON_FACTOR] = 1
    program.settings[:, records.DECAY] = steps.decay
    run_all(program)


def source(data, order):
    return {"data": block_of(data), "order": order}


def tasks(chain, rows, block, kind=records.ROWS_OF_BATCH):
    return [Task(chain, lo, min(lo + block, rows), kind) for lo in range(0, rows, block)]


@both_dtypes
@pytest.mark.parametrize("ordered", [False, True])
@pytest.mark.parametrize("workers", [1, 3])
def test_rows_are_looked_up(dtype, ordered, workers):
    data = np.pad(make_data(dtype), ((0, 0), (0, 2)))[:, :-2]  # rows of a wider array
    tables = [make_table(*pair, dtype) for pair in zip(COUNTS, SIZES, strict=True)]
    order = np.random.RandomState(1).permutation(SAMPLES) if ordered else None
    firsts = len(PLAIN) + np.cumsum([0, *SIZES])
    words = np.array(
        [
            [address_of(table), column, count, size, table.shape[1], first]
            for table, column, count, size, first in zip(
                tables, COLUMNS, COUNTS, SIZES, firsts[:-1], strict=True
            )
        ],
        np.int64,
    )
    assert words.shape[1] == embedding.TABLE_WIDTH
    width, rows = firsts[-1], [17, 24]
    out = np.full((24, leading_dimension(width, dtype)), 7, dtype)
    program = Program(dtype, workers, 1)
    operands = {
        "out": block_of(out), "plain": PLAIN, "n_plain": len(PLAIN), "tables": words,
        "n_tables": len(tables),
    }  # fmt: skip
    chain = [program.record(embedding.embed_rows, {**source(data, order), **operands})]
    vectors = [table[:, :size] for table, size in zip(tables, SIZES, strict=True)]
    pairs = list(zip(vectors, COLUMNS, strict=True))
    samples = np.arange(SAMPLES) if order is None else order
    for start, steps in ((0, Steps(rows[:1])), (17, Steps(rows))):
        run(program, [(tasks(chain, 24, 5), None)], steps)
        batch = samples[start : start + steps.rows[-1]]
        want = reference_layers.embed_rows(data, batch, PLAIN, pairs)
        np.testing.assert_array_equal(out[: len(want), :width], want)
        np.testing.assert_array_equal(out[:, width:], 7)
        np.testing.assert_array_equal(out[len(want) :], 7)  # which no row of the batch has yet


@pytest.mark.parametrize("plain", [[6, 1], []])
def test_no_table(plain):
    data, out = make_data(np.float64), np.zeros((4, 8))
    program = Program(data.dtype, 1, 1)
    operands = {
        "out": block_of(out), "plain": np.array([*plain, 0], np.int64), "n_plain": len(plain),
        "tables": np.zeros(1, np.int64), "n_tables": 0,
    }  # fmt: skip
    chain = [program.record(embedding.embed_rows, {**source(data, None), **operands})]
    run(program, [(tasks(chain, 4, 4), None)], Steps([4]))
    np.testing.assert_array_equal(out[:, : len(plain)], data[:4, plain])
    np.testing.assert_array_equal(out[:, len(plain) :], 0)


class Sorted:
    """A table's codes of a batch, and the record that sorts them."""

    def __init__(self, program, data, order, table, rows):
        self.count, self.column = COUNTS[table], COLUMNS[table]
        self.starts = np.full(self.count + 1, -1, np.int64)
        self.rows = np.full(rows, -1, np.int32)
        self.operands = {"starts": self.starts, "entry_rows": self.rows}
        self.record = program.record(
            embedding.sort_codes,
            {
                **source(data, order),
                "column": self.column,
                "count": self.count,
                **self.operands,
            },
        )

    def expected(self, data, samples):
        """The codes of some samples."""
        return [
            reference_layers.code_of(value, self.count) for value in data[samples, self.column]
        ]


@both_dtypes
@pytest.mark.parametrize("ordered", [False, True])
@pytest.mark.parametrize("table", range(4))
def test_codes_are_sorted(dtype, ordered, table):
    data = make_data(dtype)
    order = np.random.RandomState(1).permutation(SAMPLES) if ordered else None
    samples = np.arange(SAMPLES) if order is None else order
    program = Program(dtype, 1, 1)
    ours = Sorted(program, data, order, table, SAMPLES)
    for rows in ([SAMPLES], [30, 11], [32, 9], [1]):
        run(program, [([Task([ours.record], 0, 0)], None)], Steps(rows))
        batch = samples[sum(rows[:-1]) : sum(rows)]
        starts, entries = reference_layers.sort_codes(ours.expected(data, batch), ours.count)
        np.testing.assert_array_equal(ours.starts, starts)
        np.testing.assert_array_equal(ours.rows[: len(batch)], entries)


RULES = {
    "sgd": (0.9,),
    "nesterov": (0.9,),
    "adam": (0.9, 0.99, 1e-3),
    "amsgrad": (0.9, 0.99, 1e-3),
    "adamw": (0.9, 0.99, 1e-3),
}


class Trained:
    """A table with its states, trained on gradients by OUT that stand in memory."""

    def __init__(self, rule, dtype, table, workers=1, rows=20):
        self.rule, self.count, self.size = rule, COUNTS[table], SIZES[table]
        self.data = make_data(dtype)
        self.order = np.random.RandomState(1).permutation(SAMPLES)
        self.program = Program(dtype, workers, PER_TASK * padded(self.size, dtype))
        self.program.scratch[:] = np.nan  # nothing of it is read before it is written
        self.table = make_table(self.count, self.size, dtype)
        self.states = [np.zeros_like(self.table) for _ in range(3)]
        self.first = len(PLAIN) + sum(SIZES[:table])
        self.dz = np.random.RandomState(2).normal(size=(rows, 40)).astype(dtype)
        self.squares = np.full(-(-self.count // PER_TASK), nan)
        self.codes = Sorted(self.program, self.data, self.order, table, rows)
        self.read = {
            "dz": block_of(self.dz),
            "vector_size": self.size,
            "vector_column": self.first,
            **self.codes.operands,
        }
        self.sort = [Task([self.codes.record], 0, 0)], None

    def update(self, rule=None, states=None, squares=None, gradient=None):
        """The stage of a rule, from what stands in memory or from a stored gradient."""
        rule, states = rule or self.rule, self.states if states is None else states
        if gradient is None:
            op, read = embedding.update_table, self.read
        else:
            op, read = embedding.apply_table, {"gradient": gradient}
        operands = {
            "step": (OPTIMIZERS[rule].step, "step"),
            "constants": np.array([*RULES.get(rule, ()), 0.0]),
            "parameters": self.table,
            "state_1": states[0],
            "state_2": states[min(1, len(states) - 1)],
            "state_3": states[-1],
            "columns": self.table.shape[1],
            "squares_out": squares,
            **read,
        }
        chain = [self.program.record(op, operands)]
        return tasks(chain, self.count, PER_TASK, records.WHOLE), None

    def gradient(self, start, rows):
        """The expected gradient of the batch of `rows` samples from `start` on."""
        codes = self.codes.expected(self.data, self.order[start : start + rows])
        dz = self.dz[:rows, self.first : self.first + self.size]
        return reference_layers.update_table(codes, self.count, dz)

    def arrays(self):
        return [self.table, *self.states]


@both_dtypes
@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("table", range(4))
def test_steps(dtype, rule, table):
    """Three steps with decay, the last of fewer rows; codes that no sample has step too."""
    ours, steps = Trained(rule, dtype, table), Steps([20, 16, 5], decay=0.02)
    want = [part[:, : ours.size].astype(float) for part in ours.arrays()]
    before = want[0].copy()
    run(ours.program, [ours.sort, ours.update(squares=ours.squares)], steps)
    for start, rows in zip([0, 20, 36], steps.rows, strict=True):
        squares = [
            (want[0][lo : lo + PER_TASK] ** 2).sum() for lo in range(0, ours.count, PER_TASK)
        ]
        want = getattr(reference, rule)(
            want[0],
            ours.gradient(start, rows),
            *want[1:],
            steps.decay,
            (0.1, 0.0, 1.0),
            RULES[rule],
        )
    tolerance = 1e-5 if dtype is np.float32 else 1e-13
    for got, expected in zip(ours.arrays(), want, strict=True):
        np.testing.assert_array_equal(got[:, ours.size :], 0)
        np.testing.assert_allclose(got[:, : ours.size], expected, rtol=0, atol=tolerance)
    np.testing.assert_allclose(ours.squares, squares, rtol=tolerance)
    assert np.all(ours.table[:, : ours.size] != before)


@both_dtypes
@pytest.mark.parametrize("rule", ["sgd", "adam"])
def test_workers_change_no_bit(dtype, rule):
    runs = []
    for workers in (1, 3):
        ours = Trained(rule, dtype, 0, workers)
        run(ours.program, [ours.sort, ours.update()], Steps([20, 20], decay=0.02))
        runs.append(ours.arrays())
    assert_same_bits(*runs)


@both_dtypes
@pytest.mark.parametrize("rule", ["sgd", "adam"])
@pytest.mark.parametrize("table", range(4))
def test_a_stored_gradient_makes_the_same_step(dtype, rule, table):
    ours, other = Trained(rule, dtype, table), Trained(rule, dtype, table)
    run(ours.program, [ours.sort, ours.update()], Steps([20]))
    gradient = np.full_like(other.table, nan)
    store = other.update(rule="store", states=[gradient], squares=other.squares)
    apply = other.update(gradient=gradient)
    run(other.program, [other.sort, store, apply], Steps([20]))
    assert_same_bits(ours.arrays(), other.arrays())
    assert np.isfinite(other.squares).all()


@both_dtypes
def test_blocks_of_a_large_batch(dtype):
    """Gradients of three blocks, stored and accumulated; decay is stored once."""
    ours, steps = Trained("sgd", dtype, 0), Steps([20, 16, 5], decay=0.02)
    gradient = np.full_like(ours.table, nan)
    stages = [ours.sort, ours.update(rule="store", states=[gradient])]
    stages += [ours.sort, ours.update(rule="accumulate", states=[gradient])]
    run(ours.program, stages, steps, stages_of=[(0, 2), (2, 4), (2, 4)])
    want = 0.02 * ours.table[:, : ours.size].astype(float)
    for (start, stop), rows in zip(pairwise([0, 20, 36, 41]), steps.rows, strict=True):
        assert stop - start == rows
        want += ours.gradient(start, rows)
    np.testing.assert_array_equal(gradient[:, ours.size :], 0)
    tolerance = 50 * np.finfo(dtype).eps
    np.testing.assert_allclose(gradient[:, : ours.size], want, rtol=0, atol=tolerance)
