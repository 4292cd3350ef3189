"""The micro-kernel's forms, and the matrix products made of them, against plain NumPy."""

from itertools import product

import numpy as np
import pytest
from fusednn.kernels import gemm
from fusednn.kernels._jit import JIT, kernel
from fusednn.kernels.intrinsics import tiles
from fusednn.kernels.intrinsics.pointers import data
from fusednn.kernels.intrinsics.shapes import SHAPE
from fusednn.kernels.intrinsics.tiles import MICRO_ROWS, ROW_PANELS, VECTORS
from oracles import reference_layers

FORMS = {  # rows, panels, vectors of a panel, lanes (None: the full vector)
    "tile_full": (MICRO_ROWS, 1, VECTORS, None),
    "ahead_to_read": (MICRO_ROWS, 1, VECTORS, None),
    "ahead_to_write": (MICRO_ROWS, 1, VECTORS, None),
    "ahead_runs": (MICRO_ROWS, 1, VECTORS, None),
    "tile_four": (4, 1, VECTORS, None),
    "tile_two": (2, 1, VECTORS, None),
    "tile_one": (1, 1, VECTORS, None),
    "edge_full": (MICRO_ROWS, 1, 1, None),
    "edge_four": (4, 1, 1, None),
    "edge_two": (2, 1, 1, None),
    "edge_one": (1, 1, 1, None),
    "tile_row": (1, ROW_PANELS, VECTORS, None),
    "narrow_full": (MICRO_ROWS, 1, 1, 4),
    "narrow_one": (1, 1, 1, 4),
    "column_full": (MICRO_ROWS, 1, 1, 1),
    "column_one": (1, 1, 1, 1),
}
SIZES = (1, 2, 3, 7, 8, 9, 17, 33)
BLOCK = gemm.K_BLOCK_VECTORS * 16  # of float32 on the widest shape; beyond one on others
DEPTHS = (BLOCK + 1, BLOCK * 3 // 2 + 1, 2 * BLOCK + 1)
"""Values of K that are one block, two, and three."""

both_dtypes = pytest.mark.parametrize("dtype", [np.float32, np.float64])


def over_arrays(function):
    """The function with arrays in place of the pointers c, a, b and init."""
    if function is gemm.multiply_panels:

        def run(c, ldc, a, lda, b, depth, init, *rest):
            function(data(c), ldc, data(a), lda, data(b), depth, data(init), *rest)

    elif function in (gemm.multiply_panel, gemm.multiply_edge, gemm.multiply_plain):

        def run(c, ldc, a, rsa, csa, b, ldb, init, *rest):
            function(data(c), ldc, data(a), rsa, csa, data(b), ldb, data(init), *rest)

    else:

        def run(c, ldc, a, rsa, csa, b, ldb, panel, init, ldi, K, floor):
            at, weights, start = data(a), data(b), data(init)
            function(data(c), ldc, at, rsa, csa, weights, ldb, panel, start, ldi, K, floor)

        def run_ahead(c, ldc, a, rsa, csa, b, ldb, panel, init, ldi, K, floor):
            at, weights, start = data(a), data(b), data(init)
            function(
                data(c), ldc, at, rsa, csa, weights, ldb, panel, start, ldi, K, floor, at, csa
            )

        def run_runs(c, ldc, a, rsa, csa, b, ldb, panel, init, ldi, K, floor):
            at, weights, start = data(a), data(b), data(init)
            count = 3 if K % 3 == 0 else 1  # adjacent parts of the K rows
            length = K // count
            function(
                data(c), ldc, at, rsa, csa, weights, ldb, panel, start, ldi, length, floor, at,
                csa, count, length * csa, length * ldb, length * csa,
            )  # fmt: skip

        if function in (tiles.ahead_to_read, tiles.ahead_to_write):
            return kernel(run_ahead)
        if function is tiles.ahead_runs:
            return kernel(run_runs)

    return kernel(run)


RUN = {name: over_arrays(getattr(tiles, name)) for name in FORMS}
multiply_panel = over_arrays(gemm.multiply_panel)
multiply_edge = over_arrays(gemm.multiply_edge)
multiply_panels = over_arrays(gemm.multiply_panels)
multiply_plain = over_arrays(gemm.multiply_plain)


class Case:
    """One product a (M, K) b (K, N) from `init`, and buffers for a kernel to work on."""

    def __init__(self, dtype, M, K, N, mode="matrix", floor=-np.inf, transposed=False, seed=0):
        random = np.random.RandomState(seed)
        self.M, self.K, self.N, self.mode = M, K, N, mode
        self.a, self.b = (random.normal(size=s).astype(dtype) for s in ((M, K), (K, N)))
        self.floor, self.lowest = dtype(floor), dtype(-np.inf)
        self.ldc, self.ldb = N + 3, N + 1
        self.c = np.full((M, self.ldc), np.nan, dtype)
        start = random.normal(size=(1 if mode == "bias" else M, N)).astype(dtype)
        if mode == "accumulate":
            self.c[:, :N] = start
            self.init, self.ldi = self.c, self.ldc
        else:
            self.init, self.ldi = start, 0 if mode == "bias" else N
        self.start = start.copy()
        held = np.full((K, M + 2) if transposed else (M, K + 2), np.nan, dtype)
        held[tuple(map(slice, (K, M) if transposed else (M, K)))] = (
            self.a.T if transposed else self.a
        )
        self.at = held.ravel()
        self.strides = (1, M + 2) if transposed else (K + 2, 1)
        self.rows_of_b = np.pad(self.b, ((0, 0), (0, 1)), constant_values=np.nan).ravel()

    def panels(self, depth, width, lanes):
        return reference_layers.panels(self.b, depth, width, lanes).astype(self.b.dtype)

    def check(self):
        """The product is right, and nothing beside it was written."""
        got, beyond = self.c[:, : self.N], self.c[:, self.N :]
        want = reference_layers.multiply(self.a, self.b, self.start, self.floor)
        size = reference_layers.multiply(abs(self.a), abs(self.b), abs(self.start), -np.inf)
        error = abs(got.astype(float) - want)
        assert np.all(error <= (self.K + 1) * np.finfo(got.dtype).eps * size)
        assert np.isnan(beyond).all()
        return got


def width_of(dtype, vectors=VECTORS, lanes=None):
    return vectors * (lanes or SHAPE.lanes(np.dtype(dtype).itemsize))


def cases(dtype, M, Ks, N):
    """Every way to begin, floor and layout of a."""
    ways = product(Ks, ("matrix", "bias", "accumulate"), (-np.inf, 0.0), (False, True))
    for seed, (K, mode, floor, transposed) in enumerate(ways):
        yield Case(dtype, M, K, N, mode, floor, transposed, seed)


def test_every_form_is_tested():
    forms = {name for name in dir(tiles) if name.split("_")[0] in {"tile", "edge", "ahead"}}
    assert forms | {"narrow_full", "narrow_one", "column_full", "column_one"} == set(FORMS)


@pytest.mark.thinned
@both_dtypes
@pytest.mark.parametrize("name", FORMS)
def test_form(name, dtype):
    rows, groups, vectors, lanes = FORMS[name]
    width = width_of(dtype, vectors, lanes)
    for case in cases(dtype, rows, SIZES if JIT else (1, 3), groups * width):
        layouts = [(case.rows_of_b, case.ldb, width)]
        if groups > 1:
            layouts.append((case.panels(case.K + 2, width, width), width, (case.K + 2) * width))
        begin, results = case.c.copy(), []
        for b, ldb, panel in layouts:
            case.c[:] = begin
            RUN[name](
                case.c, case.ldc, case.at, *case.strides, b, ldb, panel, case.init, case.ldi,
                case.K, case.floor,
            )  # fmt: skip
            results.append(case.check().tobytes())
        assert len(set(results)) == 1


@pytest.mark.thinned
@both_dtypes
@pytest.mark.parametrize("M", SIZES)
def test_multiply_panel_and_edge(M, dtype):
    for function, vectors in ((multiply_panel, VECTORS), (multiply_edge, 1)):
        for case in cases(dtype, M, (1, 17), width_of(dtype, vectors)):
            function(
                case.c, case.ldc, case.at, *case.strides, case.rows_of_b, case.ldb, case.init,
                case.ldi, M, case.K, case.floor,
            )  # fmt: skip
            case.check()


def run_panels(case):
    item = case.b.itemsize
    lanes = SHAPE.lanes(item)
    depth = case.K + 1
    multiply_panels(
        case.c, case.ldc, case.at, case.strides[0], case.panels(depth, SHAPE.panel(item), lanes),
        depth, case.init, case.ldi, case.M, case.K, case.N, case.floor, case.lowest,
    )  # fmt: skip
    return case.check()


def run_plain(case):
    multiply_plain(
        case.c, case.ldc, case.at, *case.strides, case.rows_of_b, case.ldb, case.init, case.ldi,
        case.M, case.K, case.N, case.floor,
    )  # fmt: skip
    return case.check()


@pytest.mark.thinned
@both_dtypes
@pytest.mark.parametrize("mode", ["matrix", "bias", "accumulate"])
@pytest.mark.parametrize("floor", [-np.inf, 0.0])
def test_multiply_panels(dtype, mode, floor):
    lanes, full = width_of(dtype, 1), width_of(dtype)
    columns = (lanes, full, full + lanes, 2 * full, ROW_PANELS * full + full + lanes)
    sizes = [*product((1, 2, 9, 33), SIZES, columns), *product((9,), DEPTHS, columns)]
    for M, K, N in sizes if JIT else product((1, 3), (9, DEPTHS[-1]), columns):
        run_panels(Case(dtype, M, K, N, mode, floor))


@pytest.mark.thinned
@both_dtypes
@pytest.mark.parametrize("transposed", [False, True])
def test_multiply_plain(dtype, transposed):
    lanes, full = width_of(dtype, 1), width_of(dtype)
    columns = (*SIZES, full + lanes + 5, ROW_PANELS * full + 3)
    sizes = product(SIZES, (1, 9, 33), columns) if JIT else product((1, 9), (3,), columns)
    for M, K, N in sizes:
        run_plain(Case(dtype, M, K, N, "bias", 0.0, transposed))


@pytest.mark.thinned
@both_dtypes
@pytest.mark.parametrize("K", [9, DEPTHS[0], DEPTHS[-1]])
def test_an_element_has_the_same_bits_in_every_form(dtype, K):
    M, full = (33 if JIT else 9), width_of(dtype)
    N = ROW_PANELS * full + full + full // 2
    whole = Case(dtype, M, K, N, "bias", 0.0)
    want = run_plain(whole).copy()
    np.testing.assert_array_equal(run_panels(whole), want)

    def part(rows, columns, transposed=False):
        """The same numbers, some rows and columns of them."""
        other = Case(dtype, len(want[rows]), K, len(want[0, columns]), "bias", 0.0, transposed)
        a, b = whole.a[rows], whole.b[:, columns]
        other.a, other.b, other.start = a, b, whole.start[:, columns]
        other.init = other.start.copy()
        other.at.reshape((K, -1) if transposed else (-1, K + 2))[
            tuple(map(slice, a.T.shape if transposed else a.shape))
        ] = a.T if transposed else a
        other.rows_of_b.reshape(K, -1)[:, : b.shape[1]] = b
        return other

    everything = slice(None)
    np.testing.assert_array_equal(run_plain(part(everything, everything, True)), want)
    for r in range(0, M, 4):
        row = slice(r, r + 1)
        np.testing.assert_array_equal(run_plain(part(row, everything)), want[row])
        np.testing.assert_array_equal(run_panels(part(row, everything)), want[row])
    for columns in (slice(0, 1), slice(1, 4), slice(3, 10), slice(5, 5 + full + 7)):
        np.testing.assert_array_equal(run_plain(part(slice(3, 8), columns)), want[3:8, columns])


@both_dtypes
def test_splitting_k_changes_no_bit(dtype):
    whole = Case(dtype, 9, 33, width_of(dtype) + 3, "bias")
    want = run_plain(whole).copy()
    rows, step = whole.strides
    init, ldi = whole.init, 0
    for lo, hi in ((0, 1), (1, 18), (18, 33)):
        multiply_plain(
            whole.c, whole.ldc, whole.at[lo:], rows, step, whole.rows_of_b[lo * whole.ldb :],
            whole.ldb, init, ldi, whole.M, hi - lo, whole.N, whole.lowest,
        )  # fmt: skip
        init, ldi = whole.c, whole.ldc
    np.testing.assert_array_equal(whole.c[:, : whole.N], want)


@both_dtypes
@pytest.mark.parametrize("floor", [0.0, -np.inf])
def test_nan_stays_visible_under_the_floor(dtype, floor):
    case = Case(dtype, 9, 5, width_of(dtype) + 5, "bias", floor)
    case.at[3 * case.strides[0]] = np.nan
    with np.errstate(invalid="ignore"):
        multiply_plain(
            case.c, case.ldc, case.at, *case.strides, case.rows_of_b, case.ldb, case.init, 0,
            case.M, case.K, case.N, case.floor,
        )  # fmt: skip
    nan = np.isnan(case.c[:, : case.N])
    assert nan[3].all()
    assert nan.sum() == case.N


@both_dtypes
def test_a_sum_is_one_chain_in_ascending_order(dtype):
    big = dtype(2 / np.finfo(dtype).eps)
    for terms, want in (([big, 1, -big], 0), ([big, -big, 1], 1), ([1, big, -big], 0)):
        N = width_of(dtype) + 5
        case = Case(dtype, 9, 3, N, "bias")
        case.init[:], case.at[:] = 0, 1
        case.rows_of_b.reshape(3, -1)[:] = np.array(terms, dtype)[:, None]
        multiply_plain(
            case.c, case.ldc, case.at, *case.strides, case.rows_of_b, case.ldb, case.init, 0,
            case.M, 3, N, case.floor,
        )  # fmt: skip
        np.testing.assert_array_equal(case.c[:, :N], want)


@both_dtypes
def test_a_product_is_rounded_as_the_shape_says(dtype):
    small = dtype(2.0) ** -(np.finfo(dtype).nmant // 2 + 1)
    case = Case(dtype, 9, 1, width_of(dtype) + 5, "bias")
    case.at[:], case.rows_of_b[:] = 1 + small, 1 + small
    case.init[:] = -(1 + 2 * small)
    run = case.c, case.ldc, case.at, *case.strides, case.rows_of_b, case.ldb, case.init, 0
    multiply_plain(*run, case.M, 1, case.N, case.floor)
    want = small**2 if SHAPE.fused and JIT else 0  # the twins round twice
    np.testing.assert_array_equal(case.c[:, : case.N], want)


@both_dtypes
def test_a_far_matrix_gives_the_same_bits(dtype):
    """Panels that are requested ahead, against the same columns as small matrices."""
    lanes = SHAPE.lanes(np.dtype(dtype).itemsize)
    width = VECTORS * lanes
    N, M = 3 * width, MICRO_ROWS + 3
    K = gemm.FAR_VECTORS * lanes // N + 1
    case = Case(dtype, M, K, N)
    lowest = case.lowest
    multiply_panels(
        case.c, case.ldc, case.at, K + 2, case.panels(K, width, lanes), K, case.init, case.ldi,
        M, K, N, case.floor, lowest,
    )  # fmt: skip
    got = case.check()
    for j in range(0, N, width):
        part = Case(dtype, M, K, width)
        part.b[:] = case.b[:, j : j + width]
        part.init = case.init[:, j : j + width].copy()
        multiply_panels(
            part.c, part.ldc, case.at, K + 2, part.panels(K, width, lanes), K, part.init, width,
            M, K, width, part.floor, lowest,
        )  # fmt: skip
        np.testing.assert_array_equal(part.c[:, :width], got[:, j : j + width])
