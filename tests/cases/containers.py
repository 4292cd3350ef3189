"""One table of numbers in every shape that users hold it; for estimators and all predictors.

Each form is made of a float array of small whole numbers, which every type here holds exactly.
"""

import tempfile

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
from scipy import sparse


class HasArray:
    """What NumPy asks for its array, and nothing else."""

    def __init__(self, array):
        self._array = array

    def __array__(self, dtype=None, copy=None):
        return np.array(self._array, dtype)


class Own(np.ndarray):
    """A subclass of somebody's."""


def names_of(array):
    return [f"column {i}" for i in range(array.shape[1])]


def strided(array):
    rows, columns = array.shape
    wide = np.full((2 * rows, 2 * columns), np.nan)
    wide[::2, ::2] = array
    return wide[::2, ::2]


def with_row_gaps(array):
    rows, columns = array.shape
    wide = np.full((rows, columns + 3), np.nan)
    wide[:, 1:-2] = array
    return wide[:, 1:-2]


def backwards(array):
    return np.ascontiguousarray(array[::-1, ::-1])[::-1, ::-1]


def rows_backwards(array):
    return np.ascontiguousarray(array[::-1])[::-1]


def unaligned(array):
    raw = np.zeros(array.nbytes + 1, np.uint8)
    raw[1:] = np.frombuffer(array.tobytes(), np.uint8)
    return np.frombuffer(raw, array.dtype, offset=1).reshape(array.shape)


def read_only(array):
    array = array.copy()
    array.flags.writeable = False
    return array


def memory_map(array):
    with tempfile.TemporaryFile() as file:
        array.tofile(file)
        file.flush()
        return np.memmap(file, array.dtype, mode="r", shape=array.shape)


def table(array):
    return pa.table(dict(zip(names_of(array), np.array(array).T, strict=True)))


def table_of_chunks(array):
    whole = table(array)
    half = len(array) // 2
    return pa.concat_tables([whole.slice(0, half), whole.slice(half)])


def table_of_types(array):
    types = pa.uint8(), pa.float32(), pa.int64(), pa.float16()
    columns = [pa.array(column) for column in np.array(array).T]
    columns = [column.cast(types[i % 4]) for i, column in enumerate(columns)]
    return pa.table(dict(zip(names_of(array), columns, strict=True)))


def frame(array):
    return pd.DataFrame(array, columns=names_of(array))


def frame_of_types(array):
    return pd.DataFrame(array).astype({0: "uint8", 1: "float32", 2: "Int64"})


DENSE = {
    "strided": strided,
    "rows with gaps": with_row_gaps,
    "Fortran": np.asfortranarray,
    "backwards": backwards,
    "rows backwards": rows_backwards,
    "unaligned": unaligned,
    "read-only": read_only,
    "memory map": memory_map,
    "big-endian": lambda a: a.astype(">f8"),
    "float16": lambda a: a.astype(np.float16),
    "longdouble": lambda a: a.astype(np.longdouble),
    "uint8": lambda a: a.astype(np.uint8),
    "int64": lambda a: a.astype(np.int64),
    "objects": lambda a: a.astype(object),
    "texts of numbers": lambda a: a.astype(str).astype(object),
    "lists": lambda a: a.tolist(),
    "tuples": lambda a: tuple(map(tuple, a.tolist())),
    "list of arrays": list,
    "has an array": HasArray,
    "of a subclass": lambda a: a.view(Own),
    "masked, without a mask": lambda a: np.ma.array(a),
    "masked": lambda a: np.ma.array(a, mask=a == 3),  # whose numbers are those below the mask
    "pandas": pd.DataFrame,
    "pandas of types": frame_of_types,
    "pandas, nullable": lambda a: frame(a).convert_dtypes(),
    "pandas of pyarrow": lambda a: frame(a).convert_dtypes(dtype_backend="pyarrow"),
    "pandas of categories": lambda a: frame(a).astype("category"),
    "pandas, sparse": lambda a: frame(a).astype(pd.SparseDtype(float, 0)),
    "polars": lambda a: pl.DataFrame(np.array(a), schema=names_of(a)),
    "pyarrow table": table,
    "pyarrow table of chunks": table_of_chunks,
    "pyarrow table of types": table_of_types,
    "pyarrow record batch": lambda a: table(a).to_batches()[0],
}

BOOLS = {
    "NumPy": lambda a: a > 2,
    "lists": lambda a: (a > 2).tolist(),
    "pandas": lambda a: frame(a > 2),
    "pandas, nullable": lambda a: frame(a > 2).astype("boolean"),
    "polars": lambda a: pl.DataFrame(a > 2, schema=names_of(a)),
    "pyarrow": lambda a: table(a > 2),
}

NAMED = {
    "pandas": frame,
    "pandas, nullable": lambda a: frame(a).convert_dtypes(),
    "polars": DENSE["polars"],
    "pyarrow table": table,
}
"""Those whose names of columns scikit-learn knows."""


def holed(array):
    """Lists whose second row lacks a value."""
    rows = array.tolist()
    rows[1][1] = None
    return rows


REFUSED = {
    "NumPy": lambda a: np.array(holed(a), float),
    "objects": lambda a: np.array(holed(a), object),
    "lists": holed,
    "pandas": lambda a: pd.DataFrame(holed(a), columns=names_of(a)),
    "pandas, nullable": lambda a: pd.DataFrame(holed(a), columns=names_of(a)).convert_dtypes(),
    "pandas of Float64": lambda a: pd.DataFrame(holed(a), columns=names_of(a), dtype="Float64"),
    "pandas of pyarrow": lambda a: pd.DataFrame(
        holed(a), columns=names_of(a), dtype="float64[pyarrow]"
    ),
    "polars": lambda a: pl.DataFrame(holed(a), schema=names_of(a), orient="row"),
    "pyarrow table": lambda a: pa.table(
        {n: list(c) for n, c in zip(names_of(a), zip(*holed(a), strict=True), strict=True)}
    ),
    "words": lambda a: frame(a).astype(str).replace("3.0", "three"),
    "words of polars": lambda a: pl.DataFrame({n: ["a", "b"] for n in names_of(a)}),
    "words of pyarrow": lambda a: pa.table({n: ["a", "b"] for n in names_of(a)}),
    "one name is a number": lambda a: frame(a).rename(columns={"column 1": 1}),
    "no rows of pandas": lambda a: frame(a[:0]),
    "no rows of pyarrow": lambda a: table(a).slice(0, 0),
    "fewer columns": lambda a: pd.DataFrame(a[:, :-1]),
    "a scalar": lambda a: 3.0,
    "a text": lambda a: "3.0",
    "None": lambda a: None,
    "a dict": lambda a: {"a": [1]},
    "a set": lambda a: {1, 2, 3},
    "a generator": lambda a: (row for row in a),
    "rows of several lengths": lambda a: [[1.0, 2.0], [3.0]],
    "three dimensions": lambda a: a[np.newaxis],
    "complex": lambda a: a + 1j,
    "bytes": lambda a: np.full(a.shape, b"1"),
}
"""What estimators refuse, and predictors in the same words."""


def unsorted_indices(array):
    matrix = sparse.csr_matrix(array)
    for row in range(len(array)):
        part = slice(matrix.indptr[row], matrix.indptr[row + 1])
        matrix.indices[part] = matrix.indices[part][::-1].copy()
        matrix.data[part] = matrix.data[part][::-1].copy()
    matrix.has_sorted_indices = False
    return matrix


def duplicates(array):
    """Every element in two parts that lie apart in the row: c = (c - 1) + 1."""
    rows, columns = np.nonzero(array)
    order = np.argsort(np.r_[rows, rows], kind="stable")
    counts = np.bincount(rows, minlength=len(array)) * 2
    values = np.r_[array[rows, columns] - 1, np.ones(len(rows))]
    matrix = sparse.csr_matrix(array.shape)
    matrix.data = values[order]
    matrix.indices = np.r_[columns, columns][order].astype(np.int32)
    matrix.indptr = np.r_[0, np.cumsum(counts)].astype(np.int32)
    matrix.has_canonical_format = False
    return matrix


def explicit_zeros(array):
    matrix = sparse.csr_matrix(np.where(array == 0, 9, array))
    matrix.data[matrix.data == 9] = 0
    return matrix


def int64_indices(array):
    matrix = sparse.csr_array(array)
    matrix.indices, matrix.indptr = matrix.indices.astype(np.int64), matrix.indptr.astype(np.int64)
    return matrix


def read_only_parts(array):
    matrix = sparse.csr_matrix(array)
    for part in (matrix.data, matrix.indices, matrix.indptr):
        part.flags.writeable = False
    return matrix


def spare_memory(array):
    """More values than the pointers ask for."""
    matrix = sparse.csr_matrix(array)
    matrix.data = np.r_[matrix.data, [7.0, 7.0]]
    matrix.indices = np.r_[matrix.indices, [0, 1]].astype(np.int32)
    return matrix


SPARSE = {
    "csr_matrix": sparse.csr_matrix,
    "csr_array": sparse.csr_array,
    "csc_matrix": sparse.csc_matrix,
    "csc_array": sparse.csc_array,
    "coo": sparse.coo_matrix,
    "coo_array": sparse.coo_array,
    "lil": sparse.lil_matrix,
    "dok": sparse.dok_matrix,
    "bsr": sparse.bsr_array,
    "dia": sparse.dia_array,
    "csr of int": lambda a: sparse.csr_matrix(a.astype(np.int32)),
    "unsorted": unsorted_indices,
    "duplicates": duplicates,
    "explicit zeros": explicit_zeros,
    "int64 indices": int64_indices,
    "read-only": read_only_parts,
    "spare memory": spare_memory,
}


def changed(matrix, **parts):
    """A matrix whose parts are set by hand, which SciPy does not check."""
    for name, part in parts.items():
        setattr(matrix, name, np.array(part, getattr(matrix, name).dtype))
    return matrix


BROKEN = {
    "column above": lambda: changed(sparse.csr_matrix(np.eye(5)), indices=[0, 1, 2, 3, 5]),
    "column far above": lambda: changed(sparse.csr_matrix(np.eye(5)), indices=[0, 1, 2, 3, 10**9]),
    "column below": lambda: changed(sparse.csr_array(np.eye(5)), indices=[0, 1, 2, 3, -1]),
    "row above": lambda: changed(sparse.csc_matrix(np.eye(5)), indices=[0, 1, 2, 3, 10**8]),
    "row below": lambda: changed(sparse.csc_array(np.eye(5)), indices=[0, 1, -(10**8), 3, 4]),
    "row of COO far above": lambda: changed(sparse.coo_matrix(np.eye(5)), row=[0, 1, 2, 3, 10**8]),
    "column of COO below": lambda: changed(sparse.coo_array(np.eye(5)), col=[0, 1, 2, -1, 4]),
    "pointer beyond": lambda: changed(sparse.csr_matrix(np.eye(5)), indptr=[0, 1, 2, 3, 4, 900]),
    "pointers fall": lambda: changed(sparse.csr_matrix(np.eye(5)), indptr=[0, 4, 1, 3, 4, 5]),
    "pointers end at 0": lambda: changed(sparse.csr_matrix((2, 5)), indptr=[0, 1000, 0]),
    "pointers begin late": lambda: changed(
        sparse.csr_matrix(np.eye(5)), indptr=[1, 1, 2, 3, 4, 5]
    ),
    "too few pointers": lambda: changed(sparse.csr_matrix(np.eye(5)), indptr=[0, 5]),
    "too few values": lambda: changed(sparse.csr_matrix(np.eye(5)), data=[1.0]),
}
"""Sparse matrices of five columns; what indices say lies elsewhere in memory."""
