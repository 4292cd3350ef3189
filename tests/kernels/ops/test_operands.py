"""Every op reads of its record what its declaration says it holds, where it says so."""

import ast
import importlib
from pathlib import Path
from typing import NamedTuple

import pytest
from cases.declared_ops import OPS, name_of
from fusednn.kernels import operands, records
from fusednn.kernels.ops.products import embedding
from fusednn.kernels.ops.updates import adjust, update

ROOT = Path(__file__).resolve().parents[3]
SOURCES = {
    ".".join(("fusednn", *path.relative_to(ROOT).with_suffix("").parts)): ast.parse(
        path.read_text()
    )
    for path in sorted(ROOT.glob("kernels/ops/**/[a-z]*.py"))
}
FUNCTIONS = {
    (module, node.name): node
    for module, tree in SOURCES.items()
    for node in tree.body
    if isinstance(node, ast.FunctionDef)
}
SIGNATURE = ["record", "frame", "scratch", "lo", "hi"]
BY_ADDRESS = {"adjust": adjust.adjust}
"""Operands that are functions which are given the record."""

KINDS = {
    "slot": {"rows", "array"},
    "number": {"number"},
    "call": {"function"},
    "word": {"count", "width", "padded"},
    "test": {"rows", "array", "count", "number", "function"},
    "passed": {"array", "rows", "count"},
}
"""What may be read in each way: of its record, compared with 0, or by a kernel told the slot."""


class Declaration(NamedTuple):
    """A declaration as it is written: its slots, what it extends, and the names that it adds."""

    slots: tuple
    extends: tuple | None
    adds: list[str]


class Read(NamedTuple):
    """An operand that a kernel reads, and how: a key of KINDS."""

    way: str
    declared: tuple
    name: str


def value_of(module, node):
    """What a name in a module is, or an attribute of one; None if there is nothing."""
    match node:
        case ast.Name():
            return getattr(importlib.import_module(module), node.id, None)
        case ast.Attribute():
            return getattr(value_of(module, node.value), node.attr, None)
    return None


def names_of(module, keyword):
    """The names that `name=kind` adds to a declaration, or `**table`."""
    return [keyword.arg] if keyword.arg else list(value_of(module, keyword.value))


def declarations():
    """All declarations of the ops, by module and name."""
    found = {}
    for module, tree in SOURCES.items():
        for node in tree.body:
            call = getattr(node, "value", None)
            if not (isinstance(node, ast.Assign) and isinstance(call, ast.Call)):
                continue
            if isinstance(call.func, ast.Name) and call.func.id == "operands":
                [target], [*extends] = node.targets, call.args
                found[module, target.id] = Declaration(
                    value_of(module, target),
                    value_of(module, extends[0]) if extends else None,
                    [name for keyword in call.keywords for name in names_of(module, keyword)],
                )
    return found


DECLARATIONS = declarations()
DECLARED = {name: operands.DECLARED[op] for name, op in OPS.items()}


def operands_in(module, node, parameters):
    """The declarations and names in an expression of slots; it may be a parameter's instead."""
    match node:
        case ast.IfExp():
            return [
                pair
                for side in (node.body, node.orelse)
                for pair in operands_in(module, side, parameters)
            ]
        case ast.BinOp(op=ast.Add()):
            return operands_in(module, node.left, parameters)
        case ast.Name() if node.id in parameters:
            return []
        case ast.Attribute():
            owner = value_of(module, node.value)
            return [] if owner is records else [(owner, node.attr)]
    raise AssertionError(f"{module} reads a record at {ast.unparse(node)}")


def is_record(node):
    return isinstance(node, ast.Name) and node.id == "record"


def own_reads(module, function):
    """What a kernel itself reads, and the kernels that it gives its record to."""
    parameters = {argument.arg for argument in function.args.args}
    compared = {
        id(node.left)
        for node in ast.walk(function)
        if isinstance(node, ast.Compare) and ast.unparse(node.comparators) == "0"
    }
    found, called = [], []

    def add(way, node):
        found.extend(Read(way, *pair) for pair in operands_in(module, node, parameters))

    for node in ast.walk(function):
        if isinstance(node, ast.Subscript) and is_record(node.value):
            add("test" if id(node) in compared else "word", node.slice)
        if not isinstance(node, ast.Call) or not any(map(is_record, node.args)):
            continue
        if node.func.id in ("slot", "number", "call"):
            add(node.func.id, node.args[1])
            continue
        if getattr(node.func, "id", None) not in parameters:  # else it is given by a caller
            called.append(name_of(value_of(module, node.func)))
        for argument in node.args:
            given = value_of(module, argument)
            if callable(given):
                called.append(name_of(given))
            elif isinstance(argument, ast.Attribute):
                add("passed", argument)
    called += [
        name_of(kernel)
        for read in found
        if read.way == "call" and (kernel := BY_ADDRESS.get(read.name))
    ]
    return found, called


def reads_of(op):
    """What an op reads, in the kernels that have its record too."""
    found, seen, left = [], set(), [op]
    while left:
        key = left.pop()
        if key not in seen:
            seen.add(key)
            own, called = own_reads(key[0], FUNCTIONS[key])
            found += own
            left += called
    return found


READS = {op: reads_of(op) for op in DECLARED}
each_op = pytest.mark.parametrize("op", DECLARED, ids=lambda op: op[1])
each_declaration = pytest.mark.parametrize(
    "name", DECLARATIONS, ids=lambda name: ".".join(name)[20:]
)


def test_all_ops_are_declared():
    """Whatever has the arguments of an op, anywhere among the kernels."""
    found = {
        (f"fusednn.{'.'.join(path.relative_to(ROOT).with_suffix('').parts)}", node.name)
        for path in ROOT.glob("kernels/**/*.py")
        if path.parts[len(ROOT.parts) + 1] != "cuda"  # twins have the declarations of their ops
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef)
        and [argument.arg for argument in node.args.args] == SIGNATURE
    }
    assert found == set(DECLARED)
    assert len(found) > 40


def test_plans_call_ops_by_records_alone():
    """A record is of a declared op, and nothing else asks for the address of one."""
    found = [
        path.name
        for path in ROOT.glob("src/**/*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
        and ast.unparse(node.func).split(".")[-1] in ("address", "_entry")
        and "'op'" in map(ast.unparse, node.args)
    ]
    assert found == ["program.py"]


@each_op
def test_ops_have_a_declaration_with_a_name(op):
    assert any(DECLARED[op] is one.slots for one in DECLARATIONS.values())


@each_declaration
def test_slots_are_dense(name):
    slots, extends, adds = DECLARATIONS[name]
    before = [] if extends is None else list(extends._fields)
    assert list(slots._fields[: len(before)]) == before
    names = []
    for added in adds:
        names += [added]
        if slots.kinds[added].name == "rows":
            names += [f"{added}_stride"]
    assert [*before, *names] == list(slots._fields)
    assert list(slots) == list(range(records.FIRST_OPERAND, records.FIRST_OPERAND + len(slots)))
    assert slots.size == records.FIRST_OPERAND + len(slots)
    assert list(slots.entries) == [
        (one, getattr(slots, one), *kind) for one, kind in slots.kinds.items()
    ]


@each_declaration
def test_widths_are_of_rows(name):
    kinds = DECLARATIONS[name].slots.kinds
    for one, kind in kinds.items():
        assert (kind.name in ("width", "padded")) == bool(kind.of)
        if kind.of:
            assert kinds[kind.of] in (operands.ROWS, operands.ANY_ROWS)
            assert list(kinds).index(kind.of) < list(kinds).index(one)


@each_op
def test_what_is_read_is_what_is_held(op):
    """By a name that the op's own declaration has too, at the same slot, as what it is."""
    own, reads = DECLARED[op], READS[op]
    for way, declared, name in reads:
        assert getattr(own, name, None) == getattr(declared, name), name
        operand = name if name in own.kinds else name.removesuffix("_stride")
        kind = own.kinds[operand]
        assert kind == declared.kinds[operand], name
        if name != operand:
            assert (way, kind.name) == ("word", "rows"), name
        else:
            assert kind.name in KINDS[way], (way, name)


@each_declaration
def test_every_operand_is_read(name):
    """By an op whose record holds it."""
    slots, _, adds = DECLARATIONS[name]
    parents = {id(one.slots): one.extends for one in DECLARATIONS.values()}

    def has(declared):
        return declared is not None and (declared is slots or has(parents[id(declared)]))

    users = [op for op, declared in DECLARED.items() if has(declared)]
    read = {read.name for op in users for read in READS[op]}
    assert users
    assert set(adds) <= read


INTEGERS = {"column_sums", "factors", "rounded", "zero_points", "scales"}
WITH_X = {"w_x", "b_x"}
CELLS = "rnn", "lstm", "gru"
ALWAYS_GIVEN = {
    **dict.fromkeys([f"{cell}_forward" for cell in CELLS], WITH_X),
    **dict.fromkeys([f"half_{cell}" for cell in CELLS], WITH_X),
    **dict.fromkeys([f"integer_{cell}" for cell in CELLS], INTEGERS | WITH_X),
}
"""What the bindings of ops always give, though the declaration is one of several ops; some of it
with another operand that is asked for."""


@each_op
def test_what_may_be_missing_is_asked_for(op):
    """Nothing is read by its address before a test whether there is one; it may be elsewhere."""
    tested = {read.name for read in READS[op] if read.way == "test"} | ALWAYS_GIVEN.get(
        op[1], set()
    )
    for way, _, name in READS[op]:
        if way in ("slot", "call") and DECLARED[op].kinds[name].optional:
            assert name in tested, name


def test_what_comes_near_is_adjacent():
    """`dense.prefetch_target` counts from the parameters on."""
    near = ["parameters", "state_1", "state_2", "transposed"]
    first = update.UPDATE.parameters
    assert [getattr(update.UPDATE, name) for name in near] == list(range(first, first + 4))
    assert embedding.TABLE[: len(update.UPDATE)] == update.UPDATE
