"""What the compiler makes of device code: instructions one by one, on functions of their own."""

import math

import numpy as np
import pytest

pytest.importorskip("numba_cuda")
pytest.importorskip("cuda.core")

# Without the packages the module ends above, so these imports cannot come first.
from fusednn.kernels import maths
from fusednn.kernels.cuda.compiling import compiler
from fusednn.kernels.cuda.language import (
    barrier,
    block,
    blocks,
    commit_copies,
    copy4,
    grid_barrier,
    load4,
    local,
    shared,
    store4,
    thread,
    threads,
    wait_copies,
)
from fusednn.kernels.cuda.twins import Twin
from fusednn.kernels.intrinsics.pointers import advance, slot
from fusednn.kernels.intrinsics.scalars import fma
from running.machine_code import instructions, loops

pytestmark = pytest.mark.cuda
DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64])
CAPABILITIES = pytest.mark.parametrize("capability", [(8, 0), (9, 0)])


def compiled(function, dtype=np.float32, capability=(9, 0)):
    """The PTX and the machine code of a twin that belongs to no op."""
    twin = Twin(function)
    ptx = compiler.ptx_of(function, twin, np.dtype(dtype), {}, capability)
    return ptx, compiler.linked(ptx, capability, twin)


def arithmetic(record, frame, scratch, lo, hi):
    x = slot(record, 3, scratch[0])
    i = block() * threads() + thread()
    x[i + 0] = x[i] * x[i + 1] + x[i + 2]
    x[i + 3] = fma(x[i + 4], x[i + 5], x[i + 6])
    x[i + 7] = x[i + 8] / x[i + 9]
    x[i + 10] = math.sqrt(x[i + 11])


@DTYPES
def test_only_written_multiply_adds_are_fused(dtype):
    """Division and root round correctly, and float32 flushes subnormal numbers."""
    ptx, cubin = compiled(arithmetic, dtype)
    kind, prefix = ("ftz.f32", "F") if dtype == np.float32 else ("f64", "D")
    for name in ("mul", "add", "fma", "div", "sqrt"):
        assert ptx.count(f"{name}.rn.{kind}") == 1, name
    names = [name.split(".")[0] for name in instructions(cubin.code)]
    assert f"{prefix}MUL" in names
    assert f"{prefix}ADD" in names
    assert f"{prefix}FMA" in names


def elementary(record, frame, scratch, lo, hi):
    x = slot(record, 3, scratch[0])
    for i in range(lo + thread(), hi, threads()):
        x[i] = maths.exp(maths.tanh(x[i]))


@DTYPES
def test_kernels_read_through_their_module_are_the_gpu_s(dtype):
    """As those that are imported by name: the CPU's own bodies, in the device's arithmetic."""
    ptx, cubin = compiled(elementary, dtype)
    assert ptx.count("fma.rn") > 10
    assert (cubin.spills, cubin.stack) == (0, 0)


BK, SIDE = 8, 128


def multiply_step(acc, a, b):
    x, y = local(8, acc[0]), local(8, acc[0])
    x[0], x[1], x[2], x[3] = load4(a, 0)
    x[4], x[5], x[6], x[7] = load4(a, 64)
    y[0], y[1], y[2], y[3] = load4(b, 0)
    y[4], y[5], y[6], y[7] = load4(b, 64)
    for i in range(8):
        for j in range(8):
            acc[8 * i + j] = fma(x[i], y[j], acc[8 * i + j])


def product(record, frame, scratch, lo, hi):
    """One tile of c = a^T b; a (K, 128) and b (K, 128)."""
    a, b, c = slot(record, 3, scratch[0]), slot(record, 4, scratch[0]), slot(record, 5, scratch[0])
    left, right, acc = shared(1024, scratch[0]), shared(1024, scratch[0]), local(64, scratch[0])
    t = thread()
    for i in range(64):
        acc[i] = scratch[0]
    for k in range(0, record[6], BK):
        copy4(left, 4 * t, a, k * SIDE + 4 * t)
        copy4(right, 4 * t, b, k * SIDE + 4 * t)
        commit_copies()
        wait_copies(0)
        barrier()
        for step in range(BK):
            multiply_step(
                acc,
                advance(left, step * SIDE + t // 16 * 4),
                advance(right, step * SIDE + t % 16 * 4),
            )
        barrier()
    for i in range(8):
        store4(c, (t * 8 + i) * 8, acc[8 * i], acc[8 * i + 1], acc[8 * i + 2], acc[8 * i + 3])
        store4(
            c, (t * 8 + i) * 8 + 4, acc[8 * i + 4], acc[8 * i + 5], acc[8 * i + 6], acc[8 * i + 7]
        )


@CAPABILITIES
def test_a_product_has_the_textbook_form(capability):
    """64 multiply-adds and 4 vector loads for a step of k, and copies that pass by registers."""
    _, cubin = compiled(product, np.float32, capability)
    assert cubin.registers <= 128
    assert (cubin.spills, cubin.stack, cubin.shared) == (0, 0, 8192)
    names = instructions(cubin.code)
    assert not [name for name in names if name.startswith(("LDL", "STL"))]
    assert any(name.startswith("LDGSTS") and name.endswith(".128") for name in names)
    assert sum(name.startswith(("ST.E", "STG.E")) and ".128" in name for name in names) >= 16
    tight = max(loops(cubin.code), key=lambda loop: loop["FFMA.FTZ"] / loop.total())
    loads = sum(n for name, n in tight.items() if name.startswith("LDS") and ".128" in name)
    assert tight["FFMA.FTZ"] % 64 == 0 < tight["FFMA.FTZ"] > 0.7 * tight.total()
    assert loads == tight["FFMA.FTZ"] // 16
    assert loads == sum(n for name, n in tight.items() if name.startswith("LDS."))


def test_a_product_of_float64():
    _, cubin = compiled(product, np.float64)
    assert (cubin.spills, cubin.stack, cubin.shared) == (0, 0, 16384)
    tight = max(loops(cubin.code), key=lambda loop: loop["DFMA"] / loop.total())
    assert tight["DFMA"] % 64 == 0 < tight["DFMA"]


def waits(record, frame, scratch, lo, hi):
    grid_barrier(record)


def too_long(record, frame, scratch, lo, hi):
    scratch[0] = shared(hi, scratch[0])[0]


def test_what_an_op_cannot_do():
    with pytest.raises(NotImplementedError, match="between ops"):
        compiled(waits)
    with pytest.raises(Exception, match="must be a literal"):
        compiled(too_long)


def test_blocks_and_threads():
    """Entries share a task among all blocks; the names of device code are special registers."""

    def numbers(record, frame, scratch, lo, hi):
        scratch[thread() + 256 * block()] = scratch[threads()] + scratch[blocks()]

    ptx, _ = compiled(numbers)
    for name in ("%tid.x", "%ntid.x", "%ctaid.x", "%nctaid.x"):
        assert name in ptx
    assert ".maxntid" in ptx
    assert ".minnctapersm" in ptx
