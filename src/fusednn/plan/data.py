"""Where a plan's first op reads its rows: dense arrays in place, or CSR matrices."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from fusednn.kernels.ops import dense
from fusednn.kernels.ops import gather as gathers
from fusednn.kernels.ops import sparse as csr

from .buffers import aligned_zeros
from .forms import Panels
from .rows import Block, Gradient, Rows


def source_of(X, dtype) -> DenseRows | CsrRows:
    """The source of a 2-D array or a SciPy sparse matrix, in `dtype`.

    A dense array of that dtype whose rows are contiguous is read in place, whatever their
    distance; anything else is copied once.
    """
    return CsrRows.of(X, dtype) if hasattr(X, "tocsr") else DenseRows(X, dtype)


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
        self.parts: tuple[np.ndarray, ...] = (self.X,)

    def gather(self, rows: Rows, order) -> Block:
        """The block that the samples of each batch are copied to."""
        out = rows.block(self.shape[1])
        rows.add(
            gathers.gather_dense,
            {
                gathers.DATA: self.X,
                gathers.DATA_STRIDE: self.X.strides[0] // self.X.itemsize,
                **order_operands(gathers.ORDER, order),
                gathers.OUT: out.values,
                gathers.OUT_STRIDE: out.stride,
                gathers.WIDTH: out.width,
            },
        )
        return out

    def read(self, rows: Rows, order) -> dict[int, Any]:
        """The operands of a first dense layer that say where its rows are.

        Inference takes rows in their own order: it reads them where they are.
        """
        if order is None:
            stride = self.X.strides[0] // self.X.itemsize
            return {dense.X: self.X, dense.X_STRIDE: stride, dense.IN_PLACE: 1}
        x = self.gather(rows, order)
        return {dense.X: x.values, dense.X_STRIDE: x.stride, dense.IN_PLACE: 0}

    def lower_product(self, rows: Rows, order, operands, form: Panels) -> Gradient:
        """Records of a first dense layer, and what its update reads."""
        read = self.read(rows, order)
        op = form.plain_op if rows.plain else form.forward_op
        rows.add(op, read | {getattr(dense, name): value for name, value in operands.items()})
        return Gradient(
            form.update_op,
            {dense.GRADIENT_X: read[dense.X], dense.GRADIENT_X_STRIDE: read[dense.X_STRIDE]},
        )


class CsrRows:
    """Rows of a CSR matrix, multiplied without being made dense.

    Parameters
    ----------
    values : ndarray
        In the network's type.
    indices : ndarray of int32
        Columns, ascending in each row, each at most once.
    pointers : ndarray of int64 of shape (n_samples + 1,)
    shape : tuple of int
    """

    def __init__(self, values, indices, pointers, shape):
        self.values = np.ascontiguousarray(values)
        self.indices = np.ascontiguousarray(indices, np.int32)
        self.pointers = np.ascontiguousarray(pointers, np.int64)
        self.shape = shape
        self.parts: tuple[np.ndarray, ...] = (self.values, self.indices, self.pointers)

    @classmethod
    def of(cls, X, dtype) -> CsrRows:
        """The rows of a SciPy sparse matrix or array of any format, copied where they must be.

        Raises
        ------
        ValueError
            If an index is out of range, or there are too many columns.
        """
        X = checked_csr(X)
        X = X.astype(dtype, copy=False)  # before sums of duplicates
        if not X.has_canonical_format:
            X = X.copy()
            X.sum_duplicates()
        return cls(X.data, X.indices, X.indptr, X.shape)

    def copy(self) -> CsrRows:
        """The same rows in memory of their own."""
        values, indices, pointers = (part.copy() for part in self.parts)
        return CsrRows(values, indices, pointers, self.shape)

    def dense(self, part: slice) -> np.ndarray:
        """Some of the rows, dense."""
        counts = np.diff(self.pointers)[part]
        found = np.zeros((len(counts), self.shape[1]), self.values.dtype)
        first = self.pointers[part.start]
        own = slice(first, first + counts.sum())
        found[np.repeat(np.arange(len(counts)), counts), self.indices[own]] = self.values[own]
        return found

    def largest_batch(self, rows: int) -> int:
        """The most elements that `rows` rows can hold."""
        counts = np.diff(self.pointers)
        rows = min(rows, len(counts))
        return int(np.partition(counts, len(counts) - rows)[len(counts) - rows :].sum())

    def lower_product(self, rows: Rows, order, operands, form: Panels) -> Gradient:
        """Records of a first dense layer, and of the batch's column form for its gradient."""
        matrix = {
            csr.VALUES: self.values,
            csr.INDICES: self.indices,
            csr.POINTERS: self.pointers,
            **order_operands(csr.ORDER, order),
        }
        own = {getattr(csr, name): value for name, value in operands.items()}
        rows.add(csr.csr_forward, matrix | own)
        if not rows.trains:
            return Gradient(csr.update_csr_weights, {})
        size = max(1, self.largest_batch(rows.count))
        columns = {
            csr.STARTS: aligned_zeros(form.fan_in + 1, np.int64),
            csr.ENTRY_ROWS: aligned_zeros(size, np.int32),
            csr.ENTRY_VALUES: aligned_zeros(size, rows.dtype),
        }
        sort = {**matrix, csr.FAN_IN: form.fan_in, **columns}
        rows.before.append(rows.program.record(csr.batch_columns, sort))
        return Gradient(csr.update_csr_weights, columns)


def checked_csr(X):
    """A SciPy sparse matrix or array of any format in CSR, without a copy where it is that.

    Raises
    ------
    ValueError
        If an index is out of range, or there are too many columns.
    """
    if X.shape[1] > np.iinfo(np.int32).max:
        raise ValueError(f"sparse X has {X.shape[1]} columns; at most 2**31 - 1 are supported")
    check_indices(X)  # which are addresses, for SciPy's conversions too
    if X.format != "csr":
        X = X.tocsr()
        check_indices(X)
    return X


def check_indices(X, name: str = "X") -> None:
    """Refuses a SciPy sparse matrix, by its name, whose indices lead out of memory or shape.

    Raises
    ------
    ValueError
        If they do.
    """
    rows, columns = X.shape
    if X.format in ("csr", "csc", "bsr"):  # SciPy's check overlooks pointers where the last is 0
        height, width = X.blocksize if X.format == "bsr" else (1, 1)
        many, few = rows // height, columns // width
        if X.format == "csc":
            many, few = few, many
        pointers, size = X.indptr, len(X.indices)
        sound = (
            len(pointers) == many + 1
            and pointers[0] == 0
            and pointers[-1] <= size == len(X.data)
            and (pointers[1:] >= pointers[:-1]).all()
            and _within(X.indices, few)
        )
    elif X.format == "coo":
        sound = len(X.row) == len(X.col) == len(X.data)
        sound = sound and _within(X.row, rows) and _within(X.col, columns)
    else:  # no addresses
        return
    if not sound:
        raise ValueError(
            f"{name} of shape {X.shape} in {X.format.upper()} format has indices or pointers"
            " out of range, or fewer values than they ask for."
        )


def _within(indices: np.ndarray, size: int) -> bool:
    return len(indices) == 0 or bool(indices.min() >= 0 and indices.max() < size)


class Input(NamedTuple):
    """The network's input, before anyone has read it.

    Parameters
    ----------
    source : DenseRows or CsrRows
    order : ndarray of int64 or None
        Samples in the order in which they are taken; None is their own.
    """

    source: DenseRows | CsrRows
    order: np.ndarray | None

    def lower_product(self, rows: Rows, operands, form: Panels) -> Gradient:
        """Records of a first dense layer."""
        return self.source.lower_product(rows, self.order, operands, form)

    def read(self, rows: Rows) -> dict[int, Any]:
        """The operands that say where the samples are.

        Raises
        ------
        TypeError
            If they are sparse.
        """
        return self._dense().read(rows, self.order)

    def block(self, rows: Rows) -> Block:
        """The samples, copied.

        Raises
        ------
        TypeError
            If they are sparse.
        """
        return self._dense().gather(rows, self.order)

    def _dense(self) -> DenseRows:
        if isinstance(self.source, CsrRows):
            raise TypeError("sparse data need a dense layer first")
        return self.source
