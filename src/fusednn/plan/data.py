"""Where a plan's first op reads its rows: dense arrays in place, or CSR matrices."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from fusednn.kernels.ops import dense
from fusednn.kernels.ops import gather as gathers
from fusednn.kernels.ops import sparse as csr

from .buffers import aligned_zeros, leading_dimension


def source_of(X, dtype) -> DenseRows | CsrRows:
    """The source of a 2-D array or a SciPy sparse matrix, in `dtype`.

    A dense array of that dtype whose rows are contiguous is read in place, whatever their
    distance; anything else is copied once.
    """
    return CsrRows(X, dtype) if sparse.issparse(X) else DenseRows(X, dtype)


def order_operands(first: int, order: np.ndarray | None) -> dict:
    """The two operands that say in which order samples are taken."""
    return {first: order, first + 1: int(order is not None)}


class DenseRows:
    """Rows of a dense array: gathered into the batch; read in place if no order is given."""

    def __init__(self, X, dtype):
        dtype = np.dtype(dtype)
        X = np.asarray(X)
        in_place = (
            X.dtype == dtype
            and X.flags.aligned
            and X.strides[0] % dtype.itemsize == 0
            and (X.shape[1] == 1 or X.strides[1] == dtype.itemsize)
        )
        self.X = X if in_place else np.ascontiguousarray(X, dtype)
        self.shape = self.X.shape

    def lower(self, program, order, rows: int, forward, plain: bool = False) -> Input:
        """Records of the first layer on `rows` rows of buffer, and of the gather before it.

        Inference takes rows in their own order: it reads them where they are.
        """
        op = dense.plain_forward if plain else dense.dense_forward
        if order is None:
            stride = self.X.strides[0] // self.X.itemsize
            operands = {dense.X: self.X, dense.X_STRIDE: stride, dense.IN_PLACE: 1}
            return Input([program.record(op, {**operands, **forward.operands(dense)})])
        width = self.shape[1]
        stride = leading_dimension(width, program.dtype)
        x = aligned_zeros(rows * stride, program.dtype)
        gather = program.record(
            gathers.gather_dense,
            {
                gathers.DATA: self.X,
                gathers.DATA_STRIDE: self.X.strides[0] // self.X.itemsize,
                **order_operands(gathers.ORDER, order),
                gathers.OUT: x,
                gathers.OUT_STRIDE: stride,
                gathers.WIDTH: width,
            },
        )
        operands = {dense.X: x, dense.X_STRIDE: stride, dense.IN_PLACE: 0}
        first = program.record(op, {**operands, **forward.operands(dense)})
        return Input([gather, first], x, stride)


class CsrRows:
    """Rows of a CSR matrix, multiplied without being made dense."""

    def __init__(self, X, dtype):
        X = X.tocsr()
        if X.shape[1] > np.iinfo(np.int32).max:
            raise ValueError(f"sparse X has {X.shape[1]} columns; at most 2**31 - 1 are supported")
        X.check_format(full_check=True)  # an index out of range would be an address out of range
        if not X.has_canonical_format:
            X = X.copy()
            X.sum_duplicates()
        self.values = np.ascontiguousarray(X.data, dtype)
        self.indices = np.ascontiguousarray(X.indices, np.int32)
        self.pointers = np.ascontiguousarray(X.indptr, np.int64)
        self.shape = X.shape

    def largest_batch(self, rows: int) -> int:
        """The most elements that `rows` rows can hold."""
        counts = np.diff(self.pointers)
        rows = min(rows, len(counts))
        return int(np.partition(counts, len(counts) - rows)[len(counts) - rows :].sum())

    def lower(self, program, order, rows: int, forward, plain: bool = False) -> Input:
        """Records of the first layer, and of the batch's column form for its gradient."""
        matrix = {
            csr.VALUES: self.values,
            csr.INDICES: self.indices,
            csr.POINTERS: self.pointers,
            **order_operands(csr.ORDER, order),
        }
        first = program.record(csr.csr_forward, {**matrix, **forward.operands(csr)})
        return Input([first], matrix=matrix, source=self)


class Input:
    """The lowered input: its records, and what the first layer's update reads."""

    def __init__(self, chain, x=None, stride=0, matrix=None, source=None):
        self.chain = chain
        self._x = x
        self._stride = stride
        self._matrix = matrix
        self._source = source

    def lower_gradient(self, program, batch: int):
        """Op and operands of the first layer's weight tiles, and a record that must run first."""
        if self._matrix is None:
            return (
                dense.update_weights,
                {dense.GRADIENT_X: self._x, dense.GRADIENT_X_STRIDE: self._stride},
                None,
            )
        fan_in = self._source.shape[1]
        size = max(1, self._source.largest_batch(batch))
        columns = {
            csr.STARTS: aligned_zeros(fan_in + 1, np.int64),
            csr.ENTRY_ROWS: aligned_zeros(size, np.int32),
            csr.ENTRY_VALUES: aligned_zeros(size, program.dtype),
        }
        sort = program.record(csr.batch_columns, {**self._matrix, csr.FAN_IN: fan_in, **columns})
        return csr.update_csr_weights, columns, sort
