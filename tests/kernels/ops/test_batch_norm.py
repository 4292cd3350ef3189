"""Batch normalisation by plain NumPy and central differences; bits do not hang on the tasks."""

import numpy as np
import pytest
from fusednn.kernels.intrinsics.tiles import MICRO_ROWS
from fusednn.kernels.operands import DECLARED
from fusednn.kernels.ops.norms import batch_norm
from running.blocks import (
    DIFFERENCES,
    ROUNDING,
    WIDTHS,
    Rows,
    assert_close,
    central_differences,
    empty_like,
    row_of,
    run,
)

both_dtypes = pytest.mark.parametrize("dtype", [np.float32, np.float64])
EPSILON, MOMENTUM = 1e-3, 0.2
BATCH = 3 * MICRO_ROWS + 1


def draw(rows, width, dtype):
    random = np.random.RandomState(width)
    x, d = random.normal(size=(2, rows, width)).astype(dtype)
    scale, shift = random.uniform(0.5, 2, size=(2, width)).astype(dtype)
    return x, d, scale, shift


def run_layer(x, d, scale, shift, block=MICRO_ROWS, workers=1, running=None):
    """Statistics, forward and backward; the buffers by their names, the rows' as blocks."""
    rows, width = x.shape
    dtype = x.dtype
    buffers = {"x": Rows(x), "d": Rows(d)}
    buffers["out"] = empty_like(buffers["x"])
    empty = np.full(width, np.nan, dtype)
    for name in ("mean", "inverse", "dscale", "dshift"):
        buffers[name] = row_of(empty)
    buffers["scale"], buffers["shift"] = row_of(scale), row_of(shift)
    running = running or (np.zeros(width, dtype), np.ones(width, dtype))
    buffers["running_mean"], buffers["running_variance"] = map(row_of, running)
    chunks = -(-rows // MICRO_ROWS)
    buffers["partials"] = np.full(chunks * 2 * buffers["x"].padded, np.nan, dtype)
    given = {name: getattr(buffer, "block", buffer) for name, buffer in buffers.items()}
    given |= {
        "floor": -np.inf, "dout": given["d"], "dx": given["d"],
        "width": width, "padded": buffers["x"].padded, "epsilon": EPSILON, "momentum": MOMENTUM,
        "lengths": None,
    }  # fmt: skip

    def record(op):
        return op, {name: given[name] for name, kind in DECLARED[op].kinds.items() if not kind.of}

    stages = [
        (*record(batch_norm.batch_partials), record(batch_norm.batch_statistics)),
        (*record(batch_norm.batch_norm_forward), None),
        (*record(batch_norm.batch_norm_partials), record(batch_norm.batch_norm_sums)),
        (*record(batch_norm.batch_norm_backward), None),
    ]
    run(dtype, rows, stages, block, workers)
    return buffers


def plain(x, scale, shift):
    """out in float64."""
    x = x.astype(float)
    return (x - x.mean(axis=0)) / np.sqrt(x.var(axis=0) + EPSILON) * scale + shift


@both_dtypes
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("rows", [2, MICRO_ROWS, BATCH])
def test_values_and_gradients(rows, width, dtype):
    x, d, scale, shift = draw(rows, width, dtype)
    ours = run_layer(x, d, scale, shift)
    x, d, scale, shift = (part.astype(float) for part in (x, d, scale, shift))
    rounding, differences = ROUNDING[dtype], DIFFERENCES[dtype]
    assert_close(ours["out"].values, plain(x, scale, shift), rounding)
    assert_close(ours["mean"][:width], x.mean(axis=0), rounding)
    assert_close(ours["inverse"][:width], 1 / np.sqrt(x.var(axis=0) + EPSILON), rounding)
    assert_close(
        ours["d"].values, central_differences(lambda x: (d * plain(x, scale, shift)).sum(), x),
        differences,
    )  # fmt: skip
    for name, value, loss in (
        ("dscale", scale, lambda scale: (d * plain(x, scale, shift)).sum()),
        ("dshift", shift, lambda shift: (d * plain(x, scale, shift)).sum()),
    ):
        assert_close(ours[name][:width], central_differences(loss, value), differences)
        np.testing.assert_array_equal(ours[name][width:], 0)
    for name in ("out", "d"):
        ours[name].assert_padding_is_zero()


@both_dtypes
@pytest.mark.parametrize("rows", [2, BATCH])
def test_running_statistics_move(rows, dtype):
    running = np.full(7, 0.5, dtype), np.full(7, 3.0, dtype)
    x, *rest = draw(rows, 7, dtype)
    ours = run_layer(x, *rest, running=running)
    wanted = x.mean(axis=0, dtype=float), x.astype(float).var(axis=0, ddof=1)
    for name, before, new in zip(("mean", "variance"), running, wanted, strict=True):
        want = (1 - MOMENTUM) * before + MOMENTUM * new
        assert_close(ours[f"running_{name}"][:7], want, ROUNDING[dtype])


@both_dtypes
def test_one_row_has_no_variance(dtype):
    x, d, scale, shift = draw(1, 7, dtype)
    ours = run_layer(x, d, scale, shift)
    np.testing.assert_array_equal(ours["out"].values[0], shift)
    np.testing.assert_array_equal(ours["d"].values, 0)
    np.testing.assert_array_equal(ours["running_variance"][:7], 1)
    assert_close(ours["running_mean"][:7], MOMENTUM * x[0].astype(float), ROUNDING[dtype])


@both_dtypes
@pytest.mark.parametrize("width", [7, 33])
def test_tasks_and_workers_change_no_bit(width, dtype):
    drawn = draw(BATCH, width, dtype)
    runs = [
        run_layer(*drawn, block=block, workers=workers)
        for block, workers in ((MICRO_ROWS, 1), (2 * MICRO_ROWS, 3), (5 * MICRO_ROWS, 1))
    ]
    for name, one in runs[0].items():
        for other in runs[1:]:
            if isinstance(one, Rows):
                assert one.memory.tobytes() == other[name].memory.tobytes()
            else:
                assert one.tobytes() == other[name].tobytes()


@pytest.mark.parametrize("rows", [2, BATCH])
def test_numbers_far_from_zero(rows):
    """The difference of mean(x^2) and mean(x)^2 would have no digit left."""
    x, *rest = draw(rows, 16, np.float32)
    x += np.float32(5000)
    ours = run_layer(x, *rest)
    variance = x.astype(float).var(axis=0)
    np.testing.assert_allclose(
        ours["inverse"][:16], 1 / np.sqrt(variance + EPSILON), rtol=2e-3
    )  # the mean itself is rounded by up to 2.4e-4
