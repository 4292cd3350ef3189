"""The micro-kernel and the synchronisation as machine code of any target, by llvmlite alone."""

import re
from types import SimpleNamespace

import llvmlite.binding as llvm
from fusednn.kernels.intrinsics.integers import emit_integer_tile
from fusednn.kernels.intrinsics.rounding import emit_bounds, emit_round
from fusednn.kernels.intrinsics.tiles import emit_tile
from llvmlite import ir

I64 = ir.IntType(64)
ELEMENTS = {"float32": ir.FloatType(), "float64": ir.DoubleType()}

# A context as intrinsics see it, and all of it that those of `sync` use.
CONTEXT = SimpleNamespace(get_dummy_value=lambda: None)


def assemble(triple, cpu, features, fill, arguments=(), result=None):
    """Assembly of one function, optimised as Numba does; `fill(builder, args)` writes it."""
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    machine = llvm.Target.from_triple(triple).create_target_machine(
        cpu=cpu, features=features, opt=3, reloc="pic"
    )
    module = ir.Module("one")
    module.triple = triple
    module.data_layout = str(machine.target_data)
    kind = ir.FunctionType(result or ir.VoidType(), arguments)
    function = ir.Function(module, kind, "one")
    builder = ir.IRBuilder(function.append_basic_block("entry"))
    value = fill(builder, function.args)
    builder.ret(value) if result else builder.ret_void()
    parsed = llvm.parse_assembly(str(module))
    parsed.verify()
    options = llvm.create_pipeline_tuning_options(speed_level=3)
    passes = llvm.create_pass_builder(machine, options)
    passes.getModulePassManager().run(parsed, passes)
    return machine.emit_assembly(parsed)


def assemble_tile(triple, cpu, features, element, shape, form, **more):
    """Assembly of one form (rows, panels, vectors, lanes) of a shape's tile; `more` as it has."""
    pointer = ELEMENTS[element].as_pointer()
    arguments = [
        pointer, I64, pointer, I64, I64, pointer, I64, I64, pointer, I64, I64, ELEMENTS[element]
    ]  # fmt: skip

    def fill(builder, args):
        emit_tile(builder, args, ELEMENTS[element], shape, *form, **more)

    return assemble(triple, cpu, features, fill, arguments)


def assemble_integer_tile(triple, cpu, features, shape, name, form):
    """Assembly of one form of a shape's tile of integers, with the instruction of that name."""
    floats, words = ELEMENTS["float32"].as_pointer(), ir.IntType(32).as_pointer()
    arguments = [
        floats, I64, words, I64, words, I64, words, floats, words, floats, floats, I64,
        ELEMENTS["float32"],
    ]  # fmt: skip

    def fill(builder, args):
        emit_integer_tile(builder, args, shape, name, *form)

    return assemble(triple, cpu, features, fill, arguments)


def assemble_rounding(triple, cpu, features, shape):
    """Assembly of what bounds a row, and of what rounds it."""
    floats, words = ELEMENTS["float32"].as_pointer(), ir.IntType(32).as_pointer()
    lanes = shape.lanes(4)

    def bound(builder, args):
        for i, end in enumerate(emit_bounds(builder, *args[:2], lanes)):
            builder.store(end, builder.gep(args[2], [I64(i)]))

    def round_(builder, args):
        emit_round(builder, *args, shape.fused, lanes, 128)

    number = ELEMENTS["float32"]
    return (
        assemble(triple, cpu, features, bound, [floats, I64, floats]),
        assemble(triple, cpu, features, round_, [words, floats, I64, number, number]),
    )


def assemble_intrinsic(triple, intrinsic, arguments=()):
    """Assembly of an intrinsic of `sync`; a pointer argument is to an int64."""
    signature, codegen = intrinsic._defn(None, *[None] * len(arguments))
    result = I64 if str(signature.return_type) == "int64" else None

    def fill(builder, args):
        return codegen(CONTEXT, builder, signature, args)

    return assemble(triple, "", "", fill, arguments, result)


def loops(assembly):
    """The instructions of each innermost loop: from a label to the jump back to it."""
    lines = [re.split(r"\s*(?:#\s|##|//|;)", line)[0].strip() for line in assembly.splitlines()]
    lines = [line for line in lines if line and (not line.startswith(".") or line.endswith(":"))]
    labels = {}
    for at, line in enumerate(lines):
        if line.endswith(":"):
            labels[line[:-1]] = at
            continue
        target = re.fullmatch(r"(?:j\w+|b\.\w+|cbn?z|tbn?z)\s+(?:.*,\s*)?(\S+)", line)
        if target and target[1] in labels:
            yield [code for code in lines[labels[target[1]] : at] if not code.endswith(":")]
