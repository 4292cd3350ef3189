"""Where a plan's first op reads its rows: dense arrays in place, or CSR matrices."""

from __future__ import annotations

from typing import Any

import numpy as np

from fusednn.graph.network import Network
from fusednn.kernels.ops import gather as gathers
from fusednn.kernels.ops.products import sparse as csr
from fusednn.kernels.ops.products.tokens import INTEGERS
from fusednn.plan.layout.forms import Panels
from fusednn.plan.memory.buffers import Block, leading_dimension
from fusednn.plan.memory.buffers import padded as aligned

BYTE = np.dtype(np.uint8)


def source_of(X, dtype, network: Network | None = None) -> DenseRows | CsrRows:
    """The source of a 2-D array or a SciPy sparse matrix, in `dtype`.

    A dense array of that dtype whose rows are contiguous is read in place, whatever its row
    stride, and so is one of integers that the `network` reads. Anything else is copied once.
    """
    if hasattr(X, "tocsr"):
        return CsrRows.of(X, dtype)
    found = getattr(X, "dtype", None)
    is_read = network is not None and (
        (network.takes_tokens() and found is not None and found.name in INTEGERS)
        or (network.takes_bytes() and found == BYTE)
    )
    return DenseRows(X, found if is_read else dtype)


class DenseRows:
    """Rows of a dense array: gathered into the batch; read in place if no order is given.

    Rows of uint8 are always gathered, and converted to the network's type on the way. Tokens are
    read where they lie, as integers of any type.
    """

    def __init__(self, X, dtype):
        dtype = np.dtype(dtype)
        self.in_bytes = dtype == BYTE
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

    @property
    def block(self) -> Block:
        """The data as rows."""
        return Block(self.X, self.X.strides[0] // self.X.itemsize, self.shape[1])

    def read(self, order: np.ndarray | None) -> dict[str, Any]:
        """The operands of an op that looks samples up by itself."""
        return {"data": self.block, "order": order}

    def gather(
        self, lowering, out: Block, order: np.ndarray | None, clears: bool = True,
        padded: bool = False,
    ) -> np.ndarray:  # fmt: skip
        """The record that copies the samples of a batch.

        With `clears` it clears the columns behind them, with `padded` the padding of series.
        """
        until = aligned(out.width, lowering.dtype) if clears else None
        operands = {"out": out, "padded": until, **self.read(order)}
        kernel = gathers.gather_bytes if self.in_bytes else gathers.gather_dense
        kernel = gathers.gather_padded if padded else kernel
        return lowering.program.record(kernel, operands)

    def product(self, lowering, kernel, operands) -> list[np.ndarray]:
        """Records of a dense layer that reads the data.

        Without an order, as in inference, it reads the rows in place.
        """
        order, program = lowering.orders["own"], lowering.program
        if order is None:
            return [program.record(kernel, {**operands, "x": self.block, "in_place": 1})]
        stride = leading_dimension(self.shape[1], lowering.dtype)
        values = lowering.memory.borrow(lowering.rows * stride, lowering.dtype)
        x = lowering.gathered = Block(values, stride, self.shape[1])
        product = program.record(kernel, {**operands, "x": x, "in_place": 0})
        # products do not read the padding
        return [self.gather(lowering, x, order, clears=False), product]

    def gradient(self, lowering, form: Panels, read) -> tuple[Any, dict[str, Any]]:
        """The update op of that layer's weights and its operands: `read` and the rows."""
        return form.update_op, {"x": lowering.gathered, **read}


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

    in_bytes = False

    def __init__(self, values, indices, pointers, shape):
        self.values = np.ascontiguousarray(values)
        self.indices = np.ascontiguousarray(indices, np.int32)
        self.pointers = np.ascontiguousarray(pointers, np.int64)
        self.shape = shape
        self.parts: tuple[np.ndarray, ...] = (self.values, self.indices, self.pointers)

    @classmethod
    def of(cls, X, dtype) -> CsrRows:
        """The rows of a SciPy sparse matrix or array of any format, copied only if necessary.

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
        """A copy of the rows."""
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

    def gather(
        self, lowering, out: Block, order: np.ndarray | None, padded: bool = False
    ) -> np.ndarray:
        """Always raises: only dense layers read sparse rows.

        Raises
        ------
        TypeError
            Always.
        """
        raise TypeError("sparse data need a dense layer first")

    def _read(self, order: np.ndarray | None) -> dict[str, Any]:
        return {
            "values": self.values,
            "indices": self.indices,
            "pointers": self.pointers,
            "order": order,
        }

    def product(self, lowering, kernel, operands) -> list[np.ndarray]:
        """The record of a dense layer that reads the data."""
        operands = {**operands, **self._read(lowering.orders["own"])}
        return [lowering.program.record(csr.csr_forward, operands)]

    def gradient(self, lowering, form: Panels, read) -> tuple[Any, dict[str, Any]]:
        """The update op of that layer's weights, from the batch's column form; its operands."""
        size = max(1, self.largest_batch(lowering.rows))
        columns = {
            "starts": lowering.memory.borrow(form.fan_in + 1, np.int64),
            "entry_rows": lowering.memory.borrow(size, np.int32),
            "entry_values": lowering.memory.borrow(size, lowering.dtype),
        }
        sort = {**self._read(lowering.orders["own"]), "fan_in": form.fan_in, **columns}
        lowering.before.append(lowering.program.record(csr.batch_columns, sort))
        return csr.update_csr_weights, {"dz": read["dz"], **columns}


def checked_csr(X):
    """A SciPy sparse matrix or array of any format as CSR, not copied if it is CSR already.

    Raises
    ------
    ValueError
        If an index is out of range, or there are too many columns.
    """
    if X.shape[1] > np.iinfo(np.int32).max:
        raise ValueError(f"sparse X has {X.shape[1]} columns; at most 2**31 - 1 are supported")
    check_indices(X)  # before SciPy's conversions, which use them as addresses without a check
    if X.format != "csr":
        X = X.tocsr()
        check_indices(X)
    return X


def check_indices(X, name: str = "X") -> None:
    """Refuses a SciPy sparse matrix with indices outside its arrays or shape.

    Raises
    ------
    ValueError
        If they do.
    """
    rows, columns = X.shape
    if X.format in ("csr", "csc", "bsr"):  # SciPy does not check pointers if the last one is 0
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
    else:  # these formats have no indices that are used as addresses
        return
    if not sound:
        raise ValueError(
            f"{name} of shape {X.shape} in {X.format.upper()} format has indices or pointers"
            " out of range, or fewer values than they ask for."
        )


def _within(indices: np.ndarray, size: int) -> bool:
    return len(indices) == 0 or bool(indices.min() >= 0 and indices.max() < size)


Source = DenseRows | CsrRows
