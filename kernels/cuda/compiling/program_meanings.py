"""What further names mean in programs that a GPU runs by itself (`kernels/cuda/programs.py`)."""

from fusednn.kernels.cuda import language
from fusednn.kernels.cuda.tiles import product
from llvmlite import ir
from numba import types

from .meanings import GLOBAL, I64, MEANINGS, SHARED, VECTOR, literal, special, wait_in_block


class SharedMemory:
    """Shared memory of a program's parts, at the beginning of what the launch gives a block.

    Parameters
    ----------
    end : int
        The bytes that other parts have had.

    Attributes
    ----------
    end : int
        The bytes that these and those have had so far.
    """

    def __init__(self, end: int = 0):
        self.end = end

    def function(self, typingctx, n, like):
        """The function of the intrinsic `shared`."""
        count, element = literal(n), types.unliteral(like)

        def codegen(context, builder, signature, args):
            kind = context.get_value_type(element)
            first = _given(builder, self.end)
            self.end += -(-count * context.get_abi_sizeof(kind) // VECTOR) * VECTOR
            return builder.bitcast(first, kind.as_pointer())

        return types.CPointer(element)(n, like), codegen


def _given(builder, at):
    """Byte `at` of the shared memory that the launch gives the block."""
    byte, name = ir.IntType(8), "dynamic_shared"
    memory = builder.module.globals.get(name)
    if memory is None:
        memory = ir.GlobalVariable(builder.module, ir.ArrayType(byte, 0), name, SHARED)
        memory.align, memory.linkage = VECTOR, "external"
    first = builder.gep(builder.bitcast(memory, byte.as_pointer(SHARED)), [I64(at)])
    return builder.addrspacecast(first, byte.as_pointer())


def _dynamic(typingctx, like):
    element = types.unliteral(like)

    def codegen(context, builder, signature, args):
        kind = context.get_value_type(element)
        return builder.bitcast(_given(builder, 0), kind.as_pointer())

    return types.CPointer(element)(like), codegen


def _address(typingctx, pointer):
    def codegen(context, builder, signature, args):
        return builder.ptrtoint(args[0], I64)

    return types.int64(pointer), codegen


def _grid_barrier(typingctx, arrivals):
    """One thread of each block counts it in, and waits until all have come as often.

    The counter only rises, so it serves again and again with the same blocks.
    """

    def codegen(context, builder, signature, args):
        arrive = ir.InlineAsm(
            ir.FunctionType(I64, [I64, I64]),
            *("atom.add.acq_rel.gpu.global.u64 $0, [$1], $2;", "=l,l,l,~{memory}"),
            side_effect=True,
        )
        read = ir.InlineAsm(
            ir.FunctionType(I64, [I64]),
            *("ld.acquire.gpu.global.u64 $0, [$1];", "=l,l,~{memory}"),
            side_effect=True,
        )
        [counter] = args
        there = builder.addrspacecast(counter, counter.type.pointee.as_pointer(GLOBAL))
        at, blocks = builder.ptrtoint(there, I64), special(builder, "nctaid.x")
        wait_in_block(builder)
        is_first = builder.icmp_signed("==", special(builder, "tid.x"), I64(0))
        with builder.if_then(is_first):
            before = builder.call(arrive, [at, I64(1)])
            goal = builder.mul(builder.add(builder.sdiv(before, blocks), I64(1)), blocks)
            loop, over = (builder.append_basic_block(name) for name in ("waiting", "together"))
            builder.branch(loop)
            builder.position_at_end(loop)
            is_over = builder.icmp_signed(">=", builder.call(read, [at]), goal)
            builder.cbranch(is_over, over, loop)
            builder.position_at_end(over)
        wait_in_block(builder)
        return context.get_dummy_value()

    return types.void(arrivals), codegen


def _known(value):
    """The function of an intrinsic for what need not be asked for."""

    def known(typingctx):
        def codegen(context, builder, signature, args):
            return I64(value)

        return types.int64(), codegen

    return known


def _never(typingctx, m, n, fits, like):
    def codegen(context, builder, signature, args):
        return ir.IntType(1)(0)

    return types.boolean(m, n, fits, like), codegen


def meanings_of(memory: SharedMemory, alone: bool) -> dict:
    """The functions of intrinsics that a program has.

    Large tiles, which take all registers, are for networks whose ops have launches of their own.
    For one block, what several would do is left out.
    """
    found = {
        **MEANINGS,
        language.shared: memory.function,
        language.dynamic: _dynamic,
        language.address: _address,
        language.grid_barrier: _grid_barrier,
        product.is_large: _never,
    }
    if alone:
        found |= {language.block: _known(0), language.blocks: _known(1)}
    return found
