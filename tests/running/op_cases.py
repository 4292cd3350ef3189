"""Ops on hand-made memory: what a case is, and how it is run.

A case is a function of a `Memory` that returns a `Case`. All that is no value holds the memory's
`fill`: NaN or another number, which must make no difference.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from fusednn.kernels import records
from fusednn.kernels.intrinsics.tiles import MICRO_ROWS
from fusednn.kernels.ops.products import dense
from fusednn.kernels.optimizers import OPTIMIZERS
from running.blocks import Rows, block_of

from fusednn.plan.binding.program import Program, Task
from fusednn.plan.memory.buffers import aligned_zeros, padded
from fusednn.training.threads.team import run_all

SAMPLES = 2 * MICRO_ROWS + 5
WIDTH, OUTPUTS = 21, 3
RATE, DECAY = 0.1, 0.5
BY_ROWS = [(0, SAMPLES)], [(0, 7), (7, 8), (8, SAMPLES)]
"""All rows in one task, and in three."""
BY_CHUNKS = [(0, SAMPLES)], [(0, MICRO_ROWS), (MICRO_ROWS, SAMPLES)]
"""The same for ops on chunks of rows."""
ONCE = [(0, 0)], [(3, 5)]
"""The bounds of ops over the whole batch, which run once and read none."""


class Case(NamedTuple):
    """An op with its operands, and what it must write."""

    op: object
    operands: dict
    found: dict[str, Callable]  # arrays after the run, from the program
    want: dict[str, np.ndarray]  # by plain NumPy in float64
    splits: tuple  # bounds of tasks: all work in each, in several ways
    zeros: tuple = ()  # `Rows` whose padding the op clears
    settings: dict = {}  # noqa: RUF012 - a default of a tuple, which nothing changes
    scratch: int = 0


class Memory:
    """Values drawn alike for all types and fills."""

    def __init__(self, dtype, fill):
        self.dtype, self.fill = dtype, fill
        self.random = np.random.RandomState(0)

    def values(self, *shape):
        """Random numbers that the type holds."""
        return self.random.normal(size=shape).astype(self.dtype)

    def rows(self, values, padding=None):
        """Rows of values; `padding` are the columns up to whole vectors, which some ops read."""
        made = Rows(np.asarray(values, self.dtype))
        made.rows[:, made.width :] = self.fill
        if padding is not None:
            made.rows[:, made.width : made.padded] = padding
        return made

    def empty(self, width=WIDTH, rows=SAMPLES):
        """Rows that are to be written."""
        return self.rows(np.full((rows, width), self.fill))

    def data(self, values):
        """Rows of the user's, in a wider array."""
        wide = np.full((len(values), values.shape[1] + 5), self.fill, self.dtype)
        wide[:, : values.shape[1]] = values
        return block_of(wide, values.shape[1])

    def vector(self, values, padding=0.0):
        """A row of values, padded to whole vectors."""
        made = aligned_zeros(padded(len(values), self.dtype), self.dtype)
        made[:] = padding
        made[: len(values)] = values
        return made

    def order(self):
        """The samples of the batch, out of more."""
        return np.random.RandomState(1).permutation(SAMPLES + 9)[:SAMPLES]

    def packed(self, form, values):
        flat = aligned_zeros(form.count, self.dtype)
        form.pack(flat, np.asarray(values, self.dtype))
        return flat


def unpacked(form, flat):
    """A parameter as users see it."""
    array = np.empty(form.shape, form.dtype)
    form.unpack(array, flat)
    return array


def always(array):
    """Reads an array of the operands when the op has run."""
    return lambda program: array.copy()


def of_rows(op, operands, out, want, **more):
    """A case that writes rows and clears their padding; `out` are rows by their names."""
    found = {name: always(rows.values) for name, rows in out.items()}
    return Case(op, operands, found, want, BY_ROWS, tuple(out.values()), **more)


def vectors(make, *names):
    """Operands that hold a positive number for each column, NaN or the like behind them."""
    return {name: make.vector(0.5 + abs(make.values(WIDTH)), make.fill) for name in names}


def float_of(vector):
    return vector[:WIDTH].astype(float)


def update_case(make, op, form, gradient, operands, splits=None):
    """A step of gradient descent with decay, of a matrix, or of a vector, which does not decay."""
    w = make.values(*form.shape)
    flat, states = make.packed(form, w), [aligned_zeros(form.count, make.dtype) for _ in range(3)]
    tiles = [(lo, hi) for lo, hi, _ in form.tiles(SAMPLES)]
    decay = DECAY if form.decays else 0.0
    want = {"w": w - RATE * (gradient + decay * w.astype(float))}
    found = {"w": lambda program: unpacked(form, flat)}
    given = {
        "step": (OPTIMIZERS["sgd"].step, "step"), "constants": np.zeros(2), "parameters": flat,
        "state_1": states[0], "state_2": states[1], "state_3": states[2],
        **form.update_operands(), **operands,
    }  # fmt: skip
    if form.decays:
        squares = np.zeros(len(tiles))
        given["squares_out"] = squares
        found["squares"] = lambda program: squares.sum(keepdims=True)
        want["squares"] = [(w.astype(float) ** 2).sum()]
    if form.transposed_count:
        copy = aligned_zeros(form.transposed_count, make.dtype)
        given["transposed"] = copy
        found["transposed"] = always(copy)
        want["transposed"] = aligned_zeros(form.transposed_count, make.dtype)
        form.pack_transposed(want["transposed"], want["w"])
    settings = {records.RATE: RATE, records.DECAY: DECAY}
    return Case(
        *(op, given, found, want, splits or (tiles, tiles[::-1])),
        settings=settings, scratch=max(form.scratch, dense.TILE_ROWS * 64),
    )  # fmt: skip


def run(case_of, dtype, fill, split=0, workers=1):
    """Runs a case; the case, and what it has written."""
    case = case_of(Memory(dtype, fill))
    program = Program(dtype, workers, max(case.scratch, 1))
    program.scratch[:] = fill
    chain = [program.record(case.op, case.operands)]
    program.set_stages([([Task(chain, lo, hi) for lo, hi in case.splits[split]], None)])
    program.set_steps(np.array([[0, SAMPLES, 0, 1]]))
    for setting, value in case.settings.items():
        program.settings[:, setting] = value
    run_all(program)
    return case, {name: found(program) for name, found in case.found.items()}
