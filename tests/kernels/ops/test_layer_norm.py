"""Layer normalisation and RMSNorm by plain NumPy and central differences."""

import numpy as np
import pytest
from fusednn.kernels.intrinsics.tiles import MICRO_ROWS
from fusednn.kernels.ops.norms import layer_norm
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
KINDS = pytest.mark.parametrize(
    ("centered", "shifted"), [(True, True), (True, False), (False, False)],
    ids=["layer norm", "layer norm without shift", "RMSNorm"],
)  # fmt: skip
EPSILON = 1e-2
BATCH = 2 * MICRO_ROWS + 3


def draw(rows, width, dtype):
    random = np.random.RandomState(width)
    x, d = random.normal(size=(2, rows, width)).astype(dtype)
    scale, shift = random.uniform(0.5, 2, size=(2, width)).astype(dtype)
    return x, d, scale, shift


def run_layer(x, d, scale, shift, centered=True, block=MICRO_ROWS, workers=1, back=True):
    """Forward and backward; the buffers by their names."""
    rows, dtype = len(x), x.dtype
    buffers = {"x": Rows(x), "d": Rows(d), "inverse": np.full(rows, np.nan, dtype)}
    buffers["out"], buffers["dx"] = empty_like(buffers["x"]), empty_like(buffers["x"])
    shared = {"inverse": buffers["inverse"], "scale": row_of(scale), "centered": int(centered)}
    forward = {
        "out": buffers["out"].block,
        "normal": buffers["x"].block,
        "shift": None if shift is None else row_of(shift),
        "epsilon": EPSILON,
    }
    backward = {
        "dx": buffers["dx"].block,
        "products": buffers["x"].block,
        "dout": buffers["d"].block,
    }
    stages = [(layer_norm.layer_norm_forward, forward | shared, None)]
    if back:
        stages.append((layer_norm.layer_norm_backward, backward | shared, None))
    run(dtype, rows, stages, block, workers)
    return buffers


def plain(x, scale, shift, centered):
    """out in float64."""
    if centered:
        x = x - x.mean(axis=1, keepdims=True)
    xhat = x / np.sqrt((x**2).mean(axis=1, keepdims=True) + EPSILON)
    return xhat * scale + shift


@both_dtypes
@KINDS
@pytest.mark.parametrize("width", [*WIDTHS, 150])
def test_values(width, centered, shifted, dtype):
    """In a row of 150 elements some fill four vectors, some one, and some none."""
    x, d, scale, shift = draw(BATCH, width, dtype)
    ours = run_layer(x, d, scale, shift if shifted else None, centered, back=False)
    x, scale, shift = (part.astype(float) for part in (x, scale, shift * shifted))
    assert_close(ours["x"].values, plain(x, 1.0, 0.0, centered), ROUNDING[dtype])
    assert_close(ours["out"].values, plain(x, scale, shift, centered), ROUNDING[dtype])
    center = x.mean(axis=1, keepdims=True) if centered else 0
    inverse = 1 / np.sqrt(((x - center) ** 2).mean(axis=1) + EPSILON)
    assert_close(ours["inverse"], inverse, ROUNDING[dtype])
    ours["x"].assert_padding_is_zero()
    ours["out"].assert_padding_is_zero()


@both_dtypes
@KINDS
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("rows", [1, 2, MICRO_ROWS + 1])
def test_gradients(rows, width, centered, shifted, dtype):
    x, d, scale, shift = draw(rows, width, dtype)
    ours = run_layer(x, d, scale, shift if shifted else None, centered)
    np.testing.assert_array_equal(ours["d"].values, d)
    x, d, scale = (part.astype(float) for part in (x, d, scale))
    dx = central_differences(lambda x: (d * plain(x, scale, 0.0, centered)).sum(), x)
    assert_close(ours["dx"].values, dx, DIFFERENCES[dtype])
    dscale = central_differences(lambda scale: (d * plain(x, scale, 0.0, centered)).sum(), scale)
    assert_close(ours["x"].values.sum(axis=0), dscale, DIFFERENCES[dtype])
    assert_close(ours["x"].values, d * plain(x, 1.0, 0.0, centered), ROUNDING[dtype])
    ours["x"].assert_padding_is_zero()
    ours["dx"].assert_padding_is_zero()


@both_dtypes
@pytest.mark.parametrize("centered", [True, False])
def test_tasks_and_workers_change_no_bit(centered, dtype):
    drawn = draw(BATCH, 33, dtype)
    runs = [
        run_layer(*drawn, centered, block, workers)
        for block, workers in ((MICRO_ROWS, 1), (2 * MICRO_ROWS, 3), (3 * MICRO_ROWS, 1))
    ]
    for name in ("x", "out", "dx"):
        assert len({one[name].memory.tobytes() for one in runs}) == 1


def test_numbers_far_from_zero():
    """The difference of mean(x^2) and mean(x)^2 would have no digit left."""
    x, *rest = draw(3, 150, np.float32)
    x += np.float32(5000)
    ours = run_layer(x, *rest, back=False)
    np.testing.assert_allclose(
        ours["inverse"], 1 / np.sqrt(x.astype(float).var(axis=1) + EPSILON), rtol=1e-4
    )
