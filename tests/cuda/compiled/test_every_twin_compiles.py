"""Every op with a twin as machine code: registers, local memory, and no float64 by the way."""

import numpy as np
import pytest

pytest.importorskip("numba_cuda")
pytest.importorskip("cuda.core")

# Without the packages the module ends above, so these imports cannot come first.
from cases.declared_ops import name_of
from fusednn.kernels.cuda import _compiler
from fusednn.kernels.cuda.cache import cubin_of
from fusednn.kernels.cuda.twins import THREAD, every_twin
from fusednn.kernels.operands import DECLARED
from running.device_functions import functions_of
from running.machine_code import disassembled, instructions

pytestmark = pytest.mark.cuda

MOST = {np.float32: 128, np.float64: 255}
"""Registers of a thread: so that two blocks of 256 fit on a multiprocessor, or one."""

LARGE_TILES = {
    *("dense_forward", "plain_forward", "dense_backward"),
    *("update_weights", "apply_gradient", "dense_partials", "update_partials"),
}
"""Ops that may take more: a thread holds 64 sums, and the addresses of all operands."""

MORE = {"layer_norm_backward"}
"""Ops that take more, one block on a multiprocessor, and are not made smaller yet."""

IN_FLOAT64 = {
    *("embed_columns", "embed_tokens", "embed_rows", "sort_codes"),  # the rounding of codes
    *("batch_partials", "batch_statistics", "batch_norm_backward"),  # shares of rows
    *("bound_vectors", "normalise_vectors", "differentiate_vectors"),  # norms
}
"""Ops that compute a few numbers in float64 on the CPU, too."""

CAPABILITIES = (9, 0), (8, 0)
WIDE = "DADD", "DMUL", "DFMA"
"""Arithmetic of float64. An operand of kind NUMBER is rounded to float32 with a comparison."""

EVERY = [
    pytest.param(op, label, functions, id=f"{name_of(op)[1]}{label}")
    for op in every_twin()
    for label, functions in functions_of(op).items()
]


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


@pytest.mark.parametrize(("op", "label", "functions"), EVERY)
@pytest.mark.parametrize("dtype", MOST)
def test_code_fits(op, label, functions, dtype):
    for capability in CAPABILITIES:
        cubin = cubin_of(op, dtype, functions, capability)
        most = 255 if op.py_func.__name__ in LARGE_TILES | MORE else MOST[dtype]
        assert 0 < cubin.registers <= most
        assert (cubin.spills, cubin.stack) == (0, 0)
        assert cubin.shared <= 48 << 10
        text = f"sm_{capability[0]}{capability[1]}"
        assert text in disassembled(cubin.code)[:2000]
    names = {name.split(".")[0] for name in instructions(cubin.code)}
    assert "EXIT" in names
    assert not names & {"LDL", "STL"}
    if dtype == np.float32 and not computes_in_float64(op):
        assert not names & set(WIDE)


def test_threads_that_run_alone_leave_scratch_alone():
    """Nothing is there for them."""
    for op, twin in every_twin().items():
        if twin.spread == THREAD:
            for functions in functions_of(op).values():
                ptx = _compiler.ptx_of(op, twin, np.dtype(np.float32), functions, (9, 0))
                assert "_param_0]" in ptx
                assert "_param_2]" not in ptx, name_of(op)
