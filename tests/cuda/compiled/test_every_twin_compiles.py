"""Every op with a twin as machine code: registers, local memory, and no float64 by the way."""

from itertools import cycle

import numpy as np
import pytest

pytest.importorskip("numba_cuda")
pytest.importorskip("cuda.core")

# Without the packages the module ends above, so these imports cannot come first.
from cases.declared_ops import name_of
from fusednn.kernels.cuda.compiling import compiler
from fusednn.kernels.cuda.compiling.cache import cubin_of
from fusednn.kernels.cuda.twins import THREAD, every_twin
from fusednn.kernels.operands import DECLARED
from running.device_functions import functions_of
from running.machine_code import disassembled, instructions, loops

pytestmark = pytest.mark.cuda

MOST = {np.float32: 128, np.float64: 255}
"""Registers of a thread: so that two blocks of 256 fit on a multiprocessor, or one."""

LARGE_TILES = {
    **dict.fromkeys(("dense_forward", "plain_forward", "dense_backward"), (512, 0.85)),
    **dict.fromkeys(("update_weights", "dense_partials"), (512, 0.85)),
    "convolve": (256, 0.4),  # the rest finds the windows
}
"""Ops whose threads hold many sums and the addresses of all operands: the multiply-adds of their
loop at least, and their share in it. Before sm_90 they may take all registers."""

IN_FLOAT64 = {
    *("embed_columns", "embed_tokens", "embed_rows"),  # the rounding of codes
    *("sort_codes", "sort_tokens", "count_tokens"),
    *("batch_partials", "batch_statistics", "batch_norm_backward"),  # shares of rows
    *("bound_vectors", "normalise_vectors", "differentiate_vectors"),  # norms
    "scale_by_singular",  # likewise
}
"""Ops that compute a few numbers in float64 on the CPU, too."""

CAPABILITIES = (9, 0), (8, 0)
WIDE = "DADD", "DMUL", "DFMA"
"""Arithmetic of float64. An operand of kind NUMBER is rounded to float32 with a comparison."""


def every_case():
    """Ops with functions, for a type and some capabilities.

    The last of an op's functions are compiled for all; the others, such as the many activations,
    for one type and one capability in turn, which takes half as long and sees all of them.
    """
    turns = cycle([(dtype, [capability]) for dtype in MOST for capability in CAPABILITIES])
    for op in every_twin():
        *others, last = functions_of(op).items()
        given = [(*one, *next(turns)) for one in others]
        given += [(*last, dtype, CAPABILITIES) for dtype in MOST]
        for label, functions, dtype, capabilities in given:
            name = f"{name_of(op)[1]}{label}-{dtype.__name__}"
            yield pytest.param(op, functions, dtype, capabilities, id=name)


def computes_in_float64(op):
    """Whether the op says so: by an operand, or by reading the settings or totals of the step."""
    kinds = DECLARED[op].kinds.values() if op in DECLARED else ()
    if any(kind.element == np.float64 for kind in kinds):
        return True
    names = every_twin()[op].function
    names = getattr(names, "py_func", names).__code__.co_names
    return op.py_func.__name__ in IN_FLOAT64 or bool(
        {"step_settings", "step_totals", "varied"} & set(names)
    )


@pytest.mark.parametrize(("op", "functions", "dtype", "capabilities"), list(every_case()))
def test_code_fits(op, functions, dtype, capabilities):
    for capability in capabilities:
        cubin = cubin_of(op, dtype, functions, capability)
        is_more = capability < (9, 0) and op.py_func.__name__ in LARGE_TILES
        assert 0 < cubin.registers <= (255 if is_more else MOST[dtype])
        assert (cubin.spills, cubin.stack) == (0, 0)
        assert cubin.shared <= 48 << 10
        text = disassembled(cubin.code)
        assert f"sm_{capability[0]}{capability[1]}" in text[:2000]
        names = {name.split(".")[0] for name in instructions(text)}
        assert "EXIT" in names
        assert not names & {"LDL", "STL"}
        if dtype == np.float32 and not computes_in_float64(op):
            assert not names & set(WIDE)


@pytest.mark.parametrize("name", LARGE_TILES)
def test_large_tiles_mostly_multiply(name):
    """And two blocks fit on a multiprocessor."""
    [op] = [op for op in every_twin() if op.py_func.__name__ == name]
    functions = list(functions_of(op).values())[-1]
    cubin = cubin_of(op, np.float32, functions, (9, 0))
    assert 2 * 256 * cubin.registers <= 65536
    least, share = LARGE_TILES[name]
    found = [loop for loop in loops(cubin.code) if loop["FFMA.FTZ"] >= least]
    assert max(loop["FFMA.FTZ"] / loop.total() for loop in found) >= share


def test_threads_that_run_alone_leave_scratch_alone():
    """Nothing is there for them."""
    for op, twin in every_twin().items():
        if twin.spread == THREAD:
            for functions in functions_of(op).values():
                ptx = compiler.ptx_of(op, twin, np.dtype(np.float32), functions, (9, 0))
                assert "_param_0]" in ptx
                assert "_param_2]" not in ptx, name_of(op)
