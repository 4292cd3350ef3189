"""Lengths of the weights that lead to a unit: by plain NumPy, and by central differences."""

import numpy as np
import pytest
from fusednn.kernels.ops.products import narrow_dense
from fusednn.kernels.ops.updates import column_norms
from running.one_op import run_op

from fusednn.plan.layout.forms import Panels, Vectors
from fusednn.plan.layout.panels import panels
from fusednn.plan.memory.buffers import aligned_zeros

SIZES = (1, 3, 16, 33, 70)
both_dtypes = pytest.mark.parametrize("dtype", [np.float32, np.float64])
each_layer = pytest.mark.parametrize(
    ("form", "fan_in", "fan_out"),
    [
        *((Panels, fan_in, fan_out) for fan_in in SIZES for fan_out in SIZES),
        *(
            (Vectors, fan_in, fan_out)
            for fan_in in SIZES
            for fan_out in (1, 3, narrow_dense.NARROW)
        ),
    ],
)
OPS = {
    "bound": (column_norms.bound_columns, column_norms.bound_vectors),
    "normalise": (column_norms.normalise_columns, column_norms.normalise_vectors),
    "differentiate": (column_norms.differentiate_columns, column_norms.differentiate_vectors),
}


class Layer:
    """Matrices and vectors of one layer in its form, and the ops over all of it."""

    def __init__(self, form, fan_in, fan_out, dtype):
        self.form = form(fan_in, fan_out, dtype)
        self.dtype, self.shape = dtype, (fan_in, fan_out)
        self.vectors = form is Vectors

    def packed(self, w):
        flat = aligned_zeros(self.form.count, self.dtype)
        self.form.pack(flat, w)
        return flat

    def unpacked(self, flat):
        w = np.full(self.shape, np.nan, self.dtype)
        self.form.unpack(w, flat)
        return w

    def padded(self, values):
        row = aligned_zeros(self.form.padded_out, self.dtype)
        row[: len(values)] = values
        return row

    def transposed_of(self, w):
        """The copy of w^T as packing makes it; None where there is none."""
        if self.vectors:
            return None
        flat = aligned_zeros(self.form.transposed_count, self.dtype)
        self.form.pack_transposed(flat, w)
        return flat

    def run(self, name, operands):
        operands = operands | self.form.column_operands()
        if self.vectors:
            last = self.shape[1] - 1
            tasks = [(0, last), (last, last + 1)]
        else:
            tasks = [(j, j) for j, _ in panels(self.form.padded_out, self.dtype)]
        run_op(OPS[name][self.vectors], operands, tasks, self.dtype)

    def assert_padding_is_zero(self, flat):
        """Nothing but the layer's elements is in a matrix: packing what it holds gives it back."""
        np.testing.assert_array_equal(flat, self.packed(self.unpacked(flat)))

    def differentiate(self, v, norms, dw):
        """The gradients of v and of the norms by the op, from that of w."""
        flat, dnorms = self.packed(dw), self.padded([])
        dnorms += np.nan
        operands = {
            "v": self.packed(v),
            "dw": flat,
            "norms": self.padded(norms),
            "dnorms": dnorms,
        }
        self.run("differentiate", operands)
        if not self.vectors:
            self.assert_padding_is_zero(flat)
            np.testing.assert_array_equal(dnorms[self.shape[1] :], 0)
        return self.unpacked(flat), dnorms[: self.shape[1]]


def drawn(fan_in, fan_out, dtype, seed=0):
    """Directions, none of them short, norms of either sign, and a gradient."""
    random = np.random.RandomState(seed)
    v, dw = random.normal(size=(2, fan_in, fan_out))
    v += np.sign(v)
    return v.astype(dtype), random.normal(size=fan_out).astype(dtype), dw.astype(dtype)


def normalised(v, norms):
    return v * norms / np.sqrt((v**2).sum(axis=0))


@pytest.mark.thinned
@both_dtypes
@each_layer
@pytest.mark.parametrize("copied", [True, False])
def test_bound(form, fan_in, fan_out, dtype, copied):
    """Longer columns become as long as allowed, the others keep their bits."""
    layer = Layer(form, fan_in, fan_out, dtype)
    w = drawn(fan_in, fan_out, dtype)[0]
    norms = np.sqrt((w.astype(float) ** 2).sum(axis=0))
    largest = float(np.median(norms)) * 1.001
    flat, transposed = layer.packed(w), layer.transposed_of(w)
    operands = {"w": flat, "largest": largest}
    if copied and transposed is not None:
        operands["transposed"] = transposed
    layer.run("bound", operands)
    ours, longer = layer.unpacked(flat), norms > largest
    assert ours[:, ~longer].tobytes() == w[:, ~longer].tobytes()
    expected = w.astype(float) * np.where(longer, largest / norms, 1)
    np.testing.assert_allclose(ours, expected, rtol=(fan_in + 8) * np.finfo(dtype).eps, atol=0)
    if not layer.vectors:
        layer.assert_padding_is_zero(flat)
        np.testing.assert_array_equal(transposed, layer.transposed_of(ours if copied else w))


@both_dtypes
@pytest.mark.parametrize("form", [Panels, Vectors])
@pytest.mark.parametrize("largest", [1e3, np.inf])
def test_short_columns_stay(form, dtype, largest):
    """Zeros and NaNs too: a network that has diverged is not repaired."""
    layer = Layer(form, 33, 3, dtype)
    w = drawn(33, 3, dtype)[0]
    w[:, 1], w[7, 2] = 0, np.nan
    flat = layer.packed(w)
    kept = flat.copy()
    layer.run("bound", {"w": flat, "largest": largest})
    assert flat.tobytes() == kept.tobytes()


@pytest.mark.thinned
@both_dtypes
@each_layer
@pytest.mark.parametrize("copied", [True, False])
def test_normalise(form, fan_in, fan_out, dtype, copied):
    layer = Layer(form, fan_in, fan_out, dtype)
    v, norms, dw = drawn(fan_in, fan_out, dtype)
    flat, transposed = layer.packed(dw), layer.transposed_of(dw)
    direction = layer.packed(v)
    operands = {"w": flat, "v": direction, "norms": layer.padded(norms)}
    if copied and transposed is not None:
        operands["transposed"] = transposed
    layer.run("normalise", operands)
    ours = layer.unpacked(flat)
    expected = normalised(v.astype(float), norms.astype(float))
    np.testing.assert_allclose(ours, expected, rtol=(fan_in + 8) * np.finfo(dtype).eps, atol=0)
    np.testing.assert_array_equal(direction, layer.packed(v))
    layer.assert_padding_is_zero(flat)
    if not layer.vectors:
        np.testing.assert_array_equal(transposed, layer.transposed_of(ours if copied else dw))


@pytest.mark.thinned
@both_dtypes
@each_layer
def test_differentiate(form, fan_in, fan_out, dtype):
    """Against the formulas, term by term, in float64."""
    v, norms, dw = drawn(fan_in, fan_out, dtype)
    dv, dnorms = Layer(form, fan_in, fan_out, dtype).differentiate(v, norms, dw)
    v, norms, dw = (part.astype(float) for part in (v, norms, dw))
    allowed = 2 * (fan_in + 8) * np.finfo(dtype).eps
    for o in range(fan_out):
        norm = np.linalg.norm(v[:, o])
        unit = v[:, o] / norm
        size = abs(dw[:, o]).sum()
        across = dw[:, o] - unit * (unit @ dw[:, o])
        assert abs(dnorms[o] - unit @ dw[:, o]) <= allowed * size
        error = abs(dv[:, o] - norms[o] / norm * across)
        assert np.all(error <= allowed * size * abs(norms[o]) / norm)


@pytest.mark.parametrize(("fan_in", "fan_out"), [(1, 1), (3, 4), (5, 17), (33, 3)])
@pytest.mark.parametrize("form", [Panels, Vectors])
def test_differentiate_by_central_differences(form, fan_in, fan_out):
    """The function is the sum of sin(w) times constants, derived by v and by the norms."""
    if form is Vectors:
        fan_out = min(fan_out, narrow_dense.NARROW)
    v, norms, constants = drawn(fan_in, fan_out, np.float64, seed=1)

    def loss(v, norms):
        return (constants * np.sin(normalised(v, norms))).sum()

    dw = constants * np.cos(normalised(v, norms))
    gradients = Layer(form, fan_in, fan_out, np.float64).differentiate(v, norms, dw)
    point, step = [v, norms], 1e-5
    for part, gradient in zip(point, gradients, strict=True):
        for at in np.ndindex(part.shape):
            kept = part[at]
            part[at] = kept + step
            above = loss(*point)
            part[at] = kept - step
            below = loss(*point)
            part[at] = kept
            assert gradient[at] == pytest.approx((above - below) / (2 * step), abs=1e-9)


@both_dtypes
@pytest.mark.parametrize("form", [Panels, Vectors])
def test_directions_of_length_zero(form, dtype):
    """They give weights and gradients of zero; a NaN stays one."""
    layer = Layer(form, 17, 3, dtype)
    v, norms, dw = drawn(17, 3, dtype)
    v[:, 0], v[5, 1] = 0, np.nan
    flat = layer.packed(dw)
    operands = {"w": flat, "v": layer.packed(v), "norms": layer.padded(norms)}
    layer.run("normalise", operands)
    dv, dnorms = layer.differentiate(v, norms, dw)
    for result in (layer.unpacked(flat), dv, dnorms[np.newaxis]):
        np.testing.assert_array_equal(result[:, 0], 0)
        assert np.isnan(result[:, 1]).all()
        assert np.isfinite(result[:, 2]).all()
