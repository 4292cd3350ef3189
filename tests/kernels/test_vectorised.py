"""The loops that plans call are packed: whole vectors of the host, and no library calls."""

import re

import numpy as np
import pytest
from fusednn.kernels import library
from fusednn.kernels._jit import JIT, OPTIONS
from fusednn.kernels.activations import ACTIVATIONS
from fusednn.kernels.intrinsics.shapes import SHAPE
from fusednn.kernels.losses import LOSSES
from fusednn.kernels.ops.attention import positions, rotate
from fusednn.kernels.ops.norms import batch_norm, layer_norm
from fusednn.kernels.ops.pointwise import elementwise, gate, mix, parametric
from fusednn.kernels.ops.pointwise.noise import gaussian_noise
from fusednn.kernels.ops.recurrence import gru, lstm, rnn
from fusednn.kernels.ops.updates import average, column_norms
from fusednn.kernels.optimizers import OPTIMIZERS
from numba import types
from numba.core.ccallback import CFunc

pytestmark = pytest.mark.skipif(not JIT, reason="the JIT is off")

NAMES = {"float32": "float", "float64": "double"}
# a function may stand in several rows
LOOPS = [
    *dict.fromkeys((row.forward, "activation") for row in ACTIVATIONS.values() if row.forward),
    *dict.fromkeys((row.slopes, "slopes") for row in ACTIVATIONS.values() if row.slopes),
    *dict.fromkeys((row.backward, "derivative") for row in ACTIVATIONS.values() if row.backward),
    *((row.function, "loss") for row in LOSSES.values()),
    *dict.fromkeys((row.link, "link") for row in LOSSES.values() if row.link),
    *((row.step, "step") for row in OPTIMIZERS.values()),
    (gaussian_noise, "op"),
    (average.average_weights, "op"),
    (mix.mix_rows, "op"),
    (column_norms.bound_columns, "op"),
    (column_norms.normalise_columns, "op"),
    (column_norms.differentiate_columns, "op"),
    (column_norms.differentiate_vectors, "op"),
]
IDS = [function.__name__ for function, _ in LOOPS]
POLYNOMIALS = {
    "tanh_forward",
    "logistic_forward",
    "elu_forward",
    "softplus_forward",
    "softplus_backward",
    *(f"{name}_forward" for name in ("gelu", "gelu_tanh", "silu", "mish")),
    *(f"{name}_slopes" for name in ("gelu", "gelu_tanh", "silu", "mish")),
    "softmax_cross_entropy",
    "binary_cross_entropy",
    "poisson_deviance",
    "smoothed_softmax_cross_entropy",
    "smoothed_binary_cross_entropy",
    "focal_softmax_cross_entropy",
    "focal_binary_cross_entropy",
    "gamma_deviance",
    "log_cosh",
    "gaussian",
    "softmax_link",
    "logistic_link",
    "exp_link",
    "gaussian_noise",
}
"""They evaluate elementary functions, hence fuse multiply-adds where the shape does."""

ROOTS = {"adam", "amsgrad", "adamw", "nadam", "rmsprop", "adagrad"}
"""They divide by a root."""

OPS = {
    batch_norm.batch_partials: 2,
    batch_norm.batch_statistics: 5,
    batch_norm.batch_norm_forward: 0,
    batch_norm.batch_norm_partials: 1,
    batch_norm.batch_norm_sums: 0,
    batch_norm.batch_norm_backward: 0,
    layer_norm.layer_norm_forward: 2,
    layer_norm.layer_norm_backward: 2,
    layer_norm.layer_norm_sums: 2,
    elementwise.copy_rows: 1,
    elementwise.add_rows: 1,
    elementwise.scale_rows: 1,
    elementwise.scale_backward: 1,
    elementwise.prelu_forward: 1,
    elementwise.prelu_backward: 1,
    gate.gate: 1,
    parametric.parametric_forward: 3,
    gate.gate_backward: 1,
    rotate.rotate: 1,
    positions.add_positions: 1,
    rnn.rnn_forward: 2,
    rnn.rnn_backward: 4,
    lstm.lstm_forward: 5,
    lstm.lstm_backward: 4,
    gru.gru_forward: 3,
    gru.gru_backward: 4,
}
"""Ops on rows, and how many loops over columns each has at least."""
SHORT_OPS = {batch_norm.batch_norm_forward, layer_norm.layer_norm_forward, gate.gate_backward}
"""The others are long."""
ONLY_ROOTS = {"gaussian_noise"}
SHORT = {
    "tanh_forward",
    "gelu_slopes",
    "softplus_backward",
    "softmax_cross_entropy",
    "softmax_link",
    "adam",
    "gaussian_noise",
}
"""A loop or two of each role; the others are long."""

CALLED = re.compile(r"(?:movabsq\s+\$|callq?\s+|\sbl?\s+)([A-Za-z_]\w*)")
LIBRARY = re.compile(r"(exp|exp2|expm1|log|log1p|log2|tanh|pow|sqrt|erfc?|fma|fmax|fmin)f?")


def optimised(function, role, dtype):
    """LLVM IR and assembly of a kernel as a C function, compiled as `library` does."""
    element = getattr(types, dtype)
    arguments = library.ROLES[role](types.CPointer(element), element)
    short = library._SHORT[np.dtype(dtype)]
    native = CFunc(
        library._named(function.py_func, short), (arguments, types.int64), {}, dict(OPTIONS)
    )
    native.compile()
    return native.inspect_llvm(), native._library.get_asm_str()


def widths(pattern, ir, dtype):
    """Bytes of the vectors in the operations that match."""
    found = re.findall(pattern.format(kind=NAMES[dtype]), ir)
    return {int(count) * np.dtype(dtype).itemsize for count in found}


@pytest.mark.parametrize("dtype", NAMES)
@pytest.mark.parametrize(
    ("function", "role"),
    [
        pytest.param(*loop, id=name, marks=[pytest.mark.long] * (name not in SHORT))
        for loop, name in zip(LOOPS, IDS, strict=True)
    ],
)
def test_loop(function, role, dtype):
    ir, assembly = optimised(function, role, dtype)
    # Where 512-bit operations cost clock rate, LLVM itself prefers 256.
    enough = min(SHAPE.vector_bytes, 32)
    arithmetic = r"(?:fadd|fsub|fmul|fcmp \w+|fdiv) <(\d+) x {kind}>"
    packed = widths(arithmetic, ir, dtype)
    assert packed
    if role == "loss" and max(packed) < enough:
        # a loop that adds up float64 beside float32 has vectors of as many elements of each
        assert max(widths(arithmetic, ir, "float64")) >= enough
        enough = enough // 8 * np.dtype(dtype).itemsize
    assert max(packed) >= enough
    assert not [name for name in CALLED.findall(assembly) if LIBRARY.fullmatch(name)]
    name = function.__name__
    if name in POLYNOMIALS and SHAPE.fused:
        assert max(widths(r"@llvm\.fma\.v(\d+)f", ir, dtype)) >= enough
    if name in ROOTS | ONLY_ROOTS:
        assert max(widths(r"@llvm\.sqrt\.v(\d+)f", ir, dtype)) >= enough
    if name in ROOTS:
        assert max(widths(r"fdiv <(\d+) x {kind}>", ir, dtype)) >= enough


@pytest.mark.parametrize("dtype", NAMES)
@pytest.mark.parametrize(
    "op",
    [
        pytest.param(op, id=op.__name__, marks=[pytest.mark.long] * (op not in SHORT_OPS))
        for op in OPS
    ],
)
def test_op(op, dtype):
    """Every loop over columns is packed, by LLVM or, where none is expected, by intrinsics."""
    ir, assembly = optimised(op, "op", dtype)
    assert len(re.findall(r"^vector\.body[\w.]*:", ir, re.MULTILINE)) >= OPS[op]
    assert max(widths(r"store <(\d+) x {kind}>", ir, dtype)) >= min(SHAPE.vector_bytes, 32)
    assert not [name for name in CALLED.findall(assembly) if LIBRARY.fullmatch(name)]


def test_every_function_with_a_polynomial_is_listed():
    assert set(IDS) >= POLYNOMIALS | SHORT
