"""What the names of device code mean in LLVM's language for NVIDIA's GPUs.

Each function here is that of an intrinsic of Numba, which the compiler registers with the package
that it compiles by: none is needed to import this module.
"""

import itertools

from fusednn.kernels.cuda import language
from fusednn.kernels.intrinsics import lanes, pointers
from llvmlite import ir
from numba import types
from numba.core.errors import RequireLiteralValue

I32, I64, VOID = ir.IntType(32), ir.IntType(64), ir.VoidType()
BYTE = ir.IntType(8).as_pointer()
GLOBAL, SHARED = 1, 3
"""Address spaces."""
VECTOR = 16
"""Bytes of an aligned access."""

_numbers = itertools.count()


def special(builder, name):
    """What a special register of the thread holds."""
    kind, full = ir.FunctionType(I32, []), f"llvm.nvvm.read.ptx.sreg.{name}"
    function = builder.module.globals.get(full) or ir.Function(builder.module, kind, full)
    return builder.zext(builder.call(function, []), I64)


def _register_of(name):
    """The function of an intrinsic that reads one of the thread's special registers."""

    def read(typingctx):
        def codegen(context, builder, signature, args):
            return special(builder, name)

        return types.int64(), codegen

    return read


def _instruction(text):
    """The function of an intrinsic of one instruction, which other memory accesses do not pass."""

    def run(typingctx):
        def codegen(context, builder, signature, args):
            kind = ir.FunctionType(VOID, [])
            builder.call(ir.InlineAsm(kind, text, "~{memory}", side_effect=True), [])
            return context.get_dummy_value()

        return types.void(), codegen

    return run


def _single(typingctx):
    def codegen(context, builder, signature, args):
        kind = ir.FunctionType(VOID, [])
        called = builder.call(ir.InlineAsm(kind, "", "", side_effect=True), [])
        set.add(called.attributes, "noduplicate")  # which llvmlite's own `add` does not know
        return context.get_dummy_value()

    return types.void(), codegen


def _thread_again(typingctx):
    def codegen(context, builder, signature, args):
        kind = ir.FunctionType(I32, [])
        read = ir.InlineAsm(kind, "mov.u32 $0, %tid.x;", "=r", side_effect=True)
        return builder.zext(builder.call(read, []), I64)

    return types.int64(), codegen


def wait_in_block(builder):
    """The barrier of a block."""
    kind, name = ir.FunctionType(VOID, []), "llvm.nvvm.barrier0"
    function = builder.module.globals.get(name) or ir.Function(builder.module, kind, name)
    builder.call(function, [])


def _barrier(typingctx):
    def codegen(context, builder, signature, args):
        wait_in_block(builder)
        return context.get_dummy_value()

    return types.void(), codegen


def literal(n):
    """The value of a literal integer's type."""
    if not isinstance(n, types.IntegerLiteral):
        raise RequireLiteralValue("the number of elements must be a literal")
    return n.literal_value


def _shared(typingctx, n, like):
    size, element = literal(n), types.unliteral(like)

    def codegen(context, builder, signature, args):
        kind = context.get_value_type(element)
        name = f"shared_{next(_numbers)}"
        memory = ir.GlobalVariable(builder.module, ir.ArrayType(kind, size), name, SHARED)
        memory.align, memory.linkage = VECTOR, "internal"
        memory.initializer = ir.Constant(memory.type.pointee, ir.Undefined)
        first = builder.bitcast(memory, kind.as_pointer(SHARED))
        return builder.addrspacecast(first, kind.as_pointer())

    return types.CPointer(element)(n, like), codegen


def _local(typingctx, n, like):
    size, element = literal(n), types.unliteral(like)

    def codegen(context, builder, signature, args):
        kind = context.get_value_type(element)
        with builder.goto_entry_block():
            memory = builder.alloca(ir.ArrayType(kind, size))
            memory.align = VECTOR
        return builder.bitcast(memory, kind.as_pointer())

    return types.CPointer(element)(n, like), codegen


def _vectors(builder, pointer, index):
    """The vectors of four elements from `index` on: their pointers, and elements in each."""
    first = builder.gep(pointer, [index])
    element = first.type.pointee
    count = VECTOR // (4 if element == ir.FloatType() else 8)
    kind = ir.VectorType(element, count).as_pointer()
    starts = [builder.gep(first, [I64(at)]) for at in range(0, 4, count)]
    return [builder.bitcast(start, kind) for start in starts], count


def _load4(typingctx, pointer, i):
    def codegen(context, builder, signature, args):
        there, count = _vectors(builder, *args)
        values = [builder.load(place, align=VECTOR) for place in there]
        elements = [builder.extract_element(v, I32(k)) for v in values for k in range(count)]
        return context.make_tuple(builder, signature.return_type, elements)

    return types.UniTuple(pointer.dtype, 4)(pointer, types.int64), codegen


def _store4(typingctx, pointer, i, a, b, c, d):
    def codegen(context, builder, signature, args):
        there, count = _vectors(builder, *args[:2])
        for number, place in enumerate(there):
            value = ir.Constant(place.type.pointee, ir.Undefined)
            for k in range(count):
                element = args[2 + number * count + k]
                value = builder.insert_element(value, element, I32(k))
            builder.store(value, place, align=VECTOR)
        return context.get_dummy_value()

    return types.void(pointer, types.int64, *[pointer.dtype] * 4), codegen


def _begin_copy(builder, target, source, kind, size):
    """A copy of so many bytes, which other memory accesses do not pass."""
    function = ir.FunctionType(VOID, [I32, I64])
    text = f"cp.async.{kind}.shared.global [$0], [$1], {size};"
    copy = ir.InlineAsm(function, text, "r,l,~{memory}", side_effect=True)
    to = builder.addrspacecast(builder.bitcast(target, BYTE), BYTE.pointee.as_pointer(SHARED))
    of = builder.addrspacecast(builder.bitcast(source, BYTE), BYTE.pointee.as_pointer(GLOBAL))
    builder.call(copy, [builder.ptrtoint(to, I32), builder.ptrtoint(of, I64)])


def _copy(typingctx, target, i, source, j):
    size = target.dtype.bitwidth // 8

    def codegen(context, builder, signature, args):
        there, here = builder.gep(args[0], [args[1]]), builder.gep(args[2], [args[3]])
        _begin_copy(builder, there, here, "ca", size)
        return context.get_dummy_value()

    return types.void(target, types.int64, source, types.int64), codegen


def _copy4(typingctx, target, i, source, j):
    def codegen(context, builder, signature, args):
        there, _ = _vectors(builder, *args[:2])
        here, _ = _vectors(builder, *args[2:])
        for target, source in zip(there, here, strict=True):
            _begin_copy(builder, target, source, "cg", VECTOR)
        return context.get_dummy_value()

    return types.void(target, types.int64, source, types.int64), codegen


def _wait_copies(typingctx, n):
    signature, codegen = _instruction(f"cp.async.wait_group {literal(n)};")(typingctx)
    return signature.return_type(n), codegen


def _nothing(typingctx, value):
    """Advice to a CPU."""

    def codegen(context, builder, signature, args):
        return context.get_dummy_value()

    return types.void(value), codegen


MEANINGS = {
    language.thread: _register_of("tid.x"),
    language.thread_again: _thread_again,
    language.threads: _register_of("ntid.x"),
    language.block: _register_of("ctaid.x"),
    language.blocks: _register_of("nctaid.x"),
    language.barrier: _barrier,
    language.shared: _shared,
    language.local: _local,
    language.single: _single,
    language.load4: _load4,
    language.store4: _store4,
    language.copy: _copy,
    language.copy4: _copy4,
    language.commit_copies: _instruction("cp.async.commit_group;"),
    language.wait_copies: _wait_copies,
    pointers.prefetch: _nothing,
    lanes.use_full_vectors: _nothing,
}
"""The functions of intrinsics that a GPU has, by what device code and kernels name them by."""
