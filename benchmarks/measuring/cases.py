"""The table of kernel cases that asv, pytest-benchmark and `benchmarks.gemm` time.

Kernels take pointers and sizes, so a small compiled loop repeats each for about a millisecond, on
data that stay in the cache, as a block of rows or a tile does in training. One thread. If a kernel
overwrites its input, the data are chosen so that repetition produces neither subnormal numbers nor
infinity.
"""

from collections.abc import Callable
from functools import cache
from typing import NamedTuple

import numpy as np
from fusednn.kernels import maths, records
from fusednn.kernels._jit import kernel
from fusednn.kernels.activations import ACTIVATIONS
from fusednn.kernels.gemm import multiply_panel, multiply_panels
from fusednn.kernels.intrinsics.pointers import advance, data
from fusednn.kernels.intrinsics.shapes import SHAPE
from fusednn.kernels.intrinsics.sums import sum_squares
from fusednn.kernels.intrinsics.sync import call
from fusednn.kernels.library import address
from fusednn.kernels.losses import LOSSES
from fusednn.kernels.ops import gather
from fusednn.kernels.optimizers import OPTIMIZERS

from fusednn.plan.binding.program import Program
from fusednn.plan.memory.buffers import Block

DTYPES = ("float32", "float64")
ELEMENTS = 4096
"""Elements of a block: a few rows of a hidden layer."""
TILE = 1024
"""Weights of a tile that an optimizer updates: 32 x 32 in float32."""
LOSS_ROWS = 256
CALL_FLOPS = 4e8
CALL_ELEMENTS = 8_000_000
"""Elements per call of functions with a polynomial; cheaper kernels take CHEAP_ELEMENTS."""
CHEAP_ELEMENTS = 32_000_000


class Work(NamedTuple):
    """A prepared case: `call()` does `amount` operations, or moves `amount` bytes."""

    call: Callable[[], object]
    amount: float


class Case(NamedTuple):
    """`prepare(dtype)` returns a `Work`; `unit` is the unit of its amount per 1e9 s."""

    unit: str
    prepare: Callable[[str], Work]


def _random(dtype, *shape):
    return np.random.default_rng(0).standard_normal(shape).astype(dtype)


# -- matrix products ---------------------------------------------------------------------


@kernel
def _panels_loop(c, a, b, zeros, M, K, N, floor, repeats):
    for _ in range(repeats):
        multiply_panels(data(c), N, data(a), K, data(b), K, data(zeros), 0, M, K, N, floor, floor)


@kernel
def _gradient_loop(tile, x, dz, zeros, batch, fan_in, fan_out, rows, width, floor, repeats):
    """x^T dz tile by tile over the whole batch, as in the update of a dense layer."""
    for _ in range(repeats):
        for j in range(0, fan_out, width):
            for i in range(0, fan_in, rows):
                multiply_panel(
                    data(tile), width, advance(data(x), i), 1, fan_in, advance(data(dz), j),
                    fan_out, data(zeros), 0, min(rows, fan_in - i), batch, floor,
                )  # fmt: skip


def gemm_work(M, K, N, dtype):
    """c (M x N) = a b with b in panels; N is padded to whole panels.

    Parameters
    ----------
    M, K, N : int
    dtype : str

    Returns
    -------
    Work
    """
    element = np.dtype(dtype).type
    width = SHAPE.panel(element(0).itemsize)
    columns = -(-N // width) * width
    c, a = np.zeros((M, columns), dtype), _random(dtype, M, K)
    b, zeros = _random(dtype, columns // width, K, width), np.zeros(columns, dtype)
    flops = 2.0 * M * K * N
    repeats = max(1, round(CALL_FLOPS / flops))
    arguments = c, a, b, zeros, M, K, columns, element(-np.inf), repeats
    return Work(lambda: _panels_loop(*arguments), repeats * flops)


def blas_work(M, K, N, dtype):
    """The same product by NumPy; limits BLAS to one thread for the rest of the process."""
    from threadpoolctl import threadpool_limits

    threadpool_limits(1, user_api="blas")
    a, b, c = _random(dtype, M, K), _random(dtype, K, N), np.zeros((M, N), dtype)
    flops = 2.0 * M * K * N
    repeats = max(1, round(CALL_FLOPS / flops))

    def call():
        for _ in range(repeats):
            np.matmul(a, b, out=c)

    return Work(call, repeats * flops)


def _gradient_work(batch, fan_in, fan_out, dtype):
    element = np.dtype(dtype).type
    width, rows = SHAPE.panel(element(0).itemsize), 32
    tile, zeros = np.zeros((rows, width), dtype), np.zeros(width, dtype)
    x, dz = _random(dtype, batch, fan_in), _random(dtype, batch, fan_out)
    flops = 2.0 * batch * fan_in * fan_out
    repeats = max(1, round(CALL_FLOPS / flops))
    arguments = (
        tile, x, dz, zeros, batch, fan_in, fan_out, rows, width, element(-np.inf), repeats
    )  # fmt: skip
    return Work(lambda: _gradient_loop(*arguments), repeats * flops)


# -- element by element ------------------------------------------------------------------


@cache
def _map_loop(function):
    @kernel
    def loop(out, x, repeats):
        for _ in range(repeats):
            for i in range(x.size):
                out[i] = function(x[i])

    return loop


@cache
def _forward_loop(function):
    @kernel
    def loop(out, constants, repeats):
        for _ in range(repeats):
            function(data(out), out.size, data(constants))

    return loop


@cache
def _backward_loop(function):
    @kernel
    def loop(dout, out, constants, repeats):
        for _ in range(repeats):
            function(data(dout), data(out), out.size, data(constants))

    return loop


@kernel
def _slopes_loop(record, out, slopes, z, constants, repeats):
    """Restores the input each time: repeated outputs of some activations become subnormal."""
    for _ in range(repeats):
        out[:] = z
        call(data(record), 0, (data(out), data(slopes), out.size, data(constants)))


def _map_work(name, dtype):
    loop = _map_loop(getattr(maths, name))
    x = abs(_random(dtype, ELEMENTS)) if name.startswith("log") else _random(dtype, ELEMENTS)
    out, repeats = np.empty_like(x), CALL_ELEMENTS // ELEMENTS
    return Work(lambda: loop(out, x, repeats), 2.0 * repeats * x.nbytes)


def _constants_of(row, dtype):
    """An activation's constants; never empty, because their address is taken."""
    return np.array([*row.constants, 0.0], dtype)


def _forward_work(name, dtype):
    row = ACTIVATIONS[name]
    loop, constants = _forward_loop(row.forward), _constants_of(row, dtype)
    # repeated leaky_relu would turn negative numbers into subnormals
    out, repeats = abs(_random(dtype, ELEMENTS)), CALL_ELEMENTS // ELEMENTS
    return Work(lambda: loop(out, constants, repeats), 2.0 * repeats * out.nbytes)


def _backward_work(name, dtype):
    row = ACTIVATIONS[name]
    loop, constants = _backward_loop(row.backward), _constants_of(row, dtype)
    out, repeats = _random(dtype, ELEMENTS), CHEAP_ELEMENTS // ELEMENTS
    dout = np.zeros_like(out)  # anything else would shrink to subnormals
    return Work(lambda: loop(dout, out, constants, repeats), 3.0 * repeats * out.nbytes)


def _slopes_work(name, dtype):
    row = ACTIVATIONS[name]
    record, constants = np.array([address(row.slopes, "slopes", dtype)]), _constants_of(row, dtype)
    z, repeats = _random(dtype, ELEMENTS), CALL_ELEMENTS // ELEMENTS
    out, slopes = np.empty_like(z), np.empty_like(z)
    return Work(
        lambda: _slopes_loop(record, out, slopes, z, constants, repeats), 3.0 * repeats * z.nbytes
    )


@kernel
def _squares_loop(x, repeats):
    total = 0.0
    for _ in range(repeats):
        total += sum_squares(data(x), x.size)
    return total


def _squares_work(dtype):
    x, repeats = _random(dtype, TILE), CHEAP_ELEMENTS // TILE
    return Work(lambda: _squares_loop(x, repeats), 1.0 * repeats * x.nbytes)


# -- losses, optimizers, gathers ---------------------------------------------------------


@cache
def _loss_loop(function):
    @kernel
    def loop(value, z, t, work, constants, repeats):
        for _ in range(repeats):
            function(
                data(value), data(z), data(t), data(work), z.shape[0], z.shape[1], data(constants)
            )

    return loop


def _loss_work(name, outputs, dtype):
    loss, constants = LOSSES[name], np.array([0.0, 99.0], dtype)
    loop = _loss_loop(loss.function)
    z = _random(dtype, outputs, LOSS_ROWS)
    classes = np.random.default_rng(0).integers(0, max(2, outputs), LOSS_ROWS)
    t = np.ascontiguousarray(classes if loss.class_targets or outputs == 1 else z > 0, dtype)
    value, work = np.empty(LOSS_ROWS), np.empty(3 * LOSS_ROWS, dtype)
    repeats = CALL_ELEMENTS // z.size
    arguments = value, z, t.reshape(-1, LOSS_ROWS), work, constants, repeats
    return Work(lambda: loop(*arguments), 2.0 * repeats * z.nbytes)


@cache
def _step_loop(function):
    @kernel
    def loop(w, g, s1, s2, s3, decay, settings, constants, repeats):
        for _ in range(repeats):
            function(
                data(w), data(g), data(s1), data(s2), data(s3), w.size, decay, data(settings),
                data(constants),
            )  # fmt: skip

    return loop


def _step_work(name, dtype):
    optimizer, element = OPTIMIZERS[name], np.dtype(dtype).type
    loop = _step_loop(optimizer.step)
    w, g = _random(dtype, 2, TILE)
    s1, s2, s3 = (np.zeros_like(w) for _ in range(3))
    settings = np.zeros(records.SETTINGS_WIDTH)
    settings[records.RATE], settings[records.EPSILON_FACTOR] = 1e-3, 1.0
    constants = np.array([0.9, 0.999, 1e-8])
    repeats = CHEAP_ELEMENTS // TILE
    arguments = w, g, s1, s2, s3, element(1e-6), settings, constants, repeats
    moved = 1 + 2 * (1 + optimizer.states)  # reads the gradient; reads and writes the others
    return Work(lambda: loop(*arguments), float(repeats * moved * w.nbytes))


@kernel
def _gather_loop(record, frame, scratch, batch, batches):
    for b in range(batches):
        frame[records.START] = b * batch
        gather.gather_dense(data(record), data(frame), data(scratch), 0, batch)


def _gather_work(dtype):
    """An epoch of batches of 200 shuffled rows, read from memory: 20000 x 784."""
    samples, width, batch = 20000, 784, 200
    X, out = np.ones((samples, width), dtype), np.zeros((batch, width), dtype)
    order = np.random.default_rng(0).permutation(samples)
    program, frame = Program(dtype, 1, 1), np.zeros(records.FRAME_WIDTH, np.int64)
    blocks = {"out": Block(out, width, width), "data": Block(X, width, width)}
    record = program.record(gather.gather_dense, {**blocks, "order": order})
    scratch, batches = np.zeros(1, dtype), samples // batch
    arguments = record, frame, scratch, batch, batches

    def call(alive=program):  # keeps the arrays alive whose addresses the record holds
        _gather_loop(*arguments)

    return Work(call, 2.0 * X.nbytes)


GEMM_SHAPES = {"192x784x192": (192, 784, 192), "252x960x960": (252, 960, 960)}

CASES = {
    **{
        f"gemm {name}": Case("GFLOP/s", lambda dtype, shape=shape: gemm_work(*shape, dtype))
        for name, shape in GEMM_SHAPES.items()
    },
    **{
        f"numpy {name}": Case("GFLOP/s", lambda dtype, shape=shape: blas_work(*shape, dtype))
        for name, shape in GEMM_SHAPES.items()
    },
    "gemm one row 1x784x256": Case("GFLOP/s", lambda dtype: gemm_work(1, 784, 256, dtype)),
    "weight gradient 200x784x256": Case(
        "GFLOP/s", lambda dtype: _gradient_work(200, 784, 256, dtype)
    ),
    **{
        name: Case("GB/s", lambda dtype, name=name: _map_work(name, dtype))
        for name in ("exp", "expm1", "log", "tanh", "sigmoid", "softplus", "normal_cdf")
    },
    **{
        f"{name} forward": Case("GB/s", lambda dtype, name=name: _forward_work(name, dtype))
        for name, activation in ACTIVATIONS.items()
        if activation.forward is not None and activation.slopes is None
    },
    **{
        f"{name} slopes": Case("GB/s", lambda dtype, name=name: _slopes_work(name, dtype))
        for name, activation in ACTIVATIONS.items()
        if activation.slopes is not None
    },
    **{
        f"{name} backward": Case("GB/s", lambda dtype, name=name: _backward_work(name, dtype))
        for name, activation in ACTIVATIONS.items()
        if activation.backward is not None and activation.slopes is None
    },
    "softmax loss 256x10": Case("GB/s", lambda dtype: _loss_work("softmax", 10, dtype)),
    "logistic loss 256x1": Case("GB/s", lambda dtype: _loss_work("logistic", 1, dtype)),
    **{
        f"{name} step": Case("GB/s", lambda dtype, name=name: _step_work(name, dtype))
        for name in ("adam", "nesterov")
    },
    "sum of squares": Case("GB/s", _squares_work),
    "gather 200x784 of 20000": Case("GB/s", _gather_work),
}
"""All cases."""
