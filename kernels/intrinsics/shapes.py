"""The micro-kernel's shapes, one row per instruction set, and the choice of the host's row.

A row says how wide a vector is in bytes, how many rows and vectors a register tile has, and
whether the multiply-add is fused. Without an FMA unit `llvm.fma` becomes a library call per
element, so the plain row multiplies and adds.

Registers of a tile: rows x vectors accumulators, `vectors` weights and one broadcast, of 32
(AVX-512, NEON) or 16 (AVX2, SSE2).
"""

from typing import NamedTuple

import llvmlite.binding as llvm
from fusednn.kernels._jit import FORCED_SHAPE
from numba.core import config


class Shape(NamedTuple):
    """One instruction set's register tile."""

    name: str
    vector_bytes: int
    rows: int
    vectors: int
    fused: bool
    feature: str
    triple: str

    def lanes(self, itemsize: int) -> int:
        """Elements of one vector."""
        return self.vector_bytes // itemsize

    def panel(self, itemsize: int) -> int:
        """Columns of one full panel of weights, NR."""
        return self.vectors * self.lanes(itemsize)


SHAPES = {
    shape.name: shape
    for shape in (
        # name     bytes rows vectors fused feature triple
        Shape("avx512", 64, 8, 2, True, "avx512f", "x86_64"),
        Shape("avx2", 32, 6, 2, True, "avx2", "x86_64"),
        Shape("neon", 16, 8, 2, True, "neon", "aarch64"),
        Shape("plain", 16, 4, 2, False, "", ""),
    )
}


def host_features() -> set[str]:
    """The features that Numba compiles for: the host's, or those the user forced on Numba."""
    if config.CPU_FEATURES is not None:
        words = config.CPU_FEATURES.split(",")
        return {word[1:] for word in words if word.startswith("+")}
    if config.CPU_NAME == "generic":
        return set()
    present = {name for name, there in llvm.get_host_cpu_features().items() if there}
    return present if config.ENABLE_AVX else {f for f in present if not f.startswith("avx")}


def choose_shape() -> Shape:
    """The forced row, else the first whose feature the host has."""
    if FORCED_SHAPE:
        if FORCED_SHAPE not in SHAPES:
            raise ValueError(f"FUSEDNN_SHAPE is {FORCED_SHAPE!r}, not one of {sorted(SHAPES)}")
        return SHAPES[FORCED_SHAPE]
    triple = llvm.get_process_triple()
    features = host_features()
    if triple.startswith(("aarch64", "arm64")):
        return SHAPES["neon"]
    for shape in SHAPES.values():
        if {shape.feature, "fma"} <= features and triple.startswith(shape.triple):
            return shape
    return SHAPES["plain"]


SHAPE = choose_shape()
